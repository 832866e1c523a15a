/* From the scores of single maps to the lines of a study's tables. */
#ifndef MPINN_STUDY_ROWS_H
#define MPINN_STUDY_ROWS_H

#include "study/methods.h"
#include "study/scores.h"

/* Rows of one table, added to rows; methods whose scores are all NaN have none.
 *   scores[n_maps][n_methods][MPINN_STUDY_SCORES], work[3 n_maps] */
void mpinn_study_add_rows(const char *table, size_t n_maps, size_t n_methods,
                          const mpinn_study_method *methods, const double *scores, double *work,
                          size_t *n_rows, mpinn_study_row *rows);

/* Two-sided p of Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945) on the n pairs, by the normal
 * approximation with corrections for continuity and ties; pairs with a NaN or without a difference do not
 * count. NaN where fewer than 6 are left. work[n]. */
double mpinn_wilcoxon(size_t n, const double *a, const double *b, double *work);

#endif
