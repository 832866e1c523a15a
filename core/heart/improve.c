/* Better tetrahedra where the lattice was stretched: nodes of flat ones are moved, along the surface if they
 * lie on it, as long as the worst tetrahedron around gets better (Klingner & Shewchuk, 16th Meshing
 * Roundtable, 2007). */
#include "heart/phantom.h"

#include "base/internal.h"

#include <math.h>
#include <string.h>

static const double good_enough = 0.3; /* sine of a dihedral angle */

typedef struct surroundings {
  const mpinn_shape *shape;
  double (*points)[3];
  const int32_t (*cells)[4];
  int32_t *start, *around; /* the cells at node n: around[start[n] … start[n + 1] − 1] */
} surroundings;

/* What a node must stay on: the end plane or not, and one of the walls or none. */
typedef struct constraint {
  bool in_plane;
  int wall; /* 0 none, 1 epicardium, 2 LV, 3 RV endocardium */
} constraint;

static double wall_distance(const mpinn_shape_place *place, int wall) {
  return wall == 1 ? place->body : wall == 2 ? place->lv_cavity : place->rv_cavity;
}

static constraint constraint_of(const mpinn_shape *shape, const double x[3]) {
  const double on = 1e-4; /* mm */
  constraint is = {.in_plane = x[2] > -1e-6, .wall = 0};
  mpinn_shape_place place;
  mpinn_shape_locate(shape, x, &place);
  for (int wall = 1; wall <= 3; wall++)
    if (fabs(wall_distance(&place, wall)) < on) is.wall = wall;
  return is;
}

static double wall_value(const mpinn_shape *shape, const double x[3], int wall) {
  mpinn_shape_place place;
  mpinn_shape_locate(shape, x, &place);
  return wall_distance(&place, wall);
}

/* Newton's method along the gradient by differences; whether x came onto its wall. */
static bool put_on(const mpinn_shape *shape, constraint is, double x[3]) {
  const double h = 1e-3;
  if (is.in_plane) x[2] = 0;
  if (is.wall == 0) return x[2] <= 0;
  for (int i = 0; i < 5; i++) {
    const double value = wall_value(shape, x, is.wall);
    double gradient[3] = {0, 0, 0}, square = 0;
    if (fabs(value) < 1e-7) return x[2] <= 0;
    for (int k = 0; k < (is.in_plane ? 2 : 3); k++) {
      double y[3] = {x[0], x[1], x[2]};
      y[k] -= h; /* downwards: the shape ends at z = 0 */
      gradient[k] = (value - wall_value(shape, y, is.wall)) / h;
      square += gradient[k] * gradient[k];
    }
    if (!(square > 0.01)) return false;
    for (int k = 0; k < 3; k++) x[k] -= value * gradient[k] / square;
  }
  return x[2] <= 0 && fabs(wall_value(shape, x, is.wall)) < 1e-5;
}

static void cross(const double a[3], const double b[3], double c[3]) {
  for (int k = 0; k < 3; k++) c[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3];
}

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The least sine of the six dihedral angles; negative where the tetrahedron is inverted. */
static double least_sine(const surroundings *s, const int32_t cell[4]) {
  static const int sides[4][3] = {{1, 2, 3}, {0, 3, 2}, {0, 1, 3}, {0, 2, 1}};
  double normal[4][3], square[4], least = 1, e[3][3], n[3];
  for (int f = 0; f < 4; f++) {
    double u[3], v[3];
    const double *p = s->points[cell[sides[f][0]]], *q = s->points[cell[sides[f][1]]],
                 *r = s->points[cell[sides[f][2]]];
    for (int k = 0; k < 3; k++) {
      u[k] = q[k] - p[k];
      v[k] = r[k] - p[k];
    }
    cross(u, v, normal[f]);
    square[f] = dot(normal[f], normal[f]);
  }
  for (int f = 0; f < 4; f++)
    for (int g = 0; g < f; g++) {
      cross(normal[f], normal[g], n);
      least = fmin(least, dot(n, n) / (square[f] * square[g] + 1e-300));
    }
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) e[i][k] = s->points[cell[i + 1]][k] - s->points[cell[0]][k];
  cross(e[1], e[2], n);
  return dot(e[0], n) > 0 ? sqrt(least) : -sqrt(least);
}

