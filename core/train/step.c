#include "train/step.h"

#include "metapinn/metrics.h"

#include <math.h>
#include <string.h>

static size_t most(size_t a, size_t b) {
  return a > b ? a : b;
}

static mpinn_status create_buffers(mpinn_context *context, mpinn_stepper *s) {
  const mpinn_ops *ops = s->network->ops;
  mpinn_backend *backend = s->network->backend;
  const size_t maps = s->data.max_maps, all = maps * s->max_points;
  const struct {
    void **memory;
    size_t n;
  } wanted[] = {
      {&s->points, 3 * s->max_points},
      {&s->weight, s->max_points},
      {&s->at, all},
      {&s->value, all},
      {&s->gradient, 3 * all},
      {&s->speed, all},
      {&s->d_value, all},
      {&s->d_gradient, 3 * all},
      {&s->d_speed, all},
      {&s->sums, 2 * maps},
      {&s->target_speed, s->network->preset->label_weight > 0 ? all : 0},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    MPINN_TRY(ops->alloc(backend, wanted[i].n, wanted[i].memory));
  MPINN_TRY(MPINN_NEW(context, &s->host_points, 3 * s->max_points));
  MPINN_TRY(MPINN_NEW(context, &s->host_at, 3 * all)); /* validation downloads gradients into it */
  MPINN_TRY(MPINN_NEW(context, &s->host_mean, maps * maps));
  MPINN_TRY(MPINN_NEW(context, &s->host_sums, 2 * maps));
  MPINN_TRY(MPINN_NEW(context, &s->order, most(s->max_points, maps)));
  for (size_t i = 0; i < s->max_points; i++) s->host_points[i] = 1;
  MPINN_TRY(ops->zero(backend, all, s->speed)); /* the speed of a preset that has none */
  return ops->upload(backend, s->max_points, MPINN_FLOAT32, s->host_points, s->weight);
}

mpinn_status mpinn_stepper_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                  size_t n_subjects, mpinn_subject *const *subjects, mpinn_stepper *stepper) {
  mpinn_status status;
  *stepper = (mpinn_stepper){.network = network};
  MPINN_TRY_GOTO(failed, status,
                 mpinn_training_data_create(context, network, seed, n_subjects, subjects, &stepper->data));
  stepper->max_points = most(stepper->data.max_wall, network->preset->points_per_map);
  MPINN_TRY_GOTO(failed, status,
                 mpinn_pass_create(context, network, stepper->data.max_measured, stepper->data.max_maps,
                                   stepper->data.max_maps, &stepper->pass));
  MPINN_TRY_GOTO(failed, status, create_buffers(context, stepper));
  return MPINN_OK;
failed:
  mpinn_stepper_clear(stepper);
  return status;
}

void mpinn_stepper_clear(mpinn_stepper *s) {
  if (s->network) {
    void *const device[] = {s->points,  s->weight,     s->at,      s->value, s->gradient,    s->speed,
                            s->d_value, s->d_gradient, s->d_speed, s->sums,  s->target_speed};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
      s->network->ops->release(s->network->backend, device[i]);
    mpinn_pass_clear(s->network, &s->pass);
    mpinn_training_data_clear(s->network, &s->data);
  }
  free(s->host_points);
  free(s->host_at);
  free(s->host_mean);
  free(s->host_sums);
  free(s->order);
  memset(s, 0, sizeof *s);
}

/* ---- an episode for every map ---- */

/* Row q averages k of the other maps, k drawn from 1 … maps − 1. */
static mpinn_status draw_contexts(mpinn_stepper *s, size_t maps, mpinn_random *random) {
  memset(s->host_mean, 0, maps * maps * sizeof *s->host_mean);
  for (size_t q = 0; q < maps; q++) {
    size_t n = 0;
    for (size_t m = 0; m < maps; m++)
      if (m != q) s->order[n++] = m;
    mpinn_random_shuffle(random, n, s->order);
    const size_t k = 1 + mpinn_random_below(random, n);
    for (size_t i = 0; i < k; i++) s->host_mean[q * maps + s->order[i]] = 1.0f / (float)k;
  }
  return s->network->ops->upload(s->network->backend, maps * maps, MPINN_FLOAT32, s->host_mean, s->pass.mean);
}

/* n of the subject's wall nodes, and the maps of the half there. */
static mpinn_status gather_points(mpinn_stepper *s, const mpinn_training_subject *subject, int half,
                                  size_t n) {
  const mpinn_ops *ops = s->network->ops;
  for (size_t i = 0; i < n; i++)
    memcpy(s->host_points + 3 * i, subject->wall + 3 * s->order[i], 3 * sizeof *s->host_points);
  for (size_t m = 0; m < subject->n_maps[half]; m++)
    for (size_t i = 0; i < n; i++)
      s->host_at[m * n + i] = subject->at[half][m * subject->n_wall + s->order[i]];
  MPINN_TRY(ops->upload(s->network->backend, 3 * n, MPINN_FLOAT32, s->host_points, s->points));
  return ops->upload(s->network->backend, subject->n_maps[half] * n, MPINN_FLOAT32, s->host_at, s->at);
}

