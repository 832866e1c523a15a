"""What more there is to ask, as ParaView's proxies: physics, uncertainty, refinement, what if, phantoms of one ventricle."""
import common
from paraview import simple

chosen = common.options()
common.start(chosen)

heart = common.phantom(NumberOfNodes=600, NumberOfMaps=3)
heart.UpdatePipeline()
twin = simple.MetaPINNPersonalize(Input=heart, Weights=chosen.any_heart, ContextArrays=common.MAPS[:2], NumberOfThreads=1)
assert not (twin.Eikonal or twin.Uncertainty or twin.Refine) and twin.RefineSeconds == 2.0
more = {"ATEikonal", "ATStd", "CVStd"}
assert not more & set(common.ranges(twin))
assert common.information(twin, "Consistency") == 0
twin.Eikonal = twin.Uncertainty = 1
arrays = common.ranges(twin)
assert more <= set(arrays), sorted(arrays)
assert arrays["ATStd"][0] > 0 and arrays["CVStd"][0] > 0, arrays
texts = common.field_texts(twin)
consistency = common.information(twin, "Consistency")
assert consistency > 0 and abs(float(texts["metapinn_consistency_ms"]) - consistency) < 1e-9
assert len(texts["metapinn_origin_mm"].split()) == 3 and float(texts["metapinn_origin_misfit_ms"]) >= 0
assert "standard deviation" in texts["metapinn_uncertainty"]
assert texts["metapinn_preset"] == "any-heart" and "Notice" not in texts

twin.Eikonal = twin.Uncertainty = 0
twin.Refine, twin.RefineSeconds = 1, 0.05
assert "steps of the velocity" in common.field_texts(twin)["metapinn_refine"]
for weights, seconds, words in ((chosen.any_heart, 0.0, "Refine Seconds is 0"), (chosen.weights, 1.0, "cannot be refined")):
    twin.Weights, twin.RefineSeconds = weights, seconds
    with common.Heard() as heard:
        twin.UpdatePipeline()
    assert words in heard.text and heard.text.count("ERROR") <= 1 and "returned failure" not in heard.text, heard.text
twin.Refine = 0
twin.Weights = chosen.any_heart

# A site in the middle of the box, and then in the wall; then with a slow region behind it.
twin.UpdatePipeline()
what = simple.WhatIf(Input=twin)
bounds = twin.GetDataInformation().GetBounds()
assert all(abs(what.Origin[i] - (bounds[2 * i] + bounds[2 * i + 1]) / 2) < 1e-6 for i in range(3)), list(what.Origin)
assert what.VelocityArray == "CV" and what.UseRegion == 0
what.Origin = [0.0, 0.0, -200.0]
arrays = common.ranges(what)
assert arrays["CV_whatif"] == arrays["CV"] and arrays["AT_whatif"][0] >= 0
assert "outside the heart" in common.information(what, "Notes")
assert "outside the heart" in common.field_texts(what)["Notice_whatif"]
last = common.information(what, "LastActivation")
assert abs(last - arrays["AT_whatif"][1]) < 1e-3
what.UseRegion = 1
what.RegionCenter, what.RegionRadius, what.RegionVelocity = [0.0, 0.0, 0.0], 60.0, 0.05
assert common.ranges(what)["AT_whatif"][1] > 2 * last
assert common.ranges(what)["CV_whatif"][0] < 0.0501
assert common.field_texts(what)["metapinn_what_if_regions"] == "0 0 0 60 0.05"
what.UseRegion = 0
what.FurtherSites = [0.0, 30.0, -10.0, 0.0, 0.0, -30.0, -10.0, 0.0]
assert common.information(what, "LastActivation") is not None and common.ranges(what)["AT_whatif"][1] < last
assert common.field_texts(what)["metapinn_what_if_origin"].count(";") == 2
what.FurtherRegions = [0.0, 0.0, 900.0, 5.0, 0.1]
with common.Heard() as heard:
    what.UpdatePipeline()
assert "none of the heart" in heard.text and heard.text.count("ERROR") <= 1, heard.text
assert "AT_whatif" not in what.PointData.keys()

# Phantoms.
assert (heart.Ventricles, heart.Size, heart.Variation) == ("Both", 1.0, 1.0)
length = heart.GetDataInformation().GetBounds()[5] - heart.GetDataInformation().GetBounds()[4]
small = common.phantom(NumberOfNodes=400, NumberOfMaps=0, Ventricles="Left (LV)", Size=0.15)
assert common.ranges(small)["surface_class"] == (0, 3)
bounds = small.GetDataInformation().GetBounds()
assert bounds[5] - bounds[4] < 0.3 * length
small.Ventricles = "Right (RV)"
small.Variation = 2.0
assert common.ranges(small)["surface_class"] == (0, 4)
print("all is well")
