"""Guardianship as a table: who may ask, agree, act and end, and what each side hears of it."""

from dataclasses import dataclass, replace

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.enrolment import Circumstances, decide
from gateway.domain.errors import Reason
from gateway.domain.guardian_notices import Ending
from gateway.domain.guardian_orders import take, yield_question
from gateway.domain.guardians import News, Party, Side, Who, find, lapse_guardians, learn, part_with
from gateway.domain.instruction import (
    ActForWard,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    ChooseTreatment,
    Confirm,
    Disposition,
    EditList,
    EndGuardian,
    Evidence,
    Open,
    Proof,
    Query,
    SetRefusedCategories,
    Verdict,
)
from gateway.domain.policy import GuardianRules
from gateway.domain.preferences import Medium, Preferences, Treatment
from gateway.domain.subscription import EnrolmentState, Leg, ServiceBasis, Subscriber
from gateway.domain.ties import Daily, Guardian, GuardianScope, GuardianState, Ties, Ward
from optout.kit.number import parse_number
from tests.domain.samples import FRIEND, NOON_MS, NUISANCE, OWN, PROOFS, default_policy, policy_with

DAY_MS = 86_400_000
MOTHER = parse_number("13300133000")
SON = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX)
WARD = Subscriber(MOTHER, 1, "telecom", ServiceBasis.PREFIX)
OPEN_LEG = Leg(EnrolmentState.OPEN, Preferences(refused_categories=("loan",)), open_ms=NOON_MS, change_ms=NOON_MS)
SETTINGS, PRESETS = GuardianScope.SETTINGS, GuardianScope.PRESETS
ELDER = ActForWard(MOTHER, ApplyPreset("elder"))
ASK = AskGuardian(MOTHER, PRESETS)
ONE_TAP = Evidence(proofs=(Proof.ONE_TAP_LOGIN,))


def do(action, sender, other=None, *, channel=Channel.SMS, now_ms=NOON_MS, evidence=None, policy=None, caps=None):
    circumstances = Circumstances(
        sender.number, channel, evidence or PROOFS[channel], policy or default_policy(), sender.carrier, now_ms
    )
    found, side = None, None
    if other is not None:
        who = Who(sender.number, sender.epoch)
        found, side = find(action, who, Party(other, caps), circumstances, Medium.VOICE)
    step = take(action, Party(sender), found, circumstances, Medium.VOICE)
    assert step is not None
    return Outcome(step.verdict, step.own, side if step.reaches else None, step.news)


@dataclass
class Outcome:
    """What became of both parties; ``other`` is None where the second was not touched."""

    verdict: Verdict
    own: Side
    other: Side | None
    news: tuple[News, ...]


def refused(step: Outcome) -> Reason | None:
    assert step.other is None
    assert step.verdict.disposition is Disposition.REFUSED
    return step.verdict.reason


def asked(son=SON, ward=WARD, action=ASK, **fields):
    """Son and ward after a question."""
    step = do(action, son, ward, **fields)
    assert step.other is not None
    return step.own.after, step.other.after


def agreed(son=SON, ward=WARD, action=ASK):
    """Son and ward after the ward agreed and the son heard of it."""
    son, ward = asked(son, ward, action)
    step = do(Confirm(), ward)
    (news,) = step.news
    return learn(son, news).after, step.own.after


def test_question_when_put_then_both_sides_hear_and_nothing_may_be_done_yet():
    step = do(ASK, SON, WARD)
    assert step.verdict.disposition is Disposition.NEEDS_CONFIRMATION
    assert step.verdict.confirm_by_ms == NOON_MS + DAY_MS
    assert [notice.template for notice in step.own.notices] == ["ward_asked"]
    (question,) = step.other.notices
    assert (question.template, question.expire_ms) == ("guardian_asked", NOON_MS + DAY_MS)
    assert question.parameters["guardian"] == OWN
    assert question.parameters["opens"] == "yes"
    assert step.other.due_ms == NOON_MS + DAY_MS
    son, ward = step.own.after, step.other.after
    assert (son.version, ward.version) == (0, 0)
    assert ward.voice == WARD.voice
    assert refused(do(ELDER, son, ward)) is Reason.NOT_GUARDIAN


