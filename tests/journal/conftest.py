from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.journal.base import Journal
from tests.journal.engines import Engine, MemoryEngine, SqliteEngine


@pytest.fixture(params=["memory", "sqlite"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    made: Engine = MemoryEngine() if request.param == "memory" else SqliteEngine(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def journal(engine: Engine) -> Journal:
    return engine.open()
