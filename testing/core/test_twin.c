/* Personalization as its users meet it: what maps may look like, what must not matter, and that the gradient is exact. The
 * weights are random: everything here holds for any weights. */
#include "metapinn/phantom.h"
#include "metapinn/twin.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { K = 3, MEASURED = 220 };

typedef struct fixture {
  mpinn_context *context;
  mpinn_model *model;
  mpinn_subject *heart;
  size_t n;
  const double *wall;
  double surface[MEASURED * 3], maps[K + 1][MEASURED];
  mpinn_map map[K + 1];
  float *at, *gradient, *cv, *residual;
} fixture;

static void make_model(fixture *f) {
  const mpinn_preset *preset = mpinn_preset_find("paper");
  const char *path = "/tmp/metapinn-test-twin.safetensors";
  mpinn_network *network = NULL;
  mpinn_frame frame;
  assert_int_equal(mpinn_network_create(f->context, preset, &mpinn_ops_cpu, false, &network), MPINN_OK);
  float *values = malloc(network->layout.n_values * sizeof *values);
  mpinn_layout_initialize(&network->layout, preset, 5, values);
  network->ops->upload(network->backend, network->layout.n_values, MPINN_FLOAT32, values, network->parameters);
  free(values);
  assert_int_equal(mpinn_frame_estimate(f->context, f->heart, &frame), MPINN_OK);
  mpinn_shape shapes[2] = {mpinn_shape_of(mpinn_subject_mesh(f->heart), &frame)};
  shapes[1] = shapes[0];
  shapes[1].numbers[0] += 0.1;
  assert_int_equal(mpinn_model_write(f->context, network, 2, shapes, 0, NULL, path), MPINN_OK);
  mpinn_network_destroy(&network);
  assert_int_equal(mpinn_model_read(f->context, path, MPINN_BACKEND_CPU, &f->model), MPINN_OK);
  unlink(path);
}

static int setup(void **state) {
  static fixture f;
  mpinn_phantom_options options;
  mpinn_phantom_options_default(&options);
  options.nodes = 1600;
  assert_int_equal(mpinn_context_create(NULL, &f.context), MPINN_OK);
  assert_int_equal(mpinn_phantom_create(f.context, &options, &f.heart), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(f.context, f.heart, 0.6, 0, NULL), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(f.context, f.heart, MEASURED, 1), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(f.context, f.heart, K + 1, 9, 0), MPINN_OK);
  f.n = mpinn_mesh_node_count(mpinn_subject_mesh(f.heart));
  f.wall = mpinn_mesh_points(mpinn_subject_mesh(f.heart));
  const mpinn_array *measured = mpinn_subject_find(f.heart, "measured", MPINN_NODES);
  size_t used = 0;
  for (size_t i = 0; i < f.n; i++) {
    if (mpinn_array_get(measured, i, 0) == 0) continue;
    memcpy(f.surface + 3 * used, f.wall + 3 * i, 3 * sizeof *f.wall);
    for (size_t m = 0; m <= K; m++) {
      char name[16];
      mpinn_subject_map_name(m, name);
      f.maps[m][used] = mpinn_array_get(mpinn_subject_find(f.heart, name, MPINN_NODES), i, 0);
    }
    used++;
  }
  assert_int_equal(used, MEASURED);
  f.at = calloc(f.n, sizeof *f.at);
  f.gradient = calloc(3 * f.n, sizeof *f.gradient);
  f.cv = calloc(f.n, sizeof *f.cv);
  f.residual = calloc(f.n, sizeof *f.residual);
  make_model(&f);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  mpinn_model_destroy(&f->model);
  mpinn_subject_destroy(&f->heart);
  mpinn_context_destroy(&f->context);
  free(f->at);
  free(f->gradient);
  free(f->cv);
  free(f->residual);
  return 0;
}

static mpinn_personalization input_of(fixture *f) {
  for (int m = 0; m <= K; m++) f->map[m] = (mpinn_map){m < K ? "context" : "query", f->maps[m]};
  return (mpinn_personalization){.heart = f->heart,
                                 .n_surface = MEASURED,
                                 .surface = f->surface,
                                 .n_context = K,
                                 .context = f->map,
                                 .query = &f->map[K]};
}

static mpinn_twin *twin_of(fixture *f, const mpinn_personalization *input) {
  mpinn_twin *twin = NULL;
  assert_int_equal(mpinn_personalize(f->context, f->model, input, &twin), MPINN_OK);
  return twin;
}

/* AT and CV of a personalization at the wall's nodes. */
static void fields_of(fixture *f, const mpinn_personalization *input, float *at, float *cv) {
  mpinn_twin *twin = twin_of(f, input);
  assert_int_equal(mpinn_twin_evaluate(f->context, twin, f->n, f->wall, at, NULL, cv, NULL), MPINN_OK);
  mpinn_twin_destroy(&twin);
}

