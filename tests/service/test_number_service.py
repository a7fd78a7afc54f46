"""The life of numbers over a store: reported, recorded, handed over, frozen, given out again."""

import asyncio

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.effects import EffectState
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Cancel, Channel, Confirm, Disposition, Open, Query, UndoCancel
from gateway.domain.number_life import read_event
from gateway.domain.preferences import NO_PREFERENCES, Medium, Preferences
from gateway.domain.subscription import EnrolmentState, ServiceBasis
from gateway.service.outbox import REGISTRY
from gateway.service.screening import SubscriberIndex
from gateway.store.rows import OutboxKind, OutboxState
from gateway.tlog.leaf import LeafType, decode_leaf
from optout.kit.number import parse_number
from tests.domain.samples import OWN
from tests.service.house import INSTITUTE, MOBILE, OPERATOR, TELECOM, open_house
from tests.service.life import DAY_S, K, event, orders_of, report, rows_of, state_of

WISHES = Preferences(refused_categories=("loan",))
DAY_MS = 1000 * DAY_S


async def opened(house, **fields):
    return await house.submit(Open(WISHES), channel=Channel.HOTLINE, **fields)


async def test_event_when_reported_then_it_is_one_entry_chained_to_the_others():
    async with open_house() as house:
        await opened(house)
        answer = await report(house, K.PORTED_IN, "telecom", counterpart="mobile")
        assert (answer.revision, answer.epoch, answer.reason) == (2, 1, None)
        payload = (await house.payloads())[1]
        assert (payload["kind"], payload["prev"], payload["version"], payload["follows"]) == (
            "number_event", 0, 2, "hand_over",
        )  # fmt: skip
        assert read_event(payload["event"]).reporter == "telecom"
        (row,) = await house.store.entries(1, 9)
        assert decode_leaf(row.leaf).type is LeafType.CHANGE


async def test_event_when_repeated_then_it_gets_its_first_revision_and_other_content_is_refused():
    async with open_house() as house:
        told = event(house, K.PORTED_IN)
        first = await house.numbers.report_event(TELECOM, told)
        await report(house, K.CLOSED, "telecom")
        assert await house.numbers.report_event(TELECOM, told) == first
        assert (await house.store.head()).size == 2
        other = event(house, K.PORTED_OUT, id=told.id)
        with pytest.raises(RefusedError) as caught:
            await house.numbers.report_event(TELECOM, other)
        assert caught.value.reason is Reason.ID_REUSED
        # The id is the party's own: another one may use it.
        assert (await house.numbers.report_event(MOBILE, other)).revision == 3


async def test_conflict_when_repeated_then_it_is_recorded_once_with_its_reason():
    async with open_house() as house:
        await report(house, K.PORTED_IN, "telecom")
        told = event(house, K.CLOSED)
        first = await house.numbers.report_event(MOBILE, told)
        assert (first.reason, first.revision) == (Reason.EVENT_CONFLICT, 2)
        assert await house.numbers.report_event(MOBILE, told) == first
        assert (await house.payloads())[1]["reason"] == "EVENT_CONFLICT"
        assert (await state_of(house)).carrier == "telecom"


@pytest.mark.parametrize(
    ("caller", "kind", "counterpart", "reason"),
    [
        (MOBILE, K.BASELINE, "", Reason.ROLE_NOT_ALLOWED),
        (INSTITUTE, K.BASELINE, "mobile", Reason.ROLE_NOT_ALLOWED),
        (MOBILE, K.PORTED_IN, "mobile", Reason.INVALID_FIELD),
        (MOBILE, K.PORTED_IN, "nobody", Reason.INVALID_FIELD),
        (OPERATOR, K.BASELINE, "", Reason.MISSING_FIELD),
        (OPERATOR, K.PORTED_IN, "", Reason.MISSING_FIELD),
        (OPERATOR, K.REASSIGNED, "", Reason.MISSING_FIELD),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "party", value)),
)
async def test_event_when_its_reporter_may_not_say_so_then_it_is_refused_and_leaves_no_trace(
    caller, kind, counterpart, reason
):
    async with open_house() as house:
        with pytest.raises(RefusedError) as caught:
            await house.numbers.report_event(caller, event(house, kind, counterpart=counterpart))
        assert caught.value.reason is reason
        assert (await house.store.head()).size == 0


