"""A carrier's description: the `data.toml` of its folder as typed values, and the few verbs beside it.

The file is filled into these classes by `optout.kit.config`, so an unknown key, a missing one or one of another type
is an error that names it. Carriers are found by the entry point group `optout.carriers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from importlib import resources
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from adapters.wire.answer import Result
from adapters.wire.order import Verb as OrderVerb
from optout.kit.config import ConfigError, ConfigReason, load

if TYPE_CHECKING:
    from adapters.carrier.account.settings import MakeLogin
    from adapters.carrier.order_envelope import MakeOrderEnvelope
    from adapters.carrier.sms_link import MakeSmsLink

ENTRY_POINTS = "optout.carriers"
SPARE_WORD = "_"
"""The key of a word table under which the word for every unknown code stands."""


class UnknownCarrierError(LookupError):
    """No installed package offers a carrier of that id."""


class Verb(StrEnum):
    """What a subscriber can ask for by text."""

    OPEN = "open"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    UNDO = "undo"
    """Take a cancellation back."""
    ERASE = "erase"
    """Have everything erased, for good."""
    QUERY = "query"
    REFUSE_CATEGORY = "refuse_category"
    ACCEPT_CATEGORY = "accept_category"
    REJECT_ADD = "reject_add"
    REJECT_REMOVE = "reject_remove"
    ALLOW_ADD = "allow_add"
    ALLOW_REMOVE = "allow_remove"
    ASK_GUARDIAN = "ask_guardian"
    """Ask somebody to be their guardian."""
    ACT_FOR_WARD = "act_for_ward"
    """Apply the rule's preset for a ward."""
    END_GUARDIAN = "end_guardian"
    """End what stands between oneself and somebody, or all guardians."""


class Argument(StrEnum):
    """What follows the verb in a text."""

    NONE = "none"
    CATEGORY = "category"
    """One digit of `SmsData.categories`, or 0 for all of them."""
    NUMBER = "number"


class ParameterKind(StrEnum):
    """How a notice's parameter is written; `adapters.carrier.templates` has the forms."""

    TEXT = "text"
    CODE = "code"
    CODES = "codes"
    NUMBER = "number"
    MINUTE = "minute"
    DAY = "day"
    WINDOWS = "windows"
    ITEMS = "items"
    REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class ItemCapability:
    """How well one kind of item is carried out; `kind` and `effect` as in the contract, in lower case."""

    kind: str
    effect: str
    values: tuple[str, ...] = ()
    limitation: str = ""
    cap: int = 0


@dataclass(frozen=True, slots=True)
class CapabilityData:
    """What `GetCapabilities` declares. `version` changes whenever anything here or among the templates does."""

    version: str
    enforcement: str
    items: tuple[ItemCapability, ...]
    channels: tuple[str, ...]
    media: tuple[str, ...] = ("voice",)
    effect_delay_s: int = 0


@dataclass(frozen=True, slots=True)
class OpeningData:
    """What is on from the first moment. Segments are 400, 95, overseas or hk_macao_taiwan."""

    refused_categories: tuple[str, ...] = ()
    refused_segments: tuple[str, ...] = ()
    treatment: str = "reject"
    stranger_policy: str = "allow"
    interception: str = "none"


@dataclass(frozen=True, slots=True)
class CommandRule:
    """Texts that mean one verb. `shared` ones are ours only while we have asked the subscriber something.

    `help` is the template for a wrong argument, if the channel's own does not fit; `preset` is what a guardian applies.
    """

    verb: Verb
    texts: tuple[str, ...]
    argument: Argument = Argument.NONE
    shared: bool = False
    help: str = ""
    preset: str = ""


