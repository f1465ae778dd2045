using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Partitions;

/// <summary>Partition state as bytes: what a checkpoint stores. Format: <c>docs/formats/producer-state.md</c>.</summary>
internal static class ProducerStateCodec
{
    /// <summary>"PRPS" and the version.</summary>
    private const uint Magic = 0x50525053;
    private const short Version = 3;

    /// <summary>The one before transactions: still read.</summary>
    private const short VersionWithoutTransactions = 2;

    private const int HeaderBytes = 4 + 2 + 4 + 4 + 8;
    private const int EpochBytes = 4 + 8;
    private const int ProducerBytes = 8 + 2 + 4 + 8 + 1;
    private const int BatchBytes = 4 + 4 + 8 + 8 + 8;
    private const int TransactionsHeaderBytes = 4 + 4 + 8;
    private const int OpenBytes = 8 + 2 + 8 + 8;
    private const int AbortedBytes = 8 + 8 + 8;
    private const int CrcBytes = 4;

    /// <summary>As many producers as surely fit into one checkpoint.</summary>
    public const int ProducersMax =
        (StreamLimits.CheckpointBytesMax - HeaderBytes - CrcBytes - (LeaderEpochs.EntriesMax * EpochBytes)
            - TransactionsHeaderBytes - (PartitionTransactions.OpenMax * OpenBytes) - (PartitionTransactions.AbortedMax * AbortedBytes))
        / (ProducerBytes + (ProducerEntry.BatchesMax * BatchBytes));

    public static byte[] Write(ProducerStateTable producers, LeaderEpochs epochs, PartitionTransactions transactions)
    {
        int size = HeaderBytes + CrcBytes + (epochs.Entries.Count * EpochBytes) + TransactionsHeaderBytes
            + (transactions.OpenCount * OpenBytes) + (transactions.Aborted.Count * AbortedBytes);
        foreach (ProducerEntry producer in producers.Producers)
        {
            size += ProducerBytes + (producer.Count * BatchBytes);
        }

        byte[] state = new byte[size];
        var cursor = new Cursor(state.AsSpan());
        cursor.PutUInt32(Magic);
        cursor.PutInt16(Version);
        cursor.PutInt32(epochs.Entries.Count);
        cursor.PutInt32(producers.Count);
        cursor.PutInt64(producers.ForgottenMax);
        foreach ((int epoch, long startOffset) in epochs.Entries)
        {
            cursor.PutInt32(epoch);
            cursor.PutInt64(startOffset);
        }

        foreach (ProducerEntry producer in producers.Producers)
        {
            WriteProducer(ref cursor, producer);
        }

        WriteTransactions(ref cursor, transactions);

        cursor.PutUInt32(Crc32C.Compute(state.AsSpan(0, size - CrcBytes)));
        return state;
    }

    /// <exception cref="CorruptDataException">The bytes are not a state of a version that this program knows.</exception>
    public static void Read(
        ReadOnlySpan<byte> state, ProducerStateTable producers, LeaderEpochs epochs, PartitionTransactions transactions)
    {
        if (state.Length < HeaderBytes + CrcBytes
            || BinaryPrimitives.ReadUInt32BigEndian(state[^CrcBytes..]) != Crc32C.Compute(state[..^CrcBytes]))
        {
            throw new CorruptDataException($"a producer state of {state.Length} bytes does not match its checksum");
        }

        var cursor = new Cursor(state[..^CrcBytes]);
        uint magic = cursor.TakeUInt32();
        short version = cursor.TakeInt16();
        if (magic != Magic || version is not (Version or VersionWithoutTransactions))
        {
            throw new CorruptDataException(
                $"a producer state starts with {magic:x8} version {version}, known is {Magic:x8} version {Version}: "
                + "use the program that wrote it");
        }

        int epochCount = cursor.TakeInt32();
        int producerCount = cursor.TakeInt32();
        if (epochCount is < 0 or > LeaderEpochs.EntriesMax || producerCount is < 0 or > ProducersMax)
        {
            throw new CorruptDataException($"a producer state counts {epochCount} epochs and {producerCount} producers");
        }

        producers.RestoreForgotten(cursor.TakeInt64());
        for (int i = 0; i < epochCount; i++)
        {
            int epoch = cursor.TakeInt32();
            epochs.Note(epoch, cursor.TakeInt64());
        }

        for (int i = 0; i < producerCount; i++)
        {
            producers.Restore(ReadProducer(ref cursor, version));
        }

        if (version == Version)
        {
            ReadTransactions(ref cursor, transactions);
        }

        if (cursor.Left != 0)
        {
            throw new CorruptDataException($"a producer state has {cursor.Left} bytes too many");
        }
    }