async def test_baseline_when_fed_in_bulk_then_every_number_has_a_first_holder_and_costs_one_entry():
    async with open_house() as house:
        numbers = [parse_number(f"138{tail:08}") for tail in range(500)]
        answers = await asyncio.gather(
            *(report(house, K.BASELINE, number=number, counterpart="telecom") for number in numbers)
        )
        assert {answer.epoch for answer in answers} == {1}
        assert sorted(answer.revision for answer in answers) == list(range(1, 501))
        assert not await rows_of(house, "telecom")
        outcome = await opened(house, number=numbers[0], carrier="telecom")
        assert outcome.view.subscriber.basis is ServiceBasis.EVENT
        with pytest.raises(RefusedError) as caught:
            await opened(house, number=numbers[1], carrier="mobile")
        assert caught.value.reason is Reason.NOT_SERVED
        index = SubscriberIndex()
        index.put([await state_of(house, numbers[0]), await state_of(house, numbers[2])])
        assert index.find(numbers[0]) is not None
        assert index.find(numbers[2]) is None


async def test_port_when_it_holds_then_both_carriers_and_the_subscriber_are_told():
    async with open_house() as house:
        house.capabilities.put(Capabilities("telecom", "1", Enforcement.PLATFORM, effect_delay_s=3600))
        await opened(house)
        await report(house, K.PORTED_OUT, "mobile", counterpart="telecom")
        await report(house, K.PORTED_IN, "telecom", counterpart="mobile")
        (off,) = await orders_of(house, "mobile")
        assert (off.switch_off, off.subscriber.carrier, off.subscriber.voice.preferences) == (
            True, "telecom", NO_PREFERENCES,
        )  # fmt: skip
        (on,) = await orders_of(house, "telecom")
        assert (on.switch_off, on.subscriber.voice.preferences) == (False, WISHES)
        assert [notice.template for notice in await house.notices("telecom")] == ["ported"]
        state = await state_of(house)
        assert (state.voice.effects.word, state.voice.effects.effective_by_ms) == (
            EffectState.ACCEPTED, house.clock.now_ms() + 3_600_000,
        )  # fmt: skip
        assert off.subscriber.version == state.life.switch_offs[0].version
        with pytest.raises(RefusedError) as caught:
            await house.submit(Query())
        assert caught.value.reason is Reason.NOT_SERVED
        assert (await house.submit(Query(), carrier="telecom")).view.subscriber.voice.preferences == WISHES


async def test_switch_off_when_overdue_then_it_is_alarmed_logged_and_told_again():
    async with open_house() as house:
        await opened(house)
        await report(house, K.PORTED_IN, "telecom")
        alarms = []
        object.__setattr__(house.timers, "alarm", alarms.append)
        assert await house.timers.ring() == 0
        house.clock.advance(DAY_S)
        assert await house.timers.ring() == 1
        assert await house.timers.ring() == 0
        assert alarms == ["mobile"]
        assert (await house.payloads())[-1]["kind"] == "switch_off_overdue"
        assert [order.switch_off for order in await orders_of(house, "mobile")] == [True, True]
        house.clock.advance(DAY_S)
        await house.timers.ring()
        assert alarms == ["mobile", "mobile"]


async def test_closed_number_when_ordered_for_then_it_is_frozen_for_everybody():
    async with open_house() as house:
        await opened(house)
        await report(house, K.CLOSED, "mobile")
        for carrier in ("mobile", "telecom"):
            outcome = await opened(house, carrier=carrier)
            assert (outcome.verdict.disposition, outcome.verdict.reason) == (Disposition.REFUSED, Reason.NUMBER_FROZEN)
        view, _ = await house.registry.get(INSTITUTE, OWN, Medium.VOICE)
        assert view.subscriber.voice.state is EnrolmentState.CLOSED
        assert view.subscriber.life.frozen_until_ms == house.clock.now_ms() + 90 * DAY_MS


async def test_reassigned_number_when_somebody_else_has_it_then_nothing_of_the_old_holder_is_left():
    async with open_house() as house:
        await opened(house)
        await report(house, K.CLOSED, "mobile")
        early = await report(house, K.REASSIGNED, "mobile")
        assert early.reason is Reason.EVENT_CONFLICT
        house.clock.advance(90 * DAY_S)
        answer = await report(house, K.REASSIGNED, "mobile")
        assert answer.epoch == 2
        heir = await state_of(house)
        assert (heir.epoch, heir.voice.preferences, heir.voice.state) == (2, NO_PREFERENCES, EnrolmentState.CLOSED)
        listed = await house.registry.list(MOBILE, carrier="", state=None, page_token="", page_size=9)
        assert [view.subscriber.epoch for view in listed.views] == [2]
        outcome = await house.submit(Open(), channel=Channel.HOTLINE)
        assert outcome.view.subscriber.voice.preferences == NO_PREFERENCES
        assert outcome.view.subscriber.life.switch_offs[0].carrier == "mobile"


