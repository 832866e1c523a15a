#include "baselines/multi_pinn.h"
#include "base/vector.h"
#include "model/layout.h"

#include <math.h>
#include <string.h>

/* ---- points ---- */

static mpinn_status set_create(mpinn_multi_pinn *p, size_t n, size_t most, mpinn_point_set *set) {
  const mpinn_ops *ops = p->ops;
  set->n = n;
  set->drawn = n < most ? n : most;
  MPINN_TRY(MPINN_NEW(p->context, &set->order, n));
  MPINN_TRY(MPINN_NEW(p->context, &set->all, 3 * n));
  MPINN_TRY(MPINN_NEW(p->context, &set->host_points, 3 * set->drawn));
  MPINN_TRY(ops->alloc(p->backend, 3 * set->drawn, &set->points));
  MPINN_TRY(ops->alloc(p->backend, p->n_maps * set->drawn, &set->value));
  for (size_t i = 0; i < n; i++) set->order[i] = i;
  return ops->alloc(p->backend, p->n_maps * set->drawn, &set->d_value);
}

static void set_clear(const mpinn_multi_pinn *p, mpinn_point_set *set) {
  free(set->order);
  free(set->all);
  free(set->host_points);
  if (!p->backend) return; /* nothing is there then */
  p->ops->release(p->backend, set->points);
  p->ops->release(p->backend, set->value);
  p->ops->release(p->backend, set->d_value);
}

static mpinn_status set_draw(mpinn_multi_pinn *p, mpinn_point_set *set, mpinn_random *random) {
  for (size_t i = 0; i < set->drawn && set->drawn < set->n; i++) { /* as a Fisher–Yates shuffle begins */
    const size_t j = i + mpinn_random_below(random, set->n - i), point = set->order[i];
    set->order[i] = set->order[j];
    set->order[j] = point;
  }
  for (size_t i = 0; i < set->drawn; i++)
    memcpy(set->host_points + 3 * i, set->all + 3 * set->order[i], 3 * sizeof *set->all);
  return p->ops->upload(p->backend, 3 * set->drawn, MPINN_FLOAT32, set->host_points, set->points);
}

static mpinn_status draw_electrodes(mpinn_multi_pinn *p, mpinn_random *random) {
  mpinn_point_set *set = &p->electrodes;
  const size_t n = p->n_maps * set->drawn;
  const float share = (float)set->n / (float)set->drawn;
  MPINN_TRY(set_draw(p, set, random));
  for (size_t m = 0, k = 0; m < p->n_maps; m++)
    for (size_t i = 0; i < set->drawn; i++, k++) {
      p->host_drawn[k] = p->target[m * set->n + set->order[i]];
      p->host_drawn[n + k] = share * p->weight[m * set->n + set->order[i]];
    }
  MPINN_TRY(p->ops->upload(p->backend, n, MPINN_FLOAT32, p->host_drawn, p->target_drawn));
  return p->ops->upload(p->backend, n, MPINN_FLOAT32, p->host_drawn + n, p->weight_drawn);
}

mpinn_status mpinn_multi_pinn_draw(mpinn_multi_pinn *p, mpinn_random *random) {
  if (p->electrodes.drawn < p->electrodes.n) MPINN_TRY(draw_electrodes(p, random));
  return p->nodes.drawn < p->nodes.n ? set_draw(p, &p->nodes, random) : MPINN_OK;
}

/* ---- scales ---- */

/* The centre is the nodes' mean, the length the largest distance from it: no coordinate exceeds 1. */
static mpinn_status take_scales(mpinn_multi_pinn *p, const mpinn_mesh *mesh) {
  const size_t n = mesh->node_count;
  for (size_t i = 0; i < n; i++)
    for (size_t d = 0; d < 3; d++) p->centre[d] += mesh->points[3 * i + d] / (double)n;
  for (size_t i = 0; i < n; i++) {
    double away[3];
    mpinn_subtract(mesh->points + 3 * i, p->centre, away);
    p->length = fmax(p->length, mpinn_norm(away));
  }
  return MPINN_OK;
}

