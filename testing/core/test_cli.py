"""The program metapinn from outside: its subcommands do what their help says. Usage: test_cli.py PROGRAM"""

import json
import math
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files  # noqa: E402
from files import NAN, Heart  # noqa: E402

SUBCOMMANDS = ("phantom", "simulate", "train", "evaluate", "personalize", "fit", "what-if", "info")


class Help(files.ProgramTest):
    def test_help_and_version(self):
        text = self.succeed("--help").stdout
        for name in SUBCOMMANDS:
            self.assertIn(name, text)
            details = self.succeed(name, "--help").stdout
            self.assertIn("Usage: metapinn " + name, details)
            self.assertIn("--threads", details)
        self.assertRegex(self.succeed("--version").stdout, r"^metapinn \d+\.\d+\.\d+\n$")

    def test_lines_fit_a_terminal(self):
        for name in SUBCOMMANDS:
            for line in self.succeed(name, "--help").stdout.splitlines():
                self.assertLessEqual(len(line), 120, line)


class SimulateTest(files.ProgramTest):
    """A block of 240 nodes, 6 to 9 mm apart."""

    def times(self, heart, *options, **more):
        self.write("heart.safetensors", heart.bytes())
        name = more.get("name", "AT")
        self.succeed("simulate", "heart.safetensors", "--out", "out.safetensors", *options)
        return files.read_safetensors(self.path("out.safetensors"))[0]["subject_000/node/" + name]

    def test_times_are_distances_over_the_velocity(self):
        heart = Heart()
        exact = heart.distances(0)
        errors = []
        for refinements in ("0", "1", "2"):
            times = self.times(heart, "--origin", "0,0,0", "--refine", refinements)
            self.assertEqual(times[0], 0)
            errors.append(max(abs(t - e) for t, e in zip(times, exact)) / max(exact))
        self.assertLess(errors[0], 0.05)
        self.assertLess(errors[2], errors[0])

    def test_twice_the_velocity_is_half_the_time(self):
        slow = self.times(Heart(), "--origin", "0,0,0", "--cv", "0.5")
        fast = self.times(Heart(), "--origin", "0,0,0", "--cv", "1.0")
        for s, f in zip(slow, fast):
            self.assertAlmostEqual(s, 2 * f, delta=1e-4)

    def test_the_first_of_several_fronts_counts(self):
        one = self.times(Heart(), "--origin", "0,0,0", "--name", "LAT", name="LAT")
        other = self.times(Heart(), "--origin", "30,24,60,10", "--name", "LAT", name="LAT")
        both = self.times(
            Heart(), "--origin", "0,0,0", "--origin", "30,24,60,10", "--name", "LAT", name="LAT"
        )
        self.assertAlmostEqual(min(other), 10, delta=1e-5)
        for a, b, t in zip(one, other, both):
            self.assertLessEqual(t, min(a, b) + 1e-4)

    def test_the_array_cv_is_the_default(self):
        heart = Heart()
        uniform = self.times(heart, "--origin", "0,0,0", "--cv", "0.3")
        heart.add("CV", [0.3] * len(heart.cells), place="cell")
        for t, u in zip(self.times(heart, "--origin", "0,0,0"), uniform):
            self.assertAlmostEqual(t, u, delta=1e-4)
        for name, place, count in (
            ("speed", "cell", len(heart.cells)),
            ("speed_n", "node", len(heart.points)),
        ):
            heart.add(name, [0.3] * count, place=place)
            for t, u in zip(self.times(heart, "--origin", "0,0,0", "--cv", name), uniform):
                self.assertAlmostEqual(t, u, delta=1e-4)

    def test_fronts_run_along_fibres(self):
        heart = Heart()
        count = len(heart.cells)
        heart.add("fiber", [0.0, 0.0, 1.0] * count, place="cell", shape=[count, 3])
        options = ("--origin", "0,0,0", "--fibre", "fiber", "--anisotropy", "1.2,0.3,0.3", "--refine", "1")
        times = self.times(heart, *options)
        self.assertAlmostEqual(times[heart.corner(0, 0, 7)], 60 / 1.2, delta=2)
        self.assertAlmostEqual(times[heart.corner(5, 0, 0)], 30 / 0.3, delta=5)

    def test_nodes_that_no_front_reaches_are_nan(self):
        heart = Heart()
        heart.points += [(100.0, 0, 0), (110.0, 0, 0), (100.0, 10, 0), (100.0, 0, 10)]
        n = len(heart.points)
        heart.cells.append((n - 4, n - 3, n - 2, n - 1))
        times = self.times(heart, "--origin", "0,0,0")
        self.assertTrue(all(math.isnan(t) for t in times[-4:]))
        self.assertFalse(any(math.isnan(t) for t in times[:-4]))

    def test_a_surface_is_a_heart_too(self):
        heart = Heart(surface=True)
        times = self.times(heart, "--origin", "0,0,0", "--refine", "2")
        last = heart.corner(5, 0, 7)
        self.assertAlmostEqual(times[last], heart.distances(0)[last], delta=3)
        self.assertTrue(math.isnan(times[heart.corner(0, 1, 0)]))

    def test_threads_do_not_change_the_result(self):
        one = self.times(Heart(), "--origin", "3,4,5", "--threads", "1")
        self.assertEqual(self.times(Heart(), "--origin", "3,4,5", "--threads", "2"), one)


