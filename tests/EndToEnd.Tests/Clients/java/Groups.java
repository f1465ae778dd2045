import java.time.Duration;
import java.util.*;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;

/** Groups of both protocols: sharing, leaving, static members, expressions, commits; and what an administrator does with them. */
final class Groups {
    private static final int TOTAL = 400;

    private Groups() { }

    static void run(String bootstrap, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 4, (short) 1))).all().get();
            try (Producer<String, String> producer = Records.producer(bootstrap, Map.of())) {
                for (int i = 0; i < TOTAL; i++) {
                    producer.send(new ProducerRecord<>(topic, i % 4, "k" + i, "v" + i));
                }
            }
            share(bootstrap, topic, Map.of("group.id", topic + "-range"));
            share(bootstrap, topic, Map.of("group.id", topic + "-sticky", "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
            share(bootstrap, topic, Map.of("group.id", topic + "-consumer", "group.protocol", "consumer"));
            share(bootstrap, topic, Map.of("group.id", topic + "-uniform", "group.protocol", "consumer", "group.remote.assignor", "uniform"));
            migrate(bootstrap, topic);
            administer(admin, topic);
        }
    }

    /** Two members read all between them; the second leaves, and the first has everything again. */
    private static void share(String bootstrap, String topic, Map<String, Object> config) {
        Map<String, Object> second = new HashMap<>(config);
        second.put("group.instance.id", "second");
        try (Consumer<String, String> one = Records.consumer(bootstrap, config)) {
            one.subscribe(Pattern.compile(Pattern.quote(topic)));
            Set<String> read = new HashSet<>();
            try (Consumer<String, String> two = Records.consumer(bootstrap, second)) {
                two.subscribe(List.of(topic));
                until("both have partitions, and all is read", () -> {
                    one.poll(Duration.ofMillis(100)).forEach(each -> read.add(each.value()));
                    two.poll(Duration.ofMillis(100)).forEach(each -> read.add(each.value()));
                    return one.assignment().size() == 2 && two.assignment().size() == 2 && read.size() == TOTAL;
                });
                one.commitSync();
                two.commitSync();
            }
            // A static member that closes keeps its place until its session ends; a consumer that unsubscribes leaves it.
            one.unsubscribe();
        }
    }

    /** A member of the new protocol joins a group of the old one, and nobody stops. */
    private static void migrate(String bootstrap, String topic) {
        Map<String, Object> old = Map.of("group.id", topic + "-migrated");
        try (Consumer<String, String> one = Records.consumer(bootstrap, old)) {
            one.subscribe(List.of(topic));
            until("the first has everything", () -> {
                one.poll(Duration.ofMillis(100));
                return one.assignment().size() == 4;
            });
            Map<String, Object> renewed = new HashMap<>(old);
            renewed.put("group.protocol", "consumer");
            try (Consumer<String, String> two = Records.consumer(bootstrap, renewed)) {
                two.subscribe(List.of(topic));
                until("both have two", () -> {
                    one.poll(Duration.ofMillis(100));
                    two.poll(Duration.ofMillis(100));
                    return one.assignment().size() == 2 && two.assignment().size() == 2;
                });
            }
        }
    }

    private static void administer(Admin admin, String topic) throws Exception {
        String group = topic + "-sticky";
        TopicPartition partition = new TopicPartition(topic, 1);
        Client.same(100L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset(), "what was committed");
        Client.same(true, admin.listConsumerGroups().all().get().stream().anyMatch(each -> each.groupId().equals(group)), "the list has it");
        Client.same(group, admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupId(), "its description");
        admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(5))).all().get();
        Client.same(5L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset(), "what was set");
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        Client.same(false, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().containsKey(partition), "that it was deleted");
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    interface Check {
        boolean holds();
    }

    static void until(String what, Check check) {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!check.holds()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within a minute: " + what);
            }
        }
    }
}