static void assert_near(const fixture *f, const float *a, const float *b, double offset, double tolerance) {
  for (size_t i = 0; i < f->n; i++)
    if (fabs((double)a[i] - b[i] - offset) > tolerance)
      fail_msg("node %zu: %g and %g; expected a difference of %g", i, (double)a[i], (double)b[i], offset);
}

static void gradient_is_the_derivative_of_at(void **state) {
  fixture *f = *state;
  const mpinn_personalization input = input_of(f);
  mpinn_twin *twin = twin_of(f, &input);
  assert_int_equal(mpinn_twin_evaluate(f->context, twin, f->n, f->wall, f->at, f->gradient, f->cv, f->residual),
                   MPINN_OK);
  for (size_t i = 0; i < f->n; i += 37)
    for (size_t d = 0; d < 3; d++) {
      const double h = 0.2; /* mm: large against the rounding of float, small against the field's features */
      double points[6];
      float ends[2];
      memcpy(points, f->wall + 3 * i, 3 * sizeof *points);
      memcpy(points + 3, f->wall + 3 * i, 3 * sizeof *points);
      points[d] -= h;
      points[3 + d] += h;
      assert_int_equal(mpinn_twin_evaluate(f->context, twin, 2, points, ends, NULL, NULL, NULL), MPINN_OK);
      assert_true(fabs(((double)ends[1] - ends[0]) / (2 * h) - f->gradient[3 * i + d]) < 2e-3);
    }
  mpinn_twin_destroy(&twin);
}

static void residual_is_slope_times_speed_less_one(void **state) {
  fixture *f = *state;
  const mpinn_personalization input = input_of(f);
  mpinn_twin *twin = twin_of(f, &input);
  assert_int_equal(mpinn_twin_evaluate(f->context, twin, f->n, f->wall, f->at, f->gradient, f->cv, f->residual),
                   MPINN_OK);
  for (size_t i = 0; i < f->n; i++) {
    const float *g = f->gradient + 3 * i;
    const double slope = sqrt((double)g[0] * g[0] + (double)g[1] * g[1] + (double)g[2] * g[2]);
    assert_true(fabs(slope * f->cv[i] - 1 - f->residual[i]) < 1e-4);
    assert_true(f->cv[i] >= 0.1f && f->cv[i] <= 0.6f);
  }
  mpinn_twin_destroy(&twin);
}

static void zero_of_a_context_maps_clock_does_not_matter(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  fields_of(f, &input, f->at, f->cv);
  for (int i = 0; i < MEASURED; i++) f->maps[1][i] -= 250; /* negative times are legal */
  fields_of(f, &input, f->gradient, f->residual);
  for (int i = 0; i < MEASURED; i++) f->maps[1][i] += 250;
  assert_near(f, f->gradient, f->at, 0, 1e-2);
  assert_near(f, f->residual, f->cv, 0, 1e-4);
}

static void constant_added_to_the_query_is_added_to_at(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  fields_of(f, &input, f->at, f->cv);
  for (int i = 0; i < MEASURED; i++) f->maps[K][i] += 120;
  fields_of(f, &input, f->gradient, f->residual);
  for (int i = 0; i < MEASURED; i++) f->maps[K][i] -= 120;
  assert_near(f, f->gradient, f->at, 120, 1e-2);
  assert_near(f, f->residual, f->cv, 0, 1e-4);
}

static void order_of_context_maps_does_not_matter(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  fields_of(f, &input, f->at, f->cv);
  f->map[0].values = f->maps[2];
  f->map[2].values = f->maps[0];
  fields_of(f, &input, f->gradient, f->residual);
  assert_near(f, f->gradient, f->at, 0, 1e-2);
  assert_near(f, f->residual, f->cv, 0, 1e-4);
}

static void only_the_querys_early_part_matters(void **state) {
  fixture *f = *state;
  double latest = -INFINITY, before[MEASURED];
  mpinn_personalization input = input_of(f);
  fields_of(f, &input, f->at, f->cv);
  memcpy(before, f->maps[K], sizeof before);
  for (int i = 0; i < MEASURED; i++) latest = fmax(latest, before[i]);
  for (int i = 0; i < MEASURED; i++)
    if (before[i] > 0.6 * latest) f->maps[K][i] = latest + i; /* what comes late is not looked at */
  fields_of(f, &input, f->gradient, f->residual);
  memcpy(f->maps[K], before, sizeof before);
  assert_near(f, f->gradient, f->at, 0, 0);
}

static void threads_do_not_change_the_answer(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  mpinn_context_options options = {.threads = 1};
  mpinn_context *one = NULL;
  mpinn_twin *twin = NULL;
  fields_of(f, &input, f->at, f->cv);
  assert_int_equal(mpinn_context_create(&options, &one), MPINN_OK);
  assert_int_equal(mpinn_personalize(one, f->model, &input, &twin), MPINN_OK);
  assert_int_equal(mpinn_twin_evaluate(one, twin, f->n, f->wall, f->gradient, NULL, f->residual, NULL), MPINN_OK);
  assert_memory_equal(f->gradient, f->at, f->n * sizeof *f->at);
  assert_memory_equal(f->residual, f->cv, f->n * sizeof *f->cv);
  mpinn_twin_destroy(&twin);
  mpinn_context_destroy(&one);
}

