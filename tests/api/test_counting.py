"""Metrics of instructions, effects and notices: each counted when its entry is made, and what comes again not twice."""

import re

import pytest

from gateway import telemetry as telemetry_module
from gateway.api.counting import count_outcome, listen
from gateway.domain.effects import EffectState
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Channel, ExpectedEffect, Open, SetRefusedCategories
from gateway.domain.knowledge import ReportedEffect
from gateway.service.applied import AppliedBook
from gateway.service.hearing import Hearing
from gateway.service.outbox import OutboxSealer
from gateway.service.views import DeliveryReport, DeliveryState
from gateway.store.rows import OutboxKind
from gateway.telemetry import Telemetry
from tests.api.edge import open_edge
from tests.api.test_registry_edge import submit
from tests.service.house import MOBILE, House, open_house
from tests.service.test_applied import APPLIED, DECLARED, LOAN, told


def read(telemetry: Telemetry, series: str, **labels: str) -> float:
    return telemetry.registry.get_sample_value(f"{series}_total", {"carrier": "mobile", **labels}) or 0


async def submit_and_count(house: House, telemetry: Telemetry, action, id: str) -> None:  # noqa: A002 - the field's name
    instruction = house.instruction(action, channel=Channel.HOTLINE, id=id)
    count_outcome(telemetry, instruction, await house.registry.submit(MOBILE, instruction))


def test_series_when_registered_then_the_manual_names_each_and_no_other():
    named = set(re.findall(r"^(optout_\w+)", telemetry_module.__doc__ or "", re.MULTILINE))
    registered = set()
    for family in Telemetry().registry.collect():
        registered.add(f"{family.name}_total" if family.type == "counter" else family.name)
    assert named == registered


async def test_instruction_when_it_comes_again_then_it_is_counted_once(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        request = submit(edge, Open(), channel=Channel.HOTLINE)
        assert [(await registry.Submit(request)).outcome.replayed for _ in range(3)] == [False, True, True]
        done = {"channel": "hotline", "disposition": "done", "reason": ""}
        assert read(edge.telemetry, "optout_instructions", **done) == 1


async def test_items_when_the_platform_enforces_then_expected_and_accepted_are_counted_apart():
    telemetry = Telemetry()
    async with open_house(DECLARED) as house:
        await submit_and_count(house, telemetry, Open(), "o-1")
        opened = read(telemetry, "optout_accepted_effects")
        for _ in range(2):
            await submit_and_count(house, telemetry, SetRefusedCategories(frozenset({"loan", "insurance"})), "o-2")
        assert opened > 0
        assert read(telemetry, "optout_accepted_effects") > opened
        full = read(telemetry, "optout_expected_effects", effect=ExpectedEffect.FULL.value)
        assert full == read(telemetry, "optout_accepted_effects")


async def test_items_when_nobody_declared_anything_then_what_is_expected_is_unknown():
    telemetry = Telemetry()
    async with open_house() as house:
        await submit_and_count(house, telemetry, Open(), "o-1")
        unknown = read(telemetry, "optout_expected_effects", effect=ExpectedEffect.UNKNOWN.value)
        assert unknown == read(telemetry, "optout_accepted_effects") > 0


async def test_report_of_effects_when_it_comes_again_then_its_items_are_counted_once():
    telemetry = Telemetry()
    async with open_house(DECLARED, listen(telemetry)) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        report = told(house, effects=(*APPLIED, ReportedEffect(LOAN, EffectState.DEGRADED)))
        for _ in range(3):
            await house.registry.report_applied(MOBILE, report)
        assert read(telemetry, "optout_reported_effects", effect="applied") == 1
        assert read(telemetry, "optout_reported_effects", effect="degraded") == 1


async def test_answer_to_an_order_when_it_tells_of_effects_then_they_are_counted_once():
    telemetry = Telemetry()
    async with open_house(DECLARED) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        (row,) = [row for row in await house.store.due("mobile", 2**50, 9) if row.kind is OutboxKind.APPLY]
        order = OutboxSealer(house.recorder.vault).open_apply(row)
        book = AppliedBook(house.store, house.recorder, house.policies, listen(telemetry))
        for _ in range(2):
            await book.take_answer(order, APPLIED, house.clock.now_ms())
        assert read(telemetry, "optout_reported_effects", effect="applied") == 1


async def test_report_about_a_notice_when_it_comes_again_then_it_is_counted_once():
    telemetry = Telemetry()
    async with open_house(hearing=listen(telemetry)) as house:
        await house.submit(Open())
        (notice,) = await house.notices()
        report = DeliveryReport("r-1", notice.id, DeliveryState.DELIVERED, "DELIVRD", house.clock.now_ms(), 1)
        for _ in range(3):
            await house.registry.report_delivery(MOBILE, report)
        assert read(telemetry, "optout_delivery_reports", state="delivered") == 1


async def test_report_when_refused_then_nobody_hears_of_it():
    heard: list[object] = []
    hearing = Hearing(lambda *told: heard.append(told), lambda *told: heard.append(told))
    async with open_house(DECLARED, hearing) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        report = told(house)
        await house.registry.report_applied(MOBILE, report)
        assert heard == [("mobile", report)]
        for wrong in (told(house, effects=(ReportedEffect(LOAN, EffectState.APPLIED),)), told(house, "r2", version=9)):
            with pytest.raises(RefusedError):
                await house.registry.report_applied(MOBILE, wrong)
        assert len(heard) == 1
