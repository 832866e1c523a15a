/* What a baseline is fitted to, one list of measurements for all of its maps. */
#ifndef MPINN_BASELINES_MEASUREMENTS_H
#define MPINN_BASELINES_MEASUREMENTS_H

#include "base/internal.h"
#include "heart/mesh.h"
#include "metapinn/baselines.h"

enum { MPINN_BASELINE_FEWEST = 4 }; /* measured nodes of a map */

typedef struct mpinn_measurements {
  size_t n_maps;            /* the query's early part included, the last */
  size_t *first;            /* [n_maps + 1]: where a map's measurements begin */
  size_t *node;             /* [measurements] of the surface, ascending in each map */
  double *times;            /* [measurements], ms since the map's earliest */
  mpinn_mesh_place *places; /* [measurements], on the heart */
  double *earliest;         /* [n_maps], ms of the map's clock */
  /* Behind the measurements: where the query was measured later than its early part. All that is known there
   * is that it was no earlier, which times says. */
  size_t n_late;
} mpinn_measurements;

/* Map m of n_maps, and behind them the query. */
const mpinn_map *mpinn_baseline_map(const mpinn_baseline_input *input, size_t m);

/* MPINN_ERROR_MESH: the heart has no cells. MPINN_ERROR_MAP, naming the map: there is none, or one has fewer
 * than MPINN_BASELINE_FEWEST measured nodes. */
mpinn_status mpinn_measurements_create(mpinn_context *context, const mpinn_baseline_input *input,
                                       mpinn_measurements *measurements);
void mpinn_measurements_clear(mpinn_measurements *measurements);

#endif
