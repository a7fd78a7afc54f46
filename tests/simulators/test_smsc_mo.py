"""What phones send is never lost: resent, redelivered on the next login, and over a restart."""

from pathlib import Path

import pytest

from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Happening,
    MobileOriginated,
    RawContent,
    SmscSettings,
    TextEncoding,
)
from adapters.simulators.smsc.messages import Mo
from adapters.simulators.smsc.simulator import SmscSimulator
from adapters.testing import SP_ID, SP_SECRET, smsc_simulator
from adapters.testing.raw import RawSp, raw_sp
from adapters.wire.cmpp import Deliver, DeliverResp, Version, parse_msg_id
from adapters.wire.longmessage import Segment, join_segments
from tests.simulators.sp import running_sp
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER, make_submit

LONG = "我要拒接贷款推销电话，" * 20


async def read_deliver(sp: RawSp) -> Deliver:
    pdu = await sp.read()
    assert isinstance(pdu, Deliver)
    return pdu


def waiting_texts(sim: SmscSimulator) -> list[bytes]:
    return [item.parcel.segment.content for item in sim.unacknowledged if isinstance(item.parcel, Mo)]


def as_segment(pdu: Deliver) -> Segment:
    return Segment(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content)


@pytest.mark.parametrize("version", [Version.V20, Version.V30])
async def test_mo_when_sent_then_reaches_the_sp_as_the_phone_meant_it(version: Version) -> None:
    async with smsc_simulator() as sim, running_sp(sim, version=version) as sp:
        sent = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR", to="1008611", link_id=b"link", service_id="REFUSE"))
        await sim.wait_settled()
        (deliver,) = sp.delivers
        assert (deliver.msg_id, deliver.dest_id, deliver.src_terminal_id) == (sent.msg_ids[0], "1008611", SUBSCRIBER)
        assert (deliver.msg_fmt, deliver.msg_content) == (0, b"KTFSR")
        assert (deliver.service_id, deliver.link_id, deliver.registered_delivery) == ("REFUSE", b"link", 0)


@pytest.mark.parametrize(
    ("encoding", "text", "msg_fmt"),
    [
        (TextEncoding.AUTO, "KTFSR", 0),
        (TextEncoding.AUTO, "确认", 8),
        (TextEncoding.ASCII, "Y", 0),
        (TextEncoding.UCS2, "KTFSR", 8),
        (TextEncoding.GBK, "确认", 15),
        (TextEncoding.UCS2, LONG, 8),
        (TextEncoding.GBK, LONG, 15),
        (TextEncoding.ASCII, "x" * 500, 0),
        (TextEncoding.UCS2, "😀" * 90, 8),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
async def test_mo_when_encoded_then_joins_to_the_same_text(
    encoding: TextEncoding, text: str, msg_fmt: int, bits: int
) -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.send_mo(MobileOriginated(SUBSCRIBER, text, encoding=encoding, reference_bits=bits))
        await sim.wait_settled()
        assert join_segments(map(as_segment, sp.delivers)).value == text
        assert {deliver.msg_fmt for deliver in sp.delivers} == {msg_fmt}
        concats = [as_segment(deliver).concat for deliver in sp.delivers]
        if len(concats) > 1:
            assert {concat.reference_bits for concat in concats if concat} == {bits}
            assert all(len(deliver.msg_content) <= 140 for deliver in sp.delivers)


async def test_mo_when_reordered_doubled_and_short_of_parts_then_is_sent_just_so() -> None:
    async with smsc_simulator() as sim, running_sp(sim):
        sent = sim.send_mo(
            MobileOriginated(SUBSCRIBER, LONG, reference=200, part_order=(3, 1), copies=2, vary_gateway=True)
        )
        await sim.wait_settled()
        frames = sim.find(EntryFilter(happening=Happening.PDU_SENT, command="DELIVER"))
        concats = [as_segment(entry.pdu).concat for entry in frames if isinstance(entry.pdu, Deliver)]
        assert [(concat.reference, concat.number) for concat in concats if concat] == [
            (200, 3),
            (200, 3),
            (200, 1),
            (200, 1),
        ]
        assert len(sent.msg_ids) == 2
        assert [parse_msg_id(msg_id).gateway for msg_id in sent.msg_ids] == [1001, 1002]


async def test_mo_when_ids_and_content_are_given_then_are_taken_as_they_are() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        raw = RawContent(246, b"\x02\x70\x00\xff", tp_udhi=True)
        sim.send_mo(MobileOriginated(SUBSCRIBER, raw=raw, msg_ids=(b"12345678",)))
        await sim.wait_settled()
        (deliver,) = sp.delivers
        assert (deliver.msg_id, deliver.msg_fmt, deliver.tp_udhi) == (b"12345678", 246, 1)
        assert deliver.msg_content == b"\x02\x70\x00\xff"


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": ""},
        {"sender": "中"},
        {"text": "中", "encoding": TextEncoding.ASCII},
        {"text": "😀", "encoding": TextEncoding.GBK},
        {"text": "x" * 40_000},
        {"reference_bits": 7},
        {"reference": 256},
        {"copies": 0},
        {"part_order": (2,)},
        {"msg_ids": (b"123",)},
        {"msg_ids": (b"12345678", b"12345679")},
        {"account": "999999"},
        {"raw": RawContent(256, b"")},
        {"link_id": bytes(21)},
    ],
)
async def test_mo_when_it_cannot_be_then_is_refused_and_nothing_is_queued(changes: dict[str, object]) -> None:
    async with smsc_simulator() as sim:
        fields = {"sender": SUBSCRIBER, "text": "KTFSR"} | changes
        with pytest.raises(ValueError, match=r"\w"):
            sim.send_mo(MobileOriginated(**fields))  # type: ignore[arg-type]  # that is the point
        assert sim.unacknowledged == []


