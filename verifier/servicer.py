"""The gRPC border: request bytes in, reply bytes out, errors as rich status. Nothing is decided here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import grpc
from google.protobuf.message import Message

from kernel.errors import MianzhengError
from schemas.wire.v1 import verification_pb2
from verifier.desk import as_refusal
from verifier.refusals import Overloaded, grpc_status
from verifier.service import Verifier

VERIFICATION = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"].full_name
CATALOGUE = verification_pb2.DESCRIPTOR.services_by_name["CatalogueService"].full_name

Method = Callable[[Sequence[str], bytes], Awaitable[Message]]
Context = grpc.aio.ServicerContext[bytes, bytes]


class Servicer:
    """Serves a verifier's six calls."""

    def __init__(self, verifier: Verifier) -> None:
        """Take the verifier; its settings bound the calls in flight."""
        self._verifier = verifier
        self._in_flight = 0
        self._in_flight_max = verifier.settings.calls_in_flight_max

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Both services. No deserializer is set: the flow needs the request's bytes as received."""
        verifier = self._verifier
        verification = {
            "OpenCase": verifier.open_case,
            "VerifyItem": verifier.verify_item,
            "Verify": verifier.verify,
            "CloseCase": verifier.close_case,
        }
        catalogue = {"ListItems": verifier.list_items, "GetItem": verifier.get_item}
        return (self._service(VERIFICATION, verification), self._service(CATALOGUE, catalogue))

    def _service(self, name: str, methods: Mapping[str, Method]) -> grpc.GenericRpcHandler:
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            each: grpc.unary_unary_rpc_method_handler(self._unary(m)) for each, m in methods.items()
        }
        return grpc.method_handlers_generic_handler(name, handlers)

    def _unary(self, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def serve(raw: bytes, context: Context) -> bytes:
            if self._in_flight >= self._in_flight_max:
                self._verifier.note_shed()
                return await self._refuse(context, Overloaded("too many calls at once", remedy="ask again later"))
            self._in_flight += 1
            try:
                reply = await method(_names(context), raw)
            except Exception as fault:  # noqa: BLE001 - grpc would send the text of whatever this is
                return await self._refuse(context, as_refusal(fault))
            finally:
                self._in_flight -= 1
            return reply.SerializeToString()

        return serve

    async def _refuse(self, context: Context, error: MianzhengError) -> bytes:
        await context.abort_with_status(grpc_status(error, self._verifier.desk.hub))
        raise AssertionError("abort_with_status returned")


def _names(context: Context) -> list[str]:
    """The URI names of the client's certificate, which the transport has checked."""
    return [name.decode("utf-8", "replace") for name in context.auth_context().get("peer_uri", ())]
