/* The ventricular frame, from labels and from the shape alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/internal.h"
#include "heart/boundary.h"
#include "metapinn/frame.h"
#include "metapinn/phantom.h"

#include <math.h>
#include <string.h>

#include "context_fixture.h"

static mpinn_subject *make_phantom(uint64_t seed, double variation) {
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.seed = seed;
  options.variation = variation;
  if (mpinn_phantom_create(context, &options, &subject) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return subject;
}

/* points, cells and surface_class as a new subject */
static mpinn_subject *make_subject(mpinn_cell_type type, size_t n_nodes, const double *points, size_t n_cells,
                                   const int32_t *cells, const int32_t *classes) {
  mpinn_mesh *mesh = NULL;
  mpinn_subject *subject = NULL;
  assert_int_equal(mpinn_mesh_create(context, type, n_nodes, points, n_cells, cells, &mesh), MPINN_OK);
  assert_int_equal(mpinn_subject_create(context, &mesh, &subject), MPINN_OK);
  if (classes)
    mpinn_subject_add_array(context, subject, "surface_class", MPINN_NODES, MPINN_INT32, n_nodes, 1, classes,
                            NULL);
  return subject;
}

static mpinn_frame estimate(const mpinn_subject *subject) {
  mpinn_frame frame;
  if (mpinn_frame_estimate(context, subject, &frame) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return frame;
}

/* Degrees between two rotations. */
static double angle_between(const mpinn_frame *a, const mpinn_frame *b) {
  double trace = 0;
  for (int i = 0; i < 9; i++) trace += a->rotation[i / 3][i % 3] * b->rotation[i / 3][i % 3];
  return acos(fmax(-1, fmin(1, 0.5 * (trace - 1)))) * 57.29577951308232;
}

static void check_rotation(const mpinn_frame *frame) {
  const double(*r)[3] = frame->rotation;
  double determinant = 0;
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++) {
      double product = 0;
      for (int k = 0; k < 3; k++) product += r[i][k] * r[j][k];
      assert_true(fabs(product - (i == j)) < 1e-12);
    }
    const int j = (i + 1) % 3, k = (i + 2) % 3;
    determinant += r[0][i] * (r[1][j] * r[2][k] - r[1][k] * r[2][j]);
  }
  assert_true(fabs(determinant - 1) < 1e-12);
}

static void labels_put_apex_base_and_rv_in_place(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    mpinn_subject *subject = make_phantom(seed, 1);
    const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
    const size_t n = mpinn_mesh_node_count(mesh);
    const mpinn_frame frame = estimate(subject);
    const int32_t *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES)->values;
    double *x = malloc(3 * n * sizeof *x), lowest = 0, base = 0, rv[2] = {0, 0}, lv[2] = {0, 0};
    int count[5] = {0};
    mpinn_frame_apply(&frame, n, mpinn_mesh_points(mesh), x);
    for (size_t i = 0; i < n; i++) {
      lowest = fmin(lowest, x[3 * i + 2]);
      count[classes[i]]++;
      if (classes[i] == MPINN_CLASS_BASE) base += x[3 * i + 2];
      for (size_t k = 0; k < 2; k++) {
        if (classes[i] == MPINN_CLASS_RV_ENDOCARDIUM) rv[k] += x[3 * i + k];
        if (classes[i] == MPINN_CLASS_LV_ENDOCARDIUM) lv[k] += x[3 * i + k];
      }
    }
    assert_true(frame.from_labels);
    check_rotation(&frame);
    assert_true(fabs(lowest + 1) < 1e-12);
    assert_true(fabs(base / count[MPINN_CLASS_BASE]) < 0.06);
    assert_true(rv[0] / count[MPINN_CLASS_RV_ENDOCARDIUM] < -0.25);
    assert_true(fabs(rv[1] / count[MPINN_CLASS_RV_ENDOCARDIUM]) < 0.06);
    assert_true(fabs(lv[0] / count[MPINN_CLASS_LV_ENDOCARDIUM]) < 0.06);
    free(x);
    mpinn_subject_destroy(&subject);
  }
}

