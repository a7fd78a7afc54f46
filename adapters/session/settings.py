"""The parameters of a link: C, T, N and W of the specifications, and our own bounds."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.session.sequence import MAX_SEQUENCE

MAX_KEEPALIVE_S = 180.0
"""C of CMPP 3.0.0 §7.1: three minutes. NAT tables forget sooner, so the default asks more often."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How one link behaves; times in seconds. Raises `ValueError` for what no link can keep."""

    window: int = 16
    """W: requests of ours that may wait for their answer."""
    backlog: int = 1024
    """Requests that may wait for room in the window."""
    request_timeout_s: float = 60.0
    """T: how long an answer may take before the request, or the active test, is sent again."""
    request_attempts: int = 3
    """N: how often it is sent in all."""
    keepalive_s: float | None = 30.0
    """C: how long the peer may be silent before it is asked; None never asks."""
    idle_close_s: float | None = None
    """How long the peer may be silent before a link without a request of ours is taken down; None never does."""
    rested_s: float = 10.0
    """Where links may rest: one that the peer ends sooner without having answered anything was turned away."""
    login_timeout_s: float = 30.0
    """How long the login may take, on either side."""
    settle_s: float = 0.2
    """How long a link has to stay open after the login before it counts as bound; 0 believes at once."""
    drain_timeout_s: float = 10.0
    """How long outstanding answers are waited for before the link is taken down."""
    terminate_timeout_s: float = 5.0
    """How long the answer to TERMINATE is waited for."""
    rate_per_s: float | None = None
    """Requests per second, on average; None leaves it to the window."""
    flow_pause_s: float = 1.0
    """The first pause after a flow-control answer; it doubles while they keep coming."""
    flow_pause_max_s: float = 30.0
    """The longest pause."""
    flow_attempts: int = 5
    """How often a message is tried in all when the peer answers "flow control"."""
    max_in_hand: int = 256
    """Messages of the peer, copies included, that may wait for the caller's answer; more are left unanswered."""
    first_sequence: int = 1
    """The first sequence number."""

    def __post_init__(self) -> None:
        counts = (self.window, self.backlog, self.request_attempts, self.flow_attempts, self.max_in_hand)
        if min(counts) < 1:
            raise ValueError("window, backlog, attempts and max_in_hand are at least 1")
        times = (self.request_timeout_s, self.login_timeout_s, self.drain_timeout_s, self.terminate_timeout_s)
        if min(*times, self.flow_pause_s) <= 0 or self.flow_pause_max_s < self.flow_pause_s or self.settle_s < 0:
            raise ValueError("times are positive, settle_s may be 0, and flow_pause_max_s is the larger pause")
        if self.keepalive_s is not None and not 0 < self.keepalive_s <= MAX_KEEPALIVE_S:
            raise ValueError("keepalive_s is above 0 and at most 180")
        if self.idle_close_s is not None and self.idle_close_s <= 0:
            raise ValueError("idle_close_s is above 0")
        if self.rate_per_s is not None and self.rate_per_s <= 0:
            raise ValueError("rate_per_s is above 0")
        if not 1 <= self.first_sequence <= MAX_SEQUENCE:
            raise ValueError("first_sequence lies between 1 and 2**32 - 1")
