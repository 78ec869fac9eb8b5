"""What the client of Airflow's API makes of replies that a real Airflow gives seldom, over a real connection."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.airflow_api import REPLY_SIZE_MAX, AirflowApi, AirflowUnavailable, DagRun

Reply = tuple[int, bytes]
RUN_PATH = "/api/v2/dags/sync_a/dagRuns/manual__1%2B00%3A00"


class Airflow(ThreadingHTTPServer):
    """Replies as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, Callable[[], Reply]] = {"/auth/token": lambda: (201, b'{"access_token": "t0ken"}')}
        self.asked: list[tuple[str, str, str, Any]] = []

    def says(self, path: str, *replies: Any, status: int = 200) -> None:
        """Reply to a path with each of these in turn, and with the last one from then on."""
        left = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in replies]
        self.replies[path] = lambda: (status, left.pop(0) if len(left) > 1 else left[0])


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Airflow

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    do_PATCH = do_POST  # noqa: N815 (http.server finds methods by these names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _reply(self, body: Any) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
        status, raw = self.server.replies.get(self.path, lambda: (404, b'{"detail": "not found"}'))()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    """A server on a port of its own."""
    with Airflow() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    """Our client of it."""
    return AirflowApi(host="127.0.0.1", port=airflow.server_port, request_within_s=5.0, poll_s=0.01)


def health(**changed: str) -> dict[str, dict[str, str]]:
    """What Airflow says of its parts."""
    return {part: {"status": changed.get(part, "healthy")} for part in ("metadatabase", "scheduler", "dag_processor")}


def run(state: str) -> dict[str, str]:
    """A run as Airflow tells of it."""
    return {"dag_id": "sync_a", "dag_run_id": "manual__1+00:00", "state": state}