static void origin_replaces_the_query(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  mpinn_site origin = {.onset = 30};
  memcpy(origin.position, f->wall, sizeof origin.position);
  input.query = NULL;
  input.origin = &origin;
  mpinn_twin *twin = twin_of(f, &input);
  assert_int_equal(mpinn_twin_get_info(twin).n_early, MEASURED / 5);
  mpinn_twin_destroy(&twin);
}

static void holes_and_sentinels_are_not_measured(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  for (int m = 0; m <= K; m++) f->maps[m][7] = -10000;
  f->maps[0][8] = NAN; /* the other maps know this node */
  mpinn_twin *twin = twin_of(f, &input);
  assert_int_equal(mpinn_twin_get_info(twin).n_measured, MEASURED - 1);
  mpinn_twin_destroy(&twin);
  for (int m = 0; m <= K; m++) f->maps[m][7] = f->maps[m][6];
  f->maps[0][8] = f->maps[0][6];
}

static void many_measured_nodes_are_thinned(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  input.max_measured = 100;
  mpinn_twin *twin = twin_of(f, &input);
  assert_int_equal(mpinn_twin_get_info(twin).n_measured, 100);
  mpinn_twin_destroy(&twin);
}

static void support_is_the_distance_to_a_measured_node(void **state) {
  fixture *f = *state;
  const mpinn_personalization input = input_of(f);
  mpinn_twin *twin = twin_of(f, &input);
  float support[2];
  double points[6];
  memcpy(points, f->surface, 3 * sizeof *points);
  memcpy(points + 3, f->surface, 3 * sizeof *points);
  points[5] += 1000;
  assert_int_equal(mpinn_twin_support(f->context, twin, 2, points, support), MPINN_OK);
  assert_true(support[0] == 0);
  assert_true(support[1] > 900 && support[1] <= 1000);
  mpinn_twin_destroy(&twin);
}

static void strangers_are_told_from_training_hearts(void **state) {
  fixture *f = *state;
  mpinn_subject *other = NULL;
  mpinn_phantom_options options;
  mpinn_personalization input = input_of(f);
  mpinn_twin *twin = twin_of(f, &input);
  assert_false(mpinn_twin_get_info(twin).stranger);
  assert_true(mpinn_twin_get_info(twin).shape_distance < 1e-6);
  mpinn_twin_destroy(&twin);
  mpinn_phantom_options_default(&options);
  options.seed = 4242;
  options.nodes = 1600;
  assert_int_equal(mpinn_phantom_create(f->context, &options, &other), MPINN_OK);
  input.heart = other;
  twin = twin_of(f, &input);
  assert_true(mpinn_twin_get_info(twin).stranger);
  mpinn_twin_destroy(&twin);
  mpinn_subject_destroy(&other);
}

static void assert_refused(fixture *f, const mpinn_personalization *input, const char *sentence) {
  mpinn_twin *twin = NULL;
  assert_int_equal(mpinn_personalize(f->context, f->model, input, &twin), MPINN_ERROR_MAP);
  assert_null(twin);
  if (!strstr(mpinn_context_error(f->context), sentence)) fail_msg("%s", mpinn_context_error(f->context));
}

static void unusable_maps_are_refused_by_name(void **state) {
  fixture *f = *state;
  mpinn_personalization input = input_of(f);
  double before[MEASURED];
  memcpy(before, f->maps[0], sizeof before);
  for (int i = 0; i < MEASURED; i++) f->maps[0][i] = NAN;
  assert_refused(f, &input, "'context' has 0 measured nodes");
  for (int i = 0; i < MEASURED; i++) f->maps[0][i] = 12;
  assert_refused(f, &input, "'context' is 12 ms at all");
  memcpy(f->maps[0], before, sizeof before);
  input.n_context = 0;
  assert_refused(f, &input, "No context map");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_is_the_derivative_of_at),
      cmocka_unit_test(residual_is_slope_times_speed_less_one),
      cmocka_unit_test(zero_of_a_context_maps_clock_does_not_matter),
      cmocka_unit_test(constant_added_to_the_query_is_added_to_at),
      cmocka_unit_test(order_of_context_maps_does_not_matter),
      cmocka_unit_test(only_the_querys_early_part_matters),
      cmocka_unit_test(threads_do_not_change_the_answer),
      cmocka_unit_test(origin_replaces_the_query),
      cmocka_unit_test(holes_and_sentinels_are_not_measured),
      cmocka_unit_test(many_measured_nodes_are_thinned),
      cmocka_unit_test(support_is_the_distance_to_a_measured_node),
      cmocka_unit_test(strangers_are_told_from_training_hearts),
      cmocka_unit_test(unusable_maps_are_refused_by_name),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
