#include "heart/spread.h"

#include <math.h>

mpinn_status mpinn_farthest_points(mpinn_context *context, const double *points, size_t n,
                                   const size_t *nodes, size_t first, size_t count, size_t *chosen) {
  double *distance = NULL; /* squared, to the nearest chosen node */
  size_t next = first;
  MPINN_TRY(MPINN_NEW(context, &distance, n));
  for (size_t i = 0; i < n; i++) distance[i] = INFINITY;
  for (size_t c = 0; c < count; c++) {
    const double *at = points + 3 * nodes[next];
    size_t farthest = 0;
    chosen[c] = nodes[next];
    distance[next] = -1; /* never again, even where nodes coincide */
    for (size_t i = 0; i < n; i++) {
      const double *x = points + 3 * nodes[i];
      const double d =
          (x[0] - at[0]) * (x[0] - at[0]) + (x[1] - at[1]) * (x[1] - at[1]) + (x[2] - at[2]) * (x[2] - at[2]);
      distance[i] = fmin(distance[i], d);
      if (distance[i] > distance[farthest]) farthest = i;
    }
    next = farthest;
  }
  free(distance);
  return MPINN_OK;
}
