/* Refinement of a twin: exact gradients through the eikonal solver, losses that fall, nothing changed by a
 * cancelled one. The weights are random: what is tested holds for any. */
#include "eikonal/adjoint.h"
#include "metapinn/phantom.h"
#include "model/refine_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cancelling_context.h"
#include "measured_maps.h"
#include "shapes.h"
#include "tiny_preset.h"

enum { MAPS = 3, MEASURED = 60 };

typedef struct fixture {
  mpinn_context *context;
  double cancel_at; /* progress at which the work is cancelled */
  mpinn_subject *heart;
  mpinn_model model;
  size_t n_nodes;
  double points[3 * MEASURED], times[MAPS][MEASURED];
} fixture;

static void make_network(fixture *f, const mpinn_preset *preset, mpinn_network **network) {
  assert_int_equal(mpinn_network_create(f->context, preset, &mpinn_ops_cpu, false, network), MPINN_OK);
  const size_t n = (*network)->layout.n_values;
  float *values = malloc(n * sizeof *values);
  mpinn_layout_initialize(&(*network)->layout, preset, 5, values);
  (*network)->ops->upload((*network)->backend, n, MPINN_FLOAT32, values, (*network)->parameters);
  free(values);
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  mpinn_phantom_options phantom;
  mpinn_tissue tissue;
  mpinn_phantom_options_default(&phantom);
  mpinn_tissue_default(&tissue);
  phantom.nodes = 400;
  phantom.ventricles = MPINN_LV_ALONE;
  f->cancel_at = INFINITY;
  f->context = make_cancelling_context(&f->cancel_at, 2);
  assert_int_equal(mpinn_phantom_create(f->context, &phantom, &f->heart), MPINN_OK);
  assert_int_equal(mpinn_subject_draw_tissue(f->context, f->heart, &tissue), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(f->context, f->heart, MEASURED, 3), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(f->context, f->heart, MAPS, 5, 0), MPINN_OK);
  f->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(f->heart));
  read_measured_maps(f->heart, MEASURED, MAPS, f->points, f->times[0]);
  make_network(f, &tiny, &f->model.network);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  mpinn_network_destroy(&f->model.network);
  mpinn_subject_destroy(&f->heart);
  mpinn_context_destroy(&f->context);
  free(f);
  return 0;
}

static mpinn_twin *personalize(fixture *f, mpinn_context *context, const mpinn_model *model) {
  mpinn_map maps[MAPS];
  mpinn_twin *twin = NULL;
  for (size_t m = 0; m < MAPS; m++) maps[m] = (mpinn_map){"map", f->times[m]};
  const mpinn_personalization input = {.heart = f->heart,
                                       .n_surface = MEASURED,
                                       .surface = f->points,
                                       .n_context = MAPS - 1,
                                       .context = maps,
                                       .query = &maps[MAPS - 1]};
  assert_int_equal(mpinn_personalize(context, model, &input, &twin), MPINN_OK);
  return twin;
}

/* AT and CV at the nodes, [2][n_nodes]. */
static float *answer(const fixture *f, mpinn_context *context, const mpinn_twin *twin) {
  float *fields = calloc(2 * f->n_nodes, sizeof *fields);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(f->heart));
  assert_int_equal(
      mpinn_twin_evaluate(context, twin, f->n_nodes, points, fields, NULL, fields + f->n_nodes, NULL),
      MPINN_OK);
  return fields;
}

/* ---- gradients ---- */

/* Σ T² over the nodes, of cells' velocities. */
static double solve_squares(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                            const mpinn_site *site, float *at, mpinn_eikonal **kept) {
  mpinn_velocity velocity;
  mpinn_eikonal *solver = NULL;
  double sum = 0;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = speed;
  assert_int_equal(mpinn_eikonal_create(context, mesh, &velocity, &solver), MPINN_OK);
  assert_int_equal(mpinn_eikonal_solve(context, solver, 1, site, at), MPINN_OK);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) sum += (double)at[i] * (double)at[i];
  if (kept)
    *kept = solver;
  else
    mpinn_eikonal_destroy(&solver);
  return sum;
}

