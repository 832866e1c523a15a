/* The search for a map's site of origin: on phantoms whose maps were simulated from known ones. Lengths mm,
 * times ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/internal.h"
#include "metapinn/origin.h"
#include "metapinn/phantom.h"
#include "shapes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MEASURED = 250, EARLY = MEASURED / 5, ORIGINS = 12 };

typedef struct fixture {
  mpinn_context *context;
  mpinn_subject *heart;
  mpinn_eikonal *solver;
  size_t n;
  const double *wall;
  double surface[MEASURED][3];
  size_t measured[MEASURED];
  size_t origins[ORIGINS]; /* nodes: a third each of endocardium, epicardium and between */
  float *at;
} fixture;

static int threads_context(int threads, mpinn_context **context) {
  const mpinn_context_options options = {.threads = threads};
  return mpinn_context_create(&options, context);
}

/* Nodes of these classes by turns, each kind of node at random, none in scar. */
static void choose_origins(fixture *f) {
  static const double kinds[3] = {MPINN_CLASS_LV_ENDOCARDIUM, MPINN_CLASS_EPICARDIUM, MPINN_CLASS_INTERIOR};
  const mpinn_array *classes = mpinn_subject_find(f->heart, "surface_class", MPINN_NODES);
  const mpinn_array *cv = mpinn_subject_find(f->heart, "CV", MPINN_NODES);
  mpinn_random random;
  mpinn_random_seed(&random, 4);
  for (size_t i = 0; i < ORIGINS; i++) {
    size_t node = 0;
    do node = mpinn_random_below(&random, f->n);
    while (mpinn_array_get(classes, node, 0) != kinds[i % 3] || mpinn_array_get(cv, node, 0) < 0.35);
    f->origins[i] = node;
  }
}

