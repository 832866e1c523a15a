/* The physics-based baseline: velocities of segments recovered from maps, whatever their clocks and order,
 * and sentences for what cannot be fitted. */
#include "metapinn/baselines.h"
#include "metapinn/phantom.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cancelling_context.h"
#include "measured_maps.h"
#include "shapes.h"

enum { MAPS = 4, MEASURED = 90, PLACEMENT = 1 };

/* A phantom whose scar is one of the paper's groups, and its maps, solved on the very mesh. */
typedef struct fixture {
  mpinn_context *context;
  double cancel_at; /* progress at which the callback cancels */
  mpinn_subject *heart;
  size_t n_nodes, n_cells;
  double points[3 * MEASURED], times[MAPS][MEASURED];
  mpinn_map maps[MAPS];
  mpinn_site sites[MAPS];
  float *cv, *cell_cv;
} fixture;

static void measure(fixture *f) {
  const mpinn_array *origins = mpinn_subject_find(f->heart, "origins", MPINN_FIELD);
  read_measured_maps(f->heart, MEASURED, MAPS, f->points, f->times[0]);
  for (size_t m = 0; m < MAPS; m++) {
    f->maps[m] = (mpinn_map){"a map", f->times[m]};
    for (size_t k = 0; k < 3; k++) f->sites[m].position[k] = mpinn_array_get(origins, m, k);
  }
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->cancel_at = INFINITY;
  f->context = make_cancelling_context(&f->cancel_at, 2);
  f->heart = make_scarred_heart(f->context, PLACEMENT, MEASURED, MAPS);
  f->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(f->heart));
  f->n_cells = mpinn_mesh_cell_count(mpinn_subject_mesh(f->heart));
  f->cv = calloc(f->n_nodes, sizeof *f->cv);
  f->cell_cv = calloc(f->n_cells, sizeof *f->cell_cv);
  measure(f);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  mpinn_subject_destroy(&f->heart);
  mpinn_context_destroy(&f->context);
  free(f->cv);
  free(f->cell_cv);
  free(f);
  return 0;
}

/* All maps, from their true sites. */
static mpinn_baseline_input input_of(const fixture *f) {
  return (mpinn_baseline_input){.heart = f->heart,
                                .n_surface = MEASURED,
                                .surface = f->points,
                                .n_maps = MAPS,
                                .maps = f->maps,
                                .sites = f->sites};
}

static mpinn_segments_fit_options options_of(size_t evaluations) {
  mpinn_segments_fit_options options;
  mpinn_segments_fit_options_default(&options);
  options.max_evaluations = evaluations;
  return options;
}

static mpinn_segments_fit_report fit(fixture *f, mpinn_context *context, const mpinn_baseline_input *input,
                                     const mpinn_segments_fit_options *options, mpinn_site *sites) {
  mpinn_segments_fit_report report;
  if (mpinn_fit_segments(context, input, options, f->cv, f->cell_cv, sites, &report) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  assert_true(report.evaluations <= options->max_evaluations);
  assert_true(report.misfit_after <= report.misfit_before);
  return report;
}

/* ---- what is found ---- */

static void test_the_defaults_are_the_papers(void **state) {
  mpinn_segments_fit_options options;
  (void)state;
  mpinn_segments_fit_options_default(&options);
  assert_int_equal(mpinn_segmentation_groups(options.segmentation), 5);
  assert_float_equal(options.bounds[0], 0.01, 0);
  assert_float_equal(options.bounds[1], 1, 0);
  assert_int_equal(options.max_evaluations, 500);
  assert_string_equal(mpinn_segmentation_name(MPINN_SEGMENTATION_PAPER), "paper");
  assert_string_equal(mpinn_segmentation_name(MPINN_SEGMENTATION_AHA), "aha17+rv");
  assert_int_equal(mpinn_segmentation_groups(MPINN_SEGMENTATION_AHA), 18);
  assert_null(mpinn_segmentation_name(MPINN_SEGMENTATION_COUNT));
}

static void test_velocities_are_recovered_from_known_sites(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_segments_fit_options options = options_of(150);
  const mpinn_array *truth = mpinn_subject_find(f->heart, "CV", MPINN_NODES);
  const mpinn_array *cell_truth = mpinn_subject_find(f->heart, "CV", MPINN_CELLS);
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, NULL);
  assert_int_equal(r.stopped, MPINN_FIT_CONVERGED);
  assert_int_equal(r.n_groups, 5);
  assert_int_equal(r.n_measured, MAPS * MEASURED);
  assert_int_equal(r.solves, MAPS * r.evaluations);
  assert_true(r.misfit_before > 5);
  assert_true(r.misfit_after < 0.2);
  for (size_t g = 0; g < 5; g++)
    assert_float_equal(r.velocity[g], g == PLACEMENT ? 0.1 : 0.6, g == PLACEMENT ? 0.002 : 0.02);
  for (size_t i = 0; i < f->n_nodes; i++)
    assert_float_equal(f->cv[i], mpinn_array_get(truth, i, 0), 0.03 * mpinn_array_get(truth, i, 0));
  for (size_t c = 0; c < f->n_cells; c++)
    assert_float_equal(f->cell_cv[c], mpinn_array_get(cell_truth, c, 0),
                       0.03 * mpinn_array_get(cell_truth, c, 0));
}