/* But for what is near the site, where the solver's times are of straight paths. */
static void test_the_way_back_is_the_solvers_derivative(void **state) {
  const fixture *f = *state;
  const double side[3] = {40, 30, 30}, h = 0.005;
  const mpinn_site site = {.position = {3, 4, 5}};
  mpinn_mesh *mesh = shape_cube(f->context, side, 4);
  const size_t nodes = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  float *at = calloc(nodes, sizeof *at), *speed = calloc(cells, sizeof *speed);
  double *direction = calloc(cells, sizeof *direction), *by_at = calloc(nodes, sizeof *by_at);
  double *by_slowness = calloc(cells, sizeof *by_slowness), by_site[3], sums[2], slope = 0;
  mpinn_adjoint *adjoint = NULL;
  mpinn_eikonal *solver = NULL;
  for (size_t c = 0; c < cells; c++) {
    const int32_t node = mpinn_mesh_cells(mesh)[4 * c];
    const double *p = mpinn_mesh_points(mesh) + 3 * (size_t)node;
    speed[c] = (float)(0.5 + 0.2 * sin(p[0] / 9) * cos(p[1] / 7));
    direction[c] = sin(p[1] / 6 + p[2] / 11);
  }
  solve_squares(f->context, mesh, speed, &site, at, &solver);
  for (size_t i = 0; i < nodes; i++) by_at[i] = 2 * (double)at[i];
  assert_int_equal(mpinn_adjoint_create(f->context, mesh, &adjoint), MPINN_OK);
  mpinn_adjoint_run(adjoint, solver, &site, at, by_at, by_slowness, by_site);
  for (size_t c = 0; c < cells; c++) slope += by_slowness[c] * direction[c];
  for (int s = 0; s < 2; s++) {
    float *other = calloc(cells, sizeof *other);
    for (size_t c = 0; c < cells; c++)
      other[c] = (float)((double)speed[c] * exp((s ? -h : h) * direction[c]));
    sums[s] = solve_squares(f->context, mesh, other, &site, at, NULL);
    free(other);
  }
  const double difference = (sums[1] - sums[0]) / (2 * h);
  if (!(fabs(slope - difference) < 0.02 * fabs(difference))) fail_msg("%g is not %g", slope, difference);
  mpinn_adjoint_destroy(&adjoint);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
  free(at);
  free(speed);
  free(direction);
  free(by_at);
  free(by_slowness);
}

/* A front from further away comes later: by the way over the velocity. */
static void test_the_way_back_knows_where_the_site_is(void **state) {
  const fixture *f = *state;
  const double side[3] = {40, 30, 30};
  const mpinn_site site = {.position = {13, 14, 15}};
  mpinn_mesh *mesh = shape_cube(f->context, side, 4);
  const size_t nodes = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  float *at = calloc(nodes, sizeof *at), *speed = calloc(cells, sizeof *speed);
  double *by_at = calloc(nodes, sizeof *by_at), *by_slowness = calloc(cells, sizeof *by_slowness), by_site[3];
  mpinn_adjoint *adjoint = NULL;
  mpinn_eikonal *solver = NULL;
  for (size_t c = 0; c < cells; c++) speed[c] = 0.5f;
  solve_squares(f->context, mesh, speed, &site, at, &solver);
  for (size_t i = 0; i < nodes; i++) {
    const double *p = mpinn_mesh_points(mesh) + 3 * i;
    if (p[0] == 40 && p[1] == 15 && p[2] == 15) by_at[i] = 1;
  }
  assert_int_equal(mpinn_adjoint_create(f->context, mesh, &adjoint), MPINN_OK);
  mpinn_adjoint_run(adjoint, solver, &site, at, by_at, by_slowness, by_site);
  assert_float_equal(by_site[0], -2, 0.1); /* ms/mm at 0.5 m/s, straight towards the point */
  assert_float_equal(by_site[1], 0, 0.4);
  mpinn_adjoint_destroy(&adjoint);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
  free(at);
  free(speed);
  free(by_at);
  free(by_slowness);
}

