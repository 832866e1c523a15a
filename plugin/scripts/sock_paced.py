"""Paced epicardial sock maps of one heart, each left out once and predicted from the others, without retraining.

pvpython sock_paced.py --program metapinn --heart HEART.vtu --out FOLDER [--meta-neural WEIGHTS] [--pacings N]
pvpython sock_paced.py --program metapinn --heart HEART.vtu --out FOLDER --sock SOCK.vtp --arrays SITE1 SITE2 ...

HEART.vtu is of tetrahedra (mm) with the node array surface_class (0 interior, 2 epicardium, 3 LV and 4 RV
endocardium). Its wall conducts along fibres by rule, 0.6 m/s, and across them, 0.3 m/s; it is paced at six intramural
sites of the LV, and 247 epicardial nodes are measured with 2 ms of noise. The truth is solved on a finer mesh.

With --sock the maps are recorded ones instead, such as the paced beats of one heart in EDGAR
(https://www.ecg-imaging.org): SOCK.vtp is the triangulated sock in the heart's coordinates (mm), its points are the
electrodes, and each array of --arrays is one beat's activation times there (ms, NaN or -10000 where there is none). An
array 'measured' (0/1) of the sock restricts what counts as measured. Predictions are compared with what the electrodes
recorded, at the nearest node of the heart.

The meta-learners get the other maps and the first 20 % of the one left out; the fits all maps, as in the paper.
Writes paced.json and, of the last pacing, paced.vtp and paced.png."""
import argparse
import itertools
import os
import sys
from dataclasses import dataclass

import numpy
from paraview import simple
from vtkmodules.numpy_interface import dataset_adapter
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkFiltersCore import vtkThreshold
from vtkmodules.vtkFiltersGeometry import vtkDataSetSurfaceFilter

import sock
from heart_files import UserError, farthest, read, run, write

ELECTRODES, SITES, NOISE, SEED = 247, 6, 2.0, 1  # noise in ms
INTERIOR, EPICARDIUM, LV, RV = 0, 2, 3, 4  # of surface_class
VELOCITIES = "0.6,0.3,0.3"  # m/s along and across fibres
NOT_MEASURED = -9999  # ms, or below, as the program has it
# What is asked of the program, which array of the answer is the prediction, and whether all maps are fitted to.
METHODS = {
    "meta-PINN": (("personalize",), "AT", False),
    "meta-PINN, eikonal": (("personalize", "--eikonal"), "ATEikonal", False),
    "meta-neural": (("personalize",), "AT", False),
    "physics-based, AHA-17": (("fit", "--method", "segments", "--segmentation", "aha17+rv"), "AT", True),
    "multi-PINN": (("fit", "--method", "multi-pinn"), "AT", True),
}


@dataclass
class Maps:
    """Activation maps at the places where fields are compared and drawn."""

    heart: str  # the file that the program reads
    told: list  # what it is told beside
    names: list  # of the maps' arrays
    truth: numpy.ndarray  # [maps][places], ms
    electrodes: numpy.ndarray  # of the places, those that were measured
    nodes: numpy.ndarray  # [places], the heart's node of each
    surface: object  # to draw on
    shown: numpy.ndarray  # the place of each of its points


def distance_to(points, others):
    return numpy.array([numpy.linalg.norm(others - point, axis=1).min() for point in points])


def intramural_sites(points, labels, random):
    """Of the interior nodes of the LV, six that are well spread."""
    inside = numpy.flatnonzero(labels == INTERIOR)
    left = distance_to(points[inside], points[labels == LV]) < distance_to(points[inside], points[labels == RV])
    candidates = inside[left]
    if len(candidates) < SITES:
        raise UserError(f"The heart has {len(candidates)} nodes inside its LV wall: expected {SITES} at least")
    return candidates[farthest(points[candidates], SITES, random)]


def simulate(options, mesh, sites):
    """The true maps of pacing at these nodes, [sites][nodes]."""
    path = os.path.join(options.out, "paced_truth.vtu")
    points = numpy.asarray(dataset_adapter.WrapDataObject(mesh).Points, dtype=float)
    write(mesh, path)
    try:
        for index, node in enumerate(sites):
            site = ",".join(repr(float(x)) for x in points[node])
            run(options.program, "simulate", path, f"--origin={site}", "--fibre", "rule", "--anisotropy", VELOCITIES,
                "--refine", str(options.refine), "--name", f"AT_{index:02d}", "--quiet", "--out", path)
        return numpy.array(sock.read_arrays(path, *[f"AT_{index:02d}" for index in range(SITES)]))
    finally:
        os.remove(path)


