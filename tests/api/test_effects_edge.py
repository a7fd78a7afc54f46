"""Reports about effects over real connections, and every field of them that can be wrong."""

import pytest

from gateway.api.fields import write_time
from gateway.api.mapping_effects import read_applied_report, read_effects
from gateway.domain.effects import EffectState
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Channel, Item, ItemKind, Open, Precondition
from gateway.domain.knowledge import ReportedEffect
from optout.v1 import errors_pb2, registry_pb2, types_pb2
from tests.api.edge import open_edge
from tests.api.test_registry_edge import submit
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import MOBILE, TELECOM


def effect(kind=types_pb2.ITEM_KIND_SERVICE, state=types_pb2.EFFECT_STATE_APPLIED, value="", **fields):
    return types_pb2.Effect(item=types_pb2.Item(kind=kind, value=value), state=state, **fields)


def applied(**changes):
    fields = {
        "report_id": "pf-1",
        "number": OWN,
        "medium": types_pb2.MEDIUM_VOICE,
        "version": 1,
        "effects": [effect()],
        "report_time": write_time(1_790_000_000_000),
    }
    return registry_pb2.ReportAppliedRequest(**fields | changes)


async def test_reports_when_streamed_then_each_is_answered_in_order_and_the_state_says_so(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge, Open(), channel=Channel.HOTLINE))
        reports = [
            applied(number=FRIEND),
            applied(report_id="2"),
            applied(report_id="2"),
            applied(report_id="2", version=0),
            applied(report_id="3", effects=[]),
        ]
        answers = [answer async for answer in registry.ReportApplied(iter(reports))]
        assert [answer.report_id for answer in answers] == ["pf-1", "2", "2", "2", "3"]
        assert [answer.revision for answer in answers] == [0, 2, 2, 0, 0]
        assert [answer.refusal.reason for answer in answers] == [
            errors_pb2.ERROR_REASON_NOT_FOUND,
            0,
            0,
            errors_pb2.ERROR_REASON_ID_REUSED,
            errors_pb2.ERROR_REASON_MISSING_FIELD,
        ]
        asked = registry_pb2.GetSubscriptionRequest(number=OWN, medium=types_pb2.MEDIUM_VOICE)
        state = (await registry.GetSubscription(asked)).subscription
        assert [known.state for known in state.effects] == [types_pb2.EFFECT_STATE_APPLIED]
        assert state.effects[0].report_time == write_time(1_790_000_000_000)
        samples = edge.telemetry.write().decode()
        assert 'optout_reported_effects_total{carrier="mobile",effect="applied"}' in samples


async def test_report_when_another_carrier_sends_it_then_it_is_refused(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge, Open(), channel=Channel.HOTLINE))
        stranger = await edge.registry(TELECOM)
        (answer,) = [answer async for answer in stranger.ReportApplied(iter([applied()]))]
        assert (answer.refusal.reason, answer.revision) == (errors_pb2.ERROR_REASON_NOT_SERVED, 0)


def test_report_when_whole_then_read_field_by_field():
    lacking = types_pb2.Precondition(code="VOLTE_OFF", remedy="请开通VoLTE")
    report = read_applied_report(
        applied(
            effects=[
                effect(precondition=lacking, state=types_pb2.EFFECT_STATE_ACCEPTED),
                effect(types_pb2.ITEM_KIND_REJECT_NUMBER, types_pb2.EFFECT_STATE_DEGRADED, "13700137000"),
            ],
            switched_off=True,
            erased=True,
        )
    )
    assert report.effects == (
        ReportedEffect(Item(ItemKind.SERVICE), EffectState.ACCEPTED, Precondition("VOLTE_OFF", "请开通VoLTE")),
        ReportedEffect(Item(ItemKind.REJECT_NUMBER, NUISANCE), EffectState.DEGRADED),
    )
    assert (report.version, report.report_ms, report.switched_off, report.erased) == (1, 1_790_000_000_000, True, True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"report_id": ""}, "report_id"),
        ({"report_id": "号"}, "report_id"),
        ({"number": "10086"}, "number"),
        ({"medium": 0}, "medium"),
        ({"report_time": None}, "report_time"),
        ({"effects": []}, "effects"),
        ({"effects": [effect(kind=0)]}, "effects[0].item.kind"),
        ({"effects": [effect(kind=99)]}, "effects[0].item.kind"),
        ({"effects": [effect(), effect(state=0)]}, "effects[1].state"),
        ({"effects": [effect(state=types_pb2.EFFECT_STATE_OVERDUE)]}, "effects[0].state"),
        ({"effects": [effect(types_pb2.ITEM_KIND_REJECT_NUMBER, value="nobody")]}, "effects[0].item.value"),
        ({"effects": [effect(types_pb2.ITEM_KIND_CATEGORY, value="x" * 65)]}, "effects[0].item.value"),
        ({"effects": [effect(precondition=types_pb2.Precondition())]}, "effects[0].precondition.code"),
        ({"effects": [effect()] * 4097}, "effects"),
    ],
)
def test_report_when_a_field_is_wrong_then_the_refusal_names_it(changes, field):
    with pytest.raises(RefusedError) as refusal:
        read_applied_report(applied(**changes))
    assert refusal.value.field == field


def test_answer_when_it_says_nothing_then_nothing_is_read():
    assert read_effects([], "effects") == ()
