-- The witness whose books these are; another key, or another name, may not go on with them.
CREATE TABLE witness (
  id BIGINT NOT NULL PRIMARY KEY,
  vkey TEXT NOT NULL
);

-- Of each log the checkpoint that was cosigned last, and when (Unix seconds).
CREATE TABLE cosigned (
  origin TEXT NOT NULL PRIMARY KEY,
  size BIGINT NOT NULL,
  root BLOB NOT NULL,
  time_s BIGINT NOT NULL
);

-- What a log signed that does not continue what it had signed before.
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  status BIGINT NOT NULL,
  request BLOB NOT NULL,
  time_s BIGINT NOT NULL
);
CREATE INDEX evidence_by_origin ON evidence (origin);
