"""What holds for the data of every carrier."""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest

from adapters import mobile, telecom, unicom
from adapters.carrier.account.words import OutcomeWords
from adapters.carrier.apply import list_effects
from adapters.carrier.base import Carrier, ItemCapability, Verb, find_carrier
from adapters.carrier.commands import Command, CommandContext, CommandTable, parse_command
from adapters.carrier.contract import write_capabilities, write_opening
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.order_answer import make_renderer, write_answer
from adapters.carrier.templates import Renderer
from adapters.wire.longmessage import split_message
from adapters.wire.order import Verb as OrderVerb
from gateway.api.mapping_carrier import read_capabilities
from gateway.domain.instruction import Item, ItemKind
from optout.v1 import carrier_pb2, types_pb2
from tests.mobile.test_mobile_data import VALUES

CARRIERS: list[Carrier] = [mobile.CARRIER, telecom.CARRIER, unicom.CARRIER]
CODES = {"mobile": "10086", "telecom": "10001", "unicom": "10010"}
AGENTS = {"mobile": "10086", "telecom": "10000", "unicom": "10010"}
SAMPLES = 300

by_carrier = pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.id)


@by_carrier
def test_carrier_when_looked_up_by_id_then_found_by_its_entry_point(carrier: Carrier) -> None:
    assert find_carrier(carrier.id) is carrier


@by_carrier
def test_notices_when_given_any_parameters_then_written_in_full_and_about_this_carrier_alone(carrier: Carrier) -> None:
    renderer, writer = Renderer(carrier.data.notices), NoticeWriter(carrier.data.notices)
    rng = random.Random(carrier.id)
    for template in carrier.data.notices.templates:
        needs = sorted(renderer.needs(template))
        choices = list(itertools.islice(itertools.product(*(VALUES[name] for name in needs)), 20_000))
        shortest = 1000
        for values in rng.sample(choices, min(SAMPLES, len(choices))):
            text = writer.say(template, dict(zip(needs, values, strict=True)))
            assert text.startswith(carrier.data.notices.signature)
            assert "{" not in text
            assert "，。" not in text
            assert "。。" not in text
            others = [code for owner, code in CODES.items() if owner != carrier.id]
            assert [code for code in others if code in text] == []
            split_message(text, 0)
            shortest = min(shortest, len(text))
        assert shortest <= 70, template


@by_carrier
def test_notice_of_a_call_when_its_number_is_withheld_then_it_says_so_and_shows_none(carrier: Carrier) -> None:
    renderer = Renderer(carrier.data.notices)
    call = {"time": "2026-11-25 10:00", "number": "+8613900139000", "treatment": "reject", "rule": "", "category": ""}
    shown, withheld = (renderer.render("intercepted", {**call, **more}) for more in ({}, {"withheld": "yes"}))
    assert "13900139000" in shown
    assert "号码的来电" in withheld
    assert "13900139000" not in withheld


@by_carrier
def test_capabilities_when_declared_then_every_carrier_has_the_templates_that_the_gateway_asks_for(
    carrier: Carrier,
) -> None:
    declared = write_capabilities(carrier.data)
    assert set(declared.templates) == set(write_capabilities(mobile.CARRIER.data).templates)
    assert {item.kind for item in declared.items} == {
        item.kind for item in write_capabilities(mobile.CARRIER.data).items
    }
    assert write_opening(carrier.data.opening).refused_categories


@by_carrier
def test_second_word_when_a_question_is_open_then_confirms_and_never_else(carrier: Carrier) -> None:
    sms = carrier.data.sms
    assert sms is not None
    table = CommandTable(sms)
    for text in ("Y", "是", "确认"):
        assert parse_command(table, text, CommandContext(has_prompt=True)) == Command(Verb.CONFIRM)
        assert not isinstance(parse_command(table, text, CommandContext()), Command)


@by_carrier
def test_question_when_put_before_opening_then_it_names_who_gets_what_for_which_purpose(carrier: Carrier) -> None:
    notices = carrier.data.notices
    question = notices.templates["confirm_open"]
    text = Renderer(notices).render("confirm_open", {"confirm_by": "2026-11-25 10:00"})
    assert question.recipients
    assert question.purposes
    assert all(name in text for name in (*question.recipients, *question.purposes))
    assert len(split_message(text, 0)) == 1


@by_carrier
def test_folder_when_listed_then_has_the_same_files_as_every_other(carrier: Carrier) -> None:
    names = {entry.name for entry in resources.files(f"adapters.{carrier.id}").iterdir()}
    assert {"__init__.py", "data.toml", "sms.py"} <= names


@by_carrier
def test_data_when_read_as_text_then_says_which_words_are_synthetic(carrier: Carrier) -> None:
    text = (resources.files(f"adapters.{carrier.id}") / "data.toml").read_text(encoding="utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    assert data["service_code"] == CODES[carrier.id]
    assert "All wording is synthetic" in text


def test_effect_when_one_value_is_named_and_all_are_then_the_gateway_and_the_adapter_choose_the_same() -> None:
    every = ItemCapability("category", "full")
    loan = ItemCapability("category", "degraded", ("loan",))
    for items in ((every, loan), (loan, every), (loan,), ()):
        declared = replace(mobile.CARRIER.data.capabilities, items=items)
        data = replace(mobile.CARRIER.data, capabilities=declared)
        forecast = read_capabilities(write_capabilities(data))
        wishes = types_pb2.Preferences(refused_categories=["loan", "insurance"])
        request = carrier_pb2.ApplyRequest(subscription=types_pb2.Subscription(preferences=wishes))
        for effect in list_effects(request, declared, 0, by_platform=False)[1:]:
            expected = forecast.expect(Item(ItemKind.CATEGORY, effect.item.value))
            assert types_pb2.ExpectedEffect.Name(effect.expected) == f"EXPECTED_EFFECT_{expected.name}"


@by_carrier
def test_data_when_it_sends_a_subscriber_somewhere_then_texts_to_its_code_and_calls_to_its_agents(
    carrier: Carrier,
) -> None:
    text = (resources.files(f"adapters.{carrier.id}") / "data.toml").read_text(encoding="utf-8")
    assert carrier.data.agents == AGENTS[carrier.id]
    assert set(re.findall(r"(?:致电|拨打|咨询)(\d+)", text)) == {AGENTS[carrier.id]}
    assert set(re.findall(r"到(\d+)", text)) == {CODES[carrier.id]}


@by_carrier
def test_words_when_signed_then_a_message_alone_bears_the_signature(carrier: Carrier) -> None:
    signed = replace(carrier.data, notices=replace(carrier.data.notices, signature="【signed】"))
    assert signed.account is not None
    outcome = types_pb2.Outcome(disposition=types_pb2.DISPOSITION_DONE)
    outcome.subscription.state = types_pb2.ENROLMENT_STATE_OPEN
    to_agents = write_answer(outcome, OrderVerb.QUERY, make_renderer(signed)).state_text
    in_the_account = OutcomeWords(signed, signed.account).write("query", outcome)
    assert [text for text in (to_agents, in_the_account) if "【" in text or "已开通" not in text] == []
    assert NoticeWriter(signed.notices).say("contested", {}).startswith("【signed】")
