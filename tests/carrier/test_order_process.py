"""A whole adapter that takes orders: without links, with certificates, and refused where it would stand open."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.carrier.settings import AdapterConfig, OrdersConfig, OrderSourceConfig, TlsConfig
from adapters.simulators.crm import Booking, CrmSettings, CrmSimulator, EnvelopeKind
from adapters.wire.answer import Result
from optout.kit.certificates import make_development_ca
from optout.kit.config import ConfigError, load
from optout.kit.identity import Identity, Role
from optout.kit.tls import TlsFiles
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.order_rig import OPEN
from tests.carrier.running import make_config, running_adapter

MOBILE, GATEWAY = Identity(Role.CARRIER, "mobile"), Identity(Role.GATEWAY, "gateway")
ORDERS = OrdersConfig("127.0.0.1:0", sources=(OrderSourceConfig("CRM1"),))


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> dict[Identity, TlsFiles]:
    return make_development_ca(tmp_path_factory.mktemp("certs"), [MOBILE, GATEWAY], days=1)


def make_orders_config(folder: Path, gateway: FakeGateway, orders: OrdersConfig) -> AdapterConfig:
    return replace(make_config(folder, gateway_port=gateway.port), links=(), orders=orders)


async def book(url: str, tls: ssl.SSLContext | None = None) -> Result | None:
    crm = CrmSimulator(CrmSettings(url, EnvelopeKind.INTERBOSS, "CRM1", retry_s=0.0, attempts=1, tls=tls))
    await crm.start()
    booked = await crm.book(Booking(OPEN))
    await crm.stop()
    return booked.answer.result if booked.answer else None


async def test_adapter_when_it_has_no_links_then_takes_orders_and_is_ready(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with running_adapter(make_orders_config(tmp_path, gateway, ORDERS)) as running:
        assert await book(f"http://{running.addresses.orders}/orders") is Result.DONE
        status, text = await running.get("/readyz")
        assert (status, '"orders": true' in text, "sms_link" in text) == (200, True, False)
        _, metrics = await running.get("/metrics")
        assert 'optout_adapter_orders_total{carrier="mobile",result="done"} 1.0' in metrics


async def test_adapter_when_certificates_are_asked_for_then_lets_in_only_callers_with_one(
    tmp_path: Path, gateway: FakeGateway, certs: dict[Identity, TlsFiles]
) -> None:
    files = certs[MOBILE]
    orders = replace(ORDERS, tls=TlsConfig(files.cert, files.key, files.ca))
    stranger = ssl.create_default_context(cafile=files.ca)
    known = ssl.create_default_context(cafile=files.ca)
    known.load_cert_chain(certs[GATEWAY].cert, certs[GATEWAY].key)
    async with running_adapter(make_orders_config(tmp_path, gateway, orders)) as running:
        url = f"https://{running.addresses.orders}/orders"
        assert await book(url, stranger) is None
        assert await book(url, known) is Result.DONE
    assert len(gateway.committed) == 1


@pytest.mark.parametrize(
    ("orders", "key"),
    [
        (replace(ORDERS, listen="0.0.0.0:0"), "tls.cert"),
        (replace(ORDERS, listen="nowhere"), "orders.listen"),
        (replace(ORDERS, sources=()), "orders.sources"),
    ],
    ids=["open to all", "no address", "nobody may book"],
)
async def test_adapter_when_orders_are_configured_wrongly_then_does_not_start(
    tmp_path: Path, gateway: FakeGateway, orders: OrdersConfig, key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        async with running_adapter(make_orders_config(tmp_path, gateway, orders)):
            pass
    assert caught.value.key == key


def test_configuration_when_read_from_toml_then_orders_and_all(tmp_path: Path) -> None:
    file = tmp_path / "adapter.toml"
    file.write_text(
        '[orders]\nlisten = "127.0.0.1:9000"\npath = "/crm"\nclock_skew_s = 60.0\n'
        '[[orders.sources]]\nid = "CRM1"\nsecret = "crm.secret"\n[[orders.sources]]\nid = "CRM2"\n'
    )
    orders = load(AdapterConfig, file=file).orders
    assert (orders.listen, orders.path, orders.clock_skew_s) == ("127.0.0.1:9000", "/crm", 60.0)
    assert orders.sources == (OrderSourceConfig("CRM1", Path("crm.secret")), OrderSourceConfig("CRM2"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": (OrderSourceConfig("CRM1"), OrderSourceConfig("CRM1"))},
        {"answer_within_s": 0.0},
        {"answer_within_s": 29.0},
        {"max_in_flight": 0},
        {"max_in_flight": 9, "max_waiting": 8},
    ],
)
def test_configuration_when_it_contradicts_itself_then_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"source|answer_within_s"):
        OrdersConfig(**wrong)  # type: ignore[arg-type]
