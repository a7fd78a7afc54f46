"""China Standard Time in digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.chinatime import format_millis, format_seconds, parse_digits


def test_format_when_time_is_known_then_is_that_of_china() -> None:
    assert format_millis(1_517_196_575_477) == "20180129112935477"
    assert format_seconds(1_517_196_575_999) == "20180129112935"
    assert parse_digits("19700101080000") == 0


@given(st.integers(0, 253_402_271_999_999))
def test_parse_when_time_was_formatted_then_gives_it_back(unix_ms: int) -> None:
    assert parse_digits(format_millis(unix_ms)) == unix_ms
    assert parse_digits(format_seconds(unix_ms)) == unix_ms - unix_ms % 1000


@pytest.mark.parametrize(
    "text",
    ["", "2018", "20180129", "20181301000000", "20180229000000", "20180129240000", "２０１８０１２９１１２９３５"],
)
def test_parse_when_text_is_no_time_then_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_digits(text)
