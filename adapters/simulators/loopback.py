"""Listening where nobody beyond this machine can reach."""

import ipaddress


class NotLoopbackError(ValueError):
    """Something that anybody could use would be reachable from elsewhere (`not_loopback`)."""

    def __init__(self) -> None:
        super().__init__("not_loopback")
        self.reason = "not_loopback"


def require_loopback(host: str) -> None:
    """Raise `NotLoopbackError` unless `host` is this machine, to itself alone."""
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise NotLoopbackError
