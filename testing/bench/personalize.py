"""Time to personalize, from VTK input to attached arrays, graphs included:

    PYTHONPATH=build/lib/python3/dist-packages /usr/bin/python3 testing/bench/personalize.py [--json FILE]

Five context maps of 300 nodes and a query give three fields on 2,400 nodes. "first" is the first update of a fresh process with
the reading of the weights, "cold" another heart's first update with the weights in memory, "warm" the updates after."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

KINDS = {"first": "first, with reading the weights", "cold": "cold: a heart not seen before", "warm": "warm"}


def phantom(seed):
    from metapinn_vtk.MetapinnFilters import vtkPhantomHeartSource

    source = vtkPhantomHeartSource()
    source.SetSeed(seed)
    source.SetNumberOfNodes(2400)
    source.SetNumberOfMeasuredNodes(300)
    source.SetNumberOfMaps(7)
    source.SetRefinements(0)
    source.Update()
    return source.GetOutput()


def updated(twin):
    start = time.perf_counter()
    twin.Update()
    seconds = time.perf_counter() - start
    if not twin.GetOutput().GetPointData().HasArray("CV"):
        sys.exit("the filter has failed; the reason is above")
    return 1e3 * seconds


def one_process():
    from metapinn_vtk.MetapinnFilters import vtkMetaPinnPersonalize

    hearts = [phantom(1), phantom(2)]
    twin = vtkMetaPinnPersonalize()
    for map in range(5):
        twin.AddContextArray(f"AT_{map:02}")
    twin.SetQueryArray("AT_05")
    milliseconds = {}
    for kind, heart in zip(("first", "cold"), hearts):
        twin.SetInputData(heart)
        milliseconds[kind] = updated(twin)
    warm = []
    for repeat in range(20):
        twin.SetQueryArray("AT_05" if repeat % 2 else "AT_06")
        warm.append(updated(twin))
    milliseconds["warm"] = statistics.median(warm)
    print(json.dumps({"nodes": hearts[0].GetNumberOfPoints(), **milliseconds}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return one_process()
    command = [sys.executable, os.path.abspath(__file__), "--one"]
    runs = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            for _ in range(options.processes)]
    print(f"{runs[0]['nodes']} nodes, {options.processes} processes, ms: median (least to most)")
    rows = []
    for kind, name in KINDS.items():
        times = [run[kind] for run in runs]
        print(f"  {name:<34} {statistics.median(times):6.1f} ({min(times):.1f} to {max(times):.1f})")
        rows.append({"method": "meta-pinn", "metric": "seconds", "region": kind, "k": 5,
                     "mean": 1e-3 * statistics.mean(times), "sd": 1e-3 * statistics.stdev(times), "n": len(times)})
    if options.json:
        with open(options.json + ".new", "w", encoding="utf-8") as file:
            json.dump({"protocol": "personalization-time", "model": "shipped", "rows": rows}, file, indent=1)
        os.replace(options.json + ".new", options.json)


if __name__ == "__main__":
    main()