def test_ward_when_she_agrees_then_her_service_is_on_and_the_guardian_is_told_by_news():
    son, ward = asked()
    step = do(Confirm(), ward)
    assert step.verdict.disposition is Disposition.DONE
    assert step.own.after.voice.state is EnrolmentState.OPEN
    assert step.own.after.voice.preferences == Preferences()
    assert [notice.template for notice in step.own.notices] == ["guardian_agreed"]
    (news,) = step.news
    heard = learn(son, news)
    assert heard.after.ties.wards == (Ward(MOTHER, NOON_MS + 365 * DAY_MS),)
    assert [notice.template for notice in heard.notices] == ["ward_agreed"]


def test_ward_when_her_service_is_on_then_agreeing_changes_none_of_her_wishes():
    _, ward = agreed(ward=replace(WARD, voice=OPEN_LEG))
    assert ward.voice == OPEN_LEG
    assert ward.version == 0


def test_ward_when_she_closed_after_a_question_that_did_not_say_so_then_agreeing_opens_nothing():
    _, ward = asked(ward=replace(WARD, voice=OPEN_LEG))
    ward = replace(ward, voice=Leg())
    step = do(Confirm(), ward)
    assert step.own.after.voice == Leg()
    assert step.own.notices[0].parameters["opens"] == ""


@pytest.mark.parametrize(
    ("change", "scope", "reason"),
    [
        (ApplyPreset("elder"), PRESETS, None),
        (ApplyPreset("elder"), SETTINGS, None),
        (ApplyPreset("teen"), PRESETS, Reason.UNKNOWN_PRESET),
        (SetRefusedCategories(refuse=("insurance",)), SETTINGS, None),
        (SetRefusedCategories(refuse=("insurance",)), PRESETS, Reason.NOT_GUARDIAN),
        (SetRefusedCategories(refuse=("astrology",)), SETTINGS, Reason.UNKNOWN_CATEGORY),
        (EditList(allow=False, add=(NUISANCE,)), SETTINGS, None),
        (EditList(allow=True, add=(FRIEND,)), PRESETS, Reason.NOT_GUARDIAN),
        (ChooseTreatment(Treatment.ASSISTANT), SETTINGS, None),
        (ChooseTreatment(Treatment.ASSISTANT), PRESETS, Reason.NOT_GUARDIAN),
    ],
    ids=str,
)
def test_guardian_when_acting_then_the_scope_decides(change, scope, reason):
    son, ward = agreed(action=AskGuardian(MOTHER, scope))
    step = do(ActForWard(MOTHER, change), son, ward)
    if reason is not None:
        assert refused(step) is reason
        return
    assert step.verdict == replace(step.verdict, disposition=Disposition.DONE, items=())
    assert step.other.after.voice.preferences != ward.voice.preferences
    assert step.other.after.version == ward.version + 1
    assert [notice.template for notice in step.other.notices] == ["guardian_changed"]


def test_preset_when_applied_then_it_adds_to_what_she_had_and_she_is_told_item_by_item():
    mine = Preferences(("real_estate",), reject_list=(NUISANCE,))
    son, ward = agreed(ward=replace(WARD, voice=replace(OPEN_LEG, preferences=mine)))
    step = do(ELDER, son, ward)
    wishes = step.other.after.voice.preferences
    assert wishes.refused_categories == ("education", "insurance", "loan", "real_estate", "securities")
    assert (wishes.reject_list, wishes.stranger_policy.value) == ((NUISANCE,), "assistant")
    told = step.other.notices[0].parameters
    assert "category:loan" in told["done"]
    assert (told["guardian"], told["preset"]) == (OWN, "elder")


def test_guardian_when_something_was_so_already_then_hears_the_same_and_nobody_else_hears_anything():
    son, ward = agreed(ward=replace(WARD, voice=OPEN_LEG), action=AskGuardian(MOTHER, SETTINGS))
    already = do(ActForWard(MOTHER, SetRefusedCategories(refuse=("loan",))), son, ward)
    news = do(ActForWard(MOTHER, SetRefusedCategories(refuse=("insurance",))), son, ward)
    assert already.verdict == news.verdict
    assert already.own.notices == news.own.notices
    assert already.other is None


