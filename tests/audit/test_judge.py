"""The judge over honest logs: every story that the registry can tell is found to hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Action, Channel, ChooseNotices, Open, Query
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.notice_rules import Fate
from gateway.domain.policy_form import seal_policy
from gateway.domain.preferences import InterceptionNotice, Medium, NoticeChoice
from gateway.service.judge import JudgeStateError, LogJudge
from gateway.service.judge.table import kinds
from gateway.service.operator_keys import OperatorKeys
from gateway.service.views import AppliedReport
from gateway.store.base import StoreLimits
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.tlog.leaf import decode_leaf
from gateway.tlog.replay import Replay, Shown
from optout.kit.clock import FakeClock
from optout.kit.number import PhoneNumber
from tests.audit.lies import forge
from tests.audit.registry import FIRST, A, B, Registry, furnish_registry, open_log, open_registry, platform, replay
from tests.audit.shown_log import payload_of
from tests.audit.stories import STORIES, play, told, told_call
from tests.domain import samples
from tests.domain.samples import FRIEND, NOON_MS, OWN
from tests.service.house import MOBILE, SCREENER


@pytest.mark.parametrize("name", STORIES)
async def test_log_when_honest_then_the_judge_finds_nothing(name: str) -> None:
    async with told(name) as log:
        assert replay(log) == []
        assert len(log) > 8


async def test_stories_when_told_then_every_kind_of_entry_is_among_them() -> None:
    seen: set[str] = set()
    for name in STORIES:
        async with told(name) as log:
            seen |= {payload_of(entry)["kind"] for entry in log if entry.opening is not None}
    assert seen == set(kinds(OperatorKeys()))


async def test_file_that_ships_when_a_registry_began_with_the_one_before_then_it_goes_on_and_is_judged_by_each() -> (
    None
):
    """The version before had no presets; a log that began with it names it for ever."""
    clock, keys = FakeClock(NOON_MS), MemoryKeyStore()
    store = MemoryStore(keys, clock=clock)
    before = seal_policy(replace(FIRST, version="2026.11-1", presets=()))
    house = await open_log(store, clock, keys, before)
    await house.submit(Open(), channel=Channel.HOTLINE)
    house = await open_log(store, clock, keys)
    outcome = await house.submit(Query())
    assert outcome.verdict.reason is None
    log = await furnish_registry(house).log()
    policies = [payload["policy"] for entry in log if entry.opening and "verdict" in (payload := payload_of(entry))]
    assert policies == ["2026.11-1", FIRST.version]
    assert replay(log) == []
    await store.close()


async def test_signatures_when_operators_keep_keys_then_they_are_verified_again() -> None:
    key = Ed25519PrivateKey.generate()
    keys = OperatorKeys({"operator-a": key.public_key()})
    async with open_registry(keys) as registry:
        wanted = seal_policy(replace(FIRST, version="2"))
        await registry.policy.propose(A, wanted, 0, key.sign(bytes.fromhex(wanted.digest)).hex())
        await registry.policy.approve(B, "2", wanted.digest, "")
        log = await registry.log()
    assert replay(log, LogJudge(keys)) == []
    other = OperatorKeys({"operator-a": Ed25519PrivateKey.generate().public_key()})
    ((index, detail),) = [(each.index, each.detail) for each in replay(log, LogJudge(other))]
    assert (index, "PROOF_REQUIRED" in detail) == (4, True)


@pytest.mark.parametrize("name", STORIES)
async def test_judge_when_saved_anywhere_and_loaded_then_it_goes_on_as_it_would_have(name: str) -> None:
    async with told(name) as log:
        judge = LogJudge()
        work = Replay(judge)
        for entry in log:
            judge.load(judge.dump())
            assert list(work.take(entry)) == []


@pytest.mark.parametrize("seed", range(4))
async def test_log_of_random_lives_when_honest_then_the_judge_finds_nothing(seed: int) -> None:
    log = await play(seed, 120)
    assert replay(log) == []
    assert len(log) > 100


async def test_call_and_report_when_a_policy_ends_in_their_batch_then_they_go_by_the_one_they_come_after() -> None:
    """The book of the gateway still has the policy that ended: what decides is what stands in the log before them."""
    clock, keys = FakeClock(NOON_MS), MemoryKeyStore()
    async with MemoryStore(keys, clock=clock, limits=StoreLimits(gather_s=0.05)) as store:
        registry = furnish_registry(await open_log(store, clock, keys))
        house = registry.house
        await orders_of_each(registry)
        few = replace(FIRST.notices, interceptions_per_day=1)
        members = tuple(each for each in FIRST.carriers if each.carrier != "mobile")
        await registry.publish("2", notices=few, carriers=members)
        ended = asyncio.ensure_future(registry.policy.roll_back(A, "2", "worse"))
        await asyncio.sleep(0)
        reported = asyncio.ensure_future(registry.calls.take(SCREENER, told_call(registry, "second")))
        told_of = AppliedReport("r1", OWN, Medium.VOICE, 2, (ReportedEffect(SERVICE, EffectState.APPLIED),), NOON_MS)
        applied = asyncio.ensure_future(house.registry.report_applied(MOBILE, told_of))
        assert (await reported).fate is Fate.TOLD
        await asyncio.gather(ended, applied)
        log = await registry.log()
    assert replay(log) == []
    assert payload_of(log[-2])["carrier"] == "mobile"
    assert decode_leaf(log[-2].leaf).actor == FIRST.actor("mobile")


async def orders_of_each(registry: Registry) -> None:
    """One subscriber who wants to hear of each call, and heard of one."""
    await registry.house.submit(Open(), channel=Channel.HOTLINE)
    await registry.house.submit(ChooseNotices(NoticeChoice(InterceptionNotice.EACH)), channel=Channel.HOTLINE)
    await registry.calls.take(SCREENER, told_call(registry, "first"))


moves = st.tuples(
    samples.actions,
    st.sampled_from(Channel),
    st.sampled_from(["mobile", "mobile", "telecom"]),
    st.sampled_from([OWN, FRIEND]),
    st.sampled_from([0, 1, 3600, 90_000]),
)


async def make_history(steps: list[tuple[Action, Channel, str, PhoneNumber, int]]) -> list[Shown]:
    """The log of a history: orders over whichever carrier, reminders in between."""
    async with open_registry() as registry:
        house = registry.house
        for place, (action, channel, carrier, number, pause_s) in enumerate(steps):
            if place == len(steps) // 2:
                await registry.declare(platform("mobile"))
            with suppress(RefusedError):
                await house.submit(action, channel=channel, carrier=carrier, number=number)
            house.clock.advance(pause_s)
            await house.timers.ring()
            await registry.reconciler.look()
        return await registry.log()


@given(st.lists(moves, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_log_of_any_history_when_honest_then_the_judge_finds_nothing(steps) -> None:  # type: ignore[no-untyped-def]
    assert replay(asyncio.run(make_history(steps))) == []


DECIDED = ("after", "verdict", "version", "digest", "policy", "medium")


@given(st.lists(moves, min_size=2, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_entry_when_anything_decided_in_it_is_changed_then_it_is_the_first_that_is_wrong(steps, data) -> None:  # type: ignore[no-untyped-def]
    log = asyncio.run(make_history(steps))
    index = data.draw(st.sampled_from([entry.index for entry in log if entry.label]))
    payload = payload_of(log[index])
    places = sorted(path for path in list_paths(payload) if path[0] in DECIDED)
    path = data.draw(st.sampled_from(places))
    parent = payload
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = change(parent[path[-1]])
    lied, _ = forge(log, index, payload)
    assert min(finding.index for finding in replay(lied)) == index


def list_paths(value: object, path: tuple[object, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]
    """Where the single values of a payload stand."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, each in items for found in list_paths(each, (*path, key))]
    return [path]


def change(value: object) -> object:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_memory_when_it_is_none_then_refused() -> None:
    good = LogJudge().dump()
    LogJudge().load(good)
    for bad in (
        b"",
        b"[]",
        b"{}",
        good[:-1],
        good.replace(b'"layout":1', b'"layout":9'),
        good.replace(b"[]", b"[[1]]"),
    ):
        with pytest.raises(JudgeStateError):
            LogJudge().load(bad)