async def test_screening_index_when_a_number_changes_hands_then_the_new_epoch_replaces_the_old_one():
    async with open_house() as house:
        await opened(house)
        old = await state_of(house)
        await report(house, K.REASSIGNED, "mobile")
        index = SubscriberIndex()
        index.put([old])
        index.revision = 1
        index.follow(await anext(house.registry.watch(INSTITUTE, 1)))
        assert index.find(OWN).epoch == 2
        assert not index.find(OWN).refusing
        index.put([old])
        assert index.find(OWN).epoch == 2


async def test_event_when_told_beforehand_then_it_holds_from_its_time_on():
    async with open_house() as house:
        await opened(house)
        due_ms = house.clock.now_ms() + 60_000
        answer = await report(house, K.PORTED_IN, "telecom", effective_ms=due_ms)
        assert (answer.epoch, answer.reason) == (1, None)
        assert (await state_of(house)).carrier == "mobile"
        assert await house.timers.ring() == 0
        house.clock.advance(60)
        assert await house.timers.ring() == 1
        assert await house.timers.ring() == 0
        state = await state_of(house)
        assert (state.carrier, state.life.since_ms) == ("telecom", due_ms)
        assert [payload["follows"] for payload in (await house.payloads())[1:]] == ["scheduled", "hand_over"]


async def test_event_when_told_beforehand_and_overtaken_then_its_conflict_is_recorded_when_due():
    async with open_house() as house:
        await opened(house)
        await report(house, K.PORTED_IN, "telecom", effective_ms=house.clock.now_ms() + 60_000)
        await report(house, K.CLOSED, "mobile")
        house.clock.advance(60)
        await house.timers.ring()
        assert (await house.payloads())[-1]["reason"] == "EVENT_CONFLICT"


async def test_cancellation_when_its_time_is_over_then_what_lay_aside_is_dropped_by_an_entry():
    async with open_house() as house:
        await opened(house)
        await house.submit(Cancel())
        assert (await state_of(house)).voice.undo.preferences == WISHES
        house.clock.advance(DAY_S)
        assert await house.timers.ring() == 1
        state = await state_of(house)
        assert (state.voice.undo, state.version) == (None, 3)
        assert (await house.payloads())[-1]["kind"] == "aside_dropped"
        assert (await house.submit(UndoCancel())).verdict.reason is Reason.NOTHING_TO_UNDO
        assert [row.kind for row in await rows_of(house, REGISTRY)] == []


async def test_reminder_when_there_is_nothing_left_to_do_then_it_is_settled_without_an_entry():
    async with open_house() as house:
        await opened(house)
        await house.submit(Cancel())
        await house.submit(UndoCancel())
        size = (await house.store.head()).size
        assert [row.kind for row in await rows_of(house, REGISTRY)] == [OutboxKind.TIMER]
        house.clock.advance(DAY_S)
        await house.timers.ring()
        assert (await house.store.head()).size == size
        assert await rows_of(house, REGISTRY) == []
        assert (await state_of(house)).voice.preferences == WISHES


async def test_reminder_when_its_subscriber_was_erased_then_it_is_given_up():
    async with open_house() as house:
        await opened(house)
        await report(house, K.PORTED_IN, "telecom", effective_ms=house.clock.now_ms() + 1000)
        house.clock.advance(1)
        house.recorder.vault.destroy([house.recorder.vault.label(OWN, 1)])
        assert await house.timers.ring() == 1
        assert await rows_of(house, REGISTRY) == []
        dead = await house.store.outbox(OutboxState.DEAD, 9)
        assert [row.reason for row in dead] == ["SEAL_KEY_MISSING"]


async def test_timers_when_running_then_they_look_again_as_time_goes_by():
    async with open_house() as house:
        await opened(house)
        await house.submit(Cancel())
        running = asyncio.ensure_future(house.timers.run())
        await house.clock.elapse(1.0)
        assert (await state_of(house)).voice.undo is not None
        house.clock.advance(DAY_S)
        async with asyncio.timeout(30):
            while (await state_of(house)).voice.undo is not None:
                await asyncio.sleep(0)
        running.cancel()


async def test_pending_opening_when_the_number_is_ported_then_the_second_word_comes_through_the_new_carrier():
    async with open_house() as house:
        await house.submit(Open(WISHES))
        await report(house, K.PORTED_IN, "telecom")
        outcome = await house.submit(Confirm(), carrier="telecom")
        assert outcome.view.subscriber.voice.preferences == WISHES
        assert (await state_of(house)).life.switch_offs == ()
