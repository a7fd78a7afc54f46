"""What a callback means: a pure function of the message, the user's binding and the notice they were last shown.

===========================  =====================================================================================
what came                    what is said at once, and what is done
===========================  =====================================================================================
follows, scans a code        welcome; nothing
leaves                       nothing; the binding ends, the service does not
a menu key, a text           read as a verb, by the carrier's tables
 … nobody's words            help; nothing
 … asks for an explanation   what cannot be taken back is explained; nothing
 … without a bound number    bind_first, with the page's link; nothing
 … open                      the notice, and a question; nothing until the user agrees (`AccountOpening.ELSEWHERE`:
                             received; the account's protection is turned on, which the registry refuses before opening)
 … agree, after the notice   received; the service is opened, with the notice as evidence
 … anything else             received; it is carried out
everything else              nothing; it is counted
===========================  =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from adapters.carrier.base import AccountData, AccountOpening, SmsData, Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, parse_command
from adapters.journal.account import Binding, ConsentPrompt
from adapters.wire.wechat import Click, Message, Scan, Subscribe, TextMessage, Unsubscribe
from optout.kit.number import PhoneNumber

PROMPT_LIFE_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to say at once (empty: nothing), what to carry out, and what to remember."""

    kind: str
    reply: str = field(default="", repr=False)
    work: dict[str, Any] | None = field(default=None, repr=False)
    asks_consent: bool = False
    unbinds: bool = False


class Flow:
    """One carrier's account; `page_url` is the link to its settings page."""

    def __init__(self, data: AccountData, page_url: str) -> None:
        self._data = data
        self._table = CommandTable(SmsData(data.commands, data.categories, explained=data.explained))
        self._words = {"path": " → ".join(data.path), "url": page_url, "notice": data.consent.text, "name": data.name}
        self.consent_digest = sha256(data.consent.text.encode()).hexdigest()

    def plan(self, message: Message, binding: Binding | None, prompt: ConsentPrompt | None) -> Plan:
        """Decide one callback."""
        match message:
            case Unsubscribe():
                return Plan("unsubscribe", unbinds=True)
            case Subscribe():  # a Scan is one, too
                return Plan("scan" if isinstance(message, Scan) else "subscribe", self._say("welcome"))
            case Click():
                verb = self._data.menu.get(message.event_key)
                return self._plan_command("click", Command(verb) if verb else None, binding, prompt)
            case TextMessage():
                reading = parse_command(self._table, message.content, CommandContext(has_prompt=prompt is not None))
                if isinstance(reading, Help) and reading.template in self._data.replies:
                    return Plan("text", self._say(reading.template))
                command = reading if isinstance(reading, Command) else None
                return self._plan_command("text", command, binding, prompt)
            case _:
                return Plan(type(message).__name__.lower())

    def _plan_command(
        self, kind: str, command: Command | None, binding: Binding | None, prompt: ConsentPrompt | None
    ) -> Plan:
        if command is None:
            return Plan(kind, self._say("help"))
        if binding is None:
            return Plan(kind, self._say("bind_first"))
        if command.verb is Verb.CONFIRM:
            if prompt is None:
                return Plan(kind, self._say("help"))
            work = write_work(Command(Verb.OPEN), binding, prompt)
            return Plan(kind, self._say("received"), work)
        if command.verb is Verb.OPEN:
            if self._data.opening is not AccountOpening.ELSEWHERE:
                return Plan(kind, self._say("consent"), asks_consent=True)
            command = Command(Verb.REFUSE_CATEGORY, categories=self._data.protection)
        return Plan(kind, self._say("received"), write_work(command, binding, None))

    def _say(self, reply: str) -> str:
        return self._data.replies[reply].format_map(self._words)


def write_work(command: Command, binding: Binding, prompt: ConsentPrompt | None) -> dict[str, Any]:
    """Write down what is to be carried out, for whom, and on which proof: the binding of now, whatever comes later."""
    return {
        "verb": command.verb.value,
        "categories": list(command.categories),
        "entry": command.number or "",
        "preset": command.preset,
        "number": binding.number,
        "proof": binding.proof,
        "notice": None if prompt is None else [prompt.notice_version, prompt.notice_digest],
    }


def read_command(work: dict[str, Any]) -> Command:
    """Read the command that `write_work` wrote down; what an older version wrote knew no presets."""
    entry = PhoneNumber(work["entry"]) if work["entry"] else None
    return Command(Verb(work["verb"]), tuple(work["categories"]), entry, work.get("preset", ""))
