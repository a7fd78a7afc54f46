"""``optout applied``: how far a carrier's network carries a subscription out, and which condition it finds unmet.

A carrier whose own platform enforces reports by its adapter. One whose switches ask the gateway gets no orders, and its
wishes count as in effect at once; what its network finds out about a line all the same, such as that it lacks VoLTE, is
reported so, by hand or by the carrier's own systems.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

import click
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.carrier.base import UnknownCarrierError, find_carrier
from gateway.cli.connection import DEADLINE_S, Connection, connection_options
from optout.kit.config import ConfigError
from optout.v1 import registry_pb2, registry_pb2_grpc, types_pb2


@click.command()
@click.argument("number")
@click.option("--lack", default="", metavar="CODE", help="The condition that is unmet, such as VOLTE_OFF.")
@connection_options("carrier/mobile")
def applied(connection: Connection, number: str, lack: str) -> None:
    """Report that everything NUMBER's subscriber wishes is in effect, or only in part for want of something."""
    wanted = registry_pb2.GetSubscriptionRequest(number=number, medium=types_pb2.MEDIUM_VOICE)
    with connection.open() as channel:
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        subscription = stub.GetSubscription(wanted, timeout=DEADLINE_S).subscription
        report = make_report(subscription, lack, find_remedies(subscription.carrier))
        (answer,) = stub.ReportApplied(iter([report]), timeout=DEADLINE_S)
    if answer.HasField("refusal"):
        raise click.ClickException(answer.refusal.message)
    click.echo(f"revision {answer.revision}")


def find_remedies(carrier: str) -> Mapping[str, str]:
    """What a carrier tells its subscribers to do, by the condition unmet; nothing if it is not installed here."""
    try:
        return find_carrier(carrier).data.platform.remedies
    except (UnknownCarrierError, ConfigError):
        return {}


def make_report(
    subscription: types_pb2.Subscription, lack: str, remedies: Mapping[str, str]
) -> registry_pb2.ReportAppliedRequest:
    """Say of every item of a subscription that it is in effect, or in part for want of ``lack``."""
    now = Timestamp()
    now.FromMilliseconds(time.time_ns() // 1_000_000)
    state = types_pb2.EFFECT_STATE_DEGRADED if lack else types_pb2.EFFECT_STATE_APPLIED
    items = [effect.item for effect in subscription.effects] or [types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE)]
    effects = [types_pb2.Effect(item=item, state=state, report_time=now) for item in items]
    if lack:
        for effect in effects:
            effect.precondition.code = lack
            effect.precondition.remedy = remedies.get(lack, "")
    return registry_pb2.ReportAppliedRequest(
        report_id=uuid.uuid4().hex,
        number=subscription.number,
        medium=subscription.medium,
        version=subscription.version,
        epoch=subscription.epoch,
        effects=effects,
        report_time=now,
    )
