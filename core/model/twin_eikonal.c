#include "metapinn/twin.h"

#include "model/twin_parts.h"

static mpinn_status find_origin(mpinn_context *context, const mpinn_twin *twin, const mpinn_eikonal *solver,
                                mpinn_origin *origin) {
  mpinn_origin_search search = {0};
  if (twin->method == &mpinn_twin_local) { /* found on the way already */
    *origin = twin->local.origin;
    return MPINN_OK;
  }
  mpinn_twin_early(twin, &search.n, &search.points, &search.times);
  return mpinn_find_origin(context, solver, &search, origin);
}

mpinn_status mpinn_twin_eikonal(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                                const float *cv, const mpinn_site *known, mpinn_origin *origin, float *at) {
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_status status = MPINN_OK;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_NODES;
  velocity.speed = cv;
  MPINN_TRY(mpinn_eikonal_create(context, mesh, &velocity, &solver));
  if (known)
    *origin = (mpinn_origin){.site = *known};
  else
    MPINN_TRY_GOTO(done, status, find_origin(context, twin, solver, origin));
  status = mpinn_eikonal_solve(context, solver, 1, &origin->site, at);
done:
  mpinn_eikonal_destroy(&solver);
  return status;
}
