"""The fake carrier's history and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from adapters.simulators.faults import FaultPlan
from adapters.simulators.spelling import spell_number
from optout.v1 import carrier_pb2, errors_pb2, registry_pb2, types_pb2


class Method(Enum):
    """A call between the gateway and the carrier."""

    GET_CAPABILITIES = "get_capabilities"
    APPLY = "apply"
    NOTIFY = "notify"
    SUBMIT = "submit"
    REPORT_DELIVERY = "report_delivery"
    REPORT_APPLIED = "report_applied"


STRUCK_METHODS = (Method.GET_CAPABILITIES, Method.APPLY, Method.NOTIFY)
"""What faults can strike: the calls the gateway makes."""

Request = (
    carrier_pb2.GetCapabilitiesRequest
    | carrier_pb2.ApplyRequest
    | carrier_pb2.NotifyRequest
    | types_pb2.Instruction
    | registry_pb2.ReportDeliveryRequest
    | registry_pb2.ReportAppliedRequest
)


@dataclass(frozen=True, slots=True)
class CarrierFault:
    """What goes wrong with a call; see `FaultPlan` for when, and for the two bits. `method` None strikes any.

    Unheard: UNAVAILABLE, or with `silent` no answer ever. Refused (not applied, heard): `reason`, of which LINK_DOWN
    and OVERLOADED may be retried. `template` narrows it to notices of one template. Raises `ValueError` for a method
    that the gateway does not call.
    """

    plan: FaultPlan
    method: Method | None = None
    reason: errors_pb2.ErrorReason.ValueType = errors_pb2.ERROR_REASON_CARRIER_REFUSED
    template: str = ""
    silent: bool = False

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in STRUCK_METHODS:
            raise ValueError("faults strike the calls that the gateway makes")


@dataclass(frozen=True, slots=True)
class CarrierEntry:
    """One call. `request` holds numbers and stays out of the `repr`; `code` is the gRPC status, 0 for OK."""

    index: int
    time: datetime
    method: Method
    request: Request = field(repr=False)
    applied: bool = True
    heard: bool = True
    replayed: bool = False
    fault: str = ""
    code: int = 0
    reason: str = ""
    violations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CarrierFilter:
    """Chooses entries: one has to fit every field that is set. `id` is the notice's, order's or report's."""

    method: Method | None = None
    number: str = field(default="", repr=False)
    template: str = ""
    id: str = ""
    after_index: int = 0
    applied: bool = False
    violating: bool = False

    def fits(self, entry: CarrierEntry) -> bool:
        """Tell whether the entry is one of those wanted."""
        return (
            entry.index > self.after_index
            and self.method in (None, entry.method)
            and (not self.number or spell_number(self.number) == number_of(entry.request))
            and self.template in ("", getattr(entry.request, "template", ""))
            and self.id in ("", id_of(entry.request))
            and (entry.applied or not self.applied)
            and (bool(entry.violations) or not self.violating)
        )


def number_of(request: Request) -> str:
    """Return the subscriber a call is about; empty if it names none."""
    match request:
        case carrier_pb2.ApplyRequest():
            return request.subscription.number
        case carrier_pb2.NotifyRequest() | types_pb2.Instruction() | registry_pb2.ReportAppliedRequest():
            return request.number
        case _:
            return ""


def id_of(request: Request) -> str:
    """Return the id a call is idempotent by; empty if it has none."""
    match request:
        case carrier_pb2.ApplyRequest():
            return request.order_id
        case carrier_pb2.NotifyRequest():
            return request.notice_id
        case types_pb2.Instruction():
            return request.instruction_id
        case registry_pb2.ReportDeliveryRequest() | registry_pb2.ReportAppliedRequest():
            return request.report_id
        case _:
            return ""
