"""What docker/ tells the programs is what they really take: commands, configuration, secrets, ports, volumes."""

import asyncio
import re
import stat
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from click.testing import CliRunner

from adapters.carrier.base import find_carrier
from adapters.carrier.process import run_adapter
from adapters.carrier.settings import AdapterConfig
from adapters.simulators.account_process import LoginSimConfig, WechatConfig, run_login, run_wechat
from adapters.simulators.crm_process import CrmConfig, run_crm
from adapters.simulators.process import PlatformConfig, SmscConfig, run_platform, run_smsc
from gateway.cli.gateway_process import run_gateway
from gateway.cli.main import main
from gateway.config import GatewayConfig
from optout.kit.clock import SystemClock
from optout.kit.config import load
from tests.repo.tree import ROOT

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CARRIERS = ("mobile", "telecom", "unicom")
SIMULATORS = {"smsc-mobile", "smsc-telecom", "smsc-unicom", "crm", "wechat", "login", "platform"}
SECRETS, STATE = "/run/secrets", "/var/lib/optout"


class Program(NamedTuple):
    """What a service's command reads, and what it runs."""

    tree: type
    run: Callable[..., Any]


def program_of(command: list[str]) -> Program:
    if command[0] == "adapter":
        return Program(AdapterConfig, partial(run_adapter, find_carrier(command[1]), clock=SystemClock()))
    return {
        ("serve",): Program(GatewayConfig, run_gateway),
        ("simulate", "smsc"): Program(SmscConfig, run_smsc),
        ("simulate", "crm"): Program(CrmConfig, run_crm),
        ("simulate", "wechat"): Program(WechatConfig, run_wechat),
        ("simulate", "login"): Program(LoginSimConfig, run_login),
        ("simulate", "platform"): Program(PlatformConfig, run_platform),
    }[tuple(command)]


def file_of(service: str) -> Path:
    """The configuration that a service is given where OPTOUT_CONFIG says."""
    (config,) = SERVICES[service]["configs"]
    assert config["target"] == SERVICES[service]["environment"]["OPTOUT_CONFIG"]
    return DOCKER / COMPOSE["configs"][config["source"]]["file"]


def config_of(service: str) -> Any:
    return load(program_of(SERVICES[service]["command"]).tree, file=file_of(service))


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, str):
        yield value


def paths_of(service: str, root: str) -> set[str]:
    told = strings_in(tomllib.loads(file_of(service).read_text(encoding="utf-8")))
    return {path for path in told if path == root or path.startswith(root + "/")}


def port_of(address: str) -> int:
    return int(re.sub(r"/.*", "", address.removeprefix("http://").removeprefix("https://")).rpartition(":")[2])


def listened(service: str) -> set[int]:
    """Every port a service opens: `listen` wherever it stands, and simulators' `port` and `control_port`."""
    table = tomllib.loads(file_of(service).read_text(encoding="utf-8"))
    flat = yaml.safe_dump(table, default_flow_style=False)
    ports = {int(port) for port in re.findall(r"\blisten: \S*:(\d+)$", flat, re.MULTILINE)}
    return ports | {table[key] for key in ("port", "control_port") if key in table}


def test_compose_when_read_then_runs_gateway_adapters_and_simulators() -> None:
    assert set(SERVICES) == {"gateway", *CARRIERS} | SIMULATORS
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["simulators"]} == SIMULATORS
    assert {file_of(name) for name in SERVICES} == set((DOCKER / "config").glob("*"))


@pytest.mark.parametrize("service", SERVICES)
def test_service_when_its_command_is_given_to_the_command_line_then_it_is_understood(service: str) -> None:
    assert 'ENTRYPOINT ["optout"]' in DOCKERFILE
    command: click.Command = main
    words = list(SERVICES[service]["command"])
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(click.Context(command), words)
        assert found is not None
        command = found
    command.make_context(command.name, words)


@pytest.mark.parametrize("service", SERVICES)
def test_service_when_compared_with_the_house_rules_then_can_do_little_harm(service: str) -> None:
    found = SERVICES[service]
    assert (found["read_only"], found["cap_drop"]) == (True, ["ALL"])
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert f"USER {found['user']}\n" in DOCKERFILE
    assert "/" not in found["image"]
    assert "privileged" not in found


@pytest.mark.parametrize("service", SERVICES)
def test_service_when_its_config_names_files_then_they_are_mounted_and_no_others(service: str) -> None:
    wanted = {Path(path).name for path in paths_of(service, SECRETS) if path != SECRETS}
    if SECRETS in paths_of(service, SECRETS):
        wanted |= {"master.key", "label.key", "log.key"}
    assert set(SERVICES[service]["secrets"]) == wanted
    volumes = [volume.partition(":") for volume in SERVICES[service].get("volumes", [])]
    assert {name for name, _, _ in volumes} <= set(COMPOSE["volumes"])
    for path in paths_of(service, STATE):
        assert any(Path(path).is_relative_to(target) for _, _, target in volumes), path
    assert all(f"{target}" in DOCKERFILE for _, _, target in volumes)


