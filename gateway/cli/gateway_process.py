"""The gateway as one process: store, services, gRPC and HTTP edges, dispatch, and housekeeping."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from gateway.api.carrier_client import CarrierLink, GrpcCarrier
from gateway.api.counting import listen
from gateway.api.identity import known_party
from gateway.api.server import GatewayServer, ServerSettings, Services, build_server
from gateway.cli.log_process import LogHouse, open_log
from gateway.cli.policy_source import read_policy_of
from gateway.config import Engine, GatewayConfig
from gateway.service.adoption import open_rules, read_book
from gateway.service.applied import AppliedBook
from gateway.service.audit import AuditService
from gateway.service.books import PolicyBook
from gateway.service.declarations import recall_declarations
from gateway.service.dispatch import CarrierCallError, CarrierDispatcher, CarrierPort
from gateway.service.eraser import Eraser
from gateway.service.interceptions import InterceptionBook
from gateway.service.numbers import NumberService
from gateway.service.operations import OperationsService
from gateway.service.operator_keys import read_operator_keys
from gateway.service.policy import PolicyService
from gateway.service.reconcile import Overdue, Reconciler
from gateway.service.record import Recorder
from gateway.service.registrar import Registrar
from gateway.service.registry import RegistryService
from gateway.service.retention import DAY_MS, KeptDays, Retention, keep_house
from gateway.service.screening import ScreeningService
from gateway.service.summaries import Summarised
from gateway.service.timers import Timers
from gateway.store.base import KeyStore, Store, StoreError, StoreLimits
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.secret_files import Secrets, read_secrets
from gateway.store.sqlite import SqliteStore
from gateway.store.vault import Vault
from gateway.telemetry import Telemetry
from gateway.web.app import make_app
from gateway.web.readiness import Readiness
from optout.kit.clock import Clock, SystemClock
from optout.kit.tls import TlsFiles

log = logging.getLogger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]

FIRST_ANSWER_S = 1.0
"""How long a start waits for what carriers can do."""


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Where a running gateway listens on its host; ``http`` is None if it serves none."""

    grpc: int
    http: int | None


async def run_gateway(
    config: GatewayConfig,
    *,
    stop: asyncio.Event,
    ready: Callable[[GatewayPorts], None] = lambda _: None,
    clock: Clock | None = None,
) -> None:
    """Run until ``stop`` is set, then drain.

    Raises what keeps it from starting: ConfigError, StoreError, RefusedError (INVALID_POLICY, or
    LOG_READ_ONLY of an empty registry whose log is known elsewhere), TlsError, ListenError.
    A background task that fails ends the process with its error: nothing goes on half alive.
    """
    clock = clock or SystemClock()
    async with _open_house(config, clock) as house, asyncio.TaskGroup() as tasks:
        await house.server.start()
        workers = [tasks.create_task(_outlive_the_store(work, clock)) for work in house.work]
        async with _serve_http(config, house.app) as http_port:
            log.info("gateway up", extra={"port": house.server.port, "policy": house.policies.current.version})
            ready(GatewayPorts(house.server.port, http_port))
            await _stopped_or_failed(stop, workers)
            await house.server.drain(config.grpc.drain_s)
        for worker in workers:
            worker.cancel()


