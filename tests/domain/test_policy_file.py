"""Policies: what is refused, and where the refusal points."""

import importlib.resources
import tomllib
from datetime import UTC, datetime

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy_file import read_lines, read_policy
from gateway.domain.policy_form import read_policy_form, write_policy
from gateway.domain.preferences import StrangerPolicy


def tables():
    text = importlib.resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def test_policy_when_it_ships_then_it_is_consistent_and_its_digest_is_stable():
    one, two = read_policy(tables()), read_policy(tables())
    assert one.digest == two.digest
    changed = tables()
    changed["list_cap"] = 999
    assert read_policy(changed).digest != one.digest


VERSIONS = {"2026.11-2": "b08f28fca7dd1d22ca05f9508b1e8b23ab146d22b221be60760e5854da611581"}
"""What each version that was shipped says. A registry that began with one refuses to start with another of its name."""


def test_policy_when_it_ships_then_its_version_names_these_rules_and_no_others():
    policy = read_policy(tables())
    assert VERSIONS[policy.version] == policy.digest, "give the changed file a new version, and add it here"


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda t: t.update(colour="red"), "policy: unknown key 'colour'"),
        (lambda t: t["categories"][0].update(index=1), "index stands twice"),
        (lambda t: t["categories"][0].update(index=32), "not in 0 to 31"),
        (lambda t: t["categories"][0].update(code="insurance"), "code stands twice"),
        (lambda t: t["categories"][1].update(name="x"), "categories[1]: unknown key 'name'"),
        (lambda t: t["order"].append("protected"), "rule stands twice"),
        (lambda t: t["order"].append("default"), "have no place"),
        (lambda t: t["order"].append("whim"), "order: unknown word 'whim'"),
        (lambda t: t["lines"][0].update(category="astrology"), "lines[0]: the category is not in the taxonomy"),
        (lambda t: t["lines"][0].update(carrier="nobody"), "lines[0]: the carrier is not known"),
        (lambda t: t["lines"][1].update(number="nonsense"), "lines[1]: not a number"),
        (lambda t: t["lines"][0].update(number="nonsense"), "lines[0]: not a prefix"),
        (lambda t: t["lines"][1].update(number="01059990001"), "lines[1]: overlaps another holder's"),
        (lambda t: t["system_list"][0].update(number="96110"), "system_list[0]: would refuse a protected number"),
        (lambda t: t["system_list"][0].update(number="961", prefix=True), "would refuse a protected number"),
        (lambda t: t["system_list"].append(t["system_list"][0]), "system_list: a number stands twice"),
        (lambda t: t["system_list"][0].update(redress_contact=" "), "redress_contact: a text is missing"),
        (lambda t: t["system_list"][0].update(reason=""), "reason: a text is missing"),
        (lambda t: t["protected_numbers"].update({"110": ""}), "protected_numbers: a text is missing"),
        (lambda t: t["protected_numbers"].update({"x": "y"}), "protected_numbers: not a number"),
        (lambda t: t.update(protected_numbers=["110"]), "protected_numbers must be given as dict"),
        (lambda t: t["order"].remove("protected"), "order: protected must come first"),
        (lambda t: t["order"].reverse(), "order: protected must come first"),
        (lambda t: t.update(order=[]), "order: protected must come first"),
        (lambda t: t.update(version="one version"), "version: not 1 to 64"),
        (lambda t: t.update(list_cap=0), "list_cap: not in 1"),
        (lambda t: t.update(custom_segment_cap=101), "custom_segment_cap: over 100"),
        (lambda t: t["carriers"][0].update(id="mobile"), "carriers: an id stands twice"),
        (lambda t: t["carriers"][0].update(id="China Telecom"), "carriers[0]: the id is no party's"),
        (lambda t: t["carriers"][0].update(undo_within_s=0), "carriers[0]: a time to wait is not in"),
        (lambda t: t["carriers"][0].update(confirm_within_s="1d"), "confirm_within_s must be given as int"),
        (lambda t: t.update(categories=[], presets=[]), "categories: there are none"),
        (lambda t: t["categories"][0].update(code="Loan"), "code is not lower-case ASCII"),
        (lambda t: t["presets"].append(t["presets"][0]), "presets: a name stands twice"),
        (lambda t: t["presets"][0].update(refuse=["astrology"]), "presets[0]: a category is not in the taxonomy"),
        (lambda t: t["presets"].append({"name": "idle", "name_zh": "空"}), "presets[1]: sets nothing"),
        (lambda t: t["presets"][0].update(strangers="dragons"), "presets[0]: unknown word 'dragons'"),
        (lambda t: t["notices"].update(night_start_minute=1440), "notices: a minute is not in"),
        (lambda t: t["notices"].update(interceptions_per_day=0), "notices: interceptions_per_day is not in"),
        (lambda t: t["notices"].update(noon=5), "notices: unknown key 'noon'"),
        (lambda t: t["retention"].update(consent_days=182), "retention: consent_days is not in 183"),
        (lambda t: t["retention"].update(frozen_days=89), "retention: frozen_days is not in 90"),
        (lambda t: t["system_list"][0].update(evidence_digest="00"), "no SHA-256"),
        (lambda t: t["system_list"][0].update(expires="tomorrow"), "expires must be given as datetime"),
        (lambda t: t["carriers"][0].update(actor=2), "actor stands twice"),
        (lambda t: t["carriers"][0].update(actor=0), "not in 1 to 65535"),
        (lambda t: t["carriers"][0].update(confirm_open=["telepathy"]), "unknown word 'telepathy'"),
        (lambda t: t.update(carriers=[]), "there are none"),
    ],
)
def test_policy_when_it_is_wrong_then_the_refusal_names_the_place(spoil, place):
    spoiled = tables()
    spoil(spoiled)
    with pytest.raises(RefusedError) as refusal:
        read_lines(spoiled, read_policy(spoiled))
    assert refusal.value.reason is Reason.INVALID_POLICY
    assert place in str(refusal.value)


