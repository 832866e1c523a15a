#include "model/twin_parts.h"

#include "eikonal/nodal.h"

#include <math.h>
#include <string.h>

enum { VELOCITY, ACTIVATION };
static const int stage_of[] = {MPINN_STAGE_SECOND, MPINN_STAGE_ACTIVATION};

/* ---- the generated networks ---- */

/* A copy of device memory, [n]. */
static mpinn_status copy(mpinn_context *context, const mpinn_network *network, size_t n, const void *from,
                         void **to) {
  float *values = NULL;
  MPINN_TRY(MPINN_NEW(context, &values, n));
  mpinn_status status = network->ops->download(network->backend, n, from, MPINN_FLOAT32, values);
  if (status == MPINN_OK && !*to) status = network->ops->alloc(network->backend, n, to);
  if (status == MPINN_OK) status = network->ops->upload(network->backend, n, MPINN_FLOAT32, values, *to);
  free(values);
  return status;
}

static mpinn_status keep(mpinn_context *context, const mpinn_local_pass *pass, int which, mpinn_twin *twin) {
  const mpinn_network *network = pass->network;
  const mpinn_local_field field = mpinn_local_field_of(pass, stage_of[which], NULL);
  MPINN_TRY(
      copy(context, network, mpinn_field_net_weights(field.net), field.weights, &twin->local.weights[which]));
  return copy(context, network, pass->heart->wall.n * (size_t)field.net->features, field.features,
              &twin->local.features[which]);
}

static mpinn_local_field field_of(const mpinn_twin *twin, int which) {
  const mpinn_preset *preset = twin->model->network->preset;
  mpinn_local_field field = {.net = which == ACTIVATION ? &preset->pinn : &preset->velocity,
                             .weights = twin->local.weights[which],
                             .features = twin->local.features[which]};
  memcpy(field.origin, twin->local.origin.site.position, sizeof field.origin);
  return field;
}

/* ---- generating ---- */

/* Lengths are the heart's own and nothing is turned: what is reported of a frame is the unit and where it
 * counts from. */
static void describe_frame(const mpinn_wall *wall, mpinn_frame *frame) {
  *frame = (mpinn_frame){.scale = 1 / wall->length};
  for (int d = 0; d < 3; d++) {
    frame->centre[d] = wall->anchors[d];
    frame->rotation[d][d] = 1;
  }
}

/* Where the query's early part began, on the twin's velocity. */
static mpinn_status find_origin(mpinn_context *context, const mpinn_personalization *input,
                                const mpinn_local_pass *pass, const mpinn_twin_maps *maps,
                                mpinn_origin *origin) {
  mpinn_eikonal *solver = NULL;
  mpinn_origin_search search = {
      .n = maps->n_nodes, .points = maps->points, .max_solves = 8, .is_early = true};
  double *times = NULL;
  *origin = (mpinn_origin){.misfit = 0};
  if (!input->query && input->origin) {
    origin->site = *input->origin;
    return MPINN_OK;
  }
  MPINN_TRY(MPINN_NEW(context, &times, maps->n_nodes));
  for (size_t i = 0; i < maps->n_nodes; i++) times[i] = (double)maps->query[i];
  search.times = times;
  mpinn_status status = mpinn_eikonal_create_nodal(context, mpinn_subject_mesh(input->heart),
                                                   pass->speed[MPINN_STAGE_SECOND], &solver);
  if (status == MPINN_OK) status = mpinn_find_origin(context, solver, &search, origin);
  mpinn_eikonal_destroy(&solver);
  free(times);
  return status;
}

/* What the pass has found, taken over from it. */
static void keep_solution(mpinn_local_pass *pass, mpinn_local_twin *twin) {
  twin->n_nodes = mpinn_mesh_node_count(pass->heart->mesh);
  twin->speed = pass->speed[MPINN_STAGE_SECOND];
  twin->eikonal = pass->eikonal;
  pass->speed[MPINN_STAGE_SECOND] = pass->eikonal = NULL;
}

void mpinn_local_forget_solution(mpinn_local_twin *twin) {
  free(twin->speed);
  free(twin->eikonal);
  twin->speed = twin->eikonal = NULL;
}

/* The maps, for those who refine the twin later. */
static mpinn_status keep_maps(mpinn_context *context, const mpinn_personalization *input,
                              const mpinn_twin_maps *maps, mpinn_local_twin *twin) {
  const size_t n = maps->n_nodes, k = maps->n_context;
  MPINN_TRY(MPINN_NEW(context, &twin->times, (k + 1) * n));
  memcpy(twin->times, maps->contexts, k * n * sizeof *twin->times);
  memcpy(twin->times + k * n, maps->query, n * sizeof *twin->times);
  twin->n_context = k;
  twin->query_measured = input->query != NULL;
  return MPINN_OK;
}

static mpinn_status run_stages(mpinn_context *context, const mpinn_personalization *input,
                               mpinn_twin_maps *maps, mpinn_local_pass *pass, mpinn_twin *twin) {
  const mpinn_local_maps contexts = {maps->n_nodes, maps->points, maps->n_context, maps->contexts};
  const mpinn_local_maps early = {maps->n_nodes, maps->points, 1, maps->query};
  MPINN_TRY(mpinn_local_velocity(context, pass, &contexts));
  MPINN_TRY(keep(context, pass, VELOCITY, twin));
  MPINN_TRY(mpinn_twin_take_query(context, input, twin, maps));
  MPINN_TRY(find_origin(context, input, pass, maps, &twin->local.origin));
  MPINN_TRY(mpinn_local_activation(context, pass, &early, twin->local.origin.site.position));
  MPINN_TRY(keep_maps(context, input, maps, &twin->local));
  twin->info.n_solves = maps->n_context + twin->local.origin.n_solves + 1;
  keep_solution(pass, &twin->local);
  return keep(context, pass, ACTIVATION, twin);
}

