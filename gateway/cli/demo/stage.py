"""The stage: a gateway, three carriers' adapters and the systems behind each, on loopback, over mTLS.

Everything is what an operator would run; only the folder is temporary, and the carriers' systems are simulators.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import grpc
from google.protobuf.duration_pb2 import Duration

from adapters.carrier.base import find_carrier
from adapters.carrier.process import run_adapter
from adapters.carrier.settings import AdapterConfig
from adapters.simulators.account_process import LoginSimConfig, WechatConfig, run_login, run_wechat
from adapters.simulators.crm_process import CrmConfig, run_crm
from adapters.simulators.process import PlatformConfig, SmscConfig, run_platform, run_smsc
from adapters.testing.browser import Page, PageBrowser
from adapters.wire.app_order import write_headers
from gateway.cli.demo.carriers import CARRIERS, DemoCarrier
from gateway.cli.demo.federation import APP_KEY, Federation, lay_out_federation
from gateway.cli.gateway_process import run_gateway
from gateway.config import GatewayConfig
from optout.kit.certificates import files_of
from optout.kit.clock import SystemClock
from optout.kit.config import load, read_secret
from optout.kit.identity import Identity, Role
from optout.kit.tls import channel_credentials, channel_options
from optout.sim.v1 import (
    crm_pb2,
    crm_pb2_grpc,
    login_pb2,
    login_pb2_grpc,
    platform_pb2_grpc,
    smsc_pb2,
    smsc_pb2_grpc,
    wechat_pb2,
    wechat_pb2_grpc,
)
from optout.v1 import (
    number_pb2_grpc,
    policy_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    screening_pb2,
    screening_pb2_grpc,
    types_pb2,
)

GATEWAY = Identity(Role.GATEWAY, "gateway")
INSTITUTE = Identity(Role.INSTITUTE, "institute")
SWITCH = Identity(Role.SCREENER, "switch")
OPERATORS = (Identity(Role.OPERATOR, "operator-a"), Identity(Role.OPERATOR, "operator-b"))

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.05

T = TypeVar("T")


class StageError(Exception):
    """Something on the stage did not come up, or what was waited for did not happen."""


class DeviationError(Exception):
    """The story did not go as told."""


def demand(condition: bool, deviation: str) -> None:
    """Fail the demo unless the condition holds."""
    if not condition:
        raise DeviationError(deviation)


@dataclass(frozen=True, slots=True)
class CarrierStage:
    """One carrier's systems, by the services that steer them; ``page_url`` is where its settings page is."""

    carrier: DemoCarrier
    smsc: smsc_pb2_grpc.SmscServiceAsyncStub
    crm: crm_pb2_grpc.CrmServiceAsyncStub
    wechat: wechat_pb2_grpc.WechatServiceAsyncStub
    page_url: str

    async def text(self, number: str, text: str) -> int:
        """Send a text from a phone to the service code; returns the history's index before it."""
        request = smsc_pb2.SmscServiceSendMoRequest(to=self.carrier.service_code, text=text)
        setattr(request, "from", number)  # a word of Python's own
        return (await self.smsc.SendMo(request, timeout=PATIENCE_S)).after_index

    async def now(self) -> int:
        """The index of the SMS gateway's history now."""
        return (await self.smsc.GetState(smsc_pb2.SmscServiceGetStateRequest(), timeout=PATIENCE_S)).last_index

    async def wait_for(
        self, event: smsc_pb2.SmscEvent.ValueType, number: str, after: int, text: str = ""
    ) -> smsc_pb2.SmscEntry:
        """The next event about a phone after an index of the history, with a piece of text. Raises StageError."""
        request = smsc_pb2.SmscServiceWaitForRequest(
            filter=smsc_pb2.SmscFilter(event=event, number=number, after_index=after, text_contains=text),
            count=1,
            timeout=Duration(seconds=int(PATIENCE_S)),
        )
        try:
            found = await self.smsc.WaitFor(request, timeout=PATIENCE_S + 1)
        except grpc.aio.AioRpcError as error:
            name = smsc_pb2.SmscEvent.Name(event)
            raise StageError(f"waited for {name} at {self.carrier.id} in vain: {error.code().name}") from None
        return found.entries[0]

    async def arrived(self, number: str, after: int, text: str) -> str:
        """The text that arrives on a phone and holds a piece of text."""
        return (await self.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, number, after, text)).text

    async def book(self, verb: str, number: str, **fields: Any) -> crm_pb2.CrmAnswer:
        """Have an agent or a clerk book an order in the carrier's CRM."""
        wanted = {"desk": "hotline", "booked_by": "agent-4711", "mandate": "CRM-ORDER/2026"} | fields
        order = crm_pb2.CrmOrder(verb=verb, number=number, **wanted)
        booked = await self.crm.Book(crm_pb2.CrmServiceBookRequest(order=order), timeout=PATIENCE_S)
        return booked.answer

    async def chat(self, user: str, text: str) -> int:
        """Have a user say something to the account; returns the history's index before it."""
        request = wechat_pb2.WechatServiceActRequest(openid=user, text=text)
        return (await self.wechat.Act(request, timeout=PATIENCE_S)).after_index

    async def heard(self, after: int, text: str) -> str:
        """The account's message that holds a piece of text, after an index."""
        request = wechat_pb2.WechatServiceWaitForRequest(
            filter=wechat_pb2.WechatFilter(after_index=after, text_contains=text),
            count=1,
            timeout=Duration(seconds=int(PATIENCE_S)),
        )
        try:
            return (await self.wechat.WaitFor(request, timeout=PATIENCE_S + 1)).entries[0].text
        except grpc.aio.AioRpcError:
            raise StageError(f"the account of {self.carrier.id} did not say what was awaited") from None

    @asynccontextmanager
    async def browser(self, user: str) -> AsyncIterator[PageBrowser]:
        """A user's browser, come from the account's menu."""
        request = wechat_pb2.WechatServiceSetVisitorRequest(openid=user)
        await self.wechat.SetVisitor(request, timeout=PATIENCE_S)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield PageBrowser(session, self.page_url)


