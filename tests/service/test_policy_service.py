"""Publishing the rules: over both stores, at once and over restarts, and what instructions and screening see of it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.decision import CallerTrust, DecidingRule, Ingress, Question, Verdict
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, Open, SetRefusedCategories
from gateway.domain.lines import Line, LineConflictError
from gateway.domain.policy_form import seal_policy
from gateway.domain.publication import PolicyStatus
from gateway.service.adoption import open_rules
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.operator_keys import OperatorKeys
from gateway.service.policy import PolicyService
from gateway.service.record import Recorder
from gateway.service.roster import DEVELOPMENT, Roster
from gateway.service.screening import Call, ScreeningService
from gateway.store.base import CommitUnknownError, StoreLimits, StoreUnavailableError
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore, MemoryStore, MemoryTables
from gateway.store.sqlite import SqliteStore
from gateway.store.vault import Vault
from gateway.testing.faulty_store import APPLIED_NOT_HEARD, NOT_APPLIED, FaultyStore
from gateway.tlog.leaf import LeafType
from optout.kit.clock import FakeClock
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from tests.domain.samples import LOAN_LINE, NOON_MS, OWN, default_lines, default_policy
from tests.service.house import MOBILE, PLATFORM, SCREENER, TELECOM, House, furnish

A, B = Identity(Role.OPERATOR, "operator-a"), Identity(Role.OPERATOR, "operator-b")
NEW_LINE = Line("95188001", False, "harbour-voice", "mobile", "loan")
FIRST = default_policy()


def version(name, **changes):
    return seal_policy(replace(FIRST, version=name, **changes))


@dataclass
class Office:
    """One run of a gateway's services over a store that outlives it."""

    house: House
    screening: ScreeningService
    policy: PolicyService

    async def publish(self, name, activation_ms=0, **changes):
        wanted = version(name, **changes)
        await self.policy.propose(A, wanted, activation_ms, "")
        return await self.policy.approve(B, name, wanted.digest, "")

    @property
    def in_force(self):
        return self.house.policies.current.version

    async def kinds(self):
        rows = await self.house.store.entries_of_type(LeafType.POLICY, 0, 1000)
        payloads = [self.house.recorder.open(row) for row in rows]
        assert all(payload["prev"] in {2**64 - 1, *(row.index for row in rows)} for payload in payloads)
        return [payload["kind"] for payload in payloads]


class Premises:
    """What outlives a run: a clock, keys and rows, in memory or in files."""

    def __init__(self, folder, kind):
        self.clock = FakeClock(NOON_MS)
        self.folder, self.kind = folder, kind
        self.tables = MemoryTables()
        self.keys = MemoryKeyStore() if kind == "memory" else SqliteKeyStore(folder / "keys.sqlite", bytes(32))

    def store(self):
        limits = StoreLimits(gather_s=0.01)
        if self.kind == "memory":
            return MemoryStore(self.keys, clock=self.clock, tables=self.tables, limits=limits)
        return SqliteStore(self.folder / "registry.sqlite", self.keys, clock=self.clock, limits=limits)

    @asynccontextmanager
    async def open(self, policy=FIRST, lines=None, keys=None, script=(), roster=DEVELOPMENT):
        recorder = Recorder(Vault(self.keys, b"l" * 32))
        async with self.store() as whole:
            book = await open_rules(whole, recorder, policy, default_lines() if lines is None else lines, self.clock)
            store = FaultyStore(whole, script)
            screening = ScreeningService(store, recorder, book)
            await screening.load()
            follower = asyncio.ensure_future(screening.run())
            house = furnish(store, recorder, self.clock, book, CapabilityBook())
            policy_service = PolicyService(store, recorder, book, screening, keys, self.clock, roster)
            yield Office(house, screening, policy_service)
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)


@pytest.fixture(params=["memory", "sqlite"])
def premises(request, tmp_path):
    made = Premises(tmp_path, request.param)
    yield made
    made.keys.close()


async def refused(work, reason):
    with pytest.raises(RefusedError) as caught:
        await work
    assert caught.value.reason is reason
    return caught.value


