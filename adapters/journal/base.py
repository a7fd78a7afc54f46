"""The journal's contract, sentence by sentence. One suite (``tests/journal``) holds every engine to it.

Writing
    W1  A call returns only after what it wrote is durable: a kill of the process at any later moment loses
        nothing.
    W2  A call's writes happen all together or not at all; calls happen one after the other, in one order.
    W3  Cancelling a caller does not undo a write that has begun.
    W4  If a write cannot be committed, its caller learns ``JournalUnavailableError``; nothing of it is seen here, and
        repeating it is always safe.

Notices
    N1  ``add_notice`` stores the notice, its parts as QUEUED and its prompt, and returns its number of parts and
        whether it is new.
    N2  A second notice under a known id changes nothing, and returns what the first one had.

Sending (the states and their rules: ``adapters.journal.rules``)
    S1  ``claim`` returns parts that may be sent now, oldest notice first, parts in order, each one as SENT already.
    S2  A claimed part is not claimed again until it is given back or lost.
    S3  ``give_back`` makes a part claimable at once; its attempt does not count.
    S4  ``lose`` makes a part claimable again ``resend_after_ms`` later, unless a report for its number arrived after it
        was sent and names no message we know: then that report decides.
    S5  ``recover`` loses every part that is SENT: the process that could have heard their answers is gone. It also
        frees parts bound to an account that exists no longer.
    S6  A part claimed ``max_attempts`` times becomes UNKNOWN instead of being claimed once more.
    S7  A part past its ``expire_ms`` is not claimed. QUEUED it becomes FAILED with code EXPIRED; lost, UNKNOWN.
    S8  A part is claimed only for the account its notice names, if it names one.
    S9  When a part is refused or expires, the QUEUED parts of its notice fail with the same code.

Reports
    R1  A report for a known message id decides the part. The same one again, or another one after it, changes nothing.
    R2  A report for an unknown message id is parked; ``accept`` under that id applies it at once.
    R3  Parked reports are kept ``report_wait_ms`` and then dropped.
    R4  A part ACCEPTED for longer than ``report_wait_ms`` becomes UNKNOWN.
    R5  A report still decides a part that is UNKNOWN, by message id or, where no answer named one, as in S4.

What the gateway is owed
    D1  As soon as all parts of a gateway's notice are accepted, delivered, failed or unknown, a delivery says so; it
        becomes durable together with the change that caused it. Later ones only add knowledge, never take it back.
    D2  ``deliveries`` lists them oldest first until ``drop_deliveries``; a report id never changes its meaning.
    D3  Notices of local origin owe nobody anything.

Prompts, segments, replies, orders
    P1  ``find_prompt`` returns the number's newest prompt until it expires or is closed; ``close_prompt`` closes that
        prompt and no newer one.
    P2  ``find_late_prompt`` returns it once it has expired, for ``LATE_PROMPT_MS``, unless it was closed.
    G1  A segment added twice is stored once. ``segments`` returns all, oldest first; ``drop_segments`` forgets a group.
    F1  ``keep_reply`` stores the first reply under a key and returns the first one ever after; ``first_reply`` finds
        it.
    O1  ``take_order`` tells a new order from a repeated one (by id) and from one that is older than one taken before
        for the same subject; only a new one is taken.
    O2  A new order's provision is stored with it and replaces the subject's earlier ones; ``provisions`` lists what is
        stored, oldest first, until ``drop_provision``; until then its order is kept as well.
    O3  ``place`` returns what ``move_place`` stored last under a name: a log and a place in it; ("", 0) at first.

Erasing
    E1  ``begin_erasure`` stores whom the gateway asked to erase, in place of an earlier wish about the same number.
    E2  ``erasures`` lists them, oldest first, until ``drop_erasure``.
    E3  ``forget`` removes all that names a number or a user bound to it, and returns how much is left because it is
        still to be sent, reported or worked on. Keyed hashes of orders stay for their retention, so that no order from
        before is taken for a new one.
    E4  After ``scrub`` said True nothing of what was removed before it is left in the journal's files.

Keeping
    K1  ``purge`` removes what is finished and older than its retention, and what has expired; never what is owed.
    K2  Numbers, texts, segments, replies and provisions are sealed on disk; they are looked up by keyed hash.
    K3  A file is written by one process: a second one gets ``JournalLockedError``. Another key gets
        ``JournalKeyError``, a newer schema ``JournalSchemaError``.
    K4  After ``close`` every call raises ``JournalClosedError``; calls made before are still carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from adapters.journal.rows import (
    Backlog,
    Delivery,
    Erasing,
    Notice,
    Order,
    OrderVerdict,
    PartKey,
    Place,
    Prompt,
    Provision,
    Report,
    ReportMatch,
    Retention,
    Segment,
    Send,
)


class Journal(Protocol):
    """See the module's sentences. Every call may raise `JournalError`."""

    async def add_notice(self, notice: Notice, prompt: Prompt | None = None) -> tuple[int, bool]:
        """Store a notice; return how many parts it has and whether it is new (N1, N2)."""
        ...

    async def claim(self, account: str, limit: int, now_ms: int) -> list[Send]:
        """Take up to `limit` parts to send on a link of `account` (S1 to S8)."""
        ...

    async def give_back(self, key: PartKey) -> None:
        """The part surely did not happen (S3)."""
        ...

    async def lose(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """The part may have happened, and its answer cannot come any more (S4)."""
        ...

    async def accept(self, key: PartKey, account: str, sequence: int, msg_id: bytes, now_ms: int) -> None:
        """The carrier took the part (R2, D1)."""
        ...

    async def refuse(self, key: PartKey, sequence: int, code: str, now_ms: int) -> None:
        """The carrier refused the part for good (S9, D1)."""
        ...

    async def give_up(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """The part is not to be sent again though nobody knows whether it happened (R5, D1)."""
        ...

    async def recover(self, accounts: Collection[str], now_ms: int) -> int:
        """Begin after a restart; return how many parts wait for news (S5)."""
        ...

    async def take_report(self, report: Report, now_ms: int) -> ReportMatch:
        """Store a carrier's report (R1, R2, R5)."""
        ...

    async def sweep(self, now_ms: int) -> None:
        """Let time pass: expire what was not sent, decide what waited long enough (S4, S7, R4, R5)."""
        ...

    async def deliveries(self, limit: int) -> list[Delivery]:
        """List what the gateway is owed (D2)."""
        ...

    async def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        """Forget what the gateway has taken (D2)."""
        ...

    async def find_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """Return the prompt that is open for a number (P1)."""
        ...

    async def find_late_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """Return the prompt that ran out not long ago without an answer (P2)."""
        ...

    async def close_prompt(self, prompt: Prompt) -> None:
        """Close a prompt, unless a newer one took its place (P1)."""
        ...

    async def add_segment(self, segment: Segment) -> None:
        """Store one part of a long message (G1)."""
        ...

    async def segments(self) -> list[Segment]:
        """Return every stored segment; `group` comes back as its keyed hash (G1)."""
        ...

    async def drop_segments(self, group: bytes) -> None:
        """Forget a long message (G1)."""
        ...

    async def keep_reply(self, key: str, body: bytes, now_ms: int) -> bytes:
        """Store the first reply under a key; return the first one (F1)."""
        ...

    async def first_reply(self, key: str) -> bytes | None:
        """Return the first reply under a key (F1)."""
        ...

    async def take_order(self, order: Order, now_ms: int, provision: bytes | None = None) -> OrderVerdict:
        """Say whether to carry an order out, and store what a platform has to be told of it (O1, O2)."""
        ...

    async def provisions(self, limit: int) -> list[Provision]:
        """List what the platform has still to be told (O2)."""
        ...

    async def drop_provision(self, order_id: str) -> None:
        """The platform was told (O2)."""
        ...

    async def place(self, name: str) -> Place:
        """Return how far a log was read (O3)."""
        ...

    async def move_place(self, name: str, place: Place) -> None:
        """Note how far a log was read (O3)."""
        ...

    async def begin_erasure(self, erasing: Erasing) -> None:
        """Somebody is to be erased (E1)."""
        ...

    async def erasures(self, limit: int) -> list[Erasing]:
        """List who is to be erased (E2)."""
        ...

    async def drop_erasure(self, order_id: str) -> None:
        """The gateway heard that it was done (E2)."""
        ...

    async def forget(self, number: str) -> int:
        """Remove what names a number; return how much is left for now (E3)."""
        ...

    async def scrub(self) -> bool:
        """Overwrite what was removed; False if it has to be tried again (E4)."""
        ...

    async def purge(self, retention: Retention, now_ms: int) -> int:
        """Remove what need not be kept; return how many rows (K1)."""
        ...

    async def backlog(self) -> Backlog:
        """Count what waits."""
        ...

    async def close(self) -> None:
        """Finish what was asked and close (K4)."""
        ...
