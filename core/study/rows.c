#include "study/rows.h"

#include <math.h>
#include <stdlib.h>

/* ---- significance ---- */

static int by_size(const void *a, const void *b) {
  const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x > y) - (x < y);
}

double mpinn_wilcoxon(size_t n, const double *a, const double *b, double *work) {
  enum { FEWEST = 6 };
  size_t left = 0;
  double positive = 0, ties = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(a[i] - b[i]) && a[i] != b[i]) work[left++] = a[i] - b[i];
  if (left < FEWEST) return NAN;
  qsort(work, left, sizeof *work, by_size);
  for (size_t i = 0, next; i < left; i = next) {
    for (next = i; next < left && fabs(work[next]) == fabs(work[i]);) next++;
    const double same = (double)(next - i), rank = 0.5 * (double)(i + 1 + next);
    for (size_t k = i; k < next; k++) positive += work[k] > 0 ? rank : 0;
    ties += same * same * same - same;
  }
  const double m = (double)left, mean = m * (m + 1) / 4;
  const double variance = m * (m + 1) * (2 * m + 1) / 24 - ties / 48;
  const double off = fmax(0, fabs(positive - mean) - 0.5);
  return erfc(off / sqrt(2 * variance));
}

/* ---- rows ---- */

/* Of one method and metric over the maps: values[n_maps] */
static void take(size_t n_maps, size_t n_methods, const double *scores, size_t method, size_t score,
                 double *values) {
  for (size_t i = 0; i < n_maps; i++)
    values[i] = scores[(i * n_methods + method) * MPINN_STUDY_SCORES + score];
}

static void average(size_t n, const double *values, mpinn_study_row *row) {
  double mean = 0, square = 0;
  for (size_t i = 0; i < n; i++) { /* Welford, Technometrics 4, 1962 */
    if (isnan(values[i])) continue;
    const double before = values[i] - mean;
    row->n++;
    mean += before / (double)row->n;
    square += before * (values[i] - mean);
  }
  row->mean = row->n > 0 ? mean : NAN;
  row->sd = row->n > 1 ? sqrt(square / (double)(row->n - 1)) : NAN;
}

void mpinn_study_add_rows(const char *table, size_t n_maps, size_t n_methods,
                          const mpinn_study_method *methods, const double *scores, double *work,
                          size_t *n_rows, mpinn_study_row *rows) {
  double *values = work, *first = work + n_maps, *rest = work + 2 * n_maps;
  for (size_t m = 0; m < n_methods; m++)
    for (size_t s = 0; s < MPINN_STUDY_SCORES; s++) {
      const mpinn_study_method *method = &methods[m];
      mpinn_study_row row = {.table = table,
                             .method = method->name,
                             .fitted_to = method->fitted_to,
                             .origin = method->origin,
                             .metric = mpinn_study_scores[s].metric,
                             .region = mpinn_study_scores[s].region,
                             .k = method->k,
                             .p = NAN};
      take(n_maps, n_methods, scores, m, s, values);
      take(n_maps, n_methods, scores, 0, s, first);
      average(n_maps, values, &row);
      if (m > 0) row.p = mpinn_wilcoxon(n_maps, values, first, rest);
      if (row.n > 0) rows[(*n_rows)++] = row;
    }
}
