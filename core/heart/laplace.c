#include "heart/laplace.h"

#include "base/internal.h"
#include "base/vector.h"
#include "heart/tetrahedron.h"

#include <math.h>
#include <string.h>

typedef struct laplace_system {
  const mpinn_mesh *mesh;
  const bool *fixed;
  size_t n_nodes, n_cells;
  mpinn_tetrahedron *elements;
  double *diagonal; /* [n_nodes] 1 where nothing is to be solved */
} laplace_system;

static void gradient_in(const laplace_system *s, size_t cell, const double *values, double gradient[3]) {
  const int32_t *nodes = mpinn_mesh_cells(s->mesh) + 4 * cell;
  memset(gradient, 0, 3 * sizeof *gradient);
  for (int a = 0; a < 4; a++)
    for (int k = 0; k < 3; k++) gradient[k] += values[nodes[a]] * s->elements[cell].slope[a][k];
}

/* out = K in, zero on fixed nodes. */
static void apply(const laplace_system *s, const double *in, double *out) {
  memset(out, 0, s->n_nodes * sizeof *out);
  for (size_t c = 0; c < s->n_cells; c++) {
    const int32_t *nodes = mpinn_mesh_cells(s->mesh) + 4 * c;
    double g[3];
    if (!mpinn_mesh_cell_usable(s->mesh)[c]) continue;
    gradient_in(s, c, in, g);
    for (int a = 0; a < 4; a++)
      out[nodes[a]] += s->elements[c].volume * mpinn_dot(s->elements[c].slope[a], g);
  }
  for (size_t i = 0; i < s->n_nodes; i++)
    if (s->fixed[i]) out[i] = 0;
}

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Conjugate gradients with the diagonal as preconditioner; work[4][n]. Nodes of no usable cell keep their
 * guess. */
static mpinn_status solve(mpinn_context *context, const laplace_system *s, double *values, double *work) {
  enum { BETWEEN_PROGRESS = 50 };
  const size_t n = s->n_nodes, most = 20 * (size_t)cbrt((double)n) + 200;
  double *r = work, *z = work + n, *p = work + 2 * n, *kp = work + 3 * n, before = 0;
  apply(s, values, r);
  for (size_t i = 0; i < n; i++) {
    r[i] = -r[i];
    p[i] = 0;
    z[i] = r[i] / s->diagonal[i];
  }
  double rz = dot(n, r, z);
  const double enough = 1e-16 * rz;
  for (size_t step = 0; step < most && rz > enough; step++) {
    if (step % BETWEEN_PROGRESS == 0)
      MPINN_TRY(mpinn_progress(context, 0, "solving for the depth in the wall"));
    for (size_t i = 0; i < n; i++) p[i] = z[i] + (step ? rz / before : 0) * p[i];
    apply(s, p, kp);
    const double length = rz / dot(n, p, kp);
    for (size_t i = 0; i < n; i++) {
      values[i] += length * p[i];
      r[i] -= length * kp[i];
      z[i] = r[i] / s->diagonal[i];
    }
    before = rz;
    rz = dot(n, r, z);
  }
  return MPINN_OK;
}

static void assemble(laplace_system *s) {
  for (size_t c = 0; c < s->n_cells; c++) {
    if (!mpinn_mesh_cell_usable(s->mesh)[c]) continue;
    s->elements[c] = mpinn_tetrahedron_at(s->mesh, c);
    for (int a = 0; a < 4; a++) {
      const double *slope = s->elements[c].slope[a];
      s->diagonal[mpinn_mesh_cells(s->mesh)[4 * c + (size_t)a]] +=
          s->elements[c].volume * mpinn_dot(slope, slope);
    }
  }
  for (size_t i = 0; i < s->n_nodes; i++)
    if (s->fixed[i] || !(s->diagonal[i] > 0)) s->diagonal[i] = 1;
}

mpinn_status mpinn_laplace(mpinn_context *context, const mpinn_mesh *mesh, const bool *fixed, double *values,
                           double (*gradients)[3]) {
  laplace_system s = {.mesh = mesh,
                      .fixed = fixed,
                      .n_nodes = mpinn_mesh_node_count(mesh),
                      .n_cells = mpinn_mesh_cell_count(mesh)};
  double *work = NULL;
  mpinn_status status = MPINN_OK;
  if (mpinn_mesh_cell_type(mesh) != MPINN_TETRAHEDRON)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "The depth in the wall was asked for on a surface; expected tetrahedra");
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &s.elements, s.n_cells));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &s.diagonal, s.n_nodes));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &work, 4 * s.n_nodes));
  assemble(&s);
  MPINN_TRY_GOTO(end, status, solve(context, &s, values, work));
  for (size_t c = 0; c < s.n_cells; c++) gradient_in(&s, c, values, gradients[c]);
end:
  free(s.elements);
  free(s.diagonal);
  free(work);
  return status;
}
