"""The carrier suite's cases. A case is one row: what the carrier sends, what the gateway must see, what comes back.

`sees` lists what is committed for the row's subscriber, as `describe` writes it, in order. `back` is what the sender is
answered:

=============  =====================================================================================
channel        `back`
=============  =====================================================================================
sms            ``taken`` (acknowledged, and nothing else), or words of which each is in the text on the phone
hotline, hall  the result that the CRM reads, by the words of `adapters.wire.answer.Result`
app            the HTTP status and the disposition or reason
wechat         words of which each is in what the user was shown, in the chat or on the page
=============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from adapters.carrier.base import AccountOpening, Carrier
from adapters.simulators.crm import Spoil
from adapters.testing.recording_gateway import Script
from adapters.wire.order import Interception, Scope, Verb, parse_window
from adapters.wire.order import Treatment as OrderTreatment


class Trouble(Enum):
    """What goes wrong on the way."""

    NONE = "none"
    FORGED = "wrong signature or login"
    TWICE = "duplicate delivery"
    IN_PIECES = "split at every byte"


@dataclass(frozen=True, slots=True)
class Row:
    """One case. `text` is sent over SMS, `order` booked at a desk, `booking` by the app; `notice` is the gateway's.

    In WeChat `booking` is what a user does, step by step: follow, bind, tap KEY, say TEXT, page FORM [CONSENT].

    With a notice and its `parameters` a text is the answer to it.

    `prefix` begins the subscriber's number; with another carrier's the number was ported in.
    """

    name: str
    channel: str
    sees: tuple[str, ...]
    back: str
    text: str = ""
    notice: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, Any] = field(default_factory=dict)
    booking: tuple[str, ...] = ()
    trouble: Trouble = Trouble.NONE
    spoil: Spoil = Spoil.NOTHING
    gateway: Script = field(default_factory=Script)
    prefix: str = "138"


LOST: Final = Script(heard=False, strikes=1)
UNTAKEN: Final = Script(applied=False, heard=False, strikes=1)
SLOW: Final = Script(delay_s=1.2, strikes=1)
"""Slower than the stage lets an attempt, or an answer to a desk, take."""
NOT_SERVED: Final = Script(refusal="NOT_SERVED")
PREFIXES: Final = ("133", "138", "130", "192")
"""One of each carrier's own: telecom, mobile, unicom, broadnet."""
NUMBER: Final = "4001234567"
OPEN: Final = {"verb": Verb.OPEN}
REJECT: Final = {"verb": Verb.EDIT_REJECT_LIST, "add": (NUMBER,)}
LABEL: Final = {"verb": Verb.SET_CATEGORIES, "refuse": ("占星",)}
ADDED: Final = ("edit_reject_list add=1",)
WARD: Final = "13300133000"
UNTIL: Final = {"confirm_by": "2099-11-25 10:00"}
ASKED: Final = {
    "guardian": "+8613800138000",
    "scope": "presets",
    "until": "",
    "opens": "yes",
    "confirm_by": "2099-11-25 10:00",
}

ALL_REFUSED: Final = (
    "set_refused_categories refuse=loan refuse=insurance refuse=securities refuse=real_estate refuse=education",
)

