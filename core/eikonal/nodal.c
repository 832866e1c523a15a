#include "eikonal/nodal.h"

#include "base/internal.h"

static mpinn_status create(mpinn_context *context, const mpinn_mesh *mesh, mpinn_association association,
                           const float *speed, mpinn_eikonal **solver) {
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = association;
  velocity.speed = speed;
  return mpinn_eikonal_create(context, mesh, &velocity, solver);
}

static mpinn_status solve(mpinn_context *context, const mpinn_mesh *mesh, mpinn_association association,
                          const float *speed, const mpinn_site *site, float *at) {
  mpinn_eikonal *solver = NULL;
  MPINN_TRY(create(context, mesh, association, speed, &solver));
  const mpinn_status status = mpinn_eikonal_solve(context, solver, 1, site, at);
  mpinn_eikonal_destroy(&solver);
  return status;
}

mpinn_status mpinn_eikonal_create_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                        mpinn_eikonal **solver) {
  return create(context, mesh, MPINN_NODES, speed, solver);
}

mpinn_status mpinn_eikonal_solve_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                       const mpinn_site *site, float *at) {
  return solve(context, mesh, MPINN_NODES, speed, site, at);
}

mpinn_status mpinn_eikonal_solve_cells(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                       const mpinn_site *site, float *at) {
  return solve(context, mesh, MPINN_CELLS, speed, site, at);
}
