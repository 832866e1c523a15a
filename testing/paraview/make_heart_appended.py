"""A phantom heart without maps in appended mode, as ParaView's own File > Save Data writes it: make_heart_appended.py FILE."""
import sys

from metapinn_vtk.MetapinnFilters import vtkPhantomHeartSource
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

source = vtkPhantomHeartSource()
source.SetNumberOfNodes(1700)
source.SetNumberOfMaps(0)
source.Update()
heart = source.GetOutput()
for name in ("CV", "measured", "segment"):
    heart.GetPointData().RemoveArray(name)
heart.GetCellData().Initialize()
heart.GetFieldData().Initialize()
writer = vtkXMLUnstructuredGridWriter()
writer.SetDataModeToAppended()
writer.SetFileName(sys.argv[1])
writer.SetInputData(heart)
assert writer.Write()
