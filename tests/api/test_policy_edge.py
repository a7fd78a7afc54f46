"""PolicyService over real connections: two operators' certificates, a carrier's lines, and what a switch sees of it."""

from dataclasses import replace

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.api.fields import write_time
from gateway.api.mapping_policy import read_policy, write_policy
from gateway.domain.decision import DecidingRule
from gateway.domain.instruction import Channel, Open, SetRefusedCategories
from gateway.domain.policy_form import seal_policy
from gateway.service.operator_keys import OperatorKeys
from optout.v1 import policy_pb2 as pb
from optout.v1 import screening_pb2
from tests.api.edge import OTHER_OPERATOR, info_of, open_edge
from tests.domain.samples import LOAN_LINE, OWN, default_policy
from tests.service.house import INSTITUTE, MOBILE, OPERATOR, PLATFORM, TELECOM

FIRST = default_policy()
QUESTION = screening_pb2.ScreenRequest(
    called=OWN,
    caller=LOAN_LINE,
    ingress=screening_pb2.INGRESS_DOMESTIC,
    caller_trust=screening_pb2.CALLER_TRUST_VERIFIED,
    call_id="c1",
)


def version(name, **changes):
    return seal_policy(replace(FIRST, version=name, **changes))


def without_categories(name):
    return version(name, order=tuple(rule for rule in FIRST.order if rule is not DecidingRule.CATEGORY))


def proposal(policy, **changes):
    fields = {"policy": write_policy(policy), "activation_time": write_time(1)} | changes
    return pb.ProposePolicyRequest(**fields)


def approval(policy, **changes):
    return pb.ApprovePolicyRequest(version=policy.version, digest=bytes.fromhex(policy.digest), **changes)


async def reason_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = info_of(caught.value)
    return caught.value.code().name, info.reason, info.metadata.get("field", "")


async def subscribe(edge):
    await edge.house.submit(Open(), channel=Channel.HOTLINE)
    await edge.house.submit(SetRefusedCategories(refuse=("loan",), accept=(), replace=False))
    await edge.catch_up()


async def test_policy_when_two_operators_sign_then_it_holds_and_a_rollback_is_seen_by_the_next_question(pki):
    async with open_edge(pki) as edge:
        await subscribe(edge)
        one, two, switch = await edge.policy(OPERATOR), await edge.policy(OTHER_OPERATOR), await edge.screener()
        wanted = without_categories("2")
        record = (await one.ProposePolicy(proposal(wanted))).record
        assert (record.status, record.signatures[0].party) == (pb.POLICY_STATUS_PROPOSED, "operator-a")
        # The digest says the same on both sides: of what was sent, and of what comes back.
        assert record.signatures[0].digest.hex() == read_policy(record.policy).digest == wanted.digest
        assert (await switch.Screen(QUESTION)).verdict == screening_pb2.VERDICT_REFUSE
        previewed = await two.PreviewPolicy(pb.PreviewPolicyRequest(version="2", sample=[QUESTION]))
        assert (previewed.asked, previewed.differences[0].after.policy_version) == (1, "2")
        assert previewed.differences[0].before.call_id == "c1"
        assert (await two.ApprovePolicy(approval(wanted))).record.status == pb.POLICY_STATUS_ACTIVE
        screened = await switch.Screen(QUESTION)
        assert (screened.verdict, screened.policy_version) == (screening_pb2.VERDICT_ALLOW, "2")
        rollback = pb.RollbackPolicyRequest(version="2", reason="too mild")
        assert (await two.RollbackPolicy(rollback)).record.policy.version == FIRST.version
        screened = await switch.Screen(QUESTION)
        assert (screened.verdict, screened.policy_version) == (screening_pb2.VERDICT_REFUSE, FIRST.version)


async def test_policy_when_one_operator_is_alone_then_it_cannot_change_anything(pki):
    async with open_edge(pki) as edge:
        alone, wanted = await edge.policy(OPERATOR), version("2")
        await alone.ProposePolicy(proposal(wanted))
        failure = await reason_of(alone.ApprovePolicy(approval(wanted)))
        assert failure == ("FAILED_PRECONDITION", "SECOND_SIGNER_REQUIRED", "")
        assert (await alone.GetPolicy(pb.GetPolicyRequest())).record.policy.version == FIRST.version
        first = pb.RollbackPolicyRequest(version=FIRST.version, reason="x")
        assert await reason_of(alone.RollbackPolicy(first)) == ("NOT_FOUND", "NOT_FOUND", "version")


async def test_requests_when_they_are_not_of_their_form_then_the_field_is_named(pki):
    async with open_edge(pki) as edge:
        operator, other = await edge.policy(OPERATOR), await edge.policy(OTHER_OPERATOR)
        wanted = version("2")
        forbidding = proposal(wanted)
        forbidding.policy.system_list[0].number = "96110"
        unknown = proposal(wanted)
        unknown.policy.order.append(99)
        for call, failure in (
            (operator.ProposePolicy(forbidding), ("FAILED_PRECONDITION", "INVALID_POLICY", "")),
            (operator.ProposePolicy(unknown), ("INVALID_ARGUMENT", "INVALID_FIELD", "policy.order[9]")),
            (
                operator.ProposePolicy(proposal(version("13800138000"))),
                ("INVALID_ARGUMENT", "INVALID_FIELD", "policy.version"),
            ),
            (
                operator.ProposePolicy(proposal(wanted, activation_time=None)),
                ("INVALID_ARGUMENT", "MISSING_FIELD", "activation_time"),
            ),
            (
                operator.ProposePolicy(proposal(wanted, signature=b"x")),
                ("INVALID_ARGUMENT", "INVALID_FIELD", "signature"),
            ),
            (other.ApprovePolicy(approval(wanted)), ("NOT_FOUND", "NOT_FOUND", "version")),
            (
                other.RollbackPolicy(pb.RollbackPolicyRequest(version="2", reason="13800138000 complained")),
                ("INVALID_ARGUMENT", "INVALID_FIELD", "reason"),
            ),
            (
                other.PreviewPolicy(pb.PreviewPolicyRequest(version="2", sample=[QUESTION] * 1001)),
                ("INVALID_ARGUMENT", "INVALID_FIELD", "sample"),
            ),
            (
                other.ListLines(pb.ListLinesRequest(page_token="x95")),
                ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token"),
            ),
            (
                other.ListPolicies(pb.ListPoliciesRequest(page_token="0")),
                ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token"),
            ),
        ):
            assert await reason_of(call) == failure


