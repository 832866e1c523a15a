#include "train/scores.h"

#include "metapinn/metrics.h"

#include <math.h>
#include <string.h>

static mpinn_result_row *find_row(mpinn_scores *scores, const char *method, const char *metric,
                                  const char *region, size_t k) {
  for (size_t i = 0; i < scores->n_rows; i++) {
    mpinn_result_row *row = &scores->rows[i];
    if (strcmp(row->method, method) == 0 && strcmp(row->metric, metric) == 0 &&
        strcmp(row->region, region) == 0 && row->k == k)
      return row;
  }
  if (scores->n_rows == MPINN_MAX_SCORES) return NULL;
  mpinn_result_row *row = &scores->rows[scores->n_rows++];
  *row = (mpinn_result_row){.method = method, .metric = metric, .region = region, .k = k};
  return row;
}

void mpinn_scores_add(mpinn_scores *scores, const char *method, const char *metric, const char *region,
                      size_t k, double value) {
  mpinn_result_row *row = find_row(scores, method, metric, region, k);
  if (!row || isnan(value)) return;
  const double before = value - row->mean;
  row->n++;
  row->mean += before / (double)row->n;
  row->sd += before * (value - row->mean);
}

void mpinn_scores_add_at(mpinn_scores *scores, const char *method, size_t k, size_t n, const float *predicted,
                         const float *truth) {
  mpinn_scores_add(scores, method, "at_scc", "all", k, mpinn_scc(n, predicted, truth));
  mpinn_scores_add(scores, method, "at_rrmse", "all", k, mpinn_relative_rmse(n, predicted, truth));
  mpinn_scores_add(scores, method, "at_mae", "all", k, mpinn_mean_absolute_error(n, predicted, truth));
}

void mpinn_scores_add_cv(mpinn_scores *scores, const char *method, size_t k, size_t n, const float *predicted,
                         const float *truth) {
  static const double scar = 0.35; /* m/s */
  mpinn_scores_add(scores, method, "cv_scc", "all", k, mpinn_scc(n, predicted, truth));
  mpinn_scores_add(scores, method, "cv_rrmse", "all", k, mpinn_relative_rmse(n, predicted, truth));
  mpinn_scores_add(scores, method, "cv_mae", "all", k, mpinn_mean_absolute_error(n, predicted, truth));
  mpinn_scores_add(scores, method, "scar_dice", "all", k, mpinn_dice_below(n, predicted, truth, scar));
}

mpinn_status mpinn_scores_finish(mpinn_context *context, mpinn_scores *scores, size_t *n_rows,
                                 mpinn_result_row **rows) {
  MPINN_TRY(MPINN_NEW(context, rows, scores->n_rows));
  for (size_t i = 0; i < scores->n_rows; i++) {
    mpinn_result_row row = scores->rows[i];
    row.sd = row.n > 1 ? sqrt(row.sd / (double)(row.n - 1)) : NAN;
    if (row.n == 0) row.mean = NAN;
    (*rows)[i] = row;
  }
  *n_rows = scores->n_rows;
  return MPINN_OK;
}
