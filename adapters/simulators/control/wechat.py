"""`optout.sim.v1.WechatService` on a `WechatSimulator`."""

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
from adapters.simulators.wechat import (
    Entry,
    EntryFilter,
    Happening,
    Operation,
    WechatFault,
    WechatSimulator,
)
from optout.sim.v1 import wechat_pb2 as pb
from optout.sim.v1 import wechat_pb2_grpc

SERVICE = pb.DESCRIPTOR.services_by_name["WechatService"].full_name
_MAX_XML_BYTES = 64 * 1024


class WechatControl(wechat_pb2_grpc.WechatServiceServicer):
    """Every method is one of the simulator's."""

    def __init__(self, simulator: WechatSimulator) -> None:
        self._simulator = simulator

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        wechat_pb2_grpc.add_WechatServiceServicer_to_server(self, server)

    async def Act(self, request: pb.WechatServiceActRequest, context: Context) -> pb.WechatServiceActResponse:
        """Have a user do something."""
        before = 0
        async with translate_errors(context):
            before = self._act(request)
        return pb.WechatServiceActResponse(after_index=before)

    async def ListHistory(
        self, request: pb.WechatServiceListHistoryRequest, context: Context
    ) -> pb.WechatServiceListHistoryResponse:
        """List what happened."""
        entries = self._simulator.find(_read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return pb.WechatServiceListHistoryResponse(
            entries=map(_write_entry, entries), last_index=self._simulator.last_index
        )

    async def WaitFor(
        self, request: pb.WechatServiceWaitForRequest, context: Context
    ) -> pb.WechatServiceWaitForResponse:
        """Wait until something has happened."""
        timeout_s = choose_timeout_s(request.timeout, context)
        entries: list[Entry] = []
        async with translate_errors(context):
            entries = await self._simulator.wait_for(
                _read_filter(request.filter), count=request.count or 1, timeout_s=timeout_s
            )
        return pb.WechatServiceWaitForResponse(
            entries=map(_write_entry, entries), last_index=self._simulator.last_index
        )

    async def SetFaults(
        self, request: pb.WechatServiceSetFaultsRequest, context: Context
    ) -> pb.WechatServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            replaced = self._simulator.set_faults(*map(_read_fault, request.faults))
        return pb.WechatServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def SetVisitor(
        self, request: pb.WechatServiceSetVisitorRequest, context: Context
    ) -> pb.WechatServiceSetVisitorResponse:
        """Choose who a browser is."""
        self._simulator.set_visitor(request.openid)
        return pb.WechatServiceSetVisitorResponse()

    async def Reset(self, request: pb.WechatServiceResetRequest, context: Context) -> pb.WechatServiceResetResponse:
        """Forget."""
        self._simulator.reset()
        return pb.WechatServiceResetResponse()

    async def GetState(
        self, request: pb.WechatServiceGetStateRequest, context: Context
    ) -> pb.WechatServiceGetStateResponse:
        """Say how things stand."""
        simulator = self._simulator
        return pb.WechatServiceGetStateResponse(
            violations=[pb.WechatViolation(index=index, rule=rule) for index, rule in simulator.violations],
            faults=write_statuses(simulator.faults),
            last_index=simulator.last_index,
            port=simulator.port,
            tokens=simulator.tokens,
        )

    def _act(self, request: pb.WechatServiceActRequest) -> int:
        simulator, openid, age_s = self._simulator, request.openid, read_seconds(request.age)
        match request.WhichOneof("action"):
            case "text":
                return simulator.say(openid, request.text, request.msg_id, age_s)
            case "click":
                return simulator.click(openid, request.click, age_s)
            case "view":
                return simulator.view(openid, request.view, age_s)
            case "subscribe":
                return simulator.subscribe(openid, request.subscribe, age_s)
            case "unsubscribe":
                return simulator.unsubscribe(openid, age_s)
            case "xml" if len(request.xml) <= _MAX_XML_BYTES:
                return simulator.send_raw(openid, request.xml, age_s)
            case _:
                raise ValueError("one action is required, and XML has at most 64 KiB")


def _read_filter(message: pb.WechatFilter) -> EntryFilter:
    happening = read_enum(Happening, pb.WechatEvent.Name(message.event), "WECHAT_EVENT_")
    return EntryFilter(happening, message.openid, message.text_contains, message.detail, message.after_index)


def _read_fault(message: pb.WechatFault) -> WechatFault:
    operation = read_enum(Operation, pb.WechatOperation.Name(message.operation), "WECHAT_OPERATION_")
    if operation is None:
        raise ValueError("operation is required")
    return WechatFault(operation, read_plan(message.plan), message.errcode, message.http_status, message.garbage)


def _write_entry(entry: Entry) -> pb.WechatEntry:
    return pb.WechatEntry(
        index=entry.index,
        time=write_time(entry.time),
        event=pb.WechatEvent.Value(f"WECHAT_EVENT_{entry.happening.name}"),
        openid=entry.openid,
        text=entry.text,
        detail=entry.detail,
        status=entry.status,
        attempt=entry.attempt,
        violation=entry.violation,
        callback=entry.callback,
    )
