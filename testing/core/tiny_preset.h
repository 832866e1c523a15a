/* A preset with local features at a size that tests can walk through. */
#ifndef MPINN_TESTING_TINY_PRESET_H
#define MPINN_TESTING_TINY_PRESET_H

#include "model/preset.h"

static const mpinn_preset tiny = {
    .name = "tiny",
    .node_width = 6,
    .fine_width = 6,
    .trunk_width = 8,
    .pinn = {.layers = 3, .width = 5, .activation = MPINN_TANH, .features = 4, .factored = true},
    .velocity = {.layers = 3,
                 .width = 5,
                 .activation = MPINN_TANH,
                 .features = 4,
                 .low = 0.05,
                 .high = 1.2,
                 .steepness = 1},
    .healthy_speed = 0.6,
    .early_fraction = 0.2,
    .max_measured = 100,
};

#endif
