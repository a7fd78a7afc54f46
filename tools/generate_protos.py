"""Generate the Python code of the contract beside its .proto files.

Usage: ``python tools/generate_protos.py [OUTPUT_FOLDER]``; the default output is the source root ``protos``.
"""

import importlib.resources
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "protos"


def generate(output: Path) -> None:
    """Run protoc over every .proto under ``protos`` and write modules and stubs to ``output``."""
    files = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.proto"))
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    scripts = Path(sys.executable).parent
    output.mkdir(parents=True, exist_ok=True)
    arguments = [
        "protoc",
        f"--plugin={scripts / 'protoc-gen-mypy'}",
        f"--plugin={scripts / 'protoc-gen-mypy_grpc'}",
        f"-I{SOURCE}",
        f"-I{well_known}",
        f"--python_out={output}",
        f"--grpc_python_out={output}",
        f"--mypy_out=quiet:{output}",
        f"--mypy_grpc_out=quiet:{output}",
        *files,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)
