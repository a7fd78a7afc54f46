"""Guardians across carriers by the other channels: agents, an account, and a carrier without SMS codes."""

from gateway.cli.demo.stage import open_stage, until
from optout.kit.redact import find_numbers
from optout.v1 import types_pb2

SON, MOTHER = "13000130010", "13800138011"
ASKER, WARD = "13300133012", "13000130012"


async def order(place, number, verb, result="done", **fields):
    """An agent's order, answered as it should be."""
    answer = await place.book(verb, number, **fields)
    assert answer.result == result
    return answer


async def test_guardian_when_agents_book_and_the_account_revokes_then_every_step_reaches_the_other_side(
    tmp_path, caplog
):
    async with open_stage(tmp_path) as stage:
        unicom, mobile = stage.carriers["unicom"], stage.carriers["mobile"]
        before = await mobile.now()
        asked = await order(unicom, SON, "ask_guardian", "needs_confirmation", party=MOTHER, scope="settings")
        assert asked.confirm_by
        assert SON in await mobile.arrived(MOTHER, before, "更改拒接设置")
        seen = await order(mobile, MOTHER, "query")
        assert f"{SON}申请做守护人" in seen.state_text
        assert seen.confirm_by == asked.confirm_by
        before_son = await unicom.now()
        await order(mobile, MOTHER, "confirm")
        await unicom.arrived(SON, before_son, "同意由您守护")
        before = await mobile.now()
        await order(unicom, SON, "act_for_ward", party=MOTHER, preset="elder")
        await mobile.arrived(MOTHER, before, "长辈守护")
        await order(unicom, SON, "act_for_ward", "malformed", party=MOTHER, preset="teen")
        async with mobile.browser("o-mother") as browser:
            page = await stage.log_in(mobile, browser, MOTHER, ("consent", "yes"))
        assert page.status == 200
        before_son = await unicom.now()
        chat = await mobile.chat("o-mother", "解除守护")
        await mobile.heard(chat, "守护已解除")
        await unicom.arrived(SON, before_son, "守护已结束")
        await order(unicom, SON, "act_for_ward", "no_mandate", party=MOTHER, preset="elder")
        assert "loan" in (await stage.subscription(MOTHER)).preferences.refused_categories
    assert [record.getMessage() for record in caplog.records if find_numbers(record.getMessage())] == []


async def test_ward_when_her_carrier_has_no_sms_code_then_one_word_still_agrees_and_one_revokes(tmp_path):
    async with open_stage(tmp_path) as stage:
        telecom, unicom = stage.carriers["telecom"], stage.carriers["unicom"]
        before = await unicom.now()
        await telecom.text(ASKER, f"SQJH{WARD}")
        await unicom.arrived(WARD, before, "申请做您的守护人")
        after = await unicom.text(WARD, "Y")
        await unicom.arrived(WARD, after, "您已同意")
        before = await unicom.now()
        after = await telecom.text(ASKER, f"JHSZ{WARD}")
        await telecom.arrived(ASKER, after, "已按您的要求")
        await unicom.arrived(WARD, before, "QXJH")
        applied = await until(
            lambda: stage.subscription(WARD),
            lambda seen: bool(seen.effects) and seen.effects[0].state == types_pb2.EFFECT_STATE_APPLIED,
            "her carrier's own platform carries it out",
        )
        assert "insurance" in applied.preferences.refused_categories
        after = await unicom.text(WARD, "QXJH")
        await unicom.arrived(WARD, after, "守护已结束")
        after = await telecom.text(ASKER, f"JHSZ{WARD}")
        await telecom.arrived(ASKER, after, "未能代为设置")
