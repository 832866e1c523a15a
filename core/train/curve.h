/* The learning curve: a CSV beside the weights, a line an epoch. */
#ifndef MPINN_TRAIN_CURVE_H
#define MPINN_TRAIN_CURVE_H

#include "base/internal.h"

#include <stdio.h>

typedef struct mpinn_curve_line {
  size_t epoch; /* 1 for the first */
  double seconds, alpha, learning_rate;
  double data_loss, pde_loss;          /* equations 3 and 2, means over the epoch */
  double velocity_loss;                /* the same against labels; 0 where there are none */
  double at_scc, cv_scc, residual_msq; /* of validation maps; NaN where this epoch did not validate */
} mpinn_curve_line;

/* Opens path, keeping the lines of the first epochs_done epochs that lie there already. */
mpinn_status mpinn_curve_open(mpinn_context *context, const char *path, size_t epochs_done, FILE **file);
mpinn_status mpinn_curve_add(mpinn_context *context, const char *path, FILE *file,
                             const mpinn_curve_line *line);

#endif