@dataclass(frozen=True, slots=True)
class Stage:
    """A running federation, and ways to look at it."""

    folder: Path
    federation: Federation
    carriers: Mapping[str, CarrierStage]
    login: login_pb2_grpc.LoginServiceAsyncStub
    platform: platform_pb2_grpc.PlatformServiceAsyncStub
    registry: registry_pb2_grpc.RegistryServiceAsyncStub
    """As the institute: it reads everything."""
    registries: Mapping[str, registry_pb2_grpc.RegistryServiceAsyncStub]
    """By carrier: each reads its own subscribers."""
    switch: screening_pb2_grpc.ScreeningServiceAsyncStub
    """As a switch: it asks about calls."""
    numbers: Mapping[str, number_pb2_grpc.NumberServiceAsyncStub]
    """By party: each carrier, and the operator."""
    operators: tuple[policy_pb2_grpc.PolicyServiceAsyncStub, ...]
    """The two who publish rules."""

    async def find(self, number: str) -> registry_pb2.GetSubscriptionResponse:
        """What the registry holds of a number."""
        request = registry_pb2.GetSubscriptionRequest(number=number, medium=types_pb2.MEDIUM_VOICE)
        return await self.registry.GetSubscription(request, timeout=PATIENCE_S)

    async def subscription(self, number: str) -> types_pb2.Subscription:
        """The subscription of a number."""
        return (await self.find(number)).subscription

    async def screen(self, request: screening_pb2.ScreenRequest, revision: int = 0) -> screening_pb2.ScreenResponse:
        """The switch's answer about a call, found at a revision or a later one: screening follows the log."""
        return await until(
            lambda: self.switch.Screen(request, timeout=PATIENCE_S),
            lambda seen: seen.revision >= revision,
            f"screening has come to revision {revision}",
        )

    async def bind(self, place: CarrierStage, user: str, number: str, *fields: tuple[str, str]) -> Page:
        """Bind a number to a user of an account by one-tap login, in a browser of its own."""
        async with place.browser(user) as browser:
            return await self.log_in(place, browser, number, *fields)

    async def log_in(self, place: CarrierStage, browser: PageBrowser, number: str, *fields: tuple[str, str]) -> Page:
        """Bind a number to a browser's user by one-tap login, on the settings page."""
        request = login_pb2.LoginServiceIssueTokenRequest(
            carrier=place.carrier.id, app_id=place.carrier.login_app, number=number
        )
        token = (await self.login.IssueToken(request, timeout=PATIENCE_S)).token
        return await browser.submit(await browser.get(), "bind", ("token", token), *fields)

    async def book_by_app(
        self, place: CarrierStage, order: Mapping[str, Any], *, is_forged: bool = False
    ) -> tuple[int, Any]:
        """Book as the carrier's own app does, by signed JSON, or as somebody who lacks its key; status and answer."""
        body = json.dumps({"serial": uuid.uuid4().hex, **order}, ensure_ascii=False).encode()
        secret = uuid.uuid4().hex if is_forged else read_secret(self.folder / "app.secret")
        headers = write_headers(APP_KEY, secret, body, time.time_ns() // 1_000_000, uuid.uuid4().hex)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{place.page_url}/app/bookings", data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool], what: str) -> T:
    """Look until what is seen holds. Raises StageError."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(seen := await look()):  # noqa: ASYNC110 - what is looked at is another process
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise StageError(f"waited in vain until {what}") from None
    return seen


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Set everything up in a folder and run it; whatever fails in the background fails the stage.

    What the caller raises is raised again once every process has stopped as it does in service.
    """
    federation = Federation()
    lay_out_federation(folder, federation)
    stop = asyncio.Event()
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        try:
            await _start_processes(folder, tasks, stop)
            async with _open_channels(folder, federation) as stage:
                yield stage
        except Exception as error:
            failure = error
        finally:
            stop.set()
    if failure is not None:
        raise failure


async def _start_processes(folder: Path, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    """The gateway comes last, and so reaches every carrier at once; it would look again for a late one, but later."""
    await _begin(tasks, partial(run_login, load(LoginSimConfig, file=folder / "login.toml"), stop=stop))
    await _begin(tasks, partial(run_platform, load(PlatformConfig, file=folder / "platform.toml"), stop=stop))
    for name in (carrier.id for carrier in CARRIERS):
        await _begin(tasks, partial(run_smsc, load(SmscConfig, file=folder / f"smsc-{name}.toml"), stop=stop))
        await _begin(tasks, partial(run_crm, load(CrmConfig, file=folder / f"crm-{name}.toml"), stop=stop))
        await _begin(tasks, partial(run_wechat, load(WechatConfig, file=folder / f"wechat-{name}.toml"), stop=stop))
        config = load(AdapterConfig, file=folder / f"adapter-{name}.toml")
        await _begin(tasks, partial(run_adapter, find_carrier(name), config, clock=SystemClock(), stop=stop))
    await _begin(tasks, partial(run_gateway, load(GatewayConfig, file=folder / "gateway.toml"), stop=stop))


@asynccontextmanager
async def _open_channels(folder: Path, federation: Federation) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as channels:

        async def steer(port: int) -> grpc.aio.Channel:
            return await channels.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

        async def speak(party: Identity) -> grpc.aio.Channel:
            return await channels.enter_async_context(_channel(folder / "certs", party, federation.gateway_port))

        carriers = {}
        for carrier in CARRIERS:
            ports = federation.carriers[carrier.id]
            carriers[carrier.id] = CarrierStage(
                carrier,
                smsc_pb2_grpc.SmscServiceStub(await steer(ports.smsc_control)),
                crm_pb2_grpc.CrmServiceStub(await steer(ports.crm_control)),
                wechat_pb2_grpc.WechatServiceStub(await steer(ports.wechat_control)),
                f"http://127.0.0.1:{ports.account_port}",
            )
        reporters = [*(Identity(Role.CARRIER, carrier.id) for carrier in CARRIERS), OPERATORS[0]]
        yield Stage(
            folder,
            federation,
            carriers,
            login_pb2_grpc.LoginServiceStub(await steer(federation.login_control)),
            platform_pb2_grpc.PlatformServiceStub(await steer(federation.platform_control)),
            registry_pb2_grpc.RegistryServiceStub(await speak(INSTITUTE)),
            {party.party: registry_pb2_grpc.RegistryServiceStub(await speak(party)) for party in reporters[:-1]},
            screening_pb2_grpc.ScreeningServiceStub(await speak(SWITCH)),
            {party.party: number_pb2_grpc.NumberServiceStub(await speak(party)) for party in reporters},
            tuple([policy_pb2_grpc.PolicyServiceStub(await speak(party)) for party in OPERATORS]),
        )


async def _begin(tasks: asyncio.TaskGroup, run: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """Start a process and wait until it is ready."""
    up: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    task = tasks.create_task(run(ready=up.set_result))
    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
    if not up.done():
        raise StageError("a process did not come up")


def _channel(certificates: Path, party: Identity, port: int) -> grpc.aio.Channel:
    credentials = channel_credentials(files_of(certificates, party))
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, channel_options(GATEWAY))
