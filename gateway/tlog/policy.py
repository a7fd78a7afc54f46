"""Trust policies (C2SP tlog-policy): which logs and witnesses count, and how many of them must agree.

::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

And what follows from witnesses' timestamps for the times of entries: see `TimeBounds`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import COSIGNER_READERS, find_cosignature
from gateway.tlog.note import KEY_READERS, KeyReader, Note, NoteError, Verifier, open_note, parse_vkey

NONE = "none"
_DEFAULT = "the default quorum"
"""The name of the group that a file without a quorum means: no name in a file has a space."""

MAX_LINES = 4096

_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")


class PolicyError(ValueError):
    """A policy file was refused, or a note does not satisfy one.

    `reason` is CHARACTER, LINE, NAME (missing or used twice), KEY, DUPLICATE_KEY, THRESHOLD, MEMBER (in two groups),
    QUORUM (none or two) for files; ORIGIN or QUORUM for notes. `line` counts from 1.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"{reason} in line {line}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Peer:
    """A log or a witness: its public key, and where to reach it if that is known."""

    verifier: Verifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group has witnessed what at least `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certified:
    """A checkpoint that satisfies a policy, and the time of each witness's cosignature, Unix seconds."""

    checkpoint: Checkpoint
    times_s: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses by name, groups by name, and the name whose witnessing is required."""

    logs: tuple[Peer, ...]
    witnesses: Mapping[str, Peer]
    groups: Mapping[str, Group]
    quorum: str = NONE

    def has_quorum(self, cosigned: Iterable[str]) -> bool:
        """Tell whether cosignatures by these witnesses suffice."""
        names = frozenset(cosigned)
        return self.quorum == NONE or self._witnessed(self.quorum, names)

    @property
    def is_weak(self) -> bool:
        """Whether one liar, or fewer than a third of the witnesses, could have two histories certified.

        They can if some two sets of witnesses that suffice have nobody else in common.
        """
        shared = 0 if self.quorum == NONE else self._shared(self.quorum)
        return shared <= max(1, _liars(len(self.witnesses)))

    def cosignatures(self, note: Note) -> dict[str, int]:
        """Find the witnesses whose cosignatures on a note hold, and their times."""
        found = {name: find_cosignature(note, peer.verifier) for name, peer in self.witnesses.items()}
        return {name: time_s for name, time_s in found.items() if time_s is not None}

    def certify(self, note: Note) -> Certified:
        """Check that a known log signed a checkpoint and enough witnesses cosigned it.

        Raises `NoteError`, `CheckpointError` and `PolicyError` (ORIGIN, QUORUM).
        """
        signers = open_note(note, [peer.verifier for peer in self.logs])
        checkpoint = Checkpoint.from_text(note.text)
        if all(signer.name != checkpoint.origin for signer in signers):
            raise PolicyError("ORIGIN")
        times_s = self.cosignatures(note)
        if not self.has_quorum(times_s):
            raise PolicyError("QUORUM")
        return Certified(checkpoint, times_s)

    def _witnessed(self, name: str, cosigned: frozenset[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._witnessed(member, cosigned) for member in group.members) >= group.threshold

    def _shared(self, name: str) -> int:
        """The fewest witnesses that two sets have in common, each of which has this witnessed."""
        group = self.groups.get(name)
        if group is None:
            return 1
        overlap = max(2 * group.threshold - len(group.members), 0)
        return sum(sorted(map(self._shared, group.members))[:overlap])


def safe_threshold(witnesses: int) -> int:
    """How many of so many witnesses, at least one, must agree: 3 of 4, 5 of 7.

    It bears a liar and an outage for each three beyond the first: any two such sets share more than may lie.
    """
    return witnesses - _liars(witnesses)


def _liars(witnesses: int) -> int:
    """Fewer than a third."""
    return max(witnesses - 1, 0) // 3


def decode_policy(data: bytes) -> Policy:
    """Read a policy file, whose comments may be in any encoding, all else in UTF-8. Raises `PolicyError`."""
    return parse_policy(data.decode("utf-8", "surrogateescape"))


def decode_own_policy(data: bytes) -> Policy:
    """Read a policy file as this program takes it: without groups and quorum, `safe_threshold` of the witnesses count.

    Raises `PolicyError`.
    """
    return parse_policy(data.decode("utf-8", "surrogateescape"), has_default=True)


def parse_policy(text: str, *, has_default: bool = False) -> Policy:
    """Read the text of a policy file. Raises `PolicyError`."""
    reading = _Reading()
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise PolicyError("LINE", MAX_LINES)
    for number, line in enumerate(lines, 1):
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise PolicyError("CHARACTER", number)
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if words and not words[0].startswith("#"):
            if _NOT_UTF8.search(line):
                raise PolicyError("CHARACTER", number)
            try:
                reading.take(words)
            except PolicyError as error:
                raise PolicyError(error.reason, number) from None
    if reading.quorum is None and has_default and reading.witnesses and not reading.groups:
        reading.quorum = _DEFAULT
        reading.groups[_DEFAULT] = Group(safe_threshold(len(reading.witnesses)), tuple(reading.witnesses))
    if reading.quorum is None:
        raise PolicyError("QUORUM")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


def quorum_policy(log: Verifier, witnesses: Mapping[str, Peer], threshold: int) -> Policy:
    """Make the plain policy: this log, and any `threshold` of the witnesses."""
    group = {"quorum": Group(threshold, tuple(witnesses))} if witnesses else {}
    return Policy((Peer(log),), witnesses, group, "quorum" if witnesses else NONE)


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """What witnesses' clocks say about the times of the entries between two checkpoints. Unix milliseconds.

    An entry that is not in the older checkpoint cannot have been accepted long before that was witnessed
    (`earliest_ms`: else it is back-dated), and one in the newer cannot have been accepted after (`latest_ms`).
    """

    earliest_ms: int
    latest_ms: int

    def allow(self, accept_time_ms: int) -> bool:
        """Tell whether an entry may bear this time."""
        return self.earliest_ms <= accept_time_ms <= self.latest_ms


def bound_times(older_s: Sequence[int], newer_s: Sequence[int], *, slack_s: int = 60, liars: int = 1) -> TimeBounds:
    """Bound the times of the entries between two checkpoints by their witnesses' timestamps, Unix seconds.

    With up to `liars` wrong clocks among the witnesses of each checkpoint: of the older the latest time that at least
    one honest witness reaches counts, of the newer the earliest one. Too few timestamps bound nothing. `slack_s`
    allows for clocks that differ and for what waited between acceptance and checkpoint.
    """
    older, newer = sorted(older_s, reverse=True), sorted(newer_s)
    earliest_ms = (older[liars] - slack_s) * 1000 if len(older) > liars else 0
    latest_ms = (newer[liars] + 1 + slack_s) * 1000 if len(newer) > liars else 2**64 - 1
    return TimeBounds(earliest_ms, latest_ms)


class _Reading:
    """What has been read of a policy file so far."""

    def __init__(self) -> None:
        self.logs: list[Peer] = []
        self.witnesses: dict[str, Peer] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._keys: set[tuple[str, bytes]] = set()
        self._members: set[str] = set()

    def take(self, words: list[str]) -> None:
        """Take in one line."""
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self.logs.append(self._peer("log", vkey, url, KEY_READERS))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._check_new(name)
                self.witnesses[name] = self._peer("witness", vkey, url, COSIGNER_READERS)
            case ["group", name, threshold, *members] if members:
                self._check_new(name)
                self.groups[name] = self._group(threshold, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise PolicyError("QUORUM")
                if name != NONE:
                    self._check_known(name)
                self.quorum = name
            case _:
                raise PolicyError("LINE")

    def _peer(self, kind: str, vkey: str, url: list[str], readers: Mapping[bytes, KeyReader]) -> Peer:
        try:
            verifier = parse_vkey(vkey, readers)
        except NoteError:
            raise PolicyError("KEY") from None
        key = kind, verifier.key.encode()
        if key in self._keys:
            raise PolicyError("DUPLICATE_KEY")
        self._keys.add(key)
        return Peer(verifier, url[0] if url else "")

    def _group(self, threshold: str, members: list[str]) -> Group:
        for member in members:
            self._check_known(member)
            if member in self._members:
                raise PolicyError("MEMBER")
            self._members.add(member)
        named = {"any": 1, "all": len(members)}
        if threshold not in named and not (threshold.isascii() and threshold.isdigit() and len(threshold) <= 4):
            raise PolicyError("THRESHOLD")
        count = named[threshold] if threshold in named else int(threshold)
        if not 1 <= count <= len(members):
            raise PolicyError("THRESHOLD")
        return Group(count, tuple(members))

    def _check_new(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise PolicyError("NAME")

    def _check_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError("NAME")
