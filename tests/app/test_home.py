"""A hub's home: private, whole however often its making was interrupted, and never a second root key."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import app.home
import app.pki
import kernel.signing
from app.home import make_home
from app.paths import Paths
from app.pki import Authority, Credential
from app.settings import HubSettings
from kernel.durable import create_file
from kernel.errors import Conflict, Faulty, Malformed
from kernel.trust import Trust
from verifier.closures import Closures

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTINGS = HubSettings()
CLIENTS = [f"spiffe://{SETTINGS.name}/counter/counter-hall-01"]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(home=tmp_path / "hub")


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the file numbered so the one at which the making of a home is interrupted."""

    def at(number: int) -> None:
        made = 0

        def create(path: Path, data: bytes, *, mode: int = 0o644) -> None:
            nonlocal made
            made += 1
            if made > number:
                raise KeyboardInterrupt
            create_file(path, data, mode=mode)

        for module in (app.home, app.pki, kernel.signing):
            monkeypatch.setattr(module, "create_file", create)

    return at


def files(paths: Paths) -> dict[str, bytes]:
    return {str(each.relative_to(paths.home)): each.read_bytes() for each in paths.home.rglob("*") if each.is_file()}


def test_only_the_hubs_account_reads_its_home(paths: Paths) -> None:
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    modes = {each: each.stat().st_mode & 0o777 for each in (paths.home, *paths.home.rglob("*"))}
    assert {mode for each, mode in modes.items() if each.is_dir()} == {0o700}
    assert {mode for each, mode in modes.items() if each.suffix == ".key"} == {0o600}


@pytest.mark.parametrize("number", range(18))
def test_a_home_made_half_is_finished_by_running_it_again(
    number: int, paths: Paths, interrupt: Callable[[int], None]
) -> None:
    interrupt(number)
    with pytest.raises(KeyboardInterrupt):
        make_home(paths, SETTINGS, CLIENTS, now=NOW)
    interrupt(1000)
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    whole = files(paths)
    Trust.parse(whole["trust.json"])
    for folder, name in ((paths.pki, "ca"), (paths.pki, "server"), (paths.pki / "clients", "counter-hall-01")):
        Authority(Credential.read(folder, name))
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    assert files(paths) == whole


def test_a_certificate_is_never_replaced(tmp_path: Path) -> None:
    Authority.create("hub", NOW).credential.write(tmp_path, "ca")
    with pytest.raises(Conflict):
        Authority.create("hub", NOW).credential.write(tmp_path, "ca")


def test_a_root_key_that_was_moved_away_is_not_made_again(paths: Paths) -> None:
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    (paths.keys / "root.key").unlink()
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    assert not (paths.keys / "root.key").exists()


@pytest.mark.parametrize("name", ["master", "index", "case", f"tag-{SETTINGS.tag_epoch}"])
def test_a_lost_secret_is_named_and_never_made_again(name: str, paths: Paths) -> None:
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    (paths.keys / f"{name}.key").unlink()
    with pytest.raises(Malformed, match=name) as refused:
        make_home(paths, SETTINGS, CLIENTS, now=NOW)
    assert "restore it from a backup" in refused.value.remedy
    assert not (paths.keys / f"{name}.key").exists()


def test_an_epoch_that_begins_has_a_key_of_its_own(paths: Paths) -> None:
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    make_home(paths, HubSettings(tag_epoch="2027"), CLIENTS, now=NOW)
    assert {each.stem for each in paths.keys.glob("tag-*")} == {"tag-2026", "tag-2027"}


def test_others_cannot_read_which_cases_are_closed(tmp_path: Path) -> None:
    Closures(tmp_path / "cases.sqlite", busy_seconds=1.0).end()
    assert (tmp_path / "cases.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_key_that_the_trust_file_does_not_vouch_for_is_named(paths: Paths) -> None:
    make_home(paths, SETTINGS, CLIENTS, now=NOW)
    with pytest.raises(Malformed, match="worker-4"):
        make_home(paths, HubSettings(workers_max=5), CLIENTS, now=NOW)


@pytest.mark.parametrize("name", ["", "a+b", "x y", 'a"b', "a/b", "温岭.example", "a\n"])
def test_a_name_that_cannot_stand_in_origins_and_certificates_makes_no_home(name: str, paths: Paths) -> None:
    for settings in (HubSettings(name=name), HubSettings(tag_epoch=name)):
        with pytest.raises(Faulty):
            make_home(paths, settings, CLIENTS, now=NOW)
    assert not paths.home.exists()
