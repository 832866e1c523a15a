#include "model/layout.h"

#include "model/local_network.h"

#include <math.h>
#include <stdio.h>

static void add(mpinn_layout *layout, const char *group, int layer, const char *part, int rank, size_t a,
                size_t b, size_t c) {
  mpinn_parameter *tensor = &layout->tensors[layout->n_tensors++];
  snprintf(tensor->name, sizeof tensor->name, "%s.%d.%s", group, layer, part);
  tensor->rank = rank;
  tensor->shape[0] = a;
  tensor->shape[1] = b;
  tensor->shape[2] = c;
  tensor->count = a * (rank > 1 ? b : 1) * (rank > 2 ? c : 1);
  tensor->offset = layout->n_values;
  layout->n_values += tensor->count;
}

static void add_encoder(mpinn_layout *layout, const mpinn_preset *preset, int encoder, const char *name) {
  const size_t kernels = (size_t)preset->kernel_size * preset->kernel_size * preset->kernel_size;
  layout->first_conv[encoder] = layout->n_tensors;
  for (int l = 0; l < preset->n_convs; l++) {
    const size_t in = (size_t)preset->channels[l], out = (size_t)preset->channels[l + 1];
    add(layout, name, l, "weight", 3, kernels, in, out);
    add(layout, name, l, "root", 2, in, out, 0);
    add(layout, name, l, "bias", 1, out, 0, 0);
  }
}

static void add_hypernetwork(mpinn_layout *layout, int hyper, const char *name, size_t in, int n_hidden,
                             const int *hidden, size_t out) {
  layout->first_dense[hyper] = layout->n_tensors;
  layout->n_dense[hyper] = n_hidden + 1;
  for (int l = 0; l <= n_hidden; l++) {
    const size_t width = l < n_hidden ? (size_t)hidden[l] : out;
    add(layout, name, l, "weight", 2, width, in, 0);
    add(layout, name, l, "bias", 1, width, 0, 0);
    in = width;
  }
}

mpinn_status mpinn_layout_create(mpinn_context *context, const mpinn_preset *preset, mpinn_layout *layout) {
  const size_t tensors = (size_t)(MPINN_ENCODERS * 3 * preset->n_convs +
                                  2 * (preset->n_pinn_hidden + 1 + preset->n_velocity_hidden + 1));
  const size_t embedding = (size_t)preset->channels[preset->n_convs];
  if (mpinn_preset_is_local(preset)) return mpinn_local_declare(context, preset, layout);
  *layout = (mpinn_layout){0};
  MPINN_TRY(MPINN_NEW(context, &layout->tensors, tensors));
  add_encoder(layout, preset, MPINN_ENCODER_VELOCITY, "velocity_encoder");
  add_encoder(layout, preset, MPINN_ENCODER_SOURCE, "source_encoder");
  add_hypernetwork(layout, MPINN_HYPER_PINN, "pinn_hypernetwork", 2 * embedding, preset->n_pinn_hidden,
                   preset->pinn_hidden, mpinn_field_net_weights(&preset->pinn));
  layout->first_dense[MPINN_HYPER_VELOCITY] = layout->n_tensors;
  if (!mpinn_preset_has_velocity(preset)) return MPINN_OK;
  add_hypernetwork(layout, MPINN_HYPER_VELOCITY, "velocity_hypernetwork", embedding,
                   preset->n_velocity_hidden, preset->velocity_hidden,
                   mpinn_field_net_weights(&preset->velocity));
  return MPINN_OK;
}

void mpinn_layout_clear(mpinn_layout *layout) {
  free(layout->tensors);
  *layout = (mpinn_layout){0};
}

static void uniform(mpinn_random *random, double bound, size_t n, float *values) {
  for (size_t i = 0; i < n; i++) values[i] = (float)mpinn_random_uniform(random, -bound, bound);
}

void mpinn_field_net_initialize(const mpinn_field_net *net, mpinn_random *random, float *weights) {
  const double gain = net->activation == MPINN_TANH ? 1.0 : 2.0; /* Xavier; He */
  for (int l = 0; l < net->layers; l++) {
    const size_t in = l ? (size_t)net->width : mpinn_field_net_inputs(net),
                 out = l + 1 < net->layers ? (size_t)net->width : 1;
    uniform(random, sqrt(3 * gain / (double)in), in * out, weights);
    uniform(random, 0.5 / sqrt((double)in), out, weights + in * out);
    weights += in * out + out;
  }
}

static void initialize_hypernetwork(const mpinn_layout *layout, int hyper, const mpinn_field_net *net,
                                    mpinn_random *random, float *parameters) {
  for (int l = 0; l < layout->n_dense[hyper]; l++) {
    const mpinn_parameter *weight = &layout->tensors[layout->first_dense[hyper] + 2 * (size_t)l],
                          *bias = weight + 1;
    const double in = (double)weight->shape[1];
    if (l + 1 < layout->n_dense[hyper]) {
      uniform(random, sqrt(6 / in), weight->count, parameters + weight->offset);
    } else {
      uniform(random, 0.1 * sqrt(3 / in), weight->count, parameters + weight->offset);
      mpinn_field_net_initialize(net, random, parameters + bias->offset);
    }
  }
}

void mpinn_layout_initialize(const mpinn_layout *layout, const mpinn_preset *preset, uint64_t seed,
                             float *parameters) {
  mpinn_random random;
  mpinn_random_seed(&random, seed);
  for (size_t i = 0; i < layout->n_values; i++) parameters[i] = 0;
  if (mpinn_preset_is_local(preset)) {
    mpinn_local_initialize(preset, layout, &random, parameters);
    return;
  }
  for (int encoder = 0; encoder < MPINN_ENCODERS; encoder++)
    for (int l = 0; l < preset->n_convs; l++) {
      const mpinn_parameter *weight = &layout->tensors[layout->first_conv[encoder] + 3 * (size_t)l],
                            *root = weight + 1;
      /* The B-spline's corners sum to one and neighbours are averaged, so a node sees one weighted W and one
       * root. */
      const double bound = sqrt(3 / (double)preset->channels[l]);
      uniform(&random, bound, weight->count, parameters + weight->offset);
      uniform(&random, bound, root->count, parameters + root->offset);
    }
  initialize_hypernetwork(layout, MPINN_HYPER_PINN, &preset->pinn, &random, parameters);
  initialize_hypernetwork(layout, MPINN_HYPER_VELOCITY, &preset->velocity, &random, parameters);
}
