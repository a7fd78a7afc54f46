"""Both stages of an erasure over a store: restricted at once, erased when the retention ends, killed at every step."""

import json
from hashlib import sha256

import pytest

from gateway.domain.codec import write_instruction
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import (
    ActForWard,
    AskGuardian,
    Cancel,
    Channel,
    Confirm,
    Disposition,
    Erase,
    Open,
    Query,
    SetRefusedCategories,
)
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import NO_PREFERENCES, Medium, Preferences
from gateway.domain.subscription import EnrolmentState
from gateway.domain.ties import GuardianScope
from gateway.service.addressee import misdirected
from gateway.service.eraser import Eraser
from gateway.service.feed import Feed
from gateway.service.judge import LogJudge
from gateway.service.retention import KeptDays, Retention
from gateway.service.screening import SubscriberIndex
from gateway.service.submission import content_digest
from gateway.service.timers import Timers
from gateway.service.views import AppliedReport
from gateway.store.base import CommitUnknownError, StoreUnavailableError
from gateway.store.keys import SqliteKeyStore
from gateway.store.rows import Label, OutboxKind, OutboxState
from gateway.store.sqlite import SqliteStore
from gateway.testing.faulty_store import APPLIED_NOT_HEARD, NOT_APPLIED, FaultyStore
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.replay import Replay, Shown
from optout.kit.clock import FakeClock
from optout.kit.number import parse_number
from tests.audit.registry import open_registry, replay
from tests.audit.shown_log import show
from tests.audit.stories import STORIES
from tests.domain.samples import FRIEND, NOON_MS, OWN
from tests.service.house import MOBILE, TELECOM, house_over, open_house
from tests.service.life import DAY_S, K, orders_of, report, state_of

WISHES = Preferences(refused_categories=("loan",))
DAY_MS = 1000 * DAY_S
KEEP_S = 183 * DAY_S


async def restricted(house, *, carrier="mobile"):
    await house.submit(Open(WISHES), channel=Channel.HOTLINE)
    if carrier != "mobile":
        await report(house, K.PORTED_IN, carrier, counterpart="mobile")
    return await house.submit(Erase(), channel=Channel.HALL, carrier=carrier)


def erased_by(state, house, **fields):
    return AppliedReport("e-1", OWN, Medium.VOICE, state.version, (), house.clock.now_ms(), erased=True, **fields)


async def test_restriction_when_asked_then_both_dates_are_told_and_every_holder_has_an_order():
    async with open_house() as house:
        outcome = await restricted(house, carrier="telecom")
        state = outcome.view.subscriber
        assert outcome.verdict.disposition is Disposition.DONE
        assert state.voice.state is EnrolmentState.RESTRICTED
        assert state.erasure.unconfirmed == ("mobile", "telecom")
        notice = (await house.notices("telecom"))[-1]
        assert notice.template == "erasure"
        assert set(notice.parameters) == {"restricted", "erase_by"}
        assert notice.parameters["erase_by"] > notice.parameters["restricted"]
        former = (await orders_of(house, "mobile"))[-1]
        assert (former.switch_off, former.subscriber.voice.preferences) == (True, NO_PREFERENCES)
        assert former.subscriber.voice.state is EnrolmentState.RESTRICTED
        (serving,) = [order for order in await orders_of(house, "telecom") if order.subscriber.erasure]
        assert serving.switch_off is False
        assert former.subscriber.erasure == serving.subscriber.erasure == state.erasure


async def test_instruction_when_restricted_then_it_is_refused_and_a_query_answers_with_the_dates():
    async with open_house() as house:
        await restricted(house)
        for action in (Open(WISHES), Cancel()):
            outcome = await house.submit(action)
            assert (outcome.verdict.disposition, outcome.verdict.reason) == (Disposition.REFUSED, Reason.RESTRICTED)
        assert (await house.submit(Query())).verdict.disposition is Disposition.ALREADY_SO
        assert (await house.notices())[-1].template == "erasure"
        again = await house.submit(Erase(), channel=Channel.HALL)
        assert again.verdict.disposition is Disposition.ALREADY_SO


async def test_carriers_when_they_report_then_nobody_is_waited_for_and_strangers_are_refused():
    async with open_house() as house:
        await restricted(house, carrier="telecom")
        state = await state_of(house)
        await house.registry.report_applied(MOBILE, erased_by(state, house, switched_off=True))
        assert (await state_of(house)).erasure.unconfirmed == ("telecom",)
        assert not (await state_of(house)).life.switch_offs
        await house.registry.report_applied(TELECOM, erased_by(state, house))
        assert (await state_of(house)).erasure.unconfirmed == ()
        with pytest.raises(RefusedError) as caught:
            await house.registry.report_applied(MOBILE, AppliedReport("x", OWN, Medium.VOICE, 1, (), 1, True))
        assert caught.value.reason is Reason.NOT_SERVED


