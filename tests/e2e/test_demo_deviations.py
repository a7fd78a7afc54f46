"""Each story of the demo fails when the world is not as told, and the command says so by its exit code."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from gateway.cli.demo import channels, duties, guardian, story
from gateway.cli.demo.command import demo
from gateway.cli.demo.stage import DeviationError, Stage, open_stage
from optout.sim.v1 import crm_pb2
from optout.v1 import number_pb2

Play = Callable[[Stage, Callable[[str], None]], Awaitable[None]]


async def check_fails(folder: Path, play: Play, deviation: str) -> None:
    async with open_stage(folder) as stage:
        with pytest.raises(DeviationError, match=deviation):
            await play(stage, lambda _: None)


async def test_channels_when_a_counter_says_done_and_books_nothing_then_they_fail(tmp_path, monkeypatch):
    real = channels._book

    async def book(place, verb, **fields):
        if verb == "edit_reject_list":
            return crm_pb2.CrmAnswer(result="done")
        return await real(place, verb, **fields)

    monkeypatch.setattr(channels, "_book", book)
    monkeypatch.setattr(channels, "CHANNELS", (("hotline", channels.by_hotline), ("hall", channels.by_hall)))
    await check_fails(tmp_path, channels.play, "at the counter")


async def test_guardian_when_something_is_done_before_the_ward_agrees_then_it_fails(tmp_path):
    async with open_stage(tmp_path) as stage:
        telecom = stage.carriers["telecom"]
        await telecom.arrived(guardian.MOTHER, await telecom.text(guardian.MOTHER, "KTFSR"), "已开通")
        with pytest.raises(DeviationError, match="before she agreed"):
            await guardian.play(stage, lambda _: None)


async def test_effects_when_a_line_may_call_then_the_story_of_its_refusal_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(duties, "CHAPTERS", (duties._effects, duties._interception))
    monkeypatch.setattr(duties, "LOAN_LINE", duties.FRIEND)
    await check_fails(tmp_path, duties.play, "the platform did nothing")


async def test_reassignment_when_it_is_not_reported_then_the_story_of_the_new_holder_fails(tmp_path, monkeypatch):
    real = duties._report

    async def report(stage, party, kind, number, **facts):
        if kind != number_pb2.NUMBER_EVENT_KIND_REASSIGNED:
            await real(stage, party, kind, number, **facts)

    monkeypatch.setattr(duties, "CHAPTERS", (duties._reassign,))
    monkeypatch.setattr(duties, "_report", report)
    await check_fails(tmp_path, duties.play, "no new epoch")


async def test_rules_when_one_operator_holds_both_keys_then_their_story_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(duties, "CHAPTERS", (duties._policy,))
    async with open_stage(tmp_path) as stage:
        one, other = stage.operators
        both = SimpleNamespace(
            GetPolicy=one.GetPolicy, ProposePolicy=one.ProposePolicy, ApprovePolicy=other.ApprovePolicy
        )
        with pytest.raises(DeviationError, match="one operator alone got through"):
            await duties.play(replace(stage, operators=(both, other)), lambda _: None)


def test_command_when_the_story_deviates_then_it_says_so_and_ends_with_1(monkeypatch):
    monkeypatch.setattr(story, "SCENES", (replace(story.SCENES[0], reply="something else"),))
    done = CliRunner().invoke(demo, ["--once"])
    assert done.exit_code == 1
    assert "DEVIATION: the answer to 'KTFSR' lacks 'something else'" in done.stderr
