"""The gRPC border: request bytes in, reply bytes out, errors as rich status. Nothing is decided here."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, cast

import grpc
from google.protobuf.message import Message

from audit.pending import Pending
from kernel.errors import MianzhengError
from schemas.wire.v1 import verification_pb2
from verifier.answer import Answered
from verifier.deferral import Deferral
from verifier.desk import as_refusal
from verifier.pool import Pool
from verifier.refusals import Overloaded, grpc_status
from verifier.service import Verifier

VERIFICATION = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"].full_name
CATALOGUE = verification_pb2.DESCRIPTOR.services_by_name["CatalogueService"].full_name

Method = Callable[[Sequence[str], bytes], Message]
Behaviour = Callable[[bytes, grpc.ServicerContext], bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Servicer(grpc.GenericRpcHandler):
    """Serves a verifier's calls, as long as not too many wait for a thread."""

    def __init__(self, verifier: Verifier, pool: Pool) -> None:
        """Take the verifier, whose settings bound the calls that wait, and the threads that run them."""
        self._verifier = verifier
        self._pool = pool
        self._waiting_max = verifier.settings.calls_waiting_max
        verification = {
            "OpenCase": self._unary(verifier.open_case),
            "VerifyItem": self._answer(verifier.item_answer),
            "Verify": self._answer(verifier.named_answer),
            "CloseCase": self._unary(verifier.close_case),
        }
        catalogue = {"ListItems": self._unary(verifier.list_items), "GetItem": self._unary(verifier.get_item)}
        # No deserializer is set: the flow needs the request's bytes as received.
        self._handlers: Mapping[str, Handler] = {
            f"/{service}/{name}": grpc.unary_unary_rpc_method_handler(method)
            for service, methods in ((VERIFICATION, verification), (CATALOGUE, catalogue))
            for name, method in methods.items()
        }
        self._shed: Handler = grpc.unary_unary_rpc_method_handler(self._shedding())

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The handler of a method; one that refuses without reading where too many calls wait."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is not None and self._pool.waiting >= self._waiting_max:
            return self._shed
        return handler

    def _unary(self, method: Method) -> Behaviour:
        def serve(raw: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                reply = method(_names(context), raw)
            except Exception as fault:  # noqa: BLE001 - grpc would send the text of whatever this is
                return self._refuse(context, as_refusal(fault))
            return reply.SerializeToString()

        return serve

    def _answer(self, method: Callable[[Sequence[str], bytes], Answered]) -> Behaviour:
        """A question's handler: it leaves the call open until the log has the answer, and its thread to others."""
        log, hub = self._verifier.desk.log, self._verifier.desk.hub

        def serve(raw: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                answered = method(_names(context), raw)
                deferral = Deferral(context)
            except Exception as fault:  # noqa: BLE001 - grpc would send the text of whatever this is
                return self._refuse(context, as_refusal(fault))

            def told(pending: Pending) -> None:
                try:
                    reply = verification_pb2.VerifyItemResponse(signed=answered.reply(pending.result()))
                    deferral.reply(reply.SerializeToString())
                except Exception as fault:  # noqa: BLE001 - the log's thread has others to serve
                    deferral.refuse(as_refusal(fault), hub)

            try:
                log.submit(answered.record, told)
            except Exception as fault:  # noqa: BLE001 - the same
                deferral.refuse(as_refusal(fault), hub)
            raise deferral.left

        return serve

    def _shedding(self) -> Behaviour:
        def shed(_raw: bytes, context: grpc.ServicerContext) -> bytes:
            self._verifier.note_shed()
            return self._refuse(context, Overloaded("too many calls at once", remedy="ask again later"))

        # A thread of its own: the others have too much to do already. grpc takes it from the function.
        shed.experimental_thread_pool = ThreadPoolExecutor(1, "shed")  # type: ignore[attr-defined]
        return shed

    def _refuse(self, context: grpc.ServicerContext, error: MianzhengError) -> bytes:
        context.abort_with_status(grpc_status(error, self._verifier.desk.hub))
        raise AssertionError("abort_with_status returned")


def _names(context: grpc.ServicerContext) -> list[str]:
    """The URI names of the client's certificate, which the transport has checked."""
    # The published types say that a property has one value; it has several.
    names = cast("Sequence[bytes]", context.auth_context().get("peer_uri", ()))
    return [name.decode("utf-8", "replace") for name in names]
