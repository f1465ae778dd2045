using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ListOffsets (2): the offset at the start, at the end, or at a time, to the record.
/// </summary>
/// <remarks>
/// Times with a meaning: -1 latest, -2 earliest, -3 the record with the largest time (version 7, KIP-734), -4 earliest
/// local (8, KIP-405): the earliest, for everything is where it is served; -5 latest tiered (9, KIP-1005): the last that lies in
/// committed objects, none when nothing does; -6 earliest pending upload (11, KIP-1023): the first that lies in the log only. In an older
/// version they are UNSUPPORTED_VERSION. For readers of committed records (version 2 on) the log ends at the last stable offset.
/// </remarks>
internal sealed partial class ListOffsetsHandler(BrokerServices services, DecompressorPool decompressors)
    : Handler<ListOffsetsRequest, ListOffsetsResponse>
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;
    private const long EarliestLocal = -4;
    private const long LatestTiered = -5;
    private const sbyte ReadCommitted = 1;
    private const long EarliestPendingUpload = -6;
    private readonly ILogger _logger = services.Loggers.CreateLogger<ListOffsetsHandler>();

    public override async ValueTask<ListOffsetsResponse> HandleAsync(ListOffsetsRequest request, RequestContext context)
    {
        var response = new ListOffsetsResponse { Topics = [] };
        foreach (ListOffsetsRequest.ListOffsetsTopic topic in request.Topics)
        {
            var answers = new ListOffsetsResponse.ListOffsetsTopicResponse { Name = topic.Name, Partitions = [] };
            response.Topics.Add(answers);
            bool mayDescribe = context.Allows(AclOperation.Describe, ResourceType.Topic, topic.Name);
            foreach (ListOffsetsRequest.ListOffsetsPartition wanted in topic.Partitions)
            {
                var answer = new ListOffsetsResponse.ListOffsetsPartitionResponse
                {
                    PartitionIndex = wanted.PartitionIndex,
                    OldStyleOffsets = [],
                };
                answers.Partitions.Add(answer);
                if (!mayDescribe)
                {
                    answer.ErrorCode = (short)KafkaError.TopicAuthorizationFailed;
                    continue;
                }

                await AnswerAsync(topic.Name, wanted, answer, request.IsolationLevel == ReadCommitted, context);
            }
        }

        return response;
    }

    private async ValueTask AnswerAsync(
        string topic, ListOffsetsRequest.ListOffsetsPartition wanted, ListOffsetsResponse.ListOffsetsPartitionResponse answer,
        bool onlyCommitted, RequestContext context)
    {
        Partition? partition = services.Topics.Find(topic, wanted.PartitionIndex);
        KafkaError error = partition is null ? KafkaError.UnknownTopicOrPartition
            : PartitionChecks.LeaderEpoch(partition, wanted.CurrentLeaderEpoch);
        if (error == KafkaError.None && !partition!.IsReadable)
        {
            error = KafkaError.NotLeaderOrFollower;
            services.Partitions.RequestOpen(partition);
        }

        if (error != KafkaError.None)
        {
            answer.ErrorCode = (short)error;
            return;
        }

        try
        {
            TimestampedOffset found = await FindAsync(partition!, wanted.Timestamp, onlyCommitted, context);
            answer.Offset = found.Offset;
            answer.Timestamp = found.Timestamp;
            answer.LeaderEpoch = found.LeaderEpoch;
        }
        catch (UnsupportedTimestampException)
        {
            answer.ErrorCode = (short)KafkaError.UnsupportedVersion;
        }
        catch (Exception failure) when (failure is StreamUnavailableException or OffsetOutOfRangeException)
        {
            // Closed, or trimmed while it was searched: the client asks again.
            answer.ErrorCode = (short)KafkaError.NotLeaderOrFollower;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // What an earlier leader has yet to commit was waited for too long, or store or database do not answer: for the client to retry.
            answer.ErrorCode = (short)StreamErrors.ErrorOf(failure);
            LogSearchFailed(_logger, failure, partition!.Identity, wanted.Timestamp);
        }
    }

    private async ValueTask<TimestampedOffset> FindAsync(
        Partition partition, long timestamp, bool onlyCommitted, RequestContext context)
    {
        TimestampedOffset found = await FindAsync(partition, timestamp, context.Version, context.Cancellation);
        if (timestamp is Earliest or EarliestLocal)
        {
            // Also where nothing is stable yet, as in an empty partition: "none" is -1, which clients take for the end.
            return found;
        }

        long stableEnd = onlyCommitted ? partition.LastStableOffset : long.MaxValue;
        return found.Offset < stableEnd ? found
            : timestamp == Latest ? found with { Offset = stableEnd }
            : TimestampedOffset.None;
    }

    private ValueTask<TimestampedOffset> FindAsync(Partition partition, long timestamp, short version, CancellationToken cancellation)
    {
        IStream stream = partition.ReadableStream
            ?? throw new StreamUnavailableException(StreamUnavailableReason.Closed, $"{partition.Identity} was closed");
        return timestamp switch
        {
            Latest => ValueTask.FromResult(new TimestampedOffset(stream.ConfirmedOffset, -1, partition.LeaderEpoch)),
            _ when version < FirstVersionOf(timestamp) => throw new UnsupportedTimestampException(),
            Earliest or EarliestLocal => ValueTask.FromResult(
                new TimestampedOffset(stream.StartOffset, -1, partition.EpochAt(stream.StartOffset))),
            MaxTimestamp => TimestampSearch.LatestAsync(stream, decompressors, cancellation),
            LatestTiered => ValueTask.FromResult(stream.CommittedOffset <= stream.StartOffset
                ? TimestampedOffset.None
                : new TimestampedOffset(stream.CommittedOffset - 1, -1, partition.EpochAt(stream.CommittedOffset - 1))),
            EarliestPendingUpload => ValueTask.FromResult(
                new TimestampedOffset(stream.CommittedOffset, -1, partition.EpochAt(stream.CommittedOffset))),
            < 0 => throw new UnsupportedTimestampException(),
            _ => TimestampSearch.FirstAtOrAfterAsync(stream, timestamp, decompressors, cancellation),
        };
    }

    private static short FirstVersionOf(long timestamp) => timestamp switch
    {
        MaxTimestamp => 7,
        EarliestLocal => 8,
        LatestTiered => 9,
        EarliestPendingUpload => 11,
        _ => 0,
    };

    [LoggerMessage(62, LogLevel.Warning, "{Partition} could not be searched for the time {Timestamp}")]
    private static partial void LogSearchFailed(ILogger logger, Exception failure, PartitionIdentity partition, long timestamp);

    /// <summary>A negative time that means nothing here.</summary>
    private sealed class UnsupportedTimestampException : Exception;
}
