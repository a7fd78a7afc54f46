"""The adapter erases once nothing is left to be done, tells the gateway until it has heard, and survives a kill."""

import pytest

from adapters.carrier.eraser import Eraser
from adapters.carrier.metrics import Metrics
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.rows import Erasing, Prompt
from optout.v1 import carrier_pb2, types_pb2
from tests.carrier.conftest import Rig
from tests.journal.engines import HOUR, NUMBER, OTHER, T0, MemoryEngine, SqliteEngine, make_notice


class Ear:
    """A gateway that hears reports; the next ``deaf`` calls fail."""

    def __init__(self, deaf=0):
        self.heard, self.deaf, self.lost = [], deaf, []

    async def report_applied(self, reports):
        if self.deaf:
            self.deaf -= 1
            self.lost += reports
            raise GatewayError("LINK_DOWN", Advice.LATER)
        self.heard += reports
        return [report.report_id for report in reports]


def make_eraser(journal, gateway):
    return Eraser(journal, gateway, Metrics("mobile"))


def order(number=NUMBER, **fields):
    subscription = types_pb2.Subscription(
        number=number, epoch=2, version=7, medium=types_pb2.MEDIUM_VOICE, state=types_pb2.ENROLMENT_STATE_RESTRICTED
    )
    subscription.erasure.erase_by.seconds = T0 // 1000
    return carrier_pb2.ApplyRequest(order_id="a-1-erase-mobile", subscription=subscription, **fields)


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_erasure_when_ordered_then_done_after_the_last_notice_and_reported_once(engine, tmp_path):
    made = MemoryEngine() if engine == "memory" else SqliteEngine(tmp_path)
    journal = made.open()
    await journal.add_notice(make_notice("n-1"), Prompt(NUMBER, T0 + HOUR, "1", b"d" * 32))
    await journal.add_notice(make_notice("n-2", number=OTHER))
    gateway = Ear(deaf=1)
    eraser = make_eraser(journal, gateway)
    await journal.begin_erasure(Erasing("a-1", NUMBER, 2, 7, T0))
    assert await eraser.work() == 1
    assert not gateway.heard
    for send in await journal.claim("901234", 9, T0):
        if send.number == NUMBER:
            await journal.refuse(send.key, 1, "MK:0001", T0)
    await journal.drop_deliveries([delivery.report_id for delivery in await journal.deliveries(9)])
    with pytest.raises(GatewayError):
        await eraser.work()
    journal = made.kill_and_open(journal)
    eraser = make_eraser(journal, gateway)
    assert await eraser.work() == 0
    (report,) = gateway.heard
    assert (report.number, report.version, report.epoch, report.erased) == (NUMBER, 7, 2, True)
    assert not report.effects
    assert gateway.lost == [report], "what may have been heard is repeated as it was"
    assert await eraser.work() == 0
    assert len(gateway.heard) == 1
    assert await journal.forget(OTHER) == 1
    await made.close()


async def test_order_when_it_says_to_erase_then_it_waits_in_the_journal_also_if_a_newer_one_came_first(
    rig: Rig,
) -> None:
    newer = order()
    newer.order_id, newer.subscription.version, newer.switch_off = "a-2-off-mobile", 9, True
    newer.subscription.ClearField("erasure")
    await rig.servicer.Apply(newer, None)
    assert await rig.journal.erasures(9) == []
    answer = await rig.servicer.Apply(order(), None)
    assert not answer.effects
    (erasing,) = await rig.journal.erasures(9)
    assert (erasing.order_id, erasing.number, erasing.version) == ("a-1-erase-mobile", NUMBER, 7)
