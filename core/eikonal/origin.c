#include "metapinn/origin.h"

#include "eikonal/each.h"
#include "eikonal/internal.h"
#include "eikonal/origin_descent.h"
#include "eikonal/origin_misfit.h"
#include "heart/spread.h"
#include "metapinn/map_names.h"

#include <math.h>
#include <string.h>

enum {
  DEFAULT_SOLVES = 16,
  MOST_POINTS = 128, /* more tell no more */
  FEWEST = 4,
  FEWEST_OF_BASIN = 8
};

/* In spans of the times in use: how far from its points an origin is looked for at first, and how good it
 * must be, lest it be looked for everywhere. */
static const double near_spans = 2.5, good_share = 0.1;

/* The first search: everywhere, by travel times to few points. */
typedef struct search_data {
  const mpinn_eikonal *solver;
  mpinn_timed_points timed;
  float *travel; /* [node_count][timed.n], ms between node and point; NaN where there is no way */
  double *score; /* [node_count], ms, of an origin there */
  size_t n_solves;
} search_data;

static void search_clear(search_data *data) {
  mpinn_timed_points_clear(&data->timed);
  free(data->travel);
  free(data->score);
}

/* ---- which points ---- */

typedef struct timed_point {
  double time;
  size_t index;
} timed_point;

static int compare_times(const void *a, const void *b) {
  const timed_point *p = a, *q = b;
  if (p->time != q->time) return p->time < q->time ? -1 : 1;
  return (p->index > q->index) - (p->index < q->index);
}

static bool is_measured(const mpinn_origin_search *search, size_t i) {
  const double *p = search->points + 3 * i;
  return mpinn_map_is_measured(search->times[i]) && isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}

static bool is_taken(const mpinn_timed_points *timed, const double point[3]) {
  for (size_t i = 0; i < timed->n; i++)
    if (memcmp(timed->points + 3 * i, point, 3 * sizeof *point) == 0) return true;
  return false;
}

/* Of early[n], by time, the earliest and then always the one farthest from those taken; none at one place
 * twice. */
static mpinn_status take_spread(mpinn_context *context, const mpinn_origin_search *search, size_t n,
                                const timed_point *early, size_t max, mpinn_timed_points *timed) {
  const size_t count = n < max ? n : max;
  size_t *nodes = NULL, *chosen = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &nodes, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &chosen, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &timed->points, 3 * count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &timed->times, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &timed->weight, count));
  for (size_t i = 0; i < n; i++) nodes[i] = early[i].index;
  MPINN_TRY_GOTO(done, status, mpinn_farthest_points(context, search->points, n, nodes, 0, count, chosen));
  for (size_t i = 0; i < count; i++) {
    const double *point = search->points + 3 * chosen[i];
    if (is_taken(timed, point)) continue;
    memcpy(timed->points + 3 * timed->n, point, 3 * sizeof *point);
    timed->times[timed->n++] = search->times[chosen[i]] - early[0].time;
  }
  mpinn_timed_points_weigh(timed);
done:
  free(nodes);
  free(chosen);
  return status;
}

/* The measured points that are early, by time. The caller frees early. */
static mpinn_status take_early(mpinn_context *context, const mpinn_origin_search *search, size_t max,
                               timed_point **early, size_t *n_early) {
  size_t known = 0;
  MPINN_TRY(MPINN_NEW(context, early, search->n));
  for (size_t i = 0; i < search->n; i++)
    if (is_measured(search, i)) (*early)[known++] = (timed_point){search->times[i], i};
  qsort(*early, known, sizeof **early, compare_times);
  *n_early = known / 5 > 4 * max ? known / 5 : 4 * max;
  if (*n_early > known || search->is_early) *n_early = known;
  return MPINN_OK;
}

/* few: of the first search; all: of the descent. */
static mpinn_status take_points(mpinn_context *context, const mpinn_origin_search *search, double *earliest,
                                mpinn_timed_points *few, mpinn_timed_points *all) {
  const size_t max = search->max_solves ? search->max_solves : DEFAULT_SOLVES;
  timed_point *early = NULL;
  size_t n;
  mpinn_status status = take_early(context, search, max, &early, &n);
  if (status == MPINN_OK && n > 0) {
    *earliest = early[0].time;
    status = take_spread(context, search, n, early, max, few);
    if (status == MPINN_OK) status = take_spread(context, search, n, early, MOST_POINTS, all);
  }
  if (status == MPINN_OK && few->n < FEWEST)
    status = mpinn_fail(
        context, MPINN_ERROR_MAP,
        "The search for a site of origin has the times of %zu different points; expected at least %d", few->n,
        FEWEST);
  free(early);
  return status;
}

