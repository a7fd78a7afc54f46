"""Processes of the tests' own, forked from one that has imported everything: as real as any, and up in a moment.

A round of killing costs what the process itself does, and not half a second of imports each time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_IMPORTED = (
    "adapters.mobile",
    "adapters.telecom",
    "adapters.unicom",
    "gateway.cli.adapter",
    "gateway.cli.main",
    "gateway.cli.serve",
    "gateway.cli.simulate",
    "tests.torture.log_driver",
)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(_IMPORTED))


def fork(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Run a function of some module in a process of its own."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def run_command(arguments: tuple[str, ...], log: Path) -> None:
    """The ``optout`` command with these arguments, printing to a file as a shell's ``>>FILE 2>&1`` would have it."""
    from gateway.cli.main import main

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for output in (1, 2):
        os.dup2(file, output)
    main(list(arguments))
