#include "metapinn/rhythm.h"

#include "base/order.h"
#include "eikonal/rhythm_graph.h"
#include "heart/graph_neighbours.h"
#include "metapinn/map_names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NEIGHBOURS = 8, NEAREST = 5, LARGEST_WALL = 20000 };

/* Measured on phantoms with scars of 0.1 to 0.4 m/s, 3 ms of noise and holes: an activation that has origins
 * has a line of 0.75 of its span or more in 1 map of 50, but hardly ever where it is early; a circuit has it
 * in 98 of 100 where no hole is on the line. Roughness of both is 0.6 at most, and that of shuffled times at
 * least 0.7. */
static const double slow_speed =
    0.15; /* m/s: a gap of time that this explains is no meeting of early and late */
static const double line_points = 0.3;    /* on each side, of the root of the number of points */
static const double reentry_share = 0.75; /* of the span */
static const double least_beside =
    0.3; /* of the earliest points, that have others that much later beside them */
static const double noise_roughness = 0.68;

const char *mpinn_rhythm_name(mpinn_rhythm_kind kind) {
  static const char *const names[] = {"unknown", "focal", "multifocal", "re-entry", "noise"};
  return names[kind];
}

/* ---- the graph ---- */

static void graph_clear(mpinn_rhythm_graph *g) {
  free(g->index);
  free(g->x);
  free(g->raw);
  free(g->t);
  free(g->neighbour);
  free(g->edges);
  free(g->parent);
}

