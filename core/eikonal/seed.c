#include "eikonal/internal.h"

#include <math.h>
#include <string.h>

/* A weight below this is none: the point lies on the face, edge or node of the others. */
static const double no_weight = 1e-9;

static double square_of(const mpinn_eikonal *solver, int32_t c, const double step[4]) {
  static const unsigned char ends[2][6][2] = {{{0, 1}, {0, 2}, {1, 2}},
                                              {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}};
  const bool solid = solver->mesh->type == MPINN_TETRAHEDRON;
  const double *squares = solid ? solver->tetrahedra[c].square : solver->triangles[c].square;
  double sum = 0;
  for (int i = 0; i < (solid ? 6 : 3); i++)
    sum -= step[ends[solid][i][0]] * step[ends[solid][i][1]] * squares[i];
  return fmax(sum, 0);
}

/* The place's weights seen from cell c, or false where the place is not in it. */
static bool weights_in(const mpinn_mesh *mesh, const mpinn_mesh_place *place, int32_t c, double weights[4]) {
  const size_t type = mesh->type;
  double sum = 0;
  for (size_t i = 0; i < type; i++) {
    weights[i] = 0;
    for (size_t j = 0; j < type; j++)
      if (mesh->cells[type * (size_t)c + i] == mesh->cells[type * (size_t)place->cell + j])
        weights[i] = place->weights[j];
    sum += weights[i];
  }
  return sum > 1 - 3 * no_weight;
}

static void seed_cells(const mpinn_eikonal *solver, const mpinn_mesh_place *place, double onset, double *at) {
  const mpinn_mesh *mesh = solver->mesh;
  const int32_t type = (int32_t)mesh->type;
  int32_t heaviest = 0;
  for (int32_t i = 1; i < type; i++)
    if (place->weights[i] > place->weights[heaviest]) heaviest = i;
  const int32_t node = mesh->cells[type * place->cell + heaviest];
  for (int32_t k = mesh->corner_start[node]; k < mesh->corner_start[node + 1]; k++) {
    const int32_t c = mpinn_mesh_corner_cell(mesh, mesh->corners[k]);
    double weights[4] = {0, 0, 0, 0};
    if (!weights_in(mesh, place, c, weights)) continue;
    for (int32_t i = 0; i < type; i++) {
      double step[4];
      for (int32_t j = 0; j < type; j++) step[j] = (i == j) - weights[j];
      double *t = at + mesh->cells[type * c + i];
      *t = fmin(*t, onset + sqrt(square_of(solver, c, step)));
    }
  }
}

/* --- Straight paths through tetrahedra --------------------------------------------------------- */

/* A path that is being followed: from a point near the site, which is off every face, to a node. */
typedef struct ray {
  const mpinn_eikonal *solver;
  double from[3], step[3]; /* mm; the node is at from + step */
  int32_t target;
} ray;

static const double *point(const mpinn_mesh *mesh, int32_t node) {
  return mesh->points + 3 * (size_t)node;
}

static double triple(const double *a, const double *b, const double *c) {
  return a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
         a[2] * (b[0] * c[1] - b[1] * c[0]);
}

/* The ray in a cell's barycentric weights: at time t of its way they are weights + t · steps. */
static void ray_weights(const ray *r, int32_t c, double weights[4], double steps[4]) {
  const mpinn_mesh *mesh = r->solver->mesh;
  const int32_t *cell = mesh->cells + 4 * (size_t)c;
  const double *origin = point(mesh, cell[0]);
  double e[3][3], d[3];
  for (int i = 0; i < 3; i++) {
    d[i] = r->from[i] - origin[i];
    for (int j = 0; j < 3; j++) e[j][i] = point(mesh, cell[j + 1])[i] - origin[i];
  }
  const double volume = triple(e[0], e[1], e[2]);
  weights[0] = 1;
  steps[0] = 0;
  for (int i = 0; i < 3; i++) {
    const double *a = e[(i + 1) % 3], *b = e[(i + 2) % 3];
    weights[0] -= weights[i + 1] = triple(d, a, b) / volume;
    steps[0] -= steps[i + 1] = triple(r->step, a, b) / volume;
  }
}

