"""China Unicom: no code opens, whatever is sent; its platform and its delay; one subscriber's story over SGIP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.carrier.base import Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, NotOurs, parse_command
from adapters.carrier.contract import write_capabilities
from adapters.carrier.settings import PlatformConfig, SgipConfig
from adapters.carrier.templates import Renderer
from adapters.unicom import CARRIER
from adapters.wire.sgip import SP_PAYS, Deliver, Report, Sequence
from adapters.wire.text import read_text
from optout.kit.ports import pick_port
from optout.v1 import carrier_pb2, carrier_pb2_grpc, registry_pb2, types_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.far_ends import PHONE, SECRET, SP_NODE, SgipCentre, make_config
from tests.carrier.running import make_config as make_adapter_config
from tests.carrier.running import running_adapter, write_secret
from tests.carrier.waiting import wait_until

SMS = CARRIER.data.sms
assert SMS is not None
TABLE = CommandTable(SMS)
CONTEXTS = [CommandContext(), CommandContext(has_prompt=True)]
AS_GATEWAY = (("x-optout-party", "gateway/gateway"),)
NO_SEQUENCE = Sequence(0, 0, 0)
DELIVERED = registry_pb2.DELIVERY_STATE_DELIVERED


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(
    "text", ["KTFSR", "ktfsr", " ＫＴＦＳＲ", "KTFSR1", "QXFSR", "CXFSR", "QRFSR", "HMDTJ95588", "CSFZ",
             "ljdb", "LJDB1"]
)  # fmt: skip
def test_code_when_sent_to_10010_then_help_and_nothing_else(text: str, context: CommandContext) -> None:
    assert parse_command(TABLE, text, context) == Help("help")


@given(st.text(), st.sampled_from(CONTEXTS))
def test_text_when_anything_is_sent_then_at_most_an_answer_to_a_question(text: str, context: CommandContext) -> None:
    reading = parse_command(TABLE, text, context)
    if isinstance(reading, Command):
        assert reading == Command(Verb.CONFIRM)
        assert context.has_prompt
    else:
        assert isinstance(reading, Help | NotOurs)


def test_help_when_written_then_says_how_to_open() -> None:
    text = Renderer(CARRIER.data.notices).render("help", {})
    assert [word for word in ("10010", "联通助理", "智能消息", "手机管家", "免费") if word not in text] == []
    assert len(text) <= 70


def test_capabilities_when_declared_then_by_its_platform_within_a_day() -> None:
    declared = write_capabilities(CARRIER.data)
    assert declared.enforcement == carrier_pb2.ENFORCEMENT_PLATFORM
    assert declared.effect_delay.seconds == 86_400
    assert types_pb2.CHANNEL_SMS not in declared.channels


def test_submits_when_described_then_the_sp_pays() -> None:
    sgip = CARRIER.data.sgip
    assert sgip is not None
    assert (sgip.charge_number, sgip.fee_type, sgip.fee_value, sgip.given_value) == (SP_PAYS, 1, "000000", "000000")


async def test_story_when_a_code_is_sent_over_sgip_then_told_how_to_open_and_nothing_is_booked(tmp_path: Path) -> None:
    centre, gateway, port = SgipCentre(), FakeGateway(), pick_port()
    await centre.start()
    await gateway.start()
    platform = PlatformConfig("http://127.0.0.1:1", write_secret(tmp_path / "platform.secret", SECRET))  # away just now
    config = replace(make_adapter_config(tmp_path, gateway_port=gateway.port), platform=platform)
    sgip = SgipConfig(node=SP_NODE, corp_id="92008", listen=f"127.0.0.1:{port}", reconnect_least_s=0.02)
    link = make_config(centre.server.port, write_secret(tmp_path / "link.secret", SECRET), sgip=sgip)
    async with (
        running_adapter(config, links=(replace(link, name="smg"),), carrier=CARRIER) as adapter,
        grpc.aio.insecure_channel(adapter.addresses.grpc) as channel,
    ):
        await wait_until(lambda: centre.lines and centre.lines[0].session.account)
        caller = centre.call(port)
        await wait_until(lambda: centre.mail.lines)
        centre.mail.deliver(Deliver(NO_SEQUENCE, "86" + PHONE, "10010", message_content=b"KTFSR"))
        await wait_until(lambda: centre.mail.answered and centre.submits)
        said = read_text(centre.submits[0].message_coding, centre.submits[0].message_content).value
        assert "请致电10010" in str(said)
        assert gateway.calls == []
        request = carrier_pb2.NotifyRequest(notice_id="n-1", number=f"+86{PHONE}", template="cancelled")
        await carrier_pb2_grpc.CarrierServiceStub(channel).Notify(request, metadata=AS_GATEWAY)
        await wait_until(lambda: len(centre.submits) == 2)
        centre.mail.deliver(Report(NO_SEQUENCE, centre.submits[1].sequence, 0, "86" + PHONE))
        await wait_until(lambda: [told.state for told in gateway.reports][-1:] == [DELIVERED])
        status, metrics = await adapter.get("/metrics")
        assert status == 200
        assert 'optout_adapter_link_silent_seconds{link="smg"} 0.0' in metrics
        assert caller.connection is not None
    await centre.stop()
    await gateway.stop()
