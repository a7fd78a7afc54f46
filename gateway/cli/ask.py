"""``optout show``, ``screen``, ``list`` and ``watch``: ask a running gateway."""

from __future__ import annotations

import click
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from gateway.cli.connection import DEADLINE_S, Connection, connection_options
from optout.v1 import registry_pb2, registry_pb2_grpc, screening_pb2, screening_pb2_grpc, types_pb2

_INGRESS = {
    "domestic": screening_pb2.INGRESS_DOMESTIC,
    "international": screening_pb2.INGRESS_INTERNATIONAL,
    "unknown": screening_pb2.INGRESS_UNKNOWN,
}


@click.command()
@click.argument("number")
@connection_options("institute/institute")
def show(connection: Connection, number: str) -> None:
    """Show the subscription of NUMBER."""
    request = registry_pb2.GetSubscriptionRequest(number=number, medium=types_pb2.MEDIUM_VOICE)
    with connection.open() as channel:
        _print(registry_pb2_grpc.RegistryServiceStub(channel).GetSubscription(request, timeout=DEADLINE_S))


@click.command()
@click.argument("called")
@click.argument("caller")
@click.option("--ingress", type=click.Choice(sorted(_INGRESS)), default="domestic", show_default=True)
@click.option("--unverified", is_flag=True, help="Nobody vouches for the caller's number.")
@click.option("--category", default="", help="The category that the caller states.")
@connection_options("screener/switch")
def screen(connection: Connection, called: str, caller: str, ingress: str, unverified: bool, category: str) -> None:
    """Ask whether a call from CALLER to CALLED may ring."""
    trust = screening_pb2.CALLER_TRUST_UNVERIFIED if unverified else screening_pb2.CALLER_TRUST_VERIFIED
    request = screening_pb2.ScreenRequest(
        called=called, caller=caller, ingress=_INGRESS[ingress], caller_trust=trust, stated_category=category
    )
    with connection.open() as channel:
        _print(screening_pb2_grpc.ScreeningServiceStub(channel).Screen(request, timeout=DEADLINE_S))


@click.command("list")
@click.option("--carrier", default="", help="Only this carrier's subscribers.")
@connection_options("institute/institute")
def list_subscriptions(connection: Connection, carrier: str) -> None:
    """List subscriptions, one JSON object after the other."""
    token = ""
    with connection.open() as channel:
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        while True:
            request = registry_pb2.ListSubscriptionsRequest(carrier=carrier, page_token=token)
            page = stub.ListSubscriptions(request, timeout=DEADLINE_S)
            for subscription in page.subscriptions:
                _print(subscription)
            token = page.next_page_token
            if not token:
                break


@click.command()
@click.option("--after", default=0, show_default=True, help="The last revision already known.")
@connection_options("institute/institute")
def watch(connection: Connection, after: int) -> None:
    """Follow the change feed until interrupted."""
    with connection.open() as channel:
        request = registry_pb2.WatchRequest(after_revision=after)
        for feed_range in registry_pb2_grpc.RegistryServiceStub(channel).Watch(request):
            _print(feed_range)


def _print(message: Message) -> None:
    click.echo(MessageToJson(message, ensure_ascii=False, preserving_proto_field_name=True))
