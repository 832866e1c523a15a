#include "baselines/multi_pinn.h"

#include <math.h>

/* m's row of an array [n_maps][n]. */
static void *row(const mpinn_multi_pinn *p, void *memory, size_t m, size_t n) {
  return mpinn_element(p->ops, memory, m * n);
}

static void *velocity_part(const mpinn_multi_pinn *p, void *parameters) {
  return row(p, parameters, p->n_maps, p->n_pinn);
}

static double speed_scale(const mpinn_multi_pinn *p) {
  return p->unit / p->length;
}

/* ---- the loss ---- */

/* One map's loss over a set: mean square of T − target where data_scale is 1/maps, of |∇T| F − 1 by
 * pde_scale. What is not asked for is multiplied by 0, and its derivatives are not used. */
static mpinn_status map_loss(mpinn_multi_pinn *p, const mpinn_point_set *set, size_t m, double data_scale,
                             double pde_scale, double sums[2]) {
  const size_t n = set->drawn;
  const bool data = data_scale > 0;
  const mpinn_eikonal_loss loss = {
      .maps = 1,
      .nodes = n,
      .value = row(p, set->value, m, n),
      .gradient = row(p, p->gradient, m, 3 * n),
      .speed = p->speed,
      .target = data ? row(p, p->target_drawn, m, n) : row(p, set->value, m, n),
      .weight = data ? row(p, p->weight_drawn, m, n) : row(p, set->value, m, n),
      .data_scale = data_scale,
      .pde_scale = pde_scale,
      .speed_scale = speed_scale(p),
      .d_value = row(p, set->d_value, m, n),
      .d_gradient = row(p, p->d_gradient, m, 3 * n),
      .d_speed = row(p, p->d_speed, m, n),
      .sums = p->sums,
  };
  MPINN_TRY(p->ops->eikonal_loss(p->backend, &loss));
  return p->ops->download(p->backend, 2, p->sums, MPINN_FLOAT64, sums);
}

/* Where the query is known to be late its T counts only if it comes before what is known. */
static mpinn_status weigh_late(mpinn_multi_pinn *p) {
  const size_t n = p->electrodes.drawn, from = (p->n_maps - 1) * n;
  const float *target = p->host_drawn + from, *weight = p->host_drawn + p->n_maps * n + from;
  if (p->measurements.n_late == 0) return MPINN_OK;
  MPINN_TRY(p->ops->download(p->backend, n, row(p, p->electrodes.value, p->n_maps - 1, n), MPINN_FLOAT32,
                             p->late_weight));
  for (size_t i = 0; i < n; i++)
    p->late_weight[i] = weight[i] >= 0 ? weight[i] : p->late_weight[i] < target[i] ? -weight[i] : 0;
  return p->ops->upload(p->backend, n, MPINN_FLOAT32, p->late_weight,
                        row(p, p->weight_drawn, p->n_maps - 1, n));
}

/* Into derivative: that of the data loss by the PINNs' weights. */
static mpinn_status data_loss(mpinn_multi_pinn *p, double *data) {
  const mpinn_point_set *set = &p->electrodes;
  const double share = 1 / (double)p->n_maps;
  MPINN_TRY(p->ops->field_forward(p->backend, p->pinn, p->n_maps, p->parameters, set->drawn, set->points,
                                  set->value, NULL));
  MPINN_TRY(weigh_late(p));
  *data = 0;
  for (size_t m = 0; m < p->n_maps; m++) {
    double sums[2];
    MPINN_TRY(map_loss(p, set, m, share, 0, sums));
    *data += share * sums[0];
  }
  return p->ops->field_backward(p->backend, p->pinn, p->n_maps, p->parameters, set->drawn, set->points,
                                set->d_value, NULL, p->derivative);
}

/* From what the losses at the wall's nodes left: adds to derivative by the PINNs' weights, and overwrites it
 * by the velocity net's. */