def test_carriers_when_they_reach_the_gateway_then_names_and_ports_match_both_ways() -> None:
    gateway = config_of("gateway")
    assert set(gateway.carriers) == set(CARRIERS)
    for carrier in CARRIERS:
        adapter = config_of(carrier)
        assert gateway.carriers[carrier].address == f"{carrier}:{port_of(adapter.grpc.listen)}"
        assert adapter.gateway.address == f"gateway:{port_of(gateway.grpc.listen)}"
        assert SERVICES[carrier]["networks"] == [carrier]
        assert carrier in SERVICES["gateway"]["networks"]


def test_health_check_when_compared_with_configs_then_asks_where_they_serve_it() -> None:
    match = re.search(r"http://127\.0\.0\.1:(\d+)/healthz", DOCKERFILE)
    assert match is not None
    for service in ("gateway", *CARRIERS):
        assert port_of(config_of(service).http.listen) == int(match[1])
        assert "healthcheck" not in SERVICES[service]
    for service in SIMULATORS:
        assert "control_port" in tomllib.loads(file_of(service).read_text(encoding="utf-8"))
        assert '["control_port"]' in SERVICES[service]["healthcheck"]["test"][-1]


def test_published_port_when_compared_with_configs_then_somebody_listens_there() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            outside, _, inside = port.rpartition(":")
            assert int(inside) in listened(name)
            assert outside.rpartition(":")[2] == inside


@pytest.mark.parametrize("carrier", CARRIERS)
def test_network_when_adapter_and_simulators_share_it_then_no_two_want_the_same_port(carrier: str) -> None:
    sharing = [carrier, *(name for name in SIMULATORS if SERVICES[name]["network_mode"] == f"service:{carrier}")]
    assert len(sharing) >= 2
    ports = [port for name in sharing for port in listened(name)]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_link_when_compared_with_the_simulated_sms_gateway_then_they_meet(carrier: str) -> None:
    smsc, data = config_of(f"smsc-{carrier}"), find_carrier(carrier).data
    (account,), (link,) = smsc.accounts, config_of(carrier).links
    assert (link.host, link.port, link.account) == (smsc.host, smsc.port, account.sp_id)
    assert link.secret == account.secret_file
    assert account.service_code == data.service_code
    if account.call_back is not None:
        assert account.call_back.port == port_of(link.sgip.listen)
        assert account.corp_id == link.sgip.corp_id
    assert (account.call_back is not None) == (carrier == "unicom")


def test_channels_of_mobile_when_compared_with_its_simulators_then_they_meet() -> None:
    mobile, crm, wechat, login = map(config_of, ("mobile", "crm", "wechat", "login"))
    assert port_of(crm.url) == port_of(mobile.orders.listen)
    assert crm.url.endswith(mobile.orders.path)
    assert crm.source in {source.id for source in mobile.orders.sources}
    account, (app,) = mobile.account, login.apps
    assert (account.app_id, account.token, account.aes_key) == (wechat.app_id, wechat.token, wechat.aes_key)
    assert port_of(wechat.callback_url) == port_of(account.listen) == port_of(account.public_url)
    assert port_of(account.api_url) == port_of(account.authorize_url) == wechat.port
    assert (port_of(account.login.url), account.login.app_id, account.login.key) == (login.port, app.app_id, app.key)


def test_platform_of_unicom_when_compared_with_its_simulator_then_they_meet() -> None:
    unicom, platform = config_of("unicom").platform, config_of("platform")
    assert (port_of(unicom.url), unicom.secret) == (platform.port, platform.secret_file)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and secrets in one folder, made by the commands that docker/README.md tells."""
    folder = tmp_path_factory.mktemp("secrets")
    for command in ("certs", "secrets"):
        assert CliRunner().invoke(main, [command, str(folder)]).exit_code == 0
        assert f"optout {command} docker/{command}" in (DOCKER / "README.md").read_text(encoding="utf-8")
    for _ in range(2):  # what is there is kept
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        subprocess.run([DOCKER / "make-secrets.sh", folder], check=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    return folder


def test_secret_when_made_as_told_then_every_one_is_there_for_its_owner_alone(secrets: Path) -> None:
    for name, place in COMPOSE["secrets"].items():
        assert Path(place["file"]).name == name
        file = secrets / name
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077, name
        assert file.stat().st_size > 0
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {Path("docker", place["file"]).parent.as_posix() + "/" for place in COMPOSE["secrets"].values()} <= set(
        ignored
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_process_when_started_with_its_example_config_then_gets_ready_and_ends(
    service: str, secrets: Path, tmp_path: Path
) -> None:
    """The very file, with folders of this machine and any free ports."""
    for volume in SERVICES[service].get("volumes", []):
        (tmp_path / Path(volume.partition(":")[2]).relative_to(STATE)).mkdir(exist_ok=True)
    text = file_of(service).read_text(encoding="utf-8").replace(SECRETS, str(secrets)).replace(STATE, str(tmp_path))
    text = re.sub(r'^(listen = "[\d.]+:)\d+"', r'\g<1>0"', text, flags=re.MULTILINE)
    text = re.sub(r"^((?:control_)?port = )\d+", r"\g<1>0", text, flags=re.MULTILINE)
    file = tmp_path / "optout.toml"
    file.write_text(text, encoding="utf-8")
    tree, run = program_of(SERVICES[service]["command"])
    stop, told = asyncio.Event(), []

    def ready(where: Any) -> None:
        told.append(where)
        stop.set()

    async with asyncio.timeout(120):
        await run(load(tree, file=file), ready=ready, stop=stop)
    assert len(told) == 1