def test_policy_when_an_entry_expires_then_its_time_is_in_milliseconds():
    changed = tables()
    changed["system_list"][0]["expires"] = datetime(2027, 1, 1, tzinfo=UTC)
    assert read_policy(changed).system_list[0].expire_ms == 1_798_761_600_000


def test_policy_when_its_tables_are_in_another_order_then_its_digest_is_the_same():
    shuffled = tables()
    for name in ("categories", "carriers", "system_list", "presets"):
        shuffled[name].reverse()
    shuffled["protected_numbers"] = dict(reversed(shuffled["protected_numbers"].items()))
    shuffled["categories"][-1]["labels"]["mobile"].reverse()
    assert read_policy(shuffled).digest == read_policy(tables()).digest
    shuffled["order"][-1:] = []
    assert read_policy(shuffled).digest != read_policy(tables()).digest


def test_policy_when_lines_change_then_it_is_the_same_policy():
    changed = tables()
    changed["lines"] = []
    assert read_policy(changed).digest == read_policy(tables()).digest
    assert len(read_lines(tables(), read_policy(tables()))) == 3


def test_policy_when_written_in_its_canonical_form_then_it_reads_back_the_same():
    policy = read_policy(tables())
    again = read_policy_form(write_policy(policy))
    assert (again.digest, write_policy(again)) == (policy.digest, write_policy(policy))


def test_policy_when_it_ships_then_the_elders_preset_shields_and_asks_the_assistant():
    preset = read_policy(tables()).preset("elder")
    assert preset is not None
    assert preset.preferences.refused_categories == ("education", "insurance", "loan", "securities")
    assert preset.preferences.stranger_policy is StrangerPolicy.ASSISTANT
    assert read_policy(tables()).preset("teen") is None
