#include "model/local_pass.h"

#include "base/parallel.h"
#include "eikonal/each.h"
#include "eikonal/nodal.h"

#include <math.h>
#include <string.h>

/* A nodal field at a point: its nearest nodes' by inverse squared distance, so a node's own at a node. */
static double interpolate(const mpinn_local_heart *heart, const float *values, const double point[3]) {
  enum { FROM = 4 };
  int32_t node[FROM];
  double distance[FROM], sum = 0, weights = 0;
  const size_t n = mpinn_point_tree_nearest(heart->tree, point, -1, FROM, node, distance);
  for (size_t i = 0; i < n; i++) {
    const double relative = distance[i] / heart->wall.length, weight = 1 / (relative * relative + 1e-12);
    if (isnan(values[node[i]])) continue;
    sum += weight * (double)values[node[i]];
    weights += weight;
  }
  return weights > 0 ? sum / weights : 0;
}

/* ---- the pass ---- */

mpinn_status mpinn_local_pass_create(mpinn_context *context, const mpinn_network *network,
                                     mpinn_local_pass *pass) {
  *pass = (mpinn_local_pass){.network = network, .tape = network->spare->tape};
  network->spare->tape = NULL;
  if (pass->tape) return MPINN_OK;
  return mpinn_tape_create(context, network->ops, network->backend, network->parameters, network->gradient,
                           &pass->tape);
}

static void forget(mpinn_local_pass *pass) {
  for (int s = 0; s < MPINN_STAGES; s++) {
    mpinn_observed_clear(&pass->observed[s]);
    free(pass->speed[s]);
    pass->speed[s] = NULL;
  }
  free(pass->eikonal);
  pass->eikonal = NULL;
}

void mpinn_local_begin(mpinn_local_pass *pass, const mpinn_local_heart *heart) {
  forget(pass);
  pass->heart = heart;
  mpinn_tape_reset(pass->tape);
}

void mpinn_local_pass_clear(mpinn_local_pass *pass) {
  forget(pass);
  if (!pass->network) return;
  mpinn_tape **spare = &pass->network->spare->tape;
  if (*spare)
    mpinn_tape_destroy(&pass->tape);
  else
    *spare = pass->tape;
  pass->tape = NULL;
}

/* ---- stages ---- */

/* The mean over the maps of how far an anchor is from what was measured, the nearest, the number of maps, and
 * the velocity so far (all of a size of one). */
static void velocity_extras(const mpinn_local_pass *pass, const mpinn_observed *o, const float *speed,
                            float *extras) {
  const mpinn_wall *wall = &pass->heart->wall;
  for (size_t a = 0; a < wall->n; a++) {
    double mean = 0, least = INFINITY;
    for (size_t m = 0; m < o->n_maps; m++) {
      mean += log1p((double)o->distance[m * wall->n + a]) / (double)o->n_maps;
      least = fmin(least, (double)o->distance[m * wall->n + a]);
    }
    float *out = extras + MPINN_STAGE_EXTRAS * a;
    out[0] = (float)mean;
    out[1] = (float)log1p(least);
    out[2] = (float)log((double)o->n_maps) / 2;
    out[3] = speed ? speed[wall->nodes[a]] : 0;
  }
}

/* The eikonal solution's slowness from the origin, the distance from there, and from what was measured. */
static void activation_extras(const mpinn_local_pass *pass, const mpinn_observed *o, const double origin[3],
                              float *extras) {
  const mpinn_wall *wall = &pass->heart->wall;
  const double speed = pass->network->preset->healthy_speed;
  for (size_t a = 0; a < wall->n; a++) {
    double r2 = 0;
    for (size_t d = 0; d < 3; d++) r2 += pow(wall->anchors[3 * a + d] - origin[d], 2);
    const double r = sqrt(r2) / wall->length,
                 t = speed * (double)pass->eikonal[wall->nodes[a]] / wall->length;
    float *out = extras + MPINN_STAGE_EXTRAS * a;
    out[0] = isnan(t) ? 0 : (float)log((t + 0.02) / (r + 0.02));
    out[1] = (float)r;
    out[2] = isnan(t) ? 0 : (float)t;
    out[3] = (float)log1p((double)o->distance[a]);
  }
}

