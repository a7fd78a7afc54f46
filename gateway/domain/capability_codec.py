"""A carrier's declaration as a plain map, for the log's openings: see `gateway.domain.codec`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.capability import VOICE_ALONE, Capabilities, Enforcement, ItemCapability
from gateway.domain.instruction import Channel, ExpectedEffect, ItemKind
from gateway.domain.preferences import Medium

Map = dict[str, Any]


def write_capabilities(declared: Capabilities) -> Map:
    """A declaration as a map; what has no order of its own is sorted."""
    told: Map = {
        "enforcement": declared.enforcement.value,
        "effect_delay_s": declared.effect_delay_s,
        "channels": sorted(channel.value for channel in declared.channels),
        "templates": sorted(declared.templates),
        "items": {kind.value: list(map(_write_item, known)) for kind, known in declared.items.items()},
    }
    if declared.media != VOICE_ALONE:
        told["media"] = sorted(medium.value for medium in declared.media)
    return {"carrier": declared.carrier, "version": declared.version, "declared": told}


def read_capabilities(data: Mapping[str, Any]) -> Capabilities:
    """A declaration from its map."""
    declared = data["declared"]
    return Capabilities(
        data["carrier"],
        data["version"],
        Enforcement(declared["enforcement"]),
        {ItemKind(kind): tuple(map(_read_item, known)) for kind, known in declared["items"].items()},
        frozenset(map(Channel, declared["channels"])),
        frozenset(declared["templates"]),
        declared["effect_delay_s"],
        frozenset(map(Medium, declared["media"])) if "media" in declared else VOICE_ALONE,
    )


def _write_item(capability: ItemCapability) -> Map:
    return {
        "effect": capability.effect.value,
        "values": sorted(capability.values),
        "limitation": capability.limitation,
        "cap": capability.cap,
    }


def _read_item(data: Mapping[str, Any]) -> ItemCapability:
    return ItemCapability(ExpectedEffect(data["effect"]), frozenset(data["values"]), data["limitation"], data["cap"])
