"""The gRPC border: request bytes in, reply bytes out, errors as rich status. Nothing is decided here."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias, cast

import grpc

from audit.pending import Pending
from kernel.errors import MianzhengError
from schemas.wire.v1 import verification_pb2
from verifier.answer import Answered
from verifier.deferral import Deferral
from verifier.desk import Refused, as_refusal
from verifier.measured import LOG, Measured
from verifier.once import REQUEST_ID
from verifier.peer import Peer
from verifier.pool import Pool
from verifier.refusals import grpc_status
from verifier.service import Method, Verifier
from verifier.status import Draining, Overloaded
from verifier.stream import Stream

VERIFICATION = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"].full_name
CATALOGUE = verification_pb2.DESCRIPTOR.services_by_name["CatalogueService"].full_name

Behaviour = Callable[[bytes, grpc.ServicerContext], bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Servicer(grpc.GenericRpcHandler):
    """Serves a verifier's calls, as long as not too many wait for a thread."""

    def __init__(self, verifier: Verifier, pool: Pool) -> None:
        """Take the verifier, whose settings bound the calls that wait, and the threads that run them."""
        self._verifier = verifier
        self._pool = pool
        self._waiting_max = verifier.settings.calls_waiting_max
        self._retry_after = verifier.settings.retry_after_seconds
        verification = {
            "OpenCase": self._unary("OpenCase", verifier.open_case),
            "VerifyItem": self._answer("VerifyItem", verifier.item_answer),
            "Verify": self._answer("Verify", verifier.named_answer),
            "VerifyBatch": self._unary("VerifyBatch", verifier.verify_batch),
            "CloseCase": self._unary("CloseCase", verifier.close_case),
        }
        catalogue = {
            "ListItems": self._unary("ListItems", verifier.list_items),
            "GetItem": self._unary("GetItem", verifier.get_item),
        }
        # No deserializer is set: the flow needs the request's bytes as received.
        self._handlers: dict[str, Handler] = {
            f"/{service}/{name}": grpc.unary_unary_rpc_method_handler(method)
            for service, methods in ((VERIFICATION, verification), (CATALOGUE, catalogue))
            for name, method in methods.items()
        }
        once: dict[str, Method] = {
            "OpenCase": verifier.open_case,
            "VerifyItem": verifier.verify_item,
            "Verify": verifier.verify,
            "VerifyBatch": verifier.verify_batch,
            "CloseCase": verifier.close_case,
        }
        self._once_handlers: dict[str, Handler] = {
            f"/{VERIFICATION}/{name}": grpc.unary_unary_rpc_method_handler(self._once(name, method))
            for name, method in once.items()
        }
        streaming = self._streaming()
        self._handlers[f"/{VERIFICATION}/VerifyStream"] = grpc.stream_stream_rpc_method_handler(streaming)
        self._streams: set[Stream] = set()
        self._shed: Handler = grpc.unary_unary_rpc_method_handler(self._shedding())

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The handler of a method; one that refuses without reading where too many calls wait."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is not None and self._pool.waiting >= self._waiting_max:
            return self._shed
        for key, _ in handler_call_details.invocation_metadata:
            if key == REQUEST_ID:
                return self._once_handlers.get(handler_call_details.method, handler)
        return handler

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def _unary(self, name: str, method: Method) -> Behaviour:
        return self._telling(name, lambda raw, context: method(_peer(context), raw).SerializeToString())

    def _once(self, name: str, method: Method) -> Behaviour:
        """A call's handler where the client gave it an id."""
        once = self._verifier.once

        def reply(raw: bytes, context: grpc.ServicerContext) -> bytes:
            request_id = str(dict(context.invocation_metadata())[REQUEST_ID])
            return once(name, _peer(context), request_id, raw, method)

        return self._telling(name, reply)

    def _telling(self, name: str, replying: Behaviour) -> Behaviour:
        """A handler that tells whatever goes wrong as rich status, and what became of the call to the meter."""
        desk = self._verifier.desk

        def serve(raw: bytes, context: grpc.ServicerContext) -> bytes:
            if not context.is_active():
                # The caller has gone, or its time is over: nothing is begun, and there is nothing to record.
                return b""
            measured = Measured(desk, name)
            try:
                reply = replying(raw, context)
            except Exception as fault:  # noqa: BLE001 - grpc would send the text of whatever this is
                error = as_refusal(fault)
                measured.end(error)
                return self._refuse(context, error)
            measured.end()
            return reply

        return serve

    def drain(self) -> None:
        """End every stream once what was asked on it is answered."""
        for each in tuple(self._streams):
            each.end(Draining("the worker stops", remedy="connect again, and ask again what was not answered"))

    def _streaming(self) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
        """The handler of streams, on threads of their own: each holds one for its life."""
        desk, streams_max = self._verifier.desk, self._verifier.settings.streams_max

        def serve(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            if len(self._streams) >= streams_max:
                self._verifier.note_shed()
                self._refuse(context, Overloaded.hinting("too many streams at once", self._retry_after))
            measured = Measured(desk, "VerifyStream")
            stream = self._verifier.stream(_peer(context))
            self._streams.add(stream)
            try:
                yield from stream.answers(_until_gone(messages))
            finally:
                self._streams.discard(stream)
            measured.end(stream.ending)
            if stream.ending is not None and context.is_active():
                self._refuse(context, stream.ending)

        # One more than may be served, for those that are told so.
        serve.experimental_thread_pool = ThreadPoolExecutor(streams_max + 1, "streaming")  # type: ignore[attr-defined]
        return serve

    def _answer(self, name: str, method: Callable[[Peer, bytes], Answered | Refused]) -> Behaviour:
        """A question's handler: it leaves the call open until the log has the answer, and its thread to others."""
        desk = self._verifier.desk
        log, hub = desk.log, desk.hub

        def serve(raw: bytes, context: grpc.ServicerContext) -> bytes:
            if not context.is_active():
                # The caller has gone, or its time is over: nothing is begun, and there is nothing to record.
                return b""
            measured = Measured(desk, name)
            try:
                found = method(_peer(context), raw)
                deferral = Deferral(context)
            except Exception as fault:  # noqa: BLE001 - grpc would send the text of whatever this is
                error = as_refusal(fault)
                measured.end(error)
                return self._refuse(context, error)

            def refuse(fault: Exception) -> None:
                error = as_refusal(fault)
                measured.end(error)
                deferral.refuse(error, hub)

            def told(pending: Pending) -> None:
                try:
                    logged = pending.result()
                    measured.step(LOG)
                    if isinstance(found, Refused):
                        refuse(found.error)
                    else:
                        reply = verification_pb2.VerifyItemResponse(signed=found.reply(logged))
                        raw = reply.SerializeToString()
                        measured.end()
                        deferral.reply(raw)
                except Exception as fault:  # noqa: BLE001 - the log's thread has others to serve
                    refuse(fault)

            try:
                log.submit(found.record, told)
            except Exception as fault:  # noqa: BLE001 - the same
                refuse(fault)
            raise deferral.left

        return serve

    def _shedding(self) -> Behaviour:
        def shed(_raw: bytes, context: grpc.ServicerContext) -> bytes:
            self._verifier.note_shed()
            return self._refuse(context, Overloaded.hinting("too many calls at once", self._retry_after))

        # A thread of its own: the others have too much to do already. grpc takes it from the function.
        shed.experimental_thread_pool = ThreadPoolExecutor(1, "shed")  # type: ignore[attr-defined]
        return shed

    def _refuse(self, context: grpc.ServicerContext, error: MianzhengError) -> bytes:
        context.abort_with_status(grpc_status(error, self._verifier.desk.hub))
        raise AssertionError("abort_with_status returned")


def _until_gone(messages: Iterator[bytes]) -> Iterator[bytes]:
    """A client's messages until it ends the stream, or goes."""
    with suppress(grpc.RpcError):
        yield from messages


def _peer(context: grpc.ServicerContext) -> Peer:
    """Who the client's certificate says it is; the transport has checked it."""
    # The published types say that a property has one value; it has several.
    shown = cast("Sequence[bytes]", context.auth_context().get("x509_pem_cert", ()))
    return Peer.of_certificate(shown[0]) if shown else Peer.named(())
