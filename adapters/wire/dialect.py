"""The business inside an envelope: one table of elements for orders and one for answers, spelt by each envelope.

::

    <OrderReq><OprCode>11</OprCode><IDType>01</IDType><IDValue>13800138000</IDValue><ChannelID>01</ChannelID>
    <OprID>agent-4711</OprID><Refuse>loan</Refuse><Refuse>insurance</Refuse></OrderReq>

    <OrderRsp><State>open</State><StateDesc>…</StateDesc><Item>category:loan=0000</Item></OrderRsp>

The content is ours to define and kept in the envelopes' style: a dialect says how an envelope spells the elements'
names, and which codes a carrier uses for verbs and results. An element nobody knows is refused here, since ignoring
a misspelt wish would answer "done" to what was not.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from adapters.wire.answer import Answer, ItemAnswer, Response, Result, RspType
from adapters.wire.elements import Code, Kind, Leaf, Table, Text, Time, build_table, read_table
from adapters.wire.errors import WireError
from adapters.wire.order import (
    MAX_CODES,
    MAX_NUMBERS,
    MAX_WINDOWS,
    Consent,
    Desk,
    Interception,
    Medium,
    Order,
    Proof,
    Scope,
    Strangers,
    Treatment,
    Verb,
    check_order,
    parse_window,
)

OPR_CODES: Final[Mapping[str, Verb]] = {
    "01": Verb.OPEN,
    "02": Verb.CANCEL,
    "03": Verb.CONFIRM,
    "04": Verb.QUERY,
    "05": Verb.ERASE,
    "11": Verb.SET_CATEGORIES,
    "12": Verb.EDIT_REJECT_LIST,
    "13": Verb.EDIT_ALLOW_LIST,
    "14": Verb.SET_SEGMENTS,
    "15": Verb.CHOOSE_TREATMENT,
    "16": Verb.CHOOSE_NOTICES,
    "17": Verb.SET_QUIET_HOURS,
    "21": Verb.ASK_GUARDIAN,
    "22": Verb.END_GUARDIAN,
    "23": Verb.ACT_FOR_WARD,
}
RSP_CODES: Final[Mapping[str, Result]] = {
    "0000": Result.DONE,
    "0001": Result.ALREADY_SO,
    "0002": Result.NEEDS_CONFIRMATION,
    "1001": Result.UNAVAILABLE,
    "2001": Result.MALFORMED,
    "2002": Result.NOT_SERVED,
    "2003": Result.NOT_CONFIRMED,
    "2004": Result.CAP_REACHED,
    "2005": Result.NUMBER_FROZEN,
    "2006": Result.NO_MANDATE,
    "2007": Result.NOT_OPEN,
    "2008": Result.SERIAL_REUSED,
    "2009": Result.BAD_SIGNATURE,
    "2099": Result.REFUSED,
}
SENTENCE: Final = Text(re.compile(r"[^\x00-\x1f\x7f]{1,256}"))
MAX_SENTENCE_CHARS: Final = 256
MAX_ITEMS: Final = 2 * MAX_NUMBERS + MAX_CODES


@dataclass(frozen=True, slots=True)
class _Window(Kind):
    """Quiet hours, ``every_day 22:00-08:00``."""

    def read(self, text: str) -> Any:
        return parse_window(text)


@dataclass(frozen=True, slots=True)
class _Item(Kind):
    """An item and its code, ``category:loan=0000``."""

    result: Code

    def read(self, text: str) -> ItemAnswer:
        item, _, code = text.rpartition("=")
        if not re.fullmatch(r"[!-~\u4e00-\u9fff]{1,64}", item):
            raise ValueError("not an item")
        return ItemAnswer(item, self.result.read(code))

    def write(self, value: ItemAnswer) -> str:
        text = f"{value.item}={self.result.write(value.result)}"
        self.read(text)
        return text


_NUMBER = Text(re.compile(r"\+?[0-9]{3,20}"))
_LABEL = Text(re.compile(r"[0-9A-Za-z_\u4e00-\u9fff]{1,32}"))
_STAFF = Text(re.compile(r"[!-~]{1,64}"))
_MANDATE = Text(re.compile(r"[!-~]{1,128}"))
_SEGMENT = Text(re.compile(r"overseas|hk_macao_taiwan|\+?[0-9]{2,12}"))
_WORD = Text(re.compile(r"[a-z_]{1,32}"))
_FLAG = Code({"0": False, "1": True})
_CONSENT = Code({"0": Consent.NOT_ASKED, "1": Consent.GIVEN, "2": Consent.WITHHELD})
_SORT = Code({"0": RspType.SUCCESS, "1": RspType.SYSTEM, "2": RspType.BUSINESS})

# The verb's row is the dialect's own.
_WISH: Table = (
    Leaf("number", "IDValue", _NUMBER),
    Leaf("desk", "ChannelID", Code({"01": Desk.HOTLINE, "02": Desk.HALL})),
    Leaf("medium", "Medium", Code({"01": Medium.VOICE, "02": Medium.MESSAGE}), Medium.VOICE),
    Leaf("booked_by", "OprID", _STAFF, ""),
    Leaf("mandate", "Mandate", _MANDATE, ""),
    Leaf("proof", "ProofType", Code({"01": Proof.AGENT, "02": Proof.IDENTITY_DOCUMENT}), Proof.AGENT),
    Leaf("notice_version", "NoticeVersion", _STAFF, ""),
    Leaf("consent", "ConsentFlag", _CONSENT, Consent.NOT_ASKED),
    Leaf("refuse", "Refuse", _LABEL, (), MAX_CODES),
    Leaf("accept", "Accept", _LABEL, (), MAX_CODES),
    Leaf("replace", "ReplaceFlag", _FLAG, default=False),
    Leaf("add", "Add", _NUMBER, (), MAX_NUMBERS),
    Leaf("remove", "Remove", _NUMBER, (), MAX_NUMBERS),
    Leaf("segments", "Segment", _SEGMENT, (), MAX_CODES),
    Leaf("treatment", "Treatment", Code({word.value: word for word in Treatment}), None),
    Leaf("strangers", "Strangers", Code({word.value: word for word in Strangers}), None),
    Leaf("interception", "Interception", Code({word.value: word for word in Interception}), None),
    Leaf("at_night", "NightFlag", _FLAG, default=False),
    Leaf("quiet_hours", "QuietHours", _Window(), (), MAX_WINDOWS),
    Leaf("party", "Party", _NUMBER, ""),
    Leaf("scope", "Scope", Code({word.value: word for word in Scope}), None),
    Leaf("preset", "Preset", _WORD, ""),
)
# How the subscriber is named: 01 is "by telephone number", the only way these orders know.
_ID_TYPE = Leaf("id_type", "IDType", Text(re.compile("01")))


def spell_snake(name: str) -> str:
    """Spell ``IDValue`` as ``ID_VALUE``, ``OprCode`` as ``OPR_CODE``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=ID)(?=[A-Z][a-z])", "_", name).upper()


