"""Read the DAG files as Airflow's DAG processor does, without a network, and tell as JSON what came of it.

Runs in a process of its own: what is imported while parsing can only be seen where nothing was imported before.
"""

import json
import socket
import sys
import time
import warnings
from typing import Any, NoReturn

from airflow.dag_processing.dagbag import DagBag

FOLDER = sys.argv[1]


def refuse(*_: object, **__: object) -> NoReturn:
    """In place of everything that reaches for a network."""
    raise AssertionError("a DAG file reaches for the network")


def described(dag: Any) -> dict[str, Any]:
    """What a test wants to know of a DAG."""
    deadline = (dag.deadline or [None])[0]
    return {
        "schedule": getattr(dag.timetable, "expression", None),
        "timezone": str(getattr(dag.timetable, "timezone", "")),
        "deadline_s": deadline.interval.total_seconds() if deadline else None,
        "deadline": [type(deadline.reference).__name__, deadline.callback.path] if deadline else None,
        "start_date": str(dag.start_date),
        "makes_up_s": getattr(getattr(dag.timetable, "run_immediately", None), "total_seconds", lambda: None)(),
        "catchup": dag.catchup,
        "runs_max": dag.max_active_runs,
        "within_s": dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        "tags": sorted(dag.tags),
        "title": dag.dag_display_name,
        "tasks": {task.task_id: told(task) for task in dag.topological_sort()},
    }


def told(task: Any) -> dict[str, Any]:
    """What a test wants to know of a task."""
    return {
        "after": sorted(task.upstream_task_ids),
        "outlets": [each.uri for each in task.outlets],
        "retries": task.retries,
        "within_s": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "op_args": [str(type(each).__name__) for each in getattr(task, "op_args", [])],
        "when": task.trigger_rule.value,
        "asked": [each["id"] for each in getattr(task, "assigned_users", None) or []],
    }


def main() -> None:
    """Parse once, measured; print one JSON object on the last line."""
    before = set(sys.modules)
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, refuse)
    setattr(socket, "getaddrinfo", refuse)  # noqa: B010 (a module's attribute cannot be assigned for the type checker)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        started = time.process_time()
        bag = DagBag(FOLDER)
        seconds = time.process_time() - started
    answer = {
        "errors": bag.import_errors,
        "seconds": seconds,
        "modules": sorted(set(sys.modules) - before),
        "warnings": [str(each.message) for each in heard if each.filename.startswith(FOLDER)],
        "dags": {dag.dag_id: described(dag) for dag in bag.dags.values()},
    }
    print(json.dumps(answer))  # noqa: T201 (this is how it tells)


if __name__ == "__main__":
    main()
