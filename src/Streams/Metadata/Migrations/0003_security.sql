-- Users, access control entries, delegation tokens and the brokers' own secrets. Meaning: docs/formats/metadata.md.

CREATE TABLE scram_credentials (
  user_name TEXT NOT NULL,
  mechanism BIGINT NOT NULL,
  iterations BIGINT NOT NULL,
  salt TEXT NOT NULL,
  stored_key TEXT NOT NULL,
  server_key TEXT NOT NULL,
  PRIMARY KEY (user_name, mechanism)
);

CREATE TABLE acls (
  resource_type BIGINT NOT NULL,
  resource_name TEXT NOT NULL,
  pattern_type BIGINT NOT NULL,
  principal TEXT NOT NULL,
  host TEXT NOT NULL,
  operation BIGINT NOT NULL,
  permission BIGINT NOT NULL,
  PRIMARY KEY (resource_type, resource_name, pattern_type, principal, host, operation, permission)
);

CREATE TABLE delegation_tokens (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  requester TEXT NOT NULL,
  renewers TEXT NOT NULL,
  issued_ms BIGINT NOT NULL,
  expiry_ms BIGINT NOT NULL,
  max_ms BIGINT NOT NULL
);

CREATE TABLE secrets (
  name TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL
);
