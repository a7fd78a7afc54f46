-- Numbers on a list by name, such as the claims that a carrier may contest. Few numbers are on any.
ALTER TABLE numbers ADD COLUMN mark TEXT;

CREATE INDEX numbers_by_mark ON numbers (mark, since_ms, number_key) WHERE mark IS NOT NULL;
