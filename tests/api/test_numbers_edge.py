"""NumberService and snapshots over real connections."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.fields import write_time
from gateway.api.mapping_numbers import read_event
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Cancel, Channel, Open
from optout.kit.redact import find_numbers
from optout.v1 import errors_pb2, registry_pb2
from optout.v1 import number_pb2 as pb
from tests.api.edge import info_of, open_edge
from tests.api.wire import write_instruction
from tests.domain.samples import NOON_MS, OWN
from tests.service.house import INSTITUTE, MOBILE, OPERATOR, TELECOM

DAY_MS = 86_400_000


def event(event_id, kind, **changes):
    fields = {
        "event_id": event_id,
        "kind": pb.NumberEventKind.Value(f"NUMBER_EVENT_KIND_{kind}"),
        "number": OWN,
        "effective_time": write_time(NOON_MS),
    }
    return pb.ReportNumberEventsRequest(event=pb.NumberEvent(**fields | changes))


async def report(edge, party, *events):
    return [answer async for answer in (await edge.numbers(party)).ReportNumberEvents(iter(events))]


async def submit(edge, action, party=MOBILE, **fields):
    instruction = edge.house.instruction(action, channel=Channel.HOTLINE, carrier=party.party, **fields)
    request = registry_pb2.SubmitRequest(instruction=write_instruction(instruction))
    return (await (await edge.registry(party)).Submit(request)).outcome


async def test_events_when_streamed_then_each_is_answered_in_order_and_bad_ones_do_not_end_the_stream(pki):
    async with open_edge(pki) as edge:
        answers = await report(
            edge,
            TELECOM,
            event("1", "PORTED_IN"),
            pb.ReportNumberEventsRequest(),
            event("2", "PORTED_IN", number="12"),
            event("3", "UNSPECIFIED"),
            event("4", "BASELINE"),
            event("5", "REASSIGNED", effective_time=write_time(NOON_MS + 1)),
            pb.ReportNumberEventsRequest(event=pb.NumberEvent(event_id="6", kind=2, number=OWN)),
            event("1", "PORTED_IN"),
            event("1", "PORTED_OUT"),
        )
        told = [(answer.event_id, errors_pb2.ErrorReason.Name(answer.reason)[13:]) for answer in answers]
        assert told == [
            ("1", "UNSPECIFIED"),
            ("", "MISSING_FIELD"),
            ("2", "INVALID_NUMBER"),
            ("3", "INVALID_FIELD"),
            ("4", "ROLE_NOT_ALLOWED"),
            ("5", "UNSPECIFIED"),
            ("6", "MISSING_FIELD"),
            ("1", "UNSPECIFIED"),
            ("1", "ID_REUSED"),
        ]
        assert [(answer.revision, answer.epoch) for answer in answers if answer.revision] == [(1, 1), (2, 1), (1, 1)]
        (conflict,) = await report(edge, MOBILE, event("7", "CLOSED"))
        assert (conflict.reason, conflict.revision) == (errors_pb2.ERROR_REASON_EVENT_CONFLICT, 3)
        assert conflict.message
        assert edge.telemetry.registry.get_sample_value(
            "optout_number_events_total", {"party": "mobile", "kind": "closed", "reason": "EVENT_CONFLICT"}
        ) == 1  # fmt: skip
        # It came twice, and is one entry.
        ported = {"party": "telecom", "kind": "ported_in", "reason": ""}
        assert edge.telemetry.registry.get_sample_value("optout_number_events_total", ported) == 1


async def test_subscription_when_the_number_moved_and_was_closed_then_its_row_says_so(pki):
    async with open_edge(pki) as edge:
        await submit(edge, Open())
        outcome = await submit(edge, Cancel())
        assert outcome.subscription.undo_until == write_time(NOON_MS + DAY_MS)
        await report(edge, OPERATOR, event("1", "PORTED_IN", counterpart="telecom"))
        watched = (await edge.registry(MOBILE)).Watch(registry_pb2.WatchRequest(after_revision=2))
        (row,) = (await watched.read()).subscriptions
        assert (row.carrier, list(row.not_yet_off)) == ("telecom", ["mobile"])
        assert not row.HasField("undo_until")
        watched.cancel()
        await report(edge, TELECOM, event("2", "CLOSED"))
        snapshot = (await edge.registry(INSTITUTE)).GetSnapshot(registry_pb2.GetSnapshotRequest())
        (part,) = [part async for part in snapshot]
        (row,) = part.subscriptions
        assert (part.revision, row.frozen_until) == (4, write_time(NOON_MS + 90 * DAY_MS))
        earlier = (await edge.registry(TELECOM)).GetSnapshot(registry_pb2.GetSnapshotRequest(revision=3))
        (row,) = [row async for part in earlier for row in part.subscriptions]
        assert (row.revision, row.undo_until) == (3, write_time(NOON_MS + DAY_MS))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (await edge.registry(MOBILE)).GetSnapshot(registry_pb2.GetSnapshotRequest(revision=9)).read()
        assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
        assert info_of(caught.value).reason == "REVISION_OUT_OF_RANGE"


async def test_claim_when_contested_over_the_wire_then_both_carriers_see_it(pki):
    async with open_edge(pki) as edge:
        revision = (await submit(edge, Open(), TELECOM)).revision
        numbers = await edge.numbers(MOBILE)
        (claim,) = (await numbers.ListProvisionalClaims(pb.ListProvisionalClaimsRequest())).claims
        assert (claim.number, claim.claimant, claim.prefix_carrier) == (OWN, "telecom", "mobile")
        assert (claim.revision, claim.claim_time, claim.contested) == (revision, write_time(NOON_MS), False)
        request = pb.ContestClaimRequest(request_id="c1", number=OWN, revision=revision, ground="a mistake")
        answer = await numbers.ContestClaim(request)
        assert (answer.claim.contested, answer.revision) == (True, 2)
        watched = (await edge.registry(TELECOM)).Watch(registry_pb2.WatchRequest())
        (row,) = (await watched.read()).subscriptions
        assert row.contested
        watched.cancel()
        outcome = await submit(edge, Cancel(), TELECOM)
        assert outcome.reason == errors_pb2.ERROR_REASON_CLAIM_CONTESTED


@given(
    st.builds(
        pb.NumberEvent,
        event_id=st.text(max_size=3) | st.just("x" * 129),
        kind=st.integers(-1, 9),
        number=st.sampled_from([OWN, "", "110", "+85212345678", "１３８００１３８０００", "13800138000\n"])
        | st.text(max_size=5),
        effective_time=st.builds(Timestamp, seconds=st.integers(-(2**62), 2**62), nanos=st.integers(-1, 10**9)),
        counterpart=st.text(max_size=70),
    )
)
def test_event_when_it_is_anything_then_it_is_read_or_refused_without_repeating_it(message):
    found = read_or_refuse(message)
    if isinstance(found, RefusedError):
        assert found.reason.name in {"MISSING_FIELD", "INVALID_FIELD", "INVALID_NUMBER", "NOT_A_SUBSCRIBER"}
        assert found.field.startswith("event.")
        assert not find_numbers(str(found))
    else:
        assert (found.id, found.counterpart) == (message.event_id, message.counterpart)


def read_or_refuse(message):
    try:
        return read_event(message)
    except RefusedError as refusal:
        return refusal


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"request_id": ""}, "MISSING_FIELD"),
        ({"number": "12"}, "INVALID_NUMBER"),
        ({"revision": 7}, "NOT_FOUND"),
        ({"ground": "x" * 201}, "INVALID_FIELD"),
        ({"ground": f"ask {OWN}"}, "INVALID_FIELD"),
    ],
    ids=["no id", "no number", "no such claim", "long ground", "number in ground"],
)
async def test_contest_when_it_is_not_of_its_form_then_it_is_refused(pki, changes, reason):
    async with open_edge(pki) as edge:
        fields = {"request_id": "c1", "number": OWN, "revision": 1} | changes
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (await edge.numbers(MOBILE)).ContestClaim(pb.ContestClaimRequest(**fields))
        assert info_of(caught.value).reason == reason