static void normalize(const mpinn_multi_pinn *p, const double point[3], float out[3]) {
  for (size_t d = 0; d < 3; d++) out[d] = (float)((point[d] - p->centre[d]) / p->length);
}

/* ---- what is measured ---- */

/* number[n_surface]: of the electrodes, ascending; SIZE_MAX where no map is measured. */
static size_t number_electrodes(const mpinn_measurements *measured, size_t n_surface, size_t *number) {
  size_t n = 0;
  for (size_t i = 0; i < n_surface; i++) number[i] = SIZE_MAX;
  for (size_t k = 0; k < measured->first[measured->n_maps] + measured->n_late; k++)
    number[measured->node[k]] = 0;
  for (size_t i = 0; i < n_surface; i++)
    if (number[i] != SIZE_MAX) number[i] = n++;
  return n;
}

/* Measurements from … to of map m. */
static void place_electrodes(mpinn_multi_pinn *p, const size_t *number, size_t m, size_t from, size_t to,
                             float weight) {
  const mpinn_measurements *measured = &p->measurements;
  for (size_t k = from; k < to; k++) {
    const size_t e = number[measured->node[k]];
    normalize(p, measured->places[k].position, p->electrodes.all + 3 * e);
    p->target[m * p->electrodes.n + e] = (float)(measured->times[k] / p->unit);
    p->weight[m * p->electrodes.n + e] = weight / (float)(to - from);
  }
}

static void place_maps(mpinn_multi_pinn *p, const size_t *number) {
  const size_t *first = p->measurements.first, n_late = p->measurements.n_late;
  for (size_t m = 0; m < p->n_maps; m++) place_electrodes(p, number, m, first[m], first[m + 1], 1);
  if (n_late > 0) place_electrodes(p, number, p->n_maps - 1, first[p->n_maps], first[p->n_maps] + n_late, -1);
}

static mpinn_status create_electrodes(mpinn_multi_pinn *p, size_t n_surface, size_t most) {
  size_t *number = NULL, n = 0;
  mpinn_status status;
  MPINN_TRY(MPINN_NEW(p->context, &number, n_surface));
  n = number_electrodes(&p->measurements, n_surface, number);
  MPINN_TRY_GOTO(done, status, set_create(p, n, most, &p->electrodes));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &p->target, p->n_maps * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &p->weight, p->n_maps * n));
  const size_t drawn = p->n_maps * p->electrodes.drawn;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &p->host_drawn, 2 * drawn));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &p->late_weight, p->electrodes.drawn));
  MPINN_TRY_GOTO(done, status, p->ops->alloc(p->backend, drawn, &p->target_drawn));
  MPINN_TRY_GOTO(done, status, p->ops->alloc(p->backend, drawn, &p->weight_drawn));
  place_maps(p, number);
  if (p->electrodes.drawn == n) status = draw_electrodes(p, NULL); /* all of them, once and for all */
done:
  free(number);
  return status;
}

static mpinn_status create_nodes(mpinn_multi_pinn *p, const mpinn_mesh *mesh, size_t most) {
  MPINN_TRY(set_create(p, mesh->node_count, most, &p->nodes));
  for (size_t i = 0; i < mesh->node_count; i++) normalize(p, mesh->points + 3 * i, p->nodes.all + 3 * i);
  return p->nodes.drawn < p->nodes.n ? MPINN_OK : set_draw(p, &p->nodes, NULL);
}

/* ---- networks ---- */

