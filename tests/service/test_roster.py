"""The roster: whom a gateway knows, and what configuration may say of it."""

import pytest

from gateway.api.identity import known_party
from gateway.cli.certs import DEFAULT_PARTIES
from gateway.config import GatewayConfig
from gateway.service.books import PolicyBook
from gateway.service.roster import DEVELOPMENT, Roster
from optout.kit.config import ConfigError, load
from optout.kit.identity import Identity, Role
from tests.domain.samples import default_policy


def read(tmp_path, text, env=None):
    file = tmp_path / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return load(GatewayConfig, file=file, env=env)


def test_roster_when_nothing_is_configured_then_everybody_whom_certs_makes_is_known():
    knows = known_party(PolicyBook(default_policy()), load(GatewayConfig).roster)
    assert [party for party in DEFAULT_PARTIES if not knows(party)] == []
    assert [role for role in Role if role is not Role.GATEWAY and knows(Identity(role, "stranger"))] == []
    assert not knows(Identity(Role.INSTITUTE, "operator-a"))


def test_roster_when_configured_then_it_is_as_the_file_and_the_environment_say(tmp_path):
    text = '[roster]\noperators = ["north", "south"]\nscreeners = { edge = "mobile", core = "" }\n'
    roster = read(tmp_path, text, {"OPTOUT_ROSTER_PLATFORMS": "sunrise-calls,harbour-voice"}).roster
    assert roster.operators == ("north", "south")
    assert roster.platforms == ("sunrise-calls", "harbour-voice")
    assert roster.institutes == DEVELOPMENT.institutes
    assert roster.scope(Identity(Role.SCREENER, "edge")) == "mobile"
    assert roster.scope(Identity(Role.SCREENER, "core")) is None
    assert not roster.knows(Identity(Role.SCREENER, "switch"))
    assert len(list(roster.parties())) == len({*roster.parties()}) == 7


@pytest.mark.parametrize(
    "text",
    [
        '[roster]\noperators = ["North Office"]\n',
        '[roster]\nscreeners = { edge = "Mobile!" }\n',
        '[roster]\nswitches = ["edge"]\n',
        '[operators.north]\nkey = "north.pem"\n',
    ],
)
def test_roster_when_it_cannot_be_then_the_configuration_is_refused(tmp_path, text):
    with pytest.raises(ConfigError):
        read(tmp_path, text)


def test_roster_when_asked_for_carriers_then_it_knows_nothing_of_them():
    with pytest.raises(KeyError):
        Roster().knows(Identity(Role.CARRIER, "mobile"))
