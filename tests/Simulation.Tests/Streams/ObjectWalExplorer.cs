using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Streams;

/// <summary>A tiny life of a log, small enough for all orders in which its requests can take effect.</summary>
/// <param name="Objects">Groups that the writer has under way at the same time, one batch each.</param>
/// <param name="Recoverers">Survivors that recover it, each from any moment on.</param>
/// <param name="Faults">Requests that may go wrong.</param>
/// <param name="Trims">The first object is given up as soon as it is acknowledged.</param>
internal sealed record ExplorerPlan(int Objects, int Recoverers, int Faults, bool Trims);

/// <summary>
/// The real log and the real recovery, one path of choices: whose request takes effect next, how it goes wrong, when a survivor begins. A
/// paused writer is one whose requests and answers are not chosen.
/// </summary>
internal sealed class ObjectWalExplorer : IWalClient
{
    private static readonly StreamMetrics Metrics = new();
    private static readonly BrokerEpoch Dead = new(5);
    private readonly SimulatedWorld _world;
    private readonly ExplorerPlan _plan;
    private readonly ChoicePath _path;
    private readonly ObjectWalBug _bug;
    private readonly ChoiceBucket _bucket;
    private readonly List<List<long>> _recovered = [];
    private readonly SimulatedProcess _writer;
    private long _acknowledged;
    private long _committed;
    private long _walFirst = ObjectWalFormat.FirstNumber;
    private int _started;
    private int _ended;
    private bool _isFenced;

    private ObjectWalExplorer(SimulatedWorld world, ExplorerPlan plan, ChoicePath path, ObjectWalBug bug)
    {
        _world = world;
        _plan = plan;
        _path = path;
        _bug = bug;
        _bucket = new ChoiceBucket(world, plan.Faults);
        _writer = world.StartProcess("writer");
    }

    /// <summary>Goes through all paths.</summary>
    /// <returns>How many there are.</returns>
    /// <exception cref="SimulationFailedException">On the first path that breaks a promise.</exception>
    public static int Explore(ExplorerPlan plan, ObjectWalBug bug = ObjectWalBug.None) => ChoicePath.ForEach((given, first) =>
    {
        ChoicePath? path = first;
        SimulatedWorld.Run(1, async world =>
        {
            // A path that failed is run once more, for its trace.
            ChoicePath taken = path ?? new ChoicePath(given);
            path = null;
            await new ObjectWalExplorer(world, plan, taken, bug).RunAsync();
        });
    });

    void IWalClient.Confirmed(in StreamBatch batch)
    {
        Require(batch.BaseOffset == _acknowledged, $"offset {batch.BaseOffset} was confirmed after {_acknowledged}");
        _acknowledged = batch.EndOffset;
    }

    private async Task RunAsync()
    {
        _ = _world.GuardAsync(_writer.Run(WriteAsync));
        while (true)
        {
            // Whatever can go on by itself does, timers of retries included.
            await _world.Driver.DelayAsync(TimeSpan.FromSeconds(10));
            List<ChoiceAction> actions = [.. _bucket.Actions()];
            if (_started < _plan.Recoverers)
            {
                actions.Add(new ChoiceAction("a survivor begins", BeginRecovery));
            }

            if (actions.Count == 0)
            {
                break;
            }

            ChoiceAction next = actions[_path.Next(actions.Count)];
            _world.Trace.Say($"  > {next.What}");
            next.Perform();
        }

        Require(_ended == _plan.Recoverers, $"{_ended} of {_plan.Recoverers} recoveries came to an end");
        foreach (List<long> recovered in _recovered)
        {
            Require(
                recovered.SequenceEqual(Enumerable.Range((int)_walFirst - 1, recovered.Count).Select(static o => (long)o)),
                $"recovered {string.Join(", ", recovered)} from object {_walFirst} on: doubled, missing or out of order");
            long end = recovered.Count > 0 ? recovered[^1] + 1 : _committed;
            Require(_acknowledged <= end, $"offsets up to {_acknowledged} were acknowledged, but recovery has only those up to {end}: lost");
        }
    }

