"""Every method that the gateway serves: who may call it, and how it ends if it takes too long or the gateway drains."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.errors import Reason
from optout.kit.identity import Role


@dataclass(frozen=True, slots=True)
class MethodRule:
    """One row.

    ``late`` is the reason given when a unary method exceeds its time; None for streams, which have no such limit.
    ``endless`` marks streams that end only by the caller: a drain ends them.
    """

    roles: frozenset[Role]
    late: Reason | None = None
    endless: bool = False


_C, _S, _P, _I, _O = Role.CARRIER, Role.SCREENER, Role.PLATFORM, Role.INSTITUTE, Role.OPERATOR
_W = Role.WITNESS
_ALL = tuple(Role)


def _read(*roles: Role) -> MethodRule:
    """A unary method that changes nothing."""
    return MethodRule(frozenset(roles), late=Reason.OVERLOADED)


def _write(*roles: Role) -> MethodRule:
    """A unary method that commits: when it is late nobody can say whether it did."""
    return MethodRule(frozenset(roles), late=Reason.COMMIT_UNKNOWN)


def _stream(*roles: Role) -> MethodRule:
    """A stream that ends by itself: once its caller has sent all, or once all was told."""
    return MethodRule(frozenset(roles))


def _endless(*roles: Role) -> MethodRule:
    return MethodRule(frozenset(roles), endless=True)


METHODS: dict[str, MethodRule] = {
    "/optout.v1.RegistryService/Submit": _write(_C),
    "/optout.v1.RegistryService/SubmitStream": _stream(_C),
    "/optout.v1.RegistryService/GetSubscription": _read(_C, _I, _O),
    "/optout.v1.RegistryService/ListSubscriptions": _read(_C, _I, _O),
    "/optout.v1.RegistryService/GetSnapshot": _stream(_C, _S, _I, _O),
    "/optout.v1.RegistryService/Watch": _endless(_C, _S, _I, _O),
    "/optout.v1.RegistryService/ReportApplied": _stream(_C),
    "/optout.v1.RegistryService/ReportDelivery": _stream(_C),
    "/optout.v1.ScreeningService/Screen": _read(_S, _C, _P),
    "/optout.v1.ScreeningService/ReportInterceptions": _stream(_S, _C),
    "/optout.v1.NumberService/ReportNumberEvents": _stream(_C, _O),
    "/optout.v1.NumberService/ListProvisionalClaims": _read(_C),
    "/optout.v1.NumberService/ContestClaim": _write(_C),
    "/optout.v1.PolicyService/DeclareLines": _stream(_C),
    "/optout.v1.PolicyService/ListLines": _read(*_ALL),
    "/optout.v1.PolicyService/ProposePolicy": _write(_O),
    "/optout.v1.PolicyService/ApprovePolicy": _write(_O),
    "/optout.v1.PolicyService/PreviewPolicy": _read(_O),
    "/optout.v1.PolicyService/RollbackPolicy": _write(_O),
    "/optout.v1.PolicyService/GetPolicy": _read(*_ALL),
    "/optout.v1.PolicyService/ListPolicies": _read(*_ALL),
    "/optout.v1.OperationsService/ListDeadLetters": _read(_C, _O),
    "/optout.v1.OperationsService/ReplayDeadLetters": _write(_O),
    "/optout.v1.AuditService/GetCheckpoint": _read(_C, _I, _O, _W),
    "/optout.v1.AuditService/ListCheckpoints": _read(_C, _I, _O, _W),
    "/optout.v1.AuditService/ProveInclusion": _read(_C, _I, _O, _W),
    "/optout.v1.AuditService/ProveConsistency": _read(_C, _I, _O, _W),
    "/optout.v1.AuditService/ListEntries": _read(_I, _O, _W),
    "/optout.v1.AuditService/LookUpSubject": _stream(_I),
    "/optout.v1.AuditService/ProveState": _stream(_I),
    "/optout.v1.AuditService/GetReceipt": _read(_C),
    "/grpc.health.v1.Health/Check": _read(*_ALL),
    "/grpc.health.v1.Health/Watch": _endless(*_ALL),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _endless(*_ALL),
}
