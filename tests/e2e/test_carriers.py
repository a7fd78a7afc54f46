"""China Telecom and China Unicom by text, whole: real processes, real protocols, the phone at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from optout.kit.redact import find_numbers
from optout.sim.v1 import smsc_pb2
from tests.e2e.carriers import TELECOM, UNICOM, CarrierPart
from tests.e2e.federation import Federation, open_federation, read_ledger

SUBSCRIBERS = {"telecom": "13300000001", "unicom": "13000000001"}
SIGNATURE = "【天翼防骚扰服务提醒】"


@pytest.fixture
def federation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Federation]:
    with open_federation(tmp_path, request.param) as opened:
        yield opened


def on(carrier: CarrierPart) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("federation", [carrier], indirect=True, ids=[carrier.id])


def inbox(federation: Federation, number: str) -> list[str]:
    """What the phone shows, oldest first."""
    request = smsc_pb2.SmscServiceGetStateRequest(number=number)
    (phone,) = federation.control.GetState(request, timeout=10).phones
    return [message.text for message in phone.inbox]


def close(federation: Federation) -> list[dict[str, object]]:
    """Let everything come to rest and stop; return the instructions booked. Nothing may have gone wrong meanwhile."""
    federation.settle()
    assert not [f"{violation.rule}: {violation.detail}" for violation in federation.state().violations]
    for process in (federation.adapter, federation.gateway):
        assert process.stop() == 0, process.name
        assert find_numbers(process.log.read_text(encoding="utf-8", errors="replace")) == [], process.name
    ledger = read_ledger(federation.folder)
    assert ledger.root_holds
    return ledger.instructions()


@on(TELECOM)
def test_telecom_when_ktfsr_is_sent_then_opens_in_one_step_and_the_signed_message_arrives(
    federation: Federation,
) -> None:
    number = SUBSCRIBERS["telecom"]
    federation.ask(number, "ktfsr", "已开通")
    (told,) = inbox(federation, number)
    assert told.startswith(SIGNATURE)
    # The gateway's death loses nothing: what was on the phone is still there, and the link comes back.
    federation.smsc.kill()
    federation.smsc.start()
    federation.ask(number, "CXFSR", "已开通")
    federation.ask(number, "QXFSR", "已关闭")
    assert len(inbox(federation, number)) == 3
    assert len(close(federation)) == 3


@on(UNICOM)
def test_unicom_when_ktfsr_is_sent_then_is_answered_with_how_to_open_and_nothing_opens(
    federation: Federation,
) -> None:
    number = SUBSCRIBERS["unicom"]
    federation.ask(number, "KTFSR", "不能用短信开通")
    # A text sent while nobody listens waits at the gateway, which goes on dialling.
    federation.adapter.kill()
    after = federation.text(number, "CSFZ")
    federation.adapter.start()
    federation.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, number, after, "不能用短信开通")
    told = inbox(federation, number)
    assert len(told) == 2
    assert all("联通助理" in text and "10010" in text for text in told)
    assert close(federation) == []
