using PipeRoll.Simulation.Faults;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>How a run of the streams scenario goes, all of it drawn from the seed.</summary>
internal sealed record ScenarioPlan
{
    private const int KiB = 1024;

    public required int Streams { get; init; }

    /// <summary>How many incarnations come before the last, which checks everything.</summary>
    public required int Incarnations { get; init; }

    public required int WritersPerStream { get; init; }

    public required int BatchBytesMax { get; init; }

    /// <summary>Virtual time for which an incarnation works when nothing kills it.</summary>
    public required TimeSpan WorkTime { get; init; }

    /// <summary>A process dies after at most so many steps, or not at all.</summary>
    public required int CrashStepsMax { get; init; }

    public required double CrashProbability { get; init; }

    public required DiskFaults Disk { get; init; }

    public required StoreFaults Store { get; init; }

    public required MetadataFaults Metadata { get; init; }

    public required double StormProbability { get; init; }

    public required StreamStorageOptions Options { get; init; }

    public static ScenarioPlan Draw(Random random)
    {
        bool harsh = random.Next(3) == 0;
        return new ScenarioPlan
        {
            Streams = random.Next(1, 4),
            Incarnations = random.Next(1, 5),
            WritersPerStream = random.Next(1, 4),
            BatchBytesMax = Pick(random, 200, 1500, 6000, 16_000),
            WorkTime = TimeSpan.FromMilliseconds(Pick(random, 100, 500, 2500)),
            CrashStepsMax = Pick(random, 100, 500, 2000, 6000),
            CrashProbability = random.Next(4) == 0 ? 0.2 : 0.8,
            Disk = new DiskFaults
            {
                SlowSync = harsh ? 0.02 : 0,
                FailedSync = harsh && random.Next(2) == 0 ? 0.01 : 0,
                FailedWrite = harsh && random.Next(2) == 0 ? 0.01 : 0,
                CapacityBytes = random.Next(5) == 0 ? 192 * KiB : long.MaxValue,
            },
            Store = new StoreFaults
            {
                ErrorBefore = harsh ? 0.15 : 0.01,
                ErrorAfter = harsh ? 0.15 : 0.01,
                Timeout = harsh ? 0.03 : 0,
                LatencyMsMax = Pick(random, 5, 50, 300),
                Slow = harsh ? 0.05 : 0,
            },
            Metadata = new MetadataFaults
            {
                ErrorBefore = harsh ? 0.05 : 0,
                ErrorAfter = harsh ? 0.05 : 0,
                LatencyMsMax = Pick(random, 1, 5, 50),
            },
            StormProbability = harsh ? 0.3 : 0.05,
            Options = DrawOptions(random),
        };
    }

    private static StreamStorageOptions DrawOptions(Random random)
    {
        int segment = 64 * KiB;
        int logCache = Pick(random, 64, 96, 256) * KiB;
        return new StreamStorageOptions
        {
            WalSegmentBytes = segment,
            WalBytesMax = segment * random.Next(2, 5),
            WalSegmentsAtStart = random.Next(1, 3),
            WalGroupBytesMax = Pick(random, 4, 16, 32) * KiB,
            LogCacheBytesMax = logCache,
            UploadBytes = Pick(random, 2, 8, 32) * KiB,
            UploadAge = TimeSpan.FromMilliseconds(Pick(random, 200, 1000, 5000)),
            StreamObjectBytes = Pick(random, 2, 8, 64) * KiB,
            BlockBytes = Pick(random, 1, 4, 16) * KiB,
            BlockCacheBytesMax = Pick(random, 32, 64, 256) * KiB,
            ReadAheadBytesMin = Pick(random, 1, 4) * KiB,
            ReadAheadBytesMax = Pick(random, 4, 32) * KiB,
            // Storms last longer than this, single requests do not.
            PreparedTimeToLive = TimeSpan.FromSeconds(40),
            ReadGrace = TimeSpan.FromSeconds(20),
            CleanInterval = TimeSpan.FromSeconds(Pick(random, 5, 20)),
            CompactionInterval = TimeSpan.FromMilliseconds(Pick(random, 300, 2000)),
            CompactionAge = TimeSpan.FromMilliseconds(Pick(random, 1, 1000)),
            CompactionMergeMin = random.Next(2, 4),
            CompactionRoundBytes = Pick(random, 32, 256) * KiB,
            CompactionReadBytes = Pick(random, 1, 16) * KiB,
            CompactionBytesPerSecond = Pick(random, 8, 1000) * KiB,
            StreamObjectBytesMax = Pick(random, 64, 256) * KiB,
            StreamSetBytesMax = Pick(random, 16, 128) * KiB,
            StoreRequestsMax = random.Next(1, 9),
            StoreBytesMax = Pick(random, 64, 256) * KiB,
            StoreRetryDelay = TimeSpan.FromMilliseconds(50),
            StoreRetryDelayMax = TimeSpan.FromSeconds(2),
        };
    }

    private static int Pick(Random random, params ReadOnlySpan<int> choices) => choices[random.Next(choices.Length)];
}
