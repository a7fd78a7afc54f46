"""Number events and claims, wire ↔ domain."""

from __future__ import annotations

from gateway.api.fields import invalid, missing, read_number, read_text, read_time, require_id, write_time
from gateway.api.mapping_enums import NUMBER_EVENT_KIND
from gateway.api.mapping_instruction import MAX_PARTY_CHARS
from gateway.domain.number_life import NumberEvent
from gateway.service.claims import Contest
from gateway.service.views import ClaimView
from optout.kit.number import parse_subscriber
from optout.kit.redact import find_numbers
from optout.v1 import number_pb2

MAX_GROUND_CHARS = 200


def read_event(message: number_pb2.NumberEvent, field: str = "event") -> NumberEvent:
    """Read one event, checking every field; who reports it is not in it. Raises RefusedError."""
    event_id = require_id(message.event_id, f"{field}.event_id")
    kind = NUMBER_EVENT_KIND.decode(message.kind)
    if kind is None:
        raise invalid(f"{field}.kind", "missing or unknown")
    if not message.HasField("effective_time"):
        raise missing(f"{field}.effective_time")
    return NumberEvent(
        event_id,
        kind,
        read_number(message.number, f"{field}.number", parse_subscriber),
        read_time(message.effective_time, f"{field}.effective_time"),
        counterpart=read_text(message.counterpart, f"{field}.counterpart", MAX_PARTY_CHARS),
    )


def read_contest(message: number_pb2.ContestClaimRequest) -> Contest:
    """Read one contest, checking every field. Raises RefusedError."""
    ground = read_text(message.ground, "ground", MAX_GROUND_CHARS)
    if find_numbers(ground):
        raise invalid("ground", "holds a number")
    return Contest(
        require_id(message.request_id, "request_id"),
        "",
        read_number(message.number, "number", parse_subscriber),
        message.revision,
        ground,
    )


def write_claim(claim: ClaimView) -> number_pb2.ProvisionalClaim:
    """One claim."""
    return number_pb2.ProvisionalClaim(
        number=claim.number,
        claimant=claim.claimant,
        prefix_carrier=claim.prefix_carrier,
        claim_time=write_time(claim.claim_ms),
        revision=claim.revision,
        contested=claim.contested,
    )
