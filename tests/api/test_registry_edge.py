"""RegistryService and ScreeningService over real connections: the story, streams, and what is refused."""

import asyncio
import logging

import grpc
import pytest

from gateway.api.errors import describe_error
from gateway.domain.instruction import Cancel, Channel, Confirm, EditList, Open, Query, SetRefusedCategories
from gateway.domain.preferences import Preferences
from gateway.store.base import CommitUnknownError, OverloadedError, StoreClosedError, StoreUnavailableError
from optout.kit.number import parse_number
from optout.kit.redact import find_numbers
from optout.v1 import errors_pb2, screening_pb2, types_pb2
from optout.v1 import registry_pb2 as pb
from tests.api.edge import info_of, open_edge
from tests.api.wire import delivery, write_instruction
from tests.domain.samples import FRIEND, LOAN_LINE, NUISANCE, OWN
from tests.service.house import INSTITUTE, MOBILE, SCREENER, TELECOM


def submit(edge, action, **fields):
    return pb.SubmitRequest(instruction=write_instruction(edge.house.instruction(action, **fields)))


def stream(edge, action, **fields):
    return pb.SubmitStreamRequest(instruction=write_instruction(edge.house.instruction(action, **fields)))


def ask(caller, **fields):
    given = {"called": OWN, "caller": caller, "ingress": 1, "caller_trust": 1, **fields}
    return screening_pb2.ScreenRequest(**given)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_story_when_told_over_the_wire_then_calls_are_refused_as_wished(pki):
    async with open_edge(pki) as edge:
        registry, screener = await edge.registry(MOBILE), await edge.screener()
        asked = (await registry.Submit(submit(edge, Open(Preferences(refused_categories=("insurance",)))))).outcome
        assert asked.disposition == types_pb2.DISPOSITION_NEEDS_CONFIRMATION
        assert asked.subscription.state == types_pb2.ENROLMENT_STATE_PENDING_OPEN
        assert asked.confirm_by == asked.subscription.pending.expire_time
        await registry.Submit(submit(edge, Confirm()))
        await registry.Submit(submit(edge, SetRefusedCategories(refuse=("loan",))))
        final = (await registry.Submit(submit(edge, EditList(allow=False, add=(NUISANCE,))))).outcome
        assert (final.revision, final.subscription.version) == (4, 4)
        await edge.catch_up()
        answers = [await screener.Screen(ask(caller)) for caller in (LOAN_LINE, NUISANCE, FRIEND)]
        assert [answer.verdict for answer in answers] == [
            screening_pb2.VERDICT_REFUSE,
            screening_pb2.VERDICT_REFUSE,
            screening_pb2.VERDICT_ALLOW,
        ]
        assert [answer.rule for answer in answers[:2]] == [
            screening_pb2.DECIDING_RULE_CATEGORY,
            screening_pb2.DECIDING_RULE_PERSONAL_REJECT,
        ]
        assert {answer.revision for answer in answers} == {4}
        unknown = await screener.Screen(ask(NUISANCE, called=FRIEND, call_id="c-1"))
        assert (unknown.verdict, unknown.call_id) == (screening_pb2.VERDICT_NOT_REGISTERED, "c-1")


async def test_submission_when_repeated_then_the_first_answer_comes_again(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        request = submit(edge, Open(), channel=Channel.HOTLINE)
        first, second = [(await registry.Submit(request)).outcome for _ in range(2)]
        assert (first.replayed, second.replayed, first.revision, second.revision) == (False, True, 1, 1)
        request.instruction.cancel.SetInParent()
        error = await failure_of(registry.Submit(request))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.ALREADY_EXISTS, "ID_REUSED")


