"""Forms cut strictly: what other clients write is read, and what two readers might cut differently is refused."""

import email
from email.policy import HTTP
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.interboss import InterbossError
from adapters.wire.multipart import parse_form, write_form

NAMES = ("xmlhead", "xmlbody")
TYPE = "multipart/form-data; boundary=b0"
PART = b'--b0\r\nContent-Disposition: form-data; name="xmlhead"\r\n\r\nHEAD\r\n'
OTHER = PART.replace(b"xmlhead", b"xmlbody").replace(b"HEAD", b"BODY")
END = b"--b0--\r\n"
GOOD = PART + OTHER + END
PARTS = {"xmlhead": b"HEAD", "xmlbody": b"BODY"}


def parse(content_type: str, body: bytes, max_bytes: int = 4096) -> dict[str, bytes]:
    return parse_form(content_type, body, NAMES, max_bytes, InterbossError)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_parse_when_form_was_written_here_then_gives_its_parts(head: bytes, body: bytes) -> None:
    parts = {"xmlhead": head, "xmlbody": body}
    assert parse(*write_form(parts, "b'()+_,-./:=? 0", InterbossError)) == parts


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (TYPE, GOOD),
        (TYPE, OTHER + PART + END),
        (TYPE, GOOD.removesuffix(b"\r\n")),
        ('Multipart/Form-Data; charset=UTF-8; boundary="b0"', GOOD),
        (TYPE, GOOD.replace(b"\r\n\r\nHEAD", b"\r\nContent-Type: text/xml; charset=utf-8\r\n\r\nHEAD")),
        (TYPE, GOOD.replace(b"\r\n\r\nHEAD", b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHEAD")),
        (TYPE, GOOD.replace(b"\r\n\r\nHEAD", b"\r\nContent-Length: 4\r\n\r\nHEAD")),
        (TYPE, GOOD.replace(b'"xmlhead"', b'xmlhead; filename="xmlhead.xml"')),
        (TYPE, GOOD.replace(b"Content-Disposition: ", b"content-disposition:")),
    ],
)
def test_parse_when_clients_write_it_their_way_then_reads_it(content_type: str, body: bytes) -> None:
    assert parse(content_type, body) == PARTS


async def test_parse_when_aiohttp_wrote_the_form_then_reads_it() -> None:
    with aiohttp.MultipartWriter("form-data", boundary="7d9f0c1b2a") as writer:
        for name, content in PARTS.items():
            writer.append(content, {"Content-Type": "text/xml"}).set_content_disposition("form-data", name=name)
        sent = bytearray()

        class Sink:
            async def write(self, chunk: bytes) -> None:
                sent.extend(chunk)

        sink: Any = Sink()
        await writer.write(sink)
    assert parse(writer.content_type, bytes(sent)) == PARTS


def test_write_when_the_standard_library_reads_the_form_then_finds_the_parts() -> None:
    content_type, body = write_form(PARTS, "7d9f0c1b2a", InterbossError)
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    assert message.defects == []
    parts = {part.get_param("name", header="content-disposition"): part.get_payload() for part in message.iter_parts()}
    assert parts == {"xmlhead": "HEAD", "xmlbody": "BODY"}