static mpinn_status run_stage(mpinn_context *context, mpinn_local_pass *pass, int stage,
                              const mpinn_observation *given, const float *speed, const double *origin) {
  const mpinn_wall *wall = &pass->heart->wall;
  mpinn_observed *o = &pass->observed[stage];
  float *extras = NULL;
  MPINN_TRY(mpinn_observed_create(context, wall, given, o));
  MPINN_TRY(MPINN_NEW(context, &extras, MPINN_STAGE_EXTRAS * wall->n));
  if (origin)
    activation_extras(pass, o, origin, extras);
  else
    velocity_extras(pass, o, speed, extras);
  pass->result[stage] = mpinn_stage_forward(pass->tape, &pass->network->layout.local.stages[stage], wall, o,
                                            extras, stage > 0 ? &pass->result[stage - 1] : NULL);
  free(extras);
  return mpinn_tape_status(pass->tape);
}

/* A stage's velocity at count nodes from first on. */
static mpinn_status speed_of_chunk(mpinn_context *context, const mpinn_local_pass *pass,
                                   const mpinn_local_field *field, size_t first, size_t count, void *value,
                                   float *speed) {
  const mpinn_network *network = pass->network;
  const mpinn_local_points *points = NULL;
  mpinn_local_points own;
  mpinn_status status = mpinn_local_points_find(
      context, network, pass->heart, count, mpinn_mesh_points(pass->heart->mesh) + 3 * first, &own, &points);
  if (status == MPINN_OK) status = mpinn_local_evaluate(pass->heart, points, field, value, NULL);
  if (status == MPINN_OK)
    status = network->ops->download(network->backend, count, value, MPINN_FLOAT32, speed + first);
  mpinn_local_points_clear(&own);
  return status;
}

/* speed[nodes] of a velocity stage. */
static mpinn_status evaluate_speed(mpinn_context *context, mpinn_local_pass *pass, int stage) {
  const mpinn_network *network = pass->network;
  const size_t n = mpinn_mesh_node_count(pass->heart->mesh),
               most = n < MPINN_LOCAL_CHUNK ? n : MPINN_LOCAL_CHUNK;
  const mpinn_local_field field = mpinn_local_field_of(pass, stage, NULL);
  void *value = NULL;
  mpinn_status status = MPINN_NEW(context, &pass->speed[stage], n);
  if (status == MPINN_OK) status = network->ops->alloc(network->backend, most, &value);
  for (size_t i = 0; i < n && status == MPINN_OK; i += MPINN_LOCAL_CHUNK)
    status = speed_of_chunk(context, pass, &field, i, n - i < most ? n - i : most, value, pass->speed[stage]);
  network->ops->release(network->backend, value);
  return status;
}

/* ---- what the eikonal equation makes of a velocity ---- */

typedef struct prediction {
  const mpinn_local_heart *heart;
  const mpinn_local_maps *maps;
  float *predicted, *anchors; /* [maps][n], [maps][anchors], ms */
} prediction;

static void take_prediction(void *user, size_t map, const float *at) {
  const prediction *p = user;
  const mpinn_wall *wall = &p->heart->wall;
  for (size_t i = 0; i < p->maps->n; i++)
    p->predicted[map * p->maps->n + i] = (float)interpolate(p->heart, at, p->maps->points + 3 * i);
  for (size_t a = 0; a < wall->n; a++) {
    const float t = at[wall->nodes[a]];
    p->anchors[map * wall->n + a] = isnan(t) ? 0 : t;
  }
}

static mpinn_status predict(mpinn_context *context, const mpinn_local_pass *pass, const float *speed,
                            const mpinn_site *sites, prediction *p) {
  mpinn_eikonal *solver = NULL;
  MPINN_TRY(MPINN_NEW(context, &p->predicted, p->maps->n_maps * p->maps->n));
  MPINN_TRY(MPINN_NEW(context, &p->anchors, p->maps->n_maps * pass->heart->wall.n));
  MPINN_TRY(mpinn_eikonal_create_nodal(context, pass->heart->mesh, speed, &solver));
  const mpinn_status status = mpinn_eikonal_solve_each(
      context, solver, p->maps->n_maps, sites, NULL, "solving on the predicted velocity", take_prediction, p);
  mpinn_eikonal_destroy(&solver);
  return status;
}

