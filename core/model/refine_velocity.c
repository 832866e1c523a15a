#include "model/refine_parts.h"

#include "eikonal/each.h"
#include "eikonal/nodal.h"
#include "heart/mesh.h"
#include "metapinn/rhythm.h"

#include <math.h>
#include <string.h>

enum { HELD_BACK = 10, FEWEST_FITTED = 8 };
static const double huber = 8; /* ms: beyond it a difference counts by its size, not by its square */
static const double pull = 16; /* ms² a unit of mean squared difference of log velocity */
static const double features_rate = 0.03, weights_rate = 0.001;
static const double site_rate = 0.2; /* mm a step */

/* ---- which nodes and maps ---- */

typedef struct ranked {
  double key;
  size_t index;
} ranked;

static int compare_ranked(const void *a, const void *b) {
  const ranked *p = a, *q = b;
  if (p->key != q->key) return p->key < q->key ? -1 : 1;
  return (p->index > q->index) - (p->index < q->index);
}

/* Every tenth measured node in the order of its mean time over the maps, so that neither numbering nor frame
 * decides which. */
static mpinn_status hold_back(mpinn_velocity_problem *p, const mpinn_twin *twin) {
  ranked *order = NULL;
  MPINN_TRY(MPINN_NEW(p->context, &order, p->n));
  for (size_t i = 0; i < p->n; i++) {
    double sum = 0, known = 0;
    for (size_t m = 0; m < twin->local.n_context; m++) {
      const double t = (double)twin->local.times[m * p->n + i];
      if (isnan(t)) continue;
      sum += t;
      known++;
    }
    order[i] = (ranked){known > 0 ? sum / known : 0, i};
  }
  qsort(order, p->n, sizeof *order, compare_ranked);
  for (size_t i = HELD_BACK / 2; i < p->n; i += HELD_BACK) p->held[order[i].index] = true;
  free(order);
  return MPINN_OK;
}

static mpinn_status fitted_create(const mpinn_velocity_problem *p, mpinn_fitted *map) {
  MPINN_TRY(MPINN_NEW(p->context, &map->at, p->n));
  MPINN_TRY(MPINN_NEW(p->context, &map->by_at, mpinn_mesh_node_count(p->mesh)));
  MPINN_TRY(MPINN_NEW(p->context, &map->by_slowness, mpinn_mesh_cell_count(p->mesh)));
  return mpinn_adjoint_create(p->context, p->mesh, &map->adjoint);
}

static void count_known(const mpinn_velocity_problem *p, mpinn_fitted *map) {
  map->n_fitted = map->n_held = 0;
  for (size_t i = 0; i < p->n; i++) {
    if (isnan(map->times[i])) continue;
    if (p->held[i])
      map->n_held++;
    else
      map->n_fitted++;
  }
}

/* A context map's site of origin on the generated velocity; *usable is false where it has not one. */
static mpinn_status find_site(mpinn_velocity_problem *p, const mpinn_twin *twin, const mpinn_eikonal *solver,
                              mpinn_fitted *map, bool *usable) {
  double *times = NULL;
  mpinn_rhythm rhythm;
  mpinn_origin origin;
  *usable = false;
  MPINN_TRY(MPINN_NEW(p->context, &times, p->n));
  for (size_t i = 0; i < p->n; i++) times[i] = (double)map->times[i];
  const mpinn_rhythm_input input = {p->n, twin->measured, times, p->mesh};
  mpinn_status status = mpinn_recognize_rhythm(p->context, &input, &rhythm, NULL);
  if (status == MPINN_OK && (rhythm.kind == MPINN_RHYTHM_FOCAL || rhythm.kind == MPINN_RHYTHM_UNKNOWN)) {
    const mpinn_origin_search search = {.n = p->n, .points = twin->measured, .times = times, .max_solves = 8};
    status = mpinn_find_origin(p->context, solver, &search, &origin);
    *usable = status == MPINN_OK;
    if (*usable) map->site = origin.site;
    if (status == MPINN_ERROR_MAP) status = MPINN_OK; /* too few points in one piece of the wall */
  }
  free(times);
  return status;
}

static mpinn_status take_map(mpinn_velocity_problem *p, const mpinn_twin *twin, const mpinn_eikonal *solver,
                             size_t m) {
  mpinn_fitted *map = &p->maps[p->n_maps];
  bool usable = true;
  *map = (mpinn_fitted){.times = twin->local.times + m * p->n};
  count_known(p, map);
  if (map->n_fitted < FEWEST_FITTED) return MPINN_OK;
  if (m < twin->local.n_context)
    MPINN_TRY(find_site(p, twin, solver, map, &usable));
  else
    map->site = twin->local.origin.site;
  if (!usable) return MPINN_OK;
  map->site.onset = 0; /* onsets are fitted apart */
  p->n_maps++;
  p->n_fitted += (double)map->n_fitted;
  p->n_held += (double)map->n_held;
  return fitted_create(p, map);
}

