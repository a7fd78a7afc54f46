"""The one error of the wire room."""


class WireError(ValueError):
    """Bytes that are not what the specification allows, or values that it has no room for.

    ``reason`` is a stable snake_case code, ``field`` the table name of the field concerned (may be empty).
    Neither ever holds content, so the error may be logged as it is.

    Reasons:
        ``length_out_of_bounds``  the frame's length field is below the header or above the limit
        ``length_mismatch``       the frame's length field is not the number of bytes given
        ``truncated_header``      fewer bytes than a header
        ``truncated_body``        the body ends inside a field
        ``trailing_bytes``        bytes are left after the last field
        ``content_past_end``      the content length runs past the end of the frame
        ``count_out_of_bounds``   a repeat count outside what the specification allows
        ``unknown_command``       a command id the protocol does not define (only where one is required)
        ``field_too_long``        a value longer than its field
        ``wrong_width``           octets that must fill their field and do not
        ``field_out_of_bounds``   a number that does not fit its field
        ``field_not_text``        a string that is not latin-1, or holds a NUL
        ``report_length``         a status report that is in none of the known layouts
        ``report_without_stat``   a status report that does not say what became of the message
        ``text_not_encodable``    a text the chosen encoding cannot carry
        ``text_too_long``         a text that needs more segments than a message may have
        ``reference_out_of_bounds`` a long-message reference wider than its header element
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{reason}: {field}" if field else reason)
        self.reason = reason
        self.field = field
