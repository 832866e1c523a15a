"""One activation map of a heart as several methods predict it, beside the truth: activation time, conduction
velocity and PDE residual, the paper's figure 3.

pvpython figure_methods.py --plugin Metapinn.so --out FIGURE.png [--heart HEART.vtu] [--methods NAME ...]

Without a heart a phantom. The filter Compare Methods says which methods there are. Its table is printed."""
import argparse
import sys

import numpy
from paraview import servermanager, simple
from vtkmodules.numpy_interface import dataset_adapter

from demo import frame, texts
from demo_figure import (AT_MAP, CV_MAP, RESIDUAL_MAP, SCAR_BELOW, cut_surface, label_bar, lines, nice_step, paint,
                         text, white_view)
from heart_files import UserError, read

# Of the names of Compare Methods: the end of its arrays' names, and the column's title.
COLUMNS = {
    "physics-based (paper)": ("segments5", "Physics-based"),
    "physics-based (aha17+rv)": ("segments18", "Physics-based, AHA-17"),
    "physics-based (released)": ("released", "Physics-based, released"),
    "multi-PINN": ("multiPINN", "Multi-PINN"),
    "other weights": ("other", "Meta-neural"),
    "meta-PINN": ("metaPINN", "Meta-PINN"),
    "meta-PINN, eikonal": ("eikonal", "Meta-PINN, eikonal"),
    "healthy": ("healthy", "Healthy"),
}
USUAL = ["physics-based (paper)", "multi-PINN", "other weights", "meta-PINN", "meta-PINN, eikonal"]
PANEL, BAR, SCALE = (240, 225), 110, 2  # pixels
ROWS = 3  # AT, CV, residual


def compare(options, heart):
    """The filter after it ran, its point data and its scores as {method: {column: value}}."""
    maps = options.context.split(",") if options.context else None
    if not maps:
        heart.UpdatePipeline()
        found = [name for name in heart.PointData.keys() if name.startswith("AT_")]
        maps = [name for name in found if name != options.query]
        options.query = options.query or (maps.pop() if maps else None)
    if not maps or not options.query:
        raise UserError("No activation maps AT_00, AT_01 ... are on the heart: name them with --context and --query")
    methods = simple.CompareMethods(Input=heart, ContextArrays=maps, QueryArray=options.query)
    methods.Methods = [name for name in options.methods if name != "other weights" or options.other_weights]
    methods.OtherWeights = options.other_weights or ""
    methods.FittedTo = "Whole query map" if options.whole else "Context maps and 20 % of the query"
    methods.UseGivenOrigins = int(options.given_origins)
    methods.TruthATArray, methods.TruthCVArray = options.truth_at or "None", options.truth_cv or "None"
    methods.UpdatePipeline()
    data = dataset_adapter.WrapDataObject(servermanager.Fetch(methods))
    table = servermanager.Fetch(methods, idx=1)
    if table.GetNumberOfRows() == 0:
        raise UserError("No method has an answer: what is above says why")
    columns = [table.GetColumn(i) for i in range(table.GetNumberOfColumns())]
    scores = {table.GetValueByName(row, "Method").ToString(): {c.GetName(): c.GetValue(row) for c in columns[1:]}
              for row in range(table.GetNumberOfRows())}
    return methods, data, scores


def looked_at(heart, options, data):
    """The heart's frame, turned so that the half with the scar stays."""
    twin = simple.MetaPINNPersonalize(Input=heart, ContextArrays=[options.query])
    twin.UpdatePipeline()
    strings = texts(dataset_adapter.WrapDataObject(servermanager.Fetch(twin)))
    simple.Delete(twin)
    points = numpy.asarray(data.Points, dtype=float)
    centre, axes = frame(strings, points)
    if options.truth_cv:
        scar = points[numpy.asarray(data.PointData[options.truth_cv]) < SCAR_BELOW]
        if len(scar) and ((scar - centre) @ axes[1]).mean() < 0:
            axes = numpy.array([-axes[0], -axes[1], axes[2]])
    return centre, axes


