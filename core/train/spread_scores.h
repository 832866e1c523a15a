/* How good a model's uncertainty is: whether intervals of 90 % hold that much, how wide they are, whether
 * they are wide where the error is large. */
#ifndef MPINN_TRAIN_SPREAD_SCORES_H
#define MPINN_TRAIN_SPREAD_SCORES_H

#include "metapinn/uncertainty.h"
#include "train/scores.h"

/* |error| of AT (ms) and CV (m/s) at all nodes of all maps, and how many of them the intervals held. */
typedef struct mpinn_spread_pool {
  size_t n, room, held[2];
  float *error[2]; /* [n] */
} mpinn_spread_pool;

typedef struct mpinn_spread_case {
  const mpinn_model *model;
  const mpinn_personalization *input;
  const mpinn_twin *twin; /* of input */
  size_t n;
  const double *points;  /* [n][3], mm */
  const float *truth[2]; /* [n] AT and CV */
} mpinn_spread_case;

/* Scores one map, k = input->n_context: coverage90_at, width90_at (ms, of the whole interval), spearman_at,
 * the same of CV, and seconds_uncertainty. */
mpinn_status mpinn_score_spread(mpinn_context *context, const mpinn_spread_case *c, mpinn_spread_pool *pool,
                                mpinn_scores *scores);
/* Scores constant_width90_at and …_cv: of the one interval for all nodes of all maps that holds as many
 * truths. */
void mpinn_score_spread_pool(mpinn_spread_pool *pool, size_t k, mpinn_scores *scores);
void mpinn_spread_pool_clear(mpinn_spread_pool *pool);

#endif
