"""What must hold for any bytes that reach the ContractRoot codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second the format, the rest is what a peer sent.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from adapters.wire import contractroot
from adapters.wire.chinatime import parse_digits
from adapters.wire.contractroot import ContractRootError, Format
from tests.wire.order_samples import ANSWER, CONTRACT_HEAD, NUMBER, ORDER, SECRET

FORMATS = tuple(Format)
REQUESTS = {form: contractroot.write_request(CONTRACT_HEAD, ORDER, SECRET, form) for form in FORMATS}
REPLIES = {
    form: contractroot.write_response(
        contractroot.open_request(*pair), ANSWER, rsp_desc="成功", rsp_time="20261124100001"
    )
    for form, pair in REQUESTS.items()
}


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](FORMATS[data[1] % len(FORMATS)], data[2:])


def check_request(form: Format, body: bytes) -> None:
    """Only ContractRootError escapes, without the number; what was read survives writing, in either format."""
    try:
        request = contractroot.open_request(REQUESTS[form][0], body)
        order = contractroot.read_order(request)
    except ContractRootError as error:
        assert NUMBER not in str(error)  # noqa: PT017
        return
    for written in FORMATS:
        again = contractroot.open_request(*contractroot.write_signed(request.head, order, written))
        assert again.head == request.head
        assert contractroot.read_order(again) == order


def check_sign(form: Format, body: bytes) -> None:
    """Nothing passes for signed that says something else than what was signed."""
    try:
        request = contractroot.open_request(REQUESTS[form][0], body)
        order = contractroot.read_order(request)
        contractroot.check_sign(request.head, order, SECRET, parse_digits(CONTRACT_HEAD.req_time), 10**15)
    except ContractRootError:
        return
    assert replace(request.head, src_sys_sign="") == CONTRACT_HEAD
    assert order == ORDER


def check_content_type(form: Format, data: bytes) -> None:
    """A content type is a header's text; whatever it says, the body is read or refused."""
    try:
        contractroot.open_request(data.decode("latin-1"), REQUESTS[form][1])
    except ContractRootError:
        return


def check_reply(form: Format, body: bytes) -> None:
    """A reply that was read survives writing."""
    try:
        head, answer = contractroot.read_response(REPLIES[form][0], body)
    except ContractRootError:
        return
    request = contractroot.open_request(*REQUESTS[form])
    named = replace(request, head=replace(request.head, transaction_id=head.transaction_id))
    said = {"rsp_desc": head.response.rsp_desc, "rsp_time": head.rsp_time}
    again, answer_again = contractroot.read_response(*contractroot.write_response(named, answer, **said))
    assert answer_again == answer
    assert (again.transaction_id, again.rsp_time) == (head.transaction_id, head.rsp_time)


CHECKS: tuple[Callable[[Format, bytes], None], ...] = (check_request, check_sign, check_content_type, check_reply)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check and format."""
    for place, form in enumerate(FORMATS):
        content_type, body = REQUESTS[form]
        contents = (body, body, content_type.encode(), REPLIES[form][1])
        for check_it, content in zip(CHECKS, contents, strict=True):
            yield f"{check_it.__name__}_{form}", bytes((CHECKS.index(check_it), place)) + content
