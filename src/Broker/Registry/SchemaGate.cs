using System.Buffers.Binary;
using System.Text;
using PipeRoll.Schemas;
using PipeRoll.Schemas.Registry;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Registry;

/// <summary>Whose records these are, and where they are to go.</summary>
internal readonly record struct SchemaCandidate(string Topic, int Partition, string Principal);

/// <summary>A record that is to go to the dead-letter topic.</summary>
/// <param name="OffsetDelta">From the first offset of the request's records.</param>
internal sealed record DeadLetter(int OffsetDelta, long TimestampMs, byte[]? Key, byte[]? Value, IReadOnlyList<RecordHeader> Headers, string Reason);

/// <param name="To">The dead-letter topic.</param>
internal sealed record DeadLetters(SchemaCandidate From, string To, IReadOnlyList<DeadLetter> Letters);

/// <summary>What comes of looking at the schemas of records.</summary>
/// <param name="Error">None lets <paramref name="Records"/> in.</param>
/// <param name="Faults">Each record at fault (KIP-467), when there is an error.</param>
/// <param name="Records">What is to be appended: all, or what is left when <paramref name="Dead"/> are taken out.</param>
internal readonly record struct SchemaVerdict(
    KafkaError Error, string? Message, IReadOnlyList<RecordFault> Faults, ReadOnlyMemory<byte> Records, DeadLetters? Dead);

/// <summary>
/// Are these records written by schemas that the registry has under their subjects? On the produce path: never waits. What this broker does not know
/// yet is looked up behind it, and the producer told to come again.
/// </summary>
/// <remarks>Any thread. The cost of a record is a few look-ups in memory, and with full validation a walk over its bytes.</remarks>
internal sealed class SchemaGate(SchemaRegistry registry)
{
    private const int RecordsBytesMax = 256 * 1024 * 1024;
    private const int FaultsMax = 100;
    private const int HeaderBytes = 5;

    /// <param name="records">Whole batches, checked already.</param>
    public SchemaVerdict Check(in SchemaCandidate candidate, SchemaValidation rules, ReadOnlyMemory<byte> records, RecordDecompressor decompressor)
    {
        var kept = new MemoryStream();
        List<DeadLetter> dead = [];
        int firstDelta = 0;
        for (ReadOnlyMemory<byte> rest = records; RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch);)
        {
            ReadOnlyMemory<byte> opened = RecordBatches.OpenRecords(header, batch, decompressor, RecordsBytesMax, out PooledBytes? lease);
            using (lease)
            {
                List<RecordFault>? faults = null;
                if (FindFaults(candidate, rules, header, opened.Span, ref faults))
                {
                    return new SchemaVerdict(
                        KafkaError.NotEnoughReplicas,
                        "the schema registry is being asked about a schema that is new here: send the records again",
                        [], default, null);
                }

                if (faults is null)
                {
                    kept.Write(batch.Span);
                }
                else if (rules.DeadLettersOf(candidate.Topic) is null || header.IsTransactional || AreLetters(header, opened.Span, faults))
                {
                    return new SchemaVerdict(KafkaError.InvalidRecord, Describe(candidate, faults), faults, default, null);
                }
                else
                {
                    kept.Write(TakeOut(header, batch.Span, opened.Span, faults, firstDelta, dead));
                }
            }

            firstDelta += header.LastOffsetDelta + 1;
        }

