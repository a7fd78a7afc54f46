"""What the WeChat simulator writes down, and the rules an account's server is held to.

======================  =====================================================================================
rule                    broken by
======================  =====================================================================================
reply_not_sealed        an answer that is neither nothing, "success", nor encrypted
reply_malformed         an encrypted answer that does not prove itself, or is no text reply
reply_to_other_user     a reply to somebody else, or in another account's name
reply_differs           another answer to a callback that was answered before
reply_to_refused        a reply to a callback that was signed too long ago
token_forced_too_often  an access token forced anew within 30 s of the last one
request_malformed       a call that is not of its form
text_too_long           a chat message of more than 2048 bytes
unknown_template        a template message by a template that the account does not have
======================  =====================================================================================
"""

from __future__ import annotations

from typing import Any

from adapters.simulators.faults import FaultDeck
from adapters.simulators.history import History, read_wall
from adapters.simulators.wechat.entries import Entry, Happening
from adapters.simulators.wechat.settings import Operation, WechatFault
from optout.kit.clock import Clock


class Chronicle:
    """The history, the rules broken in it, and the faults."""

    def __init__(self, clock: Clock, history_limit: int) -> None:
        self.clock = clock
        self.history: History[Entry] = History(history_limit)
        self.deck: FaultDeck[WechatFault] = FaultDeck()
        self.violations: list[tuple[int, str]] = []

    def note(self, happening: Happening, **fields: Any) -> Entry:
        """Write down what happened."""
        return self.history.append(lambda index: Entry(index, read_wall(self.clock), happening, **fields))

    def accuse(self, rule: str, openid: str = "") -> None:
        """Write down that a rule was broken."""
        entry = self.note(Happening.VIOLATION, violation=rule, openid=openid)
        self.violations.append((entry.index, rule))

    def draw(self, operation: Operation) -> WechatFault | None:
        """Return the fault that strikes this call, if any, and write it down."""
        fault = self.deck.draw(lambda candidate: candidate.operation is operation)
        if fault is not None:
            self.note(Happening.FAULT, detail=fault.plan.name)
        return fault

    def clear(self) -> None:
        """Forget everything."""
        self.history.clear()
        self.violations.clear()
        self.deck.replace(())