static size_t draw_points(mpinn_stepper *s, size_t n_wall, mpinn_random *random) {
  const size_t wanted = s->network->preset->points_per_map, n = wanted < n_wall ? wanted : n_wall;
  for (size_t i = 0; i < n_wall; i++) s->order[i] = i;
  for (size_t i = 0; i < n; i++) { /* the beginning of a Fisher–Yates shuffle */
    const size_t j = i + mpinn_random_below(random, n_wall - i), node = s->order[i];
    s->order[i] = s->order[j];
    s->order[j] = node;
  }
  return n;
}

static mpinn_status evaluate_fields(mpinn_stepper *s, size_t maps, size_t n) {
  const mpinn_network *network = s->network;
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(ops->field_forward(network->backend, &network->preset->pinn, maps,
                               mpinn_generated_weights(network, &s->pass, MPINN_HYPER_PINN), n, s->points,
                               s->value, s->gradient));
  if (!mpinn_preset_has_velocity(network->preset)) return MPINN_OK;
  return ops->field_forward(network->backend, &network->preset->velocity, maps,
                            mpinn_generated_weights(network, &s->pass, MPINN_HYPER_VELOCITY), n, s->points,
                            s->speed, NULL);
}

/* Equations 2 and 3, and their derivatives by the fields. */
static mpinn_status losses_of_fields(mpinn_stepper *s, size_t maps, size_t n, double alpha, double mean) {
  const mpinn_network *network = s->network;
  const mpinn_eikonal_loss loss = {
      .maps = maps,
      .nodes = n,
      .value = s->value,
      .gradient = s->gradient,
      .speed = s->speed,
      .target = s->at,
      .weight = s->weight,
      .data_scale = mean,
      .pde_scale = alpha * mean,
      .speed_scale = 1 / network->preset->healthy_speed,
      .d_value = s->d_value,
      .d_gradient = s->d_gradient,
      .d_speed = s->d_speed,
      .sums = s->sums,
  };
  return network->ops->eikonal_loss(network->backend, &loss);
}

/* The velocity learns from its labels instead of from equation 2, which is left to T; *sum is their loss. */
static mpinn_status learn_labels(mpinn_stepper *s, const mpinn_training_subject *subject, size_t maps,
                                 size_t n, double mean, double *sum) {
  const mpinn_network *network = s->network;
  const double healthy = network->preset->healthy_speed;
  for (size_t m = 0; m < maps; m++)
    for (size_t i = 0; i < n; i++) s->host_at[m * n + i] = subject->cv[s->order[i]];
  MPINN_TRY(network->ops->upload(network->backend, maps * n, MPINN_FLOAT32, s->host_at, s->target_speed));
  return network->ops->speed_loss(network->backend, maps * n, s->speed, s->target_speed,
                                  network->preset->label_weight * mean / (healthy * healthy), 0, s->d_speed,
                                  sum);
}

static mpinn_status fields_backward(mpinn_stepper *s, size_t maps, size_t n) {
  const mpinn_network *network = s->network;
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(ops->field_backward(network->backend, &network->preset->pinn, maps,
                                mpinn_generated_weights(network, &s->pass, MPINN_HYPER_PINN), n, s->points,
                                s->d_value, s->d_gradient,
                                mpinn_generated_weights_derivative(network, &s->pass, MPINN_HYPER_PINN)));
  if (!mpinn_preset_has_velocity(network->preset)) return MPINN_OK;
  return ops->field_backward(network->backend, &network->preset->velocity, maps,
                             mpinn_generated_weights(network, &s->pass, MPINN_HYPER_VELOCITY), n, s->points,
                             s->d_speed, NULL,
                             mpinn_generated_weights_derivative(network, &s->pass, MPINN_HYPER_VELOCITY));
}

static mpinn_status read_losses(mpinn_stepper *s, size_t maps, size_t n, mpinn_losses *losses) {
  MPINN_TRY(s->network->ops->download(s->network->backend, 2 * maps, s->sums, MPINN_FLOAT32, s->host_sums));
  *losses = (mpinn_losses){0};
  for (size_t m = 0; m < maps; m++) {
    losses->data += s->host_sums[2 * m] / (double)(maps * n);
    losses->pde += s->host_sums[2 * m + 1] / (double)(maps * n);
  }
  return MPINN_OK;
}

