"""Reports of calls over real connections, every field that can be wrong, and counters that add up."""

import re

import grpc
import pytest

from gateway.api.fields import write_time
from gateway.api.mapping_screening import read_interception
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Channel, ChooseNotices, Open
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import InterceptionNotice, NoticeChoice
from optout.v1 import errors_pb2, screening_pb2, screening_pb2_grpc
from tests.api.edge import info_of, open_edge
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import MOBILES_SCREENER, SCREENER, TELECOM, TELECOMS_SCREENER

CALL_MS = 1_790_000_000_000


def dealt(**changes):
    fields = {
        "report_id": "c-1",
        "action": screening_pb2.INTERCEPTION_ACTION_REFUSED,
        "called": OWN,
        "caller": NUISANCE,
        "call_time": write_time(CALL_MS),
        "rule": screening_pb2.DECIDING_RULE_PERSONAL_REJECT,
        "revision": 2,
    }
    return screening_pb2.ReportInterceptionsRequest(**fields | changes)


async def report(edge, party, *reports):
    stub = screening_pb2_grpc.ScreeningServiceStub(await edge.channel(party))
    return [answer async for answer in stub.ReportInterceptions(iter(reports))]


def count(edge, series):
    """The sum of a counter's series with these labels."""
    lines = edge.telemetry.write().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(series, line))


async def test_reports_when_streamed_then_each_is_answered_in_order_and_the_counters_add_up(pki, caplog):
    async with open_edge(pki) as edge:
        await edge.house.submit(Open(), channel=Channel.HOTLINE)
        await edge.house.submit(ChooseNotices(NoticeChoice(InterceptionNotice.EACH)), channel=Channel.HOTLINE)
        actions = screening_pb2.InterceptionAction.values()[1:]
        storm = [dealt(report_id=f"s{place}", action=actions[place % 5]) for place in range(20)]
        strange = [dealt(report_id="t", called=FRIEND), dealt(report_id="s0"), dealt(report_id="s0", caller=FRIEND)]
        answers = await report(edge, SCREENER, *storm, *strange, dealt(report_id="u", action=0))
        assert [answer.report_id for answer in answers[-4:]] == ["t", "s0", "s0", "u"]
        # Different numbers are worked on side by side, so their entries stand in any order.
        assert sorted(answer.revision for answer in answers[:21]) == list(range(3, 24))
        assert [answer.revision for answer in answers[21:]] == [answers[0].revision, 0, 0]
        assert [answer.reason for answer in answers[-2:]] == [
            errors_pb2.ERROR_REASON_ID_REUSED,
            errors_pb2.ERROR_REASON_INVALID_FIELD,
        ]
        stopped = sum(
            count(edge, rf'optout_interceptions_total{{action="{action}"')
            for action in ("refused", "assistant", "challenge_failed")
        )
        fates = {
            fate: count(edge, rf'optout_interception_fates_total{{fate="{fate}"')
            for fate in ("told", "folded", "unwanted", "unregistered")
        }
        assert stopped == sum(fates.values()) == 13
        assert fates == {"told": 5, "folded": 7, "unwanted": 0, "unregistered": 1}
        assert count(edge, r'optout_interceptions_total{action="failed_open"') == 4
        assert NUISANCE[3:] not in caplog.text + edge.telemetry.write().decode()


async def test_report_when_another_carriers_then_it_is_refused_with_its_reason(pki):
    async with open_edge(pki) as edge:
        await edge.house.submit(Open(), channel=Channel.HOTLINE)
        (answer,) = await report(edge, TELECOM, dealt())
        assert (answer.reason, answer.revision) == (errors_pb2.ERROR_REASON_NOT_SERVED, 0)


async def test_screener_of_one_carrier_when_it_asks_and_reports_beyond_it_then_refused_with_the_reason(pki):
    async with open_edge(pki) as edge:
        await edge.house.submit(Open(), channel=Channel.HOTLINE)
        await edge.catch_up()
        asked = screening_pb2.ScreenRequest(called=OWN)
        assert (await (await edge.screener(MOBILES_SCREENER)).Screen(asked)).verdict == screening_pb2.VERDICT_ALLOW
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (await edge.screener(TELECOMS_SCREENER)).Screen(asked)
        assert (caught.value.code(), info_of(caught.value).reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_SERVED")
        (answer,) = await report(edge, TELECOMS_SCREENER, dealt())
        assert answer.reason == errors_pb2.ERROR_REASON_NOT_SERVED
        (answer,) = await report(edge, MOBILES_SCREENER, dealt())
        assert answer.revision == 2


def test_report_when_whole_then_read_field_by_field():
    read = read_interception(dealt(category="loan"))
    assert read.call == Interception(
        InterceptionAction.REFUSED, OWN, NUISANCE, CALL_MS, DecidingRule.PERSONAL_REJECT, "loan"
    )
    assert (read.id, read.revision) == ("c-1", 2)
    assert read_interception(dealt(presentation_withheld=True)).call.withheld
    bare = read_interception(dealt(caller="", rule=0))
    assert (bare.call.caller, bare.call.rule) == (None, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"report_id": ""}, "report_id"),
        ({"action": 0}, "action"),
        ({"action": 99}, "action"),
        ({"called": ""}, "called"),
        ({"called": "nobody"}, "called"),
        ({"call_time": None}, "call_time"),
        ({"category": "x" * 65}, "category"),
    ],
)
def test_report_when_a_field_is_wrong_then_the_refusal_names_it(changes, field):
    with pytest.raises(RefusedError) as refusal:
        read_interception(dealt(**changes))
    assert refusal.value.field == field
