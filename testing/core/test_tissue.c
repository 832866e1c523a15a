/* Random tissue, borders of scars, where maps are measured, and labels estimated from the shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/internal.h"
#include "metapinn/phantom.h"

#include <math.h>
#include <string.h>

#include "context_fixture.h"

static mpinn_subject *make_heart(mpinn_ventricles ventricles, uint64_t seed, size_t nodes) {
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.ventricles = ventricles;
  options.seed = seed;
  options.nodes = nodes;
  if (mpinn_phantom_create(context, &options, &subject) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return subject;
}

static size_t node_count(const mpinn_subject *subject) {
  return mpinn_mesh_node_count(mpinn_subject_mesh(subject));
}

static double value(const mpinn_subject *subject, const char *name, size_t node) {
  return mpinn_array_get(mpinn_subject_find(subject, name, MPINN_NODES), node, 0);
}

static void expect_error(mpinn_status status, const char *said) {
  assert_int_equal(status, MPINN_ERROR_ARGUMENT);
  if (!strstr(mpinn_context_error(context), said)) fail_msg("said: %s", mpinn_context_error(context));
}

/* ---- borders ---- */

/* A ball of 20 mm around a node: its border's speeds are those of the distance to its surface. */
static void speed_rises_smoothly_over_the_border(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 2, 2000);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(subject));
  mpinn_scar scar = {.radii = {20, 20, 20}, .axes = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, .transmural = {0, 1}};
  scar.speed = 0.1;
  scar.border = 15;
  memcpy(scar.centre, points + 3 * 100, sizeof scar.centre);
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), MPINN_OK);
  int between = 0;
  for (size_t i = 0; i < node_count(subject); i++) {
    double square = 0;
    for (size_t k = 0; k < 3; k++) square += pow(points[3 * i + k] - scar.centre[k], 2);
    const double s = fmax(0, fmin(1, (sqrt(square) - 20) / 15));
    assert_true(fabs(value(subject, "CV", i) - (0.1 + 0.5 * s * s * (3 - 2 * s))) < 1e-5);
    between += s > 0 && s < 1;
  }
  assert_true(between > 50);
  mpinn_subject_destroy(&subject);
}

/* Of a long ellipsoid the border is as wide at its ends as at its sides. */
static void a_border_is_as_wide_everywhere(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_LV_ALONE, 2, 4000);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(subject));
  mpinn_scar scar = {.radii = {60, 6, 9}, .axes = {{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}, .transmural = {0, 1}};
  const double centre[3] = {30, 0, -40};
  scar.speed = 0.1;
  scar.border = 8;
  memcpy(scar.centre, centre, sizeof centre);
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), MPINN_OK);
  size_t checked = 0;
  for (size_t i = 0; i < node_count(subject) && checked < 40; i++) {
    const double speed = value(subject, "CV", i), *x = points + 3 * i;
    if (!(speed > 0.11 && speed < 0.59)) continue;
    double nearest = INFINITY;
    for (int a = 0; a < 400; a++) /* the surface in its own polar coordinates */
      for (int b = 0; b < 200; b++) {
        const double u = 6.283185307 * a / 400, v = 3.14159265 * (b + 0.5) / 200;
        const double on[3] = {30 + 6 * sin(v) * cos(u), 9 * sin(v) * sin(u), -40 + 60 * cos(v)};
        nearest = fmin(nearest, hypot(hypot(x[0] - on[0], x[1] - on[1]), x[2] - on[2]));
      }
    const double s = nearest / 8;
    assert_true(fabs(speed - (0.1 + 0.5 * s * s * (3 - 2 * s))) < 0.01);
    checked++;
  }
  assert_true(checked > 20);
  mpinn_subject_destroy(&subject);
}

/* ---- random tissue ---- */

