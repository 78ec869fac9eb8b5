"""Traces of calls for whoever looks into where time goes: OpenTelemetry, sent by OTLP over HTTP; only where asked for.

A call is one span, each step of its answer and the wait for the log are its children. Spans carry the method, the
status and times: nothing of what was asked, and nothing that a client sent, not even its own trace.
"""

import random
import threading
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context


class Trace:
    """One call that is traced. Steps are noted as they end; the spans are made when the call has ended."""

    __slots__ = ("_began", "_marks", "_method", "_tracing")

    def __init__(self, tracing: "Tracing", method: str) -> None:
        """It begins now."""
        self._tracing = tracing
        self._method = method
        self._began = time.time_ns()
        self._marks: list[tuple[str, int]] = []

    def step(self, name: str) -> None:
        """A step has ended; it began when the one before ended."""
        self._marks.append((name, time.time_ns()))

    def end(self, status: str, *, failed: bool) -> None:
        """The call has ended."""
        tracer = self._tracing.tracer
        root = tracer.start_span(
            self._method,
            kind=SpanKind.SERVER,
            start_time=self._began,
            attributes={"rpc.system": "grpc", "rpc.method": self._method, "mianzheng.status": status},
        )
        inside = set_span_in_context(root)
        began = self._began
        for name, ended in self._marks:
            tracer.start_span(name, context=inside, start_time=began).end(ended)
            began = ended
        if failed:
            root.set_status(Status(StatusCode.ERROR))
        root.end()


class Tracing:
    """Traces a share of a worker's calls."""

    def __init__(self, endpoint: str, share: float, hub: str) -> None:
        """Send to a collector, e.g. `http://127.0.0.1:4318/v1/traces`, in a thread of its own."""
        self._share = share
        self._provider = TracerProvider(resource=Resource({"service.name": "mianzheng-verifier", "mianzheng.hub": hub}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._here = threading.local()
        self.tracer = self._provider.get_tracer("mianzheng")

    def begin(self, method: str) -> Trace | None:
        """A call begins on this thread; None where it is not among those that are traced."""
        trace = Trace(self, method) if random.random() < self._share else None
        self._here.trace = trace
        return trace

    @property
    def current(self) -> Trace | None:
        """The call that this thread works on, where it is traced."""
        return getattr(self._here, "trace", None)

    def end(self) -> None:
        """Send what waits."""
        self._provider.shutdown()
