import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.security.token.delegation.DelegationToken;

/**
 * From the first user on: SCRAM logins, rules, denials, delegation tokens. The server is one that knows nobody yet, and knows somebody after.
 */
final class Security {
    private static final String LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\"%s;";

    private Security() { }

    static void run(String bootstrap, String topic) throws Exception {
        try (Admin nobody = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            nobody.createTopics(List.of(new NewTopic(topic, 1, (short) 1), new NewTopic(topic + "-other", 1, (short) 1))).all().get();
            upsert(nobody, "alice", "s3cret");
        }
        try (Admin alice = Admin.create(login(bootstrap, "alice", "s3cret", ""))) {
            users(alice);
            upsert(alice, "bob", "b0b");
            rules(bootstrap, alice, topic);
            tokens(bootstrap, alice, topic);
        }
        try (Admin wrong = Admin.create(login(bootstrap, "alice", "wrong", ""))) {
            Client.fails(SaslAuthenticationException.class, () -> wrong.listTopics().names().get());
        }
    }

    private static Map<String, Object> login(String bootstrap, String user, String password, String more) {
        return Map.of("bootstrap.servers", bootstrap, "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "SCRAM-SHA-512",
            "sasl.jaas.config", LOGIN.formatted(user, password, more));
    }

    private static void upsert(Admin admin, String user, String password) throws Exception {
        ScramCredentialInfo info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192);
        admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(user, info, password))).all().get();
    }

    private static void users(Admin alice) throws Exception {
        upsert(alice, "carol", "c4rol");
        Client.same(8192, alice.describeUserScramCredentials(List.of("carol")).all().get().get("carol").credentialInfos().get(0).iterations(), "iterations");
        Client.same(Set.of("alice", "carol"), Set.copyOf(alice.describeUserScramCredentials().users().get()), "users");
        alice.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("carol", ScramMechanism.SCRAM_SHA_512))).all().get();
        Client.fails(ResourceNotFoundException.class, () -> alice.describeUserScramCredentials(List.of("carol")).description("carol").get());
    }

    private static void rules(String bootstrap, Admin alice, String topic) throws Exception {
        AclBinding write = rule(topic, AclOperation.WRITE);
        AclBinding read = rule(topic, AclOperation.READ);
        try (Producer<String, String> bob = Records.producer(bootstrap, login(bootstrap, "bob", "b0b", ""))) {
            Client.fails(TopicAuthorizationException.class, () -> bob.send(new ProducerRecord<>(topic, "k", "denied")).get());
            alice.createAcls(List.of(write, read)).all().get();
            Client.same(true, alice.describeAcls(AclBindingFilter.ANY).values().get().containsAll(List.of(write, read)), "the rules");
            bob.send(new ProducerRecord<>(topic, "k", "allowed")).get();
            Client.fails(TopicAuthorizationException.class, () -> bob.send(new ProducerRecord<>(topic + "-other", "k", "denied")).get());
        }
        try (Admin bob = Admin.create(login(bootstrap, "bob", "b0b", ""))) {
            Client.same(Set.of(topic), bob.listTopics().names().get(), "what bob sees");
            Client.fails(ClusterAuthorizationException.class, () -> bob.describeAcls(AclBindingFilter.ANY).values().get());
            Client.fails(TopicAuthorizationException.class, () -> bob.deleteTopics(List.of(topic)).all().get());
        }
        Client.same(List.of(write), List.copyOf(alice.deleteAcls(List.of(write.toFilter())).all().get()), "the rule that went");
    }

    private static AclBinding rule(String topic, AclOperation operation) {
        return new AclBinding(new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL),
            new AccessControlEntry("User:bob", "*", operation, AclPermissionType.ALLOW));
    }

    /** A token of bob's stands for bob, and for nobody once it has expired. */
    private static void tokens(String bootstrap, Admin alice, String topic) throws Exception {
        try (Admin bob = Admin.create(login(bootstrap, "bob", "b0b", ""))) {
            DelegationToken token = bob.createDelegationToken().delegationToken().get();
            Client.same(1, bob.describeDelegationToken().delegationTokens().get().size(), "tokens that bob sees");
            Map<String, Object> config = new HashMap<>(login(bootstrap, token.tokenInfo().tokenId(), token.hmacAsBase64String(), " tokenauth=\"true\""));
            try (Consumer<String, String> reader = Records.consumer(bootstrap, config)) {
                reader.assign(List.of(new TopicPartition(topic, 0)));
                Client.same("allowed", reader.poll(Duration.ofSeconds(20)).iterator().next().value(), "what the token reads");
            }
            bob.renewDelegationToken(token.hmac()).expiryTimestamp().get();
            bob.expireDelegationToken(token.hmac(), new ExpireDelegationTokenOptions().expiryTimePeriodMs(-1)).expiryTimestamp().get();
            try (Admin late = Admin.create(config)) {
                Client.fails(SaslAuthenticationException.class, () -> late.listTopics().names().get());
            }
        }
    }
}
