"""Dead letters over real connections."""

import grpc
import pytest

from gateway.api.fields import write_time
from optout.v1 import operations_pb2 as pb
from optout.v1 import operations_pb2_grpc
from tests.api.edge import info_of, open_edge
from tests.service.house import OPERATOR
from tests.service.test_operations import give_up


async def test_letters_when_listed_and_replayed_then_as_the_contract_says(pki):
    async with open_edge(pki) as edge:
        ids = await give_up(edge.house)
        stub = operations_pb2_grpc.OperationsServiceStub(await edge.channel(OPERATOR))
        letters = (await stub.ListDeadLetters(pb.ListDeadLettersRequest(carrier="mobile"))).letters
        assert [letter.order_id for letter in letters] == ids
        assert letters[0] == pb.DeadLetter(
            order_id=ids[0],
            carrier="mobile",
            kind=pb.ORDER_KIND_NOTIFY,
            reason="EXPIRED",
            attempts=3,
            revision=1,
            expire_time=write_time(edge.house.clock.now_ms() + 86_400_000),
        )
        answer = await stub.ReplayDeadLetters(pb.ReplayDeadLettersRequest(order_ids=ids, reason="mended"))
        assert (list(answer.replayed), answer.revision) == (ids, 3)
        assert b"optout_replayed_orders_total 2.0" in edge.telemetry.write()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ReplayDeadLettersRequest(reason="mended"), "order_ids"),
        (pb.ReplayDeadLettersRequest(order_ids=["n"] * 1001, reason="mended"), "order_ids"),
        (pb.ReplayDeadLettersRequest(order_ids=["n", ""], reason="mended"), "order_ids[1]"),
        (pb.ReplayDeadLettersRequest(order_ids=["n"]), "reason"),
        (pb.ReplayDeadLettersRequest(order_ids=["n"], reason="asked by 13800138000"), "reason"),
    ],
    ids=["none", "too-many", "empty", "no-reason", "number"],
)
async def test_replay_when_a_field_is_wrong_then_the_refusal_names_it(pki, request_, field):
    async with open_edge(pki) as edge:
        stub = operations_pb2_grpc.OperationsServiceStub(await edge.channel(OPERATOR))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ReplayDeadLetters(request_)
        assert info_of(caught.value).metadata["field"] == field
