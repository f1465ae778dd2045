using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores.S3;

public sealed class S3StoreOptionsTests
{
    [Fact]
    public void Everything_that_is_wrong_is_told_at_once()
    {
        var options = new S3StoreOptions
        {
            Endpoint = "localhost:7480",
            Region = "",
            Bucket = "No Bucket",
            Prefix = "no-slash",
            AccessKey = "key",
            ConnectionsMax = 0,
            AttemptTimeout = TimeSpan.Zero,
            TransferBytesPerSecondMin = 0,
            PartBytes = 1024,
        };
        string[] lines = Assert.Throws<ArgumentException>(options.Validate).Message.Split('\n');
        Assert.Equal(10, lines.Length);
        Assert.Contains(lines, l => l.Contains("use http://HOST:PORT"));
        Assert.Contains(lines, l => l.Contains("belong together"));
    }

    [Fact]
    public void Keys_are_not_printed()
    {
        var options = new S3StoreOptions { Bucket = "bucket", AccessKey = "public", SecretKey = "hush", SessionToken = "token" };
        options.Validate();
        Assert.DoesNotContain("hush", $"{options}");
        Assert.DoesNotContain("token", $"{options}");
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(2 * 1024 * 1024, 6)]
    [InlineData(64 * 1024 * 1024, 37)]
    public void An_attempt_may_take_longer_the_more_it_moves(long bytes, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new S3StoreOptions { Bucket = "bucket" }.TimeoutFor(bytes));
}
