"""A small client of Airflow's REST API (v2): what a hub asks of its scheduler, and nothing more.

HTTP without TLS, to 127.0.0.1 only. Replies are bounded; what is unexpected raises AirflowUnavailable.
"""

import http.client
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from kernel.errors import MianzhengError

REPLY_SIZE_MAX = 4 << 20
LINE_END = "\n"
ENDED = frozenset({"success", "failed"})
_PARTS = ("metadatabase", "scheduler", "dag_processor")


class AirflowUnavailable(MianzhengError):
    """Airflow does not reply, or not as its API promises, or not in time."""

    code = "airflow_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """One run of a DAG, as Airflow tells of it: `state` is queued, running, success or failed."""

    dag_id: str
    run_id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task that waits for a person's answer: of which run, what it asks, and what that person is told."""

    run: DagRun
    task_id: str
    subject: str
    body: str


def _nothing() -> None:
    """Do nothing between two looks."""


@dataclass(slots=True, kw_only=True)
class AirflowApi:
    """Airflow's API at one address. Not for use by several threads."""

    host: str
    port: int
    request_within_s: float
    poll_s: float
    _token: str = field(default="", repr=False)

    def wait_until_healthy(self, *, within_s: float, meanwhile: Callable[[], None] = _nothing) -> None:
        """Return when database, scheduler and DAG processor are healthy; raises AirflowUnavailable after `within_s`.

        `meanwhile` is called between two looks, and may raise.
        """

        def unwell() -> str:
            try:
                health = self._ask("GET", "/api/v2/monitor/health", token=False)
            except AirflowUnavailable as error:
                return str(error)
            return ", ".join(part for part in _PARTS if _table(health.get(part)).get("status") != "healthy")

        self._wait(unwell, "not healthy", within_s=within_s, meanwhile=meanwhile)

    def wait_for_dags(self, dag_ids: Collection[str], *, within_s: float) -> None:
        """Return when Airflow knows all these DAGs.

        Raises AirflowUnavailable after `within_s`, with what it found wrong in the DAG files.
        """

        def missing() -> str:
            known = {_field(dag, "dag_id") for dag in _field(self._ask("GET", "/api/v2/dags?limit=1000"), "dags")}
            unknown = sorted(set(dag_ids) - known)
            return ", ".join([*unknown, *self.import_errors()]) if unknown else ""

        self._wait(missing, "not parsed", within_s=within_s)

    def import_errors(self) -> tuple[str, ...]:
        """What went wrong when DAG files were read, a line each: file and last line of the traceback."""
        found = _field(self._ask("GET", "/api/v2/importErrors"), "import_errors")
        last = (
            (_field(each, "filename"), str(_field(each, "stack_trace")).strip().splitlines()[-1:]) for each in found
        )
        return tuple(f"{filename}: {''.join(line)}" for filename, line in last)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self._ask("PATCH", f"/api/v2/dags/{quote(dag_id, safe='')}", body={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> DagRun:
        """Ask for a run now."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return _dag_run(self._ask("POST", f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns", body=body))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """One run as it stands."""
        return _dag_run(self._ask("GET", _run_path(dag_id, run_id)))

    def wait_for_runs(
        self,
        runs: Collection[DagRun],
        *,
        within_s: float,
        progress: Callable[[tuple[DagRun, ...]], None] = lambda _: None,
    ) -> tuple[DagRun, ...]:
        """Return the runs, in the order given, when all have ended, well or not.

        Raises AirflowUnavailable after `within_s`. `progress` hears of all of them whenever one changes its state.
        """
        seen = tuple(runs)

        def unfinished() -> str:
            nonlocal seen
            now = self._as_they_stand(seen)
            if now != seen:
                seen = now
                progress(now)
            return ", ".join(f"{run.dag_id} {run.state}" for run in now if not run.ended)

        self._wait(unfinished, "not ended", within_s=within_s)
        return seen

    def _as_they_stand(self, runs: tuple[DagRun, ...]) -> tuple[DagRun, ...]:
        # One request for all of them: Airflow's API shares two cores with the tasks that it tells of.
        wanted = {"dag_ids": sorted({run.dag_id for run in runs}), "order_by": "-run_after", "page_limit": 100}
        listed = _field(self._ask("POST", "/api/v2/dags/~/dagRuns/list", body=wanted), "dag_runs")
        found = {(run.dag_id, run.run_id): run for run in map(_dag_run, listed)}
        return tuple(found.get((run.dag_id, run.run_id)) or self.run(run.dag_id, run.run_id) for run in runs)

    def questions(self) -> tuple[Question, ...]:
        """Every task that waits for a person's answer, at most a hundred."""
        listed = self._ask("GET", "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100")
        found = _field(listed, "hitl_details")
        return tuple(_question(each) for each in found if _field(each, "task_instance")["state"] == "awaiting_input")

    def answer(self, question: Question, option: str, **form: str) -> None:
        """Answer a task that waits, filling in its form; raises AirflowUnavailable where it has been answered."""
        path = f"{_run_path(question.run.dag_id, question.run.run_id)}/taskInstances/{quote(question.task_id, safe='')}"
        self._ask("PATCH", f"{path}/-1/hitlDetails", body={"chosen_options": [option], "params_input": form})

    def runs(self, dag_id: str) -> tuple[DagRun, ...]:
        """The newest runs of a DAG, at most a hundred, the newest first."""
        listed = self._ask("GET", f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns?order_by=-run_after&limit=100")
        return tuple(map(_dag_run, _field(listed, "dag_runs")))

    def failures(self, run: DagRun) -> tuple[str, ...]:
        """Why a run failed: for each failed task its name and the errors that its last try logged."""
        found = _field(self._ask("GET", f"{_run_path(run.dag_id, run.run_id)}/taskInstances"), "task_instances")
        failed = ((each["task_id"], _field(each, "try_number")) for each in found if _field(each, "state") == "failed")
        return tuple(f"{task_id}: {self._errors(run, task_id, try_number)}" for task_id, try_number in failed)

    def _errors(self, run: DagRun, task_id: str, try_number: int) -> str:
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id, safe='')}/logs/{try_number}"
        events = self._ask("GET", f"{path}?full_content=true").get("content", [])
        return "; ".join(dict.fromkeys(_error(event) for event in events if _is_error(event))) or "no error was logged"

    def _wait(
        self, lacking: Callable[[], str], what: str, *, within_s: float, meanwhile: Callable[[], None] = _nothing
    ) -> None:
        deadline = time.monotonic() + within_s
        while lacks := lacking():
            meanwhile()
            if time.monotonic() > deadline:
                raise AirflowUnavailable(f"{what} within {within_s:g} s: {lacks}")
            time.sleep(self.poll_s)

    def _ask(self, method: str, path: str, *, body: object = None, token: bool = True) -> dict[str, Any]:
        status, raw = self._exchange(method, path, body, token=token)
        if status == HTTPStatus.UNAUTHORIZED and token:
            # Tokens end after a day; a new one is asked for once.
            self._token = ""
            status, raw = self._exchange(method, path, body, token=token)
        return _read(raw, status, f"{method} {path}")

    def _exchange(self, method: str, path: str, body: object, *, token: bool) -> tuple[int, bytes]:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token:
            headers["Authorization"] = f"Bearer {self._login()}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.request_within_s)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read(REPLY_SIZE_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise AirflowUnavailable(f"no reply to {method} {path}: {error}") from error
        finally:
            connection.close()

    def _login(self) -> str:
        if not self._token:
            self._token = str(_field(self._ask("GET", "/auth/token", token=False), "access_token"))
        return self._token


def _read(raw: bytes, status: int, asked: str) -> dict[str, Any]:
    if len(raw) > REPLY_SIZE_MAX:
        raise AirflowUnavailable(f"the reply to {asked} is larger than {REPLY_SIZE_MAX} bytes")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise AirflowUnavailable(f"{asked} was answered with {status}: {raw[:300].decode('utf-8', 'replace')}")
    try:
        return _table(json.loads(raw))
    except ValueError as error:
        raise AirflowUnavailable(f"the reply to {asked} is no JSON") from error


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _dag_run(row: Mapping[str, Any]) -> DagRun:
    return DagRun(dag_id=_field(row, "dag_id"), run_id=_field(row, "dag_run_id"), state=_field(row, "state"))


def _question(row: Mapping[str, Any]) -> Question:
    asking = _field(row, "task_instance")
    return Question(
        run=DagRun(dag_id=_field(asking, "dag_id"), run_id=_field(asking, "dag_run_id"), state="running"),
        task_id=_field(asking, "task_id"),
        subject=_field(row, "subject"),
        body=_field(row, "body") or "",
    )


def _field(row: Mapping[str, Any], name: str) -> Any:
    try:
        return row[name]
    except (KeyError, TypeError) as error:
        raise AirflowUnavailable(f"a reply lacks {name}") from error


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_error(event: object) -> bool:
    return _table(event).get("level") in {"error", "critical"}


def _error(event: Mapping[str, Any]) -> str:
    details = _table(next(iter(event.get("error_detail") or []), None))
    raised = f"{details.get('exc_type')}: {details.get('exc_value')}" if details else ""
    return raised or str(event.get("event", ""))
