#include "eikonal/residual.h"

#include "base/vector.h"
#include "heart/tetrahedron.h"

#include <math.h>

/* The nodes' mean slowness is what the eikonal solver takes for a cell's. */
static double speed_in(const int32_t nodes[4], size_t cell, mpinn_association association, const float *cv) {
  double slowness = 0;
  if (association == MPINN_CELLS) return (double)cv[cell];
  for (int a = 0; a < 4; a++) slowness += 0.25 / (double)cv[nodes[a]];
  return 1 / slowness;
}

mpinn_status mpinn_eikonal_residual(mpinn_context *context, const mpinn_mesh *mesh, const float *at,
                                    mpinn_association association, const float *cv, float *residual) {
  const size_t n = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  const bool solid = mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON;
  double *sums = NULL, *volumes = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &sums, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &volumes, n));
  for (size_t c = 0; c < n_cells && solid; c++) {
    const int32_t *nodes = mpinn_mesh_cells(mesh) + 4 * c;
    double gradient[3] = {0, 0, 0};
    if (!mpinn_mesh_cell_usable(mesh)[c]) continue;
    const mpinn_tetrahedron t = mpinn_tetrahedron_at(mesh, c);
    for (int a = 0; a < 4; a++)
      for (int d = 0; d < 3; d++) gradient[d] += (double)at[nodes[a]] * t.slope[a][d];
    const double here = mpinn_norm(gradient) * speed_in(nodes, c, association, cv) - 1;
    for (int a = 0; a < 4; a++) {
      sums[nodes[a]] += t.volume * here;
      volumes[nodes[a]] += t.volume;
    }
  }
  for (size_t i = 0; i < n; i++) residual[i] = volumes[i] > 0 ? (float)(sums[i] / volumes[i]) : NAN;
done:
  free(sums);
  free(volumes);
  return status;
}
