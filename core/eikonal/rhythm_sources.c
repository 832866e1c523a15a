#include "eikonal/rhythm_graph.h"

#include <math.h>
#include <string.h>

/* Lengths are shares of the heart's size, and times of the time that healthy tissue takes for it, so that a
 * small and a large heart are judged alike. */
static const double healthy_speed = 0.6;  /* m/s */
static const double steepest_speed = 0.2; /* m/s; a time earlier than that by all neighbours' is an error */
static const double smoothing = 0.12;     /* length over which times are averaged */

/* How late the pass must be, and by how much the straight front of all earlier points too late, for a minimum
 * to be a source. Without a wall to find single origins in, more is asked for. */
typedef struct thresholds {
  double prominence, excess; /* ms */
  size_t fewest;             /* points of a basin: with fewer it is an error of measurement */
} thresholds;

static thresholds thresholds_of(const mpinn_rhythm_graph *g, bool thorough) {
  const double unit = g->size / healthy_speed;
  return (thresholds){.prominence = (thorough ? 0.04 : 0.12) * unit,
                      .excess = (thorough ? 0.25 : 0.6) * unit,
                      .fewest = g->n < 100 ? 2 : 3};
}

/* A component of the points earlier than some time, kept at its root; and what became of a minimum, kept at
 * that point. */
typedef struct basin {
  size_t minimum, count;
  size_t into;       /* of a minimum: the one whose basin took it in; itself while it stands */
  double prominence; /* ms, of a minimum that stands; else 0 */
} basin;

/* A time much earlier than all neighbours have it is drawn up to what a steep slope allows; then times are
 * averaged with those of neighbours that are near: where points are few, with none. */
static void smooth(mpinn_rhythm_graph *g, double *clipped) {
  const double radius = smoothing * g->size;
  for (size_t i = 0; i < g->n; i++) {
    double least = INFINITY;
    for (size_t m = 0; m < g->k; m++) {
      const size_t j = (size_t)g->neighbour[i * g->k + m];
      least = fmin(least, g->raw[j] - mpinn_rhythm_distance(g, i, j) / steepest_speed);
    }
    clipped[i] = fmax(g->raw[i], least);
  }
  for (size_t i = 0; i < g->n; i++) {
    double sum = clipped[i], weights = 1;
    for (size_t m = 0; m < g->k; m++) {
      const size_t j = (size_t)g->neighbour[i * g->k + m];
      const double d = mpinn_rhythm_distance(g, i, j) / radius, weight = exp(-0.5 * d * d);
      sum += weight * clipped[j];
      weights += weight;
    }
    g->t[i] = sum / weights;
  }
}

/* ---- minima that persist ---- */

/* How much later than i the first front from earlier points, straight and at healthy speed, would be there,
 * ms. */
static double excess_of(const mpinn_rhythm_graph *g, size_t i) {
  double least = INFINITY;
  for (size_t j = 0; j < g->n; j++)
    if (g->t[j] < g->t[i])
      least = fmin(least, g->t[j] - g->t[i] + mpinn_rhythm_distance(g, i, j) / healthy_speed);
  return least;
}

static bool precedes(const mpinn_rhythm_graph *g, size_t i, size_t j) {
  return g->t[i] < g->t[j] || (g->t[i] == g->t[j] && i < j);
}

/* The later minimum's basin ends where it meets the earlier's, unless the earlier is an error. */
static void merge(mpinn_rhythm_graph *g, const thresholds *limit, basin *basins, size_t a, size_t b,
                  double pass) {
  bool a_stays = precedes(g, basins[a].minimum, basins[b].minimum);
  if (basins[a_stays ? a : b].count < limit->fewest && basins[a_stays ? b : a].count >= limit->fewest)
    a_stays = !a_stays;
  basin *stays = &basins[a_stays ? a : b], *ends = &basins[a_stays ? b : a];
  basin *minimum = &basins[ends->minimum];
  const double prominence = pass - g->t[ends->minimum];
  if (ends->count >= limit->fewest && prominence >= limit->prominence &&
      excess_of(g, ends->minimum) >= limit->excess)
    minimum->prominence = prominence;
  else
    minimum->into = stays->minimum;
  stays->count += ends->count;
  g->parent[a_stays ? b : a] = a_stays ? a : b;
}

static void find_minima(mpinn_rhythm_graph *g, const thresholds *limit, basin *basins) {
  for (size_t i = 0; i < g->n; i++) basins[i] = (basin){.minimum = i, .count = 1, .into = i};
  for (size_t e = 0; e < g->n_edges; e++) g->edges[e].key = fmax(g->t[g->edges[e].a], g->t[g->edges[e].b]);
  mpinn_rhythm_sort(g);
  mpinn_rhythm_separate(g);
  for (size_t e = 0; e < g->n_edges; e++) {
    const size_t a = mpinn_rhythm_root(g, (size_t)g->edges[e].a);
    const size_t b = mpinn_rhythm_root(g, (size_t)g->edges[e].b);
    if (a != b) merge(g, limit, basins, a, b, g->edges[e].key);
  }
}

