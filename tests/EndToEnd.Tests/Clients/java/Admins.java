import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.quota.*;

/** What the tools and the user interfaces do with the AdminClient. */
final class Admins {
    private Admins() { }

    static void run(String bootstrap, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            topics(admin, topic);
            configs(admin, topic);
            quotas(admin);
            cluster(admin, topic);
            admin.deleteTopics(List.of(topic)).all().get();
        }
    }

    private static void topics(Admin admin, String topic) throws Exception {
        CreateTopicsResult made = admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1).configs(Map.of("cleanup.policy", "compact"))));
        Uuid id = made.topicId(topic).get();
        Client.same(2, made.numPartitions(topic).get(), "partitions of a new topic");
        Client.same("compact", made.config(topic).get().get("cleanup.policy").value(), "a setting of a new topic");
        Client.fails(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
        Client.fails(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("no spaces", 1, (short) 1))).all().get());
        Client.fails(InvalidConfigurationException.class,
            () -> admin.createTopics(List.of(new NewTopic(topic + "-x", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get());
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
        Client.fails(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(1))).all().get());
        Client.same(4, admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "partitions by name");
        Client.same(topic, admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name(), "name by id");
        Client.same(true, admin.listTopics().names().get().contains(topic), "the list has it");
    }

    private static void configs(Admin admin, String topic) throws Exception {
        ConfigResource ofTopic = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ConfigResource ofBroker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        ConfigResource ofAll = new ConfigResource(ConfigResource.Type.BROKER, "");
        ConfigResource ofGroup = new ConfigResource(ConfigResource.Type.GROUP, "java-configs");
        set(admin, ofTopic, "retention.ms", "3600000");
        set(admin, ofAll, "log.retention.ms", "7200000");
        set(admin, ofGroup, "consumer.session.timeout.ms", "50000");
        ConfigEntry retention = describe(admin, ofTopic).get("retention.ms");
        Client.same("3600000", retention.value(), "a topic's setting");
        Client.same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source(), "where it is from");
        Client.same(true, retention.synonyms().stream().anyMatch(each -> each.name().equals("log.retention.ms") && each.value().equals("7200000")),
            "what it would be without");
        Client.same(true, retention.documentation() != null && !retention.documentation().isEmpty(), "that it is explained");
        Client.same("50000", describe(admin, ofGroup).get("consumer.session.timeout.ms").value(), "a group's setting");
        Client.same(true, describe(admin, ofBroker).entries().size() > 50, "that brokers tell of their settings");
        Client.fails(InvalidConfigurationException.class, () -> set(admin, ofTopic, "max.message.bytes", "-5"));
        Client.fails(InvalidConfigurationException.class, () -> set(admin, ofTopic, "no.such.setting", "1"));
        for (ConfigResource each : List.of(ofTopic, ofAll, ofGroup)) {
            String name = each == ofTopic ? "retention.ms" : each == ofAll ? "log.retention.ms" : "consumer.session.timeout.ms";
            admin.incrementalAlterConfigs(Map.of(each, List.of(new AlterConfigOp(new ConfigEntry(name, null), AlterConfigOp.OpType.DELETE)))).all().get();
        }
        Client.same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, describe(admin, ofTopic).get("retention.ms").source(), "that it is gone");
    }

    private static void set(Admin admin, ConfigResource resource, String name, String value) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)))).all().get();
    }

    private static Config describe(Admin admin, ConfigResource resource) throws Exception {
        DescribeConfigsOptions whole = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        return admin.describeConfigs(List.of(resource), whole).all().get().get(resource);
    }

    private static void quotas(Admin admin) throws Exception {
        ClientQuotaEntity user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "somebody"));
        ClientQuotaFilter ofUser = ClientQuotaFilter.containsOnly(List.of(ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, "somebody")));
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(user, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1e6))))).all().get();
        Client.same(1e6, admin.describeClientQuotas(ofUser).entities().get().get(user).get("producer_byte_rate"), "a quota");
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(user, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", null))))).all().get();
        Client.same(true, admin.describeClientQuotas(ofUser).entities().get().isEmpty(), "that it is gone");
    }

    private static void cluster(Admin admin, String topic) throws Exception {
        DescribeClusterResult cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        Client.same(1, cluster.nodes().get().size(), "brokers");
        Client.same(true, cluster.controller().get().id() >= 0 && !cluster.clusterId().get().isEmpty(), "the controller and the id");
        Client.same(true, admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"), "features");
        Client.same(1, admin.describeMetadataQuorum().quorumInfo().get().voters().size(), "voters");
        Client.same(1, admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).size(), "log directories");
        Client.same(true, admin.listPartitionReassignments().reassignments().get().isEmpty(), "reassignments");
        Client.fails(ElectionNotNeededException.class, () -> {
            Map<TopicPartition, Optional<Throwable>> told = admin.electLeaders(ElectionType.PREFERRED, Set.of(new TopicPartition(topic, 0))).partitions().get();
            throw new ExecutionException(told.get(new TopicPartition(topic, 0)).orElseThrow());
        });
        admin.listConsumerGroups().all().get();
        admin.listTransactions().all().get();
        admin.listClientMetricsResources().all().get();
    }
}
