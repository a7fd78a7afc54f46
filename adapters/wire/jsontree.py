"""JSON as carriers' envelopes use it: the same tree that others write in XML, so that one table reads both.

An object's members are elements, an array is one element after the other, a text or a whole number is an element's
text, and null is an empty element. What a CRM has no use for is refused: fractions, booleans, arrays in arrays.
Reasons besides those of ``elements``:

=======================  ==========================================================
``too_large``            more bytes than allowed; nothing was parsed
``wrong_charset``        not UTF-8, or declared to be something else
``wrong_media_type``     not the content type that the envelope has
``not_json``             not JSON, or not an object
``too_deep``             objects nested beyond every envelope's depth
``unexpected_value``     a fraction, a boolean, or an array in an array
``duplicate_element``    a member stands twice in one object
``text_not_xml``         a text or a name with control characters, or half a character
=======================  ==========================================================
"""

import codecs
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar
from xml.etree.ElementTree import Element, SubElement

from adapters.wire.errors import WireError
from adapters.wire.markup import check_text
from adapters.wire.multipart import read_parameters

MAX_DEPTH: Final = 8
_ROOT = "json"
_Kind = TypeVar("_Kind")


def choose_media(content_type: str, known: Mapping[str, _Kind], error: type[WireError]) -> _Kind:
    """Return what ``known`` has for a Content-Type, whose charset may be UTF-8 alone.

    Raises ``error``: ``wrong_media_type``, ``wrong_charset``, ``malformed_multipart``.
    """
    main, parameters = read_parameters(content_type, error)
    if main not in known:
        raise error("wrong_media_type")
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise error("wrong_charset")
    return known[main]


def parse_tree(data: bytes, max_bytes: int, error: type[WireError]) -> Element:
    """Parse one object of at most ``max_bytes``; its members are the children of the element returned.

    Raises ``error`` with any reason listed above but ``wrong_media_type``.
    """
    if len(data) > max_bytes:
        raise error("too_large")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise error("wrong_charset") from None
    # Numbers stay text: an identifier of twenty digits must not become a float, nor a long one cost its square.
    refuse = _refusing(error)
    try:
        value = json.loads(
            text, parse_int=str, parse_float=refuse, parse_constant=refuse, object_pairs_hook=_members_with(error)
        )
    except RecursionError:
        raise error("too_deep") from None
    except json.JSONDecodeError:
        raise error("not_json") from None
    if not isinstance(value, dict):
        raise error("not_json")
    root = Element(_ROOT)
    _grow(root, value, MAX_DEPTH, error)
    return root


def write_tree(root: Element, repeated: Collection[str]) -> str:
    """Write the children of ``root`` as one object; elements named in ``repeated`` always as arrays."""
    return json.dumps(_gather(root, repeated), ensure_ascii=False, separators=(",", ":"))


def _refusing(error: type[WireError]) -> Any:
    def refuse(_: str) -> Any:
        raise error("unexpected_value")

    return refuse


def _members_with(error: type[WireError]) -> Any:
    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise error("duplicate_element")
        return members

    return collect


def _grow(parent: Element, members: Mapping[str, Any], depth: int, error: type[WireError]) -> None:
    if not depth:
        raise error("too_deep")
    for name, value in members.items():
        for one in value if isinstance(value, list) else [value]:
            child = SubElement(parent, check_text(name, error))
            if isinstance(one, dict):
                _grow(child, one, depth - 1, error)
            elif isinstance(one, str):
                child.text = check_text(one, error)
            elif one is not None:
                raise error("unexpected_value")


def _gather(element: Element, repeated: Collection[str]) -> Any:
    if not len(element):
        return element.text or ""
    members: dict[str, Any] = {}
    for child in element:
        value = _gather(child, repeated)
        if child.tag in repeated:
            members.setdefault(child.tag, []).append(value)
        else:
            members[child.tag] = value
    return members
