#!/usr/bin/env python3
"""Runs librdkafka's own test-runner against PipeRoll and compares what passes with the allow-list beside this file.

    LIBRDKAFKA=<checkout of librdkafka 2.15, its library and tests/test-runner built> compat/librdkafka.py [SET ...] [options]

Every set gets brokers of its own, started fresh. Exit codes: 0 everything listed passes; 1 a listed test fails; 2 wrong usage.
A test that is not listed and passes is named as one to add: the list can only grow. Debian packages used: python3-kafka.

--listed          run the listed tests only, to see whether anything was lost
--test NNNN       run this test only (repeatable)
--bootstrap LIST  use these running brokers (127.0.0.1:PORT,...) instead of starting any
--logs DIR        where to keep the logs (default: a new folder under /tmp)
--seconds N       how long one test may take (default 600)
"""
import argparse
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ALLOWED = HERE / "librdkafka.txt"

# The functions of the suite that need one ordinary broker, by number.
PLAIN = """0001 0002 0003 0005 0007 0008 0011 0012 0013 0014 0015 0016 0017 0018 0019 0020 0021 0022 0026 0029 0030 0031 0033 0034
0035 0036 0038 0039 0040 0041 0042 0044 0045 0048 0049 0050 0051 0053 0054 0055 0056 0057 0059 0060 0061 0063 0064 0065 0067 0068
0069 0070 0073 0075 0076 0082 0083 0084 0085 0086 0088 0089 0090 0091 0092 0093 0094 0099 0102 0110 0112 0113 0114 0118 0122 0123
0125 0127 0129 0130 0132 0137 0140""".split()
SHARE = "0170 0171 0172 0173 0174 0175 0176 0177 0178 0179 0180 0181 0184 0185".split()

# The others take KAFKA_PATH as a promise of a Java client.
CALLS_TOPICS_TOOL = ["0045", "0052", "0077"]

# What the suite expects of its broker, beside Kafka's defaults.
ORDINARY = ["broker/num.partitions=4"]
NO_AUTO_CREATE = ["broker/auto.create.topics.enable=false"]


class Set:
    """Tests that run under the same conditions."""

    def __init__(self, tests, settings=(), brokers=1, scenario="default", version="4.0.0", arguments=(), environment=(), client=()):
        self.tests, self.settings, self.brokers = tests, [*ORDINARY, *settings], brokers
        self.scenario, self.version, self.arguments = scenario, version, arguments
        self.environment, self.client = dict(environment), client


SETS = {
    "plain": Set(PLAIN),
    # What is compacted is what is in objects; the suite waits 20 s for it.
    "topics": Set(["0052", "0077"], ["storage/upload.age=2s"]),
    "rf3": Set(["0098", "0103"]),
    "noauto": Set(["0045", "0107", "0111"], NO_AUTO_CREATE, scenario="noautocreate"),
    "idempotent": Set(PLAIN, arguments=["-P"]),
    # With this protocol sessions are the broker's setting; those that the suite asks of classic groups last six seconds.
    "consumer": Set(PLAIN, ["broker/group.consumer.session.timeout.ms=6000"], environment={"TEST_CONSUMER_GROUP_PROTOCOL": "consumer"}),
    # Groups of the suite ask for locks of seconds; and 0170 gives its parts less time than they are written to take.
    "share": Set(SHARE, ["broker/group.share.min.record.lock.duration.ms=1000"], version="4.2.0", client=["test.timeout.multiplier=2"]),
    "admin": Set(["0081"]),
    # Whoever is defined in the configuration may everything.
    "sasl": Set(
        [*PLAIN, "0081", "0142"], ["security/admin.user=suite", "security/admin.password=not a secret"],
        client=["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512", "sasl.username=suite", "sasl.password=not a secret"]),
    "three": Set([*PLAIN, "0101", "0098", "0103"], brokers=3),
}

# Stands in for the shell tools that some tests call, over another project's client.
TOOL = """
import sys
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic
words, values, flags = sys.argv[1:], {}, set()
while words:
    word = words.pop(0)[2:]
    if words and not words[0].startswith('--'):
        values.setdefault(word, []).append(words.pop(0))
    else:
        flags.add(word)
admin = KafkaAdminClient(bootstrap_servers=values['bootstrap-server'][0].split(','))
topic = values['topic'][0]
if 'create' in flags:
    configs = dict(pair.split('=', 1) for pair in values.get('config', []))
    admin.create_topics([NewTopic(topic, int(values['partitions'][0]), int(values['replication-factor'][0]), topic_configs=configs)])
elif 'alter' in flags:
    admin.create_partitions({topic: NewPartitions(int(values['partitions'][0]))})
elif 'delete' in flags:
    admin.delete_topics([topic])
else:
    sys.exit('not known: ' + ' '.join(sys.argv[1:]))
"""