async def test_submission_when_a_field_is_malformed_then_the_error_names_it(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        request = submit(edge, Open())
        request.instruction.evidence.original_digest = b"x" * 31
        error = await failure_of(registry.Submit(request))
        info = info_of(error)
        assert (error.code(), info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
        assert info.metadata["field"] == "instruction.evidence.original_digest"
        assert info_of(await failure_of(registry.Submit(pb.SubmitRequest()))).metadata["field"] == "instruction"


async def test_backlog_when_one_is_bad_then_the_others_are_done_in_order(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        requests = [
            stream(edge, Open(), id="1"),
            stream(edge, Confirm(), id="2"),
            stream(edge, Open(), id="3", number="nonsense"),
            stream(edge, Open(), id="4", carrier="telecom"),
            stream(edge, Cancel(), id="5"),
            stream(edge, Query(), id="6", number=FRIEND),
        ]
        answers = [answer async for answer in registry.SubmitStream(iter(requests))]
        assert [answer.instruction_id for answer in answers] == ["1", "2", "3", "4", "5", "6"]
        assert [answer.refusal.reason for answer in answers[2:4]] == [
            errors_pb2.ERROR_REASON_INVALID_NUMBER,
            errors_pb2.ERROR_REASON_WRONG_CARRIER,
        ]
        assert not answers[2].refusal.retryable
        states = [answers[place].outcome.subscription.state for place in (0, 1, 4)]
        assert states == [
            types_pb2.ENROLMENT_STATE_PENDING_OPEN,
            types_pb2.ENROLMENT_STATE_OPEN,
            types_pb2.ENROLMENT_STATE_CLOSED,
        ]
        assert 'reason="INVALID_NUMBER"' in edge.telemetry.write().decode()


async def test_backlog_when_it_is_long_then_every_answer_comes_in_order(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        numbers = [parse_number(f"139{tail:08}") for tail in range(150)]
        requests = [stream(edge, Open(), number=number, channel=Channel.HOTLINE) for number in numbers]
        answers = [answer async for answer in registry.SubmitStream(iter(requests))]
        assert [answer.outcome.subscription.number for answer in answers] == numbers
        assert (await edge.house.store.head()).size == 150
        page = await registry.ListSubscriptions(pb.ListSubscriptionsRequest(page_size=140))
        rest = await registry.ListSubscriptions(
            pb.ListSubscriptionsRequest(page_size=140, page_token=page.next_page_token)
        )
        assert {row.number for row in (*page.subscriptions, *rest.subscriptions)} == set(numbers)
        assert (len(page.subscriptions), rest.next_page_token) == (140, "")


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (pb.ListSubscriptionsRequest(page_size=1001), "INVALID_FIELD", "page_size"),
        (pb.ListSubscriptionsRequest(page_token="z"), "INVALID_PAGE_TOKEN", "page_token"),
        (pb.ListSubscriptionsRequest(page_token="0" * 513), "INVALID_PAGE_TOKEN", "page_token"),
        (pb.ListSubscriptionsRequest(state=77), "INVALID_FIELD", "state"),
        (pb.ListSubscriptionsRequest(carrier="c" * 64), "INVALID_FIELD", "carrier"),
        (pb.GetSubscriptionRequest(number="nonsense", medium=1), "INVALID_NUMBER", "number"),
        (pb.GetSubscriptionRequest(number="10086", medium=1), "NOT_A_SUBSCRIBER", "number"),
        (pb.GetSubscriptionRequest(number=OWN), "INVALID_MEDIUM", "medium"),
        (pb.GetSubscriptionRequest(number=OWN, medium=1), "NOT_FOUND", ""),
        (pb.WatchRequest(after_revision=5), "REVISION_OUT_OF_RANGE", "after_revision"),
    ],
)
async def test_reading_when_the_question_is_malformed_then_its_reason_comes(pki, request_, reason, field):
    async with open_edge(pki) as edge:
        registry = await edge.registry(INSTITUTE)
        calls = {
            pb.ListSubscriptionsRequest: registry.ListSubscriptions,
            pb.GetSubscriptionRequest: registry.GetSubscription,
            pb.WatchRequest: lambda request: registry.Watch(request).read(),
        }
        info = info_of(await failure_of(calls[type(request_)](request_)))
        assert (info.reason, info.metadata.get("field", "")) == (reason, field)


async def test_watch_when_carriers_follow_then_each_sees_its_own_and_no_gap(pki):
    async with open_edge(pki) as edge:
        mobile, telecom = await edge.registry(MOBILE), await edge.registry(TELECOM)
        watched = telecom.Watch(pb.WatchRequest())
        await mobile.Submit(submit(edge, Open(), channel=Channel.HOTLINE))
        await telecom.Submit(submit(edge, Open(), channel=Channel.HOTLINE, number=FRIEND, carrier="telecom"))
        seen, after = [], 0
        while after < 2:
            message = await watched.read()
            assert message.after_revision == after
            after = message.revision
            seen += [row.number for row in message.subscriptions]
        assert seen == [FRIEND]
        watched.cancel()


async def test_delivery_reports_when_streamed_then_each_is_answered_in_order(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge, Open(), channel=Channel.HOTLINE))
        (notice,) = await edge.house.notices()
        reports = [
            delivery("n-nobody", report_id="1"),
            delivery(notice.id, report_id="2"),
            delivery(notice.id, report_id="2"),
            delivery(notice.id, report_id="3", state=0),
        ]
        answers = [answer async for answer in registry.ReportDelivery(iter(reports))]
        assert [answer.report_id for answer in answers] == ["1", "2", "2", "3"]
        assert [answer.revision for answer in answers] == [0, 2, 2, 0]
        assert [answer.refusal.reason for answer in answers] == [
            errors_pb2.ERROR_REASON_NOT_FOUND,
            0,
            0,
            errors_pb2.ERROR_REASON_INVALID_FIELD,
        ]


@pytest.mark.parametrize(
    "error", [OverloadedError(), StoreUnavailableError(), CommitUnknownError(), StoreClosedError(), RuntimeError(OWN)]
)
async def test_submission_when_the_store_fails_then_the_caller_learns_how(pki, error, monkeypatch, caplog):
    expected = describe_error(error)
    async with open_edge(pki) as edge:

        async def fail(unit):
            raise error

        monkeypatch.setattr(edge.house.store, "commit", fail)
        registry = await edge.registry(MOBILE)
        failure = await failure_of(registry.Submit(submit(edge, Open())))
        info = info_of(failure)
        assert (failure.code(), info.reason) == (expected.rule.code, expected.reason.value)
        assert info.metadata["retry"] == "later"
        assert not find_numbers(f"{failure.details()} {info}")
        (answer,) = [found async for found in registry.SubmitStream(iter([stream(edge, Open())]))]
        assert answer.refusal.retryable
        assert answer.refusal.reason == errors_pb2.ErrorReason.Value(f"ERROR_REASON_{expected.reason.value}")
        assert not find_numbers(answer.refusal.message)
        if isinstance(error, RuntimeError):
            assert "call failed" in caplog.text
            assert "message of a stream failed" in caplog.text


async def test_screening_when_a_carrier_asks_about_anothers_subscriber_then_it_is_denied(pki):
    async with open_edge(pki) as edge:
        await (await edge.registry(MOBILE)).Submit(submit(edge, Open(), channel=Channel.HOTLINE))
        await edge.catch_up()
        error = await failure_of((await edge.screener(TELECOM)).Screen(ask(NUISANCE)))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_SERVED")
        error = await failure_of((await edge.screener(SCREENER)).Screen(ask(NUISANCE, called="nonsense")))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_NUMBER")


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What a record says. The moments that `logging` adds are fractions whose digits can look like anything."""
    moments = {"created", "msecs", "relativeCreated", "thread", "process"}
    return {name: value for name, value in vars(record).items() if name not in moments}


async def test_logs_when_everything_was_called_then_they_hold_no_number(pki, caplog):
    caplog.set_level("DEBUG")
    async with open_edge(pki) as edge:
        registry, screener = await edge.registry(MOBILE), await edge.screener()
        await registry.Submit(submit(edge, Open(), channel=Channel.HOTLINE), metadata=(("x-request-id", OWN[1:]),))
        await registry.Submit(submit(edge, EditList(allow=False, add=(NUISANCE,))))
        bad = submit(edge, Open(), number="138001380001")
        await failure_of(registry.Submit(bad))
        await failure_of(
            (await edge.registry(TELECOM)).GetSubscription(pb.GetSubscriptionRequest(number=OWN, medium=1))
        )
        backlog = [stream(edge, Query()), stream(edge, Open(), number="138001380001")]
        assert len([answer async for answer in registry.SubmitStream(iter(backlog))]) == 2
        await edge.catch_up()
        await screener.Screen(ask(NUISANCE, call_id="c-7"))
        await asyncio.sleep(0)
        metrics = edge.telemetry.write().decode()
    calls = [record for record in caplog.records if record.msg == "call"]
    assert {record.code for record in calls} >= {"OK", "INVALID_ARGUMENT", "PERMISSION_DENIED"}
    ours = [record for record in caplog.records if record.name.startswith(("gateway", "optout"))]
    written = "\n".join(str(fields_of(record)) for record in ours)
    assert "carrier/mobile" in written
    assert not [number for number in find_numbers(written) if number.lstrip("+").startswith(("86", "13"))]
    for number in (OWN, NUISANCE, "138001380001"):
        assert number[-11:] not in written
        assert number[-11:] not in metrics