static void test_sites_are_found_with_the_velocities(void **state) {
  fixture *f = *state;
  mpinn_baseline_input input = input_of(f);
  const mpinn_segments_fit_options options = options_of(120);
  mpinn_site sites[MAPS];
  double away = 0;
  input.sites = NULL;
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, sites);
  for (size_t g = 0; g < 5; g++)
    assert_float_equal(r.velocity[g], g == PLACEMENT ? 0.1 : 0.6, g == PLACEMENT ? 0.01 : 0.1);
  for (size_t m = 0; m < MAPS; m++)
    for (size_t k = 0; k < 3; k++)
      away +=
          (sites[m].position[k] - f->sites[m].position[k]) * (sites[m].position[k] - f->sites[m].position[k]);
  assert_true(sqrt(away / MAPS) < 10); /* mm; the mesh's edges are about as long */
  assert_true(r.misfit_after < 2);
  assert_true(r.solves > MAPS * r.evaluations);
}

static void test_more_evaluations_never_fit_worse(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const size_t evaluations[] = {1, 2, 8, 20};
  double misfit = INFINITY;
  for (size_t i = 0; i < 4; i++) {
    const mpinn_segments_fit_options options = options_of(evaluations[i]);
    const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, NULL);
    assert_int_equal(r.stopped, MPINN_FIT_EVALUATIONS);
    assert_int_equal(r.evaluations, evaluations[i]);
    assert_true(r.misfit_after <= misfit);
    misfit = r.misfit_after;
  }
}

static void test_clocks_and_order_do_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_segments_fit_options options = options_of(15);
  mpinn_baseline_input input = input_of(f);
  double times[MAPS][MEASURED];
  mpinn_map maps[MAPS];
  mpinn_site sites[MAPS], expected[MAPS], found[MAPS];
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, expected);
  for (size_t m = 0; m < MAPS; m++) {
    const size_t from = (m + 1) % MAPS;
    for (size_t i = 0; i < MEASURED; i++) times[m][i] = f->times[from][i] - 300 * (double)m;
    maps[m] = (mpinn_map){"another", times[m]};
    sites[m] = f->sites[from];
    sites[m].onset = 99; /* is not looked at */
  }
  input.maps = maps;
  input.sites = sites;
  const mpinn_segments_fit_report other = fit(f, f->context, &input, &options, found);
  for (size_t g = 0; g < 5; g++) assert_float_equal(other.velocity[g], r.velocity[g], 1e-5);
  assert_float_equal(other.misfit_before, r.misfit_before, 1e-6);
  for (size_t m = 0; m < MAPS; m++)
    assert_float_equal(found[m].onset, expected[(m + 1) % MAPS].onset - 300 * (double)m, 1e-3);
}

static void test_threads_do_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_segments_fit_options options = options_of(12);
  mpinn_context *alone = make_cancelling_context(&f->cancel_at, 1);
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, NULL);
  const mpinn_segments_fit_report other = fit(f, alone, &input, &options, NULL);
  assert_memory_equal(other.velocity, r.velocity, 5 * sizeof *r.velocity);
  assert_true(other.misfit_after == r.misfit_after);
  mpinn_context_destroy(&alone);
}

static void test_partial_maps_and_the_querys_first_fifth(void **state) {
  fixture *f = *state;
  const mpinn_segments_fit_options options = options_of(3);
  mpinn_baseline_input input = input_of(f);
  double partial[MEASURED];
  for (size_t i = 0; i < MEASURED; i++) partial[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? -10000 : f->times[0][i];
  const mpinn_map maps[2] = {{"partial", partial}, f->maps[1]};
  input.maps = maps;
  input.n_maps = 1;
  input.query = &maps[1];
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, NULL);
  assert_int_equal(r.n_measured, MEASURED / 3 + MEASURED / 5);
  assert_int_equal(r.solves, 2 * r.evaluations);
}