/* Parts that no neighbours connect are joined to the first, as if where and when each is activated last. */
static void join_parts(mpinn_rhythm_graph *g, const thresholds *limit, basin *basins, double *latest) {
  size_t first = SIZE_MAX;
  for (size_t i = 0; i < g->n; i++) latest[i] = -INFINITY;
  for (size_t i = 0; i < g->n; i++) {
    const size_t root = mpinn_rhythm_root(g, i);
    latest[root] = fmax(latest[root], g->t[i]);
    if (root == i && (first == SIZE_MAX || precedes(g, basins[i].minimum, basins[first].minimum))) first = i;
  }
  for (size_t i = 0; i < g->n; i++) {
    if (g->parent[i] != i || i == first) continue;
    const bool first_ends = basins[first].count < limit->fewest && basins[i].count >= limit->fewest;
    const size_t ends = first_ends ? first : i;
    merge(g, limit, basins, first, i, latest[ends]);
    if (first_ends) first = i;
  }
  const size_t minimum = basins[mpinn_rhythm_root(g, 0)].minimum;
  for (size_t i = 0; i < g->n; i++)
    basins[minimum].prominence = fmax(basins[minimum].prominence, g->t[i] - g->t[minimum]);
}

/* ---- basins ---- */

/* down[i]: the neighbour to which time falls most steeply, or i. */
static void find_descents(const mpinn_rhythm_graph *g, size_t *down, double *slope) {
  for (size_t i = 0; i < g->n; i++) down[i] = i;
  for (size_t e = 0; e < g->n_edges; e++) {
    const size_t a = (size_t)g->edges[e].a, b = (size_t)g->edges[e].b;
    const size_t low = precedes(g, a, b) ? a : b, high = low == a ? b : a;
    const double d = mpinn_rhythm_distance(g, a, b), steep = d > 0 ? (g->t[high] - g->t[low]) / d : INFINITY;
    if (down[high] != high && steep <= slope[high]) continue;
    down[high] = low;
    slope[high] = steep;
  }
}

static int compare_sources(const void *a, const void *b) {
  const mpinn_rhythm_source *p = a, *q = b;
  if (p->time != q->time) return p->time < q->time ? -1 : 1;
  return (p->point > q->point) - (p->point < q->point);
}

/* The minima that stand, as indices into the graph, the earliest first. */
static void list_sources(const mpinn_rhythm_graph *g, const basin *basins, mpinn_rhythm *rhythm) {
  mpinn_rhythm_source *sources = rhythm->sources;
  rhythm->n_sources = 0;
  for (size_t i = 0; i < g->n; i++) {
    size_t to = rhythm->n_sources;
    if (basins[i].into != i) continue;
    if (to == MPINN_RHYTHM_MOST_SOURCES) { /* the least prominent goes */
      to = 0;
      for (size_t s = 1; s < MPINN_RHYTHM_MOST_SOURCES; s++)
        if (sources[s].prominence < sources[to].prominence) to = s;
      if (sources[to].prominence >= basins[i].prominence) continue;
    } else {
      rhythm->n_sources++;
    }
    sources[to] = (mpinn_rhythm_source){.point = i, .time = g->t[i], .prominence = basins[i].prominence};
  }
  qsort(sources, rhythm->n_sources, sizeof *sources, compare_sources);
}

static int32_t number_of(const mpinn_rhythm *rhythm, size_t minimum) {
  for (size_t s = 0; s < rhythm->n_sources; s++)
    if (rhythm->sources[s].point == minimum) return (int32_t)s;
  return 0; /* of a source that is not listed */
}

static void share_out(const mpinn_rhythm_graph *g, const basin *basins, const size_t *down,
                      mpinn_rhythm *rhythm, int32_t *number) {
  list_sources(g, basins, rhythm);
  for (size_t i = 0; i < g->n; i++) {
    size_t at = i;
    while (down[at] != at) at = down[at];
    while (basins[at].into != at) at = basins[at].into;
    number[i] = number_of(rhythm, at);
    rhythm->sources[number[i]].n_points++;
  }
}

static mpinn_status join_sources(mpinn_context *context, const mpinn_rhythm_graph *g, basin *basins,
                                 const size_t *down, mpinn_rhythm *rhythm, int32_t *number) {
  size_t together[MPINN_RHYTHM_MOST_SOURCES];
  MPINN_TRY(mpinn_rhythm_join_sources(context, g, rhythm->n_sources, rhythm->sources, number, together));
  for (size_t s = 1; s < rhythm->n_sources; s++)
    basins[rhythm->sources[s].point].into = rhythm->sources[together[s]].point;
  share_out(g, basins, down, rhythm, number);
  return MPINN_OK;
}

mpinn_status mpinn_rhythm_find_sources(mpinn_context *context, mpinn_rhythm_graph *g, bool thorough,
                                       mpinn_rhythm *rhythm, int32_t *number) {
  const thresholds limit = thresholds_of(g, thorough);
  double *room = NULL;
  basin *basins = NULL;
  size_t *down = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &room, g->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &basins, g->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &down, g->n));
  smooth(g, room);
  find_minima(g, &limit, basins);
  join_parts(g, &limit, basins, room);
  find_descents(g, down, room);
  share_out(g, basins, down, rhythm, number);
  if (thorough && rhythm->n_sources > 1)
    MPINN_TRY_GOTO(done, status, join_sources(context, g, basins, down, rhythm, number));
  for (size_t s = 0; s < rhythm->n_sources; s++) {
    mpinn_rhythm_source *source = &rhythm->sources[s];
    source->time = g->raw[source->point];
    source->point = g->index[source->point];
  }
done:
  free(room);
  free(basins);
  free(down);
  return status;
}
