/* How results are counted. n values each; pairs where either is NaN are left out. NaN where a metric does not exist. */
#ifndef METAPINN_METRICS_H
#define METAPINN_METRICS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Spatial (Pearson) correlation; NaN where either field has no variation. */
double mpinn_scc(size_t n, const float *predicted, const float *truth);
/* ‖p − t‖₂ / ‖t‖₂. */
double mpinn_relative_rmse(size_t n, const float *predicted, const float *truth);
/* Mean |p − t|, in the fields' unit. */
double mpinn_mean_absolute_error(size_t n, const float *predicted, const float *truth);
/* Dice coefficient of "value < threshold"; NaN where neither has any. */
double mpinn_dice_below(size_t n, const float *predicted, const float *truth, double threshold);
double mpinn_mean_square(size_t n, const float *values);
double mpinn_mean_absolute(size_t n, const float *values);
/* Mean square of speed_scale |gradient| speed − 1, of gradient[n][3] and speed[n]. */
double mpinn_residual_msq(size_t n, double speed_scale, const float *gradient, const float *speed);

#ifdef __cplusplus
}
#endif
#endif
