"""Why the registry refuses: one list of reasons, named as in ``optout.v1.ErrorReason``."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason for a refusal. Values are the wire names without their prefix; a test keeps the two lists equal."""

    INVALID_NUMBER = "INVALID_NUMBER"
    NOT_A_SUBSCRIBER = "NOT_A_SUBSCRIBER"
    INVALID_MEDIUM = "INVALID_MEDIUM"
    MEDIUM_NOT_OFFERED = "MEDIUM_NOT_OFFERED"
    INVALID_CHANNEL = "INVALID_CHANNEL"
    MISSING_FIELD = "MISSING_FIELD"
    INVALID_FIELD = "INVALID_FIELD"
    UNKNOWN_CATEGORY = "UNKNOWN_CATEGORY"
    INVALID_SEGMENT = "INVALID_SEGMENT"
    INVALID_QUIET_HOURS = "INVALID_QUIET_HOURS"
    LIST_FULL = "LIST_FULL"
    NOT_REFUSABLE = "NOT_REFUSABLE"
    NOT_OPEN = "NOT_OPEN"
    NOTHING_PENDING = "NOTHING_PENDING"
    CONFIRMATION_EXPIRED = "CONFIRMATION_EXPIRED"
    PROOF_REQUIRED = "PROOF_REQUIRED"
    MANDATE_REQUIRED = "MANDATE_REQUIRED"
    RESTRICTED = "RESTRICTED"
    NOTHING_TO_UNDO = "NOTHING_TO_UNDO"
    NOT_GUARDIAN = "NOT_GUARDIAN"
    UNKNOWN_PRESET = "UNKNOWN_PRESET"
    GUARDIAN_LIMIT = "GUARDIAN_LIMIT"
    WARD_NOT_ASKABLE = "WARD_NOT_ASKABLE"
    NOT_SERVED = "NOT_SERVED"
    WRONG_CARRIER = "WRONG_CARRIER"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    UNKNOWN_PARTY = "UNKNOWN_PARTY"
    CERTIFICATE_DENIED = "CERTIFICATE_DENIED"
    NUMBER_FROZEN = "NUMBER_FROZEN"
    CLAIM_CONTESTED = "CLAIM_CONTESTED"
    ID_REUSED = "ID_REUSED"
    NOT_FOUND = "NOT_FOUND"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"  # noqa: S105 - a reason, not a secret
    REVISION_OUT_OF_RANGE = "REVISION_OUT_OF_RANGE"
    EVENT_CONFLICT = "EVENT_CONFLICT"
    LINE_CONFLICT = "LINE_CONFLICT"
    SECOND_SIGNER_REQUIRED = "SECOND_SIGNER_REQUIRED"
    INVALID_POLICY = "INVALID_POLICY"
    OVERLOADED = "OVERLOADED"
    DRAINING = "DRAINING"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    COMMIT_UNKNOWN = "COMMIT_UNKNOWN"
    NOT_OFFERED = "NOT_OFFERED"
    INTERNAL = "INTERNAL"
    LINK_DOWN = "LINK_DOWN"
    CARRIER_REFUSED = "CARRIER_REFUSED"
    UNKNOWN_TEMPLATE = "UNKNOWN_TEMPLATE"
    LOG_READ_ONLY = "LOG_READ_ONLY"
    NOT_PUBLISHED = "NOT_PUBLISHED"
    CASE_REQUIRED = "CASE_REQUIRED"
    ERASED = "ERASED"


class RefusedError(Exception):
    """A request that cannot be carried out as it stands.

    ``field`` names the offending field of the request where there is one. The text never holds personal data.
    """

    def __init__(self, reason: Reason, detail: str = "", *, field: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
        self.field = field
