"""The one mapping of failures, held against what the contract says of each reason."""

import re
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from gateway.api.errors import RULES, Fault, Retry, describe_error, write_refusal, write_status
from gateway.domain.errors import Reason, RefusedError
from gateway.store import base
from optout.kit.number import NumberError, NumberReason
from optout.v1 import errors_pb2

PROTO = Path(errors_pb2.__file__).with_name("errors.proto").read_text(encoding="utf-8")
VALUE = re.compile(r"((?: *//.*\n)+) *ERROR_REASON_(\w+) = [1-9]\d*;")
CODE = re.compile(r"\b([A-Z_]+)\.\s*$")


def documented():
    return {name: comment for comment, name in VALUE.findall(PROTO)}


def test_reasons_when_compared_with_the_contract_then_the_lists_are_equal():
    wire = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert {reason.value for reason in Reason} == wire == set(documented()) == set(RULES)


@pytest.mark.parametrize("reason", Reason)
def test_status_code_when_compared_with_the_contract_then_it_is_the_one_stated(reason):
    comment = documented()[reason.value]
    stated = CODE.search(comment)
    if stated is None:
        assert re.search(r"Outcome, (item )?refused\.\s*$", comment)
        assert RULES[reason].fault is Fault.SUBSCRIBER
        assert RULES[reason].code is grpc.StatusCode.FAILED_PRECONDITION
    else:
        assert RULES[reason].code is grpc.StatusCode[stated[1]]
        assert RULES[reason].fault is not Fault.SUBSCRIBER


@pytest.mark.parametrize(
    ("error", "reason", "retry"),
    [
        (base.OverloadedError(), Reason.OVERLOADED, Retry.LATER),
        (base.StoreUnavailableError(), Reason.STORE_UNAVAILABLE, Retry.LATER),
        (base.CommitUnknownError(), Reason.COMMIT_UNKNOWN, Retry.LATER),
        (base.StoreClosedError(), Reason.DRAINING, Retry.LATER),
        (base.DecisionError(), Reason.INTERNAL, Retry.LATER),
        (NumberError(NumberReason.NOT_DIGITS), Reason.INVALID_NUMBER, Retry.NEVER),
        (NumberError(NumberReason.NOT_A_SUBSCRIBER), Reason.NOT_A_SUBSCRIBER, Retry.NEVER),
        (KeyError("secret"), Reason.INTERNAL, Retry.LATER),
    ],
)
def test_exception_when_described_then_it_has_its_reason_and_tells_no_more(error, reason, retry):
    failure = describe_error(error)
    assert (failure.reason, failure.rule.retry) == (reason, retry)
    assert "secret" not in failure.message


def test_status_when_written_then_its_details_say_whose_fault_and_whether_to_retry():
    failure = describe_error(RefusedError(Reason.INVALID_FIELD, "too long", field="code"))
    status = write_status(failure, {"request_id": "r1"})
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, status.message) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], "too long")
    assert (info.reason, info.domain) == ("INVALID_FIELD", "optout.v1")
    assert dict(info.metadata) == {"fault": "caller", "retry": "never", "field": "code", "request_id": "r1"}


def test_status_when_overloaded_then_it_hints_how_long_to_wait():
    status = write_status(describe_error(base.OverloadedError()), {})
    hint = RetryInfo()
    assert status.details[1].Unpack(hint)
    assert hint.retry_delay.seconds == 1


def test_refusal_when_written_then_it_names_the_field_and_whether_to_retry():
    refusal = write_refusal(describe_error(RefusedError(Reason.MISSING_FIELD, "absent", field="notice_id")))
    assert (refusal.reason, refusal.retryable) == (errors_pb2.ERROR_REASON_MISSING_FIELD, False)
    assert refusal.message == "absent (notice_id)"
    assert write_refusal(describe_error(base.CommitUnknownError())).retryable
