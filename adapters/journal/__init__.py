"""Each adapter's own durable memory: what it sent, what it was told, and what it still owes. SQLite by default."""
