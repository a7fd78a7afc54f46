"""The carrier suite: everything that a carrier's adapter promises, over its real protocols, as a table of cases.

`run_suite` holds the carrier to its sheet, row by row (`adapters.testing.sheet`), plays every row of
`adapters.testing.cases` that the carrier's declarations call for, and returns one result a row. Four rows more are
about the whole: that there is a sheet, that the adapter starts, that no log line holds a number or a secret, and that
the simulated systems saw no rule broken. Nothing outside this machine is spoken to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from adapters.carrier.base import Carrier
from adapters.carrier.contract import name_value
from adapters.testing.cases import Row, list_rows
from adapters.testing.recording_gateway import Script
from adapters.testing.senders import Sender, UnplayableError, open_senders
from adapters.testing.sheet import Sheet, compare, observe
from adapters.testing.stage import Stage, open_stage
from optout.v1 import types_pb2

SHEET = "sheet: what the carrier promises is written down"
START = "start: the adapter starts, and its systems can speak to it"
CLOSING_ROWS = ("log: no number or secret in any line", "rules: no simulated system saw one broken")


_DECLARED = {"wechat": "app"}
"""Under which name a carrier declares the channel that rows go by."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row; `problem` is empty if it holds, and never tells a number."""

    row: str
    problem: str = ""

    def __str__(self) -> str:
        """Name the row, and what is wrong with it."""
        return f"{self.row}: {self.problem}" if self.problem else self.row


def list_names(carrier: Carrier, sheet: Sheet) -> Sequence[str]:
    """Name the rows of a carrier, in the order of `run_suite`'s results."""
    return [SHEET, *sheet, START, *(name_row(row) for row in list_rows(carrier)), *CLOSING_ROWS]


async def run_suite(
    carrier: Carrier, sheet: Sheet, folder: Path, only: str = "", patience_s: float = 30.0
) -> list[Result]:
    """Hold a carrier to its sheet, and play its rows; `folder` takes its journal and secrets, and is empty.

    Rows are left out unless their names begin so as `only` says. `patience_s` is how long an answer is waited for.

    An adapter that does not start, for what is wrong in its data, fails that row and plays none.
    """
    return [*check_sheet(carrier, sheet, only), *await _play_rows(carrier, folder, only, patience_s)]


def check_sheet(carrier: Carrier, sheet: Sheet, only: str = "") -> list[Result]:
    """Hold a carrier to its sheet, without a network. A carrier that has none yet fails by that alone."""
    if not sheet:
        return [Result(SHEET, f"there is none yet: optout carrier-suite {carrier.id} --write-sheet")]
    problems = compare(sheet, observe(carrier))
    return [Result(SHEET), *(Result(row, problem) for row, problem in problems.items() if row.startswith(only))]


async def _play_rows(carrier: Carrier, folder: Path, only: str, patience_s: float) -> list[Result]:
    async with AsyncExitStack() as cleanup:
        try:
            stage = await cleanup.enter_async_context(open_stage(carrier, folder))
            senders = await open_senders(stage, cleanup, patience_s)
        except (ValueError, UnplayableError) as error:
            return [Result(START, f"{type(error).__name__}: {error}")]
        results = [
            await _play(stage, senders, row, place)
            for place, row in enumerate(list_rows(carrier))
            if name_row(row).startswith(only)
        ]
        return [Result(START), *results, *_close(stage)]


def name_row(row: Row) -> str:
    """Name a row: its channel and what it is about."""
    return f"{row.channel}: {row.name}"


def describe(instruction: types_pb2.Instruction) -> str:
    """Write what an instruction asks, without a number: its action, and labels or how many numbers."""
    action = str(instruction.WhichOneof("action"))
    asked = getattr(instruction, action)
    if action == "set_refused_categories":
        return " ".join([action, *(f"refuse={label}" for label in asked.refuse)])
    if action in ("edit_reject_list", "edit_allow_list"):
        return f"{action} add={len(asked.add)}"
    if action == "confirm":
        return f"{action} guardian" if asked.guardian else action
    if action == "ask_guardian":
        return f"{action} {name_value(types_pb2.GuardianScope, asked.scope)}"
    if action == "act_for_ward":
        return f"{action} {asked.preset}"
    if action == "end_guardian":
        return f"{action} {'one' if asked.party else 'all'}"
    return action


async def _play(stage: Stage, senders: dict[str, Sender], row: Row, place: int) -> Result:
    number = f"{row.prefix}{place:08d}"
    stage.gateway.follow(row.gateway)
    back = await senders[row.channel].send(row, number)
    stage.gateway.follow(Script())
    seen = stage.gateway.of(f"+86{number}")
    problems = []
    if not _is_answered(row, back):
        problems.append(f"{row.back!r} should come back, but {back!r} did")
    if (described := tuple(map(describe, seen))) != row.sees:
        problems.append(f"the gateway should see {list(row.sees)}, but saw {list(described)}")
    channel = f"CHANNEL_{_DECLARED.get(row.channel, row.channel).upper()}"
    if wrong := {types_pb2.Channel.Name(one.channel) for one in seen} - {channel}:
        problems.append(f"the gateway should hear of it over {channel}, but did over {sorted(wrong)}")
    if any(_is_untold(one, stage.carrier) for one in seen):
        problems.append("what opens should name the notice, its recipients and purposes, and the consent to them")
    return Result(name_row(row), "; ".join(problems))


def _is_untold(instruction: types_pb2.Instruction, carrier: Carrier) -> bool:
    """Whether an opening, or the word of assent to one, does not say to what notice and whether it was agreed to.

    A text that opens at once has its terms, and nobody is asked about them by itself.
    """
    evidence, by_text, sms = instruction.evidence, instruction.channel == types_pb2.CHANNEL_SMS, carrier.data.sms
    action = instruction.WhichOneof("action")
    agrees = action == "confirm" and by_text and instruction.confirm.target == types_pb2.ENROLMENT_STATE_OPEN
    opens = action == "open" and not (by_text and (sms is None or sms.terms is None))
    if not (agrees or opens):
        return False
    named = evidence.notice_version and evidence.notice_digest and evidence.recipients and evidence.purposes
    asked = agrees or not by_text
    return not named or (asked and evidence.separate_consent != types_pb2.CONSENT_GIVEN)


def _is_answered(row: Row, back: str) -> bool:
    if row.channel not in ("sms", "wechat") or row.back == "taken":
        return back == row.back
    return all(word in back for word in row.back.split())


def _close(stage: Stage) -> list[Result]:
    leaks = stage.log.find_leaks(list(stage.passwords.values()))
    said = "" if stage.log.has_lines else "nothing was logged at all"
    broken = sorted({entry.violation for entry in stage.smsc.violations}) if stage.smsc is not None else []
    if stage.platform is not None:
        broken += sorted({rule for _, rule in stage.platform.violations})
    if stage.wechat is not None:
        broken += sorted({rule for _, rule in (*stage.wechat.wechat.violations, *stage.wechat.login.violations)})
    problems = (f"{leaks} lines" if leaks else said, ", ".join(broken))
    return [Result(row, problem) for row, problem in zip(CLOSING_ROWS, problems, strict=True)]