static mpinn_status nodes_backward(mpinn_multi_pinn *p) {
  const mpinn_point_set *set = &p->nodes;
  const mpinn_ops *ops = p->ops;
  MPINN_TRY(ops->field_backward(p->backend, p->pinn, p->n_maps, p->parameters, set->drawn, set->points,
                                set->d_value, p->d_gradient, p->part));
  MPINN_TRY(ops->add(p->backend, p->n_maps * p->n_pinn, p->part, p->derivative));
  for (size_t m = 1; m < p->n_maps; m++)
    MPINN_TRY(ops->add(p->backend, set->drawn, row(p, p->d_speed, m, set->drawn), p->d_speed));
  return ops->field_backward(p->backend, p->velocity, 1, velocity_part(p, p->parameters), set->drawn,
                             set->points, p->d_speed, NULL, velocity_part(p, p->derivative));
}

static mpinn_status pde_loss(mpinn_multi_pinn *p, double alpha, double *pde) {
  const mpinn_point_set *set = &p->nodes;
  const double mean = 1 / (double)(p->n_maps * set->drawn);
  MPINN_TRY(p->ops->field_forward(p->backend, p->pinn, p->n_maps, p->parameters, set->drawn, set->points,
                                  set->value, p->gradient));
  MPINN_TRY(p->ops->field_forward(p->backend, p->velocity, 1, velocity_part(p, p->parameters), set->drawn,
                                  set->points, p->speed, NULL));
  *pde = 0;
  for (size_t m = 0; m < p->n_maps; m++) {
    double sums[2];
    MPINN_TRY(map_loss(p, set, m, 0, alpha * mean, sums));
    *pde += mean * sums[1];
  }
  return MPINN_OK;
}

/* Adds to the first map's derivatives by F. */
static mpinn_status prior_loss(mpinn_multi_pinn *p, double beta, double *prior) {
  const size_t n = p->nodes.drawn;
  const double scale = speed_scale(p) * speed_scale(p) / (double)n;
  double sum = 0;
  *prior = 0;
  if (beta == 0) return MPINN_OK;
  MPINN_TRY(p->ops->speed_loss(p->backend, n, p->speed, p->healthy, beta * scale, 0, p->d_prior, &sum));
  *prior = sum / beta;
  return p->ops->add(p->backend, n, p->d_prior, p->d_speed);
}

mpinn_status mpinn_multi_pinn_loss(mpinn_multi_pinn *p, double alpha, double beta, mpinn_fit_losses *losses) {
  MPINN_TRY(data_loss(p, &losses->data));
  MPINN_TRY(pde_loss(p, alpha, &losses->pde));
  MPINN_TRY(prior_loss(p, beta, &losses->prior));
  return nodes_backward(p);
}

mpinn_status mpinn_multi_pinn_step(mpinn_multi_pinn *p, double learning_rate, long number) {
  static const double clip = 1;
  const mpinn_adamw adam = {
      .learning_rate = learning_rate, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-12, .step = number};
  double squares = 0;
  MPINN_TRY(p->ops->sum_squares(p->backend, p->n_parameters, p->derivative, &squares));
  const double norm = sqrt(squares);
  if (!isfinite(norm)) return MPINN_OK; /* it would poison every parameter */
  return p->ops->adamw(p->backend, &adam, p->n_parameters, norm > clip ? clip / norm : 1, p->derivative,
                       p->first_moment, p->second_moment, p->parameters);
}

/* ---- the fields ---- */

typedef struct fields {
  void *points, *value, *gradient, *speed; /* on the backend, at n points */
  float *host_value, *host_gradient, *host_speed;
} fields;

static void fields_clear(const mpinn_multi_pinn *p, fields *f) {
  void *const device[] = {f->points, f->value, f->gradient, f->speed};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++) p->ops->release(p->backend, device[i]);
  free(f->host_value);
  free(f->host_gradient);
  free(f->host_speed);
}

