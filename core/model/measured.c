#include "model/measured.h"

#include "base/order.h"
#include "heart/spread.h"

#include <math.h>

static double squared_distance(const double *a, const double *b) {
  const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return x * x + y * y + z * z;
}

/* Index into nodes. */
static size_t farthest_from_centroid(const double *points, size_t n, const size_t *nodes) {
  double centroid[3] = {0, 0, 0}, largest = -1;
  size_t farthest = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t d = 0; d < 3; d++) centroid[d] += points[3 * nodes[i] + d] / (double)n;
  for (size_t i = 0; i < n; i++) {
    const double distance = squared_distance(points + 3 * nodes[i], centroid);
    if (distance > largest) {
      largest = distance;
      farthest = i;
    }
  }
  return farthest;
}

static int compare_sizes(const void *a, const void *b) {
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

mpinn_status mpinn_spread(mpinn_context *context, size_t n, const double *points, const bool *marked,
                          size_t max, size_t *n_selected, size_t **selected) {
  size_t *nodes = NULL, count = 0;
  *selected = NULL;
  *n_selected = 0;
  MPINN_TRY(MPINN_NEW(context, &nodes, n));
  for (size_t i = 0; i < n; i++)
    if (marked[i]) nodes[count++] = i;
  if (count <= max) {
    *selected = nodes;
    *n_selected = count;
    return MPINN_OK;
  }
  mpinn_status status = MPINN_NEW(context, selected, max);
  if (status == MPINN_OK)
    status = mpinn_farthest_points(context, points, count, nodes,
                                   farthest_from_centroid(points, count, nodes), max, *selected);
  free(nodes);
  MPINN_TRY(status);
  qsort(*selected, max, sizeof **selected, compare_sizes);
  *n_selected = max;
  return MPINN_OK;
}

size_t mpinn_normalize_map(size_t n, double scale, float *values) {
  float least = INFINITY;
  size_t known = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) {
      if (values[i] < least) least = values[i];
      known++;
    }
  for (size_t i = 0; i < n; i++) values[i] = (float)(((double)values[i] - least) * scale);
  return known;
}

mpinn_status mpinn_keep_early(mpinn_context *context, size_t n, double fraction, float *values,
                              size_t *n_left) {
  float *sorted = NULL;
  size_t known = 0;
  MPINN_TRY(MPINN_NEW(context, &sorted, n));
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) sorted[known++] = values[i];
  qsort(sorted, known, sizeof *sorted, mpinn_compare_floats);
  const size_t wanted = (size_t)ceil(fraction * (double)known - 1e-9), keep = wanted > 0 ? wanted : 1;
  const float latest = known ? sorted[keep - 1] : 0;
  free(sorted);
  *n_left = 0;
  for (size_t i = 0; i < n; i++) {
    if (values[i] > latest) values[i] = NAN;
    *n_left += !isnan(values[i]);
  }
  return MPINN_OK;
}
