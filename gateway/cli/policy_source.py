"""Where a policy file comes from: the configuration, or the package."""

from __future__ import annotations

import importlib.resources
import tomllib

from gateway.config import GatewayConfig
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import Line
from gateway.domain.policy import Policy
from gateway.domain.policy_file import read_lines, read_policy


def read_policy_of(config: GatewayConfig) -> tuple[Policy, tuple[Line, ...]]:
    """The policy that the configuration names, and its lines. Raises RefusedError (INVALID_POLICY) and OSError."""
    text = (
        config.policy.read_text(encoding="utf-8")
        if config.policy is not None
        else importlib.resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
    )
    return read_policy_file(text)


def read_policy_file(text: str) -> tuple[Policy, tuple[Line, ...]]:
    """The policy in a file, and its lines. Raises RefusedError (INVALID_POLICY)."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RefusedError(Reason.INVALID_POLICY, str(error)) from None
    policy = read_policy(tables)
    return policy, read_lines(tables, policy)
