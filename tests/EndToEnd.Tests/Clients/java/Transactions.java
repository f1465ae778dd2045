import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Commit, abort, offsets within a transaction, fencing, and what an administrator sees and ends of it. */
final class Transactions {
    private Transactions() { }

    static void run(String bootstrap, String topic) throws Exception {
        String output = topic + "-out";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1), new NewTopic(output, 1, (short) 1))).all().get();
            try (Producer<String, String> producer = Records.producer(bootstrap, Map.of("transactional.id", topic + "-tx"))) {
                producer.initTransactions();
                send(producer, topic, "committed", false);
                send(producer, topic, "aborted", true);
                send(producer, topic, "last", false);
                Client.same(List.of("committed", "last"), read(bootstrap, topic, 2), "what readers of committed records see");
                copy(bootstrap, producer, topic, output);
                describe(admin, producer, topic);
                fence(bootstrap, producer, topic);
            }
            end(bootstrap, admin, topic);
        }
    }

    private static void send(Producer<String, String> producer, String topic, String value, boolean abort) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, "k", value));
        if (abort) {
            producer.flush();
            producer.abortTransaction();
        } else {
            producer.commitTransaction();
        }
    }

    private static List<String> read(String bootstrap, String topic, int count) {
        List<String> values = new ArrayList<>();
        try (Consumer<String, String> consumer = Records.consumer(bootstrap, Map.of("isolation.level", "read_committed"))) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Groups.until("what is committed is read", () -> {
                consumer.poll(Duration.ofMillis(200)).forEach(each -> values.add(each.value()));
                return values.size() >= count;
            });
        }
        return values;
    }

    /** Consume, produce and commit the offsets in one transaction, aborted once and then done. */
    private static void copy(String bootstrap, Producer<String, String> producer, String topic, String output) {
        Map<String, Object> config = Map.of("group.id", topic + "-copy", "isolation.level", "read_committed", "group.protocol", "consumer");
        TopicPartition partition = new TopicPartition(topic, 0);
        for (boolean abort : new boolean[] {true, false}) {
            try (Consumer<String, String> consumer = Records.consumer(bootstrap, config)) {
                consumer.subscribe(List.of(topic));
                int[] copied = {0};
                producer.beginTransaction();
                Groups.until("two are copied", () -> {
                    for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofMillis(100))) {
                        producer.send(new ProducerRecord<>(output, each.key(), each.value()));
                        copied[0]++;
                    }
                    return copied[0] == 2;
                });
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(consumer.position(partition))), consumer.groupMetadata());
                if (abort) {
                    producer.abortTransaction();
                    Client.same(null, consumer.committed(Set.of(partition)).get(partition), "that nothing is committed");
                } else {
                    producer.commitTransaction();
                    Client.same(consumer.position(partition), consumer.committed(Set.of(partition)).get(partition).offset(), "what is committed");
                }
            }
        }
        Client.same(List.of("committed", "last"), read(bootstrap, output, 2), "that each was copied once");
    }

    private static void describe(Admin admin, Producer<String, String> producer, String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, "k", "open")).get();
        TransactionDescription told = admin.describeTransactions(List.of(topic + "-tx")).description(topic + "-tx").get();
        Client.same(TransactionState.ONGOING, told.state(), "its state");
        Client.same(Set.of(partition), told.topicPartitions(), "its partitions");
        Client.same(true, admin.listTransactions().all().get().stream().anyMatch(each -> each.transactionalId().equals(topic + "-tx")), "the list has it");
        Client.same(true, admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().stream()
            .anyMatch(each -> each.producerId() == told.producerId() && each.currentTransactionStartOffset().isPresent()), "the producer that holds it");
        producer.commitTransaction();
    }

    private static void fence(String bootstrap, Producer<String, String> producer, String topic) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, "k", "of one that is fenced"));
        producer.flush();
        try (Producer<String, String> next = Records.producer(bootstrap, Map.of("transactional.id", topic + "-tx"))) {
            next.initTransactions();
            send(next, topic, "next", false);
        }
        try {
            producer.commitTransaction();
            throw new AssertionError("a fenced producer committed");
        } catch (ProducerFencedException expected) {
            Client.same(List.of("committed", "last", "open", "next"), read(bootstrap, topic, 4), "that its record is not seen");
        }
    }

    /** Producers fenced by an administrator; a transaction aborted where it hangs. */
    private static void end(String bootstrap, Admin admin, String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        Producer<String, String> hanging = Records.producer(bootstrap, Map.of("transactional.id", topic + "-hanging"));
        hanging.initTransactions();
        hanging.beginTransaction();
        hanging.send(new ProducerRecord<>(topic, "k", "hangs")).get();
        admin.fenceProducers(List.of(topic + "-hanging")).all().get();
        Client.fails(ProducerFencedException.class, hanging::commitTransaction);
        hanging.close(Duration.ZERO);
        Groups.until("nothing is open", () -> {
            try {
                return admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().stream()
                    .noneMatch(each -> each.currentTransactionStartOffset().isPresent());
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        });
    }
}
