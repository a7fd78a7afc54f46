"""One subscriber's entries, written by the rules alone: what a gateway would log, without gateway, store or clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from gateway.domain.capability import Capabilities
from gateway.domain.codec import write_instruction, write_subscriber, write_verdict
from gateway.domain.instruction import Action, Channel, Instruction
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.notice_rules import NO_TALLY, Tally, take_call, write_tally
from gateway.domain.number_life import NumberEvent, NumberEventKind, write_event
from gateway.domain.orders import take_order
from gateway.domain.policy import DecidingRule, Policy
from gateway.domain.porting import begin_unheard, take_event, take_on
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.reports import take_report, write_report
from gateway.service.submission import content_digest
from gateway.service.views import AppliedReport
from gateway.tlog.leaf import LeafType
from gateway.tlog.opening import NO_PREVIOUS, encode_typed
from optout.kit.number import PhoneNumber
from tests.domain.samples import PROOFS

Map = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One entry before it is hashed: type, actor, and payload."""

    type: LeafType
    actor: int
    payload: Map


@dataclass
class Scribe:
    """Writes the chain of one subject. ``index`` and ``now_ms`` are set by who decides where entries stand."""

    number: PhoneNumber
    label: bytes
    policy: Policy
    declared: Mapping[str, Capabilities]
    now_ms: int = 0
    index: int = 0
    state: Subscriber = field(init=False)
    tally: Tally = NO_TALLY
    prev: int = NO_PREVIOUS
    before: str = ""
    serial: int = 0

    def __post_init__(self) -> None:
        self.state = begin_unheard(self.number)

    def order(self, action: Action, channel: Channel = Channel.SMS) -> Line:
        """The subscriber orders over the carrier that serves the number."""
        self.serial += 1
        carrier, name = self.state.carrier, f"{self.number[1:]}-{self.serial}"
        instruction = Instruction(
            name, carrier, channel, "10086", name, self.number, Medium.VOICE, self.now_ms, action, PROOFS[channel]
        )
        written = write_instruction(instruction)
        step = take_order(self.state, instruction, self.policy, self.declared.get(carrier), self.index + 1, self.now_ms)
        after, verdict = step.own.after, step.verdict
        content = {
            "instruction": written,
            "digest": content_digest(written).hex(),
            "verdict": write_verdict(verdict),
            "policy": self.policy.version,
        }
        return self._write("instruction", self.policy.actor(carrier), content, after)

    def report(self, *effects: ReportedEffect) -> Line:
        """The carrier that serves the number reports what its network carried out of the present version."""
        told = AppliedReport("", self.number, Medium.VOICE, self.state.version, effects, self.now_ms)
        after = take_report(self.state, self.state.carrier, told, 0)
        content = {"carrier": self.state.carrier, "report": write_report(told)}
        return self._write("applied", self.policy.actor(self.state.carrier), content, after)

    def deliver(self, cause: int) -> Line:
        """A notice that the entry at ``cause`` gave rise to was delivered."""
        content = {
            "carrier": self.state.carrier,
            "notice": f"n-{cause:016x}-0",
            "state": "delivered",
            "code": "DELIVRD",
            "reported": self.now_ms,
            "parts": 1,
        }
        return self._write("delivery", self.policy.actor(self.state.carrier), content, self.state)

    def stop_call(self, caller: PhoneNumber) -> Line:
        """A switch refused a call."""
        call = Interception(InterceptionAction.REFUSED, self.number, caller, self.now_ms, DecidingRule.CATEGORY, "loan")
        choice = self.state.voice.preferences.notices
        self.tally, fate, _ = take_call(self.tally, call, choice, self.policy.notices, self.now_ms)
        described = {
            "action": call.action.value,
            "at": call.call_ms,
            "rule": "category",
            "category": "loan",
            "revision": 1,
            "reporter": "screener/switch",
            "caller": caller,
        }
        content = {"call": described, "fate": fate.value, "tally": write_tally(self.tally)}
        return self._write("interception", 0, content, self.state)

    def port(self, carrier: str) -> Line:
        """Another carrier gains the number."""
        event = NumberEvent(f"e-{self.number[1:]}", NumberEventKind.PORTED_IN, self.number, self.now_ms, carrier)
        frozen_days = self.policy.retention.frozen_days
        step = take_event(self.state, event, self.now_ms, frozen_days, unheard=self.prev == NO_PREVIOUS)
        after = take_on(self.state, step, self.declared.get(carrier), self.now_ms).after
        content = {"event": write_event(event), "follows": step.follows.value, "epoch": step.epoch}
        return self._write("number_event", self.policy.actor(carrier), content, after)

    def _write(self, kind: str, actor: int, content: Map, after: Subscriber) -> Line:
        changed = after is not self.state or self.prev == NO_PREVIOUS
        payload = {
            "v": 1,
            "kind": kind,
            "label": self.label.hex(),
            "prev": self.prev,
            "version": after.version,
            "before": self.before,
            **content,
        }
        if changed:
            payload["after"] = write_subscriber(after)
            self.before = sha256(encode_typed(payload["after"])).hexdigest()
        self.state, self.prev = after, self.index
        return Line(LeafType.CHANGE if changed else LeafType.STATEMENT, actor, payload)
