"""The registry's use cases over a store: decided, recorded, repeated, refused, listed and followed."""

import asyncio
from hashlib import sha256

import pytest

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.codec import read_instruction, read_subscriber, read_verdict
from gateway.domain.effects import EffectState
from gateway.domain.enrolment import Circumstances, decide
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import (
    Cancel,
    Channel,
    Confirm,
    Disposition,
    EditList,
    ExpectedEffect,
    ItemKind,
    Open,
    Query,
    SetRefusedCategories,
)
from gateway.domain.preferences import Medium, Preferences
from gateway.domain.subscription import EnrolmentState, ServiceBasis
from gateway.service.views import DeliveryReport, DeliveryState
from gateway.store.rows import OutboxKind, OutboxState
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.opening import NO_PREVIOUS, encode_payload
from optout.kit.number import parse_number
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import INSTITUTE, MOBILE, PLATFORM, TELECOM, open_house

DEFAULTS = Preferences(refused_categories=("insurance",))


async def test_story_when_told_then_each_step_is_an_entry_and_a_notice():
    async with open_house() as house:
        asked = await house.submit(Open(DEFAULTS))
        assert asked.verdict.disposition is Disposition.NEEDS_CONFIRMATION
        opened = await house.submit(Confirm())
        assert opened.view.subscriber.voice.state is EnrolmentState.OPEN
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        final = await house.submit(EditList(allow=False, add=(NUISANCE,)))
        assert final.revision == (await house.store.head()).size == 4
        assert final.view.subscriber.voice.preferences.refused_categories == ("insurance", "loan")
        assert [notice.template for notice in await house.notices()] == [
            "confirm_open",
            "opened",
            "changed",
            "changed",
        ]
        assert [payload["version"] for payload in await house.payloads()] == [1, 2, 3, 4]


async def test_entries_when_walked_then_the_chain_folds_to_the_stored_state_and_redecides():
    async with open_house() as house:
        for action in (Open(DEFAULTS), Query(), Confirm(), Confirm(), EditList(allow=False, add=(NUISANCE,)), Cancel()):
            await house.submit(action)
            await house.submit(Open(), number=FRIEND, channel=Channel.HOTLINE)
        label = house.recorder.vault.label(OWN, 1).hex()
        previous, state = NO_PREVIOUS, None
        for index, payload in enumerate(await house.payloads()):
            if payload["label"] != label:
                continue
            assert payload["prev"] == previous
            before = "" if state is None else sha256(encode_payload(state)).hexdigest()
            assert payload["before"] == before
            instruction = read_instruction(payload["instruction"])
            if state is not None:
                leg = read_subscriber(state).voice
                policy = house.policies.current
                time_ms = decode_leaf((await house.store.entries(index, 1))[0].leaf).accept_time_ms
                around = Circumstances(
                    OWN, instruction.channel, instruction.evidence, policy, instruction.carrier, time_ms
                )
                verdict = decide(leg, instruction.action, around)[1]
                assert verdict.disposition is read_verdict(payload["verdict"]).disposition
            previous, state = index, payload.get("after", state)
        found = await house.store.number(house.recorder.vault.number_key(OWN))
        assert found is not None
        assert found[1].last_index == previous
        assert house.recorder.read_state(found[1]).state == read_subscriber(state)


async def test_submit_when_repeated_then_the_first_answer_comes_again_and_nothing_is_booked():
    async with open_house() as house:
        first = await house.submit(Open(DEFAULTS), channel=Channel.HOTLINE, id="serial-1")
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        again = await house.submit(Open(DEFAULTS), channel=Channel.HOTLINE, id="serial-1")
        assert again.replayed
        assert (again.verdict, again.view, again.revision) == (first.verdict, first.view, first.revision)
        assert (await house.store.head()).size == 2
        assert len(await house.notices()) == 2


async def test_query_when_repeated_then_the_state_is_the_one_of_then():
    async with open_house() as house:
        await house.submit(Open(DEFAULTS), channel=Channel.HOTLINE)
        first = await house.submit(Query(), id="q")
        await house.submit(Query(), id="q2")
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        again = await house.submit(Query(), id="q")
        assert (again.replayed, again.view) == (True, first.view)


async def test_submit_when_an_id_comes_with_other_content_then_sms_is_new_and_a_serial_is_refused():
    async with open_house() as house:
        await house.submit(Open(), id="1", channel=Channel.HOTLINE)
        with pytest.raises(RefusedError) as refusal:
            await house.submit(Cancel(), id="1", channel=Channel.HOTLINE)
        assert refusal.value.reason is Reason.ID_REUSED
        await house.submit(Query(), id="2")
        other = await house.submit(Cancel(), id="2")
        assert (other.replayed, other.verdict.disposition) == (False, Disposition.DONE)


