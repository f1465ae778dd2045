using System.Text;
using System.Text.Json;
using CsCheck;
using PipeRoll.Policies.Records;

namespace PipeRoll.Policies.Tests.Records;

public class CanonicalJsonTests
{
    [Fact]
    public void EveryTextIsReadBack() =>
        Gen.String.Sample(
            text =>
            {
                if (text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
                {
                    return;
                }
                var json = new CanonicalJson();
                json.String(text);
                Assert.Equal(text, JsonSerializer.Deserialize<string>(json.Written.Span));
            },
            iter: 20_000);

    [Fact]
    public void OnlyWhatMustBeEscapedIs()
    {
        var json = new CanonicalJson();
        json.String("\u20ac$\u000f\nA'B\"\\\\\"/\u007f");
        Assert.Equal("\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u007f\"", Encoding.UTF8.GetString(json.Written.Span));
    }
}