async def test_registry_when_new_then_the_file_is_adopted_once_with_its_lines(premises):
    async with premises.open() as office:
        assert await office.kinds() == ["policy-adopted", *["line-declared"] * 3]
        assert office.in_force == FIRST.version
        assert len(office.policy.list_lines("", None, 100).lines) == 3
    async with premises.open() as office:
        assert len(await office.kinds()) == 4
        assert office.policy.get("").revision == 1
        assert office.policy.get("").policy.digest == FIRST.digest


async def test_file_when_changed_then_it_is_adopted_until_operators_have_published(premises):
    async with premises.open() as office:
        await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False)
    lines = (*default_lines(), replace(NEW_LINE, holder="other"), replace(NEW_LINE, number="95188002"))
    async with premises.open(version("2"), lines) as office:
        assert office.in_force == "2"
        assert [line.holder for line in office.policy.list_lines("", ("95188000", False), 2).lines] == [
            "harbour-voice",
            "harbour-voice",
        ]
        assert (await office.kinds())[5:] == ["policy-adopted", "line-declared"]
        await office.publish("3")
    async with premises.open(version("4")) as office:
        assert office.in_force == "3"


async def test_file_when_changed_under_the_same_version_then_the_gateway_does_not_start(premises):
    async with premises.open():
        pass
    with pytest.raises(RefusedError) as caught:
        async with premises.open(version(FIRST.version, list_cap=5)):
            pass
    assert caught.value.reason is Reason.INVALID_POLICY


async def test_policy_when_the_gateway_restarts_in_each_state_then_it_goes_on_from_there(premises):
    wanted, due_ms = version("2", list_cap=2), NOON_MS + 60_000
    async with premises.open() as office:
        record = await office.policy.propose(A, wanted, due_ms, "")
        assert (record.status, record.revision) == (PolicyStatus.PROPOSED, 5)
    async with premises.open() as office:
        assert office.policy.get("2").status is PolicyStatus.PROPOSED
        await refused(office.policy.approve(A, "2", wanted.digest, ""), Reason.SECOND_SIGNER_REQUIRED)
        assert (await office.policy.approve(B, "2", wanted.digest, "")).status is PolicyStatus.APPROVED
    async with premises.open() as office:
        assert (office.policy.get("2").status, office.in_force) == (PolicyStatus.APPROVED, FIRST.version)
        premises.clock.step_wall(60)
        assert (office.policy.get("2").status, office.in_force) == (PolicyStatus.ACTIVE, "2")
    async with premises.open() as office:
        assert (office.in_force, office.house.policies.current.list_cap) == ("2", 2)
        assert (await office.policy.roll_back(A, "2", "worse")).policy.version == FIRST.version
        assert office.in_force == FIRST.version
    async with premises.open() as office:
        assert (office.policy.get("2").status, office.in_force) == (PolicyStatus.ROLLED_BACK, FIRST.version)
        await refused(office.policy.roll_back(B, "2", "worse"), Reason.NOT_FOUND)
        assert [record.policy.version for _, record in office.policy.history(None)] == ["2", FIRST.version]
        assert (await office.kinds())[4:] == ["policy-proposed", "policy-approved", "policy-rolled-back"]


async def test_operator_when_it_is_not_on_the_roster_then_it_signs_nothing_and_its_proposal_counts_no_more(
    premises,
):
    async with premises.open() as office:
        await office.publish("1b")
        wanted = version("2")
        await office.policy.propose(A, wanted, 0, "")
        stranger = Identity(Role.OPERATOR, "stranger")
        for refused in (
            office.policy.propose(stranger, version("3"), 0, ""),
            office.policy.approve(stranger, "2", wanted.digest, ""),
            office.policy.roll_back(stranger, "1b", "worse"),
        ):
            with pytest.raises(RefusedError) as refusal:
                await refused
            assert refusal.value.reason is Reason.ROLE_NOT_ALLOWED
    if premises.kind == "memory":
        return
    async with premises.open(roster=Roster(operators=("operator-b", "operator-c"))) as office:
        with pytest.raises(RefusedError) as refusal:
            await office.policy.approve(B, "2", wanted.digest, "")
        assert refusal.value.reason is Reason.SECOND_SIGNER_REQUIRED
        assert office.policy.get("2").status is PolicyStatus.PROPOSED


