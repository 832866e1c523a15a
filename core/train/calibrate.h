/* What calibration learns from: weights at work on simulated hearts that no training has seen. */
#ifndef MPINN_TRAIN_CALIBRATE_H
#define MPINN_TRAIN_CALIBRATE_H

#include "model/model.h"

/* Parts of the uncertainty and errors of one class of context counts. */
typedef struct mpinn_error_sample {
  size_t count, room;
  float *parts[MPINN_SPREAD_FIELDS]; /* [count][MPINN_SPREAD_PARTS] */
  float *error[MPINN_SPREAD_FIELDS]; /* [count], ms and m/s */
} mpinn_error_sample;

typedef struct mpinn_calibration_data {
  mpinn_error_sample errors[MPINN_SPREAD_CLASSES];
  size_t count, room;
  double *maps; /* [count][MPINN_LIKENESS_MAPS] of personalizations, as many of each heart */
  size_t n_walls, walls_room;
  double *walls; /* [n_walls][MPINN_LIKENESS_SHAPE] of more hearts */
} mpinn_calibration_data;

/* Adds heart number of the stream of seed, with its tissues, each measured a few times, and a few walls
 * alone. */
mpinn_status mpinn_calibration_visit(mpinn_context *context, const mpinn_model *model, uint64_t seed,
                                     size_t number, mpinn_calibration_data *data);
void mpinn_calibration_data_clear(mpinn_calibration_data *data);

#endif
