"""Real hearts, at every density, go through the filters: simulated maps, personalization, the label of a stranger.

test_real_hearts.py FOLDER; exits with 77, which CTest counts as skipped, where the folder is absent."""
import os
import sys

from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

from metapinn_vtk.MetapinnFilters import vtkEikonalActivation, vtkMetaPinnPersonalize

HEARTS = ("human_atlas_cobiveco_geo1/volume_2k.vtu", "human_atlas_cobiveco_geo1/volume_mid.vtu",
          "human_crtdemo/volume_2k.vtu", "human_crtdemo/volume.vtu",
          "human_kcl_healthy/volume_2k.vtu", "human_kcl_healthy/volume_mid.vtu")
MAPS = 3


def with_maps(heart):
    """The heart with activation maps from three of its nodes."""
    for i in range(MAPS):
        solver = vtkEikonalActivation()
        solver.SetInputData(heart)
        solver.AddSite(*heart.GetPoint(i * heart.GetNumberOfPoints() // MAPS), 0)
        solver.SetOutputArrayName(f"AT_{i:02}")
        solver.Update()
        heart = solver.GetOutput()
        times = vtk_to_numpy(heart.GetPointData().GetArray(f"AT_{i:02}"))
        # 0.6 m/s, and no wall is longer around than this.
        assert times.min() >= 0 and 80 < times.max() < 1000, (times.min(), times.max())
    return heart


def check(path):
    reader = vtkXMLUnstructuredGridReader()
    reader.SetFileName(path)
    reader.Update()
    twin = vtkMetaPinnPersonalize()
    twin.SetInputData(with_maps(reader.GetOutput()))
    for i in range(MAPS - 1):
        twin.AddContextArray(f"AT_{i:02}")
    twin.SetQueryArray(f"AT_{MAPS - 1:02}")
    twin.Update()
    data = twin.GetOutput().GetPointData()
    for name in ("AT", "CV", "PDEResidual", "Support"):
        values = vtk_to_numpy(data.GetArray(name))
        assert len(values) == reader.GetOutput().GetNumberOfPoints() and (abs(values) < 1e6).all(), name
    print(f"{path}: {len(values)} nodes, {1e3 * twin.GetTotalSeconds():.0f} ms, shape distance {twin.GetShapeDistance():.2f}")


def main(folder):
    if not os.path.isdir(folder or ""):
        print("skipped: the folder of real hearts is absent")
        return 77
    for heart in HEARTS:
        check(os.path.join(folder, heart))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
