using PipeRoll.Broker.Configs;

namespace PipeRoll.Broker.Tests;

public sealed class BrokerOptionsTests
{
    [Fact]
    public void The_defaults_are_good() => Assert.Empty(new BrokerOptions().Validate());

    [Fact]
    public void Every_error_is_told_at_once_with_what_is_allowed()
    {
        var options = new BrokerOptions
        {
            NodeId = -1,
            ListenAddress = "everywhere",
            ListenPort = 70_000,
            AdvertisedHost = " ",
            RequestBytesMax = 1,
            TopicDefaults = new Dictionary<string, string> { ["retention.ms"] = "soon", ["no.such"] = "1" },
        };
        IReadOnlyList<string> errors = options.Validate();
        Assert.Equal(7, errors.Count);
        Assert.Contains("ListenAddress is 'everywhere': give an IP address, such as 127.0.0.1 or 0.0.0.0", errors);
        Assert.Contains(errors, error => error.Contains("retention.ms") && error.Contains("whole number"));
    }

    [Fact]
    public void Every_default_of_a_topic_is_within_its_own_rules() =>
        Assert.All(TopicConfigs.Table.Keys, key => Assert.Null(key.Validate(key.Default!)));

    [Theory]
    [InlineData("cleanup.policy", "delete,compact", true)]
    [InlineData("cleanup.policy", "shred", false)]
    [InlineData("min.cleanable.dirty.ratio", "1.5", false)]
    [InlineData("min.cleanable.dirty.ratio", "0.25", true)]
    [InlineData("retention.ms", "-1", true)]
    [InlineData("retention.ms", "-2", false)]
    [InlineData("max.message.bytes", "99999999999", false)]
    [InlineData("message.timestamp.type", "logappendtime", false)]
    [InlineData("piperoll.evidence", "true", true)]
    [InlineData("piperoll.evidence", "yes", false)]
    public void Values_are_checked(string name, string value, bool good) =>
        Assert.Equal(good, TopicConfigs.Table.Validate(name, value) is null);

    [Fact]
    public void Every_broker_setting_that_is_documented_has_a_value()
    {
        IReadOnlyDictionary<string, string?> values = BrokerConfigs.Values(new BrokerOptions(), 9092);
        Assert.Equal(BrokerConfigs.Table.Keys.Select(key => key.Name), values.Keys.Order(StringComparer.Ordinal));
    }
}
