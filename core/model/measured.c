#include "model/measured.h"

#include <math.h>
#include <string.h>

static double squared_distance(const double *a, const double *b) {
  const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return x * x + y * y + z * z;
}

static size_t farthest_from_centroid(size_t n, const double *points, const bool *marked) {
  double centroid[3] = {0, 0, 0}, count = 0, largest = -1;
  size_t farthest = 0;
  for (size_t i = 0; i < n; i++)
    if (marked[i]) {
      for (int d = 0; d < 3; d++) centroid[d] += points[3 * i + (size_t)d];
      count++;
    }
  for (int d = 0; d < 3; d++) centroid[d] /= count;
  for (size_t i = 0; i < n; i++)
    if (marked[i] && squared_distance(points + 3 * i, centroid) > largest) {
      largest = squared_distance(points + 3 * i, centroid);
      farthest = i;
    }
  return farthest;
}

/* Chooses max of the marked points; leaves chosen[] true for these alone. */
static void choose_spread(size_t n, const double *points, size_t max, double *nearest, bool *chosen) {
  size_t next = farthest_from_centroid(n, points, chosen);
  for (size_t i = 0; i < n; i++) {
    nearest[i] = chosen[i] ? INFINITY : -1;
    chosen[i] = false;
  }
  for (size_t taken = 0; taken < max; taken++) {
    const double *centre = points + 3 * next;
    double largest = -1;
    chosen[next] = true;
    for (size_t i = 0; i < n; i++) {
      if (nearest[i] < 0) continue;
      const double d = squared_distance(points + 3 * i, centre);
      if (d < nearest[i]) nearest[i] = d;
      if (nearest[i] > largest && !chosen[i]) {
        largest = nearest[i];
        next = i;
      }
    }
  }
}

mpinn_status mpinn_spread(mpinn_context *context, size_t n, const double *points, const bool *marked,
                          size_t max, size_t *n_selected, size_t **selected) {
  bool *chosen = NULL;
  double *nearest = NULL;
  size_t count = 0;
  mpinn_status status;
  *selected = NULL;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &chosen, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &nearest, n));
  for (size_t i = 0; i < n; i++) count += chosen[i] = marked[i];
  if (count > max) choose_spread(n, points, max, nearest, chosen);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, selected, count));
  *n_selected = 0;
  for (size_t i = 0; i < n; i++)
    if (chosen[i]) (*selected)[(*n_selected)++] = i;
done:
  free(chosen);
  free(nearest);
  return status;
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

static int compare_floats(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

mpinn_status mpinn_keep_early(mpinn_context *context, size_t n, double fraction, float *values,
                              size_t *n_left) {
  float *sorted = NULL;
  size_t known = 0;
  MPINN_TRY(MPINN_NEW(context, &sorted, n));
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) sorted[known++] = values[i];
  qsort(sorted, known, sizeof *sorted, compare_floats);
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
