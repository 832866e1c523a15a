"""Files for test_program.sh into FOLDER: the same block of tetrahedra in every mode that VTK writes, and broken ones."""
import os
import sys

from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkTriangleFilter
from vtkmodules.vtkFiltersGeneral import vtkDataSetTriangleFilter
from vtkmodules.vtkFiltersSources import vtkPlaneSource, vtkSphereSource
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter

folder = sys.argv[1]


def write(writer, data, name, mode, encode=True):
    getattr(writer, f"SetDataModeTo{mode}")()
    if not encode:
        writer.EncodeAppendedDataOff()
    writer.SetFileName(os.path.join(folder, name))
    writer.SetInputData(data)
    assert writer.Write()


image = vtkImageData()
image.SetDimensions(15, 15, 15)
image.SetSpacing(5, 5, 5)
cut = vtkDataSetTriangleFilter()
cut.SetInputData(image)
cut.Update()
block = cut.GetOutput()
for name, mode, encode in (("appended", "Appended", True), ("raw", "Appended", False), ("binary", "Binary", True),
                           ("ascii", "Ascii", True)):
    write(vtkXMLUnstructuredGridWriter(), block, name + ".vtu", mode, encode)

sphere = vtkSphereSource()
sphere.SetRadius(30)
sphere.SetThetaResolution(40)
sphere.SetPhiResolution(40)
triangles = vtkTriangleFilter()
triangles.SetInputConnection(sphere.GetOutputPort())
triangles.Update()
write(vtkXMLPolyDataWriter(), triangles.GetOutput(), "appended.vtp", "Appended")
plane = vtkPlaneSource()
plane.SetResolution(5, 5)
plane.Update()
write(vtkXMLPolyDataWriter(), plane.GetOutput(), "quads.vtp", "Binary")