async def test_submit_when_the_answer_has_expired_then_the_instruction_is_new():
    async with open_house() as house:
        await house.submit(Query(), id="1")
        house.clock.advance(30 * 86_400 + 1)
        assert not (await house.submit(Query(), id="1")).replayed


async def test_submit_when_another_carrier_serves_the_number_then_it_is_refused_and_the_refusal_is_logged():
    async with open_house() as house:
        await house.submit(Open())
        for _ in range(2):
            with pytest.raises(RefusedError) as refusal:
                await house.submit(Cancel(), carrier="telecom", id="t1")
            assert refusal.value.reason is Reason.NOT_SERVED
        payloads = await house.payloads()
        assert len(payloads) == 2
        assert payloads[1]["verdict"]["reason"] == "NOT_SERVED"
        assert await house.notices("telecom") == []


async def test_submit_when_the_prefix_is_anothers_then_it_is_a_provisional_claim():
    async with open_house() as house:
        claimed = await house.submit(Open(), carrier="telecom", channel=Channel.HOTLINE)
        assert claimed.view.subscriber.basis is ServiceBasis.CLAIM
        own = await house.submit(Open(), number=FRIEND)
        assert own.view.subscriber.basis is ServiceBasis.PREFIX


async def test_submit_when_the_caller_may_not_then_nothing_is_written():
    async with open_house() as house:
        instruction = house.instruction(Open())
        for caller, reason in (
            (INSTITUTE, Reason.ROLE_NOT_ALLOWED),
            (PLATFORM, Reason.ROLE_NOT_ALLOWED),
            (TELECOM, Reason.WRONG_CARRIER),
        ):
            with pytest.raises(RefusedError) as refusal:
                await house.registry.submit(caller, instruction)
            assert refusal.value.reason is reason
        assert (await house.store.head()).size == 0


async def test_submit_when_the_medium_is_not_offered_yet_then_it_is_an_outcome_and_an_entry():
    async with open_house() as house:
        outcome = await house.submit(Open(), medium=Medium.MESSAGE)
        assert outcome.verdict.reason is Reason.MEDIUM_NOT_OFFERED
        (entry,) = await house.store.entries(0, 10)
        assert decode_leaf(entry.leaf).type is LeafType.CHANGE  # the subject began with it


async def test_refused_when_recorded_then_it_is_a_statement_by_its_carrier():
    async with open_house() as house:
        await house.submit(Query())
        await house.submit(Confirm())
        leaf = decode_leaf((await house.store.entries(1, 1))[0].leaf)
        assert (leaf.type, leaf.actor) == (LeafType.STATEMENT, house.policies.actor("mobile"))


async def test_expected_effect_when_declared_then_each_item_tells_it_and_a_platform_gets_an_order():
    declared = Capabilities(
        "mobile",
        "1",
        Enforcement.PLATFORM,
        {
            ItemKind.SERVICE: (ItemCapability(ExpectedEffect.FULL),),
            ItemKind.CATEGORY: (
                ItemCapability(ExpectedEffect.DEGRADED, frozenset({"loan"})),
                ItemCapability(ExpectedEffect.FULL),
            ),
        },
        effect_delay_s=86_400,
    )
    async with open_house(declared) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        outcome = await house.submit(SetRefusedCategories(refuse=("loan", "insurance")))
        expected = {item.item.value: item.expected for item in outcome.verdict.items}
        assert expected == {"loan": ExpectedEffect.DEGRADED, "insurance": ExpectedEffect.FULL}
        leg = outcome.view.subscriber.voice
        assert (leg.effects.word, leg.effects.effective_by_ms) == (
            EffectState.ACCEPTED,
            house.clock.now_ms() + 86_400_000,
        )
        listed = await house.submit(EditList(allow=False, add=(NUISANCE,)))
        assert listed.verdict.items[0].expected is ExpectedEffect.UNSUPPORTED
        kinds = [row.kind for row in await house.store.due("mobile", 2**62, 100)]
        assert kinds.count(OutboxKind.APPLY) == 3


async def test_get_when_asked_then_a_carrier_sees_its_own_alone_and_the_institute_all():
    async with open_house() as house:
        await house.submit(Open())
        for caller in (MOBILE, INSTITUTE):
            view, revision = await house.registry.get(caller, OWN, Medium.VOICE)
            assert (view.subscriber.number, revision) == (OWN, 1)
        for caller, number, reason in (
            (TELECOM, OWN, Reason.NOT_SERVED),
            (INSTITUTE, NUISANCE, Reason.NOT_FOUND),
            (PLATFORM, OWN, Reason.ROLE_NOT_ALLOWED),
        ):
            with pytest.raises(RefusedError) as refusal:
                await house.registry.get(caller, number, Medium.VOICE)
            assert refusal.value.reason is reason


