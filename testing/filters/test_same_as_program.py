"""The program and the filters give one answer, with the weights that both take where none are named.

test_same_as_program.py METAPINN FOLDER"""
import os
import subprocess
import sys

import numpy
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

from metapinn_vtk.MetapinnFilters import vtkMetaPinnPersonalize, vtkMetapinnWhatIf

ORIGIN, REGION = (0.0, 20.0, -30.0), (-20.0, -10.0, -40.0, 15.0, 0.2)


def run(program, *arguments):
    subprocess.run([program, *arguments, "--threads", "1", "--quiet"], check=True, stdout=subprocess.DEVNULL)


def read(path):
    reader = vtkXMLUnstructuredGridReader()
    reader.SetFileName(path)
    reader.Update()
    return reader.GetOutput()


def text(data, name):
    array = data.GetFieldData().GetAbstractArray(name)
    return array.GetValue(0) if array else None


def same(found, expected, arrays, texts):
    for name in arrays:
        a, b = (vtk_to_numpy(data.GetPointData().GetArray(name)) for data in (found, expected))
        assert numpy.array_equal(a, b, equal_nan=True), name
    for name in texts:
        assert text(found, name) == text(expected, name) is not None, (name, text(found, name), text(expected, name))


def main(program, folder):
    heart, twin, other = (os.path.join(folder, name) for name in ("same.vtu", "same-twin.vtu", "same-other.vtu"))
    run(program, "phantom", "--nodes", "800", "--seed", "9", "--maps", "3", "--refine", "0", "--out", heart)
    run(program, "personalize", heart, "--context", "AT_00,AT_01", "--query", "AT_02", "--eikonal", "--uncertainty",
        "--out", twin)
    run(program, "what-if", twin, "--origin", ",".join(map(str, ORIGIN)), "--region", ",".join(map(str, REGION)),
        "--out", other)

    answer = vtkMetaPinnPersonalize()
    answer.SetInputData(read(heart))
    answer.AddContextArray("AT_00")
    answer.AddContextArray("AT_01")
    answer.SetQueryArray("AT_02")
    answer.EikonalOn()
    answer.UncertaintyOn()
    answer.SetNumberOfThreads(1)
    question = vtkMetapinnWhatIf()
    question.SetInputConnection(answer.GetOutputPort())
    question.SetOrigin(*ORIGIN)
    question.AddRegion(*REGION)
    question.Update()
    same(answer.GetOutput(), read(twin),
         ("AT", "CV", "PDEResidual", "Support", "ATEikonal", "ATStd", "CVStd", "CV_input"),
         ("metapinn_weights_sha256", "metapinn_preset", "metapinn_query", "metapinn_origin_mm",
          "metapinn_origin_misfit_ms", "metapinn_consistency_ms", "metapinn_uncertainty", "metapinn_stranger"))
    same(question.GetOutput(), read(other), ("AT_whatif", "CV_whatif"),
         ("metapinn_what_if_origin", "metapinn_what_if_regions", "metapinn_what_if_cv"))
    assert text(answer.GetOutput(), "metapinn_preset") == "any-heart"


if __name__ == "__main__":
    main(*sys.argv[1:])