SMS: Final = (
    Row("happy path", "sms", ("open",), "taken", "KTFSR"),
    Row("small and full-width letters", "sms", ("open",), "taken", " ｋｔfsr "),
    Row("cancels", "sms", ("cancel",), "taken", "QXFSR"),
    Row("asks how things stand", "sms", ("query",), "taken", "CXFSR"),
    Row("refuses a category", "sms", ("set_refused_categories refuse=loan",), "taken", "KTFSR1"),
    Row("refuses a number", "sms", ADDED, "taken", f"HMDTJ{NUMBER}"),
    Row("allows a number", "sms", ("edit_allow_list add=1",), "taken", f"BMDTJ{NUMBER}"),
    Row("asks to be a guardian", "sms", ("ask_guardian presets",), "taken", f"SQJH{WARD}"),
    Row("acts for a ward", "sms", ("act_for_ward elder",), "taken", f"JHSZ{WARD}"),
    Row("ends one guardianship", "sms", ("end_guardian one",), "taken", f"QXJH{WARD}"),
    Row("names no ward", "sms", (), "SQJH", "SQJH妈妈"),
    Row("is warned before being erased", "sms", (), "QRSCFSR", "SCFSR"),
    Row("is erased", "sms", ("erase",), "taken", "QRSCFSR"),
    Row("duplicate delivery", "sms", ("open",), "taken", "KTFSR", trouble=Trouble.TWICE),
    Row("split at every byte", "sms", ("open",), "taken", "KTFSR", trouble=Trouble.IN_PIECES),
    Row("unknown label", "sms", (), "KTFSR", "KTFSR9"),
    Row("over the cap", "sms", ADDED, "taken", f"HMDTJ{NUMBER}", gateway=Script(outcome_reason="LIST_FULL")),
    Row("slow gateway", "sms", ("open",), "taken", "KTFSR", gateway=SLOW),
    Row("neither applied nor heard", "sms", ("open",), "taken", "KTFSR", gateway=UNTAKEN),
    Row("applied but reply lost", "sms", ("open",), "taken", "KTFSR", gateway=LOST),
    Row("not this carrier's number", "sms", (), "其他运营商", "KTFSR", gateway=NOT_SERVED),
    *(Row(f"blog code {code}", "sms", (), "KTFSR", code) for code in ("CSFZ", "LJDB")),
    *(Row(f"ported in from {prefix}", "sms", ("open",), "taken", "KTFSR", prefix=prefix) for prefix in PREFIXES),
)
"""For a carrier that declares the channel: the code is the same at all who have one."""

NO_SMS: Final = tuple(
    Row(f"{code} is answered with how to open", "sms", (), "不能用短信开通", code)
    for code in ("KTFSR", "ktfsr", "QXFSR", "CXFSR", "CSFZ", "LJDB")
)
"""For a carrier with SMS links that publishes no code: every code is answered with how to open, and none opens."""

LINK: Final = (
    Row("wrong signature or login", "sms", (), "login rejected", trouble=Trouble.FORGED),
    Row("a notice arrives and is reported", "sms", (), "骚扰电话拒接已关闭 delivered", notice="cancelled"),
    Row(
        "an opening is agreed to with one word",
        "sms",
        ("confirm",),
        "全国骚扰电话拒接平台 delivered",
        "Y",
        "confirm_open",
        UNTIL,
    ),
    Row("a ward agrees with one word", "sms", ("confirm guardian",), "守护人 delivered", "Y", "guardian_asked", ASKED),
    Row("a ward does not answer", "sms", (), "守护人 delivered", notice="guardian_asked", parameters=ASKED),
    Row("a ward revokes with one word", "sms", ("end_guardian all",), "taken", "QXJH"),
)
"""For every carrier with SMS links."""

