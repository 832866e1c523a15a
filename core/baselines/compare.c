#include "metapinn/compare.h"

#include "base/internal.h"
#include "eikonal/nodal.h"
#include "eikonal/residual.h"

#include <math.h>
#include <string.h>

static const double healthy = 0.6; /* m/s */

/* What a method has found, over all nodes, and what it is asked of. */
typedef struct answer {
  const mpinn_mesh *mesh;
  const mpinn_baseline_input *input;
  mpinn_baseline_input whole; /* the query, as if it were a context map */
  size_t n;                   /* nodes */
  float *at, *cv, *residual;  /* [n] */
  mpinn_method_cost cost;
} answer;

void mpinn_method_default(mpinn_method *method, mpinn_method_kind kind) {
  *method = (mpinn_method){.kind = kind};
  mpinn_segments_fit_options_default(&method->segments);
  mpinn_networks_fit_options_default(&method->networks);
}

/* ---- generated networks ---- */

static mpinn_status personalize(mpinn_context *context, const mpinn_model *model, const answer *a,
                                mpinn_twin **twin) {
  const mpinn_personalization asked = {.heart = a->input->heart,
                                       .n_surface = a->input->n_surface,
                                       .surface = a->input->surface,
                                       .n_context = a->input->n_maps,
                                       .context = a->input->maps,
                                       .query = a->input->query};
  return mpinn_personalize(context, model, &asked, twin);
}

static mpinn_status generate(mpinn_context *context, const mpinn_method *method, answer *a) {
  mpinn_twin *twin = NULL;
  MPINN_TRY(personalize(context, method->model, a, &twin));
  const mpinn_status status =
      mpinn_twin_evaluate(context, twin, a->n, mpinn_mesh_points(a->mesh), a->at, NULL, a->cv, a->residual);
  a->cost.solves = mpinn_twin_get_info(twin).n_solves;
  mpinn_twin_destroy(&twin);
  return status;
}

/* The last of the sites is the query's. */
static const mpinn_site *known_site(const mpinn_baseline_input *input) {
  return input->sites ? &input->sites[input->n_maps] : NULL;
}

static mpinn_status solve_on_generated(mpinn_context *context, const mpinn_method *method, answer *a) {
  mpinn_twin *twin = NULL;
  mpinn_origin origin;
  mpinn_status status;
  MPINN_TRY(personalize(context, method->model, a, &twin));
  MPINN_TRY_GOTO(
      done, status,
      mpinn_twin_evaluate(context, twin, a->n, mpinn_mesh_points(a->mesh), NULL, NULL, a->cv, NULL));
  MPINN_TRY_GOTO(done, status,
                 mpinn_twin_eikonal(context, twin, a->mesh, a->cv, known_site(a->input), &origin, a->at));
  /* A twin that solved on its way has the solution from the site that it found. */
  a->cost.solves = mpinn_twin_get_info(twin).n_solves;
  if (a->cost.solves == 0 || known_site(a->input)) a->cost.solves += origin.n_solves + 1;
  status = mpinn_eikonal_residual(context, a->mesh, a->at, MPINN_NODES, a->cv, a->residual);
done:
  mpinn_twin_destroy(&twin);
  return status;
}

/* ---- fits ---- */

/* What a fit is fitted to; the query is its last map. */
static const mpinn_baseline_input *fitted_to(const mpinn_method *method, const answer *a) {
  return method->whole ? &a->whole : a->input;
}

static size_t count_maps(const mpinn_baseline_input *input) {
  return input->n_maps + (input->query ? 1 : 0);
}

static mpinn_status fit_segments(mpinn_context *context, const mpinn_method *method, answer *a) {
  const mpinn_baseline_input *input = fitted_to(method, a);
  const size_t n_maps = count_maps(input);
  mpinn_segments_fit_report report;
  mpinn_site *sites = NULL;
  float *cells = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &sites, n_maps));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &cells, mpinn_mesh_cell_count(a->mesh)));
  MPINN_TRY_GOTO(done, status,
                 mpinn_fit_segments(context, input, &method->segments, a->cv, cells, sites, &report));
  MPINN_TRY_GOTO(done, status, mpinn_eikonal_solve_cells(context, a->mesh, cells, &sites[n_maps - 1], a->at));
  status = mpinn_eikonal_residual(context, a->mesh, a->at, MPINN_CELLS, cells, a->residual);
  a->cost.solves = report.solves + 1;
  a->cost.steps = report.evaluations;
done:
  free(sites);
  free(cells);
  return status;
}

