"""The demo tells its stories over the real protocols, and fails when something deviates."""

from dataclasses import replace

import pytest

from gateway.cli.demo import channels, duties, guardian, story
from gateway.cli.demo.stage import DeviationError, open_stage
from optout.kit.redact import find_numbers


async def test_demo_when_played_then_every_scene_verdict_and_cell_is_told(tmp_path, caplog):
    told = []
    async with open_stage(tmp_path) as stage:
        for chapter in (story.play, channels.play, guardian.play, duties.play, channels.check):
            await chapter(stage, told.append)
    text = "\n".join(told)
    for scene in story.SCENES:
        assert scene.title in text
    for call in story.CALLS:
        assert call.title in text
    titles = tuple(title for title, _ in channels.CHANNELS)
    rows = {line.split("  ")[0]: line for line in told if line.startswith(titles)}
    assert rows["SMS"].split()[1:] == ["done", "done", "does", "not", "exist"]
    assert all(rows[title].count("done") == 3 for title in titles[1:])
    for seen in ("SQJH", "QXJH", "refused by CATEGORY", "GUARDIAN_STATE_ACTIVE", "NOT_SERVED"):
        assert seen in text
    for seen in ("SECOND_SIGNER_REQUIRED", "VOLTE_OFF", "epoch 2", "HFFSR", "was waited for: mobile", "agent on 10000"):
        assert seen in text
    for seen in ("page ▸ one-tap login", "menu ▸ 智能消息 → 手机管家", "401 bad_signature"):
        assert seen in text
    assert "network ▸ VOLTE_OFF: DEGRADED" in text
    assert [record.getMessage() for record in caplog.records if find_numbers(record.getMessage())] == []


@pytest.mark.parametrize(
    "change",
    [
        {"reply": "something else"},
        {"state": story.State.ENROLMENT_STATE_CLOSED},
        {"holds": lambda wishes: bool(wishes.reject_list)},
    ],
)
async def test_demo_when_a_scene_deviates_then_it_fails(tmp_path, monkeypatch, change):
    monkeypatch.setattr(story, "SCENES", (replace(story.SCENES[0], **change),))
    with pytest.raises(DeviationError):
        async with open_stage(tmp_path) as stage:
            await story.play(stage, lambda _: None)


async def test_demo_when_a_verdict_deviates_then_it_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(story, "CALLS", (replace(story.CALLS[-1], verdict="REFUSE"),))
    monkeypatch.setattr(story, "SCENES", ())
    with pytest.raises(DeviationError):
        async with open_stage(tmp_path) as stage:
            await story.play(stage, lambda _: None)


async def test_demo_when_a_channel_was_not_played_then_the_histories_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "CHANNELS", (("hotline agent", channels.by_hotline),))
    async with open_stage(tmp_path) as stage:
        await channels.play(stage, lambda _: None)
        with pytest.raises(DeviationError, match="telecom: SMS, hall, WeChat account, one-tap login"):
            await channels.check(stage, lambda _: None)
