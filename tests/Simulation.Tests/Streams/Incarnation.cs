using PipeRoll.Foundation.Buffers;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>One life of a process with a stream storage: start, recover, open, work, stop.</summary>
internal sealed class Incarnation(ScenarioWorld scenario, SimulatedProcess process)
{
    private readonly List<StreamWorkload> _workloads = [];
    private readonly List<SharedBuffer> _buffers = [];

    public async Task WorkAndStopAsync()
    {
        IStreamStorage storage = await StartAsync();
        await OpenAllAsync(storage);
        List<Task> work = [.. _workloads.Select(static workload => workload.RunAsync())];
        await Task.Delay(scenario.Plan.WorkTime * scenario.Random.NextDouble(), process.Time);
        if (scenario.Random.Next(8) == 0)
        {
            await DestroyOneAsync(storage, work);
        }

        await EndAsync(work);
        await StopAsync(storage);
    }

    /// <summary>Checks that everything is there, stops, starts again with nothing to recover, and checks again.</summary>
    public async Task CheckAllAsync(Func<IStreamStorage, Task> afterwards)
    {
        IStreamStorage storage = await StartAsync();
        await OpenAllAsync(storage);
        foreach (StreamWorkload workload in _workloads)
        {
            await workload.ReadAllAsync();
        }

        await afterwards(storage);
        await StopAsync(storage);
    }

    private async Task<IStreamStorage> StartAsync()
    {
        IStreamStorage storage = scenario.MakeStorage(process);
        try
        {
            await storage.StartAsync();
        }
        catch (Exception failure) when (failure is IOException || scenario.IsInjected(failure))
        {
            process.Kill($"can't start: {failure.Message}");
            await new TaskCompletionSource().Task;
        }

        scenario.World.Trace.Note("started", process.Number);
        return storage;
    }

    private async Task OpenAllAsync(IStreamStorage storage)
    {
        foreach (StreamModel model in scenario.Models.Where(static model => !model.Destroyed))
        {
            await OpenAsync(storage, model);
        }
    }

    private async Task OpenAsync(IStreamStorage storage, StreamModel model)
    {
        long epoch = ++model.Epoch;
        var observer = new OrderObserver(model);
        IStream? stream = null;
        try
        {
            await scenario.RetryInjectedAsync(
                process, async () => stream = scenario.Plant(await storage.OpenAsync(model.Id, epoch, observer)));
        }
        catch (StreamUnavailableException) when (model.MaybeDestroyed)
        {
            model.WasDestroyed();
            return;
        }

        model.Opened(stream!, scenario.World.Scheduler.Steps);
        await scenario.RetryInjectedAsync(process, async () => model.ReadCheckpoint(await stream!.ReadCheckpointAsync()));
        _workloads.Add(new StreamWorkload(scenario, process, stream!, model));
        scenario.World.Trace.Note("opened", model.Id.Value, stream!.NextOffset);
    }

    private async Task DestroyOneAsync(IStreamStorage storage, List<Task> work)
    {
        int index = scenario.Random.Next(_workloads.Count);
        if (_workloads.Count == 0)
        {
            return;
        }

        StreamWorkload workload = _workloads[index];
        workload.Stop();
        await work[index];
        _workloads.RemoveAt(index);
        work.RemoveAt(index);
        _buffers.AddRange(workload.Buffers);
        workload.Model.Destroying();
        await scenario.RetryInjectedAsync(process, async () => await storage.DestroyAsync(workload.Model.Id));
        workload.Model.WasDestroyed();
        scenario.World.Trace.Note("destroyed", workload.Model.Id.Value);
    }

    private async Task EndAsync(List<Task> work)
    {
        foreach (StreamWorkload workload in _workloads)
        {
            workload.Stop();
            _buffers.AddRange(workload.Buffers);
        }

        await Task.WhenAll(work);
    }

    private async Task StopAsync(IStreamStorage storage)
    {
        try
        {
            await storage.StopAsync();
        }
        catch (StreamUnavailableException failure) when (failure.Reason == StreamUnavailableReason.Failed)
        {
            process.Kill($"can't stop: {failure.Message}");
            await new TaskCompletionSource().Task;
        }

        scenario.World.Trace.Note("stopped", process.Number);
        int held = _buffers.Count(IsHeld);
        if (held > 0)
        {
            throw new BrokenPromiseException($"{held} of {_buffers.Count} buffers are still held after a clean stop");
        }
    }

    private static bool IsHeld(SharedBuffer buffer)
    {
        try
        {
            buffer.AddReference();
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Whoever observes a batch may act on it: it is as good as acknowledged.</summary>
    private sealed class OrderObserver(StreamModel model) : IStreamObserver
    {
        private long _end = -1;

        public void Confirmed(IStream stream, in StreamBatch batch)
        {
            model.Require(
                _end < 0 || batch.BaseOffset == _end, $"observed {batch.BaseOffset} after {_end}: doubled, lost or out of order");
            model.Require(stream.ConfirmedOffset >= batch.EndOffset, $"observed {batch.EndOffset} before it was confirmed");
            _end = batch.EndOffset;
            model.ConfirmedUpTo(_end, "observed");
        }
    }
}
