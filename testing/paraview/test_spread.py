"""Under mpiexec: a heart in parts is refused in one sentence, and one that lies on one rank is not."""
import common
from paraview import simple
from vtkmodules.vtkParallelCore import vtkMultiProcessController

chosen = common.options()
common.start(chosen)
controller = vtkMultiProcessController.GetGlobalController()
assert controller.GetNumberOfProcesses() == 2

heart = common.phantom()
whole = common.personalize(heart, chosen.weights)
assert "AT" in common.ranges(whole)

parts = simple.D3(Input=heart)
parts.UpdatePipeline()
refused = common.personalize(parts, chosen.weights)
with common.Heard() as heard:
    refused.UpdatePipeline()
assert "spread over several ranks" in heard.text and heard.text.count("ERROR") == 1, heard.text
assert refused.GetDataInformation().GetNumberOfPoints() == 0
if controller.GetLocalProcessId() == 0:
    print("all is well")
