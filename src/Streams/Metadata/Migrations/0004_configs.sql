-- What is configured beside topics: brokers, groups, client metrics, quotas. Meaning: docs/formats/metadata.md.

CREATE TABLE configs (
  kind TEXT NOT NULL,
  entity TEXT NOT NULL,
  name TEXT NOT NULL,
  config_value TEXT NOT NULL,
  PRIMARY KEY (kind, entity, name)
);
