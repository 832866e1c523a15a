"""The velocity encoder in PyTorch beside the library's, on the same points, weights and one core: do they
agree, and how much time does each take?

    python encoder_torch.py ENCODER_OPS [--nodes 300] [--maps 1] [--threads 1] [--json FILE]

ENCODER_OPS is the program built from encoder_ops.c. The convolution is torch_spline_conv's (Fey's own C++
code) where that package is installed, else the same formula written with PyTorch's tensor operations; the
output says which. The graph hierarchy is computed here anew, from the description in core/heart/graph.h."""

import argparse
import json
import math
import subprocess
import time

import numpy as np
import torch
from scipy.spatial import cKDTree

CHANNELS, NEIGHBOURS, KERNEL = [2, 8, 16, 32, 64, 128, 128], 6, 5

try:
    import torch_spline_conv
except ImportError:
    torch_spline_conv = None


def make_points(n):
    i = np.arange(n)
    z, angle = -(i + 0.5) / n, 2.399963229728653 * i
    r = np.sqrt(1 - z * z)
    return np.stack([25 * r * np.cos(angle), 22 * r * np.sin(angle), 70 * z], 1)


def wave(shape, phase, scale):
    n = math.prod(shape)
    return torch.tensor(scale * np.sin(0.37 * (np.arange(n) % 104729) + phase), dtype=torch.float32).reshape(shape)


def make_level(points):
    """(source, target, pseudo, cluster) of one level."""
    n = len(points)
    k = min(NEIGHBOURS, n - 1)
    near = cKDTree(points).query(points, k + 1)[1].reshape(n, -1)
    pairs = {(int(j), i) for i in range(n) for j in near[i] if j != i}
    pairs |= {(j, i) for i, j in pairs}
    edges = np.array(sorted(pairs, key=lambda p: (p[1], p[0])), dtype=int).reshape(-1, 2)
    source, target = edges[:, 0], edges[:, 1]
    difference = points[source] - points[target]
    pseudo = 0.5 + difference / (2 * max(np.abs(difference).max(initial=0), 1e-300))
    square = (difference**2).sum(1)
    similarity = np.exp(-square / square.mean()) if len(square) else square
    degree = np.bincount(target, similarity, minlength=n)
    far = ((points - points.mean(0)) ** 2).sum(1)
    order = np.lexsort((points[:, 2], points[:, 1], points[:, 0], -far))
    cluster, count = np.full(n, -1), 0
    for i in order:
        if cluster[i] >= 0:
            continue
        free = [e for e in np.flatnonzero(target == i) if cluster[source[e]] < 0]
        cluster[i] = count
        if free:
            score = [similarity[e] * (1 / degree[i] + 1 / degree[source[e]]) for e in free]
            cluster[source[free[int(np.argmax(score))]]] = count
        count += 1
    return source, target, pseudo, cluster


def make_hierarchy(points):
    levels = []
    for _ in CHANNELS[1:]:
        source, target, pseudo, cluster = make_level(points)
        pseudo = torch.tensor(pseudo, dtype=torch.float32)
        levels.append((torch.tensor(source), torch.tensor(target), pseudo, torch.tensor(cluster), len(points)))
        sums = np.zeros((cluster.max() + 1, 3))
        np.add.at(sums, cluster, points)
        points = sums / np.bincount(cluster)[:, None]
    return levels


def spline_sum(x, weight, source, target, pseudo, nodes):
    """Sum over edges of x_source times the spline's weight, for x[nodes][in]."""
    if torch_spline_conv is not None:
        kernel, is_open = torch.tensor([KERNEL] * 3), torch.ones(3, dtype=torch.uint8)
        basis, index = torch_spline_conv.spline_basis(pseudo, kernel, is_open, 1)
        messages = torch_spline_conv.spline_weighting(x[source], weight, basis, index)
    else:
        low = (pseudo * (KERNEL - 1)).floor().clamp(max=KERNEL - 2)
        upper = pseudo * (KERNEL - 1) - low
        messages = 0
        for corner in range(8):
            bits = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2 & 1])
            basis = torch.where(bits == 1, upper, 1 - upper).prod(1)
            kernel = ((low + bits).long() * torch.tensor([1, KERNEL, KERNEL**2])).sum(1)
            messages = messages + torch.bmm((basis[:, None] * x[source])[:, None], weight[kernel])[:, 0]
    return torch.zeros(nodes, weight.shape[2]).index_add(0, target, messages)


def encode(levels, parameters, x, maps):
    """x[nodes][maps][2] → [maps][128]. torch_spline_conv knows one map a graph: maps go one after the other."""
    pooled = []
    for m in range(maps):
        h = x[:, m]
        for (source, target, pseudo, cluster, nodes), (weight, root, bias) in zip(levels, parameters):
            degree = torch.bincount(target, minlength=nodes).clamp(min=1)
            y = spline_sum(h, weight, source, target, pseudo, nodes) / degree[:, None] + h @ root + bias
            y = torch.nn.functional.elu(y)
            count = torch.bincount(cluster)
            h = torch.zeros(len(count), y.shape[1]).index_add(0, cluster, y) / count[:, None]
        pooled.append(y.amax(0))
    return torch.stack(pooled)


def best_milliseconds(run, repeats=10):
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def time_torch(levels, parameters, x, maps):
    with torch.no_grad():
        pooled = encode(levels, parameters, x, maps)
        forward = best_milliseconds(lambda: encode(levels, parameters, x, maps))
    for p in (p for level in parameters for p in level):
        p.requires_grad_()
    both = best_milliseconds(lambda: encode(levels, parameters, x, maps).sum().backward())
    return pooled, forward, both


def run_ours(program, nodes, maps, threads):
    lines = subprocess.run([program, str(nodes), str(maps), str(threads)], check=True, text=True,
                           capture_output=True).stdout.splitlines()
    fields = {line.split()[0]: [float(v) for v in line.split()[1:]] for line in lines}
    return fields, torch.tensor(fields.pop("pooled")).reshape(maps, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--maps", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    levels = make_hierarchy(make_points(options.nodes))
    parameters = []
    for l, (n_in, n_out) in enumerate(zip(CHANNELS, CHANNELS[1:])):
        scale = 1 / math.sqrt(n_in)
        parameters.append((wave((KERNEL**3, n_in, n_out), l, scale), wave((n_in, n_out), l + 0.5, scale),
                           wave((n_out,), l + 0.7, 0.1)))
    x = wave((options.nodes, options.maps, 2), 0.3, 1)
    expected, forward, both = time_torch(levels, parameters, x, options.maps)
    ours, pooled = run_ours(options.program, options.nodes, options.maps, options.threads)
    row = {
        "peer": "torch_spline_conv" if torch_spline_conv is not None else "own PyTorch formula",
        "torch": torch.__version__,
        "nodes": options.nodes, "maps": options.maps, "threads": options.threads,
        "torch_forward_ms": forward, "our_forward_ms": ours["forward_ms"][0],
        "forward_ratio": forward / ours["forward_ms"][0],
        "torch_both_ms": both, "our_both_ms": ours["both_ms"][0], "both_ratio": both / ours["both_ms"][0],
        "our_hierarchy_ms": ours["hierarchy_ms"][0], "our_plans_ms": ours["plans_ms"][0],
        "relative_difference": float((pooled - expected).abs().max() / expected.abs().max()),
    }
    for name, value in row.items():
        print(f"{name:22} {value:.4g}" if isinstance(value, float) else f"{name:22} {value}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(row, file, indent=1)
    if row["relative_difference"] > 1e-4:
        raise SystemExit("the two encoders disagree")


if __name__ == "__main__":
    main()
