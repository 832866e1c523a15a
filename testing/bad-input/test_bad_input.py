"""What bad input gets: one clear sentence that names the thing and what was expected, a status that is not
zero, no crash, and nothing half-written. Usage: test_bad_input.py PROGRAM"""

import math
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "core"))
import files  # noqa: E402
from files import NAN, Heart, tensor  # noqa: E402

OLD = b"what was here before"


class BadInputTest(files.ProgramTest):
    """expect_refusal runs the program twice: without and with an old output."""

    def setUp(self):
        super().setUp()
        self.write("heart.safetensors", Heart().add_maps().bytes())

    def check_refusal(self, result, words, status):
        lines = result.stderr.strip().splitlines()
        sentences = [
            l for l in lines if l.startswith("metapinn: ") and not l.startswith("metapinn: warning: ")
        ]
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertTrue(sentences, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("Sanitizer", result.stderr)

    def expect_refusal(self, arguments, words, out="out.safetensors", status=1, **environment):
        before = sorted(os.listdir(self.folder))
        self.check_refusal(self.run_program(*arguments, **environment), words, status)
        self.assertEqual(sorted(os.listdir(self.folder)), before, "something was left behind")
        self.write(out, OLD)
        self.check_refusal(self.run_program(*arguments, **environment), words, status)
        self.assertEqual(self.read(out), OLD, "the old output was touched")

    def simulate(self, heart="heart.safetensors", *more):
        return ("simulate", heart, "--origin", "0,0,0", "--out", "out.safetensors") + more

    def personalize(self, heart="heart.safetensors", model="model.safetensors", context=("AT_00", "AT_01")):
        contexts = [word for name in context for word in ("--context", name)]
        return ("personalize", heart, "--model", model, "--out", "out.safetensors", *contexts)


class Meshes(BadInputTest):
    def refuse(self, heart, *words):
        self.write("bad.safetensors", heart.bytes())
        self.expect_refusal(self.simulate("bad.safetensors"), ("bad.safetensors",) + words)

    def test_no_cells(self):
        heart = Heart()
        heart.cells = []
        self.refuse(heart, "cell")

    def test_no_points(self):
        heart = Heart()
        heart.cells, heart.points = [], []
        self.refuse(heart, "node")

    def test_a_coordinate_that_is_not_a_number(self):
        heart = Heart()
        heart.points[17] = (1.0, NAN, 2.0)
        self.refuse(heart, "17")

    def test_an_index_out_of_range(self):
        heart = Heart()
        heart.cells[5] = (0, 1, 2, 4711)
        self.refuse(heart, "4711")

    def test_only_flat_cells(self):
        heart = Heart()
        heart.cells = [(0, 0, 1, 2), (3, 4, 4, 5)]
        self.refuse(heart, "cell")

    def test_only_quads(self):
        self.write("bad.pts", "4\n0 0 0\n1000 0 0\n1000 1000 0\n0 1000 0\n")
        self.write("bad.elem", "1\nQd 0 1 2 3 1\n")
        self.expect_refusal(self.simulate("bad.pts"), ("bad.elem", "Qd", "expected"))


class Maps(BadInputTest):
    def setUp(self):
        super().setUp()
        self.write("model.safetensors", files.weights())

    def refuse(self, heart, words, **more):
        self.write("bad.safetensors", heart.bytes())
        self.expect_refusal(self.personalize("bad.safetensors", **more), words)

    def test_no_context_map(self):
        self.expect_refusal(self.personalize(context=()), ("context", "expected"), status=2)

    def test_a_map_that_does_not_exist(self):
        self.expect_refusal(self.personalize(context=("AT_77",)), ("AT_77", "AT_00", "expected"))

    def test_a_map_of_the_wrong_length(self):
        self.refuse(Heart().add_maps().add("AT_bad", [1.0, 2.0]), ("AT_bad", "expected"), context=("AT_bad",))

    def test_a_map_in_field_data(self):
        heart = Heart().add_maps().add("AT_bad", [1.0, 2.0], place="field")
        self.refuse(heart, ("AT_bad", "2 values", "expected"), context=("AT_00", "AT_bad"))

    def test_a_map_in_cell_data(self):
        heart = Heart()
        heart.add_maps().add("AT_bad", [1.0] * len(heart.cells), place="cell")
        self.refuse(heart, ("AT_bad", "cell data", "expected node"), context=("AT_00", "AT_bad"))

    def test_a_map_of_nan(self):
        heart = Heart()
        heart.add_maps().add("AT_bad", [NAN] * len(heart.points))
        self.refuse(heart, ("AT_bad", "NaN", "expected"), context=("AT_00", "AT_bad"))

    def test_a_map_of_sentinels(self):
        heart = Heart()
        heart.add_maps().add("AT_bad", [-10000.0] * len(heart.points))
        self.refuse(heart, ("AT_bad", "sentinel", "expected"), context=("AT_00", "AT_bad"))

    def test_a_constant_map(self):
        heart = Heart()
        heart.add_maps().add("AT_bad", [12.5] * len(heart.points))
        self.refuse(heart, ("AT_bad", "12.5", "expected"), context=("AT_00", "AT_bad"))

    def test_a_map_of_three_components(self):
        heart = Heart()
        heart.add_maps().add("AT_bad", [1.0] * (3 * len(heart.points)), shape=[len(heart.points), 3])
        self.refuse(heart, ("AT_bad", "3 components"), context=("AT_00", "AT_bad"))

    def test_too_few_measured_nodes(self):
        heart = Heart()
        times = heart.distances(0)
        heart.add_maps().add("AT_bad", [t if i < 3 else NAN for i, t in enumerate(times)])
        self.refuse(heart, ("AT_bad", "3", "expected"), context=("AT_bad",))

    def test_sentinels_among_times_are_gaps(self):
        heart = Heart()
        times = heart.distances(3)
        heart.add("AT_gap", [t if i % 3 == 0 else -10000.0 for i, t in enumerate(times)]).add_maps()
        self.write("gap.safetensors", heart.bytes())
        result = self.succeed(*self.personalize("gap.safetensors", context=("AT_gap", "AT_01")))
        self.assertIn("not measured", result.stderr)
        texts = files.read_safetensors(self.path("out.safetensors"))[1]
        self.assertIn("160 sentinel", texts["subject_000/metapinn_cleaning"])

    def test_a_map_of_garbage(self):
        heart = Heart()
        order = sorted(range(len(heart.points)), key=lambda i: i * 7919 % 104729 % 613)
        heart.add_maps().add("AT_bad", [float(place) for place in order])
        self.refuse(heart, ("AT_bad", "neighbouring times", "expected"), context=("AT_00", "AT_bad"))

    def test_a_circuit(self):
        heart = Heart()
        x, y = (sum(p[d] for p in heart.points) / len(heart.points) for d in (0, 1))
        turns = [math.atan2(p[1] - y, p[0] - x) for p in heart.points]
        heart.add_maps().add("AT_bad", [300 * t / (2 * math.pi) for t in turns])
        self.refuse(heart, ("AT_bad", "re-entry", "expected"), context=("AT_00", "AT_bad"))

    def test_two_queries(self):
        arguments = self.personalize() + ("--query", "AT_02", "--origin", "0,0,0")
        self.expect_refusal(arguments, ("--query", "--origin", "expected"), status=2)


class Weights(BadInputTest):
    def refuse(self, content, *words):
        self.write("model.safetensors", content)
        self.expect_refusal(self.personalize(), ("model.safetensors",) + words)

    def test_truncated_weights(self):
        self.refuse(files.weights()[:-1000], "truncated")

    def test_weights_truncated_in_their_header(self):
        self.refuse(files.weights()[:500], "truncated")

    def test_empty_weights(self):
        self.refuse(b"", "empty")

    def test_offsets_out_of_range(self):
        header = {"a": {"dtype": "F16", "shape": [4], "data_offsets": [1 << 40, (1 << 40) + 8]}}
        self.refuse(files.safetensors_of_header(header, bytes(8)), "'a'", "truncated")

    def test_a_wrong_shape(self):
        shapes = files.weight_shapes()
        shapes["pinn_hypernetwork.1.weight"] = [128, 512]
        self.refuse(files.weights(shapes), "pinn_hypernetwork.1.weight", "[128, 512]", "expected [256, 256]")

    def test_a_missing_tensor(self):
        shapes = files.weight_shapes()
        del shapes["source_encoder.3.root"]
        self.refuse(files.weights(shapes), "source_encoder.3.root", "expected")

    def test_a_newer_version(self):
        self.refuse(files.weights(version="7"), "version 7", "newer")

    def test_an_unknown_preset(self):
        self.refuse(files.weights(preset="other"), "other", "expected")

    def test_a_heart_instead_of_weights(self):
        self.refuse(Heart().bytes(), "metapinn-subjects", "expected 'metapinn-model'")

    def test_text_instead_of_weights(self):
        self.refuse(b"these are no weights at all", "not a safetensors file")

    def test_missing_weights(self):
        self.expect_refusal(
            self.personalize(model="absent.safetensors"), ("absent.safetensors", "cannot be read")
        )


class HeartFiles(BadInputTest):
    def refuse(self, content, *words):
        self.write("bad.safetensors", content)
        self.expect_refusal(self.simulate("bad.safetensors"), ("bad.safetensors",) + words)

    def test_a_truncated_heart(self):
        self.refuse(Heart().bytes()[:-7], "truncated")

    def test_a_newer_heart(self):
        heart = Heart()
        heart.format_version = "99"
        self.refuse(heart.bytes(), "version 99", "newer")

    def test_weights_instead_of_a_heart(self):
        self.refuse(files.safetensors({}, {"format": "metapinn-model"}), "metapinn-model", "expected")

    def test_points_of_a_wrong_shape(self):
        tensors = Heart().tensors()
        tensors["subject_000/points"]["shape"] = [3, 240]
        self.refuse(files.safetensors(tensors, Heart().metadata()), "subject_000/points", "expected [any, 3]")

    def test_overlapping_tensors(self):
        header = {
            "a": {"dtype": "U8", "shape": [6], "data_offsets": [0, 6]},
            "b": {"dtype": "U8", "shape": [6], "data_offsets": [2, 8]},
        }
        self.refuse(files.safetensors_of_header(header, bytes(8)), "'b'", "overlaps")

    def test_a_missing_heart(self):
        self.expect_refusal(self.simulate("absent.safetensors"), ("absent.safetensors", "cannot be read"))

    def test_an_unknown_format(self):
        self.write("heart.docx", b"")
        self.expect_refusal(self.simulate("heart.docx"), ("heart.docx", "expected"))

    def test_a_heart_that_a_data_set_does_not_have(self):
        self.expect_refusal(self.simulate("heart.safetensors#3"), ("heart.safetensors", "3"))

    def test_a_truncated_opencarp_mesh(self):
        self.write("bad.pts", "400\n0 0 0\n1000 0 0\n")
        self.write("bad.elem", "1\nTt 0 1 2 3 1\n")
        self.expect_refusal(self.simulate("bad.pts"), ("bad.pts", "400"))

    def test_opencarp_points_that_are_words(self):
        self.write("bad.pts", "2\n0 0 0\nhere be dragons\n")
        self.write("bad.elem", "1\nTt 0 1 2 3 1\n")
        self.expect_refusal(self.simulate("bad.pts"), ("bad.pts", "line 3"))


class Outputs(BadInputTest):
    def refuse(self, out, *words):
        arguments = ("simulate", "heart.safetensors", "--origin", "0,0,0", "--out", out)
        before = sorted(os.listdir(self.folder))
        self.check_refusal(self.run_program(*arguments), words, 1)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_a_directory_that_is_missing(self):
        self.refuse("absent/out.safetensors", "absent/out.safetensors", "cannot be written")

    def test_a_path_below_a_file(self):
        self.refuse("heart.safetensors/out.safetensors", "cannot be written")

    def test_a_directory(self):
        os.mkdir(self.path("out.safetensors"))
        self.refuse("out.safetensors", "out.safetensors", "directory")

    def test_an_unknown_format(self):
        self.refuse("out.xyz", "out.xyz", "expected")

    def test_a_full_disk(self):
        os.symlink("/dev/full", self.path("out.safetensors"))
        self.refuse("out.safetensors", "out.safetensors", "cannot be written")

    def test_json_that_cannot_be_written(self):
        self.write("model.safetensors", files.weights())
        arguments = self.personalize() + ("--json", "absent/table.json")
        self.expect_refusal(arguments, ("absent/table.json", "cannot be written"))


class Options(BadInputTest):
    def test_usage_errors(self):
        cases = (
            ((), "subcommand"),
            (("fly",), "fly"),
            (("simulate",), "heart"),
            (("simulate", "heart.safetensors", "--out", "o.safetensors"), "--origin"),
            (("simulate", "heart.safetensors", "--origin", "1,2", "--out", "o.safetensors"), "1,2"),
            (("simulate", "heart.safetensors", "--origin", "1,2,nan", "--out", "o.safetensors"), "1,2,nan"),
            (("simulate", "heart.safetensors", "--origin", "1,2,3"), "--out"),
            (("simulate", "heart.safetensors", "--origin"), "--origin"),
            (("simulate", "--bogus"), "--bogus"),
            (("phantom", "--nodes", "12", "--out", "o.safetensors"), "400"),
            (("phantom", "--nodes", "many", "--out", "o.safetensors"), "many"),
            (("phantom", "--seed", "-1", "--out", "o.safetensors"), "-1"),
            (("phantom", "--protocol", "poem", "--out", "o.safetensors"), "poem"),
            (("phantom",), "--out"),
            (("train", "--out", "o.safetensors"), "--data"),
            (("evaluate", "--protocol", "poem"), "poem"),
            (("info",), "file"),
            (("info", "--threads", "0", "heart.safetensors"), "--threads"),
        )
        for arguments, word in cases:
            with self.subTest(arguments=arguments):
                result = self.run_program(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(word, result.stderr)
                self.assertEqual(result.stdout, "")
        self.assertEqual(os.listdir(self.folder), ["heart.safetensors"])

    def test_a_velocity_that_is_not_one(self):
        for value in ("-1", "0", "nothing", "nan"):
            with self.subTest(value=value):
                self.expect_refusal(self.simulate("heart.safetensors", "--cv", value), ())
                os.remove(self.path("out.safetensors"))

    def test_an_unknown_backend(self):
        self.write("model.safetensors", files.weights())
        self.expect_refusal(
            self.personalize() + ("--backend", "abacus"), ("abacus", "expected auto, cpu or cuda")
        )


if __name__ == "__main__":
    files.main()