@dataclass(frozen=True, slots=True)
class ConsentData:
    """What a subscriber is told, and agrees to separately, before opening (PIPL, articles 17 and 23)."""

    version: str
    text: str
    recipients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 of the exact text, for evidence."""
        return sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True)
class SmsData:
    """The texts of the SMS channel.

    `categories` maps digits to codes, `all_categories` is the digit for every one of them, `help_texts` are wrong
    codes in circulation that deserve help, with whatever follows them, `refusal_notices` the reasons of the gateway
    that a subscriber is told. `explained` are texts that do nothing but bring their template: the first of two steps to
    what cannot be taken back. `terms` are what the carrier publishes beside a text that opens at once: the notice under
    which it opens, since nobody is asked by itself there.
    """

    commands: tuple[CommandRule, ...]
    categories: Mapping[str, str]
    all_categories: str = "0"
    help_texts: tuple[str, ...] = ()
    help_template: str = "help"
    number_help_template: str = "help_number"
    refusal_template: str = "refused"
    refusal_notices: tuple[str, ...] = ()
    explained: Mapping[str, str] = field(default_factory=dict)
    terms: ConsentData | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a template, and the conditions under which it is said; `adapters.carrier.templates` has the rules."""

    text: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class TemplateData:
    """One notice. `prompt_until` names the parameter up to which a reply to it is expected.

    `local` templates answer texts that never became an instruction; the gateway cannot ask for them. `recipients` and
    `purposes` are those that its words name: who agrees to it has given separate consent to them (PIPL, article 23).
    """

    clauses: tuple[Clause, ...]
    prompt_until: str = ""
    local: bool = False
    recipients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterData:
    """How a parameter is written, and which word table has the words for its codes.

    An `optional` one is empty where a gateway does not send it, such as one older than this wording.
    """

    kind: ParameterKind = ParameterKind.TEXT
    words: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ItemData:
    """How one kind of item is named; `{value}` stands for its value, in the words of a table or as a number."""

    text: str
    words: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class ListStyle:
    """How several things are joined: at most `most` are named, then `more`, with `{count}` for all of them."""

    joiner: str = "、"
    most: int = 5
    more: str = "等{count}项"


@dataclass(frozen=True, slots=True)
class NoticeData:
    """Everything a carrier says. `version` names the wording as a whole, for evidence; `signature` begins a message.

    `ascii_bytes` is how much plain ASCII one message takes on the carrier's links; with `gb` Chinese goes out as GBK
    (format 15) rather than UCS-2 (format 8).
    """

    version: str
    templates: Mapping[str, TemplateData]
    parameters: Mapping[str, ParameterData]
    words: Mapping[str, Mapping[str, str]]
    items: Mapping[str, ItemData]
    style: ListStyle = field(default_factory=ListStyle)
    signature: str = ""
    ascii_bytes: int = 159
    gb: bool = False


class AccountOpening(StrEnum):
    """Where the official account lets the service be opened."""

    PAGE = "page"
    """On its settings page, or in the chat, once a number is bound."""
    LOGIN = "login"
    """By the one-tap login itself: whoever logs in with the consent ticked has opened."""
    ELSEWHERE = "elsewhere"
    """Not at all: by SMS or hotline. The account's own switch then turns `AccountData.protection` on."""


@dataclass(frozen=True, slots=True)
class AccountData:
    """The carrier's WeChat account: its menu, its words, its way of opening.

    `menu` maps the keys of menu entries to verbs, `path` is the way through the menu to the settings page. `replies`
    are the texts said at once: welcome, received, bind_first, consent, help, and what `explained` names: a text of it
    does nothing but bring its reply, the first of two steps to what cannot be taken back. `templates` are those of
    outcomes, written with the words of the notices; `how_to_open` is what somebody is told who sets something before
    opening. `former_consents` are notices that copies of the app still show which are not up to date.
    """

    name: str
    path: tuple[str, ...]
    opening: AccountOpening
    how_to_open: str
    menu: Mapping[str, Verb]
    commands: tuple[CommandRule, ...]
    categories: Mapping[str, str]
    replies: Mapping[str, str]
    templates: Mapping[str, TemplateData]
    parameters: Mapping[str, ParameterData]
    consent: ConsentData
    former_consents: tuple[ConsentData, ...] = ()
    protection: tuple[str, ...] = ()
    explained: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CmppData:
    """What the carrier wants to see in every CMPP SUBMIT of ours (QB-GF-028-2003, 7.4.3.1)."""

    service_id: str
    fee_user_type: int
    fee_type: str
    fee_code: str
    msg_level: int = 0
    registered_delivery: int = 1
    country_code: bool = False
    """Whether numbers on the link bear the country code 86."""


@dataclass(frozen=True, slots=True)
class InterbossData:
    """InterBOSS: the codes of this service (synthetic, as all below)."""

    bip_code: str = "BIP9X001"
    activity_code: str = "T9000001"


