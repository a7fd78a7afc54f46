"""Ports of this machine for servers that must know of each other before any of them listens: demo, rigs and tests."""

import os
import random
import socket
from collections import deque

_PORTS = range(15_000, 32_000)
_MOST_CLAIMS = 256
_claims: deque[int] = deque()


def pick_port() -> int:
    """A free TCP port on loopback that nobody else who asks here is given meanwhile, in whatever process.

    It lies below the ports that systems hand out by themselves, so that no connection takes it. The UDP port of the
    same number, which nothing of ours uses, is kept as a claim until this process ends or has picked 256 more.
    """
    while True:
        port = random.choice(_PORTS)  # noqa: S311
        with socket.socket(type=socket.SOCK_DGRAM) as claim, socket.socket() as probe:
            try:
                claim.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _claims.append(claim.detach())
        if len(_claims) > _MOST_CLAIMS:
            os.close(_claims.popleft())
        return port
