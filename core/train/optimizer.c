#include "train/optimizer.h"

#include <math.h>

mpinn_status mpinn_optimizer_create(mpinn_network *network, mpinn_optimizer *optimizer) {
  const size_t n = network->layout.n_values;
  *optimizer = (mpinn_optimizer){.network = network};
  mpinn_status status = network->ops->alloc(network->backend, n, &optimizer->first_moment);
  if (status == MPINN_OK) status = network->ops->alloc(network->backend, n, &optimizer->second_moment);
  if (status != MPINN_OK) mpinn_optimizer_clear(optimizer);
  return status;
}

void mpinn_optimizer_clear(mpinn_optimizer *optimizer) {
  const mpinn_network *network = optimizer->network;
  if (!network) return;
  network->ops->release(network->backend, optimizer->first_moment);
  network->ops->release(network->backend, optimizer->second_moment);
  *optimizer = (mpinn_optimizer){0};
}

mpinn_status mpinn_optimizer_step(mpinn_optimizer *o, double learning_rate, long step) {
  const mpinn_network *network = o->network;
  const mpinn_ops *ops = network->ops;
  const size_t n = network->layout.n_values;
  double squares = 0;
  MPINN_TRY(ops->sum_squares(network->backend, n, network->gradient, &squares));
  const double norm = sqrt(squares), clip = network->preset->gradient_clip;
  const mpinn_adamw options = {.learning_rate = learning_rate,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = network->preset->epsilon,
                               .weight_decay = network->preset->weight_decay,
                               .step = step};
  /* A step that is not finite would poison every parameter: it is left out. */
  if (isfinite(norm))
    MPINN_TRY(ops->adamw(network->backend, &options, n, norm > clip ? clip / norm : 1, network->gradient,
                         o->first_moment, o->second_moment, network->parameters));
  return ops->zero(network->backend, n, network->gradient);
}
