"""Every kind of entry there is, and how it is judged. A kind that is missing here is one that nobody knows."""

from __future__ import annotations

from gateway.domain.rules_codec import ADOPTED, APPROVED, DECLARED, PROPOSED, ROLLED_BACK, WITHDRAWN
from gateway.service.judge.calls import heed_tally, judge_interception, judge_summary
from gateway.service.judge.case import About, Kind
from gateway.service.judge.erasures import judge_retention, judge_unconfirmed
from gateway.service.judge.guardians import (
    heed_cause,
    judge_guardian,
    judge_guardians_lapsed,
    judge_news,
    number_in_state,
)
from gateway.service.judge.network import (
    heed_capabilities,
    judge_applied,
    judge_aside,
    judge_capabilities,
    judge_lapsed,
    judge_overdue_switch_off,
    judge_question,
)
from gateway.service.judge.orders import (
    heed_event,
    judge_contest,
    judge_event,
    judge_instruction,
    number_in_event,
    number_in_instruction,
)
from gateway.service.judge.policies import heed_rules, judge_rules
from gateway.service.judge.statements import judge_delivery, judge_look, judge_replay
from gateway.service.operator_keys import OperatorKeys
from gateway.tlog.leaf import LeafType

RULE_KINDS = (ADOPTED, PROPOSED, APPROVED, ROLLED_BACK, DECLARED, WITHDRAWN)

KINDS: dict[str, Kind] = {
    "instruction": Kind(judge_instruction, begins=number_in_instruction, heed=heed_cause, by_number=True),
    "guardian": Kind(judge_guardian, begins=number_in_state, by_number=True),
    "guardian_news": Kind(judge_news, by_number=True),
    "guardians_lapsed": Kind(judge_guardians_lapsed, by_number=True),
    "number_event": Kind(judge_event, begins=number_in_event, heed=heed_event, by_number=True),
    "contest": Kind(judge_contest, by_number=True),
    "applied": Kind(judge_applied, by_number=True),
    "lapsed": Kind(judge_lapsed),
    "aside_dropped": Kind(judge_aside, by_number=True),
    "question_ended": Kind(judge_question, by_number=True),
    "switch_off_overdue": Kind(judge_overdue_switch_off, by_number=True),
    "erasure_unconfirmed": Kind(judge_unconfirmed, by_number=True),
    "retention": Kind(judge_retention, About.NOBODY),
    "interception": Kind(judge_interception, About.EITHER, heed=heed_tally, by_number=True),
    "summary": Kind(judge_summary, heed=heed_tally),
    "delivery": Kind(judge_delivery),
    "look": Kind(judge_look, About.EITHER),
    "replay": Kind(judge_replay, About.NOBODY),
    "capabilities": Kind(judge_capabilities, About.NOBODY, heed=heed_capabilities),
}


def kinds(keys: OperatorKeys) -> dict[str, Kind]:
    """The whole table, for an auditor who has these operators' keys."""
    rules = Kind(judge_rules(keys), About.NOBODY, LeafType.POLICY, heed=heed_rules)
    return KINDS | dict.fromkeys(RULE_KINDS, rules)
