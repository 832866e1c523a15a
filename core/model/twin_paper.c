#include "model/measured.h"
#include "model/twin_parts.h"

#include <math.h>
#include <string.h>

/* Beyond this share of the training hearts' own spread a heart is not one of them, whatever its mesh. */
static const double stranger_distance = 0.25;

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
static mpinn_status run(mpinn_context *context, const mpinn_twin_maps *maps, const float *contexts,
                        const float *query, const mpinn_encoder_graph *graph, mpinn_pass *pass,
                        mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  void *inputs[MPINN_ENCODERS] = {NULL, NULL};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status,
                 mpinn_encoder_upload(context, network, maps->n_nodes, maps->n_context, contexts,
                                      &inputs[MPINN_ENCODER_VELOCITY]));
  if (query)
    MPINN_TRY_GOTO(
        done, status,
        mpinn_encoder_upload(context, network, maps->n_nodes, 1, query, &inputs[MPINN_ENCODER_SOURCE]));
  MPINN_TRY_GOTO(done, status, upload_mean(context, network, maps->n_context, pass->mean));
  MPINN_TRY_GOTO(done, status, mpinn_network_forward(network, graph, maps->n_context, 1, inputs, pass));
  if (mpinn_preset_has_velocity(network->preset))
    MPINN_TRY_GOTO(done, status, keep_weights(context, network, pass, MPINN_HYPER_VELOCITY, twin));
  if (query) status = keep_weights(context, network, pass, MPINN_HYPER_PINN, twin);
done:
  for (int e = 0; e < MPINN_ENCODERS; e++) network->ops->release(network->backend, inputs[e]);
  return status;
}

static void normalize(const mpinn_twin *twin, size_t n_maps, size_t n, const float *maps, float *out) {
  memcpy(out, maps, n_maps * n * sizeof *out);
  for (size_t m = 0; m < n_maps; m++) mpinn_normalize_map(n, time_scale(twin), out + m * n);
}

static mpinn_status run_both(mpinn_context *context, const mpinn_personalization *input,
                             mpinn_twin_maps *maps, const mpinn_encoder_graph *graph, mpinn_pass *pass,
                             mpinn_twin *twin) {
  const size_t n = maps->n_nodes;
  float *contexts = NULL, *query = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &contexts, maps->n_context * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &query, n));
  normalize(twin, maps->n_context, n, maps->contexts, contexts);
  if (!input->query && input->origin) /* its early part is simulated on the velocity */
    MPINN_TRY_GOTO(done, status, run(context, maps, contexts, NULL, graph, pass, twin));
  MPINN_TRY_GOTO(done, status, mpinn_twin_take_query(context, input, twin, maps));
  normalize(twin, 1, n, maps->query, query);
  status = run(context, maps, contexts, query, graph, pass, twin);
done:
  free(contexts);
  free(query);
  return status;
}

static mpinn_status generate(mpinn_context *context, const mpinn_personalization *input,
                             mpinn_twin_maps *maps, mpinn_twin *twin) {
  const mpinn_model *model = twin->model;
  const mpinn_network *network = model->network;
  mpinn_encoder_graph graph = {0};
  mpinn_pass pass = {0};
  double *points = NULL;
  mpinn_status status;
  MPINN_TRY(mpinn_frame_estimate(context, input->heart, &twin->info.frame));
  const mpinn_shape shape = mpinn_shape_of(mpinn_subject_mesh(input->heart), &twin->info.frame);
  twin->info.shape_distance = mpinn_shape_distance(&shape, model->n_shapes, model->shapes);
  twin->info.usual_distance = stranger_distance;
  twin->info.stranger = !(twin->info.shape_distance <= stranger_distance);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &points, 3 * maps->n_nodes));
  mpinn_frame_apply(&twin->info.frame, maps->n_nodes, maps->points, points);
  MPINN_TRY_GOTO(done, status, mpinn_encoder_graph_create(context, network, maps->n_nodes, points, &graph));
  MPINN_TRY_GOTO(done, status, mpinn_pass_create(context, network, maps->n_nodes, maps->n_context, 1, &pass));
  status = run_both(context, input, maps, &graph, &pass, twin);
done:
  mpinn_pass_clear(network, &pass);
  mpinn_encoder_graph_clear(network, &graph);
  free(points);
  return status;
}

