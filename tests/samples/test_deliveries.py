"""The deliveries: equal for equal arguments, each in its department's form, under its headers, with its codes."""

import hashlib
import json
import sqlite3
import zipfile
from pathlib import Path

import openpyxl
import pytest

from kernel.errors import Invalid
from kernel.identity import parse_organisation
from samples.city import build
from samples.deliveries import deliver_city, deliver_rows, deliver_world
from samples.manifest import Kind
from samples.regions import towns
from samples.registry import REGISTRIES
from samples.settings import SampleSettings
from samples.tables import DWELLINGS, MARRIAGES, POPULATION, SOCIAL_INSURANCE, TABLES, Form, Table
from samples.workbook import ROWS_MAX
from tests.samples.delivered import RESIDENTS, SETTINGS, TODAY, City, read

HEADERS = {
    "population": "证件号码 姓名 性别 民族 出生日期 户号 与户主关系 区划代码 地址 登记日期 人员状态 "
    "父亲信息 父亲证件号码 母亲信息 母亲证件号码",
    "person_aliases": "变更编号 原证件号码 现证件号码 变更日期",
    "marriages": "登记证号 男方证件号 男方姓名 女方证件号 女方姓名 登记日期 状态 离婚日期 更新时间",
    "dwellings": "不动产权证号 不动产单元号 坐落 用途 建筑面积 权利人 证件号码 共有情况 登记日期 权属状态 抵押状态",
    "social_insurance": "记录编号 证件号码 姓名 险种 参保状态 累计缴费月数 单位信用代码 最近缴费月",
    "medical_insurance": "参保编号 证件号码 姓名 险种 状态 参保日期",
    "fund_accounts": "账号 证件号码 姓名 账户状态 余额分 月缴存分 开户日期 最近缴存月",
}
CODES = {
    ("population", "性别"): {"男", "女"},
    ("population", "人员状态"): {"户籍", "居住", "迁出", "死亡"},
    ("population", "父亲信息"): {"已登记", "未登记"},
    ("population", "母亲信息"): {"已登记", "未登记"},
    ("population", "区划代码"): {place.code for place in towns()},
    ("marriages", "状态"): {"已婚", "离婚", "丧偶"},
    ("dwellings", "用途"): {"住宅", "商业", "车位"},
    ("dwellings", "共有情况"): {"单独所有", "共同共有", "按份共有"},
    ("dwellings", "权属状态"): {"现势", "历史"},
    ("dwellings", "抵押状态"): {"未抵押", "已抵押"},
    ("social_insurance", "险种"): {"养老", "失业", "工伤"},
    ("social_insurance", "参保状态"): {"正常", "暂停", "终止"},
    ("medical_insurance", "险种"): {"职工", "城乡居民"},
    ("medical_insurance", "状态"): {"正常", "暂停", "终止"},
    ("fund_accounts", "账户状态"): {"正常", "封存", "销户"},
}


