"""Subscriptions, outcomes and ranges of the change feed, domain → wire."""

from __future__ import annotations

from gateway.api.fields import write_time
from gateway.api.mapping_effects import write_effects, write_item, write_precondition
from gateway.api.mapping_enums import (
    CHANNEL,
    DISPOSITION,
    ENROLMENT_STATE,
    EXPECTED_EFFECT,
    GUARDIAN_SCOPE,
    GUARDIAN_STATE,
    MEDIUM,
    REASON,
    SERVICE_BASIS,
)
from gateway.api.mapping_numbers import write_claim
from gateway.api.mapping_preferences import write_preferences
from gateway.domain.errors import Reason
from gateway.domain.instruction import ItemOutcome
from gateway.domain.subscription import Erasure, Pending
from gateway.domain.ties import Guardian, Ward
from gateway.service.views import FeedRange, Outcome, SnapshotPart, SubscriptionView
from optout.v1 import errors_pb2, registry_pb2, types_pb2


def write_subscription(view: SubscriptionView) -> types_pb2.Subscription:
    """One subscriber for one medium."""
    subscriber, leg = view.subscriber, view.subscriber.leg(view.medium)
    life = subscriber.life
    return types_pb2.Subscription(
        number=subscriber.number,
        epoch=subscriber.epoch,
        medium=MEDIUM.encode(view.medium),
        state=ENROLMENT_STATE.encode(leg.state),
        carrier=subscriber.carrier,
        basis=SERVICE_BASIS.encode(subscriber.basis),
        preferences=write_preferences(leg.preferences),
        pending=None if leg.pending is None else _write_pending(leg.pending),
        version=subscriber.version,
        revision=view.revision,
        open_time=None if leg.open_ms is None else write_time(leg.open_ms),
        change_time=write_time(leg.change_ms) if leg.change_ms else None,
        effects=write_effects(leg),
        not_yet_off=[one.carrier for one in life.switch_offs],
        undo_until=None if leg.undo is None else write_time(leg.undo.until_ms),
        guardians=map(_write_guardian, subscriber.ties.guardians),
        wards=map(_write_ward, subscriber.ties.wards),
        frozen_until=None if life.frozen_until_ms is None else write_time(life.frozen_until_ms),
        contested=life.claim is not None and life.claim.contested,
        erasure=None if subscriber.erasure is None else _write_erasure(subscriber.erasure),
    )


def _write_erasure(erasure: Erasure) -> types_pb2.Erasure:
    return types_pb2.Erasure(
        restrict_time=write_time(erasure.restrict_ms),
        erase_by=write_time(erasure.erase_by_ms),
        unconfirmed=erasure.unconfirmed,
    )


def _write_pending(pending: Pending) -> types_pb2.PendingConfirmation:
    return types_pb2.PendingConfirmation(
        target=ENROLMENT_STATE.encode(pending.target),
        expire_time=write_time(pending.expire_ms),
        channel=CHANNEL.encode(pending.channel),
    )


def _write_guardian(guardian: Guardian) -> types_pb2.Guardian:
    return types_pb2.Guardian(
        number=guardian.number,
        scope=GUARDIAN_SCOPE.encode(guardian.scope),
        state=GUARDIAN_STATE.encode(guardian.state),
        expire_time=write_time(guardian.expire_ms),
    )


def _write_ward(ward: Ward) -> types_pb2.Ward:
    return types_pb2.Ward(number=ward.number, expire_time=write_time(ward.expire_ms))


def write_reason(reason: Reason | None) -> errors_pb2.ErrorReason.ValueType:
    """A reason, UNSPECIFIED for none."""
    return errors_pb2.ERROR_REASON_UNSPECIFIED if reason is None else REASON.encode(reason)


def write_outcome(outcome: Outcome) -> types_pb2.Outcome:
    """What became of an instruction."""
    verdict = outcome.verdict
    return types_pb2.Outcome(
        instruction_id=outcome.instruction_id,
        disposition=DISPOSITION.encode(verdict.disposition),
        reason=write_reason(verdict.reason),
        items=[_write_item_outcome(item) for item in verdict.items],
        confirm_by=None if verdict.confirm_by_ms is None else write_time(verdict.confirm_by_ms),
        subscription=write_subscription(outcome.view),
        revision=outcome.revision,
        replayed=outcome.replayed,
    )


def _write_item_outcome(outcome: ItemOutcome) -> types_pb2.ItemOutcome:
    return types_pb2.ItemOutcome(
        item=write_item(outcome.item),
        disposition=DISPOSITION.encode(outcome.disposition),
        reason=write_reason(outcome.reason),
        expected=EXPECTED_EFFECT.encode(outcome.expected),
        effective_by=None if outcome.effective_by_ms is None else write_time(outcome.effective_by_ms),
        precondition=write_precondition(outcome.precondition),
        limitation=outcome.limitation,
    )


def write_range(feed_range: FeedRange) -> registry_pb2.WatchResponse:
    """One range of the change feed."""
    return registry_pb2.WatchResponse(
        after_revision=feed_range.after_revision,
        revision=feed_range.revision,
        subscriptions=[write_subscription(view) for view in feed_range.views],
        time=write_time(feed_range.time_ms),
        claims=map(write_claim, feed_range.claims),
        erased=[
            registry_pb2.ErasedSubscriber(row_revision=row.row_revision, restrict_revision=row.restrict_revision)
            for row in feed_range.erased
        ],
    )


def write_snapshot_part(part: SnapshotPart) -> registry_pb2.GetSnapshotResponse:
    """Some rows of a snapshot."""
    return registry_pb2.GetSnapshotResponse(
        revision=part.revision, subscriptions=[write_subscription(view) for view in part.views]
    )
