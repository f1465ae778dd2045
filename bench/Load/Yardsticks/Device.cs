using System.Diagnostics;
using PipeRoll.Foundation.IO;

namespace PipeRoll.Load.Yardsticks;

/// <summary>
/// What the device itself does when it is written and synced as a log would: over and over into one prewritten file. Every
/// figure of durable produce is a ratio to this, taken in the same run on the same folder.
/// </summary>
internal static class Device
{
    private const int FileBytes = 64 * 1024 * 1024;

    public static DeviceResult Measure(string folder, int writeBytes, TimeSpan time)
    {
        string file = Path.Combine(folder, "device-yardstick");
        using var handle = File.OpenHandle(file, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.None);
        byte[] block = new byte[writeBytes];
        new Random(1).NextBytes(block);
        for (long position = 0; position < FileBytes; position += writeBytes)
        {
            RandomAccess.Write(handle, block, position);
        }

        RandomAccess.FlushToDisk(handle);
        var latencies = new List<double>();
        long at = 0;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            long before = Stopwatch.GetTimestamp();
            RandomAccess.Write(handle, block, at);
            DurableFiles.SyncData(handle);
            latencies.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
            at = (at + writeBytes) % (FileBytes / writeBytes * (long)writeBytes);
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        handle.Close();
        File.Delete(file);
        return new DeviceResult(latencies.Count * (double)writeBytes / seconds / (1 << 20), Percentiles.Of(latencies));
    }
}

/// <param name="MebibytesPerSecond">Written and synced.</param>
/// <param name="SyncMs">One write and its sync.</param>
internal sealed record DeviceResult(double MebibytesPerSecond, Percentiles SyncMs);