/* ---- travel times ---- */

static void take_travel(void *user, size_t point, const float *at) {
  const search_data *data = user;
  const size_t count = data->solver->mesh->node_count;
  for (size_t i = 0; i < count; i++) data->travel[i * data->timed.n + point] = at[i];
}

static mpinn_status solve_points(mpinn_context *context, double horizon, search_data *data) {
  const mpinn_front_end end = {.horizon = horizon};
  mpinn_site *sites = NULL;
  MPINN_TRY(MPINN_NEW(context, &sites, data->timed.n));
  for (size_t i = 0; i < data->timed.n; i++)
    memcpy(sites[i].position, data->timed.points + 3 * i, sizeof sites[i].position);
  const mpinn_status status = mpinn_eikonal_solve_each(context, data->solver, data->timed.n, sites, &end,
                                                       "searching the site of origin", take_travel, data);
  data->n_solves += data->timed.n;
  free(sites);
  return status;
}

/* Whether some node has a way to all points. */
static bool have_met(const search_data *data) {
  for (size_t node = 0; node < data->solver->mesh->node_count; node++) {
    size_t i = 0;
    while (i < data->timed.n && !isnan(data->travel[node * data->timed.n + i])) i++;
    if (i == data->timed.n) return true;
  }
  return false;
}

static size_t count_reached(const search_data *data, size_t node) {
  size_t reached = 0;
  for (size_t i = 0; i < data->timed.n; i++) reached += !isnan(data->travel[node * data->timed.n + i]);
  return reached;
}

/* Leaves out the points that no front from the component with most points reaches. */
static mpinn_status keep_component(mpinn_context *context, search_data *data) {
  const size_t n = data->timed.n, count = data->solver->mesh->node_count;
  size_t most = 0, inside = 0, to = 0;
  bool *keep = NULL;
  for (size_t node = 0; node < count && most < n; node++) {
    const size_t reached = count_reached(data, node);
    if (reached <= most) continue;
    most = reached;
    inside = node;
  }
  if (most == n) return MPINN_OK;
  if (most < FEWEST)
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "No connected part of the mesh has more than %zu of the points that a site of origin is searched "
        "from; expected at least %d",
        most, FEWEST);
  MPINN_TRY(MPINN_NEW(context, &keep, n));
  for (size_t i = 0; i < n; i++) keep[i] = !isnan(data->travel[inside * n + i]);
  for (size_t i = 0; i < n * count; i++)
    if (keep[i % n]) data->travel[to++] = data->travel[i];
  mpinn_timed_points_keep(keep, &data->timed);
  free(keep);
  return MPINN_OK;
}

/* ---- the first search ---- */

static void judge_nodes(mpinn_context *context, search_data *data) {
  const mpinn_timed_points *timed = &data->timed;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t node = 0; node < data->solver->mesh->node_count; node++)
    data->score[node] = mpinn_origin_fit_of(timed, data->travel + node * timed->n).score;
}

/* Nowhere in a cell can travel times and onset, and with them the misfit, differ from those at a node by more
 * than the time along the cell's longest edge. */
static bool may_hold(const search_data *data, size_t cell, double limit) {
  const mpinn_eikonal *solver = data->solver;
  const bool solid = solver->mesh->type == MPINN_TETRAHEDRON;
  const size_t corners = solver->mesh->type;
  const double *square = solid ? solver->tetrahedra[cell].square : solver->triangles[cell].square;
  double least = INFINITY, longest = 0;
  if (!solver->mesh->usable[cell]) return false;
  for (size_t i = 0; i < (solid ? 6 : 3); i++) longest = fmax(longest, square[i]);
  for (size_t a = 0; a < corners; a++) {
    const double score = data->score[solver->mesh->cells[corners * cell + a]];
    if (isinf(score)) return false;
    least = fmin(least, score);
  }
  return least <= limit + sqrt(longest);
}

