"""What is public about the carriers stands in their sheets, whoever wrote those anew."""

from __future__ import annotations

import pytest

from adapters.testing.sheet import read_sheet

TELECOM, MOBILE, UNICOM = (read_sheet(f"adapters.{name}") for name in ("telecom", "mobile", "unicom"))
ALL = {"telecom": (TELECOM, "10001"), "mobile": (MOBILE, "10086"), "unicom": (UNICOM, "10010")}


@pytest.mark.parametrize("name", ALL)
def test_sheet_when_read_then_the_service_code_is_the_public_one(name: str) -> None:
    sheet, code = ALL[name]
    assert sheet["declares: who it is"]["service_code"] == code
    assert sheet["sends: one message"]["service code"] == code


@pytest.mark.parametrize("sheet", [TELECOM, MOBILE], ids=["telecom", "mobile"])
def test_sheet_when_a_text_is_public_then_it_opens_and_cancels(sheet: dict[str, dict[str, str]]) -> None:
    assert (sheet["takes: KTFSR"]["alone"], sheet["takes: QXFSR"]["alone"]) == ("open", "cancel")
    assert "sms" in sheet["declares: capabilities"]["channels"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("code", ["CSFZ", "LJDB"])
def test_sheet_when_blogs_hand_a_code_on_then_it_is_answered_with_help(name: str, code: str) -> None:
    assert ALL[name][0][f"takes: {code}"]["alone"] == "told: help"


def test_unicom_when_any_code_is_sent_then_none_opens() -> None:
    assert "sms" not in UNICOM["declares: capabilities"]["channels"]
    said = [line for row, lines in UNICOM.items() if row.startswith("takes: ") for line in lines.values()]
    assert not {"open", "cancel"} & set(said)
    assert UNICOM["declares: capabilities"]["effect_delay"] == f"{24 * 3600} s"


def test_telecom_when_it_says_anything_then_under_its_public_signature() -> None:
    notices = [
        line
        for row, lines in TELECOM.items()
        if row.startswith("says: ")
        for ask, line in lines.items()
        if ask not in {"asks", "names"}
    ]
    assert notices
    assert all(line.startswith("【天翼防骚扰服务提醒】") for line in notices)


@pytest.mark.parametrize(
    ("name", "title", "way"),
    [
        ("telecom", "天翼防骚扰", "业务设置 → 智能拦截设置 → 本机号码一键登录"),
        ("mobile", "中国移动高频骚扰电话防护", "业务设置 → 骚扰拦截设置 → 绑定手机号 → 开启防护"),
        ("unicom", "联通助理", "智能消息 → 手机管家 → 绑定手机号 → 开通"),
    ],
)
def test_account_when_looked_up_then_has_the_public_name_and_way(name: str, title: str, way: str) -> None:
    page = ALL[name][0]["account: page"]
    assert (page["title"], page["the way there"]) == (title, way)


def test_accounts_when_they_open_then_where_the_carriers_do() -> None:
    assert "consent" in TELECOM["account: page"]["offers before a number is bound"]
    assert "open" in UNICOM["account: page"]["offers before the service is open"].split(", ")
    assert "how to open" in MOBILE["account: page"]["offers before the service is open"]
    assert "open" not in MOBILE["account: page"]["offers before the service is open"].split(", ")


def test_mobile_when_lists_are_declared_then_capped_at_1000() -> None:
    declared = MOBILE["declares: capabilities"]
    assert (declared["reject_number"], declared["allow_number"]) == ("full, cap 1000", "full, cap 1000")
