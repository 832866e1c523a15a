/* What kind of activation a map shows: phantoms with scars activated from one and from several sites,
 * circuits, and garbage. Lengths mm, times ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/internal.h"
#include "metapinn/origin.h"
#include "metapinn/phantom.h"
#include "metapinn/rhythm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 400, HEARTS = 2, FOCI = 10, SEVERAL = 5 };

typedef struct fixture {
  mpinn_context *context;
  uint64_t seed; /* of the heart */
  mpinn_subject *heart;
  mpinn_eikonal *solver;
  const double *wall; /* [n][3] */
  size_t n;
  float *at;             /* [n] */
  size_t measured[MOST]; /* nodes */
  size_t n_measured;
  double points[MOST][3], times[MOST];
  mpinn_random random;
} fixture;

/* A heart with one to three scars. */
static void make_heart(fixture *f, uint64_t seed) {
  mpinn_phantom_options options;
  mpinn_velocity velocity;
  mpinn_scar scars[3];
  mpinn_random_seed(&f->random, seed);
  if (f->seed == seed) return;
  f->seed = seed;
  mpinn_eikonal_destroy(&f->solver);
  mpinn_subject_destroy(&f->heart);
  free(f->at);
  mpinn_phantom_options_default(&options);
  mpinn_velocity_default(&velocity);
  options.seed = seed;
  options.nodes = 1600;
  assert_int_equal(mpinn_phantom_create(f->context, &options, &f->heart), MPINN_OK);
  const size_t n_scars = 1 + seed % 3;
  for (size_t i = 0; i < n_scars; i++)
    assert_int_equal(mpinn_scar_random(f->context, f->heart, 10 * seed + i, &scars[i]), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(f->context, f->heart, 0.6, n_scars, scars), MPINN_OK);
  f->wall = mpinn_mesh_points(mpinn_subject_mesh(f->heart));
  f->n = mpinn_mesh_node_count(mpinn_subject_mesh(f->heart));
  f->at = calloc(f->n, sizeof *f->at);
  velocity.association = MPINN_CELLS;
  velocity.speed = mpinn_subject_find(f->heart, "CV", MPINN_CELLS)->values;
  assert_int_equal(mpinn_eikonal_create(f->context, mpinn_subject_mesh(f->heart), &velocity, &f->solver),
                   MPINN_OK);
}

static void measure_at(fixture *f, size_t count) {
  assert_int_equal(mpinn_subject_sample_measured(f->context, f->heart, count, count), MPINN_OK);
  const mpinn_array *marks = mpinn_subject_find(f->heart, "measured", MPINN_NODES);
  f->n_measured = 0;
  for (size_t i = 0; i < f->n; i++) {
    if (mpinn_array_get(marks, i, 0) == 0) continue;
    memcpy(f->points[f->n_measured], f->wall + 3 * i, sizeof f->points[0]);
    f->measured[f->n_measured++] = i;
  }
}