static void default_tissue_has_two_speeds(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 1, 1600);
  const size_t n = node_count(subject);
  mpinn_tissue tissue;
  float *before = malloc(n * sizeof *before);
  mpinn_tissue_default(&tissue);
  for (tissue.seed = 1; tissue.seed <= 20; tissue.seed++) {
    size_t slow = 0;
    assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
    for (size_t i = 0; i < n; i++) {
      const double speed = value(subject, "CV", i);
      assert_true(fabs(speed - 0.1) < 1e-6 || fabs(speed - 0.6) < 1e-6);
      slow += speed < 0.35;
    }
    assert_true(slow > 0 && slow < n);
    memcpy(before, mpinn_subject_find(subject, "CV", MPINN_NODES)->values, n * sizeof *before);
    assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
    assert_memory_equal(before, mpinn_subject_find(subject, "CV", MPINN_NODES)->values, n * sizeof *before);
  }
  free(before);
  mpinn_subject_destroy(&subject);
}

static void drawn_speeds_stay_in_their_ranges(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_LV_ALONE, 1, 800);
  mpinn_tissue tissue;
  double least = INFINITY, most = 0;
  mpinn_tissue_default(&tissue);
  tissue.healthy[0] = 0.4;
  tissue.healthy[1] = 0.8;
  tissue.slow[0] = 0.1;
  tissue.slow[1] = 0.3;
  tissue.border[1] = 10;
  for (tissue.seed = 1; tissue.seed <= 30; tissue.seed++) {
    assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
    double slowest = INFINITY, fastest = 0;
    for (size_t i = 0; i < node_count(subject); i++) {
      slowest = fmin(slowest, value(subject, "CV", i));
      fastest = fmax(fastest, value(subject, "CV", i));
    }
    assert_true(slowest > 0.0999 && slowest < 0.3001 && fastest < 0.8001);
    least = fmin(least, fastest);
    most = fmax(most, fastest);
  }
  assert_true(most - least > 0.2);
  mpinn_subject_destroy(&subject);
}

/* A scar that fills the heart shows which depths are spared. */
static void partial_scars_spare_every_part_of_the_wall_in_turn(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_LV_ALONE, 1, 1500);
  int spared[3] = {0}; /* endocardium, epicardium, neither */
  mpinn_tissue tissue;
  mpinn_tissue_default(&tissue);
  tissue.scars[0] = tissue.scars[1] = 1;
  tissue.radius[0] = tissue.radius[1] = 10;
  tissue.partial = 1;
  for (tissue.seed = 1; tissue.seed <= 40; tissue.seed++) {
    bool fast[2] = {false, false};
    assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
    for (size_t i = 0; i < node_count(subject); i++) {
      const double depth = value(subject, "transmural", i);
      if (value(subject, "CV", i) > 0.5 && (depth == 0 || depth == 1)) fast[depth == 1] = true;
    }
    assert_true(fast[0] || fast[1]);
    spared[fast[0] && fast[1] ? 2 : fast[1]]++;
  }
  for (int i = 0; i < 3; i++) assert_true(spared[i] > 4);
  mpinn_subject_remove_array(subject, "transmural", MPINN_NODES); /* and none is partial without it */
  assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
  mpinn_subject_destroy(&subject);
}

static void no_scars_are_healthy_tissue(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_RV_ALONE, 1, 800);
  mpinn_tissue tissue;
  mpinn_tissue_default(&tissue);
  tissue.scars[0] = tissue.scars[1] = 0;
  assert_int_equal(mpinn_subject_draw_tissue(context, subject, &tissue), MPINN_OK);
  for (size_t i = 0; i < node_count(subject); i++) assert_true(value(subject, "CV", i) > 0.59);
  mpinn_subject_destroy(&subject);
}

