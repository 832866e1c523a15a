/* What if: exact times on known velocities, and sentences for bad questions. */
#include "metapinn/what_if.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shapes.h"

#include "context_fixture.h"

/* A cube of 20 mm whose CV is 0.5 m/s at its nodes. */
static mpinn_subject *make_heart(void) {
  const double side[3] = {20, 20, 20};
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  mpinn_subject *heart = NULL;
  const size_t n = mpinn_mesh_node_count(mesh);
  float *cv = malloc(n * sizeof *cv);
  for (size_t i = 0; i < n; i++) cv[i] = 0.5f;
  assert_int_equal(mpinn_subject_create(context, &mesh, &heart), MPINN_OK);
  assert_int_equal(mpinn_subject_add_array(context, heart, "CV", MPINN_NODES, MPINN_FLOAT32, n, 1, cv, NULL),
                   MPINN_OK);
  free(cv);
  return heart;
}

static double value_at(const mpinn_subject *heart, const char *name, double x, double y, double z) {
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(heart));
  const mpinn_array *array = mpinn_subject_find(heart, name, MPINN_NODES);
  assert_non_null(array);
  for (size_t i = 0; i < array->rows; i++)
    if (points[3 * i] == x && points[3 * i + 1] == y && points[3 * i + 2] == z)
      return mpinn_array_get(array, i, 0);
  fail_msg("no node there");
  return 0;
}

static const mpinn_site corner = {.position = {0, 0, 0}, .onset = 7};

static void test_times_are_distances_over_the_velocity(void **state) {
  mpinn_subject *heart = make_heart();
  mpinn_what_if_options options;
  (void)state;
  mpinn_what_if_options_default(&options);
  options.n_sites = 1;
  options.sites = &corner;
  assert_int_equal(mpinn_what_if(context, heart, &options), MPINN_OK);
  assert_float_equal(value_at(heart, "AT_whatif", 20, 0, 0), 47, 0.01);
  assert_float_equal(value_at(heart, "AT_whatif", 20, 20, 20), 7 + 40 * sqrt(3), 0.5);
  assert_float_equal(value_at(heart, "CV_whatif", 10, 10, 10), 0.5, 1e-6);
  assert_string_equal(mpinn_subject_get_text(heart, "metapinn_what_if_origin"), "0 0 0 7");
  assert_string_equal(mpinn_subject_get_text(heart, "metapinn_what_if_cv"), "CV");
  assert_null(mpinn_subject_get_text(heart, "metapinn_what_if_regions"));
  mpinn_subject_destroy(&heart);
}

static void test_a_slow_region_delays_what_is_behind_it(void **state) {
  mpinn_subject *heart = make_heart();
  mpinn_what_if_options options;
  const mpinn_what_if_region regions[] = {{{20, 0, 0}, 6, 0.1}, {{20, 0, 0}, 1, 0.3}};
  (void)state;
  mpinn_what_if_options_default(&options);
  options.n_sites = 1;
  options.sites = &corner;
  options.n_regions = 2;
  options.regions = regions;
  assert_int_equal(mpinn_what_if(context, heart, &options), MPINN_OK);
  assert_float_equal(value_at(heart, "CV_whatif", 20, 0, 0), 0.3, 1e-6); /* the later region */
  assert_float_equal(value_at(heart, "CV_whatif", 17.5, 0, 0), 0.1, 1e-6);
  assert_float_equal(value_at(heart, "CV_whatif", 10, 0, 0), 0.5, 1e-6);
  assert_float_equal(value_at(heart, "CV", 20, 0, 0), 0.5, 1e-6); /* the answer stays */
  assert_true(value_at(heart, "AT_whatif", 20, 0, 0) > 57);
  assert_float_equal(value_at(heart, "AT_whatif", 10, 0, 0), 27, 0.01);
  assert_string_equal(mpinn_subject_get_text(heart, "metapinn_what_if_regions"),
                      "20 0 0 6 0.1; 20 0 0 1 0.3");
  mpinn_subject_destroy(&heart);
}

static void test_an_edited_array_and_several_fronts(void **state) {
  mpinn_subject *heart = make_heart();
  const size_t n = mpinn_mesh_cell_count(mpinn_subject_mesh(heart));
  double *fast = malloc(n * sizeof *fast);
  mpinn_what_if_options options;
  const mpinn_site sites[] = {{{0, 0, 0}, 0}, {{20, 0, 0}, 4}};
  (void)state;
  for (size_t i = 0; i < n; i++) fast[i] = 1;
  assert_int_equal(
      mpinn_subject_add_array(context, heart, "drug", MPINN_CELLS, MPINN_FLOAT64, n, 1, fast, NULL),
      MPINN_OK);
  mpinn_what_if_options_default(&options);
  options.n_sites = 2;
  options.sites = sites;
  options.cv = "drug";
  assert_int_equal(mpinn_what_if(context, heart, &options), MPINN_OK);
  assert_float_equal(value_at(heart, "AT_whatif", 10, 0, 0), 10, 0.01);
  assert_float_equal(value_at(heart, "AT_whatif", 15, 0, 0), 9, 0.01);
  assert_non_null(mpinn_subject_find(heart, "CV_whatif", MPINN_CELLS));
  free(fast);
  mpinn_subject_destroy(&heart);
}

static void expect_refusal(mpinn_subject *heart, const mpinn_what_if_options *options, const char *words) {
  assert_int_equal(mpinn_what_if(context, heart, options), MPINN_ERROR_ARGUMENT);
  if (!strstr(mpinn_context_error(context), words)) fail_msg("%s", mpinn_context_error(context));
  assert_null(mpinn_subject_find(heart, "AT_whatif", MPINN_NODES));
}

static void test_bad_questions_are_named(void **state) {
  mpinn_subject *heart = make_heart();
  const mpinn_site far = {.position = {900, 0, 0}}, nowhere = {.position = {NAN, 0, 0}};
  const mpinn_what_if_region away = {{50, 0, 0}, 3, 0.1}, flat = {{0, 0, 0}, 0, 0.1},
                             still = {{0, 0, 0}, 5, 0};
  mpinn_what_if_options options;
  (void)state;
  mpinn_what_if_options_default(&options);
  expect_refusal(heart, &options, "No site of origin");
  options.n_sites = 1;
  options.sites = &far;
  expect_refusal(heart, &options, "880 mm from the heart");
  options.sites = &nowhere;
  expect_refusal(heart, &options, "must be finite");
  options.sites = &corner;
  options.cv = "velocity";
  expect_refusal(heart, &options, "no node or cell array 'velocity'");
  options.cv = NULL;
  options.n_regions = 1;
  options.regions = &away;
  expect_refusal(heart, &options, "nearest node is 30 mm away");
  options.regions = &flat;
  expect_refusal(heart, &options, "radius 0 mm");
  options.regions = &still;
  expect_refusal(heart, &options, "region 0 is 0 m/s");
  options.n_regions = 0;
  ((float *)mpinn_subject_find(heart, "CV", MPINN_NODES)->values)[3] = -1;
  expect_refusal(heart, &options, "'CV' of node 3 is -1 m/s");
  mpinn_subject_destroy(&heart);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_times_are_distances_over_the_velocity),
      cmocka_unit_test(test_a_slow_region_delays_what_is_behind_it),
      cmocka_unit_test(test_an_edited_array_and_several_fronts),
      cmocka_unit_test(test_bad_questions_are_named),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