double mpinn_rhythm_distance(const mpinn_rhythm_graph *g, size_t i, size_t j) {
  const double *a = g->x + 3 * i, *b = g->x + 3 * j;
  return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static int compare_edges(const void *a, const void *b) {
  const mpinn_rhythm_edge *p = a, *q = b;
  if (p->key != q->key) return p->key < q->key ? -1 : 1;
  if (p->a != q->a) return p->a < q->a ? -1 : 1;
  return (p->b > q->b) - (p->b < q->b);
}

void mpinn_rhythm_sort(mpinn_rhythm_graph *g) {
  qsort(g->edges, g->n_edges, sizeof *g->edges, compare_edges);
}

void mpinn_rhythm_separate(mpinn_rhythm_graph *g) {
  for (size_t i = 0; i < g->n; i++) g->parent[i] = i;
}

size_t mpinn_rhythm_root(mpinn_rhythm_graph *g, size_t i) {
  while (g->parent[i] != i) i = g->parent[i] = g->parent[g->parent[i]];
  return i;
}

/* Root mean square distance of points[n][3] from their centre. */
static double size_of(size_t n, const double *points) {
  double mean[3] = {0, 0, 0}, square = 0;
  for (size_t i = 0; i < 3 * n; i++) mean[i % 3] += points[i] / (double)n;
  for (size_t i = 0; i < 3 * n; i++) square += (points[i] - mean[i % 3]) * (points[i] - mean[i % 3]);
  return sqrt(square / (double)n);
}

static mpinn_status take_points(mpinn_context *context, const mpinn_rhythm_input *input,
                                mpinn_rhythm_graph *g) {
  g->mesh = input->mesh && mpinn_mesh_cell_count(input->mesh) > 0 ? input->mesh : NULL;
  MPINN_TRY(MPINN_NEW(context, &g->index, input->n));
  MPINN_TRY(MPINN_NEW(context, &g->x, 3 * input->n));
  MPINN_TRY(MPINN_NEW(context, &g->raw, input->n));
  for (size_t i = 0; i < input->n; i++) {
    const double *p = input->points + 3 * i;
    if (!mpinn_map_is_measured(input->times[i]) || !isfinite(p[0] + p[1] + p[2])) continue;
    memcpy(g->x + 3 * g->n, p, 3 * sizeof *p);
    g->raw[g->n] = input->times[i];
    g->index[g->n++] = i;
  }
  g->size =
      g->mesh ? size_of(mpinn_mesh_node_count(g->mesh), mpinn_mesh_points(g->mesh)) : size_of(g->n, g->x);
  return MPINN_OK;
}

static bool lists(const mpinn_rhythm_graph *g, size_t i, size_t j) {
  for (size_t m = 0; m < g->k; m++)
    if ((size_t)g->neighbour[i * g->k + m] == j) return true;
  return false;
}

static mpinn_status connect(mpinn_context *context, mpinn_rhythm_graph *g) {
  g->k = NEIGHBOURS;
  MPINN_TRY(MPINN_NEW(context, &g->t, g->n));
  MPINN_TRY(MPINN_NEW(context, &g->parent, g->n));
  MPINN_TRY(MPINN_NEW(context, &g->neighbour, g->n * g->k));
  MPINN_TRY(MPINN_NEW(context, &g->edges, g->n * g->k));
  MPINN_TRY(mpinn_nearest_neighbours(context, g->n, g->x, g->k, g->neighbour));
  for (size_t i = 0; i < g->n; i++)
    for (size_t m = 0; m < g->k; m++) {
      const size_t j = (size_t)g->neighbour[i * g->k + m];
      if (j > i || !lists(g, j, i))
        g->edges[g->n_edges++] = (mpinn_rhythm_edge){.a = (int32_t)i, .b = (int32_t)j};
    }
  return MPINN_OK;
}

/* ---- garbage ---- */

/* In garbage the mean of a point's neighbours leaves the whole variance and the mean's own. */
static double measure_roughness(const mpinn_rhythm_graph *g) {
  double mean = 0, variance = 0, left = 0;
  for (size_t i = 0; i < g->n; i++) mean += g->raw[i] / (double)g->n;
  for (size_t i = 0; i < g->n; i++) {
    double expected = 0;
    for (size_t m = 0; m < NEAREST; m++) expected += g->raw[g->neighbour[i * g->k + m]] / NEAREST;
    left += (g->raw[i] - expected) * (g->raw[i] - expected);
    variance += (g->raw[i] - mean) * (g->raw[i] - mean);
  }
  return fmin(left / variance / (1 + 1.0 / NEAREST), 1);
}

static double measure_span(const mpinn_rhythm_graph *g) {
  memcpy(g->t, g->raw, g->n * sizeof *g->t);
  qsort(g->t, g->n, sizeof *g->t, mpinn_compare_doubles);
  return g->t[g->n - 1 - g->n / 50] - g->t[g->n / 50];
}

/* ---- early meets late ---- */

/* How many points of a component are at the early, and at the late, end of a gap. */
typedef struct line {
  size_t early, late;
} line;

/* Bits of a point: it is at such an end. */
enum { EARLY = 1, LATE = 2 };

static void join(mpinn_rhythm_graph *g, line *lines, size_t i, size_t j) {
  const size_t a = mpinn_rhythm_root(g, i), b = mpinn_rhythm_root(g, j);
  if (a == b) return;
  g->parent[b] = a;
  lines[a].early += lines[b].early;
  lines[a].late += lines[b].late;
}

/* Point i is one end of a gap: it joins the neighbours that are ends of gaps, too. */
static void add_end(mpinn_rhythm_graph *g, line *lines, unsigned char *ends, size_t i, unsigned char end) {
  line *own = &lines[mpinn_rhythm_root(g, i)];
  if (ends[i] & end) return;
  own->early += end == EARLY;
  own->late += end == LATE;
  ends[i] |= end;
  for (size_t m = 0; m < g->k; m++) {
    const size_t j = (size_t)g->neighbour[i * g->k + m];
    if (ends[j]) join(g, lines, i, j);
  }
}

/* The widest gaps first, until those beside one another are a line with enough points on both its sides. */
static double find_line(mpinn_rhythm_graph *g, double span, line *lines, unsigned char *ends) {
  const size_t enough = (size_t)fmax(3, line_points * sqrt((double)g->n));
  for (size_t e = 0; e < g->n_edges; e++) {
    mpinn_rhythm_edge *edge = &g->edges[e];
    const double gap = fabs(g->raw[edge->a] - g->raw[edge->b]);
    edge->key = gap * slow_speed > mpinn_rhythm_distance(g, (size_t)edge->a, (size_t)edge->b) ? -gap : 0;
  }
  mpinn_rhythm_sort(g);
  mpinn_rhythm_separate(g);
  for (size_t e = 0; e < g->n_edges && g->edges[e].key < 0; e++) {
    const size_t i = (size_t)g->edges[e].a, j = (size_t)g->edges[e].b;
    add_end(g, lines, ends, i, g->raw[i] < g->raw[j] ? EARLY : LATE);
    add_end(g, lines, ends, j, g->raw[j] < g->raw[i] ? EARLY : LATE);
    join(g, lines, i, j);
    const line *own = &lines[mpinn_rhythm_root(g, i)];
    if (own->early >= enough && own->late >= enough) return fmin(-g->edges[e].key / span, 1);
  }
  return 0;
}

static mpinn_status measure_line(mpinn_context *context, mpinn_rhythm_graph *g, double span, double *share) {
  line *lines = NULL;
  unsigned char *ends = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &lines, g->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &ends, g->n));
  *share = find_line(g, span, lines, ends);
done:
  free(lines);
  free(ends);
  return status;
}

