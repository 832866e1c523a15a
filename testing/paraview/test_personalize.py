"""The filters as ParaView's proxies, in this process or (--url) on a server: values, provenance, information."""
import math

import common
from paraview import simple

chosen = common.options()
common.start(chosen)

heart = common.phantom()
heart.UpdatePipeline()
arrays = common.ranges(heart)
assert set(common.MAPS) <= set(arrays), arrays.keys()
assert abs(arrays["CV"][0] - 0.1) < 1e-6 and abs(arrays["CV"][1] - 0.6) < 1e-6, arrays["CV"]

twin = common.personalize(heart, chosen.weights)
assert twin.GetProperty("ContextArrays").SMProperty.IsA("vtkSMStringVectorProperty")
arrays = common.ranges(twin)
for name in ("AT", "CV", "PDEResidual", "Support", "CV_input", "AT_05"):
    assert name in arrays, f"{name} is not among {sorted(arrays)}"
    assert all(math.isfinite(value) for value in arrays[name]), (name, arrays[name])
assert 0.1 <= arrays["CV"][0] <= arrays["CV"][1] <= 0.6, arrays["CV"]
assert arrays["PDEResidual"][0] >= -1 and arrays["Support"][0] == 0
assert common.information(twin, "NumberOfMeasuredNodes") == 300
assert common.information(twin, "TotalSeconds") > 0
assert "300 measured nodes" in common.information(twin, "Summary")
assert common.information(twin, "Stranger") == 1  # untrained weights know no heart
texts = common.field_texts(twin)
assert len(texts["metapinn_weights_sha256"]) == 64 and "AT_03" in texts["metapinn_context"], texts
assert "no accuracy" in texts["Notice"]

# The measured surface of the phantom's second output.
separate = simple.MetaPINNPersonalize(Input=heart, Measured=simple.OutputPort(heart, 1))
separate.Weights = chosen.weights
separate.MeasuredContextArrays = common.MAPS[:5]
separate.UseOrigin = 1
separate.Origin = [0.0, 0.0, -20.0]
assert "AT" in common.ranges(separate)
assert "origin" in common.field_texts(separate)["metapinn_query"]

solver = simple.EikonalActivation(Input=heart)
solver.Sites = [0, 0, -20, 5, 10, 0, -20, 7]
solver.VelocityMode = "Array"
solver.VelocityArray = ["POINTS", "CV"]
solver.OutputArrayName = "forward"
low, high = common.ranges(solver)["forward"]
assert 5 <= low < 25 < high < 2000, (low, high)
solver.VelocityMode = "Uniform"
assert common.ranges(solver)["forward"][1] < high  # without the scar

# Errors are one sentence, and the next run is unharmed.
if not chosen.url:
    with common.Heard() as heard:
        twin.ContextArrays = []
        twin.UpdatePipeline()
    assert "No context map is chosen" in heard.text and heard.text.count("ERROR") <= 1, heard.text
    with common.Heard() as heard:
        twin.ContextArrays = common.MAPS[:5]
        twin.Weights = "/nowhere/weights.safetensors"
        twin.UpdatePipeline()
    assert "/nowhere/weights.safetensors" in heard.text and "returned failure" not in heard.text, heard.text
    assert "AT" not in twin.PointData.keys()
    twin.Weights = chosen.weights
    assert "AT" in common.ranges(twin)
print("all is well")
