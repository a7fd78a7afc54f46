"""``optout simulate``: run the simulators, and speak through the SMS gateway's."""

from __future__ import annotations

from pathlib import Path

import click
import grpc

from adapters.simulators.account_process import LoginSimConfig, WechatConfig, run_login, run_wechat
from adapters.simulators.crm_process import CrmConfig, run_crm
from adapters.simulators.process import (
    FakeCarrierConfig,
    PlatformConfig,
    Ports,
    SmscConfig,
    run_fake_carrier,
    run_platform,
    run_smsc,
)
from gateway.cli.serve import read_config, run_process
from optout.kit.config import ConfigError
from optout.kit.number import NumberError, parse_subscriber
from optout.kit.redact import configure_logging, log_uncaught_exceptions
from optout.kit.tls import TlsError
from optout.sim.v1 import smsc_pb2, smsc_pb2_grpc

CANNOT_START = (ConfigError, TlsError, OSError, RuntimeError, ValueError)
DEADLINE_S = 10.0


@click.group()
def simulate() -> None:
    """Run a simulator of a carrier's systems, or speak through one."""


def _tell(ports: Ports) -> None:
    click.echo(f"simulator ready port={ports.port} control={ports.control_port}", err=True)


_config_option = click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")


@simulate.command()
@_config_option
def smsc(file: Path | None) -> None:
    """Run the SMS gateway simulator."""
    config = read_config(SmscConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_smsc(config, ready=_tell, stop=stop), CANNOT_START)


@simulate.command()
@_config_option
def carrier(file: Path | None) -> None:
    """Run a fake carrier's adapter."""
    config = read_config(FakeCarrierConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_fake_carrier(config, ready=_tell, stop=stop), CANNOT_START)


@simulate.command()
@_config_option
def wechat(file: Path | None) -> None:
    """Run the WeChat simulator."""
    config = read_config(WechatConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_wechat(config, ready=_tell, stop=stop), CANNOT_START)


@simulate.command()
@_config_option
def login(file: Path | None) -> None:
    """Run the number-login simulator."""
    config = read_config(LoginSimConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_login(config, ready=_tell, stop=stop), CANNOT_START)


@simulate.command()
@_config_option
def platform(file: Path | None) -> None:
    """Run a carrier's interception platform."""
    config = read_config(PlatformConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_platform(config, ready=_tell, stop=stop), CANNOT_START)


@simulate.command()
@_config_option
def crm(file: Path | None) -> None:
    """Run a CRM simulator: agents and clerks who book orders."""
    config = read_config(CrmConfig, file, {})
    configure_logging("console")
    log_uncaught_exceptions()
    run_process(lambda stop: run_crm(config, ready=_tell, stop=stop), CANNOT_START)


def _check_number(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        parse_subscriber(value)
    except NumberError:
        raise click.BadParameter("not a subscriber's number") from None
    return value


_control_option = click.option("--control", default="127.0.0.1:50061", show_default=True, metavar="HOST:PORT")


@simulate.command()
@click.argument("number", callback=_check_number)
@click.argument("text")
@click.option("--to", default="10086", show_default=True)
@_control_option
def text(number: str, text: str, to: str, control: str) -> None:
    """Send TEXT from the phone NUMBER to the carrier's service code."""
    request = smsc_pb2.SmscServiceSendMoRequest(to=to, text=text)
    setattr(request, "from", number)  # a word of Python's own
    with grpc.insecure_channel(control) as channel:
        try:
            smsc_pb2_grpc.SmscServiceStub(channel).SendMo(request, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            raise click.ClickException(f"{error.code().name}: {error.details()}") from None
    click.echo("sent")


@simulate.command()
@click.argument("number", callback=_check_number)
@_control_option
def inbox(number: str, control: str) -> None:
    """Show the texts that arrived on the phone NUMBER."""
    request = smsc_pb2.SmscServiceGetStateRequest(number=number)
    with grpc.insecure_channel(control) as channel:
        try:
            state = smsc_pb2_grpc.SmscServiceStub(channel).GetState(request, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            raise click.ClickException(f"{error.code().name}: {error.details()}") from None
    for phone in state.phones:
        for message in phone.inbox:
            click.echo(f"{message.time.ToDatetime():%H:%M:%S}  {getattr(message, 'from')}  {message.text}")
