"""Every carrier's data for hotline and hall: complete, in the envelope's own forms, and in words for agents."""

from dataclasses import replace

import pytest

from adapters import mobile, telecom, unicom
from adapters.carrier.base import ParameterData
from adapters.carrier.order_answer import make_renderer, write_answer
from adapters.wire.answer import Result
from adapters.wire.order import Verb
from optout.kit.config import ConfigError
from optout.kit.redact import find_numbers
from optout.v1 import types_pb2

BY_ID = {carrier.id: carrier for carrier in (telecom.CARRIER, mobile.CARRIER, unicom.CARRIER)}
CARRIERS = pytest.mark.parametrize("carrier_id", BY_ID)


@CARRIERS
def test_orders_when_loaded_then_every_verb_and_result_has_its_code_and_sentence(carrier_id: str) -> None:
    data = BY_ID[carrier_id].data.orders
    assert data is not None
    assert sorted(data.operations.values()) == sorted(Verb)
    assert sorted(data.results.values()) == sorted(Result)
    assert sorted(data.sentences) == sorted(Result)
    assert not find_numbers(" ".join([*data.sentences.values(), *(notice.text for notice in data.notices)]))
    assert all(notice.recipients and notice.purposes for notice in data.notices)


@CARRIERS
def test_carrier_when_it_takes_orders_then_declares_hotline_and_hall_and_makes_its_envelope(carrier_id: str) -> None:
    carrier = BY_ID[carrier_id]
    assert {"hotline", "hall"} <= set(carrier.data.capabilities.channels)
    assert carrier.make_order_envelope is not None
    assert carrier.data.orders is not None
    assert carrier.make_order_envelope(carrier.data.orders).is_signed is (carrier_id != "mobile")


@CARRIERS
@pytest.mark.parametrize("state", [state for state in types_pb2.EnrolmentState.values() if state])
def test_state_when_put_into_words_then_fits_and_leaves_no_code(
    carrier_id: str, state: types_pb2.EnrolmentState.ValueType
) -> None:
    outcome = types_pb2.Outcome(disposition=types_pb2.DISPOSITION_ALREADY_SO)
    outcome.subscription.state = state
    outcome.subscription.preferences.refused_categories.extend(["loan", "insurance", "securities", "education"])
    outcome.subscription.preferences.treatment = types_pb2.TREATMENT_CHALLENGE
    answer = write_answer(outcome, Verb.QUERY, make_renderer(BY_ID[carrier_id].data))
    assert answer.result is Result.DONE
    assert answer.state == types_pb2.EnrolmentState.Name(state).removeprefix("ENROLMENT_STATE_").lower()
    assert answer.state_text
    assert answer.state not in answer.state_text


def test_state_when_the_notice_needs_more_than_is_known_then_the_carrier_does_not_start() -> None:
    data = BY_ID["mobile"].data
    clause = replace(data.notices.templates["status"].clauses[0], text="{weather}")
    status = replace(data.notices.templates["status"], clauses=(clause,))
    templates, parameters = {"status": status}, {"weather": ParameterData()}
    strange = replace(data, notices=replace(data.notices, templates=templates, parameters=parameters))
    with pytest.raises(ConfigError, match="weather"):
        make_renderer(strange)
    with pytest.raises(ConfigError, match="status"):
        make_renderer(replace(data, notices=replace(data.notices, templates={})))
