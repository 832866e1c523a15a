"""Hearts in files, the program metapinn on them, and nodes well spread: what the scripts share."""
import os
import subprocess

import numpy
from paraview import servermanager, simple
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter


class UserError(Exception):
    """A sentence for the user."""


def run(program, *arguments, silent=False):
    """Runs a subcommand of the program metapinn, silent without its table; its own sentence is what the user sees
    where it fails."""
    done = subprocess.run([program, *arguments], stdout=subprocess.DEVNULL if silent else None,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise UserError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{program} failed")


def read(path):
    """The reader of a file and what it read; ParaView's readers make an empty mesh of what they cannot read."""
    if os.path.splitext(path)[1].lower() not in (".vtu", ".vtp", ".vtk"):
        raise UserError(f"{path}: a heart is expected as a .vtu, .vtp or .vtk file")
    try:
        reader = simple.OpenDataFile(path)
    except RuntimeError:  # no reader takes it
        reader = None
    if reader:
        reader.UpdatePipeline()
        mesh = servermanager.Fetch(reader)
    if not reader or mesh.GetNumberOfPoints() == 0 or mesh.GetNumberOfCells() == 0:
        raise UserError(
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


def write(mesh, path):
    """In binary mode: neither ASCII nor appended files are read everywhere."""
    writer = vtkXMLPolyDataWriter() if isinstance(mesh, vtkPolyData) else vtkXMLUnstructuredGridWriter()
    writer.SetDataModeToBinary()
    writer.SetFileName(path)
    writer.SetInputData(mesh)
    if not writer.Write():
        raise UserError(f"{path}: it cannot be written")
