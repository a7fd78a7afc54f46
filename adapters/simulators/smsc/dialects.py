"""The dialects there are, by protocol."""

from __future__ import annotations

from collections.abc import Callable

from adapters.simulators.smsc.cmpp import CmppDialect
from adapters.simulators.smsc.dialect import Dialect
from adapters.simulators.smsc.settings import Protocol, SmscSettings
from adapters.simulators.smsc.sgip import SgipDialect
from adapters.simulators.smsc.smgp import SmgpDialect

_DIALECTS: dict[Protocol, Callable[[SmscSettings], Dialect]] = {
    Protocol.CMPP: CmppDialect,
    Protocol.SMGP: SmgpDialect,
    Protocol.SGIP: SgipDialect,
}


def make_dialect(settings: SmscSettings) -> Dialect:
    """Return the dialect that the settings ask for."""
    return _DIALECTS[settings.protocol](settings)
