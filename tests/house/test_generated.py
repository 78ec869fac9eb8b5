"""Generated code is what its source generates."""

import re
import runpy
import subprocess
import sys
from pathlib import Path


def test_wire_code_is_what_the_protos_generate(root: Path, tmp_path: Path) -> None:
    protos = sorted(str(each.relative_to(root)) for each in (root / "schemas/wire/v1").glob("*.proto"))
    command = [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", "-I."]
    out = str(tmp_path)
    subprocess.run([*command, f"--python_out={out}", f"--pyi_out={out}", *protos], cwd=root, check=True)
    service = "schemas/wire/v1/verification.proto"
    subprocess.run([*command, f"--grpc_python_out={out}", service], cwd=root, check=True)
    made = sorted(each.relative_to(tmp_path) for each in tmp_path.rglob("*_pb2*"))
    assert len(made) == 2 * len(protos) + 1
    for each in made:
        assert (root / each).read_text("utf-8") == (tmp_path / each).read_text("utf-8"), f"{each}: run make gen"


def test_the_reference_of_settings_is_what_the_code_says(root: Path) -> None:
    found = runpy.run_path(str(root / "tools" / "write_reference.py"))
    assert found["PAGE"].read_text("utf-8") == found["page"](), "run make gen"
    declared = {
        each.stem + "." + name
        for each in root.glob("*/*.py")
        if each.parent.name not in {"tests", "tools", "benchmarks"}
        for name in re.findall(r"^class (\w+Settings)\b", each.read_text("utf-8"), re.MULTILINE)
    }
    shown = {kind.__name__ for kind in found["SECTIONS"].values()}
    assert {name.rpartition(".")[2] for name in declared} == shown, "every section of settings is on the page"
