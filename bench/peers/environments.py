"""Python environments, one for each requirements-NAME.txt, in build/peers/. Needs Python alone."""

import hashlib
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/peers"


class Missing(Exception):
    """Why there is no such environment, in a line."""


def python_of(name: str) -> pathlib.Path:
    """The environment's Python; makes the environment where it is missing or stale."""
    folder = BUILD / name
    requirements = HERE / f"requirements-{name}.txt"
    python = folder / "bin/python"
    made_from = folder / "made-from"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if made_from.is_file() and made_from.read_text() == digest:
        return python
    print(f"making {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", "--clear", folder])
    # Wheels only: a framework that has none for this machine is left out, not built for hours.
    _run([python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", requirements])
    made_from.write_text(digest)
    return python


def _run(command: list) -> None:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise Missing(f"{command[-1].name} could not be installed: {last[-1]}")
