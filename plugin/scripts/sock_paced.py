"""Paced epicardial sock maps of one heart, each left out once and predicted from the others, without retraining.

pvpython sock_paced.py --program metapinn --heart HEART.vtu --out FOLDER [--meta-neural WEIGHTS] [--pacings N]

HEART.vtu is of tetrahedra (mm) with the node array surface_class (0 interior, 2 epicardium, 3 LV and 4 RV
endocardium). Its wall conducts along fibres by rule, 0.6 m/s, and across them, 0.3 m/s; it is paced at six intramural
sites of the LV, and 247 epicardial nodes are measured with 2 ms of noise. The truth is solved on a finer mesh. The
meta-learners get the other five maps and the first 20 % of the one left out; the fits all six maps, as in the paper.

Writes paced.json and, of the last pacing, paced.vtp and paced.png. A recording of your own, as those of EDGAR
(https://www.ecg-imaging.org): write its electrodes' activation times as point arrays of a surface, NaN where there are
none, in the heart's coordinates (mm), and ask the same of it with

metapinn personalize HEART.vtu --maps SOCK.vtp --context SITE1,SITE2,... --query SITE6 --eikonal --out ANSWER.vtu"""
import argparse
import itertools
import os
import sys

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
# What is asked of the program, which array of the answer is the prediction, and whether all six maps are fitted to.
METHODS = {
    "meta-PINN": (("personalize",), "AT", False),
    "meta-PINN, eikonal": (("personalize", "--eikonal"), "ATEikonal", False),
    "meta-neural": (("personalize",), "AT", False),
    "physics-based, AHA-17": (("fit", "--method", "segments", "--segmentation", "aha17+rv"), "AT", True),
    "multi-PINN": (("fit", "--method", "multi-pinn"), "AT", True),
}


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


def pace(options, mesh):
    """The heart with its true maps in a file, their values, and the nodes of the electrodes."""
    data = dataset_adapter.WrapDataObject(mesh)
    if "surface_class" not in data.PointData.keys():
        raise UserError(f"{options.heart} has no point array 'surface_class', which says where its epicardium is")
    labels = numpy.asarray(data.PointData["surface_class"])
    points, random = numpy.asarray(data.Points, dtype=float), numpy.random.default_rng(SEED)
    epicardium = numpy.flatnonzero(labels == EPICARDIUM)
    if len(epicardium) < ELECTRODES:
        raise UserError(f"{options.heart} has {len(epicardium)} epicardial nodes: expected {ELECTRODES} at least")
    electrodes = epicardium[farthest(points[epicardium], ELECTRODES, random)]
    sites = intramural_sites(points, labels, random)
    path = os.path.join(options.out, "paced_truth.vtu")
    write(mesh, path)
    try:
        for index, node in enumerate(sites):
            site = ",".join(repr(float(x)) for x in points[node])
            run(options.program, "simulate", path, f"--origin={site}", "--fibre", "rule", "--anisotropy", VELOCITIES,
                "--refine", str(options.refine), "--name", f"AT_{index:02d}", "--quiet", "--out", path)
        truth = numpy.array(sock.read_arrays(path, *[f"AT_{index:02d}" for index in range(SITES)]))
    finally:
        os.remove(path)
    return truth, electrodes, random


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


def predict(options, path, method, left_out):
    arguments, name, fitted = METHODS[method]
    others = [f"AT_{index:02d}" for index in range(SITES) if index != left_out]
    query = f"AT_{left_out:02d}"
    # A fit's answer without a query is that of its last context map.
    maps = ["--context", ",".join(others + [query])] if fitted else ["--context", ",".join(others), "--query", query]
    if method == "meta-neural":
        maps += ["--model", options.meta_neural]
    answer = os.path.join(options.out, "paced_answer.vtu")
    run(options.program, arguments[0], path, *arguments[1:], *maps, "--quiet", "--out", answer, silent=True)
    values = sock.read_arrays(answer, name)[0]
    os.remove(answer)
    return values


def alikeness(fields):
    """The mean correlation between the maps of different sites: 1 where they are all the same."""
    pairs = [numpy.corrcoef(a, b)[0, 1] for a, b in itertools.combinations(fields, 2)]
    return float(numpy.mean(pairs)) if pairs else None


def compare(options):
    reader, mesh = read(options.heart)
    simple.Delete(reader)
    truth, electrodes, random = pace(options, mesh)
    path = os.path.join(options.out, "paced_measured.vtu")
    measure(mesh, truth, electrodes, random, path)
    methods = [method for method in METHODS if method != "meta-neural" or options.meta_neural]
    fields, results = {"truth": list(truth[: options.pacings])}, {}
    try:
        for left_out, method in itertools.product(range(options.pacings), methods):
            print(f"pacing {left_out + 1} of {options.pacings}: {method}", file=sys.stderr)
            values = predict(options, path, method, left_out)
            fields.setdefault(method, []).append(values)
            results.setdefault(method, []).append(sock.scores(values[electrodes], truth[left_out][electrodes]))
    finally:
        os.remove(path)
    rows = sock.rows_of(results)
    for method, maps in fields.items():
        value = alikeness([values[electrodes] for values in maps])
        if value is not None:
            rows.append({"method": method, "metric": "alikeness", "region": "all", "mean": value, "sd": None,
                         "n": len(maps)})
    return mesh, electrodes, fields, rows


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


def draw(options, mesh, electrodes, fields):
    surface, nodes = epicardium_of(mesh)
    data, panels = dataset_adapter.WrapDataObject(surface).PointData, []
    for method, maps in fields.items():
        name = "AT_" + "".join(c for c in method if c.isalnum())
        data.append(maps[-1][nodes], name)
        panels.append((method[0].upper() + method[1:], name))
    path = os.path.join(options.out, "paced.vtp")
    write(surface, path)
    sock.draw(path, surface, panels, numpy.isin(nodes, electrodes), os.path.join(options.out, "paced.png"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the program metapinn")
    parser.add_argument("--heart", required=True, help="a heart of tetrahedra with surface_class")
    parser.add_argument("--out", required=True, help="an existing folder")
    parser.add_argument("--meta-neural", help="weights of preset meta-neural; without them it is left out")
    parser.add_argument("--pacings", type=int, default=SITES, choices=range(1, SITES + 1),
                        help="how many maps are left out (default all six)")
    parser.add_argument("--refine", type=int, default=2, choices=range(4), help="of the truth's mesh (default 2)")
    options = parser.parse_args()
    try:
        mesh, electrodes, fields, rows = compare(options)
    except UserError as error:
        sys.exit(str(error))
    sock.write_json(os.path.join(options.out, "paced.json"), "sock-paced", rows)
    sock.print_rows(rows)
    draw(options, mesh, electrodes, fields)


if __name__ == "__main__":
    main()
