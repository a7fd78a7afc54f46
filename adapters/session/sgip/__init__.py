"""SGIP 1.2 and 1.3 between an SP and an SMG, both ends and both directions (China Unicom SGIP).

=============  ==========================  =====================================
who dials      dialling end                listening end
=============  ==========================  =====================================
SP to SMG      `SgipClient`: submits       `SgipServer`: takes submits
SMG to SP      `SgipCaller`: delivers      `SgipListener`: takes messages and reports
=============  ==========================  =====================================
"""

from adapters.session.sgip.caller import SgipCaller
from adapters.session.sgip.client import SgipClient
from adapters.session.sgip.dialling import DialSettings
from adapters.session.sgip.duplicates import Answered
from adapters.session.sgip.listener import SgipListener
from adapters.session.sgip.listening import ListenSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.results import BUSY, OK, SgipDialect
from adapters.session.sgip.server import SgipServer

__all__ = [
    "BUSY",
    "OK",
    "Answered",
    "DialSettings",
    "ListenSettings",
    "SgipCaller",
    "SgipClient",
    "SgipDialect",
    "SgipListener",
    "SgipNumbers",
    "SgipServer",
]
