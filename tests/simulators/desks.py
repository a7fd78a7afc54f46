"""An adapter that answers a CRM as it is told, in the CRM's own envelope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from adapters.simulators.crm import CrmSettings, CrmSimulator, EnvelopeKind
from adapters.transport.http import HttpFace
from adapters.wire import contractroot, interboss, unibss
from adapters.wire.answer import Answer, Result
from adapters.wire.order import Desk, Order, Verb

SOURCE, SECRET = "CRM1", "shared-by-both"
ORDER = Order(verb=Verb.OPEN, number="13800138000", desk=Desk.HOTLINE, booked_by="agent-4711", mandate="M")
OPENED = Answer(result=Result.DONE, state="open", state_text="已开通")
LATER = Answer(result=Result.UNAVAILABLE)
API = CrmSettings("", EnvelopeKind.UNIBSS, SOURCE).api_name


@dataclass
class FakeDesk:
    """Answers with what `answers` has, one by one, then the last one again; `reword` may spoil the body on its way."""

    kind: EnvelopeKind
    answers: list[Answer] = field(default_factory=lambda: [OPENED])
    status: int = 200
    sentence: str = "办理成功"
    reword: Callable[[bytes], bytes] = bytes
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        content_type = request.headers["Content-Type"]
        self.requests.append((content_type, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        reply_type, reply = self.write(content_type, body, answer)
        return web.Response(status=self.status, body=self.reword(reply), headers={"Content-Type": reply_type})

    def write(self, content_type: str, body: bytes, answer: Answer) -> tuple[str, bytes]:
        if self.kind is EnvelopeKind.INTERBOSS:
            head = interboss.open_envelope(content_type, body).head
            said = {"trans_id_h": "H1", "trans_id_h_time": "20261124100001", "boundary": "boundary"}
            return interboss.write_response(head, answer, rsp_desc=self.sentence, **said)
        if self.kind is EnvelopeKind.UNIBSS:
            request = unibss.open_request(content_type, body)
            said = {"timestamp": "2026-11-24 10:00:00 123", "api": API}
            return unibss.write_response(request, answer, resp_desc=self.sentence, **said)
        opened = contractroot.open_request(content_type, body)
        return contractroot.write_response(opened, answer, rsp_desc=self.sentence, rsp_time="20261124100001")


@asynccontextmanager
async def crm_at(desk: FakeDesk, **settings: object) -> AsyncIterator[CrmSimulator]:
    face = HttpFace("127.0.0.1:0", [web.post("/orders", desk.serve)])
    address = await face.start()
    fields = {"retry_s": 0.01, "attempts": 3, "timeout_s": 30.0} | settings
    crm = CrmSimulator(CrmSettings(f"http://{address}/orders", desk.kind, SOURCE, SECRET, **fields))  # type: ignore[arg-type]
    await crm.start()
    try:
        yield crm
    finally:
        await crm.stop()
        await face.stop()