static void impossible_tissue_is_refused(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_LV_ALONE, 1, 800);
  mpinn_tissue tissue;
  mpinn_scar scar;
  mpinn_tissue_default(&tissue);
  tissue.scars[0] = 4;
  expect_error(mpinn_subject_draw_tissue(context, subject, &tissue), "From 4 to 3 scars");
  mpinn_tissue_default(&tissue);
  tissue.scars[1] = 33;
  expect_error(mpinn_subject_draw_tissue(context, subject, &tissue), "at most 32");
  mpinn_tissue_default(&tissue);
  tissue.slow[0] = 0;
  expect_error(mpinn_subject_draw_tissue(context, subject, &tissue), "slow speed is from 0");
  mpinn_tissue_default(&tissue);
  tissue.border[1] = -1;
  expect_error(mpinn_subject_draw_tissue(context, subject, &tissue), "border");
  mpinn_tissue_default(&tissue);
  tissue.partial = NAN;
  expect_error(mpinn_subject_draw_tissue(context, subject, &tissue), "not transmural");
  mpinn_scar_paper(0, &scar);
  scar.border = 3;
  expect_error(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), "border of 3 mm");
  mpinn_subject_destroy(&subject);
}

/* ---- where maps are measured ---- */

static size_t count_measured(const mpinn_subject *subject, size_t classes[5]) {
  size_t count = 0;
  memset(classes, 0, 5 * sizeof *classes);
  for (size_t i = 0; i < node_count(subject); i++) {
    if (value(subject, "measured", i) == 0) continue;
    count++;
    classes[(int)value(subject, "surface_class", i)]++;
  }
  return count;
}

static void samples_lie_on_the_surfaces_asked_for(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 1, 2000);
  mpinn_sampling sampling;
  size_t classes[5];
  mpinn_sampling_default(&sampling);
  assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
  assert_int_equal(count_measured(subject, classes), 300);
  assert_int_equal(classes[MPINN_CLASS_LV_ENDOCARDIUM] + classes[MPINN_CLASS_RV_ENDOCARDIUM], 300);
  for (int is = MPINN_CLASS_EPICARDIUM; is <= MPINN_CLASS_RV_ENDOCARDIUM; is++) {
    sampling.surfaces = 1u << is;
    sampling.count = 50;
    assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
    assert_int_equal(count_measured(subject, classes), 50);
    assert_int_equal(classes[is], 50);
  }
  sampling.count = 100000; /* all there are */
  assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
  const size_t all = count_measured(subject, classes);
  assert_true(all > 100 && all < 1000 && all == classes[MPINN_CLASS_RV_ENDOCARDIUM]);
  mpinn_subject_destroy(&subject);
}

static void a_sample_without_holes_is_that_of_sample_measured(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 1, 1600);
  const size_t n = node_count(subject);
  int32_t *kept = malloc(n * sizeof *kept);
  mpinn_sampling sampling;
  mpinn_sampling_default(&sampling);
  sampling.seed = 9;
  sampling.count = 200;
  assert_int_equal(mpinn_subject_sample_measured(context, subject, 200, 9), MPINN_OK);
  memcpy(kept, mpinn_subject_find(subject, "measured", MPINN_NODES)->values, n * sizeof *kept);
  assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
  assert_memory_equal(kept, mpinn_subject_find(subject, "measured", MPINN_NODES)->values, n * sizeof *kept);
  free(kept);
  mpinn_subject_destroy(&subject);
}

/* mm, of node to the nearest measured one of its surface. */
static double to_measured(const mpinn_subject *subject, size_t node) {
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(subject)), *x = points + 3 * node;
  double nearest = INFINITY;
  for (size_t i = 0; i < node_count(subject); i++)
    if (value(subject, "measured", i) != 0 &&
        value(subject, "surface_class", i) == value(subject, "surface_class", node))
      nearest = fmin(nearest,
                     hypot(hypot(points[3 * i] - x[0], points[3 * i + 1] - x[1]), points[3 * i + 2] - x[2]));
  return nearest;
}

