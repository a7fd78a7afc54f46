"""kill -9 at random moments of a running story: nothing acknowledged is lost, nothing is booked or told twice.

One round is one subscriber's story, with the gateway or the adapter killed somewhere in it and started again.
"""

import os
import random
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from optout.kit.redact import find_numbers
from optout.sim.v1 import smsc_pb2
from tests.e2e.carriers import MOBILE, TELECOM, UNICOM, CarrierPart
from tests.e2e.federation import Federation, open_federation, read_ledger


@dataclass(frozen=True)
class Story:
    """What a subscriber of a carrier texts, and what comes back; `books` tells whether texts are instructions there."""

    carrier: CarrierPart
    prefix: str
    texts: tuple[tuple[str, str], ...]
    books: bool = True


WISHES = (
    ("KTFSR1", "贷款理财"),
    ("HMDTJ13700137000", "黑名单"),
    ("CXFSR", "黑名单1个"),
    ("QXFSR", "已关闭"),
)
STORIES = (
    Story(MOBILE, "138", (("KTFSR", "同意请于"), ("Y", "已开通"), *WISHES)),
    Story(TELECOM, "133", (("KTFSR", "已开通"), *WISHES)),
    Story(UNICOM, "130", (("KTFSR", "不能用短信开通"),), books=False),
)
SEED = int(os.environ.get("SEED", "1"))
each = pytest.mark.parametrize("story", STORIES, ids=[story.carrier.id for story in STORIES])


def play_round(federation: Federation, story: Story, chance: random.Random, index: int) -> None:
    """One subscriber's story; meanwhile one process dies at a random moment and comes back."""
    number = f"{story.prefix}{index:08}"
    victim = chance.choice((federation.gateway, federation.adapter))
    # A story takes half a second undisturbed; some deaths come right after its end.
    bomb = threading.Timer(chance.uniform(0, 0.7), lambda: (victim.kill(), victim.start()))
    bomb.start()
    try:
        for text, reply in story.texts:
            federation.ask(number, text, reply)
    finally:
        bomb.join()


def check(federation: Federation, story: Story, rounds: int) -> None:
    """What must hold whenever the federation has come to rest."""
    federation.settle()
    acknowledged = Counter(entry.msg_id.hex() for entry in federation.history(smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED))
    state = federation.state()
    assert not [f"{violation.rule}: {violation.detail}" for violation in state.violations]
    for process in (federation.adapter, federation.gateway):
        assert process.stop() == 0, process.name
    ledger = read_ledger(federation.folder)
    assert ledger.root_holds
    booked = Counter(payload["instruction"]["reference"] for payload in ledger.instructions())
    assert set(booked.values()) <= {1}, "an instruction was booked twice"
    assert len(acknowledged) == rounds * len(story.texts)
    assert set(booked) == (set(acknowledged) if story.books else set()), "acknowledged and booked differ"
    # A carrier not heard of yet since a start is heard of later, and who was told "not yet" is then told "now".
    later = {payload["after"]["number"] for payload in ledger.payloads if payload.get("kind") == "lapsed"}
    check_notices(federation, rounds * len(story.texts), {number.removeprefix("+86") for number in later})
    for process in (federation.gateway, federation.adapter):
        assert find_numbers(process.log.read_text(encoding="utf-8", errors="replace")) == [], process.name


def check_notices(federation: Federation, expected: int, later: set[str]) -> None:
    """Each notice arrived; a second copy only where the link of the first was lost before its answer was heard.

    ``later`` are the numbers that may have heard one thing more, about what took effect.
    """
    arrivals: dict[tuple[str, str], list[int]] = {}
    links_of = {}
    for entry in federation.history(smsc_pb2.SMSC_EVENT_PDU_RECEIVED):
        if entry.pdu.command == "SUBMIT":
            links_of.setdefault((entry.pdu.number, entry.pdu.text), []).append(entry.link)
    for entry in federation.history(smsc_pb2.SMSC_EVENT_ARRIVED):
        arrivals.setdefault((entry.number, entry.text), []).append(entry.index)
    heard = Counter(number for number, _ in arrivals)
    more = {number for number, texts in heard.items() if texts > min(heard.values())}
    assert more <= later
    assert len(arrivals) == expected + len(more)
    twice = [key for key, indexes in arrivals.items() if len(indexes) > 1]
    for key in twice:
        assert len(set(links_of[key])) == len(links_of[key]), "a notice was sent twice over one link"
    assert len(twice) <= federation.adapter.starts - 1, "more notices were doubled than adapters died"


def run(folder: Path, story: Story, rounds: int) -> None:
    chance = random.Random(SEED)
    with open_federation(folder, story.carrier) as federation:
        for index in range(rounds):
            play_round(federation, story, chance, index)
        check(federation, story, rounds)


@pytest.mark.timeout(600)
def test_story_when_processes_are_killed_at_random_then_nothing_is_lost_or_doubled(tmp_path):
    run(tmp_path, STORIES[0], 10)


@each
@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_story_when_killed_in_two_hundred_rounds_then_nothing_is_lost_or_doubled(tmp_path, story):
    run(tmp_path, story, 200)
