#include "metapinn/origin.h"

#include "eikonal/each.h"
#include "eikonal/internal.h"
#include "heart/spread.h"
#include "metapinn/map_names.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_SOLVES = 16, FEWEST = 4, FEWEST_OF_BASIN = 8 };

/* In spans of the times in use: how far from its points an origin is looked for at first, and how good it
 * must be, lest it be looked for everywhere. */
static const double near_spans = 2.5, good_share = 0.1;
/* A time later than this share of the span counts less than half of the earliest. */
static const double early_share = 0.35;
/* What a ms counts by which an onset precedes the earliest time by more than the span. */
static const double weight_of_ahead = 0.05;

/* The points in use. */
typedef struct search_data {
  const mpinn_eikonal *solver;
  size_t n;       /* points used */
  double *points; /* [n][3], mm */
  double *times;  /* [n], ms since the earliest of all measured times */
  double span;    /* ms, the greatest of times */
  double *weight; /* [n], what each counts; their sum is 1 */
  float *travel;  /* [node_count][n], ms between node and point; NaN where there is no way */
  double *onset;  /* [node_count], ms: the onset that suits the times best, were the origin there */
  double *score;  /* [node_count], ms, see judge; infinite where there is no way to all points */
} search_data;

static void search_clear(search_data *data) {
  free(data->points);
  free(data->times);
  free(data->weight);
  free(data->travel);
  free(data->onset);
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

static bool is_taken(const search_data *data, const double point[3]) {
  for (size_t i = 0; i < data->n; i++)
    if (memcmp(data->points + 3 * i, point, 3 * sizeof *point) == 0) return true;
  return false;
}

/* Of early[n], by time, the earliest and then always the one farthest from those taken; none at one place
 * twice. */
static mpinn_status take_spread(mpinn_context *context, const mpinn_origin_search *search, size_t n,
                                const timed_point *early, size_t max, search_data *data) {
  const size_t count = n < max ? n : max;
  size_t *nodes = NULL, *chosen = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &nodes, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &chosen, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data->points, 3 * count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data->times, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data->weight, count));
  for (size_t i = 0; i < n; i++) nodes[i] = early[i].index;
  MPINN_TRY_GOTO(done, status, mpinn_farthest_points(context, search->points, n, nodes, 0, count, chosen));
  for (size_t i = 0; i < count; i++) {
    const double *point = search->points + 3 * chosen[i];
    if (is_taken(data, point)) continue;
    memcpy(data->points + 3 * data->n, point, 3 * sizeof *point);
    data->times[data->n++] = search->times[chosen[i]] - early[0].time;
  }
done:
  free(nodes);
  free(chosen);
  return status;
}

static mpinn_status take_points(mpinn_context *context, const mpinn_origin_search *search, double *earliest,
                                search_data *data) {
  const size_t max = search->max_solves ? search->max_solves : DEFAULT_SOLVES;
  timed_point *known = NULL;
  size_t n_known = 0;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &known, search->n));
  for (size_t i = 0; i < search->n; i++)
    if (is_measured(search, i)) known[n_known++] = (timed_point){search->times[i], i};
  qsort(known, n_known, sizeof *known, compare_times);
  size_t n_early = n_known / 5 > 4 * max ? n_known / 5 : 4 * max;
  if (n_early > n_known || search->is_early) n_early = n_known;
  if (n_early > 0) {
    *earliest = known[0].time;
    status = take_spread(context, search, n_early, known, max, data);
  }
  if (status == MPINN_OK && data->n < FEWEST)
    status = mpinn_fail(
        context, MPINN_ERROR_MAP,
        "The search for a site of origin has the times of %zu different points; expected at least %d",
        data->n, FEWEST);
  free(known);
  return status;
}

/* ---- travel times ---- */

static void take_travel(void *user, size_t point, const float *at) {
  const search_data *data = user;
  const size_t count = data->solver->mesh->node_count;
  for (size_t i = 0; i < count; i++) data->travel[i * data->n + point] = at[i];
}

static mpinn_status solve_points(mpinn_context *context, double horizon, search_data *data) {
  mpinn_site *sites = NULL;
  MPINN_TRY(MPINN_NEW(context, &sites, data->n));
  for (size_t i = 0; i < data->n; i++)
    memcpy(sites[i].position, data->points + 3 * i, sizeof sites[i].position);
  const mpinn_status status = mpinn_eikonal_solve_each(context, data->solver, data->n, sites, horizon,
                                                       "searching the site of origin", take_travel, data);
  free(sites);
  return status;
}

/* Whether some node has a way to all points. */
static bool have_met(const search_data *data) {
  for (size_t node = 0; node < data->solver->mesh->node_count; node++) {
    size_t i = 0;
    while (i < data->n && !isnan(data->travel[node * data->n + i])) i++;
    if (i == data->n) return true;
  }
  return false;
}

