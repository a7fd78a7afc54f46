"""Searching files for what must not be in them: a number in every spelling, its plain hashes, and secrets as bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path


def spell(national: str) -> dict[str, bytes]:
    """The spellings in which systems write a number of eleven digits, and what everybody could compute from it."""
    spellings: dict[str, bytes] = {}
    for name, digits in (("national", national), ("international", f"86{national}")):
        spellings[f"{name}, ASCII"] = digits.encode()
        for code in ("utf-16-be", "utf-16-le"):
            spellings[f"{name}, {code}"] = digits.encode(code)
        for pad in "0f":
            whole = digits + pad * (len(digits) % 2)
            spellings[f"{name}, digit pairs padded with {pad}"] = bytes.fromhex(whole)
            swapped = "".join(whole[at + 1] + whole[at] for at in range(0, len(whole), 2))
            spellings[f"{name}, semi-octets padded with {pad}"] = bytes.fromhex(swapped)
    spellings["grouped"] = f"{national[:3]} {national[3:7]} {national[7:]}".encode()
    for form in (national, f"86{national}", f"+86{national}"):
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, form.encode()).digest()
            spellings |= spell_bytes(f"{algorithm} of {len(form)} characters", digest)
    return spellings


def spell_bytes(name: str, value: bytes) -> dict[str, bytes]:
    """A value as bytes, in hex, and in base64 at each of the three places where it can begin."""
    found = {name: value, f"{name}, hex": value.hex().encode(), f"{name}, HEX": value.hex().upper().encode()}
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + value)
        # What depends on the neighbours is left out.
        found[f"{name}, base64 at {shift}"] = text[-(-shift * 8 // 6) : len(text) - 4]
    return found


def search(folder: Path, wanted: dict[str, bytes]) -> list[tuple[str, str]]:
    """What is found: in which file, and as what."""
    return [(path.name, name) for path, data in _read(folder) for name, value in wanted.items() if value in data]


def search_for(folder: Path, values: Iterable[bytes]) -> list[str]:
    """The files that hold any of these values as they are."""
    values = tuple(values)
    return [path.name for path, data in _read(folder) if any(value in data for value in values)]


def _read(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
