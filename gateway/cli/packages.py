"""Whose ``adapters`` is installed here: ours, or the unrelated package of that name (ADR-0001)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path


class ForeignPackageError(Exception):
    """Another package named ``adapters`` is installed where ours should be, or over it."""

    reason = "FOREIGN_ADAPTERS"


def check_adapters_is_ours() -> None:
    """Raise `ForeignPackageError` unless ``import adapters`` gives ours, whole. Call it before that import.

    Ours stands beside ``gateway``. A foreign one may hide it from another folder; installed into the same folder, it
    overwrites files of ours, and then only its distribution's name tells.
    """
    try:
        foreign = importlib.metadata.version("adapters")
    except importlib.metadata.PackageNotFoundError:
        foreign = ""
    if foreign or _folder_of("adapters") != _folder_of("gateway"):
        raise ForeignPackageError(
            f"{ForeignPackageError.reason}: another package named adapters {foreign or 'comes first'} "
            "in this environment; install optout-gateway into an environment of its own"
        )


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).resolve().parents[1] if spec and spec.origin else None
