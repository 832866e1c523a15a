"""The filters in Python, without ParaView: import, properties, and a phantom heart's activation by the eikonal equation."""
from metapinn_vtk.MetapinnFilters import (
    vtkCompareMethods,
    vtkEikonalActivation,
    vtkMetaPinnPersonalize,
    vtkMetapinnWhatIf,
    vtkPhantomHeartSource,
)

source = vtkPhantomHeartSource()
source.SetNumberOfNodes(400)
source.SetNumberOfMaps(1)
source.SetRefinements(0)

solver = vtkEikonalActivation()
solver.SetInputConnection(source.GetOutputPort())
solver.AddSite(0, 0, 0, 10)
solver.Update()
low, high = solver.GetOutput().GetPointData().GetArray("AT").GetRange()
assert low >= 10 and high > low, (low, high)

what = vtkMetapinnWhatIf()
what.SetInputConnection(source.GetOutputPort())
what.AddSite(0, 0, -50)
what.Update()
low, high = what.GetOutput().GetPointData().GetArray("AT_whatif").GetRange()
assert low >= 0 and high == what.GetLastActivation(), (low, high)

twin = vtkMetaPinnPersonalize()
twin.SetNumberOfThreads(-3)
assert twin.GetNumberOfThreads() == 0
modified = twin.GetMTime()
twin.AddContextArray("AT_00")
assert twin.GetMTime() > modified and twin.GetContextArrays().GetNumberOfArraysEnabled() == 1
assert vtkMetaPinnPersonalize.IsActivationMap("LAT_system") and not vtkMetaPinnPersonalize.IsActivationMap("CV")

compare = vtkCompareMethods()
compare.SetInputConnection(source.GetOutputPort())
compare.AddContextArray("AT_00")
modified = compare.GetMTime()
compare.GetMethods().EnableArray("multi-PINN")
assert compare.GetMTime() > modified and compare.GetFittedTo() == vtkCompareMethods.FITTED_TO_EARLY
