/* Meshes: what creation refuses, what it survives and reports, and that refinement keeps what it must. */
#include "heart/mesh.h"
#include "shapes.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static mpinn_context *context;

static int setup(void **state) {
  (void)state;
  return mpinn_context_create(NULL, &context) == MPINN_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  mpinn_context_destroy(&context);
  return 0;
}

/* Five nodes that are two tetrahedra on a common face. */
static const double pair_points[5][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
static const int32_t pair_cells[2][4] = {{0, 1, 2, 3}, {1, 2, 3, 4}};

static mpinn_mesh *create(size_t n_nodes, const double *points, size_t n_cells, const int32_t *cells) {
  mpinn_mesh *mesh = NULL;
  const mpinn_status status =
      mpinn_mesh_create(context, MPINN_TETRAHEDRON, n_nodes, points, n_cells, cells, &mesh);
  if (status != MPINN_OK) fail_msg("%s", mpinn_context_error(context));
  return mesh;
}

static void expect_refused(size_t n_nodes, const double *points, size_t n_cells, const int32_t *cells,
                           const char *sentence) {
  mpinn_mesh *mesh = NULL;
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, n_nodes, points, n_cells, cells, &mesh),
                   MPINN_ERROR_MESH);
  assert_null(mesh);
  if (!strstr(mpinn_context_error(context), sentence))
    fail_msg("\"%s\" does not say \"%s\"", mpinn_context_error(context), sentence);
}

static double volume(const mpinn_mesh *mesh, size_t c) {
  const double *p = mpinn_mesh_points(mesh);
  const int32_t *t = mpinn_mesh_cells(mesh) + 4 * c;
  double e[3][3];
  for (int i = 0; i < 9; i++) e[i / 3][i % 3] = p[3 * t[i / 3 + 1] + i % 3] - p[3 * t[0] + i % 3];
  return (e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1]) -
          e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0]) +
          e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0])) /
         6;
}

static double area(const mpinn_mesh *mesh, size_t c) {
  const double *p = mpinn_mesh_points(mesh);
  const int32_t *t = mpinn_mesh_cells(mesh) + 3 * c;
  double a[3], b[3];
  for (int i = 0; i < 3; i++) {
    a[i] = p[3 * t[1] + i] - p[3 * t[0] + i];
    b[i] = p[3 * t[2] + i] - p[3 * t[0] + i];
  }
  const double n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  return sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) / 2;
}

static void a_good_mesh_comes_back_as_given(void **state) {
  (void)state;
  mpinn_mesh *mesh = create(5, pair_points[0], 2, pair_cells[0]);
  const mpinn_mesh_report report = mpinn_mesh_get_report(mesh);
  assert_int_equal(mpinn_mesh_cell_type(mesh), MPINN_TETRAHEDRON);
  assert_int_equal(mpinn_mesh_node_count(mesh), 5);
  assert_int_equal(mpinn_mesh_cell_count(mesh), 2);
  assert_memory_equal(mpinn_mesh_points(mesh), pair_points, sizeof pair_points);
  assert_memory_equal(mpinn_mesh_cells(mesh), pair_cells[0], sizeof pair_cells[0]);
  assert_int_equal(report.components, 1);
  assert_int_equal(report.unreferenced + report.degenerate_cells + report.duplicate_cells, 0);
  /* Six edges of length 1, 1, 1, √2, √2, √2, and three more of √2. */
  assert_float_equal(mpinn_mesh_mean_edge(mesh), (3 + 6 * sqrt(2)) / 9, 1e-12);
  mpinn_mesh_destroy(&mesh);
  assert_null(mesh);
}

