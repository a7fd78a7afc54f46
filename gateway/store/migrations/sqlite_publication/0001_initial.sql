-- Signed checkpoints: the text that was signed, and the note with all its signatures.
CREATE TABLE notes (
  size BIGINT NOT NULL PRIMARY KEY,
  text TEXT NOT NULL,
  note TEXT NOT NULL,
  time_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- What witnesses refused, and what they said.
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  witness TEXT NOT NULL,
  status BIGINT NOT NULL,
  request BLOB NOT NULL,
  response BLOB NOT NULL,
  time_ms BIGINT NOT NULL
);

-- Hashes of full level 0 tiles, in order. They can be made again from the leaves.
CREATE TABLE tile_hashes (
  idx INTEGER PRIMARY KEY,
  hash BLOB NOT NULL
);