def test_guardian_when_part_is_refused_then_hears_of_that_part_alone():
    son, ward = agreed(ward=replace(WARD, voice=OPEN_LEG), action=AskGuardian(MOTHER, SETTINGS))
    step = do(ActForWard(MOTHER, SetRefusedCategories(refuse=("insurance", "astrology"))), son, ward)
    assert step.verdict.disposition is Disposition.DONE
    assert [item.item.value for item in step.verdict.items] == ["astrology"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [(EnrolmentState.CLOSED, Reason.NOT_OPEN), (EnrolmentState.RESTRICTED, Reason.NOT_GUARDIAN)],
)
def test_guardian_when_the_ward_is_not_open_then_opens_nothing(state, reason):
    son, ward = agreed()
    assert refused(do(ELDER, son, replace(ward, voice=Leg(state)))) is reason


def test_guardian_when_the_time_is_over_then_may_do_nothing_even_before_anybody_noticed():
    son, ward = agreed(action=AskGuardian(MOTHER, PRESETS, NOON_MS + 9 * DAY_MS))
    assert do(ELDER, son, ward, now_ms=NOON_MS + 9 * DAY_MS - 1).other is not None
    assert refused(do(ELDER, son, ward, now_ms=NOON_MS + 9 * DAY_MS)) is Reason.NOT_GUARDIAN
    side, (news,) = lapse_guardians(ward, NOON_MS + 9 * DAY_MS)
    assert side.after.ties.guardians == ()
    assert (news.cause, news.left_ms) == (Ending.EXPIRED, 0)
    assert [notice.parameters["cause"] for notice in side.notices] == ["expired"]
    assert learn(son, news).after.ties.wards == ()


def test_number_when_it_has_another_holder_then_neither_is_tied():
    son, ward = agreed()
    assert refused(do(ELDER, replace(son, epoch=2), ward)) is Reason.NOT_GUARDIAN
    assert refused(do(ELDER, son, replace(WARD, epoch=2, voice=OPEN_LEG))) is Reason.NOT_GUARDIAN
    (to_ward,) = part_with(son)
    left = learn(ward, to_ward)
    assert left.after.ties.guardians == ()
    assert [notice.parameters["cause"] for notice in left.notices] == ["gone"]
    (to_guardian,) = part_with(ward)
    assert learn(son, to_guardian).after.ties.wards == ()


# ------------------------------------------------------------------------------------------------ one word


@pytest.mark.parametrize("party", [None, OWN], ids=["all", "named"])
@pytest.mark.parametrize("channel", Channel)
def test_ward_when_she_revokes_then_it_is_over_at_once_on_every_channel(party, channel):
    son, ward = agreed()
    evidence = ONE_TAP if channel is Channel.APP else None
    step = do(EndGuardian(party), ward, SON if party else None, channel=channel, evidence=evidence)
    assert step.verdict.disposition is Disposition.DONE
    assert refused(do(ELDER, son, step.own.after)) is Reason.NOT_GUARDIAN
    assert [notice.parameters for notice in step.own.notices] == [{"guardian": OWN, "cause": "revoked"}]
    (news,) = step.news
    assert learn(son, news).after.ties.wards == ()


def test_ward_when_she_revokes_a_question_then_it_can_be_answered_no_more():
    _, ward = asked()
    step = do(EndGuardian(), ward)
    assert step.own.after.ties.question(NOON_MS) is None
    assert take(Confirm(), Party(step.own.after), None, _around(step.own.after), Medium.VOICE) is None


def _around(sender):
    return Circumstances(sender.number, Channel.SMS, PROOFS[Channel.SMS], default_policy(), sender.carrier, NOON_MS)


def test_guardian_when_resigning_then_the_ward_is_told():
    son, ward = agreed()
    step = do(EndGuardian(MOTHER), son, ward)
    assert (step.own.after.ties.wards, step.other.after.ties.guardians) == ((), ())
    assert [notice.parameters["cause"] for notice in step.other.notices] == ["resigned"]


@pytest.mark.parametrize("party", [None, OWN], ids=["all", "named"])
def test_ending_when_there_is_nothing_then_it_was_so_already(party):
    step = do(EndGuardian(party), WARD, SON if party else None)
    assert step.verdict.disposition is Disposition.ALREADY_SO
    assert step.own.after is WARD


