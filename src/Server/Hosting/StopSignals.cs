using System.Runtime.InteropServices;

namespace PipeRoll.Server.Hosting;

/// <summary>SIGTERM and Ctrl-C: the first asks for a stop in order, the second ends the process at once.</summary>
/// <remarks>What was acknowledged is safe either way: what was not handed over or uploaded is recovered from the log.</remarks>
internal sealed class StopSignals : IDisposable
{
    private const int EndedBySignal = 143;

    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
    ];

    /// <summary>Ends with the first signal.</summary>
    public Task Asked => _asked.Task;

    /// <summary>Cancelled with the first signal: for what need not be finished, such as waiting for a database at start.</summary>
    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_asked.TrySetResult())
        {
            Console.Error.WriteLine("piperoll up: asked to stop a second time: ends at once, what is left is recovered from the log");
            Environment.Exit(EndedBySignal);
        }

        _stop.Cancel();
    }
}
