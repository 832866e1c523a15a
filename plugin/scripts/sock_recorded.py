"""Leaves electrodes out of a recorded sock map and predicts them: one map, no retraining.

pvpython sock_recorded.py --program metapinn --sock SOCK.vtp --array AT --out FOLDER [--draws N]

SOCK.vtp is a triangulated surface with activation times (ms) at its nodes, the electrodes. Writes recorded.json and,
of the last draw, recorded.vtp and recorded.png."""
import argparse
import os
import sys

import numpy
from paraview import simple
from vtkmodules.numpy_interface import dataset_adapter

import sock
from heart_files import UserError, read, run, write

LEFT_OUT = (0.5, 0.8)  # shares of the electrodes
SEED = 1
MEASURED = "AT_measured"
INTERPOLATED = "linear interpolation"
# What is asked of the program, and which array of the answer is the prediction.
METHODS = {
    "meta-PINN": (("personalize",), "AT"),
    "meta-PINN, eikonal": (("personalize", "--eikonal"), "ATEikonal"),
    "meta-PINN, refined for 2 s": (("personalize", "--refine=2"), "AT"),
    "physics-based, AHA-17": (("fit", "--method", "segments", "--segmentation", "aha17+rv"), "AT"),
    "multi-PINN": (("fit", "--method", "multi-pinn"), "AT"),
}
SHOWN = (INTERPOLATED, "meta-PINN", "meta-PINN, eikonal", "multi-PINN")


def put(mesh, values, name):
    data = dataset_adapter.WrapDataObject(mesh).PointData
    data.append(numpy.asarray(values, dtype=float), name)


def predict(program, mesh, folder, method):
    arguments, name = METHODS[method]
    given, answer = os.path.join(folder, "given.vtp"), os.path.join(folder, "answer.vtp")
    write(mesh, given)
    run(program, arguments[0], given, *arguments[1:], "--context", MEASURED, "--quiet", "--out", answer,
        silent=True)
    values = sock.read_arrays(answer, name)[0]
    os.remove(given)
    os.remove(answer)
    return values


def leave_out(program, mesh, truth, share, random, matrix, folder):
    """Every method's prediction at all electrodes, and which were measured."""
    known = numpy.ones(len(truth), dtype=bool)
    known[random.choice(len(truth), int(round(share * len(truth))), replace=False)] = False
    put(mesh, numpy.where(known, truth, numpy.nan), MEASURED)
    predictions = {INTERPOLATED: sock.interpolate(matrix, truth, known)}
    for method in METHODS:
        try:
            predictions[method] = predict(program, mesh, folder, method)
        except UserError as error:
            print(f"  {method}: {error}", file=sys.stderr)
    return predictions, known


def compare(options):
    reader, mesh = read(options.sock)
    simple.Delete(reader)
    if options.array not in dataset_adapter.WrapDataObject(mesh).PointData.keys():
        raise UserError(f"{options.sock} has no point array '{options.array}': expected the activation times, ms")
    truth = sock.point_array(mesh, options.array)
    points = numpy.asarray(dataset_adapter.WrapDataObject(mesh).Points, dtype=float)
    matrix = sock.laplacian(points, sock.triangles_of(mesh))
    random = numpy.random.default_rng(SEED)
    rows = []
    for share in LEFT_OUT:
        results = {}
        for draw in range(options.draws):
            print(f"{100 * share:.0f} % left out, draw {draw + 1} of {options.draws}", file=sys.stderr)
            predictions, known = leave_out(options.program, mesh, truth, share, random, matrix, options.out)
            for method, values in predictions.items():
                results.setdefault(method, []).append(sock.scores(values[~known], truth[~known]))
        rows += sock.rows_of(results, left_out=share)
    return mesh, predictions, known, rows


def draw(options, mesh, predictions, known):
    """The last draw, the methods beside the recording; dots are electrodes that were measured."""
    panels = [("Recorded", options.array)]
    put(mesh, known, "measured")
    for method in SHOWN:
        if method in predictions:
            name = "AT_" + "".join(c for c in method if c.isalnum())
            put(mesh, predictions[method], name)
            panels.append((method[0].upper() + method[1:], name))
    path = os.path.join(options.out, "recorded.vtp")
    write(mesh, path)
    sock.draw(path, mesh, panels, known, os.path.join(options.out, "recorded.png"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the program metapinn")
    parser.add_argument("--sock", required=True, help="the surface with the recorded map")
    parser.add_argument("--array", required=True, help="its activation times, ms")
    parser.add_argument("--out", required=True, help="an existing folder")
    parser.add_argument("--draws", type=int, default=10, help="of electrodes to leave out (default 10)")
    options = parser.parse_args()
    try:
        mesh, predictions, known, rows = compare(options)
    except UserError as error:
        sys.exit(str(error))
    sock.write_json(os.path.join(options.out, "recorded.json"), "sock-recorded", rows)
    sock.print_rows(rows)
    draw(options, mesh, predictions, known)


if __name__ == "__main__":
    main()
