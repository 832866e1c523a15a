#include "model/likeness.h"

#include "base/vector.h"
#include "heart/boundary.h"
#include "model/local_pass.h"

#include <math.h>
#include <string.h>

static double triangle_area(const double *a, const double *b, const double *c) {
  double u[3], v[3], n[3];
  mpinn_subtract(b, a, u);
  mpinn_subtract(c, a, v);
  mpinn_cross(u, v, n);
  return sqrt(mpinn_dot(n, n)) / 2;
}

static double cell_measure(mpinn_cell_type type, const double *const *p) {
  double u[3], v[3], w[3], n[3];
  if (type == MPINN_TRIANGLE) return triangle_area(p[0], p[1], p[2]);
  mpinn_subtract(p[1], p[0], u);
  mpinn_subtract(p[2], p[0], v);
  mpinn_subtract(p[3], p[0], w);
  mpinn_cross(u, v, n);
  return fabs(mpinn_dot(n, w)) / 6;
}

/* ---- the wall ---- */

/* Integrals over the wall of powers of x, the way from centre in lengths. */
typedef struct integrals {
  double measure, radius, fourth, first[3], second[3][3], third[3];
} integrals;

static void add_point(const double *point, const double *centre, double length, double weight,
                      integrals *sum) {
  double x[3];
  for (int d = 0; d < 3; d++) x[d] = (point[d] - centre[d]) / length;
  const double r2 = mpinn_dot(x, x);
  sum->measure += weight;
  sum->radius += weight * sqrt(r2);
  sum->fourth += weight * r2 * r2;
  for (int d = 0; d < 3; d++) {
    sum->first[d] += weight * x[d];
    sum->third[d] += weight * r2 * x[d];
    for (int e = 0; e < 3; e++) sum->second[d][e] += weight * x[d] * x[e];
  }
}

/* A point of equal weight near each corner integrates quadratic functions exactly (Hammer, Marlowe and
 * Stroud, Math. Tables Aids Comput. 10, 1956). */
static void add_cell(mpinn_cell_type type, const double *const *corners, const double *centre, double length,
                     integrals *sum) {
  const int n = (int)type;
  const double near = type == MPINN_TRIANGLE ? 2.0 / 3 : 0.58541019662496852, far = (1 - near) / (n - 1);
  const double weight = cell_measure(type, corners) / n;
  for (int v = 0; v < n; v++) {
    double x[3] = {0, 0, 0};
    for (int w = 0; w < n; w++)
      for (int d = 0; d < 3; d++) x[d] += (w == v ? near : far) * corners[w][d];
    add_point(x, centre, length, weight, sum);
  }
}

static integrals integrate(const mpinn_mesh *mesh, const double *centre, double length) {
  const mpinn_cell_type type = mpinn_mesh_cell_type(mesh);
  const double *points = mpinn_mesh_points(mesh);
  const int32_t *cells = mpinn_mesh_cells(mesh);
  integrals sum = {.measure = 0};
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) {
    const double *corners[4];
    if (!mpinn_mesh_cell_usable(mesh)[c]) continue;
    for (size_t v = 0; v < (size_t)type; v++) corners[v] = points + 3 * (size_t)cells[c * (size_t)type + v];
    add_cell(type, corners, centre, length, &sum);
  }
  return sum;
}

static mpinn_status surface_area(mpinn_context *context, const mpinn_mesh *mesh, double *area) {
  const double *points = mpinn_mesh_points(mesh);
  int32_t(*faces)[3] = NULL;
  size_t count = 0;
  *area = 0;
  MPINN_TRY(mpinn_mesh_boundary(context, mesh, &count, &faces));
  for (size_t f = 0; f < count; f++)
    *area += triangle_area(points + 3 * faces[f][0], points + 3 * faces[f][1], points + 3 * faces[f][2]);
  free(faces);
  return MPINN_OK;
}

/* How far the wall's nearest node is from its middle: a cavity. */
static double hollow(const mpinn_mesh *mesh, const double *centre) {
  double least = INFINITY;
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    double x[3];
    mpinn_subtract(mpinn_mesh_points(mesh) + 3 * i, centre, x);
    least = fmin(least, mpinn_dot(x, x));
  }
  return sqrt(least);
}

