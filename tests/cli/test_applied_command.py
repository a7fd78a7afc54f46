"""``optout applied`` against a gateway on SQLite and mTLS: what a carrier's network finds out about a line."""

import pytest

from gateway.cli.applied import find_remedies, make_report
from gateway.store.secret_files import make_secrets
from optout.v1 import types_pb2
from tests.cli.running import run, running
from tests.cli.test_numbers_commands import CLAIMED, claim


@pytest.fixture
def folder(tmp_path):
    assert run("certs", str(tmp_path / "certs")).exit_code == 0
    make_secrets(tmp_path / "secrets")
    return tmp_path


SUBSCRIPTION = types_pb2.Subscription(
    number=f"+86{CLAIMED}",
    medium=types_pb2.MEDIUM_VOICE,
    version=7,
    epoch=2,
    effects=[
        types_pb2.Effect(item=types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE), state=types_pb2.EFFECT_STATE_APPLIED),
        types_pb2.Effect(item=types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value="loan")),
    ],
)


def test_report_when_a_condition_is_unmet_then_every_item_is_in_part_with_the_carriers_remedy():
    report = make_report(SUBSCRIPTION, "VOLTE_OFF", find_remedies("telecom"))
    assert (report.number, report.version, report.epoch) == (f"+86{CLAIMED}", 7, 2)
    assert [effect.item for effect in report.effects] == [effect.item for effect in SUBSCRIPTION.effects]
    for effect in report.effects:
        assert effect.state == types_pb2.EFFECT_STATE_DEGRADED
        assert (effect.precondition.code, effect.precondition.remedy) == ("VOLTE_OFF", "请先开通VoLTE，可致电10000办理")


def test_report_when_nothing_is_lacking_then_every_item_is_in_effect():
    report = make_report(SUBSCRIPTION, "", find_remedies("nobody"))
    assert [effect.state for effect in report.effects] == [types_pb2.EFFECT_STATE_APPLIED] * 2
    assert not any(effect.HasField("precondition") for effect in report.effects)


def test_applied_when_reported_by_the_carrier_that_serves_then_each_report_is_an_entry(folder):
    with running(folder) as address:
        claim(folder, address)
        there = ("--gateway", address, "--certs", str(folder / "certs"), "--as", "carrier/telecom")
        revisions = []
        for lack in (("--lack", "VOLTE_OFF"), ()):
            told = run("applied", CLAIMED, *lack, *there)
            assert told.exit_code == 0, told.output
            revisions.append(int(told.output.removeprefix("revision ")))
        assert 0 < revisions[0] < revisions[1]


def test_applied_when_another_carrier_serves_the_number_then_refused_without_telling_it(folder):
    with running(folder) as address:
        claim(folder, address)
        refused = run(
            "applied", CLAIMED, "--gateway", address, "--certs", str(folder / "certs"), "--as", "carrier/unicom"
        )
        assert refused.exit_code != 0
        assert "NOT_SERVED" in refused.output
        assert CLAIMED not in refused.output
