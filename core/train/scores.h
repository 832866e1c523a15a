/* Collects the metrics of many maps into rows of mean and standard deviation. */
#ifndef MPINN_TRAIN_SCORES_H
#define MPINN_TRAIN_SCORES_H

#include "base/internal.h"
#include "metapinn/train.h"

enum { MPINN_MAX_SCORES = 128 };

typedef struct mpinn_scores {
  size_t n_rows;
  mpinn_result_row
      rows[MPINN_MAX_SCORES]; /* mean and sd hold Welford's mean and sum of squares until finished */
} mpinn_scores;

/* One map's value; NaN is not counted. Names are literals. */
void mpinn_scores_add(mpinn_scores *scores, const char *method, const char *metric, const char *region,
                      size_t k, double value);

/* SCC, relative RMSE and mean absolute error of a predicted field: metrics "at_…" or "cv_…", and of CV the
 * scar's Dice. */
void mpinn_scores_add_at(mpinn_scores *scores, const char *method, size_t k, size_t n, const float *predicted,
                         const float *truth);
void mpinn_scores_add_cv(mpinn_scores *scores, const char *method, size_t k, size_t n, const float *predicted,
                         const float *truth);

/* Turns the sums into standard deviations (of a sample); rows is allocated. */
mpinn_status mpinn_scores_finish(mpinn_context *context, mpinn_scores *scores, size_t *n_rows,
                                 mpinn_result_row **rows);

#endif
