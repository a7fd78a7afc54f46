"""What the journal's calls do to its tables. No I/O of its own: an engine runs each call as one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from adapters.journal import rules
from adapters.journal.rows import (
    LATE_PROMPT_MS,
    Backlog,
    Delivery,
    Notice,
    Order,
    OrderVerdict,
    Origin,
    PartKey,
    Place,
    Progress,
    Prompt,
    Provision,
    Report,
    ReportMatch,
    Retention,
    Segment,
    Send,
    SendState,
    SmsBody,
    Waits,
)
from adapters.journal.rules import Step
from adapters.journal.seal import Seal
from adapters.journal.tables import NoticeRow, OrderRow, ParkedRow, PartRow, PromptRow, ProvisionRow, Tables

EXPIRED = "EXPIRED"
_SWEEP_ROWS = 500
_NUMBER, _SEGMENT, _REPLY, _SUBJECT = "number", "segment", "reply", "subject"


class JournalLogic:
    """One method per call of `Journal`; the sentences are there."""

    def __init__(self, tables: Tables, seal: Seal, waits: Waits) -> None:
        self._tables = tables
        self._seal = seal
        self._waits = waits

    # Notices and sending

    def add_notice(self, notice: Notice, prompt: Prompt | None) -> tuple[int, bool]:
        """N1, N2."""
        if known := self._tables.notice(notice.notice_id):
            return known.parts, False
        ordinal = self._tables.next_ordinal()
        row = NoticeRow(notice.notice_id, ordinal, notice.origin, len(notice.bodies))
        parts = [self._make_part(notice, ordinal, index) for index in range(1, len(notice.bodies) + 1)]
        self._tables.insert_notice(row, parts)
        if prompt is not None:
            number_key = self._seal.lookup(_NUMBER, prompt.number)
            self._tables.put_prompt(
                PromptRow(
                    number_key,
                    prompt.expire_ms,
                    prompt.notice_version,
                    prompt.notice_digest,
                    prompt.notice_id,
                    prompt.target,
                )
            )
        return row.parts, True

    def claim(self, account: str, limit: int, now_ms: int) -> list[Send]:
        """S1 to S8."""
        claimed = [self._claim(row, account, now_ms) for row in self._resendable(account, limit, now_ms)]
        queued = self._tables.queued(account, now_ms, limit - len(claimed))
        return claimed + [self._claim(row, account, now_ms) for row in queued]

    def give_back(self, key: PartKey) -> None:
        """S3."""
        row = self._tables.part(key)
        if row is not None and rules.advance(row.state, Step.GIVE_BACK):
            self._tables.update_part(replace(row, state=SendState.QUEUED, attempts=row.attempts - 1, lost_ms=None))

    def lose(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """S4."""
        row = self._tables.part(key)
        if row is not None and rules.advance(row.state, Step.LOSE):
            self._tables.update_part(replace(row, sequence=sequence, lost_ms=now_ms))

    def accept(self, key: PartKey, account: str, sequence: int, msg_id: bytes, now_ms: int) -> None:
        """R2, D1."""
        row = self._tables.part(key)
        if row is None or rules.advance(row.state, Step.ACCEPT) is None:
            return
        accepted = replace(
            row, state=SendState.ACCEPTED, account=account, sequence=sequence, msg_id=msg_id, lost_ms=None
        )
        self._tables.update_part(accepted)
        if parked := self._tables.parked(account, msg_id):
            self._apply(accepted, parked)
        self._settle(key.notice_id, now_ms)

    def refuse(self, key: PartKey, sequence: int, code: str, now_ms: int) -> None:
        """S9, D1."""
        row = self._tables.part(key)
        if row is not None:
            self._fail(replace(row, sequence=sequence), Step.REFUSE, code, now_ms)

    def give_up(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """R5, D1."""
        row = self._tables.part(key)
        if row is not None:
            self._give_up(replace(row, sequence=sequence), now_ms)

    def recover(self, accounts: Collection[str], now_ms: int) -> int:
        """S5."""
        self._tables.free_accounts(tuple(accounts))
        rows = self._tables.unanswered()
        for row in rows:
            self._tables.update_part(replace(row, lost_ms=now_ms))
        return len(rows)

    # Reports and time

    def take_report(self, report: Report, now_ms: int) -> ReportMatch:
        """R1, R2."""
        number_key = self._seal.lookup(_NUMBER, report.number)
        parked = ParkedRow(report.account, report.msg_id, number_key, report.delivered, report.code, now_ms)
        row = self._tables.part_by_msg_id(report.account, report.msg_id)
        if row is None:
            return ReportMatch.PARKED if self._tables.park(parked) else ReportMatch.REPEATED
        if not self._apply(row, parked):
            return ReportMatch.REPEATED
        self._settle(row.notice_id, now_ms)
        return ReportMatch.APPLIED

    def sweep(self, now_ms: int) -> None:
        """S4, S7, R3, R4, R5."""
        for row in self._tables.expired(now_ms, _SWEEP_ROWS):
            self._fail(row, Step.EXPIRE, EXPIRED, now_ms)
        for row in self._tables.lost(now_ms - self._waits.resend_after_ms, _SWEEP_ROWS):
            if not self._adopt(row, now_ms) and row.expire_ms <= now_ms:
                self._give_up(row, now_ms)
        waited_ms = now_ms - self._waits.report_wait_ms
        for row in self._tables.nameless(waited_ms, _SWEEP_ROWS):
            self._adopt(row, now_ms)
        for row in self._tables.unreported(waited_ms, _SWEEP_ROWS):
            self._give_up(row, now_ms)
        self._tables.drop_parked(waited_ms)

    def deliveries(self, limit: int) -> list[Delivery]:
        """D2."""
        return self._tables.deliveries(limit)

    def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        """D2."""
        self._tables.drop_deliveries(report_ids)

    # Prompts, segments, replies, orders

    def find_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """P1."""
        prompt = self._prompt(number)
        return prompt if prompt is not None and now_ms < prompt.expire_ms else None

    def find_late_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """P2."""
        prompt = self._prompt(number)
        return prompt if prompt is not None and 0 <= now_ms - prompt.expire_ms < LATE_PROMPT_MS else None

    def _prompt(self, number: str) -> Prompt | None:
        row = self._tables.prompt(self._seal.lookup(_NUMBER, number))
        if row is None:
            return None
        return Prompt(number, row.expire_ms, row.notice_version, row.notice_digest, row.notice_id, row.target)

    def close_prompt(self, prompt: Prompt) -> None:
        """P1."""
        key = self._seal.lookup(_NUMBER, prompt.number)
        row = self._tables.prompt(key)
        if row is not None and row.notice_id == prompt.notice_id:
            self._tables.drop_prompt(key)

    def add_segment(self, segment: Segment) -> None:
        """G1."""
        group = self._seal.lookup(_SEGMENT, segment.group)
        body = self._seal.seal(segment.body, _segment_place(group, segment.part))
        self._tables.add_segment(replace(segment, group=group, body=body))

    def segments(self) -> list[Segment]:
        """G1."""
        return [
            replace(row, body=self._seal.open(row.body, _segment_place(row.group, row.part)))
            for row in self._tables.segments()
        ]

    def drop_segments(self, group: bytes) -> None:
        """G1."""
        self._tables.drop_segments(self._seal.lookup(_SEGMENT, group))

    def keep_reply(self, key: str, body: bytes, now_ms: int) -> bytes:
        """F1."""
        if (kept := self.first_reply(key)) is not None:
            return kept
        lookup = self._seal.lookup(_REPLY, key)
        self._tables.insert_reply(lookup, self._seal.seal(body, _reply_place(lookup)), now_ms)
        return body

    def first_reply(self, key: str) -> bytes | None:
        """F1."""
        lookup = self._seal.lookup(_REPLY, key)
        sealed = self._tables.reply(lookup)
        return None if sealed is None else self._seal.open(sealed, _reply_place(lookup))

    def take_order(self, order: Order, now_ms: int, provision: bytes | None) -> OrderVerdict:
        """O1, O2."""
        if self._tables.order(order.order_id):
            return OrderVerdict.REPLAYED
        subject_key = self._seal.lookup(_SUBJECT, order.subject)
        latest = self._tables.latest_order(subject_key)
        if latest is not None and (latest.epoch, latest.version) > (order.epoch, order.version):
            return OrderVerdict.STALE
        self._tables.insert_order(OrderRow(order.order_id, subject_key, order.epoch, order.version, now_ms))
        if provision is not None:
            sealed = self._seal.seal(provision, _provision_place(order.order_id))
            ordinal = self._tables.next_provision()
            self._tables.put_provision(ProvisionRow(order.order_id, subject_key, ordinal, sealed))
        return OrderVerdict.NEW

    def provisions(self, limit: int) -> list[Provision]:
        """O2."""
        return [
            Provision(row.order_id, self._seal.open(row.sealed, _provision_place(row.order_id)), order.taken_ms)
            for row in self._tables.provisions(limit)
            if (order := self._tables.order(row.order_id)) is not None
        ]

    def drop_provision(self, order_id: str) -> None:
        """O2."""
        self._tables.drop_provision(order_id)

    def place(self, name: str) -> Place:
        """O3."""
        return self._tables.place(name) or Place()

    def move_place(self, name: str, place: Place) -> None:
        """O3."""
        self._tables.put_place(name, place)

    def purge(self, retention: Retention, now_ms: int) -> int:
        """K1."""
        return self._tables.purge(retention, now_ms)

    def backlog(self) -> Backlog:
        """Count what waits."""
        return self._tables.backlog()

    # How a part moves

    def _make_part(self, notice: Notice, ordinal: int, index: int) -> PartRow:
        body = notice.bodies[index - 1]
        plain = _pack(notice.number, notice.link_tag, body)
        return PartRow(
            notice_id=notice.notice_id,
            part=index,
            ordinal=ordinal,
            state=SendState.QUEUED,
            expire_ms=notice.expire_ms,
            wanted_account=notice.account,
            number_key=self._seal.lookup(_NUMBER, notice.number),
            sealed=self._seal.seal(plain, _part_place(notice.notice_id, index)),
        )

    def _resendable(self, account: str, limit: int, now_ms: int) -> list[PartRow]:
        rows = []
        for row in self._tables.lost(now_ms - self._waits.resend_after_ms, limit):
            if self._adopt(row, now_ms) or row.wanted_account not in ("", account):
                continue
            if row.expire_ms <= now_ms or row.attempts >= self._waits.max_attempts:
                self._give_up(row, now_ms)
            else:
                rows.append(row)
        return rows

    def _claim(self, row: PartRow, account: str, now_ms: int) -> Send:
        claimed = replace(
            row, state=SendState.SENT, attempts=row.attempts + 1, sent_ms=now_ms, lost_ms=None, account=account
        )
        self._tables.update_part(claimed)
        plain = self._seal.open(row.sealed, _part_place(row.notice_id, row.part))
        number, link_tag, body = _unpack(plain)
        notice = self._tables.notice(row.notice_id)
        parts = row.part if notice is None else notice.parts
        return Send(PartKey(row.notice_id, row.part), parts, number, body, link_tag, claimed.attempts)

    def _adopt(self, row: PartRow, now_ms: int) -> bool:
        parked = self._tables.parked_for(row.account, row.number_key, row.sent_ms)
        if parked is None or not self._apply(row, parked):
            return False
        self._settle(row.notice_id, now_ms)
        return True

    def _apply(self, row: PartRow, parked: ParkedRow) -> bool:
        step = Step.REPORT_DELIVERED if parked.delivered else Step.REPORT_FAILED
        state = rules.advance(row.state, step)
        self._tables.unpark(parked)
        if state is None:
            return False
        self._tables.update_part(replace(row, state=state, msg_id=parked.msg_id, code=parked.code, lost_ms=None))
        return True

    def _fail(self, row: PartRow, step: Step, code: str, now_ms: int) -> None:
        state = rules.advance(row.state, step)
        if state is None:
            return
        self._tables.update_part(replace(row, state=state, code=code, lost_ms=None))
        for sibling in self._tables.parts(row.notice_id):
            if sibling.state is SendState.QUEUED:
                self._tables.update_part(replace(sibling, state=SendState.FAILED, code=code))
        self._settle(row.notice_id, now_ms)

    def _give_up(self, row: PartRow, now_ms: int) -> None:
        state = rules.advance(row.state, Step.GIVE_UP)
        if state is not None:
            self._tables.update_part(replace(row, state=state, lost_ms=None))
            self._settle(row.notice_id, now_ms)

    def _settle(self, notice_id: str, now_ms: int) -> None:
        notice = self._tables.notice(notice_id)
        if notice is None:
            return
        parts = self._tables.parts(notice_id)
        known = rules.judge([part.state for part in parts])
        if known is None or not rules.is_news(notice.told, known):
            return
        self._tables.update_notice(replace(notice, told=known, finished_ms=self._finish_ms(known, now_ms)))
        if notice.origin is Origin.GATEWAY:
            code = next((part.code for part in parts if part.code and part.state.value == known.value), "")
            report_id = f"{notice_id}/{known.value}"
            self._tables.insert_delivery(Delivery(report_id, notice_id, known, code, now_ms, notice.parts))

    def _finish_ms(self, known: Progress, now_ms: int) -> int | None:
        if rules.is_finished(known):
            return now_ms
        # A late report may still come for as long as the specification lets it.
        return now_ms + self._waits.report_wait_ms if known is Progress.UNKNOWN else None


def _part_place(notice_id: str, part: int) -> str:
    return f"part/{notice_id}/{part}"


def _segment_place(group: bytes, part: int) -> str:
    return f"segment/{group.hex()}/{part}"


def _reply_place(key: bytes) -> str:
    return f"reply/{key.hex()}"


def _provision_place(order_id: str) -> str:
    return f"provision {order_id}"


def _pack(number: str, link_tag: bytes, body: SmsBody) -> bytes:
    fields = [number, link_tag.hex(), body.msg_fmt, body.tp_udhi, body.content.hex()]
    return json.dumps(fields).encode()


def _unpack(plain: bytes) -> tuple[str, bytes, SmsBody]:
    number, link_tag, msg_fmt, tp_udhi, content = json.loads(plain)
    return number, bytes.fromhex(link_tag), SmsBody(msg_fmt, tp_udhi, bytes.fromhex(content))
