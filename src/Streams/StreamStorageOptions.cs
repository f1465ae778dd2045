namespace PipeRoll.Streams;

/// <summary>Settings of <see cref="StreamStorage"/>; all sizes in bytes.</summary>
public sealed record StreamStorageOptions
{
    private const long KiB = 1024;
    private const long MiB = 1024 * KiB;

    /// <summary>Size of one segment of the write-ahead log; no batch can be larger than half of it.</summary>
    public long WalSegmentBytes { get; init; } = 64 * MiB;

    /// <summary>The log never takes more than this on the device; appends wait for uploads beyond it.</summary>
    public long WalBytesMax { get; init; } = 1024 * MiB;

    /// <summary>How many segments are made without being needed yet: one by the start, the others in the background.</summary>
    public int WalSegmentsAtStart { get; init; } = 4;

    /// <summary>Most bytes of one write and sync.</summary>
    public int WalGroupBytesMax { get; init; } = (int)(8 * MiB);

    /// <summary>Object log: groups smaller than <see cref="WalBytesPerPut"/> are written so often at most, on average.</summary>
    public int WalQuietPutsPerSecond { get; init; } = 4;

    /// <summary>Object log: a group of so many bytes is worth a request of its own, so that latency falls as load grows.</summary>
    public int WalBytesPerPut { get; init; } = (int)(16 * KiB);