static void test_the_strong_segmentation_finds_the_scar(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  mpinn_segments_fit_options options = options_of(400);
  options.segmentation = MPINN_SEGMENTATION_AHA;
  const mpinn_segments_fit_report r = fit(f, f->context, &input, &options, NULL);
  assert_int_equal(r.n_groups, 18);
  for (size_t s = 1; s <= 18; s++) {
    if (s == 17) continue; /* the apex: hardly measured on so coarse a mesh */
    const bool scar = s == 2 || s == 3 || s == 8 || s == 9;
    if (!(scar ? r.velocity[s - 1] < 0.15 : r.velocity[s - 1] > 0.35))
      fail_msg("segment %zu: %g m/s", s, r.velocity[s - 1]);
  }
}

/* ---- other hearts ---- */

/* A cube of 0.4 m/s whose nodes have the segments given; times from a corner at all of its nodes. */
static mpinn_subject *make_cube(fixture *f, int32_t left, int32_t right, double *times, mpinn_site *site) {
  const double side[3] = {20, 20, 20};
  mpinn_mesh *mesh = shape_cube(f->context, side, 2);
  mpinn_subject *cube = NULL;
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  const size_t n = mpinn_mesh_node_count(mesh);
  float *at = calloc(n, sizeof *at);
  int32_t *segment = calloc(n, sizeof *segment);
  mpinn_velocity_default(&velocity);
  velocity.uniform = 0.4;
  *site = (mpinn_site){{0, 0, 0}, 0};
  assert_int_equal(mpinn_eikonal_create(f->context, mesh, &velocity, &solver), MPINN_OK);
  assert_int_equal(mpinn_eikonal_solve(f->context, solver, 1, site, at), MPINN_OK);
  mpinn_eikonal_destroy(&solver);
  for (size_t i = 0; i < n; i++) {
    times[i] = (double)at[i];
    segment[i] = mpinn_mesh_points(mesh)[3 * i] < 10 ? left : right;
  }
  assert_int_equal(mpinn_subject_create(f->context, &mesh, &cube), MPINN_OK);
  if (left >= 0)
    assert_int_equal(
        mpinn_subject_add_array(f->context, cube, "segment", MPINN_NODES, MPINN_INT32, n, 1, segment, NULL),
        MPINN_OK);
  free(at);
  free(segment);
  return cube;
}

/* BOBYQA needs two unknowns. */
static void test_one_group_alone_is_fitted_too(void **state) {
  fixture *f = *state;
  double times[200];
  mpinn_site site;
  mpinn_subject *cube = make_cube(f, 4, 4, times, &site);
  const mpinn_map map = {"corner", times};
  const mpinn_baseline_input input = {.heart = cube,
                                      .n_surface = mpinn_mesh_node_count(mpinn_subject_mesh(cube)),
                                      .surface = mpinn_mesh_points(mpinn_subject_mesh(cube)),
                                      .n_maps = 1,
                                      .maps = &map,
                                      .sites = &site};
  mpinn_segments_fit_report r;
  assert_int_equal(mpinn_fit_segments(f->context, &input, NULL, NULL, NULL, NULL, &r), MPINN_OK);
  for (size_t g = 0; g < 5; g++) /* segment 4 is of the third group */
    if (g != 2) assert_true(isnan(r.velocity[g]));
  assert_float_equal(r.velocity[2], 0.4, 0.001);
  mpinn_subject_destroy(&cube);
}

/* Segment 18 is in none of the paper's groups. */
static void test_tissue_of_no_group_keeps_its_velocity(void **state) {
  fixture *f = *state;
  double times[200];
  mpinn_site site;
  mpinn_subject *cube = make_cube(f, MPINN_SEGMENT_RV, 4, times, &site);
  const mpinn_map map = {"corner", times};
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(cube));
  const mpinn_baseline_input input = {.heart = cube,
                                      .n_surface = n,
                                      .surface = mpinn_mesh_points(mpinn_subject_mesh(cube)),
                                      .n_maps = 1,
                                      .maps = &map,
                                      .sites = &site};
  mpinn_segments_fit_options options = options_of(100);
  float cv[200];
  options.elsewhere = 0.4;
  assert_int_equal(mpinn_fit_segments(f->context, &input, &options, cv, NULL, NULL, NULL), MPINN_OK);
  for (size_t i = 0; i < n; i++) assert_float_equal(cv[i], 0.4, 0.001);
  mpinn_subject_destroy(&cube);
}

