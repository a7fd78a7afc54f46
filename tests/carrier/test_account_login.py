"""Numbers by one-tap login: China Mobile's exchange and CAMARA's, against the simulator and everything it can do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.carrier import login_camara, login_cmpassport
from adapters.carrier.account.settings import LoginConfig, LoginSecrets
from adapters.carrier.number_login import LoginRefusal, LoginRefusedError, NumberLogin
from adapters.simulators.faults import FaultPlan
from adapters.simulators.login import LoginApp, LoginFault, LoginSettings, LoginSimulator
from adapters.wire.cmpassport_codes import VERDICTS, Verdict
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError
from tests.carrier.account_rig import APP_LOGIN_KEY, LOGIN_APP, NUMBER, ShiftedClock
from tests.carrier.waiting import leaks

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_PEM = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RSA_APP = "300011888888"
APPS = (
    LoginApp("mobile", LOGIN_APP, APP_LOGIN_KEY, addresses=("10.0.0.1",)),
    LoginApp("mobile", RSA_APP, rsa_key=RSA_KEY.public_key()),
    LoginApp("telecom", "tel-app"),
    LoginApp("unicom", "uni-app"),
)


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def simulator(clock: ShiftedClock) -> AsyncIterator[LoginSimulator]:
    made = LoginSimulator(LoginSettings(APPS), clock)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def mobile(
    simulator: LoginSimulator, *, key: str = APP_LOGIN_KEY, app_id: str = LOGIN_APP, strict: bool = False
) -> AsyncIterator[NumberLogin]:
    secrets = LoginSecrets(LoginConfig(simulator.url, app_id, strict=strict), key)
    if app_id == RSA_APP:
        secrets = LoginSecrets(secrets.config, rsa_key=RSA_PEM)
    made = login_cmpassport.make_login(secrets, SystemClock())
    yield made
    await made.close()


@asynccontextmanager
async def camara(simulator: LoginSimulator, carrier: str = "telecom") -> AsyncIterator[NumberLogin]:
    made = login_camara.make_login(LoginSecrets(LoginConfig(f"{simulator.url}/{carrier}")), SystemClock())
    yield made
    await made.close()


async def refusal(login: NumberLogin, token: str) -> tuple[LoginRefusal, str]:
    with pytest.raises(LoginRefusedError) as caught:
        await login.exchange(token)
    return caught.value.reason, caught.value.code


@pytest.mark.parametrize("app_id", [LOGIN_APP, RSA_APP], ids=["md5", "rsa"])
@pytest.mark.parametrize("table", [False, True], ids=["resultCode", "resultcode"])
async def test_token_when_exchanged_with_china_mobile_then_number_once(
    simulator: LoginSimulator, app_id: str, table: bool
) -> None:
    simulator.set_faults(LoginFault(FaultPlan(), table_spelling=table))
    token = simulator.issue_token("mobile", app_id, NUMBER)
    async with mobile(simulator, app_id=app_id) as login:
        assert await login.exchange(token) == NUMBER
        simulator.check()
        assert await refusal(login, token) == (LoginRefusal.LOG_IN_AGAIN, "104201")
    assert [rule for _, rule in simulator.violations] == ["token_reused"]


@pytest.mark.parametrize("carrier", ["telecom", "unicom"])
async def test_token_when_exchanged_in_camaras_shape_then_number_once(simulator: LoginSimulator, carrier: str) -> None:
    token = simulator.issue_token(carrier, "tel-app" if carrier == "telecom" else "uni-app", NUMBER)
    async with camara(simulator, carrier) as login:
        assert await login.exchange(token) == NUMBER
        simulator.check()
        assert await refusal(login, token) == (LoginRefusal.LOG_IN_AGAIN, "UNAUTHENTICATED")


@pytest.mark.parametrize(("carrier", "life_s"), [("mobile", 120), ("telecom", 600), ("unicom", 1800)])
async def test_token_when_older_than_its_carrier_lets_it_live_then_log_in_again(
    simulator: LoginSimulator, clock: ShiftedClock, carrier: str, life_s: int
) -> None:
    app_id = {"mobile": LOGIN_APP, "telecom": "tel-app", "unicom": "uni-app"}[carrier]
    old, young = (simulator.issue_token(carrier, app_id, NUMBER) for _ in range(2))
    opened = mobile(simulator) if carrier == "mobile" else camara(simulator, carrier)
    async with opened as login:
        clock.ahead_s = life_s - 2
        assert await _exchange(simulator, clock, login, young) == NUMBER
        clock.ahead_s = life_s + 1
        assert (await _refusal(simulator, clock, login, old))[0] is LoginRefusal.LOG_IN_AGAIN


async def _exchange(simulator: LoginSimulator, clock: ShiftedClock, login: NumberLogin, token: str) -> str:
    login._clock = clock  # type: ignore[attr-defined]
    return await login.exchange(token)


async def _refusal(
    simulator: LoginSimulator, clock: ShiftedClock, login: NumberLogin, token: str
) -> tuple[LoginRefusal, str]:
    login._clock = clock  # type: ignore[attr-defined]
    return await refusal(login, token)


async def test_token_when_of_another_carrier_then_says_so(simulator: LoginSimulator) -> None:
    token = simulator.issue_token("unicom", "uni-app", NUMBER)
    async with mobile(simulator) as login:
        assert (await refusal(login, token))[0] is LoginRefusal.OTHER_CARRIER
    async with camara(simulator, "telecom") as login:
        assert (await refusal(login, token))[0] is LoginRefusal.OTHER_CARRIER


async def test_token_when_of_another_application_or_made_up_then_log_in_again(simulator: LoginSimulator) -> None:
    token = simulator.issue_token("mobile", RSA_APP, NUMBER)
    async with mobile(simulator) as login:
        assert (await refusal(login, token))[0] is LoginRefusal.LOG_IN_AGAIN
        assert (await refusal(login, "STsid-made-up"))[0] is LoginRefusal.LOG_IN_AGAIN
        assert (await refusal(login, "带空格 的"))[0] is LoginRefusal.LOG_IN_AGAIN
    async with camara(simulator) as login:
        assert (await refusal(login, "a b"))[0] is LoginRefusal.LOG_IN_AGAIN


async def test_login_when_key_app_or_address_is_wrong_then_configuration(simulator: LoginSimulator) -> None:
    token = simulator.issue_token("mobile", LOGIN_APP, NUMBER)
    async with mobile(simulator, key="another key") as login:
        assert await refusal(login, token) == (LoginRefusal.CONFIGURATION, "103101")
    async with mobile(simulator, app_id="300011777777") as login:
        assert await refusal(login, token) == (LoginRefusal.CONFIGURATION, "103119")
    async with mobile(simulator, strict=True) as login:
        assert await refusal(login, token) == (LoginRefusal.CONFIGURATION, "103511")
    assert [rule for _, rule in simulator.violations] == ["bad_signature", "unknown_app", "bad_address"]


async def test_login_when_our_clock_is_wrong_then_refused(simulator: LoginSimulator, clock: ShiftedClock) -> None:
    clock.ahead_s = 301
    async with mobile(simulator) as login:
        assert (await refusal(login, simulator.issue_token("mobile", LOGIN_APP, NUMBER)))[1] == "103505"


EXPECTED = {
    Verdict.LOG_IN_AGAIN: LoginRefusal.LOG_IN_AGAIN,
    Verdict.REPLAYED: LoginRefusal.LOG_IN_AGAIN,
    Verdict.OTHER_CARRIER: LoginRefusal.OTHER_CARRIER,
    Verdict.LATER: LoginRefusal.LATER,
    Verdict.CONFIGURATION: LoginRefusal.CONFIGURATION,
    Verdict.UNKNOWN: LoginRefusal.UNKNOWN,
}


@pytest.mark.parametrize("code", [*(code for code, verdict in VERDICTS.items() if verdict is not Verdict.OK), "999999"])
async def test_code_when_china_mobile_answers_it_then_a_reasoned_refusal(simulator: LoginSimulator, code: str) -> None:
    simulator.set_faults(LoginFault(FaultPlan(), code=code))
    async with mobile(simulator) as login:
        wanted = EXPECTED[VERDICTS.get(code, Verdict.UNKNOWN)]
        assert await refusal(login, simulator.issue_token("mobile", LOGIN_APP, NUMBER)) == (wanted, code)


BROKEN = {
    "lost": LoginFault(FaultPlan(applied=False, heard=False)),
    "answer lost": LoginFault(FaultPlan(heard=False)),
    "refused": LoginFault(FaultPlan(applied=False)),
    "502": LoginFault(FaultPlan(applied=False), http_status=502),
    "garbage": LoginFault(FaultPlan(), garbage=b"{nothing"),
    "array": LoginFault(FaultPlan(), garbage=b"[]"),
    "number": LoginFault(FaultPlan(), garbage=b'{"inresponseto": 5}'),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_login_when_the_other_side_is_broken_then_later(simulator: LoginSimulator, fault: LoginFault) -> None:
    simulator.set_faults(fault)
    async with mobile(simulator) as login:
        token = simulator.issue_token("mobile", LOGIN_APP, NUMBER)
        assert (await refusal(login, token))[0] is LoginRefusal.LATER
    async with camara(simulator) as login:
        token = simulator.issue_token("telecom", "tel-app", NUMBER)
        assert (await refusal(login, token))[0] is LoginRefusal.LATER


async def test_login_when_refused_then_no_log_line_or_error_holds_token_or_number(
    simulator: LoginSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    token = simulator.issue_token("mobile", LOGIN_APP, NUMBER)
    async with mobile(simulator) as login:
        await login.exchange(token)
        with pytest.raises(LoginRefusedError) as caught:
            await login.exchange(token)
    assert token not in str(caught.value) + caplog.text
    assert leaks(caplog.records) == []


@pytest.mark.parametrize(
    "secrets",
    [
        LoginSecrets(LoginConfig("http://x", "app")),
        LoginSecrets(LoginConfig("http://x", "app"), "key", RSA_PEM),
        LoginSecrets(LoginConfig("http://x"), "key"),
        LoginSecrets(LoginConfig("http://x", "app"), rsa_key=b"not a key"),
    ],
    ids=["no key", "two keys", "no app", "unfit key"],
)
def test_login_when_keys_are_unfit_then_refused_at_the_start(secrets: LoginSecrets) -> None:
    with pytest.raises(ConfigError):
        login_cmpassport.make_login(secrets, SystemClock())


def test_simulator_when_not_on_loopback_or_apps_are_doubled_then_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not_loopback"):
        LoginSimulator(LoginSettings(APPS, host="0.0.0.0"))
    with pytest.raises(ValueError, match="twice"):
        LoginSettings((APPS[0], APPS[0]))
