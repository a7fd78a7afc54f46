"""Screening: whether a call may ring.

The rules are tried in the policy's order and the first that speaks decides. Two things hold whatever the order:

* A forged number must not profit. Rules that let a call through because of who calls (protected, personal allow,
  system allow) speak only for a verified number from a trusted domestic ingress, and no domestic number that comes
  over an international ingress evades a segment abroad unless somebody vouches for it.
* What a caller states about itself may add a refusal and never an allowance.

Of two times, the asker's own serves quiet hours alone; whatever ends, ends by the time of the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from gateway.domain.lines import NO_LINES, Directory
from gateway.domain.policy import DecidingRule, Policy
from gateway.domain.preferences import (
    DayType,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.subscription import Leg
from optout.kit.number import NumberKind, PhoneNumber, kind_of

CHINA_TIME = timezone(timedelta(hours=8), "CST")

SIP_UNWANTED = 607
"""RFC 8197: the called party does not want the call."""
SIP_REJECTED = 608
"""RFC 8688: an intermediary rejected the call; carries a contact for redress."""
Q850_CALL_REJECTED = 21


class Verdict(StrEnum):
    """What to do with the call."""

    ALLOW = "allow"
    REFUSE = "refuse"
    ASSISTANT = "assistant"
    CHALLENGE = "challenge"
    NOT_REGISTERED = "not_registered"


class Ingress(StrEnum):
    """Where the call entered the network that asks."""

    DOMESTIC = "domestic"
    INTERNATIONAL = "international"
    UNKNOWN = "unknown"


class CallerTrust(StrEnum):
    """How far the caller's number can be believed."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    FAILED = "failed"


_FOREIGN = frozenset({NumberKind.OVERSEAS, NumberKind.HK_MACAO_TAIWAN})


@dataclass(frozen=True, slots=True)
class Question:
    """One call. ``caller`` is None if the network knows no number.

    ``time_ms`` is when the question is decided, by the decider's own clock: entries expire and lines end by it.
    ``call_ms`` is when the call arrives, as the asker says, for quiet hours; None means at ``time_ms``. Both are Unix
    time in ms.
    """

    caller: PhoneNumber | None
    called: PhoneNumber
    ingress: Ingress
    trust: CallerTrust
    time_ms: int
    stated_category: str = ""
    call_ms: int | None = None

    @property
    def trusted(self) -> bool:
        """True if rules that let callers through may believe the number."""
        return self.ingress is Ingress.DOMESTIC and self.trust is CallerTrust.VERIFIED

    @property
    def hides_origin(self) -> bool:
        """True if the call comes from abroad and its number does not tell from where.

        There is none, a check of it failed, or it is a domestic one that nobody vouches for. A foreign one that nobody
        checked still counts as where it says it is from: hardly any number is vouched for across borders.
        """
        if self.ingress is not Ingress.INTERNATIONAL:
            return False
        if self.caller is None or self.trust is CallerTrust.FAILED:
            return True
        return self.trust is CallerTrust.UNVERIFIED and kind_of(self.caller) not in _FOREIGN


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision; codes are 0 unless the call is refused."""

    verdict: Verdict
    rule: DecidingRule
    reason: str = ""
    category: str = ""
    sip_code: int = 0
    q850_cause: int = 0
    redress_contact: str = ""
    category_mismatch: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    question: Question
    preferences: Preferences
    policy: Policy
    line_categories: tuple[str, ...]


def screen(question: Question, leg: Leg | None, policy: Policy, lines: Directory = NO_LINES) -> Answer:
    """Decide one call by the called subscriber's leg (None: the registry does not know the number)."""
    if leg is None or not leg.refusing:
        return Answer(Verdict.NOT_REGISTERED, DecidingRule.NOT_REGISTERED)
    case = _Case(question, leg.preferences, policy, _line_categories(question, lines))
    for rule in policy.order:
        answer = _RULES[rule](case)
        if answer is not None:
            return answer
    return Answer(Verdict.ALLOW, DecidingRule.DEFAULT, category_mismatch=_contradicts(case))


def _line_categories(question: Question, lines: Directory) -> tuple[str, ...]:
    """What the caller's line is declared for: of nested declarations the most specific speaks."""
    found = [] if question.caller is None else lines.find(question.caller, question.time_ms)
    return (found[0].category,) if found else ()


def _contradicts(case: _Case) -> bool:
    stated = case.question.stated_category
    return bool(stated and case.line_categories) and stated not in case.line_categories


def _allow_if(condition: bool, case: _Case, rule: DecidingRule, reason: str) -> Answer | None:
    return Answer(Verdict.ALLOW, rule, reason) if condition and case.question.trusted else None


def _unwanted(case: _Case, rule: DecidingRule, reason: str, category: str = "") -> Answer:
    """The subscriber does not want the call: treat it as the subscriber chose."""
    mismatch = _contradicts(case)
    match case.preferences.treatment:
        case Treatment.ASSISTANT:
            return Answer(Verdict.ASSISTANT, rule, reason, category, category_mismatch=mismatch)
        case Treatment.CHALLENGE:
            return Answer(Verdict.CHALLENGE, rule, reason, category, category_mismatch=mismatch)
        case Treatment.REJECT:
            return Answer(
                Verdict.REFUSE, rule, reason, category, SIP_UNWANTED, Q850_CALL_REJECTED, category_mismatch=mismatch
            )


