"""A witness: what it cosigns, what it refuses, and what it still knows after it was killed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.service.witness import Witness, WitnessUnableError
from gateway.store.base import StoreError, StoreLockedError
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.store.witness_book import BookError, BookForeignError, BookMovedError, Cosigned
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import Cosigner, find_cosignature
from gateway.tlog.hashing import empty_root
from gateway.tlog.note import Ed25519Secret, Note, Signer, decode_lines
from gateway.tlog.proof import make_consistency
from gateway.tlog.witness import AddCheckpoint, Status
from gateway.web.witness import make_witness_app
from optout.kit.clock import FakeClock
from tests.tlog.trees import hashes_of, nodes_of, root_of

LOG = Signer("registry.example", Ed25519Secret(bytes(range(32))))
STRANGER = Signer("registry.example", Ed25519Secret(bytes(32)))
COSIGNER = Cosigner("witness.example/w1", Ed25519Secret(bytes(31) + b"\x01"))
VKEY = COSIGNER.verifier().encode()
LOGS = {LOG.name: [LOG.verifier()]}


class History:
    """One history of the log: 40 leaves."""

    def __init__(self, mark: str = "") -> None:
        self.hashes = hashes_of([f"{mark}{n}".encode() for n in range(40)])

    def at(self, size: int) -> Checkpoint:
        """The log as it stood in this history."""
        return Checkpoint(LOG.name, size, root_of(self.hashes[:size]))

    def ask(self, old: int, size: int, signer: Signer = LOG, *, proof_of: "History | None" = None) -> bytes:
        """A request to go from one size to another."""
        text = Checkpoint(signer.name, size, self.at(size).root).text()
        proof = make_consistency(old, size, nodes_of((proof_of or self).hashes)) if old < size else []
        return AddCheckpoint(old, tuple(proof), Note(text).add(signer.sign(text))).encode()


TRUE, OTHER = History(), History("other")


class House:
    """A witness over a file, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "witness.sqlite"
        self.clock = FakeClock()
        self.start()

    def start(self) -> Witness:
        self.book = SqliteWitnessBook(self.path, VKEY)
        self.witness = Witness(COSIGNER, LOGS, self.book, self.clock)
        return self.witness

    def restart(self) -> Witness:
        self.book.close()
        return self.start()

    async def add(self, body: bytes) -> tuple[int, str]:
        answer = await self.witness.add_checkpoint(body)
        return int(answer.status), answer.body

    def check_cosigned(self, body: str, history: History, size: int) -> int | None:
        return find_cosignature(Note(history.at(size).text()).add(*decode_lines(body)), COSIGNER.verifier())


@pytest.fixture
def house(tmp_path: Path):
    made = House(tmp_path)
    yield made
    made.book.close()


async def test_witness_when_checkpoints_continue_each_other_then_each_is_cosigned(house: House) -> None:
    for old, size in [(0, 0), (0, 1), (1, 8), (8, 21), (21, 21), (21, 40)]:
        house.clock.advance(1)
        status, body = await house.add(TRUE.ask(old, size))
        assert status == 200
        assert house.check_cosigned(body, TRUE, size) == house.clock.now_ms() // 1000


async def test_witness_when_the_log_adds_lines_then_they_are_cosigned_and_prove_nothing(house: House) -> None:
    text = f"{TRUE.at(20).text()}what the log says besides\n"
    note = Note(text).add(LOG.sign(text))
    status, body = await house.add(AddCheckpoint(0, (), note).encode())
    assert status == 200
    cosigned = note.add(*decode_lines(body))
    assert find_cosignature(cosigned, COSIGNER.verifier()) == house.clock.now_ms() // 1000
    assert house.check_cosigned(body, TRUE, 20) is None
    assert await house.add(OTHER.ask(20, 20)) == (409, "20\n")
    assert (await house.add(TRUE.ask(20, 30)))[0] == 200


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "the old size is behind": (TRUE.ask(5, 30), 409, "20\n"),
    "the old size is ahead": (TRUE.ask(25, 30), 409, "20\n"),
    "another root of this size": (OTHER.ask(20, 20), 409, "20\n"),
    "a fork": (OTHER.ask(20, 30), 422, ""),
    "another tree's proof": (TRUE.ask(20, 30, proof_of=OTHER), 422, ""),
    "a smaller tree": (TRUE.ask(20, 19), 400, ""),
    "an unknown key": (TRUE.ask(20, 30, STRANGER), 403, ""),
    "an unknown log": (TRUE.ask(20, 30, Signer("else.example", LOG.key)), 404, ""),
    "nothing": (b"", 400, ""),
    "no note": (b"old 20\n\nnonsense", 400, ""),
    "no UTF-8": (b"old 20\n\n\xff", 400, ""),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_witness_when_it_must_refuse_then_it_says_why_and_stays_where_it_was(house: House, what: str) -> None:
    await house.add(TRUE.ask(0, 20))
    body, status, text = REFUSED[what]
    assert await house.add(body) == (status, text)
    assert (await house.add(TRUE.ask(20, 30)))[0] == 200


