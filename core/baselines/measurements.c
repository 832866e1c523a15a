#include "baselines/measurements.h"

#include "metapinn/map_names.h"
#include "model/measured.h"

#include <math.h>

static const double early_fraction = 0.2;

const mpinn_map *mpinn_baseline_map(const mpinn_baseline_input *input, size_t m) {
  return m < input->n_maps ? &input->maps[m] : input->query;
}

static bool is_measured(const mpinn_baseline_input *input, const mpinn_map *map, size_t i) {
  const double *p = input->surface + 3 * i;
  return mpinn_map_is_measured(map->values[i]) && isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}

/* Of one map since its earliest time, NaN where it is not measured; of the query its early part. */
static mpinn_status clean_map(mpinn_context *context, const mpinn_baseline_input *input, size_t m,
                              float *values, double *earliest, size_t *n) {
  const mpinn_map *map = mpinn_baseline_map(input, m);
  *n = 0;
  *earliest = INFINITY;
  for (size_t i = 0; i < input->n_surface; i++) {
    if (!is_measured(input, map, i)) continue;
    *earliest = fmin(*earliest, map->values[i]);
    (*n)++;
  }
  for (size_t i = 0; i < input->n_surface; i++)
    values[i] = is_measured(input, map, i) ? (float)(map->values[i] - *earliest) : NAN;
  if (m == input->n_maps && *n > 0)
    MPINN_TRY(mpinn_keep_early(context, input->n_surface, early_fraction, values, n));
  if (*n >= MPINN_BASELINE_FEWEST) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MAP, "Map '%s' has %zu measured nodes%s; expected at least %d",
                    map->name ? map->name : "", *n, m == input->n_maps ? " in its earliest 20 %" : "",
                    MPINN_BASELINE_FEWEST);
}

static size_t count_late(const mpinn_baseline_input *input, size_t n_early) {
  size_t n = 0;
  for (size_t i = 0; i < input->n_surface && input->query; i++) n += is_measured(input, input->query, i);
  return n - n_early;
}

static mpinn_status count(mpinn_context *context, const mpinn_baseline_input *input, float *values,
                          mpinn_measurements *made) {
  size_t n = 0;
  for (size_t m = 0; m < made->n_maps; m++) {
    MPINN_TRY(clean_map(context, input, m, values, &made->earliest[m], &n));
    made->first[m + 1] = made->first[m] + n;
  }
  made->n_late = input->query ? count_late(input, n) : 0;
  return MPINN_OK;
}

/* Of the query, the last of the maps, whose early part is in values. */
static void take_late(const mpinn_baseline_input *input, const float *values, mpinn_measurements *made) {
  const size_t from = made->first[made->n_maps - 1], to = made->first[made->n_maps];
  double latest = 0;
  for (size_t k = from; k < to; k++) latest = fmax(latest, made->times[k]);
  for (size_t i = 0, k = to; i < input->n_surface; i++) {
    if (!isnan(values[i]) || !is_measured(input, input->query, i)) continue;
    made->node[k] = i;
    made->times[k++] = latest;
  }
}

static mpinn_status take(mpinn_context *context, const mpinn_baseline_input *input, float *values,
                         mpinn_measurements *made) {
  for (size_t m = 0, k = 0, n = 0; m < made->n_maps; m++) {
    MPINN_TRY(clean_map(context, input, m, values, &made->earliest[m], &n));
    for (size_t i = 0; i < input->n_surface; i++) {
      if (isnan(values[i])) continue;
      made->node[k] = i;
      made->times[k++] = mpinn_baseline_map(input, m)->values[i] - made->earliest[m];
    }
  }
  if (input->query) take_late(input, values, made);
  return MPINN_OK;
}

static mpinn_status fill(mpinn_context *context, const mpinn_baseline_input *input, float *values,
                         mpinn_measurements *made) {
  MPINN_TRY(MPINN_NEW(context, &made->first, made->n_maps + 1));
  MPINN_TRY(MPINN_NEW(context, &made->earliest, made->n_maps));
  MPINN_TRY(count(context, input, values, made));
  const size_t n = made->first[made->n_maps] + made->n_late;
  MPINN_TRY(MPINN_NEW(context, &made->node, n));
  MPINN_TRY(MPINN_NEW(context, &made->times, n));
  MPINN_TRY(MPINN_NEW(context, &made->places, n));
  MPINN_TRY(take(context, input, values, made));
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t k = 0; k < n; k++)
    mpinn_mesh_nearest(mesh, input->surface + 3 * made->node[k], &made->places[k]);
  return MPINN_OK;
}

mpinn_status mpinn_measurements_create(mpinn_context *context, const mpinn_baseline_input *input,
                                       mpinn_measurements *made) {
  float *values = NULL;
  *made = (mpinn_measurements){.n_maps = input->n_maps + (input->query ? 1 : 0)};
  if (mpinn_mesh_cell_count(mpinn_subject_mesh(input->heart)) == 0)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "The heart has points and no cells; expected tetrahedra or triangles");
  if (made->n_maps == 0)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "No activation map is given to fit velocities to; expected at least 1");
  mpinn_status status = MPINN_NEW(context, &values, input->n_surface);
  if (status == MPINN_OK) status = fill(context, input, values, made);
  free(values);
  if (status != MPINN_OK) mpinn_measurements_clear(made);
  return status;
}

void mpinn_measurements_clear(mpinn_measurements *measurements) {
  free(measurements->first);
  free(measurements->node);
  free(measurements->times);
  free(measurements->earliest);
  free(measurements->places);
  *measurements = (mpinn_measurements){0};
}