/* ---- making and ending ---- */

static mpinn_status evaluate_speed(mpinn_velocity_problem *p, float *speed) {
  const mpinn_network *network = p->network;
  const mpinn_local_field field = mpinn_moving_field(&p->moving, NULL);
  MPINN_TRY(network->ops->local_field_forward(network->backend, field.net, 1, field.weights, p->nodes->n,
                                              p->nodes->points, p->nodes->reach, 1, field.features, NULL,
                                              p->device, NULL));
  return network->ops->download(network->backend, p->nodes->n, p->device, MPINN_FLOAT32, speed);
}

static mpinn_status take_maps(mpinn_velocity_problem *p, const mpinn_twin *twin) {
  const size_t n_maps = twin->local.n_context + twin->local.query_measured;
  mpinn_eikonal *solver = NULL;
  MPINN_TRY(MPINN_NEW(p->context, &p->maps, n_maps));
  MPINN_TRY(evaluate_speed(p, p->speed));
  memcpy(p->generated, p->speed, p->nodes->n * sizeof *p->generated);
  mpinn_status status = mpinn_eikonal_create_nodal(p->context, p->mesh, p->speed, &solver);
  for (size_t m = 0; m < n_maps && status == MPINN_OK; m++) {
    const mpinn_progress_part outer = mpinn_progress_enter(p->context, 0, 0.1 * (double)m / (double)n_maps);
    status = take_map(p, twin, solver, m);
    mpinn_progress_leave(p->context, outer);
  }
  mpinn_eikonal_destroy(&solver);
  return status;
}

static mpinn_status allocate(mpinn_velocity_problem *p) {
  const size_t nodes = p->nodes->n;
  MPINN_TRY(MPINN_NEW(p->context, &p->places, p->n));
  MPINN_TRY(MPINN_NEW(p->context, &p->held, p->n));
  MPINN_TRY(MPINN_NEW(p->context, &p->generated, nodes));
  MPINN_TRY(MPINN_NEW(p->context, &p->speed, nodes));
  MPINN_TRY(MPINN_NEW(p->context, &p->by_speed, nodes));
  return p->network->ops->alloc(p->network->backend, nodes, &p->device);
}

mpinn_status mpinn_velocity_problem_create(mpinn_context *context, const mpinn_twin *twin,
                                           const mpinn_mesh *mesh, const mpinn_local_points *nodes,
                                           mpinn_velocity_problem *p) {
  const mpinn_local_field field = {.net = &twin->model->network->preset->velocity,
                                   .weights = twin->local.weights[0],
                                   .features = twin->local.features[0]};
  mpinn_status status;
  *p = (mpinn_velocity_problem){.context = context, .mesh = mesh, .network = twin->model->network};
  p->nodes = nodes;
  p->n = twin->info.n_measured;
  MPINN_TRY_GOTO(failed, status, allocate(p));
  MPINN_TRY_GOTO(failed, status,
                 mpinn_moving_create(context, p->network, &field, twin->local.heart->wall.n, &p->moving));
  for (size_t i = 0; i < p->n; i++) mpinn_mesh_nearest(mesh, twin->measured + 3 * i, &p->places[i]);
  MPINN_TRY_GOTO(failed, status, hold_back(p, twin));
  MPINN_TRY_GOTO(failed, status, take_maps(p, twin));
  return MPINN_OK;
failed:
  mpinn_velocity_problem_clear(p);
  return status;
}

void mpinn_velocity_problem_clear(mpinn_velocity_problem *p) {
  for (size_t m = 0; m < p->n_maps; m++) {
    mpinn_fitted *map = &p->maps[m];
    free(map->at);
    free(map->by_at);
    free(map->by_slowness);
    mpinn_adjoint_destroy(&map->adjoint);
  }
  free(p->maps);
  free(p->places);
  free(p->held);
  free(p->generated);
  free(p->speed);
  free(p->by_speed);
  if (p->network) p->network->ops->release(p->network->backend, p->device);
  mpinn_moving_clear(&p->moving);
  *p = (mpinn_velocity_problem){0};
}

/* ---- the loss of a map ---- */

static double clip(double difference) {
  return fmax(-huber, fmin(huber, difference));
}

static double huber_loss(double difference) {
  const double size = fabs(difference);
  return size <= huber ? difference * difference : 2 * huber * size - huber * huber;
}

static bool is_fitted(const mpinn_velocity_problem *p, const mpinn_fitted *map, size_t i) {
  return !p->held[i] && !isnan(map->times[i]) && !isnan(map->at[i]);
}