async def test_carrier_when_it_does_not_report_then_it_is_told_again_every_day_and_alarmed():
    async with open_house() as house:
        await restricted(house)
        heard = []
        registrar = house.numbers._registrar
        timers = Timers(
            house.store, registrar, house.clock, Eraser(house.store, house.recorder), alarm_erasure=heard.append
        )
        first = len(await orders_of(house, "mobile"))
        for day in range(1, 4):
            house.clock.advance(DAY_S)
            await timers.ring()
            assert heard == ["mobile"] * day
            assert len(await orders_of(house, "mobile")) == first + day
        await house.registry.report_applied(MOBILE, erased_by(await state_of(house), house))
        house.clock.advance(DAY_S)
        await timers.ring()
        assert heard == ["mobile"] * 3


async def test_feed_when_restricted_then_every_holder_sees_it_and_when_erased_then_a_row_says_so():
    async with open_house() as house:
        outcome = await restricted(house, carrier="telecom")
        feed = Feed(house.store, house.recorder)
        entries = await house.store.entries(0, 100)
        for carrier in ("mobile", "telecom", None):
            (row,) = feed.fold(0, entries, carrier).views
            assert row.subscriber.voice.state is EnrolmentState.RESTRICTED
            assert row.subscriber.erasure is not None
        assert not feed.fold(0, entries, "unicom").views
        index = SubscriberIndex()
        index.follow(feed.fold(0, entries, None))
        assert index.find(OWN).voice.preferences == NO_PREFERENCES
        house.clock.advance(KEEP_S)
        await house.timers.ring()
        told = feed.fold(len(entries), await house.store.entries(len(entries), 9), "unicom")
        assert [(row.row_revision, row.restrict_revision) for row in told.erased] == [(outcome.revision,) * 2]
        index.follow(told)
        assert index.find(OWN) is None
        assert not feed.fold(0, await house.store.entries(0, 99), None).views


async def erase_now(house):
    house.clock.advance(KEEP_S)
    await house.timers.ring()


async def test_erasure_when_the_retention_ends_then_nothing_is_left_but_leaves_and_the_erase_entry():
    async with open_house() as house:
        await restricted(house)
        house.clock.advance(KEEP_S - 1)
        await house.timers.ring()
        assert await house.store.number(house.recorder.vault.number_key(OWN)) is not None
        house.clock.advance(1)
        await house.timers.ring()
        assert await house.store.number(house.recorder.vault.number_key(OWN)) is None
        rows = await house.store.entries(0, 99)
        assert decode_leaf(rows[-1].leaf).type is LeafType.ERASE
        assert all(row.sealed_opening is None for row in rows[:-1])
        payload = house.recorder.open(rows[-1])
        assert payload["label"] == house.recorder.vault.label(OWN, 1).hex()
        assert (payload["kind"], payload["cause"], payload["unconfirmed"]) == ("erase", "asked", ["mobile"])
        assert "before" not in payload
        for state in OutboxState:
            assert not await house.store.outbox(state, 99)
        subjects, _ = await house.store.subjects(carrier=None, state=None, after=Label(b""), limit=9)
        assert not subjects
        assert not await house.store.unfinished_erasures()


async def test_retention_when_it_is_enforced_then_the_log_says_what_went_and_under_which_periods():
    async with open_house() as house:
        await restricted(house)
        eraser = Eraser(house.store, house.recorder)
        timers = Timers(house.store, house.numbers._registrar, house.clock, eraser)
        retention = Retention(house.store, house.recorder, house.policies, eraser, house.clock, KeptDays(30, 7))
        assert await retention.enforce() == 0
        house.clock.advance(KEEP_S)
        await timers.ring()
        swept = await retention.enforce()
        assert swept > 0
        told = (await house.payloads())[-1]
        assert (told["kind"], told["label"], told["swept"], told["erased"]) == ("retention", "", swept, 1)
        assert told["days"] == {"answers": 30, "outbox": 30, "consent": 183, "frozen": 90, "key_backups": 7}
        size = (await house.store.head()).size
        await retention.enforce()
        assert (await house.store.head()).size == size


async def test_number_when_its_holder_was_erased_then_the_next_wish_begins_a_new_epoch_free_of_it():
    async with open_house() as house:
        await restricted(house)
        await erase_now(house)
        outcome = await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        state = outcome.view.subscriber
        assert (state.epoch, state.erasure, state.voice.state) == (2, None, EnrolmentState.OPEN)
        await house.submit(Erase(), channel=Channel.HALL)
        await erase_now(house)
        assert (await house.submit(Open(WISHES), channel=Channel.HOTLINE)).view.subscriber.epoch == 3