def pace(options, mesh):
    """Simulated maps of all of the heart, whose file has what the electrodes saw of them."""
    data = dataset_adapter.WrapDataObject(mesh)
    if "surface_class" not in data.PointData.keys():
        raise UserError(f"{options.heart} has no point array 'surface_class', which says where its epicardium is")
    labels = numpy.asarray(data.PointData["surface_class"])
    points, random = numpy.asarray(data.Points, dtype=float), numpy.random.default_rng(SEED)
    epicardium = numpy.flatnonzero(labels == EPICARDIUM)
    if len(epicardium) < ELECTRODES:
        raise UserError(f"{options.heart} has {len(epicardium)} epicardial nodes: expected {ELECTRODES} at least")
    electrodes = epicardium[farthest(points[epicardium], ELECTRODES, random)]
    truth = simulate(options, mesh, intramural_sites(points, labels, random))
    path = os.path.join(options.out, "paced_measured.vtu")
    measure(mesh, truth, electrodes, random, path)
    surface, shown = epicardium_of(mesh)
    names = [f"AT_{index:02d}" for index in range(SITES)]
    return Maps(path, [], names, truth, electrodes, numpy.arange(len(points)), surface, shown)


def measure(mesh, truth, electrodes, random, path):
    """Writes the heart with what the electrodes saw of each map. A phantom says of other nodes that they are measured."""
    data = dataset_adapter.WrapDataObject(mesh)
    at_electrode = numpy.zeros(mesh.GetNumberOfPoints(), dtype=numpy.uint8)
    at_electrode[electrodes] = 1
    data.PointData.append(at_electrode, "measured")
    for index, values in enumerate(truth):
        measured = numpy.full(len(values), numpy.nan)
        measured[electrodes] = values[electrodes] + random.normal(0, NOISE, len(electrodes))
        data.PointData.append(measured, f"AT_{index:02d}")
    write(mesh, path)


def recorded(options, mesh):
    """The maps of a recorded sock; its points are the places."""
    reader, surface = read(options.sock)
    simple.Delete(reader)
    data = dataset_adapter.WrapDataObject(surface)
    missing = [name for name in options.arrays if name not in data.PointData.keys()]
    if missing:
        raise UserError(f"{options.sock} has no point array '{missing[0]}': expected activation times, ms")
    truth = numpy.array([sock.point_array(surface, name) for name in options.arrays])
    truth[truth <= NOT_MEASURED] = numpy.nan
    if "measured" in data.PointData.keys():
        truth[:, sock.point_array(surface, "measured") == 0] = numpy.nan
    heart = numpy.asarray(dataset_adapter.WrapDataObject(mesh).Points, dtype=float)
    points = numpy.asarray(data.Points, dtype=float)
    nodes = numpy.array([numpy.linalg.norm(heart - point, axis=1).argmin() for point in points])
    electrodes = numpy.flatnonzero(~numpy.isnan(truth).all(axis=0))
    return Maps(options.heart, ["--maps", options.sock], options.arrays, truth, electrodes, nodes, surface,
                numpy.arange(len(points)))


def predict(options, maps, method, left_out):
    arguments, name, fitted = METHODS[method]
    query = maps.names[left_out]
    others = [other for other in maps.names if other != query]
    # A fit's answer without a query is that of its last context map.
    asked = ["--context", ",".join(others + [query])] if fitted else ["--context", ",".join(others), "--query", query]
    if method == "meta-neural":
        asked += ["--model", options.meta_neural]
    answer = os.path.join(options.out, "paced_answer.vtu")
    run(options.program, arguments[0], maps.heart, *maps.told, *arguments[1:], *asked, "--quiet", "--out", answer,
        silent=True)
    values = sock.read_arrays(answer, name)[0][maps.nodes]
    os.remove(answer)
    return values


def alikeness(fields):
    """The mean correlation between the maps of different sites: 1 where they are all the same."""
    pairs = [numpy.corrcoef(a, b)[0, 1] for a, b in itertools.combinations(fields, 2)]
    return float(numpy.mean(pairs)) if pairs else None


