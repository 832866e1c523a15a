"""Several methods on one map, as ParaView's proxies: their choice, arrays, table and errors, and a state file."""
import math
import os

import common
from paraview import servermanager, simple

chosen = common.options()
common.start(chosen)

ALL = ["meta-PINN", "meta-PINN, eikonal", "other weights", "physics-based (paper)", "physics-based (aha17+rv)",
       "physics-based (released)", "multi-PINN", "healthy"]


def table(proxy):
    """The scores as {column: [values]}."""
    data = servermanager.Fetch(proxy, idx=1)
    columns = [data.GetColumn(i) for i in range(data.GetNumberOfColumns())]
    return {column.GetName(): [column.GetValue(row) for row in range(data.GetNumberOfRows())] for column in columns}


heart = common.phantom(NumberOfNodes=600, NumberOfMaps=3)
heart.UpdatePipeline()
compare = simple.CompareMethods(Input=heart, ContextArrays=common.MAPS[:2], QueryArray=common.MAPS[2], NumberOfThreads=1)
assert list(compare.Methods) == [name for name in ALL if name != "multi-PINN"], list(compare.Methods)
assert list(compare.GetProperty("Methods").Available) == ALL, list(compare.GetProperty("Methods").Available)
assert (compare.MaximumEvaluations, compare.MultiPINNSteps, compare.UseGivenOrigins) == (500, 5000, 0)
assert compare.FittedTo == "Context maps and 20 % of the query" and compare.TruthATArray == "None"
compare.Weights, compare.OtherWeights = chosen.any_heart, chosen.weights
compare.Methods = ["meta-PINN", "other weights", "physics-based (released)", "multi-PINN", "healthy"]
compare.MaximumEvaluations, compare.MultiPINNSteps = 6, 3
compare.TruthATArray, compare.TruthCVArray = common.MAPS[2], "CV"
arrays = common.ranges(compare)
for suffix in ("metaPINN", "other", "released", "multiPINN", "healthy"):
    for field in ("AT_", "CV_", "PDEResidual_"):
        assert all(math.isfinite(value) for value in arrays[field + suffix]), (field + suffix, arrays)
assert "AT_eikonal" not in arrays and "AT_segments5" not in arrays
assert abs(arrays["CV_healthy"][0] - 0.6) < 1e-6
scores = table(compare)
assert scores["Method"] == ["meta-PINN", "other weights", "physics-based (released)", "multi-PINN", "healthy"], scores
assert list(scores) == ["Method", "Seconds", "Eikonal solves", "Optimizer steps", "AT SCC", "AT relative RMSE", "AT MAE (ms)",
                        "CV SCC", "CV relative RMSE", "CV MAE (m/s)", "Scar Dice", "Residual mean square"], list(scores)
assert scores["Optimizer steps"][3] == 3 and scores["Eikonal solves"][2] > 6 and min(scores["Seconds"]) > 0, scores
assert scores["AT SCC"][2] > 0.8 and math.isnan(scores["CV SCC"][4]), scores
assert common.field_texts(compare)["metapinn_compare_query"] == common.MAPS[2]
assert common.information(compare, "Seconds") > 0

compare.Methods = ["physics-based (paper)", "healthy"]
compare.FittedTo, compare.UseGivenOrigins = "Whole query map", 1
arrays = common.ranges(compare)
assert "AT_segments5" in arrays and "AT_metaPINN" not in arrays
texts = common.field_texts(compare)
assert "whole" in texts["metapinn_compare_fitted_to"] and texts["metapinn_compare_origins"] == "given", texts

# The measured surface of the phantom's second output.
separate = simple.CompareMethods(Input=heart, Measured=simple.OutputPort(heart, 1), NumberOfThreads=1)
separate.Methods = ["healthy"]
separate.MeasuredContextArrays, separate.MeasuredQueryArray = common.MAPS[:1], common.MAPS[1]
assert "AT_healthy" in common.ranges(separate)
assert common.field_texts(separate)["metapinn_compare_query"] == common.MAPS[1]
simple.Delete(separate)

# Errors are one sentence; where a method is left that does not fail, they are a warning.
compare.UseGivenOrigins = 0
with common.Heard() as heard:
    compare.Weights, compare.Methods = "/nowhere/w.safetensors", ["meta-PINN", "healthy"]
    compare.UpdatePipeline()
assert "/nowhere/w.safetensors" in heard.text and "ERROR" not in heard.text, heard.text
assert "AT_healthy" in common.ranges(compare)
with common.Heard() as heard:
    compare.Methods = ["meta-PINN"]
    compare.UpdatePipeline()
assert "/nowhere/w.safetensors" in heard.text and "returned failure" not in heard.text, heard.text
assert "AT_healthy" not in compare.PointData.keys() and table(compare) == {}
with common.Heard() as heard:
    compare.Methods, compare.QueryArray = ["healthy"], "None"
    compare.UpdatePipeline()
assert "No query map is chosen" in heard.text and heard.text.count("ERROR") <= 1, heard.text

compare.QueryArray = common.MAPS[2]
expected = common.ranges(compare)
state = os.path.join(chosen.folder, "compare.pvsm")
simple.SaveState(state)
simple.ResetSession()
simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))
simple.LoadState(state)
again = [source for source in simple.GetSources().values() if source.GetXMLName() == "CompareMethods"]
assert len(again) == 1 and common.ranges(again[0]) == expected, "the state gives other values"
assert list(again[0].Methods) == ["healthy"], list(again[0].Methods)
print("all is well")
