"""Files for tests of the program, made with nothing but Python: safetensors, hearts, weights."""

import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

SIZES = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "U8": 1}
CODES = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "U8": "B"}
NAN = float("nan")


def tensor(dtype, shape, values):
    """A tensor of numbers (flat), or of bytes that are already packed."""
    if not isinstance(values, (bytes, bytearray)):
        values = struct.pack("<%d%s" % (len(values), CODES[dtype]), *values)
    return {"dtype": dtype, "shape": list(shape), "bytes": bytes(values)}


def safetensors(tensors, texts):
    """The bytes of a safetensors file."""
    header, data, place = {"__metadata__": texts}, [], 0
    for name, t in tensors.items():
        header[name] = {
            "dtype": t["dtype"],
            "shape": t["shape"],
            "data_offsets": [place, place + len(t["bytes"])],
        }
        place += len(t["bytes"])
        data.append(t["bytes"])
    return safetensors_of_header(header, b"".join(data))


def safetensors_of_header(header, data):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    """(tensors as flat tuples of numbers, texts)."""
    with open(path, "rb") as stream:
        content = stream.read()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    texts, tensors = header.pop("__metadata__", {}), {}
    for name, t in header.items():
        begin, end = (8 + length + offset for offset in t["data_offsets"])
        count = (end - begin) // SIZES[t["dtype"]]
        tensors[name] = struct.unpack("<%d%s" % (count, CODES[t["dtype"]]), content[begin:end])
    return tensors, texts


class Heart:
    """A block of tetrahedra, 30 x 24 x 60 mm, in place of a heart; its maps are distances over 0.6 m/s."""

    COUNTS, SIZE = (6, 5, 8), (30.0, 24.0, 60.0)

    def __init__(self, surface=False):
        nx, ny, nz = self.COUNTS
        self.points = [
            tuple(self.SIZE[d] * i[d] / (self.COUNTS[d] - 1) for d in range(3))
            for i in itertools.product(range(nx), range(ny), range(nz))
        ]
        self.cells = self.triangles() if surface else self.tetrahedra()
        self.arrays, self.texts = {}, {}
        self.format_version = "1"

    def corner(self, i, j, k):
        return (i * self.COUNTS[1] + j) * self.COUNTS[2] + k

    def tetrahedra(self):
        cells = []
        for at in itertools.product(*(range(n - 1) for n in self.COUNTS)):
            for order in itertools.permutations(range(3)):  # Kuhn's six around the diagonal
                path, here = [self.corner(*at)], list(at)
                for d in order:
                    here[d] += 1
                    path.append(self.corner(*here))
                cells.append(tuple(path))
        return cells

    def triangles(self):
        """The side y = 0."""
        cells = []
        for i, k in itertools.product(range(self.COUNTS[0] - 1), range(self.COUNTS[2] - 1)):
            a, b = self.corner(i, 0, k), self.corner(i + 1, 0, k)
            cells += [(a, b, a + 1), (b, b + 1, a + 1)]
        return cells

    def distances(self, node):
        origin = self.points[node]
        return [sum((p - o) ** 2 for p, o in zip(point, origin)) ** 0.5 / 0.6 for point in self.points]

    def add(self, name, values, place="node", dtype="F32", shape=None):
        self.arrays[place + "/" + name] = tensor(dtype, shape or [len(values)], values)
        return self

    def add_maps(self, count=3):
        """AT_00 …, known at every third node."""
        for m in range(count):
            times = self.distances(m * 31)
            self.add("AT_%02d" % m, [t if i % 3 == 0 else NAN for i, t in enumerate(times)])
        return self

    def tensors(self):
        flat_points = [x for point in self.points for x in point]
        flat_cells = [v for cell in self.cells for v in cell]
        columns = len(self.cells[0]) if self.cells else 4
        tensors = {
            "subject_000/points": tensor("F64", [len(self.points), 3], flat_points),
            "subject_000/cells": tensor("I32", [len(self.cells), columns], flat_cells),
        }
        tensors.update({"subject_000/" + name: array for name, array in self.arrays.items()})
        return tensors

    def metadata(self):
        texts = {"format": "metapinn-subjects", "format_version": self.format_version}
        texts.update({"subject_000/" + key: value for key, value in self.texts.items()})
        return texts

    def bytes(self):
        return safetensors(self.tensors(), self.metadata())


def weight_shapes(velocity=True):
    """The tensors of preset paper and their shapes; without a velocity, those of preset meta-neural."""
    channels, shapes = (2, 8, 16, 32, 64, 128, 128), {}
    for encoder in ("velocity_encoder", "source_encoder"):
        for layer in range(6):
            shapes["%s.%d.weight" % (encoder, layer)] = [125, channels[layer], channels[layer + 1]]
            shapes["%s.%d.root" % (encoder, layer)] = [channels[layer], channels[layer + 1]]
            shapes["%s.%d.bias" % (encoder, layer)] = [channels[layer + 1]]
    hypernetworks = {
        "pinn_hypernetwork": (256, 256, 256, 512, 1781),
        "velocity_hypernetwork": (128, 256, 256, 256, 256, 512, 2621),
    }
    if not velocity:
        del hypernetworks["velocity_hypernetwork"]
    for name, widths in hypernetworks.items():
        for layer in range(len(widths) - 1):
            shapes["%s.%d.weight" % (name, layer)] = [widths[layer + 1], widths[layer]]
            shapes["%s.%d.bias" % (name, layer)] = [widths[layer + 1]]
    return shapes


def product(shape):
    result = 1
    for n in shape:
        result *= n
    return result


def weights(shapes=None, version="1", preset="paper"):
    """The bytes of a weights file whose every number is zero."""
    tensors = {n: tensor("F16", s, bytes(2 * product(s))) for n, s in (shapes or weight_shapes()).items()}
    return safetensors(tensors, {"format": "metapinn-model", "format_version": version, "preset": preset})


class ProgramTest(unittest.TestCase):
    """A test that runs the program in a folder of its own."""

    program = None
    patience = 120  # seconds for one run of the program

    def setUp(self):
        self.folder_owner = tempfile.TemporaryDirectory()
        self.folder = self.folder_owner.name
        self.addCleanup(self.folder_owner.cleanup)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as stream:
            return stream.read()

    def run_program(self, *arguments, **environment):
        variables = dict(os.environ, **environment)
        return subprocess.run(
            [self.program] + [str(a) for a in arguments],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=self.patience,
        )

    def succeed(self, *arguments, **environment):
        result = self.run_program(*arguments, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result


def main():
    if len(sys.argv) < 2:
        sys.exit("expected the path of the program metapinn")
    ProgramTest.program = os.path.abspath(sys.argv.pop(1))
    unittest.main(module="__main__", verbosity=2)
