-- Numbers, texts, segments and replies are sealed; *_key columns are keyed hashes. Times are Unix milliseconds.
CREATE TABLE notices (
  notice_id TEXT PRIMARY KEY,
  ordinal INTEGER NOT NULL UNIQUE,
  origin TEXT NOT NULL CHECK (origin IN ('gateway', 'local')),
  parts INTEGER NOT NULL,
  told TEXT,
  finished_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX notices_finished ON notices (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE parts (
  notice_id TEXT NOT NULL REFERENCES notices (notice_id) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'accepted', 'delivered', 'failed', 'unknown')),
  expire_ms INTEGER NOT NULL,
  wanted_account TEXT NOT NULL,
  number_key BLOB NOT NULL,
  sealed BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  sent_ms INTEGER NOT NULL,
  lost_ms INTEGER,
  account TEXT NOT NULL,
  sequence INTEGER,
  msg_id BLOB,
  code TEXT NOT NULL,
  PRIMARY KEY (notice_id, part)
) WITHOUT ROWID;
CREATE INDEX parts_open ON parts (state, ordinal, part) WHERE state IN ('queued', 'sent');
CREATE INDEX parts_waiting ON parts (state, sent_ms) WHERE state IN ('accepted', 'unknown');
CREATE INDEX parts_expiring ON parts (expire_ms) WHERE state = 'queued';
CREATE INDEX parts_msg_id ON parts (account, msg_id) WHERE msg_id IS NOT NULL;

CREATE TABLE parked (
  account TEXT NOT NULL,
  msg_id BLOB NOT NULL,
  number_key BLOB NOT NULL,
  delivered INTEGER NOT NULL,
  code TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  PRIMARY KEY (account, msg_id)
) WITHOUT ROWID;
CREATE INDEX parked_number ON parked (number_key, received_ms);
CREATE INDEX parked_age ON parked (received_ms);

CREATE TABLE deliveries (
  place INTEGER PRIMARY KEY,
  report_id TEXT NOT NULL UNIQUE,
  notice_id TEXT NOT NULL,
  progress TEXT NOT NULL,
  code TEXT NOT NULL,
  report_ms INTEGER NOT NULL,
  parts INTEGER NOT NULL
);
CREATE INDEX deliveries_notice ON deliveries (notice_id);

CREATE TABLE prompts (
  number_key BLOB PRIMARY KEY,
  expire_ms INTEGER NOT NULL,
  notice_version TEXT NOT NULL,
  notice_digest BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE segments (
  group_key BLOB NOT NULL,
  part INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  arrived_ms INTEGER NOT NULL,
  PRIMARY KEY (group_key, part)
) WITHOUT ROWID;

CREATE TABLE replies (
  reply_key BLOB PRIMARY KEY,
  sealed BLOB NOT NULL,
  kept_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE orders (
  order_id TEXT PRIMARY KEY,
  subject_key BLOB NOT NULL,
  epoch INTEGER NOT NULL,
  version INTEGER NOT NULL,
  taken_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX orders_subject ON orders (subject_key, epoch, version);

CREATE TABLE seal (fingerprint BLOB NOT NULL);
