/* Points that are well spread among others. */
#ifndef MPINN_HEART_SPREAD_H
#define MPINN_HEART_SPREAD_H

#include "base/internal.h"

/* chosen[count] of nodes[n] (indices into points[][3]), beginning with nodes[first]: each next one is the
 * farthest from all before it (Gonzalez, Theor. Comput. Sci. 38, 1985), the first in nodes where several are.
 * count ≤ n. */
mpinn_status mpinn_farthest_points(mpinn_context *context, const double *points, size_t n,
                                   const size_t *nodes, size_t first, size_t count, size_t *chosen);

#endif
