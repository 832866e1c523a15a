#include "model/refine_parts.h"

#include <math.h>

static mpinn_status allocate(mpinn_context *context, mpinn_moving *m) {
  const mpinn_network *network = m->network;
  void **const parts[] = {&m->values, &m->gradient, &m->first_moment, &m->second_moment};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    MPINN_TRY(network->ops->alloc(network->backend, m->n, parts[i]));
  return MPINN_NEW(context, &m->best, m->n);
}

static mpinn_status begin(const mpinn_local_field *field, mpinn_moving *m) {
  const mpinn_ops *ops = m->network->ops;
  mpinn_backend *backend = m->network->backend;
  MPINN_TRY(ops->download(backend, m->n_weights, field->weights, MPINN_FLOAT32, m->best));
  MPINN_TRY(
      ops->download(backend, m->n - m->n_weights, field->features, MPINN_FLOAT32, m->best + m->n_weights));
  return mpinn_moving_return(m);
}

mpinn_status mpinn_moving_create(mpinn_context *context, const mpinn_network *network,
                                 const mpinn_local_field *field, size_t anchors, mpinn_moving *m) {
  *m = (mpinn_moving){.network = network, .net = field->net};
  m->n_weights = mpinn_field_net_weights(field->net);
  m->n = m->n_weights + anchors * (size_t)field->net->features;
  mpinn_status status = allocate(context, m);
  if (status == MPINN_OK) status = begin(field, m);
  if (status != MPINN_OK) mpinn_moving_clear(m);
  return status;
}

void mpinn_moving_clear(mpinn_moving *m) {
  if (!m->network) return;
  void *const parts[] = {m->values, m->gradient, m->first_moment, m->second_moment};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    m->network->ops->release(m->network->backend, parts[i]);
  free(m->best);
  *m = (mpinn_moving){0};
}

mpinn_local_field mpinn_moving_field(const mpinn_moving *m, const double origin[3]) {
  mpinn_local_field field = {.net = m->net, .weights = m->values};
  field.features = mpinn_element(m->network->ops, m->values, m->n_weights);
  for (int d = 0; d < 3 && origin; d++) field.origin[d] = origin[d];
  return field;
}

mpinn_status mpinn_moving_backward(const mpinn_moving *m, const mpinn_local_points *points,
                                   const void *origin, const void *d_value, const void *d_gradient) {
  const mpinn_ops *ops = m->network->ops;
  return ops->local_field_backward(m->network->backend, m->net, 1, m->values, points->n, points->points,
                                   points->reach, 1, mpinn_element(ops, m->values, m->n_weights), origin,
                                   d_value, d_gradient, m->gradient,
                                   mpinn_element(ops, m->gradient, m->n_weights));
}

/* AdamW's ε is the first gradient's root mean square: an anchor that no map tells of, whose
 * gradient is next to nothing, does not move as fast as the others. */
static mpinn_status step_range(mpinn_moving *m, int which, size_t from, size_t to, double rate) {
  const mpinn_ops *ops = m->network->ops;
  void *gradient = mpinn_element(ops, m->gradient, from);
  if (m->steps == 1) {
    double squares = 0;
    MPINN_TRY(ops->sum_squares(m->network->backend, to - from, gradient, &squares));
    m->epsilon[which] = fmax(sqrt(squares / (double)(to - from)), 1e-20);
  }
  const mpinn_adamw options = {
      .learning_rate = rate, .beta1 = 0.9, .beta2 = 0.98, .epsilon = m->epsilon[which], .step = m->steps};
  return ops->adamw(m->network->backend, &options, to - from, 1, gradient,
                    mpinn_element(ops, m->first_moment, from), mpinn_element(ops, m->second_moment, from),
                    mpinn_element(ops, m->values, from));
}

mpinn_status mpinn_moving_step(mpinn_moving *m, double weights_rate, double features_rate) {
  m->steps++;
  MPINN_TRY(step_range(m, 0, 0, m->n_weights, weights_rate));
  return step_range(m, 1, m->n_weights, m->n, features_rate);
}

mpinn_status mpinn_moving_remember(mpinn_moving *m) {
  return m->network->ops->download(m->network->backend, m->n, m->values, MPINN_FLOAT32, m->best);
}

mpinn_status mpinn_moving_return(mpinn_moving *m) {
  return m->network->ops->upload(m->network->backend, m->n, MPINN_FLOAT32, m->best, m->values);
}

double mpinn_refine_share(const mpinn_refine_clock *clock, size_t step) {
  const double made = clock->steps > 0 ? (double)step / (double)clock->steps : 1;
  if (!(clock->end > clock->start)) return fmin(made, 1);
  return fmin(fmax(made, (mpinn_seconds() - clock->start) / (clock->end - clock->start)), 1);
}
