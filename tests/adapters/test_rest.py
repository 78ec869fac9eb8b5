"""Registries behind APIs: every page once, politely, from nobody but the server that the contract names."""

import base64
import datetime as dt
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.credentials import Credentials, Tls
from adapters.cursor import Cursor
from adapters.port import AdapterSettings, Delivery, Row, Source
from adapters.rest import Rest
from app.pki import Authority
from kernel.errors import Malformed, MianzhengError, Unavailable
from schemas.property import PropertyType
from schemas.server import Api, Auth, Paging, Server, ServerKind
from tests.adapters.api_server import ApiServer, Asked, Says, api_server, page
from tests.adapters.database_servers import Known

QUICK = AdapterSettings(
    batch_rows=2, attempts=3, retry_seconds=0.01, retry_seconds_max=0.02, requests_per_second=10_000, page_seconds=5
)
COLUMNS = ("证号", "姓名", "更新时间")
PEOPLE = [{"证号": f"{at:03}", "姓名": "甲", "更新时间": f"2024-11-2{at}T08:00:00+08:00"} for at in range(5)]
ROWS: list[Row] = [tuple(each.values()) for each in PEOPLE]
UPDATED = Cursor(column="更新时间", type=PropertyType.TIMESTAMP)
BY_PAGE = Api(records="data.items", paging=Paging.PAGE, page_size=2)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as running:
        yield running


def source(server: ApiServer, api: Api = BY_PAGE, query: str = "?page={page}&size={size}", **more: Any) -> Source:
    url = f"{server.base}/v1/证件{query}"
    return Source(
        server=Server(kind=ServerKind.API, url=url, connection="civil", api=api),
        columns=COLUMNS,
        required=frozenset(COLUMNS[:1]),
        key=COLUMNS[:1],
        **more,
    )


def opened(what: Source, settings: AdapterSettings = QUICK, who: Credentials | None = None) -> Delivery:
    known = Known(credentials_of={"civil": who or Credentials(user="读者", password="geheim", token="wort")})  # noqa: S106 (the tests' own)
    return Rest(settings, known).extract(what, Path("/nowhere"))


def read(what: Source, settings: AdapterSettings = QUICK, who: Credentials | None = None) -> list[Row]:
    return [row for batch in opened(what, settings, who).batches for row in batch]


def pages_by_number(asked: Asked) -> Says:
    at = (int(asked.query["page"]) - 1) * int(asked.query["size"])
    return page(PEOPLE[at : at + int(asked.query["size"])], total=len(PEOPLE))


