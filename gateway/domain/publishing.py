"""Who may publish what: each request is refused, found to be a repetition, or becomes an event. Pure.

Every function takes the publications as they stand at the accept time. It returns the event to record, or None if the
same party has asked the same before and nothing is left to do. Refusals are RefusedError.
"""

from __future__ import annotations

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy import Policy
from gateway.domain.policy_check import check_policy
from gateway.domain.publication import (
    Adopted,
    Approved,
    PolicyRecord,
    PolicyStatus,
    Proposed,
    Publications,
    Rollback,
)


def propose(state: Publications, wanted: Proposed, now_ms: int) -> Proposed | None:
    """A proposal. Refused with ID_REUSED for a version that is taken, and INVALID_POLICY."""
    policy = wanted.policy
    known = state.records.get(policy.version)
    if known is not None:
        if _repeats(wanted, known):
            return None
        raise RefusedError(Reason.ID_REUSED, "a version names one policy for ever", field="policy.version")
    check_policy(policy)
    _check_against(policy, state)
    born_ms = max(wanted.activation_ms, now_ms)
    for place, entry in enumerate(policy.system_list):
        if entry.expire_ms <= born_ms:
            _refuse(f"system_list[{place}]: expires before the policy comes into force")
    return wanted


def _repeats(wanted: Proposed, known: PolicyRecord) -> bool:
    proposer = known.signatures[0].party if known.signatures else ""
    # Once it is approved its time may have moved, and the proposer can no longer be told from the answer that it did.
    same_time = known.activation_ms == wanted.activation_ms or known.status is not PolicyStatus.PROPOSED
    return same_time and (proposer, known.policy.digest) == (wanted.party, wanted.policy.digest)


def approve(state: Publications, wanted: Approved, digest: str) -> Approved | None:
    """An approval of the policy with this digest.

    Refused with NOT_FOUND, INVALID_FIELD (another digest), SECOND_SIGNER_REQUIRED, and INVALID_POLICY if what was
    approved meanwhile contradicts it.
    """
    record = state.records.get(wanted.version)
    if record is None or not record.signatures:
        raise RefusedError(Reason.NOT_FOUND, "nobody has proposed this version", field="version")
    if record.policy.digest != digest:
        raise RefusedError(Reason.INVALID_FIELD, "not the digest of what was proposed", field="digest")
    proposer, *seconds = (signature.party for signature in record.signatures)
    if wanted.party == proposer:
        raise RefusedError(Reason.SECOND_SIGNER_REQUIRED, "who proposes does not approve")
    if wanted.party in seconds:
        return None
    if record.status is not PolicyStatus.PROPOSED:
        raise RefusedError(Reason.NOT_FOUND, "this version does not wait for an approval any more", field="version")
    _check_against(record.policy, state)
    return wanted


def roll_back(state: Publications, wanted: Rollback) -> Rollback | None:
    """A rollback of the version in force. Refused with NOT_FOUND for any other, or if nothing came before it."""
    record = state.records.get(wanted.version)
    if record is not None and record.rollback == wanted:
        return None
    if record is None or record.status is not PolicyStatus.ACTIVE:
        raise RefusedError(Reason.NOT_FOUND, "this version is not in force", field="version")
    if len(state.reigns) < 2:
        raise RefusedError(Reason.NOT_FOUND, "there is no policy before this one", field="version")
    return wanted


def adopt(state: Publications, policy: Policy) -> Adopted | None:
    """The policy of a file: adopted while no operators have published any, unless it was known before.

    Refused with INVALID_POLICY if its version names another policy.
    """
    known = state.records.get(policy.version)
    if state.signed or (known is not None and known.policy.digest == policy.digest):
        return None
    if known is not None:
        _refuse("version: names another policy already; give the changed one a new version")
    _check_against(policy, state)
    return Adopted(policy)


def _check_against(policy: Policy, state: Publications) -> None:
    """Refuse a policy that gives a number of its own, for masks or for the log, to something else than one before."""
    for record in state.records.values():
        if record.status is not PolicyStatus.PROPOSED:
            _check_indexes(policy, record)
            _check_actors(policy, record)


def _check_indexes(policy: Policy, record: PolicyRecord) -> None:
    taken = {category.index: category.code for category in record.policy.taxonomy.categories}
    placed = {code: index for index, code in taken.items()}
    for category in policy.taxonomy.categories:
        if taken.get(category.index, category.code) != category.code:
            _refuse(f"categories: index {category.index} was another category's in {record.policy.version}")
        if placed.get(category.code, category.index) != category.index:
            _refuse(f"categories: {category.code} had another index in {record.policy.version}")


def _check_actors(policy: Policy, record: PolicyRecord) -> None:
    taken = {rules.actor: rules.carrier for rules in record.policy.carriers}
    placed = {carrier: actor for actor, carrier in taken.items()}
    for rules in policy.carriers:
        if taken.get(rules.actor, rules.carrier) != rules.carrier:
            _refuse(f"carriers: actor {rules.actor} was another carrier's in {record.policy.version}")
        if placed.get(rules.carrier, rules.actor) != rules.actor:
            _refuse(f"carriers: {rules.carrier} had another actor in {record.policy.version}")


def _refuse(detail: str) -> None:
    raise RefusedError(Reason.INVALID_POLICY, detail)