async def test_requests_when_many_come_at_once_then_they_are_one_after_the_other(premises):
    async with premises.open(roster=Roster(operators=tuple(f"operator-{name}" for name in "ab012345678"))) as office:
        proposals = [office.policy.propose(A, version("2", list_cap=cap), 0, "") for cap in range(10, 30)]
        results = await asyncio.gather(*proposals, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["PolicyRecord", *["RefusedError"] * 19]
        digest = office.policy.get("2").policy.digest
        approvals = [
            office.policy.approve(Identity(Role.OPERATOR, f"operator-{place}"), "2", digest, "") for place in range(9)
        ]
        results = await asyncio.gather(*approvals, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["PolicyRecord", *["RefusedError"] * 8]
        assert len(office.policy.get("2").signatures) == 2
        await office.publish("3")
        rollbacks = [office.policy.roll_back(caller, "3", "worse") for caller in (A, B, A, B, A)]
        results = await asyncio.gather(*rollbacks, return_exceptions=True)
        # The first operator's repetitions get its answer again; the other's come too late.
        assert sum(isinstance(result, RefusedError) for result in results) == 2
        assert (office.in_force, (await office.kinds()).count("policy-rolled-back")) == ("2", 1)


async def test_request_when_the_commit_fails_then_repeating_it_does_it_once(premises):
    async with premises.open(script=[NOT_APPLIED, APPLIED_NOT_HEARD]) as office:
        wanted = version("2")
        with pytest.raises(StoreUnavailableError):
            await office.policy.propose(A, wanted, 5, "")
        with pytest.raises(CommitUnknownError):
            await office.policy.propose(A, wanted, 5, "")
        await office.policy.propose(A, wanted, 5, "")
        office.house.store.script = [APPLIED_NOT_HEARD]
        with pytest.raises(CommitUnknownError):
            await office.policy.approve(B, "2", wanted.digest, "")
        await office.policy.approve(B, "2", wanted.digest, "")
        office.house.store.script = [APPLIED_NOT_HEARD, NOT_APPLIED]
        with pytest.raises(CommitUnknownError):
            await office.policy.roll_back(A, "2", "worse")
        with pytest.raises(StoreUnavailableError):
            await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False)
        assert (await office.policy.roll_back(A, "2", "worse")).policy.version == FIRST.version
        office.house.store.script = [APPLIED_NOT_HEARD]
        with pytest.raises(CommitUnknownError):
            await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False)
        assert await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False) == 8
        assert (await office.kinds())[4:] == [
            "policy-proposed",
            "policy-approved",
            "policy-rolled-back",
            "line-declared",
        ]


async def test_lines_when_declared_at_once_then_only_one_holder_gets_a_number(premises):
    async with premises.open() as office:
        lines = [replace(NEW_LINE, holder=f"holder-{place % 4}") for place in range(20)]
        declared = [
            office.policy.declare(MOBILE, f"r{place}", line, withdraw=False) for place, line in enumerate(lines)
        ]
        results = await asyncio.gather(*declared, return_exceptions=True)
        assert sum(isinstance(result, int) for result in results) == 5
        assert all(result.line.holder == "holder-0" for result in results if isinstance(result, LineConflictError))
    async with premises.open() as office:
        assert [line.holder for line in office.policy.list_lines("holder-0", None, 10).lines] == ["holder-0"]