/* The velocity's error grows with the way: what is early tells more. */
static void weigh(search_data *data) {
  double sum = 0;
  data->span = 0;
  for (size_t i = 0; i < data->n; i++) data->span = fmax(data->span, data->times[i]);
  for (size_t i = 0; i < data->n; i++) {
    const double late = data->span > 0 ? data->times[i] / (early_share * data->span) : 0;
    data->weight[i] = 1 / (1 + late * late);
    sum += data->weight[i];
  }
  for (size_t i = 0; i < data->n; i++) data->weight[i] /= sum;
}

static size_t count_reached(const search_data *data, size_t node) {
  size_t reached = 0;
  for (size_t i = 0; i < data->n; i++) reached += !isnan(data->travel[node * data->n + i]);
  return reached;
}

/* Leaves out the points that no front from the component with most points reaches. */
static mpinn_status keep_component(mpinn_context *context, search_data *data) {
  const size_t n = data->n, count = data->solver->mesh->node_count;
  size_t most = 0, inside = 0, kept = 0, to = 0;
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
  for (size_t i = 0; i < n; i++) {
    keep[i] = !isnan(data->travel[inside * n + i]);
    if (keep[i]) data->times[kept++] = data->times[i];
  }
  for (size_t i = 0; i < n * count; i++)
    if (keep[i % n]) data->travel[to++] = data->travel[i];
  data->n = kept;
  free(keep);
  return MPINN_OK;
}

/* ---- misfit ---- */

/* How bad an origin is, ms, that leaves deviations of this root mean square of the times, the earliest being
 * 0. Nothing is activated before its origin: a later onset counts by how much it is later than the deviations
 * can explain. And where tissue is slow a point far behind it may leave no more than the true one, only to
 * begin very early: what an onset precedes the earliest time by, beyond the span of all times in use, counts
 * a little; not more, for an origin may well be far from all that was measured. */
static double judge(const search_data *data, double onset, double deviation) {
  const double late = fmax(onset - 3 * deviation, 0), ahead = weight_of_ahead * fmax(-onset - data->span, 0);
  return sqrt(deviation * deviation + late * late + ahead * ahead);
}

static void judge_nodes(mpinn_context *context, search_data *data) {
  const size_t n = data->n;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t node = 0; node < data->solver->mesh->node_count; node++) {
    const float *travel = data->travel + node * n;
    double onset = 0, square = 0;
    for (size_t i = 0; i < n; i++) onset += data->weight[i] * (data->times[i] - (double)travel[i]);
    for (size_t i = 0; i < n; i++) {
      const double left = data->times[i] - (double)travel[i] - onset;
      square += data->weight[i] * left * left;
    }
    data->onset[node] = onset;
    data->score[node] = isnan(square) ? INFINITY : judge(data, onset, sqrt(square));
  }
}

/* ---- between nodes ---- */

/* A point of a cell. */
typedef struct candidate {
  double score, misfit, onset; /* ms */
  size_t cell;
  double weights[4]; /* barycentric */
} candidate;

/* Of equals the one in the cell of lower number is better, so that their order does not matter. */
static bool is_better(const candidate *a, const candidate *b) {
  return a->score < b->score || (a->score == b->score && a->cell < b->cell);
}

/* Solves m y = 1, m symmetric and positive definite, by Cholesky's factors. False where it is not. */
static bool solve_ones(size_t n, double m[4][4], double y[4]) {
  for (size_t i = 0; i < n; i++) {
    double rest = 1;
    for (size_t j = 0; j <= i; j++) {
      double sum = m[i][j];
      for (size_t k = 0; k < j; k++) sum -= m[i][k] * m[j][k];
      if (i != j) {
        m[i][j] = sum / m[j][j];
        rest -= m[i][j] * y[j];
      } else if (sum > 0) {
        m[i][i] = sqrt(sum);
      } else {
        return false;
      }
    }
    y[i] = rest / m[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++) y[i] -= m[k][i] * y[k];
    y[i] /= m[i][i];
  }
  return true;
}

/* Over a cell travel times are linear and the misfit is the square root of λᵀGλ. Its minimum over the cell is
 * that over the plane of the cell itself or of a face, an edge or a corner of it, where that lies within. */
