"""XML documents as tables: each element's path, attribute and kind stands once, for reading and for writing.

The counterpart of ``fields`` for carriers' envelopes. A kind turns an element's text into a value and back; what
it refuses is reported under the element's path, never with its content. An optional element that is absent or
empty yields its default, and a default is not written. Reasons besides those of ``markup``:

=======================  ==============================================
``missing_element``      a required element is absent
``duplicate_element``    an element that stands once stands twice
``malformed_element``    a text that is not of the element's kind
``too_many_elements``    a repeated element stands too often
=======================  ==============================================
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from adapters.wire.chinatime import parse_digits
from adapters.wire.errors import WireError
from adapters.wire.markup import check_only_elements, check_text, read_text

REQUIRED: Final = object()


class Kind(ABC):
    """What an element's text means. Both ways raise ``ValueError`` for what is not of the kind."""

    @abstractmethod
    def read(self, text: str) -> Any:
        """Turn text into a value."""

    def write(self, value: Any) -> str:
        """Turn a value into text, refusing what could not be read back."""
        text = str(value)
        self.read(text)
        return text


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Text of a form, kept as it is."""

    form: re.Pattern[str]

    def read(self, text: str) -> str:
        """Demand the form of the whole text."""
        if not self.form.fullmatch(text):
            raise ValueError("not of its form")
        return text


@dataclass(frozen=True, slots=True)
class Digits(Kind):
    """A decimal number without sign or leading zeros, of at most ``most`` digits."""

    most: int

    def read(self, text: str) -> int:
        """Demand plain ASCII digits."""
        if not re.fullmatch(r"0|[1-9][0-9]*", text) or len(text) > self.most:
            raise ValueError("not a number")
        return int(text)


@dataclass(frozen=True, slots=True)
class Time(Kind):
    """A time that exists, China Standard Time, kept as its 14 digits."""

    def read(self, text: str) -> str:
        """Demand ``yyyyMMddHHmmss``."""
        if len(text) != 14:
            raise ValueError("not 14 digits")
        parse_digits(text)
        return text


@dataclass(frozen=True, slots=True)
class Code(Kind):
    """One of a table of codes, each with its own meaning."""

    meanings: Mapping[str, Any]

    def read(self, text: str) -> Any:
        """Look the code up."""
        if text not in self.meanings:
            raise ValueError("not a code")
        return self.meanings[text]

    def write(self, value: Any) -> str:
        """Find the code of a meaning."""
        for code, meaning in self.meanings.items():
            if meaning == value:
                return code
        raise ValueError("no code for it")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row: the attribute, its element (a path such as ``TransInfo/TransIDO``), and what its text means.

    With ``most`` above 1 the element repeats and the attribute is a tuple.
    """

    name: str
    path: str
    kind: Kind
    default: Any = REQUIRED
    most: int = 1

    def read(self, root: Element, error: type[WireError]) -> Any:
        """Return the value below ``root``."""
        found = root.findall(self.path)
        texts = [text for element in found if (text := read_text(element, error)) or self.default is REQUIRED]
        if self.most > 1:
            if len(texts) > self.most:
                raise error("too_many_elements", self.path)
            return tuple(self._interpret(text, error) for text in texts)
        if len(found) > 1:
            raise error("duplicate_element", self.path)
        if texts:
            return self._interpret(texts[0], error)
        if self.default is REQUIRED:
            raise error("missing_element", self.path)
        return self.default

    def _interpret(self, text: str, error: type[WireError]) -> Any:
        try:
            return self.kind.read(text)
        except ValueError:
            raise error("malformed_element", self.path) from None

    def write(self, value: Any, error: type[WireError]) -> list[str]:
        """Return the texts of the elements to write."""
        if self.most > 1 and len(value) > self.most:
            raise error("too_many_elements", self.path)
        values = value if self.most > 1 else () if value == self.default else (value,)
        return [check_text(self._phrase(one, error), error, self.path) for one in values]

    def _phrase(self, value: Any, error: type[WireError]) -> str:
        try:
            return self.kind.write(value)
        except ValueError:
            raise error("malformed_element", self.path) from None


Table = tuple[Leaf, ...]


def read_table(root: Element, table: Table, error: type[WireError], *, strict: bool = False) -> dict[str, Any]:
    """Return the values by attribute. With ``strict`` an element that no row names is refused.

    Raises ``error``: ``missing_element``, ``duplicate_element``, ``malformed_element``, ``too_many_elements``,
    ``unexpected_element``, ``unexpected_text``.
    """
    groups = dict.fromkeys(path for leaf in table for path in _groups_of(leaf.path))
    check_only_elements(root, error)
    for path in groups:
        found = root.findall(path)
        if len(found) > 1:
            raise error("duplicate_element", path)
        for group in found:
            check_only_elements(group, error)
    known = {leaf.path.partition("/")[0] for leaf in table}
    if strict and any(child.tag not in known for child in root):
        raise error("unexpected_element")
    return {leaf.name: leaf.read(root, error) for leaf in table}


def build_table(root: Element, table: Table, values: object, error: type[WireError]) -> None:
    """Append to ``root`` the elements of an object whose attributes bear the table's names, in its order.

    Raises ``error``: ``malformed_element``, ``too_many_elements``, ``text_not_xml``.
    """
    for leaf in table:
        for text in leaf.write(getattr(values, leaf.name), error):
            parent = root
            *above, tag = leaf.path.split("/")
            for group in above:
                known = parent.find(group)
                parent = SubElement(parent, group) if known is None else known
            SubElement(parent, tag).text = text


def find_only(parent: Element, tag: str, error: type[WireError]) -> Element:
    """Return the one child of that name; raises ``error``: ``missing_element``, ``duplicate_element``."""
    found = parent.findall(tag)
    if not found:
        raise error("missing_element", tag)
    if len(found) > 1:
        raise error("duplicate_element", tag)
    return found[0]


def serialize(root: Element, *, declaration: bool = True) -> str:
    """Write a built tree as text, with the declaration of UTF-8 in front unless told otherwise."""
    # A raw carriage return would be read back as a line feed (XML 1.0, 2.11).
    body = tostring(root, encoding="unicode", short_empty_elements=False).replace("\r", "&#13;")
    return f'<?xml version="1.0" encoding="UTF-8"?>{body}' if declaration else body


def _groups_of(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
