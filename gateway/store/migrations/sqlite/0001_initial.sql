-- The registry. Bytes, texts and 64-bit integers only; an empty text or empty bytes are stored as NULL, because some
-- engines cannot tell the two apart.

-- One row: the log's head.
CREATE TABLE head (
  id BIGINT NOT NULL PRIMARY KEY,
  size BIGINT NOT NULL,
  root BLOB NOT NULL,
  compact_range BLOB NOT NULL,
  time_ms BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO head (id, size, root, compact_range, time_ms) VALUES
  (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'0000000000000000', 0);

-- The log. label is NULL for entries that concern nobody in particular; type and time_ms repeat what the leaf says.
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY,
  leaf BLOB NOT NULL,
  label BLOB,
  type BIGINT NOT NULL,
  time_ms BIGINT NOT NULL
);

CREATE INDEX entries_by_type ON entries (type, idx);

-- What the leaves commit to, apart from them, because erasing a person deletes these rows.
CREATE TABLE openings (
  idx INTEGER PRIMARY KEY,
  sealed BLOB NOT NULL
);

-- Who holds a number.
CREATE TABLE numbers (
  number_key BLOB NOT NULL PRIMARY KEY,
  label BLOB NOT NULL,
  epoch BIGINT NOT NULL,
  carrier TEXT,
  basis TEXT,
  since_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Each subject's present state.
CREATE TABLE subjects (
  label BLOB NOT NULL PRIMARY KEY,
  number_key BLOB NOT NULL,
  epoch BIGINT NOT NULL,
  carrier TEXT,
  state TEXT,
  version BIGINT NOT NULL,
  last_idx BIGINT NOT NULL,
  sealed BLOB
) WITHOUT ROWID;

CREATE INDEX subjects_by_carrier ON subjects (carrier, label);
CREATE INDEX subjects_by_state ON subjects (state, label);

-- First answers under idempotency keys.
CREATE TABLE answers (
  answer_key BLOB NOT NULL PRIMARY KEY,
  digest BLOB,
  idx BIGINT NOT NULL,
  expire_ms BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX answers_by_expiry ON answers (expire_ms);

-- What carriers must be asked to do.
CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  carrier TEXT,
  kind TEXT NOT NULL,
  label BLOB,
  idx BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  expire_ms BIGINT NOT NULL,
  sealed BLOB,
  state BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  reason TEXT
);

CREATE INDEX outbox_by_due ON outbox (carrier, state, due_ms, idx, id);
CREATE INDEX outbox_by_state ON outbox (state, due_ms, idx, id);

-- Ids of outbox rows that were swept: an id is never used again.
CREATE TABLE spent_ids (
  id TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
