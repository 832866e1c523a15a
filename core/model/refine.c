#include "model/refine_parts.h"

#include "heart/mesh.h"

#include <math.h>
#include <string.h>

enum { VELOCITY, ACTIVATION };
enum { DEFAULT_STEPS = 60 };
static const double share_of_velocity = 0.6; /* of the seconds */

void mpinn_refine_options_default(mpinn_refine_options *options) {
  memset(options, 0, sizeof *options);
}

/* ---- checks ---- */

static mpinn_status check(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                          const mpinn_refine_options *options) {
  if (twin->method != &mpinn_twin_local)
    return mpinn_fail(context, MPINN_ERROR_MODEL,
                      "Weights of preset '%s' have no local features, so that their twin cannot be refined; "
                      "expected those of preset 'any-heart'",
                      twin->model->network->preset->name);
  if (!(options->seconds >= 0) || !isfinite(options->seconds))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A refinement may take %g seconds; expected a number of at least 0", options->seconds);
  const mpinn_wall *wall = &twin->local.heart->wall;
  for (size_t a = 0; a < wall->n; a++)
    if ((size_t)wall->nodes[a] >= mpinn_mesh_node_count(mesh) ||
        memcmp(mpinn_mesh_points(mesh) + 3 * (size_t)wall->nodes[a], wall->anchors + 3 * a,
               3 * sizeof *wall->anchors) != 0)
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "The heart is not the one that the twin was made of: its nodes are elsewhere");
  return MPINN_OK;
}

/* ---- the query on the refined velocity ---- */

/* Its site moved with the velocity where its early part was measured; its own onset and misfit. */
static void find_query(const mpinn_twin *twin, const mpinn_velocity_problem *p, mpinn_origin *origin) {
  *origin = twin->local.origin;
  if (!twin->local.query_measured || p->n_maps == 0) return;
  const mpinn_fitted *query = &p->maps[p->n_maps - 1];
  if (query->times != twin->local.times + twin->local.n_context * p->n) return;
  origin->site = query->site;
}

/* Onset and misfit at the early nodes of T, ms from the site. */
static mpinn_status clock_query(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                                const float *speed, mpinn_origin *origin) {
  const size_t n = twin->info.n_early;
  float *at = NULL;
  double sum = 0, squares = 0;
  mpinn_site site = origin->site;
  mpinn_origin unused;
  site.onset = 0;
  if (!twin->local.query_measured || n == 0) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &at, mpinn_mesh_node_count(mesh)));
  const mpinn_status status = mpinn_twin_eikonal(context, twin, mesh, speed, &site, &unused, at);
  for (size_t i = 0; i < n && status == MPINN_OK; i++) {
    mpinn_mesh_place place;
    double t = 0;
    mpinn_mesh_nearest(mesh, twin->early + 3 * i, &place);
    for (size_t c = 0; c < (size_t)mpinn_mesh_cell_type(mesh); c++)
      if (place.weights[c] > 0)
        t += place.weights[c] *
             (double)at[mpinn_mesh_cells(mesh)[(size_t)mpinn_mesh_cell_type(mesh) * (size_t)place.cell + c]];
    const double onset = twin->early_times[i] - t;
    sum += onset;
    squares += onset * onset;
  }
  free(at);
  if (status != MPINN_OK || isnan(sum)) return status;
  origin->site.onset = sum / (double)n;
  origin->misfit = sqrt(fmax(squares / (double)n - origin->site.onset * origin->site.onset, 0));
  origin->n_used = n;
  return MPINN_OK;
}

/* ---- what is changed ---- */

/* What a twin's answer is made of, so that all of it is changed or nothing. An activation that is not refined
 * is of no network. */
typedef struct refined {
  mpinn_moving velocity, activation;
  mpinn_origin origin;
  double time_offset;
} refined;

static mpinn_status copy_out(const mpinn_moving *moving, void *weights, void *features) {
  const mpinn_ops *ops = moving->network->ops;
  mpinn_backend *backend = moving->network->backend;
  MPINN_TRY(ops->upload(backend, moving->n_weights, MPINN_FLOAT32, moving->best, weights));
  return ops->upload(backend, moving->n - moving->n_weights, MPINN_FLOAT32, moving->best + moving->n_weights,
                     features);
}

static mpinn_status put(const refined *r, mpinn_twin *twin) {
  MPINN_TRY(copy_out(&r->velocity, twin->local.weights[VELOCITY], twin->local.features[VELOCITY]));
  if (r->activation.network)
    MPINN_TRY(copy_out(&r->activation, twin->local.weights[ACTIVATION], twin->local.features[ACTIVATION]));
  twin->local.origin = r->origin;
  mpinn_local_forget_solution(&twin->local);
  twin->info.time_offset = r->time_offset;
  return MPINN_OK;
}

