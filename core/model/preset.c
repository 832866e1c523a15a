#include "model/preset.h"

#include "metapinn/model.h"

#include <string.h>

/* Meta-Learning Physics-Informed Neural Networks for Personalized Cardiac Modeling, MICCAI 2025. What its
 * text leaves open (channels, neighbours, widths, velocity range) is as in its authors' code. ε is far below
 * α's first gradients. */
#define PAPER                                                                                                \
  .n_convs = 6, .channels = {2, 8, 16, 32, 64, 128, 128}, .kernel_size = 5, .neighbours = 6,                 \
  .n_pinn_hidden = 3, .pinn_hidden = {256, 256, 512},                                                        \
  .pinn = {.layers = 6, .width = 20, .activation = MPINN_TANH}, .healthy_speed = 0.6, .early_fraction = 0.2, \
  .max_measured = 400, .learning_rate = 2e-5, .final_learning_rate = 1e-7, .weight_decay = 1e-5,             \
  .gradient_clip = 1, .epsilon = 1e-12, .epochs = 8000, .subjects_per_step = 2, .points_per_map = 1024,      \
  .views = 12
#define PAPER_VELOCITY                                                                                       \
  .n_velocity_hidden = 5, .velocity_hidden = {256, 256, 256, 256, 512},                                      \
  .velocity = {.layers = 8, .width = 20, .activation = MPINN_RELU, .low = 0.1, .high = 0.6, .steepness = 2}, \
  .alpha_start = 0.03, .alpha_full = 0.8, .alpha_first = 1e-4

static const mpinn_preset presets[] = {
    {.name = "paper", PAPER, PAPER_VELOCITY},
    /* The same, told the velocity of its training hearts. */
    {.name = "paper-labels", PAPER, PAPER_VELOCITY, .label_weight = 1},
    /* Meta-neural, with which the paper compares: neither velocity net nor equation 2. α stays 0. */
    {.name = "meta-neural", PAPER, .alpha_start = 1, .alpha_full = 2},
    {
        /* One set of weights for any heart: features stay at the measured nodes and the wall's anchors, so
         * that nothing depends on a frame. Its velocity is learnt from simulated labels. */
        .name = "any-heart",
        .node_width = 48,
        .fine_width = 48,
        .trunk_width = 80,
        .pinn = {.layers = 3, .width = 20, .activation = MPINN_TANH, .features = 20, .factored = true},
        .velocity = {.layers = 3,
                     .width = 20,
                     .activation = MPINN_TANH,
                     .features = 20,
                     .low = 0.05,
                     .high = 1.2,
                     .steepness = 1},
        .healthy_speed = 0.6,
        .early_fraction = 0.2,
        .max_measured = 512,
        .learning_rate = 7e-4,
        .final_learning_rate = 1e-5,
        .weight_decay = 1e-4,
        .gradient_clip = 1,
        .epsilon = 1e-8,
        .epochs = 1000,
        .warm_up = 500,
        .alpha_start = 0.05,
        .alpha_full = 0.6,
        .alpha_first = 1e-3,
        .subjects_per_step = 2,
        .points_per_map = 1024,
    },
};

const mpinn_preset *mpinn_preset_find(const char *name) {
  for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
    if (strcmp(presets[i].name, name) == 0) return &presets[i];
  return NULL;
}

const char *mpinn_preset_name(size_t index) {
  return index < sizeof presets / sizeof *presets ? presets[index].name : NULL;
}
