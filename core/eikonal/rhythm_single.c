#include "eikonal/each.h"
#include "eikonal/rhythm_graph.h"
#include "heart/spread.h"

#include <math.h>
#include <string.h>

/* Whether two breakthroughs are of one origin: an origin in the septum shows on both its sides, and one
 * beneath a scar all around it. By reciprocity the travel times from a few early points of each tell for
 * every node of the wall what their times would be, were the origin there; one speed for all of the wall is
 * fitted with the onset. */

enum { PROBES = 6, FEWEST = 5, JUDGED = 4 };

static const double healthy_speed = 0.6;       /* m/s */
static const double speed_range[2] = {0.5, 2}; /* of healthy speed over the speed of a map */
static const double tolerance = 0.06;          /* of the time healthy tissue takes for the heart's size */

/* The early points of a source. */
typedef struct probe {
  size_t n, points[PROBES];
  float *travel; /* [n][nodes], ms at healthy speed */
  size_t nodes;
  double alone; /* ms, what an origin of this source alone leaves */
} probe;

static void take_travel(void *user, size_t i, const float *at) {
  probe *p = user;
  memcpy(p->travel + i * p->nodes, at, p->nodes * sizeof *at);
}

/* Points of source s until the time of its pass, and a few more where those are few. */
static mpinn_status choose_points(mpinn_context *context, const mpinn_rhythm_graph *g, const int32_t *number,
                                  size_t s, size_t n_points, double until, probe *p) {
  const double step = 0.02 * g->size / healthy_speed;
  const size_t fewest = n_points < FEWEST ? n_points : FEWEST;
  size_t *early = NULL, n = 0, first = 0;
  MPINN_TRY(MPINN_NEW(context, &early, n_points));
  for (; n < fewest; until += step) {
    n = 0;
    for (size_t i = 0; i < g->n; i++)
      if ((size_t)number[i] == s && g->t[i] <= until) early[n++] = i;
  }
  for (size_t i = 1; i < n; i++)
    if (g->t[early[i]] < g->t[early[first]]) first = i;
  p->n = n < PROBES ? n : PROBES;
  const mpinn_status status = mpinn_farthest_points(context, g->x, n, early, first, p->n, p->points);
  free(early);
  return status;
}

static mpinn_status solve_points(mpinn_context *context, const mpinn_rhythm_graph *g,
                                 const mpinn_eikonal *solver, probe *p) {
  mpinn_site sites[PROBES] = {0};
  p->nodes = mpinn_mesh_node_count(g->mesh);
  MPINN_TRY(MPINN_NEW(context, &p->travel, p->n * p->nodes));
  for (size_t i = 0; i < p->n; i++)
    memcpy(sites[i].position, g->x + 3 * p->points[i], sizeof sites[i].position);
  return mpinn_eikonal_solve_each(context, solver, p->n, sites, NULL, "recognizing the rhythm", take_travel,
                                  p);
}

/* What an origin at this node leaves of the times of both (b may be NULL): mean square, ms². */
static double misfit_at(const mpinn_rhythm_graph *g, const probe *a, const probe *b, size_t node) {
  const probe *const both[2] = {a, b};
  double n = 0, t = 0, x = 0, tt = 0, tx = 0, xx = 0;
  for (int k = 0; k < 2 && both[k]; k++)
    for (size_t i = 0; i < both[k]->n; i++) {
      const double travel = (double)both[k]->travel[i * both[k]->nodes + node];
      const double time = g->t[both[k]->points[i]] - g->t[a->points[0]];
      n++;
      t += time;
      x += travel;
      tt += time * time;
      tx += time * travel;
      xx += travel * travel;
    }
  tt -= t * t / n;
  tx -= t * x / n;
  xx -= x * x / n;
  const double slope = xx > 0 ? fmin(fmax(tx / xx, speed_range[0]), speed_range[1]) : 1;
  return (tt - 2 * slope * tx + slope * slope * xx) / n;
}

/* Root mean square, ms, of the best origin. */
static double best_misfit(const mpinn_rhythm_graph *g, const probe *a, const probe *b) {
  double least = INFINITY;
  for (size_t node = 0; node < a->nodes; node++) least = fmin(least, misfit_at(g, a, b, node));
  return sqrt(fmax(least, 0));
}

static size_t join(const mpinn_rhythm_graph *g, const probe *probes, const size_t *together, size_t s) {
  const double allowed = tolerance * g->size / healthy_speed;
  double least = 1;
  size_t best = s;
  for (size_t earlier = 0; earlier < s; earlier++) {
    if (together[earlier] != earlier) continue;
    const double left = best_misfit(g, &probes[earlier], &probes[s]);
    const double share = left / (allowed + (probes[s].alone + probes[earlier].alone) / 4);
    if (share >= least) continue;
    least = share;
    best = earlier;
  }
  return best;
}

static mpinn_status make_probes(mpinn_context *context, const mpinn_rhythm_graph *g,
                                const mpinn_eikonal *solver, size_t n, const mpinn_rhythm_source *sources,
                                const int32_t *number, probe *probes) {
  double last = -INFINITY;
  for (size_t s = 1; s < n; s++) last = fmax(last, sources[s].time + sources[s].prominence);
  for (size_t s = 0; s < n; s++) {
    const double until = s > 0 ? sources[s].time + sources[s].prominence : last;
    MPINN_TRY(choose_points(context, g, number, s, sources[s].n_points, until, &probes[s]));
    MPINN_TRY(solve_points(context, g, solver, &probes[s]));
    probes[s].alone = best_misfit(g, &probes[s], NULL);
  }
  return MPINN_OK;
}

mpinn_status mpinn_rhythm_join_sources(mpinn_context *context, const mpinn_rhythm_graph *g, size_t n,
                                       const mpinn_rhythm_source *sources, const int32_t *number,
                                       size_t *together) {
  const mpinn_progress_part outer = mpinn_progress_enter(context, 0, 0);
  const size_t judged = n < JUDGED ? n : JUDGED; /* several enough, and each costs time */
  probe probes[JUDGED] = {0};
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_status status;
  mpinn_velocity_default(&velocity);
  velocity.uniform = healthy_speed;
  MPINN_TRY_GOTO(done, status, mpinn_eikonal_create(context, g->mesh, &velocity, &solver));
  MPINN_TRY_GOTO(done, status, make_probes(context, g, solver, judged, sources, number, probes));
  for (size_t s = 0; s < n; s++) together[s] = s < judged ? join(g, probes, together, s) : s;
done:
  for (size_t s = 0; s < judged; s++) free(probes[s].travel);
  mpinn_eikonal_destroy(&solver);
  mpinn_progress_leave(context, outer);
  return status;
}
