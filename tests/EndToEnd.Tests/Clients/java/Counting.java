import java.nio.file.Files;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.Stores;

/**
 * A Kafka Streams application with exactly-once processing (EOS v2), a repartition topic and a changelog: two instances, one of which goes
 * without closing its transactions while a third comes. Every key is counted exactly.
 */
final class Counting {
    private static final int KEYS = 20;
    private static final int EACH = 100;

    private Counting() { }

    static void run(String bootstrap, String topic) throws Exception {
        String output = topic + "-counts";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1), new NewTopic(output, 2, (short) 1))).all().get();
            KafkaStreams first = start(bootstrap, topic, output);
            KafkaStreams second = start(bootstrap, topic, output);
            produce(bootstrap, topic, 0, EACH / 2);
            until(bootstrap, output, EACH / 2);
            produce(bootstrap, topic, EACH / 2, EACH * 3 / 4);
            second.close(new KafkaStreams.CloseOptions().timeout(Duration.ZERO).leaveGroup(true));
            KafkaStreams third = start(bootstrap, topic, output);
            produce(bootstrap, topic, EACH * 3 / 4, EACH);
            until(bootstrap, output, EACH);
            first.close(Duration.ofSeconds(20));
            third.close(Duration.ofSeconds(20));
            second.close(Duration.ofSeconds(20));
            Set<String> names = admin.listTopics().names().get();
            Client.same(true, names.contains(topic + "-app-counts-changelog") && names.contains(topic + "-app-by-word-repartition"), "its internal topics");
        }
    }

    private static KafkaStreams start(String bootstrap, String topic, String output) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(topic, Consumed.with(Serdes.String(), Serdes.String()))
            .selectKey((key, word) -> word)
            .repartition(Repartitioned.with(Serdes.String(), Serdes.String()).withName("by-word"))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
        Properties config = new Properties();
        config.putAll(Map.of("application.id", topic + "-app", "bootstrap.servers", bootstrap, "processing.guarantee", "exactly_once_v2",
            "commit.interval.ms", 200, "num.stream.threads", 1, "state.dir", Files.createTempDirectory("streams").toString(),
            "replication.factor", 1, "session.timeout.ms", 10000));
        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        return streams;
    }

    private static void produce(String bootstrap, String topic, int from, int to) {
        try (Producer<String, String> producer = Records.producer(bootstrap, Map.of())) {
            for (int i = from; i < to; i++) {
                for (int key = 0; key < KEYS; key++) {
                    producer.send(new ProducerRecord<>(topic, "from-" + i, "word-" + key));
                }
            }
        }
    }

    /** Until each word has its count; no count may be seen twice, and none left out: that is what exactly-once promises. */
    private static void until(String bootstrap, String output, int count) {
        Map<String, Long> counts = new HashMap<>();
        try (Consumer<String, String> consumer = Records.consumer(bootstrap, Map.of("isolation.level", "read_committed"))) {
            consumer.assign(List.of(new TopicPartition(output, 0), new TopicPartition(output, 1)));
            Groups.until("each word is counted " + count + " times: " + counts, () -> {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofMillis(200))) {
                    long next = Long.parseLong(each.value());
                    Client.same(true, next > counts.getOrDefault(each.key(), 0L), each.key() + " never goes back: " + next);
                    counts.put(each.key(), next);
                }
                return counts.size() == KEYS && counts.values().stream().allMatch(each -> each == count);
            });
        }
    }
}
