"""The contract names every rule that can be broken, and no other."""

import re
from pathlib import Path

import pytest

import optout.sim.v1
from adapters.simulators.crm import rules as crm_rules
from adapters.simulators.fake_carrier import book
from adapters.simulators.login import exchanges
from adapters.simulators.smsc import link, rules
from adapters.simulators.wechat import chronicle

_PROTOS = Path(optout.sim.v1.__file__).parent
_ROW = re.compile(r"^([a-z]+(?:_[a-z]+)+) {2,}\S", re.MULTILINE)


@pytest.mark.parametrize(
    ("file", "documents"),
    [
        ("smsc.proto", [rules.__doc__, link.__doc__]),
        ("fake_carrier.proto", [book.__doc__]),
        ("crm.proto", [crm_rules.__doc__]),
        ("wechat.proto", [chronicle.__doc__]),
        ("login.proto", [exchanges.__doc__]),
    ],
)
def test_rules_when_compared_with_the_contract_then_are_the_same(file: str, documents: list[str]) -> None:
    listed = re.search(r"The rule\. One of: ([^.]+)\.", (_PROTOS / file).read_text(encoding="utf-8"))
    assert listed is not None
    named = re.findall(r"[a-z_]+_[a-z_]+", listed[1])
    assert sorted(named) == sorted(rule for text in documents for rule in _ROW.findall(text))
    assert len(named) > 5
