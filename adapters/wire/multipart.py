"""``multipart/form-data`` with a few named text parts, read strictly (RFC 7578, RFC 2046 5.1.1).

Two machines that cut one body differently are a way around whatever the first one checked, so what the grammar
leaves to taste is refused: preambles, epilogues, folded or repeated headers, names said twice or encoded, parts
nobody asked for, parts that come twice. Reasons:

============================  ================================================================
``too_large``                 the body has more bytes than allowed
``not_multipart``             another content type, or a boundary outside RFC 2046
``malformed_multipart``       delimiters, line ends or headers that are not of the grammar
``missing_part``              a part that is required is absent
``duplicate_part``            a part stands twice
``unexpected_part``           a part nobody asked for
``unsupported_encoding``      a transfer encoding that changes bytes (base64, quoted-printable)
``wrong_charset``             a part declared to be something other than UTF-8
``boundary_in_content``       a boundary that its content holds (when writing)
============================  ================================================================
"""

import re
from collections.abc import Mapping

from adapters.wire.errors import WireError

_WORD = r"[0-9A-Za-z!#$%&'*+.^_`|~-]+"
_VALUE = rf'(?:{_WORD}|"[^"\\\r\n]*")'
_PARAMETERS = re.compile(rf";[ \t]*({_WORD})=({_VALUE})[ \t]*")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_HEADER = re.compile(rf"({_WORD}):[ \t]*([\t\x20-\x7e]*)")
_UNCHANGED = {"7bit", "8bit", "binary"}
_MAX_HEADER_BYTES = 1024


def parse_form(
    content_type: str, body: bytes, names: tuple[str, ...], max_bytes: int, error: type[WireError]
) -> dict[str, bytes]:
    """Return the content of each part in ``names``, all of them required and no other allowed.

    Raises ``error`` with any reason listed above but the last.
    """
    if len(body) > max_bytes:
        raise error("too_large")
    parts: dict[str, bytes] = {}
    for head, content in _cut(body, _read_boundary(content_type, error), error):
        name = _read_head(head, error)
        if name not in names:
            raise error("unexpected_part")
        if name in parts:
            raise error("duplicate_part", name)
        parts[name] = content
    for name in names:
        if name not in parts:
            raise error("missing_part", name)
    return parts


def write_form(parts: Mapping[str, bytes], boundary: str, error: type[WireError]) -> tuple[str, bytes]:
    """Write parts of XML in UTF-8; return the Content-Type and the body.

    ``boundary`` is random and the caller's to choose. Raises ``error``: ``not_multipart``, ``boundary_in_content``.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise error("not_multipart")
    delimiter = b"--" + boundary.encode()
    if any(delimiter in content for content in parts.values()):
        raise error("boundary_in_content")
    body = b"".join(
        delimiter
        + f'\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        + b"Content-Type: text/xml; charset=UTF-8\r\n\r\n"
        + content
        + b"\r\n"
        for name, content in parts.items()
    )
    return f'multipart/form-data; boundary="{boundary}"', body + delimiter + b"--\r\n"


def read_parameters(value: str, error: type[WireError]) -> tuple[str, dict[str, str]]:
    """Split a header such as ``form-data; name="x"`` into its lower-case main value and its parameters.

    Raises ``error``: ``malformed_multipart``.
    """
    main, semicolon, rest = value.partition(";")
    rest = semicolon + rest
    found = list(_PARAMETERS.finditer(rest))
    if "".join(match[0] for match in found) != rest:
        raise error("malformed_multipart")
    parameters = {match[1].lower(): match[2].strip('"') for match in found}
    if len(parameters) != len(found):
        raise error("malformed_multipart")
    return main.strip(" \t").lower(), parameters


def _read_boundary(content_type: str, error: type[WireError]) -> bytes:
    main, parameters = read_parameters(content_type, error)
    boundary = parameters.get("boundary", "")
    if main != "multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise error("not_multipart")
    return boundary.encode()


def _cut(body: bytes, boundary: bytes, error: type[WireError]) -> list[tuple[bytes, bytes]]:
    """Cut a body into the heads and contents of its parts."""
    delimiter = b"--" + boundary
    first, end = delimiter + b"\r\n", b"\r\n" + delimiter + b"--"
    inner = body.removesuffix(b"\r\n")
    if not inner.startswith(first) or not inner.endswith(end):
        raise error("malformed_multipart")
    pieces = inner[len(first) : -len(end)].split(b"\r\n" + first)
    if any(b"\r\n" + delimiter in piece or piece.startswith(delimiter) for piece in pieces):
        raise error("malformed_multipart")
    cut = [piece.partition(b"\r\n\r\n") for piece in pieces]
    if not all(blank for _, blank, _ in cut):
        raise error("malformed_multipart")
    return [(head, content) for head, _, content in cut]


def _read_head(head: bytes, error: type[WireError]) -> str:
    """Return the name of a part, after checking that its bytes mean what they are."""
    headers: dict[str, str] = {}
    for line in _decode_head(head, error).split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise error("malformed_multipart")
        headers[match[1].lower()] = match[2].strip(" \t")
    if headers.get("content-transfer-encoding", "8bit").lower() not in _UNCHANGED:
        raise error("unsupported_encoding")
    _, content_type = read_parameters(headers.get("content-type", "text/plain"), error)
    if content_type.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise error("wrong_charset")
    disposition, parameters = read_parameters(headers.get("content-disposition", ""), error)
    if disposition != "form-data" or "name" not in parameters or "name*" in parameters:
        raise error("malformed_multipart")
    return parameters["name"]


def _decode_head(head: bytes, error: type[WireError]) -> str:
    if len(head) > _MAX_HEADER_BYTES or not head.isascii():
        raise error("malformed_multipart")
    return head.decode()
