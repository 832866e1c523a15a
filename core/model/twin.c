#include "metapinn/twin.h"

#include "metapinn/map_names.h"
#include "model/measured.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

enum { FEWEST_MEASURED = 8 };
/* Beyond this share of the training hearts' own spread a heart is not one of them, whatever its mesh. */
static const double stranger_distance = 0.25;

struct mpinn_twin {
  const mpinn_model *model;
  mpinn_twin_info info;
  void *weights[MPINN_HYPERS]; /* the generated networks, on the model's backend */
  double *measured;            /* [info.n_measured][3], mm */
  double *early;               /* [info.n_early][3], mm: of these, where the query's early part is known */
  double *early_times;         /* [info.n_early], ms */
};

/* ---- what the encoders see ---- */

typedef struct encoder_maps {
  size_t n_nodes, n_context;
  size_t *node;   /* [n_nodes] index on the surface */
  double *points; /* [n_nodes][3], mm */
  float *values; /* [n_context + 1][n_nodes]: the contexts, then the query's early part; the networks' time */
  float *query_ms; /* [n_nodes] the query's early part as it was measured */
} encoder_maps;

static void encoder_maps_clear(encoder_maps *maps) {
  free(maps->node);
  free(maps->points);
  free(maps->values);
  free(maps->query_ms);
  *maps = (encoder_maps){0};
}

static mpinn_status check_map(mpinn_context *context, size_t n, const mpinn_map *map) {
  size_t known = 0;
  double least = INFINITY, greatest = -INFINITY;
  for (size_t i = 0; i < n; i++)
    if (mpinn_map_is_measured(map->values[i])) {
      known++;
      least = fmin(least, map->values[i]);
      greatest = fmax(greatest, map->values[i]);
    }
  if (known < FEWEST_MEASURED)
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "Activation map '%s' has %zu measured nodes of %zu (NaN and -10000 count as not measured); "
        "expected at least %d",
        map->name, known, n, FEWEST_MEASURED);
  if (!(greatest > least))
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "Activation map '%s' is %g ms at all of its %zu measured nodes; expected times that differ",
        map->name, least, known);
  return MPINN_OK;
}

static mpinn_status check_input(mpinn_context *context, const mpinn_personalization *input) {
  if (input->n_context == 0)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "No context map is chosen; expected at least one activation map");
  for (size_t m = 0; m < input->n_context; m++)
    MPINN_TRY(check_map(context, input->n_surface, &input->context[m]));
  return input->query ? check_map(context, input->n_surface, input->query) : MPINN_OK;
}

static void take_map(const encoder_maps *maps, const mpinn_map *map, float *values) {
  for (size_t i = 0; i < maps->n_nodes; i++) {
    const double value = map->values[maps->node[i]];
    values[i] = mpinn_map_is_measured(value) ? (float)value : NAN;
  }
}

/* The nodes where any map is known, thinned, and the context maps on them. */
static mpinn_status gather_maps(mpinn_context *context, const mpinn_personalization *input,
                                size_t max_measured, encoder_maps *maps) {
  bool *known = NULL;
  MPINN_TRY(MPINN_NEW(context, &known, input->n_surface));
  for (size_t i = 0; i < input->n_surface; i++) {
    for (size_t m = 0; m < input->n_context; m++)
      known[i] |= mpinn_map_is_measured(input->context[m].values[i]);
    if (input->query) known[i] |= mpinn_map_is_measured(input->query->values[i]);
    known[i] &= isfinite(input->surface[3 * i] + input->surface[3 * i + 1] + input->surface[3 * i + 2]);
  }
  const mpinn_status status = mpinn_spread(context, input->n_surface, input->surface, known, max_measured,
                                           &maps->n_nodes, &maps->node);
  free(known);
  MPINN_TRY(status);
  maps->n_context = input->n_context;
  MPINN_TRY(MPINN_NEW(context, &maps->points, 3 * maps->n_nodes));
  MPINN_TRY(MPINN_NEW(context, &maps->values, (maps->n_context + 1) * maps->n_nodes));
  MPINN_TRY(MPINN_NEW(context, &maps->query_ms, maps->n_nodes));
  for (size_t i = 0; i < maps->n_nodes; i++)
    memcpy(maps->points + 3 * i, input->surface + 3 * maps->node[i], 3 * sizeof *maps->points);
  for (size_t m = 0; m < maps->n_context; m++)
    take_map(maps, &input->context[m], maps->values + m * maps->n_nodes);
  return MPINN_OK;
}

