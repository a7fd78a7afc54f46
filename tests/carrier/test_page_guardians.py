"""The settings page and guardians: who guards me, whom I guard; asked for, acted as and ended as by text or agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.instruction import AskGuardian, Confirm
from gateway.domain.preferences import Medium
from gateway.domain.ties import GuardianScope
from optout.kit.number import PhoneNumber
from optout.v1 import types_pb2
from tests.carrier.account_rig import NUMBER, AccountRig, open_account
from tests.carrier.page_browser import Browser, Page
from tests.service.house import TELECOM

PARTY = "13300133000"
PARTY_NUMBER = PhoneNumber(f"+86{PARTY}")
ASK = AskGuardian(PhoneNumber(NUMBER), GuardianScope.SETTINGS)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path) as made:
        yield made


@pytest.fixture
def browser(rig: AccountRig) -> Browser:
    return Browser(rig)


def tokens(page: Page, form: str) -> list[tuple[str, str]]:
    """What makes a form one of its session's, without what the page filled in."""
    return [(name, value) for name, value in page.forms[form].items() if name != "value"]


async def test_ward_when_asked_agreed_and_acted_for_then_shown_and_ended(rig: AccountRig, browser: Browser) -> None:
    house = rig.gateway.house
    await rig.bind()
    page = await browser.submit(await browser.visit(), "ask_guardian", ("value", PARTY))
    assert page.status == 200
    assert "已向对方发送守护申请，对方于9月22日" in page.message
    assert "我守护或已申请守护的人" in page.text
    await house.submit(Confirm(guardian=True), number=PARTY_NUMBER, carrier="telecom")
    house.clock.advance(2)
    await house.timers.ring()
    page = await browser.visit()
    assert "至2027年9月21日" in page.text
    fields = ("value", PARTY_NUMBER), ("value", "elder")
    page = await browser.ask("POST", "/account/act_for_ward", [*tokens(page, "act_for_ward"), *fields])
    assert (page.status, page.message[:8]) == (200, "已为对方办理，对")
    ward, _ = await house.registry.get(TELECOM, PARTY_NUMBER, Medium.VOICE)
    assert "loan" in ward.subscriber.voice.preferences.refused_categories
    page = await browser.submit(page, "end_guardian")
    assert page.status == 200
    assert PARTY not in page.text
    assert [one.WhichOneof("action") for one in rig.gateway.seen] == ["ask_guardian", "act_for_ward", "end_guardian"]


async def test_guardian_when_asking_then_shown_how_to_agree_and_can_be_declined(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.gateway.house.submit(ASK, number=PARTY_NUMBER, carrier="telecom")
    await rig.bind(proof="one_tap_login")
    page = await browser.visit()
    assert f"{PARTY}<small>申请守护您，可替您更改拒接设置。同意请于9月22日" in page.text
    page = await browser.submit(page, "end_guardian")
    assert (page.status, page.message[:11]) == (200, "设置成功，守护已解除。")
    assert PARTY not in page.text
    assert list((await rig.state()).guardians) == []


async def test_guardian_when_agreed_to_then_shown_with_scope_and_end_and_ended_on_one_tap_login(
    rig: AccountRig, browser: Browser
) -> None:
    house = rig.gateway.house
    await house.submit(ASK, number=PARTY_NUMBER, carrier="telecom")
    await house.submit(Confirm(guardian=True), number=PhoneNumber(NUMBER))
    await rig.bind(proof="one_tap_login")
    page = await browser.visit()
    assert f"{PARTY}<small>可替您更改拒接设置，至2027年9月21日" in page.text
    await browser.submit(page, "end_guardian")
    assert list((await rig.state()).guardians) == []


async def test_guardian_when_bound_by_one_tap_then_neither_asks_nor_acts_and_is_told_what_is_lacking(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.bind(proof="one_tap_login")
    page = await browser.visit()
    assert not {"ask_guardian", "act_for_ward"} & set(page.forms)
    assert 'href="#verify"' in page.text
    for form, *values in (("ask_guardian", PARTY), ("act_for_ward", PARTY, "elder")):
        fields = [*tokens(page, "verify"), *(("value", value) for value in values)]
        refused = await browser.ask("POST", f"/account/{form}", fields)
        assert refused.status == 422
        assert "短信验证码" in refused.message
        page = await browser.visit()
    assert list((await rig.state()).wards) == []


@pytest.mark.parametrize("value", ["妈妈", "10086", ""], ids=["a name", "a service code", "nothing"])
async def test_ask_when_it_names_no_subscriber_then_told_so(rig: AccountRig, browser: Browser, value: str) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "ask_guardian", ("value", value))
    assert (page.status, page.message) == (422, "号码有误，请检查后重新填写。")
    assert rig.gateway.seen == []


async def test_wards_when_the_subscription_is_read_then_the_own_carrier_sees_them(rig: AccountRig) -> None:
    await rig.gateway.house.submit(ASK, number=PARTY_NUMBER, carrier="telecom")
    view, _ = await rig.gateway.house.registry.get(TELECOM, PARTY_NUMBER, Medium.VOICE)
    assert [ward.number for ward in view.subscriber.ties.wards] == [NUMBER]
    assert (await rig.state()).guardians[0].state == types_pb2.GUARDIAN_STATE_PENDING
