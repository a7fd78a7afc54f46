"""Which account the WeChat simulator speaks to, how it behaves, and what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from adapters.simulators.faults import FaultPlan
from adapters.simulators.http_fault import check_http_fault


@dataclass(frozen=True, slots=True)
class WechatSettings:
    """One official account; times in seconds. Raises `ValueError` for times that are none."""

    app_id: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    callback_url: str
    account_name: str = "gh_optout0000"
    templates: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    answer_limit_s: float = 5.0
    attempts: int = 3
    token_life_s: int = 7200
    chat_window_s: float = 48 * 3600.0
    history_limit: int = 100_000

    def __post_init__(self) -> None:
        if self.answer_limit_s <= 0 or self.attempts < 1 or self.token_life_s < 1:
            raise ValueError("times are positive, and there is at least one attempt")


class Operation(Enum):
    """What a fault can strike."""

    CALLBACK = "callback"
    """Applied: the account's server gets it. Heard: WeChat gets the answer."""
    TOKEN = "token"  # noqa: S105 - no password
    CHAT = "chat"
    TEMPLATE = "template"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class WechatFault:
    """What goes wrong with an operation; see `FaultPlan` for when. Raises `ValueError` for what cannot happen."""

    operation: Operation
    plan: FaultPlan
    errcode: int = 0
    http_status: int = 0
    garbage: bytes = b""

    def __post_init__(self) -> None:
        check_http_fault(self)
        if self.operation is Operation.CALLBACK and (self.errcode or self.http_status or self.garbage):
            raise ValueError("a callback is answered by the account's server alone")
