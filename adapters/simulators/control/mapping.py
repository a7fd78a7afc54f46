"""What all control services share: faults' plans, times, waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.simulators.faults import FaultPlan, FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, WaitError
from optout.sim.v1 import fault_pb2

DEFAULT_LIMIT = 1000
Context = grpc.aio.ServicerContext[Any, Any]

_En = TypeVar("_En", bound=Enum)


def read_plan(message: fault_pb2.FaultPlan) -> FaultPlan:
    """Read a plan; raise `ValueError` for one that makes no sense."""
    return FaultPlan(
        name=message.name,
        applied=message.applied if message.HasField("applied") else True,
        heard=message.heard if message.HasField("heard") else True,
        delay_s=read_seconds(message.delay),
        skip=message.skip,
        count=message.count,
        probability=message.probability if message.HasField("probability") else 1.0,
        seed=message.seed,
        number=message.number,
    )


def write_statuses(statuses: list[FaultStatus]) -> list[fault_pb2.FaultStatus]:
    """Write how faults fared."""
    return [
        fault_pb2.FaultStatus(name=status.name, struck=status.struck, used_up=status.used_up) for status in statuses
    ]


def read_seconds(duration: Duration) -> float:
    """Read a duration; absent is 0."""
    return duration.ToTimedelta().total_seconds()


def write_time(time: datetime) -> Timestamp:
    """Write an instant."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def read_enum(kind: type[_En], name: str, prefix: str) -> _En | None:
    """Read an enum value by name; None for UNSPECIFIED, which `kind` lacks."""
    return kind.__members__.get(name.removeprefix(prefix))


def choose_timeout_s(timeout: Duration, context: Context) -> float:
    """Return how long to wait: what the request says, else what the call has left, else the default."""
    seconds = read_seconds(timeout)
    remaining = context.time_remaining()
    if seconds <= 0:
        return DEFAULT_WAIT_S if remaining is None else remaining
    return seconds if remaining is None else min(seconds, remaining)


@asynccontextmanager
async def translate_errors(context: Context) -> AsyncIterator[None]:
    """Answer INVALID_ARGUMENT for a `ValueError`, DEADLINE_EXCEEDED for a `WaitError`; their texts hold no number."""
    try:
        yield
    except WaitError as error:
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, str(error))
    except ValueError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
