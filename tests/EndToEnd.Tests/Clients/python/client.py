"""A user's python3-kafka program: client.py BOOTSTRAP TOPIC MODE [ARGUMENT]; prints one line of JSON."""
import json
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

BOOTSTRAP, TOPIC, MODE = sys.argv[1:4]


def consumer(**settings):
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", consumer_timeout_ms=5000, **settings)


def round_trip():
    """gzip and plain are what the Debian package can compress without further modules."""
    sent = 0
    for codec in (None, "gzip"):
        producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", compression_type=codec, linger_ms=5)
        for i in range(500):
            producer.send(TOPIC, key=b"k%d" % (i % 5), value=b"%s %d" % (str(codec).encode(), i), headers=[("codec", str(codec).encode())])
            sent += 1
        producer.flush()
        producer.close()
    reader = consumer()
    reader.subscribe([TOPIC])
    records = list(reader)
    return {
        "sent": sent,
        "received": len(records),
        "distinct": len({r.value for r in records}),
        "headersRight": all(r.value.startswith(dict(r.headers)["codec"]) for r in records),
        "ordered": all(a.offset + 1 == b.offset for a, b in zip(records, records[1:])),
    }


def group():
    """Two members of one group; between them they see everything once, and the committed offsets say so."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for i in range(400):
        producer.send(TOPIC, value=b"%d" % i, partition=i % 4)
    producer.flush()
    seen, lock, assigned = [], threading.Lock(), {}

    def member(name):
        with_group = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id="python-" + TOPIC, auto_offset_reset="earliest",
                                   session_timeout_ms=10000, heartbeat_interval_ms=500, enable_auto_commit=False)
        limit = time.time() + 40
        while time.time() < limit:
            for batch in with_group.poll(timeout_ms=300).values():
                with lock:
                    seen.extend(int(r.value) for r in batch)
            with lock:
                assigned[name] = len(with_group.assignment())
                done = len(set(seen)) == 400 and sorted(assigned.values()) == [2, 2]
            if with_group.assignment():
                try:
                    with_group.commit()
                except Exception:  # a rebalance is under way; the next round commits again
                    pass
            if done:
                break
        with_group.close(autocommit=False)

    threads = [threading.Thread(target=member, args=(n,)) for n in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check = consumer(group_id="python-" + TOPIC)
    committed = sum(check.committed(TopicPartition(TOPIC, p)) or 0 for p in range(4))
    return {"distinct": len(set(seen)), "assigned": sorted(assigned.values()), "committed": committed}


def seek():
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for i in range(100):
        producer.send(TOPIC, value=b"%d" % i, timestamp_ms=1700000000000 + i * 1000)
    producer.flush()
    reader = consumer()
    partition = TopicPartition(TOPIC, 0)
    reader.assign([partition])
    reader.seek(partition, 90)
    tail = [int(r.value) for r in reader]
    by_time = reader.offsets_for_times({partition: 1700000000000 + 41500})[partition]
    missing = reader.offsets_for_times({partition: 1800000000000})[partition]
    return {
        "tail": tail,
        "byTime": by_time.offset,
        "missing": missing is None,
        "beginning": reader.beginning_offsets([partition])[partition],
        "end": reader.end_offsets([partition])[partition],
    }


def admin():
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    name = TOPIC + "-made"
    client.create_topics([NewTopic(name, 2, 1, topic_configs={"retention.ms": "60000"})])
    client.create_partitions({name: NewPartitions(3)})
    described = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])[0]
    retention = {entry[0]: entry[1] for entry in described.resources[0][4]}["retention.ms"]
    partitions = len(client.describe_topics([name])[0]["partitions"])
    client.delete_topics([name])
    return {"retention": retention, "partitions": partitions, "gone": name not in client.list_topics()}


def tools():
    """What an operator's tool asks for: brokers, their settings, groups and their offsets."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for i in range(10):
        producer.send(TOPIC, value=b"%d" % i)
    producer.flush()
    reader = consumer(group_id="tools-" + TOPIC)
    reader.subscribe([TOPIC])
    read = len(list(reader))
    reader.commit()
    reader.close()
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    cluster = client.describe_cluster()
    broker = ConfigResource(ConfigResourceType.BROKER, str(cluster["brokers"][0]["node_id"]), {"log.retention.ms": "7200000"})
    client.alter_configs([broker])
    wide = {entry[0]: entry[1] for entry in client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])[0].resources[0][4]}
    client.alter_configs([ConfigResource(ConfigResourceType.BROKER, broker.name, {})])
    group = client.describe_consumer_groups(["tools-" + TOPIC])[0]
    offsets = client.list_consumer_group_offsets("tools-" + TOPIC)
    return {
        "read": read,
        "retention": wide["retention.ms"],
        "listed": ("tools-" + TOPIC, "consumer") in client.list_consumer_groups(),
        "state": group.state,
        "offset": offsets[TopicPartition(TOPIC, 0)].offset,
    }


def endure():
    """Produces and consumes for so many seconds, whatever happens to the brokers meanwhile; then consumes the rest."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", retries=1000, retry_backoff_ms=100, max_in_flight_requests_per_connection=1,
                             request_timeout_ms=10000)
    reader = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id="python-" + TOPIC, auto_offset_reset="earliest",
                           session_timeout_ms=6000, heartbeat_interval_ms=500)
    seen, last, disorder, stop = set(), {}, set(), threading.Event()

    def read():
        while not stop.is_set():
            for partition, records in reader.poll(timeout_ms=200).items():
                for record in records:
                    value = int(record.value)
                    if value not in seen:
                        # Without idempotence a record may be stored twice, but the first of each comes in order.
                        if value < last.get(partition, 0):
                            disorder.add(value)
                        last[partition] = value
                    seen.add(value)

    reading = threading.Thread(target=read)
    reading.start()
    answers, end = [], time.time() + float(sys.argv[4])
    while time.time() < end:
        answers.append(producer.send(TOPIC, value=b"%d" % (len(answers) + 1), partition=len(answers) % 3))
        time.sleep(0.002)
    producer.flush(timeout=60)
    limit = time.time() + 30
    while len(seen) < len(answers) and time.time() < limit:
        time.sleep(0.1)
    stop.set()
    reading.join()
    return {"sent": len(answers), "acknowledged": sum(a.succeeded() for a in answers), "seen": len(seen), "disorder": len(disorder)}


print(json.dumps({"endure": endure, "roundTrip": round_trip, "group": group, "seek": seek, "admin": admin, "tools": tools}[MODE]()))
