#include "eikonal/internal.h"

#include "base/vector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A symmetric 3 × 3 matrix: xx yy zz xy xz yz. */
typedef struct tensor {
  double m[6];
} tensor;

static void add_square(tensor *t, const double v[3], double factor) {
  t->m[0] += factor * v[0] * v[0];
  t->m[1] += factor * v[1] * v[1];
  t->m[2] += factor * v[2] * v[2];
  t->m[3] += factor * v[0] * v[1];
  t->m[4] += factor * v[0] * v[2];
  t->m[5] += factor * v[1] * v[2];
}

static double product(const tensor *t, const double a[3], const double b[3]) {
  return t->m[0] * a[0] * b[0] + t->m[1] * a[1] * b[1] + t->m[2] * a[2] * b[2] +
         t->m[3] * (a[0] * b[1] + a[1] * b[0]) + t->m[4] * (a[0] * b[2] + a[2] * b[0]) +
         t->m[5] * (a[1] * b[2] + a[2] * b[1]);
}

static tensor inverse(const tensor *t) {
  const double *m = t->m;
  tensor r = {{m[1] * m[2] - m[5] * m[5], m[0] * m[2] - m[4] * m[4], m[0] * m[1] - m[3] * m[3],
               m[4] * m[5] - m[2] * m[3], m[3] * m[5] - m[1] * m[4], m[3] * m[4] - m[0] * m[5]}};
  const double determinant = m[0] * r.m[0] + m[3] * r.m[3] + m[4] * r.m[4];
  for (int i = 0; i < 6; i++) r.m[i] /= determinant;
  return r;
}

static bool normalize(double v[3]) {
  const double length = mpinn_norm(v);
  for (int i = 0; i < 3; i++) v[i] /= length;
  return length > 0 && isfinite(length);
}

/* D⁻¹ (ms²/mm²) at a node or cell; false where fibre and sheet span no plane. */
static bool metric_at(const mpinn_velocity *velocity, size_t index, tensor *metric) {
  double speeds[3], f[3], s[3];
  *metric = (tensor){{0}};
  for (int i = 0; i < 3; i++) {
    speeds[i] = velocity->axes ? (double)velocity->axes[3 * index + (size_t)i] : velocity->uniform_axes[i];
    f[i] = (double)velocity->fibre[3 * index + (size_t)i];
  }
  const double slow = 1 / (speeds[2] * speeds[2]);
  if (!normalize(f)) return false;
  for (int i = 0; i < 3; i++) metric->m[i] = slow;
  add_square(metric, f, 1 / (speeds[0] * speeds[0]) - slow);
  if (!velocity->sheet || speeds[1] == speeds[2]) return true;
  for (int i = 0; i < 3; i++) s[i] = (double)velocity->sheet[3 * index + (size_t)i];
  if (!normalize(s)) return false;
  const double along = s[0] * f[0] + s[1] * f[1] + s[2] * f[2];
  for (int i = 0; i < 3; i++) s[i] -= along * f[i];
  if (mpinn_norm(s) < 1e-6 || !normalize(s)) return false;
  add_square(metric, s, 1 / (speeds[1] * speeds[1]) - slow);
  return true;
}

static bool acceptable(double speed) {
  return isfinite(speed) && speed > 0;
}

static mpinn_status check_isotropic(mpinn_context *context, const mpinn_velocity *velocity, const char *where,
                                    size_t i) {
  const double speed = (double)velocity->speed[i];
  if (acceptable(speed)) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "The conduction velocity of %s %zu is %g m/s; it must be finite and above zero", where, i,
                    speed);
}

static mpinn_status check_axes(mpinn_context *context, const double axes[3], bool has_sheet,
                               const char *where) {
  for (int i = 0; i < 3; i++)
    if (!acceptable(axes[i]))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Conduction velocity %d of %s is %g m/s; it must be finite and above zero", i + 1,
                        where, axes[i]);
  if (!has_sheet && axes[1] != axes[2])
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "Without sheet directions the second and third conduction velocity of %s must be equal, "
        "but are %g and %g m/s",
        where, axes[1], axes[2]);
  return MPINN_OK;
}

static mpinn_status check_anisotropic(mpinn_context *context, const mpinn_velocity *velocity,
                                      const char *where, size_t i) {
  tensor metric;
  char name[48];
  snprintf(name, sizeof name, "%s %zu", where, i);
  if (velocity->axes) {
    const float *a = velocity->axes + 3 * i;
    const double axes[3] = {(double)a[0], (double)a[1], (double)a[2]};
    MPINN_TRY(check_axes(context, axes, velocity->sheet, name));
  }
  if (metric_at(velocity, i, &metric)) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "The fibre or sheet direction of %s is zero, not finite, or parallel to the other", name);
}