static void what_is_no_mesh_is_refused_by_name(void **state) {
  (void)state;
  double points[5][3];
  int32_t cells[2][4];
  mpinn_mesh *mesh = NULL;
  expect_refused(0, pair_points[0], 2, pair_cells[0], "no nodes");
  expect_refused(5, pair_points[0], 0, pair_cells[0], "no cells");
  expect_refused((size_t)1 << 40, pair_points[0], 2, pair_cells[0], "too large");
  memcpy(points, pair_points, sizeof points);
  points[3][1] = NAN;
  expect_refused(5, points[0], 2, pair_cells[0], "Node 3 ");
  points[3][1] = -INFINITY;
  expect_refused(5, points[0], 2, pair_cells[0], "Node 3 ");
  memcpy(cells, pair_cells, sizeof cells);
  cells[1][2] = 5;
  expect_refused(5, pair_points[0], 2, cells[0], "Cell 1 of the mesh refers to node 5");
  cells[1][2] = -1;
  expect_refused(5, pair_points[0], 2, cells[0], "Cell 1 of the mesh refers to node -1");
  assert_int_equal(mpinn_mesh_create(context, (mpinn_cell_type)5, 5, pair_points[0], 2, pair_cells[0], &mesh),
                   MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, 5, NULL, 2, pair_cells[0], &mesh),
                   MPINN_ERROR_ARGUMENT);
}

static void a_mesh_of_flat_cells_alone_is_refused(void **state) {
  (void)state;
  static const double flat[4][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {1, 1, 0}};
  static const int32_t cells[2][4] = {{0, 1, 2, 3}, {0, 0, 0, 0}};
  expect_refused(4, flat[0], 2, cells[0], "no usable cells");
}

static void inverted_cells_are_turned_around(void **state) {
  (void)state;
  static const int32_t cells[2][4] = {{0, 2, 1, 3}, {1, 2, 3, 4}};
  mpinn_mesh *mesh = create(5, pair_points[0], 2, cells[0]);
  assert_int_equal(mpinn_mesh_get_report(mesh).inverted_cells, 1);
  assert_true(volume(mesh, 0) > 0 && volume(mesh, 1) > 0);
  mpinn_mesh_destroy(&mesh);
}

static void duplicate_and_degenerate_cells_are_ignored(void **state) {
  (void)state;
  /* Cell 1 is cell 0 in another order, 3 has a node twice, 4 is flat. */
  static const double points[6][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {1, 1, 0}};
  static const int32_t cells[5][4] = {{0, 1, 2, 3}, {3, 1, 0, 2}, {1, 2, 3, 4}, {0, 1, 1, 3}, {0, 1, 2, 5}};
  static const bool usable[5] = {true, false, true, false, false};
  mpinn_mesh *mesh = create(6, points[0], 5, cells[0]);
  const mpinn_mesh_report report = mpinn_mesh_get_report(mesh);
  assert_int_equal(report.duplicate_cells, 1);
  assert_int_equal(report.degenerate_cells, 2);
  assert_int_equal(report.unreferenced, 1);
  assert_memory_equal(mpinn_mesh_cell_usable(mesh), usable, sizeof usable);
  mpinn_mesh_destroy(&mesh);
}

static void flatness_is_relative_to_size(void **state) {
  (void)state;
  double points[5][3];
  for (int power = -60; power <= 60; power += 30) {
    for (int i = 0; i < 15; i++) points[i / 3][i % 3] = pair_points[i / 3][i % 3] * pow(10, power);
    mpinn_mesh *mesh = create(5, points[0], 2, pair_cells[0]);
    assert_int_equal(mpinn_mesh_get_report(mesh).degenerate_cells, 0);
    mpinn_mesh_destroy(&mesh);
  }
}

static void components_and_unreferenced_nodes_are_counted(void **state) {
  (void)state;
  double points[11][3] = {{0}};
  static const int32_t cells[3][4] = {{5, 6, 7, 8}, {0, 1, 2, 3}, {1, 2, 3, 4}};
  memcpy(points, pair_points, sizeof pair_points);
  for (int i = 0; i < 12; i++) points[5 + i / 3][i % 3] = pair_points[i / 3][i % 3] + 10;
  mpinn_mesh *mesh = create(11, points[0], 3, cells[0]);
  assert_int_equal(mpinn_mesh_get_report(mesh).components, 2);
  assert_int_equal(mpinn_mesh_get_report(mesh).unreferenced, 2);
  mpinn_mesh_destroy(&mesh);
}