static mpinn_status place(mpinn_context *context, const mpinn_local_pass *pass, const mpinn_local_maps *maps,
                          mpinn_placements *placements) {
  return mpinn_placements_create(context, &pass->heart->wall, maps->n, maps->points, maps->n_maps,
                                 maps->times, placements);
}

/* Sites of origin that are being guessed. */
typedef struct guesses {
  const mpinn_local_pass *pass;
  const mpinn_local_maps *maps;
  mpinn_site *sites;
} guesses;

static mpinn_status guess_origin(mpinn_context *context, void *user, size_t m) {
  const guesses *g = user;
  const mpinn_local_maps *maps = g->maps;
  return mpinn_local_guess_origin(context, g->pass->heart, g->pass->speed[MPINN_STAGE_FIRST], maps->n,
                                  maps->points, maps->times + m * maps->n, g->sites[m].position);
}

static mpinn_status predict_contexts(mpinn_context *context, const mpinn_local_pass *pass, prediction *p) {
  guesses g = {.pass = pass, .maps = p->maps};
  mpinn_status status = MPINN_NEW(context, &g.sites, p->maps->n_maps);
  if (status == MPINN_OK) status = mpinn_for_each(context, 0, p->maps->n_maps, guess_origin, &g);
  if (status == MPINN_OK) status = predict(context, pass, pass->speed[MPINN_STAGE_FIRST], g.sites, p);
  free(g.sites);
  return status;
}

mpinn_status mpinn_local_velocity(mpinn_context *context, mpinn_local_pass *pass,
                                  const mpinn_local_maps *maps) {
  prediction p = {.heart = pass->heart, .maps = maps};
  mpinn_placements placements = {0};
  mpinn_observation given = {.n = maps->n, .n_maps = maps->n_maps, .times = maps->times};
  given.placements = &placements;
  given.speed = pass->network->preset->healthy_speed;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, place(context, pass, maps, &placements));
  MPINN_TRY_GOTO(done, status, run_stage(context, pass, MPINN_STAGE_FIRST, &given, NULL, NULL));
  MPINN_TRY_GOTO(done, status, evaluate_speed(context, pass, MPINN_STAGE_FIRST));
  MPINN_TRY_GOTO(done, status, predict_contexts(context, pass, &p));
  given.predicted = p.predicted;
  given.anchors = p.anchors;
  MPINN_TRY_GOTO(done, status,
                 run_stage(context, pass, MPINN_STAGE_SECOND, &given, pass->speed[MPINN_STAGE_FIRST], NULL));
  status = evaluate_speed(context, pass, MPINN_STAGE_SECOND);
done:
  free(p.predicted);
  free(p.anchors);
  mpinn_placements_clear(&placements);
  return status;
}

static mpinn_status solve_query(mpinn_context *context, mpinn_local_pass *pass, const double origin[3]) {
  const mpinn_mesh *mesh = pass->heart->mesh;
  const mpinn_site site = {.position = {origin[0], origin[1], origin[2]}};
  free(pass->eikonal);
  pass->eikonal = NULL;
  MPINN_TRY(MPINN_NEW(context, &pass->eikonal, mpinn_mesh_node_count(mesh)));
  return mpinn_eikonal_solve_nodal(context, mesh, pass->speed[MPINN_STAGE_SECOND], &site, pass->eikonal);
}

mpinn_status mpinn_local_activation(mpinn_context *context, mpinn_local_pass *pass,
                                    const mpinn_local_maps *early, const double origin[3]) {
  prediction p = {.heart = pass->heart, .maps = early};
  mpinn_placements placements = {0};
  mpinn_observation given = {.n = early->n, .n_maps = 1, .times = early->times};
  given.placements = &placements;
  given.speed = pass->network->preset->healthy_speed;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, solve_query(context, pass, origin));
  MPINN_TRY_GOTO(done, status, place(context, pass, early, &placements));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &p.predicted, early->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &p.anchors, pass->heart->wall.n));
  take_prediction(&p, 0, pass->eikonal);
  given.predicted = p.predicted;
  given.anchors = p.anchors;
  status = run_stage(context, pass, MPINN_STAGE_ACTIVATION, &given, NULL, origin);
done:
  free(p.predicted);
  free(p.anchors);
  mpinn_placements_clear(&placements);
  return status;
}

/* ---- a guess at an origin ---- */

