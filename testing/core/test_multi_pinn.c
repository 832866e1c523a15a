/* The multi-PINN baseline: its loss against finite differences, what it makes of a phantom's maps, and
 * sentences for what cannot be fitted. */
#include "baselines/multi_pinn.h"
#include "metapinn/metrics.h"
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

enum { MAPS = 3, MEASURED = 120, PLACEMENT = 1 };

/* A phantom with a scar, and its maps. */
typedef struct fixture {
  mpinn_context *context;
  double cancel_at; /* progress at which the callback cancels */
  mpinn_subject *heart;
  size_t n;
  double points[3 * MEASURED], times[MAPS][MEASURED];
  mpinn_map maps[MAPS];
  float *cv, *at, *residual, *other; /* [n], [MAPS][n], [MAPS][n], [MAPS][n] */
} fixture;

/* Times in 64ths of a ms: a constant that is added to them is exact. */
static void measure(fixture *f) {
  read_measured_maps(f->heart, MEASURED, MAPS, f->points, f->times[0]);
  for (size_t m = 0; m < MAPS; m++) {
    for (size_t i = 0; i < MEASURED; i++) f->times[m][i] = round(64 * f->times[m][i]) / 64;
    f->maps[m] = (mpinn_map){"a map", f->times[m]};
  }
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->cancel_at = INFINITY;
  f->context = make_cancelling_context(&f->cancel_at, 1);
  f->heart = make_scarred_heart(f->context, PLACEMENT, MEASURED, MAPS);
  f->n = mpinn_mesh_node_count(mpinn_subject_mesh(f->heart));
  f->cv = calloc(f->n, sizeof *f->cv);
  f->at = calloc(MAPS * f->n, sizeof *f->at);
  f->residual = calloc(MAPS * f->n, sizeof *f->residual);
  f->other = calloc(MAPS * f->n, sizeof *f->other);
  measure(f);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  mpinn_subject_destroy(&f->heart);
  mpinn_context_destroy(&f->context);
  free(f->cv);
  free(f->at);
  free(f->residual);
  free(f->other);
  free(f);
  return 0;
}

static mpinn_baseline_input input_of(const fixture *f) {
  return (mpinn_baseline_input){
      .heart = f->heart, .n_surface = MEASURED, .surface = f->points, .n_maps = MAPS, .maps = f->maps};
}

static mpinn_networks_fit_options options_of(size_t steps) {
  mpinn_networks_fit_options options;
  mpinn_networks_fit_options_default(&options);
  options.steps = steps;
  options.wall_nodes = 128;
  return options;
}

