"""The chart of the page: each peer's time over Pronghorn's, model by model."""

import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

# Stands for the colour of text, which the reader's theme chooses.
INK = "#123456"
THEMES = ("<style>svg{color:#1f2328}"
          "@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>")
# Told apart in both themes and by the colour-blind (Okabe and Ito 2008); a framework has a colour,
# its variants have shapes.
COLORS = {"torch": "#d55e00", "jax": "#009e73", "keras-jax": "#56b4e9",
          "keras-tensorflow": "#e69f00"}
MARKERS = {"torch": "o", "torch-channels-last": "s", "torch-tuned": "^",
           "torch-tuned-channels-last": "D", "torch-compile": "v", "torch-compile-channels-last": "P",
           "jax": "o", "keras-jax": "o", "keras-tensorflow": "o"}


def write(cells: list, names: list, path: pathlib.Path) -> None:
    plt.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "pronghorn", "font.family": "sans-serif",
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
        "ytick.color": INK})
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.36 * len(cells)), layout="constrained")
    rows = list(range(len(cells)))[::-1]
    for name in names:
        points = [(cell["sides"][name]["ratio"], row) for row, cell in zip(rows, cells)
                  if name in cell["sides"]]
        if points:
            axes.plot(*zip(*points), MARKERS.get(name, "o"), label=name, markersize=7,
                      color=COLORS.get(name, COLORS["torch"]), alpha=0.85)
    axes.axvline(1, color=INK, linewidth=1.5, label="Pronghorn")
    axes.set_xscale("log")
    most = max([side.get("ratio", 1) for cell in cells for side in cell["sides"].values()])
    least = min([side.get("ratio", 1) for cell in cells for side in cell["sides"].values()])
    axes.set_xlim(min(0.8, 0.9 * least), 1.15 * most)
    ticks = [t for t in (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 50, 100)
             if 0.9 * least < t < 1.15 * most or t == 1]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(rows, [f"{cell['model']}, {cell['data']}" for cell in cells])
    axes.set_ylim(-0.6, len(cells) - 0.4)
    axes.grid(axis="both", color=INK, alpha=0.15)
    axes.set_xlabel("training step, batch 128, one thread: times Pronghorn's (logarithmic)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, transparent=True, metadata={"Date": None})
    plt.close(figure)
    svg = path.read_text().replace(INK, "currentColor")
    head, tag, rest = svg.partition("<defs>")
    path.write_text(head + THEMES + tag + rest)