/* ---- the generated networks ---- */

static double time_scale(const mpinn_twin *twin) {
  return twin->model->network->preset->healthy_speed * twin->info.frame.scale; /* 1/ms */
}

static mpinn_status keep_weights(mpinn_context *context, const mpinn_network *network, const mpinn_pass *pass,
                                 int hyper, mpinn_twin *twin) {
  const mpinn_field_net *net =
      hyper == MPINN_HYPER_PINN ? &network->preset->pinn : &network->preset->velocity;
  const size_t n = mpinn_field_net_weights(net);
  float *values = NULL;
  mpinn_status status;
  MPINN_TRY(MPINN_NEW(context, &values, n));
  if (!twin->weights[hyper])
    MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, n, &twin->weights[hyper]));
  MPINN_TRY_GOTO(done, status,
                 network->ops->download(network->backend, n, mpinn_generated_weights(network, pass, hyper),
                                        MPINN_FLOAT32, values));
  status = network->ops->upload(network->backend, n, MPINN_FLOAT32, values, twin->weights[hyper]);
done:
  free(values);
  return status;
}

static mpinn_status upload_mean(mpinn_context *context, const mpinn_network *network, size_t n_context,
                                void *mean) {
  float *row = NULL;
  MPINN_TRY(MPINN_NEW(context, &row, n_context));
  for (size_t m = 0; m < n_context; m++) row[m] = 1.0f / (float)n_context;
  const mpinn_status status = network->ops->upload(network->backend, n_context, MPINN_FLOAT32, row, mean);
  free(row);
  return status;
}

/* Runs the meta-network. Without the query's early part only the velocity net comes out. */
static mpinn_status generate(mpinn_context *context, const encoder_maps *maps,
                             const mpinn_encoder_graph *graph, bool with_query, mpinn_pass *pass,
                             mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  void *inputs[MPINN_ENCODERS] = {NULL, NULL};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status,
                 mpinn_encoder_upload(context, network, maps->n_nodes, maps->n_context, maps->values,
                                      &inputs[MPINN_ENCODER_VELOCITY]));
  if (with_query)
    MPINN_TRY_GOTO(done, status,
                   mpinn_encoder_upload(context, network, maps->n_nodes, 1,
                                        maps->values + maps->n_context * maps->n_nodes,
                                        &inputs[MPINN_ENCODER_SOURCE]));
  MPINN_TRY_GOTO(done, status, upload_mean(context, network, maps->n_context, pass->mean));
  MPINN_TRY_GOTO(done, status, mpinn_network_forward(network, graph, maps->n_context, 1, inputs, pass));
  MPINN_TRY_GOTO(done, status, keep_weights(context, network, pass, MPINN_HYPER_VELOCITY, twin));
  if (with_query) status = keep_weights(context, network, pass, MPINN_HYPER_PINN, twin);
done:
  for (int e = 0; e < MPINN_ENCODERS; e++) network->ops->release(network->backend, inputs[e]);
  return status;
}

/* ---- the query ---- */

static size_t nearest_node(const mpinn_mesh *mesh, const double *point) {
  const double *points = mpinn_mesh_points(mesh);
  size_t nearest = 0;
  double least = INFINITY;
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    const double x = points[3 * i] - point[0], y = points[3 * i + 1] - point[1],
                 z = points[3 * i + 2] - point[2];
    const double d = x * x + y * y + z * z;
    if (d < least) {
      least = d;
      nearest = i;
    }
  }
  return nearest;
}

/* The early part of a map that nobody measured: the eikonal solution from origin on the twin's own velocity.
 */