static void every_corner_is_listed_at_its_node(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, (double[]){1, 1, 1}, 2);
  size_t corners = 0;
  for (size_t n = 0; n < mesh->node_count; n++)
    for (int32_t k = mesh->corner_start[n]; k < mesh->corner_start[n + 1]; k++, corners++)
      assert_int_equal(mesh->cells[mesh->corners[k]], n);
  assert_int_equal(corners, 4 * mesh->cell_count);
  mpinn_mesh_destroy(&mesh);
}

static void refinement_keeps_volume_nodes_and_parents(void **state) {
  (void)state;
  static const double side[3] = {3, 1, 2};
  mpinn_mesh *mesh = shape_cube(context, side, 1), *refined = NULL;
  assert_int_equal(mpinn_mesh_refine(context, mesh, &refined), MPINN_OK);
  const size_t nodes = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  assert_int_equal(mpinn_mesh_node_count(refined), 5 * 5 * 5);
  assert_int_equal(mpinn_mesh_cell_count(refined), 8 * cells);
  assert_memory_equal(mpinn_mesh_points(refined), mpinn_mesh_points(mesh), 3 * nodes * sizeof(double));
  for (size_t c = 0; c < cells; c++)
    for (size_t i = 0; i < 8; i++) assert_float_equal(volume(refined, 8 * c + i), volume(mesh, c) / 8, 1e-12);
  /* The centroid of its eight children is the parent's. */
  for (size_t c = 0; c < cells; c++) {
    double sum[3] = {0, 0, 0};
    for (size_t i = 0; i < 32; i++)
      for (int j = 0; j < 3; j++)
        sum[j] += mpinn_mesh_points(refined)[3 * mpinn_mesh_cells(refined)[32 * c + i] + j] / 32;
    for (size_t i = 0; i < 4; i++)
      for (int j = 0; j < 3; j++)
        sum[j] -= mpinn_mesh_points(mesh)[3 * mpinn_mesh_cells(mesh)[4 * c + i] + j] / 4;
    for (int j = 0; j < 3; j++) assert_float_equal(sum[j], 0, 1e-12);
  }
  assert_int_equal(mpinn_mesh_get_report(refined).inverted_cells, 0);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&refined);
}

static void refined_cells_are_a_valid_mesh_again(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, (double[]){3, 1, 2}, 3);
  mpinn_mesh *again = create(mpinn_mesh_node_count(mesh), mpinn_mesh_points(mesh),
                             mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh));
  const mpinn_mesh_report report = mpinn_mesh_get_report(again);
  assert_int_equal(
      report.inverted_cells + report.duplicate_cells + report.degenerate_cells + report.unreferenced, 0);
  assert_int_equal(report.components, 1);
  assert_float_equal(mpinn_mesh_mean_edge(again), mpinn_mesh_mean_edge(mesh), 1e-12);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&again);
}

static void refinement_keeps_tetrahedra_from_flattening(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, (double[]){1, 1, 1}, 4);
  const double h = 1.0 / 16;
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++)
    assert_float_equal(volume(mesh, c), h * h * h / 6, 1e-12);
  /* By its shortest diagonal a Kuhn cube stays one: no edge is longer than a small cube's diagonal. */
  assert_true(mesh->longest_edge < h * sqrt(3) + 1e-12);
  mpinn_mesh_destroy(&mesh);
}

static void triangles_are_refined_into_four(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_square(context, 2, 1), *refined = NULL;
  assert_int_equal(mpinn_mesh_refine(context, mesh, &refined), MPINN_OK);
  assert_int_equal(mpinn_mesh_node_count(refined), 25);
  for (size_t c = 0; c < mpinn_mesh_cell_count(refined); c++)
    assert_float_equal(area(refined, c), area(mesh, c / 4) / 4, 1e-12);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&refined);
}