static mpinn_networks_fit_report fit(fixture *f, mpinn_context *context, const mpinn_baseline_input *input,
                                     const mpinn_networks_fit_options *options) {
  mpinn_networks_fit_report report;
  if (mpinn_fit_networks(context, input, options, f->cv, f->at, f->residual, &report) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return report;
}

/* Of map m over all nodes. */
static double at_scc(const fixture *f, size_t m) {
  char name[16];
  double scc;
  float *truth = malloc(f->n * sizeof *truth);
  mpinn_subject_map_name(m, name);
  for (size_t i = 0; i < f->n; i++)
    truth[i] = (float)mpinn_array_get(mpinn_subject_find(f->heart, name, MPINN_NODES), i, 0);
  scc = mpinn_scc(f->n, f->at + m * f->n, truth);
  free(truth);
  return scc;
}

static double cv_error(const fixture *f) {
  const mpinn_array *truth = mpinn_subject_find(f->heart, "CV", MPINN_NODES);
  double sum = 0;
  for (size_t i = 0; i < f->n; i++) sum += fabs((double)f->cv[i] - mpinn_array_get(truth, i, 0));
  return sum / (double)f->n;
}

/* ---- the loss ---- */

typedef struct direction {
  double *start, *along, *moved; /* [n_parameters] */
} direction;

static double loss_at(mpinn_multi_pinn *p, const direction *d, double step) {
  mpinn_fit_losses losses;
  for (size_t i = 0; i < p->n_parameters; i++) d->moved[i] = d->start[i] + step * d->along[i];
  assert_int_equal(p->ops->upload(p->backend, p->n_parameters, MPINN_FLOAT64, d->moved, p->parameters),
                   MPINN_OK);
  assert_int_equal(mpinn_multi_pinn_loss(p, 0.3, 0.2, &losses), MPINN_OK);
  assert_true(losses.data > 0 && losses.pde > 0 && losses.prior > 0);
  return losses.data + 0.3 * losses.pde + 0.2 * losses.prior;
}

/* Along a random direction, in double precision; the velocity net's kinks need short steps. */
static void check_direction(mpinn_multi_pinn *p, mpinn_random *random, const direction *d) {
  const double step = 1e-6;
  double expected = 0;
  for (size_t i = 0; i < p->n_parameters; i++) d->along[i] = mpinn_random_normal(random);
  const double before = loss_at(p, d, -step), after = loss_at(p, d, step);
  loss_at(p, d, 0);
  assert_int_equal(p->ops->download(p->backend, p->n_parameters, p->derivative, MPINN_FLOAT64, d->moved),
                   MPINN_OK);
  for (size_t i = 0; i < p->n_parameters; i++) expected += d->moved[i] * d->along[i];
  assert_float_equal((after - before) / (2 * step), expected, 1e-4 * fabs(expected) + 1e-5);
}

/* Of maps at different nodes, the last of them a query whose late nodes count. */
static void test_the_losses_derivative_is_exact(void **state) {
  fixture *f = *state;
  mpinn_baseline_input input = input_of(f);
  mpinn_networks_fit_options options = options_of(1);
  double partial[MEASURED];
  mpinn_multi_pinn p;
  mpinn_random random;
  for (size_t i = 0; i < MEASURED; i++) partial[i] = i % 3 == 0 ? NAN : f->times[0][i];
  const mpinn_map maps[2] = {{"partial", partial}, f->maps[1]};
  input.maps = maps;
  input.n_maps = 1;
  input.query = &maps[1];
  options.measured_nodes = 90; /* of 120 */
  assert_int_equal(mpinn_multi_pinn_create(f->context, &mpinn_ops_cpu_reference, &input, &options, &p),
                   MPINN_OK);
  mpinn_random_seed(&random, 4);
  assert_int_equal(mpinn_multi_pinn_draw(&p, &random), MPINN_OK);
  direction d = {calloc(p.n_parameters, sizeof(double)), calloc(p.n_parameters, sizeof(double)),
                 calloc(p.n_parameters, sizeof(double))};
  assert_int_equal(p.ops->download(p.backend, p.n_parameters, p.parameters, MPINN_FLOAT64, d.start),
                   MPINN_OK);
  for (int trial = 0; trial < 5; trial++) check_direction(&p, &random, &d);
  free(d.start);
  free(d.along);
  free(d.moved);
  mpinn_multi_pinn_clear(&p);
}

/* ---- what is found ---- */

static void test_maps_and_velocity_are_fitted(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_networks_fit_options options = options_of(1000);
  const mpinn_networks_fit_report r = fit(f, f->context, &input, &options);
  double squares = 0;
  assert_int_equal(r.steps, 1000);
  assert_int_equal(r.n_weights, MAPS * 1781 + 2621);
  assert_int_equal(r.n_measured, MAPS * MEASURED);
  assert_true(r.misfit_before > 50);
  assert_true(r.misfit_after < 8);
  assert_true(r.residual_after < 0.05);
  assert_true(cv_error(f) < 0.15);
  for (size_t m = 0; m < MAPS; m++) assert_true(at_scc(f, m) > 0.95);
  for (size_t i = 0; i < f->n; i++) assert_true(f->cv[i] >= 0.1f && f->cv[i] <= 0.6f);
  for (size_t i = 0; i < MAPS * f->n; i++) squares += (double)f->residual[i] * (double)f->residual[i];
  assert_float_equal(squares / (double)(MAPS * f->n), r.residual_after, 1e-6);
}

/* Every second electrode of a map is not shown. */
static void test_electrodes_left_out_are_predicted(void **state) {
  fixture *f = *state;
  const mpinn_networks_fit_options options = options_of(600);
  mpinn_baseline_input input = input_of(f);
  double partial[MEASURED];
  float predicted[MEASURED / 2], hidden[MEASURED / 2];
  mpinn_map maps[MAPS] = {{"partial", partial}, f->maps[1], f->maps[2]};
  for (size_t i = 0; i < MEASURED; i++) partial[i] = i % 2 ? NAN : f->times[0][i];
  input.maps = maps;
  fit(f, f->context, &input, &options);
  for (size_t i = 1; i < MEASURED; i += 2) {
    const size_t node = mpinn_mesh_nearest_node(mpinn_subject_mesh(f->heart), f->points + 3 * i);
    predicted[i / 2] = f->at[node];
    hidden[i / 2] = (float)f->times[0][i];
  }
  assert_true(mpinn_scc(MEASURED / 2, predicted, hidden) > 0.95);
}

/* T of the query's late nodes is only held to be late: with the early fifth alone it still rises beyond it.
 */
static void test_the_query_is_fitted_to_its_first_fifth(void **state) {
  fixture *f = *state;
  const mpinn_networks_fit_options options = options_of(60);
  mpinn_baseline_input input = input_of(f);
  double latest = -INFINITY, early[MEASURED], sorted[MEASURED];
  input.n_maps = 2;
  input.query = &f->maps[2];
  const mpinn_networks_fit_report r = fit(f, f->context, &input, &options);
  assert_int_equal(r.n_measured, 2 * MEASURED + MEASURED / 5);
  memcpy(sorted, f->times[2], sizeof sorted);
  for (size_t i = 0; i < MEASURED; i++)
    for (size_t j = i + 1; j < MEASURED; j++)
      if (sorted[j] < sorted[i]) {
        const double swap = sorted[i];
        sorted[i] = sorted[j];
        sorted[j] = swap;
      }
  latest = sorted[MEASURED / 5 - 1];
  /* What the rest of the query says makes no difference. */
  for (size_t i = 0; i < MEASURED; i++)
    early[i] = f->times[2][i] <= latest ? f->times[2][i] : f->times[2][i] + 5 * (double)i;
  const mpinn_map map = {"query", early};
  memcpy(f->other, f->at, MAPS * f->n * sizeof *f->at);
  input.query = &map;
  fit(f, f->context, &input, &options);
  assert_memory_equal(f->other, f->at, MAPS * f->n * sizeof *f->at);
}

/* ---- what does not matter ---- */

static void test_a_maps_clock_does_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_networks_fit_options options = options_of(40);
  mpinn_baseline_input input = input_of(f);
  double later[MEASURED];
  const mpinn_map maps[MAPS] = {f->maps[0], {"later", later}, f->maps[2]};
  for (size_t i = 0; i < MEASURED; i++) later[i] = f->times[1][i] + 512;
  fit(f, f->context, &input, &options);
  memcpy(f->other, f->at, MAPS * f->n * sizeof *f->at);
  input.maps = maps;
  fit(f, f->context, &input, &options);
  for (size_t i = 0; i < MAPS * f->n; i++)
    assert_float_equal(f->at[i], f->other[i] + (i / f->n == 1 ? 512 : 0), 1e-3);
}

