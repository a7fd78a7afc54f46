"""What can go wrong with a journal. `reason` is a stable code; no text holds personal data."""

from __future__ import annotations


class JournalError(Exception):
    """The journal could not do as asked."""

    reason = "JOURNAL_ERROR"


class JournalUnavailableError(JournalError):
    """The write was surely not committed: the disk is full, gone or read-only. Try again later."""

    reason = "JOURNAL_UNAVAILABLE"


class JournalOverloadedError(JournalError):
    """Too many calls are waiting. Nothing was written; try again later."""

    reason = "JOURNAL_OVERLOADED"


class JournalClosedError(JournalError):
    """The journal is closed."""

    reason = "JOURNAL_CLOSED"


class JournalLockedError(JournalError):
    """Another process writes to this journal. Two would send everything twice."""

    reason = "JOURNAL_LOCKED"


class JournalKeyError(JournalError):
    """The key is not 32 bytes, or not the one that this journal was sealed with."""

    reason = "JOURNAL_KEY"


class JournalSchemaError(JournalError):
    """The stored schema is newer than this program, or the file is no journal."""

    reason = "JOURNAL_SCHEMA"
