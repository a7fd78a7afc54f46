"""Callbacks that are too old, too new, or came before."""

import pytest

from adapters.wire.wechat import WINDOW_MS, ReplayWindow, WechatError
from tests.wire.wechat_samples import NONCE, NOW_MS, TIMESTAMP


@pytest.mark.parametrize("drift_ms", [-WINDOW_MS, -1, 0, WINDOW_MS])
def test_admit_when_within_the_window_then_lets_in_once(drift_ms: int) -> None:
    window = ReplayWindow()
    window.admit(TIMESTAMP, NONCE, NOW_MS + drift_ms)
    with pytest.raises(WechatError, match="replayed_nonce"):
        window.admit(TIMESTAMP, NONCE, NOW_MS + drift_ms)


@pytest.mark.parametrize("drift_ms", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_admit_when_outside_the_window_then_refuses_and_remembers_nothing(drift_ms: int) -> None:
    window = ReplayWindow()
    with pytest.raises(WechatError, match="stale_timestamp"):
        window.admit(TIMESTAMP, NONCE, NOW_MS + drift_ms)
    assert window.known_count == 0


def test_admit_when_signed_ahead_of_time_then_is_known_for_as_long_as_it_is_young() -> None:
    window = ReplayWindow()
    window.admit(TIMESTAMP, NONCE, NOW_MS - WINDOW_MS)
    window.admit(TIMESTAMP, "other", NOW_MS + WINDOW_MS)
    with pytest.raises(WechatError, match="replayed_nonce"):
        window.admit(TIMESTAMP, NONCE, NOW_MS + WINDOW_MS)


def test_admit_when_timestamp_and_nonce_change_places_then_is_known() -> None:
    window, other = ReplayWindow(), str(int(TIMESTAMP) + 1)
    window.admit(TIMESTAMP, other, NOW_MS)
    with pytest.raises(WechatError, match="replayed_nonce"):
        window.admit(other, TIMESTAMP, NOW_MS)


def test_admit_when_nonce_returns_with_another_timestamp_then_lets_in() -> None:
    window = ReplayWindow()
    window.admit(TIMESTAMP, NONCE, NOW_MS)
    window.admit(str(int(TIMESTAMP) + 1), NONCE, NOW_MS)
    assert window.known_count == 2


def test_admit_when_full_then_forgets_who_came_first() -> None:
    window = ReplayWindow(max_nonces=2)
    for nonce in ("a", "b", "c"):
        window.admit(TIMESTAMP, nonce, NOW_MS)
    assert window.known_count == 2
    window.admit(TIMESTAMP, "a", NOW_MS)
    with pytest.raises(WechatError, match="replayed_nonce"):
        window.admit(TIMESTAMP, "c", NOW_MS)


def test_admit_when_time_passes_then_drops_what_is_too_old_to_return() -> None:
    window = ReplayWindow()
    for second in range(5):
        window.admit(str(int(TIMESTAMP) + second), NONCE, NOW_MS)
    late_ms = NOW_MS + WINDOW_MS + 3_001
    window.admit(str(late_ms // 1000), NONCE, late_ms)
    assert window.known_count == 2


def test_forget_when_it_could_not_be_handled_then_it_may_come_again() -> None:
    window = ReplayWindow()
    window.admit(TIMESTAMP, NONCE, NOW_MS)
    window.forget(TIMESTAMP, NONCE)
    window.forget(TIMESTAMP, "never seen")
    window.admit(TIMESTAMP, NONCE, NOW_MS)