static void test_threads_do_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  mpinn_networks_fit_options options = options_of(25);
  mpinn_context *two = make_cancelling_context(&f->cancel_at, 2);
  options.wall_nodes = 100000;
  const mpinn_networks_fit_report r = fit(f, f->context, &input, &options);
  memcpy(f->other, f->at, MAPS * f->n * sizeof *f->at);
  const mpinn_networks_fit_report other = fit(f, two, &input, &options);
  assert_memory_equal(f->other, f->at, MAPS * f->n * sizeof *f->at);
  assert_true(r.misfit_after == other.misfit_after && r.residual_after == other.residual_after);
  mpinn_context_destroy(&two);
}

static void test_the_seed_decides(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  mpinn_networks_fit_options options = options_of(25);
  fit(f, f->context, &input, &options);
  memcpy(f->other, f->at, MAPS * f->n * sizeof *f->at);
  fit(f, f->context, &input, &options);
  assert_memory_equal(f->other, f->at, MAPS * f->n * sizeof *f->at);
  options.seed = 2;
  fit(f, f->context, &input, &options);
  assert_memory_not_equal(f->other, f->at, MAPS * f->n * sizeof *f->at);
}

static void test_outputs_may_be_left_out(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_networks_fit_options options = options_of(2);
  assert_int_equal(mpinn_fit_networks(f->context, &input, &options, NULL, NULL, NULL, NULL), MPINN_OK);
}