async def test_replay_when_somebody_was_erased_then_the_judge_passes_it_and_names_what_is_covered():
    async with open_registry() as registry:
        house, rooms = registry.house, registry.house.log_rooms()
        await restricted(house, carrier="telecom")
        await rooms.epochs.load()
        before = await rooms.epochs.log_epoch()
        await erase_now(house)
        after = await rooms.epochs.log_epoch()
        outcome = await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        assert outcome.view.subscriber.epoch == 2
        await house.submit(Query())
        last = await rooms.epochs.log_epoch()
        await rooms.epochs.close()
        rows = await house.store.entries(0, 99)
        log = [Shown(row.index, row.leaf, row.label, house.recorder.opening(row)) for row in rows]
    work = Replay(LogJudge())
    assert [*(flaw for entry in log for flaw in work.take(entry)), *work.finish()] == []
    assert work.result.covered == [before]
    assert before < after < last
    # Whoever signed a replay in time vouches for what nobody can rebuild any more.
    vouched = Replay(LogJudge(), vouched_size=before + 1)
    assert [flaw for entry in log for flaw in vouched.take(entry)] == []
    assert (vouched.result.covered, vouched.result.vouched) == ([], [before])


@pytest.mark.parametrize("stories", [("guardians", "erasures"), ("numbers",), ("orders", "calls", "erasures")])
async def test_replay_when_all_whom_stories_tell_of_are_erased_then_nothing_is_found_wrong(stories):
    async with open_registry() as registry:
        for name in stories:
            await STORIES[name](registry)
        house = registry.house
        for _ in range(2):
            await erase_now(house)
        await house.submit(Open(WISHES), channel=Channel.HOTLINE, number=parse_number("13800000077"))
        log = await show(house)
    erased = [entry for entry in log if decode_leaf(entry.leaf).type is LeafType.ERASE]
    assert erased
    assert replay(log) == []


@pytest.mark.parametrize("gone", [OWN, FRIEND], ids=["ward", "guardian"])
async def test_replay_when_one_side_of_a_guardianship_is_erased_then_the_other_is_told_and_nothing_is_wrong(gone):
    async with open_registry() as registry:
        house = registry.house
        for number in (OWN, FRIEND):
            await house.submit(Open(WISHES), channel=Channel.HOTLINE, number=number)
        await house.submit(AskGuardian(OWN, GuardianScope.SETTINGS), number=FRIEND)
        await house.submit(Confirm(), number=OWN)
        await house.timers.ring()
        await house.submit(ActForWard(OWN, SetRefusedCategories(refuse=("insurance",))), number=FRIEND)
        await house.submit(Erase(), channel=Channel.HALL, number=gone)
        await house.timers.ring()
        told = [notice for notice in await house.notices() if notice.number not in {gone}]
        assert "ended" in told[-1].template
        for number in (OWN, FRIEND):
            assert (await state_of(house, number)).ties.guardians == ()
            assert (await state_of(house, number)).ties.wards == ()
        await erase_now(house)
        other = FRIEND if gone is OWN else OWN
        await house.submit(Query(), number=other)
        log = await show(house)
    assert [entry.opening for entry in log if entry.opening is None]
    assert replay(log) == []


async def test_holder_when_the_number_went_to_somebody_else_then_erased_after_the_same_retention():
    async with open_house() as house:
        await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        await report(house, K.CLOSED, "mobile")
        house.clock.advance(100 * DAY_S)
        await report(house, K.REASSIGNED, "mobile")
        await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        house.clock.advance(84 * DAY_S)
        await house.timers.ring()
        payloads = await house.payloads()
        assert [p["cause"] for p in payloads if p["kind"] == "erase"] == ["number_gone"]
        state = await state_of(house)
        assert (state.epoch, state.voice.state) == (2, EnrolmentState.OPEN)
        assert await house.store.subjects(carrier=None, state=None, after=Label(b""), limit=9)


async def test_notice_when_it_waited_before_the_restriction_then_it_is_not_told_any_more():
    async with open_house() as house:
        await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        (old,) = [row for row in await house.store.due("mobile", 2**62, 9) if row.kind is OutboxKind.NOTIFY]
        outcome = await house.submit(Erase(), channel=Channel.HALL)
        assert old.index + 1 < outcome.view.subscriber.erasure.revision
        found = await house.store.number(house.recorder.vault.number_key(OWN))
        assert misdirected(old, found, restricted_since=outcome.revision) is Reason.RESTRICTED
        rows = [row for row in await house.store.due("mobile", 2**62, 9) if row.index == outcome.revision - 1]
        assert rows
        assert {misdirected(row, found, restricted_since=outcome.revision) for row in rows} == {None}


