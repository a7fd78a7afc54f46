import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.kit.identity import Identity, IdentityError, IdentityReason, Role, parse_identity

parties = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(st.builds(Identity, st.sampled_from(Role), parties))
def test_parse_identity_of_the_names_of_a_certificate_gives_the_party_back(identity: Identity) -> None:
    assert parse_identity(["localhost", "127.0.0.1", identity.uri, identity.server_name]) == identity


@pytest.mark.parametrize(
    ("sans", "reason"),
    [
        ([], IdentityReason.NO_IDENTITY),
        (["localhost", "https://optout/carrier/mobile"], IdentityReason.NO_IDENTITY),
        (["spiffe://optout/carrier/mobile"] * 2, IdentityReason.SEVERAL_IDENTITIES),
        (["spiffe://elsewhere/carrier/mobile"], IdentityReason.WRONG_TRUST_DOMAIN),
        (["spiffe://optout.evil/carrier/mobile"], IdentityReason.WRONG_TRUST_DOMAIN),
        (["spiffe://optout/king/mobile"], IdentityReason.UNKNOWN_ROLE),
        (["spiffe://optout/CARRIER/mobile"], IdentityReason.UNKNOWN_ROLE),
        (["spiffe://optout"], IdentityReason.UNKNOWN_ROLE),
        (["spiffe://optout/carrier"], IdentityReason.BAD_PARTY),
        (["spiffe://optout/carrier/"], IdentityReason.BAD_PARTY),
        (["spiffe://optout/carrier/mobile/x"], IdentityReason.BAD_PARTY),
        (["spiffe://optout/carrier/Mobile"], IdentityReason.BAD_PARTY),
        (["spiffe://optout/carrier/mobile\n"], IdentityReason.BAD_PARTY),
        (["spiffe://optout/carrier/" + "a" * 64], IdentityReason.BAD_PARTY),
    ],
)
def test_parse_identity_of_names_of_nobody_gives_the_reason(sans: list[str], reason: IdentityReason) -> None:
    with pytest.raises(IdentityError) as raised:
        parse_identity(sans)
    assert raised.value.reason is reason


def test_identity_writes_its_uri_server_name_and_short_form() -> None:
    mobile = Identity(Role.CARRIER, "mobile")
    assert mobile.uri == "spiffe://optout/carrier/mobile"
    assert mobile.server_name == "mobile.carrier.optout.internal"
    assert str(mobile) == "carrier/mobile"
