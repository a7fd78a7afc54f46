"""One thread, one connection, one order: calls that arrive while a commit is under way share the next one."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.journal.errors import JournalClosedError, JournalOverloadedError, JournalUnavailableError

_MAX_BATCH = 256


@dataclass(slots=True)
class _Call:
    run: Callable[[], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    is_alone: bool = False
    """Not within a transaction."""


class Writer:
    """Runs calls in transactions and answers them after the commit. `limit` calls may wait."""

    def __init__(self, connection: sqlite3.Connection, limit: int) -> None:
        self._connection = connection
        self._calls: queue.Queue[_Call | None] = queue.Queue(limit)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[], Any], *, is_alone: bool = False) -> asyncio.Future[Any]:
        """Queue a call; the future is done after its commit. It runs even if the future is cancelled.

        What `is_alone` runs outside any transaction, after those that were queued before it. Raises
        `JournalOverloadedError` and `JournalClosedError`.
        """
        if self._closed:
            raise JournalClosedError
        call = _Call(run, asyncio.get_running_loop().create_future(), is_alone=is_alone)
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            raise JournalOverloadedError from None
        return call.future

    async def close(self) -> None:
        """Carry out what was queued, then close the connection."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._calls.put, None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        is_open = True
        while is_open:
            calls = self._gather()
            is_open = calls[-1] is not None
            batch = [call for call in calls if call is not None]
            shared = [call for call in batch if not call.is_alone]
            if shared:
                self._commit(shared)
            for call in batch:
                if call.is_alone:
                    _run_alone(call)
            if batch:
                _answer(batch)
        self._connection.close()

    def _gather(self) -> list[_Call | None]:
        calls = [self._calls.get()]
        while calls[-1] is not None and len(calls) < _MAX_BATCH:
            try:
                calls.append(self._calls.get_nowait())
            except queue.Empty:
                break
        return calls

    def _commit(self, batch: list[_Call]) -> None:
        try:
            self._connection.execute("BEGIN")
            for call in batch:
                self._run(call)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            # A full disk may have ended the transaction already.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for call in batch:
                call.error = JournalUnavailableError(type(error).__name__)

    def _run(self, call: _Call) -> None:
        self._connection.execute("SAVEPOINT call")
        try:
            call.result = call.run()
        except sqlite3.Error:
            raise
        except Exception as error:
            call.error = error
            self._connection.execute("ROLLBACK TO call")
        self._connection.execute("RELEASE call")


def _run_alone(call: _Call) -> None:
    try:
        call.result = call.run()
    except sqlite3.Error as error:
        call.error = JournalUnavailableError(type(error).__name__)


def _answer(batch: list[_Call]) -> None:
    # All calls come from one loop; it may be gone if the process is being torn down.
    with contextlib.suppress(RuntimeError):
        batch[0].future.get_loop().call_soon_threadsafe(_resolve, batch)


def _resolve(batch: list[_Call]) -> None:
    for call in batch:
        if call.future.done():
            continue
        if call.error is not None:
            call.future.set_exception(call.error)
        else:
            call.future.set_result(call.result)
