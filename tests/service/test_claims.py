"""Provisional claims: accepted, shown to the prefix's carrier, contested, and decided by an event."""

from dataclasses import replace

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, Disposition, EditList, EndGuardian, Erase, Evidence, Open, Proof, Query
from gateway.domain.preferences import NO_PREFERENCES, Medium, Preferences
from gateway.domain.subscription import CLOSED_LEG, ServiceBasis
from gateway.service.claims import Contest
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from tests.domain.samples import NUISANCE, OWN
from tests.service.house import INSTITUTE, MOBILE, TELECOM, open_house
from tests.service.life import K, report, state_of, tell

WISHES = Preferences(refused_categories=("loan",))
UNICOM = Identity(Role.CARRIER, "unicom")
EDIT = EditList(allow=False, add=(NUISANCE,))


async def claim(house, **fields):
    """An order of telecom's for a number whose prefix is mobile's."""
    return await house.submit(Open(WISHES), channel=Channel.HOTLINE, carrier="telecom", **fields)


def contest(revision, *, number=OWN, name="c1", ground=""):
    return Contest(name, "", number, revision, ground)


async def listed(house, caller=MOBILE, size=100):
    return (await house.numbers.list_claims(caller, page_token="", page_size=size)).claims


async def test_claim_when_an_order_comes_from_another_carrier_than_the_prefixs_then_it_is_accepted_and_shown():
    async with open_house() as house:
        outcome = await claim(house)
        assert outcome.verdict.disposition is Disposition.DONE
        assert outcome.view.subscriber.basis is ServiceBasis.CLAIM
        (shown,) = await listed(house)
        assert (shown.number, shown.claimant, shown.prefix_carrier, shown.revision, shown.contested) == (
            OWN, "telecom", "mobile", outcome.revision, False,
        )  # fmt: skip
        assert await listed(house, TELECOM) == ()
        feed_range = await anext(house.registry.watch(MOBILE, 0))
        assert (feed_range.views, feed_range.claims) == ((), (shown,))
        assert (await anext(house.registry.watch(TELECOM, 0))).claims == ()
        assert (await anext(house.registry.watch(INSTITUTE, 0))).claims == ()


UNPROVEN = {"evidence": Evidence(proofs=(Proof.AGENT,))}


@pytest.mark.parametrize(
    ("action", "changes", "reason"),
    [
        (Query(), {}, None),
        (EDIT, {}, Reason.NOT_OPEN),
        (Open(WISHES), UNPROVEN, Reason.MANDATE_REQUIRED),
        (Open(WISHES), {"medium": Medium.MESSAGE}, Reason.MEDIUM_NOT_OFFERED),
        (Erase(), UNPROVEN, Reason.MANDATE_REQUIRED),
        (EndGuardian(), UNPROVEN, Reason.MANDATE_REQUIRED),
    ],
    ids=["asks", "sets", "no mandate", "no medium", "erases", "parts"],
)
async def test_claim_when_the_order_is_refused_or_only_asks_then_the_number_stays_where_it_was(action, changes, reason):
    async with open_house() as house:
        instruction = house.instruction(action, channel=Channel.HOTLINE, carrier="unicom")
        answer = await house.registry.submit(UNICOM, replace(instruction, **changes))
        assert answer.verdict.reason is reason
        assert (answer.view.subscriber.carrier, answer.view.subscriber.life.claim) == ("mobile", None)
        assert await listed(house) == ()
        opened = await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        assert opened.verdict.disposition is Disposition.DONE


async def test_claim_when_a_number_adrift_is_ordered_for_without_proof_then_nothing_is_told_of_its_holder():
    async with open_house() as house:
        await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        await house.submit(EDIT, channel=Channel.HOTLINE)
        await report(house, K.PORTED_OUT, "mobile")
        instruction = house.instruction(Open(), channel=Channel.HOTLINE, carrier="unicom", id="u1")
        unproven = replace(instruction, **UNPROVEN)
        first, again = [await house.registry.submit(UNICOM, unproven) for _ in range(2)]
        assert first.verdict.reason is Reason.MANDATE_REQUIRED
        assert [each.view.subscriber.voice for each in (first, again)] == [CLOSED_LEG, CLOSED_LEG]
        with pytest.raises(RefusedError) as caught:
            await house.submit(Query(), carrier="unicom", channel=Channel.SMS)
        assert caught.value.reason is Reason.NOT_SERVED
        assert await house.notices("unicom") == []
        state = await state_of(house)
        assert (state.carrier, state.voice.preferences.reject_list) == ("", (NUISANCE,))


