"""Personalizes a heart in ParaView, draws it and prints how near it is to the truth.

pvpython demo.py --program metapinn --plugin Metapinn.so --python FOLDER --out FOLDER [--heart FILE]

writes demo.png, demo.pvsm (a state that ParaView opens) and, where the heart had none, its simulated maps."""
import argparse
import os
import sys

import numpy
from paraview import servermanager, simple
from vtkmodules.numpy_interface import dataset_adapter
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

import demo_figure
import demo_heart
import heart_files

SEED = 1


def array(data, name):
    """A point array as float64 with NaN for what is not known, or None."""
    if name not in data.PointData.keys():
        return None
    values = numpy.array(data.PointData[name], dtype=float)
    values[values <= -9999] = numpy.nan
    return values


def compare(predicted, truth):
    """SCC, relative RMSE and mean absolute error where both are known; None where nothing is."""
    if truth is None:
        return None
    known = numpy.isfinite(predicted) & numpy.isfinite(truth)
    p, t = predicted[known], truth[known]
    if len(t) < 2:
        return None
    scc = numpy.corrcoef(p, t)[0, 1] if p.std() > 0 and t.std() > 0 else numpy.nan
    return scc, numpy.linalg.norm(p - t) / numpy.linalg.norm(t), numpy.abs(p - t).mean()


def texts(data):
    """The strings of the field data."""
    field = data.VTKObject.GetFieldData()
    arrays = [field.GetAbstractArray(i) for i in range(field.GetNumberOfArrays())]
    return {a.GetName(): a.GetValue(0) for a in arrays if a.IsA("vtkStringArray") and a.GetNumberOfValues()}


def personalize(reader, maps):
    """The filter and its seconds from VTK input to attached arrays: of its first run, and the median of the later."""
    twin = simple.MetaPINNPersonalize(registrationName="Personalized", Input=reader)
    twin.ContextArrays = maps[:-1] if len(maps) > 1 else maps
    twin.QueryArray = maps[-1]
    seconds = []
    for threads in 3 * (os.cpu_count() or 1, 0):  # one number said in two ways: it runs again
        twin.NumberOfThreads = threads
        twin.UpdatePipeline()
        twin.SMProxy.UpdatePropertyInformation()
        seconds.append(twin.GetPropertyValue("TotalSeconds"))
    return twin, (seconds[0], float(numpy.median(seconds[1:])))


def frame(strings, points):
    """Centre and axes of the heart, as the weights' frame has them."""
    centre = numpy.array(strings["metapinn_frame_centre_mm"].replace(",", " ").split(), dtype=float)
    axes = numpy.array(strings["metapinn_frame_rotation"].replace(",", " ").split(), dtype=float)
    axes = axes.reshape(3, 3)
    # The frame's origin is the middle of the base: the cut goes through the middle of the wall in y.
    middle = (points - centre) @ axes[1]
    return centre + axes[1] * (middle.min() + middle.max()) / 2, axes


def draw(twin, data, strings, maps, truth_cv, source, out):
    """The picture and the state. source: "true" where the maps are simulated, else "given"."""
    query = maps[-1]
    points = numpy.asarray(data.Points, dtype=float)
    highest = numpy.nanmax(numpy.concatenate([array(data, query), array(data, "AT")]))
    step = demo_figure.nice_step(highest, 14)
    high = float(step * numpy.ceil(highest / step))
    centre, axes = frame(strings, points)
    scar = points[array(data, truth_cv) < demo_figure.SCAR_BELOW] if truth_cv else points[:0]
    if len(scar) and ((scar - centre) @ axes[1]).mean() < 0:
        # Looked at from the other side, so that the half with the scar stays.
        axes = numpy.array([-axes[0], -axes[1], axes[2]])
    figure = demo_figure.Figure(twin, (centre, axes), True)
    figure.activation(0, f"Activation, {source}", query, high, step)
    figure.activation(1, "Activation, predicted", "AT", high, step)
    figure.velocity(2, "Velocity; true scar outlined" if len(scar) else "Velocity, predicted", "CV",
                    truth_cv if len(scar) else None)
    figure.residual(3, "Residual of the prediction")
    figure.aim(points)
    if "Notice" in strings:
        figure.notice("A heart unlike the training's:\nno accuracy is claimed")
    figure.save(os.path.join(out, "demo.png"), os.path.join(out, "demo.pvsm"))


def line(name, unit, result):
    if result is None:
        return f"  {name:<24} {'–':>7} {'–':>14}   no truth to compare with"
    scc, rmse, error = result
    return f"  {name:<24} {scc:>7.3f} {rmse:>14.3f} {error:>14.3g} {unit}"


def report(heart, data, strings, maps, truth_cv, twin, seconds):
    context = maps[:-1] if len(maps) > 1 else maps
    print(f"\n  heart                    {heart or 'a phantom'}, {data.VTKObject.GetNumberOfPoints()} nodes")
    measured = twin.GetPropertyValue("NumberOfMeasuredNodes")
    print(f"  context maps             {', '.join(context)}, at {measured} nodes")
    print(f"  predicted map            {maps[-1]}, from the earliest 20 % of its measured nodes")
    if len(maps) == 1:
        print("                           the heart's only map is context and query: how near AT is to it is no test")
    print(f"\n  {'':<24} {'SCC':>7} {'relative RMSE':>14} {'mean abs. error':>15}")
    print(line("activation time (AT)", "ms", compare(array(data, "AT"), array(data, maps[-1]))))
    velocity = compare(array(data, "CV"), array(data, truth_cv) if truth_cv else None)
    print(line("conduction velocity (CV)", "m/s", velocity))
    print(f"  {'PDE residual':<24} {twin.GetPropertyValue('ResidualMeanSquare'):>7.3f} mean square")
    first, later = 1e3 * seconds[0], 1e3 * seconds[1]
    print(f"  {'time to personalize':<24} {later:>7.1f} ms ({first:.1f} ms the first time, with reading the weights)")
    if "Notice" in strings:
        print(f"\n  {strings['Notice']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--heart")
    options = parser.parse_args()
    sys.path.insert(0, options.python)
    simple.LoadPlugin(options.plugin, remote=False, ns=vars(simple))
    from metapinn_vtk.MetapinnFilters import vtkMetaPinnPersonalize

    is_map = vtkMetaPinnPersonalize.IsActivationMap
    path, maps = demo_heart.prepare(options.heart, options.program, options.out, is_map, SEED)
    reader, _ = heart_files.read(path)
    simple.RenameSource("Heart", reader)
    # What VTK has to say is collected and said once, in words of ours: the filter runs several times.
    window, before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    twin, seconds = personalize(reader, maps)
    vtkOutputWindow.SetInstance(before)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_WARNING)
    data = dataset_adapter.WrapDataObject(servermanager.Fetch(twin))
    if array(data, "AT") is None:
        said = window.GetOutput().strip().splitlines() or ["there is no result"]
        raise heart_files.UserError(f"{path} cannot be personalized: {said[-1].split('): ', 1)[-1]}")
    strings = texts(data)
    truth_cv = "CV_input" if "CV_input" in data.PointData.keys() else None
    draw(twin, data, strings, maps, truth_cv, "given" if path == options.heart else "true", options.out)
    report(options.heart, data, strings, maps, truth_cv, twin, seconds)
    print(f"\n  picture                  {os.path.join(options.out, 'demo.png')}")
    print("  the same in ParaView     ./run gui")


if __name__ == "__main__":
    try:
        main()
    except heart_files.UserError as error:
        sys.exit(f"demo: {error}")
