"""States at hand: only with the bytes they were sealed as, within bounds, and nothing of whoever was erased."""

import pytest

from gateway.domain.codec import write_subscriber
from gateway.domain.porting import begin_unheard
from gateway.service.recent import Recent, RecentStates
from gateway.service.record import Recorder
from gateway.store.memory import MemoryKeyStore
from gateway.store.rows import Label, SubjectRow
from gateway.store.vault import SealError, Vault
from optout.kit.number import parse_number

STATE = begin_unheard(parse_number("13800138000"))


def label(number: int) -> Label:
    return Label(number.to_bytes(32, "big"))


def test_state_when_sealed_as_other_bytes_then_is_not_found():
    recent = RecentStates()
    recent.put(label(1), Recent(b"new", STATE, b"{}"))
    assert recent.find(label(1), b"new") == Recent(b"new", STATE, b"{}")
    assert recent.find(label(1), b"old") is None
    assert recent.find(label(2), b"new") is None


def test_states_when_they_are_too_many_then_those_written_longest_ago_give_way():
    recent = RecentStates(max_bytes=10)
    for number in (1, 2, 3, 1, 4):
        recent.put(label(number), Recent(b"sealed", STATE, bytes(4)))
    held = [number for number in range(5) if recent.find(label(number), b"sealed")]
    assert held == [1, 4]
    recent.put(label(5), Recent(b"sealed", STATE, bytes(11)))
    assert not any(recent.find(label(number), b"sealed") for number in range(6))


def test_state_when_its_subject_is_erased_then_nothing_of_it_is_at_hand():
    keys = MemoryKeyStore()
    recorder = Recorder(Vault(keys, b"l" * 32))
    name = recorder.vault.label(STATE.number, STATE.epoch)
    key = recorder.vault.new_key(name)
    keys.put((key,))
    sealed = recorder.seal_state(name, key.key, STATE, write_subscriber(STATE))
    row = SubjectRow(name, recorder.vault.number_key(STATE.number), 1, "mobile", "closed", 0, 0, sealed)
    assert recorder.read_state(row).state is STATE
    assert Recorder(recorder.vault).read_state(row).state == STATE
    recorder.vault.destroy((name,))
    with pytest.raises(SealError, match="KEY_MISSING"):
        recorder.read_state(row)
