import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** Records of every compression, with keys, headers, times and null values; seeking, times, positions; deleting what is old. */
final class Records {
    private static final int EACH = 200;

    private Records() { }

    static void run(String bootstrap, String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            List<String> codecs = List.of("none", "gzip", "snappy", "lz4", "zstd");
            for (String codec : codecs) {
                produce(bootstrap, topic, codec, codecs.indexOf(codec) * EACH);
            }
            int total = codecs.size() * EACH;
            consume(bootstrap, partition, total);
            Client.same(total - 1L, admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition).get().offset(),
                "the record of the highest time");
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(10))).all().get();
            Client.same(10L, admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset(), "the first record");
        }
    }

    static Producer<String, String> producer(String bootstrap, Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "acks", "all"));
        config.putAll(more);
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    static Consumer<String, String> consumer(String bootstrap, Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false));
        config.putAll(more);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private static void produce(String bootstrap, String topic, String codec, int start) throws Exception {
        try (Producer<String, String> producer = producer(bootstrap, Map.of("compression.type", codec, "linger.ms", 20))) {
            List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
            long time = 1_700_000_000_000L + start;
            for (int i = 0; i < EACH; i++) {
                String value = i % 7 == 0 ? null : codec + "-" + i;
                sent.add(producer.send(new ProducerRecord<>(topic, 0, time++, "key-" + i, value, List.of(new RecordHeader("codec", codec.getBytes())))));
            }
            for (int i = 1; i < EACH; i++) {
                Client.same(sent.get(i - 1).get().offset() + 1, sent.get(i).get().offset(), "offsets in the order of sending");
            }
        }
    }

    private static void consume(String bootstrap, TopicPartition partition, int total) {
        try (Consumer<String, String> consumer = consumer(bootstrap, Map.of())) {
            consumer.assign(List.of(partition));
            List<ConsumerRecord<String, String>> all = new ArrayList<>();
            while (all.size() < total) {
                consumer.poll(Duration.ofSeconds(5)).forEach(all::add);
            }
            for (int i = 0; i < total; i++) {
                ConsumerRecord<String, String> each = all.get(i);
                String codec = new String(each.headers().lastHeader("codec").value());
                int number = i % EACH;
                Client.same((long) i, each.offset(), "offset");
                Client.same("key-" + number, each.key(), "key");
                Client.same(number % 7 == 0 ? null : codec + "-" + number, each.value(), "value");
            }
            consumer.seek(partition, 123);
            Client.same(123L, consumer.poll(Duration.ofSeconds(5)).iterator().next().offset(), "the record that was sought");
            long time = all.get(500).timestamp();
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
            Client.same(true, found.offset() <= 500 && found.timestamp() == time, "the record of a time");
            Client.same(Map.of(partition, (long) total), consumer.endOffsets(List.of(partition)), "the end");
            consumer.seek(partition, total + 1000L);
            Client.same(0L, consumer.poll(Duration.ofSeconds(10)).iterator().next().offset(), "what is read after an offset out of range");
        }
    }
}