async def test_answers_when_stored_then_no_digest_can_be_tried_out_without_the_key(tmp_path):
    async with sqlite_house(tmp_path) as (house, _):
        asked = house.instruction(Open(WISHES), channel=Channel.HOTLINE)
        await house.registry.submit(MOBILE, asked)
        await report(house, K.PORTED_IN, "telecom", counterpart="mobile")
        plain = content_digest(write_instruction(asked))
        (payload, moved) = await house.payloads()
        event = sha256(json.dumps(moved["event"], sort_keys=True).encode()).digest()
        assert payload["digest"] == plain.hex()
        await house.store.scrub()
        stored = (tmp_path / "registry.sqlite").read_bytes()
        assert house.recorder.vault.content_digest(plain) in stored
        assert plain not in stored
        assert event not in stored


# -------------------------------------------------------------------------------------------------- killed at a step


class sqlite_house:  # noqa: N801 - used as a function
    """A house over files, as a process finds them."""

    def __init__(self, folder, clock=None):
        self.folder, self.clock = folder, clock or FakeClock(NOON_MS)

    async def __aenter__(self):
        self.keys = SqliteKeyStore(self.folder / "keys.sqlite", bytes(range(32)))
        self.store = SqliteStore(self.folder / "registry.sqlite", self.keys, clock=self.clock)
        return house_over(self.store, self.keys, self.clock), self.clock

    async def __aexit__(self, *_):
        await self.store.close()
        self.keys.close()


class KilledError(Exception):
    """The process ends here."""


class KilledAt(FaultyStore):
    """A store whose process ends at the n-th call of these, before or after it was carried out."""

    def __init__(self, store, place, *, after):
        super().__init__(store)
        self.place, self.after = place, after

    def __getattr__(self, name):
        found = super().__getattr__(name)
        return self._wrap(found) if name in {"scrub", "unfinished_erasures"} else found

    async def commit(self, unit):
        return await self._wrap(super().commit)(unit)

    def _wrap(self, call):
        async def run(*args):
            self.place -= 1
            if self.place == 0 and not self.after:
                raise KilledError
            result = await call(*args)
            if self.place == 0:
                raise KilledError
            return result

        return run


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", range(1, 6))
async def test_erasure_when_killed_at_any_step_then_the_next_process_completes_it(tmp_path, place, after):
    clock = FakeClock(NOON_MS)
    async with sqlite_house(tmp_path, clock) as (house, _):
        await restricted(house)
        await house.registry.report_applied(MOBILE, erased_by(await state_of(house), house))
        clock.advance(KEEP_S)
        store = KilledAt(house.store, place, after=after)
        registrar = house.numbers._registrar
        timers = Timers(store, registrar, clock, Eraser(store, house.recorder))
        killed = False
        try:
            for _ in range(3):
                await timers.ring()
        except KilledError:
            killed = True
        assert killed is (place <= 5)
    async with sqlite_house(tmp_path, clock) as (house, _):
        await house.timers.ring()
        await house.timers.ring()
        assert not await house.store.unfinished_erasures()
        label = house.recorder.vault.label(OWN, 1)
        assert not house.recorder.vault._keys.get((label,))
        kinds = [payload["kind"] for payload in await house.payloads()]
        assert kinds.count("erase") == 1
        assert await house.store.number(house.recorder.vault.number_key(OWN)) is None


@pytest.mark.parametrize("fault", [NOT_APPLIED, APPLIED_NOT_HEARD], ids=["not_applied", "applied_not_heard"])
async def test_erasure_when_a_commit_fails_either_way_then_it_happens_once(fault):
    async with open_house() as house:
        await restricted(house)
        house.clock.advance(KEEP_S)
        for script in ([fault], [fault], []):
            store = FaultyStore(house.store, script)
            timers = Timers(store, house.numbers._registrar, house.clock, Eraser(store, house.recorder))
            for _ in range(4):
                try:
                    await timers.ring()
                except (StoreUnavailableError, CommitUnknownError):
                    continue
        assert [payload["kind"] for payload in await house.payloads()] == ["erase"]
        assert not await house.store.unfinished_erasures()


async def test_epoch_when_its_holder_was_erased_then_readers_know_the_highest_one():
    async with open_house() as house:
        await restricted(house)
        await erase_now(house)
        key = house.recorder.vault.number_key(OWN)
        assert await house.store.erased_epoch(key) == 1


async def test_effects_when_a_platform_switches_off_then_the_report_is_recorded_and_nobody_is_told():
    async with open_house() as house:
        outcome = await restricted(house)
        notices = len(await house.notices())
        state = outcome.view.subscriber
        told = (ReportedEffect(SERVICE, EffectState.APPLIED),)
        await house.registry.report_applied(
            MOBILE, AppliedReport("r-1", OWN, Medium.VOICE, state.version, told, house.clock.now_ms())
        )
        assert (await state_of(house)).voice.effects.service.state is EffectState.APPLIED
        assert len(await house.notices()) == notices