async def test_claim_when_an_order_for_a_number_adrift_is_refused_then_its_notice_tells_the_order_alone():
    async with open_house() as house:
        await house.submit(Open(WISHES), channel=Channel.HOTLINE)
        await tell(house, "mobile", 1, off=False)
        await report(house, K.PORTED_OUT, "mobile")
        await house.submit(EditList(allow=False, add=(OWN,)), carrier="unicom")
        (told,) = await house.notices("unicom")
        assert told.parameters["refused"] == f"reject_number:{OWN}=NOT_REFUSABLE"
        assert told.parameters["effect"] == "accepted"


async def test_claim_when_the_prefixs_carrier_orders_too_then_it_is_refused_and_has_to_contest():
    async with open_house() as house:
        await claim(house)
        with pytest.raises(RefusedError) as caught:
            await house.submit(Query())
        assert caught.value.reason is Reason.NOT_SERVED


async def test_claims_when_there_are_many_then_pages_come_newest_first():
    async with open_house() as house:
        numbers = [parse_number(f"138{tail:08}") for tail in range(7)]
        for number in numbers:
            await claim(house, number=number)
            house.clock.advance(1)
        seen, token = [], ""
        while True:
            page = await house.numbers.list_claims(MOBILE, page_token=token, page_size=3)
            seen += [found.number for found in page.claims]
            token = page.next_page_token
            if not token:
                break
        assert seen == numbers[::-1]
        for token in ("zz", "00", "f" * 80):
            with pytest.raises(RefusedError) as caught:
                await house.numbers.list_claims(MOBILE, page_token=token, page_size=3)
            assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


async def test_contest_when_the_prefixs_carrier_speaks_then_nobody_orders_and_wishes_stay():
    async with open_house() as house:
        outcome = await claim(house)
        contested = await house.numbers.contest(MOBILE, contest(outcome.revision, ground="never left"))
        assert (contested.claim.contested, contested.revision) == (True, 2)
        state = await state_of(house)
        assert state.voice.preferences == WISHES
        for carrier in ("telecom", "mobile"):
            refused = await house.submit(Query(), carrier=carrier)
            assert refused.verdict.reason is Reason.CLAIM_CONTESTED
            seen = refused.view.subscriber.voice.preferences
            assert seen == (WISHES if carrier == "telecom" else NO_PREFERENCES)
        assert [notice.template for notice in await house.notices("telecom")][1] == "contested"
        (shown,) = await listed(house)
        assert shown.contested
        feed_range = await anext(house.registry.watch(MOBILE, 1))
        assert feed_range.claims == (shown,)


async def test_contest_when_repeated_then_its_first_revision_comes_again_and_other_content_is_refused():
    async with open_house() as house:
        revision = (await claim(house)).revision
        first = await house.numbers.contest(MOBILE, contest(revision))
        assert await house.numbers.contest(MOBILE, contest(revision)) == first
        with pytest.raises(RefusedError) as caught:
            await house.numbers.contest(MOBILE, contest(revision, ground="other"))
        assert caught.value.reason is Reason.ID_REUSED
        again = await house.numbers.contest(MOBILE, contest(revision, name="c2"))
        assert again.revision == first.revision + 1
        assert len([one for one in await house.notices("telecom") if one.template == "contested"]) == 1


async def test_contest_when_there_is_no_such_claim_then_it_is_not_found():
    async with open_house() as house:
        revision = (await claim(house)).revision
        attempts = [
            (UNICOM, contest(revision)),
            (TELECOM, contest(revision)),
            (MOBILE, contest(revision + 1)),
            (MOBILE, contest(revision, number=parse_number("13800138001"))),
        ]
        for caller, attempt in attempts:
            with pytest.raises(RefusedError) as caught:
                await house.numbers.contest(caller, attempt)
            assert caught.value.reason is Reason.NOT_FOUND
        await report(house, K.BASELINE, counterpart="telecom")
        with pytest.raises(RefusedError) as caught:
            await house.numbers.contest(MOBILE, contest(revision))
        assert caught.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("winner", ["telecom", "mobile"])
async def test_contest_when_an_event_decides_then_the_claim_is_gone_and_the_winner_orders(winner):
    async with open_house() as house:
        await house.numbers.contest(MOBILE, contest((await claim(house)).revision))
        await report(house, K.BASELINE, counterpart=winner)
        assert await listed(house) == ()
        outcome = await house.submit(Query(), carrier=winner)
        assert outcome.view.subscriber.voice.preferences == WISHES
        assert outcome.view.subscriber.basis is ServiceBasis.EVENT
        waited = [one.carrier for one in outcome.view.subscriber.life.switch_offs]
        assert waited == (["telecom"] if winner == "mobile" else [])
