"""The account channel's configuration. Secrets are files: token, EncodingAESKey, app secret, session key, app keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.carrier.number_login import NumberLogin
    from optout.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class LoginConfig:
    """The carrier's number login: where it is, as whom we ask, and with which key.

    `key` is the shared application key, `rsa_key` a PEM file in its place (China Mobile); CAMARA needs neither.
    `strict` has China Mobile check our address.
    """

    url: str
    app_id: str = ""
    key: Path | None = None
    rsa_key: Path | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class AppKeyConfig:
    """A key under which the carrier's own app books; `secret` is a file."""

    key_id: str
    secret: Path


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One official account. `public_url` is how users reach us, and where the menu's link leads.

    `listen` is for the reverse proxy that ends TLS. `template_id` is the approved template by which outcomes are told
    after the 48 hours of chat, in the field `template_field`; empty means that they are not told then. `session_key`
    holds 64 hexadecimal digits.
    """

    app_id: str
    token: Path
    aes_key: Path
    app_secret: Path
    session_key: Path
    public_url: str
    listen: str = "127.0.0.1:8082"
    api_url: str = "https://api.weixin.qq.com"
    authorize_url: str = "https://open.weixin.qq.com"
    template_id: str = ""
    template_field: str = "content"
    login: LoginConfig | None = None
    apps: tuple[AppKeyConfig, ...] = ()
    answer_limit_s: float = 4.5
    """WeChat hangs up after 5 s and asks again."""
    session_life_s: float = 1800.0
    poll_s: float = 1.0
    max_waiting: int = 4096
    give_up_s: float = 86_400.0
    """After this long a wish that could not be carried out is given up, and the user told."""
    retry_first_s: float = 1.0
    retry_most_s: float = 600.0

    def __post_init__(self) -> None:
        if not 0 < self.answer_limit_s < 5:
            raise ValueError("answer_limit_s lies between 0 and 5")
        if len({app.key_id for app in self.apps}) != len(self.apps):
            raise ValueError("two app keys have the same id")


@dataclass(frozen=True, slots=True)
class LoginSecrets:
    """What the files of a `LoginConfig` hold."""

    config: LoginConfig
    key: str = field(default="", repr=False)
    rsa_key: bytes = field(default=b"", repr=False)


MakeLogin = Callable[["LoginSecrets", "Clock"], "NumberLogin"]
"""What a carrier makes its number login from. Raises `ConfigError` if the key is missing or unfit."""
