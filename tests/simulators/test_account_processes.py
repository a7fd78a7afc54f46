"""The WeChat and number-login simulators as processes, and their rules as the contract lists them."""

import asyncio
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.simulators.account_process import LoginSimConfig, WechatConfig, run_login, run_wechat
from optout.kit.config import ConfigError, load
from optout.sim.v1 import login_pb2, login_pb2_grpc, wechat_pb2, wechat_pb2_grpc
from tests.carrier.running import write_secret
from tests.simulators.test_sim_process import FREE_PORTS, running
from tests.wire.wechat_samples import OFFICIAL


def wechat_config(folder: Path) -> WechatConfig:
    for name, secret in {"token": "t", "aes": OFFICIAL["encoding_aes_key"], "secret": "s"}.items():
        write_secret(folder / name, secret)
    file = folder / "wechat.toml"
    file.write_text(
        f'app_id = "wx1"\ncallback_url = "http://127.0.0.1:1/wechat"\ntoken = "{folder / "token"}"\n'
        f'aes_key = "{folder / "aes"}"\napp_secret = "{folder / "secret"}"\n'
    )
    return load(WechatConfig, file=file, flags=FREE_PORTS)


async def test_wechat_when_run_then_serves_its_control_until_stopped(tmp_path: Path) -> None:
    async with (
        running(run_wechat, wechat_config(tmp_path)) as ports,
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel,
    ):
        stub = wechat_pb2_grpc.WechatServiceStub(channel)
        assert (await stub.GetState(wechat_pb2.WechatServiceGetStateRequest())).port == ports.port


async def test_login_when_run_then_serves_its_control_and_unfit_keys_keep_it_from_starting(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = tmp_path / "app.pem"
    pem.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    pem.chmod(0o600)
    file = tmp_path / "login.toml"
    file.write_text(f'[[apps]]\ncarrier = "mobile"\napp_id = "3000"\nrsa_key = "{pem}"\n')
    config = load(LoginSimConfig, file=file, flags=FREE_PORTS)
    async with (
        running(run_login, config) as ports,
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel,
    ):
        stub = login_pb2_grpc.LoginServiceStub(channel)
        assert (await stub.GetState(login_pb2.LoginServiceGetStateRequest())).port == ports.port
    pem.write_text("no key")
    with pytest.raises(ConfigError):
        await run_login(config, ready=print, stop=asyncio.Event())