async def test_line_when_its_request_comes_again_then_the_first_answer_does(premises):
    async with premises.open() as office:
        assert await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False) == 5
        premises.clock.step_wall(5)
        assert await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False) == 5
        other = replace(NEW_LINE, category="education")
        await refused(office.policy.declare(MOBILE, "r1", other, withdraw=False), Reason.ID_REUSED)
        own = replace(NEW_LINE, number="95188009", carrier="telecom")
        assert await office.policy.declare(TELECOM, "r1", own, withdraw=False) == 6
        assert await office.policy.declare(MOBILE, "r2", NEW_LINE, withdraw=True) == 7
        await refused(office.policy.declare(MOBILE, "r3", NEW_LINE, withdraw=True), Reason.NOT_FOUND)
        await refused(office.policy.declare(TELECOM, "r4", NEW_LINE, withdraw=False), Reason.WRONG_CARRIER)
        await refused(office.policy.declare(A, "r5", NEW_LINE, withdraw=False), Reason.ROLE_NOT_ALLOWED)


async def test_lines_when_listed_in_pages_then_each_comes_once(premises):
    async with premises.open(lines=()) as office:
        for place in range(5):
            line = replace(NEW_LINE, number=f"9518800{place}", end_ms=NOON_MS + 1000)
            await office.policy.declare(MOBILE, f"a{place}", line, withdraw=False)
            later = replace(NEW_LINE, number=f"9518800{place}", holder="other", start_ms=NOON_MS + 1000)
            await office.policy.declare(MOBILE, f"b{place}", later, withdraw=False)
        seen, after = [], None
        while True:
            page = office.policy.list_lines("", after, 3)
            seen += page.lines
            after = page.next_key
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 10
        assert [line.number for line in seen] == sorted(line.number for line in seen)
        premises.clock.step_wall(1)
        assert len(office.policy.list_lines("", None, 100).lines) == 5
        assert office.policy.list_lines("harbour-voice", None, 100).lines == ()


def question(caller=LOAN_LINE, at_ms=NOON_MS):
    return Question(caller, OWN, Ingress.DOMESTIC, CallerTrust.VERIFIED, at_ms)


async def test_platform_when_its_line_has_ended_then_an_older_call_time_does_not_bring_it_back(premises):
    async with premises.open() as office:
        ended = replace(NEW_LINE, holder=PLATFORM.party, end_ms=NOON_MS + 1000)
        await office.policy.declare(MOBILE, "r1", ended, withdraw=False)
        mine = question(parse_number(ended.number))
        assert office.screening.screen(PLATFORM, mine, None)
        later = replace(mine, time_ms=NOON_MS + 1000, call_ms=NOON_MS)
        with pytest.raises(RefusedError) as refusal:
            office.screening.screen(PLATFORM, later, None)
        assert refusal.value.reason is Reason.ROLE_NOT_ALLOWED


async def subscribe(office):
    await office.house.submit(Open(), channel=Channel.HOTLINE)
    await office.house.submit(SetRefusedCategories(refuse=("loan",), accept=(), replace=False))
    async with asyncio.timeout(30):
        while await office.screening.lag():
            await asyncio.sleep(0.001)


async def test_screening_when_rules_change_then_answers_follow_within_the_same_moment(premises):
    async with premises.open() as office:
        await subscribe(office)
        ask = lambda caller=LOAN_LINE: office.screening.screen(SCREENER, question(caller), None)  # noqa: E731
        assert ask().answer.verdict is Verdict.REFUSE
        fresh = parse_number(NEW_LINE.number)
        assert ask(fresh).answer.verdict is Verdict.ALLOW
        revision = await office.policy.declare(MOBILE, "r1", NEW_LINE, withdraw=False)
        assert (ask(fresh).answer.category, ask(fresh).policy_version) == ("loan", FIRST.version)
        async with asyncio.timeout(30):
            while await office.screening.lag():
                await asyncio.sleep(0.001)
        assert ask(fresh).revision == revision
        # A policy that does not know the rule lets the same call ring, from its activation on.
        order = tuple(rule for rule in FIRST.order if rule is not DecidingRule.CATEGORY)
        await office.publish("2", NOON_MS + 30_000, order=order)
        assert ask().answer.verdict is Verdict.REFUSE
        premises.clock.step_wall(30)
        assert (ask().answer.verdict, ask().policy_version) == (Verdict.ALLOW, "2")
        await office.policy.roll_back(B, "2", "worse")
        assert (ask().answer.verdict, ask().policy_version) == (Verdict.REFUSE, FIRST.version)


