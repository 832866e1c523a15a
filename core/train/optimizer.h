/* AdamW's state over a network's parameters, and one step of it with the gradient clipped. */
#ifndef MPINN_TRAIN_OPTIMIZER_H
#define MPINN_TRAIN_OPTIMIZER_H

#include "model/network.h"

typedef struct mpinn_optimizer {
  mpinn_network *network;             /* borrowed, trainable */
  void *first_moment, *second_moment; /* [n_values], on the backend */
} mpinn_optimizer;

mpinn_status mpinn_optimizer_create(mpinn_network *network, mpinn_optimizer *optimizer);
void mpinn_optimizer_clear(mpinn_optimizer *optimizer);
/* Clips the gradient, updates the parameters, zeroes the gradient. step is 1 for the first. */
mpinn_status mpinn_optimizer_step(mpinn_optimizer *optimizer, double learning_rate, long step);

#endif