def test_health_is_awaited(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/monitor/health", b"starting", {"scheduler": None}, health(scheduler="unhealthy"), health())
    api.wait_until_healthy(within_s=5.0)
    assert len(airflow.asked) == 4


def test_what_is_not_healthy_in_time_is_named(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/monitor/health", health(dag_processor="unhealthy"))
    with pytest.raises(AirflowUnavailable, match=r"not healthy within 0\.05 s: dag_processor$"):
        api.wait_until_healthy(within_s=0.05)


def test_a_part_that_dies_ends_the_waiting(api: AirflowApi, airflow: Airflow) -> None:
    def died() -> None:
        raise RuntimeError("the scheduler died")

    airflow.says("/api/v2/monitor/health", health(scheduler="unhealthy"))
    with pytest.raises(RuntimeError, match="the scheduler died"):
        api.wait_until_healthy(within_s=5.0, meanwhile=died)


def test_one_token_serves_all_requests(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags/sync_a", {})
    airflow.says("/api/v2/dags/sync_a/dagRuns", run("queued"))
    api.unpause("sync_a")
    assert api.trigger("sync_a", {"why": "test"}) == DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="queued")
    assert airflow.asked == [
        ("GET", "/auth/token", "", None),
        ("PATCH", "/api/v2/dags/sync_a", "Bearer t0ken", {"is_paused": False}),
        ("POST", "/api/v2/dags/sync_a/dagRuns", "Bearer t0ken", {"logical_date": None, "conf": {"why": "test"}}),
    ]


def test_a_token_that_ended_is_renewed_once(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags/sync_a", {"detail": "expired"}, status=401)
    with pytest.raises(AirflowUnavailable, match="answered with 401"):
        api.unpause("sync_a")
    asked = [(method, path) for method, path, _, _ in airflow.asked]
    assert asked == [("GET", "/auth/token"), ("PATCH", "/api/v2/dags/sync_a")] * 2


def test_runs_are_awaited_and_every_change_is_told(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says(
        "/api/v2/dags/~/dagRuns/list", *({"dag_runs": [run(state)]} for state in ("queued", "running", "failed"))
    )
    told: list[str] = []
    start = DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="queued")
    (ended,) = api.wait_for_runs([start], within_s=5.0, progress=lambda runs: told.append(runs[0].state))
    assert ended.state == "failed"
    assert told == ["running", "failed"]


def test_a_run_that_newer_ones_have_crowded_out_is_still_found(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags/~/dagRuns/list", {"dag_runs": []})
    airflow.says(RUN_PATH, run("running"), run("success"))
    start = DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="queued")
    (ended,) = api.wait_for_runs([start], within_s=5.0)
    assert ended.state == "success"


def test_a_run_that_does_not_end_is_named(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags/~/dagRuns/list", {"dag_runs": [run("running")]})
    start = DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="queued")
    with pytest.raises(AirflowUnavailable, match="sync_a running"):
        api.wait_for_runs([start], within_s=0.05)


def test_a_dag_that_is_not_there_in_time_is_named_with_the_import_errors(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags?limit=1000", {"dags": [{"dag_id": "sync_a"}]})
    error = {"filename": "sync_dag.py", "stack_trace": "Traceback …\nNameError: x\n"}
    airflow.says("/api/v2/importErrors", {"import_errors": [error]})
    api.wait_for_dags(["sync_a"], within_s=0.05)
    with pytest.raises(AirflowUnavailable, match=r"sync_b, sync_dag\.py: NameError: x"):
        api.wait_for_dags(["sync_a", "sync_b"], within_s=0.05)


def test_the_errors_of_a_failed_run_are_told(airflow: Airflow, api: AirflowApi) -> None:
    tasks = [
        {"task_id": "stage", "state": "success", "try_number": 1},
        {"task_id": "validate", "state": "failed", "try_number": 3},
        {"task_id": "build", "state": "upstream_failed", "try_number": 0},
    ]
    raised = {"exc_type": "AirflowFailException", "exc_value": "held: 7 % of rows"}
    events = [
        {"event": "started", "level": "info"},
        {"event": "Task failed", "level": "error", "error_detail": [raised]},
    ]
    airflow.says(f"{RUN_PATH}/taskInstances", {"task_instances": tasks})
    airflow.says(f"{RUN_PATH}/taskInstances/validate/logs/3?full_content=true", {"content": events})
    failed = DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="failed")
    assert api.failures(failed) == ("validate: AirflowFailException: held: 7 % of rows",)


def waiting(dag_id: str, state: str) -> dict[str, Any]:
    """A question as Airflow tells of it."""
    task = {"dag_id": dag_id, "dag_run_id": "manual__1+00:00", "task_id": "ask", "state": state}
    return {"task_instance": task, "subject": "Release?", "body": "12 rows"}


def test_a_question_that_waits_is_answered_and_no_other(airflow: Airflow, api: AirflowApi) -> None:
    listed = {"hitl_details": [waiting("sync_a", "awaiting_input"), waiting("sync_b", "running")]}
    airflow.says("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100", listed)
    (question,) = api.questions()
    assert (question.run.dag_id, question.task_id, question.body) == ("sync_a", "ask", "12 rows")
    path = f"{RUN_PATH}/taskInstances/ask/-1/hitlDetails"
    airflow.says(path, {"chosen_options": ["Approve"]})
    api.answer(question, "Approve", reason="checked")
    method, asked, _, body = airflow.asked[-1]
    assert (method, asked) == ("PATCH", path)
    assert body == {"chosen_options": ["Approve"], "params_input": {"reason": "checked"}}


def test_a_question_that_was_answered_says_so(airflow: Airflow, api: AirflowApi) -> None:
    listed = {"hitl_details": [waiting("sync_a", "awaiting_input")]}
    airflow.says("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100", listed)
    (question,) = api.questions()
    airflow.says(f"{RUN_PATH}/taskInstances/ask/-1/hitlDetails", b'{"detail": "already"}', status=409)
    with pytest.raises(AirflowUnavailable, match="answered with 409"):
        api.answer(question, "Reject")


def test_the_runs_of_a_dag_are_listed(airflow: Airflow, api: AirflowApi) -> None:
    airflow.says("/api/v2/dags/sync_a/dagRuns?order_by=-run_after&limit=100", {"dag_runs": [run("failed")]})
    assert api.runs("sync_a") == (DagRun(dag_id="sync_a", run_id="manual__1+00:00", state="failed"),)


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (b'{"detail": "no such run"}', 404, "answered with 404.*no such run"),
        (b"<html>", 200, "is no JSON"),
        (b'"' + b"x" * REPLY_SIZE_MAX + b'"', 200, "larger than"),
        (b"[]", 200, "lacks"),
    ],
)
def test_a_strange_reply_is_one_error(airflow: Airflow, api: AirflowApi, raw: bytes, status: int, said: str) -> None:
    airflow.says(RUN_PATH, raw, status=status)
    with pytest.raises(AirflowUnavailable, match=said):
        api.run("sync_a", "manual__1+00:00")


def test_nobody_listening_is_the_same_error(airflow: Airflow, api: AirflowApi) -> None:
    airflow.server_close()
    with pytest.raises(AirflowUnavailable, match="no reply"):
        api.run("sync_a", "manual__1+00:00")
