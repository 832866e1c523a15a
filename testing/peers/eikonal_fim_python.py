#!/usr/bin/env python3
"""Compares Metapinn's eikonal solver with fim-python (Grandits, JOSS 6, 2021) on one core.

A cube of 50 mm, cut into about 94,000 tetrahedra with jittered nodes, 0.6 m/s, a site of origin at a node:
the exact activation time is the distance over the velocity. Both get the same arrays in memory; setup is
everything before the solve (ours: mesh and solver; fim-python: its solver's construction), each measured
inside its own process. fim-python runs with each of its CPU options. Because our solver starts from exact
times around the site, fim-python is run once more with those nodes' exact times given.

    eikonal_fim_python.py [--program build/bin/bench_eikonal] [--cells-per-side 25] [--runs 5] [--json FILE]
"""
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import contextlib
import io
import itertools
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

SIDE, SPEED = 50.0, 0.6  # mm, m/s
REACH = 0.15 * SIDE * 3**0.5  # mm, within which our solver starts from straight paths


def cube(n, seed=0):
    """points[(n + 1)^3][3] in mm, cells[6 n^3][4]: small cubes cut into six, inner nodes moved at random."""
    grid = np.linspace(0, 1, n + 1)
    points = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(-1, 3)
    inner = np.all((points > 1e-9) & (points < 1 - 1e-9), axis=1)
    points[inner] += 0.3 / n * (np.random.default_rng(seed).random((inner.sum(), 3)) - 0.5)
    corner = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    number = lambda p: (p[:, 0] * (n + 1) + p[:, 1]) * (n + 1) + p[:, 2]
    cells = []
    for order in itertools.permutations(range(3)):
        at, nodes = corner.copy(), [number(corner)]
        for axis in order:
            at[:, axis] += 1
            nodes.append(number(at))
        cells.append(np.stack(nodes, 1))
    return SIDE * points, np.stack(cells, 1).reshape(-1, 4).astype(np.int32)


def errors(at, exact):
    difference = np.abs(at.astype(float) - exact)
    return {"at_mae": difference.mean(), "at_max_error": difference.max()}


def run_ours(program, points, cells, site, exact, runs):
    with tempfile.TemporaryDirectory() as folder:
        mesh, out = pathlib.Path(folder, "mesh.raw"), pathlib.Path(folder, "at.raw")
        with mesh.open("wb") as file:
            np.array([4, len(points), len(cells)], dtype=np.int64).tofile(file)
            points.tofile(file)
            cells.tofile(file)
            np.full(len(cells), SPEED, dtype=np.float32).tofile(file)
        lines = subprocess.run([program, mesh, *(repr(float(x)) for x in site), str(runs), out], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        seconds = [[float(x) for x in line.split()] for line in lines]
        at = np.fromfile(out, dtype=np.float32)
    setup, solve = [mesh + solver for mesh, solver, _ in seconds], [row[2] for row in seconds]
    return setup, solve, errors(at, exact)


def run_fim(points, cells, starts, exact, runs, precision, active_list):
    with contextlib.redirect_stdout(io.StringIO()):
        import fimpy
    tensors = np.tile(SPEED**2 * np.eye(3), (len(cells), 1, 1))  # D = v^2
    setup, solve = [], []
    for _ in range(runs):
        start = time.perf_counter()
        solver = fimpy.create_fim_solver(points, cells, tensors, precision=precision, device="cpu",
                                         use_active_list=active_list)
        made = time.perf_counter()
        at = solver.comp_fim(starts, exact[starts])
        setup.append(made - start)
        solve.append(time.perf_counter() - made)
    return setup, solve, errors(at, exact)


def rows_of(method, setup, solve, error):
    measured = {"seconds_setup": setup, "seconds_solve": solve,
                "seconds": [a + b for a, b in zip(setup, solve)]}
    rows = [{"method": method, "metric": metric, "region": "all", "mean": statistics.fmean(values),
             "sd": statistics.pstdev(values), "median": statistics.median(values), "n": len(values)}
            for metric, values in measured.items()]
    return rows + [{"method": method, "metric": metric, "region": "all", "mean": float(value), "sd": 0.0,
                    "n": 1} for metric, value in error.items()]


def print_table(rows, ours):
    value = {(row["method"], row["metric"]): row.get("median", row["mean"]) for row in rows}
    metrics = ("seconds_setup", "seconds_solve", "seconds")
    print(f"{'':44}{'setup s':>10}{'solve s':>10}{'sum s':>10}{'ratios to ours':>24}"
          f"{'mean err':>10}{'max err':>9} ms")
    for method in dict.fromkeys(row["method"] for row in rows):
        times = [value[method, metric] for metric in metrics]
        ratios = " ".join(f"{t / value[ours, metric]:7.1f}" for t, metric in zip(times, metrics))
        print(f"{method:44}" + "".join(f"{t:10.4f}" for t in times) + f"{ratios:>24}"
              f"{value[method, 'at_mae']:10.4f}{value[method, 'at_max_error']:9.4f}")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=root / "build/bin/bench_eikonal")
    parser.add_argument("--cells-per-side", type=int, default=25)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, and the same for both

    points, cells = cube(options.cells_per_side)
    source = int(np.argmin(np.linalg.norm(points - [17.3, 21.1, 13.7], axis=1)))
    distance = np.linalg.norm(points - points[source], axis=1)
    exact, near = distance / SPEED, np.flatnonzero(distance <= REACH)
    print(f"{len(points)} nodes, {len(cells)} tetrahedra, one core, median of {options.runs} runs")
    ours = "metapinn"
    rows = rows_of(ours, *run_ours(options.program, points, cells, points[source], exact, 4 * options.runs))
    try:
        start = np.array([source])
        for precision, active_list in itertools.product((np.float32, np.float64), (True, False)):
            name = f"fim-python {'active list' if active_list else 'Jacobi'} {precision.__name__}"
            runs = options.runs if active_list else 1  # the slow one, once
            rows += rows_of(name, *run_fim(points, cells, start, exact, runs, precision, active_list))
        rows += rows_of("fim-python active list float32, exact near",
                        *run_fim(points, cells, near, exact, options.runs, np.float32, True))
    except ImportError:
        print("fim-python is not installed: skipped")
    print_table(rows, ours)
    if options.json:
        result = {"protocol": "eikonal-peer", "rows": rows}
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
