#include "heart/spread.h"

#include <math.h>

/* Squared distances to the nearest chosen node, once another one is chosen, and the largest of them. Nodes
 * that are chosen themselves have −1. */
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static double
come_nearer(size_t n, const double *restrict x, const double *restrict y, const double *restrict z,
            const double at[3], double *restrict distance) {
  double largest = -1;
#pragma omp simd reduction(max : largest)
  for (size_t i = 0; i < n; i++) {
    const double d =
        (x[i] - at[0]) * (x[i] - at[0]) + (y[i] - at[1]) * (y[i] - at[1]) + (z[i] - at[2]) * (z[i] - at[2]);
    distance[i] = d < distance[i] ? d : distance[i];
    largest = distance[i] > largest ? distance[i] : largest;
  }
  return largest;
}

mpinn_status mpinn_farthest_points(mpinn_context *context, const double *points, size_t n,
                                   const size_t *nodes, size_t first, size_t count, size_t *chosen) {
  double *distance = NULL, *x = NULL;
  size_t next = first;
  MPINN_TRY(MPINN_NEW(context, &distance, 4 * n));
  x = distance + n;
  for (size_t i = 0; i < n; i++) {
    distance[i] = INFINITY;
    for (size_t d = 0; d < 3; d++) x[d * n + i] = points[3 * nodes[i] + d];
  }
  for (size_t c = 0; c < count; c++) {
    const double at[3] = {x[next], x[n + next], x[2 * n + next]};
    chosen[c] = nodes[next];
    distance[next] = -1; /* never again, even where nodes coincide */
    const double farthest = come_nearer(n, x, x + n, x + 2 * n, at, distance);
    for (next = 0; next + 1 < n && distance[next] != farthest; next++)
      ;
  }
  free(distance);
  return MPINN_OK;
}
