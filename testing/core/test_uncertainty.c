/* How sure a twin is, and whether strangers are told: the weights are random, so what is tested holds for
 * any. */
#include "base/tensorfile.h"
#include "metapinn/personalize.h"
#include "metapinn/phantom.h"
#include "metapinn/train.h"
#include "model/twin_parts.h"
#include "model/uncertainty_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tiny_preset.h"

enum { MAPS = 4, MEASURED = 60, POINTS = 50 };

typedef struct fixture {
  mpinn_context *contexts[2]; /* of one thread and of two */
  mpinn_model models[2];
  mpinn_subject *heart;
  double surface[3 * MEASURED], values[MAPS][MEASURED];
  mpinn_map maps[MAPS];
  const double *points; /* [POINTS][3] */
  size_t warnings;
} fixture;

static void count_warnings(void *user, mpinn_log_level level, const char *message) {
  fixture *f = user;
  f->warnings += level == MPINN_LOG_WARNING && strstr(message, "mm") != NULL;
}

static void make_model(fixture *f, int which) {
  const mpinn_context_options options = {.threads = which + 1, .log = count_warnings, .user = f};
  mpinn_network *network = NULL;
  assert_int_equal(mpinn_context_create(&options, &f->contexts[which]), MPINN_OK);
  assert_int_equal(mpinn_network_create(f->contexts[which], &tiny, &mpinn_ops_cpu, false, &network),
                   MPINN_OK);
  float *values = calloc(network->layout.n_values, sizeof *values);
  mpinn_layout_initialize(&network->layout, &tiny, 7, values);
  network->ops->upload(network->backend, network->layout.n_values, MPINN_FLOAT32, values,
                       network->parameters);
  free(values);
  f->models[which] = (mpinn_model){.network = network};
  mpinn_calibration_default(&f->models[which].calibration);
}

static void measure(fixture *f) {
  const mpinn_array *measured = mpinn_subject_find(f->heart, "measured", MPINN_NODES);
  size_t n = 0;
  for (size_t i = 0; n < MEASURED; i++) {
    if (mpinn_array_get(measured, i, 0) == 0) continue;
    memcpy(f->surface + 3 * n, mpinn_mesh_points(mpinn_subject_mesh(f->heart)) + 3 * i, 3 * sizeof(double));
    for (size_t m = 0; m < MAPS; m++) {
      char name[16];
      mpinn_subject_map_name(m, name);
      f->values[m][n] = mpinn_array_get(mpinn_subject_find(f->heart, name, MPINN_NODES), i, 0);
    }
    n++;
  }
  for (size_t m = 0; m < MAPS; m++) f->maps[m] = (mpinn_map){"map", f->values[m]};
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  mpinn_phantom_options phantom;
  mpinn_phantom_options_default(&phantom);
  phantom.nodes = 1500;
  for (int i = 0; i < 2; i++) make_model(f, i);
  assert_int_equal(mpinn_phantom_create(f->contexts[0], &phantom, &f->heart), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(f->contexts[0], f->heart, 0.6, 0, NULL), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(f->contexts[0], f->heart, MEASURED, 3), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(f->contexts[0], f->heart, MAPS, 5, 0), MPINN_OK);
  f->points = mpinn_mesh_points(mpinn_subject_mesh(f->heart));
  measure(f);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  mpinn_subject_destroy(&f->heart);
  for (int i = 0; i < 2; i++) {
    mpinn_network_destroy(&f->models[i].network);
    mpinn_context_destroy(&f->contexts[i]);
  }
  free(f);
  return 0;
}

/* ---- deviations ---- */

static mpinn_personalization input_of(const fixture *f, size_t k) {
  return (mpinn_personalization){.heart = f->heart,
                                 .n_surface = MEASURED,
                                 .surface = f->surface,
                                 .n_context = k,
                                 .context = f->maps,
                                 .query = &f->maps[MAPS - 1]};
}

static void deviations(const fixture *f, int which, const mpinn_personalization *input, float *at,
                       float *cv) {
  mpinn_twin *twin = NULL;
  assert_int_equal(mpinn_personalize(f->contexts[which], &f->models[which], input, &twin), MPINN_OK);
  assert_int_equal(
      mpinn_personalize_spread(f->contexts[which], &f->models[which], input, twin, POINTS, f->points, at, cv),
      MPINN_OK);
  mpinn_twin_destroy(&twin);
}

static void deviations_are_positive_and_the_same_for_any_number_of_threads(void **state) {
  const fixture *f = *state;
  for (size_t k = 1; k <= 3; k += 2) {
    const mpinn_personalization input = input_of(f, k);
    float at[2][POINTS], cv[2][POINTS];
    for (int i = 0; i < 2; i++) deviations(f, i, &input, at[i], cv[i]);
    for (size_t i = 0; i < POINTS; i++) {
      assert_true(at[0][i] > 0 && isfinite(at[0][i]) && cv[0][i] > 0 && isfinite(cv[0][i]));
      assert_true(at[0][i] == at[1][i] && cv[0][i] == cv[1][i]);
    }
  }
}

