"""The business inside InterBOSS: ``OrderReq`` and ``OrderRsp`` as documents of their own (``dialect`` has the rows)."""

from adapters.wire.answer import Answer, Result
from adapters.wire.dialect import STANDARD, Dialect
from adapters.wire.elements import serialize
from adapters.wire.errors import WireError
from adapters.wire.markup import parse_document
from adapters.wire.order import Order


def parse_order(document: bytes, max_bytes: int, error: type[WireError], dialect: Dialect = STANDARD) -> Order:
    """Read an ``OrderReq``; raises ``error`` with the reasons of ``markup``, ``elements`` and ``check_order``."""
    return dialect.read_order(parse_document(document, max_bytes, error), error)


def write_order(order: Order, error: type[WireError], dialect: Dialect = STANDARD) -> str:
    """Write an ``OrderReq``; raises ``error`` for what could not be read back."""
    return serialize(dialect.build_order(order, error))


def parse_answer(
    document: bytes, result: Result, max_bytes: int, error: type[WireError], dialect: Dialect = STANDARD
) -> Answer:
    """Read an ``OrderRsp`` beside the result that the head holds; raises ``error`` as ``parse_order``."""
    return dialect.read_answer(parse_document(document, max_bytes, error), result, error)


def write_answer(answer: Answer, error: type[WireError], dialect: Dialect = STANDARD) -> str:
    """Write an ``OrderRsp``; raises ``error`` for what could not be read back."""
    return serialize(dialect.build_answer(answer, error))
