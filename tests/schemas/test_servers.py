"""A contract says where its registry is, in the standard's own words, and holds no secret."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from kernel.errors import Faulty
from schemas.catalogue import load_contracts
from schemas.server import Api, Auth, Paging, Server, ServerKind, Tombstone

MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
DELIVERED = """    type: custom
    location: 'sqlite:///{root}/civil_affairs/registry.sqlite'
    format: sql
    customProperties:
      - {property: asOf, value: updated_at}
"""
POSTGRESQL = """    type: postgresql
    host: db.civil.example
    port: 5433
    database: 民政
    schema: 登记
    customProperties:
      - {property: connection, value: civil_affairs_db}
"""
NO_SCHEMA = ("    schema: 登记\n", "")
CONNECTION = "    customProperties:\n      - {property: connection, value: civil_affairs_db}\n"
API = """    type: api
    location: 'https://api.civil.example/v1/marriages?page={page}&size={size}&from={since}&kind=all'
    customProperties:
      - {property: connection, value: civil_affairs_api}
      - {property: cursor, value: updated_at}
      - {property: overlap, value: 15m}
      - {property: fullEvery, value: 7d}
      - property: tombstone
        value: {property: status, values: [注销, 撤销]}
      - property: api
        value: {records: data.items, paging: page, pageSize: 100, firstPage: 0, total: data.total, auth: bearer,
                requestsPerSecond: 5}
"""


class Agreements(Protocol):
    """The agreements that a fixture lays out."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None: ...


Alone = Callable[[str], Agreements]


@pytest.fixture
def server(contract: Alone) -> Callable[..., Server]:
    """Reads a server section in place of the delivered one."""

    def read(section: str, *changed: tuple[str, str]) -> Server:
        for old, new in changed:
            assert old in section
            section = section.replace(old, new)
        alone = contract(MARRIAGES)
        alone.change(MARRIAGES, DELIVERED, section)
        return load_contracts(alone.root)["marriages"].server

    return read


def test_a_database_is_described_by_the_standards_own_keys(server: Callable[..., Server]) -> None:
    assert server(POSTGRESQL) == Server(
        kind=ServerKind.SQL,
        url="postgresql://db.civil.example:5433/%E6%B0%91%E6%94%BF",
        schema="登记",
        table="婚姻登记",
        connection="civil_affairs_db",
    )


OTHER = """    type: custom
    location: 'kingbase://db.example:54321/civil'
    format: sql
    schema: 登记
    customProperties: [{property: connection, value: civil}]
"""


@pytest.mark.parametrize(
    ("section", "changed", "url"),
    [
        (POSTGRESQL, [("type: postgresql", "type: mysql"), NO_SCHEMA], "mysql://db.civil.example:5433/%E6%B0%91%E6%94%BF"),
        (
            POSTGRESQL,
            [("type: postgresql", "type: oracle"), ("database: 民政", "serviceName: MZ"), NO_SCHEMA],
            "oracle://db.civil.example:5433/?service_name=MZ",
        ),
        (OTHER, [], "kingbase://db.example:54321/civil"),
    ],
)  # fmt: skip
def test_other_databases_are_described_alike_or_by_a_location(
    server: Callable[..., Server], section: str, changed: list[tuple[str, str]], url: str
) -> None:
    assert server(section, *changed).url == url


def test_an_api_is_described_by_its_pages(server: Callable[..., Server]) -> None:
    found = server(API)
    assert found.kind is ServerKind.API
    assert found.api == Api(
        records="data.items",
        paging=Paging.PAGE,
        page_size=100,
        first_page=0,
        total="data.total",
        auth=Auth.BEARER,
        requests_per_second=5,
    )
    assert found.overlap == timedelta(minutes=15)
    assert found.full_every == timedelta(days=7)
    assert found.tombstone == Tombstone(property="status", values=("注销", "撤销"))


@pytest.mark.parametrize(
    ("section", "old", "new", "what"),
    [
        (POSTGRESQL, CONNECTION, "", "no connection"),
        (POSTGRESQL, "host: db.civil.example", "hostess: db", "host"),
        (API, "https://", "https://u:geheim@", "holds credentials"),
        (API, "kind=all", "token=geheim", "holds credentials"),
        (API, "kind=all", "apiKey=geheim", "holds credentials"),
        (API, "https://", "ftp://", "no https URL"),
        (API, "/v1/", "/{page}/", "outside a value"),
        (API, "kind=all", "{page}=1", "outside a value"),
        (API, "kind=all", "kind={everything}", "{everything} stands for nothing"),
        (API, "page={page}&", "", "where {page} goes"),
        (API, "&from={since}", "", "where {since} goes"),
        (API, "paging: page", "paging: token", "where {token} goes"),
        (API, "paging: page", "paging: next", "next goes with"),
        (API, "paging: page", "paging: sideways", "'none'"),
        (API, "total: data.total, ", "", "without a total"),
        (API, "paging: page", "paging: page, next: a.b", "next goes with"),
        (API, "auth: bearer", "auth: header", "header goes with"),
        (API, "      - {property: connection, value: civil_affairs_api}\n", "", "no connection"),
        (API, "type: api", "type: custom", "is no API"),
        (API, "value: 15m", "value: 15 minutes", "overlap"),
        (DELIVERED, "sqlite:///{root}", "postgresql://u:geheim@db.example", "holds credentials"),
        (DELIVERED, "sqlite:///{root}", "mysql://db.example/x?password=geheim", "holds credentials"),
        (DELIVERED, "sqlite:///{root}/civil_affairs", "mysql://db/x?local_infile=1&y=", "driver's options"),
        (DELIVERED, "format: sql", "format: sql\n    path: x", ""),
    ],
)  # fmt: skip
def test_a_server_that_cannot_be_read_is_reported_and_no_secret_is_shown(
    server: Callable[..., Server], section: str, old: str, new: str, what: str
) -> None:
    if not what:
        assert server(section, (old, new))
        return
    with pytest.raises(Faulty) as caught:
        server(section, (old, new))
    assert any(what in each.what and each.remedy for each in caught.value.faults), caught.value.faults
    assert "geheim" not in str(caught.value)


CHANGES = """      - {property: asOf, value: updated_at}
      - {property: cursor, value: updated_at}
      - {property: fullEvery, value: 7d}
"""


@pytest.mark.parametrize(
    ("form", "sorts"),
    [("yyyyMMddHHmmss", True), ("yyyy-MM-dd", True), ("dd/MM/yyyy HH:mm:ss", False), ("yyyyMMdd ss:mm:HH", False)],
)
def test_a_databases_cursor_is_written_from_the_year_down(contract: Alone, form: str, *, sorts: bool) -> None:
    alone = contract(MARRIAGES)
    alone.change(MARRIAGES, "      - {property: asOf, value: updated_at}\n", CHANGES)
    stamp = "        description: Last change of the record\n        logicalType: timestamp\n"
    alone.change(MARRIAGES, stamp, f"{stamp}        logicalTypeOptions: {{format: '{form}'}}\n")
    if sorts:
        assert load_contracts(alone.root)["marriages"].server.cursor == "updated_at"
        return
    with pytest.raises(Faulty, match="does not sort as instants do"):
        load_contracts(alone.root)
