-- Brokers, the controller's place, and who owns which stream. Meaning: docs/formats/metadata.md.

INSERT INTO counters (name, next_value) VALUES ('broker', 1);
INSERT INTO counters (name, next_value) SELECT 'log', COALESCE(MAX(sequence), 0) + 1 FROM metadata_log;

CREATE TABLE brokers (
  epoch BIGINT NOT NULL PRIMARY KEY,
  node_id INTEGER NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  http_address TEXT NOT NULL,
  rack TEXT NULL,
  state INTEGER NOT NULL,
  lease_until_ms BIGINT NOT NULL,
  changed_at_ms BIGINT NOT NULL,
  recoverer BIGINT NOT NULL,
  wal_first BIGINT NOT NULL,
  excluded INTEGER NOT NULL,
  bytes_in DOUBLE PRECISION NOT NULL,
  bytes_out DOUBLE PRECISION NOT NULL,
  wal_latency_ms DOUBLE PRECISION NOT NULL
);

CREATE INDEX brokers_by_node ON brokers (node_id, epoch);

CREATE TABLE controller (
  id INTEGER NOT NULL PRIMARY KEY,
  broker BIGINT NOT NULL,
  term BIGINT NOT NULL,
  lease_until_ms BIGINT NOT NULL
);

INSERT INTO controller (id, broker, term, lease_until_ms) VALUES (1, 0, 0, 0);

ALTER TABLE streams ADD COLUMN owner BIGINT NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN target BIGINT NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN sealed_offset BIGINT NOT NULL DEFAULT 0;

CREATE INDEX streams_by_owner ON streams (owner, id);

ALTER TABLE objects ADD COLUMN writer BIGINT NOT NULL DEFAULT 0;
ALTER TABLE objects ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

CREATE INDEX objects_by_writer ON objects (writer, state, id);
CREATE INDEX stream_ranges_by_object ON stream_ranges (object_id);

CREATE TABLE pending_ranges (
  object_id BIGINT NOT NULL,
  stream_id BIGINT NOT NULL,
  base_offset BIGINT NOT NULL,
  PRIMARY KEY (object_id, stream_id, base_offset)
);

CREATE INDEX pending_ranges_by_stream ON pending_ranges (stream_id);

CREATE TABLE partition_loads (
  stream_id BIGINT NOT NULL PRIMARY KEY,
  broker BIGINT NOT NULL,
  bytes_in DOUBLE PRECISION NOT NULL,
  bytes_out DOUBLE PRECISION NOT NULL
);

-- Never holds a row. PostgreSQL locks it for transactions that will write the log, so that they wait for each other.
CREATE TABLE log_gate (
  id INTEGER NOT NULL PRIMARY KEY
);
