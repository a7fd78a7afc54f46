"""A CMPP 3.0 exchange between our client and our simulator, as Wireshark's dissector reads it.

tshark shows the content and the gateway code of Msg_Id wrongly, so neither is looked at.
"""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.session.events import SubmitAccepted
from adapters.simulators.smsc import EntryFilter, Happening, MobileOriginated, SmscSimulator
from adapters.testing import SP_ID, smsc_simulator
from adapters.wire.cmpp import ActiveTest, Version, encode
from tests.interop.pcap import write_pcap
from tests.simulators.sp import pause, running_sp
from tests.simulators.submits import SUBSCRIBER, make_submit

pytestmark = pytest.mark.interop

_CMPP_PORT = 7890
_MALFORMED = "_ws.malformed || _ws.expert.severity >= 0x600000"
_FRAMES = (Happening.PDU_RECEIVED, Happening.PDU_SENT)


async def record_exchange(path: Path) -> SmscSimulator:
    """Log in, text, submit, report, test, take leave; write what was on the wire."""
    async with smsc_simulator() as sim:
        async with running_sp(sim) as sp:
            sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR", link_id=b"a link id"))
            sim.send_mo(MobileOriginated(SUBSCRIBER, "我要开通营销电话拦截" * 9))
            await sim.wait_settled()
            sp.submit(
                make_submit(msg_fmt=8, msg_content="请回复确认".encode("utf-16-be"), valid_time="261124120000032+")
            )
            while not sp.of(SubmitAccepted):
                await pause()
            await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
            connection = sp.client.connection
            assert connection is not None
            connection.session.inject(encode(ActiveTest(99), Version.V30))
            connection.flush()
            await sim.wait_for(EntryFilter(command="ACTIVE_TEST_RESP"))
        await sim.wait_for(EntryFilter(command="TERMINATE_RESP"))
        frames = [
            (entry.time, entry.happening is Happening.PDU_RECEIVED, entry.frame)
            for entry in sim.history
            if entry.happening in _FRAMES
        ]
        write_pcap(path, _CMPP_PORT, frames)
        return sim


def tshark(path: Path, *options: str) -> str:
    """Run tshark over the capture, with TCP reassembly and the CMPP dissector on its port."""
    program = shutil.which("tshark")
    assert program is not None, "install the package tshark"
    command = [program, "-r", str(path), "-d", f"tcp.port=={_CMPP_PORT},cmpp", *options]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout


def dissect(path: Path) -> list[dict[str, Any]]:
    """The CMPP layer of every packet that has one, in order."""
    packets = json.loads(tshark(path, "-Y", "cmpp", "-T", "json", "--no-duplicate-keys"))
    return [packet["_source"]["layers"]["cmpp"] for packet in packets]


async def test_exchange_when_dissected_by_tshark_then_nothing_is_malformed_and_fields_agree(tmp_path: Path) -> None:
    path = tmp_path / "exchange.pcap"
    sim = await record_exchange(path)
    assert tshark(path, "-Y", _MALFORMED) == ""
    layers = dissect(path)
    readings = [entry.reading for entry in sim.history if entry.happening in _FRAMES]
    commands = [int(layer["cmpp.Command_Id"], 0) for layer in layers]
    assert commands == [int.from_bytes(entry.frame[4:8]) for entry in sim.history if entry.happening in _FRAMES]
    assert [int(layer["cmpp.Sequence_Id"]) for layer in layers] == [reading.sequence for reading in readings if reading]
    by_command = dict(zip(commands, layers, strict=True))

    connect, submit, submit_resp = by_command[0x1], by_command[0x4], by_command[0x80000004]
    assert (connect["cmpp.connect.Source_Addr"], connect["cmpp.Version"]) == (SP_ID, "03.00")
    assert by_command[0x80000001]["cmpp.connect_resp.Status"] == "0"
    assert submit["cmpp.Dest_terminal_Id"] == SUBSCRIBER
    assert (submit["cmpp.submit.FeeType"], submit["cmpp.submit.Src_Id"]) == ("01", "10086")
    assert (submit["cmpp.submit.Msg_src"], submit["cmpp.Servicd_Id"]) == (SP_ID, "REFUSE")
    assert (submit["cmpp.Msg_Fmt"], submit["cmpp.Msg_Length"]) == ("8", "10")
    assert submit["cmpp.submit.Valld_Time"] == "261124120000032+"
    assert (submit["cmpp.submit.Pk_total"], submit["cmpp.submit.Pk_number"]) == ("1", "1")
    assert submit_resp["cmpp.submit_resp.Result"] == "0"
    assert {0x2, 0x80000002, 0x8, 0x80000008, 0x5, 0x80000005} <= set(commands)


async def test_delivers_when_dissected_by_tshark_then_message_and_report_agree(tmp_path: Path) -> None:
    path = tmp_path / "exchange.pcap"
    await record_exchange(path)
    delivers = [layer for layer in dissect(path) if layer["cmpp.Command_Id"] in ("5", "0x00000005")]
    first, *long_parts, report = delivers
    assert (first["cmpp.deliver.Dest_Id"], first["cmpp.deliver.Src_terminal_Id"]) == ("10086", SUBSCRIBER)
    assert (first["cmpp.Msg_Length"], first["cmpp.LinkID"]) == ("5", "a link id")
    assert [part["cmpp.TP_udhi"] for part in long_parts] == ["1", "1"]
    assert report["cmpp.deliver.Registered_Delivery"] == "1"
    assert (report["cmpp.Msg_Length"], "DELIVRD" in json.dumps(report)) == ("71", True)


def test_malformed_frame_when_dissected_by_tshark_then_the_filter_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "malformed.pcap"
    frame = encode(make_submit(), Version.V30)[:80]
    whole = len(frame).to_bytes(4, "big") + frame[4:]
    write_pcap(path, _CMPP_PORT, [(datetime.now(UTC), True, whole)])
    assert tshark(path, "-Y", _MALFORMED) != ""