static void numbers_of_measured_nodes_do_not_matter(void **state) {
  fixture *f = *state;
  double surface[3 * MEASURED], values[2][MEASURED];
  for (size_t i = 0; i < MEASURED; i++) {
    const size_t from = MEASURED - 1 - i;
    memcpy(surface + 3 * i, f->surface + 3 * from, 3 * sizeof *surface);
    values[0][i] = f->values[0][from];
    values[1][i] = f->values[MAPS - 1][from];
  }
  const mpinn_map maps[2] = {{"context", values[0]}, {"query", values[1]}};
  const mpinn_personalization input = input_of(f, 1);
  mpinn_personalization turned = input;
  float at[2][POINTS], cv[2][POINTS];
  turned.surface = surface;
  turned.context = &maps[0];
  turned.query = &maps[1];
  deviations(f, 0, &input, at[0], cv[0]);
  deviations(f, 0, &turned, at[1], cv[1]);
  for (size_t i = 0; i < POINTS; i++) {
    assert_float_equal(at[0][i], at[1][i], 1e-2 * (1 + (double)at[0][i]));
    assert_float_equal(cv[0][i], cv[1][i], 1e-3);
  }
}

static void a_map_of_eight_nodes_has_deviations(void **state) {
  fixture *f = *state;
  double values[MEASURED];
  for (size_t i = 0; i < MEASURED; i++) values[i] = i % 7 == 0 && i < 56 ? f->values[0][i] : NAN;
  const mpinn_map map = {"sparse", values};
  mpinn_personalization input = input_of(f, 1);
  float at[POINTS], cv[POINTS];
  input.context = &map;
  deviations(f, 0, &input, at, cv);
  for (size_t i = 0; i < POINTS; i++) assert_true(at[i] > 0 && cv[i] > 0);
}

/* ---- calibration ---- */

/* Errors of a normal distribution whose deviation is known from the parts. */
static void a_calibration_holds_nine_truths_in_ten(void **state) {
  enum { N = 20000 };
  fixture *f = *state;
  float *parts = calloc(N * MPINN_SPREAD_PARTS, sizeof *parts), *error = calloc(N, sizeof *error);
  mpinn_calibration calibration;
  mpinn_random random;
  mpinn_random_seed(&random, 4);
  for (size_t i = 0; i < N; i++) {
    float *p = parts + MPINN_SPREAD_PARTS * i;
    for (int j = 0; j < MPINN_SPREAD_PARTS; j++) p[j] = (float)mpinn_random_uniform(&random, 0, 2);
    p[1] = 1;
    error[i] = (float)fabs(mpinn_random_normal(&random) * (0.02 + (double)p[0]));
  }
  const mpinn_calibration_sample samples[MPINN_SPREAD_CLASSES] = {{N, parts, error}};
  mpinn_calibration_default(&calibration);
  assert_int_equal(mpinn_calibration_learn_usual(f->contexts[0], samples, MPINN_SPREAD_AT, &calibration),
                   MPINN_OK);
  assert_int_equal(
      mpinn_calibration_learn_weights(f->contexts[0], &samples[0], 0, MPINN_SPREAD_AT, &calibration),
      MPINN_OK);
  size_t held = 0;
  double off = 0;
  for (size_t i = 0; i < N; i++) {
    const float *p = parts + MPINN_SPREAD_PARTS * i;
    const double sd = mpinn_calibration_sd(&calibration, 0, MPINN_SPREAD_AT, p);
    held += (double)error[i] <= 1.645 * sd;
    off += fabs(sd - 0.02 - (double)p[0]) / N;
  }
  assert_true(held > 0.89 * N && held < 0.91 * N);
  assert_true(off < 0.1); /* the part that tells it was found among those that do not */
  free(parts);
  free(error);
}

