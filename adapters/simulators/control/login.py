"""`optout.sim.v1.LoginService` on a `LoginSimulator`."""

# The methods bear the contract's names.
# ruff: noqa: N802

from __future__ import annotations

import grpc

from adapters.simulators.control.mapping import (
    DEFAULT_LIMIT,
    Context,
    choose_timeout_s,
    read_enum,
    read_plan,
    read_seconds,
    translate_errors,
    write_statuses,
    write_time,
)
from adapters.simulators.login import Entry, EntryFilter, Happening, LoginFault, LoginSimulator
from optout.sim.v1 import login_pb2 as pb
from optout.sim.v1 import login_pb2_grpc

SERVICE = pb.DESCRIPTOR.services_by_name["LoginService"].full_name


class LoginControl(login_pb2_grpc.LoginServiceServicer):
    """Every method is one of the simulator's."""

    def __init__(self, simulator: LoginSimulator) -> None:
        self._simulator = simulator

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        login_pb2_grpc.add_LoginServiceServicer_to_server(self, server)

    async def IssueToken(
        self, request: pb.LoginServiceIssueTokenRequest, context: Context
    ) -> pb.LoginServiceIssueTokenResponse:
        """Issue a token."""
        token = ""
        async with translate_errors(context):
            token = self._simulator.issue_token(
                request.carrier, request.app_id, request.number, read_seconds(request.life)
            )
        return pb.LoginServiceIssueTokenResponse(token=token)

    async def ListHistory(
        self, request: pb.LoginServiceListHistoryRequest, context: Context
    ) -> pb.LoginServiceListHistoryResponse:
        """List what happened."""
        entries = self._simulator.find(_read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return pb.LoginServiceListHistoryResponse(
            entries=map(_write_entry, entries), last_index=self._simulator.last_index
        )

    async def WaitFor(self, request: pb.LoginServiceWaitForRequest, context: Context) -> pb.LoginServiceWaitForResponse:
        """Wait until something has happened."""
        timeout_s = choose_timeout_s(request.timeout, context)
        entries: list[Entry] = []
        async with translate_errors(context):
            entries = await self._simulator.wait_for(
                _read_filter(request.filter), count=request.count or 1, timeout_s=timeout_s
            )
        return pb.LoginServiceWaitForResponse(entries=map(_write_entry, entries), last_index=self._simulator.last_index)

    async def SetFaults(
        self, request: pb.LoginServiceSetFaultsRequest, context: Context
    ) -> pb.LoginServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            replaced = self._simulator.set_faults(*map(_read_fault, request.faults))
        return pb.LoginServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def Reset(self, request: pb.LoginServiceResetRequest, context: Context) -> pb.LoginServiceResetResponse:
        """Forget."""
        self._simulator.reset()
        return pb.LoginServiceResetResponse()

    async def GetState(
        self, request: pb.LoginServiceGetStateRequest, context: Context
    ) -> pb.LoginServiceGetStateResponse:
        """Say how things stand."""
        simulator = self._simulator
        return pb.LoginServiceGetStateResponse(
            violations=[pb.LoginViolation(index=index, rule=rule) for index, rule in simulator.violations],
            faults=write_statuses(simulator.faults),
            last_index=simulator.last_index,
            port=simulator.port,
            good_tokens=simulator.good_tokens,
        )


def _read_filter(message: pb.LoginFilter) -> EntryFilter:
    happening = read_enum(Happening, pb.LoginEvent.Name(message.event), "LOGIN_EVENT_")
    return EntryFilter(happening, message.carrier, message.code, message.after_index)


def _read_fault(message: pb.LoginFault) -> LoginFault:
    return LoginFault(
        read_plan(message.plan), message.code, message.http_status, message.garbage, message.table_spelling
    )


def _write_entry(entry: Entry) -> pb.LoginEntry:
    return pb.LoginEntry(
        index=entry.index,
        time=write_time(entry.time),
        event=pb.LoginEvent.Value(f"LOGIN_EVENT_{entry.happening.name}"),
        carrier=entry.carrier,
        number=entry.number,
        code=entry.code,
        detail=entry.detail,
        violation=entry.violation,
    )
