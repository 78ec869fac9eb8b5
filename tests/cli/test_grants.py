"""`mianzheng grants`: what clients may ask, and why; from which file and line."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from schemas.archive import FOLDERS
from schemas.catalogue import ROOT

Mianzheng = Callable[..., tuple[int, str, str]]
BANK = "grants/bank.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Agreements of a home that holds nothing else: to explain takes no keys."""
    root = tmp_path / "agreed"
    for each in FOLDERS:
        shutil.copytree(ROOT / each, root / each)
    grants = root / BANK
    text = grants.read_text("utf-8")
    bound = text.replace(
        "    values: false\n", "    values: false\n    hours: [mon-fri 08:30-17:30]\n    presence: card_read\n"
    )
    grants.write_text(bound, "utf-8")
    return root


@pytest.fixture
def mianzheng(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Mianzheng:
    monkeypatch.setenv("MIANZHENG_HOME", str(tmp_path))
    monkeypatch.setenv("MIANZHENG_HUB_AGREEMENTS", root.name)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mianzheng", "grants", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return (code, *capsys.readouterr())

    return run


def line_of(file: Path, text: str) -> int:
    return next(at for at, line in enumerate(file.read_text("utf-8").splitlines(), 1) if text in line)


def test_what_is_allowed_is_shown_with_the_grant_and_where_it_stands(mianzheng: Mianzheng, root: Path) -> None:
    code, shown, errors = mianzheng("explain", "bank-icbc-01", "fund_loan", "--at", "2026-11-30T10:00")
    assert (code, errors) == (0, "")
    assert shown.count("可核验 allowed · bank.fund_loan") == 4
    assert shown.count("只看结论，依据《住房公积金管理条例》") == 4
    assert f"{root / BANK}:{line_of(root / BANK, 'id: bank.fund_loan')}\n" in shown


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--at", "2026-11-29T10:00"), "outside_hours", "仅限 mon-fri 08:30-17:30，此时 2026-11-29 10:00"),
        (("--at", "2026-11-30T02:00Z", "--presence", "remote"), "presence_too_weak", "须读取证件，本次为远程"),
    ],
)
def test_what_is_denied_says_which_condition_denies_it(
    mianzheng: Mianzheng, words: tuple[str, ...], code: str, why: str
) -> None:
    ended, shown, _ = mianzheng("explain", "bank-icbc-01", "fund_loan", "fund.account_active", *words)
    assert ended == 1
    assert f"✗ fund.account_active: 拒绝 denied ({code})" in shown
    assert why in shown


def test_what_no_grant_names_is_denied_by_the_groups_own_file(mianzheng: Mianzheng, root: Path) -> None:
    device = "spiffe://wenling.mianzheng.example/kiosk/kiosk-zeguo-01"
    code, shown, _ = mianzheng("explain", device, "fund_loan", "--json")
    told = json.loads(shown)
    assert code == 1
    assert [each["code"] for each in told] == ["no_grant"] * 4
    kiosk = root / "clients/kiosk.yaml"
    assert {each["source"] for each in told} == {f"{kiosk}:{line_of(kiosk, 'items:')}"}
    assert {each["grant"] for each in told} == {None}
    code, shown, _ = mianzheng("explain", "kiosk-zeguo-01", "senior_allowance", "marriage.unmarried")
    assert code == 1
    assert "no grant names it on the channel kiosk" in shown


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("nobody", "fund_loan"), 2, "names no client"),
        (("bank-icbc-01", "no_item"), 3, "unknown_item"),
        (("bank-icbc-01", "fund_loan", "no.claim"), 3, "unknown_claim"),
        (("bank-icbc-01", "fund_loan", "--at", "soon"), 2, "is no instant"),
    ],
)
def test_what_does_not_exist_is_said(mianzheng: Mianzheng, words: tuple[str, ...], code: int, error: str) -> None:
    ended, shown, errors = mianzheng("explain", *words)
    assert (ended, shown) == (code, "")
    assert error in errors


def test_grants_are_listed_with_their_conditions(mianzheng: Mianzheng) -> None:
    code, shown, _ = mianzheng("list", "--group", "bank", "--item", "fund_loan")
    assert code == 0
    assert shown.startswith("bank.fund_loan: fund_loan")
    for part in ("渠道 channels bank", "地域 places 331081", "时间 hours mon-fri 08:30-17:30", "读取证件 card read"):
        assert part in shown
    code, shown, _ = mianzheng("list", "--json")
    told = json.loads(shown)
    assert len(told) == 11
    assert {each["group"] for each in told} == {"bank", "counter", "kiosk"}
    code, shown, _ = mianzheng("list", "--group", "nobody")
    assert "一概拒绝" in shown
