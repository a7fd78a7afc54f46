"""Lies about calls that switches dealt with, for the lying gateway's table."""

from gateway.tlog.replay import Fault
from tests.audit.lies import Lie, Payload, changed, mended
from tests.domain.samples import NUISANCE

OUTCOME = Fault.OUTCOME


def tell_all(payload: Payload) -> None:
    payload["fate"] = "told"
    payload["tally"] = {"day": payload["tally"]["day"], "told": 6}


def name_caller(payload: Payload) -> None:
    payload["call"]["caller"] = NUISANCE


CALL_LIES: tuple[Lie, ...] = (
    Lie(
        "a text over the day's number",
        "calls",
        mended("interception", tell_all, lambda p: p.get("fate") == "folded"),
        OUTCOME,
        "told where folded",
    ),
    Lie(
        "an innocent caller's name",
        "calls",
        mended("interception", name_caller, lambda p: p["call"]["action"] == "challenge_passed"),
        OUTCOME,
        "call",
    ),
    Lie(
        "the name of a caller who withheld it",
        "calls",
        mended("interception", name_caller, lambda p: "withheld" in p["call"]),
        OUTCOME,
        "call",
    ),
    Lie(
        "a caller who did not quite withhold its number",
        "calls",
        mended("interception", lambda p: p["call"].update(withheld=False), lambda p: p.get("fate") == "told"),
        OUTCOME,
        "call",
    ),
    Lie(
        "a call reported by nobody",
        "calls",
        mended("interception", lambda p: p["call"].update(reporter="platform/x")),
        OUTCOME,
        "neither",
    ),
    Lie("a summary of other calls", "calls", changed("summary", calls=1), OUTCOME, "calls"),
)