static void children_of_ignored_cells_are_ignored(void **state) {
  (void)state;
  static const int32_t cells[4][4] = {{0, 1, 1, 3}, {0, 1, 2, 3}, {0, 2, 1, 3}, {1, 2, 3, 4}};
  mpinn_mesh *mesh = create(5, pair_points[0], 4, cells[0]), *refined = NULL;
  assert_int_equal(mpinn_mesh_refine(context, mesh, &refined), MPINN_OK);
  const mpinn_mesh_report report = mpinn_mesh_get_report(refined);
  assert_int_equal(report.degenerate_cells, 8);
  assert_int_equal(report.duplicate_cells, 8);
  assert_int_equal(report.unreferenced, 0);
  for (size_t c = 0; c < 32; c++)
    assert_int_equal(mpinn_mesh_cell_usable(refined)[c], mpinn_mesh_cell_usable(mesh)[c / 8]);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&refined);
}

static void expect_nearest(const mpinn_mesh *mesh, const double position[3], const double expected[3]) {
  mpinn_mesh_place place;
  double sum = 0;
  mpinn_mesh_nearest(mesh, position, &place);
  for (int i = 0; i < 3; i++) assert_float_equal(place.position[i], expected[i], 1e-9);
  for (int i = 0; i < 4; i++) {
    assert_true(place.weights[i] >= 0);
    sum += place.weights[i];
  }
  assert_float_equal(sum, 1, 1e-12);
}

static void the_nearest_point_of_a_mesh_is_found(void **state) {
  (void)state;
  mpinn_mesh *cube = shape_cube(context, (double[]){4, 4, 4}, 2), *square = shape_square(context, 4, 2);
  expect_nearest(cube, (double[]){1.3, 2.7, 0.4}, (double[]){1.3, 2.7, 0.4});
  expect_nearest(cube, (double[]){-9, 2.7, 0.4}, (double[]){0, 2.7, 0.4});
  expect_nearest(cube, (double[]){-9, 20, 0.4}, (double[]){0, 4, 0.4});
  expect_nearest(cube, (double[]){5, 5, -3}, (double[]){4, 4, 0});
  expect_nearest(square, (double[]){1.3, 2.7, 7}, (double[]){1.3, 2.7, 0});
  expect_nearest(square, (double[]){5.3, 2.7, -7}, (double[]){4, 2.7, 0});
  mpinn_mesh_destroy(&cube);
  mpinn_mesh_destroy(&square);
}

static void points_alone_are_a_mesh_that_nothing_is_solved_on(void **state) {
  mpinn_mesh *mesh = NULL, *refined = NULL;
  const double points[6] = {0, 0, 0, 1, 2, 3}, broken[3] = {0, NAN, 0};
  (void)state;
  assert_int_equal(mpinn_mesh_create_points(context, 2, points, &mesh), MPINN_OK);
  assert_int_equal(mpinn_mesh_node_count(mesh), 2);
  assert_int_equal(mpinn_mesh_cell_count(mesh), 0);
  assert_int_equal(mpinn_mesh_refine(context, mesh, &refined), MPINN_ERROR_MESH);
  mpinn_mesh_destroy(&mesh);
  assert_int_equal(mpinn_mesh_create_points(context, 1, broken, &mesh), MPINN_ERROR_MESH);
  assert_int_equal(mpinn_mesh_create_points(context, 0, points, &mesh), MPINN_ERROR_MESH);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_mesh_comes_back_as_given),
      cmocka_unit_test(what_is_no_mesh_is_refused_by_name),
      cmocka_unit_test(a_mesh_of_flat_cells_alone_is_refused),
      cmocka_unit_test(inverted_cells_are_turned_around),
      cmocka_unit_test(duplicate_and_degenerate_cells_are_ignored),
      cmocka_unit_test(flatness_is_relative_to_size),
      cmocka_unit_test(components_and_unreferenced_nodes_are_counted),
      cmocka_unit_test(every_corner_is_listed_at_its_node),
      cmocka_unit_test(refinement_keeps_volume_nodes_and_parents),
      cmocka_unit_test(refined_cells_are_a_valid_mesh_again),
      cmocka_unit_test(refinement_keeps_tetrahedra_from_flattening),
      cmocka_unit_test(triangles_are_refined_into_four),
      cmocka_unit_test(children_of_ignored_cells_are_ignored),
      cmocka_unit_test(the_nearest_point_of_a_mesh_is_found),
      cmocka_unit_test(points_alone_are_a_mesh_that_nothing_is_solved_on),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
