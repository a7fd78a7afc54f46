"""Coverage-guided fuzzing of the interception platforms' codec with atheris (libFuzzer).

Usage: python tests/fuzz/fuzz_platform.py [libFuzzer options] CORPUS_DIR

for example ``-max_total_time=60 -seed=1 -artifact_prefix=build/fuzz/ build/fuzz/platform``. The corpus folder is
made if it is missing and gets good messages as seeds. An input that breaks a check of ``platform_checks`` ends the
run with a non-zero exit code and is written under the artifact prefix.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["adapters.wire"]):
    from tests.fuzz.platform_checks import check, make_seeds


def write_seeds(corpus: Path) -> None:
    """Put the good messages into the corpus folder."""
    corpus.mkdir(parents=True, exist_ok=True)
    for name, data in make_seeds():
        (corpus / name).write_bytes(data)


def main() -> None:
    """Seed the first corpus folder named on the command line and fuzz."""
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        write_seeds(Path(folders[0]))
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
