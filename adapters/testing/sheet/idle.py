"""What no line of a sheet would show: data that nothing uses, and what is pointed at and is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from adapters.carrier.base import (
    AccountData,
    Argument,
    Carrier,
    CarrierData,
    NoticeData,
    ParameterData,
    SmsData,
    TemplateData,
    Verb,
)
from adapters.carrier.contract import name_value
from adapters.carrier.templates import Renderer
from adapters.wire.answer import Result
from optout.v1 import types_pb2

_REPLIES: Final = frozenset({"welcome", "received", "bind_first", "consent", "help"})
_CODE_TEMPLATE: Final = "login_code"
_OUTCOME: Final = "outcome"
_DESKS: Final = frozenset({"hotline", "hall"})


def list_idle(data: CarrierData) -> Iterator[str]:
    """Name what stands in the data and is used by nothing."""
    notices, account, sms = data.notices, data.account, data.sms
    by_account: frozenset[str] = frozenset()
    if account is not None:
        by_account = _list_names(notices, account.templates, account.parameters)
        yield from _list_idle_in_account(account, by_account)
    used = _list_names(notices, notices.templates, {}) | by_account
    yield from _name("notices.parameters", notices.parameters, used)
    tables = {one.words for one in notices.parameters.values()} | {one.words for one in notices.items.values()}
    yield from _name("notices.words", notices.words, tables)
    kinds = {name_value(types_pb2.ItemKind, kind) for kind in types_pb2.ItemKind.values()}
    yield from _name("notices.items", notices.items, kinds)
    if data.orders is not None:
        yield from _name("orders.sentences", data.orders.sentences, set(Result))
    told = {_CODE_TEMPLATE} if sms is None else {_CODE_TEMPLATE, *_list_templates(sms)}
    if sms is not None:
        yield from _list_idle_templates(sms)
    local = [name for name, template in notices.templates.items() if template.local]
    yield from _name("notices.templates", local, told)


def list_mismatches(carrier: Carrier) -> Iterator[str]:
    """Name channels without their data, data without their channel, and templates that are pointed at and missing."""
    data, channels = carrier.data, set(carrier.data.capabilities.channels)
    opens = data.sms is not None and any(rule.verb is Verb.OPEN for rule in data.sms.commands)
    if opens is not ("sms" in channels):
        yield "the channel sms, or a text that opens, without the other"
    if (data.account is not None) is not ("app" in channels):
        yield "the channel app, or an account, without the other"
    if (data.orders is not None) is not bool(channels & _DESKS):
        yield "a desk among the channels, or orders, without the other"
    has_link = data.cmpp is not None or data.smgp is not None or data.sgip is not None
    if has_link is not (carrier.make_sms_link is not None):
        yield "a link's data, or its verb, without the other"
    if data.sms is not None:
        yield from _name("missing: notices.templates", _list_templates(data.sms), data.notices.templates)


def _list_idle_in_account(account: AccountData, used: frozenset[str]) -> Iterator[str]:
    yield from _name("account.parameters", account.parameters, used)
    yield from _name("account.replies", account.replies, _REPLIES | set(account.explained.values()))
    yield from _name("account.templates", account.templates, {_OUTCOME})


def _list_idle_templates(sms: SmsData) -> Iterator[str]:
    """Name the templates that are chosen for texts which the carrier does not take."""
    plain = SmsData(sms.commands, sms.categories)
    if not _takes_numbers(sms) and sms.number_help_template != plain.number_help_template:
        yield "sms.number_help_template"
    if not sms.refusal_notices and sms.refusal_template != plain.refusal_template:
        yield "sms.refusal_template"


def _takes_numbers(sms: SmsData) -> bool:
    return any(rule.argument is Argument.NUMBER for rule in sms.commands)


def _list_templates(sms: SmsData) -> Iterator[str]:
    """Name the templates that a text can bring."""
    yield from sms.explained.values()
    yield from (rule.help for rule in sms.commands if rule.help)
    yield sms.help_template
    if _takes_numbers(sms):
        yield sms.number_help_template
    if sms.refusal_notices:
        yield sms.refusal_template


def _list_names(
    notices: NoticeData, templates: Mapping[str, TemplateData], more: Mapping[str, ParameterData]
) -> frozenset[str]:
    """Name the parameters that templates speak of."""
    renderer = Renderer(replace(notices, templates=templates, parameters={**notices.parameters, **more}))
    return frozenset(name for template in templates for name in renderer.names(template))


def _name(place: str, there: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    known = set(wanted)
    return (f"{place}.{one}" for one in there if one not in known)