/* Volume, surface, how long and how flat, how the wall lies around its middle, how uneven its ends are. */
mpinn_status mpinn_likeness_of_wall(mpinn_context *context, const mpinn_mesh *mesh,
                                    double out[MPINN_LIKENESS_SHAPE]) {
  const double *points = mpinn_mesh_points(mesh);
  double area = 0, centre[3], trace = 0, square = 0, third[3];
  integrals sum = integrate(mesh, points, 1);
  for (int d = 0; d < 3; d++) centre[d] = points[d] + sum.first[d] / sum.measure;
  sum = integrate(mesh, centre, 1);
  for (int d = 0; d < 3; d++) trace += sum.second[d][d] / sum.measure;
  const double length = sqrt(trace);
  sum = integrate(mesh, centre, length);
  const bool solid = mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON;
  if (solid) MPINN_TRY(surface_area(context, mesh, &area));
  double(*s)[3] = sum.second, normal[3];
  for (int d = 0; d < 3; d++) {
    third[d] = sum.third[d] / sum.measure;
    square += mpinn_dot(s[d], s[d]) / (sum.measure * sum.measure);
  }
  mpinn_cross(s[1], s[2], normal);
  const double determinant = mpinn_dot(s[0], normal) / pow(sum.measure, 3);
  out[0] = solid ? log(sum.measure / pow(length, 3)) : NAN;
  out[1] = log((solid ? area : sum.measure) / (length * length));
  out[2] = log(square);
  out[3] = log(determinant + 1e-6);
  out[4] = log(1.001 - fmin(sum.radius / sum.measure, 1));
  out[5] = log(sum.fourth / sum.measure - 0.999);
  out[6] = sqrt(mpinn_dot(third, third));
  out[7] = hollow(mesh, centre) / length;
  return MPINN_OK;
}

/* ---- the maps ---- */

enum { LEFT_OF_CONTEXTS = 6, LEFT_OF_QUERY = 10 };
static const double offset = 0.01; /* below that, less does not count */

static double mean_of(const mpinn_observed *o, int feature) {
  double sum = 0;
  for (size_t r = 0; r < o->n_rows; r++)
    sum += (double)o->features[MPINN_OBSERVED_FEATURES * r + (size_t)feature];
  return sum / (double)o->n_rows;
}

static double sd_of(const mpinn_observed *o, int feature) {
  const double mean = mean_of(o, feature);
  double sum = 0;
  for (size_t r = 0; r < o->n_rows; r++)
    sum += pow((double)o->features[MPINN_OBSERVED_FEATURES * r + (size_t)feature] - mean, 2);
  return sqrt(sum / (double)o->n_rows);
}

/* How far the anchors are from what was measured. */
static double mean_distance(const mpinn_observed *o, size_t anchors) {
  double sum = 0;
  for (size_t i = 0; i < o->n_maps * anchors; i++) sum += log1p((double)o->distance[i]);
  return sum / (double)(o->n_maps * anchors);
}

/* Slopes and how they vary, roughness, density and range of the contexts; what the velocity found leaves of
 * their times and slopes; and of the query's. */
static void describe_maps(const mpinn_local_pass *pass, double *out) {
  enum { SLOPE, WIDE, SPEED, ROUGH, SPACING, TIME, GUESS, ALONG, LEFT, LEFT_TIME };
  const mpinn_observed *contexts = &pass->observed[MPINN_STAGE_SECOND],
                       *query = &pass->observed[MPINN_STAGE_ACTIVATION];
  out[0] = log(mean_of(contexts, SLOPE) + offset);
  out[1] = log(sd_of(contexts, SLOPE) + offset);
  out[2] = mean_of(contexts, ROUGH);
  out[3] = log(mean_of(contexts, SPACING) + offset);
  out[4] = log(sd_of(contexts, TIME) + offset);
  out[5] = log(mean_of(contexts, LEFT) + offset);
  out[LEFT_OF_CONTEXTS] = log(sd_of(contexts, LEFT_TIME) + offset);
  out[7] = log(mean_distance(contexts, pass->heart->wall.n) + offset);
  out[8] = mean_of(query, ROUGH);
  out[9] = log(mean_of(query, LEFT) + offset);
  out[LEFT_OF_QUERY] = log(sd_of(query, LEFT_TIME) + offset);
}

void mpinn_likeness_of(const mpinn_local_pass *pass, double numbers[MPINN_LIKENESS_NUMBERS]) {
  memcpy(numbers, pass->heart->shape, sizeof pass->heart->shape);
  describe_maps(pass, numbers + MPINN_LIKENESS_SHAPE);
}

void mpinn_likeness_left(const double numbers[MPINN_LIKENESS_NUMBERS], double left[2]) {
  left[0] = exp(numbers[MPINN_LIKENESS_SHAPE + LEFT_OF_CONTEXTS]) - offset;
  left[1] = exp(numbers[MPINN_LIKENESS_SHAPE + LEFT_OF_QUERY]) - offset;
}
