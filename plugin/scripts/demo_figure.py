"""The demo's figure: true and predicted activation times, conduction velocity with the scar, PDE residual."""
import numpy
from paraview import simple

WIDTH, HEIGHT = 1440, 520  # pixels on the screen
SCALE = 2  # pixels of the picture for each of them
INK = [0.1, 0.1, 0.1]
SCAR_BELOW = 0.35  # m/s
AT_MAP, CV_MAP, RESIDUAL_MAP = "Viridis (matplotlib)", "Inferno (matplotlib)", "Cool to Warm"


def nice_step(span, most):
    """The smallest of 1, 2, 5, 10 ... of which at most so many make span."""
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if span / step <= most:
            return step
    return span / most


def paint(display, name, preset, low, high):
    """Colours a display by an array over a fixed range; gives the table of colours."""
    simple.ColorBy(display, ("POINTS", name))
    table = simple.GetColorTransferFunction(name)
    table.ApplyPreset(preset, True)
    table.RescaleTransferFunction(low, high)
    table.AutomaticRescaleRangeMode = "Never"
    table.NanColor = [0.75, 0.75, 0.75]
    table.NumberOfTableValues = 256
    return table


def label_bar(table, view, title, unit, labels, number_format):
    """The bar of a table of colours in a view, that says its unit; where it lies is the caller's."""
    bar = simple.GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = title, unit
    bar.WindowLocation = "Any Location"
    bar.ScalarBarThickness = 12
    bar.TitleColor = bar.LabelColor = INK
    bar.TitleFontSize, bar.LabelFontSize = 13, 12
    bar.TitleBold = 0
    bar.AutomaticLabelFormat = 0
    bar.LabelFormat = bar.RangeLabelFormat = number_format
    bar.UseCustomLabels, bar.CustomLabels = 1, labels
    bar.AddRangeLabels = 0
    bar.DrawTickMarks = 1
    return bar


def colour(display, view, name, preset, low, high, title, unit, labels, number_format="%.0f"):
    """Colours a display by an array over a fixed range, with a bar below it that says its unit."""
    bar = label_bar(paint(display, name, preset, low, high), view, title, unit, labels, number_format)
    bar.Orientation = "Horizontal"
    bar.Position, bar.ScalarBarLength = [0.13, 0.075], 0.74
    display.SetScalarBarVisibility(view, True)


def white_view(layout, cell):
    view = simple.CreateView("RenderView")
    simple.AssignViewToLayout(view=view, layout=layout, hint=cell)
    view.UseColorPaletteForBackground = 0
    view.Background = [1.0, 1.0, 1.0]
    view.OrientationAxesVisibility = 0
    view.CameraParallelProjection = 1
    return view


def cut_surface(heart, frame, cut_away):
    """Its surface with normals, cut_away: without the front half of frame, as Figure has it."""
    kept = heart
    if cut_away:
        kept = simple.Clip(Input=heart, ClipType="Plane", Invert=0)
        kept.ClipType.Origin, kept.ClipType.Normal = list(frame[0]), list(frame[1][1])
        kept.Scalars = ["POINTS", ""]
    surface = simple.ExtractSurface(Input=kept)
    return simple.GenerateSurfaceNormals(Input=surface, FeatureAngle=35.0)


def text(view, words, location, size, colour_of=INK, bold=0):
    source = simple.Text(Text=words)
    display = simple.Show(source, view, "TextSourceRepresentation")
    display.WindowLocation = location
    display.FontSize, display.Color, display.Bold = size, colour_of, bold
    return source


def lines(source, view, ink, width):
    display = simple.Show(source, view)
    display.Representation = "Surface"
    display.ColorArrayName = ["POINTS", ""]
    display.AmbientColor = display.DiffuseColor = ink
    display.LineWidth, display.RenderLinesAsTubes = width, 1
    display.Ambient, display.Diffuse = 1.0, 0.0
    return display


