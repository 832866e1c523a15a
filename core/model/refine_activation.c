#include "model/refine_parts.h"

#include "eikonal/nodal.h"
#include "heart/mesh.h"

#include <math.h>
#include <string.h>

static const double features_rate = 0.03, weights_rate = 0.003;
static const double least_time = 0.25; /* of the refinement's seconds, whatever was used up before */
static const double data_share = 4, pde_share = 0.25;

/* The wall's nodes and, behind them, half as many random points inside: where they are, the velocity there
 * and the eikonal solution. */
typedef struct target {
  const mpinn_network *network;
  size_t n, n_nodes;
  double *positions; /* [n][3], mm */
  float *at;         /* [n], lengths of the heart over the healthy speed; NaN: no front comes */
  mpinn_local_points points;
  void *block, *value, *gradient, *speed, *at_device, *weight, *d_value, *d_gradient, *d_speed, *sums,
      *origin;
} target;

static void target_clear(target *t) {
  free(t->positions);
  free(t->at);
  mpinn_local_points_clear(&t->points);
  t->network->ops->release(t->network->backend, t->block);
  t->network->ops->release(t->network->backend, t->origin);
}

/* ---- the targets ---- */

/* Uniform in a random usable cell, by exponential numbers as barycentric coordinates. */
static void random_point(const mpinn_mesh *mesh, const float *at, mpinn_random *random, double *position,
                         float *value) {
  const size_t corners = (size_t)mesh->type;
  size_t cell = 0;
  double weight[4], sum = 0, time = 0;
  do cell = mpinn_random_below(random, mesh->cell_count);
  while (!mesh->usable[cell]);
  for (size_t v = 0; v < corners; v++) sum += weight[v] = -log(1 - mpinn_random_uniform(random, 0, 1));
  memset(position, 0, 3 * sizeof *position);
  for (size_t v = 0; v < corners; v++) {
    const size_t node = (size_t)mesh->cells[cell * corners + v];
    for (size_t d = 0; d < 3; d++) position[d] += weight[v] / sum * mesh->points[3 * node + d];
    time += weight[v] / sum * (double)at[node];
  }
  *value = (float)time;
}

static mpinn_status choose_points(mpinn_context *context, const mpinn_local_heart *heart, const float *speed,
                                  const double origin[3], target *t) {
  const mpinn_mesh *mesh = heart->mesh;
  const double unit = t->network->preset->healthy_speed / heart->wall.length; /* 1/ms */
  const mpinn_site site = {.position = {origin[0], origin[1], origin[2]}};
  mpinn_random random;
  mpinn_random_seed(&random, 1);
  t->n_nodes = mesh->node_count;
  t->n = t->n_nodes + t->n_nodes / 2;
  MPINN_TRY(MPINN_NEW(context, &t->positions, 3 * t->n));
  MPINN_TRY(MPINN_NEW(context, &t->at, t->n));
  memcpy(t->positions, mesh->points, 3 * t->n_nodes * sizeof *t->positions);
  MPINN_TRY(mpinn_eikonal_solve_nodal(context, mesh, speed, &site, t->at));
  for (size_t i = t->n_nodes; i < t->n; i++)
    random_point(mesh, t->at, &random, t->positions + 3 * i, t->at + i);
  for (size_t i = 0; i < t->n; i++) t->at[i] = (float)(unit * (double)t->at[i]);
  return mpinn_local_points_create(context, t->network, heart, t->n, t->positions, &t->points);
}

static mpinn_status allocate(target *t) {
  const mpinn_ops *ops = t->network->ops;
  const size_t n = t->n;
  void **const parts[] = {&t->value, &t->speed, &t->at_device, &t->weight, &t->d_value, &t->d_speed};
  MPINN_TRY(ops->alloc(t->network->backend, 12 * n + 2, &t->block));
  for (size_t i = 0; i < 6; i++) *parts[i] = mpinn_element(ops, t->block, i * n);
  t->gradient = mpinn_element(ops, t->block, 6 * n);
  t->d_gradient = mpinn_element(ops, t->block, 9 * n);
  t->sums = mpinn_element(ops, t->block, 12 * n);
  return MPINN_OK;
}

/* Times that no front reaches count nothing. */
static mpinn_status upload(mpinn_context *context, const mpinn_local_heart *heart,
                           const mpinn_moving *velocity, const double origin[3], target *t) {
  const mpinn_network *network = t->network;
  const mpinn_local_field field = mpinn_moving_field(velocity, NULL);
  float *weight = NULL;
  MPINN_TRY(MPINN_NEW(context, &weight, t->n));
  for (size_t i = 0; i < t->n; i++) {
    weight[i] = isnan(t->at[i]) ? 0 : 1;
    if (isnan(t->at[i])) t->at[i] = 0;
  }
  mpinn_status status = network->ops->upload(network->backend, t->n, MPINN_FLOAT32, weight, t->weight);
  free(weight);
  if (status == MPINN_OK)
    status = network->ops->upload(network->backend, t->n, MPINN_FLOAT32, t->at, t->at_device);
  if (status == MPINN_OK) status = mpinn_local_evaluate(heart, &t->points, &field, t->speed, NULL);
  if (status == MPINN_OK) status = mpinn_local_origin(network, heart, origin, &t->origin);
  return status;
}

