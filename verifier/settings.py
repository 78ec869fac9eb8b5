"""The verifier's settings: every bound, lifetime and default has a name."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierSettings:
    """How one verifier worker listens, and what it bears."""

    host: str = setting("127.0.0.1", "the address to listen on")
    port: int = setting(7443, "the port to listen on; 0 takes a free one; workers share it")
    metrics_host: str = setting("127.0.0.1", "the address on which a worker serves its metrics, over HTTP")
    metrics_port: int = setting(
        9464, "the port of the first worker's metrics, the next worker's is one higher, and so on; 0 serves none"
    )
    traces_endpoint: str = setting(
        "", "where traces go, e.g. http://127.0.0.1:4318/v1/traces (OTLP); empty: none are made"
    )
    traces_share: float = setting(0.01, "the share of calls that is traced, from 0 to 1")
    transport_bytes_max: int = setting(1 << 20, "a longer message is dropped by the transport, unread")
    request_bytes_max: int = setting(32 << 10, "a longer request is refused as message_too_large, and recorded")
    handler_threads: int = setting(64, "threads that answer calls: so many may share one flush of the log")
    calls_waiting_max: int = setting(512, "calls that may wait for a thread; more are shed: refused unread, counted")
    retry_after_seconds: float = setting(0.2, "when a call that was shed is told to ask again")
    connections_quiet_seconds: int = setting(60, "a connection without calls is pinged after so many seconds")
    handshake_seconds: int = setting(10, "how long a connection may take to prove who it is")
    drain_seconds: float = setting(10.0, "how long calls in flight may take to end when the worker is told to stop")
    watch_seconds: float = setting(1.0, "how often health is proved, and shed calls are recorded")
    agreements_seconds: float = setting(1.0, "how often the agreements are looked at; what has changed is taken up")
    agreements_settle_seconds: float = setting(
        2.0, "for how long no file of changed agreements may change again before they are read"
    )
    case_seconds: int = setting(8 * 3600, "how long a case stays open: one working day")
    case_files_max: int = setting(2048, "open cases that a worker keeps in memory, their tokens read")
    parties_max: int = setting(16, "parties of one case")
    role_length_max: int = setting(64, "characters of a role, claim, item or input id")
    name_length_max: int = setting(128, "characters of a party's name")
    inputs_max: int = setting(16, "inputs of one case")
    input_length_max: int = setting(256, "characters of one input's value")
    operator_length_max: int = setting(64, "characters of the operator's id")
    basis_length_max: int = setting(256, "characters of the legal basis")
    nonce_bytes_min: int = setting(16, "bytes of a requester's nonce, at least")
    nonce_bytes_max: int = setting(64, "bytes of a requester's nonce, at most")
    token_bytes_max: int = setting(8192, "bytes of a case token")
    batch_questions_max: int = setting(500, "questions of one batch, or of one message of a stream")
    streams_max: int = setting(64, "streams that a worker serves at once; more are refused")
    stream_window: int = setting(256, "questions of one stream that may wait for their answers; no more are read")
    questions_max: int = setting(64, "claims named in one call")
    closures_check_seconds: float = setting(
        0.25, "after how long at the latest a worker knows that another one has ended a case"
    )
    guesses_max: int = setting(
        10, "different values that one client group may try about one person in one registry within the window"
    )
    guesses_days: int = setting(30, "the window within which guesses are counted, in days")
    roll_check_seconds: float = setting(0.25, "after how long at the latest a worker knows who has been revoked")
    assertion_seconds_max: int = setting(12 * 3600, "how long an operator's assertion may be good for: one shift")
    evidence_seconds_max: int = setting(900, "how old a device's evidence of presence may be when a case is opened")
    device_skew_seconds: int = setting(300, "by how much clients' and devices' clocks may be ahead")
    lease_parts: int = setting(20, "a worker leases so small a part of a limit at a time")
    lease_max: int = setting(1000, "questions of one lease, at most")
    request_id_seconds: int = setting(
        120, "for how long a reply is kept: whoever asks again with the same request id is told the same again"
    )
    request_begun_seconds: int = setting(
        15, "after how long a request that has no reply is taken for lost, and may be answered by another worker"
    )
    request_id_length_max: int = setting(64, "characters of a request id")
    replies_bytes_max: int = setting(2 << 30, "bytes of kept replies; where there is no room, none is begun with an id")
    forget_seconds: float = setting(3600.0, "how often endings and counts that nobody needs any more are dropped")
    closures_busy_seconds: float = setting(5.0, "how long to wait for another worker that is closing a case")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How the client reaches a hub."""

    address: str = setting("localhost:7443", "host and port of the verification service")
    server_name: str = setting("", "the name that the hub's certificate must carry; empty: the host of the address")
    deadline_seconds: float = setting(10.0, "how long one call may take")
    reply_bytes_max: int = setting(8 << 20, "a longer reply is dropped")
    tries_max: int = setting(4, "how often a call is tried, where the hub cannot be reached or has too much to do")
    backoff_first_seconds: float = setting(0.05, "how long before the second try; twice as long before each next")
    backoff_max_seconds: float = setting(2.0, "the longest wait between two tries")
    reconnect_seconds: float = setting(
        60.0, "for how long a stream that broke tries to connect again before it gives up; 0: it never does"
    )
    clock_skew_seconds: int = setting(300, "by how much a statement's time may differ from this machine's")