DESK: Final = (
    Row("happy path", "", ("open",), "done", order=OPEN),
    Row("cancels", "", ("cancel",), "done", order={"verb": Verb.CANCEL}),
    Row("confirms", "", ("confirm",), "done", order={"verb": Verb.CONFIRM}),
    Row("asks how things stand", "", ("query",), "done", order={"verb": Verb.QUERY}),
    Row("is erased", "", ("erase",), "done", order={"verb": Verb.ERASE}),
    Row(
        "refuses a category",
        "",
        ("set_refused_categories refuse=loan",),
        "done",
        order={"verb": Verb.SET_CATEGORIES, "refuse": ("loan",)},
    ),
    Row("refuses a number", "", ADDED, "done", order=REJECT),
    Row(
        "allows a number",
        "",
        ("edit_allow_list add=1",),
        "done",
        order={"verb": Verb.EDIT_ALLOW_LIST, "add": (NUMBER,)},
    ),
    Row(
        "refuses a segment",
        "",
        ("set_refused_segments",),
        "done",
        order={"verb": Verb.SET_SEGMENTS, "segments": ("400",)},
    ),
    Row(
        "chooses a treatment",
        "",
        ("choose_treatment",),
        "done",
        order={"verb": Verb.CHOOSE_TREATMENT, "treatment": OrderTreatment.ASSISTANT},
    ),
    Row(
        "chooses notices",
        "",
        ("choose_notices",),
        "done",
        order={"verb": Verb.CHOOSE_NOTICES, "interception": Interception.DAILY},
    ),
    Row(
        "sets quiet hours",
        "",
        ("set_quiet_hours",),
        "done",
        order={"verb": Verb.SET_QUIET_HOURS, "quiet_hours": (parse_window("every_day 22:00-08:00"),)},
    ),
    Row(
        "asks to be a guardian",
        "",
        ("ask_guardian settings",),
        "done",
        order={"verb": Verb.ASK_GUARDIAN, "party": WARD, "scope": Scope.SETTINGS},
    ),
    Row(
        "acts for a ward",
        "",
        ("act_for_ward elder",),
        "done",
        order={"verb": Verb.ACT_FOR_WARD, "party": WARD, "preset": "elder"},
    ),
    Row("revokes a guardian", "", ("end_guardian one",), "done", order={"verb": Verb.END_GUARDIAN, "party": WARD}),
    Row("revokes all guardians", "", ("end_guardian all",), "done", order={"verb": Verb.END_GUARDIAN}),
    Row(
        "asks too often",
        "",
        ("ask_guardian presets",),
        "cap_reached",
        order={"verb": Verb.ASK_GUARDIAN, "party": WARD, "scope": Scope.PRESETS},
        gateway=Script(outcome_reason="GUARDIAN_LIMIT"),
    ),
    Row(
        "is nobody's guardian",
        "",
        ("act_for_ward elder",),
        "no_mandate",
        order={"verb": Verb.ACT_FOR_WARD, "party": WARD, "preset": "elder"},
        gateway=Script(outcome_reason="NOT_GUARDIAN"),
    ),
    Row("wrong signature or login", "", (), "bad_signature", order=OPEN, spoil=Spoil.SIGNATURE),
    Row("another service's codes", "", (), "malformed", order=OPEN, spoil=Spoil.SERVICE),
    Row("duplicate delivery", "", ("open",), "done", order=OPEN, trouble=Trouble.TWICE),
    Row("split in pieces", "", ("open",), "done", order=OPEN, trouble=Trouble.IN_PIECES),
    Row(
        "unknown label",
        "",
        ("set_refused_categories refuse=占星",),
        "malformed",
        order=LABEL,
        gateway=Script(outcome_reason="UNKNOWN_CATEGORY"),
    ),
    Row("over the cap", "", ADDED, "cap_reached", order=REJECT, gateway=Script(outcome_reason="LIST_FULL")),
    Row("not open", "", ADDED, "not_open", order=REJECT, gateway=Script(outcome_reason="NOT_OPEN")),
    Row("frozen", "", ("open",), "number_frozen", order=OPEN, gateway=Script(outcome_reason="NUMBER_FROZEN")),
    Row("without consent", "", (), "not_confirmed", order={**OPEN, "notice_version": ""}),
    Row("slow gateway", "", ("open",), "done", order=OPEN, gateway=SLOW),
    Row("neither applied nor heard", "", ("open",), "done", order=OPEN, gateway=UNTAKEN),
    Row("applied but reply lost", "", ("open",), "done", order=OPEN, gateway=LOST),
    Row("not this carrier's number", "", (), "not_served", order=OPEN, gateway=NOT_SERVED),
    *(Row(f"ported in from {prefix}", "", ("open",), "done", order=OPEN, prefix=prefix) for prefix in PREFIXES),
)
"""For the hotline and the hall alike."""