static void search_cell(const search_data *data, size_t cell, const double gram[4][4], candidate *best) {
  const size_t corners = data->solver->mesh->type;
  const int32_t *nodes = data->solver->mesh->cells + corners * cell;
  for (unsigned set = 1; set < 1u << corners; set++) {
    size_t n = 0, members[4];
    double m[4][4], y[4], sum = 0;
    candidate c = {.cell = cell};
    for (size_t i = 0; i < corners; i++)
      if (set >> i & 1) members[n++] = i;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) m[i][j] = gram[members[i]][members[j]];
    if (!solve_ones(n, m, y)) continue;
    bool within = true;
    for (size_t i = 0; i < n; i++) {
      within &= y[i] > 0;
      sum += y[i];
    }
    if (!within) continue;
    for (size_t i = 0; i < n; i++) {
      c.weights[members[i]] = y[i] / sum;
      c.onset += y[i] / sum * data->onset[nodes[members[i]]];
    }
    c.misfit = 1 / sqrt(sum);
    c.score = judge(data, c.onset, c.misfit);
    if (is_better(&c, best)) *best = c;
  }
}

/* Mean products of what is left of the times at a cell's nodes. */
static void products_of_cell(const search_data *data, size_t cell, double gram[4][4]) {
  const size_t n = data->n, corners = data->solver->mesh->type;
  const int32_t *nodes = data->solver->mesh->cells + corners * cell;
  double trace = 0;
  memset(gram, 0, 16 * sizeof **gram);
  for (size_t i = 0; i < n; i++) {
    double left[4];
    for (size_t a = 0; a < corners; a++) {
      const size_t node = (size_t)nodes[a];
      left[a] = data->times[i] - (double)data->travel[node * n + i] - data->onset[node];
      for (size_t b = 0; b <= a; b++) gram[a][b] += data->weight[i] * left[a] * left[b];
    }
  }
  for (size_t a = 0; a < corners; a++) {
    for (size_t b = 0; b < a; b++) gram[b][a] = gram[a][b];
    trace += gram[a][a];
  }
  for (size_t a = 0; a < corners; a++)
    gram[a][a] += 1e-9 * trace + 1e-18; /* of full rank, whatever the times */
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

static void search_cells(mpinn_context *context, const search_data *data, double limit, candidate *best) {
  *best = (candidate){.score = INFINITY};
#pragma omp parallel num_threads(mpinn_context_threads(context))
  {
    candidate own = {.score = INFINITY};
    double gram[4][4];
#pragma omp for schedule(static)
    for (size_t cell = 0; cell < data->solver->mesh->cell_count; cell++) {
      if (!may_hold(data, cell, limit)) continue;
      products_of_cell(data, cell, gram);
      search_cell(data, cell, (const double(*)[4])gram, &own);
    }
#pragma omp critical(mpinn_origin_best)
    if (is_better(&own, best)) *best = own;
  }
}

/* ---- the search ---- */

/* score: of the origin found; infinite without any. */
static mpinn_status search_wall(mpinn_context *context, search_data *data, mpinn_origin *origin,
                                double *score) {
  const mpinn_mesh *mesh = data->solver->mesh;
  candidate best;
  weigh(data);
  judge_nodes(context, data);
  *origin = (mpinn_origin){.n_used = data->n};
  for (size_t node = 0; node < mesh->node_count; node++)
    if (data->score[node] < data->score[origin->node]) origin->node = node;
  search_cells(context, data, data->score[origin->node], &best);
  for (size_t a = 0; a < mesh->type; a++)
    for (size_t d = 0; d < 3; d++)
      origin->site.position[d] +=
          best.weights[a] * mesh->points[3 * (size_t)mesh->cells[mesh->type * best.cell + a] + d];
  origin->site.onset = fmin(best.onset, 0);
  origin->misfit = best.misfit;
  *score = best.score;
  return MPINN_OK;
}

/* Fronts that end early suffice where the points are near the origin; they need not meet at all. */
static mpinn_status search_near(mpinn_context *context, search_data *data, mpinn_origin *origin,
                                double *score) {
  *score = INFINITY;
  weigh(data);
  MPINN_TRY(solve_points(context, near_spans * data->span, data));
  return have_met(data) ? search_wall(context, data, origin, score) : MPINN_OK;
}

static mpinn_status search_everywhere(mpinn_context *context, search_data *data, mpinn_origin *origin) {
  double score;
  MPINN_TRY(solve_points(context, INFINITY, data));
  MPINN_TRY(keep_component(context, data));
  return search_wall(context, data, origin, &score);
}

mpinn_status mpinn_find_origin(mpinn_context *context, const mpinn_eikonal *solver,
                               const mpinn_origin_search *search, mpinn_origin *origin) {
  const size_t nodes = solver->mesh->node_count;
  search_data data = {.solver = solver};
  double earliest = 0, score = INFINITY;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, take_points(context, search, &earliest, &data));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data.travel, nodes * data.n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data.onset, nodes));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &data.score, nodes));
  MPINN_TRY_GOTO(done, status, search_near(context, &data, origin, &score));
  if (!(score <= good_share * data.span)) status = search_everywhere(context, &data, origin);
  origin->site.onset += earliest;
done:
  search_clear(&data);
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