static mpinn_status check_velocity(mpinn_context *context, const mpinn_velocity *velocity,
                                   const mpinn_mesh *mesh) {
  const bool nodes = velocity->association == MPINN_NODES;
  if (!nodes && velocity->association != MPINN_CELLS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A conduction velocity belongs to nodes or to cells, not to a field");
  if (velocity->fibre && velocity->speed)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A conduction velocity is a scalar or has fibres, not both");
  if (!velocity->fibre && (velocity->sheet || velocity->axes))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "An anisotropic conduction velocity needs fibre directions");
  if (!velocity->fibre && !velocity->speed && !acceptable(velocity->uniform))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The uniform conduction velocity is %g m/s; it must be finite and above zero",
                      velocity->uniform);
  if (velocity->fibre && !velocity->axes)
    MPINN_TRY(check_axes(context, velocity->uniform_axes, velocity->sheet, "the uniform tensor"));
  if (!velocity->fibre && !velocity->speed) return MPINN_OK;
  const size_t count = nodes ? mesh->node_count : mesh->cell_count;
  for (size_t i = 0; i < count; i++) {
    if (nodes ? mesh->corner_start[i] == mesh->corner_start[i + 1] : !mesh->usable[i]) continue;
    MPINN_TRY(velocity->fibre ? check_anisotropic(context, velocity, nodes ? "node" : "cell", i)
                              : check_isotropic(context, velocity, nodes ? "node" : "cell", i));
  }
  return MPINN_OK;
}

/* Slowness of a cell, ms/mm: the mean of its nodes'. */
static double slowness(const mpinn_velocity *velocity, const mpinn_mesh *mesh, size_t c) {
  if (!velocity->speed) return 1 / velocity->uniform;
  if (velocity->association == MPINN_CELLS) return 1 / (double)velocity->speed[c];
  double sum = 0;
  for (size_t i = 0; i < mesh->type; i++) sum += 1 / (double)velocity->speed[mesh->cells[mesh->type * c + i]];
  return sum / (double)mesh->type;
}

/* D⁻¹ of a cell, ms²/mm²: the mean of its nodes'. */
static tensor cell_metric(const mpinn_velocity *velocity, const mpinn_mesh *mesh, size_t c) {
  tensor metric = {{0}}, at_node;
  if (!velocity->fibre) {
    const double s = slowness(velocity, mesh, c);
    return (tensor){{s * s, s * s, s * s, 0, 0, 0}};
  }
  if (velocity->association == MPINN_CELLS) {
    metric_at(velocity, c, &metric);
    return metric;
  }
  for (size_t i = 0; i < mesh->type; i++) {
    metric_at(velocity, (size_t)mesh->cells[mesh->type * c + i], &at_node);
    for (int j = 0; j < 6; j++) metric.m[j] += at_node.m[j] / (double)mesh->type;
  }
  return metric;
}

/* The metric within a triangle's plane is the inverse of D restricted to that plane, for ∇T lies in it: M on
 * the plane, and along the normal whatever (here: zero). */
static tensor restrict_to_plane(const tensor *metric, const double e1[3], const double e2[3]) {
  double u[3], v[3];
  const tensor d = inverse(metric);
  memcpy(u, e1, sizeof u);
  normalize(u);
  const double along = u[0] * e2[0] + u[1] * e2[1] + u[2] * e2[2];
  for (int i = 0; i < 3; i++) v[i] = e2[i] - along * u[i];
  normalize(v);
  const double uu = product(&d, u, u), uv = product(&d, u, v), vv = product(&d, v, v);
  const double determinant = uu * vv - uv * uv;
  double w[3]; /* the inverse is a sum of two squares, of u and of this */
  for (int i = 0; i < 3; i++) w[i] = v[i] - uv / uu * u[i];
  tensor restricted = {{0}};
  add_square(&restricted, u, 1 / uu);
  add_square(&restricted, w, uu / determinant);
  return restricted;
}

static void measure_cell(const mpinn_velocity *velocity, const mpinn_mesh *mesh, size_t c, double *squares) {
  const size_t type = mesh->type;
  const int32_t *cell = mesh->cells + type * c;
  double e[6][3];
  int edges = 0;
  for (size_t i = 0; i < type; i++)
    for (size_t j = i + 1; j < type; j++, edges++)
      for (int k = 0; k < 3; k++) e[edges][k] = mesh->points[3 * cell[j] + k] - mesh->points[3 * cell[i] + k];
  tensor metric = cell_metric(velocity, mesh, c);
  if (type == MPINN_TRIANGLE && velocity->fibre) metric = restrict_to_plane(&metric, e[0], e[1]);
  for (int i = 0; i < edges; i++) squares[i] = product(&metric, e[i], e[i]);
}

mpinn_status mpinn_front_measure(mpinn_context *context, const mpinn_velocity *velocity,
                                 mpinn_eikonal *solver) {
  const mpinn_mesh *mesh = solver->mesh;
  MPINN_TRY(check_velocity(context, velocity, mesh));
  if (mesh->type == MPINN_TETRAHEDRON)
    MPINN_TRY(MPINN_NEW(context, &solver->tetrahedra, mesh->cell_count));
  else
    MPINN_TRY(MPINN_NEW(context, &solver->triangles, mesh->cell_count));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t c = 0; c < mesh->cell_count; c++) {
    if (!mesh->usable[c]) continue;
    const bool solid = mesh->type == MPINN_TETRAHEDRON;
    measure_cell(velocity, mesh, c, solid ? solver->tetrahedra[c].square : solver->triangles[c].square);
    memcpy(solid ? solver->tetrahedra[c].node : solver->triangles[c].node, mesh->cells + mesh->type * c,
           mesh->type * sizeof *mesh->cells);
  }
  return MPINN_OK;
}
