"""Orders, answers and heads for the tests of the CRM's envelopes."""

from hypothesis import strategies as st

from adapters.wire import contractroot, interboss, unibss
from adapters.wire.answer import Answer, ItemAnswer, Result
from adapters.wire.order import (
    Consent,
    Days,
    Desk,
    Interception,
    Medium,
    Order,
    Proof,
    Scope,
    Strangers,
    Treatment,
    Verb,
    Window,
)

NUMBER = "13800138000"
HEAD = interboss.Head(
    bip_code="BIP9X001",
    activity_code="T9000001",
    orig_domain="CRM1",
    route=interboss.Route.NUMBER,
    home_domain="OPTO",
    route_value=NUMBER,
    session_id="2026112410000012340001",
    trans_id_o="CRM12026112410000012340001",
    trans_id_o_time="20261124100000",
)
ORDER = Order(verb=Verb.SET_CATEGORIES, number=NUMBER, desk=Desk.HOTLINE, booked_by="agent-4711", refuse=("loan",))
ANSWER = Answer(
    result=Result.DONE,
    state="open",
    state_text="骚扰电话拒接已开通，拒接：贷款理财",
    items=(ItemAnswer("category:loan", Result.DONE),),
)
BOUNDARY = "7d9f0c1b2a"
SECRET = "s3cret-of-both"
CONTRACT_HEAD = contractroot.Head(
    transaction_id="CRM120261124000001",
    bus_code="BUS90001",
    service_code="SVC90001",
    service_contract_ver="SVC9000120260101",
    src_org_id="100000",
    src_sys_id="CRM1",
    dst_org_id="200000",
    dst_sys_id="OPTO",
    req_time="20261124100000",
)
API = "NUISANCE_CALL_ORDER"
UNIBSS_HEAD = unibss.Head(app_id="CRM1", timestamp="2026-11-24 10:00:00 123", trans_id="20261124100000123000001")

_labels = st.sampled_from(["loan", "insurance", "real_estate", "贷款理财", "房产中介"])
_numbers = st.integers(13000000000, 19999999999).map(str) | st.sampled_from(["01012345678", "95588", "+85212345678"])
_segments = st.sampled_from(["400", "95", "overseas", "hk_macao_taiwan", "0571", "+86170"])
_minutes = st.integers(0, 1439)
_serials = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
_words = st.text("ABCXYZ019_", min_size=1, max_size=16)
_times = st.datetimes().filter(lambda time: time.year >= 1000).map(lambda time: f"{time:%Y%m%d%H%M%S}")
_sentences = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=60
)
_windows = st.builds(Window, st.sampled_from(Days), _minutes, _minutes)
_common = {
    "number": _numbers,
    "desk": st.sampled_from(Desk),
    "medium": st.sampled_from(Medium),
    "booked_by": st.just("") | _serials,
    "mandate": st.just("") | _serials,
    "proof": st.sampled_from(Proof),
    "notice_version": st.just("") | _serials,
    "consent": st.sampled_from(Consent),
}


def _order(verb: Verb, **wishes: st.SearchStrategy[object]) -> st.SearchStrategy[Order]:
    return st.builds(Order, verb=st.just(verb), **_common, **wishes)


def _apart(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Two tuples that share nothing, not both empty."""
    unique = st.lists(values, min_size=1, max_size=5, unique=True)
    return st.builds(lambda items, cut: (tuple(items[:cut]), tuple(items[cut:])), unique, st.integers(0, 5))


def _with_pair(verb: Verb, first: str, second: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[Order]:
    return _apart(values).flatmap(lambda pair: _order(verb, **{first: st.just(pair[0]), second: st.just(pair[1])}))


def orders() -> st.SearchStrategy[Order]:
    bare = [_order(verb) for verb in (Verb.OPEN, Verb.CANCEL, Verb.CONFIRM, Verb.QUERY)]
    return st.one_of(
        *bare,
        _with_pair(Verb.SET_CATEGORIES, "refuse", "accept", _labels),
        _order(Verb.SET_CATEGORIES, replace=st.just(True)),
        _with_pair(Verb.EDIT_REJECT_LIST, "add", "remove", _numbers),
        _with_pair(Verb.EDIT_ALLOW_LIST, "add", "remove", _numbers),
        _order(Verb.SET_SEGMENTS, segments=st.lists(_segments, max_size=5).map(tuple)),
        _order(
            Verb.CHOOSE_TREATMENT,
            treatment=st.sampled_from(Treatment),
            strangers=st.none() | st.sampled_from(Strangers),
        ),
        _order(Verb.CHOOSE_NOTICES, interception=st.sampled_from(Interception), at_night=st.booleans()),
        _order(Verb.SET_QUIET_HOURS, quiet_hours=st.lists(_windows, max_size=8).map(tuple)),
        _order(Verb.ASK_GUARDIAN, party=_numbers, scope=st.sampled_from(Scope)),
        _order(Verb.END_GUARDIAN, party=st.just("") | _numbers),
        _order(Verb.ACT_FOR_WARD, party=_numbers, preset=st.from_regex(r"[a-z_]{1,32}", fullmatch=True)),
    )


def answers() -> st.SearchStrategy[Answer]:
    items = st.builds(
        ItemAnswer,
        st.sampled_from(["service", "category:loan", "category:贷款理财", "segment:+86170", "reject_number:x=y"]),
        st.sampled_from(Result),
    )
    return st.builds(
        Answer,
        result=st.sampled_from(Result),
        state=st.sampled_from(["", "closed", "pending_open", "open"]),
        state_text=st.just("") | _sentences,
        confirm_by=st.just("") | _times,
        items=st.lists(items, max_size=5).map(tuple),
    )


_reserved = st.just("") | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
_reserves = st.builds(
    interboss.SnReserve,
    **dict.fromkeys(interboss.SnReserve.__dataclass_fields__, _reserved),
)


def heads() -> st.SearchStrategy[interboss.Head]:
    """Heads of requests; routed by domain, so that any order goes with them."""
    return st.builds(
        interboss.Head,
        test=st.booleans(),
        bip_code=_words,
        activity_code=_words,
        orig_domain=_words,
        home_domain=_words,
        route_value=_reserved,
        session_id=_serials,
        trans_id_o=_serials,
        trans_id_o_time=_times,
        sn_reserve=_reserves,
    )


_systems = st.text("ABCXYZ019", min_size=1, max_size=8)
_codes = st.text("ABCXYZ019_.-", min_size=1, max_size=16)


def contract_heads() -> st.SearchStrategy[contractroot.Head]:
    """Heads of requests, not signed yet."""

    def make(system: str, day: str, serial: int, **fields: str) -> contractroot.Head:
        return contractroot.Head(transaction_id=f"{system}{day[:8]}{serial:06}", src_sys_id=system, **fields)

    codes = ("bus_code", "service_code", "service_contract_ver", "src_org_id", "dst_org_id", "dst_sys_id")
    return st.builds(
        make,
        _systems,
        _times,
        st.integers(0, 10**9),
        service_level=st.sampled_from("0123456789"),
        req_time=_times,
        **dict.fromkeys(codes, _codes),
    )


def unibss_heads() -> st.SearchStrategy[unibss.Head]:
    """Heads of requests, without a token yet."""

    def make(app_id: str, time: str, millis: int, serial: int) -> unibss.Head:
        digits = f"{time}{millis:03}"
        return unibss.Head(app_id=app_id, timestamp=unibss.write_timestamp(digits), trans_id=f"{digits}{serial:06}")

    return st.builds(make, _words, _times, st.integers(0, 999), st.integers(0, 999_999))
