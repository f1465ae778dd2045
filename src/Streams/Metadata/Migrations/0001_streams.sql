-- Shared by SQLite and PostgreSQL: $bytes$ is the engine's type for byte strings. Meaning: docs/formats/metadata.md.

CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  next_value BIGINT NOT NULL
);

INSERT INTO counters (name, next_value) VALUES ('stream', 1);
INSERT INTO counters (name, next_value) VALUES ('object', 1);
INSERT INTO counters (name, next_value) VALUES ('producer', 1);

CREATE TABLE settings (
  name TEXT NOT NULL PRIMARY KEY,
  setting_value TEXT NOT NULL
);

CREATE TABLE topics (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  is_internal INTEGER NOT NULL,
  created_at_ms BIGINT NOT NULL
);

CREATE TABLE topic_configs (
  topic_id TEXT NOT NULL,
  name TEXT NOT NULL,
  config_value TEXT NOT NULL,
  PRIMARY KEY (topic_id, name)
);

CREATE TABLE streams (
  id BIGINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  start_offset BIGINT NOT NULL,
  committed_offset BIGINT NOT NULL,
  doomed INTEGER NOT NULL,
  topic_id TEXT NULL,
  partition_index INTEGER NULL
);

CREATE INDEX streams_by_topic ON streams (topic_id, partition_index);
CREATE INDEX streams_doomed ON streams (doomed, id);

CREATE TABLE objects (
  id BIGINT NOT NULL PRIMARY KEY,
  state INTEGER NOT NULL,
  size_bytes BIGINT NOT NULL,
  index_position BIGINT NOT NULL,
  live_ranges BIGINT NOT NULL,
  changed_at_ms BIGINT NOT NULL,
  due_at_ms BIGINT NOT NULL
);

CREATE INDEX objects_by_state ON objects (state, due_at_ms);

CREATE TABLE stream_ranges (
  stream_id BIGINT NOT NULL,
  base_offset BIGINT NOT NULL,
  end_offset BIGINT NOT NULL,
  object_id BIGINT NOT NULL,
  max_timestamp BIGINT NOT NULL,
  batch_bytes BIGINT NOT NULL,
  PRIMARY KEY (stream_id, base_offset)
);

CREATE TABLE checkpoints (
  stream_id BIGINT NOT NULL PRIMARY KEY,
  at_offset BIGINT NOT NULL,
  state $bytes$ NOT NULL
);

CREATE TABLE metadata_log (
  sequence BIGINT NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  principal TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL
);
