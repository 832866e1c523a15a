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
script = smtrace.stop_trace()
expected = common.ranges(twin)

state = os.path.join(chosen.folder, "replay.pvsm")
simple.SaveState(state)
simple.ResetSession()

simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))
exec(compile(script, "trace", "exec"), dict(vars(simple)))
found = [source for (name, _), source in simple.GetSources().items() if source.GetXMLName() == "MetaPinnPersonalize"]
assert len(found) == 1, script
assert common.ranges(found[0]) == expected, "the trace gives other values"
assert list(found[0].ContextArrays) == common.MAPS[:5]

simple.ResetSession()
simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))
simple.LoadState(state)
found = [source for source in simple.GetSources().values() if source.GetXMLName() == "MetaPinnPersonalize"]
assert len(found) == 1
assert common.ranges(found[0]) == expected, "the state gives other values"
print("all is well")
