/* Personalization: from a subject's measured maps to its twin, the generated networks that can be evaluated anywhere. */
#ifndef METAPINN_TWIN_H
#define METAPINN_TWIN_H

#include "metapinn/eikonal.h"
#include "metapinn/frame.h"
#include "metapinn/model.h"
#include "metapinn/origin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_twin mpinn_twin;

/* One activation map over the measured surface. NaN and the mapping systems' sentinel (≤ −9999) mean "not measured";
 * negative times are legal: only differences within a map count. */
typedef struct mpinn_map {
  const char *name;     /* for messages and provenance */
  const double *values; /* [surface nodes], ms */
} mpinn_map;

typedef struct mpinn_personalization {
  const mpinn_subject *heart;  /* gives the frame, and the wall where a query is simulated from an origin */
  size_t n_surface;            /* nodes of the measured surface */
  const double *surface;       /* [n_surface][3], mm, in the heart's coordinates */
  size_t n_context;            /* k ≥ 1 */
  const mpinn_map *context;    /* [n_context] */
  const mpinn_map *query;      /* its earliest 20 % of measured nodes are used; NULL: see origin */
  const mpinn_site *origin;    /* without a query map: its early part is simulated from here on the velocity that the
                                  contexts give. Both NULL: the first context map is the query. */
  size_t max_measured;         /* more measured nodes than this are thinned, evenly spread; 0: the preset's 400 */
} mpinn_personalization;

/* What is known about an answer. Times in ms, lengths in mm. */
typedef struct mpinn_twin_info {
  mpinn_frame frame;        /* the transform into the weights' frame that was applied */
  double time_offset;       /* what was added to T so that it fits the query's early part */
  size_t n_measured;        /* nodes that the encoders saw */
  size_t n_early;           /* … and of the query's */
  double shape_distance;    /* how unlike the training hearts this one is: 0 the same, 1 as far as they are among each
                               other. Of presets for any heart also how unlike its maps are: up to 1 in 99 of 100 new
                               hearts; 0 where the weights are not calibrated */
  double usual_distance;    /* shape_distance of a heart is up to this … */
  bool stranger;            /* … or beyond what the weights were trained on: no accuracy is claimed */
  double seconds;           /* wall clock of mpinn_personalize */
  size_t n_solves;          /* of the eikonal equation, which presets for any heart look at on the way */
} mpinn_twin_info;

/* MPINN_ERROR_MAP, naming the map and what was expected: no context map, nothing or fewer than 8 nodes measured, a
 * constant map. MPINN_ERROR_MESH: no frame. */
mpinn_status mpinn_personalize(mpinn_context *context, const mpinn_model *model,
                               const mpinn_personalization *personalization, mpinn_twin **twin);
void mpinn_twin_destroy(mpinn_twin **twin);

mpinn_twin_info mpinn_twin_get_info(const mpinn_twin *twin);

/* The query's early part, as the twin was made from it: points[n][3] (mm), times[n] (ms). Owned by the twin. */
void mpinn_twin_early(const mpinn_twin *twin, size_t *n, const double **points, const double **times);

/* The twin at points[n][3] (mm, the heart's coordinates). Each output may be NULL:
 *   at[n] ms; gradient[n][3] ms/mm, exact; cv[n] m/s; residual[n] = |∇T| F − 1. */
mpinn_status mpinn_twin_evaluate(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                                 float *at, float *gradient, float *cv, float *residual);

/* support[n], mm: distance from each point to the nearest measured node. */
mpinn_status mpinn_twin_support(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                                float *support);

/* What physics makes of the twin's velocity: at[node_count] (ms, the query's clock), the eikonal solution on cv
 * from the site of origin that the query's early part has on it, or from known where that is not NULL (then of
 * misfit 0). mesh is the wall, cv[node_count] (m/s) the twin's velocity at its nodes. Fails as
 * mpinn_find_origin does. */
mpinn_status mpinn_twin_eikonal(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                                const float *cv, const mpinn_site *known, mpinn_origin *origin, float *at);

#ifdef __cplusplus
}
#endif
#endif