def swap(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PART + END, "missing_part"),
        (OTHER + END, "missing_part"),
        (PART + PART + OTHER + END, "duplicate_part"),
        (PART + OTHER + OTHER + END, "duplicate_part"),
        (PART + OTHER + PART.replace(b"xmlhead", b"xmlfoot") + END, "unexpected_part"),
        (swap(b"xmlhead", b"XmlHead"), "unexpected_part"),
        (swap(b"xmlhead", b"xml%68ead"), "unexpected_part"),
        (b"", "malformed_multipart"),
        (END, "malformed_multipart"),
        (b"--b0\r\n--b0--\r\n", "malformed_multipart"),
        (b"preamble\r\n" + GOOD, "malformed_multipart"),
        (b"\r\n" + GOOD, "malformed_multipart"),
        (GOOD + b"epilogue", "malformed_multipart"),
        (GOOD + b"\r\n", "malformed_multipart"),
        (GOOD + GOOD, "malformed_multipart"),
        (PART + OTHER, "malformed_multipart"),
        (GOOD.replace(b"\r\n", b"\n"), "malformed_multipart"),
        (swap(b"--b0\r\n", b"--b0 \r\n"), "malformed_multipart"),
        (swap(b"HEAD\r\n--b0\r\n", b"HEAD\r\n--b0x\r\n"), "malformed_multipart"),
        (swap(b"HEAD", b"A\r\n--b0--\r\nB"), "malformed_multipart"),
        (swap(b"HEAD", b"A\r\n--b0 \r\nB"), "malformed_multipart"),
        (swap(b"--b0\r\n", b"--b0\r\n--b0\r\n"), "malformed_multipart"),
        (swap(b"\r\n\r\nHEAD", b"\r\nHEAD"), "malformed_multipart"),
        (swap(b"Content-Disposition", b"Content Disposition"), "malformed_multipart"),
        (swap(b"Content-Disposition: form-data;", b"Content-Disposition: form-data;\r\n"), "malformed_multipart"),
        (swap(b"form-data;", b"attachment;"), "malformed_multipart"),
        (swap(b'name="xmlhead"', b'filename="xmlhead"'), "malformed_multipart"),
        (swap(b'name="xmlhead"', b'name="xmlhead"; name="xmlbody"'), "malformed_multipart"),
        (swap(b'name="xmlhead"', b"name=\"xmlhead\"; name*=utf-8''xmlbody"), "malformed_multipart"),
        (swap(b'name="xmlhead"', b'name="xml\\"head"'), "malformed_multipart"),
        (swap(b'name="xmlhead"', b'name="xmlhead'), "malformed_multipart"),
        (swap(b'name="xmlhead"', 'name="头"'.encode()), "malformed_multipart"),
        (swap(b"Content-Disposition", b"X-Long: " + b"x" * 1024 + b"\r\nContent-Disposition"), "malformed_multipart"),
        (
            swap(b"Content-Disposition", b"Content-Disposition: form-data; name=a\r\ncontent-disposition"),
            "malformed_multipart",
        ),
        (swap(b"\r\n\r\nHEAD", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nHEAD"), "unsupported_encoding"),
        (swap(b"\r\n\r\nHEAD", b"\r\nContent-Type: text/xml; charset=GBK\r\n\r\nHEAD"), "wrong_charset"),
        (GOOD + b"x" * 4096, "too_large"),
    ],
)
def test_parse_when_form_is_malformed_then_names_why(body: bytes, reason: str) -> None:
    with pytest.raises(InterbossError) as refused:
        parse(TYPE, body)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("", "not_multipart"),
        ("text/xml", "not_multipart"),
        ("multipart/mixed; boundary=b0", "not_multipart"),
        ("multipart/form-data", "not_multipart"),
        ('multipart/form-data; boundary=""', "not_multipart"),
        ('multipart/form-data; boundary="b0 "', "not_multipart"),
        (f"multipart/form-data; boundary={'b' * 71}", "not_multipart"),
        ("multipart/form-data; boundary=b0; boundary=b1", "malformed_multipart"),
        ("multipart/form-data; boundary=b0; Boundary=b1", "malformed_multipart"),
        ("multipart/form-data; boundary=b0;", "malformed_multipart"),
        ("multipart/form-data; boundary=(b0)", "malformed_multipart"),
        ('multipart/form-data; boundary="b0', "malformed_multipart"),
        ("multipart/form-data; boundary=b1", "malformed_multipart"),
    ],
)
def test_parse_when_content_type_is_no_form_then_names_why(content_type: str, reason: str) -> None:
    with pytest.raises(InterbossError) as refused:
        parse(content_type, GOOD)
    assert refused.value.reason == reason


@pytest.mark.parametrize("boundary", ["", "b" * 71, "b\r\n", 'b"', "边界"])
def test_write_when_boundary_is_none_then_refuses(boundary: str) -> None:
    with pytest.raises(InterbossError, match="not_multipart"):
        write_form(PARTS, boundary, InterbossError)


def test_write_when_content_holds_the_boundary_then_refuses() -> None:
    with pytest.raises(InterbossError, match="boundary_in_content"):
        write_form({"xmlhead": b"x\r\n--b0--"}, "b0", InterbossError)