static void search_cells(mpinn_context *context, const search_data *data, double limit,
                         mpinn_origin_guess *best) {
  const mpinn_mesh *mesh = data->solver->mesh;
  *best = (mpinn_origin_guess){.fit.score = INFINITY};
#pragma omp parallel num_threads(mpinn_context_threads(context))
  {
    mpinn_origin_guess own = {.fit.score = INFINITY};
#pragma omp for schedule(static)
    for (size_t cell = 0; cell < mesh->cell_count; cell++) {
      const float *travel[4] = {0};
      if (!may_hold(data, cell, limit)) continue;
      for (size_t a = 0; a < mesh->type; a++)
        travel[a] = data->travel + (size_t)mesh->cells[mesh->type * cell + a] * data->timed.n;
      mpinn_origin_search_cell(&data->timed, cell, mesh->type, travel, &own);
    }
#pragma omp critical(mpinn_origin_best)
    if (mpinn_origin_is_better(&own, best)) *best = own;
  }
}

/* score: of the origin found; infinite without any. */
static void search_wall(mpinn_context *context, search_data *data, mpinn_origin *origin, double *score) {
  mpinn_origin_guess best;
  size_t node = 0;
  judge_nodes(context, data);
  for (size_t i = 0; i < data->solver->mesh->node_count; i++)
    if (data->score[i] < data->score[node]) node = i;
  search_cells(context, data, data->score[node], &best);
  *score = best.fit.score;
  if (isfinite(*score))
    mpinn_origin_take(data->solver->mesh, &best, node, data->timed.n, data->n_solves, origin);
}

/* Fronts that end early suffice where the points are near the origin; they need not meet at all. */
static mpinn_status search_near(mpinn_context *context, search_data *data, mpinn_origin *origin,
                                double *score) {
  *score = INFINITY;
  MPINN_TRY(solve_points(context, near_spans * data->timed.span, data));
  if (have_met(data)) search_wall(context, data, origin, score);
  return MPINN_OK;
}

static mpinn_status search_everywhere(mpinn_context *context, search_data *data, mpinn_origin *origin) {
  double score;
  MPINN_TRY(solve_points(context, INFINITY, data));
  MPINN_TRY(keep_component(context, data));
  search_wall(context, data, origin, &score);
  return MPINN_OK;
}

mpinn_status mpinn_find_origin(mpinn_context *context, const mpinn_eikonal *solver,
                               const mpinn_origin_search *search, mpinn_origin *origin) {
  const size_t nodes = solver->mesh->node_count;
  search_data data = {.solver = solver};
  mpinn_timed_points all = {0};
  double earliest = 0, score = INFINITY;
  mpinn_status status;
  *origin = (mpinn_origin){.n_used = 0};
  MPINN_TRY_GOTO(done, status, take_points(context, search, &earliest, &data.timed, &all));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data.travel, nodes * data.timed.n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data.score, nodes));
  MPINN_TRY_GOTO(done, status, search_near(context, &data, origin, &score));
  if (!(score <= good_share * data.timed.span))
    MPINN_TRY_GOTO(done, status, search_everywhere(context, &data, origin));
  status = mpinn_origin_descend(context, solver, &all, origin);
  origin->site.onset += earliest;
done:
  search_clear(&data);
  mpinn_timed_points_clear(&all);
  return status;
}

/* ---- several origins ---- */

/* times[n] with NaN outside of a basin. */
static mpinn_status find_origin_of_basin(mpinn_context *context, const mpinn_eikonal *solver,
                                         const mpinn_origin_search *basin, size_t number,
                                         mpinn_origin *origin) {
  size_t measured = 0, first = 0;
  for (size_t i = 0; i < basin->n; i++) {
    if (!is_measured(basin, i)) continue;
    if (measured++ == 0 || basin->times[i] < basin->times[first]) first = i;
  }
  if (measured >= FEWEST_OF_BASIN) return mpinn_find_origin(context, solver, basin, origin);
  if (measured == 0)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "The search for several sites of origin has no measured point for site %zu", number);
  const double *p = basin->points + 3 * first;
  *origin = (mpinn_origin){.site = {.position = {p[0], p[1], p[2]}, .onset = basin->times[first]},
                           .node = mpinn_mesh_nearest_node(solver->mesh, p),
                           .n_used = 1};
  return MPINN_OK;
}

mpinn_status mpinn_find_origins(mpinn_context *context, const mpinn_eikonal *solver,
                                const mpinn_origin_search *search, const int32_t *basin, size_t n_origins,
                                mpinn_origin *origins) {
  double *times = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &times, search->n));
  for (size_t o = 0; o < n_origins && status == MPINN_OK; o++) {
    mpinn_origin_search own = *search;
    own.times = times;
    for (size_t i = 0; i < search->n; i++) times[i] = basin[i] == (int32_t)o ? search->times[i] : NAN;
    status = find_origin_of_basin(context, solver, &own, o, &origins[o]);
  }
  free(times);
  return status;
}
