using PipeRoll.Server.Hosting;

namespace PipeRoll.Server.Tests.Hosting;

public sealed class OptionsBinderTests
{
    private readonly List<string> _problems = [];

    [Fact]
    public void NamesAreTheDottedProperties()
    {
        Sample sample = Bind(("request.bytes.max", "17"), ("big.number", "9999999999"), ("on", "true"), ("rack", "r1"), ("old.name", "2m"));

        Assert.Equal(new Sample { RequestBytesMax = 17, BigNumber = 9_999_999_999, On = true, Rack = "r1", Age = TimeSpan.FromMinutes(2) }, sample);
        Assert.Empty(_problems);
    }

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("60s", 60_000)]
    [InlineData("5m", 300_000)]
    [InlineData("2h", 7_200_000)]
    public void DurationsCarryTheirUnit(string text, long milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Bind(("age", text)).Age);

    [Theory]
    [InlineData("age", "60", "give a duration such as")]
    [InlineData("age", "s", "give a duration such as")]
    [InlineData("request.bytes.max", "1.5", "give a whole number")]
    [InlineData("request.bytes.max", "99999999999", "give a whole number")]
    [InlineData("on", "yes", "give true or false")]
    [InlineData("reqest.bytes.max", "1", "did you mean 'request.bytes.max'?")]
    public void WhatIsWrongIsSaidWithAdvice(string name, string value, string advice)
    {
        Bind((name, value));

        Assert.Contains(advice, Assert.Single(_problems));
    }

    private Sample Bind(params (string Name, string Value)[] values)
    {
        var sample = new Sample();
        OptionsBinder.Bind(
            [sample], values.ToDictionary(value => value.Name, value => new SettingValue(value.Value, "sample.yaml:1")), new Dictionary<string, string> { ["old.name"] = "age" }, "sample", _problems);
        return sample;
    }

    private sealed record Sample
    {
        public int RequestBytesMax { get; init; }

        public long BigNumber { get; init; }

        public bool On { get; init; }

        public string? Rack { get; init; }

        public TimeSpan Age { get; init; }
    }
}
