/* How the maps of a training episode are measured: where, how densely, with which noise. */
#ifndef MPINN_TRAIN_CONDITIONS_H
#define MPINN_TRAIN_CONDITIONS_H

#include "base/internal.h"
#include "metapinn/phantom.h"

typedef struct mpinn_conditions {
  mpinn_sampling sampling;
  double noise, jitter; /* ms; mm of the site of origin */
} mpinn_conditions;

mpinn_conditions mpinn_draw_conditions(mpinn_random *random, size_t max_measured);

/* Marks the measured nodes of a subject; on all its surfaces where it lacks those wanted. */
mpinn_status mpinn_measure_nodes(mpinn_context *context, const mpinn_conditions *conditions,
                                 mpinn_subject *subject);

#endif
