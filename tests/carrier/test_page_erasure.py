"""The settings page and what cannot be taken back: a strong proof first, a warning, and only then the wish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from optout.kit.redact import find_numbers
from optout.v1 import types_pb2
from tests.carrier.account_rig import NATIONAL, USER, AccountRig, open_account
from tests.carrier.page_browser import Browser
from tests.carrier.waiting import leaks

STATE = types_pb2.EnrolmentState
UNDERSTOOD = ("value", "understood")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path) as made:
        await made.open()
        yield made


@pytest.fixture
def browser(rig: AccountRig) -> Browser:
    return Browser(rig)


async def test_erasure_when_wished_for_then_warned_first_and_both_dates_told_afterwards(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.bind()
    warning = await browser.submit(await browser.visit(), "erase")
    assert (warning.status, set(warning.forms), rig.gateway.seen) == (200, {"erase"}, [])
    for word in ("立即停用", "期满后彻底删除", "不能撤回"):
        assert word in warning.text
    page = await browser.submit(warning, "erase", UNDERSTOOD)
    assert (page.status, page.badge) == (200, "已停用")
    [instruction] = rig.gateway.seen
    assert instruction.WhichOneof("action") == "erase"
    assert list(instruction.evidence.proofs) == [types_pb2.PROOF_SMS_CODE]
    assert (await rig.state()).state == STATE.ENROLMENT_STATE_RESTRICTED
    for told in (page.message, page.text.partition(page.message)[2]):
        assert "自2026年9月21日起停用" in told
        assert "2027年3月23日后全部删除" in told
    assert set(page.forms) == {"unbind"}


async def test_erasure_when_the_box_is_not_ticked_then_warned_again(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    warning = await browser.submit(await browser.visit(), "erase")
    again = await browser.submit(warning, "erase", ("value", "yes"))
    assert "不能撤回" in again.text
    assert rig.gateway.seen == []


async def test_erasure_when_confirmed_twice_then_booked_once(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    warning = await browser.submit(await browser.visit(), "erase")
    pages = [await browser.submit(warning, "erase", UNDERSTOOD) for _ in range(2)]
    assert [page.badge for page in pages] == ["已停用"] * 2
    assert len({instruction.instruction_id for instruction in rig.gateway.seen}) == 1


async def test_erasure_when_bound_by_one_tap_then_refused_until_the_number_is_proved_by_a_code(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.bind(proof="one_tap_login")
    page = await browser.visit()
    assert "erase" not in page.forms
    hidden = list(page.forms["verify"].items())
    refused = await browser.ask("POST", "/account/erase", hidden)
    assert (refused.status, rig.gateway.seen) == (422, [])
    assert "短信验证码" in refused.message
    forged = await browser.ask("POST", "/account/erase", [*hidden, UNDERSTOOD])
    assert forged.status == 422
    assert "短信验证码" in forged.message
    assert (await rig.state()).state == STATE.ENROLMENT_STATE_OPEN
    page = await browser.submit(page, "verify")
    assert "验证码已发送" in page.message
    [code] = await rig.sent_codes()
    page = await browser.submit(page, "check", ("code", code))
    binding = await rig.book.binding(USER, rig.clock.now_ms())
    assert binding is not None
    assert binding.proof == "sms_code"
    assert "verify" not in page.forms
    warning = await browser.submit(page, "erase")
    assert (await browser.submit(warning, "erase", UNDERSTOOD)).badge == "已停用"


@pytest.mark.parametrize("form", ["erase", "verify"])
async def test_form_when_no_number_is_bound_then_refused(rig: AccountRig, browser: Browser, form: str) -> None:
    page = await browser.visit()
    refused = await browser.ask("POST", f"/account/{form}", [*page.forms["code"].items(), UNDERSTOOD])
    assert (refused.status, refused.message) == (422, "请先绑定手机号。")
    assert await rig.sent_codes() == []


async def test_cancellation_when_taken_back_on_the_page_then_wishes_are_as_before(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "categories", ("value", "loan"))
    page = await browser.submit(page, "cancel")
    assert page.badge == "未开通"
    assert "9月22日" in page.message
    page = await browser.submit(page, "undo")
    assert (page.status, page.badge) == (200, "已开通")
    assert 'value="loan" checked' in page.text
    assert "undo" not in page.forms


async def test_page_when_erasing_then_no_url_and_no_log_line_holds_a_number(
    rig: AccountRig, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.bind(proof="one_tap_login")
    page = await browser.submit(await browser.visit(), "verify")
    [code] = await rig.sent_codes()
    page = await browser.submit(page, "check", ("code", code))
    page = await browser.submit(await browser.submit(page, "erase"), "erase", UNDERSTOOD)
    assert page.badge == "已停用"
    assert NATIONAL not in page.text
    assert find_numbers(" ".join(browser.urls)) == []
    assert leaks(caplog.records) == []