/* Of the cells around a node; no more than enough to know where it is not above that. */
static double worst_around(const surroundings *s, int32_t node, double enough) {
  double worst = 1;
  for (int32_t i = s->start[node]; i < s->start[node + 1] && worst > enough; i++)
    worst = fmin(worst, least_sine(s, s->cells[s->around[i]]));
  return worst;
}

static double mean_edge_at(const surroundings *s, int32_t node) {
  double sum = 0;
  int32_t n = 0;
  for (int32_t i = s->start[node]; i < s->start[node + 1]; i++)
    for (int a = 0; a < 4; a++) {
      const double *x = s->points[node], *y = s->points[s->cells[s->around[i]][a]];
      const double d[3] = {x[0] - y[0], x[1] - y[1], x[2] - y[2]};
      sum += sqrt(dot(d, d));
      n += s->cells[s->around[i]][a] != node;
    }
  return n ? sum / n : 0;
}

/* Tries a star of places around the node and keeps the best. */
static void improve_node(const surroundings *s, int32_t node) {
  double best = worst_around(s, node, -2);
  if (best >= good_enough) return;
  double *x = s->points[node], from[3] = {x[0], x[1], x[2]}, kept[3] = {x[0], x[1], x[2]};
  const double edge = mean_edge_at(s, node);
  const constraint is = constraint_of(s->shape, x);
  for (int reach = 0; reach < 3; reach++)
    for (int way = 0; way < 27; way++) {
      const double d[3] = {way % 3 - 1, way / 3 % 3 - 1, way / 9 - 1};
      const double step = edge * (reach == 0 ? 0.2 : reach == 1 ? 0.07 : 0.02) / sqrt(dot(d, d) + 1e-9);
      double to[3];
      if (way == 13 || (is.in_plane && d[2] != 0)) continue;
      for (int k = 0; k < 3; k++) to[k] = from[k] + step * d[k];
      if (!put_on(s->shape, is, to)) continue;
      memcpy(x, to, sizeof to);
      const double worst = worst_around(s, node, best + 1e-4);
      if (worst <= best + 1e-4) continue;
      best = worst;
      memcpy(kept, to, sizeof to);
    }
  memcpy(x, kept, sizeof kept);
}

static mpinn_status find_surroundings(mpinn_context *context, size_t n_nodes, size_t n_cells,
                                      surroundings *s) {
  MPINN_TRY(MPINN_NEW(context, &s->start, n_nodes + 2));
  MPINN_TRY(MPINN_NEW(context, &s->around, 4 * n_cells));
  for (size_t i = 0; i < 4 * n_cells; i++) s->start[s->cells[i / 4][i % 4] + 2]++;
  for (size_t i = 2; i < n_nodes + 2; i++) s->start[i] += s->start[i - 1];
  for (size_t i = 0; i < 4 * n_cells; i++)
    s->around[s->start[s->cells[i / 4][i % 4] + 1]++] = (int32_t)(i / 4);
  return MPINN_OK;
}

mpinn_status mpinn_shape_improve(mpinn_context *context, const mpinn_shape *shape, size_t n_nodes,
                                 double (*points)[3], size_t n_cells, const int32_t (*cells)[4]) {
  enum { PASSES = 5, BETWEEN_PROGRESS = 10000 };
  surroundings s = {.shape = shape, .points = points, .cells = cells};
  const size_t steps = PASSES * n_nodes;
  mpinn_status status = find_surroundings(context, n_nodes, n_cells, &s);
  for (size_t i = 0; i < steps && status == MPINN_OK; i++) {
    if (i % BETWEEN_PROGRESS == 0)
      status = mpinn_progress(context, (double)i / (double)steps, "improving the phantom heart's tetrahedra");
    if (status == MPINN_OK) improve_node(&s, (int32_t)(i % n_nodes));
  }
  free(s.start);
  free(s.around);
  return status;
}