/* ---- refusals ---- */

static void test_cancelling_leaves_everything_as_it_was(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_segments_fit_options options = options_of(100);
  mpinn_segments_fit_report report = {.evaluations = 77};
  mpinn_site sites[MAPS] = {{.onset = 77}};
  for (size_t i = 0; i < f->n_nodes; i++) f->cv[i] = 77;
  f->cancel_at = 0.1;
  assert_int_equal(mpinn_fit_segments(f->context, &input, &options, f->cv, f->cell_cv, sites, &report),
                   MPINN_CANCELLED);
  f->cancel_at = INFINITY;
  for (size_t i = 0; i < f->n_nodes; i++) assert_float_equal(f->cv[i], 77, 0);
  assert_int_equal(report.evaluations, 77);
  assert_float_equal(sites[0].onset, 77, 0);
}

static void expect_refusal(fixture *f, const mpinn_baseline_input *input,
                           const mpinn_segments_fit_options *options, mpinn_status status,
                           const char *words) {
  assert_int_equal(mpinn_fit_segments(f->context, input, options, f->cv, NULL, NULL, NULL), status);
  if (!strstr(mpinn_context_error(f->context), words)) fail_msg("%s", mpinn_context_error(f->context));
}

static void test_bad_maps_are_named(void **state) {
  fixture *f = *state;
  mpinn_baseline_input input = input_of(f);
  double few[MEASURED];
  const mpinn_map map = {"LAT_7", few};
  mpinn_site nowhere = {.position = {0, NAN, 0}};
  for (size_t i = 0; i < MEASURED; i++) few[i] = i < 3 ? f->times[0][i] : NAN;
  input.n_maps = 0;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "No activation map");
  input.n_maps = 1;
  input.maps = &map;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "'LAT_7' has 3 measured nodes; expected at least 4");
  for (size_t i = 0; i < 5; i++) few[i] = f->times[0][i];
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "5 measurements; expected at least 6");
  input.query = &map;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "1 measured nodes in its earliest 20 %");
  input.sites = &nowhere;
  input.query = NULL;
  expect_refusal(f, &input, NULL, MPINN_ERROR_ARGUMENT, "map 0 is at (0, nan, 0) mm");
}

static void test_bad_options_are_named(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  mpinn_segments_fit_options options = options_of(5);
  options.bounds[0] = 0;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "bounds of the velocity are 0 and 1");
  options.bounds[0] = 2;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "bounds of the velocity are 2 and 1");
  options.bounds[0] = 0.7;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "start from is 0.6 m/s");
  options = options_of(0);
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "0 evaluations");
  options = options_of(5);
  options.tolerance = 0;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "tolerance of 0");
  options = options_of(5);
  options.elsewhere = NAN;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "in no group is nan m/s");
  options = options_of(5);
  options.segmentation = MPINN_SEGMENTATION_COUNT;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "Segmentation 3");
}

static void test_a_heart_without_segments_is_refused(void **state) {
  fixture *f = *state;
  double times[200];
  mpinn_site site;
  mpinn_subject *none = make_cube(f, -1, -1, times, &site), *zero = make_cube(f, 0, 0, times, &site);
  mpinn_baseline_input input = input_of(f);
  input.heart = none;
  expect_refusal(f, &input, NULL, MPINN_ERROR_ARGUMENT, "no node array 'segment'");
  input.heart = zero;
  expect_refusal(f, &input, NULL, MPINN_ERROR_ARGUMENT, "No cell of the heart is in a segment");
  mpinn_subject_destroy(&none);
  mpinn_subject_destroy(&zero);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_defaults_are_the_papers),
      cmocka_unit_test(test_velocities_are_recovered_from_known_sites),
      cmocka_unit_test(test_sites_are_found_with_the_velocities),
      cmocka_unit_test(test_more_evaluations_never_fit_worse),
      cmocka_unit_test(test_clocks_and_order_do_not_matter),
      cmocka_unit_test(test_threads_do_not_matter),
      cmocka_unit_test(test_partial_maps_and_the_querys_first_fifth),
      cmocka_unit_test(test_the_strong_segmentation_finds_the_scar),
      cmocka_unit_test(test_one_group_alone_is_fitted_too),
      cmocka_unit_test(test_tissue_of_no_group_keeps_its_velocity),
      cmocka_unit_test(test_cancelling_leaves_everything_as_it_was),
      cmocka_unit_test(test_bad_maps_are_named),
      cmocka_unit_test(test_bad_options_are_named),
      cmocka_unit_test(test_a_heart_without_segments_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
