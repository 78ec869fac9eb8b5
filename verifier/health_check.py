"""Asking a verification service for its health, as an orchestrator does."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from verifier.servicer import CATALOGUE, VERIFICATION
from verifier.settings import ClientSettings
from verifier.tls import Tls

UNREACHABLE = "UNREACHABLE"


def service_states(settings: ClientSettings, tls: Tls) -> dict[str, str]:
    """The state of each service: SERVING, NOT_SERVING, or UNREACHABLE where no answer comes in time."""
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    with grpc.secure_channel(settings.address, credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return {service: _state(stub, service, settings.deadline_seconds) for service in (VERIFICATION, CATALOGUE)}


def _state(stub: health_pb2_grpc.HealthStub, service: str, deadline_seconds: float) -> str:
    try:
        reply = stub.Check(  # type: ignore[attr-defined] # its types are written for another version
            health_pb2.HealthCheckRequest(service=service), timeout=deadline_seconds
        )
    except grpc.RpcError:
        return UNREACHABLE
    return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
