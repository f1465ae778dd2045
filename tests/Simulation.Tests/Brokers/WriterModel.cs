using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Brokers;

/// <summary>
/// Who wrote what of every partition, as told by the brokers themselves when batches became durable: one writer per epoch, dense
/// within it, and nothing of an older epoch after the beginning of a newer one.
/// </summary>
/// <remarks>Owner: the scenario. A paused broker may learn late that a batch of its own is durable: order in time proves nothing.</remarks>
internal sealed class WriterModel(Action<Exception> onBroken)
{
    private readonly Dictionary<(Guid Topic, int Partition), SortedDictionary<long, Reign>> _reigns = [];

    public IStreamObserver ObserverFor(int life, string topic, Guid topicId, int partition) =>
        new Observer(this, life, $"{topic}-{partition}", (topicId, partition));

    private void Confirmed(int life, string name, (Guid Topic, int Partition) key, long epoch, in StreamBatch batch)
    {
        if (!_reigns.TryGetValue(key, out SortedDictionary<long, Reign>? reigns))
        {
            _reigns[key] = reigns = [];
        }

        if (reigns.TryGetValue(epoch, out Reign? reign))
        {
            Require(reign.Life == life, name, $"lives {reign.Life} and {life} both write under epoch {epoch}");
            Require(reign.End == batch.BaseOffset, name, $"{batch.BaseOffset} is durable under epoch {epoch} after {reign.End}");
            reign.End = batch.EndOffset;
        }
        else
        {
            reigns[epoch] = reign = new Reign(life, batch.BaseOffset) { End = batch.EndOffset };
        }

        foreach ((long other, Reign theirs) in reigns)
        {
            Require(
                other == epoch || (other < epoch ? theirs.End <= reign.Start : reign.End <= theirs.Start), name,
                $"epoch {epoch} wrote [{reign.Start}, {reign.End}), epoch {other} [{theirs.Start}, {theirs.End})");
        }
    }

    private void Require(bool holds, string name, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"{name}: {what}");
            onBroken(broken);
            throw broken;
        }
    }

    private sealed class Reign(int life, long start)
    {
        public int Life => life;

        public long Start => start;

        public long End { get; set; }
    }

    private sealed class Observer(WriterModel model, int life, string name, (Guid Topic, int Partition) key) : IStreamObserver
    {
        public void Confirmed(IStream stream, in StreamBatch batch) => model.Confirmed(life, name, key, stream.Epoch, batch);
    }
}
