#include "eikonal/nodal.h"

#include "base/internal.h"

mpinn_status mpinn_eikonal_create_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                        mpinn_eikonal **solver) {
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_NODES;
  velocity.speed = speed;
  return mpinn_eikonal_create(context, mesh, &velocity, solver);
}

mpinn_status mpinn_eikonal_solve_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                       const mpinn_site *site, float *at) {
  mpinn_eikonal *solver = NULL;
  MPINN_TRY(mpinn_eikonal_create_nodal(context, mesh, speed, &solver));
  const mpinn_status status = mpinn_eikonal_solve(context, solver, 1, site, at);
  mpinn_eikonal_destroy(&solver);
  return status;
}