APP: Final = (
    Row("happy path", "app", ("open",), "200 done", booking=("open",)),
    Row("cancels", "app", ("cancel",), "200 done", booking=("cancel",)),
    Row("takes a cancellation back", "app", ("undo_cancel",), "200 done", booking=("undo",)),
    Row("confirms", "app", ("confirm",), "200 done", booking=("confirm",)),
    Row("asks how things stand", "app", ("query",), "200 done", booking=("query",)),
    Row("refuses a number", "app", ADDED, "200 done", booking=("reject_add", NUMBER)),
    Row("is erased", "app", ("erase",), "200 done", booking=("erase", "understood")),
    Row("is not erased without the warning", "app", (), "400 not_understood", booking=("erase",)),
    Row(
        "is not erased on too little proof",
        "app",
        ("erase",),
        "200 PROOF_REQUIRED",
        booking=("erase", "understood"),
        gateway=Script(outcome_reason="PROOF_REQUIRED"),
    ),
    Row("asks to be a guardian", "app", ("ask_guardian presets",), "200 done", booking=("ask_guardian", WARD)),
    Row(
        "asks for a wider scope",
        "app",
        ("ask_guardian settings",),
        "200 done",
        booking=("ask_guardian", WARD, "settings"),
    ),
    Row("names no ward", "app", (), "400 bad_number", booking=("ask_guardian", "妈妈")),
    Row("agrees to a guardian", "app", ("confirm guardian",), "200 done", booking=("confirm", "guardian")),
    Row("acts for a ward", "app", ("act_for_ward elder",), "200 done", booking=("act_for_ward", WARD, "elder")),
    Row("ends one guardianship", "app", ("end_guardian one",), "200 done", booking=("end_guardian", WARD)),
    Row("revokes all guardians", "app", ("end_guardian all",), "200 done", booking=("end_guardian",)),
    Row(
        "asks too often",
        "app",
        ("ask_guardian presets",),
        "200 GUARDIAN_LIMIT",
        booking=("ask_guardian", WARD),
        gateway=Script(outcome_reason="GUARDIAN_LIMIT"),
    ),
    Row("wrong signature or login", "app", (), "401 bad_signature", booking=("open",), trouble=Trouble.FORGED),
    Row("duplicate delivery", "app", ("open",), "200 done", booking=("open",), trouble=Trouble.TWICE),
    Row("split at every byte", "app", ("open",), "200 done", booking=("open",), trouble=Trouble.IN_PIECES),
    Row(
        "unknown label",
        "app",
        ("set_refused_categories refuse=astrology",),
        "200 UNKNOWN_CATEGORY",
        booking=("refuse", "astrology"),
        gateway=Script(outcome_reason="UNKNOWN_CATEGORY"),
    ),
    Row(
        "over the cap",
        "app",
        ADDED,
        "200 LIST_FULL",
        booking=("reject_add", NUMBER),
        gateway=Script(outcome_reason="LIST_FULL"),
    ),
    Row("slow gateway", "app", ("open",), "200 done", booking=("open",), gateway=SLOW),
    Row("neither applied nor heard", "app", ("open",), "200 done", booking=("open",), gateway=UNTAKEN),
    Row("applied but reply lost", "app", ("open",), "200 done", booking=("open",), gateway=LOST),
    Row("not this carrier's number", "app", (), "422 NOT_SERVED", booking=("open",), gateway=NOT_SERVED),
    *(
        Row(f"ported in from {prefix}", "app", ("open",), "200 done", booking=("open",), prefix=prefix)
        for prefix in PREFIXES
    ),
)


WECHAT: Final = (
    Row("follows", "wechat", (), "欢迎使用", booking=("follow",)),
    Row("taps without a number", "wechat", (), "绑定手机号", booking=("tap query",)),
    Row("a forged token", "wechat", (), "", booking=("bind", "tap query"), trouble=Trouble.FORGED),
)
"""For every account; what follows is for those who have logged in by one tap."""

