/* Where the layers of the networks of local_network.h lie in the vector of parameters. */
#ifndef MPINN_MODEL_LOCAL_LAYERS_H
#define MPINN_MODEL_LOCAL_LAYERS_H

#include "nn/tape.h"

enum { MPINN_STAGE_FIRST, MPINN_STAGE_SECOND, MPINN_STAGE_ACTIVATION, MPINN_STAGES };
enum { MPINN_STAGE_EXTRAS = 4 }; /* numbers an anchor that are not learnt */

/* x → ELU(W [x | edges(P x, Q x)]) */
typedef struct mpinn_edge_block {
  mpinn_layer p, q, attributes, out;
} mpinn_edge_block;

typedef struct mpinn_stage_layers {
  mpinn_edge_block near[2]; /* among the measured nodes of a map */
  mpinn_layer to_anchors, to_anchors_attributes,
      join; /* to the anchors, and over the maps to the fine level's width */
  mpinn_edge_block fine[3], middle[4], coarse[3];
  mpinn_layer down[2], down_attributes[2], down_out[2]; /* fine → middle, middle → coarse */
  mpinn_layer up[2];                                    /* coarse and pooled → middle, middle → fine */
  mpinn_layer features, hyper[2];
} mpinn_stage_layers;

typedef struct mpinn_local_layers {
  mpinn_stage_layers stages[MPINN_STAGES];
} mpinn_local_layers;

#endif
