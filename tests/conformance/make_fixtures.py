#!/usr/bin/env python3
"""Writes fixtures: make_fixtures.py FOLDER [--every N | CASE...]; all cases without names."""

import importlib
import pathlib
import sys

import harness


def main():
    here = pathlib.Path(__file__).parent
    for module in sorted((here / "cases").glob("*.py")):
        importlib.import_module(f"cases.{module.stem}")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or list(harness.CASES)
    if names[0] == "--every":
        names = sorted(harness.CASES)[::int(names[1])]
    unknown = [name for name in names if name not in harness.CASES]
    if unknown:
        sys.exit(f"no such case: {', '.join(unknown)}; there are {', '.join(harness.CASES)}")
    for name in names:
        harness.write(folder / f"{name}.npz", harness.run(name))
    for stale in {p.stem for p in folder.glob("*.npz")} - set(harness.CASES):
        (folder / f"{stale}.npz").unlink()
    print(f"{len(names)} fixtures written to {folder}")


main()