def test_pages_are_counted_until_one_is_empty(server: ApiServer) -> None:
    server.answer = pages_by_number
    delivery = opened(source(server))
    assert [len(batch) for batch in delivery.batches] == [2, 2, 1]
    assert server.queries == [{"page": str(at), "size": "2"} for at in (1, 2, 3, 4)]
    assert delivery.header == list(COLUMNS)
    assert abs(delivery.data_as_of - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_a_total_saves_the_last_page_and_must_be_kept(server: ApiServer) -> None:
    server.answer = pages_by_number
    counted = replace(BY_PAGE, total="data.total")
    assert read(source(server, counted)) == ROWS
    assert len(server.asked) == 3
    server.answer = lambda asked: page(PEOPLE[:1] if asked.query["page"] == "1" else [], total=5)
    with pytest.raises(Unavailable, match="announced 5 records, and 1 came"):
        read(source(server, counted))


def test_records_may_be_counted_instead(server: ApiServer) -> None:
    server.answer = lambda asked: page(PEOPLE[int(asked.query["from"]) :][:3])
    assert read(source(server, replace(BY_PAGE, paging=Paging.OFFSET), "?from={offset}")) == ROWS
    assert [each["from"] for each in server.queries] == ["0", "3", "5"]


def test_each_page_may_name_the_token_of_the_next(server: ApiServer) -> None:
    def answer(asked: Asked) -> Says:
        at = int(asked.query.get("after", "0"))
        return page(PEOPLE[at : at + 3], next=at + 3 if at + 3 < len(PEOPLE) else None)

    server.answer = answer
    assert read(source(server, replace(BY_PAGE, paging=Paging.TOKEN, next="data.next"), "?after={token}")) == ROWS
    assert server.queries == [{}, {"after": "3"}]


def link_of(asked: Asked, link: str) -> Says:
    at = int(asked.query.get("at", "0"))
    says = page(PEOPLE[at : at + 3], next=f"{link}?at={at + 3}" if at + 3 < len(PEOPLE) else None)
    headers = {"Link": f'<{link}?at={at + 3}>; rel="next", <x>; rel="last"'} if at + 3 < len(PEOPLE) else {}
    return replace(says, headers=headers)


BY_LINK = replace(BY_PAGE, paging=Paging.LINK)
BY_NEXT = replace(BY_PAGE, paging=Paging.NEXT, next="data.next")


@pytest.mark.parametrize("api", [BY_LINK, BY_NEXT])
def test_each_page_may_name_the_address_of_the_next_at_the_same_server_only(server: ApiServer, api: Api) -> None:
    for link in ("", "/v1/other", f"{server.base}/v1/third"):
        server.answer = lambda asked, link=link: link_of(asked, link)  # type: ignore[misc]
        assert read(source(server, api, "")) == ROWS
    asked_so_far = len(server.asked)
    for elsewhere in (
        "http://127.0.0.1:9/v1",
        "https://registry.example/",
        "//registry.example/",
        "file:///etc/passwd",
    ):
        server.answer = lambda asked, link=elsewhere: link_of(asked, link)  # type: ignore[misc]
        with pytest.raises(Malformed, match="another origin"):
            read(source(server, api, ""))
    assert len(server.asked) == asked_so_far + 4


def test_a_redirect_is_followed_at_the_same_server_only(server: ApiServer) -> None:
    def answer(asked: Asked) -> Says:
        if asked.path.endswith("/"):
            return page(PEOPLE if asked.query["page"] == "1" else [])
        return Says(body=b"", status=307, headers={"Location": f"{asked.path}/?page={asked.query['page']}"})

    server.answer = answer
    assert read(source(server, query="?page={page}")) == ROWS
    for elsewhere in ("http://127.0.0.1:9/", "https://registry.example/"):
        server.answer = lambda _, there=elsewhere: Says(body=b"", status=302, headers={"Location": there})  # type: ignore[misc]
        with pytest.raises(Malformed, match="another origin"):
            read(source(server))
    server.answer = lambda asked: Says(body=b"", status=302, headers={"Location": asked.path})
    with pytest.raises(Malformed, match="circle"):
        read(source(server))


@pytest.mark.parametrize(
    ("auth", "header", "expected"),
    [
        (Auth.BEARER, "Authorization", "Bearer wort"),
        (Auth.BASIC, "Authorization", "Basic " + base64.b64encode("读者:geheim".encode()).decode()),
        (Auth.HEADER, "X-Api-Key", "wort"),
        (Auth.NONE, "Authorization", None),
    ],
)
def test_the_api_is_told_who_asks(server: ApiServer, auth: Auth, header: str, expected: str | None) -> None:
    server.answer = pages_by_number
    read(source(server, replace(BY_PAGE, auth=auth, header="X-Api-Key")))
    assert {each.headers.get(header) for each in server.asked} == {expected}


@pytest.mark.parametrize("failure", [
    Says(body=b"", status=429),
    Says(body=b"", status=503, headers={"Retry-After": "0"}),
    Says(body=b"oops", status=500),
    Says(body=b'{"data": {"items": []}}', cut=9),
])  # fmt: skip
def test_what_may_pass_is_tried_again_and_given_up_in_the_end(server: ApiServer, failure: Says) -> None:
    left = [failure, failure]
    server.answer = lambda asked: left.pop() if left else pages_by_number(asked)
    assert read(source(server)) == ROWS
    server.answer, before = (lambda _: failure), len(server.asked)
    with pytest.raises(Unavailable, match="3 times") as caught:
        read(source(server))
    assert len(server.asked) == before + QUICK.attempts
    assert "page=" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_error() -> None:
    with api_server() as server:
        what = source(server)
    with pytest.raises(Unavailable, match="cannot be reached"):
        read(what)


def test_an_api_is_left_alone_as_long_as_it_asks_within_reason(server: ApiServer) -> None:
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)
    left = [Says(body=b"", status=429, headers={"Retry-After": soon})]
    server.answer = lambda asked: left.pop() if left else pages_by_number(asked)
    assert read(source(server)) == ROWS
    assert server.asked[1].at - server.asked[0].at > 0.5
    server.answer, before = (lambda _: Says(body=b"", status=503, headers={"Retry-After": "86400"})), len(server.asked)
    with pytest.raises(Unavailable, match="left alone for 86400 s"):
        read(source(server))
    assert len(server.asked) == before + 1