static void tell_strangers(const mpinn_local_pass *pass, mpinn_twin *twin) {
  mpinn_likeness_of(pass, twin->likeness);
  mpinn_likeness_left(twin->likeness, twin->left_of_times);
  twin->info.shape_distance = mpinn_calibration_distance(&twin->model->calibration, twin->likeness);
  twin->info.usual_distance = 1;
  twin->info.stranger = twin->info.shape_distance > twin->info.usual_distance;
}

static mpinn_status generate(mpinn_context *context, const mpinn_personalization *input,
                             mpinn_twin_maps *maps, mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  mpinn_local_pass pass = {0};
  MPINN_TRY(mpinn_local_heart_share(context, network, mpinn_subject_mesh(input->heart), &twin->local.heart));
  describe_frame(&twin->local.heart->wall, &twin->info.frame);
  mpinn_status status = mpinn_local_pass_create(context, network, &pass);
  if (status == MPINN_OK) {
    mpinn_local_begin(&pass, twin->local.heart);
    status = run_stages(context, input, maps, &pass, twin);
    if (status == MPINN_OK) tell_strangers(&pass, twin);
  }
  mpinn_local_pass_clear(&pass);
  return status;
}

static void clear(mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  for (int i = 0; i < 2; i++) {
    network->ops->release(network->backend, twin->local.weights[i]);
    network->ops->release(network->backend, twin->local.features[i]);
  }
  free(twin->local.times);
  mpinn_local_forget_solution(&twin->local);
  mpinn_local_heart_leave(&twin->local.heart);
}

/* ---- evaluation ---- */

static mpinn_status evaluate_field(const mpinn_twin *twin, int which, const mpinn_local_points *points,
                                   void *value, void *gradient) {
  const mpinn_local_field field = field_of(twin, which);
  return mpinn_local_evaluate(twin->local.heart, points, &field, value, gradient);
}

static mpinn_status download(const mpinn_network *network, size_t n, const void *from, double scale,
                             float *to) {
  if (!to) return MPINN_OK;
  MPINN_TRY(network->ops->download(network->backend, n, from, MPINN_FLOAT32, to));
  for (size_t i = 0; i < n; i++) to[i] = (float)(scale * (double)to[i]);
  return MPINN_OK;
}

static mpinn_status evaluate(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                             float *at, float *gradient, float *cv) {
  const mpinn_network *network = twin->model->network;
  const double slowness = 1 / network->preset->healthy_speed;
  const mpinn_local_points *ready = NULL;
  mpinn_local_points own = {0};
  void *value = NULL, *slope = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, n, &value));
  MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, 3 * n, &slope));
  MPINN_TRY_GOTO(done, status,
                 mpinn_local_points_find(context, network, twin->local.heart, n, points, &own, &ready));
  if (at || gradient) {
    MPINN_TRY_GOTO(done, status, evaluate_field(twin, ACTIVATION, ready, value, gradient ? slope : NULL));
    MPINN_TRY_GOTO(done, status, download(network, n, value, twin->local.heart->wall.length * slowness, at));
    MPINN_TRY_GOTO(done, status, download(network, 3 * n, slope, slowness, gradient));
  }
  if (cv) {
    MPINN_TRY_GOTO(done, status, evaluate_field(twin, VELOCITY, ready, value, NULL));
    status = download(network, n, value, 1, cv);
  }
done:
  network->ops->release(network->backend, value);
  network->ops->release(network->backend, slope);
  mpinn_local_points_clear(&own);
  return status;
}

static mpinn_status chunk_slope(const mpinn_twin *twin, const mpinn_local_points *ready, void *value,
                                void *slope, float *gradient, float *magnitude) {
  const mpinn_network *network = twin->model->network;
  MPINN_TRY(evaluate_field(twin, VELOCITY, ready, value, slope));
  MPINN_TRY(network->ops->download(network->backend, 3 * ready->n, slope, MPINN_FLOAT32, gradient));
  for (size_t i = 0; i < ready->n; i++) {
    const double x = (double)gradient[3 * i], y = (double)gradient[3 * i + 1],
                 z = (double)gradient[3 * i + 2];
    magnitude[i] = (float)sqrt(x * x + y * y + z * z);
  }
  return MPINN_OK;
}

static mpinn_status speed_slope(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                const double *points, float *magnitude) {
  const mpinn_network *network = twin->model->network;
  const size_t most = n < MPINN_TWIN_CHUNK ? n : MPINN_TWIN_CHUNK;
  void *value = NULL, *slope = NULL;
  float *gradient = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &gradient, 3 * most));
  MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, most, &value));
  MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, 3 * most, &slope));
  for (size_t i = 0; i < n && status == MPINN_OK; i += MPINN_TWIN_CHUNK) {
    const mpinn_local_points *ready = NULL;
    mpinn_local_points own;
    status = mpinn_local_points_find(context, network, twin->local.heart, n - i < most ? n - i : most,
                                     points + 3 * i, &own, &ready);
    if (status == MPINN_OK) status = chunk_slope(twin, ready, value, slope, gradient, magnitude + i);
    mpinn_local_points_clear(&own);
  }
done:
  network->ops->release(network->backend, value);
  network->ops->release(network->backend, slope);
  free(gradient);
  return status;
}

const mpinn_twin_method mpinn_twin_local = {generate, evaluate, speed_slope, clear};
