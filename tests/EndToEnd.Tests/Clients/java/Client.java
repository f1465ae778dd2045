import java.util.Objects;
import java.util.concurrent.ExecutionException;

/**
 * What a Java application does with Kafka's own client: one mode for one thing. Exit code 0: all was as it has to be.
 *
 * <pre>java -cp CLASSES:KAFKA/libs/* Client BOOTSTRAP TOPIC MODE</pre>
 */
public final class Client {
    private Client() { }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        switch (arguments[2]) {
            case "records" -> Records.run(bootstrap, topic);
            case "groups" -> Groups.run(bootstrap, topic);
            case "transactions" -> Transactions.run(bootstrap, topic);
            case "admin" -> Admins.run(bootstrap, topic);
            case "security" -> Security.run(bootstrap, topic);
            case "streams" -> Counting.run(bootstrap, topic);
            default -> throw new IllegalArgumentException(arguments[2] + ": records, groups, transactions, admin, security or streams");
        }
        System.out.println("ok");
    }

    static void same(Object expected, Object found, String what) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    interface Act {
        void run() throws Exception;
    }

    static void fails(Class<? extends Exception> with, Act act) throws Exception {
        try {
            act.run();
        } catch (Exception failure) {
            Throwable cause = failure instanceof ExecutionException ? failure.getCause() : failure;
            if (with.isInstance(cause)) {
                return;
            }
            throw failure;
        }
        throw new AssertionError("expected " + with.getSimpleName());
    }
}
