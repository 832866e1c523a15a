#include "metapinn/twin.h"

#include "eikonal/nodal.h"
#include "model/twin_parts.h"

#include <string.h>

static mpinn_status find_origin(mpinn_context *context, const mpinn_twin *twin, const mpinn_eikonal *solver,
                                mpinn_origin *origin) {
  mpinn_origin_search search = {.is_early = true};
  if (twin->method == &mpinn_twin_local) { /* found on the way already */
    *origin = twin->local.origin;
    return MPINN_OK;
  }
  mpinn_twin_early(twin, &search.n, &search.points, &search.times);
  return mpinn_find_origin(context, solver, &search, origin);
}

/* Whether the twin was made with the very solution that is asked for, which then is at. */
static bool take_solution(const mpinn_twin *twin, const mpinn_mesh *mesh, const float *cv,
                          const mpinn_site *known, mpinn_origin *origin, float *at) {
  const mpinn_local_twin *local = &twin->local;
  const size_t n = mpinn_mesh_node_count(mesh);
  const double *from = local->origin.site.position;
  if (!local->eikonal || n != local->n_nodes || memcmp(cv, local->speed, n * sizeof *cv) != 0) return false;
  if (known && memcmp(known->position, from, sizeof known->position) != 0) return false;
  *origin = known ? (mpinn_origin){.site = *known} : local->origin;
  for (size_t i = 0; i < n; i++) at[i] = (float)(origin->site.onset + (double)local->eikonal[i]);
  return true;
}

mpinn_status mpinn_twin_eikonal(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                                const float *cv, const mpinn_site *known, mpinn_origin *origin, float *at) {
  mpinn_eikonal *solver = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(mpinn_twin_need_velocity(context, twin));
  if (take_solution(twin, mesh, cv, known, origin, at)) return MPINN_OK;
  MPINN_TRY(mpinn_eikonal_create_nodal(context, mesh, cv, &solver));
  if (known)
    *origin = (mpinn_origin){.site = *known};
  else
    MPINN_TRY_GOTO(done, status, find_origin(context, twin, solver, origin));
  status = mpinn_eikonal_solve(context, solver, 1, &origin->site, at);
done:
  mpinn_eikonal_destroy(&solver);
  return status;
}