/* ---- the network anew ---- */

/* What the activation stage makes of the refined velocity. */
static mpinn_status regenerate(mpinn_context *context, const mpinn_twin *twin, const mpinn_local_heart *heart,
                               const float *speed, const double origin[3], mpinn_moving *activation) {
  const size_t n = twin->info.n_measured, k = twin->local.n_context;
  const mpinn_local_maps contexts = {n, twin->measured, k, twin->local.times};
  const mpinn_local_maps early = {n, twin->measured, 1, twin->local.times + k * n};
  const mpinn_network *network = twin->model->network;
  mpinn_local_pass pass;
  mpinn_status status;
  MPINN_TRY(mpinn_local_pass_create(context, network, &pass));
  mpinn_local_begin(&pass, heart);
  MPINN_TRY_GOTO(done, status, mpinn_local_velocity(context, &pass, &contexts));
  memcpy(pass.speed[MPINN_STAGE_SECOND], speed, mpinn_mesh_node_count(heart->mesh) * sizeof *speed);
  MPINN_TRY_GOTO(done, status, mpinn_local_activation(context, &pass, &early, origin));
  const mpinn_local_field field = mpinn_local_field_of(&pass, MPINN_STAGE_ACTIVATION, NULL);
  status = mpinn_moving_create(context, network, &field, heart->wall.n, activation);
done:
  mpinn_local_pass_clear(&pass);
  return status;
}

/* ---- steps ---- */

/* The loss's derivatives are then the moving field's gradient. */
static mpinn_status activation_loss(const mpinn_local_heart *heart, const target *t, const double origin[3],
                                    mpinn_moving *activation, double *loss) {
  const mpinn_network *network = t->network;
  const mpinn_local_field field = mpinn_moving_field(activation, origin);
  const double n = (double)t->n;
  float sums[2] = {0, 0};
  const mpinn_eikonal_loss terms = {.maps = 1,
                                    .nodes = t->n,
                                    .value = t->value,
                                    .gradient = t->gradient,
                                    .speed = t->speed,
                                    .target = t->at_device,
                                    .weight = t->weight,
                                    .data_scale = data_share / n,
                                    .pde_scale = pde_share / n,
                                    .speed_scale = 1 / network->preset->healthy_speed,
                                    .d_value = t->d_value,
                                    .d_gradient = t->d_gradient,
                                    .d_speed = t->d_speed,
                                    .sums = t->sums};
  MPINN_TRY(mpinn_local_evaluate(heart, &t->points, &field, t->value, t->gradient));
  MPINN_TRY(network->ops->eikonal_loss(network->backend, &terms));
  MPINN_TRY(network->ops->download(network->backend, 2, t->sums, MPINN_FLOAT32, sums));
  *loss = (data_share * (double)sums[0] + pde_share * (double)sums[1]) / n;
  return mpinn_moving_backward(activation, &t->points, t->origin, t->d_value, t->d_gradient);
}

static mpinn_status run_steps(mpinn_context *context, const mpinn_local_heart *heart, const target *t,
                              const double origin[3], const mpinn_refine_clock *clock,
                              mpinn_moving *activation, mpinn_refine_report *report) {
  double loss = 0, least = INFINITY;
  for (size_t i = 0;; i++) {
    const double share = mpinn_refine_share(clock, i);
    const double rate = 0.02 + 0.98 * (0.5 + 0.5 * cos(acos(-1) * share));
    MPINN_TRY(mpinn_progress(context, 0.65 + 0.35 * share, "refining the activation"));
    MPINN_TRY(activation_loss(heart, t, origin, activation, &loss));
    if (loss < least) {
      least = loss;
      MPINN_TRY(mpinn_moving_remember(activation));
    }
    if (share >= 1) break;
    MPINN_TRY(mpinn_moving_step(activation, rate * weights_rate, rate * features_rate));
    report->activation_steps = i + 1;
  }
  return mpinn_moving_return(activation);
}

mpinn_status mpinn_refine_activation(mpinn_context *context, const mpinn_twin *twin,
                                     const mpinn_local_heart *heart, const mpinn_moving *velocity,
                                     const float *speed, const double origin[3],
                                     const mpinn_refine_clock *clock, mpinn_moving *activation,
                                     mpinn_refine_report *report) {
  target t = {.network = twin->model->network};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, choose_points(context, heart, speed, origin, &t));
  MPINN_TRY_GOTO(done, status, allocate(&t));
  MPINN_TRY_GOTO(done, status, upload(context, heart, velocity, origin, &t));
  MPINN_TRY_GOTO(done, status, regenerate(context, twin, heart, speed, origin, activation));
  const double now = mpinn_seconds(), seconds = clock->end - clock->start;
  const mpinn_refine_clock own = {now, seconds > 0 ? fmax(clock->end, now + least_time * seconds) : now,
                                  clock->steps};
  status = run_steps(context, heart, &t, origin, &own, activation, report);
done:
  target_clear(&t);
  return status;
}