async def test_mo_when_unacknowledged_then_comes_again_with_its_sequence_then_with_a_new_one() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), resend_s=1.0, resend_attempts=2)
    async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
        await sp.login()
        (msg_id,) = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR")).msg_ids
        seen = [await read_deliver(sp) for _ in range(4)]
        assert {deliver.msg_id for deliver in seen} == {msg_id}
        assert seen[0] == seen[1]
        assert seen[2] == seen[3]
        assert seen[1].sequence != seen[2].sequence
        assert [(item.parcel.msg_id, item.sends) for item in sim.unacknowledged] == [(msg_id, 2)]
        await sp.send(DeliverResp(seen[3].sequence, msg_id, 0))
        await sim.wait_settled()


async def test_mo_when_sent_before_anybody_logs_in_then_waits_for_the_login() -> None:
    async with smsc_simulator() as sim:
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        sim.send_mo(MobileOriginated(OTHER_SUBSCRIBER, "CXFSR"))
        async with running_sp(sim) as sp:
            await sim.wait_settled()
            assert [deliver.msg_content for deliver in sp.delivers] == [b"KTFSR", b"CXFSR"]


async def test_mo_when_link_is_lost_unacknowledged_then_all_come_again_in_order() -> None:
    async with smsc_simulator() as sim:
        async with raw_sp(sim.port) as sp:
            await sp.login()
            for text in ("KTFSR", "Y", "CXFSR"):
                sim.send_mo(MobileOriginated(SUBSCRIBER, text))
            first = [await read_deliver(sp) for _ in range(3)]
            await sp.send(DeliverResp(first[1].sequence, first[1].msg_id, 0))
            await sim.wait_for(EntryFilter(happening=Happening.MO_ACKNOWLEDGED, text_contains="Y"))
        await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED))
        async with running_sp(sim) as again:
            await sim.wait_settled()
            assert [deliver.msg_content for deliver in again.delivers] == [b"KTFSR", b"CXFSR"]
            assert again.delivers[0].msg_id == first[0].msg_id


async def test_mo_when_answered_with_flow_control_then_comes_again_and_with_an_error_does_not() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), resend_s=0.4)
    async with smsc_simulator(settings) as sim, running_sp(sim) as sp:
        results = iter([8, 8, 0])
        sp.result = lambda deliver: next(results)
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert len(sp.delivers) == 3
        sp.result = lambda deliver: 5
        sim.send_mo(MobileOriginated(SUBSCRIBER, "CXFSR"))
        (refused,) = await sim.wait_for(EntryFilter(happening=Happening.REFUSED))
        assert refused.detail == "result 5"
        assert sim.unacknowledged == []


async def test_mo_when_more_than_a_window_waits_then_never_more_are_in_flight() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), window=3)
    async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
        await sp.login()
        for number in range(7):
            sim.send_mo(MobileOriginated(SUBSCRIBER, f"KTFSR{number}"))
        first = [await read_deliver(sp) for _ in range(3)]
        assert len(sim.find(EntryFilter(happening=Happening.PDU_SENT, command="DELIVER"))) == 3
        for deliver in first:
            await sp.send(DeliverResp(deliver.sequence, deliver.msg_id, 0))
        rest = [await read_deliver(sp) for _ in range(3)]
        assert [deliver.msg_content for deliver in first + rest] == [b"KTFSR%d" % number for number in range(6)]


async def test_mo_when_account_has_two_links_then_the_other_takes_over() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sleeper:
        await sleeper.login()
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await read_deliver(sleeper)
        async with running_sp(sim) as sp:
            await sleeper.close()
            await sim.wait_settled()
            assert len(sp.delivers) == 1


