"""Health, readiness and metrics over HTTP."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.instruction import Channel, Open
from gateway.service.screening import ScreeningService
from gateway.store.base import StoreUnavailableError
from gateway.telemetry import Telemetry
from gateway.web.app import make_app
from gateway.web.readiness import Readiness
from optout.kit.redact import find_numbers
from tests.service.house import open_house


@asynccontextmanager
async def open_web(max_lag=10):
    async with open_house() as house:
        screening, draining = ScreeningService(house.store, house.recorder, house.policies), asyncio.Event()
        readiness = Readiness(house.store, screening, house.clock, draining.is_set, max_lag)
        async with TestClient(TestServer(make_app(readiness, Telemetry()))) as client:
            yield client, house, draining


async def read(client, path):
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_health_when_the_process_lives_then_it_is_ok():
    async with open_web() as (client, _, _):
        assert await read(client, "/healthz") == (200, {"alive": True})


async def test_readiness_when_the_feed_lags_then_it_is_not_ready():
    async with open_web(max_lag=0) as (client, house, _):
        assert (await read(client, "/readyz"))[0] == 200
        await house.submit(Open())
        status, report = await read(client, "/readyz")
        assert status == 503
        assert report == {
            "ready": False, "store": True, "feed_lag": 1, "feed": False, "draining": False, "alarms": []
        }  # fmt: skip


async def test_readiness_when_the_gateway_drains_then_it_is_not_ready():
    async with open_web() as (client, _, draining):
        draining.set()
        status, report = await read(client, "/readyz")
        assert (status, report["draining"], report["store"]) == (503, True, True)


async def test_readiness_when_the_store_fails_then_it_is_not_ready_and_metrics_still_come(monkeypatch):
    async with open_web() as (client, house, _):

        async def fail():
            raise StoreUnavailableError

        monkeypatch.setattr(house.store, "head", fail)
        status, report = await read(client, "/readyz")
        assert (status, report["store"], report["feed_lag"]) == (503, False, None)
        async with client.get("/metrics") as answer:
            assert answer.status == 200


async def test_metrics_when_there_is_work_then_log_feed_and_outbox_are_shown():
    async with open_web() as (client, house, _):
        await house.submit(Open(), channel=Channel.HOTLINE)
        house.clock.advance(90)
        async with client.get("/metrics") as answer:
            text = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain")
    lines = text.splitlines()
    assert "optout_log_size 1.0" in lines
    assert "optout_feed_lag_entries 1.0" in lines
    assert 'optout_outbox_rows{carrier="mobile",state="ready"} 1.0' in lines
    assert 'optout_outbox_oldest_seconds{carrier="mobile",state="ready"} 90.0' in lines
    assert not find_numbers(text)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405)])
async def test_request_when_it_is_none_of_ours_then_it_is_refused(method, path, status):
    async with open_web() as (client, _, _), client.request(method, path) as answer:
        assert answer.status == status
