using System.Diagnostics;

namespace PipeRoll.StoreDouble;

/// <summary>What was asked, by verb, first folder of the key, and status.</summary>
public sealed class Statistics
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Verb, string Folder, int Status), (long Count, long BytesIn, long BytesOut)> _counts = [];
    private long _since = Stopwatch.GetTimestamp();

    /// <param name="status">0: the client hung up before it was answered.</param>
    public void Count(string verb, string key, int status, long bytesIn, long bytesOut)
    {
        int slash = key.IndexOf('/', StringComparison.Ordinal);
        string folder = slash < 0 ? "" : key[..(slash + 1)];
        lock (_lock)
        {
            (long count, long bytesInBefore, long bytesOutBefore) = _counts.GetValueOrDefault((verb, folder, status));
            _counts[(verb, folder, status)] = (count + 1, bytesInBefore + bytesIn, bytesOutBefore + bytesOut);
        }
    }

    /// <param name="reset">Starts counting anew.</param>
    public StatisticsReport Take(bool reset, int objects, long bytesStored)
    {
        lock (_lock)
        {
            var report = new StatisticsReport(
                Stopwatch.GetElapsedTime(_since).TotalSeconds,
                [
                    .. _counts.Select(c => new StatisticsLine(
                        c.Key.Verb, c.Key.Folder, c.Key.Status, c.Value.Count, c.Value.BytesIn, c.Value.BytesOut)),
                ],
                objects,
                bytesStored);
            if (reset)
            {
                _counts.Clear();
                _since = Stopwatch.GetTimestamp();
            }

            return report;
        }
    }
}

/// <param name="Seconds">Since the start or the last reset.</param>
public sealed record StatisticsReport(double Seconds, IReadOnlyList<StatisticsLine> Requests, int Objects, long BytesStored);

/// <param name="Prefix">First folder of the keys, such as <c>wal/</c>; empty for requests about the bucket.</param>
/// <param name="Status">HTTP status; 0 when the client hung up first.</param>
/// <param name="BytesIn">Bytes of bodies received.</param>
/// <param name="BytesOut">Bytes of objects sent.</param>
public sealed record StatisticsLine(string Verb, string Prefix, int Status, long Count, long BytesIn, long BytesOut);