/* The onset that minimizes the loss: where the clipped differences' mean is zero. */
static double fit_onset(const mpinn_velocity_problem *p, const mpinn_fitted *map) {
  double onset = 0;
  bool first = true;
  for (int round = 0; round < 40; round++, first = false) {
    double sum = 0, n = 0;
    for (size_t i = 0; i < p->n; i++) {
      if (!is_fitted(p, map, i)) continue;
      const double difference = (double)map->times[i] - (double)map->at[i] - onset;
      sum += first ? difference : clip(difference);
      n++;
    }
    if (n == 0) return 0;
    onset += sum / n;
    if (fabs(sum / n) < 1e-9) break;
  }
  return onset;
}

static void solution_at_measured(const mpinn_velocity_problem *p, const float *at, mpinn_fitted *map) {
  const size_t type = p->mesh->type;
  for (size_t i = 0; i < p->n; i++) {
    const mpinn_mesh_place *place = &p->places[i];
    double sum = 0;
    for (size_t c = 0; c < type; c++)
      if (place->weights[c] > 0)
        sum += place->weights[c] * (double)at[p->mesh->cells[type * (size_t)place->cell + c]];
    map->at[i] = (float)sum;
  }
}

/* Called from several threads, each with another map. */
static void take_solution(void *user, size_t m, const float *at) {
  const mpinn_velocity_problem *p = user;
  mpinn_fitted *map = &p->maps[m];
  const size_t type = p->mesh->type;
  map->loss = map->held = 0;
  solution_at_measured(p, at, map);
  map->site.onset = fit_onset(p, map);
  memset(map->by_at, 0, p->mesh->node_count * sizeof *map->by_at);
  for (size_t i = 0; i < p->n; i++) {
    const mpinn_mesh_place *place = &p->places[i];
    const double difference = (double)map->at[i] + map->site.onset - (double)map->times[i];
    if (isnan(difference)) continue;
    if (p->held[i]) {
      map->held += huber_loss(difference);
      continue;
    }
    map->loss += huber_loss(difference);
    for (size_t c = 0; c < type; c++)
      map->by_at[p->mesh->cells[type * (size_t)place->cell + c]] +=
          2 / p->n_fitted * place->weights[c] * clip(difference);
  }
}

/* ---- the whole loss ---- */

typedef struct solving {
  mpinn_velocity_problem *problem;
  const mpinn_eikonal *solver;
  const mpinn_site *sites;
} solving;

static void take_and_go_back(void *user, size_t m, const float *at) {
  const solving *s = user;
  mpinn_fitted *map = &s->problem->maps[m];
  take_solution(s->problem, m, at);
  mpinn_adjoint_run(map->adjoint, s->solver, &s->sites[m], at, map->by_at, map->by_slowness, map->by_site);
}

/* Solves from every site, the clock of each at 0. */
static mpinn_status solve_maps(mpinn_velocity_problem *p, const mpinn_eikonal *solver) {
  mpinn_site *sites = NULL;
  MPINN_TRY(MPINN_NEW(p->context, &sites, p->n_maps));
  for (size_t m = 0; m < p->n_maps; m++) {
    sites[m] = p->maps[m].site;
    sites[m].onset = 0;
  }
  solving s = {p, solver, sites};
  const mpinn_status status = mpinn_eikonal_solve_each(p->context, solver, p->n_maps, sites, NULL,
                                                       "refining the velocity", take_and_go_back, &s);
  free(sites);
  return status;
}

/* From cells to nodes: a cell's slowness is the mean of its nodes'. */
static void gather_by_speed(mpinn_velocity_problem *p) {
  const mpinn_mesh *mesh = p->mesh;
  const size_t type = mesh->type;
  memset(p->by_speed, 0, p->nodes->n * sizeof *p->by_speed);
  for (size_t c = 0; c < mesh->cell_count; c++) {
    double sum = 0, slowness = 0;
    if (!mesh->usable[c]) continue;
    for (size_t m = 0; m < p->n_maps; m++) sum += p->maps[m].by_slowness[c];
    if (sum == 0) continue;
    for (size_t i = 0; i < type; i++) slowness += 1 / (double)p->speed[mesh->cells[type * c + i]];
    for (size_t i = 0; i < type; i++) {
      const int32_t node = mesh->cells[type * c + i];
      const double speed = (double)p->speed[node];
      p->by_speed[node] -= sum / slowness / (speed * speed);
    }
  }
}

static double pull_back(mpinn_velocity_problem *p) {
  const double scale = pull / (double)p->nodes->n;
  double sum = 0;
  for (size_t i = 0; i < p->nodes->n; i++) {
    const double speed = (double)p->speed[i], off = log(speed / (double)p->generated[i]);
    sum += off * off;
    p->by_speed[i] += 2 * scale * off / speed;
  }
  return scale * sum;
}

