/* How sure a twin is: what its answers depend on, made into a standard deviation of their error. */
#ifndef METAPINN_UNCERTAINTY_H
#define METAPINN_UNCERTAINTY_H

#include "metapinn/twin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* at_std[n] (ms) and cv_std[n] (m/s), either may be NULL: standard deviations of the error of the twin's AT
 * and CV at points[n][3] (mm), such that value ± 1.645 sd holds the truth nine times in ten.
 *
 * input is what the twin was made from by mpinn_personalize, of the same model. It is personalized anew
 * without each of its context maps in turn, k times; where it has one only, four times with seven in ten of
 * its measured nodes. How far these answers are from one another, with what that spread misses (distance to
 * the nearest measured node, what the velocity found leaves of the maps' times …), is weighed as the model's
 * calibration says: the texts and tensors that mpinn_calibrate writes, or defaults where a model has none. */
mpinn_status mpinn_personalize_spread(mpinn_context *context, const mpinn_model *model,
                                      const mpinn_personalization *input, const mpinn_twin *twin, size_t n,
                                      const double *points, float *at_std, float *cv_std);

/* A sentence on how the deviations of a model came about, for provenance: text[bytes]. */
void mpinn_spread_method(const mpinn_model *model, size_t n_context, size_t bytes, char *text);

#ifdef __cplusplus
}
#endif
#endif
