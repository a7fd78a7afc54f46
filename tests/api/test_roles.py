"""Who may do what, over real connections: Shows line 6, and every method under every role."""

import grpc
import pytest
from google.protobuf import message_factory

from gateway.api.methods import METHODS
from gateway.api.server import SERVED
from gateway.domain.instruction import Channel, Open
from optout.kit.identity import Role
from optout.kit.tls import channel_options
from optout.v1 import audit_pb2, carrier_pb2, number_pb2, policy_pb2, registry_pb2, registry_pb2_grpc, screening_pb2
from tests.api.edge import GATEWAY, GHOST, STRANGERS, WITNESS, info_of, issue_nameless, open_edge
from tests.api.wire import write_instruction
from tests.domain.samples import OWN
from tests.service.house import INSTITUTE, MOBILE, OPERATOR, PLATFORM, SCREENER, TELECOM

BY_ROLE = {
    Role.CARRIER: MOBILE,
    Role.SCREENER: SCREENER,
    Role.PLATFORM: PLATFORM,
    Role.INSTITUTE: INSTITUTE,
    Role.OPERATOR: OPERATOR,
    Role.WITNESS: WITNESS,
    Role.GATEWAY: GATEWAY,
}
CONTRACT = [
    service
    for module in (registry_pb2, screening_pb2, number_pb2, policy_pb2, carrier_pb2, audit_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
METHOD_IDS = [f"/{service.full_name}/{method.name}" for service in SERVED for method in service.methods]
OFFERED = {
    f"/optout.v1.{name}"
    for name in (
        "RegistryService/Submit",
        "RegistryService/SubmitStream",
        "RegistryService/GetSubscription",
        "RegistryService/ListSubscriptions",
        "RegistryService/Watch",
        "RegistryService/ReportApplied",
        "RegistryService/ReportDelivery",
        "RegistryService/GetSnapshot",
        "NumberService/ReportNumberEvents",
        "NumberService/ListProvisionalClaims",
        "NumberService/ContestClaim",
        "ScreeningService/Screen",
        "PolicyService/DeclareLines",
        "PolicyService/ListLines",
        "PolicyService/ProposePolicy",
        "PolicyService/ApprovePolicy",
        "PolicyService/PreviewPolicy",
        "PolicyService/RollbackPolicy",
        "PolicyService/GetPolicy",
        "PolicyService/ListPolicies",
        "ScreeningService/ReportInterceptions",
        "OperationsService/ListDeadLetters",
        "OperationsService/ReplayDeadLetters",
        "AuditService/GetCheckpoint",
        "AuditService/ListCheckpoints",
        "AuditService/ProveInclusion",
        "AuditService/ProveConsistency",
        "AuditService/ListEntries",
        "AuditService/LookUpSubject",
        "AuditService/ProveState",
        "AuditService/GetReceipt",
    )
}


def submission(edge, **fields):
    given = {"channel": Channel.HOTLINE, **fields}
    return registry_pb2.SubmitRequest(instruction=write_instruction(edge.house.instruction(Open(), **given)))


def lookup():
    return registry_pb2.GetSubscriptionRequest(number=OWN, medium=1)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def test_contract_when_served_then_only_the_carriers_service_is_left_to_carriers():
    assert {service.full_name for service in CONTRACT} - {service.full_name for service in SERVED} == {
        "optout.v1.CarrierService"
    }


def test_method_table_when_compared_with_the_contract_then_every_method_has_a_row():
    ours = {method for method in METHODS if method.startswith("/optout.")}
    assert ours == set(METHOD_IDS)


async def test_submission_when_the_subscriber_is_anothers_then_it_is_denied_with_its_reason(pki):
    async with open_edge(pki) as edge:
        await (await edge.registry(MOBILE)).Submit(submission(edge))
        telecom = await edge.registry(TELECOM)
        error = await failure_of(telecom.Submit(submission(edge, carrier="telecom")))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        info = info_of(error)
        assert (info.reason, info.metadata["fault"], info.metadata["retry"]) == ("NOT_SERVED", "caller", "after_change")
        error = await failure_of(telecom.Submit(submission(edge, carrier="mobile")))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert info_of(error).reason == "WRONG_CARRIER"
        error = await failure_of(telecom.GetSubscription(lookup()))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_SERVED")


async def test_connection_when_there_is_no_certificate_then_it_is_refused(pki):
    async with open_edge(pki) as edge:
        trusting = grpc.ssl_channel_credentials((pki / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(edge.target, trusting, channel_options(GATEWAY)) as channel:
            stub = registry_pb2_grpc.RegistryServiceStub(channel)
            error = await failure_of(stub.GetSubscription(lookup()))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        async with grpc.aio.insecure_channel(edge.target) as channel:
            stub = registry_pb2_grpc.RegistryServiceStub(channel)
            error = await failure_of(stub.GetSubscription(lookup()))
        assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_caller_when_its_certificate_names_no_known_party_then_it_is_unauthenticated(pki):
    async with open_edge(pki) as edge:
        for party in (GHOST, *STRANGERS, issue_nameless(pki)):
            error = await failure_of((await edge.registry(party)).GetSubscription(lookup()))
            assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_PARTY")


async def test_institute_when_it_reads_and_writes_then_it_can_read_alone(pki):
    async with open_edge(pki) as edge:
        await (await edge.registry(MOBILE)).Submit(submission(edge))
        institute = await edge.registry(INSTITUTE)
        found = await institute.GetSubscription(lookup())
        assert (found.subscription.number, found.subscription.carrier, found.revision) == (OWN, "mobile", 1)
        page = await institute.ListSubscriptions(registry_pb2.ListSubscriptionsRequest())
        assert [row.number for row in page.subscriptions] == [OWN]
        watched = institute.Watch(registry_pb2.WatchRequest())
        assert [row.number for row in (await watched.read()).subscriptions] == [OWN]
        watched.cancel()
        error = await failure_of(institute.Submit(submission(edge)))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")


async def call_with_nothing(channel, method, timeout_s):
    """Call any method with an empty request, or an empty stream; the failure, or None. A feed ends by the timeout."""
    descriptor = next(
        found for service in SERVED for found in service.methods if method == f"/{service.full_name}/{found.name}"
    )
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    request_type = message_factory.GetMessageClass(descriptor.input_type)
    make = kinds[descriptor.client_streaming, descriptor.server_streaming](
        method,
        request_serializer=request_type.SerializeToString,
        response_deserializer=message_factory.GetMessageClass(descriptor.output_type).FromString,
    )
    call = make(iter(()) if descriptor.client_streaming else request_type(), timeout=timeout_s)
    try:
        if descriptor.server_streaming:
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error
    return None


@pytest.mark.parametrize("role", Role)
async def test_methods_when_called_in_each_role_then_they_answer_or_say_why_not(pki, role):
    async with open_edge(pki) as edge:
        channel = await edge.channel(BY_ROLE[role])
        for method in METHOD_IDS:
            is_taken = role in METHODS[method].roles and method in OFFERED
            error = await call_with_nothing(channel, method, 0.3 if is_taken else 30)
            if role not in METHODS[method].roles:
                assert error is not None, method
                assert (error.code(), info_of(error).reason) == (
                    grpc.StatusCode.PERMISSION_DENIED,
                    "ROLE_NOT_ALLOWED",
                )
            elif method not in OFFERED:
                assert error is not None, method
                assert error.code() is grpc.StatusCode.UNIMPLEMENTED
                info = info_of(error)
                assert (info.reason, info.metadata["method"]) == ("NOT_OFFERED", method.rpartition("/")[2])
            else:
                assert (
                    error is None
                    or error.code()
                    in {
                        grpc.StatusCode.INVALID_ARGUMENT,
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                    }
                    or info_of(error).reason == "NOT_PUBLISHED"
                ), method
