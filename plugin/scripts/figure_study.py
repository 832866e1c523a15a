"""Accuracy and cost of the methods of a study, as bars: the paper's figure 2.

pvpython figure_study.py --study FOLDER/study.json --out FIGURE.png [--methods NAME ...]

Works with any Python that has matplotlib. The figure's ending says its format: png, pdf or svg."""
import argparse
import json
import os
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

# Of the names in a study, those that the paper compares, in Okabe and Ito's colours, which the colour-blind can tell
# apart; what is not in the study is left out.
COLOURS = {
    "physics-based, 5 groups": "#999999",
    "physics-based, AHA-17 and RV": "#555555",
    "multi-PINN": "#E69F00",
    "meta-neural": "#CC79A7",
    "meta-PINN, as published": "#56B4E9",
    "meta-PINN, velocity labels": "#009E73",
    "meta-PINN, any heart": "#0072B2",
    "meta-PINN, these hearts": "#D55E00",
}
OTHER_COLOURS = ("#F0E442", "#8C564B", "#17202A", "#7F3C8D")
TABLES = {"segments": "Scars of whole AHA segments", "ellipsoids": "Other scars, 3 ms noise"}
WHOLE, EARLY = "whole map", "context maps and 20 %"
CONTEXTS = 5
PANELS = (
    ("at_scc", "AT, SCC", False),
    ("cv_scc", "CV, SCC", False),
    ("residual_msq", "Residual, mean square", True),
    ("seconds", "Time to personalize [s]", True),
)


def read_rows(path):
    """Rows of all of the heart by (table, method, fitted_to, metric), with five context maps where there are any."""
    with open(path, encoding="utf-8") as file:
        study = json.load(file)
    if study.get("protocol") != "study":
        sys.exit(f"{path} is not the JSON of a study: expected what 'metapinn study' writes")
    return {
        (row["table"], row["method"], row["fitted_to"], row["metric"]): row
        for row in study["rows"]
        if row["region"] == "all" and row["k"] in (0, CONTEXTS)
    }


def colours_of(methods):
    """A colour for each method: its own, or one of those that no method has."""
    others = [name for name in methods if name not in COLOURS]
    return [COLOURS.get(name) or OTHER_COLOURS[others.index(name) % len(OTHER_COLOURS)] for name in methods]


def bars_of(rows, table, metric, methods):
    """(position, row, index of the method, whether it was fitted to the whole map) for each bar."""
    bars = []
    for index, method in enumerate(methods):
        both = [(whole, rows.get((table, method, whole, metric))) for whole in (WHOLE, EARLY)]
        there = [(whole == WHOLE, row) for whole, row in both if row and row["mean"] is not None]
        for place, (whole, row) in enumerate(there):
            bars.append((index + (place - (len(there) - 1) / 2) * 0.4, row, index, whole))
    return bars


def draw_panel(axes, bars, title, logarithmic, colours):
    low = min((row["mean"] for _, row, _, _ in bars), default=1)
    for position, row, index, whole in bars:
        mean, spread = row["mean"], row["sd"] or 0
        down = min(spread, 0.9 * mean) if logarithmic else spread
        axes.bar(position, mean, width=0.38, color=colours[index],
                 hatch="///" if whole else None, edgecolor="white", linewidth=0)
        axes.errorbar(position, mean, yerr=[[down], [spread]], color="#1a1a1a", linewidth=0.8, capsize=2)
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(bottom=10 ** (len(str(int(1 / low))) * -1.0) if low < 1 else 0.1)
    else:
        axes.set_ylim(min(0, low - 0.1), 1.05)
        axes.axhline(1, color="#bbbbbb", linewidth=0.6, zorder=0)
    axes.set_title(title, fontsize=8.5)
    axes.set_xlim(-0.6, len(colours) - 0.4)
    axes.set_xticks([])
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def add_legend(figure, methods):
    patch = matplotlib.patches.Patch
    entries = [patch(color=colour, label=method) for colour, method in zip(colours_of(methods), methods)]
    entries.append(patch(facecolor="#dddddd", hatch="///", edgecolor="white", label="fitted to the whole test map"))
    entries.append(patch(facecolor="#dddddd", label="from 5 context maps and the first 20 %"))
    figure.legend(handles=entries, loc="lower center", ncol=3, fontsize=8, frameon=False)


def draw(rows, methods, out):
    tables = [name for name in TABLES if any(key[0] == name for key in rows)]
    figure, grid = pyplot.subplots(len(tables), len(PANELS), figsize=(7.2, 2.0 * len(tables) + 1.0), squeeze=False)
    for line, table in zip(grid, tables):
        for axes, (metric, title, logarithmic) in zip(line, PANELS):
            draw_panel(axes, bars_of(rows, table, metric, methods), title, logarithmic, colours_of(methods))
        maps = max((row["n"] for key, row in rows.items() if key[0] == table), default=0)
        line[0].set_ylabel(f"{TABLES[table]}\n{maps} maps", fontsize=8)
    figure.tight_layout(rect=(0, 0.8 / figure.get_figheight(), 1, 1))
    add_legend(figure, methods)
    ending = os.path.splitext(out)[1]
    temporary = f"{out}.part{ending}"
    figure.savefig(temporary, dpi=300)
    os.replace(temporary, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", required=True, help="study.json, as 'metapinn study' writes it")
    parser.add_argument("--out", required=True, help="the figure")
    parser.add_argument("--methods", nargs="+", help="names of the study's methods, in their order")
    options = parser.parse_args()
    rows = read_rows(options.study)
    known = {key[1] for key in rows}
    unknown = [name for name in options.methods or () if name not in known]
    if unknown:
        sys.exit(f"The study has no method '{unknown[0]}': expected some of {', '.join(sorted(known))}")
    draw(rows, options.methods or [name for name in COLOURS if name in known], options.out)


if __name__ == "__main__":
    main()