static mpinn_status simulate_query(mpinn_context *context, const mpinn_personalization *input,
                                   const mpinn_twin *twin, const encoder_maps *maps, float *values) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  float *cv = NULL, *at = NULL;
  mpinn_status status;
  mpinn_velocity_default(&velocity);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &cv, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &at, n));
  MPINN_TRY_GOTO(done, status,
                 mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mesh), NULL, NULL, cv, NULL));
  velocity.association = MPINN_NODES;
  velocity.speed = cv;
  MPINN_TRY_GOTO(done, status, mpinn_eikonal_create(context, mesh, &velocity, &solver));
  MPINN_TRY_GOTO(done, status, mpinn_eikonal_solve(context, solver, 1, input->origin, at));
  for (size_t i = 0; i < maps->n_nodes; i++) values[i] = at[nearest_node(mesh, maps->points + 3 * i)];
done:
  mpinn_eikonal_destroy(&solver);
  free(cv);
  free(at);
  return status;
}

static mpinn_status take_query(mpinn_context *context, const mpinn_personalization *input, mpinn_twin *twin,
                               encoder_maps *maps) {
  float *query = maps->values + maps->n_context * maps->n_nodes;
  if (input->query)
    take_map(maps, input->query, query);
  else if (input->origin)
    MPINN_TRY(simulate_query(context, input, twin, maps, query));
  else
    take_map(maps, &input->context[0], query);
  MPINN_TRY(mpinn_keep_early(context, maps->n_nodes, twin->model->network->preset->early_fraction, query,
                             &twin->info.n_early));
  memcpy(maps->query_ms, query, maps->n_nodes * sizeof *query);
  mpinn_normalize_map(maps->n_nodes, time_scale(twin), query);
  return MPINN_OK;
}

/* The zero of the query's clock is not the onset at its origin: T is shifted to fit what is known of it. */
static mpinn_status fit_time_offset(mpinn_context *context, const encoder_maps *maps, mpinn_twin *twin) {
  float *at = NULL;
  double sum = 0;
  MPINN_TRY(MPINN_NEW(context, &at, maps->n_nodes));
  twin->info.time_offset = 0;
  const mpinn_status status =
      mpinn_twin_evaluate(context, twin, maps->n_nodes, maps->points, at, NULL, NULL, NULL);
  for (size_t i = 0; i < maps->n_nodes && status == MPINN_OK; i++)
    if (!isnan(maps->query_ms[i])) sum += (double)maps->query_ms[i] - at[i];
  if (twin->info.n_early > 0) twin->info.time_offset = sum / (double)twin->info.n_early;
  free(at);
  return status;
}

/* The query's early part, for those who ask for it later. */
static mpinn_status keep_query(mpinn_context *context, const encoder_maps *maps, mpinn_twin *twin) {
  size_t kept = 0;
  MPINN_TRY(MPINN_NEW(context, &twin->early, 3 * twin->info.n_early));
  MPINN_TRY(MPINN_NEW(context, &twin->early_times, twin->info.n_early));
  for (size_t i = 0; i < maps->n_nodes; i++) {
    if (isnan(maps->query_ms[i])) continue;
    memcpy(twin->early + 3 * kept, maps->points + 3 * i, 3 * sizeof *maps->points);
    twin->early_times[kept++] = (double)maps->query_ms[i];
  }
  return MPINN_OK;
}

/* ---- personalization ---- */

static mpinn_status run_network(mpinn_context *context, const mpinn_personalization *input,
                                encoder_maps *maps, mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  mpinn_encoder_graph graph = {0};
  mpinn_pass pass = {0};
  double *points = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &points, 3 * maps->n_nodes));
  mpinn_frame_apply(&twin->info.frame, maps->n_nodes, maps->points, points);
  MPINN_TRY_GOTO(done, status, mpinn_encoder_graph_create(context, network, maps->n_nodes, points, &graph));
  MPINN_TRY_GOTO(done, status, mpinn_pass_create(context, network, maps->n_nodes, maps->n_context, 1, &pass));
  if (!input->query && input->origin)
    MPINN_TRY_GOTO(done, status, generate(context, maps, &graph, false, &pass, twin));
  MPINN_TRY_GOTO(done, status, take_query(context, input, twin, maps));
  MPINN_TRY_GOTO(done, status, generate(context, maps, &graph, true, &pass, twin));
  MPINN_TRY_GOTO(done, status, keep_query(context, maps, twin));
  status = fit_time_offset(context, maps, twin);
done:
  mpinn_pass_clear(network, &pass);
  mpinn_encoder_graph_clear(network, &graph);
  free(points);
  return status;
}