static void strangers_are_far_from_the_sample_and_one_in_a_hundred_of_it(void **state) {
  enum { HEARTS = 400, EACH = 5, N = HEARTS * EACH, D = MPINN_LIKENESS_NUMBERS };
  static const size_t n[MPINN_LIKENESS_BLOCKS] = {MPINN_LIKENESS_SHAPE, MPINN_LIKENESS_MAPS};
  fixture *f = *state;
  double *sample = calloc(N * D, sizeof *sample), other[D];
  mpinn_calibration calibration;
  mpinn_random random;
  mpinn_random_seed(&random, 4);
  mpinn_calibration_default(&calibration);
  assert_true(mpinn_calibration_distance(&calibration, sample) == 0);
  for (int b = 0; b < MPINN_LIKENESS_BLOCKS; b++) {
    for (size_t i = 0; i < N * n[b]; i++)
      sample[i] = 5 + mpinn_random_normal(&random) + (i % n[b] > 0 ? sample[i - 1] / 2 : 0);
    assert_int_equal(mpinn_calibration_learn_sample(f->contexts[0], b, 7, 1, sample, &calibration),
                     MPINN_ERROR_ARGUMENT);
    assert_int_equal(mpinn_calibration_learn_sample(f->contexts[0], b, N, EACH, sample, &calibration),
                     MPINN_OK);
  }
  size_t beyond = 0; /* of the maps: the sample still holds theirs */
  memcpy(other, calibration.mean, sizeof other);
  for (size_t i = 0; i < N; i++) {
    memcpy(other + MPINN_LIKENESS_SHAPE, sample + MPINN_LIKENESS_MAPS * i,
           MPINN_LIKENESS_MAPS * sizeof *other);
    beyond += mpinn_calibration_distance(&calibration, other) > 1;
  }
  assert_in_range(beyond, N / 400, N / 50);
  memcpy(other, calibration.mean, sizeof other);
  other[3] = NAN;
  assert_true(mpinn_calibration_distance(&calibration, other) < 1e-9);
  other[4] += 10;
  assert_true(mpinn_calibration_distance(&calibration, other) > 1);
  free(sample);
}

static void a_calibration_is_written_and_read(void **state) {
  fixture *f = *state;
  mpinn_calibration written, read;
  mpinn_tensorwriter *writer = NULL;
  mpinn_tensorfile *file = NULL;
  char path[64];
  snprintf(path, sizeof path, "/tmp/metapinn-test-calibration-%ld", (long)getpid());
  mpinn_calibration_default(&written);
  written.has_spread = written.has_sample = true;
  written.spread[2][MPINN_SPREAD_CV][6] = 3;
  written.usual[MPINN_SPREAD_AT][4][1] = 5;
  written.whitening[7][2] = -2;
  written.limit[0] = written.limit[1] = 4;
  assert_int_equal(mpinn_tensorwriter_create(f->contexts[0], &writer), MPINN_OK);
  assert_int_equal(mpinn_calibration_write(f->contexts[0], &written, writer), MPINN_OK);
  assert_int_equal(mpinn_tensorwriter_save(f->contexts[0], writer, path), MPINN_OK);
  mpinn_tensorwriter_destroy(&writer);
  assert_int_equal(mpinn_tensorfile_read(f->contexts[0], path, &file), MPINN_OK);
  assert_int_equal(mpinn_calibration_read(f->contexts[0], file, &read), MPINN_OK);
  mpinn_tensorfile_destroy(&file);
  unlink(path);
  assert_true(read.has_spread && read.has_sample && read.limit[0] == 4 && read.limit[1] == 4);
  assert_memory_equal(read.spread, written.spread, sizeof read.spread);
  assert_memory_equal(read.usual, written.usual, sizeof read.usual);
  assert_memory_equal(read.whitening, written.whitening, sizeof read.whitening);
}

/* ---- likeness ---- */

/* The fixture's heart turned, moved and of another size, its times scaled with it. */
static void frame_and_unit_do_not_matter_to_the_likeness(void **state) {
  fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  const double angle = 0.7, size = 0.25;
  double *points = malloc(3 * n * sizeof *points), surface[3 * MEASURED], values[MAPS][MEASURED];
  mpinn_map maps[MAPS];
  mpinn_mesh *moved = NULL;
  mpinn_subject *heart = NULL;
  mpinn_twin *twins[2];
  for (size_t i = 0; i < n + MEASURED; i++) {
    const double *from = i < n ? f->points + 3 * i : f->surface + 3 * (i - n);
    double *to = i < n ? points + 3 * i : surface + 3 * (i - n);
    to[0] = 100 + size * (cos(angle) * from[0] - sin(angle) * from[1]);
    to[1] = -50 + size * (sin(angle) * from[0] + cos(angle) * from[1]);
    to[2] = size * from[2];
  }
  for (size_t m = 0; m < MAPS; m++) {
    for (size_t i = 0; i < MEASURED; i++) values[m][i] = 1000 + size * f->values[m][i];
    maps[m] = (mpinn_map){"moved", values[m]};
  }
  assert_int_equal(mpinn_mesh_create(f->contexts[0], MPINN_TETRAHEDRON, n, points,
                                     mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh), &moved),
                   MPINN_OK);
  assert_int_equal(mpinn_subject_create(f->contexts[0], &moved, &heart), MPINN_OK);
  const mpinn_personalization input = input_of(f, 2);
  mpinn_personalization other = input;
  other.heart = heart;
  other.surface = surface;
  other.context = maps;
  other.query = &maps[MAPS - 1];
  assert_int_equal(mpinn_personalize(f->contexts[0], &f->models[0], &input, &twins[0]), MPINN_OK);
  assert_int_equal(mpinn_personalize(f->contexts[0], &f->models[0], &other, &twins[1]), MPINN_OK);
  for (int i = 0; i < MPINN_LIKENESS_NUMBERS; i++)
    assert_float_equal(twins[0]->likeness[i], twins[1]->likeness[i],
                       0.1); /* origins are guessed among nodes */
  for (int i = 0; i < 2; i++) mpinn_twin_destroy(&twins[i]);
  mpinn_subject_destroy(&heart);
  free(points);
}