def test_no_more_is_asked_in_a_second_than_the_contract_says(server: ApiServer) -> None:
    server.answer = pages_by_number
    assert read(source(server, replace(BY_PAGE, requests_per_second=20))) == ROWS
    times = [each.at for each in server.asked]
    assert times[-1] - times[0] > (len(times) - 1) / 20 * 0.9


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (Says(body=b"<html>log in</html>"), "no JSON"),
        (Says(body=b'{"data": {"items": {"a": 1}}}'), "no list at data.items"),
        (Says(body=b'{"data": {"items": [1]}}'), "record 1 is no object"),
        (Says(body=b'{"data": {"items": [{"x": 1}]}}'), "missing from every record"),
        (Says(body='{"data": {"items": [{"证号": [1]}]}}'.encode()), "证号: record 1 holds a list"),
        (Says(body=b'{"a": 1, "a": 2}'), "no JSON"),
        (Says(body=b"[" * 200_000), "no JSON"),
        (Says(body=b'{"data": {"items": [' + b" " * 5000 + b"]}}"), "larger than a page"),
        (Says(body=b"x", headers={"Content-Encoding": "gzip"}), "packs"),
        (Says(body=b"", status=401), "refuses the credentials"),
        (Says(body=b"", status=404), "answered 404"),
        (page(PEOPLE[:1]), "the same page again"),
    ],
)
def test_what_cannot_be_read_is_one_error_at_once(server: ApiServer, says: Says, complaint: str) -> None:
    bound = 5000 if complaint.startswith("larger") else 1 << 20
    server.answer = lambda asked: (
        says if complaint != "missing from every record" or asked.query["page"] == "1" else (page([]))
    )
    with pytest.raises(Malformed, match=complaint):
        read(source(server), replace(QUICK, page_bytes_max=bound))
    assert len(server.asked) <= 2


def test_pages_that_go_round_are_noticed_and_endless_ones_end(server: ApiServer) -> None:
    # Each page carries the time, so that no two are the same bytes.
    server.answer = lambda asked: page(PEOPLE[: 1 + int(asked.query.get("after", 0)) % 2], at=asked.at,
                                       next=int(asked.query.get("after", 0)) + 1)  # fmt: skip
    by_token = source(server, replace(BY_PAGE, paging=Paging.TOKEN, next="data.next"), "?after={token}")
    with pytest.raises(Malformed, match="the same page again"):
        read(by_token)
    server.answer = lambda asked: page([{"证号": str(asked.at)}], next=asked.at)
    with pytest.raises(Malformed, match="more pages"):
        read(by_token, replace(QUICK, pages_max=4))
    with pytest.raises(Malformed, match="more rows"):
        read(by_token, replace(QUICK, rows_max=4))


def test_a_page_that_drips_is_given_up(server: ApiServer) -> None:
    server.answer = lambda _: Says(body=b" " * 50, drip=0.1)
    with pytest.raises(Unavailable, match="too slow"):
        read(source(server), replace(QUICK, page_seconds=0.3, attempts=1))


