"""China Telecom: its texts, its signature, and one subscriber's story over SMGP."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from adapters.carrier.base import Clause, TemplateData, Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, parse_command
from adapters.carrier.contract import write_capabilities
from adapters.carrier.instruction import Text, make_instruction
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.journal.rows import Origin
from adapters.telecom import CARRIER
from adapters.wire.longmessage import split_message
from adapters.wire.smgp import Deliver
from adapters.wire.smgp_report import SmgpReport, encode_smgp_report
from adapters.wire.text import read_text
from optout.kit.number import PhoneNumber
from optout.v1 import carrier_pb2, carrier_pb2_grpc, registry_pb2, types_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.far_ends import ACCOUNT, PHONE, SECRET, SmgpCentre, make_config
from tests.carrier.running import make_config as make_adapter_config
from tests.carrier.running import running_adapter, write_secret
from tests.carrier.waiting import wait_until

SMS = CARRIER.data.sms
assert SMS is not None
TABLE = CommandTable(SMS)
AS_GATEWAY = (("x-optout-party", "gateway/gateway"),)
SENT, DELIVERED = registry_pb2.DELIVERY_STATE_SENT, registry_pb2.DELIVERY_STATE_DELIVERED


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("KTFSR", Command(Verb.OPEN)),
        ("ｋｔｆｓｒ ", Command(Verb.OPEN)),
        ("QXFSR", Command(Verb.CANCEL)),
        ("CXFSR", Command(Verb.QUERY)),
        ("QRFSR", Command(Verb.CONFIRM)),
        ("KTFSR1", Command(Verb.REFUSE_CATEGORY, ("loan",))),
        ("HMDTJ4001234567", Command(Verb.REJECT_ADD, (), "+864001234567")),  # type: ignore[arg-type]
        ("CSFZ", Help("help")),
        ("LJDB1", Help("help")),
    ],
)
def test_text_when_sent_to_10001_then_read_by_its_table(text: str, reading: object) -> None:
    assert parse_command(TABLE, text, CommandContext()) == reading


def test_opening_when_one_text_opens_then_it_names_the_published_terms_and_that_nobody_was_asked() -> None:
    assert SMS is not None
    assert SMS.terms is not None
    text = Text("901234", b"id", PhoneNumber("+8613300133000"), "KTFSR", b"d" * 32, 0)
    made = make_instruction(Command(Verb.OPEN), text, CARRIER.data, types_pb2.Preferences()).evidence
    assert (made.notice_version, made.notice_digest) == (SMS.terms.version, sha256(SMS.terms.text.encode()).digest())
    assert all(name in SMS.terms.text for name in (*made.recipients, *made.purposes, "KTFSR", "免费"))
    assert made.recipients
    assert made.separate_consent == types_pb2.CONSENT_UNSPECIFIED
    settings = make_instruction(Command(Verb.REFUSE_CATEGORY, ("loan",)), text, CARRIER.data, types_pb2.Preferences())
    assert settings.evidence.notice_version == ""


def test_opened_when_opened_with_the_defaults_then_signed_and_one_message() -> None:
    opening = CARRIER.data.opening
    text = NoticeWriter(CARRIER.data.notices).say(
        "opened",
        {
            "categories": ",".join(opening.refused_categories),
            "segments": "",
            "treatment": opening.treatment,
            "stranger_policy": opening.stranger_policy,
            "effect": "applied",
            "effective_by": "",
        },
    )
    assert text.startswith("【天翼防骚扰服务提醒】骚扰电话拒接已开通并生效")
    assert "高频及涉诈来电默认拦截" in text
    assert len(split_message(text, 0)) == 1


def test_submits_when_described_then_free_to_the_subscriber_and_reported() -> None:
    smgp = CARRIER.data.smgp
    assert smgp is not None
    assert (smgp.fee_type, smgp.fee_code, smgp.fixed_fee, smgp.need_report) == ("00", "000000", "000000", 1)
    assert write_capabilities(CARRIER.data).enforcement == carrier_pb2.ENFORCEMENT_GATEWAY


@pytest.fixture
async def gateway() -> FakeGateway:
    return FakeGateway()


async def test_story_when_played_over_smgp_then_committed_answered_reported(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    centre = SmgpCentre()
    await centre.start()
    await gateway.start()
    config = make_adapter_config(tmp_path, gateway_port=gateway.port)
    link = make_config(centre.server.port, write_secret(tmp_path / "link.secret", SECRET))
    async with (
        running_adapter(config, links=(link,), carrier=CARRIER) as adapter,
        grpc.aio.insecure_channel(adapter.addresses.grpc) as channel,
    ):
        await wait_until(lambda: centre.lines and centre.lines[0].session.account)
        mo = Deliver(0, bytes(9) + b"\x07", dest_term_id="11810001", src_term_id=PHONE, msg_content=b"KTFSR")
        centre.deliver(mo)
        await wait_until(lambda: centre.answered)
        [instruction] = gateway.committed.values()
        assert (instruction.carrier, instruction.number) == ("telecom", f"+86{PHONE}")
        assert instruction.WhichOneof("action") == "open"
        assert instruction.reference == types_pb2.CarrierReference(account=ACCOUNT, id=mo.msg_id.hex())
        request = carrier_pb2.NotifyRequest(
            notice_id="n-1", number=f"+86{PHONE}", template="cancelled", in_reply_to=instruction.reference
        )
        await carrier_pb2_grpc.CarrierServiceStub(channel).Notify(request, metadata=AS_GATEWAY)
        await wait_until(lambda: centre.submits)
        said = read_text(centre.submits[0].msg_format, centre.submits[0].msg_content).value
        assert str(said).startswith("【天翼防骚扰服务提醒】骚扰电话拒接已关闭")
        report = encode_smgp_report(SmgpReport(centre.msg_id(1), stat="DELIVRD"))
        centre.deliver(Deliver(0, bytes(10), 1, src_term_id=PHONE, dest_term_id="11810001", msg_content=report))
        await wait_until(lambda: [told.state for told in gateway.reports][-1:] == [DELIVERED])
    await centre.stop()
    await gateway.stop()


@pytest.mark.parametrize(("gb", "formats"), [(False, [8]), (True, [15])])
def test_notice_when_written_then_in_the_format_of_the_carriers_data(gb: bool, formats: list[int]) -> None:
    data = replace(CARRIER.data.notices, gb=gb)
    request = NoticeRequest("n-1", Origin.GATEWAY, f"+86{PHONE}", "cancelled", {}, 60_000)
    notice, _ = NoticeWriter(data).write(request, 0)
    assert [body.msg_fmt for body in notice.bodies] == formats


@pytest.mark.parametrize(("length", "parts"), [(140, 1), (141, 2)])
def test_notice_when_plain_ascii_then_140_characters_a_message(length: int, parts: int) -> None:
    data = replace(CARRIER.data.notices, signature="", templates={"plain": TemplateData((Clause("a" * length),))})
    request = NoticeRequest("n-1", Origin.GATEWAY, f"+86{PHONE}", "plain", {}, 60_000)
    notice, _ = NoticeWriter(data).write(request, 0)
    assert len(notice.bodies) == parts
