"""The demo's figure of a phantom heart, against a picture that somebody has looked at."""
import os

import common
import demo_figure
import numpy
from paraview import servermanager, simple
from vtkmodules.vtkIOImage import vtkPNGReader
from vtkmodules.vtkImagingCore import vtkImageDifference
from vtkmodules.util.numpy_support import vtk_to_numpy

chosen = common.options()
common.start(chosen)

twin = common.personalize(common.phantom(), chosen.weights)
twin.UpdatePipeline()
points = vtk_to_numpy(servermanager.Fetch(twin).GetPoints().GetData())
demo_figure.SCALE = 1
figure = demo_figure.Figure(twin, (numpy.zeros(3), numpy.diag([-1.0, -1.0, 1.0])), True)
figure.activation(0, "Activation, true", "AT_05", 200, 20)
figure.activation(1, "Activation, predicted", "AT", 200, 20)
figure.velocity(2, "Velocity; true scar outlined", "CV", "CV_input")
figure.residual(3, "Residual of the prediction")
figure.aim(points)
figure.notice("A heart unlike the training's:\nno accuracy is claimed")
png = os.path.join(chosen.folder, "picture.png")
figure.save(png, os.path.join(chosen.folder, "picture.pvsm"))

readers = []
for path in (png, chosen.baseline):
    reader = vtkPNGReader()
    reader.SetFileName(path)
    reader.Update()
    readers.append(reader)
difference = vtkImageDifference()
difference.SetInputConnection(readers[0].GetOutputPort())
difference.SetImageConnection(readers[1].GetOutputPort())
difference.Update()
error = difference.GetThresholdedError()
print("difference", error)
assert error < 400, f"{png} is unlike {chosen.baseline}"