def test_stranger_when_ending_somebody_elses_then_nothing_ends():
    _, ward = agreed()
    stranger = Subscriber(FRIEND, 1, "unicom", ServiceBasis.PREFIX)
    step = do(EndGuardian(MOTHER), stranger, ward)
    assert (step.verdict.disposition, step.other) == (Disposition.ALREADY_SO, None)


@pytest.mark.parametrize("action", [ASK, ELDER])
def test_one_tap_login_when_alone_then_neither_asks_nor_acts(action):
    son, ward = agreed()
    assert refused(do(action, son, ward, channel=Channel.APP, evidence=ONE_TAP)) is Reason.PROOF_REQUIRED


def test_one_tap_login_when_alone_then_does_not_agree():
    _, ward = asked()
    assert refused(do(Confirm(), ward, channel=Channel.APP, evidence=ONE_TAP)) is Reason.PROOF_REQUIRED


# ------------------------------------------------------------------------------------------------ who may be asked

PENDING = decide(Leg(), Open(), Circumstances(
    OWN, Channel.SMS, PROOFS[Channel.SMS], default_policy(), "mobile", NOON_MS
))[0]  # fmt: skip
NOT_ASKABLE = {
    "an opening waits": replace(WARD, voice=PENDING),
    "restricted": replace(WARD, voice=Leg(EnrolmentState.RESTRICTED)),
    "closed number": replace(WARD, life=replace(WARD.life, frozen_until_ms=NOON_MS + 1)),
    "served by nobody": replace(WARD, carrier=""),
    "a carrier outside": replace(WARD, carrier="elsewhere"),
    "another question waits": asked(replace(SON, number=FRIEND))[1],
    "asked often today": replace(WARD, ties=Ties(asked=Daily((NOON_MS + 8 * 3_600_000) // DAY_MS, 3))),
    "two guardians": replace(
        WARD,
        ties=Ties(
            tuple(Guardian(number, 1, PRESETS, GuardianState.ACTIVE, NOON_MS + DAY_MS) for number in (FRIEND, NUISANCE))
        ),
    ),
}


@pytest.mark.parametrize("name", NOT_ASKABLE)
def test_ward_when_she_cannot_be_asked_then_the_reason_is_the_same_whatever_it_is(name):
    step = do(ASK, SON, NOT_ASKABLE[name])
    assert refused(step) is Reason.WARD_NOT_ASKABLE
    assert step.own.after is SON


def test_ward_when_her_carrier_cannot_put_the_question_then_is_not_asked():
    able = Capabilities("telecom", "1", Enforcement.GATEWAY, templates=frozenset({"guardian_asked"}))
    assert do(ASK, SON, WARD, caps=able).other is not None
    assert refused(do(ASK, SON, WARD, caps=replace(able, templates=frozenset()))) is Reason.WARD_NOT_ASKABLE


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (AskGuardian(OWN, PRESETS), Reason.WARD_NOT_ASKABLE),
        (AskGuardian(MOTHER, PRESETS, NOON_MS), Reason.INVALID_FIELD),
        (AskGuardian(MOTHER, PRESETS, NOON_MS + 366 * DAY_MS), Reason.INVALID_FIELD),
    ],
    ids=["oneself", "until now", "over a year"],
)
def test_question_when_it_cannot_be_meant_then_it_is_refused(action, reason):
    assert refused(do(action, SON, WARD if action.ward == MOTHER else SON)) is reason


def test_asker_when_over_a_limit_then_is_refused():
    strict = policy_with(guardians=GuardianRules(wards_per_guardian=1, asks_per_day=2))
    son, ward = asked(policy=strict)
    other = replace(WARD, number=FRIEND)
    assert refused(do(AskGuardian(FRIEND, PRESETS), son, other, policy=strict)) is Reason.GUARDIAN_LIMIT
    ward = do(EndGuardian(), ward).own.after
    son, ward = asked(son, ward, policy=strict)
    ward = do(EndGuardian(), ward).own.after
    assert refused(do(ASK, son, ward, policy=strict)) is Reason.GUARDIAN_LIMIT
    assert do(ASK, son, ward, policy=strict, now_ms=NOON_MS + DAY_MS).other is not None


# ------------------------------------------------------------------------------------------------ one question


@pytest.mark.parametrize(
    ("ward", "action", "channel"),
    [(WARD, Open(), Channel.SMS), (replace(WARD, voice=OPEN_LEG), Cancel(), Channel.APP)],
    ids=["an opening", "a closing"],
)
def test_question_when_she_asks_something_herself_then_it_yields_and_her_word_means_hers(ward, action, channel):
    _, ward = asked(ward=ward)
    evidence = ONE_TAP if channel is Channel.APP else PROOFS[channel]
    around = Circumstances(MOTHER, channel, evidence, default_policy(), "telecom", NOON_MS)
    leg, verdict = decide(ward.voice, action, around)
    if verdict.disposition is not Disposition.NEEDS_CONFIRMATION:
        around = replace(around, policy=_confirming(channel))
        leg, verdict = decide(ward.voice, action, around)
    after, (news,) = yield_question(ward, ward.with_leg(Medium.VOICE, leg), NOON_MS)
    assert verdict.disposition is Disposition.NEEDS_CONFIRMATION
    assert after.ties.question(NOON_MS) is None
    assert news.cause is Ending.UNANSWERED
    assert take(Confirm(), Party(after), None, _around(after), Medium.VOICE) is None


def _confirming(channel):
    carriers = tuple(replace(one, confirm_open=frozenset({channel})) for one in default_policy().carriers)
    return policy_with(carriers=carriers)


def test_question_when_she_does_something_that_needs_no_word_then_it_stands():
    _, ward = asked()
    after = ward.with_leg(Medium.VOICE, OPEN_LEG)
    assert yield_question(ward, after, NOON_MS) == (after, ())


def test_question_when_too_late_then_her_word_is_none_to_it():
    _, ward = asked()
    around = replace(_around(ward), now_ms=NOON_MS + DAY_MS)
    assert take(Confirm(), Party(ward), None, around, Medium.VOICE) is None
    side, (news,) = lapse_guardians(ward, NOON_MS + DAY_MS)
    assert (side.notices, news.cause) == ((), Ending.UNANSWERED)


def test_wider_scope_when_asked_for_then_the_old_one_holds_until_she_agrees():
    son, ward = agreed()
    son, ward = asked(son, ward, AskGuardian(MOTHER, SETTINGS))
    wider = ActForWard(MOTHER, SetRefusedCategories(refuse=("loan",)))
    assert refused(do(wider, son, ward)) is Reason.NOT_GUARDIAN
    assert do(ELDER, son, ward).other is not None
    _, (news,) = lapse_guardians(ward, NOON_MS + DAY_MS)
    assert learn(son, news).after.ties.wards[0].expire_ms > NOON_MS + 300 * DAY_MS
    ward = do(Confirm(), ward).own.after
    assert len(ward.ties.guardians) == 1
    assert do(wider, son, ward).other is not None


def test_other_instructions_when_taken_then_they_are_none_of_guardians():
    assert take(Query(), Party(SON), None, _around(SON), Medium.VOICE) is None
    assert take(Confirm(), Party(SON), None, _around(SON), Medium.VOICE) is None


def test_ties_when_written_then_they_read_back_and_an_old_state_reads_unchanged():
    for holder in (*asked(), *agreed()):
        assert read_subscriber(write_subscriber(holder)) == holder
    assert "ties" not in write_subscriber(SON)


@pytest.mark.parametrize(
    ("word", "agrees"),
    [(Confirm(), True), (Confirm(guardian=True), True), (Confirm(opens=True), False), (Confirm(opens=False), False)],
    ids=["unnamed", "a guardian's", "an opening", "a closing"],
)
def test_word_when_it_names_its_question_then_it_agrees_to_no_other(word, agrees):
    _, ward = asked()
    assert (take(word, Party(ward), None, _around(ward), Medium.VOICE) is not None) is agrees


def test_word_when_it_names_a_guardians_question_then_it_opens_nothing():
    around = Circumstances(OWN, Channel.SMS, PROOFS[Channel.SMS], default_policy(), "mobile", NOON_MS)
    leg, verdict = decide(PENDING, Confirm(guardian=True), around)
    assert (leg, verdict.reason) == (PENDING, Reason.NOTHING_PENDING)
