"""The command line: what it prints, and with which code it ends."""

import json
import os

import pytest
from click.testing import CliRunner

from adapters.wire.cmpp import Deliver, Version, encode
from gateway.cli.main import _COMMANDS, main
from gateway.store.secret_files import make_secrets
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Ed25519Secret, parse_vkey
from gateway.tlog.sm2 import SM2_KEY_READERS

MO_KTFSR = encode(
    Deliver(1, bytes.fromhex("bc027e8003e98e67"), "10086", src_terminal_id="13800138000", msg_content=b"KTFSR"),
    Version.V30,
).hex()


def run(*arguments, **options):
    return CliRunner().invoke(main, arguments, **options)


def test_help_when_asked_then_every_command_has_a_line():
    result = run("--help")
    assert result.exit_code == 0
    for name in _COMMANDS:
        assert f"\n  {name} " in result.output
        assert run(name, "--help").exit_code == 0, name


def test_pdu_when_well_formed_then_its_fields_are_printed_as_json():
    result = run("pdu", "decode", "cmpp", MO_KTFSR)
    assert result.exit_code == 0
    fields = json.loads(result.output)
    assert (fields["command"], fields["version"], fields["text"]) == ("DELIVER", "3.0", "KTFSR")
    assert (fields["dest_id"], fields["msg_id"]) == ("10086", "bc027e8003e98e67")


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        ("nonsense", "not_hexadecimal"),
        ("abc", "not_hexadecimal"),
        ("", "truncated_header"),
        (MO_KTFSR[:-2], "length_mismatch"),
        ("0000000c00000099" + "00000001", "unknown_command"),
    ],
)
def test_pdu_when_malformed_then_it_ends_with_2_and_the_reason(packet, reason):
    result = run("pdu", "decode", "cmpp", packet)
    assert result.exit_code == 2
    assert reason in result.output


def test_certs_when_made_twice_then_the_first_are_kept(tmp_path):
    assert run("certs", str(tmp_path / "c"), "--party", "platform/sunrise-calls").exit_code == 0
    first = (tmp_path / "c" / "platform-sunrise-calls.pem").read_bytes()
    assert run("certs", str(tmp_path / "c"), "--party", "platform/sunrise-calls").exit_code == 0
    assert (tmp_path / "c" / "platform-sunrise-calls.pem").read_bytes() == first
    assert run("certs", str(tmp_path / "c"), "--party", "wizard/merlin").exit_code == 2


@pytest.fixture
def configured(tmp_path):
    """A folder with secrets and a configuration without TLS."""
    make_secrets(tmp_path / "secrets")
    path = tmp_path / "gateway.toml"
    path.write_text(
        f"""
        [grpc]
        insecure_dev = true
        [store]
        path = "{tmp_path}/registry.sqlite"
        keys = "{tmp_path}/keys.sqlite"
        secrets = "{tmp_path}/secrets"
        """
    )
    return path


def test_migrate_when_the_store_is_new_then_it_is_made_and_the_outbox_is_empty(configured):
    assert run("migrate", "--config", str(configured)).exit_code == 0
    assert run("migrate", "--config", str(configured)).exit_code == 0
    listed = run("outbox", "--config", str(configured))
    assert (listed.exit_code, listed.output.split()[0]) == (0, "id")


def test_doctor_when_all_is_well_then_it_says_what_it_found(configured):
    result = run("doctor", "--config", str(configured))
    assert result.exit_code == 0, result.output
    for name in ("python", "sqlite", "policy", "secrets", "certificate"):
        assert name in result.output


@pytest.mark.parametrize(("quorum", "is_weak"), [("", False), ("quorum none\n", True)])
def test_doctor_when_witnesses_are_configured_then_a_weak_quorum_is_told(configured, quorum, is_weak):
    path = configured.parent / "policy"
    witnesses = [Cosigner(f"w{n}", Ed25519Secret(bytes(31) + bytes([n]))).verifier().encode() for n in range(1, 5)]
    lines = [f"witness w{n} {vkey} http://127.0.0.1:9\n" for n, vkey in enumerate(witnesses)]
    path.write_text("".join(lines) + quorum)
    with configured.open("a") as file:
        file.write(f'[tlog]\nwitnesses = "{path}"\n')
    result = run("doctor", "--config", str(configured))
    assert result.exit_code == 0, result.output
    assert f"4 in {path}" in result.output
    assert ("two histories" in result.output) is is_weak


def test_doctor_when_the_secrets_are_exposed_then_it_fails_and_names_the_file(configured):
    key = configured.parent / "secrets" / "master.key"
    key.chmod(0o644)
    result = run("doctor", "--config", str(configured))
    assert result.exit_code == 1
    assert "SECRET_EXPOSED" in result.output
    assert str(key) in result.output


def test_doctor_when_keys_cannot_be_copied_to_their_folder_then_it_fails_and_names_it(configured):
    place = configured.parent / "a file"
    place.touch()
    with configured.open("a") as file:
        file.write(f'key_backups = "{place}"\n')
    result = run("doctor", "--config", str(configured))
    assert result.exit_code == 1
    assert str(place) in result.output


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[store]\nkey_backup_days = -3\n", "BAD_VALUE: store.key_backup_days"),
        ("[tlog]\ncheckpoint_s = 0\n", "BAD_VALUE: tlog"),
        ("[grcp]\nlisten = 'x'\n", "UNKNOWN_KEY: grcp (did you mean grpc?)"),
        ("[grpc]\nlisten = 5\n", "BAD_TYPE: grpc.listen"),
        ("[grpc\n", "FILE_NOT_TOML"),
    ],
)
def test_serve_when_the_configuration_is_wrong_then_it_says_where(tmp_path, content, complaint):
    path = tmp_path / "gateway.toml"
    path.write_text(content)
    result = run("serve", "--config", str(path))
    assert result.exit_code == 1
    assert complaint.split(" (")[0] in result.output


def test_serve_when_there_is_no_tls_then_it_refuses_to_listen(configured):
    configured.write_text(configured.read_text().replace("insecure_dev = true", 'listen = "127.0.0.1:0"'))
    result = run("serve", "--config", str(configured), env={**os.environ})
    assert result.exit_code == 1
    assert "NO_CERTIFICATES" in result.output


def test_serve_when_insecure_beyond_loopback_then_it_refuses_to_listen(configured):
    result = run("serve", "--config", str(configured), "--listen", "0.0.0.0:0")
    assert result.exit_code == 1
    assert "NOT_LOOPBACK" in result.output


def test_adapter_when_nobody_knows_the_carrier_then_it_says_so():
    assert run("adapter", "pigeon-post").exit_code == 2


def test_secrets_when_sm2_is_wanted_then_the_log_gets_a_second_key_of_its_name(tmp_path):
    made = run("secrets", str(tmp_path / "s"), "--origin", "registry.example/log", "--sm2")
    assert made.exit_code == 0, made.output
    vkey = made.output.splitlines()[-1]
    assert parse_vkey(vkey, SM2_KEY_READERS).name == "registry.example/log"
    assert run("secrets", str(tmp_path / "s"), "--sm2").output.splitlines()[-1] == vkey
    assert (tmp_path / "s" / "log.sm2.key").stat().st_mode & 0o077 == 0
