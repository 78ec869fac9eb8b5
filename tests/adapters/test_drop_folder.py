"""Drop folders: only whole deliveries are read, of them the newest, and none from outside."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source

PATTERN = source(ServerKind.CSV, "民政/登记_*.csv", marker=".done")
LISTED = source(ServerKind.CSV, "民政/登记_*.csv", marker="_SUCCESS")


def deliver(root: Path, name: str, value: str, *, marked: bool = True, as_of: str = "", hour: int = 0) -> Path:
    """Leave a file of one row, `hour` hours after the first, and its marker behind it."""
    path = root / "民政" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{','.join(COLUMNS)}\n{value},一,1\n", "utf-8")
    at = 1_700_000_000 + hour * 3600
    os.utime(path, (at, at))
    if as_of:
        path.with_name(f"{name}.meta.json").write_text(f'{{"data_as_of": "{as_of}"}}')
    if marked:
        marker = path.with_name(f"{name}.done")
        marker.touch()
        os.utime(marker, (at, at))
    return path


def test_the_newest_whole_file_is_taken(tmp_path: Path) -> None:
    deliver(tmp_path, "登记_1.csv", "甲", hour=1)
    deliver(tmp_path, "登记_2.csv", "乙", hour=2)
    deliver(tmp_path, "登记_3.csv", "丙", hour=3, marked=False)
    deliver(tmp_path, "其他_4.csv", "丁", hour=4)
    assert read(PATTERN, tmp_path)[0][0] == "乙"


def test_how_new_a_file_is_says_its_sidecar_first(tmp_path: Path) -> None:
    deliver(tmp_path, "登记_1.csv", "甲", hour=1, as_of="2024-06-01T00:00:00+08:00")
    deliver(tmp_path, "登记_2.csv", "乙", hour=2)
    assert read(PATTERN, tmp_path)[0][0] == "甲"
    assert opened(PATTERN, tmp_path).data_as_of.isoformat() == "2024-05-31T16:00:00+00:00"


def test_of_equally_new_files_the_last_by_name_is_taken(tmp_path: Path) -> None:
    for name in ("登记_b.csv", "登记_c.csv", "登记_a.csv"):
        deliver(tmp_path, name, name)
    assert read(PATTERN, tmp_path)[0][0] == "登记_c.csv"


def test_a_marker_vouches_for_no_file_that_was_written_after_it(tmp_path: Path) -> None:
    path = deliver(tmp_path, "登记_1.csv", "甲", hour=1)
    assert read(PATTERN, tmp_path)
    with path.open("a") as file:
        file.write("乙,二")
    with pytest.raises(Malformed, match="no whole delivery is there"):
        read(PATTERN, tmp_path)


def test_a_single_file_may_have_a_marker_too(tmp_path: Path) -> None:
    what = source(ServerKind.CSV, "民政/登记.csv", marker=".done")
    deliver(tmp_path, "登记.csv", "甲", marked=False)
    with pytest.raises(Malformed, match=r"登记\.csv: no whole delivery is there"):
        read(what, tmp_path)
    deliver(tmp_path, "登记.csv", "甲")
    assert read(what, tmp_path)


@pytest.mark.parametrize(
    ("listed", "taken"),
    [("", "丙"), ("登记_1.csv\r\n 登记_2.csv \n", "乙"), ("\ufeff登记_1.csv", "甲"), ("登记_2.csv.old", "")],
)
def test_a_folders_marker_vouches_for_all_or_for_those_that_it_names(tmp_path: Path, listed: str, taken: str) -> None:
    for hour, value in enumerate("甲乙丙", 1):
        deliver(tmp_path, f"登记_{hour}.csv", value, hour=hour, marked=False)
    (tmp_path / "民政/_SUCCESS").write_text(listed, "utf-8")
    os.utime(tmp_path / "民政/_SUCCESS", (1_900_000_000, 1_900_000_000))
    if not taken:
        with pytest.raises(Malformed, match="no whole delivery"):
            read(LISTED, tmp_path)
    else:
        assert read(LISTED, tmp_path)[0][0] == taken


def test_a_folder_a_delivery_is_a_drop_folder_too(tmp_path: Path) -> None:
    for hour, day in enumerate(("2026-11-23", "2026-11-24"), 1):
        deliver(tmp_path, f"{day}/登记.csv", day, hour=hour, marked=False)
    (tmp_path / "民政/2026-11-23/_SUCCESS").touch()
    what = source(ServerKind.CSV, "民政/*/登记.csv", marker="_SUCCESS")
    assert read(what, tmp_path)[0][0] == "2026-11-23"
    (tmp_path / "民政/2026-11-24/_SUCCESS").touch()
    assert read(what, tmp_path)[0][0] == "2026-11-24"


def test_markers_sidecars_and_hidden_files_are_no_deliveries(tmp_path: Path) -> None:
    what = source(ServerKind.CSV, "民政/*", marker=".done")
    deliver(tmp_path, "登记.csv", "甲", as_of="2026-11-24T02:00:00+08:00")
    deliver(tmp_path, ".登记.csv", "乙", hour=9)
    deliver(tmp_path, "登记.csv.done", "丙", hour=9)
    deliver(tmp_path, "登记.csv.meta.json", "丁", hour=9, marked=True)
    (tmp_path / "民政/登记.csv.meta.json").write_text('{"data_as_of": "2026-11-24T02:00:00+08:00"}')
    (tmp_path / "民政/文件夹").mkdir()
    (tmp_path / "民政/文件夹.done").touch()
    os.utime(tmp_path / "民政/登记.csv.done", (1_900_000_000, 1_900_000_000))
    assert read(what, tmp_path) == [("甲", "一", "1")]


@pytest.mark.parametrize("what", [PATTERN, LISTED])
def test_an_empty_or_missing_folder_holds_no_delivery(tmp_path: Path, what: object) -> None:
    for _ in range(2):
        with pytest.raises(Malformed, match="no whole delivery") as caught:
            read(what, tmp_path)  # type: ignore[arg-type]
        assert "beside it" in caught.value.remedy
        (tmp_path / "民政").mkdir(exist_ok=True)


@pytest.mark.parametrize("linked", ["file", "folder", "marker"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, linked: str) -> None:
    outside = deliver(tmp_path / "outside", "登记_9.csv", "外")
    root = tmp_path / "root"
    inside = deliver(root, "登记_1.csv", "甲", marked=linked == "marker")
    match linked:
        case "file":
            (root / "民政/登记_9.csv").symlink_to(outside)
        case "folder":
            inside.unlink()
            inside.parent.rmdir()
            inside.parent.symlink_to(outside.parent)
        case _:
            (root / "民政/登记_1.csv.done").unlink()
            (root / "民政/登记_1.csv.done").symlink_to(outside)
    with pytest.raises(Malformed, match="lies outside the deliveries"):
        read(PATTERN, root)


def test_a_link_within_the_deliveries_is_followed(tmp_path: Path) -> None:
    deliver(tmp_path, "登记_1.csv", "甲")
    (tmp_path / "登记.csv").symlink_to("民政/登记_1.csv")
    assert read(source(ServerKind.CSV, "登记.csv"), tmp_path)[0][0] == "甲"


def test_a_circle_of_links_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    with pytest.raises(Malformed, match=r"a\.csv: is no path"):
        read(source(ServerKind.CSV, "a.csv"), tmp_path)


def test_a_folder_with_more_files_than_are_looked_through_is_refused(tmp_path: Path) -> None:
    for each in range(4):
        deliver(tmp_path, f"登记_{each}.csv", "甲")
    with pytest.raises(Malformed, match="more files"):
        read(PATTERN, tmp_path, replace(SMALL, folder_entries_max=5))


@pytest.mark.parametrize("name", ["登记_331081199001010059.csv", "登记_\x1b[31m.csv", "登记_\n.csv"])
def test_a_files_name_that_may_tell_or_do_something_is_not_shown(tmp_path: Path, name: str) -> None:
    deliver(tmp_path, name, "甲").write_text("没有这些列\n", "utf-8")
    os.utime(tmp_path / "民政" / name, (1_700_000_000, 1_700_000_000))
    with pytest.raises(Malformed, match="the column is missing") as caught:
        read(PATTERN, tmp_path)
    assert caught.value.field == "民政/登记_*.csv:证件号码"
