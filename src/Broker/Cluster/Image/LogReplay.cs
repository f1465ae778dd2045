using System.Text.Json;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <summary>What entries of the metadata log make of an image, and what has to be read from the metadata for the rest.</summary>
/// <param name="Topics">Names of topics to be read again: made, changed, or perhaps deleted since.</param>
/// <param name="Brokers">The brokers are to be read again.</param>
/// <param name="Configs">What is set beside topics is to be read again.</param>
/// <param name="Snapshot">Entries are missing or not understood: everything is to be read again, and <paramref name="Image"/> is void.</param>
internal readonly record struct ReplayStep(ClusterImage Image, IReadOnlySet<string> Topics, bool Brokers, bool Configs, bool Snapshot);

/// <summary>Applies the metadata log to the image. Kinds that say nothing about the cluster are passed over.</summary>
/// <remarks>Payloads: docs/formats/metadata.md. Pure.</remarks>
internal static class LogReplay
{
    public static ReplayStep Apply(ClusterImage image, IReadOnlyList<MetadataLogEntry> entries)
    {
        var topics = new HashSet<string>(StringComparer.Ordinal);
        bool brokers = false;
        bool configs = false;
        long expected = image.LogEnd + 1;
        try
        {
            foreach (MetadataLogEntry entry in entries)
            {
                if (entry.Sequence != expected++)
                {
                    return new ReplayStep(image, topics, brokers, configs, Snapshot: true);
                }

                image = Apply(image, entry, topics);
                brokers |= entry.Kind.StartsWith("broker.", StringComparison.Ordinal);
                configs |= entry.Kind == "configs.set";
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            // A payload of another shape: a newer version of another broker wrote it. The tables say what came of it.
            return new ReplayStep(image, topics, brokers, configs, Snapshot: true);
        }

        return new ReplayStep(entries.Count == 0 ? image : image.At(entries[^1].Sequence), topics, brokers, configs, Snapshot: false);
    }

    private static ClusterImage Apply(ClusterImage image, MetadataLogEntry entry, HashSet<string> topics)
    {
        switch (entry.Kind)
        {
            case "topic.created" or "topic.partitions.added" or "topic.configs.set":
                using (JsonDocument payload = JsonDocument.Parse(entry.Payload))
                {
                    topics.Add(payload.RootElement.GetProperty("topic").GetString()!);
                }

                return image;
            case "topic.deleted":
                using (JsonDocument payload = JsonDocument.Parse(entry.Payload))
                {
                    string name = payload.RootElement.GetProperty("topic").GetString()!;
                    Guid id = payload.RootElement.GetProperty("id").GetGuid();
                    return image.Topics.TryGetValue(name, out TopicRecord? known) && known.Id == id ? image.Without(name) : image;
                }

            case "partitions.placed" or "partitions.move.requested":
                using (JsonDocument payload = JsonDocument.Parse(entry.Payload))
                {
                    return image.With(payload.RootElement.GetProperty("placements").EnumerateArray().Select(Placement));
                }

            case "controller.changed":
                using (JsonDocument payload = JsonDocument.Parse(entry.Payload))
                {
                    JsonElement root = payload.RootElement;
                    return image.With(new ControllerTerm(
                        new BrokerEpoch(root.GetProperty("broker").GetInt64()), root.GetProperty("term").GetInt64()));
                }

            default:
                return image;
        }
    }

    private static PartitionPlacement Placement(JsonElement placement) => new(
        new StreamId(placement.GetProperty("stream").GetInt64()),
        new BrokerEpoch(placement.GetProperty("owner").GetInt64()),
        placement.GetProperty("epoch").GetInt64(),
        new BrokerEpoch(placement.GetProperty("target").GetInt64()));
}
