#include "model/twin_parts.h"

#include "eikonal/nodal.h"
#include "heart/mesh.h"
#include "metapinn/map_names.h"
#include "model/measured.h"

#include <math.h>
#include <string.h>

enum { FEWEST_MEASURED = 8 };

/* ---- what the encoders see ---- */

static void maps_clear(mpinn_twin_maps *maps) {
  free(maps->node);
  free(maps->points);
  free(maps->contexts);
  free(maps->query);
  *maps = (mpinn_twin_maps){0};
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

static void take_map(const mpinn_twin_maps *maps, const mpinn_map *map, float *values) {
  for (size_t i = 0; i < maps->n_nodes; i++) {
    const double value = map->values[maps->node[i]];
    values[i] = mpinn_map_is_measured(value) ? (float)value : NAN;
  }
}

/* The nodes where any map is known, thinned, and the context maps on them. */
static mpinn_status gather_maps(mpinn_context *context, const mpinn_personalization *input,
                                size_t max_measured, mpinn_twin_maps *maps) {
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
  MPINN_TRY(MPINN_NEW(context, &maps->contexts, maps->n_context * maps->n_nodes));
  MPINN_TRY(MPINN_NEW(context, &maps->query, maps->n_nodes));
  for (size_t i = 0; i < maps->n_nodes; i++)
    memcpy(maps->points + 3 * i, input->surface + 3 * maps->node[i], 3 * sizeof *maps->points);
  for (size_t m = 0; m < maps->n_context; m++)
    take_map(maps, &input->context[m], maps->contexts + m * maps->n_nodes);
  return MPINN_OK;
}

/* ---- the query ---- */

mpinn_status mpinn_twin_need_velocity(mpinn_context *context, const mpinn_twin *twin) {
  if (mpinn_model_has_velocity(twin->model)) return MPINN_OK;
  return mpinn_fail(
      context, MPINN_ERROR_MODEL,
      "Weights of preset '%s' give no conduction velocity, so that the eikonal equation cannot be "
      "solved on it; expected weights that do, as those of preset 'any-heart'",
      twin->model->network->preset->name);
}

/* The early part of a map that nobody measured: the eikonal solution from origin on the twin's own velocity.
 */
static mpinn_status simulate_query(mpinn_context *context, const mpinn_personalization *input,
                                   const mpinn_twin *twin, const mpinn_twin_maps *maps, float *values) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  float *cv = NULL, *at = NULL;
  mpinn_status status;
  MPINN_TRY(mpinn_twin_need_velocity(context, twin));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &cv, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &at, n));
  MPINN_TRY_GOTO(done, status,
                 mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mesh), NULL, NULL, cv, NULL));
  MPINN_TRY_GOTO(done, status, mpinn_eikonal_solve_nodal(context, mesh, cv, input->origin, at));
  for (size_t i = 0; i < maps->n_nodes; i++)
    values[i] = at[mpinn_mesh_nearest_node(mesh, maps->points + 3 * i)];
done:
  free(cv);
  free(at);
  return status;
}

mpinn_status mpinn_twin_take_query(mpinn_context *context, const mpinn_personalization *input,
                                   mpinn_twin *twin, mpinn_twin_maps *maps) {
  if (input->query)
    take_map(maps, input->query, maps->query);
  else if (input->origin)
    MPINN_TRY(simulate_query(context, input, twin, maps, maps->query));
  else
    take_map(maps, &input->context[0], maps->query);
  return mpinn_keep_early(context, maps->n_nodes, twin->model->network->preset->early_fraction, maps->query,
                          &twin->info.n_early);
}

/* The zero of the query's clock is not the onset at its origin: T is shifted to fit what is known of it. */
static mpinn_status fit_time_offset(mpinn_context *context, const mpinn_twin_maps *maps, mpinn_twin *twin) {
  float *at = NULL;
  double sum = 0;
  MPINN_TRY(MPINN_NEW(context, &at, maps->n_nodes));
  twin->info.time_offset = 0;
  const mpinn_status status =
      mpinn_twin_evaluate(context, twin, maps->n_nodes, maps->points, at, NULL, NULL, NULL);
  for (size_t i = 0; i < maps->n_nodes && status == MPINN_OK; i++)
    if (!isnan(maps->query[i])) sum += (double)maps->query[i] - at[i];
  if (twin->info.n_early > 0) twin->info.time_offset = sum / (double)twin->info.n_early;
  free(at);
  return status;
}

