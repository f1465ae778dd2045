using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PipeRoll.Load;

/// <summary>Starts processes that do not outlive the benchmark when it is told to end.</summary>
internal static class Children
{
    private static readonly ConcurrentBag<Process> Started = [];

    // Since .NET 10 the runtime does nothing of its own on these.
    private static readonly PosixSignalRegistration[] Signals =
        [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, _ => KillAll()))];

    public static Process Start(ProcessStartInfo info)
    {
        Process process = Process.Start(info) ?? throw new InvalidOperationException($"{info.FileName} could not be started");
        Started.Add(process);
        GC.KeepAlive(Signals);
        return process;
    }

    private static void KillAll()
    {
        foreach (Process process in Started)
        {
            try
            {
                process.Kill();
            }
            catch (InvalidOperationException)
            {
                // It has ended and was disposed.
            }
        }
    }
}
