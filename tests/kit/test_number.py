from contextlib import suppress
from importlib import resources

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import carrier as oracle

from optout.kit.number import (
    NumberError,
    NumberKind,
    NumberReason,
    PhoneNumber,
    from_u64,
    hint_carrier,
    kind_of,
    mask,
    national_form,
    parse_number,
    parse_prefix,
    parse_subscriber,
    sms_form,
    to_u64,
)
from optout.kit.plan import PLAN

WRITTEN = [
    ("13800138000", "+8613800138000", NumberKind.MOBILE),
    ("+8613800138000", "+8613800138000", NumberKind.MOBILE),
    ("008613800138000", "+8613800138000", NumberKind.MOBILE),
    ("8613800138000", "+8613800138000", NumberKind.MOBILE),
    ("013800138000", "+8613800138000", NumberKind.MOBILE),
    (" +86 138-0013-8000\n", "+8613800138000", NumberKind.MOBILE),
    ("＋８６　１３８００１３８０００", "+8613800138000", NumberKind.MOBILE),
    ("01012345678", "+861012345678", NumberKind.LANDLINE),
    ("(010) 1234 5678", "+861012345678", NumberKind.LANDLINE),
    ("+86 (0)571 1234567", "+865711234567", NumberKind.LANDLINE),
    ("8657112345678", "+8657112345678", NumberKind.LANDLINE),
    ("+861065712345", "+861065712345", NumberKind.LANDLINE),
    ("09511234567", "+869511234567", NumberKind.LANDLINE),
    ("400-123-4567", "+864001234567", NumberKind.FREEPHONE_400),
    ("+868001234567", "+868001234567", NumberKind.FREEPHONE_400),
    ("95588", "95588", NumberKind.SERVICE_95),
    ("010-95588", "95588", NumberKind.SERVICE_95),
    ("+8695588", "95588", NumberKind.SERVICE_95),
    ("95012345", "95012345", NumberKind.SERVICE_95),
    ("9501234567", "9501234567", NumberKind.SERVICE_95),
    ("+8695112345", "95112345", NumberKind.SERVICE_95),
    ("110", "110", NumberKind.SHORT_CODE),
    ("10086", "10086", NumberKind.SHORT_CODE),
    ("+8610086", "10086", NumberKind.SHORT_CODE),
    ("01012345", "12345", NumberKind.SHORT_CODE),
    ("0571-12345", "12345", NumberKind.SHORT_CODE),
    ("96110", "96110", NumberKind.SHORT_CODE),
    ("02196123", "+862196123", NumberKind.SHORT_CODE),
    ("10657123456789", "10657123456789", NumberKind.SMS_PORT),
    ("1065712345", "1065712345", NumberKind.SMS_PORT),
    ("10612345678901234567", "10612345678901234567", NumberKind.SMS_PORT),
    ("+852 1234 5678", "+85212345678", NumberKind.HK_MACAO_TAIWAN),
    ("0085312345678", "+85312345678", NumberKind.HK_MACAO_TAIWAN),
    ("+886 912345678", "+886912345678", NumberKind.HK_MACAO_TAIWAN),
    ("+1 202 555 0100", "+12025550100", NumberKind.OVERSEAS),
    ("00442079460000", "+442079460000", NumberKind.OVERSEAS),
]

REFUSED = [
    ("", NumberReason.EMPTY),
    (" -\t", NumberReason.EMPTY),
    ("KTFSR", NumberReason.NOT_DIGITS),
    ("1380013800x", NumberReason.NOT_DIGITS),
    ("+", NumberReason.NOT_DIGITS),
    ("138+00138000", NumberReason.NOT_DIGITS),
    ("١٣٨٠٠١٣٨٠٠٠", NumberReason.NOT_DIGITS),
    ("1380013800", NumberReason.TOO_SHORT),
    ("+861380013800", NumberReason.TOO_SHORT),
    ("0101234567", NumberReason.TOO_SHORT),
    ("400123456", NumberReason.TOO_SHORT),
    ("9558", NumberReason.TOO_SHORT),
    ("1", NumberReason.TOO_SHORT),
    ("0", NumberReason.TOO_SHORT),
    ("+86", NumberReason.TOO_SHORT),
    ("+8521234567", NumberReason.TOO_SHORT),
    ("138001380000", NumberReason.TOO_LONG),
    ("010123456789", NumberReason.TOO_LONG),
    ("955888888", NumberReason.TOO_LONG),
    ("106123456789012345678", NumberReason.TOO_LONG),
    ("+1234567890123456", NumberReason.TOO_LONG),
    ("1" * 65, NumberReason.TOO_LONG),
    ("62345678", NumberReason.NOT_IN_PLAN),
    ("8610086", NumberReason.NOT_IN_PLAN),
    ("026012345678", NumberReason.NOT_IN_PLAN),
    ("01002345678", NumberReason.NOT_IN_PLAN),
    ("+0123456789", NumberReason.NOT_IN_PLAN),
]


