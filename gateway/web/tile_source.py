"""Where an auditor finds a log's files: at its address, or in a folder that somebody copied."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.tlog.tile import AnyTile

TIMEOUT_S = 30.0
MAX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class HttpTiles:
    """A log served over HTTP (C2SP tlog-tiles): ``url`` is the prefix. One connection is kept for each process."""

    url: str
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> str:
        """Connections do not travel between processes."""
        return self.url

    def __setstate__(self, url: str) -> None:
        self.url, self._connection = url, None

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._get("checkpoint")

    def fetch(self, tile: AnyTile) -> bytes:
        """A tile or a bundle."""
        return self._get(tile.path())

    def _get(self, path: str) -> bytes:
        try:
            return self._ask(path)
        except (http.client.HTTPException, ConnectionError):
            # The server may have closed a connection that was idle: once more over a new one.
            self._connection = None
        try:
            return self._ask(path)
        except http.client.HTTPException as error:
            raise OSError(type(error).__name__) from None

    def _ask(self, path: str) -> bytes:
        parts = urlsplit(self.url)
        if self._connection is None:
            make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self._connection = make(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._connection.request("GET", f"{parts.path.rstrip('/')}/{path}")
        answer = self._connection.getresponse()
        body = answer.read(MAX_BYTES + 1)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise KeyError(path)
        if answer.status != http.HTTPStatus.OK or len(body) > MAX_BYTES:
            self._connection = None
            raise OSError(f"HTTP {answer.status}")
        return body


@dataclass(frozen=True, slots=True)
class FolderTiles:
    """A log copied into a folder, under the same paths."""

    folder: Path

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return (self.folder / "checkpoint").read_bytes()

    def fetch(self, tile: AnyTile) -> bytes:
        """A tile or a bundle."""
        try:
            return (self.folder / tile.path()).read_bytes()
        except FileNotFoundError:
            raise KeyError(tile.path()) from None