class OpenCarpTest(files.ProgramTest):
    def test_a_heart_survives_the_way_through_opencarp(self):
        heart = Heart()
        count = len(heart.cells)
        heart.add("fiber", [0.6, 0.0, 0.8] * count, place="cell", shape=[count, 3])
        heart.add("sheet", [0.0, 1.0, 0.0] * count, place="cell", shape=[count, 3])
        heart.add("region", [i % 7 for i in range(count)], place="cell", dtype="I32")
        heart.add("LAT", [NAN, -1.0, -2.5, 1e-7] + [float(i) for i in range(len(heart.points) - 4)])
        self.write("heart.safetensors", heart.bytes())
        self.succeed("simulate", "heart.safetensors", "--origin", "0,0,0", "--out", "carp.pts")
        for name in ("carp.pts", "carp.elem", "carp.lon", "carp.AT.dat", "carp.LAT.dat"):
            self.assertTrue(os.path.exists(self.path(name)), name)
        self.assertEqual(self.read("carp.pts").split()[:4], [b"240", b"0", b"0", b"0"])
        self.assertEqual(self.read("carp.pts").split()[6], b"8571.428571")
        self.assertEqual(self.read("carp.LAT.dat").split()[:2], [b"-1", b"-1.0"])
        result = self.succeed(
            "simulate", "carp", "--origin", "0,0,0", "--name", "again", "--out", "back.safetensors"
        )
        self.assertIn("micrometres", result.stderr)
        back = files.read_safetensors(self.path("back.safetensors"))[0]
        flat = [x for point in heart.points for x in point]
        for a, b in zip(flat, back["subject_000/points"]):
            self.assertAlmostEqual(a, b, delta=1e-6)
        for name in ("cell/fiber", "cell/sheet", "cell/region", "node/LAT"):
            expected = files.read_safetensors(self.path("heart.safetensors"))[0]["subject_000/" + name]
            self.assertEqual(str(back["subject_000/" + name]), str(expected))
        for a, b in zip(back["subject_000/node/AT"], back["subject_000/node/again"]):
            self.assertAlmostEqual(a, b, delta=1e-3)

    def test_other_elements_are_passed_over_and_said(self):
        self.write("m.pts", "5\n0 0 0\n9000 0 0\n0 9000 0\n0 0 9000\n9000 9000 9000\n")
        self.write("m.elem", "4\nTr 0 1 2 5\nTt 0 1 2 3 6\nLn 0 1 1\nTt 1 2 3 4 8\n")
        self.write("m.lon", "1\n1 0 0\n0 1 0\n0 0 0\n0 0 1\n")
        result = self.succeed("simulate", "m.elem", "--origin", "0,0,0", "--out", "o.safetensors")
        self.assertIn("4 elements the 2 tetrahedra", result.stderr)
        tensors = files.read_safetensors(self.path("o.safetensors"))[0]
        self.assertEqual(tensors["subject_000/cell/region"], (6, 8))
        self.assertEqual(tensors["subject_000/cell/fiber"], (0, 1, 0, 0, 0, 1))

    def test_points_in_mm_are_suspected(self):
        self.write("m.pts", "4\n0 0 0\n90 0 0\n0 90 0\n0 0 90\n")
        self.write("m.elem", "1\nTt 0 1 2 3\n")
        self.assertIn("warning", self.succeed("info", "m.pts").stderr)


class InfoTest(files.ProgramTest):
    def test_a_heart_is_described(self):
        heart = Heart().add_maps(2)
        heart.texts["heart"] = "a block"
        heart.cells.append(heart.cells[0])
        self.write("heart.safetensors", heart.bytes())
        text = self.succeed("info", "heart.safetensors").stdout
        for words in (
            "nodes             240",
            "30 x 24 x 60 mm",
            "1 duplicate",
            "AT_01",
            "80 of 240 nodes measured",
            "heart: a block",
        ):
            self.assertIn(words, text)

    def test_weights_are_described(self):
        self.write("model.safetensors", files.weights())
        text = self.succeed("info", "model.safetensors").stdout
        self.assertIn("preset: paper", text)
        self.assertIn("velocity_encoder.0.weight", text)

    def test_one_heart_of_several_is_chosen(self):
        first, second = Heart(), Heart()
        second.points = [(x + 1000, y, z) for x, y, z in second.points]
        tensors = first.tensors()
        tensors.update({k.replace("subject_000", "subject_001"): v for k, v in second.tensors().items()})
        self.write("both.safetensors", files.safetensors(tensors, first.metadata()))
        self.assertIn("2 hearts", self.succeed("info", "both.safetensors").stdout)
        refused = self.run_program(
            "simulate", "both.safetensors", "--origin", "0,0,0", "--out", "o.safetensors"
        )
        self.assertEqual(refused.returncode, 1)
        self.assertIn("both.safetensors#1", refused.stderr)
        self.succeed("simulate", "both.safetensors#1", "--origin", "0,0,0", "--out", "o.safetensors")
        self.assertEqual(files.read_safetensors(self.path("o.safetensors"))[0]["subject_000/points"][0], 1000)