def test_only_what_changed_is_asked_for(server: ApiServer) -> None:
    server.answer = pages_by_number
    query = "?page={page}&size={size}&changedSince={since}"
    whole = opened(source(server, query=query, cursor=UPDATED, as_of="更新时间"))
    assert sum(map(len, whole.batches)) == 5
    assert "changedSince" not in server.queries[0]
    assert not whole.changes
    assert whole.watermark == "2024-11-24T00:00:00+00:00"
    assert whole.data_as_of == dt.datetime(2024, 11, 24, tzinfo=dt.UTC)
    server.asked.clear()
    changes = opened(source(server, query=query, cursor=UPDATED, since="2024-11-23T23:45:00+00:00"))
    list(changes.batches)
    assert changes.changes
    assert {each["changedSince"] for each in server.queries} == {"2024-11-24T07:45:00+08:00"}
    day = Cursor(column="更新时间", type=PropertyType.TIMESTAMP, format="%Y%m%d%H%M%S")
    server.asked.clear()
    list(opened(source(server, query=query, cursor=day, since="2024-11-23T23:45:00+00:00")).batches)
    assert server.queries[0]["changedSince"] == "20241124074500"


@pytest.mark.parametrize("kind", [PropertyType.TIMESTAMP, PropertyType.DATE])
def test_a_record_dated_in_the_future_hides_no_change(server: ApiServer, kind: PropertyType) -> None:
    written = slice(None) if kind is PropertyType.TIMESTAMP else slice(10)
    people = [{**each, "更新时间": each["更新时间"][written]} for each in PEOPLE]
    server.answer = lambda _: page([{**people[0], "更新时间": "2999-01-01"}, *people])
    what = source(server, replace(BY_PAGE, paging=Paging.NONE), cursor=replace(UPDATED, type=kind))
    delivery = opened(what)
    list(delivery.batches)
    assert delivery.watermark == {"timestamp": "2024-11-24T00:00:00+00:00", "date": "2024-11-24"}[kind]
    server.answer = lambda _: page([{**people[0], "更新时间": "2999-01-01"}])
    delivery = opened(what)
    list(delivery.batches)
    assert delivery.watermark == ""


def test_a_deletion_between_pages_is_noticed(server: ApiServer) -> None:
    def answer(asked: Asked) -> Says:
        # The first record is deleted once the first page is out: the third has moved onto it.
        left = PEOPLE[len(server.asked) > 1 :]
        at = int(asked.query["from"])
        return page(left[at : at + 2], total=len(left))

    server.answer = answer
    counted = replace(BY_PAGE, paging=Paging.OFFSET, total="data.total")
    with pytest.raises(Unavailable, match="announced 5 records, then 4"):
        read(source(server, counted, "?from={offset}"))


@pytest.mark.parametrize("page_number", ["1", "2"])
@pytest.mark.parametrize("total", ["9" * 5000, "9" * 19, "1.5", "-1", "null"], ids=len)
def test_a_total_that_is_none_is_one_error(server: ApiServer, page_number: str, total: str) -> None:
    def answer(asked: Asked) -> Says:
        said = pages_by_number(asked).body.decode()
        if asked.query["page"] == page_number:
            said = said.replace('"total": 5', f'"total": {total}')
        return Says(body=said.encode())

    server.answer = answer
    with pytest.raises(Malformed, match="no number of records"):
        read(source(server, replace(BY_PAGE, total="data.total")))


BY_TOKEN = replace(BY_PAGE, paging=Paging.TOKEN, next="data.next")


@pytest.mark.parametrize(("api", "query"), [(BY_TOKEN, "?after={token}"), (BY_NEXT, "?x=1")])
def test_a_way_that_was_gone_before_is_not_gone_again(server: ApiServer, api: Api, query: str) -> None:
    # Two that name each other, without a record.
    server.answer = lambda asked: page(
        PEOPLE[:1] if len(server.asked) == 1 else [], next="?x=3" if "2" in str(asked.query) else "?x=2"
    )
    with pytest.raises(Malformed, match="same page again"):
        read(source(server, api, query), replace(QUICK, pages_max=10))
    assert len(server.asked) == 3