async def _outlive_the_store(work: Work, clock: Clock) -> None:
    """Begin again after the store was out of reach; any other failure is one of the program, and goes on up."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreError),
        wait=wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5),
        sleep=clock.sleep,
        before_sleep=_note_outage,
    )
    await retrying(work)


def _note_outage(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.error("store out of reach", extra={"reason": getattr(error, "reason", "")})


async def _stopped_or_failed(stop: asyncio.Event, workers: list[asyncio.Task[None]]) -> None:
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, *workers], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


@dataclass(frozen=True, slots=True)
class _House:
    policies: PolicyBook
    server: GatewayServer
    app: web.Application
    work: list[Work]


@asynccontextmanager
async def _open_house(config: GatewayConfig, clock: Clock) -> AsyncIterator[_House]:
    async with contextlib.AsyncExitStack() as stack:
        secrets = read_secrets(config.store.secrets)
        keys = _open_keys(config, secrets)
        stack.callback(keys.close)
        store = _open_store(config, keys, clock)
        stack.push_async_callback(store.close)
        recorder = Recorder(Vault(keys, secrets.label_key))
        log_house = await open_log(config, store, recorder, clock, stack)
        store = log_house.store
        policies = await _open_rules(config, log_house, recorder, clock)
        capabilities = await recall_declarations(store, recorder, config.carriers)
        screening = ScreeningService(store, recorder, policies, config.roster)
        await screening.load()
        telemetry = Telemetry()
        hearing = listen(telemetry)
        registry = RegistryService(store, recorder, policies, capabilities, config.roster, hearing)
        registrar = Registrar(recorder, policies, capabilities)
        eraser = Eraser(store, recorder)
        timers = Timers(
            store,
            registrar,
            clock,
            eraser,
            lambda carrier: telemetry.switch_offs_overdue.labels(carrier).inc(),
            lambda carrier: telemetry.erasures_unconfirmed.labels(carrier).inc(),
        )
        told = (partial(_count_overdue, telemetry), partial(_count_summary, telemetry))
        reconciler = Reconciler(store, recorder, policies, capabilities, clock, *told)
        keys_of = read_operator_keys({party: operator.key for party, operator in config.operators.items()})
        services = Services(
            registry,
            NumberService(store, registrar),
            screening,
            PolicyService(store, recorder, policies, screening, keys_of, clock, config.roster),
            InterceptionBook(store, recorder, policies, config.roster),
            OperationsService(store, recorder),
            AuditService(store, recorder, policies, log_house.rooms),
            known_party(policies, config.roster),
            clock,
        )
        server = await build_server(services, _server_settings(config), telemetry)
        stack.push_async_callback(server.stop)
        work: list[Work] = [screening.run, log_house.rooms.signer.run]
        # An old copy of the registry would send again what was sent long ago.
        if log_house.gate.is_open:
            kept = KeptDays(config.store.outbox_days, config.store.key_backup_days)
            retention = Retention(store, recorder, policies, eraser, clock, kept)
            housekeeping = partial(keep_house, retention, _backup_of(config, keys, clock), telemetry.tell_housekeeping)
            work += [timers.run, reconciler.run, log_house.rooms.epochs.run, housekeeping]
            applied = AppliedBook(store, recorder, policies, hearing)
            work += await _reach_carriers(
                config,
                stack,
                lambda carrier, port: CarrierDispatcher(carrier, port, store, recorder, capabilities, applied, clock),
            )
        alarms = log_house.gate.alarms
        readiness = Readiness(store, screening, clock, server.draining.is_set, alarms=lambda: alarms)
        yield _House(policies, server, make_app(readiness, telemetry, log_house.face), work)


async def _reach_carriers(
    config: GatewayConfig, stack: contextlib.AsyncExitStack, dispatch: Callable[[str, CarrierPort], CarrierDispatcher]
) -> list[Work]:
    """What carries each carrier's orders. Each has a moment to say what it can do before the first order comes."""
    dispatchers = []
    for carrier, link in config.carriers.items():
        port = GrpcCarrier(CarrierLink(carrier, link.address, _tls_files(config)))
        stack.push_async_callback(port.close)
        dispatchers.append(dispatch(carrier, port))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_ANSWER_S):
            await asyncio.gather(*map(_ask, dispatchers))
    return [dispatcher.run for dispatcher in dispatchers]


async def _ask(dispatcher: CarrierDispatcher) -> None:
    # Who cannot be asked now is asked again, and waited for, as long as it takes.
    with contextlib.suppress(CarrierCallError):
        await dispatcher.ask()


def _open_keys(config: GatewayConfig, secrets: Secrets) -> KeyStore:
    if config.store.engine is Engine.MEMORY:
        return MemoryKeyStore()
    return SqliteKeyStore(config.store.keys, secrets.master_key, backup_days=config.store.key_backup_days)


def _open_store(config: GatewayConfig, keys: KeyStore, clock: Clock) -> Store:
    limits = StoreLimits(settled_keep_ms=config.store.outbox_days * DAY_MS)
    if config.store.engine is Engine.MEMORY:
        return MemoryStore(keys, clock=clock, limits=limits)
    return SqliteStore(config.store.path, keys, clock=clock, limits=limits)


async def _open_rules(config: GatewayConfig, house: LogHouse, recorder: Recorder, clock: Clock) -> PolicyBook:
    policy, lines = read_policy_of(config)
    if not house.gate.is_open:
        if not (await house.store.head()).size:
            # There is nothing to read, and no rules to read it by.
            house.gate.check()
        return await read_book(house.store, recorder, clock)
    book = await open_rules(house.store, recorder, policy, lines, clock)
    if book.current.digest != policy.digest:
        log.warning("the policy file is not in force", extra={"file": policy.version, "policy": book.current.version})
    return book


def _tls_files(config: GatewayConfig) -> TlsFiles | None:
    tls = config.tls
    if config.grpc.insecure_dev or tls.cert is None or tls.key is None or tls.ca is None:
        return None
    return TlsFiles(tls.cert, tls.key, tls.ca)


def _server_settings(config: GatewayConfig) -> ServerSettings:
    return ServerSettings(
        config.grpc.listen,
        tls=_tls_files(config),
        deny_list=config.tls.deny_serials,
        insecure_dev=config.grpc.insecure_dev,
    )


def _count_overdue(telemetry: Telemetry, overdue: Overdue) -> None:
    telemetry.effects_overdue.labels(overdue.carrier).inc(overdue.items)


def _count_summary(telemetry: Telemetry, summarised: Summarised) -> None:
    telemetry.summarised_calls.labels("told" if summarised.is_told else "unwanted").inc(summarised.calls)


def _backup_of(config: GatewayConfig, keys: KeyStore, clock: Clock) -> Callable[[], object] | None:
    folder = config.store.key_backups
    if folder is None or not isinstance(keys, SqliteKeyStore):
        return None
    return lambda: keys.backup(folder, clock.now_ms())


@asynccontextmanager
async def _serve_http(config: GatewayConfig, app: web.Application) -> AsyncIterator[int | None]:
    if not config.http.listen:
        yield None
        return
    host, _, port = config.http.listen.rpartition(":")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