def _protected(case: _Case) -> Answer | None:
    caller = case.question.caller
    known = caller is not None and case.policy.is_protected(caller)
    return _allow_if(known, case, DecidingRule.PROTECTED, "公共服务号码")


def _personal_allow(case: _Case) -> Answer | None:
    known = case.question.caller in case.preferences.allow_list
    return _allow_if(known, case, DecidingRule.PERSONAL_ALLOW, "白名单")


def _personal_reject(case: _Case) -> Answer | None:
    if case.question.caller in case.preferences.reject_list:
        return _unwanted(case, DecidingRule.PERSONAL_REJECT, "黑名单")
    return None


def _system_allow(case: _Case) -> Answer | None:
    if case.question.caller is None:
        return None
    for entry in case.policy.system_table.find(case.question.caller):
        if entry.allow and case.question.time_ms < entry.expire_ms:
            return _allow_if(True, case, DecidingRule.SYSTEM_ALLOW, entry.reason)
    return None


def _system_reject(case: _Case) -> Answer | None:
    if case.question.caller is None:
        return None
    for entry in case.policy.system_table.find(case.question.caller):
        if not entry.allow and case.question.time_ms < entry.expire_ms:
            return Answer(
                Verdict.REFUSE,
                DecidingRule.SYSTEM_REJECT,
                entry.reason,
                sip_code=SIP_REJECTED,
                q850_cause=Q850_CALL_REJECTED,
                redress_contact=entry.redress_contact,
            )
    return None


def _segment(case: _Case) -> Answer | None:
    for segment in case.preferences.refused_segments:
        if _covers(segment, case.question):
            return _unwanted(case, DecidingRule.SEGMENT, _SEGMENT_REASONS[segment.kind])
    return None


_SEGMENT_REASONS = {
    SegmentKind.S400: "400号段",
    SegmentKind.S95: "95号段",
    SegmentKind.OVERSEAS: "境外来电",
    SegmentKind.HK_MACAO_TAIWAN: "港澳台来电",
    SegmentKind.CUSTOM: "自定义号段",
}
_ABROAD = frozenset({SegmentKind.OVERSEAS, SegmentKind.HK_MACAO_TAIWAN})


def _covers(segment: Segment, question: Question) -> bool:
    caller = question.caller
    if question.hides_origin and segment.kind in _ABROAD:
        return True
    if caller is None:
        return False
    match segment.kind:
        case SegmentKind.S400:
            return caller.startswith("+86400")
        case SegmentKind.S95:
            return caller.startswith(("950", "951"))
        case SegmentKind.OVERSEAS:
            return kind_of(caller) is NumberKind.OVERSEAS
        case SegmentKind.HK_MACAO_TAIWAN:
            return kind_of(caller) is NumberKind.HK_MACAO_TAIWAN
        case SegmentKind.CUSTOM:
            return caller.startswith(segment.prefix)


def _category(case: _Case) -> Answer | None:
    refused = case.preferences.refused_categories
    for code in (*case.line_categories, case.question.stated_category):
        if code in refused:
            taxonomy = case.policy.taxonomy
            # A later policy may have dropped a category that somebody still refuses.
            name = taxonomy[code].name_zh if code in taxonomy else code
            return _unwanted(case, DecidingRule.CATEGORY, f"{name}类营销电话", code)
    return None


def _quiet_hours(case: _Case) -> Answer | None:
    question = case.question
    arrives_ms = question.time_ms if question.call_ms is None else question.call_ms
    if any(is_quiet(window, arrives_ms) for window in case.preferences.quiet_hours):
        return _unwanted(case, DecidingRule.QUIET_HOURS, "免打扰时段")
    return None


def is_quiet(window: QuietWindow, time_ms: int) -> bool:
    """True if the instant (Unix ms) lies in the window, which begins on days of its type in China time."""
    local = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME)
    minute = local.hour * 60 + local.minute
    if window.start_minute < window.end_minute:
        return window.start_minute <= minute < window.end_minute and _begins_on(window.days, local)
    if minute >= window.start_minute:
        return _begins_on(window.days, local)
    return minute < window.end_minute and _begins_on(window.days, local - timedelta(days=1))


def _begins_on(days: DayType, local: datetime) -> bool:
    weekend = local.weekday() >= 5
    return days is DayType.EVERY_DAY or weekend == (days is DayType.WEEKEND)


def _stranger(case: _Case) -> Answer | None:
    """Speak for nobody known: a list that lets a caller through holds here, too, only for a number that is believed."""
    match case.preferences.stranger_policy:
        case StrangerPolicy.ASSISTANT:
            return Answer(Verdict.ASSISTANT, DecidingRule.STRANGER, "陌生来电", category_mismatch=_contradicts(case))
        case StrangerPolicy.CHALLENGE:
            return Answer(Verdict.CHALLENGE, DecidingRule.STRANGER, "陌生来电", category_mismatch=_contradicts(case))
        case StrangerPolicy.ALLOW:
            return None


_RULES: dict[DecidingRule, Callable[[_Case], Answer | None]] = {
    DecidingRule.PROTECTED: _protected,
    DecidingRule.PERSONAL_ALLOW: _personal_allow,
    DecidingRule.PERSONAL_REJECT: _personal_reject,
    DecidingRule.SYSTEM_ALLOW: _system_allow,
    DecidingRule.SYSTEM_REJECT: _system_reject,
    DecidingRule.SEGMENT: _segment,
    DecidingRule.CATEGORY: _category,
    DecidingRule.QUIET_HOURS: _quiet_hours,
    DecidingRule.STRANGER: _stranger,
}