def compare(options, maps):
    """Fields by method, [pacings][places], and rows of scores."""
    methods = [method for method in METHODS if method != "meta-neural" or options.meta_neural]
    pacings, known = options.pacings, "recorded" if options.sock else "truth"
    fields, results = {known: list(maps.truth[:pacings])}, {}
    for left_out, method in itertools.product(range(pacings), methods):
        print(f"pacing {left_out + 1} of {pacings}: {method}", file=sys.stderr)
        values, truth = predict(options, maps, method, left_out), maps.truth[left_out]
        fields.setdefault(method, []).append(values)
        there = maps.electrodes[~numpy.isnan(truth[maps.electrodes])]
        results.setdefault(method, []).append(sock.scores(values[there], truth[there]))
    rows = sock.rows_of(results)
    everywhere = maps.electrodes[~numpy.isnan(maps.truth[:pacings, maps.electrodes]).any(axis=0)]
    for method, found in fields.items():
        value = alikeness([values[everywhere] for values in found])
        if value is not None:
            rows.append({"method": method, "metric": "alikeness", "region": "all", "mean": value, "sd": None,
                         "n": len(found)})
    return fields, rows


def epicardium_of(mesh):
    """The outer surface, with the numbers of its points in the mesh."""
    boundary = vtkDataSetSurfaceFilter()
    boundary.SetInputData(mesh)
    boundary.PassThroughPointIdsOn()
    boundary.Update()
    outer = vtkThreshold()
    outer.SetInputData(boundary.GetOutput())
    outer.SetInputArrayToProcess(0, 0, 0, vtkDataObject.FIELD_ASSOCIATION_POINTS, "surface_class")
    outer.SetLowerThreshold(EPICARDIUM)
    outer.SetUpperThreshold(EPICARDIUM)
    outer.SetThresholdFunction(vtkThreshold.THRESHOLD_BETWEEN)
    surface = vtkDataSetSurfaceFilter()
    surface.SetInputConnection(outer.GetOutputPort())
    surface.Update()
    data = surface.GetOutput()
    return data, numpy.asarray(dataset_adapter.WrapDataObject(data).PointData["vtkOriginalPointIds"])


def draw(options, maps, fields):
    data, panels = dataset_adapter.WrapDataObject(maps.surface).PointData, []
    for method, found in fields.items():
        name = "AT_" + "".join(c for c in method if c.isalnum())
        data.append(found[-1][maps.shown], name)
        panels.append((method[0].upper() + method[1:], name))
    path = os.path.join(options.out, "paced.vtp")
    write(maps.surface, path)
    sock.draw(path, maps.surface, panels, numpy.isin(maps.shown, maps.electrodes),
              os.path.join(options.out, "paced.png"))


def work(options):
    reader, mesh = read(options.heart)
    simple.Delete(reader)
    maps = recorded(options, mesh) if options.sock else pace(options, mesh)
    try:
        fields, rows = compare(options, maps)
    finally:
        if not options.sock:
            os.remove(maps.heart)
    protocol = "sock-paced, recorded" if options.sock else "sock-paced"
    sock.write_json(os.path.join(options.out, "paced.json"), protocol, rows)
    sock.print_rows(rows)
    draw(options, maps, fields)


def check(parser, options):
    if bool(options.sock) != bool(options.arrays):
        parser.error("--sock and --arrays belong together")
    maps = len(set(options.arrays)) if options.arrays else SITES
    if maps < 2:
        parser.error("--arrays names one map: expected two at least, of which one is left out")
    options.pacings = maps if options.pacings is None else options.pacings
    if not 1 <= options.pacings <= maps:
        parser.error(f"--pacings is {options.pacings}: expected 1 to {maps}, as many maps as there are")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the program metapinn")
    parser.add_argument("--heart", required=True, help="a heart of tetrahedra with surface_class")
    parser.add_argument("--out", required=True, help="an existing folder")
    parser.add_argument("--meta-neural", help="weights of preset meta-neural; without them it is left out")
    parser.add_argument("--pacings", type=int, help="how many of the maps are left out, each once (default all)")
    parser.add_argument("--refine", type=int, default=2, choices=range(4), help="of the truth's mesh (default 2)")
    parser.add_argument("--sock", help="the surface with recorded maps (default: simulated ones)")
    parser.add_argument("--arrays", nargs="+", help="the recorded maps, ms")
    options = parser.parse_args()
    check(parser, options)
    try:
        work(options)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