static void test_the_whole_losss_gradient_is_its_difference(void **state) {
  fixture *f = *state;
  mpinn_twin *twin = personalize(f, f->context, &f->model);
  mpinn_velocity_problem p;
  double loss, held, losses[2], square = 0;
  assert_int_equal(mpinn_velocity_problem_create(f->context, twin, mpinn_subject_mesh(f->heart),
                                                 &twin->local.heart->nodes, &p),
                   MPINN_OK);
  assert_int_equal(p.n_maps, MAPS);
  const mpinn_ops *ops = p.network->ops;
  float *values = calloc(p.moving.n, sizeof *values), *gradient = calloc(p.moving.n, sizeof *gradient);
  assert_int_equal(mpinn_velocity_loss(&p, &loss, &held), MPINN_OK);
  ops->download(p.network->backend, p.moving.n, p.moving.values, MPINN_FLOAT32, values);
  ops->download(p.network->backend, p.moving.n, p.moving.gradient, MPINN_FLOAT32, gradient);
  for (size_t i = 0; i < p.moving.n; i++) square += (double)gradient[i] * (double)gradient[i];
  const double h = 0.01 * loss / square; /* one per cent of the loss, down the gradient */
  for (int s = 0; s < 2; s++) {
    float *moved = calloc(p.moving.n, sizeof *moved);
    for (size_t i = 0; i < p.moving.n; i++)
      moved[i] = (float)((double)values[i] + (s ? h : -h) * (double)gradient[i]);
    ops->upload(p.network->backend, p.moving.n, MPINN_FLOAT32, moved, p.moving.values);
    assert_int_equal(mpinn_velocity_loss(&p, &losses[s], &held), MPINN_OK);
    free(moved);
  }
  const double difference = (losses[1] - losses[0]) / (2 * h);
  assert_true(fabs(difference - square) < 0.02 * square);
  mpinn_velocity_problem_clear(&p);
  mpinn_twin_destroy(&twin);
  free(values);
  free(gradient);
}

/* ---- refining ---- */

static void test_losses_fall(void **state) {
  fixture *f = *state;
  mpinn_twin *twin = personalize(f, f->context, &f->model);
  mpinn_refine_options options;
  mpinn_refine_report report;
  mpinn_refine_options_default(&options);
  options.steps = 25;
  assert_int_equal(mpinn_twin_refine(f->context, twin, f->heart, &options, &report), MPINN_OK);
  assert_int_equal(report.velocity_steps, 25);
  assert_int_equal(report.activation_steps, 25);
  assert_int_equal(report.n_maps, MAPS);
  assert_true(report.loss_after < 0.9 * report.loss_before);
  assert_true(report.misfit_after < report.misfit_before);
  assert_true(report.residual_after < report.residual_before);
  assert_false(report.velocity_kept);
  mpinn_twin_destroy(&twin);
}

static void test_the_activation_can_be_left_as_it_was(void **state) {
  fixture *f = *state;
  mpinn_twin *twin = personalize(f, f->context, &f->model);
  mpinn_refine_options options;
  mpinn_refine_report report;
  float *before = answer(f, f->context, twin);
  mpinn_refine_options_default(&options);
  options.steps = 25;
  options.velocity_alone = true;
  assert_int_equal(mpinn_twin_refine(f->context, twin, f->heart, &options, &report), MPINN_OK);
  assert_int_equal(report.activation_steps, 0);
  assert_true(report.misfit_after < report.misfit_before);
  float *after = answer(f, f->context, twin);
  assert_memory_equal(before, after, f->n_nodes * sizeof *before);
  assert_memory_not_equal(before + f->n_nodes, after + f->n_nodes, f->n_nodes * sizeof *before);
  mpinn_twin_destroy(&twin);
  free(before);
  free(after);
}

