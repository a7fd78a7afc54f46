"""XML as carriers' envelopes use it: one small UTF-8 document, read without its dangers, and written safely.

Every function takes the error its caller raises, so that one reading serves several envelopes. Reasons:

=======================  ==========================================================
``too_large``            more bytes than allowed; nothing was parsed
``wrong_charset``        not UTF-8, or declared to be something else
``dtd_forbidden``        a DOCTYPE: the way of entity bombs and external entities
``not_xml``              not well-formed
``unexpected_element``   an element where only text may be, or one nobody knows
``unexpected_text``      text where only elements may be
``text_not_xml``         a character that no XML document can hold (when writing)
=======================  ==========================================================
"""

import codecs
import re
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from adapters.wire.errors import WireError

_ENCODING = re.compile(r"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")
_UTF8_NAMES = {"utf-8", "utf8"}
# XML 1.0, 2.2: the characters a document may hold.
_XML_TEXT = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def parse_document(data: bytes, max_bytes: int, error: type[WireError]) -> Element:
    """Parse one document of at most ``max_bytes``, refusing any DOCTYPE.

    Raises ``error``: ``too_large``, ``wrong_charset``, ``dtd_forbidden``, ``not_xml``.
    """
    if len(data) > max_bytes:
        raise error("too_large")
    text = _decode(data, error)
    try:
        # Given text instead of bytes, expat cannot be talked into another encoding by the declaration.
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise error("dtd_forbidden") from None
    except ParseError:
        raise error("not_xml") from None


def _decode(data: bytes, error: type[WireError]) -> str:
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise error("wrong_charset") from None
    declared = _ENCODING.match(text)
    if declared and declared[1].lower() not in _UTF8_NAMES:
        raise error("wrong_charset")
    return text


def read_text(element: Element, error: type[WireError]) -> str:
    """Return the text of an element without children; raises ``unexpected_element``."""
    if len(element):
        raise error("unexpected_element")
    return element.text or ""


def check_only_elements(element: Element, error: type[WireError]) -> None:
    """Refuse with ``unexpected_text`` anything but white space between an element's children."""
    texts = [element.text, *(child.tail for child in element)]
    if any(text and text.strip(" \t\r\n") for text in texts):
        raise error("unexpected_text")


def check_text(text: str, error: type[WireError], field: str = "") -> str:
    """Return the text if XML can hold it; raises ``text_not_xml``."""
    if not _XML_TEXT.fullmatch(text):
        raise error("text_not_xml", field)
    return text


def wrap_cdata(text: str) -> str:
    """Write text as CDATA: an end mark inside is split in two, a carriage return kept as a reference."""
    inner = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    return f"<![CDATA[{inner}]]>"
