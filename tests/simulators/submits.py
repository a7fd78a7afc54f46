"""SUBMITs for tests: one that breaks no rule, and variations of it."""

from dataclasses import replace
from typing import Any

from adapters.testing import SP_ID
from adapters.wire.cmpp import Submit

SUBSCRIBER = "13800138000"
OTHER_SUBSCRIBER = "13900139000"

_GOOD = Submit(
    1,
    registered_delivery=1,
    service_id="REFUSE",
    msg_src=SP_ID,
    fee_type="01",
    fee_code="0",
    src_id="10086",
    dest_terminal_ids=(SUBSCRIBER,),
    msg_content=b"Refused.",
)


def make_submit(sequence: int = 1, **changes: Any) -> Submit:
    """A SUBMIT without fault, changed."""
    return replace(_GOOD, sequence=sequence, **changes)
