"""`optout.sim.v1.FakeCarrierService`: messages to the fake carrier's values and back."""

from __future__ import annotations

import grpc

from adapters.simulators.control.mapping import read_enum, read_plan, write_time
from adapters.simulators.fake_carrier.entries import CarrierEntry, CarrierFault, CarrierFilter, Method
from adapters.simulators.fake_carrier.errors import read_error
from optout.sim.v1 import fake_carrier_pb2 as pb
from optout.v1 import carrier_pb2, errors_pb2, registry_pb2, types_pb2

_PREFIX = "CARRIER_METHOD_"


def read_fault(message: pb.CarrierFault) -> CarrierFault:
    """Read a fault; raise `ValueError` for one that makes no sense."""
    return CarrierFault(
        plan=read_plan(message.plan),
        method=_read_method(message.method),
        reason=message.reason or errors_pb2.ERROR_REASON_CARRIER_REFUSED,
        template=message.template,
        silent=message.silent,
    )


def read_filter(message: pb.CarrierFilter) -> CarrierFilter:
    """Read which entries are wanted."""
    return CarrierFilter(
        method=_read_method(message.method),
        number=message.number,
        template=message.template,
        id=message.id,
        after_index=message.after_index,
        applied=message.applied,
        violating=message.violating,
    )


def write_entry(entry: CarrierEntry) -> pb.CarrierEntry:
    """Write one call."""
    message = pb.CarrierEntry(
        index=entry.index,
        time=write_time(entry.time),
        method=pb.CarrierMethod.Value(_PREFIX + entry.method.name),
        applied=entry.applied,
        heard=entry.heard,
        replayed=entry.replayed,
        fault=entry.fault,
        code=entry.code,
        reason=entry.reason,
        violations=entry.violations,
    )
    match entry.request:
        case carrier_pb2.ApplyRequest():
            message.apply.CopyFrom(entry.request)
        case carrier_pb2.NotifyRequest():
            message.notify.CopyFrom(entry.request)
        case types_pb2.Instruction():
            message.instruction.CopyFrom(entry.request)
        case registry_pb2.ReportDeliveryRequest():
            message.delivery.CopyFrom(entry.request)
        case registry_pb2.ReportAppliedRequest():
            message.applied_report.CopyFrom(entry.request)
    return message


def write_error(error: grpc.aio.AioRpcError) -> pb.CallError:
    """Write why the gateway failed a call."""
    code, info = read_error(error)
    return pb.CallError(code=code, reason=info.reason, metadata=dict(info.metadata))


def _read_method(value: pb.CarrierMethod.ValueType) -> Method | None:
    return read_enum(Method, pb.CarrierMethod.Name(value), _PREFIX)
