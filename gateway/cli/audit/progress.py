"""How far an audit has come, on stderr: one line that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

import click

_TERMINAL_S, _FILE_S = 0.2, 10.0


class Progress:
    """Called with the entries done and those there are."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._moves = sys.stderr.isatty()
        self._began = self._said = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Say it, if it is time to."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        is_last = done >= total
        if now - self._said < (_TERMINAL_S if self._moves else _FILE_S) and not (is_last and self._moves):
            return
        self._said = now
        rate = (done - self._first) / max(now - self._began, 0.001)
        text = f"{self._what} {done:,} of {total:,} ({100 * done // max(total, 1)} %), {rate:,.0f}/s"
        click.echo(f"\r\x1b[K{text}" if self._moves else text, nl=is_last or not self._moves, err=True)