typedef struct early_node {
  const double *point;
  double time, slowness; /* ms, ms/mm */
} early_node;

static int compare_early(const void *a, const void *b) {
  const double x = ((const early_node *)a)->time, y = ((const early_node *)b)->time;
  return (x > y) - (x < y);
}

/* Variance of the onsets that straight lines from x give, ms²; a far source of a nearly plane wave explains
 * early times too, so the way to the nearest of them counts a little. */
static double onset_variance(size_t n, const early_node *early, const double x[3], double slowness) {
  double sum = 0, squares = 0, nearest = INFINITY;
  for (size_t i = 0; i < n; i++) {
    const double d[3] = {early[i].point[0] - x[0], early[i].point[1] - x[1], early[i].point[2] - x[2]};
    const double travel = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) * (slowness + early[i].slowness) / 2;
    const double onset = early[i].time - travel;
    sum += onset;
    squares += onset * onset;
    nearest = travel < nearest ? travel : nearest;
  }
  const double mean = sum / (double)n;
  return squares / (double)n - mean * mean + 0.0025 * nearest * nearest;
}

mpinn_status mpinn_local_guess_origin(mpinn_context *context, const mpinn_local_heart *heart,
                                      const float *speed, size_t n, const double *points, const float *times,
                                      double origin[3]) {
  enum { FEWEST = 6, MOST = 24 };
  const double *nodes = mpinn_mesh_points(heart->mesh);
  early_node *early = NULL;
  size_t known = 0;
  double least = INFINITY;
  MPINN_TRY(MPINN_NEW(context, &early, n));
  for (size_t i = 0; i < n; i++)
    if (!isnan(times[i])) early[known++] = (early_node){.point = points + 3 * i, .time = (double)times[i]};
  qsort(early, known, sizeof *early, compare_early);
  size_t used = known / 10;
  used = used < FEWEST ? FEWEST : used > MOST ? MOST : used;
  used = used < known ? used : known;
  for (size_t i = used; i-- > 0;) { /* the first last: the others count from it */
    early[i].slowness = 1 / interpolate(heart, speed, early[i].point);
    early[i].time -= early[0].time;
  }
  for (size_t i = 0; i < mpinn_mesh_node_count(heart->mesh); i++) {
    const double misfit = onset_variance(used, early, nodes + 3 * i, 1 / (double)speed[i]);
    if (misfit >= least) continue;
    least = misfit;
    memcpy(origin, nodes + 3 * i, 3 * sizeof *origin);
  }
  free(early);
  return MPINN_OK;
}

/* ---- the generated networks ---- */

mpinn_local_field mpinn_local_field_of(const mpinn_local_pass *pass, int stage, const double origin[3]) {
  const mpinn_preset *preset = pass->network->preset;
  mpinn_local_field field = {.net = stage == MPINN_STAGE_ACTIVATION ? &preset->pinn : &preset->velocity,
                             .weights = mpinn_tape_value(pass->tape, pass->result[stage].weights),
                             .features = mpinn_tape_value(pass->tape, pass->result[stage].features)};
  if (origin) memcpy(field.origin, origin, sizeof field.origin);
  return field;
}

mpinn_status mpinn_local_origin(const mpinn_network *network, const mpinn_local_heart *heart,
                                const double origin[3], void **device) {
  double scaled[3];
  for (int d = 0; d < 3; d++) scaled[d] = (origin[d] - heart->wall.anchors[d]) / heart->wall.length;
  MPINN_TRY(network->ops->alloc(network->backend, 3, device));
  return network->ops->upload(network->backend, 3, MPINN_FLOAT64, scaled, *device);
}

mpinn_status mpinn_local_evaluate(const mpinn_local_heart *heart, const mpinn_local_points *points,
                                  const mpinn_local_field *field, void *value, void *gradient) {
  const mpinn_ops *ops = points->network->ops;
  mpinn_backend *backend = points->network->backend;
  void *origin = NULL;
  mpinn_status status = MPINN_OK;
  if (field->net->factored) status = mpinn_local_origin(points->network, heart, field->origin, &origin);
  if (status == MPINN_OK)
    status = ops->local_field_forward(backend, field->net, 1, field->weights, points->n, points->points,
                                      points->reach, 1, field->features, origin, value, gradient);
  ops->release(backend, origin);
  return status;
}