/* ---- a heart with answers ---- */

static mpinn_subject *heart_of_size(fixture *f, double size) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  double *points = malloc(3 * n * sizeof *points);
  mpinn_mesh *scaled = NULL;
  mpinn_subject *heart = NULL;
  for (size_t i = 0; i < 3 * n; i++) points[i] = size * f->points[i];
  assert_int_equal(mpinn_mesh_create(f->contexts[0], MPINN_TETRAHEDRON, n, points,
                                     mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh), &scaled),
                   MPINN_OK);
  free(points);
  assert_int_equal(mpinn_subject_create(f->contexts[0], &scaled, &heart), MPINN_OK);
  for (size_t i = 0; i < mpinn_subject_array_count(f->heart); i++) {
    const mpinn_array *a = mpinn_subject_array_at(f->heart, i);
    assert_int_equal(mpinn_subject_add_array(f->contexts[0], heart, a->name, a->association, a->type, a->rows,
                                             a->components, a->values, NULL),
                     MPINN_OK);
  }
  return heart;
}

static void personalize(fixture *f, mpinn_subject *heart, bool uncertainty) {
  static const char *const names[] = {"AT_00", "AT_01"};
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  options.n_context = 2;
  options.context = names;
  options.query = "AT_03";
  options.uncertainty = uncertainty;
  f->warnings = 0;
  assert_int_equal(
      mpinn_personalize_subject(f->contexts[0], &f->models[0], heart, NULL, &options, NULL, NULL), MPINN_OK);
}

static void deviations_are_attached_and_go_with_the_next_answer(void **state) {
  fixture *f = *state;
  mpinn_subject *heart = heart_of_size(f, 1);
  personalize(f, heart, true);
  assert_non_null(mpinn_subject_find(heart, "ATStd", MPINN_NODES));
  assert_non_null(mpinn_subject_find(heart, "CVStd", MPINN_NODES));
  assert_non_null(strstr(mpinn_subject_get_text(heart, "metapinn_uncertainty"), "2 twins"));
  personalize(f, heart, false);
  assert_null(mpinn_subject_find(heart, "ATStd", MPINN_NODES));
  assert_null(mpinn_subject_find(heart, "CVStd", MPINN_NODES));
  assert_null(mpinn_subject_get_text(heart, "metapinn_uncertainty"));
  mpinn_subject_destroy(&heart);
}

/* A human heart in cm, in mm, in 0.1 mm. */
static void a_heart_of_an_unlikely_size_is_questioned(void **state) {
  static const double sizes[] = {0.1, 0.25, 1, 10};
  static const bool questioned[] = {true, false, false, true};
  fixture *f = *state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    mpinn_subject *heart = heart_of_size(f, sizes[i]);
    assert_int_equal(mpinn_subject_set_text(f->contexts[0], heart, "units", "cm"), MPINN_OK);
    personalize(f, heart, false);
    const char *text = mpinn_subject_get_text(heart, "metapinn_units_questioned");
    assert_int_equal(f->warnings > 0, questioned[i]);
    assert_int_equal(text != NULL, questioned[i]);
    if (text) assert_non_null(strstr(text, "'cm'"));
    mpinn_subject_destroy(&heart);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deviations_are_positive_and_the_same_for_any_number_of_threads),
      cmocka_unit_test(numbers_of_measured_nodes_do_not_matter),
      cmocka_unit_test(a_map_of_eight_nodes_has_deviations),
      cmocka_unit_test(a_calibration_holds_nine_truths_in_ten),
      cmocka_unit_test(strangers_are_far_from_the_sample_and_one_in_a_hundred_of_it),
      cmocka_unit_test(a_calibration_is_written_and_read),
      cmocka_unit_test(frame_and_unit_do_not_matter_to_the_likeness),
      cmocka_unit_test(deviations_are_attached_and_go_with_the_next_answer),
      cmocka_unit_test(a_heart_of_an_unlikely_size_is_questioned),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
