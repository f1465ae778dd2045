using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PipeRoll.Load;

/// <summary>
/// Waits until a moment, to some 60 µs, without taking a core: the platform's own sleep knows whole milliseconds only, and less than one makes it give
/// way over and over, which takes from the server under load what it is to be measured with.
/// </summary>
internal static partial class Pause
{
    /// <param name="timestamp">Of <see cref="Stopwatch"/>.</param>
    public static void Until(long timestamp)
    {
        for (long left = timestamp - Stopwatch.GetTimestamp(); left > 0; left = timestamp - Stopwatch.GetTimestamp())
        {
            (long seconds, long rest) = Math.DivRem(left, Stopwatch.Frequency);
            var time = new TimeSpec(seconds, rest * 1_000_000_000 / Stopwatch.Frequency);
            _ = NanoSleep(in time, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int NanoSleep(in TimeSpec time, nint remaining);

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
