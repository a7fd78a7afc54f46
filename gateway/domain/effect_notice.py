"""What a subscriber is told when the network turns out to do other than was said before."""

from __future__ import annotations

from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.knowledge import list_items, list_news
from gateway.domain.notices import Notice
from gateway.domain.subscription import Leg

_LISTED = {
    EffectState.APPLIED: "applied",
    EffectState.DEGRADED: "degraded",
    EffectState.UNSUPPORTED: "unsupported",
    EffectState.OVERDUE: "overdue",
}


def tell_effect(before: Leg, after: Leg) -> tuple[Notice, ...]:
    """The notice of what has become known; none if the subscriber knows it already."""
    news = list_news(before, after)
    if not news:
        return ()
    wanted = {SERVICE, *list_items(after)} if after.refusing else set()
    listed: dict[str, list[str]] = {name: [] for name in (*_LISTED.values(), "undone")}
    for item, known in news:
        name = _LISTED.get(known.state)
        if name is not None:
            listed["undone" if name == "applied" and item not in wanted else name].append(item.key)
    lacking = {known.precondition.code for _, known in news if known.precondition is not None}
    parameters = {name: ",".join(keys) for name, keys in listed.items()}
    parameters |= {
        "state": after.state.value,
        "effect": after.effects.word.value,
        "precondition": ",".join(sorted(lacking)),
    }
    return (Notice("effect", parameters),)
