/* The derivative of an eikonal solution by the velocity and by the site of origin: the way back along the
 * front, as in travel-time tomography (Sei & Symes, SEG 1994; Leung & Qian, Commun. Math. Sci. 4, 2006), of
 * the very updates that the solver makes. */
#ifndef MPINN_EIKONAL_ADJOINT_H
#define MPINN_EIKONAL_ADJOINT_H

#include "base/internal.h"
#include "metapinn/eikonal.h"

/* Room for one way back on a mesh; of one thread at a time. */
typedef struct mpinn_adjoint mpinn_adjoint;

mpinn_status mpinn_adjoint_create(mpinn_context *context, const mpinn_mesh *mesh, mpinn_adjoint **adjoint);
void mpinn_adjoint_destroy(mpinn_adjoint **adjoint);

/* at[node_count] (ms) is the solution from site on solver, of adjoint's mesh; by_at[node_count] the
 * derivative of a loss by it, which is used up. by_slowness[cell_count] is overwritten with the loss's
 * derivative by the logarithm of each cell's slowness, by_site[3] with that by the site's position, per mm.
 * Close to the site, where the solver takes times of straight paths, both are those of the updates that come
 * nearest to them. */
void mpinn_adjoint_run(mpinn_adjoint *adjoint, const mpinn_eikonal *solver, const mpinn_site *site,
                       const float *at, double *by_at, double *by_slowness, double by_site[3]);

#endif
