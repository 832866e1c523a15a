/* What the uncertainty of a twin is made of. */
#ifndef MPINN_MODEL_UNCERTAINTY_PARTS_H
#define MPINN_MODEL_UNCERTAINTY_PARTS_H

#include "metapinn/uncertainty.h"
#include "model/calibration.h"

/* at[n][MPINN_SPREAD_PARTS] (ms) and cv[n][MPINN_SPREAD_PARTS] (m/s), either may be NULL:
 *   at: spread of the twins; the heart's length over the healthy speed; the same times the share of that
 * length from the nearest measured node, times what is left of the contexts' times, and of the query's; time
 * since the onset cv: spread of the twins; the healthy speed; times the same share, times what is left of the
 * contexts' times; how steep the velocity is, over a tenth of the length; the velocity */
mpinn_status mpinn_spread_parts(mpinn_context *context, const mpinn_model *model,
                                const mpinn_personalization *input, const mpinn_twin *twin, size_t n,
                                const double *points, float *at, float *cv);

#endif
