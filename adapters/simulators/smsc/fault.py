"""Faults of an SMS gateway and of the line to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from adapters.simulators.faults import FaultPlan
from adapters.simulators.smsc.dialect import Codes

_MAX_GARBAGE_BYTES = 4096
_PROOF_BYTES = 16


class Operation(Enum):
    """A request and its answer, in either direction."""

    CONNECT = "connect"
    SUBMIT = "submit"
    MO = "mo"
    """A phone's message. Applied: the SP gets it. Heard: the simulator gets the answer. A delay holds the DELIVER."""
    REPORT = "report"
    """A status report; as MO."""
    ACTIVE_TEST = "active_test"
    """The SP's; unheard means that it stays unanswered. SGIP has none."""
    TERMINATE = "terminate"
    """The SP's."""


class ReportTiming(Enum):
    """When a struck SUBMIT's report is sent."""

    AFTER_RESPONSE = "after_response"
    BEFORE_RESPONSE = "before_response"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ReportScript:
    """What becomes of a SUBMIT's report: `copies` of it, each to be acknowledged, `delay_s` after its time."""

    timing: ReportTiming = ReportTiming.AFTER_RESPONSE
    stat: str = "DELIVRD"
    copies: int = 1
    delay_s: float = 0.0
    old_layout: bool = False
    """The 60 bytes of 2.0 also on a 3.0 link, as seen in real networks."""

    def __post_init__(self) -> None:
        if len(self.stat) > 7 or not self.stat.isascii():
            raise ValueError("stat has at most 7 ASCII characters")
        if self.copies < 1 or self.delay_s < 0:
            raise ValueError("at least one copy, and no negative delay")


ORDINARY_REPORT = ReportScript()


@dataclass(frozen=True, slots=True)
class SmscFault:
    """What goes wrong with an operation; see `FaultPlan` for when, and for the two bits.

    `close_link` cuts the connection once the bits have had their way: where the answer would pass, or where the
    request was lost. Raises `ValueError` for what an operation cannot suffer.
    """

    operation: Operation
    plan: FaultPlan
    result: int | None = None
    answered_version: int | None = None
    report: ReportScript = ORDINARY_REPORT
    answered_proof: bytes = field(default=b"", repr=False)
    """CONNECT: these 16 bytes in place of the gateway's authenticator; SGIP has none."""
    answered_command: int = 0
    """Answer with this command, under the request's number and without a body; 0 answers as usual."""
    close_link: bool = False
    garbage: bytes = b""
    dribble_bytes: int = 0
    dribble_interval_s: float = 0.001

    def __post_init__(self) -> None:
        if self.result is not None and self.operation not in (Operation.CONNECT, Operation.SUBMIT):
            raise ValueError("only CONNECT and SUBMIT are answered with a result")
        if self.answered_proof and self.operation is not Operation.CONNECT:
            raise ValueError("only CONNECT is answered with a proof")
        if len(self.answered_proof) not in (0, _PROOF_BYTES):
            raise ValueError("a proof has 16 bytes")
        if self.answered_command and self.operation in (Operation.MO, Operation.REPORT):
            raise ValueError("only what the SP asks is answered with a command")
        if not 0 <= self.answered_command < 1 << 32:
            raise ValueError("a command has 32 bits")
        if self.answered_version is not None and self.operation is not Operation.CONNECT:
            raise ValueError("only CONNECT is answered with a version")
        if self.plan.refused and self.operation not in (Operation.CONNECT, Operation.SUBMIT):
            raise ValueError("only CONNECT and SUBMIT can be refused")
        if len(self.garbage) > _MAX_GARBAGE_BYTES or self.dribble_bytes < 0 or self.dribble_interval_s < 0:
            raise ValueError("garbage is at most 4096 bytes, pieces and pauses are not negative")

    def choose_result(self, codes: Codes) -> int:
        """Return what CONNECT or SUBMIT is answered with."""
        if self.result is not None:
            return self.result
        if not self.plan.refused:
            return 0
        return codes.login_refused if self.operation is Operation.CONNECT else codes.flow_control