async def test_screening_when_another_writer_changed_the_rules_then_the_feed_brings_them(premises):
    async with premises.open() as office:
        elsewhere = PolicyBook(clock=premises.clock)
        other = PolicyService(
            office.house.store, office.house.recorder, elsewhere, office.screening, None, premises.clock
        )
        wanted = version("2")
        await other.propose(A, wanted, 0, "")
        await other.approve(B, "2", wanted.digest, "")
        async with asyncio.timeout(30):
            while office.in_force != "2":
                await asyncio.sleep(0.001)


async def test_instruction_when_decided_then_by_the_policy_in_force_at_its_place_in_the_log(premises):
    async with premises.open() as office:
        await office.publish("2", NOON_MS + 30_000)
        await office.house.submit(Open(), channel=Channel.HOTLINE)
        premises.clock.step_wall(30)
        await office.house.submit(Open(), channel=Channel.HOTLINE)
        # Both wait for one batch: the rollback comes first, and the instruction behind it already sees it.
        rollback = asyncio.ensure_future(office.policy.roll_back(A, "2", "worse"))
        await asyncio.sleep(0)
        before, behind = office.house.policies.rules.last_index, office.house.submit(Open(), channel=Channel.HOTLINE)
        await behind
        await rollback
        assert before < office.house.policies.rules.last_index
        opened = [payload for payload in await office.house.payloads() if payload["kind"] == "instruction"]
        assert [payload["policy"] for payload in opened] == [FIRST.version, "2", FIRST.version]


async def test_preview_when_asked_then_it_shows_just_the_answers_that_differ(premises):
    async with premises.open() as office:
        await subscribe(office)
        order = tuple(rule for rule in FIRST.order if rule is not DecidingRule.CATEGORY)
        await office.policy.propose(A, version("2", order=order), 0, "")
        sample = [Call(question(parse_number("13900139000"))), Call(question()), Call(question(), parse_number("110"))]
        (found,) = office.policy.preview(A, "2", sample)
        assert found.index == 1
        assert (found.before.answer.rule, found.before.policy_version) == (DecidingRule.CATEGORY, FIRST.version)
        assert (found.after.answer.verdict, found.after.policy_version) == (Verdict.ALLOW, "2")
        assert office.in_force == FIRST.version
        assert office.policy.preview(A, FIRST.version, sample) == []
        with pytest.raises(RefusedError) as caught:
            office.policy.preview(A, "9", sample)
        assert caught.value.reason is Reason.NOT_FOUND


async def test_operator_when_it_keeps_an_offline_key_then_it_must_sign_with_it(premises):
    key = Ed25519PrivateKey.generate()
    async with premises.open(keys=OperatorKeys({"operator-a": key.public_key()})) as office:
        wanted = version("2")
        good = key.sign(bytes.fromhex(wanted.digest)).hex()
        for bad in ("", key.sign(b"something else").hex(), good[:-2] + ("00" if good[-2:] != "00" else "01")):
            await refused(office.policy.propose(A, wanted, 0, bad), Reason.PROOF_REQUIRED)
        record = await office.policy.propose(A, wanted, 0, good)
        assert record.signatures[0].signature == good
        assert (await office.policy.approve(B, "2", wanted.digest, "")).status is PolicyStatus.ACTIVE


@pytest.mark.parametrize("caller", [MOBILE, SCREENER, Identity(Role.INSTITUTE, "institute")])
async def test_outsider_when_it_publishes_then_its_role_does_not_allow_it(caller, tmp_path):
    async with Premises(tmp_path, "memory").open() as office:
        await refused(office.policy.propose(caller, version("2"), 0, ""), Reason.ROLE_NOT_ALLOWED)
        await refused(office.policy.approve(caller, "2", "", ""), Reason.ROLE_NOT_ALLOWED)
        await refused(office.policy.roll_back(caller, FIRST.version, "x"), Reason.ROLE_NOT_ALLOWED)
