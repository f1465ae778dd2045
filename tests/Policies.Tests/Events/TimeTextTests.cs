using System.Globalization;
using System.Text;
using CsCheck;
using PipeRoll.Policies.Events;

namespace PipeRoll.Policies.Tests.Events;

public class TimeTextTests
{
    [Fact]
    public void EqualsTheFrameworkForAnyTime() =>
        Gen.Select(Gen.Long[-62_135_596_800, 253_402_300_799], Gen.Int[0, 9_999_999]).Sample(
            (seconds, ticks) =>
            {
                DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(ticks);
                byte[] text = Encoding.ASCII.GetBytes(time.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
                Assert.True(TimeText.TryParse(text, out long gotSeconds, out int gotNanos));
                Assert.Equal((seconds, ticks * 100), (gotSeconds, gotNanos));
            },
            iter: 20_000);

    [Theory]
    [InlineData("2026-11-23T20:45:00Z", 1_795_466_700)]
    [InlineData("2026-11-23 20:45:00", 1_795_466_700)]
    [InlineData("2026-11-23t20:45:00z", 1_795_466_700)]
    [InlineData("2026-11-23T22:45:00+02:00", 1_795_466_700)]
    [InlineData("2026-11-23T15:15:00.5-05:30", 1_795_466_700)]
    [InlineData("2024-02-29", 1_709_164_800)]
    [InlineData("1970-01-01T00:00:00Z", 0)]
    public void FormsOfRfc3339AreRead(string text, long expected)
    {
        Assert.True(TimeText.TryParse(Encoding.ASCII.GetBytes(text), out long seconds, out _));
        Assert.Equal(expected, seconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026")]
    [InlineData("2026-13-01")]
    [InlineData("2026-02-29")]
    [InlineData("2026-11-23T24:00:00Z")]
    [InlineData("2026-11-23T20:45Z")]
    [InlineData("2026-11-23T20:45:00.Z")]
    [InlineData("2026-11-23T20:45:00+2:00")]
    [InlineData("2026-11-23T20:45:00Zx")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("２026-11-23")]
    public void OthersAreNot(string text) => Assert.False(TimeText.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));
}
