using System.Reflection;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Streams;

/// <summary>A broker's life as far as its log is concerned: pipelined appends, uploads, trims; it goes on until it is stopped from outside.</summary>
internal sealed class ObjectWalWriter
{
    private readonly ObjectWalWorld _scenario;
    private readonly SimulatedProcess _process;
    private readonly Random _random;
    private readonly ObjectWalContext _context;
    private readonly ObjectWriteAheadLog _log;
    private readonly TakeoverWriter _uploads;
    private readonly int _bytesMax;
    private readonly int _pauseMsMax;

    private ObjectWalWriter(ObjectWalWorld scenario, SimulatedProcess process, BrokerEpoch broker)
    {
        _scenario = scenario;
        _process = process;
        _random = scenario.World.RandomFor("writer");
        IClusterCatalog catalog = scenario.Bug == ObjectWalBug.DeletedBeforeTrimRecorded
            ? HastyCatalog.Over(scenario)
            : scenario.Metadata;
        _context = scenario.ContextOf(process, broker, catalog);
        _log = new ObjectWriteAheadLog(_context);
        _uploads = new TakeoverWriter(_context, BrokerEpoch.None, scenario.Metadata, scenario.CommitStoreOf(_context, process));
        _bytesMax = _random.Next(1, 3000);
        _pauseMsMax = _random.Next(1, 60);
    }

    /// <summary>Must be started in the process.</summary>
    public static Task RunAsync(ObjectWalWorld scenario, SimulatedProcess process, BrokerEpoch broker)
    {
        var writer = new ObjectWalWriter(scenario, process, broker);
        return Task.WhenAll([.. scenario.Streams.Select(writer.AppendAsync), writer.UploadAsync()]);
    }

    private async Task AppendAsync(ObjectWalStream stream)
    {
        while (true)
        {
            int length = ScenarioBatch.HeaderBytes + _random.Next(_bytesMax);
            var batch = ScenarioBatch.Make(stream.Id, stream.Appended.Count, 1, 0, 0, length);
            Task append;
            try
            {
                append = _log.Append(stream.Id, stream.Epoch, new StreamBatch(batch.BaseOffset, 1, 0, batch.Bytes, null), stream);
            }
            catch (StreamUnavailableException)
            {
                return;
            }

            stream.Appended.Add(batch);
            _ = WatchAsync(stream, batch, append);
            switch (_random.Next(8))
            {
                case 0:
                    _log.Flush();
                    break;
                case 1:
                    await append.ContinueWith(
                        static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
                    break;
                default:
                    break;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(_pauseMsMax)), _process.Time);
            await Task.Yield();
        }
    }

    private async Task WatchAsync(ObjectWalStream stream, ScenarioBatch batch, Task append)
    {
        try
        {
            await append;
        }
        catch (StreamUnavailableException)
        {
            return;
        }

        if (stream.ConfirmedEnd < batch.EndOffset)
        {
            _scenario.World.Fail(new BrokenPromiseException($"the append of {batch.BaseOffset} ended before its confirmation"));
        }

        stream.Acknowledged(batch.EndOffset);
    }

    private async Task UploadAsync()
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(1, 800)), _process.Time);
            ulong group = _log.ConfirmedGroup;
            TakeoverCut[] cuts = [.. _scenario.Streams.Where(static s => s.ConfirmedEnd > s.CommittedEnd).Select(Cut)];
            try
            {
                if (cuts.Length > 0)
                {
                    await _uploads.CommitAsync(cuts, CancellationToken.None);
                    foreach (TakeoverCut cut in cuts)
                    {
                        _scenario.Streams.Single(s => s.Id == cut.Stream).CommittedEnd = cut.EndOffset;
                    }
                }

                _log.Trim(group);
            }
            catch (BrokerFencedException)
            {
                return; // the log meets the fence by itself
            }
            catch (Exception failure) when (failure is MetadataConflictException || ObjectWalWorld.IsInjected(failure))
            {
                await RefreshAsync();
            }
        }
    }

    /// <summary>The answer of a commit was lost.</summary>
    private async Task RefreshAsync()
    {
        foreach (StreamState state in await _scenario.Truth.ReadStreamsAsync([.. _scenario.Streams.Select(static s => s.Id)]))
        {
            _scenario.Streams.Single(s => s.Id == state.Id).CommittedEnd = state.CommittedOffset;
        }
    }

    private static TakeoverCut Cut(ObjectWalStream stream) => new(
        stream.Id, stream.Epoch,
        [
            .. stream.Appended.Skip((int)stream.CommittedEnd).Take((int)(stream.ConfirmedEnd - stream.CommittedEnd))
                .Select(static b => new StreamBatch(b.BaseOffset, 1, 0, b.Bytes, null)),
        ]);
}

/// <summary>A catalog that says to have recorded the trim point, and does so later.</summary>
public class HastyCatalog : DispatchProxy
{
    private ObjectWalWorld? _scenario;

    internal static IClusterCatalog Over(ObjectWalWorld scenario)
    {
        IClusterCatalog hasty = Create<IClusterCatalog, HastyCatalog>();
        ((HastyCatalog)(object)hasty)._scenario = scenario;
        return hasty;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod?.Name != nameof(IClusterCatalog.AdvanceWalAsync))
        {
            throw new NotSupportedException(targetMethod?.Name);
        }

        SimulatedWorld world = _scenario!.World;
        _ = world.Environment.Run(async () =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_scenario.Random.Next(3000)), world.Environment.Time);
            try
            {
                await _scenario.Truth.AdvanceWalAsync((BrokerEpoch)args![0]!, (long)args[1]!);
            }
            catch (BrokerFencedException)
            {
                world.Trace.Note("advance.refused");
            }
        });
        return ValueTask.CompletedTask;
    }
}
