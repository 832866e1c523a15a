/* The eikonal solver on a velocity without direction that is known at the nodes, as the networks give it, or
 * at the cells, as segments do. */
#ifndef MPINN_EIKONAL_NODAL_H
#define MPINN_EIKONAL_NODAL_H

#include "metapinn/eikonal.h"

/* speed[node_count], m/s, is not kept. Fails as mpinn_eikonal_create does. */
mpinn_status mpinn_eikonal_create_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                        mpinn_eikonal **solver);

/* One solution alone: at[node_count], ms, from site. */
mpinn_status mpinn_eikonal_solve_nodal(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                       const mpinn_site *site, float *at);
/* The same of speed[cell_count], m/s. */
mpinn_status mpinn_eikonal_solve_cells(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                       const mpinn_site *site, float *at);

#endif