def main():
    options = parse()
    library = pathlib.Path(os.environ.get("LIBRDKAFKA", ""))
    if not os.access(library / "tests" / "test-runner", os.X_OK):
        print("set LIBRDKAFKA to a checkout of librdkafka in which the library and tests/test-runner are built", file=sys.stderr)
        return 2
    logs = pathlib.Path(options.logs or tempfile.mkdtemp(prefix="librdkafka-"))
    allowed = read_allowed()
    lost, gained = [], []
    for name in options.sets:
        one = SETS[name]
        listed = {function for in_set, function in allowed if in_set == name}
        tests = [test for test in one.tests if not options.test or test in options.test]
        if options.listed:
            tests = [test for test in tests if any(function.startswith(test) for function in listed)]
        if not tests:
            continue
        folder = logs / name
        folder.mkdir(parents=True, exist_ok=True)
        brokers = None if options.bootstrap else Brokers(one, folder)
        try:
            bootstrap = options.bootstrap or brokers.start()
            for test in tests:
                results = run(library, one, test, bootstrap, folder, options.seconds)
                if any(results.get(function) != "passed" for function in listed if function.startswith(test)):
                    print(f"{name} {test}: a second try", flush=True)
                    results = run(library, one, test, bootstrap, folder, options.seconds)
                for function, result in results.items():
                    print(f"{name} {function}: {result}", flush=True)
                lost += [(name, function) for function in listed
                         if function.startswith(test) and results.get(function) != "passed"]
                gained += [(name, function) for function, result in results.items() if result == "passed" and function not in listed]
        finally:
            if brokers:
                brokers.stop()
    for name, function in gained:
        print(f"passes and is not listed, add it: {name} {function}")
    for name, function in lost:
        print(f"listed and fails: {name} {function} (log in {logs / name})")
    print(f"{len(lost)} listed tests fail, {len(gained)} more pass than are listed; logs in {logs}")
    return 1 if lost else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)} (default: those that the allow-list names)")
    parser.add_argument("--listed", action="store_true")
    parser.add_argument("--test", action="append")
    parser.add_argument("--bootstrap")
    parser.add_argument("--logs")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    unknown = [name for name in options.sets if name not in SETS]
    if unknown:
        parser.error(f"no such set: {', '.join(unknown)}")
    if not options.sets:
        options.sets = [name for name in SETS if any(in_set == name for in_set, _ in read_allowed())]
    return options


def read_allowed():
    lines = (line.split("#")[0].split() for line in ALLOWED.read_text().splitlines())
    return [(words[0], words[1]) for words in lines if words]


def run(library, one, test, bootstrap, folder, seconds):
    """One process a test, since a failure ends the process. Returns the result of each function that the number stands for."""
    config = folder / "test.conf"
    config.write_text("\n".join([f"metadata.broker.list={bootstrap}", "test.topic.random=true", *one.client, ""]))
    environment = {
        **os.environ, **one.environment, "TESTS": test, "TEST_KAFKA_VERSION": one.version, "BROKERS": bootstrap, "ZK_ADDRESS": bootstrap,
        "RDKAFKA_TEST_CONF": str(config),
        "LD_LIBRARY_PATH": f"{library / 'src'}:{library / 'src-cpp'}",
    }
    if test in CALLS_TOPICS_TOOL:
        environment["KAFKA_PATH"] = str(tools(folder))
    # Never -Q: the runner then passes over all parts of a test and calls it passed.
    command = ["./test-runner", "-L", "-p1", "-s", one.scenario, *one.arguments]
    log = folder / f"{test}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=library / "tests", env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
    results = {}
    for function, state, took in re.findall(rf"^\| +({test}_\w+) +\| +(\w+) +\| +([\d.]+)s", text, re.MULTILINE):
        if state == "PASSED":
            results[function] = "passed" if float(took) > 0 else "ran nothing"
        else:
            results[function] = state.lower()
    if not results or process.returncode != 0:
        failure = re.search(r"TEST FAILURE\n(.*\n?.*)", text)
        reason = " ".join(failure.group(1).split())[:200] if failure else f"ended with {process.returncode}"
        for function in results or {test: ""}:
            if results.get(function) not in ("skipped", "dns", "ran nothing"):
                results[function] = f"failed: {reason}"
    return results


def tools(folder):
    tool = folder / "bin" / "kafka-topics.sh"
    tool.parent.mkdir(exist_ok=True)
    (folder / "bin" / "topics.py").write_text(TOOL)
    tool.write_text(f'#!/bin/sh\nexec /usr/bin/python3 "{folder}/bin/topics.py" "$@"\n')
    tool.chmod(0o755)
    return folder


class Brokers:
    """One `piperoll up` with its own folder, or samples/cluster/up."""

    def __init__(self, one, folder):
        self.one, self.folder, self.process = one, folder, None

    def start(self):
        settings = [word for setting in self.one.settings for word in ("--set", setting)]
        if self.one.brokers == 1:
            port = free_port()
            addresses = [f"127.0.0.1:{port}"]
            command = [ROOT / "piperoll", "up", "--data", self.folder / "data", "--kafka-port", str(port), "--http-port", "0",
                       "--advertise", "127.0.0.1", "--log-format", "text", *settings]
        else:
            port = free_port(self.one.brokers)
            addresses = [f"127.0.0.1:{port + at}" for at in range(self.one.brokers)]
            command = [ROOT / "samples" / "cluster" / "up", "-d", self.folder / "data", "-p", str(port), "-n", str(self.one.brokers)]
        environment = {**os.environ, **as_environment(self.one.settings)}
        with (self.folder / "broker.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        ready = re.compile(rb"^ready kafka=|broker %d is ready" % self.one.brokers, re.MULTILINE)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            if ready.search((self.folder / "broker.log").read_bytes()):
                return ",".join(addresses)
            time.sleep(1)
        self.stop()
        sys.exit(f"the broker did not start; see {self.folder / 'broker.log'}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(120)


def as_environment(settings):
    """broker/num.partitions=4 as PIPEROLL_BROKER__NUM_PARTITIONS=4."""
    pairs = (setting.split("=", 1) for setting in settings)
    return {"PIPEROLL_" + name.upper().replace("/", "__").replace(".", "_"): value for name, value in pairs}


def free_port(count=1):
    """The first of so many free ports in a row, whose HTTP ports a hundred above are free as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 32000 or count == 1:
            return port
        port = 20000 + (os.getpid() + time.time_ns()) % 10000
        if all(is_free(port + at) and is_free(port + 100 + at) for at in range(count)):
            return port


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


if __name__ == "__main__":
    sys.exit(main())