mpinn_status mpinn_step_episodes(mpinn_context *context, mpinn_stepper *s, size_t index, double alpha,
                                 double share, mpinn_random *random, mpinn_losses *losses) {
  const mpinn_training_subject *subject = &s->data.subjects[index];
  const mpinn_view *view = &subject->views[mpinn_random_below(random, subject->n_views)];
  const size_t maps = subject->n_maps[MPINN_HALF_TRAIN];
  double labels = 0;
  (void)context;
  MPINN_TRY(draw_contexts(s, maps, random));
  const size_t n = draw_points(s, subject->n_wall, random);
  const double mean = share / (double)(maps * n);
  MPINN_TRY(gather_points(s, subject, MPINN_HALF_TRAIN, n));
  MPINN_TRY(
      mpinn_network_forward(s->network, &view->graph, maps, maps, view->inputs[MPINN_HALF_TRAIN], &s->pass));
  MPINN_TRY(evaluate_fields(s, maps, n));
  MPINN_TRY(losses_of_fields(s, maps, n, alpha, mean));
  if (s->network->preset->label_weight > 0) MPINN_TRY(learn_labels(s, subject, maps, n, mean, &labels));
  MPINN_TRY(fields_backward(s, maps, n));
  MPINN_TRY(mpinn_network_backward(s->network, &view->graph, maps, maps, &s->pass));
  MPINN_TRY(read_losses(s, maps, n, losses));
  losses->velocity = labels / share;
  if (!mpinn_preset_has_velocity(s->network->preset)) losses->pde = NAN;
  return MPINN_OK;
}

/* ---- validation ---- */

static mpinn_status measure_fields(mpinn_context *context, mpinn_stepper *s,
                                   const mpinn_training_subject *subject, size_t maps,
                                   mpinn_validation *validation) {
  const mpinn_network *network = s->network;
  const size_t n = subject->n_wall, all = maps * n;
  float *value = NULL, *speed = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &value, all));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &speed, all));
  MPINN_TRY_GOTO(done, status, network->ops->download(network->backend, all, s->value, MPINN_FLOAT32, value));
  MPINN_TRY_GOTO(done, status, network->ops->download(network->backend, all, s->speed, MPINN_FLOAT32, speed));
  MPINN_TRY_GOTO(done, status,
                 network->ops->download(network->backend, 3 * all, s->gradient, MPINN_FLOAT32, s->host_at));
  *validation = (mpinn_validation){0, 0, 0};
  double cv_maps = 0;
  for (size_t m = 0; m < maps; m++) {
    const double share = 1 / (double)maps;
    validation->at_scc += share * mpinn_scc(n, value + m * n, subject->at[MPINN_HALF_TEST] + m * n);
    if (!mpinn_preset_has_velocity(network->preset)) continue;
    const double cv_scc = subject->cv ? mpinn_scc(n, speed + m * n, subject->cv) : NAN;
    validation->residual_msq += share * mpinn_residual_msq(n, 1 / s->network->preset->healthy_speed,
                                                           s->host_at + 3 * m * n, speed + m * n);
    if (isnan(cv_scc)) continue;
    validation->cv_scc += cv_scc;
    cv_maps++;
  }
  validation->cv_scc /= cv_maps; /* NaN where there is none */
  if (!mpinn_preset_has_velocity(network->preset)) validation->residual_msq = NAN;
done:
  free(value);
  free(speed);
  return status;
}

mpinn_status mpinn_step_validate(mpinn_context *context, mpinn_stepper *s, size_t index,
                                 mpinn_validation *validation) {
  enum { CONTEXTS = 5 };
  const mpinn_training_subject *subject = &s->data.subjects[index];
  const mpinn_view *view = &subject->views[0];
  const size_t maps = subject->n_maps[MPINN_HALF_TEST], k = maps - 1 < CONTEXTS ? maps - 1 : CONTEXTS;
  *validation = (mpinn_validation){NAN, NAN, NAN};
  if (maps < 2) return MPINN_OK;
  memset(s->host_mean, 0, maps * maps * sizeof *s->host_mean);
  for (size_t q = 0; q < maps; q++)
    for (size_t i = 1; i <= k; i++) s->host_mean[q * maps + (q + i) % maps] = 1.0f / (float)k;
  MPINN_TRY(
      s->network->ops->upload(s->network->backend, maps * maps, MPINN_FLOAT32, s->host_mean, s->pass.mean));
  for (size_t i = 0; i < subject->n_wall; i++) s->order[i] = i;
  MPINN_TRY(gather_points(s, subject, MPINN_HALF_TEST, subject->n_wall));
  MPINN_TRY(
      mpinn_network_forward(s->network, &view->graph, maps, maps, view->inputs[MPINN_HALF_TEST], &s->pass));
  MPINN_TRY(evaluate_fields(s, maps, subject->n_wall));
  return measure_fields(context, s, subject, maps, validation);
}