@dataclass(frozen=True, slots=True)
class ContractRootData:
    """ContractRoot: the codes of this service."""

    bus_code: str = "BUS90001"
    service_code: str = "SVC90001"


@dataclass(frozen=True, slots=True)
class UniBssData:
    """UNI_BSS: the interface's name, of which the bodies' members are made."""

    api_name: str = "NUISANCE_CALL_ORDER"


@dataclass(frozen=True, slots=True)
class OrderData:
    """What the carrier's CRM and the adapter know of each other's words.

    `sentences` has one for each result, by the words of `adapters.wire.answer.Result`. `operations` and `results` are
    the codes for verbs and results; empty ones leave the envelope's own. `notices` are the versions in use: with any,
    an opening is booked only with one of them and the subscriber's separate consent.
    """

    sentences: Mapping[str, str]
    notices: tuple[ConsentData, ...] = ()
    operations: Mapping[str, OrderVerb] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    interboss: InterbossData = field(default_factory=InterbossData)
    contractroot: ContractRootData = field(default_factory=ContractRootData)
    unibss: UniBssData = field(default_factory=UniBssData)


@dataclass(frozen=True, slots=True)
class SmgpData:
    """What the carrier wants to see in every SMGP Submit of ours (SMGP V3.0.3, chapter 6).

    FeeType "00" is free to the subscriber; `code_prefix` stands before an SP's code in addresses.
    """

    service_id: str
    fee_type: str = "00"
    fee_code: str = "000000"
    fixed_fee: str = "000000"
    priority: int = 1
    need_report: int = 1
    code_prefix: str = "118"
    country_code: bool = False
    """Whether numbers on the link bear the country code 86."""


@dataclass(frozen=True, slots=True)
class SgipData:
    """What the carrier wants to see in every SGIP Submit of ours (SGIP 1.2, chapter 4).

    ChargeNumber of 21 zeros: the SP pays; FeeType 1: free to the subscriber; MorelatetoMTFlag 2: not caused by a
    message of the subscriber's; ReportFlag 1: always report.
    """

    service_type: str
    charge_number: str = "0" * 21
    fee_type: int = 1
    fee_value: str = "000000"
    given_value: str = "000000"
    agent_flag: int = 0
    mo_relate_to_mt_flag: int = 2
    priority: int = 0
    report_flag: int = 1


@dataclass(frozen=True, slots=True)
class PlatformData:
    """What is said of the carrier's interception platform: `remedies` by the condition it finds unmet."""

    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CarrierData:
    """A carrier's `data.toml`. Texts go to `service_code`; agents answer there, too, unless `hotline` is another."""

    id: str
    name: str
    name_en: str
    service_code: str
    capabilities: CapabilityData
    notices: NoticeData
    opening: OpeningData = field(default_factory=OpeningData)
    sms: SmsData | None = None
    cmpp: CmppData | None = None
    account: AccountData | None = None
    orders: OrderData | None = None
    smgp: SmgpData | None = None
    sgip: SgipData | None = None
    platform: PlatformData = field(default_factory=PlatformData)
    hotline: str = ""

    @property
    def agents(self) -> str:
        """The number at which the carrier's agents answer."""
        return self.hotline or self.service_code


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier: its data, and how it makes what the channels it has are reached by."""

    data: CarrierData
    make_sms_link: MakeSmsLink | None = None
    make_login: MakeLogin | None = None
    make_order_envelope: MakeOrderEnvelope | None = None

    @property
    def id(self) -> str:
        """The carrier's id throughout the federation."""
        return self.data.id


def load_data(package: str) -> CarrierData:
    """Read `data.toml` of a carrier's package; raises `ConfigError` for what is wrong in it."""
    with resources.as_file(resources.files(package) / "data.toml") as file:
        return load(CarrierData, file=file)


def find_carrier(carrier_id: str) -> Carrier:
    """Return the installed carrier of that id; raises `UnknownCarrierError`, and `ConfigError` for its data."""
    for point in entry_points(group=ENTRY_POINTS, name=carrier_id):
        carrier: Carrier = point.load()
        if carrier.id != carrier_id:
            raise ConfigError(ConfigReason.BAD_VALUE, f"{ENTRY_POINTS}.{carrier_id}", f"it offers {carrier.id}")
        return carrier
    raise UnknownCarrierError(carrier_id)