async def test_operator_when_it_keeps_an_offline_key_then_its_certificate_alone_does_not_do(pki):
    key = Ed25519PrivateKey.generate()
    async with open_edge(pki, OperatorKeys({"operator-b": key.public_key()})) as edge:
        wanted = version("2")
        await (await edge.policy(OPERATOR)).ProposePolicy(proposal(wanted))
        signer = await edge.policy(OTHER_OPERATOR)
        assert (await reason_of(signer.ApprovePolicy(approval(wanted))))[1] == "PROOF_REQUIRED"
        signature = key.sign(bytes.fromhex(wanted.digest))
        record = (await signer.ApprovePolicy(approval(wanted, signature=signature))).record
        assert record.signatures[1].signature == signature


async def test_history_when_listed_then_it_comes_in_pages_newest_first(pki):
    async with open_edge(pki) as edge:
        operator = await edge.policy(OPERATOR)
        for name in "234":
            await operator.ProposePolicy(proposal(version(name)))
        reader, seen, token = await edge.policy(INSTITUTE), [], ""
        while True:
            page = await reader.ListPolicies(pb.ListPoliciesRequest(page_size=3, page_token=token))
            seen += [record.policy.version for record in page.records]
            token = page.next_page_token
            if not token:
                break
        assert seen == ["4", "3", "2", FIRST.version]


def declaration(request_id, number, **changes):
    withdraw = bool(changes.pop("withdraw", False))
    line = pb.Line(**({"number": number, "holder": "harbour-voice", "category": "loan"} | changes))
    return pb.DeclareLinesRequest(request_id=request_id, line=line, withdraw=withdraw)


async def declare(stub, *requests):
    return [answer async for answer in stub.DeclareLines(iter(requests))]


async def test_lines_when_declared_by_their_carrier_then_they_are_listed_and_conflicts_hide_the_holder(pki):
    async with open_edge(pki) as edge:
        mobile, telecom = await edge.policy(MOBILE), await edge.policy(TELECOM)
        answers = await declare(mobile, declaration("1", "95188001"), declaration("2", "9518800", is_prefix=True))
        assert [(answer.request_id, answer.HasField("conflict")) for answer in answers] == [("1", False), ("2", False)]
        assert answers[0].revision < answers[1].revision
        again = await declare(mobile, declaration("1", "95188001"))
        assert again[0].revision == answers[0].revision
        (answer,) = await declare(telecom, declaration("1", "95188001"))
        assert (answer.revision, answer.conflict.holder, answer.conflict.carrier) == (0, "", "mobile")
        (answer,) = await declare(mobile, declaration("3", "95188001", holder="rival"))
        assert answer.conflict.holder == "harbour-voice"
        request = pb.ListLinesRequest(holder="harbour-voice", page_size=2)
        reader = await edge.policy(PLATFORM)
        page = await reader.ListLines(request)
        assert [line.number for line in page.lines] == ["9518800", "95188001"]
        rest = await reader.ListLines(pb.ListLinesRequest(holder="harbour-voice", page_token=page.next_page_token))
        assert [line.number for line in rest.lines] == ["95199000"]
        await declare(mobile, declaration("4", "95188001", withdraw=True))
        assert len((await reader.ListLines(pb.ListLinesRequest(holder="harbour-voice"))).lines) == 2


async def collect(call, answers):
    """Keep the ids of what was answered, also if the call fails later."""
    async for answer in call:
        answers.append(answer.request_id)


async def test_lines_when_one_is_refused_then_those_before_it_are_kept_and_the_stream_says_why(pki):
    async with open_edge(pki) as edge:
        mobile = await edge.policy(MOBILE)
        for bad, failure in (
            (declaration("x", "95188002", category="astrology"), ("UNKNOWN_CATEGORY", "line.category")),
            (declaration("x", "95188002", carrier="telecom"), ("WRONG_CARRIER", "line.carrier")),
            (declaration("x", "nonsense"), ("INVALID_NUMBER", "line.number")),
            (declaration("x", "110"), ("NOT_REFUSABLE", "line.number")),
            (declaration("x", "95188002", holder="Not A Party"), ("INVALID_FIELD", "line.holder")),
            (declaration("", "95188002"), ("MISSING_FIELD", "request_id")),
        ):
            answers: list[str] = []
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await collect(mobile.DeclareLines(iter((declaration("good", "95188001"), bad))), answers)
            info = info_of(caught.value)
            assert (info.reason, info.metadata["field"]) == failure
            assert answers == ["good"]
