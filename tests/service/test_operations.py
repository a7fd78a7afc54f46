"""Dead letters: seen by whom they concern, tried again by an operator alone, and every replay an entry."""

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, Open
from gateway.service.operations import OperationsService, Replayed
from gateway.service.outbox import NOTICE_LIFE_MS
from gateway.store.rows import OutboxChange, OutboxState
from optout.kit.identity import Identity, Role
from tests.domain.samples import FRIEND
from tests.service.house import INSTITUTE, MOBILE, TELECOM, House, open_house

OPERATOR = Identity(Role.OPERATOR, "operator-a")


async def give_up(house: House) -> list[str]:
    """Let two notices of one carrier expire."""
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(Open(), number=FRIEND, channel=Channel.HOTLINE)
    rows = await house.store.due("mobile", 2**62, 10)
    dead = [OutboxChange(row.id, row.state, OutboxState.DEAD, row.due_ms, 3, "EXPIRED") for row in rows]
    await house.store.change_outbox(dead)
    return [row.id for row in rows]


async def test_letters_when_listed_then_a_carrier_sees_its_own_alone():
    async with open_house() as house:
        ids, service = await give_up(house), OperationsService(house.store, house.recorder)
        for caller, carrier, seen in (
            (OPERATOR, "", ids),
            (OPERATOR, "telecom", []),
            (MOBILE, "", ids),
            (TELECOM, "", []),
        ):
            rows = await service.list_dead_letters(caller, carrier, 10)
            assert [row.id for row in rows] == seen
        assert len(await service.list_dead_letters(OPERATOR, "", 1)) == 1
        for caller, carrier in ((TELECOM, "mobile"), (INSTITUTE, "")):
            with pytest.raises(RefusedError) as refusal:
                await service.list_dead_letters(caller, carrier, 10)
            assert refusal.value.reason is Reason.ROLE_NOT_ALLOWED


async def test_letter_when_replayed_then_it_waits_again_with_a_fresh_life_and_the_replay_is_logged_once():
    async with open_house() as house:
        (first, second), service = await give_up(house), OperationsService(house.store, house.recorder)
        house.clock.advance(3 * 86_400)
        now_ms = house.clock.now_ms()
        assert await service.replay(OPERATOR, (first, first, "n-nobody"), "adapter mended") == Replayed((first,), 3)
        (row,) = await house.store.due("mobile", now_ms, 10)
        assert (row.id, row.due_ms, row.expire_ms, row.attempts, row.reason) == (
            first,
            now_ms,
            now_ms + NOTICE_LIFE_MS,
            3,
            "",
        )
        payload = (await house.payloads())[-1]
        assert (payload["kind"], payload["orders"], payload["reason"], payload["operator"]) == (
            "replay",
            [first],
            "adapter mended",
            "operator-a",
        )
        assert await service.replay(OPERATOR, (first,), "again") == Replayed()
        assert (await house.store.head()).size == 3
        assert [row.id for row in await house.store.outbox(OutboxState.DEAD, 10)] == [second]


async def test_letter_when_its_question_can_no_longer_be_answered_then_it_is_not_sent_again():
    async with open_house() as house:
        outcome = await house.submit(Open(), channel=Channel.SMS)
        ends_ms = outcome.verdict.confirm_by_ms
        (row,) = await house.store.due("mobile", 2**62, 10)
        await house.store.change_outbox([OutboxChange(row.id, row.state, OutboxState.DEAD, row.due_ms, 3, "LINK_DOWN")])
        service = OperationsService(house.store, house.recorder)
        assert (await service.replay(OPERATOR, (row.id,), "link mended")).ids == (row.id,)
        (again,) = await house.store.due("mobile", 2**62, 10)
        assert again.expire_ms == row.expire_ms == ends_ms
        await house.store.change_outbox([OutboxChange(row.id, again.state, OutboxState.DEAD, row.due_ms, 4, "EXPIRED")])
        house.clock.advance(2 * 86_400)
        assert await service.replay(OPERATOR, (row.id,), "too late") == Replayed()


@pytest.mark.parametrize("caller", [MOBILE, INSTITUTE])
async def test_replay_when_the_caller_is_no_operator_then_it_is_refused(caller):
    async with open_house() as house:
        ids, service = await give_up(house), OperationsService(house.store, house.recorder)
        with pytest.raises(RefusedError) as refusal:
            await service.replay(caller, tuple(ids), "because")
        assert refusal.value.reason is Reason.ROLE_NOT_ALLOWED
        assert len(await house.store.outbox(OutboxState.DEAD, 10)) == 2