static mpinn_status personalize(mpinn_context *context, const mpinn_personalization *input,
                                encoder_maps *maps, mpinn_twin *twin) {
  const mpinn_model *model = twin->model;
  const size_t max = input->max_measured ? input->max_measured : model->network->preset->max_measured;
  MPINN_TRY(check_input(context, input));
  MPINN_TRY(mpinn_frame_estimate(context, input->heart, &twin->info.frame));
  const mpinn_shape shape = mpinn_shape_of(mpinn_subject_mesh(input->heart), &twin->info.frame);
  twin->info.shape_distance = mpinn_shape_distance(&shape, model->n_shapes, model->shapes);
  twin->info.stranger = !(twin->info.shape_distance <= stranger_distance);
  MPINN_TRY(gather_maps(context, input, max, maps));
  twin->info.n_measured = maps->n_nodes;
  for (size_t m = 0; m < maps->n_context; m++)
    mpinn_normalize_map(maps->n_nodes, time_scale(twin), maps->values + m * maps->n_nodes);
  return run_network(context, input, maps, twin);
}

mpinn_status mpinn_personalize(mpinn_context *context, const mpinn_model *model,
                               const mpinn_personalization *personalization, mpinn_twin **twin) {
  const double start = mpinn_seconds();
  encoder_maps maps = {0};
  mpinn_twin *made = NULL;
  *twin = NULL;
  MPINN_TRY(MPINN_NEW(context, &made, 1));
  made->model = model;
  const mpinn_status status = personalize(context, personalization, &maps, made);
  made->measured = maps.points;
  maps.points = NULL;
  encoder_maps_clear(&maps);
  made->info.seconds = mpinn_seconds() - start;
  if (status == MPINN_OK)
    *twin = made;
  else
    mpinn_twin_destroy(&made);
  return status;
}

void mpinn_twin_destroy(mpinn_twin **twin) {
  mpinn_twin *t = *twin;
  if (!t) return;
  for (int h = 0; h < MPINN_HYPERS; h++)
    t->model->network->ops->release(t->model->network->backend, t->weights[h]);
  free(t->measured);
  free(t->early);
  free(t->early_times);
  free(t);
  *twin = NULL;
}

mpinn_twin_info mpinn_twin_get_info(const mpinn_twin *twin) {
  return twin->info;
}

void mpinn_twin_early(const mpinn_twin *twin, size_t *n, const double **points, const double **times) {
  *n = twin->info.n_early;
  *points = twin->early;
  *times = twin->early_times;
}

/* ---- evaluation ---- */

enum { CHUNK = 16384 }; /* points evaluated between two looks at cancellation */

typedef struct evaluation {
  double *points;                            /* [CHUNK][3], in the frame */
  void *d_points, *d_at, *d_gradient, *d_cv; /* on the backend */
  float *at, *gradient, *cv;                 /* of a chunk, the networks' units but m/s */
} evaluation;

static void evaluation_clear(const mpinn_network *network, evaluation *e) {
  void *const device[] = {e->d_points, e->d_at, e->d_gradient, e->d_cv};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++)
    network->ops->release(network->backend, device[i]);
  free(e->points);
  free(e->at);
  free(e->gradient);
  free(e->cv);
}

static mpinn_status evaluation_create(mpinn_context *context, const mpinn_network *network, size_t n,
                                      evaluation *e) {
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(MPINN_NEW(context, &e->points, 3 * n));
  MPINN_TRY(MPINN_NEW(context, &e->at, n));
  MPINN_TRY(MPINN_NEW(context, &e->gradient, 3 * n));
  MPINN_TRY(MPINN_NEW(context, &e->cv, n));
  MPINN_TRY(ops->alloc(network->backend, 3 * n, &e->d_points));
  MPINN_TRY(ops->alloc(network->backend, n, &e->d_at));
  MPINN_TRY(ops->alloc(network->backend, 3 * n, &e->d_gradient));
  return ops->alloc(network->backend, n, &e->d_cv);
}

