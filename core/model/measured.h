/* From maps as they come to what the encoders see: which nodes, times from each map's own zero, the early fifth. */
#ifndef MPINN_MODEL_MEASURED_H
#define MPINN_MODEL_MEASURED_H

#include "base/internal.h"

/* Indices, ascending, of at most max of the marked points[n][3], evenly spread (farthest point first, from the one farthest
 * from the marked points' centroid). *selected has *n_selected items. */
mpinn_status mpinn_spread(mpinn_context *context, size_t n, const double *points, const bool *marked, size_t max,
                          size_t *n_selected, size_t **selected);

/* Shifts values[n] to begin at 0 and multiplies by scale; NaN stays. Returns how many are known. */
size_t mpinn_normalize_map(size_t n, double scale, float *values);

/* Makes NaN of all values[n] but the earliest fraction of those that are known (at least one). Returns how many are left. */
mpinn_status mpinn_keep_early(mpinn_context *context, size_t n, double fraction, float *values, size_t *n_left);

#endif