static mpinn_status fields_create(const mpinn_multi_pinn *p, const mpinn_point_set *set, fields *f) {
  const mpinn_ops *ops = p->ops;
  MPINN_TRY(ops->alloc(p->backend, 3 * set->n, &f->points));
  MPINN_TRY(ops->alloc(p->backend, set->n, &f->value));
  MPINN_TRY(ops->alloc(p->backend, 3 * set->n, &f->gradient));
  MPINN_TRY(ops->alloc(p->backend, set->n, &f->speed));
  MPINN_TRY(MPINN_NEW(p->context, &f->host_value, set->n));
  MPINN_TRY(MPINN_NEW(p->context, &f->host_gradient, 3 * set->n));
  MPINN_TRY(MPINN_NEW(p->context, &f->host_speed, set->n));
  return ops->upload(p->backend, 3 * set->n, MPINN_FLOAT32, set->all, f->points);
}

/* T of map m and, where gradient, ∇T, in the networks' units. */
static mpinn_status run_map(const mpinn_multi_pinn *p, size_t m, size_t n, bool gradient, fields *f) {
  const mpinn_ops *ops = p->ops;
  MPINN_TRY(ops->field_forward(p->backend, p->pinn, 1, row(p, p->parameters, m, p->n_pinn), n, f->points,
                               f->value, gradient ? f->gradient : NULL));
  MPINN_TRY(ops->download(p->backend, n, f->value, MPINN_FLOAT32, f->host_value));
  return gradient ? ops->download(p->backend, 3 * n, f->gradient, MPINN_FLOAT32, f->host_gradient) : MPINN_OK;
}

static mpinn_status run_velocity(const mpinn_multi_pinn *p, size_t n, fields *f) {
  MPINN_TRY(p->ops->field_forward(p->backend, p->velocity, 1, velocity_part(p, p->parameters), n, f->points,
                                  f->speed, NULL));
  return p->ops->download(p->backend, n, f->speed, MPINN_FLOAT32, f->host_speed);
}

static double residual_at(const mpinn_multi_pinn *p, const fields *f, size_t i) {
  const float *g = f->host_gradient + 3 * i;
  const double x = g[0], y = g[1], z = g[2];
  return speed_scale(p) * sqrt(x * x + y * y + z * z) * (double)f->host_speed[i] - 1;
}

static mpinn_status measure_misfit(const mpinn_multi_pinn *p, fields *f, double *misfit) {
  const size_t n = p->electrodes.n;
  double squares = 0;
  for (size_t m = 0; m < p->n_maps; m++) {
    MPINN_TRY(run_map(p, m, n, false, f));
    for (size_t i = 0; i < n; i++) {
      const double left = (double)f->host_value[i] - (double)p->target[m * n + i];
      if (p->weight[m * n + i] > 0) squares += left * left;
    }
  }
  *misfit = p->unit * sqrt(squares / (double)p->measurements.first[p->n_maps]);
  return MPINN_OK;
}

static mpinn_status evaluate_nodes(const mpinn_multi_pinn *p, fields *f, float *cv, float *at,
                                   float *residual, double *pde) {
  const size_t n = p->nodes.n;
  double squares = 0;
  MPINN_TRY(run_velocity(p, n, f));
  for (size_t i = 0; i < n && cv; i++) cv[i] = f->host_speed[i];
  for (size_t m = 0; m < p->n_maps; m++) {
    MPINN_TRY(run_map(p, m, n, true, f));
    for (size_t i = 0; i < n; i++) {
      const double left = residual_at(p, f, i);
      squares += left * left;
      if (at) at[m * n + i] = (float)(p->measurements.earliest[m] + p->unit * (double)f->host_value[i]);
      if (residual) residual[m * n + i] = (float)left;
    }
  }
  *pde = squares / (double)(p->n_maps * n);
  return MPINN_OK;
}

mpinn_status mpinn_multi_pinn_evaluate(const mpinn_multi_pinn *p, float *cv, float *at, float *residual,
                                       double *pde, double *misfit) {
  fields nodes = {0}, electrodes = {0};
  mpinn_status status = fields_create(p, &p->nodes, &nodes);
  if (status == MPINN_OK) status = fields_create(p, &p->electrodes, &electrodes);
  if (status == MPINN_OK) status = measure_misfit(p, &electrodes, misfit);
  if (status == MPINN_OK) status = evaluate_nodes(p, &nodes, cv, at, residual, pde);
  fields_clear(p, &nodes);
  fields_clear(p, &electrodes);
  return status;
}