static void the_mean_phantom_stands_in_its_frame_already(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(1, 0);
  const mpinn_frame frame = estimate(subject), upright = {.rotation = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  assert_true(angle_between(&frame, &upright) < 6);
  assert_true(fabs(frame.rotation[2][2]) > 0.999);
  for (int k = 0; k < 3; k++) assert_true(fabs(frame.centre[k]) < 2);
  assert_true(1 / frame.scale > 80 && 1 / frame.scale < 90);
  mpinn_subject_destroy(&subject);
}

/* The same heart, turned, moved, scaled and its nodes and cells in another order; coordinates in its frame
 * are the same. */
static void check_invariance(const mpinn_subject *subject, bool labelled, double tolerance) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  const mpinn_array *given = labelled ? mpinn_subject_find(subject, "surface_class", MPINN_NODES) : NULL;
  const double a = 0.6, b = -1.9, scale = 1.7;
  const double turn[3][3] = {{cos(a), -sin(a) * cos(b), sin(a) * sin(b)},
                             {sin(a), cos(a) * cos(b), -cos(a) * sin(b)},
                             {0, sin(b), cos(b)}};
  size_t *order = malloc(n * sizeof *order), *where = malloc(n * sizeof *where);
  double *points = malloc(3 * n * sizeof *points), *x = malloc(3 * n * sizeof *x),
         *y = malloc(3 * n * sizeof *y);
  int32_t *cells = malloc(4 * n_cells * sizeof *cells), *classes = calloc(n, sizeof *classes);
  mpinn_random random;
  mpinn_random_seed(&random, 5);
  for (size_t i = 0; i < n; i++) order[i] = i;
  mpinn_random_shuffle(&random, n, order);
  for (size_t i = 0; i < n; i++) {
    const double *from = mpinn_mesh_points(mesh) + 3 * order[i];
    where[order[i]] = i;
    if (given) classes[i] = (int32_t)mpinn_array_get(given, order[i], 0);
    for (size_t k = 0; k < 3; k++)
      points[3 * i + k] = 40 + scale * (turn[k][0] * from[0] + turn[k][1] * from[1] + turn[k][2] * from[2]);
  }
  for (size_t i = 0; i < 4 * n_cells;
       i++) /* cells from the last to the first, each cyclically moved by two */
    cells[i] = (int32_t)where[mpinn_mesh_cells(mesh)[4 * (n_cells - 1 - i / 4) + (i + 2) % 4]];
  mpinn_subject *moved = make_subject(MPINN_TETRAHEDRON, n, points, n_cells, cells, given ? classes : NULL);
  const mpinn_frame here = estimate(subject), there = estimate(moved);
  mpinn_frame_apply(&here, n, mpinn_mesh_points(mesh), x);
  mpinn_frame_apply(&there, n, points, y);
  double worst = 0;
  for (size_t i = 0; i < 3 * n; i++) worst = fmax(worst, fabs(x[3 * order[i / 3] + i % 3] - y[i]));
  assert_true(here.from_labels == labelled);
  if (!(worst < tolerance)) fail_msg("coordinates differ by %g", worst);
  mpinn_subject_destroy(&moved);
  free(order);
  free(where);
  free(points);
  free(x);
  free(y);
  free(cells);
  free(classes);
}

static void a_moved_and_renumbered_heart_has_the_same_coordinates(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(2, 1);
  check_invariance(subject, true, 1e-10);
  mpinn_subject_destroy(&subject);
}

static void so_has_an_unlabelled_one(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(4, 1);
  mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
  check_invariance(subject, false, 0.05); /* rays start in directions that come from the numbering */
  mpinn_subject_destroy(&subject);
}

static void shape_alone_comes_near_the_labels(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    mpinn_subject *subject = make_phantom(seed, 1);
    const mpinn_frame labelled = estimate(subject);
    mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
    const mpinn_frame bare = estimate(subject);
    assert_false(bare.from_labels);
    check_rotation(&bare);
    assert_true(angle_between(&labelled, &bare) < 10);
    assert_true(fabs(bare.scale / labelled.scale - 1) < 0.05);
    mpinn_subject_destroy(&subject);
  }
}

/* The wall's surface as triangles, with and without labels, and turned inside out. */
static void a_surface_heart_has_the_frame_of_its_wall(void **state) {
  (void)state;
  mpinn_subject *wall = make_phantom(3, 1);
  const mpinn_mesh *mesh = mpinn_subject_mesh(wall);
  const int32_t *classes = mpinn_subject_find(wall, "surface_class", MPINN_NODES)->values;
  int32_t(*faces)[3] = NULL;
  size_t count = 0;
  assert_int_equal(mpinn_mesh_boundary(context, mesh, &count, &faces), MPINN_OK);
  const mpinn_frame expected = estimate(wall);
  for (int labelled = 0; labelled < 2; labelled++)
    for (int flipped = 0; flipped < 2; flipped++) {
      for (size_t f = 0; f < count && flipped; f++) {
        const int32_t t = faces[f][0];
        faces[f][0] = faces[f][1];
        faces[f][1] = t;
      }
      mpinn_subject *surface =
          make_subject(MPINN_TRIANGLE, mpinn_mesh_node_count(mesh), mpinn_mesh_points(mesh), count, faces[0],
                       labelled ? classes : NULL);
      const mpinn_frame frame = estimate(surface);
      assert_true(angle_between(&expected, &frame) < (labelled ? 1e-5 : 10));
      mpinn_subject_destroy(&surface);
    }
  free(faces);
  mpinn_subject_destroy(&wall);
}