        return dead.Count == 0
            ? new SchemaVerdict(KafkaError.None, null, [], records, null)
            : new SchemaVerdict(KafkaError.None, null, [], kept.ToArray(), new DeadLetters(candidate, rules.DeadLettersOf(candidate.Topic)!, dead));
    }

    /// <returns>True when that can't be said yet.</returns>
    private bool FindFaults(
        in SchemaCandidate candidate, SchemaValidation rules, in RecordBatchHeader header, ReadOnlySpan<byte> records, ref List<RecordFault>? faults)
    {
        int index = 0;
        foreach (Record record in new RecordReader(header, records))
        {
            string? problem = null;
            bool isUnknown = (rules.Key is { } key && !record.IsKeyNull && !IsGood(candidate.Topic, rules, key, record.Key, isKey: true, out problem))
                || (problem is null && rules.Value is { } value && !record.IsValueNull
                    && !IsGood(candidate.Topic, rules, value, record.Value, isKey: false, out problem));
            if (isUnknown && problem is null)
            {
                return true;
            }

            if (problem is not null)
            {
                (faults ??= []).Add(new RecordFault(index, KafkaError.InvalidRecord, problem));
            }

            index++;
        }

        return false;
    }

    /// <param name="problem">What is wrong, when that is known; null with false: it has to be looked up.</param>
    private bool IsGood(string topic, SchemaValidation rules, SubjectStrategy strategy, ReadOnlySpan<byte> bytes, bool isKey, out string? problem)
    {
        string what = isKey ? "the key" : "the value";
        if (bytes.Length < HeaderBytes || bytes[0] != 0)
        {
            problem = $"{what} does not begin with a 0 and the id of a schema: use the serialiser of a schema registry";
            return false;
        }

        problem = null;
        int id = BinaryPrimitives.ReadInt32BigEndian(bytes[1..]);
        RegistryState state = registry.Known;
        if (state.Content(id) is null)
        {
            problem = registry.IsKnownMissing("", id) ? $"{what} names schema {id}, which the registry does not have" : null;
            return false;
        }

        ReadOnlySpan<byte> payload = bytes[HeaderBytes..];
        ParsedSchema? schema = null;
        if (rules.IsFull || strategy != SubjectStrategy.Topic)
        {
            schema = registry.Cache.Get(state, id, out string? unread);
            if (schema is null)
            {
                problem = $"{what} names schema {id}, which can't be read: {unread}";
                return false;
            }
        }

        if (SubjectStrategies.Subject(strategy, topic, isKey, schema?.RecordName(payload)) is not { } subject)
        {
            problem = $"{what} names schema {id}, which names no record, so that its subject can't be told";
            return false;
        }

        if (!state.HasId(subject, id))
        {
            problem = registry.IsKnownMissing(subject, id) ? $"{what} names schema {id}, which is no version of subject {subject}" : null;
            return false;
        }

        registry.Use();
        problem = rules.IsFull && schema!.FindProblem(payload) is { } wrong ? $"{what} is not as schema {id} has it: {wrong}" : null;
        return problem is null;
    }

    /// <summary>What is left of the batch, its offsets and sequence numbers as they were.</summary>
    private static byte[] TakeOut(
        in RecordBatchHeader header, ReadOnlySpan<byte> batch, ReadOnlySpan<byte> records, List<RecordFault> faults, int firstDelta, List<DeadLetter> into)
    {
        bool[] kept = new bool[header.RecordCount];
        Array.Fill(kept, true);
        int fault = 0;
        int index = 0;
        foreach (Record record in new RecordReader(header, records))
        {
            if (fault < faults.Count && faults[fault].RecordIndex == index)
            {
                kept[index] = false;
                into.Add(new DeadLetter(
                    firstDelta + record.OffsetDelta, record.Timestamp, record.IsKeyNull ? null : record.Key.ToArray(),
                    record.IsValueNull ? null : record.Value.ToArray(), HeadersOf(record), faults[fault].Reason));
                fault++;
            }

            index++;
        }

        return RecordBatchRewriter.Rewrite(header, batch, records, kept, deleteHorizonMs: null);
    }

    /// <summary>Dead letters that somebody sends once more are refused: they must not go round for ever.</summary>
    private static bool AreLetters(in RecordBatchHeader header, ReadOnlySpan<byte> records, List<RecordFault> faults)
    {
        int fault = 0;
        int index = 0;
        foreach (Record record in new RecordReader(header, records))
        {
            if (fault < faults.Count && faults[fault].RecordIndex == index)
            {
                fault++;
                foreach (RecordHeader own in HeadersOf(record))
                {
                    if (own.Key == DeadLetterWriter.ReasonHeader)
                    {
                        return true;
                    }
                }
            }

            index++;
        }

        return false;
    }

    private static List<RecordHeader> HeadersOf(in Record record)
    {
        List<RecordHeader> headers = [];
        RecordHeaderReader reader = record.Headers;
        while (reader.MoveNext())
        {
            headers.Add(new RecordHeader(Encoding.UTF8.GetString(reader.Key), reader.IsValueNull ? null : reader.Value.ToArray()));
        }

        return headers;
    }

    private static string Describe(in SchemaCandidate candidate, List<RecordFault> faults)
    {
        string first = $"{candidate.Topic} takes only records of registered schemas: record {faults[0].RecordIndex} of the batch: {faults[0].Reason}";
        int count = faults.Count;
        if (count > FaultsMax)
        {
            faults.RemoveRange(FaultsMax, count - FaultsMax);
        }

        return count == 1 ? first : $"{first} (and {count - 1} more)";
    }
}
