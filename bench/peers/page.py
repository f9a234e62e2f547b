"""The page of all results, docs/benchmarks.md, and its chart beside it."""

import os
import pathlib
import shlex

import chart
import environments
import fleet
import measure
import workload

INTRODUCTION = """# Beside other frameworks

Written by `bench/peers/compare --write {page}` ({readme} says how it measures), {date}, on {cpu},
{cpus} CPUs, {system}, Python {python}.

{versions}

All sides run the same models with the same optimizer and dropout on the same data, from equal initial
weights, on as many CPUs as threads. Sides run in turns, in short blocks; a ratio is the median over
rounds of a peer's time over that of Pronghorn's blocks just before and just after it. Above 1,
Pronghorn is faster. *torch* and *torch-channels-last* are PyTorch as installed; all other peers
keep the memory that glibc would give back to the kernel, and PyTorch's relu is in place there.

*Random*: no pixel is background. *Digits*: MNIST's. The bounds are what a step would take at the
peak of multiply-accumulates of this machine: for the arithmetic that the layers name (*useful*), and
for what Pronghorn's kernels do instead (*executed*: Winograd multiplies less, adds more; what is
skipped because it is zero is counted as in `pronghorn explain`). Inference is bounded by the forward
part of a training step.
"""


def _cells(results: dict) -> list:
    """In the order of the models, then data, mode, threads, batch."""
    models = list(workload.MODELS)
    return sorted(results["cells"].values(), key=lambda cell: (
        models.index(cell["model"]), cell["data"] != "random", cell["mode"] != "training",
        cell["threads"], cell["batch"]))


def _peers(cell: dict) -> dict:
    return {name: side for name, side in cell["sides"].items() if name != "pronghorn"}


def fastest(cell: dict) -> str | None:
    """The peer to be measured against."""
    peers = _peers(cell)
    return min(peers, key=lambda name: peers[name]["ratio"]) if peers else None


def _table(heads: list, rows: list) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def _fastest_rows(cells: list) -> list:
    rows = []
    for cell in cells:
        ours = cell["sides"]["pronghorn"]["seconds"]
        name = fastest(cell)
        side = cell["sides"].get(name)
        useful, executed = (cell[kind] / cell["peak_flops"]
                            for kind in ("useful_flops", "executed_flops"))
        rows.append([cell["model"], cell["data"], _milliseconds(ours),
                     *((_milliseconds(side["seconds"]), name,
                        f"**{side['ratio']:.2f}** ({side['least']:.2f} to {side['most']:.2f})")
                       if side else ("", "none", "")),
                     f"{_milliseconds(useful)} ({useful / ours:.2f})",
                     f"{_milliseconds(executed)} ({executed / ours:.2f})"])
    return rows


def _all_rows(cells: list, names: list) -> list:
    rows = []
    for cell in cells:
        best = fastest(cell)
        ratios = []
        for name in names:
            side = cell["sides"].get(name)
            text = f"{side['ratio']:.2f}" if side else ""
            ratios.append(f"**{text}**" if name == best else text)
        rows.append([cell["model"], cell["data"], cell["batch"],
                     _milliseconds(cell["sides"]["pronghorn"]["seconds"]), *ratios])
    return rows


def _threads_rows(cells: list) -> list:
    by_key = {(c["model"], c["data"], c["mode"], c["batch"], c["threads"]): c for c in cells}
    rows = []
    for (*rest, threads), cell in by_key.items():
        one = by_key.get((*rest, 1))
        if threads == 1 or one is None:
            continue
        name = fastest(cell)
        speedups = [one["sides"][side]["seconds"] / cell["sides"][side]["seconds"]
                    if side in one["sides"] and side in cell["sides"] else None
                    for side in ("pronghorn", name)]
        rows.append([*rest, threads, *(f"{s:.2f}" if s else "" for s in speedups), name or ""])
    return rows


def _loss_rows(cells: list, names: list) -> list:
    return [[cell["model"], cell["data"], cell["batch"], f"{cell['losses']['pronghorn'][0]:.3f}",
             *(f"{cell['losses'][name][1]:.3f}" if name in cell["losses"] else ""
               for name in ("pronghorn", *names))]
            for cell in cells if cell["losses"]]


def write(results: dict, path: pathlib.Path) -> None:
    cells = _cells(results)
    measured = {name for cell in cells for name in cell["sides"]}
    names = [peer.name for peer in fleet.PEERS if peer.name in measured]
    versions = sorted({v for name, v in results["versions"].items() if name in names})
    readme = os.path.relpath(environments.HERE / "README.md", path.resolve().parent)
    parts = [INTRODUCTION.format(
        page=shlex.quote(str(path)), readme=f"[README]({readme})", date=results["date"],
        versions="; ".join(versions) + ".", **results["machine"])]

    groups = sorted({(c["mode"] != "training", c["threads"], c["batch"]) for c in cells},
                    key=lambda g: (g[0], g[2] != 128, g[1], g[2]))
    shown = [c for c in cells if (c["mode"], c["batch"], c["threads"]) == ("training", 128, 1)]
    if shown:
        image = path.with_suffix(".svg")
        chart.write(shown, names, image)
        parts.append(f"![Time of a training step of each framework over Pronghorn's, batch 128, one "
                     f"thread]({image.name})\n")
    parts.append("## Against the fastest peer\n\nIn milliseconds a step; behind a bound, its share of "
                 "Pronghorn's time.\n")
    for inference, threads, batch in groups:
        mode = "inference" if inference else "training"
        some = [c for c in cells if (c["mode"], c["threads"], c["batch"]) == (mode, threads, batch)]
        parts.append(f"### {mode.capitalize()}, batch {batch}, {threads} "
                     f"thread{'s' if threads > 1 else ''}\n")
        parts.append(_table(["model", "data", "Pronghorn", "fastest peer", "which", "ratio",
                             "useful bound", "executed bound"], _fastest_rows(some)))
    parts.append("## Against all\n\nPronghorn in milliseconds, then ratios; the fastest peer is bold.\n")
    for mode in ("training", "inference"):
        for threads in sorted({c["threads"] for c in cells}):
            some = [c for c in cells if (c["mode"], c["threads"]) == (mode, threads)]
            if not some:
                continue
            parts.append(f"### All peers, {mode}, {threads} thread{'s' if threads > 1 else ''}\n")
            parts.append(_table(["model", "data", "batch", "Pronghorn ms", *names],
                                _all_rows(some, names)))
    if rows := _threads_rows(cells):
        parts.append("## What threads give\n\nTimes over those of one thread, which were measured at "
                     "another hour.\n")
        parts.append(_table(["model", "data", "mode", "batch", "threads", "Pronghorn",
                             "fastest peer", "which"], rows))
    if rows := _loss_rows(cells, names):
        parts.append("## All learn\n\nMean loss of the first epoch and, of each side, the median of "
                     f"the last three of {measure.EPOCHS_OF_LEARNING}; an epoch is {workload.BATCHES} batches. Dropout "
                     "differs from side to side, and PyTorch adds RMSprop's epsilon behind the root.\n")
        parts.append(_table(["model", "data", "batch", "first", "Pronghorn", *names], rows))
    failures = [f"- {cell['model']}, {cell['data']}, {cell['mode']}, batch {cell['batch']}, "
                f"{cell['threads']} threads: {name}: {reason}"
                for cell in cells for name, reason in cell["failures"].items()]
    failures += [f"- {name}: {reason}" for name, reason in results["left_out"].items()]
    if failures:
        parts.append("## Left out\n\n" + "\n".join(failures) + "\n")
    path.write_text("\n".join(parts))
