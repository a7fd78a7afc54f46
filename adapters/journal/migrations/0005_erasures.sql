-- Subscribers whom the gateway asked to erase: numbers are sealed, number_key is a keyed hash.
CREATE TABLE erasures (
  order_id TEXT PRIMARY KEY,
  number_key BLOB NOT NULL UNIQUE,
  sealed BLOB NOT NULL,
  taken_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX parts_number ON parts (number_key);