/* The cell on the other side of the face of c opposite its corner, −1: none. */
static int32_t across(const mpinn_mesh *mesh, int32_t c, int corner) {
  const int32_t *cell = mesh->cells + 4 * (size_t)c;
  const int32_t a = cell[(corner + 1) % 4], b = cell[(corner + 2) % 4], d = cell[(corner + 3) % 4];
  for (int32_t k = mesh->corner_start[a]; k < mesh->corner_start[a + 1]; k++) {
    const int32_t other = mesh->corners[k] / 4, *o = mesh->cells + 4 * (size_t)other;
    const int has_b = (o[0] == b) | (o[1] == b) | (o[2] == b) | (o[3] == b);
    const int has_d = (o[0] == d) | (o[1] == d) | (o[2] == d) | (o[3] == d);
    if (has_b & has_d && other != c) return other;
  }
  return -1;
}

/* The time along the ray from cell c on, ms; infinite where it leaves the mesh. */
static double ray_time(const ray *r, int32_t c) {
  enum { MOST_CELLS = 1000 };
  const mpinn_mesh *mesh = r->solver->mesh;
  double now = 0, time = 0;
  for (int n = 0; n < MOST_CELLS && c >= 0; n++) {
    const int32_t *cell = mesh->cells + 4 * (size_t)c;
    double weights[4], steps[4], end = 1;
    int exit = -1;
    ray_weights(r, c, weights, steps);
    const bool arrives =
        cell[0] == r->target || cell[1] == r->target || cell[2] == r->target || cell[3] == r->target;
    for (int i = 0; i < 4 && !arrives; i++) {
      if (steps[i] >= 0 || -weights[i] <= end * steps[i]) continue;
      end = -weights[i] / steps[i];
      exit = i;
    }
    time += fmax(end - now, 0) * sqrt(square_of(r->solver, c, steps));
    if (arrives) return time;
    if (exit < 0) break;
    now = fmax(end, now);
    c = across(mesh, c, exit);
  }
  return INFINITY;
}

static void seed_by_rays(const mpinn_eikonal *solver, const mpinn_mesh_place *place, double reach,
                         double onset, double *at) {
  /* Off every face, edge and node by less than matters, so that no ray runs along one. */
  static const double aside[4] = {0.31, 0.17, 0.29, 0.23};
  static const double share = 1e-8;
  const mpinn_mesh *mesh = solver->mesh;
  const int32_t *cell = mesh->cells + 4 * (size_t)place->cell;
  ray r = {.solver = solver};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 3; j++)
      r.from[j] += ((1 - share) * place->weights[i] + share * aside[i]) * point(mesh, cell[i])[j];
  for (size_t n = 0; n < mesh->node_count; n++) {
    const double *p = mesh->points + 3 * n;
    double squared = 0;
    for (int j = 0; j < 3; j++) {
      r.step[j] = p[j] - r.from[j];
      squared += r.step[j] * r.step[j];
    }
    if (squared > reach * reach || mesh->corner_start[n] == mesh->corner_start[n + 1]) continue;
    r.target = (int32_t)n;
    at[n] = fmin(at[n], onset + ray_time(&r, place->cell));
  }
}

/* --- Straight paths over triangles ------------------------------------------------------------- */

/* Triangles are unfolded into the plane one after another, the site at the origin, while an edge is in sight
 * between the edges before it (Chen & Han, Int. J. Comput. Geom. Appl. 6, 1996, without its bookkeeping: near
 * the site no shadow falls). */
typedef struct fan {
  const mpinn_eikonal *solver;
  double reach, onset;
  double *at;
  int depth;
  /* Of the triangles that were crossed: the edge they were left by, and their metric, xx xy yy, in the plane.
   */
  double edges[64][2][2], metrics[64][3];
} fan;