class Dialect:
    """How one carrier writes the business: the spelling of its elements, its codes for verbs and for results.

    A verb without a code is not offered. Raises ``ValueError`` for a meaning with two codes and a result with none.
    """

    def __init__(
        self,
        *,
        opr_codes: Mapping[str, Verb] = OPR_CODES,
        rsp_codes: Mapping[str, Result] = RSP_CODES,
        spell: Callable[[str], str] = str,
    ) -> None:
        if len(set(opr_codes.values())) != len(opr_codes) or len(set(rsp_codes.values())) != len(rsp_codes):
            raise ValueError("two codes for one meaning")
        if missing := sorted(set(Result) - set(rsp_codes.values())):
            raise ValueError(f"no code for {missing[0]}")
        self.result = Code(rsp_codes)
        self.order_tag = spell("OrderReq")
        self.answer_tag = spell("OrderRsp")
        self._opr_codes = opr_codes
        self._rsp_codes = rsp_codes
        self._spell = spell
        self._id_type = self._spelt(_ID_TYPE)
        self._wish = tuple(map(self._spelt, (Leaf("verb", "OprCode", Code(opr_codes)), *_WISH)))
        answer = (
            Leaf("state", "State", _WORD, ""),
            Leaf("state_text", "StateDesc", SENTENCE, ""),
            Leaf("confirm_by", "ConfirmBy", Time(), ""),
            Leaf("items", "Item", _Item(self.result), (), MAX_ITEMS),
        )
        self._answer = tuple(map(self._spelt, answer))
        self._response = (
            Leaf("rsp_type", "Response/RspType", _SORT),
            Leaf("rsp_code", "Response/RspCode", self.result),
            Leaf("rsp_desc", "Response/RspDesc", SENTENCE, ""),
        )
        self.repeated = frozenset(leaf.path for leaf in (*self._wish, *self._answer) if leaf.most > 1)
        """Names of the elements that may stand more than once."""

    def with_codes(self, opr_codes: Mapping[str, Verb], rsp_codes: Mapping[str, Result]) -> "Dialect":
        """Return a dialect of the same spelling with other codes; an empty table leaves the codes as they are."""
        return Dialect(
            opr_codes=opr_codes or self._opr_codes, rsp_codes=rsp_codes or self._rsp_codes, spell=self._spell
        )

    def read_order(self, root: Element, error: type[WireError]) -> Order:
        """Read an ``OrderReq``; raises ``error`` with the reasons of ``elements`` and ``check_order``."""
        values = read_table(
            self._check_tag(root, self.order_tag, error), (self._id_type, *self._wish), error, strict=True
        )
        del values["id_type"]
        return check_order(Order(**values), error)

    def build_order(self, order: Order, error: type[WireError]) -> Element:
        """Build an ``OrderReq``; raises ``error`` for what could not be read back."""
        root = Element(self.order_tag)
        SubElement(root, self._id_type.path).text = "01"
        build_table(root, self._wish, check_order(order, error), error)
        return root

    def read_answer(self, root: Element, result: Result, error: type[WireError]) -> Answer:
        """Read an ``OrderRsp`` beside the result that the head holds; raises ``error`` as ``read_order``."""
        values = read_table(self._check_tag(root, self.answer_tag, error), self._answer, error, strict=True)
        return Answer(result=result, **values)

    def build_answer(self, answer: Answer, error: type[WireError]) -> Element:
        """Build an ``OrderRsp``; raises ``error`` for what could not be read back."""
        root = Element(self.answer_tag)
        build_table(root, self._answer, answer, error)
        return root

    def read_response(self, head: Element, error: type[WireError]) -> Response | None:
        """Read the ``Response`` below a head, if it has one."""
        if head.find("Response") is None:
            return None
        return Response(**read_table(head, self._response, error))

    def build_response(self, head: Element, response: Response, error: type[WireError]) -> None:
        """Append a ``Response`` to a head."""
        build_table(head, self._response, response, error)

    def _spelt(self, leaf: Leaf) -> Leaf:
        return replace(leaf, path=self._spell(leaf.path))

    def _check_tag(self, root: Element, tag: str, error: type[WireError]) -> Element:
        if root.tag != tag:
            raise error("unexpected_element")
        return root


STANDARD: Final = Dialect()
"""The synthetic codes, in the spelling of InterBOSS and ContractRoot."""