@pytest.mark.parametrize(("text", "canonical", "kind"), WRITTEN, ids=range(len(WRITTEN)))
def test_parse_number_of_each_writing_gives_canonical_text_and_kind(
    text: str, canonical: str, kind: NumberKind
) -> None:
    number = parse_number(text)

    assert number == canonical
    assert kind_of(number) is kind
    assert parse_number(number) == number


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_parse_number_of_bad_text_gives_the_reason_and_not_the_text(text: str, reason: NumberReason) -> None:
    with pytest.raises(NumberError) as raised:
        parse_number(text)

    assert raised.value.reason is reason
    assert str(raised.value) == reason.value


@given(st.text(alphabet="0123456789０９+- ()", max_size=24))
def test_parse_number_of_any_accepted_text_is_stable_and_fits_u64(text: str) -> None:
    try:
        number = parse_number(text)
    except NumberError:
        return
    assert parse_number(number) == number
    assert from_u64(to_u64(number)) == number
    assert to_u64(number) < 2**64
    assert parse_number(national_form(number)) == number


@given(st.text(max_size=80))
def test_parse_number_of_arbitrary_text_raises_nothing_but_number_error(text: str) -> None:
    with suppress(NumberError):
        assert parse_number(text)


@given(st.sampled_from(WRITTEN), st.sampled_from(WRITTEN))
def test_to_u64_of_two_numbers_is_equal_only_if_the_numbers_are(
    one: tuple[str, str, NumberKind], other: tuple[str, str, NumberKind]
) -> None:
    assert (to_u64(PhoneNumber(one[1])) == to_u64(PhoneNumber(other[1]))) == (one[1] == other[1])


def test_to_u64_of_a_mobile_is_its_digits() -> None:
    assert to_u64(parse_number("13800138000")) == 8613800138000


def test_to_u64_of_the_longest_port_fits() -> None:
    assert to_u64(parse_number("106" + "9" * 17)) < 2**64


@pytest.mark.parametrize("text", ["13800138000", "057112345678"])
def test_parse_subscriber_of_mobile_or_landline_accepts(text: str) -> None:
    assert parse_subscriber(text) == parse_number(text)


@pytest.mark.parametrize("text", ["10086", "95588", "4001234567", "+85212345678", "1065712345", "02196123"])
def test_parse_subscriber_of_other_kinds_refuses(text: str) -> None:
    with pytest.raises(NumberError) as raised:
        parse_subscriber(text)
    assert raised.value.reason is NumberReason.NOT_A_SUBSCRIBER


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13800138000", "+86138******00"),
        ("01012345678", "+8610******78"),
        ("05711234567", "+86571*****67"),
        ("4001234567", "+86400*****67"),
        ("+12025550100", "+120******00"),
        ("95012345", "950***45"),
        ("10086", "10086"),
        ("110", "110"),
    ],
)
def test_mask_leaves_three_leading_and_two_trailing_digits_at_most(text: str, masked: str) -> None:
    assert mask(parse_number(text)) == masked


