"""Both ends of a connection, in each protocol, told apart only by what goes from which end to which.

SGIP needs a connection for each direction, so it is two pairs; the others are one pair with two flows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from adapters.session import cmpp, sgip, smgp
from adapters.session.events import DeliverReceived, SubmitReceived
from adapters.session.peer import Peer
from adapters.session.settings import LinkSettings
from adapters.wire import cmpp as cmpp_wire
from adapters.wire import sgip as sgip_wire
from adapters.wire import smgp as smgp_wire
from adapters.wire.buffer import Framer
from tests.session.wiring import WALL

NAME, SECRET = "901234", "secret"
SP_NODE, SMG_NODE = 3010092008, 101001
PHONE = "13800138000"
QUICK = LinkSettings(settle_s=0)
NO_SEQUENCE = sgip_wire.Sequence(0, 0, 0)


@dataclass(frozen=True)
class Flow:
    """Requests from one end to the other. `make(n)` differs for every n."""

    name: str
    from_dialler: bool
    make: Callable[[int], Any]
    received: type
    results: tuple[int, ...]
    """Answers worth trying: accepted, flow control, refused, duplicate."""

    def send(self, peer: Any, number: int, token: object, now: float) -> int:
        send = peer.submit if self.received is SubmitReceived else peer.deliver
        sequence: int = send(self.make(number), token, now)
        return sequence

    def name_message(self, peer: Any, event: Any) -> bytes:
        if self.received is SubmitReceived:
            return b"\x11" * 8
        name: bytes = peer.name_message(event.pdu)
        return name

    def answer(self, peer: Any, event: Any, result: int, now: float) -> bool:
        msg_id = self.name_message(peer, event)
        answer = peer.answer_submit if self.received is SubmitReceived else peer.acknowledge
        answered: bool = answer(event.sequence, self._pad(peer, msg_id), result, now)
        return answered

    def release(self, peer: Any, event: Any, now: float) -> None:
        if self.received is SubmitReceived:
            peer.release(event.sequence, now)
        else:
            peer.release(event.sequence, self.name_message(peer, event), now)

    def _pad(self, peer: Any, msg_id: bytes) -> bytes:
        return msg_id.ljust(10, b"\x11") if isinstance(peer, smgp.SmgpServer) else msg_id


@dataclass(frozen=True)
class Pair:
    """The two ends, and how a test makes, joins and reads them."""

    name: str
    make_dialler: Callable[[LinkSettings], Any]
    make_listener: Callable[[LinkSettings], Any]
    flows: tuple[Flow, ...]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    pdus: st.SearchStrategy[Any]
    header_bytes: int = 12
    max_frame_bytes: int = 8192
    keeps_alive: bool = True

    def __str__(self) -> str:
        return self.name

    def take_frames(self, peer: Peer) -> list[bytes]:
        return Framer(self.header_bytes, self.header_bytes, self.max_frame_bytes).feed(peer.data_to_send())

    def take_pdus(self, peer: Peer) -> list[Any]:
        return [self.decode(frame) for frame in self.take_frames(peer)]

    def bound(self, **link: Any) -> tuple[Any, Any]:
        """Return dialler and listener, both bound."""
        settings = replace(QUICK, **link)
        dialler, listener = self.make_dialler(settings), self.make_listener(settings)
        listener.opened(0, WALL)
        dialler.opened(0, WALL)
        listener.receive(dialler.data_to_send(), 0)
        dialler.receive(listener.data_to_send(), 0)
        return dialler, listener

    def ends(self, flow: Flow, **link: Any) -> tuple[Any, Any]:
        """Return the sending and the receiving end of a flow, both bound."""
        dialler, listener = self.bound(**link)
        return (dialler, listener) if flow.from_dialler else (listener, dialler)


NUMBERS = st.integers(0, 6)
BYTES = st.binary(max_size=3)


def _cmpp(version: cmpp_wire.Version) -> Pair:
    submit = cmpp_wire.Submit(0, msg_src=NAME, src_id="10086", dest_terminal_ids=(PHONE,))
    deliver = cmpp_wire.Deliver(0, msg_id=b"\x01" * 8, dest_id="10086", src_terminal_id=PHONE, msg_content=b"KTFSR")
    return Pair(
        name=f"cmpp-{version.label}",
        make_dialler=lambda link: cmpp.CmppClient(cmpp.ClientSettings(NAME, SECRET, version=version, link=link)),
        make_listener=lambda link: cmpp.CmppServer(cmpp.ServerSettings({NAME: SECRET}, link=link)),
        flows=(
            Flow("submit", True, lambda n: replace(submit, msg_content=b"%d" % n), SubmitReceived, (0, 8, 5, 3)),
            Flow(
                "deliver", False, lambda n: replace(deliver, msg_id=n.to_bytes(8, "big")), DeliverReceived, (0, 0, 1, 3)
            ),
        ),
        encode=lambda pdu: cmpp_wire.encode(pdu, version),
        decode=lambda frame: cmpp_wire.decode(frame, version),
        pdus=st.one_of(
            st.builds(lambda n, text: replace(deliver, sequence=n, msg_content=text), NUMBERS, BYTES),
            st.builds(lambda n, text: replace(submit, sequence=n, msg_content=text), NUMBERS, BYTES),
            st.builds(cmpp_wire.SubmitResp, NUMBERS, st.just(b"\x11" * 8), st.sampled_from([0, 0, 3, 8, 99])),
            st.builds(cmpp_wire.DeliverResp, NUMBERS, st.just(b"\x11" * 8), st.sampled_from([0, 1])),
            st.builds(cmpp_wire.ActiveTest, NUMBERS),
            st.builds(cmpp_wire.ActiveTestResp, NUMBERS),
            st.builds(cmpp_wire.Cancel, NUMBERS, st.just(bytes(8))),
            st.builds(cmpp_wire.Unknown, NUMBERS, st.sampled_from([9, 0x99, 0x80000099]), st.binary(max_size=9)),
            st.builds(cmpp_wire.Terminate, st.just(5)),
        ),
        max_frame_bytes=4096,
    )


def _smgp() -> Pair:
    submit = smgp_wire.Submit(0, src_term_id="11810001", dest_term_ids=(PHONE,))
    deliver = smgp_wire.Deliver(
        0, msg_id=b"\x01" * 10, dest_term_id="11810001", src_term_id=PHONE, msg_content=b"KTFSR"
    )
    return Pair(
        name="smgp",
        make_dialler=lambda link: smgp.SmgpClient(smgp.ClientSettings(NAME, SECRET, link=link)),
        make_listener=lambda link: smgp.SmgpServer(smgp.ServerSettings({NAME: SECRET}, link=link)),
        flows=(
            Flow("submit", True, lambda n: replace(submit, msg_content=b"%d" % n), SubmitReceived, (0, 1, 36, 12)),
            Flow(
                "deliver",
                False,
                lambda n: replace(deliver, msg_id=n.to_bytes(10, "big")),
                DeliverReceived,
                (0, 0, 10, 12),
            ),
        ),
        encode=smgp_wire.encode,
        decode=smgp_wire.decode,
        pdus=st.one_of(
            st.builds(lambda n, text: replace(deliver, sequence=n, msg_content=text), NUMBERS, BYTES),
            st.builds(lambda n, text: replace(submit, sequence=n, msg_content=text), NUMBERS, BYTES),
            st.builds(smgp_wire.SubmitResp, NUMBERS, st.just(b"\x11" * 10), st.sampled_from([0, 0, 1, 12, 74, 99])),
            st.builds(smgp_wire.DeliverResp, NUMBERS, st.just(b"\x11" * 10), st.sampled_from([0, 1])),
            st.builds(smgp_wire.ActiveTest, NUMBERS),
            st.builds(smgp_wire.ActiveTestResp, NUMBERS),
            st.builds(smgp_wire.Unknown, NUMBERS, st.sampled_from([5, 0x99, 0x80000099]), st.binary(max_size=9)),
            st.builds(smgp_wire.Exit, st.just(5)),
        ),
    )


SEQUENCES = st.builds(sgip_wire.Sequence, st.just(SMG_NODE), st.just(1124120007), NUMBERS)
SGIP_SUBMIT = sgip_wire.Submit(NO_SEQUENCE, sp_number="10010", user_numbers=("86" + PHONE,))
SGIP_DELIVER = sgip_wire.Deliver(NO_SEQUENCE, user_number="86" + PHONE, sp_number="10010", message_content=b"KTFSR")
SGIP_PDUS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda n, text: replace(SGIP_DELIVER, sequence=n, message_content=text), SEQUENCES, BYTES),
    st.builds(lambda n, text: replace(SGIP_SUBMIT, sequence=n, message_content=text), SEQUENCES, BYTES),
    st.builds(sgip_wire.Report, SEQUENCES, SEQUENCES, state=st.integers(0, 3)),
    st.builds(sgip_wire.UserRpt, SEQUENCES),
    st.builds(sgip_wire.SubmitResp, SEQUENCES, st.sampled_from([0, 0, 9, 11, 99])),
    st.builds(sgip_wire.DeliverResp, SEQUENCES, st.sampled_from([0, 9])),
    st.builds(sgip_wire.ReportResp, SEQUENCES, st.sampled_from([0, 9])),
    st.builds(sgip_wire.Unknown, SEQUENCES, st.sampled_from([6, 0x99, 0x80000099]), st.binary(max_size=9)),
    st.builds(sgip_wire.Unbind, SEQUENCES),
)


def make_report(number: int) -> sgip_wire.Report:
    return sgip_wire.Report(NO_SEQUENCE, sgip_wire.Sequence(SP_NODE, 1124120007, number), user_number="86" + PHONE)


def make_delivery(number: int) -> sgip_wire.Deliver | sgip_wire.Report:
    content = b"KTFSR%d" % number
    return make_report(number) if number % 2 else replace(SGIP_DELIVER, message_content=content)


def _sgip(
    name: str, dialler: Callable[..., Any], listener: Callable[..., Any], nodes: tuple[int, int], flow: Flow
) -> Pair:
    near, far = nodes
    return Pair(
        name=name,
        make_dialler=lambda link: dialler(
            sgip.DialSettings(near, NAME, SECRET, link=link), sgip.SgipNumbers(near, link.first_sequence)
        ),
        make_listener=lambda link: listener(
            sgip.ListenSettings(far, {NAME: SECRET}, link=link), numbers=sgip.SgipNumbers(far, link.first_sequence)
        ),
        flows=(flow,),
        encode=sgip_wire.encode,
        decode=sgip_wire.decode,
        pdus=SGIP_PDUS,
        header_bytes=20,
        keeps_alive=False,
    )


def make_sgip_listener(settings: sgip.ListenSettings, numbers: sgip.SgipNumbers) -> sgip.SgipListener:
    return sgip.SgipListener(settings, sgip.Answered(), numbers)


SGIP_OUT = _sgip(
    "sgip-out",
    sgip.SgipClient,
    sgip.SgipServer,
    (SP_NODE, SMG_NODE),
    Flow("submit", True, lambda n: replace(SGIP_SUBMIT, message_content=b"%d" % n), SubmitReceived, (0, 11, 5, 9)),
)
SGIP_IN = _sgip(
    "sgip-in",
    sgip.SgipCaller,
    make_sgip_listener,
    (SMG_NODE, SP_NODE),
    Flow("deliver", True, make_delivery, DeliverReceived, (0, 0, 5, 9)),
)
SMGP = _smgp()
PAIRS = [*(_cmpp(version) for version in cmpp_wire.Version), SMGP, SGIP_OUT, SGIP_IN]
FLOWS = [(pair, flow) for pair in PAIRS for flow in pair.flows]
FLOW_IDS = [f"{pair}-{flow.name}" for pair, flow in FLOWS]