    private async Task WriteAsync()
    {
        ObjectWalContext context = Context(_writer, Dead, isWriter: true);
        var log = new ObjectWriteAheadLog(context);
        for (int offset = 0; offset < _plan.Objects; offset++)
        {
            var batch = ScenarioBatch.Make(new StreamId(1), offset, 1, 0, 0, ScenarioBatch.HeaderBytes);
            _ = WatchAsync(log, log.Append(new StreamId(1), 1, new StreamBatch(offset, 1, 0, batch.Bytes, null), this), offset);
            log.Flush();
            await _writer.DelayAsync(TimeSpan.FromTicks(1)); // a group of its own
        }
    }

    private async Task WatchAsync(ObjectWriteAheadLog log, Task append, long offset)
    {
        try
        {
            await append;
        }
        catch (StreamUnavailableException)
        {
            return;
        }

        if (_plan.Trims && offset == 0)
        {
            _committed = 1;
            log.Trim(1);
        }
    }

    /// <summary>The metadata has fenced the dead life, and the survivor has read its trim point.</summary>
    private void BeginRecovery()
    {
        _isFenced = true;
        var survivor = new BrokerEpoch(6 + _started++);
        SimulatedProcess process = _world.StartProcess($"survivor {survivor}");
        long first = _walFirst;
        if (_bug == ObjectWalBug.RecoveredFromLowestListed && _bucket.Objects.Count > 0)
        {
            ObjectWalFormat.TryParse(Dead, _bucket.Objects.Keys.First(), out first);
        }

        var recovered = new List<long>();
        _ = _world.GuardAsync(process.Run(async () =>
        {
            ObjectWalContext context = Context(process, survivor, isWriter: false);
            await new DeadLogReader(context, Dead, context.Store).ReadToFenceAsync(first, Take, CancellationToken.None);
            _recovered.Add(recovered);
            _ended++;
        }));

        ValueTask Take(WalObject found)
        {
            recovered.AddRange(found.Batches().Select(static b => b.Batch.BaseOffset));
            return ValueTask.CompletedTask;
        }
    }

    private ObjectWalContext Context(SimulatedProcess process, BrokerEpoch broker, bool isWriter) => new()
    {
        Broker = broker,
        Store = new ObjectWalBugStore(_bucket.Connect(process), _bug, isWriter, AcknowledgeEarly),
        Catalog = ExplorerCatalog.Calling(AdvanceAsync),
        Options = new StreamStorageOptions(),
        Time = process.Time,
        Random = _world.RandomFor("log"),
        Metrics = Metrics,
        Logger = NullLogger.Instance,
        OnFatal = _ => process.Kill("fatal"),
    };

    private async Task AdvanceAsync(long first)
    {
        Task<bool> recorded = _bucket.Send("the trim point is recorded", () => Advance(first), mayFail: false);
        if (_bug != ObjectWalBug.DeletedBeforeTrimRecorded)
        {
            await recorded;
        }
    }

    private bool Advance(long first)
    {
        if (_isFenced)
        {
            throw new BrokerFencedException("simulated: it is dead");
        }

        _walFirst = Math.Max(_walFirst, first);
        return true;
    }

    private void AcknowledgeEarly(WalObject stored) =>
        _acknowledged = Math.Max(_acknowledged, stored.Batches().Max(static b => b.Batch.EndOffset));

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException(what);
            _world.Fail(broken);
            throw broken;
        }
    }
}

/// <summary>A catalog that knows trim points only.</summary>
public class ExplorerCatalog : DispatchProxy
{
    private Func<long, Task>? _advance;

    internal static IClusterCatalog Calling(Func<long, Task> advance)
    {
        IClusterCatalog catalog = Create<IClusterCatalog, ExplorerCatalog>();
        ((ExplorerCatalog)(object)catalog)._advance = advance;
        return catalog;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod?.Name == nameof(IClusterCatalog.AdvanceWalAsync)
            ? new ValueTask(_advance!((long)args![1]!))
            : throw new NotSupportedException(targetMethod?.Name);
}
