"""A unary call that is answered later, by any thread, and holds none while it waits for the log.

grpc's threaded server keeps a thread for every call until its reply is known; a thousand answers a second that wait for
a flush then cost a thousand times two switches between threads. What its streams may do (`experimental_non_blocking`)
its unary calls may not. So this module, and no other, uses what grpc 1.85 does not promise: a context's `_state` and
`_rpc_event`, that an error noted in `rpc_errors` ends a handler without ending its call, and the two functions by which
`grpc._server` ends one. requirements.in bounds the version, and the module's tests break with it (docs/decisions/
0017-a-threaded-server.md has the figures).
"""

from typing import Any

import grpc
from grpc import _server

from kernel.errors import MianzhengError
from verifier.refusals import grpc_status

_LEFT = grpc.RpcError("left open")


class Deferral:
    """A call that its handler leaves open; `reply` or `refuse` ends it, once."""

    __slots__ = ("_event", "_state")

    def __init__(self, context: grpc.ServicerContext) -> None:
        """Take the handler's context. From now on the handler must end by raising `left`."""
        self._state: Any = context._state  # type: ignore[attr-defined] # noqa: SLF001 - see above
        self._event: Any = context._rpc_event  # type: ignore[attr-defined] # noqa: SLF001 - see above
        self._state.rpc_errors.append(_LEFT)

    @property
    def left(self) -> grpc.RpcError:
        """What ends the handler, and not the call."""
        # One error for all: it must not collect the frames that it came through.
        return _LEFT.with_traceback(None)

    def reply(self, raw: bytes) -> None:
        """Send the reply, unless the caller has gone; nobody is waited for."""
        _server._status(self._event, self._state, raw)  # noqa: SLF001 - see above

    def refuse(self, error: MianzhengError, hub: str) -> None:
        """End the call with an error."""
        status, state = grpc_status(error, hub), self._state
        with state.condition:
            state.code, state.details = status.code, status.details.encode()
            state.trailing_metadata = status.trailing_metadata
            _server._abort(state, self._event.call, status.code.value[0], state.details)  # noqa: SLF001 - see above
