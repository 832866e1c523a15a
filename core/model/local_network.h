/* The networks of a preset whose features stay where they were measured: a stage is an encoder of maps, a
 * trunk over the anchors and a head that gives a generated network (equation 5) and the features that it
 * reads.
 *
 *   velocity   the context maps, first as they are (stage 0), then beside what the eikonal equation makes of
 * stage 0's velocity (stage 1): a learned iteration (Adler, Öktem, Inverse Problems 33, 2017) activation the
 * query's early part beside the eikonal solution from its site of origin on stage 1's velocity
 *
 * Equation 7's mean over the context maps is taken anchor by anchor, the maximum beside it; what is pooled
 * over the whole heart feeds the hypernetworks. */
#ifndef MPINN_MODEL_LOCAL_NETWORK_H
#define MPINN_MODEL_LOCAL_NETWORK_H

#include "model/layout.h"
#include "model/observed.h"
#include "nn/tape.h"

/* The layout of a preset with local features. */
mpinn_status mpinn_local_declare(mpinn_context *context, const mpinn_preset *preset, mpinn_layout *layout);
void mpinn_local_initialize(const mpinn_preset *preset, const mpinn_layout *layout, mpinn_random *random,
                            float *parameters);

/* A stage's tensors on the tape. */
typedef struct mpinn_stage_result {
  mpinn_tensor_id trunk;    /* [anchors][width] */
  mpinn_tensor_id pooled;   /* [1][2 width] */
  mpinn_tensor_id features; /* [anchors][net's features] */
  mpinn_tensor_id weights;  /* [1][net's weights] */
} mpinn_stage_result;

/* extras[anchors][MPINN_STAGE_EXTRAS]; before: the stage that this one builds on, NULL for the first. Failure
 * is the tape's. */
mpinn_stage_result mpinn_stage_forward(mpinn_tape *tape, const mpinn_stage_layers *layers,
                                       const mpinn_wall *wall, const mpinn_observed *observed,
                                       const float *extras, const mpinn_stage_result *before);

#endif