def test_empty_pages_may_come_between_but_not_without_end(server: ApiServer) -> None:
    def answer(asked: Asked) -> Says:
        at = int(asked.query.get("after", "0"))
        return page(PEOPLE[at // 4 : at // 4 + 1] if at % 4 == 0 else [], next=str(at + 1) if at < 16 else None)

    server.answer = answer
    what = source(server, BY_TOKEN, "?after={token}")
    assert read(what, replace(QUICK, empty_pages_max=3)) == ROWS
    server.asked.clear()
    with pytest.raises(Malformed, match="empty pages one after another"):
        read(what, replace(QUICK, empty_pages_max=2))
    assert len(server.asked) == 4


@pytest.mark.parametrize("token", ["x" * 70_000, "\ud800"])
def test_a_token_that_fits_into_no_url_is_one_error(server: ApiServer, token: str) -> None:
    said = {"data": {"items": PEOPLE[:1], "next": token}}
    server.answer = lambda _: Says(body=json.dumps(said).encode())
    with pytest.raises(Malformed, match="no URL can hold"):
        read(source(server, BY_TOKEN, "?after={token}"))


def test_numbers_keep_their_text(server: ApiServer) -> None:
    server.answer = lambda asked: Says(
        body=b"[]" if asked.query["page"] == "2" else
        '[{"证号": 331081199001010008, "姓名": 88.50, "更新时间": true}]'.encode()
    )  # fmt: skip
    assert read(source(server, replace(BY_PAGE, records=""))) == [("331081199001010008", "88.50", "true")]


def test_the_server_proves_who_it_is(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    authority = Authority.create("tests", now)
    authority.server("tests", now).write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(authority.credential.certificate)
    with api_server((tmp_path / "server.pem", tmp_path / "server.key")) as server:
        server.answer = pages_by_number
        assert read(source(server), who=Credentials(ca=str(tmp_path / "ca.pem"))) == ROWS
        assert read(source(server), who=Credentials(tls=Tls.OFF)) == ROWS
        asked = len(server.asked)
        with pytest.raises(Unavailable, match="cannot be reached"):
            read(source(server), who=Credentials())
        with pytest.raises(Malformed, match="authorities"):
            read(source(server), who=Credentials(ca=str(tmp_path / "absent.pem")))
        assert len(server.asked) == asked
    away = Source(
        server=Server(kind=ServerKind.API, url="http://registry.example/", connection="civil", api=BY_PAGE),
        columns=COLUMNS, required=frozenset(), key=(),
    )  # fmt: skip
    with pytest.raises(Malformed, match="does not prove who it is"):
        read(away)


def test_the_connection_may_say_where_the_api_is_from_here(server: ApiServer) -> None:
    port = int(server.base.rpartition(":")[2])
    server.answer = lambda asked: link_of(asked, "https://registry.example/v1")
    what = source(server, BY_NEXT, "")
    moved = replace(what, server=replace(what.server, url="https://registry.example/v1"))
    who = Credentials(host="127.0.0.1", port=port, tls=Tls.OFF)
    # The API speaks https from outside; here nothing answers TLS.
    with pytest.raises(Unavailable):
        read(moved, who=who)
    plain = replace(what, server=replace(what.server, url="http://registry.example/v1"))
    server.answer = lambda asked: link_of(asked, "http://registry.example/v1")
    assert read(plain, who=who) == ROWS


def test_no_address_and_no_secret_is_logged(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    server.answer = pages_by_number
    with caplog.at_level(logging.DEBUG):
        read(source(server, replace(BY_PAGE, auth=Auth.BEARER), "?page={page}&size={size}&who=331081199001010008"))
    assert "331081199001010008" not in caplog.text
    assert "wort" not in caplog.text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "items", "证号"]), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def any_server() -> Iterator[ApiServer]:
    with api_server() as running:
        yield running


@given(answer=values)
@settings(max_examples=60)
def test_whatever_comes_is_rows_or_one_error(any_server: ApiServer, answer: object) -> None:
    any_server.answer = lambda _: Says(body=json.dumps(answer).encode())
    for api in (replace(BY_PAGE, total="data.total"), BY_NEXT):
        try:
            read(source(any_server, api), replace(QUICK, attempts=1))
        except MianzhengError:
            continue


def test_bytes_that_are_no_text_are_one_error(server: ApiServer) -> None:
    server.answer = lambda _: Says(body=b"\xff\xfe\x00\x00")
    with pytest.raises(Malformed, match="no JSON"):
        read(source(server))
