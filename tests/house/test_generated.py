"""Generated code is what its source generates."""

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
