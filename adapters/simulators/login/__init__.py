"""The number-login simulator: China Mobile's exchange and CAMARA NumberVerification; steerable and asserting."""

from adapters.simulators.login.entries import Entry, EntryFilter, Happening
from adapters.simulators.login.settings import LoginApp, LoginFault, LoginSettings
from adapters.simulators.login.simulator import LoginSimulator

__all__ = ["Entry", "EntryFilter", "Happening", "LoginApp", "LoginFault", "LoginSettings", "LoginSimulator"]