static double cross2(const double a[2], const double b[2]) {
  return a[0] * b[1] - a[1] * b[0];
}

static double length3(const double *a, const double *b) {
  return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

/* The metric of triangle c, its nodes' positions in the plane given, as a quadratic form there. */
static void plane_metric(const mpinn_eikonal *solver, int32_t c, const double p[3][2], double metric[3]) {
  const double *s = solver->triangles[c].square;
  const double a[2] = {p[1][0] - p[0][0], p[1][1] - p[0][1]}, b[2] = {p[2][0] - p[0][0], p[2][1] - p[0][1]};
  const double aa = s[0], bb = s[1], ab = 0.5 * (s[0] + s[1] - s[2]), d = cross2(a, b);
  /* x = α a + β b with α = (x × b) / d, β = (a × x) / d. */
  const double ax = b[1] / d, ay = -b[0] / d, bx = -a[1] / d, by = a[0] / d;
  metric[0] = ax * ax * aa + 2 * ax * bx * ab + bx * bx * bb;
  metric[1] = ax * ay * aa + (ax * by + ay * bx) * ab + bx * by * bb;
  metric[2] = ay * ay * aa + 2 * ay * by * ab + by * by * bb;
}

/* Lowers a node that the fan sees at x. */
static void reach_node(fan *f, int32_t node, const double x[2]) {
  double now = 0, time = 0;
  for (int i = 0; i <= f->depth; i++) {
    double end = 1;
    if (i < f->depth) {
      const double *a = f->edges[i][0], *b = f->edges[i][1], e[2] = {b[0] - a[0], b[1] - a[1]};
      end = fmin(fmax(cross2(a, e) / cross2(x, e), now), 1);
    }
    const double *m = f->metrics[i];
    time += (end - now) * sqrt(fmax(m[0] * x[0] * x[0] + 2 * m[1] * x[0] * x[1] + m[2] * x[1] * x[1], 0));
    now = end;
  }
  f->at[node] = fmin(f->at[node], f->onset + time);
}

static int32_t across_edge(const mpinn_mesh *mesh, int32_t c, int32_t a, int32_t b, int *corner) {
  for (int32_t k = mesh->corner_start[a]; k < mesh->corner_start[a + 1]; k++) {
    const int32_t other = mesh->corners[k] / 3, *o = mesh->cells + 3 * (size_t)other;
    if (other == c) continue;
    for (int i = 0; i < 3; i++) {
      const int32_t p = o[(i + 1) % 3], q = o[(i + 2) % 3];
      if (!((p == a && q == b) || (p == b && q == a))) continue;
      *corner = i;
      return other;
    }
  }
  return -1;
}

/* Position of the third node of a triangle with edge (a, b) at (pa, pb), on the side away from the origin. */
static void unfold(double da, double db, const double pa[2], const double pb[2], double out[2]) {
  const double e[2] = {pb[0] - pa[0], pb[1] - pa[1]}, length = sqrt(e[0] * e[0] + e[1] * e[1]);
  const double along = (da * da - db * db + length * length) / (2 * length);
  const double away = sqrt(fmax(da * da - along * along, 0));
  for (int i = 0; i < 2; i++) {
    /* pa → pb runs counter-clockwise about the origin, so away from it is to the right. */
    const double right = i == 0 ? e[1] / length : -e[0] / length;
    out[i] = pa[i] + along * e[i] / length + away * right;
  }
}

static bool within(const fan *f, const double x[2]) {
  return x[0] * x[0] + x[1] * x[1] <= f->reach * f->reach;
}

/* Beyond edge (a, b) of triangle c at (pa, pb), counter-clockwise about the origin; the cone from low to high
 * is seen. */
static void spread(fan *f, int32_t c, int32_t a, int32_t b, const double pa[2], const double pb[2],
                   const double low[2], const double high[2]) {
  const mpinn_mesh *mesh = f->solver->mesh;
  int corner;
  const bool goes_on = f->depth < 63 && (within(f, pa) || within(f, pb));
  const int32_t next = goes_on ? across_edge(mesh, c, a, b, &corner) : -1;
  if (next < 0) return;
  const int32_t *cell = mesh->cells + 3 * (size_t)next, apex = cell[corner];
  double p[3][2], x[2];
  unfold(length3(point(mesh, a), point(mesh, apex)), length3(point(mesh, b), point(mesh, apex)), pa, pb, x);
  for (int i = 0; i < 3; i++) {
    const double *q = cell[i] == a ? pa : cell[i] == b ? pb : x;
    p[i][0] = q[0];
    p[i][1] = q[1];
  }
  for (int i = 0; i < 2; i++) {
    f->edges[f->depth][0][i] = pa[i];
    f->edges[f->depth][1][i] = pb[i];
  }
  plane_metric(f->solver, next, (const double(*)[2])p, f->metrics[++f->depth]);
  const bool after_low = cross2(low, x) > 0, before_high = cross2(x, high) > 0;
  if (after_low && before_high && within(f, x)) reach_node(f, apex, x);
  if (after_low) spread(f, next, a, apex, pa, x, low, before_high ? x : high);
  if (before_high) spread(f, next, apex, b, x, pb, after_low ? x : low, high);
  f->depth--;
}

static void seed_by_fan(const mpinn_eikonal *solver, const mpinn_mesh_place *place, double reach,
                        double onset, double *at) {
  static const double aside[3] = {0.43, 0.26, 0.31}, share = 1e-8;
  const mpinn_mesh *mesh = solver->mesh;
  const int32_t c = place->cell, *cell = mesh->cells + 3 * (size_t)c;
  const double *q[3] = {point(mesh, cell[0]), point(mesh, cell[1]), point(mesh, cell[2])};
  const double l01 = length3(q[0], q[1]), l02 = length3(q[0], q[2]), l12 = length3(q[1], q[2]);
  const double along = (l01 * l01 + l02 * l02 - l12 * l12) / (2 * l01);
  double p[3][2] = {{0, 0}, {l01, 0}, {along, sqrt(fmax(l02 * l02 - along * along, 0))}}, origin[2] = {0, 0};
  fan f = {.solver = solver, .reach = reach, .onset = onset, .at = at};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 2; j++) origin[j] += ((1 - share) * place->weights[i] + share * aside[i]) * p[i][j];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 2; j++) p[i][j] -= origin[j];
  plane_metric(solver, c, (const double(*)[2])p, f.metrics[0]);
  for (int i = 0; i < 3; i++) {
    const int j = (i + 1) % 3;
    spread(&f, c, cell[i], cell[j], p[i], p[j], p[i], p[j]);
  }
}

/* --- A site ------------------------------------------------------------------------------------ */

/* Around a point source linear interpolation costs O(h log h), so nodes nearby get the time of the straight
 * path. It is that of a path that the front may take, never too low whatever the velocity there, and lowered
 * later where another is faster. The reach is a length of the mesh, not of its cells: that takes the
 * logarithm out. Of many sites each has less to cover. */
void mpinn_front_seed(const mpinn_eikonal *solver, const mpinn_mesh_place *place, size_t n_sites,
                      double onset, double *at) {
  const mpinn_mesh *mesh = solver->mesh;
  const double share = 0.15 / cbrt(fmax((double)n_sites / 8, 1));
  const double reach = fmax(3 * mesh->mean_edge, share * mesh->diagonal);
  seed_cells(solver, place, onset, at);
  if (mesh->type == MPINN_TETRAHEDRON)
    seed_by_rays(solver, place, fmin(reach, 20 * mesh->mean_edge), onset, at);
  else
    seed_by_fan(solver, place, reach, onset, at);
}
