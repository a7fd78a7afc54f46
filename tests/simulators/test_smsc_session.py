"""The gated session by itself: bytes, time and a gate, no socket."""

from datetime import UTC, datetime

from adapters.session.cmpp import CmppServer, ServerSettings
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from adapters.simulators.smsc.entries import Fate
from adapters.simulators.smsc.session import GatedSession, Passage
from adapters.wire import cmpp
from adapters.wire.cmpp import ActiveTest, ActiveTestResp, Version, encode

WALL = datetime(2026, 11, 24, tzinfo=UTC)
QUESTION = encode(ActiveTest(1), Version.V30)
ANSWER = encode(ActiveTestResp(1), Version.V30)


class ScriptedGate:
    """Decides as it was told, and remembers what it learned."""

    def __init__(self, into: Passage | None = None, out: Passage | None = None) -> None:
        self.into = into
        self.out = out
        self.opened = False
        self.noise = b""
        self.sent: list[tuple[bytes, Fate]] = []

    def on_open(self) -> None:
        self.opened = True

    def judge_in(self, frame: bytes) -> Passage:
        return self.into or Passage(frame)

    def judge_out(self, frame: bytes) -> Passage:
        return self.out or Passage(frame)

    def on_sent(self, frame: bytes, fate: Fate) -> None:
        self.sent.append((frame, fate))

    def on_noise_in(self, data: bytes) -> None:
        self.noise += data


class Bench:
    """A session whose clock is moved by hand."""

    def __init__(self, gate: ScriptedGate) -> None:
        self.now = 0.0
        self.gate = gate
        settings = ServerSettings(accounts={}, link=LinkSettings(settle_s=0.0, login_timeout_s=30.0))
        self.session = GatedSession(CmppServer(settings), gate, cmpp, lambda: self.now)
        self.session.opened(self.now, WALL)

    def ask(self) -> bytes:
        self.session.receive(QUESTION, self.now)
        return self.session.data_to_send()

    def at(self, now: float) -> bytes:
        self.now = now
        self.session.tick(now)
        return self.session.data_to_send()


def test_session_when_the_gate_lets_pass_then_is_an_ordinary_server() -> None:
    bench = Bench(ScriptedGate())
    assert bench.ask() == ANSWER
    assert bench.gate.opened
    assert bench.gate.sent == [(ANSWER, Fate.PASSED)]


def test_session_when_the_gate_loses_a_frame_then_it_never_was() -> None:
    assert Bench(ScriptedGate(into=Passage(None))).ask() == b""
    bench = Bench(ScriptedGate(out=Passage(None)))
    assert bench.ask() == b""
    assert bench.gate.sent == []


def test_session_when_the_gate_alters_a_frame_then_that_leaves() -> None:
    other = encode(ActiveTestResp(9), Version.V30)
    bench = Bench(ScriptedGate(out=Passage(other, Fate.ALTERED)))
    assert bench.ask() == other
    assert bench.gate.sent == [(other, Fate.ALTERED)]


def test_session_when_the_gate_delays_a_frame_then_wakes_for_it() -> None:
    bench = Bench(ScriptedGate(out=Passage(ANSWER, delay_s=2.0)))
    assert bench.ask() == b""
    assert bench.session.wake_at() == 2.0
    assert bench.at(1.9) == b""
    assert bench.at(2.0) == ANSWER
    assert bench.gate.sent == [(ANSWER, Fate.DELAYED)]


def test_session_when_the_gate_wants_noise_then_it_leaves_first() -> None:
    assert Bench(ScriptedGate(into=Passage(QUESTION, noise=b"noise"))).ask() == b"noise" + ANSWER


def test_session_when_the_gate_wants_pieces_then_they_leave_one_by_one() -> None:
    bench = Bench(ScriptedGate(into=Passage(QUESTION, piece_bytes=5, piece_pause_s=1.0)))
    pieces = [bench.ask()]
    while len(b"".join(pieces)) < len(ANSWER):
        wake_at = bench.session.wake_at()
        assert wake_at is not None
        assert bench.session.unsent_bytes == len(ANSWER) - len(b"".join(pieces))
        assert bench.at(wake_at - 0.5) == b""
        pieces.append(bench.at(wake_at))
    assert [len(piece) for piece in pieces] == [5, 5, 3]
    assert b"".join(pieces) == ANSWER


def test_session_when_one_frame_leaves_in_pieces_then_what_waits_behind_it_leaves_whole() -> None:
    gate = ScriptedGate(into=Passage(QUESTION, piece_bytes=5, piece_pause_s=1.0))
    bench = Bench(gate)
    pieces = [bench.ask()]
    gate.into = Passage(QUESTION)
    assert [bench.ask(), bench.ask()] == [b"", b""]
    while bench.session.unsent_bytes:
        pieces.append(bench.at(bench.session.wake_at() or 0.0))
    assert pieces == [ANSWER[:5], ANSWER[5:10], ANSWER[10:], ANSWER * 2]
    assert bench.ask() == ANSWER


def test_session_when_the_gate_cuts_then_it_is_closed_and_says_why() -> None:
    for gate in (ScriptedGate(into=Passage(None, cut=True)), ScriptedGate(out=Passage(ANSWER, cut=True))):
        bench = Bench(gate)
        assert bench.ask() == (ANSWER if gate.out else b"")
        assert bench.session.state is LinkState.CLOSED
        assert bench.session.closing is not None
        assert bench.session.closing.reason == "cut_by_fault"


def test_session_when_frames_are_cut_anyhow_then_the_gate_sees_whole_ones() -> None:
    bench = Bench(ScriptedGate())
    for byte in QUESTION[:-1]:
        bench.session.receive(bytes([byte]), 0.0)
        assert bench.session.data_to_send() == b""
    bench.session.receive(QUESTION[-1:] + QUESTION, 0.0)
    assert bench.session.data_to_send() == ANSWER * 2


def test_session_when_bytes_are_no_frames_then_the_gate_hears_of_it_and_the_link_closes() -> None:
    bench = Bench(ScriptedGate())
    bench.session.receive(QUESTION + b"GET", 0.0)
    bench.session.receive(b" / HTTP/1.1", 0.0)
    assert bench.gate.noise == b"GET / HTTP/1.1"
    assert bench.session.data_to_send() == ANSWER
    assert bench.session.closed
