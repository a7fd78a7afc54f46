"""The order model, whatever its envelope, and what a CRM is told."""

from dataclasses import replace

import pytest
from hypothesis import given

from adapters.wire.answer import RETRY_OF, Answer, Result, Retry, find_result
from adapters.wire.dialect import OPR_CODES
from adapters.wire.errors import WireError
from adapters.wire.interboss import RSP_CODES, InterbossError, RspType, make_response
from adapters.wire.order import Days, Interception, Order, Strangers, Treatment, Verb, Window, check_order, parse_window
from optout.v1 import errors_pb2, types_pb2
from tests.wire.order_samples import ANSWER, NUMBER, ORDER, orders

OPEN = replace(ORDER, verb=Verb.OPEN, refuse=())


@given(orders())
def test_check_when_order_fits_its_verb_then_passes(order: Order) -> None:
    assert check_order(order, InterbossError) is order


@pytest.mark.parametrize(
    ("order", "reason", "field"),
    [
        (replace(OPEN, refuse=("loan",)), "field_of_another_verb", "refuse"),
        (replace(OPEN, add=(NUMBER,)), "field_of_another_verb", "add"),
        (replace(OPEN, at_night=True), "field_of_another_verb", "at_night"),
        (replace(ORDER, treatment=Treatment.REJECT), "field_of_another_verb", "treatment"),
        (replace(ORDER, strangers=Strangers.ALLOW), "field_of_another_verb", "strangers"),
        (replace(ORDER, interception=Interception.NONE), "field_of_another_verb", "interception"),
        (replace(ORDER, quiet_hours=(Window(Days.WEEKDAY, 0, 1),)), "field_of_another_verb", "quiet_hours"),
        (replace(ORDER, segments=("400",)), "field_of_another_verb", "segments"),
        (replace(ORDER, refuse=()), "nothing_asked", "set_categories"),
        (replace(OPEN, verb=Verb.CHOOSE_NOTICES, at_night=True), "nothing_asked", "choose_notices"),
        (replace(ORDER, accept=("loan",)), "contradiction", "set_categories"),
        (replace(OPEN, verb=Verb.EDIT_REJECT_LIST, add=("1",), remove=("1",)), "contradiction", "edit_reject_list"),
    ],
)
def test_check_when_order_does_not_fit_its_verb_then_names_why(order: Order, reason: str, field: str) -> None:
    with pytest.raises(InterbossError) as refused:
        check_order(order, InterbossError)
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_verbs_when_listed_then_each_has_its_own_code() -> None:
    assert sorted(OPR_CODES.values()) == sorted(Verb)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("every_day 22:00-08:00", Window(Days.EVERY_DAY, 1320, 480)),
        ("weekend 00:00-23:59", Window(Days.WEEKEND, 0, 1439)),
    ],
)
def test_window_when_written_then_reads_back(text: str, window: Window) -> None:
    assert parse_window(text) == window
    assert str(window) == text


@pytest.mark.parametrize("text", ["", "every_day", "every_day 24:00-08:00", "monday 22:00-08:00", "weekday 9:00-10:00"])
def test_window_when_text_is_none_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        parse_window(text)
    assert not isinstance(refused.value, WireError)


def test_results_when_listed_then_each_has_a_code_and_says_whether_to_retry() -> None:
    assert sorted(RSP_CODES.values()) == sorted(Result)
    assert sorted(RETRY_OF) == sorted(Result)


@pytest.mark.parametrize("result", Result)
def test_response_when_made_then_only_system_failures_ask_for_the_same_again(result: Result) -> None:
    response = make_response(result, "说明")
    assert (response.rsp_type is RspType.SYSTEM) == (RETRY_OF[result] is Retry.LATER)
    succeeded = {Result.DONE, Result.ALREADY_SO, Result.NEEDS_CONFIRMATION}
    assert (response.rsp_type is RspType.SUCCESS) == (result in succeeded)


@pytest.mark.parametrize(
    ("disposition", "reason", "result", "retry"),
    [
        ("DONE", "", Result.DONE, Retry.NEVER),
        ("ALREADY_SO", "", Result.ALREADY_SO, Retry.NEVER),
        ("NEEDS_CONFIRMATION", "", Result.NEEDS_CONFIRMATION, Retry.NEVER),
        ("REFUSED", "NOT_SERVED", Result.NOT_SERVED, Retry.NEVER),
        ("REFUSED", "CONFIRMATION_EXPIRED", Result.NOT_CONFIRMED, Retry.AFTER_CHANGE),
        ("REFUSED", "LIST_FULL", Result.CAP_REACHED, Retry.AFTER_CHANGE),
        ("REFUSED", "NUMBER_FROZEN", Result.NUMBER_FROZEN, Retry.NEVER),
        ("REFUSED", "MANDATE_REQUIRED", Result.NO_MANDATE, Retry.AFTER_CHANGE),
        ("REFUSED", "UNKNOWN_CATEGORY", Result.MALFORMED, Retry.AFTER_CHANGE),
        ("", "ID_REUSED", Result.SERIAL_REUSED, Retry.AFTER_CHANGE),
        ("", "COMMIT_UNKNOWN", Result.UNAVAILABLE, Retry.LATER),
        ("", "", Result.UNAVAILABLE, Retry.LATER),
    ],
)
def test_result_when_outcome_is_given_then_says_what_and_whether_to_retry(
    disposition: str, reason: str, result: Result, retry: Retry
) -> None:
    assert find_result(disposition, reason) is result
    assert Answer(result=result).retry is retry


# Our own side's trouble, and what no order can be refused for.
COMES_AGAIN = {
    "CASE_REQUIRED",
    "ERASED",
    "LOG_READ_ONLY",
    "NOT_PUBLISHED",
    "UNSPECIFIED",
    "WRONG_CARRIER",
    "ROLE_NOT_ALLOWED",
    "UNKNOWN_PARTY",
    "CERTIFICATE_DENIED",
    "INVALID_PAGE_TOKEN",
    "REVISION_OUT_OF_RANGE",
    "LINE_CONFLICT",
    "SECOND_SIGNER_REQUIRED",
    "INVALID_POLICY",
    "OVERLOADED",
    "DRAINING",
    "STORE_UNAVAILABLE",
    "COMMIT_UNKNOWN",
    "INTERNAL",
    "LINK_DOWN",
    "UNKNOWN_TEMPLATE",
}


def test_reasons_when_the_contract_names_them_then_each_has_a_result() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118
    later = {name for name in names if find_result("REFUSED", name) is Result.UNAVAILABLE}
    assert later == COMES_AGAIN


def test_dispositions_when_the_contract_names_them_then_success_is_success() -> None:
    names = {name.removeprefix("DISPOSITION_") for name in types_pb2.Disposition.keys()}  # noqa: SIM118
    assert names == {"UNSPECIFIED", "DONE", "ALREADY_SO", "NEEDS_CONFIRMATION", "REFUSED"}


def test_order_when_shown_then_keeps_numbers_out() -> None:
    assert NUMBER not in f"{ORDER!r} {ANSWER!r}"
