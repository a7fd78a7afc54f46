"""China Mobile's data: it loads, it is complete, and every notice can be written."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from adapters.carrier.base import Carrier, CarrierData, UnknownCarrierError, find_carrier
from adapters.carrier.contract import write_capabilities, write_opening
from adapters.carrier.templates import Renderer, TemplateDataError, TemplateError
from adapters.mobile import CARRIER
from adapters.wire.longmessage import split_message
from optout.kit.config import ConfigError, load
from optout.v1 import carrier_pb2, errors_pb2, types_pb2

DATA_FILE = Path(__file__).parents[2] / "adapters" / "mobile" / "data.toml"
NOTICES = CARRIER.data.notices
RENDERER = Renderer(NOTICES)

UNCHANGED = {"done": "", "undone": "", "already": "", "refused": ""}
NO_NEWS = dict.fromkeys(("applied", "undone", "degraded", "unsupported", "overdue", "precondition"), "")
CALL = {"time": "2026-11-25 10:00", "number": "+8613900139000", "treatment": "reject", "rule": "", "category": ""}
ASKED = {
    "guardian": "+8613900139000",
    "scope": "presets",
    "until": "2027-11-25 10:00",
    "opens": "",
    "confirm_by": "2026-11-25 10:00",
}
VALUES = {
    "categories": ["", "loan", "loan,insurance", "loan,insurance,securities,real_estate,education", "astrology"],
    "segments": ["", "400,95", "overseas,hk_macao_taiwan", "+86170"],
    "treatment": ["reject", "assistant", "challenge"],
    "stranger_policy": ["allow", "assistant", "challenge"],
    "effect": ["applied", "accepted", "degraded", "unsupported", "overdue"],
    "effective_by": ["", "2026-11-25 10:00"],
    "confirm_by": ["2026-11-25 10:00"],
    "restricted": ["2026-11-25 10:00"],
    "erase_by": ["2027-05-27 10:00"],
    "state": ["closed", "pending_open", "open", "pending_cancel", "restricted"],
    "reject_count": ["0", "12"],
    "allow_count": ["0", "3"],
    "quiet_hours": ["", "every_day 22:00-08:00", "weekday 22:00-07:30,weekend 23:00-09:00"],
    "done": ["", "category:loan,reject_number:+8613900139000", "treatment:assistant,stranger_policy:challenge,notices"],
    "undone": ["", "category:insurance", "segment:400,segment:+86170"],
    "already": ["", "service", "allow_number:95588"],
    "refused": ["", "category:astrology=UNKNOWN_CATEGORY,reject_number:110=NOT_REFUSABLE", "quiet_hours=LIST_FULL"],
    "code": ["000000"],
    "minutes": ["5"],
    "time": ["2026-11-25 10:00"],
    "since": ["2026-11-25 10:00"],
    "number": ["", "+8613900139000"],
    "rule": ["", "personal_reject", "newer_than_us"],
    "rules": ["", "category,personal_reject"],
    "category": ["", "loan"],
    "count": ["1", "700"],
    "applied": ["", "service", "category:loan,reject_number:+8613900139000"],
    "degraded": ["", "treatment:assistant"],
    "unsupported": ["", "quiet_hours"],
    "overdue": ["", "segment:400"],
    "precondition": ["", "VOLTE_OFF", "NEWER_THAN_US"],
    "guardian": ["", "+8613900139000"],
    "ward": ["+8613900139000"],
    "scope": ["presets", "settings"],
    "until": ["", "2027-11-25 10:00"],
    "opens": ["", "yes"],
    "cause": ["revoked", "resigned", "expired", "unanswered", "gone", "none", "newer_than_us"],
    "preset": ["", "elder", "newer_than_us"],
    "action": ["open", "confirm", "cancel", "query", "edit_list", "something_new"],
    "reason": [name.removeprefix("ERROR_REASON_") for name in list(errors_pb2.ErrorReason.keys())],
}  # fmt: skip


@pytest.mark.parametrize("template", sorted(NOTICES.templates))
def test_template_when_given_any_parameters_then_written_in_full(template: str) -> None:
    needs = sorted(RENDERER.needs(template))
    lengths = []
    for values in itertools.islice(itertools.product(*(VALUES[name] for name in needs)), 20_000):
        text = RENDERER.render(template, dict(zip(needs, values, strict=True)))
        assert "{" not in text
        assert text
        assert text == text.strip()
        assert "，。" not in text
        assert "。。" not in text
        lengths.append(len(text))
        split_message(text, 0)
    print(f"{template}: {min(lengths)} to {max(lengths)} characters")
    assert min(lengths) <= 70


def test_opened_when_opened_with_the_defaults_then_names_them_in_one_message() -> None:
    opening = CARRIER.data.opening
    text = RENDERER.render(
        "opened",
        {
            "categories": ",".join(opening.refused_categories),
            "segments": ",".join(opening.refused_segments),
            "treatment": opening.treatment,
            "stranger_policy": opening.stranger_policy,
            "effect": "applied",
            "effective_by": "",
        },
    )
    assert "股票证券、房产中介" in text
    assert len(split_message(text, 0)) == 1


@pytest.mark.parametrize(
    ("template", "parameters", "words"),
    [
        ("confirm_open", {"confirm_by": "2026-11-25 09:05"}, ["11月25日09:05", "回复Y", "免费"]),
        ("changed", {**UNCHANGED, "done": "reject_number:+8613900139000"}, ["黑名单13900139000"]),
        ("changed", {**UNCHANGED, "refused": "category:astrology=UNKNOWN_CATEGORY"}, ["拒接astrology（没有这一类别）"]),
        ("changed", {**UNCHANGED, "done": ",".join(f"allow_number:9558{n}" for n in range(7))}, ["等7项"]),
        ("changed", UNCHANGED, ["设置未变"]),
        ("effect", {**NO_NEWS, "applied": "service"}, ["已生效：骚扰电话拒接"]),
        ("effect", {**NO_NEWS, "undone": "service"}, ["已停用：骚扰电话拒接"]),
        ("effect", {**NO_NEWS, "precondition": "VOLTE_OFF"}, ["KTVOLTE"]),
        ("intercepted", {**CALL, "rule": "personal_reject"}, ["11月25日10:00", "13900139000", "黑名单"]),
        ("intercepted", {**CALL, "rule": "category", "category": "loan"}, ["贷款理财"]),
        ("intercepted", {**CALL, "number": "", "withheld": "yes"}, ["拦截一个隐藏号码的来电。"]),
        ("guardian_asked", ASKED, ["13900139000申请", "2027年11月25日", "11月25日10:00前回复Y"]),
        ("guardian_asked", {**ASKED, "until": "", "opens": "yes"}, ["为期一年", "免费开通"]),
        ("guardian_ended", {"guardian": "", "cause": "revoked"}, ["全部守护", "被守护人解除"]),
        ("ward_ended", {"ward": "+8613900139000", "cause": "unanswered"}, ["13900139000", "未获同意"]),
        ("refused", {"action": "ask_guardian", "reason": "WARD_NOT_ASKABLE"}, ["未能申请守护", "目前不能"]),
        ("refused", {"action": "cancel", "reason": "NOT_OPEN"}, ["未能关闭", "您尚未开通"]),
        ("refused", {"action": "edit_list", "reason": "NEWER_THAN_US"}, ["未能办理", "暂时无法办理"]),
    ],
)
def test_notice_when_written_then_says_so(template: str, parameters: dict[str, str], words: list[str]) -> None:
    text = RENDERER.render(template, {"effect": "applied", "effective_by": "", **parameters})
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("template", "parameters", "blamed"),
    [
        ("no_such", {}, ("no_such", "")),
        ("confirm_open", {}, ("confirm_open", "confirm_by")),
        ("confirm_open", {"confirm_by": "13800138000 tomorrow"}, ("confirm_open", "confirm_by")),
        ("refused", {"action": "open"}, ("refused", "reason")),
    ],
)
def test_notice_when_it_cannot_be_written_then_the_error_names_what_is_wrong_and_no_value(
    template: str, parameters: dict[str, str], blamed: tuple[str, str]
) -> None:
    with pytest.raises(TemplateError) as caught:
        RENDERER.render(template, parameters)
    assert (caught.value.template, caught.value.parameter) == blamed
    assert caught.value.reason == "UNKNOWN_TEMPLATE"
    assert "13800138000" not in str(caught.value)


def test_cancelled_when_it_can_be_taken_back_then_it_names_the_word_and_until_when_in_one_message() -> None:
    text = RENDERER.render("cancelled", {"undo_until": "2026-11-25 10:00"})
    assert "11月25日10:00前发HFFSR" in text
    assert len(text) <= 70
    assert "HFFSR" not in RENDERER.render("cancelled", {"undo_until": ""})


def test_erasure_when_told_then_both_dates_stand_in_one_message_with_their_years() -> None:
    text = RENDERER.render("erasure", {"restricted": "2026-11-25 10:00", "erase_by": "2027-05-27 10:00"})
    assert "2026年11月25日" in text
    assert "2027年5月27日" in text
    assert len(text) <= 70


def test_ported_when_told_then_it_says_that_the_wishes_came_along_and_fits_one_message() -> None:
    parameters = {"effect": "accepted", "effective_by": "2026-11-25 10:00"}
    text = RENDERER.render("ported", parameters)
    assert "随号保留" in text
    assert "11月25日10:00前生效" in text
    assert len(text) <= 70
    assert len(RENDERER.render("contested", {})) <= 70


def test_notice_when_parameters_are_newer_than_the_template_then_written_without_them() -> None:
    assert RENDERER.render("cancelled", {"mood": "sad"}) == RENDERER.render("cancelled", {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{confirm_by}前回复Y", "{confirmed_by}前回复Y"),
        ('words = "treatment"', 'words = "treatments"'),
        ('when = "!categories"', 'when = "!categories=no"'),
        ('prompt_until = "confirm_by"', 'prompt_until = "reason"'),
    ],
)
def test_data_when_its_tables_contradict_themselves_then_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(TemplateDataError):
        Renderer(edit(tmp_path, old, new).notices)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "中国移动"', 'nome = "中国移动"'),
        ('verb = "open"', 'verb = "opne"'),
        ("fee_user_type = 2", 'fee_user_type = "2"'),
        ('treatment = "reject"', 'treatment = "reject"\ntreatmnet = "reject"'),
    ],
)
def test_data_when_a_key_or_value_is_wrong_then_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ConfigError):
        edit(tmp_path, old, new)


def edit(folder: Path, old: str, new: str) -> CarrierData:
    text = DATA_FILE.read_text(encoding="utf-8")
    assert old in text
    file = folder / "data.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load(CarrierData, file=file)


def test_capabilities_when_declared_then_complete_and_without_local_templates() -> None:
    declared = write_capabilities(CARRIER.data)
    assert declared.enforcement == carrier_pb2.ENFORCEMENT_GATEWAY
    assert {item.kind for item in declared.items} == set(types_pb2.ItemKind.values()) - {0}
    assert {types_pb2.Channel.Name(channel).removeprefix("CHANNEL_") for channel in declared.channels} == {
        "SMS", "HOTLINE", "APP", "HALL"
    }  # fmt: skip
    assert set(declared.templates) == {
        "confirm_open", "confirm_cancel", "opened", "already_open", "cancelled", "ported", "contested", "changed",
        "erasure", "status", "refused", "effect", "intercepted", "intercepted_daily",
        "guardian_asked", "guardian_agreed", "guardian_changed", "guardian_ended",
        "ward_asked", "ward_agreed", "ward_changed", "ward_ended",
    }  # fmt: skip


def test_opening_when_written_then_as_in_the_data() -> None:
    opening = write_opening(CARRIER.data.opening)
    assert list(opening.refused_categories) == ["securities", "real_estate"]
    assert opening.treatment == types_pb2.TREATMENT_REJECT
    with pytest.raises(ValueError, match="unknown segment"):
        write_opening(dataclasses.replace(CARRIER.data.opening, refused_segments=("900",)))


def test_submits_when_described_then_free_to_the_subscriber_and_reported() -> None:
    cmpp = CARRIER.data.cmpp
    assert cmpp is not None
    assert (cmpp.fee_type, cmpp.fee_code, cmpp.registered_delivery) == ("01", "000000", 1)


def test_carrier_when_looked_up_by_id_then_found_by_its_entry_point() -> None:
    found: Carrier = find_carrier("mobile")
    assert found is CARRIER
    with pytest.raises(UnknownCarrierError):
        find_carrier("nowhere")
