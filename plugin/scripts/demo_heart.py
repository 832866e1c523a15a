"""The heart of the demo: a phantom, or the user's with activation maps simulated where it has none."""
import os
import subprocess

import numpy
from paraview import servermanager, simple
from vtkmodules.numpy_interface import dataset_adapter
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter

MAPS = 6  # five for context and one to be predicted
MEASURED = 300
HEALTHY, SCAR = 0.6, 0.1  # m/s
ENDOCARDIUM = (3, 4)  # of surface_class


class DemoError(Exception):
    """A sentence for the user."""


def run(program, *arguments):
    """Runs a subcommand of the program metapinn; its own sentence is what the user sees where it fails."""
    done = subprocess.run([program, *arguments], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{program} failed")


def read(path):
    """The reader of a file and what it read; ParaView's readers make an empty mesh of what they cannot read."""
    if os.path.splitext(path)[1].lower() not in (".vtu", ".vtp", ".vtk"):
        raise DemoError(f"{path}: a heart is expected as a .vtu, .vtp or .vtk file")
    try:
        reader = simple.OpenDataFile(path)
    except RuntimeError:  # no reader takes it
        reader = None
    if reader:
        reader.UpdatePipeline()
        mesh = servermanager.Fetch(reader)
    if not reader or mesh.GetNumberOfPoints() == 0 or mesh.GetNumberOfCells() == 0:
        raise DemoError(
            f"{path}: ParaView cannot read it, or reads an empty mesh: the file is damaged or cut short; write it "
            "again, in binary mode"
        )
    return reader, mesh


def farthest(points, count, random):
    """Numbers of count points, well spread: each the farthest from those before it."""
    chosen = [int(random.integers(len(points)))]
    nearest = numpy.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(numpy.argmax(nearest)))
        nearest = numpy.minimum(nearest, numpy.linalg.norm(points - points[chosen[-1]], axis=1))
    return numpy.array(chosen)


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


def write(mesh, path):
    """In binary mode: neither ASCII nor appended files are read everywhere."""
    writer = vtkXMLPolyDataWriter() if isinstance(mesh, vtkPolyData) else vtkXMLUnstructuredGridWriter()
    writer.SetDataModeToBinary()
    writer.SetFileName(path)
    writer.SetInputData(mesh)
    if not writer.Write():
        raise DemoError(f"{path}: it cannot be written")


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