static mpinn_status go_back(mpinn_velocity_problem *p) {
  const mpinn_network *network = p->network;
  MPINN_TRY(network->ops->upload(network->backend, p->nodes->n, MPINN_FLOAT64, p->by_speed, p->device));
  return mpinn_moving_backward(&p->moving, p->nodes, NULL, p->device, NULL);
}

mpinn_status mpinn_velocity_loss(mpinn_velocity_problem *p, double *loss, double *held) {
  mpinn_eikonal *solver = NULL;
  double fitted = 0, back = 0;
  MPINN_TRY(evaluate_speed(p, p->speed));
  mpinn_status status = mpinn_eikonal_create_nodal(p->context, p->mesh, p->speed, &solver);
  if (status == MPINN_OK) status = solve_maps(p, solver);
  mpinn_eikonal_destroy(&solver);
  MPINN_TRY(status);
  for (size_t m = 0; m < p->n_maps; m++) {
    fitted += p->maps[m].loss;
    back += p->maps[m].held;
  }
  gather_by_speed(p);
  *loss = fitted / p->n_fitted + pull_back(p);
  *held = p->n_held > 0 ? sqrt(back / p->n_held) : sqrt(fitted / p->n_fitted);
  return go_back(p);
}

/* ---- steps ---- */

/* Adam for a site's position (mm), which stays in the wall. */
static void move_site(const mpinn_velocity_problem *p, mpinn_fitted *map, size_t step, double rate) {
  const double bias[2] = {1 - pow(0.9, (double)step), 1 - pow(0.98, (double)step)};
  mpinn_mesh_place place;
  for (int d = 0; d < 3; d++) {
    const double g = map->by_site[d];
    map->moments[0][d] = 0.9 * map->moments[0][d] + 0.1 * g;
    map->moments[1][d] = 0.98 * map->moments[1][d] + 0.02 * g * g;
  }
  const double size = sqrt((map->moments[1][0] + map->moments[1][1] + map->moments[1][2]) / bias[1]);
  for (int d = 0; d < 3 && size > 0; d++) map->site.position[d] -= rate * map->moments[0][d] / bias[0] / size;
  mpinn_mesh_nearest(p->mesh, map->site.position, &place);
  memcpy(map->site.position, place.position, sizeof place.position);
}

static mpinn_status step(mpinn_velocity_problem *p, size_t number, double share) {
  const double rate = 0.1 + 0.9 * (0.5 + 0.5 * cos(acos(-1) * share));
  MPINN_TRY(mpinn_moving_step(&p->moving, rate * weights_rate, rate * features_rate));
  for (size_t m = 0; m < p->n_maps; m++)
    if (!p->maps[m].site_known) move_site(p, &p->maps[m], number, rate * site_rate);
  return MPINN_OK;
}

static mpinn_status remember(mpinn_velocity_problem *p, mpinn_site *sites) {
  for (size_t m = 0; m < p->n_maps; m++) sites[m] = p->maps[m].site;
  return mpinn_moving_remember(&p->moving);
}

static mpinn_status run_steps(mpinn_velocity_problem *p, const mpinn_refine_clock *clock, mpinn_site *best,
                              mpinn_refine_report *report) {
  double loss = 0, held = 0, least = INFINITY;
  for (size_t i = 0;; i++) {
    const double share = mpinn_refine_share(clock, i);
    const mpinn_progress_part outer = mpinn_progress_enter(p->context, 0.1 + 0.5 * share, 0.1 + 0.5 * share);
    const mpinn_status status = mpinn_velocity_loss(p, &loss, &held); /* looks at cancellation */
    mpinn_progress_leave(p->context, outer);
    MPINN_TRY(status);
    if (i == 0) {
      report->loss_before = loss;
      report->misfit_before = held;
    }
    if (held < least) {
      least = held;
      report->loss_after = loss;
      report->misfit_after = held;
      report->velocity_kept = i == 0;
      MPINN_TRY(remember(p, best));
    }
    if (share >= 1) break;
    MPINN_TRY(step(p, i + 1, share));
    report->velocity_steps = i + 1;
  }
  return MPINN_OK;
}

mpinn_status mpinn_refine_velocity(mpinn_velocity_problem *p, const mpinn_refine_clock *clock,
                                   mpinn_refine_report *report) {
  mpinn_site *best = NULL;
  report->n_maps = p->n_maps;
  report->velocity_kept = true;
  if (p->n_maps == 0) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(p->context, &best, p->n_maps));
  mpinn_status status = run_steps(p, clock, best, report);
  if (status == MPINN_OK) status = mpinn_moving_return(&p->moving);
  if (status == MPINN_OK) status = evaluate_speed(p, p->speed);
  for (size_t m = 0; m < p->n_maps && status == MPINN_OK; m++) p->maps[m].site = best[m];
  free(best);
  return status;
}
