"""A capture file made of recorded frames: one TCP connection on loopback, raw IPv4 packets (link type 101)."""

import struct
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

_LINKTYPE_RAW = 101
_SNAP_BYTES = 65_535
_CLIENT_PORT = 40_000
_SYN, _ACK, _SYN_ACK, _PUSH_ACK = 0x02, 0x10, 0x12, 0x18
_LOOPBACK = bytes((127, 0, 0, 1))


class _Talk:
    """Both directions' sequence numbers."""

    def __init__(self, server_port: int) -> None:
        self._ports = {True: (_CLIENT_PORT, server_port), False: (server_port, _CLIENT_PORT)}
        self._next = {True: 1000, False: 5000}

    def packet(self, from_client: bool, flags: int, payload: bytes = b"") -> bytes:
        """Build one packet of the client or the server."""
        tcp = struct.pack(
            ">HHIIBBHHH",
            *self._ports[from_client],
            self._next[from_client],
            self._next[not from_client] if flags & _ACK else 0,
            5 << 4,
            flags,
            0xFFFF,
            0,
            0,
        )
        self._next[from_client] += len(payload) + (1 if flags & _SYN else 0)
        length = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 6, 0, _LOOPBACK, _LOOPBACK)
        return ip + tcp + payload


def write_pcap(path: Path, server_port: int, frames: Iterable[tuple[datetime, bool, bytes]]) -> None:
    """Write frames (when, from the client or not, bytes) as a capture, beginning with the handshake."""
    talk = _Talk(server_port)
    handshake = [(True, _SYN), (False, _SYN_ACK), (True, _ACK)]
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP_BYTES, _LINKTYPE_RAW))
        for number, (time, from_client, frame) in enumerate(frames):
            packets = [talk.packet(*step) for step in handshake] if number == 0 else []
            for packet in [*packets, talk.packet(from_client, _PUSH_ACK, frame)]:
                stamp = (int(time.timestamp()), time.microsecond)
                file.write(struct.pack("<IIII", *stamp, len(packet), len(packet)) + packet)