BOUND: Final = (
    Row("taps the menu's query", "wechat", ("query",), "已收到", booking=("tap query",)),
    Row("taps the menu's close", "wechat", ("cancel",), "已收到 已关闭", booking=("tap close",)),
    Row("types a cancellation", "wechat", ("cancel",), "已关闭", booking=("say 关闭",)),
    Row("takes a cancellation back", "wechat", ("undo_cancel",), "已恢复", booking=("say 恢复",)),
    Row("types a category", "wechat", ("set_refused_categories refuse=loan",), "设置成功", booking=("say 拒接1",)),
    Row("types a number", "wechat", ADDED, "设置成功", booking=(f"say 拉黑{NUMBER}",)),
    Row("asks to be a guardian", "wechat", ("ask_guardian presets",), "已收到", booking=(f"say 申请守护{WARD}",)),
    Row("acts for a ward", "wechat", ("act_for_ward elder",), "已收到", booking=(f"say 长辈守护{WARD}",)),
    Row("ends one guardianship", "wechat", ("end_guardian one",), "已解除", booking=(f"say 解除守护{WARD}",)),
    Row("is erased in two steps", "wechat", ("erase",), "确认删除 已收到", booking=("say 删除", "say 确认删除")),
    Row("types what nobody knows", "wechat", (), "可以回复", booking=("say 你好",)),
    Row("agrees to nothing", "wechat", (), "可以回复", booking=("say 同意",)),
    Row(
        "over the cap",
        "wechat",
        ADDED,
        "未能办理 名单已满",
        booking=(f"say 拉黑{NUMBER}",),
        gateway=Script(outcome_reason="LIST_FULL"),
    ),
)

OPENINGS: Final[Mapping[AccountOpening, tuple[Row, ...]]] = {
    AccountOpening.LOGIN: (
        Row("opens by the login alone", "wechat", (), "已开通", booking=()),
        Row("opens in the chat", "wechat", ("open",), "单独同意 已开通", booking=("tap open", "say 同意")),
    ),
    AccountOpening.PAGE: (
        Row("opens on the page", "wechat", ("open",), "已开通", booking=("page open yes",)),
        Row("opens on the page without consent", "wechat", (), "", booking=("page open",)),
        Row("opens in the chat", "wechat", ("open",), "单独同意 已开通", booking=("tap open", "say 同意")),
    ),
    AccountOpening.ELSEWHERE: (
        Row("finds no way to open on the page", "wechat", (), "", booking=("page open yes",)),
        Row(
            "turns the protection on",
            "wechat",
            ALL_REFUSED,
            "已收到",
            booking=("tap open",),
        ),
        Row(
            "turns the protection on before opening",
            "wechat",
            ALL_REFUSED,
            "请先开通",
            booking=("say 开通",),
            gateway=Script(outcome_reason="NOT_OPEN"),
        ),
    ),
}
"""How each kind of account opens the service, or says that it does not."""


def _list_wechat(opening: AccountOpening) -> Iterator[Row]:
    """Let everybody log in first: where the login itself opens, the gateway sees that before anything else."""
    yield from WECHAT
    opened = ("open",) if opening is AccountOpening.LOGIN else ()
    for row in (*OPENINGS[opening], *BOUND):
        yield replace(row, sees=(*opened, *row.sees), booking=("bind", *row.booking))


def list_rows(carrier: Carrier) -> Sequence[Row]:
    """Return the cases of every channel that a carrier declares, and of its SMS links if it has any."""
    channels = carrier.data.capabilities.channels
    rows: list[Row] = []
    if carrier.make_sms_link is not None or "sms" in channels:
        rows += [*(SMS if "sms" in channels else NO_SMS), *LINK]
    rows += [replace(row, channel=desk) for desk in ("hotline", "hall") if desk in channels for row in DESK]
    if "app" in channels:
        rows += APP
    if carrier.data.account is not None and carrier.make_login is not None:
        rows += _list_wechat(carrier.data.account.opening)
    return rows
