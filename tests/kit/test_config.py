import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from optout.kit.config import ConfigError, ConfigReason, load, read_secret, read_secret_bytes


class Engine(Enum):
    MEMORY = "memory"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Store:
    path: Path
    engine: Engine = Engine.SQLITE
    max_batch: int = 100


@dataclass(frozen=True, slots=True)
class Limits:
    deadline_s: float = 5.0
    ports: tuple[int, ...] = (50051,)

    def __post_init__(self) -> None:
        if self.deadline_s <= 0:
            raise ValueError("deadline_s must be positive")


@dataclass(frozen=True, slots=True)
class Link:
    target: str
    window: int = 16


@dataclass(frozen=True, slots=True)
class Settings:
    store: Store
    limits: Limits
    name: str = "gateway"
    insecure_dev: bool = False
    advertise: str | None = None
    fallback: Link | None = None
    links: tuple[Link, ...] = ()
    carriers: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inner:
    b_c: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    c: int = 0


@dataclass(frozen=True, slots=True)
class Clash:
    a: Inner
    a_b: Other


def write(folder: Path, text: str) -> Path:
    file = folder / "optout.toml"
    file.write_text(text, encoding="utf-8")
    return file


FILE = """
name = "from file"
[store]
path = "registry.db"
engine = "memory"
[limits]
deadline_s = 2
ports = [1, 2]
[[links]]
target = "a"
[carriers.mobile]
target = "127.0.0.1:1"
window = 64
"""


def test_load_from_file_fills_every_kind_of_field(tmp_path: Path) -> None:
    settings = load(Settings, file=write(tmp_path, FILE))

    assert settings == Settings(
        store=Store(Path("registry.db"), Engine.MEMORY),
        limits=Limits(2.0, (1, 2)),
        name="from file",
        links=(Link("a"),),
        carriers={"mobile": Link("127.0.0.1:1", 64)},
    )
    assert type(settings.limits.deadline_s) is float


def test_load_from_several_sources_prefers_flag_over_environment_over_file(tmp_path: Path) -> None:
    env = {
        "OPTOUT_STORE_MAX_BATCH": "7",
        "OPTOUT_STORE_ENGINE": "sqlite",
        "OPTOUT_LIMITS_PORTS": "3, 4",
        "OPTOUT_INSECURE_DEV": "on",
        "OPTOUT_FALLBACK_TARGET": "b",
        "OPTOUT_ADVERTISE": "",
        "OPTOUT_CONFIG": "ignored.toml",
        "PATH": "/bin",
    }
    flags = {"store.max_batch": "9", "limits.deadline_s": 1.5, "name": None, "store.path": Path("x.db")}

    settings = load(Settings, file=write(tmp_path, FILE), env=env, flags=flags)

    assert settings.store == Store(Path("x.db"), Engine.SQLITE, 9)
    assert settings.limits == Limits(1.5, (3, 4))
    assert (settings.name, settings.insecure_dev, settings.advertise) == ("from file", True, None)
    assert settings.fallback == Link("b")


def test_load_without_a_section_fills_it_from_its_defaults() -> None:
    assert load(Settings, flags={"store.path": "x"}).limits == Limits()


SECRET = "hunter2"
BASE = '[store]\npath = "x"\n'