async def test_list_when_paged_then_every_subscriber_comes_once():
    async with open_house() as house:
        numbers = {parse_number(f"138000000{tail:02}") for tail in range(25)}
        for number in numbers:
            await house.submit(Open(), number=number)
        await house.submit(Open(), carrier="telecom", number=FRIEND)
        seen, token = [], ""
        while True:
            page = await house.registry.list(MOBILE, carrier="", state=None, page_token=token, page_size=10)
            seen += [view.subscriber.number for view in page.views]
            token = page.next_page_token
            if not token:
                break
        assert (len(seen), set(seen)) == (25, numbers)
        open_ones = await house.registry.list(
            INSTITUTE, carrier="mobile", state=EnrolmentState.OPEN, page_token="", page_size=10
        )
        assert open_ones.views == ()


@pytest.mark.parametrize("token", ["nonsense", "00", "0" * 66])
async def test_list_when_the_token_is_not_ours_then_it_is_refused(token):
    async with open_house() as house:
        with pytest.raises(RefusedError) as refusal:
            await house.registry.list(MOBILE, carrier="", state=None, page_token=token, page_size=10)
        assert refusal.value.reason is Reason.INVALID_PAGE_TOKEN


async def test_watch_when_followed_then_ranges_join_and_hold_full_rows_of_the_callers_own():
    async with open_house() as house:
        await house.submit(Open(DEFAULTS))
        await house.submit(Open(), carrier="telecom", number=FRIEND)
        await house.submit(Confirm())
        feed = house.registry.watch(TELECOM, 0)
        first = await anext(feed)
        assert (first.after_revision, first.revision) == (0, 3)
        assert [view.subscriber.number for view in first.views] == [FRIEND]
        follower = asyncio.ensure_future(anext(feed))
        await house.submit(Query())
        second = await asyncio.wait_for(follower, 30)
        assert (second.after_revision, second.revision, second.views) == (3, 4, ())
        (own,) = (await anext(house.registry.watch(MOBILE, 0))).views
        assert (own.subscriber.voice.state, own.revision) == (EnrolmentState.OPEN, 3)


async def test_watch_when_it_begins_in_the_future_then_it_is_refused():
    async with open_house() as house:
        with pytest.raises(RefusedError) as refusal:
            await anext(house.registry.watch(MOBILE, 1))
        assert refusal.value.reason is Reason.REVISION_OUT_OF_RANGE


def report(notice_id, id="r1", state=DeliveryState.DELIVERED, code="DELIVRD"):  # noqa: A002 - the field's name
    return DeliveryReport(id, notice_id, state, code, 1, 1)


async def test_delivery_when_reported_then_it_is_an_entry_of_the_subscribers_chain_and_settles_the_notice():
    async with open_house() as house:
        await house.submit(Open())
        (notice,) = await house.notices()
        revision = await house.registry.report_delivery(MOBILE, report(notice.id))
        assert revision == await house.registry.report_delivery(MOBILE, report(notice.id)) == 2
        payload = (await house.payloads())[1]
        assert (payload["kind"], payload["prev"], payload["state"]) == ("delivery", 0, "delivered")
        row = await house.store.outbox_row(notice.id)
        assert row is not None
        assert (row.state, row.reason) == (OutboxState.SETTLED, "delivered:DELIVRD")
        await house.submit(Confirm())
        assert (await house.payloads())[2]["prev"] == 1


async def test_delivery_when_it_is_nonsense_then_it_is_refused():
    async with open_house() as house:
        await house.submit(Open())
        (notice,) = await house.notices()
        await house.registry.report_delivery(MOBILE, report(notice.id))
        for caller, wrong, reason in (
            (MOBILE, report("n-unknown", id="r2"), Reason.NOT_FOUND),
            (TELECOM, report(notice.id), Reason.NOT_FOUND),
            (INSTITUTE, report(notice.id), Reason.ROLE_NOT_ALLOWED),
            (MOBILE, report(notice.id, state=DeliveryState.FAILED), Reason.ID_REUSED),
        ):
            with pytest.raises(RefusedError) as refusal:
                await house.registry.report_delivery(caller, wrong)
            assert refusal.value.reason is reason


async def test_clock_when_it_steps_back_then_times_stand_still_and_confirmations_still_expire():
    async with open_house() as house:
        await house.submit(Open())
        house.clock.step_wall(-3600)
        await house.submit(Query())
        times = [decode_leaf(row.leaf).accept_time_ms for row in await house.store.entries(0, 10)]
        assert times == sorted(times)
        house.clock.step_wall(3600 + 86_400)
        assert (await house.submit(Confirm())).verdict.reason is Reason.CONFIRMATION_EXPIRED
