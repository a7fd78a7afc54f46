"""The statements, in plain SQL that SQLite and PostgreSQL's relatives take alike.

No ON CONFLICT, no RETURNING, no functions of one engine. Marks for values are ``?``. Those that end in a column's
name go on with ``= ?`` or ``IN (...)``.
"""

# ruff: noqa: S608 - the statements are put together from the constants of this package alone

from gateway.store.tables import ANSWER, ENTRY, HEAD, NUMBER, OUTBOX, SUBJECT

_N_COLUMNS = ", ".join(f"n.{column}" for column in NUMBER.split(", "))
_S_COLUMNS = ", ".join(f"s.{column}" for column in SUBJECT.split(", "))
_BY_DUE = "ORDER BY due_ms, idx, id LIMIT ?"

SELECT_HEAD = f"SELECT {HEAD} FROM head WHERE id = 1"
UPDATE_HEAD = (
    "UPDATE head SET size = ?, root = ?, compact_range = ?, time_ms = ? WHERE id = 1 AND size = ? AND root = ?"
)

SELECT_ENTRY = "SELECT e.idx, e.leaf, e.label, o.sealed FROM entries e LEFT JOIN openings o ON o.idx = e.idx"
SELECT_ENTRIES = f"{SELECT_ENTRY} WHERE e.idx >= ? ORDER BY e.idx LIMIT ?"
SELECT_LAST = f"{SELECT_ENTRY} WHERE e.type = ? ORDER BY e.idx DESC LIMIT 1"
SELECT_LAST_INDEX = "SELECT max(idx) FROM entries WHERE type = ?"
SELECT_OF_TYPE = f"{SELECT_ENTRY} WHERE e.type = ? AND e.idx >= ? ORDER BY e.idx LIMIT ?"
INSERT_ENTRY = f"INSERT INTO entries ({ENTRY}) VALUES (?, ?, ?, ?, ?)"
INSERT_OPENING = "INSERT INTO openings (idx, sealed) VALUES (?, ?)"

SELECT_HOLDER = (
    f"SELECT {_N_COLUMNS}, {_S_COLUMNS} FROM numbers n JOIN subjects s ON s.label = n.label WHERE n.number_key"
)
SELECT_MARKED = (
    f"SELECT {_N_COLUMNS}, {_S_COLUMNS} FROM numbers n JOIN subjects s ON s.label = n.label WHERE n.mark = ?"
    " AND (n.since_ms < ? OR (n.since_ms = ? AND n.number_key < ?))"
    " ORDER BY n.since_ms DESC, n.number_key DESC LIMIT ?"
)
INSERT_NUMBER = f"INSERT INTO numbers ({NUMBER}) VALUES (?, ?, ?, ?, ?, ?, ?)"
UPDATE_NUMBER = (
    "UPDATE numbers SET label = ?, epoch = ?, carrier = ?, basis = ?, since_ms = ?, mark = ? WHERE number_key = ?"
)

SELECT_SUBJECT = f"SELECT {SUBJECT} FROM subjects WHERE label"
SELECT_SUBJECTS = f"SELECT {SUBJECT} FROM subjects WHERE label > ?"
INSERT_SUBJECT = f"INSERT INTO subjects ({SUBJECT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
UPDATE_SUBJECT = (
    "UPDATE subjects SET number_key = ?, epoch = ?, carrier = ?, state = ?, version = ?, last_idx = ?, sealed = ?"
    " WHERE label = ?"
)
# Leaves out the indexed columns: naming them would rewrite their index entries even where nothing changed.
UPDATE_SUBJECT_WITHIN_STATE = "UPDATE subjects SET version = ?, last_idx = ?, sealed = ? WHERE label = ?"

SELECT_ANSWER = f"SELECT {ANSWER} FROM answers WHERE answer_key"
SELECT_EXPIRED = "SELECT answer_key FROM answers WHERE expire_ms <= ? LIMIT ?"
INSERT_ANSWER = f"INSERT INTO answers ({ANSWER}) VALUES (?, ?, ?, ?)"
DELETE_ANSWER = "DELETE FROM answers WHERE answer_key = ?"

SELECT_OUTBOX = f"SELECT {OUTBOX} FROM outbox WHERE id"
SELECT_DUE = f"SELECT {OUTBOX} FROM outbox WHERE carrier = ? AND state = ? AND due_ms <= ? {_BY_DUE}"
SELECT_STATE = f"SELECT {OUTBOX} FROM outbox WHERE state = ? {_BY_DUE}"
SELECT_OWN = f"SELECT {OUTBOX} FROM outbox WHERE carrier = ? AND state = ? {_BY_DUE}"
SELECT_OLD = "SELECT id FROM outbox WHERE state = ? AND due_ms < ? LIMIT ?"
SELECT_COUNTS = (
    "SELECT carrier, state, count(*), min(due_ms) FROM outbox GROUP BY carrier, state ORDER BY carrier, state"
)
INSERT_OUTBOX = f"INSERT INTO outbox ({OUTBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
CHANGE_OUTBOX = (
    "UPDATE outbox SET state = ?, due_ms = ?, attempts = ?, reason = ?, expire_ms = COALESCE(?, expire_ms)"
    " WHERE id = ? AND state = ?"
)
DELETE_OUTBOX = "DELETE FROM outbox WHERE id = ?"

SELECT_ERASED_EPOCH = "SELECT number_key, epoch FROM erased WHERE number_key"
SELECT_UNFINISHED = "SELECT label FROM erased WHERE done = 0 ORDER BY label"
INSERT_ERASED = "INSERT INTO erased (label, number_key, epoch, idx, done) VALUES (?, ?, ?, ?, 0)"
FINISH_ERASED = "UPDATE erased SET done = 1 WHERE label = ?"
DELETE_OPENING = "DELETE FROM openings WHERE idx = ?"
DELETE_SUBJECT = "DELETE FROM subjects WHERE label = ?"
DELETE_NUMBER = "DELETE FROM numbers WHERE number_key = ? AND label = ?"
SELECT_ID_RANGE = "SELECT id FROM outbox WHERE id >= ? AND id < ?"

SELECT_ID = "SELECT id FROM outbox WHERE id"
SELECT_SPENT = "SELECT id FROM spent_ids WHERE id"
INSERT_SPENT = "INSERT INTO spent_ids (id) VALUES (?)"
