"""What must hold for any bytes that reach the InterBOSS codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second an option of it, the rest is what a peer sent.
"""

from collections.abc import Callable, Iterator

from adapters.wire import interboss
from adapters.wire.answer import Result
from adapters.wire.interboss import InterbossError, Route
from adapters.wire.interboss_order import parse_answer, parse_order, write_answer, write_order
from adapters.wire.multipart import parse_form, write_form
from tests.wire.order_samples import ANSWER, BOUNDARY, HEAD, NUMBER, ORDER

MAX_BYTES = 65536
TYPE, BODY = interboss.write_request(HEAD, ORDER, BOUNDARY)


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1], data[2:])


def check_form(option: int, body: bytes) -> None:
    """Only InterbossError escapes; the parts of a form, written again, are cut the same."""
    try:
        parts = parse_form(TYPE, body, ("xmlhead", "xmlbody"), MAX_BYTES, InterbossError)
    except InterbossError as error:
        assert NUMBER not in str(error)  # noqa: PT017
        return
    assert all(content in body for content in parts.values())
    again = write_form(parts, "another-boundary", InterbossError)
    assert parse_form(*again, ("xmlhead", "xmlbody"), MAX_BYTES, InterbossError) == parts


def check_content_type(option: int, data: bytes) -> None:
    """A content type is a header's text; whatever it says, the form is cut or refused."""
    try:
        interboss.open_envelope(data.decode("latin-1"), BODY)
    except InterbossError:
        return


def check_head(option: int, document: bytes) -> None:
    """A head that was read survives writing."""
    try:
        form = write_form({"xmlhead": document, "xmlbody": b""}, BOUNDARY, InterbossError)
        head = interboss.open_envelope(*form).head
    except InterbossError:
        return
    number = head.route_value if head.route is Route.NUMBER else NUMBER
    order = parse_order(write_order(ORDER, InterbossError).replace(NUMBER, number).encode(), MAX_BYTES, InterbossError)
    assert interboss.open_envelope(*interboss.write_request(head, order, BOUNDARY)).head == head


def check_order(option: int, document: bytes) -> None:
    """An order that was read survives writing."""
    try:
        order = parse_order(document, MAX_BYTES, InterbossError)
    except InterbossError as error:
        assert NUMBER not in str(error)  # noqa: PT017
        return
    assert parse_order(write_order(order, InterbossError).encode(), MAX_BYTES, InterbossError) == order


def check_answer(option: int, document: bytes) -> None:
    """An answer that was read survives writing."""
    try:
        answer = parse_answer(document, Result.DONE, MAX_BYTES, InterbossError)
    except InterbossError:
        return
    written = write_answer(answer, InterbossError).encode()
    assert parse_answer(written, Result.DONE, MAX_BYTES, InterbossError) == answer


def check_envelope(option: int, body: bytes) -> None:
    """From the first byte to the order or the refusal."""
    try:
        interboss.read_order(interboss.open_envelope(TYPE, body))
    except InterbossError:
        return


CHECKS: tuple[Callable[[int, bytes], None], ...] = (
    check_form,
    check_content_type,
    check_head,
    check_order,
    check_answer,
    check_envelope,
)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check."""
    head = BODY.split(b"\r\n\r\n")[1].partition(b"\r\n")[0]
    data = {
        check_form: BODY,
        check_content_type: TYPE.encode(),
        check_head: head,
        check_order: write_order(ORDER, InterbossError).encode(),
        check_answer: write_answer(ANSWER, InterbossError).encode(),
        check_envelope: BODY,
    }
    for check_it, content in data.items():
        yield check_it.__name__, bytes((CHECKS.index(check_it), 0)) + content
