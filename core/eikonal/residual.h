/* How well times that are known at the nodes fulfil the eikonal equation. */
#ifndef MPINN_EIKONAL_RESIDUAL_H
#define MPINN_EIKONAL_RESIDUAL_H

#include "base/internal.h"
#include "metapinn/subject.h"

/* residual[node_count] = |∇T| F − 1 of the cells around each node, averaged by their volumes, ∇T that of the
 * interpolation of at (ms) linear in a cell. cv: m/s, of nodes or cells as association says. NaN at nodes of
 * no usable tetrahedron, and where a time around is. */
mpinn_status mpinn_eikonal_residual(mpinn_context *context, const mpinn_mesh *mesh, const float *at,
                                    mpinn_association association, const float *cv, float *residual);

#endif
