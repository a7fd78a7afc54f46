"""The page about the carriers says what they declare."""

import importlib.util

from tests.repo.tree import ROOT


def test_carriers_page_when_written_again_then_is_the_same() -> None:
    spec = importlib.util.spec_from_file_location("write_carriers", ROOT / "tools/write_carriers.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs/carriers.md").read_text(encoding="utf-8")
    assert page == tool.write_page(), "run .venv/bin/python tools/write_carriers.py"