/* The share of the earliest points that have late ones beside them: an origin has not. t must be sorted
 * times. */
static double first_beside_last(const mpinn_rhythm_graph *g, double span) {
  const double until = g->t[g->n / 30 > 3 ? g->n / 30 : 3];
  double count = 0, beside = 0;
  for (size_t i = 0; i < g->n; i++) {
    bool late = false;
    if (g->raw[i] > until) continue;
    for (size_t m = 0; m < g->k; m++)
      late |= g->raw[g->neighbour[i * g->k + m]] - g->raw[i] > reentry_share * span;
    beside += late;
    count++;
  }
  return beside / count;
}

/* ---- the decision ---- */

/* n_sources is not yet known: MPINN_RHYTHM_FOCAL stands for both. */
static mpinn_rhythm_kind decide(const mpinn_rhythm *r, double beside) {
  if (r->roughness >= noise_roughness) return MPINN_RHYTHM_NOISE;
  return r->early_meets_late >= reentry_share && beside >= least_beside ? MPINN_RHYTHM_REENTRY
                                                                        : MPINN_RHYTHM_FOCAL;
}

static void explain(mpinn_rhythm *r) {
  const size_t bytes = sizeof r->reason;
  if (r->kind == MPINN_RHYTHM_FOCAL)
    snprintf(r->reason, bytes, "activation spreads from one origin");
  else if (r->kind == MPINN_RHYTHM_MULTIFOCAL)
    snprintf(r->reason, bytes,
             "activation begins at %zu places that no single origin explains (as in sinus rhythm)",
             r->n_sources);
  else if (r->kind == MPINN_RHYTHM_REENTRY)
    snprintf(
        r->reason, bytes,
        "early meets late: along a line neighbouring times differ by %.0f %% of the map's %.4g ms, as in "
        "re-entry, which has no origin",
        100 * r->early_meets_late, r->span);
  else if (r->kind == MPINN_RHYTHM_NOISE)
    snprintf(
        r->reason, bytes,
        "neighbouring times have nothing to do with one another (%.0f %% of their variance is unexplained)",
        100 * r->roughness);
  else if (r->n_measured < MPINN_RHYTHM_FEWEST_POINTS)
    snprintf(r->reason, bytes, "%zu measured points are too few to tell a rhythm (at least %d)",
             r->n_measured, MPINN_RHYTHM_FEWEST_POINTS);
  else
    snprintf(r->reason, bytes, "nearly all of its times are the same");
}

static mpinn_status recognize(mpinn_context *context, mpinn_rhythm_graph *g, mpinn_rhythm *rhythm,
                              int32_t *basin) {
  int32_t *number = NULL;
  mpinn_status status;
  MPINN_TRY(connect(context, g));
  rhythm->span = measure_span(g);
  if (!(rhythm->span > 0 && g->size > 1e-6)) return MPINN_OK; /* 1 nm: all at one place */
  rhythm->roughness = measure_roughness(g);
  MPINN_TRY_GOTO(done, status, measure_line(context, g, rhythm->span, &rhythm->early_meets_late));
  rhythm->kind = decide(rhythm, first_beside_last(g, rhythm->span));
  const bool thorough =
      rhythm->kind == MPINN_RHYTHM_FOCAL && g->mesh && mpinn_mesh_node_count(g->mesh) <= LARGEST_WALL;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &number, g->n));
  MPINN_TRY_GOTO(done, status, mpinn_rhythm_find_sources(context, g, thorough, rhythm, number));
  if (rhythm->kind == MPINN_RHYTHM_FOCAL && rhythm->n_sources > 1) rhythm->kind = MPINN_RHYTHM_MULTIFOCAL;
  for (size_t i = 0; i < g->n && basin; i++) basin[g->index[i]] = number[i];
done:
  free(number);
  return status;
}

mpinn_status mpinn_recognize_rhythm(mpinn_context *context, const mpinn_rhythm_input *input,
                                    mpinn_rhythm *rhythm, int32_t *basin) {
  mpinn_rhythm_graph g = {0};
  mpinn_status status;
  *rhythm = (mpinn_rhythm){.kind = MPINN_RHYTHM_UNKNOWN};
  for (size_t i = 0; i < input->n && basin; i++) basin[i] = -1;
  MPINN_TRY_GOTO(done, status, take_points(context, input, &g));
  rhythm->n_measured = g.n;
  if (g.n >= MPINN_RHYTHM_FEWEST_POINTS) MPINN_TRY_GOTO(done, status, recognize(context, &g, rhythm, basin));
  explain(rhythm);
done:
  graph_clear(&g);
  return status;
}
