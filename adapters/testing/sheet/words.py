"""What a carrier says: each notice in the situations of life, each parameter's words, each outcome in the account.

The situations are the suite's own: what the gateway may send is its contract, and no matter of a carrier's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.carrier.account.words import OutcomeWords
from adapters.carrier.base import Carrier, Clause, NoticeData, ParameterData, TemplateData
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.templates import Renderer, TemplateError
from adapters.journal.rows import Origin
from adapters.testing.sheet.form import Sheet
from adapters.testing.sheet.situations import OUTCOMES, PLAIN, SITUATIONS, VALUES, make_outcome


def observe_words(carrier: Carrier) -> Sheet:
    """Say everything once."""
    data, account = carrier.data, carrier.data.account
    parameters = dict(data.notices.parameters) | dict({} if account is None else account.parameters)
    writer = NoticeWriter(data.notices)
    rows = {f"says: {name}": _say(writer, name, template) for name, template in data.notices.templates.items()}
    rows |= {f"writes: {name}": _write_values(data.notices, name, one) for name, one in parameters.items()}
    if account is not None:
        words = OutcomeWords(data, account)
        rows["account says: outcomes"] = {
            name: words.write(action, make_outcome(asked)) for name, (action, asked) in OUTCOMES.items()
        } | {f"refused for {reason}": words.write_refusal("open", reason) for reason in ("NOT_OPEN", "NOT_SERVED")}
    return {**rows, "sends: pieces of a text": _cut(data.notices)}


def _say(writer: NoticeWriter, name: str, template: TemplateData) -> Mapping[str, str]:
    """Write a notice in each situation, and say what it asks, and to what consent is given with a yes."""
    situations: Mapping[str, Mapping[str, str]] = SITUATIONS.get(name, {"always": {}})
    lines = {situation: writer.say(name, {**PLAIN, **changes}) for situation, changes in situations.items()}
    if template.recipients or template.purposes:
        lines["names"] = f"{', '.join(template.recipients)} for {', '.join(template.purposes)}"
    request = NoticeRequest("n-1", Origin.GATEWAY, "+8613800138000", name, PLAIN, 0)
    _, prompt = writer.write(request, 0)
    if prompt is not None:
        lines["asks"] = f"{prompt.target or 'no target'}, version {prompt.notice_version}, to {prompt.expire_ms}"
    return lines


def _write_values(notices: NoticeData, name: str, parameter: ParameterData) -> Mapping[str, str]:
    """Write one parameter alone, in each of its values and without any."""
    alone = replace(
        notices,
        templates={"alone": TemplateData((Clause(f"{{{name}}}"),))},
        parameters={name: parameter},
        signature="",
    )
    renderer = Renderer(alone)
    lines = {value or "nothing": _render(renderer, {name: value}) for value in _list_values(notices, name, parameter)}
    return {**lines, "left out": _render(renderer, {})}


def _render(renderer: Renderer, parameters: Mapping[str, str]) -> str:
    try:
        return renderer.render("alone", parameters)
    except TemplateError:
        return "cannot be written"


def _list_values(notices: NoticeData, name: str, parameter: ParameterData) -> Iterable[str]:
    """The contract's values, and what the carrier has words for besides."""
    own = {} if parameter.kind.value == "refusals" else notices.words.get(parameter.words, {})
    return dict.fromkeys(["", *VALUES.get(name, ("text",)), *(code for code in own if code != "_")])


def _cut(notices: NoticeData) -> Mapping[str, str]:
    """Say in how many messages of which format a text goes out."""
    plain = replace(
        notices,
        templates={"alone": TemplateData((Clause("{text}"),))},
        parameters={"text": ParameterData()},
        signature="",
    )
    writer = NoticeWriter(plain)
    texts = {f"{count} ASCII letters": "a" * count for count in (120, 130, 140, 141, 150, 159, 160, 161)}
    texts["70 characters"] = "拒" * 70
    return {name: " ".join(_list_formats(writer, text)) for name, text in texts.items()}


def _list_formats(writer: NoticeWriter, text: str) -> Iterable[str]:
    request = NoticeRequest("n-1", Origin.LOCAL, "+8613800138000", "alone", {"text": text}, 0)
    notice, _ = writer.write(request, 0)
    return (f"format {body.msg_fmt} of {len(body.content)} bytes" for body in notice.bodies)