static mpinn_status allocate(mpinn_multi_pinn *p) {
  const size_t most = p->nodes.drawn > p->electrodes.drawn ? p->nodes.drawn : p->electrodes.drawn;
  const size_t all = p->n_maps * most;
  const struct {
    void **memory;
    size_t n;
  } wanted[] = {{&p->gradient, 3 * all},
                {&p->d_gradient, 3 * all},
                {&p->speed, most},
                {&p->d_speed, all},
                {&p->healthy, p->nodes.drawn},
                {&p->d_prior, p->nodes.drawn},
                {&p->sums, 2},
                {&p->parameters, p->n_parameters},
                {&p->derivative, p->n_parameters},
                {&p->part, p->n_maps * p->n_pinn},
                {&p->first_moment, p->n_parameters},
                {&p->second_moment, p->n_parameters}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    MPINN_TRY(p->ops->alloc(p->backend, wanted[i].n, wanted[i].memory));
  for (size_t i = 0; i < p->nodes.drawn; i++) p->nodes.host_points[i] = (float)(p->length / p->unit);
  return p->ops->upload(p->backend, p->nodes.drawn, MPINN_FLOAT32, p->nodes.host_points, p->healthy);
}

/* Every network from a stream of its own: a map's begins the same whatever other maps there are. */
static mpinn_status initialize(mpinn_multi_pinn *p, uint64_t seed) {
  float *weights = NULL;
  mpinn_random random;
  MPINN_TRY(MPINN_NEW(p->context, &weights, p->n_parameters));
  for (size_t m = 0; m < p->n_maps; m++) {
    mpinn_random_seed_stream(&random, seed, 1 + m);
    mpinn_field_net_initialize(p->pinn, &random, weights + m * p->n_pinn);
  }
  mpinn_random_seed_stream(&random, seed, 0);
  mpinn_field_net_initialize(p->velocity, &random, weights + p->n_maps * p->n_pinn);
  const mpinn_status status =
      p->ops->upload(p->backend, p->n_parameters, MPINN_FLOAT32, weights, p->parameters);
  free(weights);
  return status;
}

static mpinn_status create(mpinn_multi_pinn *p, const mpinn_baseline_input *input,
                           const mpinn_networks_fit_options *options) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const mpinn_preset *preset = mpinn_preset_find("paper");
  MPINN_TRY(p->ops->create(p->context, &p->backend));
  MPINN_TRY(mpinn_measurements_create(p->context, input, &p->measurements));
  MPINN_TRY(take_scales(p, mesh));
  p->pinn = &preset->pinn;
  p->velocity = &preset->velocity;
  p->unit = p->length / preset->healthy_speed;
  p->n_maps = p->measurements.n_maps;
  p->n_pinn = mpinn_field_net_weights(p->pinn);
  p->n_parameters = p->n_maps * p->n_pinn + mpinn_field_net_weights(p->velocity);
  MPINN_TRY(create_electrodes(p, input->n_surface, options->measured_nodes));
  MPINN_TRY(create_nodes(p, mesh, options->wall_nodes));
  MPINN_TRY(allocate(p));
  return initialize(p, options->seed);
}

mpinn_status mpinn_multi_pinn_create(mpinn_context *context, const mpinn_ops *ops,
                                     const mpinn_baseline_input *input,
                                     const mpinn_networks_fit_options *options, mpinn_multi_pinn *p) {
  *p = (mpinn_multi_pinn){.context = context, .ops = ops};
  const mpinn_status status = create(p, input, options);
  if (status != MPINN_OK) mpinn_multi_pinn_clear(p);
  return status;
}

static void release_device(mpinn_multi_pinn *p) {
  void *const device[] = {p->target_drawn, p->weight_drawn, p->gradient,     p->d_gradient,   p->speed,
                          p->d_speed,      p->healthy,      p->d_prior,      p->sums,         p->parameters,
                          p->derivative,   p->part,         p->first_moment, p->second_moment};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++) p->ops->release(p->backend, device[i]);
}

void mpinn_multi_pinn_clear(mpinn_multi_pinn *p) {
  if (p->backend) release_device(p);
  set_clear(p, &p->nodes);
  set_clear(p, &p->electrodes);
  mpinn_measurements_clear(&p->measurements);
  free(p->target);
  free(p->weight);
  free(p->host_drawn);
  free(p->late_weight);
  if (p->backend) p->ops->destroy(&p->backend);
  *p = (mpinn_multi_pinn){0};
}
