"""What is heavy is loaded only where it works: look-ups load no database, DAG files load no quality engine."""

import subprocess
import sys

import pytest

HEAVY = {"duckdb", "great_expectations", "pandas", "sqlalchemy", "python_calamine", "airflow", "grpc"}


@pytest.mark.parametrize("module", ["exchange.reader", "exchange.publish", "adapters.registry", "exchange.job"])
def test_a_module_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not HEAVY & set(shown.stdout.split())


def test_only_the_judge_loads_the_quality_engine(root: object) -> None:
    found = subprocess.run(
        ["grep", "-rlE", "^ *(import|from) great_expectations", "exchange", "adapters", "app", "cli", "dags"],
        cwd=str(root),
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.split() == ["exchange/judge.py"]