static void labels_without_rv_or_base_still_give_the_axis(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(3, 1);
  mpinn_array *array = NULL;
  const mpinn_frame all = estimate(subject);
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  int32_t *classes = malloc(n * sizeof *classes);
  memcpy(classes, mpinn_subject_find(subject, "surface_class", MPINN_NODES)->values, n * sizeof *classes);
  for (size_t i = 0; i < n; i++)
    if (classes[i] == MPINN_CLASS_BASE || classes[i] == MPINN_CLASS_RV_ENDOCARDIUM)
      classes[i] = MPINN_CLASS_EPICARDIUM;
  mpinn_subject_add_array(context, subject, "surface_class", MPINN_NODES, MPINN_INT32, n, 1, classes, &array);
  const mpinn_frame lv_alone = estimate(subject);
  double cosine = 0;
  for (int k = 0; k < 3; k++) cosine += all.rotation[2][k] * lv_alone.rotation[2][k];
  assert_true(lv_alone.from_labels);
  assert_true(cosine > 0.9999);
  check_rotation(&lv_alone);
  free(classes);
  mpinn_subject_destroy(&subject);
}

/* Half an ellipsoid's surface, open at the top: no cavity that rays could find, apex at the narrow end. */
static void an_open_shell_stands_on_its_narrow_end(void **state) {
  (void)state;
  enum { RINGS = 20, AROUND = 24 };
  static double points[RINGS * AROUND + 1][3];
  static int32_t cells[2 * RINGS * AROUND][3];
  size_t n_cells = 0;
  for (int32_t r = 0; r < RINGS; r++)
    for (int32_t a = 0; a < AROUND; a++) {
      const double depth = 1.5707963267948966 * r / RINGS, angle = 6.283185307179586 * a / AROUND;
      const int32_t i = r * AROUND + a, j = r * AROUND + (a + 1) % AROUND;
      points[i][0] = -80 * sin(depth); /* the apex lies on −x of this file's coordinates */
      points[i][1] = 30 * cos(depth) * cos(angle);
      points[i][2] = 25 * cos(depth) * sin(angle);
      const int32_t below = r + 1 < RINGS ? i + AROUND : RINGS * AROUND,
                    next = r + 1 < RINGS ? j + AROUND : RINGS * AROUND;
      const int32_t one[3] = {i, j, below}, two[3] = {j, next, below};
      memcpy(cells[n_cells++], one, sizeof one);
      if (r + 1 < RINGS) memcpy(cells[n_cells++], two, sizeof two);
    }
  points[RINGS * AROUND][0] = -80;
  mpinn_subject *shell = make_subject(MPINN_TRIANGLE, RINGS * AROUND + 1, points[0], n_cells, cells[0], NULL);
  const mpinn_frame frame = estimate(shell);
  assert_true(frame.rotation[2][0] > 0.97);
  assert_true(fabs(frame.scale * 80 - 1) < 0.05);
  check_rotation(&frame);
  mpinn_subject_destroy(&shell);
}

static void collinear_points_are_refused(void **state) {
  (void)state;
  const double points[4][3] = {{0, 0, 0}, {1e-9, 0, 0}, {1, 0, 0}, {1, 1e-9, 0}};
  const int32_t cells[2][3] = {{0, 1, 2}, {0, 2, 3}};
  mpinn_mesh *mesh = NULL;
  mpinn_subject *subject = NULL;
  mpinn_frame frame;
  if (mpinn_mesh_create(context, MPINN_TRIANGLE, 4, points[0], 2, cells[0], &mesh) != MPINN_OK) {
    assert_int_equal(mpinn_mesh_create(context, MPINN_TRIANGLE, 4, points[0], 2, cells[0], &mesh),
                     MPINN_ERROR_MESH);
    return; /* already the mesh says so */
  }
  assert_int_equal(mpinn_subject_create(context, &mesh, &subject), MPINN_OK);
  assert_int_equal(mpinn_frame_estimate(context, subject, &frame), MPINN_ERROR_MESH);
  assert_non_null(strstr(mpinn_context_error(context), "line"));
  mpinn_subject_destroy(&subject);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_put_apex_base_and_rv_in_place),
      cmocka_unit_test(the_mean_phantom_stands_in_its_frame_already),
      cmocka_unit_test(a_moved_and_renumbered_heart_has_the_same_coordinates),
      cmocka_unit_test(so_has_an_unlabelled_one),
      cmocka_unit_test(shape_alone_comes_near_the_labels),
      cmocka_unit_test(a_surface_heart_has_the_frame_of_its_wall),
      cmocka_unit_test(labels_without_rv_or_base_still_give_the_axis),
      cmocka_unit_test(an_open_shell_stands_on_its_narrow_end),
      cmocka_unit_test(collinear_points_are_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
