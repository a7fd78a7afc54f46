"""A carrier's interception platform: takes provisioning orders, acts late, stops calls, keeps a log of both."""

from adapters.simulators.platform.book import PlatformBook
from adapters.simulators.platform.entries import PlatformEntry, PlatformFault, PlatformFilter, PlatformPath
from adapters.simulators.platform.settings import PlatformSettings
from adapters.simulators.platform.simulator import PlatformSimulator

__all__ = [
    "PlatformBook",
    "PlatformEntry",
    "PlatformFault",
    "PlatformFilter",
    "PlatformPath",
    "PlatformSettings",
    "PlatformSimulator",
]