static void missing_patches_take_their_share_and_leave_holes(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 1, 2000);
  mpinn_sampling sampling;
  size_t classes[5];
  double largest[2] = {0, 0};
  mpinn_sampling_default(&sampling);
  for (int holes = 0; holes < 2; holes++) {
    sampling.missing = 0.3 * holes;
    assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
    assert_int_equal(count_measured(subject, classes), holes ? 210 : 300);
    for (size_t i = 0; i < node_count(subject); i++)
      if (value(subject, "surface_class", i) >= MPINN_CLASS_LV_ENDOCARDIUM)
        largest[holes] = fmax(largest[holes], to_measured(subject, i));
  }
  assert_true(largest[1] > 12 && largest[1] > 2 * largest[0]); /* scattered gaps would not be as wide */
  sampling.count = 20;
  sampling.missing = 0.9;
  assert_int_equal(mpinn_subject_sample(context, subject, &sampling), MPINN_OK);
  assert_int_equal(count_measured(subject, classes), 8);
  mpinn_subject_destroy(&subject);
}

static void impossible_samples_are_refused(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_LV_ALONE, 1, 800);
  mpinn_sampling sampling;
  mpinn_sampling_default(&sampling);
  sampling.count = 0;
  expect_error(mpinn_subject_sample(context, subject, &sampling), "0 measured nodes");
  mpinn_sampling_default(&sampling);
  sampling.surfaces = 1u << MPINN_CLASS_BASE;
  expect_error(mpinn_subject_sample(context, subject, &sampling), "0x2");
  sampling.surfaces = 1u << MPINN_CLASS_RV_ENDOCARDIUM;
  expect_error(mpinn_subject_sample(context, subject, &sampling), "no node on the surfaces");
  mpinn_sampling_default(&sampling);
  sampling.missing = 0.95;
  expect_error(mpinn_subject_sample(context, subject, &sampling), "0.95");
  mpinn_subject_destroy(&subject);
}

/* ---- labels from the shape ---- */

/* Compares estimated labels with the phantom's own; RV endocardium of an RV alone is told from the LV's by
 * nobody. */
static void check_estimate(mpinn_ventricles ventricles, uint64_t seed, size_t nodes) {
  mpinn_subject *subject = make_heart(ventricles, seed, nodes);
  const size_t n = node_count(subject);
  int32_t *classes = malloc(n * sizeof *classes);
  float *transmural = malloc(n * sizeof *transmural);
  memcpy(classes, mpinn_subject_find(subject, "surface_class", MPINN_NODES)->values, n * sizeof *classes);
  memcpy(transmural, mpinn_subject_find(subject, "transmural", MPINN_NODES)->values, n * sizeof *transmural);
  mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
  mpinn_subject_remove_array(subject, "transmural", MPINN_NODES);
  assert_int_equal(mpinn_subject_estimate_labels(context, subject), MPINN_OK);
  double right = 0, off = 0;
  for (size_t i = 0; i < n; i++) {
    int is = (int)value(subject, "surface_class", i);
    if (ventricles == MPINN_RV_ALONE && is == MPINN_CLASS_LV_ENDOCARDIUM) is = MPINN_CLASS_RV_ENDOCARDIUM;
    right += (double)(is == classes[i]) / (double)n;
    off += fabs(value(subject, "transmural", i) - (double)transmural[i]) / (double)n;
  }
  assert_true(right > 0.98);
  assert_true(off < 0.06);
  free(classes);
  free(transmural);
  mpinn_subject_destroy(&subject);
}

static void labels_estimated_from_the_shape_are_mostly_right(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++) check_estimate(MPINN_BOTH_VENTRICLES, seed, 2000);
  check_estimate(MPINN_LV_ALONE, 4, 1000);
  check_estimate(MPINN_RV_ALONE, 5, 2000);
}

