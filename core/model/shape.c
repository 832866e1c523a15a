#include "model/shape.h"

#include "base/vector.h"

#include <math.h>

/* Volume of a tetrahedron or area of a triangle, corners p[0], p[1] … */
static double measure(mpinn_cell_type type, double p[4][3]) {
  double u[3], v[3], w[3], n[3];
  mpinn_subtract(p[1], p[0], u);
  mpinn_subtract(p[2], p[0], v);
  mpinn_cross(u, v, n);
  if (type == MPINN_TRIANGLE) return sqrt(mpinn_dot(n, n)) / 2;
  mpinn_subtract(p[3], p[0], w);
  return fabs(mpinn_dot(n, w)) / 6;
}

typedef struct moments {
  double mass, first[3], second[6], box[6];
} moments;

static void add_cell(moments *sum, mpinn_cell_type type, double p[4][3]) {
  const double mass = measure(type, p);
  double centre[3] = {0, 0, 0};
  for (int v = 0; v < (int)type; v++)
    for (int d = 0; d < 3; d++) {
      centre[d] += p[v][d] / (double)type;
      if (p[v][d] < sum->box[d]) sum->box[d] = p[v][d];
      if (p[v][d] > sum->box[3 + d]) sum->box[3 + d] = p[v][d];
    }
  sum->mass += mass;
  for (int d = 0, s = 0; d < 3; d++) {
    sum->first[d] += mass * centre[d];
    for (int e = d; e < 3; e++) sum->second[s++] += mass * centre[d] * centre[e];
  }
}

mpinn_shape mpinn_shape_of(const mpinn_mesh *mesh, const mpinn_frame *frame) {
  const mpinn_cell_type type = mpinn_mesh_cell_type(mesh);
  const double *points = mpinn_mesh_points(mesh);
  const int32_t *cells = mpinn_mesh_cells(mesh);
  const bool *usable = mpinn_mesh_cell_usable(mesh);
  moments sum = {.box = {INFINITY, INFINITY, INFINITY, -INFINITY, -INFINITY, -INFINITY}};
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) {
    double corners[4][3];
    if (!usable[c]) continue;
    for (int v = 0; v < (int)type; v++)
      mpinn_frame_apply(frame, 1, points + 3 * (size_t)cells[c * (size_t)type + (size_t)v], corners[v]);
    add_cell(&sum, type, corners);
  }
  mpinn_shape shape;
  for (int d = 0; d < 3; d++) shape.numbers[d] = sum.first[d] / sum.mass;
  for (int d = 0, s = 0; d < 3; d++)
    for (int e = d; e < 3; e++, s++)
      shape.numbers[3 + s] = sum.second[s] / sum.mass - shape.numbers[d] * shape.numbers[e];
  for (int d = 0; d < 6; d++) shape.numbers[9 + d] = sum.box[d];
  return shape;
}

static double distance(const mpinn_shape *a, const mpinn_shape *b) {
  double sum = 0;
  for (int i = 0; i < MPINN_SHAPE_NUMBERS; i++)
    sum += (a->numbers[i] - b->numbers[i]) * (a->numbers[i] - b->numbers[i]);
  return sqrt(sum);
}

double mpinn_shape_distance(const mpinn_shape *shape, size_t n_known, const mpinn_shape *known) {
  double nearest = INFINITY, widest = 0;
  for (size_t i = 0; i < n_known; i++) {
    nearest = fmin(nearest, distance(shape, &known[i]));
    for (size_t j = 0; j < i; j++) widest = fmax(widest, distance(&known[i], &known[j]));
  }
  return widest > 0 ? nearest / widest : nearest > 0 ? INFINITY : 0;
}