@pytest.mark.parametrize("what", REFUSED)
async def test_witness_when_a_log_contradicts_itself_then_its_signed_request_is_kept(house: House, what: str) -> None:
    await house.add(TRUE.ask(0, 20))
    body, status, _ = REFUSED[what]
    await house.add(body)
    kept = [(row.status, row.request) for row in house.book.evidence(LOG.name)]
    is_contradiction = what in {"another root of this size", "a fork", "another tree's proof"}
    assert kept == ([(status, body)] if is_contradiction else [])


async def test_witness_when_anybody_sends_false_proofs_then_the_log_is_not_accused_and_its_own_lie_has_room(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.store.sqlite_witness.MAX_EVIDENCE", 3)
    await house.add(TRUE.ask(0, 20))
    for size in range(21, 30):
        assert (await house.add(TRUE.ask(20, size, proof_of=OTHER)))[0] == 422
    assert not caplog.records
    assert [row.status for row in house.book.evidence(LOG.name)] == [422] * 3
    await house.add(OTHER.ask(20, 20))
    assert [row.status for row in house.book.evidence(LOG.name)] == [422, 422, 422, 409]
    assert [record.getMessage() for record in caplog.records] == ["a log contradicts itself"]


async def test_witness_when_it_never_saw_the_log_then_no_proof_may_come_and_nothing_has_the_root_of_nothing(
    house: House,
) -> None:
    text = Checkpoint(LOG.name, 0, TRUE.at(3).root).text()
    assert (await house.add(AddCheckpoint(0, (), Note(text).add(LOG.sign(text))).encode()))[0] == 422
    text = TRUE.at(3).text()
    assert (await house.add(AddCheckpoint(0, (empty_root(),), Note(text).add(LOG.sign(text))).encode()))[0] == 422
    assert house.book.last(LOG.name) is None


async def test_witness_when_two_histories_come_at_once_then_one_is_cosigned(house: House) -> None:
    await house.add(TRUE.ask(0, 0))
    answers = await asyncio.gather(*(house.add(each.ask(0, size)) for size in (20, 30) for each in (TRUE, OTHER)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]


@pytest.mark.parametrize("applied", [False, True])
async def test_witness_when_killed_while_it_keeps_then_it_never_cosigns_two_histories(
    house: House, applied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after its books were durable; the log then asks again, or shows another history."""
    await house.add(TRUE.ask(0, 20))
    keep = house.book.keep

    def fail(*args: Any) -> None:
        if applied:
            keep(*args)
        raise BookError("scripted")

    monkeypatch.setattr(house.book, "keep", fail)
    with pytest.raises(WitnessUnableError, match="BOOK_UNAVAILABLE"):
        await house.add(TRUE.ask(20, 30))
    house.restart()
    stands_at = 30 if applied else 20
    status, body = await house.add(OTHER.ask(20, 30))
    assert (status, body) == ((409, "30\n") if applied else (422, ""))
    assert (await house.add(OTHER.ask(stands_at, 35)))[0] == 422
    status, body = await house.add(TRUE.ask(stands_at, 30))
    assert status == 200
    assert house.check_cosigned(body, TRUE, 30)


async def test_witness_when_its_clock_steps_back_then_it_waits_rather_than_date_before_itself(house: House) -> None:
    await house.add(TRUE.ask(0, 20))
    house.clock.step_wall(-10)
    with pytest.raises(WitnessUnableError, match="CLOCK_BEHIND"):
        await house.add(TRUE.ask(20, 30))
    house.clock.step_wall(10)
    assert (await house.add(TRUE.ask(20, 30)))[0] == 200


def test_book_when_opened_by_another_or_twice_then_it_refuses(house: House) -> None:
    with pytest.raises(StoreLockedError):
        SqliteWitnessBook(house.path, VKEY)
    house.book.close()
    with pytest.raises(BookForeignError):
        SqliteWitnessBook(house.path, "another")
    house.start()
    first = Cosigned(Checkpoint(LOG.name, 1, bytes(32)), 1)
    house.book.keep(None, first)
    with pytest.raises(BookMovedError):
        house.book.keep(None, first)


def test_book_when_the_file_is_no_database_then_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(StoreError):
        SqliteWitnessBook(tmp_path / "w", VKEY)


async def test_web_when_asked_then_status_type_and_body_are_those_of_the_standard(house: House) -> None:
    async with TestClient(TestServer(make_witness_app(house.witness))) as client:

        async def post(body: bytes) -> tuple[int, str, str]:
            async with client.post("/add-checkpoint", data=body) as answer:
                return answer.status, answer.headers["Content-Type"], await answer.text()

        status, _, text = await post(TRUE.ask(0, 20))
        assert status == Status.OK
        assert house.check_cosigned(text, TRUE, 20)
        assert await post(TRUE.ask(0, 20)) == (409, "text/x.tlog.size", "20\n")
        assert [(await post(body))[0] for body, _, _ in REFUSED.values()] == [each[1] for each in REFUSED.values()]
        house.clock.step_wall(-10)
        assert (await post(TRUE.ask(20, 30)))[0] == 503
        assert (await client.get("/healthz")).status == 200