static int setup(void **state) {
  static fixture f;
  const mpinn_context_options options = {.threads = 1};
  assert_int_equal(mpinn_context_create(&options, &f.context), MPINN_OK);
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

static double distance(const double a[3], const double b[3]) {
  return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static void activate(fixture *f, size_t n_sites, const mpinn_site *sites, double noise) {
  assert_int_equal(mpinn_eikonal_solve(f->context, f->solver, n_sites, sites, f->at), MPINN_OK);
  for (size_t i = 0; i < f->n_measured; i++)
    f->times[i] = (double)f->at[f->measured[i]] + noise * mpinn_random_normal(&f->random);
}

/* From any node of the wall. */
static void activate_from_anywhere(fixture *f, double noise) {
  mpinn_site site = {.onset = 0};
  memcpy(site.position, f->wall + 3 * mpinn_random_below(&f->random, f->n), sizeof site.position);
  activate(f, 1, &site, noise);
}

/* From n measured nodes outside of scar, at least apart from one another, at most 20 ms one after the other.
 */
static void activate_from_several(fixture *f, size_t n, double apart, double noise, mpinn_site sites[]) {
  for (size_t made = 0; made < n;) {
    const size_t point = mpinn_random_below(&f->random, f->n_measured);
    const double *p = f->points[point];
    bool far = mpinn_array_get(mpinn_subject_find(f->heart, "CV", MPINN_NODES), f->measured[point], 0) > 0.3;
    for (size_t i = 0; i < made; i++) far &= distance(p, sites[i].position) >= apart;
    if (!far) continue;
    memcpy(sites[made].position, p, sizeof sites[made].position);
    sites[made].onset = made > 0 ? mpinn_random_uniform(&f->random, 0, 20) : 0;
    made++;
  }
  activate(f, n, sites, noise);
}

/* A front that turns about the long axis once a cycle; times are folded at the cycle. */
static void turn(fixture *f, double cycle, double phase, double noise) {
  for (size_t i = 0; i < f->n_measured; i++) {
    const double turns = atan2(f->points[i][1], f->points[i][0]) / (2 * acos(-1)) + phase;
    f->times[i] = cycle * (turns - floor(turns)) + noise * mpinn_random_normal(&f->random);
  }
}

static mpinn_rhythm recognize(fixture *f, int32_t *basin) {
  const mpinn_rhythm_input input = {
      .n = f->n_measured, .points = f->points[0], .times = f->times, .mesh = mpinn_subject_mesh(f->heart)};
  mpinn_rhythm rhythm;
  if (mpinn_recognize_rhythm(f->context, &input, &rhythm, basin) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(f->context));
  return rhythm;
}

static void one_origin_is_focal_whatever_the_scars(void **state) {
  fixture *f = *state;
  size_t wrong = 0, maps = 0;
  for (uint64_t seed = 1; seed <= HEARTS; seed++) {
    make_heart(f, seed);
    for (size_t m = 0; m < FOCI; m++) {
      measure_at(f, m % 2 ? 300 : 120);
      activate_from_anywhere(f, m % 4 < 2 ? 0 : 3);
      const mpinn_rhythm rhythm = recognize(f, NULL);
      wrong += rhythm.kind != MPINN_RHYTHM_FOCAL || rhythm.n_sources != 1;
      maps++;
    }
  }
  print_message("          %zu of %zu taken for another rhythm\n", wrong, maps);
  assert_true(wrong <= 1);
}

static void several_origins_are_told_apart(void **state) {
  fixture *f = *state;
  mpinn_site sites[4];
  size_t missed = 0, maps = 0;
  for (uint64_t seed = 1; seed <= HEARTS; seed++) {
    make_heart(f, seed);
    measure_at(f, 300);
    for (size_t m = 0; m < SEVERAL; m++) {
      activate_from_several(f, 2 + m % 2, 30, m % 2 ? 3 : 0, sites);
      const mpinn_rhythm rhythm = recognize(f, NULL);
      missed += rhythm.kind != MPINN_RHYTHM_MULTIFOCAL;
      maps++;
    }
  }
  print_message("          %zu of %zu missed\n", missed, maps);
  assert_true(missed <= 1);
}

static void early_meets_late_in_a_circuit_only(void **state) {
  fixture *f = *state;
  make_heart(f, 2);
  for (size_t m = 0; m < 6; m++) {
    measure_at(f, m % 2 ? 300 : 120);
    turn(f, 300, 0.15 * (double)m, m < 3 ? 0 : 3);
    const mpinn_rhythm rhythm = recognize(f, NULL);
    assert_int_equal(rhythm.kind, MPINN_RHYTHM_REENTRY);
    assert_true(rhythm.early_meets_late > 0.85);
    assert_non_null(strstr(rhythm.reason, "early meets late"));
  }
}

static void shuffled_times_are_noise(void **state) {
  fixture *f = *state;
  size_t order[MOST];
  double shuffled[MOST];
  make_heart(f, 2);
  for (size_t m = 0; m < 8; m++) {
    measure_at(f, m % 2 ? 300 : 60);
    activate_from_anywhere(f, 0);
    assert_true(recognize(f, NULL).roughness < 0.4);
    for (size_t i = 0; i < f->n_measured; i++) order[i] = i;
    mpinn_random_shuffle(&f->random, f->n_measured, order);
    for (size_t i = 0; i < f->n_measured; i++) shuffled[i] = f->times[order[i]];
    memcpy(f->times, shuffled, f->n_measured * sizeof *shuffled);
    const mpinn_rhythm rhythm = recognize(f, NULL);
    assert_int_equal(rhythm.kind, MPINN_RHYTHM_NOISE);
    assert_true(rhythm.roughness > 0.7);
  }
}

static void assert_alike(const mpinn_rhythm *a, const mpinn_rhythm *b, double scale) {
  assert_int_equal(a->kind, b->kind);
  assert_int_equal(a->n_sources, b->n_sources);
  assert_true(fabs(a->early_meets_late - b->early_meets_late) < 1e-6);
  assert_true(fabs(a->roughness - b->roughness) < 1e-6);
  assert_true(fabs(scale * a->span - b->span) < 1e-4);
  for (size_t s = 0; s < a->n_sources; s++) {
    assert_int_equal(a->sources[s].point, b->sources[s].point);
    assert_int_equal(a->sources[s].n_points, b->sources[s].n_points);
    assert_true(fabs(scale * a->sources[s].prominence - b->sources[s].prominence) < 1e-4);
  }
}

/* Without the mesh, which the transformations of the points would have to move, too. */
static mpinn_rhythm recognize_points(fixture *f) {
  const mpinn_rhythm_input input = {.n = f->n_measured, .points = f->points[0], .times = f->times};
  mpinn_rhythm rhythm;
  assert_int_equal(mpinn_recognize_rhythm(f->context, &input, &rhythm, NULL), MPINN_OK);
  return rhythm;
}

static void frame_and_clock_do_not_matter(void **state) {
  fixture *f = *state;
  mpinn_site sites[3];
  const double c = cos(0.7), s = sin(0.7);
  make_heart(f, 1);
  for (size_t m = 0; m < 4; m++) {
    measure_at(f, 200);
    if (m == 3)
      turn(f, 280, 0.3, 0);
    else
      activate_from_several(f, 1 + m, 40, 1, sites);
    const mpinn_rhythm before = recognize_points(f);
    for (size_t i = 0; i < f->n_measured; i++) f->times[i] -= 1234;
    mpinn_rhythm after = recognize_points(f);
    assert_alike(&before, &after, 1);
    for (size_t i = 0; i < f->n_measured; i++) {
      double *p = f->points[i];
      const double x = p[0], y = p[1];
      p[0] = 0.3 * (c * x - s * y) + 17; /* turned, moved, and a rabbit's */
      p[1] = 0.3 * (s * x + c * y);
      p[2] *= 0.3;
      f->times[i] *= 0.3;
    }
    after = recognize_points(f);
    assert_alike(&before, &after, 0.3);
  }
}

static void order_of_points_does_not_matter(void **state) {
  fixture *f = *state;
  mpinn_site sites[3];
  make_heart(f, 1);
  measure_at(f, 200);
  activate_from_several(f, 3, 40, 1, sites);
  const mpinn_rhythm before = recognize(f, NULL);
  for (size_t i = 0, j = f->n_measured - 1; i < j; i++, j--) {
    double p[3];
    memcpy(p, f->points[i], sizeof p);
    memcpy(f->points[i], f->points[j], sizeof p);
    memcpy(f->points[j], p, sizeof p);
    p[0] = f->times[i];
    f->times[i] = f->times[j];
    f->times[j] = p[0];
  }
  mpinn_rhythm after = recognize(f, NULL);
  for (size_t s = 0; s < after.n_sources; s++)
    after.sources[s].point = f->n_measured - 1 - after.sources[s].point;
  assert_alike(&before, &after, 1);
}

static void holes_are_not_measured(void **state) {
  fixture *f = *state;
  int32_t basin[MOST];
  mpinn_site sites[2];
  make_heart(f, 2);
  measure_at(f, 300);
  activate_from_several(f, 2, 60, 0, sites);
  for (size_t i = 0; i < f->n_measured; i += 3) f->times[i] = i % 2 ? NAN : -10000;
  const mpinn_rhythm rhythm = recognize(f, basin);
  assert_int_equal(rhythm.n_measured, 200);
  assert_int_equal(rhythm.kind, MPINN_RHYTHM_MULTIFOCAL);
  size_t counted[MPINN_RHYTHM_MOST_SOURCES] = {0};
  for (size_t i = 0; i < f->n_measured; i++) {
    assert_int_equal(basin[i] < 0, i % 3 == 0);
    if (basin[i] >= 0) counted[basin[i]]++;
  }
  for (size_t s = 0; s < rhythm.n_sources; s++) assert_int_equal(counted[s], rhythm.sources[s].n_points);
}

static void one_wrong_time_is_no_source(void **state) {
  fixture *f = *state;
  make_heart(f, 2);
  measure_at(f, 300);
  activate_from_anywhere(f, 0);
  f->times[100] -= 400;
  f->times[200] += 400;
  const mpinn_rhythm rhythm = recognize(f, NULL);
  assert_int_equal(rhythm.kind, MPINN_RHYTHM_FOCAL);
}

static void few_points_and_equal_times_tell_nothing(void **state) {
  fixture *f = *state;
  make_heart(f, 1);
  measure_at(f, 100);
  for (size_t i = 0; i < f->n_measured; i++) f->times[i] = i < 15 ? (double)i : NAN;
  mpinn_rhythm rhythm = recognize(f, NULL);
  assert_int_equal(rhythm.kind, MPINN_RHYTHM_UNKNOWN);
  assert_non_null(strstr(rhythm.reason, "15 measured points"));
  for (size_t i = 0; i < f->n_measured; i++) f->times[i] = 12.5;
  rhythm = recognize(f, NULL);
  assert_int_equal(rhythm.kind, MPINN_RHYTHM_UNKNOWN);
  for (size_t i = 0; i < f->n_measured; i++) { /* all in one place */
    memcpy(f->points[i], f->points[0], sizeof f->points[0]);
    f->times[i] = (double)i;
  }
  const mpinn_rhythm at_one_place = recognize_points(f);
  assert_int_equal(at_one_place.kind, MPINN_RHYTHM_UNKNOWN);
}

static void sites_of_several_origins_are_found(void **state) {
  fixture *f = *state;
  int32_t basin[MOST];
  mpinn_site sites[2];
  mpinn_origin origins[MPINN_RHYTHM_MOST_SOURCES];
  make_heart(f, 1);
  measure_at(f, 300);
  activate_from_several(f, 2, 60, 0, sites);
  const mpinn_rhythm rhythm = recognize(f, basin);
  assert_int_equal(rhythm.n_sources, 2);
  const mpinn_origin_search search = {.n = f->n_measured, .points = f->points[0], .times = f->times};
  assert_int_equal(mpinn_find_origins(f->context, f->solver, &search, basin, 2, origins), MPINN_OK);
  for (size_t s = 0; s < 2; s++) {
    const bool swapped = distance(origins[s].site.position, sites[s].position) > 30;
    const mpinn_site *truth = &sites[swapped ? 1 - s : s];
    assert_true(distance(origins[s].site.position, truth->position) < 5);
    assert_true(fabs(origins[s].site.onset - truth->onset) < 5);
  }
  for (size_t i = 0, kept = 0; i < f->n_measured; i++) /* five points are too few to search from */
    if (basin[i] == 1 && i != rhythm.sources[1].point && kept++ >= 4) basin[i] = -1;
  assert_int_equal(mpinn_find_origins(f->context, f->solver, &search, basin, 2, origins), MPINN_OK);
  assert_true(distance(origins[1].site.position, f->points[rhythm.sources[1].point]) == 0);
  assert_int_equal(mpinn_find_origins(f->context, f->solver, &search, basin, 3, origins), MPINN_ERROR_MAP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_origin_is_focal_whatever_the_scars),
      cmocka_unit_test(several_origins_are_told_apart),
      cmocka_unit_test(early_meets_late_in_a_circuit_only),
      cmocka_unit_test(shuffled_times_are_noise),
      cmocka_unit_test(frame_and_clock_do_not_matter),
      cmocka_unit_test(order_of_points_does_not_matter),
      cmocka_unit_test(holes_are_not_measured),
      cmocka_unit_test(one_wrong_time_is_no_source),
      cmocka_unit_test(few_points_and_equal_times_tell_nothing),
      cmocka_unit_test(sites_of_several_origins_are_found),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