class PersonalizeTest(files.ProgramTest):
    """With weights of zeros: what is said about an answer, not the answer."""

    def setUp(self):
        super().setUp()
        heart = Heart().add_maps(4)
        heart.add("CV", [0.6] * len(heart.points)).add("CV", [0.6] * len(heart.cells), place="cell")
        heart.add("true_AT", heart.distances(5)).add("AT", heart.distances(7))
        self.write("heart.safetensors", heart.bytes())
        self.write("model.safetensors", files.weights())
        self.arguments = ("personalize", "heart.safetensors", "--out", "out.safetensors", "--query", "AT_03")

    def test_weights_without_a_velocity_give_activation_alone(self):
        shapes = files.weight_shapes(velocity=False)
        self.write("neural.safetensors", files.weights(shapes, preset="meta-neural"))
        result = self.succeed(
            *self.arguments, "--context", "AT_00,AT_01", "--model", "neural.safetensors", "--eikonal",
            "--uncertainty", "--truth-at", "true_AT", "--truth-cv", "CV"
        )
        self.assertIn("activation alone", result.stderr)
        self.assertIn("AT mean abs. error", result.stdout)
        for words in ("CV", "residual", "eikonal"):
            self.assertNotIn(words, result.stdout)
        tensors, _ = files.read_safetensors(self.path("out.safetensors"))
        for name in ("CV", "PDEResidual", "ATEikonal", "ATStd", "CVStd"):
            self.assertNotIn("subject_000/node/" + name, tensors)
        self.assertIn("subject_000/node/AT", tensors)
        origin = [word for word in self.arguments if word not in ("--query", "AT_03")]
        result = self.run_program(
            *origin, "--context", "AT_00", "--origin", "0,0,0", "--model", "neural.safetensors"
        )
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("'meta-neural' give no conduction velocity", result.stderr)

    def test_fields_and_provenance_are_attached(self):
        self.succeed(
            *self.arguments, "--context", "AT_00,AT_01", "--context", "AT_02", "--model", "model.safetensors"
        )
        tensors, texts = files.read_safetensors(self.path("out.safetensors"))
        for name in ("AT", "CV", "PDEResidual", "Support"):
            values = tensors["subject_000/node/" + name]
            self.assertEqual(len(values), 240)
            self.assertTrue(all(math.isfinite(v) for v in values), name)
        self.assertEqual(tensors["subject_000/node/AT_input"][7], 0)
        self.assertAlmostEqual(tensors["subject_000/cell/CV_input"][0], 0.6, delta=1e-6)
        self.assertNotIn("subject_000/cell/CV", tensors)
        texts = {k.replace("subject_000/metapinn_", ""): v for k, v in texts.items()}
        self.assertEqual(texts["context"], "AT_00,AT_01,AT_02")
        self.assertEqual(texts["query"], "map AT_03")
        self.assertEqual(texts["preset"], "paper")
        self.assertEqual(texts["measured_nodes"], "80")
        self.assertRegex(texts["weights_sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(len(texts["frame_rotation"].split()), 9)
        for key in (
            "version",
            "backend",
            "seconds",
            "stranger",
            "shape_distance",
            "cleaning",
            "time_offset_ms",
        ):
            self.assertIn(key, texts)
        # A node that was measured is at no distance from a measurement.
        self.assertEqual(tensors["subject_000/node/Support"][0], 0)
        self.assertGreater(tensors["subject_000/node/Support"][1], 0)

    def test_the_eikonal_solution_is_attached_where_it_is_asked_for(self):
        arguments = (*self.arguments, "--context", "AT_00,AT_01", "--model", "model.safetensors")
        self.succeed(*arguments)
        self.assertNotIn("subject_000/node/ATEikonal", files.read_safetensors(self.path("out.safetensors"))[0])
        self.succeed(*arguments, "--eikonal")
        tensors, texts = files.read_safetensors(self.path("out.safetensors"))
        self.assertTrue(all(math.isfinite(v) for v in tensors["subject_000/node/ATEikonal"]))
        self.assertEqual(len(texts["subject_000/metapinn_origin_mm"].replace(",", " ").split()), 3)
        self.assertGreaterEqual(float(texts["subject_000/metapinn_consistency_ms"]), 0)

    def test_an_answer_that_is_personalized_again_keeps_the_first_input(self):
        self.succeed(*self.arguments, "--context", "AT_00", "--model", "model.safetensors")
        self.succeed(
            "personalize",
            "out.safetensors",
            "--out",
            "again.safetensors",
            "--context",
            "AT_01",
            "--model",
            "model.safetensors",
        )
        first = files.read_safetensors(self.path("out.safetensors"))[0]
        again = files.read_safetensors(self.path("again.safetensors"))[0]
        self.assertEqual(first["subject_000/node/AT_input"], again["subject_000/node/AT_input"])

    def test_the_table_is_printed_and_written(self):
        result = self.succeed(
            *self.arguments,
            "--context",
            "all",
            "--truth-at",
            "true_AT",
            "--truth-cv",
            "CV",
            "--json",
            "table.json",
            METAPINN_MODEL="model.safetensors"
        )
        self.assertIn("AT relative RMSE", result.stdout)
        table = json.loads(self.read("table.json"))
        self.assertEqual(table["protocol"], "personalize")
        self.assertEqual(table["model"], "model.safetensors")
        rows = {row["metric"]: row for row in table["rows"]}
        self.assertEqual(set(rows["at_scc"]), {"method", "metric", "region", "k", "mean", "sd", "n"})
        self.assertIsNone(rows["cv_scc"]["mean"])  # a velocity without variation has no correlation
        self.assertEqual(rows["cv_scc"]["n"], 0)
        self.assertAlmostEqual(rows["cv_mae"]["mean"], 0.25, delta=1e-3)  # zeros give 0.1 + 0.5/2
        self.assertEqual(rows["at_scc"]["k"], 4)  # AT, AT_00, AT_01, AT_02: neither the query nor the truth

    def test_maps_come_from_a_surface(self):
        surface = Heart(surface=True).add_maps(3)
        heart = Heart()
        self.write("surface.safetensors", surface.bytes())
        self.write("bare.safetensors", heart.bytes())
        self.succeed(
            "personalize",
            "bare.safetensors",
            "--maps",
            "surface.safetensors",
            "--context",
            "AT_00,AT_01",
            "--origin",
            "1,2,3",
            "--model",
            "model.safetensors",
            "--out",
            "out.safetensors",
        )
        tensors, texts = files.read_safetensors(self.path("out.safetensors"))
        self.assertIn("subject_000/node/AT", tensors)
        self.assertEqual(texts["subject_000/metapinn_query"], "origin 1,2,3,0")

    def test_marks_limit_what_counts_as_measured(self):
        heart = Heart().add_maps(2)
        heart.add("measured", [1 if i < 120 else 0 for i in range(240)], dtype="I32")
        self.write("heart.safetensors", heart.bytes())
        self.succeed(
            "personalize",
            "heart.safetensors",
            "--context",
            "AT_00,AT_01",
            "--model",
            "model.safetensors",
            "--out",
            "out.safetensors",
        )
        texts = files.read_safetensors(self.path("out.safetensors"))[1]
        self.assertEqual(texts["subject_000/metapinn_measured_nodes"], "40")

    def test_the_papers_weights_cannot_be_refined(self):
        result = self.run_program(
            *self.arguments, "--context", "AT_00", "--model", "model.safetensors", "--refine"
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("no local features", result.stderr)
        for seconds in ("0", "-1", "long"):
            result = self.run_program(*self.arguments, "--context", "AT_00", "--refine=" + seconds)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--refine is '%s'" % seconds, result.stderr)

    def test_quiet_says_nothing_but_warnings(self):
        result = self.succeed(
            *self.arguments, "--context", "AT_00", "--model", "model.safetensors", "--quiet"
        )
        for line in result.stderr.splitlines():
            self.assertIn("warning", line)


class SeveralOriginsTest(files.ProgramTest):
    """A query that begins at two places, with the shipped weights."""

    def test_a_refinement_leaves_its_activation_as_it_was(self):
        self.succeed("phantom", "--maps", "2", "--refine", "0", "--out", "heart.safetensors")
        tensors, _ = files.read_safetensors(self.path("heart.safetensors"))
        origins = tensors["subject_000/field/origins"]
        sites = ["--origin=%r,%r,%r" % tuple(origins[i : i + 3]) for i in (0, len(origins) // 2)]
        self.succeed("simulate", "heart.safetensors", *sites, "--name", "AT_both", "--out", "heart.safetensors")
        answers = []
        for refine in ((), ("--refine=0.3",)):
            result = self.succeed(
                *("personalize", "heart.safetensors", "--context", "AT_00,AT_01", "--query", "AT_both"),
                *(*refine, "--out", "out.safetensors")
            )
            tensors, texts = files.read_safetensors(self.path("out.safetensors"))
            answers.append((tensors["subject_000/node/AT"], tensors["subject_000/node/CV"]))
        self.assertIn("Only CV is refined", result.stderr)
        self.assertIn(" 0 of the activation", texts["subject_000/metapinn_refine"])
        self.assertEqual(answers[0][0], answers[1][0])
        self.assertNotEqual(answers[0][1], answers[1][1])


class WhatIfTest(files.ProgramTest):
    def setUp(self):
        super().setUp()
        heart = Heart()
        self.write("answer.safetensors", heart.add("CV", [0.5] * len(heart.points)).bytes())
        self.distances = heart.distances(0)
        self.origin = ",".join(str(x) for x in heart.points[0])

    def ask(self, *options):
        self.succeed("what-if", "answer.safetensors", "--out", "out.safetensors", *options)
        return files.read_safetensors(self.path("out.safetensors"))

    def test_a_new_origin_gives_new_times(self):
        tensors, texts = self.ask("--origin", self.origin + ",3")
        times = tensors["subject_000/node/AT_whatif"]
        self.assertEqual(len(times), len(self.distances))
        self.assertAlmostEqual(times[0], 3, delta=1e-4)
        for time, distance in zip(times, self.distances):
            self.assertLess(abs(time - 3 - 1.2 * distance), 0.1 * distance + 0.1)  # times at 0.6 m/s
        self.assertEqual(texts["subject_000/metapinn_what_if_cv"], "CV")

    def test_a_region_is_slow(self):
        tensors = self.ask("--origin", self.origin, "--region", self.origin + ",1,0.1")[0]
        self.assertAlmostEqual(tensors["subject_000/node/CV_whatif"][0], 0.1, delta=1e-6)
        self.assertEqual(tensors["subject_000/node/CV"][0], 0.5)

    def test_bad_questions_are_refused(self):
        for code, words, options in (
            (2, "--origin is missing", ()),
            (2, "--region is '1,2'", ("--origin", "0,0,0", "--region", "1,2")),
            (1, "no node or cell array 'speed'", ("--origin", "0,0,0", "--cv", "speed")),
            (1, "from the heart", ("--origin", "9000,0,0")),
        ):
            result = self.run_program("what-if", "answer.safetensors", "--out", "o.safetensors", *options)
            self.assertEqual(result.returncode, code, options)
            self.assertIn(words, result.stderr)


class FibreTest(files.ProgramTest):
    def test_fibres_by_rule_conduct_faster_along_themselves(self):
        self.succeed("phantom", "--nodes", "600", "--maps", "0", "--out", "heart.safetensors")
        common = ("simulate", "heart.safetensors", "--origin", "0,0,-60")
        self.succeed(*common, "--fibre", "rule", "--anisotropy", "0.6,0.3,0.3", "--out", "rule.safetensors")
        for speed in ("0.3", "0.6"):
            self.succeed(*common, "--cv", speed, "--out", speed + ".safetensors")
        names = ("0.6.safetensors", "rule.safetensors", "0.3.safetensors")
        tensors = [files.read_safetensors(self.path(name))[0] for name in names]
        fast, rule, slow = (max(t["subject_000/node/AT"]) for t in tensors)
        self.assertTrue(1.05 * fast < rule < 0.95 * slow, (fast, rule, slow))
        self.assertIn("subject_000/cell/fibre", tensors[1])


class StudyTest(files.ProgramTest):
    """Without the fits, which take minutes."""

    ARGUMENTS = ("study", "--quick", "--no-fits", "--out", "study")
    patience = 900

    def rows(self):
        """What does not depend on the clock."""
        with open(self.path("study/study.json")) as file:
            return [row for row in json.load(file)["rows"] if row["metric"] != "seconds"]

    def test_goes_on_where_it_was_stopped(self):
        self.succeed(*self.ARGUMENTS)
        whole = self.rows()
        self.assertEqual({row["table"] for row in whole}, {"segments", "ellipsoids"})
        self.assertEqual({row["k"] for row in whole if row["method"].startswith("meta-PINN")}, {1, 3, 5})
        at = [r for r in whole if r["metric"] == "at_scc" and r["region"] == "all" and r["k"] == 5]
        self.assertTrue(all(row["n"] == 3 and row["mean"] > 0.7 for row in at))
        records = self.path("study/records.csv")
        with open(records) as file:
            lines = file.readlines()
        with open(records, "w") as file:
            file.writelines(lines[:-4])
            file.write(lines[-4][:40])
        self.succeed(*self.ARGUMENTS)
        self.assertEqual(self.rows(), whole)
        with open(records) as file:
            again = file.readlines()
        self.assertEqual(again[:-4], lines[:-4])
        self.assertEqual(len(again), len(lines))
        with open(self.path("study/study.md")) as file:
            table = file.read()
        self.assertIn("| healthy | nothing | given |", table)

    def test_bad_options_are_named(self):
        for code, words, arguments in (
            (2, "--out is missing", ()),
            (2, "--maps is '11'", ("--maps", "11", "--out", "study")),
            (2, "--steps is '0'", ("--steps", "0", "--out", "study")),
            (2, "expected NAME=FILE", ("--model", "x", "--out", "study")),
            (1, "none.safetensors", ("--model", "x=none.safetensors", "--out", "study")),
        ):
            with self.subTest(arguments=arguments):
                result = self.run_program("study", *arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(words, result.stderr)


class FitTest(files.ProgramTest):
    """A phantom whose scar is one of the segmentation's groups, its maps solved on the very mesh."""

    SCAR = 1

    def setUp(self):
        super().setUp()
        scar = "paper:%d" % self.SCAR
        self.succeed(
            *("phantom", "--nodes", "600", "--measured", "90", "--seed", "3", "--scar", scar),
            *("--maps", "4", "--refine", "0", "--out", "heart.safetensors")
        )
        self.truth = self.tensors("heart.safetensors")[0]
        self.arguments = ("fit", "heart.safetensors", "--out", "out.safetensors")

    def tensors(self, name):
        """Those of a file's one heart, and its texts."""
        tensors, texts = files.read_safetensors(self.path(name))
        short = len("subject_000/")
        return {k[short:]: v for k, v in tensors.items()}, {k[short:]: v for k, v in texts.items()}

    def fit(self, *options):
        result = self.succeed(*self.arguments, *options)
        return result, *self.tensors("out.safetensors")

    def test_given_origins_give_the_true_velocity(self):
        _, heart, texts = self.fit("--context", "AT_00,AT_01", "--query", "AT_03", "--origins", "given")
        for fitted, true in zip(heart["node/CV"], self.truth["node/CV"]):
            self.assertAlmostEqual(fitted, true, delta=0.03 * true)
        for fitted, true in zip(heart["cell/CV"], self.truth["cell/CV"]):
            self.assertAlmostEqual(fitted, true, delta=0.03 * true)
        for fitted, true in zip(heart["node/AT"], self.truth["node/AT_03"]):
            self.assertAlmostEqual(fitted, true, delta=4)
        for group, velocity in enumerate(heart["field/fit_velocities"]):
            self.assertAlmostEqual(velocity, 0.1 if group == self.SCAR else 0.6, delta=0.03)
        self.assertEqual(heart["node/CV_input"], self.truth["node/CV"])
        self.assertEqual(heart["cell/CV_input"], self.truth["cell/CV"])
        texts = {k: v for k, v in texts.items() if k.startswith("metapinn_")}
        self.assertEqual(texts["metapinn_context"], "AT_00,AT_01")
        self.assertEqual(texts["metapinn_query"], "map AT_03")
        self.assertEqual(texts["metapinn_fit_method"], "segments")
        self.assertEqual(texts["metapinn_fit_segmentation"], "paper")
        self.assertEqual(texts["metapinn_fit_origins"], "given")
        self.assertEqual(texts["metapinn_fit_stopped"], "converged")
        self.assertEqual(texts["metapinn_fit_measurements"], str(90 + 90 + 18))
        evaluations = int(texts["metapinn_fit_evaluations"])
        self.assertEqual(int(texts["metapinn_fit_solves"]), 3 * evaluations)
        self.assertLess(
            float(texts["metapinn_fit_misfit_ms"]), 0.1 * float(texts["metapinn_fit_misfit_start_ms"])
        )
        self.assertGreater(float(texts["metapinn_fit_seconds"]), 0)

    def test_origins_are_found(self):
        result, heart, texts = self.fit("--context", "AT_00,AT_01", "--query", "AT_03")
        self.assertEqual(texts["metapinn_fit_origins"], "found")
        self.assertIn("origin found at", result.stderr)
        for row, of_map in enumerate((0, 1, 3)):
            found = heart["field/fit_sites"][4 * row : 4 * row + 3]
            self.assertLess(math.dist(found, self.truth["field/origins"][4 * of_map : 4 * of_map + 3]), 10)
        scar = heart["field/fit_velocities"][self.SCAR]
        self.assertAlmostEqual(scar, 0.1, delta=0.03)

    def test_times_are_those_of_the_velocity_and_the_last_map(self):
        heart = self.fit("--context", "AT_00", "--origins", "given", "--evaluations", "10")[1]
        site = ",".join("%.17g" % x for x in heart["field/fit_sites"])
        self.succeed(
            *("simulate", "out.safetensors", "--origin", site, "--name", "again"),
            *("--out", "again.safetensors")
        )
        again = self.tensors("again.safetensors")[0]["node/again"]
        for time, expected in zip(heart["node/AT"], again):
            self.assertAlmostEqual(time, expected, delta=1e-3)

    def test_a_segmentation_is_chosen(self):
        for name, groups in (("aha17+rv", 18), ("released", 5)):
            options = ("--context", "all", "--origins", "given", "--evaluations", "20")
            result, heart, texts = self.fit("--segmentation", name, *options)
            self.assertEqual(len(heart["field/fit_velocities"]), groups)
            self.assertEqual(texts["metapinn_fit_segmentation"], name)
            self.assertEqual(texts["metapinn_fit_evaluations"], "20")
            self.assertEqual(texts["metapinn_fit_stopped"], "all evaluations made")
            self.assertIn("physics-based (%s), k = 4" % name, result.stdout)
            self.assertIn("CV, m/s, RV", result.stdout)

    def test_velocities_stay_between_the_bounds(self):
        options = ("--lowest", "0.3", "--highest", "0.5", "--start", "0.4", "--elsewhere", "0.45")
        heart = self.fit("--context", "AT_00", "--origins", "given", "--evaluations", "30", *options)[1]
        for velocity in heart["field/fit_velocities"]:
            self.assertTrue(0.3 <= velocity <= 0.5)
        for segment, velocity in zip(self.truth["node/segment"], heart["node/CV"]):
            if segment == 18:
                self.assertAlmostEqual(velocity, 0.45, delta=1e-6)

    def test_the_table_is_printed_and_written(self):
        options = ("--truth-at", "AT_03", "--truth-cv", "CV", "--json", "table.json")
        result = self.fit("--context", "all", "--origins", "given", *options)[0]
        self.assertIn("AT relative RMSE", result.stdout)
        table = json.loads(self.read("table.json"))
        self.assertEqual(table["protocol"], "fit")
        self.assertIsNone(table["model"])
        rows = {row["metric"]: row for row in table["rows"] if row["region"] == "all"}
        self.assertEqual(rows["at_scc"]["k"], 3)  # the truth is no map to fit to
        self.assertEqual(rows["at_scc"]["method"], "physics-based (paper)")
        self.assertGreater(rows["cv_scc"]["mean"], 0.99)
        self.assertEqual(rows["scar_dice"]["mean"], 1)
        self.assertLess(rows["misfit_ms"]["mean"], rows["misfit_start_ms"]["mean"])
        self.assertEqual(rows["solves"]["mean"], 3 * rows["evaluations"]["mean"])
        groups = [row["region"] for row in table["rows"] if row["metric"] == "cv"]
        self.assertEqual(groups, ["paper:%d" % group for group in range(5)])

    def test_threads_do_not_change_the_result(self):
        options = ("--context", "AT_00", "--query", "AT_01", "--evaluations", "15")
        one = self.fit("--threads", "1", *options)[1]
        self.assertEqual(self.fit("--threads", "2", *options)[1], one)

    def test_a_heart_that_is_fitted_again_keeps_the_first_input(self):
        options = ("--origins", "given", "--evaluations", "5")
        first = self.fit("--context", "AT_00", *options)[1]
        self.succeed("fit", "out.safetensors", "--context", "AT_01", *options, "--out", "again.safetensors")
        again, texts = self.tensors("again.safetensors")
        self.assertEqual(again["node/CV_input"], first["node/CV_input"])
        self.assertNotEqual(again["node/AT"], first["node/AT"])
        self.assertEqual(texts["metapinn_context"], "AT_01")

    def test_nothing_of_a_personalization_passes_for_the_fit(self):
        self.write("model.safetensors", files.weights())
        self.succeed(
            *("personalize", "heart.safetensors", "--context", "AT_00,AT_01", "--eikonal"),
            *("--model", "model.safetensors", "--out", "answer.safetensors")
        )
        self.succeed(
            *("fit", "answer.safetensors", "--context", "AT_00", "--evaluations", "5"),
            *("--out", "out.safetensors")
        )
        heart, texts = self.tensors("out.safetensors")
        self.assertEqual(heart["node/CV_input"], self.truth["node/CV"])
        for name in ("PDEResidual", "Support", "ATEikonal"):
            self.assertNotIn("node/" + name, heart)
        self.assertNotIn("metapinn_weights_sha256", texts)
        self.assertNotIn("metapinn_origin_mm", texts)

    def test_maps_come_from_a_surface(self):
        from_heart = self.fit("--context", "AT_00", "--evaluations", "5")[1]
        bare, texts = files.read_safetensors(self.path("heart.safetensors"))
        points, cells = len(bare["subject_000/points"]), len(bare["subject_000/cells"])
        self.write(
            "bare.safetensors",
            files.safetensors(
                {
                    "subject_000/points": files.tensor("F64", [points // 3, 3], bare["subject_000/points"]),
                    "subject_000/cells": files.tensor("I32", [cells // 4, 4], bare["subject_000/cells"]),
                    "subject_000/node/segment": files.tensor(
                        "I32", [points // 3], bare["subject_000/node/segment"]
                    ),
                },
                texts,
            ),
        )
        self.succeed(
            *("fit", "bare.safetensors", "--maps", "heart.safetensors", "--context", "AT_00"),
            *("--evaluations", "5", "--out", "out.safetensors")
        )
        heart = self.tensors("out.safetensors")[0]
        self.assertEqual(heart["node/AT"], from_heart["node/AT"])
        self.assertNotIn("node/CV_input", heart)

    def fit_networks(self, *options):
        return self.fit("--method", "multi-pinn", "--steps", "150", *options)

    def test_networks_are_fitted(self):
        options = ("--truth-at", "AT_02", "--truth-cv", "CV", "--json", "table.json")
        result, heart, texts = self.fit_networks("--context", "AT_00,AT_01,AT_02", "--seed", "7", *options)
        nodes = len(self.truth["node/CV"])
        for name in ("node/AT", "node/CV", "node/PDEResidual"):
            self.assertEqual(len(heart[name]), nodes)
        for name in ("cell/CV", "field/fit_sites", "field/fit_velocities"):
            self.assertNotIn(name, heart)
        self.assertEqual(heart["node/CV_input"], self.truth["node/CV"])
        self.assertEqual(heart["cell/CV_input"], self.truth["cell/CV"])
        self.assertEqual(texts["metapinn_fit_method"], "multi-pinn")
        self.assertEqual(texts["metapinn_fit_seed"], "7")
        self.assertEqual(texts["metapinn_fit_measurements"], "270")
        self.assertEqual(texts["metapinn_query"], "map AT_02, all of it")
        self.assertNotIn("metapinn_fit_origins", texts)
        self.assertIn("AT is of map AT_02, all of it, from its network", result.stderr)
        table = json.loads(self.read("table.json"))["rows"]
        self.assertEqual({row["method"] for row in table}, {"multi-PINN (alpha 0.1, healthy weight 0.03)"})
        rows = {row["metric"]: row["mean"] for row in table}
        self.assertEqual(rows["steps"], 150)
        self.assertGreater(rows["seconds"], 0)
        self.assertLess(rows["misfit_ms"], 0.3 * rows["misfit_start_ms"])
        self.assertLess(rows["residual_msq"], rows["residual_start_msq"])
        self.assertGreater(rows["at_scc"], 0.9)  # AT_02's own network, not another map's

    def test_networks_follow_their_options(self):
        maps = ("--context", "AT_00", "--query", "AT_01")
        heart = self.fit_networks(*maps)[1]
        self.assertEqual(self.fit_networks(*maps, "--threads", "2")[1], heart)
        self.assertNotEqual(self.fit_networks(*maps, "--seed", "2")[1]["node/AT"], heart["node/AT"])
        published = ("--alpha", "1", "--healthy-weight", "0")
        result, other, texts = self.fit_networks(*maps, *published)
        self.assertIn("multi-PINN (alpha 1, healthy weight 0)", result.stdout)
        self.assertEqual(texts["metapinn_fit_alpha"], "1")
        self.assertEqual(texts["metapinn_fit_healthy_weight"], "0")
        self.assertLess(sum(other["node/CV"]), sum(heart["node/CV"]))  # nothing holds it to 0.6 m/s

    def test_nothing_of_one_method_passes_for_another(self):
        self.fit("--context", "AT_00", "--evaluations", "3", "--origins", "given")
        again = ("fit", "out.safetensors", "--context", "AT_00", "--out", "again.safetensors")
        self.succeed(*again, "--method", "multi-pinn", "--steps", "3")
        heart, texts = self.tensors("again.safetensors")
        for name in ("cell/CV", "field/fit_sites", "field/fit_velocities"):
            self.assertNotIn(name, heart)
        self.assertNotIn("metapinn_fit_evaluations", texts)
        self.assertEqual(heart["node/CV_input"], self.truth["node/CV"])
        again = ("fit", "again.safetensors", "--context", "AT_00", "--out", "out.safetensors")
        self.succeed(*again, "--evaluations", "3", "--origins", "given")
        heart, texts = self.tensors("out.safetensors")
        self.assertNotIn("node/PDEResidual", heart)
        self.assertNotIn("metapinn_fit_steps", texts)
        self.assertEqual(len(heart["cell/CV"]), len(self.truth["cell/CV"]))

    def test_networks_need_no_segments(self):
        self.write("heart.safetensors", Heart().add_maps(2).bytes())
        heart = self.fit("--method", "multi-pinn", "--steps", "3", "--context", "AT_00,AT_01")[1]
        self.assertEqual(len(heart["node/AT"]), 240)

    def test_options_of_another_method_are_refused(self):
        segments, networks = ("--method", "segments"), ("--method", "multi-pinn")
        for option in ("--steps", "--seed", "--alpha", "--healthy-weight"):
            words = ("%s belongs to --method multi-pinn" % option, "options of --method segments")
            self.refuse(2, words, "--context", "AT_00", option, "1")
            self.refuse(2, words, option, "1", *segments, "--context", "AT_00")
        for option, value in (
            ("--origins", "found"),
            ("--segmentation", "paper"),
            ("--lowest", "0.1"),
            ("--highest", "0.9"),
            ("--start", "0.5"),
            ("--elsewhere", "0.5"),
            ("--evaluations", "5"),
        ):
            words = ("%s belongs to --method segments" % option, "options of --method multi-pinn")
            self.refuse(2, words, "--context", "AT_00", option, value, *networks)

    def test_bad_options_of_networks_are_refused(self):
        one = ("--context", "AT_00", "--method", "multi-pinn")
        for value in ("0", "-1", "1.5", "many"):
            self.refuse(2, ("--steps is '%s'" % value, "from 1"), *one, "--steps", value)
        for value in ("-1", "dice"):
            self.refuse(2, ("--seed is '%s'" % value,), *one, "--seed", value)
        for option in ("--alpha", "--healthy-weight"):
            for value in ("-0.1", "nan", "much"):
                self.refuse(2, ("%s is '%s'" % (option, value), "at least 0"), *one, option, value)
        self.refuse(2, ("--method is 'poem'", "segments or multi-pinn"), *one, "--method", "poem")

    def test_the_help_names_both_methods(self):
        text = self.succeed("fit", "--help").stdout
        told = ("multi-pinn", "Sites of origin are not used", "--alpha 1 --healthy-weight 0", "0.6 m/s")
        for words in told:
            self.assertIn(words, text)

    def test_values_that_are_no_measurements_are_passed_over(self):
        heart = Heart().add_maps(2)
        heart.add("segment", [1 + i % 17 for i in range(240)], dtype="I32")
        heart.add("LAT", [t - 40 if i % 3 else -10000.0 for i, t in enumerate(heart.distances(5))])
        self.write("heart.safetensors", heart.bytes())
        result, _, texts = self.fit("--context", "LAT,AT_01", "--evaluations", "5")
        self.assertIn("80 values of -9999 or less", result.stderr)
        self.assertEqual(texts["metapinn_fit_measurements"], "240")

    def refuse(self, code, words, *options):
        before = sorted(os.listdir(self.folder))
        with self.subTest(options=options):
            result = self.run_program(*self.arguments, *options)
            self.assertEqual(result.returncode, code, result.stderr)
            for word in words:
                self.assertIn(word, result.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_bad_options_are_refused(self):
        one = ("--context", "AT_00")
        self.refuse(2, ("no map", "--context"))
        self.refuse(2, ("expected the file of one heart, not 2",), "other.safetensors", *one)
        self.refuse(2, ("--method is 'poem'", "segments"), *one, "--method", "poem")
        self.refuse(2, ("--segmentation is 'poem'", "aha17+rv"), *one, "--segmentation", "poem")
        self.refuse(2, ("--origins is 'lost'", "given or found"), *one, "--origins", "lost")
        for option in ("--lowest", "--highest", "--start", "--elsewhere"):
            for value in ("0", "-1", "fast", "nan"):
                self.refuse(2, ("%s is '%s'" % (option, value), "m/s"), *one, option, value)
        for value in ("0", "-1", "1.5", "many"):
            self.refuse(2, ("--evaluations is '%s'" % value,), *one, "--evaluations", value)
        self.refuse(1, ("bounds", "0.7 and 0.5 m/s"), *one, "--lowest", "0.7", "--highest", "0.5")
        self.refuse(1, ("start from is 0.6 m/s", "0.01 to 0.5"), *one, "--highest", "0.5")
        result = self.run_program("fit", "heart.safetensors", *one)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--out is missing", result.stderr)

    def test_maps_and_truths_that_are_not_there_are_refused(self):
        self.refuse(1, ("no node array 'AT_77'", "expected"), "--context", "AT_00,AT_77")
        self.refuse(1, ("'AT_00' is chosen twice",), "--context", "AT_00", "--context", "AT_00")
        self.refuse(1, ("'AT_00' is chosen twice",), "--context", "AT_00", "--query", "AT_00")
        self.refuse(1, ("no node array 'AT_9'", "compare"), "--context", "AT_00", "--truth-at", "AT_9")
        self.refuse(1, ("absent/table.json",), "--context", "AT_00", "--json", "absent/table.json")

    def test_hearts_without_what_a_fit_needs_are_refused(self):
        heart = Heart().add_maps(2)
        self.write("heart.safetensors", heart.bytes())
        result = self.succeed(*self.arguments, "--context", "AT_00,AT_01", "--evaluations", "3")
        self.assertIn("AHA segments are estimated", result.stderr)
        heart.add("segment", [1] * 240, dtype="I32").add("speed", [1.0] * len(heart.cells), place="cell")
        heart.add("empty", [NAN] * 240).add("fiber", [1.0] * 720, shape=[240, 3])
        self.write("heart.safetensors", heart.bytes())
        self.refuse(1, ("no field array 'origins'",), "--context", "AT_00", "--origins", "given")
        self.refuse(1, ("'speed'", "cell data"), "--context", "speed")
        self.refuse(1, ("'fiber'", "3 components"), "--context", "fiber")
        self.refuse(1, ("'empty'", "0 measured nodes"), "--context", "empty")
        heart.add("LAT", heart.distances(3))
        heart.add("origins", [0.0] * 8, place="field", dtype="F64", shape=[2, 4])
        self.write("heart.safetensors", heart.bytes())
        self.refuse(1, ("map 'LAT'", "2 rows"), "--context", "AT_00,LAT", "--origins", "given")


class PhantomTest(files.ProgramTest):
    def phantom(self, name, *options):
        return self.succeed("phantom", "--nodes", "1600", "--refine", "0", "--out", name, *options)

    def test_the_same_options_give_the_same_file(self):
        options = ("--seed", "7", "--scar", "random", "--maps", "2", "--measured", "200")
        self.phantom("a.safetensors", *options, "--threads", "1")
        first = self.read("a.safetensors")
        a = files.read_safetensors(self.path("a.safetensors"))[0]
        self.phantom("a.safetensors", *options, "--threads", "2")
        b = files.read_safetensors(self.path("a.safetensors"))[0]
        self.assertEqual(str(a), str(b))
        self.phantom("a.safetensors", *options, "--threads", "1")
        self.assertEqual(self.read("a.safetensors"), first)
        self.assertEqual(sum(a["subject_000/node/measured"]), 200)
        self.assertEqual(len(a["subject_000/field/origins"]), 8)
        self.assertTrue(1520 <= len(a["subject_000/node/CV"]) <= 1680)

    def test_scars_are_slow(self):
        self.phantom("a.safetensors", "--maps", "0", "--scar", "segments:1,2/speed=0.2", "--healthy", "0.7")
        tensors = files.read_safetensors(self.path("a.safetensors"))[0]
        segments, speeds = tensors["subject_000/node/segment"], tensors["subject_000/node/CV"]
        for segment, speed in zip(segments, speeds):
            self.assertAlmostEqual(speed, 0.2 if segment in (1, 2) else 0.7, delta=1e-6)

    def test_scars_that_are_not_understood(self):
        for scar in (
            "paper:5",
            "segments:",
            "segments:0",
            "ellipsoid:1,2,3",
            "banana",
            "random:x",
            "paper:1/speed=-1",
            "paper:1/colour=red",
            "segments:1/transmural=1,0",
        ):
            with self.subTest(scar=scar):
                result = self.run_program(
                    "phantom", "--nodes", "1600", "--scar", scar, "--out", "o.safetensors"
                )
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(scar, result.stderr)
                self.assertFalse(os.path.exists(self.path("o.safetensors")))

    def test_an_interrupted_program_says_so_and_leaves_nothing(self):
        process = subprocess.Popen(
            [self.program, "phantom", "--nodes", "200000", "--maps", "1000", "--out", "o.safetensors"],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130, stderr)
        self.assertIn(b"ancelled", stderr)
        self.assertEqual(os.listdir(self.folder), [])


class EvaluateTest(files.ProgramTest):
    PROTOCOLS = (
        "paper",
        "new-scar",
        "new-heart",
        "real-heart",
        "noisy",
        "anisotropic",
        "k1",
        "sparse",
        "clinical",
        "any-tissue",
    )

    def table(self, *arguments):
        self.write("model.safetensors", files.weights())
        options = ("--model", "model.safetensors", "--json", "table.json")
        printed = self.succeed("evaluate", *options, *arguments).stdout
        table = json.loads(self.read("table.json"))
        return table, {(row["method"], row["metric"]): row for row in table["rows"]}, printed

    def test_the_help_names_every_protocol(self):
        text = self.succeed("evaluate", "--help").stdout
        for name in self.PROTOCOLS:
            self.assertRegex(text, r"(?m)^  %s +\S" % name)

    def test_what_is_wrong_is_said(self):
        self.write("heart.safetensors", Heart().bytes())
        self.write("model.safetensors", files.weights())
        for arguments, said in (
            (("--protocol", "poem"), "any-tissue"),
            (("--protocol", "new-heart", "heart.safetensors"), "takes no hearts"),
            (("--protocol", "real-heart"), "HEART"),
            (("--data", "heart.safetensors", "--quick"), "--quick"),
        ):
            with self.subTest(arguments=arguments):
                result = self.run_program("evaluate", *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(said, result.stderr)
        self.write("surface.safetensors", Heart(surface=True).bytes())
        arguments = ("evaluate", "--model", "model.safetensors", "--protocol", "real-heart")
        result = self.run_program(*arguments, "surface.safetensors")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("surface.safetensors: is a surface", result.stderr)

    def test_a_quick_test_of_new_hearts(self):
        table, rows, printed = self.table("--protocol", "k1", "--quick")
        self.assertEqual(table["protocol"], "k1")
        self.assertEqual({row["k"] for row in table["rows"]}, {1})
        self.assertEqual(
            {row["method"] for row in table["rows"]}, {"meta-pinn", "healthy", "mean-cv", "nearest-subject"}
        )
        for method in ("meta-pinn", "healthy", "mean-cv", "nearest-subject"):
            self.assertEqual(rows[method, "at_mae"]["n"], 6)
            self.assertGreater(rows[method, "at_mae"]["mean"], 0)
        self.assertEqual(rows["mean-cv", "cv_scc"]["n"], 0)  # of other hearts: one velocity everywhere
        self.assertGreater(rows["nearest-subject", "cv_scc"]["n"], 0)
        self.assertEqual(rows["meta-pinn", "origin_error_median_mm"]["n"], 1)
        self.assertIn("median", printed)

    def test_hearts_of_ones_own(self):
        self.succeed("phantom", "--nodes", "1600", "--maps", "0", "--out", "a.safetensors")
        table, rows, _ = self.table("--protocol", "real-heart", "a.safetensors", "--quick", "--k", "2")
        self.assertEqual(table["protocol"], "real-heart")
        self.assertEqual(rows["meta-pinn", "at_scc"]["k"], 2)
        self.assertEqual(rows["healthy", "at_scc"]["n"], 3)


if __name__ == "__main__":
    files.main()
