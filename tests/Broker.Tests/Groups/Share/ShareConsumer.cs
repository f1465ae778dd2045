using System.Runtime.InteropServices;
using System.Text;

namespace PipeRoll.Broker.Tests.Groups.Share;

/// <summary>A record that a share consumer got.</summary>
internal readonly record struct SharedRecord(string Value, int Partition, long Offset, nint Message);

/// <summary>
/// librdkafka's share consumer (KIP-932), which Confluent.Kafka has no class for yet: the library that it ships, called directly.
/// </summary>
internal sealed class ShareConsumer : IDisposable
{
    public const int Accept = 1;
    public const int Release = 2;
    public const int Reject = 3;

    private const int ErrorTextBytes = 512;

    private readonly nint _handle;
    private nint _batch;

    public ShareConsumer(string bootstrap, string group, string topic, bool isExplicit = false, int recordsMax = 500)
    {
        nint conf = Native.rd_kafka_conf_new();
        Set(conf, "bootstrap.servers", bootstrap);
        Set(conf, "group.id", group);
        Set(conf, "share.acknowledgement.mode", isExplicit ? "explicit" : "implicit");
        Set(conf, "max.poll.records", $"{recordsMax}");
        Set(conf, "reconnect.backoff.ms", "10");
        Set(conf, "reconnect.backoff.max.ms", "100");
        byte[] text = new byte[ErrorTextBytes];
        _handle = Native.rd_kafka_share_consumer_new(conf, text, (nuint)text.Length);
        Assert.True(_handle != 0, Encoding.UTF8.GetString(text).TrimEnd('\0'));
        nint topics = Native.rd_kafka_topic_partition_list_new(1);
        Native.rd_kafka_topic_partition_list_add(topics, Utf8(topic), -1);
        Check(Native.rd_kafka_share_subscribe(_handle, topics));
        Native.rd_kafka_topic_partition_list_destroy(topics);
    }

    /// <summary>The records of the last poll are accepted by this one unless the consumer is explicit.</summary>
    public IReadOnlyList<SharedRecord> Poll(int waitMs = 500)
    {
        Native.rd_kafka_messages_destroy(_batch);
        Check(Native.rd_kafka_share_poll(_handle, waitMs, out _batch));
        List<SharedRecord> records = [];
        for (nuint index = 0; _batch != 0 && index < Native.rd_kafka_messages_count(_batch); index++)
        {
            nint message = Native.rd_kafka_messages_get(_batch, index);
            Layout layout = Marshal.PtrToStructure<Layout>(message);
            Assert.Equal(0, layout.Error);
            records.Add(new SharedRecord(
                Marshal.PtrToStringUTF8(layout.Payload, (int)layout.Length), layout.Partition, layout.Offset, message));
        }

        return records;
    }

    /// <summary>Polls until there are records.</summary>
    public IReadOnlyList<SharedRecord> PollSome(int tries = 40)
    {
        for (int time = 0; time < tries; time++)
        {
            if (Poll() is { Count: > 0 } records)
            {
                return records;
            }
        }

        throw new TimeoutException("no records came");
    }

    public void Acknowledge(SharedRecord record, int type) =>
        Assert.Equal(0, Native.rd_kafka_share_acknowledge_type(_handle, record.Message, type));

    /// <summary>Ends when the broker has answered.</summary>
    public void Commit()
    {
        Check(Native.rd_kafka_share_commit_sync(_handle, 10_000, out nint results));
        if (results != 0)
        {
            Native.rd_kafka_topic_partition_list_destroy(results);
        }
    }

    public void Close() => Check(Native.rd_kafka_share_consumer_close(_handle));

    public void Dispose()
    {
        Native.rd_kafka_messages_destroy(_batch);
        Native.rd_kafka_share_destroy(_handle);
    }

    private static void Set(nint conf, string name, string value)
    {
        byte[] text = new byte[ErrorTextBytes];
        Assert.True(
            Native.rd_kafka_conf_set(conf, Utf8(name), Utf8(value), text, (nuint)text.Length) == 0, Encoding.UTF8.GetString(text).TrimEnd('\0'));
    }

    private static void Check(nint error)
    {
        if (error != 0)
        {
            string text = Marshal.PtrToStringUTF8(Native.rd_kafka_error_string(error)) ?? "";
            Native.rd_kafka_error_destroy(error);
            Assert.Fail(text);
        }
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + "\0");

    /// <summary>rd_kafka_message_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Layout
    {
        public int Error;
        public nint Topic;
        public int Partition;
        public nint Payload;
        public nuint Length;
        public nint Key;
        public nuint KeyLength;
        public long Offset;
    }

#pragma warning disable SYSLIB1054, CA5392, IDE1006, CA2101, SA1300 // The names are the library's; the project allows no unsafe code for generated marshalling.
    private static class Native
    {
        private const string Library = "librdkafka";

        /// <summary>As Confluent.Kafka does: the first of the builds that this machine can load.</summary>
        private static readonly string[] Builds = ["librdkafka", "alpine-librdkafka", "centos8-librdkafka"];

        static Native() => NativeLibrary.SetDllImportResolver(
            typeof(Native).Assembly,
            static (name, assembly, path) =>
            {
                foreach (string build in name == Library ? Builds : [])
                {
                    if (NativeLibrary.TryLoad(build, assembly, path, out nint loaded))
                    {
                        return loaded;
                    }
                }

                return 0;
            });

        [DllImport(Library)]
        public static extern nint rd_kafka_conf_new();

        [DllImport(Library)]
        public static extern int rd_kafka_conf_set(nint conf, byte[] name, byte[] value, byte[] error, nuint errorSize);

        [DllImport(Library)]
        public static extern nint rd_kafka_share_consumer_new(nint conf, byte[] error, nuint errorSize);

        [DllImport(Library)]
        public static extern nint rd_kafka_topic_partition_list_new(int size);

        [DllImport(Library)]
        public static extern nint rd_kafka_topic_partition_list_add(nint list, byte[] topic, int partition);

        [DllImport(Library)]
        public static extern void rd_kafka_topic_partition_list_destroy(nint list);

        [DllImport(Library)]
        public static extern nint rd_kafka_share_subscribe(nint consumer, nint topics);

        [DllImport(Library)]
        public static extern nint rd_kafka_share_poll(nint consumer, int waitMs, out nint messages);

        [DllImport(Library)]
        public static extern nuint rd_kafka_messages_count(nint messages);

        [DllImport(Library)]
        public static extern nint rd_kafka_messages_get(nint messages, nuint index);

        [DllImport(Library)]
        public static extern void rd_kafka_messages_destroy(nint messages);

        [DllImport(Library)]
        public static extern int rd_kafka_share_acknowledge_type(nint consumer, nint message, int type);

        [DllImport(Library)]
        public static extern nint rd_kafka_share_commit_sync(nint consumer, int waitMs, out nint results);

        [DllImport(Library)]
        public static extern nint rd_kafka_share_consumer_close(nint consumer);

        [DllImport(Library)]
        public static extern void rd_kafka_share_destroy(nint consumer);

        [DllImport(Library)]
        public static extern nint rd_kafka_error_string(nint error);

        [DllImport(Library)]
        public static extern void rd_kafka_error_destroy(nint error);
    }
#pragma warning restore SYSLIB1054, CA5392, IDE1006, CA2101, SA1300
}
