"""A user's python3-kafka program against a secured server: secured.py BOOTSTRAP CA USER PASSWORD; prints one line of JSON."""
import json
import sys

from kafka import KafkaConsumer, KafkaProducer

BOOTSTRAP, CA, USER, PASSWORD = sys.argv[1:5]
TOPIC = "python-secured"


def settings(mechanism):
    return dict(
        bootstrap_servers=BOOTSTRAP, security_protocol="SASL_SSL", ssl_cafile=CA, sasl_mechanism=mechanism,
        sasl_plain_username=USER, sasl_plain_password=PASSWORD)


for name in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
    producer = KafkaProducer(acks="all", **settings(name))
    producer.send(TOPIC, name.encode()).get(20)
    producer.close()

reader = KafkaConsumer(TOPIC, auto_offset_reset="earliest", consumer_timeout_ms=3000, **settings("PLAIN"))
print(json.dumps([record.value.decode() for record in reader]))
