"""Write docs/carriers.md from what the carriers declare: ``.venv/bin/python tools/write_carriers.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from adapters import mobile, telecom, unicom
from adapters.carrier.base import CarrierData

CARRIERS = tuple(carrier.CARRIER.data for carrier in (telecom, mobile, unicom))
PAGE = Path(__file__).resolve().parents[1] / "docs" / "carriers.md"
HEAD = """# What each carrier can do

Made by `tools/write_carriers.py` from the `[capabilities]` in each carrier's `data.toml`; do not edit it here. An
adapter declares the same to the gateway, which forecasts by it what becomes of a wish, item by item.
"""
CHANNELS = {"sms": "SMS", "hotline": "hotline agent", "app": "official account or app", "hall": "business hall"}
FACTS: dict[str, Callable[[CarrierData], str]] = {
    "texts go to": lambda data: data.service_code,
    "agents answer at": lambda data: data.agents,
    "enforced by": lambda data: data.capabilities.enforcement,
    "in effect": lambda data: _write_delay(data.capabilities.effect_delay_s),
    "media": lambda data: ", ".join(data.capabilities.media),
    "SMS code": lambda data: ", ".join(f"`{code}`" for code in _list_codes(data)) or "none",
    "account": lambda data: data.account.name if data.account is not None else "none",
    "opens in the account": lambda data: data.account.opening.value if data.account is not None else "no account",
}


def write_page() -> str:
    """Write the page: channels, facts, items."""
    heads = [f"{data.name_en} ({data.id})" for data in CARRIERS]
    channels = [
        [f"{name} (`{key}`)", *("yes" if key in data.capabilities.channels else "does not exist" for data in CARRIERS)]
        for key, name in CHANNELS.items()
    ]
    facts = [[name, *map(read, CARRIERS)] for name, read in FACTS.items()]
    kinds = dict.fromkeys(item.kind for data in CARRIERS for item in data.capabilities.items)
    items = [[f"`{kind}`", *(_write_item(data, kind) for data in CARRIERS)] for kind in kinds]
    tables = (("Channels", channels), ("Facts", facts), ("Items", items))
    return HEAD + "".join(f"\n## {title}\n\n{_write_table(['', *heads], rows)}" for title, rows in tables)


def _write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write_delay(seconds: int) -> str:
    return f"within {seconds // 3600} h" if seconds else "at once"


def _list_codes(data: CarrierData) -> Sequence[str]:
    """The texts that open, where the carrier declares the channel."""
    commands = data.sms.commands if data.sms is not None and "sms" in data.capabilities.channels else ()
    return [text for command in commands if command.verb == "open" for text in command.texts]


def _write_item(data: CarrierData, kind: str) -> str:
    item = next((item for item in data.capabilities.items if item.kind == kind), None)
    if item is None:
        return "unsupported"
    return ", ".join(filter(None, [item.effect, f"cap {item.cap}" if item.cap else "", item.limitation]))


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
