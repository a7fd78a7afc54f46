from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from optout.kit.certificates import AuthorityError, files_of, make_development_ca, renew_certificate
from optout.kit.identity import Identity, Role, parse_identity
from optout.kit.tls import read_material

GATEWAY = Identity(Role.GATEWAY, "main")
MOBILE = Identity(Role.CARRIER, "mobile")
INSTITUTE = Identity(Role.INSTITUTE, "caict")


def names_in(file: Path) -> list[str]:
    cert = x509.load_pem_x509_certificate(file.read_bytes())
    sans = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(san.value) for san in sans]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_make_development_ca_writes_pairs_that_fit_and_only_the_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    made = make_development_ca(folder, [GATEWAY, MOBILE, INSTITUTE], days=1)

    assert sorted(path.name for path in folder.iterdir()) == [
        "ca.key",
        "ca.pem",
        "carrier-mobile.key",
        "carrier-mobile.pem",
        "gateway-main.key",
        "gateway-main.pem",
        "institute-caict.key",
        "institute-caict.pem",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    for identity, files in made.items():
        assert files == files_of(folder, identity)
        cert = x509.load_pem_x509_certificate(read_material(files).cert)
        cert.verify_directly_issued_by(authority)
        public_key = cert.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        assert public_key.curve.name == "secp256r1"
        assert parse_identity(names_in(files.cert)) == identity


def test_make_development_ca_names_hosts_for_parties_that_serve_only(tmp_path: Path) -> None:
    made = make_development_ca(tmp_path, [GATEWAY, INSTITUTE], days=1, hosts=["gw.example", "192.0.2.1"])

    assert names_in(made[GATEWAY].cert) == [GATEWAY.uri, GATEWAY.server_name, "gw.example", "192.0.2.1"]
    assert names_in(made[INSTITUTE].cert) == [INSTITUTE.uri]


def test_make_development_ca_again_keeps_what_is_there_and_adds_parties(tmp_path: Path) -> None:
    make_development_ca(tmp_path, [GATEWAY], days=1)
    before = snapshot(tmp_path)

    make_development_ca(tmp_path, [GATEWAY, MOBILE], days=1)

    after = snapshot(tmp_path)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"carrier-mobile.pem", "carrier-mobile.key"}


@pytest.mark.parametrize(
    ("spoil", "reason", "file"),
    [
        ("drop ca.key", "INCOMPLETE", "ca.key"),
        ("drop gateway-main.pem", "INCOMPLETE", "gateway-main.pem"),
        ("swap", "FOREIGN", "gateway-main.pem"),
        ("other authority", "FOREIGN", "gateway-main.pem"),
        ("other key", "FOREIGN", "ca.key"),
        ("expired", "EXPIRED", "ca.pem"),
    ],
)
def test_make_development_ca_over_files_that_do_not_fit_refuses_and_overwrites_nothing(
    tmp_path: Path, spoil: str, reason: str, file: str
) -> None:
    folder, other = tmp_path / "one", tmp_path / "other"
    make_development_ca(folder, [GATEWAY, MOBILE], days=0 if spoil == "expired" else 1)
    make_development_ca(other, [GATEWAY], days=1)
    match spoil.split(maxsplit=1):
        case ["drop", name]:
            (folder / name).unlink()
        case ["swap"]:
            for suffix in ("pem", "key"):
                (folder / f"carrier-mobile.{suffix}").replace(folder / f"gateway-main.{suffix}")
        case ["other", "authority"]:
            for suffix in ("pem", "key"):
                (other / f"gateway-main.{suffix}").replace(folder / f"gateway-main.{suffix}")
        case ["other", "key"]:
            (other / "ca.key").replace(folder / "ca.key")
    before = snapshot(folder)

    with pytest.raises(AuthorityError) as raised:
        make_development_ca(folder, [GATEWAY], days=1)

    assert (raised.value.reason, raised.value.file.name) == (reason, file)
    assert snapshot(folder) == before


def test_renew_certificate_replaces_the_pair_by_one_of_the_same_authority(tmp_path: Path) -> None:
    files = make_development_ca(tmp_path, [MOBILE], days=1)[MOBILE]
    before = read_material(files)

    renew_certificate(tmp_path, MOBILE, days=1)

    after = read_material(files)
    assert after.ca == before.ca
    assert after.cert != before.cert
    assert after.key != before.key
    assert len(list(tmp_path.iterdir())) == 4
    assert make_development_ca(tmp_path, [MOBILE], days=1)[MOBILE] == files