static int setup(void **state) {
  static fixture f;
  mpinn_phantom_options options;
  mpinn_velocity velocity;
  mpinn_scar scar;
  size_t used = 0;
  mpinn_phantom_options_default(&options);
  mpinn_velocity_default(&velocity);
  mpinn_scar_paper(1, &scar);
  options.nodes = 1600;
  assert_int_equal(threads_context(2, &f.context), MPINN_OK);
  assert_int_equal(mpinn_phantom_create(f.context, &options, &f.heart), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(f.context, f.heart, 0.6, 1, &scar), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(f.context, f.heart, MEASURED, 1), MPINN_OK);
  f.n = mpinn_mesh_node_count(mpinn_subject_mesh(f.heart));
  f.wall = mpinn_mesh_points(mpinn_subject_mesh(f.heart));
  velocity.association = MPINN_CELLS;
  velocity.speed = mpinn_subject_find(f.heart, "CV", MPINN_CELLS)->values;
  assert_int_equal(mpinn_eikonal_create(f.context, mpinn_subject_mesh(f.heart), &velocity, &f.solver),
                   MPINN_OK);
  const mpinn_array *marks = mpinn_subject_find(f.heart, "measured", MPINN_NODES);
  for (size_t i = 0; i < f.n; i++) {
    if (mpinn_array_get(marks, i, 0) == 0) continue;
    memcpy(f.surface[used], f.wall + 3 * i, sizeof f.surface[used]);
    f.measured[used++] = i;
  }
  f.at = calloc(f.n, sizeof *f.at);
  choose_origins(&f);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  free(f->at);
  mpinn_eikonal_destroy(&f->solver);
  mpinn_subject_destroy(&f->heart);
  mpinn_context_destroy(&f->context);
  return 0;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The measured times of an activation from position; NaN where they are not among the first fifth. */
static void measure(fixture *f, const double position[3], double onset, mpinn_random *noise,
                    double times[MEASURED]) {
  double sorted[MEASURED];
  mpinn_site site = {.onset = onset};
  memcpy(site.position, position, sizeof site.position);
  assert_int_equal(mpinn_eikonal_solve(f->context, f->solver, 1, &site, f->at), MPINN_OK);
  for (size_t i = 0; i < MEASURED; i++) {
    times[i] = (double)f->at[f->measured[i]];
    if (noise) times[i] += 2 * mpinn_random_normal(noise);
    sorted[i] = times[i];
  }
  qsort(sorted, MEASURED, sizeof *sorted, compare);
  for (size_t i = 0; i < MEASURED; i++)
    if (times[i] > sorted[EARLY - 1]) times[i] = NAN;
}

static mpinn_origin find(fixture *f, mpinn_context *context, const double times[MEASURED]) {
  const mpinn_origin_search search = {.n = MEASURED, .points = f->surface[0], .times = times};
  mpinn_origin origin;
  if (mpinn_find_origin(context, f->solver, &search, &origin) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return origin;
}

static double distance(const double a[3], const double b[3]) {
  return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static double median_error(fixture *f, mpinn_random *noise, double *misfit) {
  double errors[ORIGINS], times[MEASURED];
  *misfit = 0;
  for (size_t i = 0; i < ORIGINS; i++) {
    measure(f, f->wall + 3 * f->origins[i], 0, noise, times);
    const mpinn_origin origin = find(f, f->context, times);
    errors[i] = distance(origin.site.position, f->wall + 3 * f->origins[i]);
    *misfit += origin.misfit / ORIGINS;
    assert_int_equal(origin.n_used, EARLY);
  }
  qsort(errors, ORIGINS, sizeof *errors, compare);
  print_message("          error %.2f mm median, %.2f mm greatest; misfit %.2f ms\n", errors[ORIGINS / 2],
                errors[ORIGINS - 1], *misfit);
  return errors[ORIGINS / 2];
}

static void origins_anywhere_in_the_wall_are_found(void **state) {
  double misfit;
  assert_true(median_error(*state, NULL, &misfit) < 2.5);
  assert_true(misfit < 1);
}

static void noise_blurs_origins_by_little(void **state) {
  fixture *f = *state;
  mpinn_random noise;
  double misfit;
  mpinn_random_seed(&noise, 7);
  assert_true(median_error(f, &noise, &misfit) < 4);
  assert_true(misfit > 1 && misfit < 3); /* that of the noise, 2 ms */
}

static void origins_between_nodes_are_found(void **state) {
  fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->heart);
  double errors[ORIGINS], times[MEASURED];
  for (size_t i = 0; i < ORIGINS; i++) {
    const int32_t *cell = mpinn_mesh_cells(mesh) + 4 * (i * 397 % mpinn_mesh_cell_count(mesh));
    double centre[3] = {0, 0, 0};
    for (int a = 0; a < 4; a++)
      for (int d = 0; d < 3; d++) centre[d] += f->wall[3 * cell[a] + d] / 4;
    measure(f, centre, 0, NULL, times);
    errors[i] = distance(find(f, f->context, times).site.position, centre);
  }
  qsort(errors, ORIGINS, sizeof *errors, compare);
  print_message("          error %.2f mm median, %.2f mm greatest\n", errors[ORIGINS / 2],
                errors[ORIGINS - 1]);
  assert_true(errors[ORIGINS / 2] < 0.3 * mpinn_mesh_mean_edge(mesh));
}

/* The latest of the early points is one of those that a first guess is made from. */
static void one_wrong_time_moves_origins_by_little(void **state) {
  fixture *f = *state;
  double errors[ORIGINS], times[MEASURED];
  for (size_t i = 0; i < ORIGINS; i++) {
    size_t latest = 0;
    measure(f, f->wall + 3 * f->origins[i], 0, NULL, times);
    for (size_t m = 1; m < MEASURED; m++)
      if (isnan(times[latest]) || times[m] > times[latest]) latest = m;
    times[latest] -= 10;
    errors[i] = distance(find(f, f->context, times).site.position, f->wall + 3 * f->origins[i]);
  }
  qsort(errors, ORIGINS, sizeof *errors, compare);
  print_message("          error %.2f mm median, %.2f mm greatest\n", errors[ORIGINS / 2],
                errors[ORIGINS - 1]);
  assert_true(errors[ORIGINS / 2] < 1.5);
}

/* Where cells are small beside what a first guess is wrong by, the search goes by longer steps at first. */
static void origins_on_fine_meshes_are_found(void **state) {
  fixture *f = *state;
  mpinn_mesh *square = shape_square(f->context, 40, 6);
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_origin origin;
  mpinn_random random;
  const double truth[3] = {17.2, 23.9, 0};
  double points[60][3], times[60];
  mpinn_random_seed(&random, 6);
  for (int i = 0; i < 60; i++) {
    points[i][0] = mpinn_random_uniform(&random, 0, 40);
    points[i][1] = mpinn_random_uniform(&random, 0, 40);
    points[i][2] = 0;
    times[i] = distance(points[i], truth) / 0.6 + 2 * mpinn_random_normal(&random);
  }
  mpinn_velocity_default(&velocity);
  assert_int_equal(mpinn_eikonal_create(f->context, square, &velocity, &solver), MPINN_OK);
  const mpinn_origin_search search = {
      .n = 60, .points = points[0], .times = times, .is_early = true, .max_solves = 8};
  assert_int_equal(mpinn_find_origin(f->context, solver, &search, &origin), MPINN_OK);
  print_message("          error %.2f mm, %zu solves\n", distance(origin.site.position, truth),
                origin.n_solves);
  assert_int_equal(origin.n_used, 60);
  assert_true(distance(origin.site.position, truth) < 0.8); /* 2 ms at 0.6 m/s, over some 30 times */
  assert_true(origin.n_solves < 100);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&square);
}

static void zero_of_the_clock_moves_the_onset_alone(void **state) {
  fixture *f = *state;
  double times[MEASURED];
  measure(f, f->wall + 3 * f->origins[1], 0, NULL, times);
  const mpinn_origin before = find(f, f->context, times);
  for (size_t i = 0; i < MEASURED; i++) times[i] -= 512; /* exact: what float holds has room in double */
  const mpinn_origin after = find(f, f->context, times);
  assert_true(fabs(after.site.onset - before.site.onset + 512) < 1e-9);
  assert_true(distance(after.site.position, before.site.position) == 0);
  assert_true(after.misfit == before.misfit);
}

static void onset_is_that_of_the_activation(void **state) {
  fixture *f = *state;
  double times[MEASURED];
  measure(f, f->wall + 3 * f->origins[2], 40, NULL, times);
  assert_true(fabs(find(f, f->context, times).site.onset - 40) < 4);
}

static void onset_is_not_after_the_earliest_time(void **state) {
  fixture *f = *state;
  mpinn_random noise;
  double times[MEASURED];
  mpinn_random_seed(&noise, 3);
  for (size_t i = 0; i < ORIGINS / 2; i++) {
    double earliest = INFINITY;
    measure(f, f->wall + 3 * f->origins[i], 0, &noise, times);
    for (size_t m = 0; m < MEASURED; m++) earliest = fmin(earliest, times[m]);
    assert_true(find(f, f->context, times).site.onset <= earliest);
  }
}

static void threads_do_not_change_the_origin(void **state) {
  fixture *f = *state;
  mpinn_context *one = NULL;
  double times[MEASURED];
  assert_int_equal(threads_context(1, &one), MPINN_OK);
  for (size_t i = 0; i < 3; i++) {
    measure(f, f->wall + 3 * f->origins[i], 0, NULL, times);
    const mpinn_origin a = find(f, f->context, times), b = find(f, one, times);
    assert_memory_equal(&a, &b, sizeof a);
  }
  mpinn_context_destroy(&one);
}

static void what_was_not_measured_is_ignored(void **state) {
  fixture *f = *state;
  double times[MEASURED], packed[MEASURED], points[MEASURED][3];
  size_t n = 0;
  mpinn_origin origin;
  measure(f, f->wall + 3 * f->origins[0], 0, NULL, times);
  for (size_t i = 0; i < MEASURED; i++) {
    if (isnan(times[i])) continue;
    packed[n] = times[i];
    memcpy(points[n++], f->surface[i], sizeof *points);
  }
  for (size_t i = 0; i < MEASURED; i += 2)
    if (isnan(times[i])) times[i] = -10000;
  const mpinn_origin expected = find(f, f->context, times);
  const mpinn_origin_search search = {.n = n, .points = points[0], .times = packed};
  assert_int_equal(mpinn_find_origin(f->context, f->solver, &search, &origin), MPINN_OK);
  assert_memory_equal(&origin, &expected, sizeof origin);
}

static void whole_maps_are_looked_at_where_they_are_early(void **state) {
  fixture *f = *state;
  double times[MEASURED];
  const double *truth = f->wall + 3 * f->origins[1];
  measure(f, truth, 0, NULL, times);
  for (size_t i = 0; i < MEASURED; i++) /* what is late is nonsense */
    times[i] = isnan(times[i]) ? 1000 + (double)(i % 7) : times[i];
  mpinn_origin_search search = {.n = MEASURED, .points = f->surface[0], .times = times, .max_solves = 12};
  mpinn_origin origin;
  assert_int_equal(mpinn_find_origin(f->context, f->solver, &search, &origin), MPINN_OK);
  assert_int_equal(origin.n_used, EARLY);
  assert_true(distance(origin.site.position, truth) < 4);
}

static void too_few_times_are_refused(void **state) {
  fixture *f = *state;
  double times[MEASURED], points[5][3];
  mpinn_origin_search search = {.n = MEASURED, .points = f->surface[0], .times = times};
  mpinn_origin origin;
  for (size_t i = 0; i < MEASURED; i++) times[i] = i < 3 ? 1.0 + (double)i : NAN;
  assert_int_equal(mpinn_find_origin(f->context, f->solver, &search, &origin), MPINN_ERROR_MAP);
  assert_non_null(
      strstr(mpinn_context_error(f->context), "times of 3 different points; expected at least 4"));
  for (size_t i = 0; i < 5; i++) { /* five times at one place are one */
    memcpy(points[i], f->surface[0], sizeof points[i]);
    times[i] = (double)i;
  }
  search = (mpinn_origin_search){.n = 5, .points = points[0], .times = times};
  assert_int_equal(mpinn_find_origin(f->context, f->solver, &search, &origin), MPINN_ERROR_MAP);
  search.n = 0;
  assert_int_equal(mpinn_find_origin(f->context, f->solver, &search, &origin), MPINN_ERROR_MAP);
}

/* Two squares that do not touch, the second 100 mm above. */
static mpinn_mesh *two_squares(mpinn_context *context) {
  mpinn_mesh *square = shape_square(context, 40, 3), *both = NULL;
  const size_t n = mpinn_mesh_node_count(square), cells = mpinn_mesh_cell_count(square);
  double *points = malloc(6 * n * sizeof *points);
  int32_t *nodes = malloc(6 * cells * sizeof *nodes);
  for (size_t i = 0; i < 3 * n; i++) {
    points[i] = mpinn_mesh_points(square)[i];
    points[3 * n + i] = points[i] + (i % 3 == 2 ? 100 : 0);
  }
  for (size_t i = 0; i < 3 * cells; i++) {
    nodes[i] = mpinn_mesh_cells(square)[i];
    nodes[3 * cells + i] = nodes[i] + (int32_t)n;
  }
  mpinn_mesh_create(context, MPINN_TRIANGLE, 2 * n, points, 2 * cells, nodes, &both);
  mpinn_mesh_destroy(&square);
  free(points);
  free(nodes);
  return both;
}

static void parts_that_do_not_touch_are_told_apart(void **state) {
  fixture *f = *state;
  mpinn_mesh *mesh = two_squares(f->context);
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_origin origin;
  const double truth[3] = {13, 24, 100};
  double points[8][3] = {{0, 0, 100},  {40, 0, 100}, {0, 40, 100}, {40, 40, 100},
                         {20, 0, 100}, {5, 5, 0},    {40, 5, 0},   {10, 30, 0}};
  double times[8];
  for (int i = 0; i < 8; i++) times[i] = i < 5 ? distance(points[i], truth) / 0.6 : 30;
  mpinn_velocity_default(&velocity);
  assert_int_equal(mpinn_eikonal_create(f->context, mesh, &velocity, &solver), MPINN_OK);
  const mpinn_origin_search search = {.n = 8, .points = points[0], .times = times};
  assert_int_equal(mpinn_find_origin(f->context, solver, &search, &origin), MPINN_OK);
  assert_int_equal(origin.n_used, 5);
  assert_true(distance(origin.site.position, truth) < 1.5);
  for (int i = 0; i < 2; i++) times[i] = NAN; /* three and three */
  assert_int_equal(mpinn_find_origin(f->context, solver, &search, &origin), MPINN_ERROR_MAP);
  assert_non_null(strstr(mpinn_context_error(f->context), "connected part"));
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(origins_anywhere_in_the_wall_are_found),
      cmocka_unit_test(noise_blurs_origins_by_little),
      cmocka_unit_test(origins_between_nodes_are_found),
      cmocka_unit_test(one_wrong_time_moves_origins_by_little),
      cmocka_unit_test(origins_on_fine_meshes_are_found),
      cmocka_unit_test(zero_of_the_clock_moves_the_onset_alone),
      cmocka_unit_test(onset_is_that_of_the_activation),
      cmocka_unit_test(onset_is_not_after_the_earliest_time),
      cmocka_unit_test(threads_do_not_change_the_origin),
      cmocka_unit_test(what_was_not_measured_is_ignored),
      cmocka_unit_test(whole_maps_are_looked_at_where_they_are_early),
      cmocka_unit_test(too_few_times_are_refused),
      cmocka_unit_test(parts_that_do_not_touch_are_told_apart),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
