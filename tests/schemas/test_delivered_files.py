"""What a contract says of files that are packed, delimited in another way, or dropped into a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from schemas.catalogue import load_contracts
from schemas.contract import ServerKind

POPULATION = "datasets/public_security/population.odcs.yaml"


class Agreements(Protocol):
    """The agreements that a fixture lays out."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None: ...


Alone = Callable[[str], Agreements]


def test_files_may_be_packed_and_dropped_into_a_folder(contract: Alone) -> None:
    alone = contract(POPULATION)
    alone.change(POPULATION, "format: csv", "format: tsv")
    alone.change(POPULATION, "population.csv", "人口_*.tsv.gz")
    said = "[{property: completionMarker, value: .done}, {property: compression, value: gzip}]"
    alone.change(POPULATION, "    encoding: GB18030", f"    customProperties: {said}\n    encoding: gbk")
    server = load_contracts(alone.root)["population"].server
    assert (server.kind, server.delimiter, server.encoding) == (ServerKind.CSV, "\t", "gbk")
    assert (server.path, server.marker, server.compression) == ("public_security/人口_*.tsv.gz", ".done", "gzip")


@pytest.mark.parametrize(("written", "delimiter"), [("tab", "\t"), ("';'", ";"), ("'|'", "|"), (r'"\x01"', "\x01")])
def test_a_delimiter_may_be_any_sign_that_no_value_needs(contract: Alone, written: str, delimiter: str) -> None:
    alone = contract(POPULATION)
    said = f"    customProperties: [{{property: delimiter, value: {written}}}]\n    encoding"
    alone.change(POPULATION, "    encoding", said)
    assert load_contracts(alone.root)["population"].server.delimiter == delimiter


def test_a_json_list_may_stand_under_a_key(contract: Alone) -> None:
    alone = contract(POPULATION)
    alone.change(POPULATION, "format: csv", "format: json")
    said = "    customProperties: [{property: records, value: RECORDS}]\n    encoding"
    alone.change(POPULATION, "    encoding", said)
    server = load_contracts(alone.root)["population"].server
    assert (server.kind, server.records) == (ServerKind.JSON, "RECORDS")