/* ---- refusals ---- */

static void test_cancelling_leaves_everything_as_it_was(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  const mpinn_networks_fit_options options = options_of(50);
  mpinn_networks_fit_report report = {.steps = 77};
  for (size_t i = 0; i < MAPS * f->n; i++) f->at[i] = f->residual[i] = f->cv[i % f->n] = 77;
  for (int late = 0; late < 2; late++) {
    f->cancel_at = late ? 0.999 : 0.1;
    assert_int_equal(mpinn_fit_networks(f->context, &input, &options, f->cv, f->at, f->residual, &report),
                     MPINN_CANCELLED);
  }
  f->cancel_at = INFINITY;
  for (size_t i = 0; i < MAPS * f->n; i++)
    assert_true(f->at[i] == 77 && f->residual[i] == 77 && f->cv[i % f->n] == 77);
  assert_int_equal(report.steps, 77);
}

static void expect_refusal(fixture *f, const mpinn_baseline_input *input,
                           const mpinn_networks_fit_options *options, mpinn_status status,
                           const char *words) {
  assert_int_equal(mpinn_fit_networks(f->context, input, options, f->cv, f->at, NULL, NULL), status);
  if (!strstr(mpinn_context_error(f->context), words)) fail_msg("%s", mpinn_context_error(f->context));
}

static void test_bad_maps_are_named(void **state) {
  fixture *f = *state;
  mpinn_baseline_input input = input_of(f);
  double few[MEASURED];
  const mpinn_map map = {"LAT_7", few};
  for (size_t i = 0; i < MEASURED; i++) few[i] = i < 3 ? f->times[0][i] : NAN;
  input.n_maps = 0;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "No activation map");
  input.n_maps = 1;
  input.maps = &map;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "'LAT_7' has 3 measured nodes; expected at least 4");
  for (size_t i = 0; i < 5; i++) few[i] = f->times[0][i];
  input.query = &map;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MAP, "1 measured nodes in its earliest 20 %");
}

static void test_bad_options_are_named(void **state) {
  fixture *f = *state;
  const mpinn_baseline_input input = input_of(f);
  mpinn_networks_fit_options options = options_of(0);
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "0 steps");
  options = options_of(5);
  options.wall_nodes = 0;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "0 nodes of the wall");
  options = options_of(5);
  options.rate = NAN;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "learning rate goes from nan");
  options = options_of(5);
  options.end_rate = 1;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "to 1; expected");
  options = options_of(5);
  options.alpha = -1;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "PDE loss is -1");
  options = options_of(5);
  options.alpha_share[1] = 2;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "to 2 of the steps");
  options = options_of(5);
  options.healthy_weight = INFINITY;
  expect_refusal(f, &input, &options, MPINN_ERROR_ARGUMENT, "healthy velocity is inf");
}

static void test_a_heart_of_points_alone_is_refused(void **state) {
  fixture *f = *state;
  mpinn_baseline_input input = input_of(f);
  mpinn_mesh *mesh = NULL;
  mpinn_subject *cloud = NULL;
  assert_int_equal(mpinn_mesh_create_points(f->context, MEASURED, f->points, &mesh), MPINN_OK);
  assert_int_equal(mpinn_subject_create(f->context, &mesh, &cloud), MPINN_OK);
  input.heart = cloud;
  expect_refusal(f, &input, NULL, MPINN_ERROR_MESH, "no cells");
  mpinn_subject_destroy(&cloud);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_losses_derivative_is_exact),
      cmocka_unit_test(test_maps_and_velocity_are_fitted),
      cmocka_unit_test(test_electrodes_left_out_are_predicted),
      cmocka_unit_test(test_the_query_is_fitted_to_its_first_fifth),
      cmocka_unit_test(test_a_maps_clock_does_not_matter),
      cmocka_unit_test(test_threads_do_not_matter),
      cmocka_unit_test(test_the_seed_decides),
      cmocka_unit_test(test_outputs_may_be_left_out),
      cmocka_unit_test(test_cancelling_leaves_everything_as_it_was),
      cmocka_unit_test(test_bad_maps_are_named),
      cmocka_unit_test(test_bad_options_are_named),
      cmocka_unit_test(test_a_heart_of_points_alone_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
