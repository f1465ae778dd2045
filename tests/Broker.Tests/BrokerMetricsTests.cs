using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using PipeRoll.Broker.Tests.Support;

namespace PipeRoll.Broker.Tests;

public sealed class BrokerMetricsTests
{
    [Fact]
    public async Task What_goes_in_and_out_is_counted()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        var sums = new ConcurrentDictionary<string, long>();
        var apis = new ConcurrentDictionary<string, int>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, all) =>
        {
            if (host.Broker.Metrics.Owns(instrument))
            {
                all.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                apis.AddOrUpdate($"{tag.Value}", 1, (_, count) => count + 1);
            }
        });
        listener.Start();
        await host.CreateTopicAsync("t");
        byte[] batch = Batches.Of(7);
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await client.ProduceAsync("t", [.. batch]);
            await client.FetchAsync(Requests.Fetch("t", 0));
            await client.FetchAsync(Requests.Fetch("absent", 0));
        }

        // The last bytes are counted after the client has them.
        await BrokerHost.UntilAsync(() => host.Broker.Status.Connections == 0);
        Assert.Equal(7, sums["piperoll.broker.produce.records"]);
        Assert.Equal(batch.Length, sums["piperoll.broker.produce.bytes"]);
        Assert.Equal(7, sums["piperoll.broker.confirmed.records"]);
        Assert.Equal(7, sums["piperoll.broker.fetch.records"]);
        Assert.Equal(batch.Length, sums["piperoll.broker.fetch.bytes"]);
        Assert.InRange(sums["piperoll.broker.bytes.in"], batch.Length, batch.Length + 400);
        Assert.InRange(sums["piperoll.broker.bytes.out"], batch.Length, batch.Length + 400);
        Assert.Equal((1, 3, 2), (apis["Produce"], apis["Fetch"], apis["12"]));
        Assert.Equal((1, 1), (sums["piperoll.broker.errors"], apis["UnknownTopicOrPartition"]));
    }
}