@pytest.mark.parametrize(
    ("text", "national", "sms"),
    [
        ("+8613800138000", "13800138000", "8613800138000"),
        ("+861012345678", "01012345678", "861012345678"),
        ("+864001234567", "4001234567", "864001234567"),
        ("+862196123", "02196123", "862196123"),
        ("+85212345678", "0085212345678", "85212345678"),
        ("10086", "10086", "10086"),
    ],
)
def test_forms_of_a_number_are_those_dialled_and_those_on_sms_links(text: str, national: str, sms: str) -> None:
    number = parse_number(text)
    assert (national_form(number), sms_form(number)) == (national, sms)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("400", "+86400"),
        ("0571", "+86571"),
        ("010", "+8610"),
        ("170", "+86170"),
        ("8613", "+8613"),
        ("+8613800138000", "+8613800138000"),
        ("+852", "+852"),
        ("0044", "+44"),
        ("95", "95"),
        ("950", "950"),
        ("106", "106"),
        ("９５ ０", "950"),
    ],
)
def test_parse_prefix_of_a_segment_gives_what_canonical_numbers_start_with(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix
    assert parse_prefix(prefix) == prefix


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NumberReason.EMPTY),
        ("all", NumberReason.NOT_DIGITS),
        ("1", NumberReason.TOO_SHORT),
        ("0", NumberReason.TOO_SHORT),
        ("+861", NumberReason.TOO_SHORT),
        ("+86", NumberReason.TOO_SHORT),
        ("138001380000", NumberReason.TOO_LONG),
        ("+1234567890123456", NumberReason.TOO_LONG),
        ("95" + "0" * 19, NumberReason.TOO_LONG),
        ("62", NumberReason.NOT_IN_PLAN),
        ("+0", NumberReason.NOT_IN_PLAN),
        ("+8600", NumberReason.NOT_IN_PLAN),
    ],
)
def test_parse_prefix_of_bad_text_gives_the_reason(text: str, reason: NumberReason) -> None:
    with pytest.raises(NumberError) as raised:
        parse_prefix(text)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("text", "carrier"),
    [
        ("13300000000", "telecom"),
        ("13490000000", "telecom"),
        ("13400000000", "mobile"),
        ("18600000000", "unicom"),
        ("19200000000", "broadnet"),
        ("17000000000", None),
        ("01012345678", None),
        ("10086", None),
    ],
)
def test_hint_carrier_names_whom_the_range_was_allocated_to(text: str, carrier: str | None) -> None:
    assert hint_carrier(parse_number(text)) == carrier


CARRIER_NAMES = {"中国电信": "telecom", "中国移动": "mobile", "中国联通": "unicom", "中国广电": "broadnet"}


@pytest.mark.parametrize("prefix", [f"1{second}{third}" for second in range(3, 10) for third in range(10)])
def test_hint_carrier_of_a_range_agrees_with_phonenumbers_where_both_name_one(prefix: str) -> None:
    number = parse_number(f"{prefix}50000000"[:11])
    name = oracle.name_for_number(phonenumbers.parse(number), "zh")
    if name and (ours := hint_carrier(number)):
        assert CARRIER_NAMES[name] == ours


def test_parse_number_of_valid_mobiles_and_landlines_agrees_with_phonenumbers() -> None:
    locals_ = ["62345678", "6234567", "82345678", "8234567"]
    checked = 0
    for area in sorted(PLAN.areas):
        for local in locals_:
            theirs = phonenumbers.parse(f"0{area}{local}", "CN")
            if phonenumbers.is_valid_number(theirs):
                checked += 1
                ours = parse_number(f"0{area}{local}")
                assert ours == phonenumbers.format_number(theirs, phonenumbers.PhoneNumberFormat.E164)
                assert kind_of(ours) is NumberKind.LANDLINE
    assert checked >= 2 * len(PLAN.areas)


def test_plan_of_areas_is_the_one_phonenumbers_has() -> None:
    service = {"400", "800", "950"}
    candidates = [str(area) for area in (10, *range(20, 30), *range(300, 1000)) if str(area) not in service]

    def has_landlines(area: str) -> bool:
        return any(
            phonenumbers.is_valid_number(phonenumbers.PhoneNumber(86, int(area + local)))
            for local in ("62345678", "6234567")
        )

    assert {area for area in candidates if has_landlines(area)} == PLAN.areas


def test_plan_ships_as_package_data() -> None:
    assert resources.files("optout.kit").joinpath("plan.toml").is_file()
