-- Subjects' keys. wrapped is the key under the master key (AES-256-GCM), NULL once it is destroyed.
CREATE TABLE subject_keys (
  label BLOB NOT NULL PRIMARY KEY,
  wrapped BLOB
) WITHOUT ROWID;

-- One row: a known value under the master key, so that a wrong one is told at once.
CREATE TABLE master_check (
  id BIGINT NOT NULL PRIMARY KEY,
  wrapped BLOB NOT NULL
) WITHOUT ROWID;
