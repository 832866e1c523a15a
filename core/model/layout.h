/* Where each parameter tensor of a preset lies in the one vector of all parameters, its name and how it
 * begins. */
#ifndef MPINN_MODEL_LAYOUT_H
#define MPINN_MODEL_LAYOUT_H

#include "model/local_layers.h"
#include "model/preset.h"

enum { MPINN_ENCODER_VELOCITY, MPINN_ENCODER_SOURCE, MPINN_ENCODERS };
enum { MPINN_HYPER_PINN, MPINN_HYPER_VELOCITY, MPINN_HYPERS };

typedef struct mpinn_parameter {
  char name[48];
  int rank;
  size_t shape[3], offset, count;
} mpinn_parameter;

typedef struct mpinn_layout {
  size_t n_tensors, n_values;
  mpinn_parameter *tensors;
  size_t first_conv[MPINN_ENCODERS]; /* index of an encoder's first tensor: weight, root, bias a layer */
  size_t first_dense[MPINN_HYPERS];  /* index of a hypernetwork's first tensor: weight, bias a layer */
  int n_dense[MPINN_HYPERS];         /* layers of a hypernetwork */
  mpinn_local_layers local;          /* of a preset with local features, and then nothing of the above */
} mpinn_layout;

mpinn_status mpinn_layout_create(mpinn_context *context, const mpinn_preset *preset, mpinn_layout *layout);
void mpinn_layout_clear(mpinn_layout *layout);

/* A generated network's own weights as a hypernetwork's bias gives them before it has learnt anything. */
void mpinn_field_net_initialize(const mpinn_field_net *net, mpinn_random *random, float *weights);

/* Fresh parameters[n_values]: uniform by fan-in (He), and hypernetworks whose last layer's bias is a sensible
 * generated network and whose last weights only perturb it (Chang, Flokas, Lipson, ICLR 2020, in spirit). */
void mpinn_layout_initialize(const mpinn_layout *layout, const mpinn_preset *preset, uint64_t seed,
                             float *parameters);

#endif