/* The query's early part, for those who ask for it later. */
static mpinn_status keep_query(mpinn_context *context, const mpinn_twin_maps *maps, mpinn_twin *twin) {
  size_t kept = 0;
  MPINN_TRY(MPINN_NEW(context, &twin->early, 3 * twin->info.n_early));
  MPINN_TRY(MPINN_NEW(context, &twin->early_times, twin->info.n_early));
  for (size_t i = 0; i < maps->n_nodes; i++) {
    if (isnan(maps->query[i])) continue;
    memcpy(twin->early + 3 * kept, maps->points + 3 * i, 3 * sizeof *maps->points);
    twin->early_times[kept++] = (double)maps->query[i];
  }
  return MPINN_OK;
}

/* ---- personalization ---- */

static mpinn_status personalize(mpinn_context *context, const mpinn_personalization *input,
                                mpinn_twin_maps *maps, mpinn_twin *twin) {
  const mpinn_preset *preset = twin->model->network->preset;
  MPINN_TRY(check_input(context, input));
  MPINN_TRY(
      gather_maps(context, input, input->max_measured ? input->max_measured : preset->max_measured, maps));
  twin->info.n_measured = maps->n_nodes;
  MPINN_TRY(twin->method->generate(context, input, maps, twin));
  MPINN_TRY(keep_query(context, maps, twin));
  return fit_time_offset(context, maps, twin);
}

mpinn_status mpinn_personalize(mpinn_context *context, const mpinn_model *model,
                               const mpinn_personalization *personalization, mpinn_twin **twin) {
  const double start = mpinn_seconds();
  mpinn_twin_maps maps = {0};
  mpinn_twin *made = NULL;
  *twin = NULL;
  MPINN_TRY(MPINN_NEW(context, &made, 1));
  made->model = model;
  made->method = mpinn_preset_is_local(model->network->preset) ? &mpinn_twin_local : &mpinn_twin_paper;
  const mpinn_status status = personalize(context, personalization, &maps, made);
  made->measured = maps.points;
  maps.points = NULL;
  maps_clear(&maps);
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
  t->method->clear(t);
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

/* Room for what the residual needs though the caller does not want it. */
typedef struct residual_parts {
  float *gradient, *cv; /* [MPINN_TWIN_CHUNK][3], [MPINN_TWIN_CHUNK] */
} residual_parts;

static mpinn_status evaluate_chunk(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                   const double *points, float *at, float *gradient, float *cv,
                                   float *residual, const residual_parts *parts) {
  if (residual && !gradient) gradient = parts->gradient;
  if (residual && !cv) cv = parts->cv;
  MPINN_TRY(twin->method->evaluate(context, twin, n, points, at, gradient, cv));
  for (size_t i = 0; i < n && at; i++) at[i] += (float)twin->info.time_offset;
  for (size_t i = 0; i < n && residual; i++) {
    const float *g = gradient + 3 * i;
    residual[i] = (float)(sqrt((double)g[0] * g[0] + (double)g[1] * g[1] + (double)g[2] * g[2]) * cv[i] - 1);
  }
  return MPINN_OK;
}

mpinn_status mpinn_twin_evaluate(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                 const double *points, float *at, float *gradient, float *cv,
                                 float *residual) {
  const size_t most = n < MPINN_TWIN_CHUNK ? n : MPINN_TWIN_CHUNK;
  residual_parts parts = {NULL, NULL};
  mpinn_status status = MPINN_OK;
  if (residual && !gradient) MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &parts.gradient, 3 * most));
  if (residual && !cv) MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &parts.cv, most));
  for (size_t i = 0; i < n; i += MPINN_TWIN_CHUNK) { /* between two chunks a look at cancellation */
    MPINN_TRY_GOTO(done, status, mpinn_progress(context, (double)i / (double)n, "evaluating the twin"));
    MPINN_TRY_GOTO(done, status,
                   evaluate_chunk(context, twin, n - i < most ? n - i : most, points + 3 * i,
                                  at ? at + i : NULL, gradient ? gradient + 3 * i : NULL, cv ? cv + i : NULL,
                                  residual ? residual + i : NULL, &parts));
  }
done:
  free(parts.gradient);
  free(parts.cv);
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