def _digests(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_arguments_give_equal_bytes_in_every_form(tmp_path: Path) -> None:
    for name in ("one", "other"):
        deliver_city(tmp_path / name, residents=700, seed=3, today=TODAY)
    digests = _digests(tmp_path / "one")
    assert {table.path for table in TABLES} <= digests.keys()
    assert digests == _digests(tmp_path / "other")


def test_another_seed_gives_another_city(tmp_path: Path) -> None:
    for seed in (3, 4):
        deliver_city(tmp_path / str(seed), residents=300, seed=seed, today=TODAY)
    one, other = _digests(tmp_path / "3"), _digests(tmp_path / "4")
    assert all(one[table.path] != other[table.path] for table in TABLES)


def test_delivering_again_replaces_what_stood_there(tmp_path: Path) -> None:
    deliver_city(tmp_path / "city", residents=400, seed=9, today=TODAY)
    deliver_city(tmp_path / "city", residents=300, seed=3, today=TODAY)
    deliver_city(tmp_path / "fresh", residents=300, seed=3, today=TODAY)
    assert _digests(tmp_path / "city") == _digests(tmp_path / "fresh")


@pytest.mark.parametrize("residents", [SETTINGS.residents_min - 1, SETTINGS.residents_max + 1])
def test_a_city_out_of_bounds_is_refused(tmp_path: Path, residents: int) -> None:
    with pytest.raises(Invalid, match="choose from 300 to 1200000"):
        deliver_city(tmp_path, residents=residents, seed=1, today=TODAY)
    assert not any(tmp_path.iterdir())


def test_so_many_live_in_the_city_as_were_asked_for(city: City) -> None:
    here = [r for r in city.world.residences.values() if not city.world.has_left(r.person)]
    assert sum(city.world.people[each.person].lives_on(TODAY) for each in here) == RESIDENTS


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_a_delivery_has_its_headers_and_all_its_records(city: City, table: Table) -> None:
    rows = city.rows(table)
    assert list(rows[0]) == HEADERS[table.dataset].split()
    assert len(rows) == city.manifest.records[table.dataset]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_codes_are_the_registrys_own_and_each_is_there(city: City, table: Table) -> None:
    rows = city.rows(table)
    for (dataset, header), codes in CODES.items():
        if dataset == table.dataset:
            found = {row[header] for row in rows} - {None}
            assert codes <= found
            assert found - codes <= {"其它"}


def test_clean_rows_come_back_as_the_registry_wrote_them(tmp_path: Path) -> None:
    world = build(400, 5, TODAY)
    deliver_world(tmp_path, world)
    for table in TABLES:
        written = [
            {header: record.values[name] for name, header in table.columns.items()}
            for record in REGISTRIES[table.dataset](world)
        ]
        assert read(tmp_path, table) == written


def test_the_workbook_has_a_title_and_cells_merged_over_co_owners(city: City) -> None:
    sheet = openpyxl.load_workbook(city.out / DWELLINGS.path).worksheets[0]
    merged = {str(area) for area in sheet.merged_cells.ranges}
    assert sheet["A1"].value == "温岭市不动产登记簿（权利人明细）"
    assert "A1:K1" in merged
    down = [area for area in sheet.merged_cells.ranges if area.max_row > area.min_row]
    assert {area.min_col for area in down} == {1, 2, 3, 4, 5}
    assert all(area.min_col == area.max_col for area in down)
    assert all(isinstance(sheet.cell(row, 7).value, str | None) for row in range(3, 60))
    assert isinstance(sheet["E3"].value, float)


def test_a_cell_is_merged_only_where_neighbours_share_all_of_it(tmp_path: Path) -> None:
    record = next(REGISTRIES["dwellings"](build(300, 1, TODAY))).values
    lost = {**record, "certificate_no": None}
    other = {**record, "location": "别处"}
    deliver_rows(tmp_path, TODAY, {"dwellings": [lost, lost, record, record, other]})
    sheet = openpyxl.load_workbook(tmp_path / DWELLINGS.path).worksheets[0]
    assert {str(area) for area in sheet.merged_cells.ranges if area.min_col == 1} == {"A1:K1", "A5:A6"}
    assert sheet["A3"].value is None
    assert sheet["C7"].value == "别处"


def test_a_workbook_takes_no_more_rows_than_a_worksheet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samples.workbook.ROWS_MAX", 10)
    assert ROWS_MAX == 1_048_576
    with pytest.raises(Invalid, match="make a smaller city"):
        deliver_world(tmp_path, build(300, 1, TODAY))
    assert not (tmp_path / DWELLINGS.path).exists()
    assert not list(tmp_path.rglob("*.part"))


def test_every_part_of_the_workbook_has_a_fixed_time_stamp(city: City) -> None:
    with zipfile.ZipFile(city.out / DWELLINGS.path) as parts:
        assert {part.date_time for part in parts.infolist()} == {(2020, 8, 27, 0, 0, 0)}


def test_dates_are_written_as_each_department_writes_them(city: City) -> None:
    bad = {Kind.IMPOSSIBLE_DATE, Kind.MISSING_VALUE}
    for table in TABLES:
        spoilt = sum(each.dataset == table.dataset and each.kind in bad for each in city.manifest.planted)
        rows = city.rows(table)
        for name in table.dates:
            wanted = 8 if table.form is Form.GB18030_CSV else 7 if name == "last_paid_month" else 10
            lengths = [len(str(row[table.columns[name]])) for row in rows]
            assert len(lengths) - lengths.count(wanted) <= spoilt


def test_every_file_is_dated_by_its_sidecar_and_the_database_by_its_last_change(city: City) -> None:
    midnight = "2026-11-24T00:00:00+08:00"
    for table in TABLES:
        sidecar = city.out / f"{table.path}.meta.json"
        if table is MARRIAGES:
            assert not sidecar.exists()
        else:
            assert json.loads(sidecar.read_text()) == {"data_as_of": midnight}
    with sqlite3.connect(city.out / MARRIAGES.path) as database:
        (last,) = database.execute('SELECT max(更新时间) FROM "婚姻登记"').fetchone()
    database.close()
    assert "2026-11-23T23:00:00+08:00" < last < midnight


def test_population_is_gb18030_and_not_utf_8(city: City) -> None:
    raw = (city.out / POPULATION.path).read_bytes()
    assert "𬀩".encode("gb18030") in raw
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


def test_employers_have_valid_credit_codes_and_flexible_workers_none(city: City) -> None:
    codes = [row["单位信用代码"] for row in city.rows(SOCIAL_INSURANCE)]
    assert None in codes
    for code in {code for code in codes if code is not None}:
        parse_organisation(str(code))


def test_people_live_in_every_town_and_street_and_the_new_district(city: City) -> None:
    assert len(towns()) == 17
    assert {r.town for r in city.world.residences.values()} == {place.code for place in towns()}


def test_a_block_is_the_same_whichever_blocks_follow() -> None:
    settings = SampleSettings(block_residents=300)
    one, two = build(300, 2, TODAY, settings), build(600, 2, TODAY, settings)
    assert one.people.items() <= two.people.items()
    assert one.titles == two.titles[: len(one.titles)]