static mpinn_status fit_networks(mpinn_context *context, const mpinn_method *method, answer *a) {
  const mpinn_baseline_input *input = fitted_to(method, a);
  const size_t n_maps = count_maps(input), last = (n_maps - 1) * a->n;
  mpinn_networks_fit_report report;
  float *at = NULL, *residual = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &at, n_maps * a->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &residual, n_maps * a->n));
  MPINN_TRY_GOTO(done, status,
                 mpinn_fit_networks(context, input, &method->networks, a->cv, at, residual, &report));
  memcpy(a->at, at + last, a->n * sizeof *at);
  memcpy(a->residual, residual + last, a->n * sizeof *residual);
  a->cost.steps = report.steps;
done:
  free(at);
  free(residual);
  return status;
}

/* ---- what knows nothing ---- */

/* Looks at the query's earliest times alone. */
static mpinn_status find_site(mpinn_context *context, const answer *a, mpinn_origin *origin) {
  const mpinn_origin_search search = {
      .n = a->input->n_surface, .points = a->input->surface, .times = a->input->query->values};
  mpinn_eikonal *solver = NULL;
  MPINN_TRY(mpinn_eikonal_create_nodal(context, a->mesh, a->cv, &solver));
  const mpinn_status status = mpinn_find_origin(context, solver, &search, origin);
  mpinn_eikonal_destroy(&solver);
  return status;
}

static mpinn_status stay_healthy(mpinn_context *context, const mpinn_method *method, answer *a) {
  (void)method;
  mpinn_origin origin = {.n_solves = 0};
  for (size_t i = 0; i < a->n; i++) a->cv[i] = (float)healthy;
  if (a->input->sites)
    origin.site = *known_site(a->input);
  else
    MPINN_TRY(find_site(context, a, &origin));
  MPINN_TRY(mpinn_eikonal_solve_nodal(context, a->mesh, a->cv, &origin.site, a->at));
  a->cost.solves = origin.n_solves + 1;
  return mpinn_eikonal_residual(context, a->mesh, a->at, MPINN_NODES, a->cv, a->residual);
}

/* ---- any method ---- */

static mpinn_status check(mpinn_context *context, const mpinn_method *method,
                          const mpinn_baseline_input *input) {
  const bool generated = method->kind == MPINN_METHOD_GENERATED || method->kind == MPINN_METHOD_EIKONAL;
  if (!input->query)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "There is no query map; expected one for the methods to predict");
  if (generated && !method->model)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A method of generated networks has no weights; expected those of a model");
  return MPINN_OK;
}

static mpinn_status answer_create(mpinn_context *context, const mpinn_baseline_input *input, answer *a) {
  a->input = input;
  a->whole = *input;
  a->whole.n_maps = 1;
  a->whole.maps = input->query;
  a->whole.query = NULL;
  a->whole.sites = known_site(input);
  a->mesh = mpinn_subject_mesh(input->heart);
  a->n = mpinn_mesh_node_count(a->mesh);
  MPINN_TRY(MPINN_NEW(context, &a->at, a->n));
  MPINN_TRY(MPINN_NEW(context, &a->cv, a->n));
  return MPINN_NEW(context, &a->residual, a->n);
}

static void answer_clear(answer *a) {
  free(a->at);
  free(a->cv);
  free(a->residual);
}

static void hand_over(const answer *a, float *at, float *cv, float *residual, mpinn_method_cost *cost) {
  const size_t bytes = a->n * sizeof *at;
  if (at) memcpy(at, a->at, bytes);
  if (cv) memcpy(cv, a->cv, bytes);
  if (residual) memcpy(residual, a->residual, bytes);
  if (cost) *cost = a->cost;
}

mpinn_status mpinn_method_run(mpinn_context *context, const mpinn_method *method,
                              const mpinn_baseline_input *input, float *at, float *cv, float *residual,
                              mpinn_method_cost *cost) {
  static mpinn_status (*const run[])(mpinn_context *, const mpinn_method *,
                                     answer *) = {[MPINN_METHOD_GENERATED] = generate,
                                                  [MPINN_METHOD_EIKONAL] = solve_on_generated,
                                                  [MPINN_METHOD_SEGMENTS] = fit_segments,
                                                  [MPINN_METHOD_NETWORKS] = fit_networks,
                                                  [MPINN_METHOD_HEALTHY] = stay_healthy};
  const double start = mpinn_seconds();
  answer a = {.n = 0};
  MPINN_TRY(check(context, method, input));
  mpinn_status status = answer_create(context, input, &a);
  if (status == MPINN_OK) status = run[method->kind](context, method, &a);
  a.cost.seconds = mpinn_seconds() - start;
  if (status == MPINN_OK) hand_over(&a, at, cv, residual, cost);
  answer_clear(&a);
  return status;
}