static void test_a_cancelled_refinement_leaves_the_twin_as_it_was(void **state) {
  fixture *f = *state;
  mpinn_twin *twin = personalize(f, f->context, &f->model);
  mpinn_refine_options options;
  const double offset = mpinn_twin_get_info(twin).time_offset;
  float *before = answer(f, f->context, twin);
  mpinn_refine_options_default(&options);
  options.steps = 3;
  f->cancel_at = 0.7; /* far into it: the velocity is done */
  assert_int_equal(mpinn_twin_refine(f->context, twin, f->heart, &options, NULL), MPINN_CANCELLED);
  f->cancel_at = INFINITY;
  float *after = answer(f, f->context, twin);
  assert_memory_equal(before, after, 2 * f->n_nodes * sizeof *before);
  assert_true(offset == mpinn_twin_get_info(twin).time_offset);
  mpinn_twin_destroy(&twin);
  free(before);
  free(after);
}

static void test_threads_do_not_change_the_result(void **state) {
  fixture *f = *state;
  float *answers[2];
  mpinn_refine_options options;
  mpinn_refine_options_default(&options);
  options.steps = 3;
  for (int t = 0; t < 2; t++) {
    mpinn_context *context = make_cancelling_context(&f->cancel_at, 1 + 2 * t);
    mpinn_twin *twin = personalize(f, context, &f->model);
    assert_int_equal(mpinn_twin_refine(context, twin, f->heart, &options, NULL), MPINN_OK);
    answers[t] = answer(f, context, twin);
    mpinn_twin_destroy(&twin);
    mpinn_context_destroy(&context);
  }
  assert_memory_equal(answers[0], answers[1], 2 * f->n_nodes * sizeof *answers[0]);
  free(answers[0]);
  free(answers[1]);
}

/* ---- what is refused ---- */

static void test_another_heart_and_a_bad_option_are_refused(void **state) {
  fixture *f = *state;
  mpinn_twin *twin = personalize(f, f->context, &f->model);
  mpinn_phantom_options phantom;
  mpinn_subject *other = NULL;
  mpinn_refine_options options;
  mpinn_phantom_options_default(&phantom);
  phantom.nodes = 500;
  assert_int_equal(mpinn_phantom_create(f->context, &phantom, &other), MPINN_OK);
  mpinn_refine_options_default(&options);
  assert_int_equal(mpinn_twin_refine(f->context, twin, other, &options, NULL), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(f->context), "not the one that the twin was made of"));
  options.seconds = -1;
  assert_int_equal(mpinn_twin_refine(f->context, twin, f->heart, &options, NULL), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(f->context), "-1 seconds"));
  mpinn_subject_destroy(&other);
  mpinn_twin_destroy(&twin);
}

static void test_a_twin_of_the_papers_preset_is_refused(void **state) {
  fixture *f = *state;
  mpinn_model model = {0};
  mpinn_refine_options options;
  mpinn_refine_options_default(&options);
  make_network(f, mpinn_preset_find("paper"), &model.network);
  mpinn_twin *twin = personalize(f, f->context, &model);
  assert_int_equal(mpinn_twin_refine(f->context, twin, f->heart, &options, NULL), MPINN_ERROR_MODEL);
  assert_non_null(strstr(mpinn_context_error(f->context), "'paper'"));
  mpinn_twin_destroy(&twin);
  mpinn_network_destroy(&model.network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_way_back_is_the_solvers_derivative),
      cmocka_unit_test(test_the_way_back_knows_where_the_site_is),
      cmocka_unit_test(test_the_whole_losss_gradient_is_its_difference),
      cmocka_unit_test(test_losses_fall),
      cmocka_unit_test(test_the_activation_can_be_left_as_it_was),
      cmocka_unit_test(test_a_cancelled_refinement_leaves_the_twin_as_it_was),
      cmocka_unit_test(test_threads_do_not_change_the_result),
      cmocka_unit_test(test_another_heart_and_a_bad_option_are_refused),
      cmocka_unit_test(test_a_twin_of_the_papers_preset_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