    /// <summary>Object log: bounds of the time between two requests under load, which is a third of what a request takes.</summary>
    public TimeSpan WalLingerMin { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <inheritdoc cref="WalLingerMin"/>
    public TimeSpan WalLingerMax { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Object log: requests under way at the same time.</summary>
    public int WalInFlightMax { get; init; } = 16;

    /// <summary>Object log: bytes of requests under way at the same time; one is always let in.</summary>
    public long WalInFlightBytesMax { get; init; } = 64 * MiB;

    /// <summary>Object log: a stop waits for the store and the metadata no longer than this.</summary>
    public TimeSpan WalStopPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Recovery of a dead broker's log: bytes that are read ahead of what is being committed.</summary>
    public long WalReadAheadBytesMax { get; init; } = 64 * MiB;

    /// <summary>Bound of the log cache; when what is not yet uploaded reaches it, appends are refused.</summary>
    public long LogCacheBytesMax { get; init; } = 512 * MiB;

    /// <summary>Bound of the cache of blocks read from objects.</summary>
    public long BlockCacheBytesMax { get; init; } = 256 * MiB;

    public int ReadAheadBytesMin { get; init; } = (int)(512 * KiB);

    public int ReadAheadBytesMax { get; init; } = (int)(8 * MiB);

    /// <summary>An upload starts when this much was confirmed since the last one.</summary>
    public long UploadBytes { get; init; } = 64 * MiB;

    /// <summary>An upload starts when the oldest confirmed batch has waited this long.</summary>
    public TimeSpan UploadAge { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>About the largest object of one stream that is uploaded in one request; a longer run becomes several.</summary>
    public long UploadObjectBytesMax { get; init; } = 64 * MiB;

    /// <summary>Objects uploaded at the same time.</summary>
    public int UploadRequestsMax { get; init; } = 8;

    /// <summary>A run of one stream at least this long becomes an object of its own.</summary>
    public long StreamObjectBytes { get; init; } = 16 * MiB;

    /// <summary>Data blocks are closed when they reach this size.</summary>
    public int BlockBytes { get; init; } = (int)(256 * KiB);

    /// <summary>Prepared objects that are not committed by then are deleted.</summary>
    public TimeSpan PreparedTimeToLive { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>Given-up objects are deleted after this: longer than the longest read.</summary>
    public TimeSpan ReadGrace { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How often due objects and streams are deleted.</summary>
    public TimeSpan CleanInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Objects deleted in one round at most: a burst of deletions is spread, so that it does not crowd out the rest.</summary>
    public int CleanObjectsMax { get; init; } = 5000;

    /// <summary>How long after its end the log of a broker is deleted: longer than any request that it may have sent can take.</summary>
    public TimeSpan GoneBrokerGrace { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Merged objects of one stream are not made larger than this.</summary>
    public long StreamObjectBytesMax { get; init; } = 128 * MiB;

    /// <summary>Merged objects of many streams are not made larger than this.</summary>
    public long StreamSetBytesMax { get; init; } = 64 * MiB;

    /// <summary>How often objects are looked at that may be worth compacting.</summary>
    public TimeSpan CompactionInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Younger objects are left alone.</summary>
    public TimeSpan CompactionAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Objects of one stream that are smaller may be merged with others.</summary>
    public long CompactionBytesMax { get; init; } = 16 * MiB;

    /// <summary>About so many bytes are rewritten in one round, and made visible in one transaction.</summary>
    public long CompactionRoundBytes { get; init; } = 256 * MiB;

    /// <summary>So many objects of about one size must have gathered.</summary>
    public int CompactionMergeMin { get; init; } = 8;

    public int CompactionSourcesMax { get; init; } = 64;

    /// <summary>Bytes read at a time from each object of a round.</summary>
    public int CompactionReadBytes { get; init; } = (int)(512 * KiB);

    /// <summary>Bytes that compaction may write for each byte uploaded: the bound of its share in the write amplification.</summary>
    public double CompactionShare { get; init; } = 0.1;

    /// <summary>Bytes per second that compaction may write in any case.</summary>
    public long CompactionBytesPerSecond { get; init; } = 256 * KiB;

    /// <summary>Requests to the object store at the same time.</summary>
    public int StoreRequestsMax { get; init; } = 32;

    /// <summary>Bytes of requests to the object store at the same time.</summary>
    public long StoreBytesMax { get; init; } = 256 * MiB;

    /// <summary>First delay before a failed request to the store is made again; it doubles up to <see cref="StoreRetryDelayMax"/>.</summary>
    public TimeSpan StoreRetryDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan StoreRetryDelayMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>First delay between two looks at what an earlier owner of a stream has committed; it doubles up to <see cref="HandOverPollMax"/>.</summary>
    public TimeSpan HandOverPollMin { get; init; } = TimeSpan.FromMilliseconds(20);

    public TimeSpan HandOverPollMax { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a read waits for what an earlier owner acknowledged and has yet to commit.</summary>
    public TimeSpan HandOverReadMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <exception cref="ArgumentException">Names everything that is wrong, one per line.</exception>
    public void Validate()
    {
        List<string> errors = [];
        Check(WalSegmentBytes is >= 64 * KiB and <= 1024 * MiB && WalSegmentBytes % 4096 == 0, errors,
            $"{nameof(WalSegmentBytes)} is {WalSegmentBytes}: use a multiple of 4096 from 64 KiB to 1 GiB");
        Check(WalBytesMax >= 2 * WalSegmentBytes, errors, $"{nameof(WalBytesMax)} is {WalBytesMax}: allow two segments at least");
        Check(WalSegmentsAtStart >= 1 && WalSegmentsAtStart * WalSegmentBytes <= WalBytesMax, errors,
            $"{nameof(WalSegmentsAtStart)} is {WalSegmentsAtStart}: use at least 1 and no more than fit in {nameof(WalBytesMax)}");
        Check(WalGroupBytesMax >= 4 * KiB && WalGroupBytesMax <= WalSegmentBytes / 2, errors,
            $"{nameof(WalGroupBytesMax)} is {WalGroupBytesMax}: use 4 KiB to half a segment");
        CheckObjectLog(errors);
        Check(LogCacheBytesMax >= 64 * KiB, errors, $"{nameof(LogCacheBytesMax)} is {LogCacheBytesMax}: use at least 64 KiB");
        Check(UploadBytes > 0 && UploadBytes <= LogCacheBytesMax / 2, errors,
            $"{nameof(UploadBytes)} is {UploadBytes}: use at most half of {nameof(LogCacheBytesMax)}, or appends wait for each upload");
        Check(UploadBytes <= WalBytesMax / 2, errors, $"{nameof(UploadBytes)} is {UploadBytes}: use at most half of {nameof(WalBytesMax)}");
        Check(BlockCacheBytesMax >= ReadAheadBytesMax, errors,
            $"{nameof(BlockCacheBytesMax)} is {BlockCacheBytesMax}: it must hold one {nameof(ReadAheadBytesMax)}");
        Check(ReadAheadBytesMin > 0 && ReadAheadBytesMin <= ReadAheadBytesMax, errors,
            $"{nameof(ReadAheadBytesMin)} must be positive and at most {nameof(ReadAheadBytesMax)}");
        Check(BlockBytes is >= 1024 and <= 16 * 1024 * 1024, errors, $"{nameof(BlockBytes)} is {BlockBytes}: use 1 KiB to 16 MiB");
        Check(StreamObjectBytes > 0, errors, $"{nameof(StreamObjectBytes)} must be positive");
        Check(UploadObjectBytesMax > 0 && UploadRequestsMax > 0, errors,
            $"{nameof(UploadObjectBytesMax)} and {nameof(UploadRequestsMax)} must be positive");
        Check(StreamObjectBytesMax >= StreamObjectBytes && StreamSetBytesMax > 0, errors,
            $"{nameof(StreamObjectBytesMax)} is {StreamObjectBytesMax}: use at least {nameof(StreamObjectBytes)}, and a positive {nameof(StreamSetBytesMax)}");
        Check(CompactionMergeMin >= 2 && CompactionSourcesMax >= CompactionMergeMin, errors,
            $"{nameof(CompactionMergeMin)} is {CompactionMergeMin}: use 2 to {nameof(CompactionSourcesMax)}, which is {CompactionSourcesMax}");
        Check(CompactionBytesMax > 0 && CompactionRoundBytes > 0 && CompactionReadBytes > 0 && CleanObjectsMax > 0, errors,
            $"{nameof(CompactionBytesMax)}, {nameof(CompactionRoundBytes)}, {nameof(CompactionReadBytes)} and {nameof(CleanObjectsMax)} must be positive");
        Check(CompactionShare >= 0 && CompactionBytesPerSecond >= 0, errors,
            $"{nameof(CompactionShare)} and {nameof(CompactionBytesPerSecond)} must not be negative");
        Check(StoreRequestsMax > 0 && StoreBytesMax > 0, errors,
            $"{nameof(StoreRequestsMax)} and {nameof(StoreBytesMax)} must be positive");
        foreach ((string name, TimeSpan value) in Durations())
        {
            Check(value > TimeSpan.Zero, errors, $"{name} is {value}: it must be positive");
        }

        if (errors.Count > 0)
        {
            throw new ArgumentException("stream storage options are wrong:\n  " + string.Join("\n  ", errors));
        }
    }

    private void CheckObjectLog(List<string> errors)
    {
        Check(WalQuietPutsPerSecond is >= 1 and <= 1000, errors,
            $"{nameof(WalQuietPutsPerSecond)} is {WalQuietPutsPerSecond}: use 1 to 1000");
        Check(WalBytesPerPut >= 1, errors, $"{nameof(WalBytesPerPut)} is {WalBytesPerPut}: it must be positive");
        Check(WalLingerMin > TimeSpan.Zero && WalLingerMin <= WalLingerMax && WalLingerMax <= TimeSpan.FromSeconds(10), errors,
            $"{nameof(WalLingerMin)} is {WalLingerMin}: it must be positive and at most {nameof(WalLingerMax)}, that at most 10 s");
        Check(WalInFlightMax is >= 1 and <= 1000, errors, $"{nameof(WalInFlightMax)} is {WalInFlightMax}: use 1 to 1000");
        Check(WalInFlightBytesMax >= WalGroupBytesMax, errors,
            $"{nameof(WalInFlightBytesMax)} is {WalInFlightBytesMax}: it must hold one {nameof(WalGroupBytesMax)}");
        Check(WalReadAheadBytesMax > 0, errors, $"{nameof(WalReadAheadBytesMax)} must be positive");
    }

    private static void Check(bool holds, List<string> errors, string error)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }

    private (string Name, TimeSpan Value)[] Durations() =>
    [
        (nameof(UploadAge), UploadAge), (nameof(PreparedTimeToLive), PreparedTimeToLive), (nameof(ReadGrace), ReadGrace),
        (nameof(CleanInterval), CleanInterval), (nameof(StoreRetryDelay), StoreRetryDelay),
        (nameof(StoreRetryDelayMax), StoreRetryDelayMax), (nameof(WalStopPatience), WalStopPatience),
        (nameof(HandOverPollMin), HandOverPollMin), (nameof(HandOverPollMax), HandOverPollMax), (nameof(HandOverReadMax), HandOverReadMax),
        (nameof(GoneBrokerGrace), GoneBrokerGrace), (nameof(CompactionInterval), CompactionInterval), (nameof(CompactionAge), CompactionAge),
    ];
}