/* T is shifted to fit what is known of the query. */
static mpinn_status fit_time_offset(mpinn_context *context, const mpinn_local_heart *heart,
                                    const refined *new, const mpinn_twin *twin, double *offset) {
  const mpinn_network *network = twin->model->network;
  const mpinn_local_field field = mpinn_moving_field(&new->activation, new->origin.site.position);
  const double unit = heart->wall.length / network->preset->healthy_speed; /* ms */
  const size_t n = twin->info.n_early;
  mpinn_local_points points = {0};
  void *value = NULL;
  float *at = NULL;
  double sum = 0;
  mpinn_status status;
  if (n == 0) return MPINN_OK;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &at, n));
  MPINN_TRY_GOTO(done, status, network->ops->alloc(network->backend, n, &value));
  MPINN_TRY_GOTO(done, status, mpinn_local_points_create(context, network, heart, n, twin->early, &points));
  MPINN_TRY_GOTO(done, status, mpinn_local_evaluate(heart, &points, &field, value, NULL));
  MPINN_TRY_GOTO(done, status, network->ops->download(network->backend, n, value, MPINN_FLOAT32, at));
  for (size_t i = 0; i < n; i++) sum += twin->early_times[i] - unit * (double)at[i];
  *offset = sum / (double)n;
done:
  mpinn_local_points_clear(&points);
  network->ops->release(network->backend, value);
  free(at);
  return status;
}

static mpinn_status mean_residual(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                                  double *mean) {
  const size_t n = mpinn_mesh_node_count(mesh);
  float *residual = NULL;
  double sum = 0;
  MPINN_TRY(MPINN_NEW(context, &residual, n));
  const mpinn_progress_part outer = mpinn_progress_enter(context, 1, 1);
  const mpinn_status status =
      mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mesh), NULL, NULL, NULL, residual);
  mpinn_progress_leave(context, outer);
  for (size_t i = 0; i < n; i++) sum += (double)residual[i] * (double)residual[i];
  *mean = sum / (double)n;
  free(residual);
  return status;
}

/* ---- the two parts ---- */

/* The activation on the refined velocity, from the query's site there. */
static mpinn_status follow(mpinn_context *context, const mpinn_twin *twin, const mpinn_local_heart *heart,
                           const mpinn_velocity_problem *problem, const mpinn_refine_clock *clock,
                           refined *new, mpinn_refine_report *report) {
  find_query(twin, problem, &new->origin);
  MPINN_TRY(clock_query(context, twin, heart->mesh, problem->speed, &new->origin));
  MPINN_TRY(mpinn_refine_activation(context, twin, heart, &problem->moving, problem->speed,
                                    new->origin.site.position, clock, &new->activation, report));
  return fit_time_offset(context, heart, new, twin, &new->time_offset);
}

static mpinn_status refine(mpinn_context *context, const mpinn_twin *twin, const mpinn_local_heart *heart,
                           const mpinn_refine_clock *clock, bool velocity_alone, refined *new,
                           mpinn_refine_report *report) {
  const double seconds = clock->end - clock->start;
  mpinn_velocity_problem problem;
  mpinn_refine_clock part = *clock;
  part.end = part.start + share_of_velocity * seconds;
  MPINN_TRY(mpinn_velocity_problem_create(context, twin, heart->mesh, &heart->nodes, &problem));
  mpinn_status status = mpinn_refine_velocity(&problem, &part, report);
  if (status == MPINN_OK && !velocity_alone)
    status = follow(context, twin, heart, &problem, clock, new, report);
  new->velocity = problem.moving; /* taken over */
  problem.moving = (mpinn_moving){0};
  mpinn_velocity_problem_clear(&problem);
  return status;
}

/* The twin's heart on its mesh, its nodes made ready however many they are; own: those are to be cleared. */
static mpinn_status get_heart(mpinn_context *context, const mpinn_twin *twin, const mpinn_mesh *mesh,
                              mpinn_local_heart *heart, bool *own) {
  *heart = *twin->local.heart;
  heart->mesh = mesh;
  *own = heart->nodes.n == 0;
  if (!*own) return MPINN_OK;
  return mpinn_local_points_create(context, twin->model->network, heart, mpinn_mesh_node_count(mesh),
                                   mpinn_mesh_points(mesh), &heart->nodes);
}

mpinn_status mpinn_twin_refine(mpinn_context *context, mpinn_twin *twin, const mpinn_subject *subject,
                               const mpinn_refine_options *options, mpinn_refine_report *report) {
  const double start = mpinn_seconds();
  const size_t steps = options->steps ? options->steps : DEFAULT_STEPS;
  const mpinn_refine_clock clock = {start, start + options->seconds, steps};
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  mpinn_local_heart heart;
  mpinn_refine_report made = {0};
  refined new = {.time_offset = 0};
  bool own = false;
  MPINN_TRY(check(context, twin, mesh, options));
  mpinn_status status = mean_residual(context, twin, mesh, &made.residual_before);
  if (status == MPINN_OK) status = get_heart(context, twin, mesh, &heart, &own);
  if (status != MPINN_OK) return status;
  new.origin = twin->local.origin;
  new.time_offset = twin->info.time_offset;
  status = refine(context, twin, &heart, &clock, options->velocity_alone, &new, &made);
  if (status == MPINN_OK) status = put(&new, twin);
  if (status == MPINN_OK) status = mean_residual(context, twin, mesh, &made.residual_after);
  if (own) mpinn_local_points_clear(&heart.nodes);
  mpinn_moving_clear(&new.velocity);
  mpinn_moving_clear(&new.activation);
  made.seconds = mpinn_seconds() - start;
  if (report && status == MPINN_OK) *report = made;
  return status;
}
