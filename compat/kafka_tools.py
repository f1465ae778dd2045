"""What bin/kafka-*.sh of Apache Kafka run, against PipeRoll, as an administrator would: every step has what must be in its output.

Used by compat/matrix. kafka-configs and kafka-acls, which are written in Scala until 4.0, are run where the jars have them; the Java client
of tests/EndToEnd.Tests/Clients/java does what they do.
"""
import json
import os
import re
import subprocess
import tempfile

PACKAGE = "org.apache.kafka.tools."


def call(jars, tool, *arguments, text=None, code=0):
    """Runs a tool; its output, or RuntimeError if it ends with another code."""
    name = tool if tool.startswith("kafka.") else PACKAGE + tool
    done = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", jars, name, *arguments], input=text, capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise RuntimeError(f"{tool} {' '.join(arguments)}: {done.returncode}: {(done.stdout + done.stderr).strip()[-400:]}")
    return done.stdout


def run_all(bootstrap, jars):
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(bootstrap, jars, folder)
        steps.topics()
        steps.groups()
        steps.offsets()
        steps.placement()
        steps.cluster()
        steps.transactions()
        steps.scala()


class Steps:
    def __init__(self, bootstrap, jars, folder):
        self.bootstrap, self.jars, self.folder = bootstrap, jars, folder

    def see(self, expected, tool, *arguments, text=None, code=0):
        output = call(self.jars, tool, "--bootstrap-server", self.bootstrap, *arguments, text=text, code=code)
        if not re.search(expected, output):
            raise RuntimeError(f"{tool} {' '.join(arguments)}: expected {expected} in: {output[-400:]}")
        return output

    def file(self, content):
        path = os.path.join(self.folder, "input.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(content, out)
        return path

    def topics(self):
        tool = "TopicCommand"
        self.see("Created topic orders", tool, "--create", "--topic", "orders", "--partitions", "3", "--config", "retention.ms=3600000")
        self.see("already exists", tool, "--create", "--topic", "orders", code=1)
        self.see("", tool, "--create", "--topic", "orders", "--if-not-exists")
        self.see("(?m)^orders$", tool, "--list")
        self.see("", tool, "--alter", "--topic", "orders", "--partitions", "4")
        self.see(r"PartitionCount: 4.*retention.ms=3600000(?s:.*)Partition: 3\tLeader: 1", tool, "--describe", "--topic", "orders")
        self.see("^$", tool, "--describe", "--unavailable-partitions")
        self.see("^$", tool, "--describe", "--under-replicated-partitions")
        self.see("", tool, "--create", "--topic", "spare")
        self.see("", tool, "--delete", "--topic", "spare")

    def groups(self):
        self.see("", "ConsoleProducer", "--topic", "orders", text="".join(f"k{i}:v{i}\n" for i in range(100)), *["--property", "parse.key=true", "--property", "key.separator=:"])
        for group, protocol in (("old", "classic"), ("new", "consumer")):
            self.see("v99", "consumer.ConsoleConsumer", "--topic", "orders", "--from-beginning", "--max-messages", "100", "--group", group,
                     "--consumer-property", f"group.protocol={protocol}")
        tool = "consumer.group.ConsumerGroupCommand"
        self.see(r"old +Empty(?s:.*)|new +Empty", tool, "--list", "--state")
        self.see(r"new +Consumer", tool, "--list", "--type", "consumer")
        self.see(r"old +orders +\d +\d+ +\d+ +0 ", tool, "--describe", "--group", "old")
        self.see("Empty", tool, "--describe", "--group", "new", "--state")
        self.see("", tool, "--describe", "--all-groups", "--members", "--verbose")
        self.see(r"old +orders +\d +0", tool, "--group", "old", "--reset-offsets", "--to-earliest", "--topic", "orders", "--execute")
        self.see(r"new +orders", tool, "--group", "new", "--reset-offsets", "--shift-by", "-5", "--all-topics", "--execute")
        self.see(r"new +orders", tool, "--group", "new", "--reset-offsets", "--to-datetime", "2020-01-01T00:00:00.000", "--all-topics", "--execute")
        self.see("Successful", tool, "--group", "new", "--delete-offsets", "--topic", "orders")
        self.see("successful", tool, "--group", "old", "--delete")

    def offsets(self):
        tool = "GetOffsetShell"
        ends = self.see(r"orders:0:\d+", tool, "--topic", "orders")
        if sum(int(line.split(":")[2]) for line in ends.split()) != 100:
            raise RuntimeError(f"{tool}: 100 records, but {ends}")
        for time in ("earliest", "max-timestamp", "earliest-local", "latest-tiered", "-1", "1000000000000"):
            self.see("", tool, "--topic", "orders", "--time", time)
        plan = {"partitions": [{"topic": "orders", "partition": 0, "offset": 1}], "version": 1}
        self.see("low_watermark: 1", "DeleteRecordsCommand", "--offset-json-file", self.file(plan))
        self.see("orders:0:1", tool, "--topic", "orders", "--time", "earliest")

    def placement(self):
        tool = "reassign.ReassignPartitionsCommand"
        self.see("Proposed partition", tool, "--generate", "--broker-list", "1", "--topics-to-move-json-file",
                 self.file({"topics": [{"topic": "orders"}], "version": 1}))
        plan = self.file({"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1]}]})
        self.see("Successfully started", tool, "--execute", "--throttle", "1000000", "--reassignment-json-file", plan)
        self.see("is completed", tool, "--verify", "--reassignment-json-file", plan)
        self.see("No partition reassignments", tool, "--list")
        self.see("", "LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions")
        self.see('"size":', "LogDirsCommand", "--describe", "--topic-list", "orders")

    def cluster(self):
        self.see(r"metadata.version.*FinalizedVersionLevel: 4\.", "FeatureCommand", "describe")
        self.see("", "FeatureCommand", "upgrade", "--feature", "transaction.version=2")
        self.see("LeaderId: +1", "MetadataQuorumCommand", "describe", "--status")
        self.see("Leader", "MetadataQuorumCommand", "describe", "--replication")
        identity = call(self.jars, "ClusterTool", "cluster-id", "--bootstrap-server", self.bootstrap)
        if "Cluster ID:" not in identity:
            raise RuntimeError(f"ClusterTool: {identity}")
        self.see(r"Produce\(0\): 0 to \d+ \[usable", "BrokerApiVersionsCommand")
        tool = "ClientMetricsCommand"
        self.see("Altered", tool, "--alter", "--name", "all", "--metrics", "org.apache.kafka.producer.", "--interval", "1000")
        self.see("interval.ms=1000", tool, "--describe", "--name", "all")
        self.see("", "ConsoleProducer", "--topic", "orders", text="pushed\n")
        self.see("", tool, "--delete", "--name", "all")

    def transactions(self):
        tool = "TransactionsCommand"
        self.see("TransactionalId", tool, "list")
        self.see("ProducerId", tool, "describe-producers", "--topic", "orders", "--partition", "0")
        self.see("Topic", tool, "find-hanging", "--broker-id", "1")

    def scala(self):
        """kafka-configs and kafka-acls, if these jars have them."""
        configs, rules = "kafka.admin.ConfigCommand", "kafka.admin.AclCommand"
        try:
            self.see("Completed", configs, "--alter", "--entity-type", "topics", "--entity-name", "orders", "--add-config", "retention.ms=7200000")
        except RuntimeError as failure:
            if "ClassNotFoundException" in str(failure) or "Could not find or load" in str(failure):
                print("kafka_tools: no kafka.admin in these jars; kafka-configs and kafka-acls left out")
                return
            raise
        self.see("retention.ms=7200000", configs, "--describe", "--entity-type", "topics", "--entity-name", "orders")
        self.see("", configs, "--describe", "--entity-type", "brokers", "--entity-name", "1", "--all")
        self.see("Completed", configs, "--alter", "--entity-type", "clients", "--entity-default", "--add-config", "producer_byte_rate=1000000")
        self.see("producer_byte_rate", configs, "--describe", "--entity-type", "clients", "--entity-default")
        self.see("Adding ACLs", rules, "--add", "--allow-principal", "User:bob", "--operation", "Read", "--topic", "orders")
        self.see("User:bob", rules, "--list")
