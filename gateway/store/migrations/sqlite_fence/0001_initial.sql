-- One row: how far this log was ever signed. The file is never restored from a backup.
CREATE TABLE fence (
  id BIGINT NOT NULL PRIMARY KEY,
  origin TEXT NOT NULL,
  size BIGINT NOT NULL,
  root BLOB NOT NULL
);
