"""Epicardial sock maps: predictions at electrodes that are left out, what they are scored by, and their figure."""
import json
import os

import numpy
from paraview import simple
from vtkmodules.numpy_interface import dataset_adapter
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

from demo_figure import INK, AT_MAP, colour, lines, nice_step, text, white_view
from heart_files import read

WIDTH_OF_A_PANEL, HEIGHT, SCALE = 340, 420, 2  # pixels


def point_array(mesh, name):
    return numpy.array(dataset_adapter.WrapDataObject(mesh).PointData[name], dtype=float)


def read_arrays(path, *names):
    reader, mesh = read(path)
    simple.Delete(reader)
    return [point_array(mesh, name) for name in names]


def laplacian(points, triangles):
    """The surface Laplacian with cotangent weights, dense; its rows sum to 0."""
    matrix = numpy.zeros((len(points), len(points)))
    for corner in range(3):
        a, b, c = (triangles[:, (corner + k) % 3] for k in range(3))
        u, v = points[a] - points[c], points[b] - points[c]
        area = numpy.linalg.norm(numpy.cross(u, v), axis=1)
        weight = 0.5 * (u * v).sum(axis=1) / numpy.maximum(area, 1e-9)
        for i, j, sign in ((a, b, -1), (b, a, -1), (a, a, 1), (b, b, 1)):
            numpy.add.at(matrix, (i, j), sign * weight)
    return matrix


def interpolate(matrix, values, known):
    """Linear interpolation over the surface: the Laplacian of the values is as small as it can be, in the mean
    square, where they are not known (Oostendorp, van Oosterom, Huiskamp, J. Comput. Phys. 80, 1989)."""
    squared = matrix @ matrix
    left = ~known
    right = squared[numpy.ix_(left, known)] @ values[known]
    filled = values.copy()
    filled[left] = -numpy.linalg.lstsq(squared[numpy.ix_(left, left)], right, rcond=None)[0]
    return filled


def triangles_of(mesh):
    return vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)


def scores(predicted, truth):
    """SCC, relative RMSE and mean absolute error; SCC is None where a field does not vary."""
    varies = predicted.std() > 0 and truth.std() > 0
    return {
        "at_scc": float(numpy.corrcoef(predicted, truth)[0, 1]) if varies else None,
        "at_rrmse": float(numpy.linalg.norm(predicted - truth) / numpy.linalg.norm(truth)),
        "at_mae": float(numpy.abs(predicted - truth).mean()),
    }


def rows_of(results, **labels):
    """Rows {method, metric, mean, sd, n, …} of results[method], a list of dictionaries of scores."""
    rows = []
    for method, found in results.items():
        for metric in found[0]:
            values = [one[metric] for one in found if one[metric] is not None]
            if values:
                sd = float(numpy.std(values, ddof=1)) if len(values) > 1 else None
                rows.append({"method": method, "metric": metric, "region": "all", "mean": float(numpy.mean(values)),
                             "sd": sd, "n": len(values), **labels})
    return rows


def write_json(path, protocol, rows):
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({"protocol": protocol, "rows": rows}, file, indent=1)
    os.replace(temporary, path)


def print_rows(rows):
    for row in rows:
        label = ", ".join(str(row[key]) for key in row if key not in ("metric", "region", "mean", "sd", "n"))
        print(f"  {label:60} {row['metric']:10} {row['mean']:8.3f} ± {row['sd'] or 0:.3f}  n = {row['n']}")


def dots_at(points):
    """A source of points alone."""
    data = vtkPolyData()
    vertices, places = vtkCellArray(), vtkPoints()
    for point in points:
        vertices.InsertNextCell(1)
        vertices.InsertCellPoint(places.InsertNextPoint(point))
    data.SetPoints(places)
    data.SetVerts(vertices)
    source = simple.TrivialProducer()
    source.GetClientSideObject().SetOutput(data)
    return source


def draw(path, sock, panels, measured, png):
    """One view a panel: panels is a list of (title, array of the file). Dots are at the electrodes measured, [nodes];
    ranges and isochrones are those of the first panel, in ms."""
    simple._DisableFirstRenderCameraReset()
    reader, _ = read(path)
    points = numpy.asarray(dataset_adapter.WrapDataObject(sock).Points, dtype=float)
    electrodes = dots_at(points[measured])
    values = point_array(sock, panels[0][1])
    low, high = float(numpy.floor(numpy.nanmin(values))), float(numpy.ceil(numpy.nanmax(values)))
    step = nice_step(high - low, 12)
    layout = simple.CreateLayout(name="Sock")
    layout.SetSize(WIDTH_OF_A_PANEL * len(panels), HEIGHT)
    cell = 0
    views = []
    for index, panel in enumerate(panels):
        if index + 1 < len(panels):
            layout.SplitHorizontal(cell, 1 / (len(panels) - index))
            here, cell = 2 * cell + 1, 2 * cell + 2
        else:
            here = cell
        views.append(draw_panel(layout, here, reader, panel, (low, high, step), electrodes))
    aim(views, sock)
    simple.RenderAllViews()
    simple.SaveScreenshot(png, layout, ImageResolution=[SCALE * WIDTH_OF_A_PANEL * len(panels), SCALE * HEIGHT],
                          SeparatorWidth=0, SeparatorColor=[1, 1, 1])


def multiples(step, low, high):
    """Those of a step between low and high."""
    return list(numpy.arange(numpy.ceil(low / step), numpy.floor(high / step) + 1) * step)


def draw_panel(layout, cell, reader, panel, limits, electrodes):
    title, name = panel
    low, high, step = limits
    view = white_view(layout, cell)
    display = simple.Show(reader, view)
    display.Representation = "Surface"
    display.Specular, display.Ambient, display.Diffuse = 0.0, 0.5, 0.5
    colour(display, view, name, AT_MAP, low, high, "Activation time", "[ms]",
           multiples(nice_step(high - low, 5), low, high))
    isochrones = simple.Contour(Input=reader, ContourBy=["POINTS", name], Isosurfaces=multiples(step, low, high))
    lines(isochrones, view, [0.0, 0.0, 0.0], 2.0)
    text(view, title, "Upper Center", 13, bold=1)
    dots = simple.Show(electrodes, view)
    dots.Representation = "Points"
    dots.ColorArrayName = ["POINTS", ""]
    dots.AmbientColor = dots.DiffuseColor = INK
    dots.PointSize, dots.RenderPointsAsSpheres = 7, 1
    return view


def aim(views, sock):
    low, high = numpy.reshape(sock.GetBounds(), (3, 2)).T
    middle, half = (low + high) / 2, (high - low) / 2
    scale = 1.1 * max(half[2] / 0.55, max(half[0], half[1]) * HEIGHT / WIDTH_OF_A_PANEL)
    focus = middle - numpy.array([0, 0, 0.16 * scale])  # room for the bar below
    for view in views:
        view.CameraFocalPoint = list(focus)
        view.CameraPosition = list(focus + numpy.array([0, -4 * float(numpy.linalg.norm(half)), 0]))
        view.CameraViewUp = [0, 0, 1]
        view.CameraParallelScale = float(scale)