    private static void WriteProducer(ref Cursor cursor, ProducerEntry producer)
    {
        cursor.PutInt64(producer.ProducerId);
        cursor.PutInt16(producer.Epoch);
        cursor.PutInt32(producer.CoordinatorEpoch);
        cursor.PutInt64(producer.LastAppendMs);
        cursor.PutByte((byte)producer.Count);
        for (int i = 0; i < producer.Count; i++)
        {
            AppendedBatch batch = producer[i];
            cursor.PutInt32(batch.FirstSequence);
            cursor.PutInt32(batch.LastSequence);
            cursor.PutInt64(batch.BaseOffset);
            cursor.PutInt64(batch.LastOffset);
            cursor.PutInt64(batch.Timestamp);
        }
    }

    private static ProducerEntry ReadProducer(ref Cursor cursor, short version)
    {
        long id = cursor.TakeInt64();
        short epoch = cursor.TakeInt16();
        int coordinatorEpoch = version == Version ? cursor.TakeInt32() : -1;
        var producer = new ProducerEntry(id, epoch) { CoordinatorEpoch = coordinatorEpoch, LastAppendMs = cursor.TakeInt64() };
        int batches = cursor.TakeByte();
        if (batches > ProducerEntry.BatchesMax)
        {
            throw new CorruptDataException($"a producer state keeps {batches} batches of one producer");
        }

        for (int i = 0; i < batches; i++)
        {
            int first = cursor.TakeInt32();
            int last = cursor.TakeInt32();
            long baseOffset = cursor.TakeInt64();
            long lastOffset = cursor.TakeInt64();
            producer.Add(epoch, new AppendedBatch(first, last, baseOffset, lastOffset, cursor.TakeInt64(), Task.CompletedTask));
        }

        return producer;
    }

    private static void WriteTransactions(ref Cursor cursor, PartitionTransactions transactions)
    {
        cursor.PutInt32(transactions.OpenCount);
        cursor.PutInt32(transactions.Aborted.Count);
        cursor.PutInt64(transactions.AbortedFrom);
        foreach (OpenTransaction open in transactions.Open)
        {
            cursor.PutInt64(open.ProducerId);
            cursor.PutInt16(open.Epoch);
            cursor.PutInt64(open.FirstOffset);
            cursor.PutInt64(open.StartedMs);
        }

        foreach (AbortedTransaction aborted in transactions.Aborted)
        {
            cursor.PutInt64(aborted.ProducerId);
            cursor.PutInt64(aborted.FirstOffset);
            cursor.PutInt64(aborted.LastOffset);
        }
    }

    private static void ReadTransactions(ref Cursor cursor, PartitionTransactions transactions)
    {
        int openCount = cursor.TakeInt32();
        int abortedCount = cursor.TakeInt32();
        if (openCount is < 0 or > PartitionTransactions.OpenMax || abortedCount is < 0 or > PartitionTransactions.AbortedMax)
        {
            throw new CorruptDataException($"a producer state counts {openCount} open and {abortedCount} aborted transactions");
        }

        transactions.RestoreAbortedFrom(cursor.TakeInt64());
        for (int i = 0; i < openCount; i++)
        {
            long producerId = cursor.TakeInt64();
            short epoch = cursor.TakeInt16();
            long firstOffset = cursor.TakeInt64();
            transactions.Restore(new OpenTransaction(producerId, epoch, firstOffset, cursor.TakeInt64()));
        }

        for (int i = 0; i < abortedCount; i++)
        {
            long producerId = cursor.TakeInt64();
            long firstOffset = cursor.TakeInt64();
            transactions.Restore(new AbortedTransaction(producerId, firstOffset, cursor.TakeInt64()));
        }
    }

    /// <summary>Big-endian reading and writing at a moving place; running over the end is corruption.</summary>
    private ref struct Cursor
    {
        private readonly ReadOnlySpan<byte> _source;
        private readonly Span<byte> _target;
        private int _at;

        public Cursor(Span<byte> target)
        {
            _target = target;
            _source = target;
        }

        public Cursor(ReadOnlySpan<byte> source) => _source = source;

        public readonly int Left => _source.Length - _at;

        public void PutByte(byte value) => _target[_at++] = value;

        public void PutInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(_target[Move(2)..], value);

        public void PutInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(_target[Move(4)..], value);

        public void PutUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(_target[Move(4)..], value);

        public void PutInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(_target[Move(8)..], value);

        public byte TakeByte() => _source[Move(1)];

        public short TakeInt16() => BinaryPrimitives.ReadInt16BigEndian(_source[Move(2)..]);

        public int TakeInt32() => BinaryPrimitives.ReadInt32BigEndian(_source[Move(4)..]);

        public uint TakeUInt32() => BinaryPrimitives.ReadUInt32BigEndian(_source[Move(4)..]);

        public long TakeInt64() => BinaryPrimitives.ReadInt64BigEndian(_source[Move(8)..]);

        private int Move(int bytes)
        {
            if (Left < bytes)
            {
                throw new CorruptDataException("a producer state ends too early");
            }

            int at = _at;
            _at += bytes;
            return at;
        }
    }
}
