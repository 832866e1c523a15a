/* Meshes that tests are run on, with known insides. */
#ifndef TESTING_SHAPES_H
#define TESTING_SHAPES_H

#include "metapinn/mesh.h"

#include <math.h>
#include <stdlib.h>

/* A cube of six tetrahedra around its diagonal (Kuhn), refined. side: mm. NULL on failure. */
static inline mpinn_mesh *shape_cube(mpinn_context *context, const double side[3], int refinements) {
  static const int32_t cells[6][4] = {{0, 1, 3, 7}, {0, 1, 5, 7}, {0, 2, 3, 7},
                                      {0, 2, 6, 7}, {0, 4, 5, 7}, {0, 4, 6, 7}};
  double points[8][3];
  mpinn_mesh *mesh = NULL;
  for (int i = 0; i < 24; i++) points[i / 3][i % 3] = (i / 3) >> (i % 3) & 1 ? side[i % 3] : 0;
  mpinn_mesh_create(context, MPINN_TETRAHEDRON, 8, points[0], 6, cells[0], &mesh);
  for (int i = 0; i < refinements && mesh; i++) {
    mpinn_mesh *refined = NULL;
    mpinn_mesh_refine(context, mesh, &refined);
    mpinn_mesh_destroy(&mesh);
    mesh = refined;
  }
  return mesh;
}

/* A square in the plane z = 0, of two triangles, refined. side: mm. */
static inline mpinn_mesh *shape_square(mpinn_context *context, double side, int refinements) {
  static const int32_t cells[2][3] = {{0, 1, 2}, {0, 2, 3}};
  const double points[4][3] = {{0, 0, 0}, {side, 0, 0}, {side, side, 0}, {0, side, 0}};
  mpinn_mesh *mesh = NULL;
  mpinn_mesh_create(context, MPINN_TRIANGLE, 4, points[0], 2, cells[0], &mesh);
  for (int i = 0; i < refinements && mesh; i++) {
    mpinn_mesh *refined = NULL;
    mpinn_mesh_refine(context, mesh, &refined);
    mpinn_mesh_destroy(&mesh);
    mesh = refined;
  }
  return mesh;
}

/* The same cells on points moved by move. */
static inline mpinn_mesh *shape_moved(mpinn_context *context, const mpinn_mesh *mesh,
                                      void (*move)(double point[3])) {
  const size_t n = mpinn_mesh_node_count(mesh);
  double *points = malloc(3 * n * sizeof *points);
  mpinn_mesh *moved = NULL;
  for (size_t i = 0; i < 3 * n; i++) points[i] = mpinn_mesh_points(mesh)[i];
  for (size_t i = 0; i < n; i++) move(points + 3 * i);
  mpinn_mesh_create(context, mpinn_mesh_cell_type(mesh), n, points, mpinn_mesh_cell_count(mesh),
                    mpinn_mesh_cells(mesh), &moved);
  free(points);
  return moved;
}

/* 30 mm from the origin. */
static inline void shape_to_sphere(double p[3]) {
  const double r = 30 / sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
  for (int i = 0; i < 3; i++) p[i] *= r;
}

/* A sphere of radius 30 mm around the origin: an octahedron refined, its nodes moved out each time. */
static inline mpinn_mesh *shape_sphere(mpinn_context *context, int refinements) {
  static const double points[6][3] = {{30, 0, 0},  {-30, 0, 0}, {0, 30, 0},
                                      {0, -30, 0}, {0, 0, 30},  {0, 0, -30}};
  static const int32_t cells[8][3] = {{0, 2, 4}, {2, 1, 4}, {1, 3, 4}, {3, 0, 4},
                                      {2, 0, 5}, {1, 2, 5}, {3, 1, 5}, {0, 3, 5}};
  mpinn_mesh *mesh = NULL;
  mpinn_mesh_create(context, MPINN_TRIANGLE, 6, points[0], 8, cells[0], &mesh);
  for (int i = 0; i < refinements && mesh; i++) {
    mpinn_mesh *refined = NULL;
    mpinn_mesh_refine(context, mesh, &refined);
    mpinn_mesh_destroy(&mesh);
    mesh = refined ? shape_moved(context, refined, shape_to_sphere) : NULL;
    mpinn_mesh_destroy(&refined);
  }
  return mesh;
}

#endif