async def test_mo_when_accounts_differ_then_each_gets_its_own() -> None:
    accounts = (Account(SP_ID, SP_SECRET), Account("905678", "another secret", service_code="10010"))
    async with smsc_simulator(SmscSettings(accounts)) as sim, raw_sp(sim.port) as sp:
        await sp.login("905678", "another secret")
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "CXFSR", account="905678"))
        deliver = await read_deliver(sp)
        assert (deliver.msg_content, deliver.dest_id) == (b"CXFSR", "10010")
        assert [item.account for item in sim.unacknowledged] == [SP_ID, "905678"]


# Restart


def durable(path: Path) -> SmscSettings:
    return SmscSettings((Account(SP_ID, SP_SECRET),), state_file=path, resend_s=0.5)


async def test_restart_when_there_is_a_state_file_then_everything_unacknowledged_comes_again(tmp_path: Path) -> None:
    settings = durable(tmp_path / "smsc.jsonl")
    async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
        await sp.login()
        acknowledged = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR")).msg_ids[0]
        lost = sim.send_mo(MobileOriginated(OTHER_SUBSCRIBER, "Y")).msg_ids[0]
        for deliver in [await read_deliver(sp) for _ in range(2)]:
            if deliver.msg_id == acknowledged:
                await sp.send(DeliverResp(deliver.sequence, deliver.msg_id, 0))
        await sp.send(make_submit(2, msg_content=b"Open."))
        await sim.wait_for(EntryFilter(command="SUBMIT_RESP"))
        await sim.wait_for(EntryFilter(happening=Happening.MO_ACKNOWLEDGED))
    async with smsc_simulator(settings) as sim:
        assert [message.text for message in sim.phone(SUBSCRIBER).inbox] == ["Open."]
        async with running_sp(sim) as again:
            await sim.wait_settled()
            mo, report = again.delivers
            assert (mo.msg_id, mo.msg_content, mo.src_terminal_id) == (lost, b"Y", OTHER_SUBSCRIBER)
            assert report.registered_delivery == 1
    async with smsc_simulator(settings) as sim:
        assert sim.unacknowledged == []


async def test_restart_when_ids_go_on_then_none_is_used_twice(tmp_path: Path) -> None:
    settings = durable(tmp_path / "smsc.jsonl")
    ids = []
    for _ in range(3):
        async with smsc_simulator(settings) as sim:
            ids.append(sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR")).msg_ids[0])
    assert [parse_msg_id(msg_id).sequence for msg_id in ids] == [0, 1, 2]


async def test_restart_when_a_long_message_is_half_there_then_the_rest_completes_it(tmp_path: Path) -> None:
    settings = durable(tmp_path / "smsc.jsonl")
    mo = MobileOriginated(SUBSCRIBER, LONG, reference=9)
    parts = [
        make_submit(
            number,
            tp_udhi=1,
            msg_fmt=8,
            msg_content=segment.content,
            pk_total=segment.pk_total,
            pk_number=segment.pk_number,
        )
        for number, segment in enumerate(mo.segments(0), start=2)
    ]
    for sent in (parts[:1], parts[1:]):
        async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
            await sp.login()
            await sp.send(*sent)
            await sim.wait_for(EntryFilter(command="SUBMIT_RESP"), count=len(sent))
            whole = [message.text for message in sim.phone(SUBSCRIBER).inbox]
    assert whole == [LONG]


async def test_restart_when_killed_in_the_middle_of_a_line_then_only_that_line_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "smsc.jsonl"
    async with smsc_simulator(durable(path)) as sim:
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "Y"))
    path.write_bytes(path.read_bytes()[:-10])
    async with smsc_simulator(durable(path)) as sim:
        assert waiting_texts(sim) == [b"KTFSR"]
        sim.send_mo(MobileOriginated(SUBSCRIBER, "CXFSR"))
    async with smsc_simulator(durable(path)) as sim:
        assert waiting_texts(sim) == [b"KTFSR", b"CXFSR"]


async def test_state_file_when_made_then_is_its_owners_alone_and_reset_empties_it(tmp_path: Path) -> None:
    path = tmp_path / "smsc.jsonl"
    async with smsc_simulator(durable(path)) as sim:
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        assert path.stat().st_mode & 0o777 == 0o600
        sim.reset()
        assert path.read_bytes() == b""


async def test_settings_when_an_account_is_missing_or_doubled_then_are_refused() -> None:
    account = Account(SP_ID, SP_SECRET)
    for accounts in ((), (account, account)):
        with pytest.raises(ValueError, match="account"):
            SmscSimulator(SmscSettings(accounts))
    assert SP_SECRET not in repr(SmscSettings((account,)))