def split(layout, n_columns):
    """Views [row][column], and one a row at its right for the bar."""
    width = PANEL[0] * n_columns + BAR
    layout.SetSize(width, PANEL[1] * ROWS)
    cells, rest = [], 0
    for row in range(ROWS - 1):
        top = layout.SplitVertical(rest, 1 / (ROWS - row))
        cells.append(top)
        rest = top + 1
    cells.append(rest)
    grid = []
    for cell in cells:
        views, left = [], width
        for _ in range(n_columns):
            first = layout.SplitHorizontal(cell, PANEL[0] / left)
            views.append(white_view(layout, first))
            cell, left = first + 1, left - PANEL[0]
        views.append(white_view(layout, cell))
        grid.append(views)
    return grid


def aim(views, centre, axes, points):
    """The same camera for all: from the removed side, base up, below the titles."""
    local = (points - centre) @ axes.T
    middle, half = (local.min(axis=0) + local.max(axis=0)) / 2, numpy.ptp(local, axis=0) / 2
    scale = 1.05 * max(half[2] / 0.74, half[0] * PANEL[1] / (0.94 * PANEL[0]))
    focus = centre + axes.T @ middle + 0.02 * scale * axes[2]
    for view in views:
        view.CameraFocalPoint = list(focus)
        view.CameraPosition = list(focus - axes[1] * 4 * numpy.linalg.norm(half))
        view.CameraViewUp = list(axes[2])
        view.CameraParallelScale = float(scale)


def show(view, surface, name, preset, low, high):
    display = simple.Show(surface, view)
    display.Representation = "Surface"
    display.Specular, display.Ambient, display.Diffuse = 0.0, 0.4, 0.6
    return paint(display, name, preset, low, high)


def bar(view, table, title, labels, number_format):
    """An upright bar with its title above it: ParaView would write it across the labels."""
    drawn = label_bar(table, view, "", "", labels, number_format)
    drawn.Orientation = "Vertical"
    drawn.Position, drawn.ScalarBarLength = [0.12, 0.14], 0.66
    drawn.Visibility = 1
    label = text(view, title, "Any Location", 12)
    simple.GetDisplayProperties(label, view).Position = [0.06, 0.86]


def caption(view, score, name, unit):
    """Correlation and error under a prediction, where the truth is known."""
    if score and f"{name} SCC" in score:
        words = f"SCC {score[f'{name} SCC']:.3f}, MAE {score[f'{name} MAE ({unit})']:.2g} {unit}"
        text(view, words.replace("SCC nan", "no SCC"), "Lower Center", 11)


class Drawing:
    """Columns are (title, suffix of the arrays' names or None for the truth, scores)."""

    def __init__(self, methods, data, options, columns, looks):
        self.options, self.columns = options, columns
        self.surface = cut_surface(methods, looks, True)
        self.grid = split(simple.CreateLayout(name="Methods"), len(columns))
        self.data = data.PointData
        aim([view for row in self.grid for view in row[:-1]], *looks, numpy.asarray(data.Points, dtype=float))
        for view, (title, _, _) in zip(self.grid[0], columns):
            text(view, title, "Upper Center", 13, bold=1)

    def panels(self, row, prefix, truth, what):
        """(view, array, scores) of a row's panels; that of a method without the field says so."""
        for view, (_, suffix, score) in zip(self.grid[row], self.columns):
            name = prefix + suffix if suffix else truth
            if name and name in self.data.keys():
                yield view, name, score
            elif suffix:
                text(view, f"no {what}", "Lower Center", 11)

    def activation(self):
        truth = self.options.truth_at
        panels = list(self.panels(0, "AT_", truth, "activation time"))
        high = max(float(numpy.nanmax(self.data[name])) for _, name, _ in panels)
        step = nice_step(high, 16)
        high = float(step * numpy.ceil(high / step))
        for view, name, score in panels:
            table = show(view, self.surface, name, AT_MAP, 0, high)
            isochrones = simple.Contour(Input=self.surface, ContourBy=["POINTS", name],
                                        Isosurfaces=list(numpy.arange(step, high, step)))
            lines(isochrones, view, [0.0, 0.0, 0.0], 2.0)
            caption(view, score, "AT", "ms")
        bar(self.grid[0][-1], table, "AT [ms]", list(numpy.arange(0, high + 1, nice_step(high, 6))), "%.0f")

    def velocity(self):
        truth = self.options.truth_cv
        for view, name, score in self.panels(1, "CV_", truth, "velocity"):
            table = show(view, self.surface, name, CV_MAP, 0, 0.7)
            if truth:
                scar = simple.Contour(Input=self.surface, ContourBy=["POINTS", truth], Isosurfaces=[SCAR_BELOW])
                lines(scar, view, [0.0, 0.9, 0.95], 4.0)
            caption(view, score, "CV", "m/s")
        bar(self.grid[1][-1], table, "CV [m/s]", [0, 0.2, 0.4, 0.6], "%.1f")

    def residual(self):
        for view, name, score in self.panels(2, "PDEResidual_", None, "residual"):
            table = show(view, self.surface, name, RESIDUAL_MAP, -1, 1)
            text(view, f"mean square {score['Residual mean square']:.3f}", "Lower Center", 11)
        bar(self.grid[2][-1], table, "Residual [1]", [-1, -0.5, 0, 0.5, 1], "%.1f")