@pytest.mark.parametrize(
    ("text", "env", "flags", "reason", "key"),
    [
        ("", {}, {}, "MISSING", "store.path"),
        (BASE + "pth = 1", {}, {}, "UNKNOWN_KEY", "store.pth"),
        (f'nam = "{SECRET}"\n{BASE}', {}, {}, "UNKNOWN_KEY", "nam"),
        (BASE, {"OPTOUT_STORE_PTH": SECRET}, {}, "UNKNOWN_KEY", "OPTOUT_STORE_PTH"),
        (BASE, {"OPTOUT_CARRIERS": SECRET}, {}, "UNKNOWN_KEY", "OPTOUT_CARRIERS"),
        (BASE, {}, {"store.enginee": SECRET}, "UNKNOWN_KEY", "store.enginee"),
        (BASE + f'max_batch = "{SECRET}"', {}, {}, "BAD_TYPE", "store.max_batch"),
        (BASE + "max_batch = true", {}, {}, "BAD_TYPE", "store.max_batch"),
        (BASE + "max_batch = 1.5", {}, {}, "BAD_TYPE", "store.max_batch"),
        (f'store = "{SECRET}"', {}, {}, "BAD_TYPE", "store"),
        (f'store = "{SECRET}"', {"OPTOUT_STORE_PATH": "x"}, {}, "BAD_TYPE", "store"),
        ("[store]\npath = 1", {}, {}, "BAD_TYPE", "store.path"),
        (BASE + "[limits]\nports = 1", {}, {}, "BAD_TYPE", "limits.ports"),
        (BASE + f'[limits]\nports = [1, "{SECRET}"]', {}, {}, "BAD_TYPE", "limits.ports.1"),
        (BASE + "[[links]]\nwindow = 1", {}, {}, "MISSING", "links.0.target"),
        (BASE + "[carriers]\nmobile = 1", {}, {}, "BAD_TYPE", "carriers.mobile"),
        (f"carriers = 1\n{BASE}", {}, {}, "BAD_TYPE", "carriers"),
        (BASE + f'engine = "{SECRET}"', {}, {}, "BAD_VALUE", "store.engine"),
        (BASE, {"OPTOUT_STORE_MAX_BATCH": SECRET}, {}, "BAD_VALUE", "store.max_batch"),
        (BASE, {"OPTOUT_INSECURE_DEV": SECRET}, {}, "BAD_VALUE", "insecure_dev"),
        (BASE, {"OPTOUT_LIMITS_DEADLINE_S": "nan"}, {}, "BAD_VALUE", "limits.deadline_s"),
        (BASE + "[limits]\ndeadline_s = inf", {}, {}, "BAD_VALUE", "limits.deadline_s"),
        (BASE + "[limits]\ndeadline_s = -1.0", {}, {}, "BAD_VALUE", "limits.deadline_s"),
        (BASE, {"OPTOUT_STORE_MAX_BATCH": "-1"}, {}, "BAD_VALUE", "store.max_batch"),
        ("[store", {}, {}, "FILE_NOT_TOML", "optout.toml"),
    ],
    ids=range(25),
)
def test_load_of_bad_input_names_reason_and_key_and_no_value(
    tmp_path: Path, text: str, env: dict[str, str], flags: dict[str, Any], reason: str, key: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(Settings, file=write(tmp_path, text), env=env, flags=flags)

    assert (raised.value.reason.value, raised.value.key.rpartition("/")[2]) == (reason, key)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("env", "flags", "nearest"),
    [
        ({"OPTOUT_STORE_PTH": ""}, {}, "OPTOUT_STORE_PATH"),
        ({}, {"store.enginee": ""}, "store.engine"),
    ],
)
def test_load_of_an_unknown_key_names_the_nearest_known(
    env: dict[str, str], flags: dict[str, str], nearest: str
) -> None:
    with pytest.raises(ConfigError, match=f"the nearest known key is {nearest}\\)"):
        load(Settings, env=env, flags=flags)


def test_load_of_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(Settings, file=tmp_path / "none.toml")
    assert raised.value.reason is ConfigReason.FILE_UNREADABLE


def test_load_of_a_tree_with_two_fields_of_one_variable_is_a_mistake_in_the_tree() -> None:
    with pytest.raises(TypeError, match="share one"):
        load(Clash)


def make_secret(folder: Path, content: bytes, mode: int) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_read_secret_of_a_private_file_gives_its_text_without_line_end(tmp_path: Path, mode: int) -> None:
    assert read_secret(make_secret(tmp_path, b" pass word \r\n", mode)) == " pass word "


def test_read_secret_bytes_gives_the_file_as_it_stands(tmp_path: Path) -> None:
    assert read_secret_bytes(make_secret(tmp_path, b"\xff\n", 0o600)) == b"\xff\n"


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"x", 0o644, ConfigReason.SECRET_EXPOSED),
        (b"x", 0o602, ConfigReason.SECRET_EXPOSED),
        (b"", 0o600, ConfigReason.SECRET_EMPTY),
        (b"\n", 0o600, ConfigReason.SECRET_EMPTY),
        (b"\xff", 0o600, ConfigReason.SECRET_UNREADABLE),
        (b"x" * 65537, 0o600, ConfigReason.SECRET_UNREADABLE),
    ],
)
def test_read_secret_of_an_unfit_file_gives_the_reason(
    tmp_path: Path, content: bytes, mode: int, reason: ConfigReason
) -> None:
    with pytest.raises(ConfigError) as raised:
        read_secret(make_secret(tmp_path, content, mode))
    assert raised.value.reason is reason


def test_read_secret_of_a_missing_file_gives_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read_secret(tmp_path / "none")
    assert raised.value.reason is ConfigReason.SECRET_UNREADABLE
    assert os.strerror(2) in str(raised.value)
