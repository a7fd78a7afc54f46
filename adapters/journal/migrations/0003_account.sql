-- What a channel remembers under a key: bindings, callbacks, codes, messages. The key is a keyed hash, the value sealed.
CREATE TABLE records (
  kind TEXT NOT NULL,
  record_key BLOB NOT NULL,
  sealed BLOB NOT NULL,
  due_ms INTEGER NOT NULL,
  expire_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, record_key)
) WITHOUT ROWID;
CREATE INDEX records_due ON records (kind, due_ms);
CREATE INDEX records_expiring ON records (expire_ms);
