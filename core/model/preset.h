/* What a model is and how it is trained, as data: another preset is another row of the table in preset.c. */
#ifndef MPINN_MODEL_PRESET_H
#define MPINN_MODEL_PRESET_H

#include "nn/ops.h"

enum { MPINN_MAX_CONVS = 8, MPINN_MAX_HIDDEN = 8 };

typedef struct mpinn_preset {
  const char *name;

  /* Encoders: n_convs SplineConv layers with ELU, cluster means between, the maximum over nodes at the end.
   */
  int n_convs, channels[MPINN_MAX_CONVS + 1], kernel_size, neighbours;
  /* Hypernetworks: hidden widths of fully connected ReLU layers; the last, linear layer gives the generated
   * weights. */
  int n_pinn_hidden, pinn_hidden[MPINN_MAX_HIDDEN];
  int n_velocity_hidden, velocity_hidden[MPINN_MAX_HIDDEN];
  /* Of a preset whose generated networks read local features (local_network.h), instead of the above:
   * channels at measured nodes, at the finest anchors and at the others. 0: the paper's. */
  int node_width, fine_width, trunk_width;
  /* Generated networks. The velocity net's value is in m/s; one without layers is none: the preset learns
   * activation alone. */
  mpinn_field_net pinn, velocity;

  double healthy_speed;  /* m/s; with the heart's length it makes the unit of time of the networks */
  double early_fraction; /* how much of the query is known */
  size_t max_measured;   /* measured nodes that the encoders see at the most */

  /* Training. */
  double learning_rate, final_learning_rate, weight_decay, gradient_clip, epsilon;
  size_t epochs;
  size_t warm_up;                 /* steps in which the learning rate rises to its first value */
  double alpha_start, alpha_full; /* shares of the training at which α leaves 0 and reaches 1 */
  double alpha_first;             /* where it begins: from there to 1 by a constant factor a step */
  double label_weight; /* of the velocity's labels in the loss; 0: it is learnt from equation 2 alone */
  size_t subjects_per_step, points_per_map;
  size_t views; /* samplings of measured nodes of a training heart, the data set's own among them */
} mpinn_preset;

static inline bool mpinn_preset_is_local(const mpinn_preset *preset) {
  return preset->node_width > 0;
}

static inline bool mpinn_preset_has_velocity(const mpinn_preset *preset) {
  return preset->velocity.layers > 0;
}

/* For sentences about a wrong one. */
#define MPINN_PRESET_NAMES "'paper', 'paper-labels', 'meta-neural' or 'any-heart'"

/* NULL where there is none of this name. */
const mpinn_preset *mpinn_preset_find(const char *name);

#endif
