"""CAMARA NumberVerification r3.2 (v2.1.0): the clean contract for learning the number of a SIM from a token.

``GET …/number-verification/v2/device-phone-number`` under a three-legged access token that is used once. Source:
camaraproject/NumberVerification, ``number-verification.yaml``. Both sides are here: the asker's, and the simulator's.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from adapters.wire.errors import WireError
from adapters.wire.flatjson import load_object

PHONE_PATH: Final = "/number-verification/v2/device-phone-number"
CORRELATOR: Final = "x-correlator"
MAX_BODY_BYTES: Final = 16 * 1024
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_CODE = re.compile(r"[A-Z0-9_.]{1,80}")


class CamaraError(WireError):
    """An answer that cannot be used: ``too_large``, ``not_json``, ``malformed_field``, ``wrong_correlator``."""


@dataclass(frozen=True, slots=True)
class PhoneAnswer:
    """A number in E.164, or the code of an error, with its HTTP status."""

    status: int
    code: str = ""
    phone_number: str = field(default="", repr=False)


def encode_phone(number: str) -> bytes:
    """Write the answer that names the number."""
    return json.dumps({"devicePhoneNumber": number}).encode()


def encode_error(status: int, code: str, message: str) -> bytes:
    """Write an error as all CAMARA interfaces do."""
    return json.dumps({"status": status, "code": code, "message": message}).encode()


def decode_answer(status: int, body: bytes) -> PhoneAnswer:
    """Read an answer of any status below 500. Raises ``CamaraError``."""
    fields = load_object(body, MAX_BODY_BYTES, CamaraError)
    name, form = ("devicePhoneNumber", _E164) if status == 200 else ("code", _CODE)
    value = fields.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise CamaraError("malformed_field", name)
    return PhoneAnswer(status, phone_number=value) if status == 200 else PhoneAnswer(status, code=value)
