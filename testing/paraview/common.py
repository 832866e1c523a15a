"""What the tests in ParaView share: options, the plugin, checks."""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plugin", "scripts"))

from paraview import servermanager, simple
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

MAPS = [f"AT_{i:02d}" for i in range(6)]


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--weights", default="")
    parser.add_argument("--any-heart", default="")
    parser.add_argument("--folder", default=".")
    parser.add_argument("--baseline", default="")
    parser.add_argument("--url", default="")
    return parser.parse_args()


def start(chosen):
    """Connects where a server is named, and loads the plugin there and here."""
    if chosen.url:
        host, port = chosen.url.split(":")
        simple.Connect(host, int(port))
        simple.LoadPlugin(chosen.plugin, remote=True, ns=vars(simple))
    simple.LoadPlugin(chosen.plugin, remote=False, ns=vars(simple))


def phantom(**properties):
    return simple.PhantomHeart(**{"NumberOfNodes": 1700, "Refinements": 0, **properties})


def personalize(heart, weights):
    return simple.MetaPINNPersonalize(Input=heart, Weights=weights, ContextArrays=MAPS[:5], QueryArray=MAPS[5])


def ranges(proxy):
    """{name: (low, high)} of the point arrays."""
    proxy.UpdatePipeline()
    data = proxy.PointData
    return {name: data[name].GetRange(0) for name in data.keys()}


def information(proxy, name):
    """An information-only property, which is no attribute in Python."""
    proxy.SMProxy.UpdatePropertyInformation()
    return proxy.GetPropertyValue(name)


class Heard:
    """with Heard() as heard: ... heard.text has what VTK said meanwhile."""

    def __enter__(self):
        self.window, self.before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
        vtkOutputWindow.SetInstance(self.window)
        self.text = ""
        return self

    def __exit__(self, *_):
        self.text = self.window.GetOutput()
        vtkOutputWindow.SetInstance(self.before)


def field_texts(proxy):
    data = servermanager.Fetch(proxy).GetFieldData()
    arrays = [data.GetAbstractArray(i) for i in range(data.GetNumberOfArrays())]
    return {a.GetName(): a.GetValue(0) for a in arrays if a.IsA("vtkStringArray")}