static void labels_that_are_there_stay(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 1, 1600);
  const size_t n = node_count(subject), bytes = n * sizeof(int32_t);
  int32_t *strange = calloc(n, sizeof *strange);
  for (size_t i = 0; i < n; i++) strange[i] = (int32_t)value(subject, "surface_class", i);
  strange[7] = MPINN_CLASS_BASE;
  mpinn_subject_add_array(context, subject, "surface_class", MPINN_NODES, MPINN_INT32, n, 1, strange, NULL);
  mpinn_subject_remove_array(subject, "transmural", MPINN_NODES);
  assert_int_equal(mpinn_subject_estimate_labels(context, subject), MPINN_OK);
  assert_memory_equal(strange, mpinn_subject_find(subject, "surface_class", MPINN_NODES)->values, bytes);
  assert_non_null(mpinn_subject_find(subject, "transmural", MPINN_NODES));
  free(strange);
  mpinn_subject_destroy(&subject);
}

static void segments_estimated_from_the_shape_are_mostly_right(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, 2, 1600);
  const size_t n = node_count(subject);
  int32_t *truth = malloc(n * sizeof *truth);
  size_t right = 0, missed = 0;
  for (size_t i = 0; i < n; i++) truth[i] = (int32_t)value(subject, "segment", i);
  mpinn_subject_remove_array(subject, "segment", MPINN_NODES);
  mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
  mpinn_subject_remove_array(subject, "transmural", MPINN_NODES);
  assert_int_equal(mpinn_subject_estimate_segments(context, subject), MPINN_OK);
  for (size_t i = 0; i < n; i++) {
    const int32_t estimated = (int32_t)value(subject, "segment", i);
    right += estimated == truth[i];
    missed += truth[i] == MPINN_SEGMENT_RV && estimated != MPINN_SEGMENT_RV;
  }
  assert_true((double)right > 0.85 * (double)n);
  assert_true((double)missed < 0.01 * (double)n);
  free(truth);
  mpinn_subject_destroy(&subject);
}

static void a_surface_without_cavity_is_all_epicardium(void **state) {
  (void)state;
  static const double points[4][3] = {{0, 0, 0}, {30, 0, 0}, {0, 30, 0}, {0, 0, 30}};
  static const int32_t cells[4] = {0, 1, 2, 3};
  mpinn_mesh *mesh = NULL;
  mpinn_subject *subject = NULL;
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, 4, points[0], 1, cells, &mesh), MPINN_OK);
  assert_int_equal(mpinn_subject_create(context, &mesh, &subject), MPINN_OK);
  assert_int_equal(mpinn_subject_estimate_labels(context, subject), MPINN_OK);
  for (size_t i = 0; i < 4; i++) assert_true(value(subject, "surface_class", i) == MPINN_CLASS_EPICARDIUM);
  assert_null(mpinn_subject_find(subject, "transmural", MPINN_NODES));
  mpinn_subject_destroy(&subject);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(speed_rises_smoothly_over_the_border),
      cmocka_unit_test(a_border_is_as_wide_everywhere),
      cmocka_unit_test(default_tissue_has_two_speeds),
      cmocka_unit_test(drawn_speeds_stay_in_their_ranges),
      cmocka_unit_test(partial_scars_spare_every_part_of_the_wall_in_turn),
      cmocka_unit_test(no_scars_are_healthy_tissue),
      cmocka_unit_test(impossible_tissue_is_refused),
      cmocka_unit_test(samples_lie_on_the_surfaces_asked_for),
      cmocka_unit_test(a_sample_without_holes_is_that_of_sample_measured),
      cmocka_unit_test(missing_patches_take_their_share_and_leave_holes),
      cmocka_unit_test(impossible_samples_are_refused),
      cmocka_unit_test(labels_estimated_from_the_shape_are_mostly_right),
      cmocka_unit_test(labels_that_are_there_stay),
      cmocka_unit_test(segments_estimated_from_the_shape_are_mostly_right),
      cmocka_unit_test(a_surface_without_cavity_is_all_epicardium),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