static mpinn_status evaluate_pinn(const mpinn_twin *twin, size_t n, bool with_gradient, evaluation *e) {
  const mpinn_network *network = twin->model->network;
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(ops->field_forward(network->backend, &network->preset->pinn, 1, twin->weights[MPINN_HYPER_PINN],
                               n, e->d_points, e->d_at, with_gradient ? e->d_gradient : NULL));
  MPINN_TRY(ops->download(network->backend, n, e->d_at, MPINN_FLOAT32, e->at));
  if (!with_gradient) return MPINN_OK;
  return ops->download(network->backend, 3 * n, e->d_gradient, MPINN_FLOAT32, e->gradient);
}

static mpinn_status evaluate_velocity(const mpinn_twin *twin, size_t n, evaluation *e) {
  const mpinn_network *network = twin->model->network;
  MPINN_TRY(network->ops->field_forward(network->backend, &network->preset->velocity, 1,
                                        twin->weights[MPINN_HYPER_VELOCITY], n, e->d_points, e->d_cv, NULL));
  return network->ops->download(network->backend, n, e->d_cv, MPINN_FLOAT32, e->cv);
}

/* From the frame's gradient to the heart's, in ms/mm: ∇T = Rᵀ ∇T_frame · scale / time scale. */
static void turn_gradient(const mpinn_twin *twin, const float in[3], float out[3]) {
  const mpinn_frame *frame = &twin->info.frame;
  const double factor = frame->scale / time_scale(twin);
  for (int d = 0; d < 3; d++) {
    double sum = 0;
    for (int axis = 0; axis < 3; axis++) sum += frame->rotation[axis][d] * in[axis];
    out[d] = (float)(sum * factor);
  }
}

static mpinn_status evaluate_chunk(const mpinn_twin *twin, size_t n, const double *points, float *at,
                                   float *gradient, float *cv, float *residual, evaluation *e) {
  const mpinn_network *network = twin->model->network;
  const double speed = network->preset->healthy_speed;
  mpinn_frame_apply(&twin->info.frame, n, points, e->points);
  MPINN_TRY(network->ops->upload(network->backend, 3 * n, MPINN_FLOAT64, e->points, e->d_points));
  if (at || gradient || residual) MPINN_TRY(evaluate_pinn(twin, n, gradient || residual, e));
  if (cv || residual) MPINN_TRY(evaluate_velocity(twin, n, e));
  for (size_t i = 0; i < n; i++) {
    const float *g = e->gradient + 3 * i;
    if (at) at[i] = (float)(e->at[i] / time_scale(twin) + twin->info.time_offset);
    if (gradient) turn_gradient(twin, g, gradient + 3 * i);
    if (cv) cv[i] = e->cv[i];
    if (residual)
      residual[i] = (float)(sqrt((double)g[0] * g[0] + g[1] * g[1] + g[2] * g[2]) * e->cv[i] / speed - 1);
  }
  return MPINN_OK;
}

mpinn_status mpinn_twin_evaluate(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                 const double *points, float *at, float *gradient, float *cv,
                                 float *residual) {
  const mpinn_network *network = twin->model->network;
  evaluation e = {0};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, evaluation_create(context, network, n < CHUNK ? n : CHUNK, &e));
  for (size_t i = 0; i < n; i += CHUNK) {
    const size_t count = n - i < CHUNK ? n - i : CHUNK;
    MPINN_TRY_GOTO(done, status, mpinn_progress(context, (double)i / (double)n, "evaluating the twin"));
    MPINN_TRY_GOTO(done, status,
                   evaluate_chunk(twin, count, points + 3 * i, at ? at + i : NULL,
                                  gradient ? gradient + 3 * i : NULL, cv ? cv + i : NULL,
                                  residual ? residual + i : NULL, &e));
  }
done:
  evaluation_clear(network, &e);
  return status;
}

mpinn_status mpinn_twin_support(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                const double *points, float *support) {
  const size_t n_measured = twin->info.n_measured;
  const double *measured = twin->measured;
#pragma omp parallel for num_threads(mpinn_context_threads(context)) schedule(static)
  for (size_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (size_t j = 0; j < n_measured; j++) {
      const double x = measured[3 * j] - points[3 * i], y = measured[3 * j + 1] - points[3 * i + 1],
                   z = measured[3 * j + 2] - points[3 * i + 2], d = x * x + y * y + z * z;
      if (d < least) least = d;
    }
    support[i] = (float)sqrt(least);
  }
  return MPINN_OK;
}
