-- What the carrier's own interception platform has still to be told, and how far its log was read.
CREATE TABLE provisions (
  order_id TEXT PRIMARY KEY,
  subject_key BLOB NOT NULL,
  ordinal INTEGER NOT NULL UNIQUE,
  sealed BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX provisions_subject ON provisions (subject_key);

CREATE TABLE places (
  name TEXT PRIMARY KEY,
  log TEXT NOT NULL,
  place INTEGER NOT NULL
) WITHOUT ROWID;