class Figure:
    """Four views of one cut heart, side by side."""

    def __init__(self, twin, frame, cut_away):
        """frame: centre[3] and axes[3][3] (rows x, y, z) of the heart; cut_away: without its front half."""
        simple._DisableFirstRenderCameraReset()
        self.centre, self.axes = frame
        self.surface = cut_surface(twin, frame, cut_away)
        self.layout = simple.CreateLayout(name="Metapinn")
        self.layout.SetSize(WIDTH, HEIGHT)
        self.views = []
        self._split()

    def _split(self):
        """Four views of the same width."""
        first = self.layout.SplitHorizontal(0, 0.5)
        left, right = self.layout.SplitHorizontal(first, 0.5), self.layout.SplitHorizontal(first + 1, 0.5)
        for cell in (left, left + 1, right, right + 1):
            self.views.append(white_view(self.layout, cell))

    def panel(self, index, title, name, preset, low, high, bar_title, unit, labels, number_format="%.0f"):
        view = self.views[index]
        display = simple.Show(self.surface, view)
        display.Representation = "Surface"
        display.Specular = 0.0
        display.Ambient, display.Diffuse = 0.4, 0.6  # shaded so little that colours keep their meaning
        colour(display, view, name, preset, low, high, bar_title, unit, labels, number_format)
        text(view, title, "Upper Center", 13, bold=1)
        return view

    def activation(self, index, title, name, high, step):
        """Activation times with isochrones every step ms."""
        labels = list(numpy.arange(0, high + 1, nice_step(high, 6)))
        view = self.panel(index, title, name, AT_MAP, 0, high, "Activation time", "[ms]", labels)
        isochrones = simple.Contour(Input=self.surface, ContourBy=["POINTS", name],
                                    Isosurfaces=list(numpy.arange(step, high, step)))
        lines(isochrones, view, [0.0, 0.0, 0.0], 2.5)
        return view

    def velocity(self, index, title, name, truth):
        view = self.panel(index, title, name, CV_MAP, 0, 0.7, "Conduction velocity", "[m/s]",
                          [0, 0.2, 0.4, 0.6], "%.1f")
        if truth:
            scar = simple.Contour(Input=self.surface, ContourBy=["POINTS", truth], Isosurfaces=[SCAR_BELOW])
            lines(scar, view, [0.0, 0.9, 0.95], 5.0)
        return view

    def residual(self, index, title):
        return self.panel(index, title, "PDEResidual", RESIDUAL_MAP, -1, 1, "PDE residual", "[1]",
                          [-1, -0.5, 0, 0.5, 1], "%.1f")

    def aim(self, points):
        """The same camera for all: from the removed side, base up, between titles and colour bars."""
        local = (points - self.centre) @ numpy.array(self.axes).T
        middle = (local.min(axis=0) + local.max(axis=0)) / 2
        half = (local.max(axis=0) - local.min(axis=0)) / 2
        aspect = (WIDTH / 4) / HEIGHT
        # Of a view's height the titles take the upper 18 %, the bar the lower 29 %.
        scale = 1.04 * max(half[2] / 0.53, half[0] / (0.94 * aspect))
        focus = self.centre + numpy.array(self.axes).T @ middle
        up = numpy.array(self.axes[2])
        focus = focus - up * 0.10 * scale  # room for the bar below
        distance = 4 * numpy.linalg.norm(half)
        for view in self.views:
            view.CameraFocalPoint = list(focus)
            view.CameraPosition = list(focus - numpy.array(self.axes[1]) * distance)
            view.CameraViewUp = list(up)
            view.CameraParallelScale = float(scale)
            view.CenterOfRotation = list(focus)
        self._scale_bar(focus, scale, aspect)

    def _scale_bar(self, focus, scale, aspect, length=20):
        """A bar of so many millimetres in the first view, at its left above the colours."""
        x, z = -0.95 * scale * aspect, -0.45 * scale
        start = focus + x * numpy.array(self.axes[0]) + z * numpy.array(self.axes[2])
        end = start + length * numpy.array(self.axes[0])
        bar = simple.Line(Point1=list(start), Point2=list(end))
        lines(bar, self.views[0], INK, 3.0)
        label = text(self.views[0], f"{length} mm", "Any Location", 10)
        simple.GetDisplayProperties(label, self.views[0]).Position = [0.03, 0.29]

    def notice(self, words):
        """Under the title of every panel that predicts."""
        for view in self.views[1:]:
            source = text(view, words, "Any Location", 10, [0.75, 0.1, 0.1], 1)
            display = simple.GetDisplayProperties(source, view)
            display.Justification = "Center"
            display.Position = [0.17, 0.86]

    def save(self, png, state):
        simple.RenderAllViews()
        simple.SaveScreenshot(png, self.layout, ImageResolution=[SCALE * WIDTH, SCALE * HEIGHT],
                              SeparatorWidth=0, SeparatorColor=[1, 1, 1])
        self._two_rows()
        simple.SaveState(state)

    def _two_rows(self):
        """ParaView's window is squarer than the picture: four views side by side would cut the heart."""
        for view in self.views:
            self.layout.RemoveView(view)
        self.layout.Reset()
        top = self.layout.SplitVertical(0, 0.5)
        left, right = self.layout.SplitHorizontal(top, 0.5), self.layout.SplitHorizontal(top + 1, 0.5)
        for view, cell in zip(self.views, (left, left + 1, right, right + 1)):
            simple.AssignViewToLayout(view=view, layout=self.layout, hint=cell)
