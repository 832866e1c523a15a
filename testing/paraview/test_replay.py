"""A trace and a state file give the same session again."""
import os

import common
from paraview import simple, smtrace

chosen = common.options()
common.start(chosen)

# A trace, as Tools > Start Trace makes it.
smtrace.start_trace()
heart = simple.PhantomHeart(registrationName="heart", NumberOfNodes=1700, Refinements=0)
heart.UpdatePipeline()
twin = common.personalize(heart, chosen.weights)
twin.UpdatePipeline()
what = simple.WhatIf(Input=twin, Origin=[0, 20, -30], FurtherSites=[0, -20, -30, 4], UseRegion=1, RegionRadius=25,
                     FurtherRegions=[0, 0, 0, 30, 0.3])
what.UpdatePipeline()
script = smtrace.stop_trace()
expected, expected_what = common.ranges(twin), common.ranges(what)

state = os.path.join(chosen.folder, "replay.pvsm")
simple.SaveState(state)
simple.ResetSession()


def only(kind):
    """The one proxy of a kind in this session."""
    found = [source for source in simple.GetSources().values() if source.GetXMLName() == kind]
    assert len(found) == 1, script
    return found[0]


simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))
exec(compile(script, "trace", "exec"), dict(vars(simple)))
assert common.ranges(only("MetaPinnPersonalize")) == expected, "the trace gives other values"
assert list(only("MetaPinnPersonalize").ContextArrays) == common.MAPS[:5]
assert common.ranges(only("WhatIf")) == expected_what, "the trace gives other values"

simple.ResetSession()
simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))
simple.LoadState(state)
assert common.ranges(only("MetaPinnPersonalize")) == expected, "the state gives other values"
assert common.ranges(only("WhatIf")) == expected_what, "the state gives other values"
assert list(only("WhatIf").FurtherSites) == [0, -20, -30, 4]
print("all is well")
