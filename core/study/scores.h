/* What one method makes of one map, in numbers. */
#ifndef MPINN_STUDY_SCORES_H
#define MPINN_STUDY_SCORES_H

#include "metapinn/compare.h"
#include "train/remember.h"

/* Columns of the table of scores. */
typedef struct mpinn_study_score {
  const char *metric, *region; /* as in mpinn_study_row */
} mpinn_study_score;

enum { MPINN_STUDY_SCORES = 26 };
extern const mpinn_study_score mpinn_study_scores[MPINN_STUDY_SCORES];

/* A method's fields at the nodes of the wall. */
typedef struct mpinn_study_fields {
  float *at, *cv, *residual; /* [n_wall], ms, m/s, 1 */
  mpinn_method_cost cost;
} mpinn_study_fields;

/* values[MPINN_STUDY_SCORES], NaN where there is none. */
mpinn_status mpinn_study_score_fields(mpinn_context *context, const mpinn_tested *tested, const float *truth,
                                      const mpinn_study_fields *fields, double *values);
/* Of a method that only remembers, by its name in mpinn_score_memory; fields->at is overwritten. */
mpinn_status mpinn_study_score_memory(mpinn_context *context, const mpinn_tested *tested,
                                      const mpinn_memory *memory, const mpinn_query *query, const char *name,
                                      const mpinn_study_fields *fields, double *values);

#endif