static void clear(mpinn_twin *twin) {
  const mpinn_network *network = twin->model->network;
  for (int h = 0; h < MPINN_HYPERS; h++) network->ops->release(network->backend, twin->weights[h]);
}

/* ---- evaluation ---- */

/* From the frame's gradient to the heart's, in ms/mm: ∇T = Rᵀ ∇T_frame · scale / time scale. */
static void turn_gradient(const mpinn_twin *twin, float gradient[3]) {
  const mpinn_frame *frame = &twin->info.frame;
  const double factor = frame->scale / time_scale(twin);
  const float in[3] = {gradient[0], gradient[1], gradient[2]};
  for (int d = 0; d < 3; d++) {
    double sum = 0;
    for (int axis = 0; axis < 3; axis++) sum += frame->rotation[axis][d] * in[axis];
    gradient[d] = (float)(sum * factor);
  }
}

typedef struct evaluation {
  double *points;                            /* [n][3], in the frame */
  void *d_points, *d_at, *d_gradient, *d_cv; /* on the backend */
} evaluation;

static void evaluation_clear(const mpinn_network *network, evaluation *e) {
  void *const device[] = {e->d_points, e->d_at, e->d_gradient, e->d_cv};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++)
    network->ops->release(network->backend, device[i]);
  free(e->points);
}

static mpinn_status evaluation_create(mpinn_context *context, const mpinn_network *network, size_t n,
                                      evaluation *e) {
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(MPINN_NEW(context, &e->points, 3 * n));
  MPINN_TRY(ops->alloc(network->backend, 3 * n, &e->d_points));
  MPINN_TRY(ops->alloc(network->backend, n, &e->d_at));
  MPINN_TRY(ops->alloc(network->backend, 3 * n, &e->d_gradient));
  return ops->alloc(network->backend, n, &e->d_cv);
}

static mpinn_status evaluate_pinn(const mpinn_twin *twin, size_t n, float *at, float *gradient,
                                  const evaluation *e) {
  const mpinn_network *network = twin->model->network;
  const mpinn_ops *ops = network->ops;
  MPINN_TRY(ops->field_forward(network->backend, &network->preset->pinn, 1, twin->weights[MPINN_HYPER_PINN],
                               n, e->d_points, e->d_at, gradient ? e->d_gradient : NULL));
  if (at) MPINN_TRY(ops->download(network->backend, n, e->d_at, MPINN_FLOAT32, at));
  for (size_t i = 0; i < n && at; i++) at[i] = (float)(at[i] / time_scale(twin));
  if (!gradient) return MPINN_OK;
  MPINN_TRY(ops->download(network->backend, 3 * n, e->d_gradient, MPINN_FLOAT32, gradient));
  for (size_t i = 0; i < n; i++) turn_gradient(twin, gradient + 3 * i);
  return MPINN_OK;
}

static mpinn_status evaluate_velocity(const mpinn_twin *twin, size_t n, float *cv, const evaluation *e) {
  const mpinn_network *network = twin->model->network;
  for (size_t i = 0; i < n; i++) cv[i] = NAN;
  if (!mpinn_preset_has_velocity(network->preset)) return MPINN_OK;
  MPINN_TRY(network->ops->field_forward(network->backend, &network->preset->velocity, 1,
                                        twin->weights[MPINN_HYPER_VELOCITY], n, e->d_points, e->d_cv, NULL));
  return network->ops->download(network->backend, n, e->d_cv, MPINN_FLOAT32, cv);
}

static mpinn_status evaluate(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                             float *at, float *gradient, float *cv) {
  const mpinn_network *network = twin->model->network;
  evaluation e = {0};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, evaluation_create(context, network, n, &e));
  mpinn_frame_apply(&twin->info.frame, n, points, e.points);
  MPINN_TRY_GOTO(done, status,
                 network->ops->upload(network->backend, 3 * n, MPINN_FLOAT64, e.points, e.d_points));
  if (at || gradient) MPINN_TRY_GOTO(done, status, evaluate_pinn(twin, n, at, gradient, &e));
  if (cv) status = evaluate_velocity(twin, n, cv, &e);
done:
  evaluation_clear(network, &e);
  return status;
}

const mpinn_twin_method mpinn_twin_paper = {generate, evaluate, NULL, clear};
