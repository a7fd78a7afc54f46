"""The three carriers of the demo: who they are, what their SMS gateways speak, and whom each of them serves."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.carrier.base import AccountData, find_carrier


@dataclass(frozen=True, slots=True)
class DemoCarrier:
    """One carrier. ``smsc``, ``account`` and ``link`` are TOML of its SMS gateway's and its adapter's own.

    ``subscriber`` comes by text and by the desks, ``account_user`` by the account alone.
    """

    id: str
    name: str
    service_code: str
    subscriber: str
    account_user: str
    protocol: str
    envelope: str
    login_app: str
    crm_signs: bool = True
    smsc: str = ""
    account: str = ""
    link: str = ""

    @property
    def account_data(self) -> AccountData:
        """Its account, as its data says. Raises LookupError if it has none."""
        account = find_carrier(self.id).data.account
        if account is None:
            raise LookupError(f"{self.id} has no account")
        return account

    @property
    def agents(self) -> str:
        """The number of its agents, as its data says."""
        return find_carrier(self.id).data.agents


TELECOM = DemoCarrier(
    "telecom",
    "China Telecom 中国电信",
    "10001",
    "13300133000",
    "13300133001",
    "SMGP 3.0",
    "contractroot-xml",
    "ctcc-app",
    smsc='protocol = "smgp"\n',
)
MOBILE = DemoCarrier(
    "mobile",
    "China Mobile 中国移动",
    "10086",
    "13800138000",
    "13800138003",
    "CMPP 3.0",
    "interboss",
    "300011999999",
    crm_signs=False,
)
UNICOM = DemoCarrier(
    "unicom",
    "China Unicom 中国联通",
    "10010",
    "13000130000",
    "13000130002",
    "SGIP 1.2",
    "unibss",
    "cucc-app",
    smsc='protocol = "sgip"\nnode = 101001\nredial_s = 0.1\nidle_close_s = 2.0\n',
    account='corp_id = "92008"\n[accounts.call_back]\nport = {listen_port}\n',
    link='[links.sgip]\nnode = 3010092008\ncorp_id = "92008"\nlisten = "127.0.0.1:{listen_port}"\n'
    "reconnect_least_s = 0.2\n",
)
CARRIERS = (TELECOM, MOBILE, UNICOM)
