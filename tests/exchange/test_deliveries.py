"""Whatever way a registry's files are delivered, the same records are published."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.contract import ServerKind
from tests.exchange.registry import Registry, person, resident

# 䶮 has a code of four bytes; the second name's last character is 0xFE61, which the edition of 2022 moved to U+9FB5.
PEOPLE = [resident(1, name="王䶮"), resident(2, name="测试"), resident(3, name="李|四"), resident(4, address=None)]
MOVED = "测\u9fb5"


def table(registry: Registry, delimiter: str) -> bytes:
    contract = registry.contracts["population"]
    text = io.StringIO(newline="")
    rows = [[record[name] for name in contract.by_name] for record in PEOPLE]
    csv.writer(text, delimiter=delimiter).writerows([[each.physical_name for each in contract.properties], *rows])
    return text.getvalue().encode("gb18030").replace("测试".encode("gb18030"), "测".encode("gb18030") + b"\xfe\x61")


def records(registry: Registry) -> list[dict[str, str | None]]:
    contract = registry.contracts["population"]
    people = [record | ({"name": MOVED} if record["name"] == "测试" else {}) for record in PEOPLE]
    return [{contract.by_name[name].physical_name: value for name, value in record.items()} for record in people]


def tab_in_gzip(registry: Registry, folder: Path) -> dict[str, object]:
    for name in ("人口_1.tsv.gz", "人口_2.tsv.gz"):
        (folder / name).write_bytes(gzip.compress(table(registry, "\t")))
    (folder / "人口_1.tsv.gz.done").touch()
    (folder / "人口_2.tsv.gz").write_bytes(b"half")
    return {"kind": ServerKind.CSV, "path": "public_security/人口_*.tsv.gz", "delimiter": "\t", "marker": ".done"}


def bars_in_zip(registry: Registry, folder: Path) -> dict[str, object]:
    with zipfile.ZipFile(folder / "人口.zip", "w") as archive:
        archive.writestr("人口.txt", table(registry, "|"))
    return {"kind": ServerKind.CSV, "path": "public_security/人口.zip", "delimiter": "|"}


def json_list(registry: Registry, folder: Path) -> dict[str, object]:
    (folder / "人口.json").write_text(json.dumps({"RECORDS": records(registry)}, ensure_ascii=False), "utf-8")
    return {"kind": ServerKind.JSON, "path": "public_security/人口.json", "records": "RECORDS", "encoding": "UTF-8"}


def json_lines(registry: Registry, folder: Path) -> dict[str, object]:
    lines = "\n".join(json.dumps(each) for each in records(registry))
    (folder / "人口.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return {"kind": ServerKind.JSONL, "path": "public_security/人口.jsonl.gz", "encoding": "UTF-8"}


Deliver = Callable[[Registry, Path], dict[str, object]]


@pytest.mark.parametrize("deliver", [tab_in_gzip, bars_in_zip, json_list, json_lines])
def test_the_same_records_are_published(tmp_path: Path, deliver: Deliver) -> None:
    registry = Registry(tmp_path)
    folder = registry.deliveries / "public_security"
    folder.mkdir(parents=True)
    contract = registry.contracts["population"]
    server = replace(contract.server, **deliver(registry, folder))  # type: ignore[arg-type]
    registry.contracts["population"] = replace(contract, server=server)
    registry.publish("population")
    names = {place: held_name(registry, place) for place in (1, 2, 3)}
    assert names == {1: "王䶮", 2: MOVED, 3: "李|四"}


def held_name(registry: Registry, place: int) -> str:
    (row,) = registry.exchange().pin(("population",)).held("population", person(place), ()).rows
    return str(row.name)  # type: ignore[attr-defined]
