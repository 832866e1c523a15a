"""The heart of the demo: a phantom, or the user's with activation maps simulated where it has none."""
import os

import numpy
from paraview import simple
from vtkmodules.numpy_interface import dataset_adapter
from vtkmodules.vtkCommonDataModel import vtkPolyData

from heart_files import farthest, read, run, write

MAPS = 6  # five for context and one to be predicted
MEASURED = 300
HEALTHY, SCAR = 0.6, 0.1  # m/s
ENDOCARDIUM = (3, 4)  # of surface_class


def surface_nodes(mesh):
    """Numbers of the nodes where maps are measured: the endocardium where it is labelled, else all of the surface."""
    labels = mesh.PointData["surface_class"]
    if labels is not dataset_adapter.NoneArray:
        endocardium = numpy.flatnonzero(numpy.isin(labels, ENDOCARDIUM))
        if len(endocardium):
            return endocardium
    from vtkmodules.vtkFiltersGeometry import vtkDataSetSurfaceFilter

    boundary = vtkDataSetSurfaceFilter()
    boundary.SetInputData(mesh.VTKObject)
    boundary.PassThroughPointIdsOn()
    boundary.Update()
    return numpy.unique(dataset_adapter.WrapDataObject(boundary.GetOutput()).PointData["vtkOriginalPointIds"])


def simulate(mesh, program, path, seed):
    """Gives a heart without maps a scar (unless it has CV), measured nodes and maps from random sites of origin."""
    random = numpy.random.default_rng(seed)
    data = dataset_adapter.WrapDataObject(mesh)
    points = numpy.asarray(data.Points, dtype=float)
    names = data.PointData.keys() + data.CellData.keys()
    if "CV" not in names:
        size = numpy.linalg.norm(numpy.ptp(points, axis=0))
        centre = points[random.integers(len(points))]
        inside = numpy.linalg.norm(points - centre, axis=1) < 0.16 * size
        data.PointData.append(numpy.where(inside, SCAR, HEALTHY).astype(numpy.float32), "CV")
    if "measured" not in data.PointData.keys():
        candidates = surface_nodes(data)
        measured = numpy.zeros(len(points), dtype=numpy.int32)
        measured[candidates[farthest(points[candidates], MEASURED, random)]] = 1
        data.PointData.append(measured, "measured")
    write(mesh, path)
    for i, origin in enumerate(points[random.choice(len(points), MAPS, replace=False)]):
        site = ",".join(repr(float(x)) for x in origin)
        run(program, "simulate", path, f"--origin={site}", "--cv", "CV", "--refine", "1", "--name", f"AT_{i:02d}",
            "--quiet", "--out", path)


def phantom(program, path, seed):
    run(program, "phantom", "--seed", str(seed), "--scar", "paper:0", "--maps", str(MAPS), "--refine", "2", "--quiet",
        "--out", path)


def prepare(heart, program, out, is_map, seed):
    """Path of the heart with its maps, and the names of the maps, the one to predict last."""
    if heart is None:
        path = os.path.join(out, "heart.vtu")
        phantom(program, path, seed)
        return path, [f"AT_{i:02d}" for i in range(MAPS)]
    reader, mesh = read(heart)
    simple.Delete(reader)
    data = mesh.GetPointData()
    maps = [data.GetArrayName(i) for i in range(data.GetNumberOfArrays()) if is_map(data.GetArrayName(i))]
    maps = [name for name in maps if data.GetArray(name).GetNumberOfComponents() == 1]
    if maps:
        return heart, maps[: MAPS - 1] + maps[-1:] if len(maps) > MAPS else maps
    path = os.path.join(out, "heart.vtp" if isinstance(mesh, vtkPolyData) else "heart.vtu")
    simulate(mesh, program, path, seed)
    return path, [f"AT_{i:02d}" for i in range(MAPS)]