def draw(methods, data, options, scores, looks):
    simple._DisableFirstRenderCameraReset()
    columns = [("Truth", None, None)] if options.truth_at or options.truth_cv else []
    columns += [(COLUMNS[name][1], COLUMNS[name][0], scores[name]) for name in options.methods if name in scores]
    drawing = Drawing(methods, data, options, columns, looks)
    drawing.activation()
    drawing.velocity()
    drawing.residual()
    layout = simple.GetLayout(drawing.grid[0][0])
    simple.RenderAllViews()
    size = [SCALE * (PANEL[0] * len(columns) + BAR), SCALE * PANEL[1] * ROWS]
    simple.SaveScreenshot(options.out, layout, ImageResolution=size, SeparatorWidth=0, SeparatorColor=[1, 1, 1])


def print_scores(scores):
    names = list(next(iter(scores.values())))
    print("  " + "method".ljust(28) + " ".join(name.rjust(20) for name in names))
    for method, values in scores.items():
        print("  " + method.ljust(28) + " ".join(f"{values[name]:20.4g}" for name in names))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", required=True, help="Metapinn.so")
    parser.add_argument("--out", required=True, help="the picture, .png")
    parser.add_argument("--heart", help="a heart with activation maps (default: a phantom)")
    parser.add_argument("--context", help="context maps, A,B,... (default: all AT_... but the query)")
    parser.add_argument("--query", help="the map to predict (default: the last)")
    parser.add_argument("--truth-at", help="its true activation time, ms (default with a phantom: the query)")
    parser.add_argument("--truth-cv", help="the true velocity, m/s (default with a phantom: CV)")
    parser.add_argument("--methods", nargs="+", choices=list(COLUMNS), default=USUAL, metavar="NAME",
                        help=f"of: {'; '.join(COLUMNS)}")
    parser.add_argument("--other-weights", help="the file of meta-neural weights; without one they are left out")
    parser.add_argument("--whole", action="store_true", help="fit to all of the query, as in the paper")
    parser.add_argument("--given-origins", action="store_true", help="tell the fits the sites of origin")
    parser.add_argument("--seed", type=int, default=7, help="of the phantom (default 7)")
    return parser.parse_args()


def main():
    options = parse()
    simple.LoadPlugin(options.plugin, remote=False, ns=vars(simple))
    try:
        if options.heart:
            heart = read(options.heart)[0]
        else:
            heart = simple.PhantomHeart(Seed=options.seed)
            options.query = options.query or "AT_05"
            options.truth_at, options.truth_cv = options.truth_at or options.query, options.truth_cv or "CV"
        methods, data, scores = compare(options, heart)
    except UserError as error:
        sys.exit(str(error))
    print_scores(scores)
    draw(methods, data, options, scores, looked_at(heart, options, data))


if __name__ == "__main__":
    main()
