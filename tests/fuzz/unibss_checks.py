"""What must hold for any bytes that reach the UNI_BSS codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the rest is what a peer sent.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from adapters.wire import unibss
from adapters.wire.unibss import UniBssError
from tests.wire.order_samples import ANSWER, API, NUMBER, ORDER, SECRET, UNIBSS_HEAD

TYPE, BODY = unibss.write_request(UNIBSS_HEAD, ORDER, SECRET, API)
REQUEST = unibss.open_request(TYPE, BODY)
_, REPLY = unibss.write_response(REQUEST, ANSWER, resp_desc="成功", timestamp=UNIBSS_HEAD.timestamp, api=API)


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1:])


def check_request(body: bytes) -> None:
    """Only UniBssError escapes, without the number; what was read survives writing."""
    try:
        request = unibss.open_request(TYPE, body)
        order = unibss.read_order(request, API)
    except UniBssError as error:
        assert NUMBER not in str(error)  # noqa: PT017
        return
    again = unibss.open_request(*unibss.write_signed(request.head, order, API))
    assert again.head == request.head
    assert unibss.read_order(again, API) == order


def check_token(body: bytes) -> None:
    """No head passes that says something else than what was signed, in the fields it is known by."""
    try:
        request = unibss.open_request(TYPE, body)
        unibss.check_token(request, SECRET, unibss.read_timestamp(UNIBSS_HEAD.timestamp), 10**15)
    except UniBssError:
        return
    assert replace(request.head, token="") == UNIBSS_HEAD


def check_content_type(data: bytes) -> None:
    """A content type is a header's text; whatever it says, the body is read or refused."""
    try:
        unibss.open_request(data.decode("latin-1"), BODY)
    except UniBssError:
        return


def check_reply(body: bytes) -> None:
    """A reply that was read survives writing."""
    try:
        head, answer, said = unibss.read_response(TYPE, body, API)
    except UniBssError:
        return
    named = replace(REQUEST, head=unibss.Head(app_id=head.app_id, timestamp=head.timestamp, trans_id=head.trans_id))
    written = unibss.write_response(named, answer, resp_desc=said, timestamp=head.timestamp, api=API)
    again, answer_again, said_again = unibss.read_response(*written, API)
    assert (answer_again, said_again, again.trans_id) == (answer, said, head.trans_id)


CHECKS: tuple[Callable[[bytes], None], ...] = (check_request, check_token, check_content_type, check_reply)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check."""
    for check_it, content in zip(CHECKS, (BODY, BODY, TYPE.encode(), REPLY), strict=True):
        yield check_it.__name__, bytes((CHECKS.index(check_it),)) + content
