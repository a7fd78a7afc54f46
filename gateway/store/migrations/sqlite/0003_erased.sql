-- Subjects that were erased: the label that the log's ERASE entry names, so that a number's next holder begins a new
-- epoch, and whether the key was destroyed as well. Nothing else is left of them but their leaves.
CREATE TABLE erased (
  label BLOB NOT NULL PRIMARY KEY,
  number_key BLOB NOT NULL,
  epoch BIGINT NOT NULL,
  idx BIGINT NOT NULL,
  done BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX erased_by_number ON erased (number_key, epoch);
CREATE INDEX erased_open ON erased (label) WHERE done = 0;
