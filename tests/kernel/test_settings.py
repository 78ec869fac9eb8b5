"""Settings: the environment, then the file, then the default; every fault at once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from kernel.errors import Faulty
from kernel.settings import described, load, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A section with one setting of each type."""

    port: int = setting(7443, "where to listen")
    share: float = setting(0.5, "how much")
    open: bool = setting(default=False, help_text="whether")
    name: str = setting("hub", "what it is called")


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("[sample]\nport = 1\nopen = true\n", "utf-8")
    found = load(Sample, "sample", file=file, environ={"MIANZHENG_SAMPLE_PORT": "2"})
    assert found == Sample(port=2, open=True)
    assert load(Sample, "sample", file=None, environ={}) == Sample()


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('[sample]\nport = "many"\nopen = "perhaps"\nprot = 1\n', "utf-8")
    with pytest.raises(Faulty) as found:
        load(Sample, "sample", file=file, environ={})
    text = str(found.value)
    assert len(found.value.faults) == 3
    assert "sample.port" in text
    assert "sample.open" in text
    assert "unknown setting sample.prot" in text


def test_every_setting_has_help() -> None:
    assert next(each.variable for each in described("sample", Sample)) == "MIANZHENG_SAMPLE_PORT"
    assert all(each.help for each in described("sample", Sample))


@pytest.mark.parametrize("written", ["share = nan", 'share = "inf"', "name = [1]", "name = {a = 1}"])
def test_what_can_bound_or_name_nothing_is_a_fault(written: str, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(f"[sample]\n{written}\n", "utf-8")
    with pytest.raises(Faulty, match=f"sample.{written.split(maxsplit=1)[0]} is not a valid"):
        load(Sample, "sample", file=file, environ={})
