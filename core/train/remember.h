/* Methods that know nothing or only remember: what every model must beat. */
#ifndef MPINN_TRAIN_REMEMBER_H
#define MPINN_TRAIN_REMEMBER_H

#include "train/scores.h"
#include "train/tested.h"

/* The query map that is tested: what was measured of it, and its truth at every node of the wall. */
typedef struct mpinn_query {
  size_t map, k;          /* k: context maps, for the rows' labels */
  const double *measured; /* [n_measured], ms */
  const float *truth;     /* [n_wall], ms */
} mpinn_query;

/* What the training knew, as far as it can be said on one tested heart: the subjects of this very heart if
 * there are any, else all of them, carried over from point to nearest point in the ventricular frame. */
typedef struct mpinn_memory {
  size_t n_known;
  const mpinn_tested **known; /* [n_known] */
  size_t **nearest;           /* [n_known] → [n_wall] their nodes; NULL: the same nodes */
  float *mean_cv; /* [n_wall]: over the known subjects; where hearts differ, one mean for all of the heart */
} mpinn_memory;

mpinn_status mpinn_memory_create(mpinn_context *context, const mpinn_tested *tested, size_t n_training,
                                 const mpinn_tested *training, mpinn_memory *memory);
void mpinn_memory_clear(mpinn_memory *memory);

/* Rows "healthy" (0.6 m/s everywhere) and "mean-cv", both from the true origin, and "nearest-subject", the
 * fields of the training map that is most like the query where that is known. fields[n_wall] is overwritten.
 */
mpinn_status mpinn_score_memory(mpinn_context *context, const mpinn_tested *tested,
                                const mpinn_memory *memory, const mpinn_query *query, mpinn_scores *scores,
                                float *fields);

#endif
