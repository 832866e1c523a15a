#include "eikonal/origin_descent.h"

#include "eikonal/each.h"
#include "eikonal/internal.h"
#include "heart/spread.h"

#include <math.h>
#include <string.h>

enum { FEWEST = 4, MOST_TRIED = 160, AROUND = 12 };

/* How far the first step goes, as a share of the mesh's diagonal: what a first guess is wrong by. */
static const double first_step = 0.04;
/* How much longer than from the guess a front may take to the points from a better origin. */
static const double slack = 3;

/* The nodes that were tried. */
typedef struct descent {
  const mpinn_eikonal *solver;
  const mpinn_timed_points *timed;
  mpinn_mesh_place *places; /* [timed->n] */
  mpinn_front_end end;      /* once it has come to all places */
  bool *wanted;             /* [node_count], the end's */
  int32_t *trial;           /* [node_count], the number of a node's trial, −1: not tried */
  size_t n, batch;          /* trials; those before the batch that is being solved */
  size_t nodes[MOST_TRIED];
  mpinn_origin_fit fits[MOST_TRIED];
  float *travel; /* [MOST_TRIED][timed->n], ms */
} descent;

static void descent_clear(descent *d) {
  free(d->places);
  free(d->wanted);
  free(d->trial);
  free(d->travel);
}

void mpinn_origin_take(const mpinn_mesh *mesh, const mpinn_origin_guess *guess, size_t node, size_t n_used,
                       size_t n_solves, mpinn_origin *origin) {
  const int32_t *cell = mesh->cells + mesh->type * guess->cell;
  *origin = (mpinn_origin){.node = node, .n_used = n_used, .n_solves = n_solves, .misfit = guess->fit.misfit};
  for (size_t a = 0; a < mesh->type; a++)
    for (size_t i = 0; i < 3; i++)
      origin->site.position[i] += guess->weights[a] * mesh->points[3 * (size_t)cell[a] + i];
  origin->site.onset = fmin(guess->fit.onset, 0);
}

/* ---- trials ---- */

static float travel_to(const mpinn_mesh *mesh, const mpinn_mesh_place *place, const float *at) {
  const int32_t *cell = mesh->cells + mesh->type * (size_t)place->cell;
  double time = 0;
  for (size_t a = 0; a < mesh->type; a++)
    if (place->weights[a] > 0) time += place->weights[a] * (double)at[cell[a]];
  return (float)time;
}

static void take_trial(void *user, size_t i, const float *at) {
  descent *d = user;
  float *travel = d->travel + (d->batch + i) * d->timed->n;
  for (size_t p = 0; p < d->timed->n; p++) travel[p] = travel_to(d->solver->mesh, &d->places[p], at);
  d->fits[d->batch + i] = mpinn_origin_fit_of(d->timed, travel);
}

/* Notes a node that is to be tried with the next batch, once. */
static void note(descent *d, size_t node) {
  if (d->trial[node] >= 0 || d->n == MOST_TRIED) return;
  d->trial[node] = (int32_t)d->n;
  d->nodes[d->n++] = node;
}

static mpinn_status try_noted(mpinn_context *context, descent *d) {
  const size_t n = d->n - d->batch;
  mpinn_site sites[MOST_TRIED];
  for (size_t i = 0; i < n; i++) {
    sites[i] = (mpinn_site){.onset = 0};
    memcpy(sites[i].position, d->solver->mesh->points + 3 * d->nodes[d->batch + i], sizeof sites[i].position);
  }
  MPINN_TRY(mpinn_eikonal_solve_each(context, d->solver, n, sites, &d->end, "searching the site of origin",
                                     take_trial, d));
  d->batch = d->n;
  return MPINN_OK;
}

static size_t best_trial(const descent *d) {
  size_t best = 0;
  for (size_t i = 1; i < d->batch; i++)
    if (d->fits[i].score < d->fits[best].score) best = i;
  return best;
}

/* ---- steps ---- */

static void note_neighbours(descent *d, size_t node) {
  const mpinn_mesh *mesh = d->solver->mesh;
  for (int32_t k = mesh->corner_start[node]; k < mesh->corner_start[node + 1]; k++) {
    const size_t cell = (size_t)mpinn_mesh_corner_cell(mesh, mesh->corners[k]);
    for (size_t a = 0; a < mesh->type; a++) note(d, (size_t)mesh->cells[mesh->type * cell + a]);
  }
}

/* Some of the nodes no farther than step (mm), well spread. */
static mpinn_status note_around(mpinn_context *context, descent *d, size_t node, double step) {
  const mpinn_mesh *mesh = d->solver->mesh;
  const double *centre = mesh->points + 3 * node;
  size_t *near = NULL, chosen[AROUND], n = 1;
  mpinn_status status;
  MPINN_TRY(MPINN_NEW(context, &near, mesh->node_count));
  near[0] = node;
  for (size_t i = 0; i < mesh->node_count; i++) {
    const double *p = mesh->points + 3 * i;
    const double x = p[0] - centre[0], y = p[1] - centre[1], z = p[2] - centre[2];
    if (i != node && x * x + y * y + z * z <= step * step) near[n++] = i;
  }
  const size_t count = n < AROUND ? n : AROUND;
  MPINN_TRY_GOTO(done, status, mpinn_farthest_points(context, mesh->points, n, near, 0, count, chosen));
  for (size_t i = 0; i < count; i++) note(d, chosen[i]);
done:
  free(near);
  return status;
}

/* Down to the last node, whose neighbours have all been tried or there were too many trials. */
static mpinn_status walk(mpinn_context *context, descent *d) {
  const mpinn_mesh *mesh = d->solver->mesh;
  double step = first_step * mesh->diagonal;
  for (;;) {
    const bool last = step <= 1.5 * mesh->mean_edge;
    const size_t best = best_trial(d);
    if (last)
      note_neighbours(d, d->nodes[best]);
    else
      MPINN_TRY(note_around(context, d, d->nodes[best], step));
    const bool more = d->n > d->batch;
    if (more) MPINN_TRY(try_noted(context, d));
    if (more && best_trial(d) != best) continue;
    if (last) return MPINN_OK;
    step /= 2;
  }
}

/* Begins with the node itself, lest none of its neighbours have a way to all points. */
static void search_around(const descent *d, size_t trial, mpinn_origin_guess *best) {
  const mpinn_mesh *mesh = d->solver->mesh;
  const size_t node = d->nodes[trial];
  for (int32_t k = mesh->corner_start[node]; k < mesh->corner_start[node + 1]; k++) {
    const size_t cell = (size_t)mpinn_mesh_corner_cell(mesh, mesh->corners[k]);
    const float *travel[4] = {0};
    bool all = true;
    mpinn_origin_guess own = {.fit = d->fits[trial], .cell = cell};
    for (size_t a = 0; a < mesh->type; a++) {
      const int32_t corner = mesh->cells[mesh->type * cell + a], tried = d->trial[corner];
      own.weights[a] = (size_t)corner == node;
      all = all && tried >= 0 && isfinite(d->fits[tried].score);
      if (all) travel[a] = d->travel + (size_t)tried * d->timed->n;
    }
    if (k == mesh->corner_start[node]) *best = own;
    if (all) mpinn_origin_search_cell(d->timed, cell, mesh->type, travel, best);
  }
}

/* ---- the descent ---- */

static mpinn_status prepare(mpinn_context *context, descent *d) {
  const mpinn_mesh *mesh = d->solver->mesh;
  const size_t n = d->timed->n;
  MPINN_TRY(MPINN_NEW(context, &d->places, n));
  MPINN_TRY(MPINN_NEW(context, &d->trial, mesh->node_count));
  MPINN_TRY(MPINN_NEW(context, &d->wanted, mesh->node_count));
  MPINN_TRY(MPINN_NEW(context, &d->travel, MOST_TRIED * n));
  for (size_t i = 0; i < n; i++) mpinn_mesh_nearest(mesh, d->timed->points + 3 * i, &d->places[i]);
  for (size_t i = 0; i < mesh->node_count; i++) d->trial[i] = -1;
  return MPINN_OK;
}

/* Ends fronts where they have come to the corners of all cells with a point. */
static void want_places(descent *d) {
  const mpinn_mesh *mesh = d->solver->mesh;
  for (size_t i = 0; i < d->timed->n; i++)
    for (size_t a = 0; a < mesh->type; a++) {
      const size_t node = (size_t)mesh->cells[mesh->type * (size_t)d->places[i].cell + a];
      if (d->places[i].weights[a] == 0 || d->wanted[node]) continue;
      d->wanted[node] = true;
      d->end.n_wanted++;
    }
  d->end.wanted = d->wanted;
}

/* Tries the guess, leaves out what it does not reach, and sets the horizon of all others. */
static mpinn_status try_guess(mpinn_context *context, size_t node, mpinn_timed_points *timed, descent *d) {
  bool *keep = NULL;
  size_t kept = 0;
  double farthest = 0;
  note(d, node);
  MPINN_TRY(try_noted(context, d));
  MPINN_TRY(MPINN_NEW(context, &keep, timed->n));
  for (size_t i = 0; i < timed->n; i++) {
    keep[i] = !isnan(d->travel[i]);
    if (!keep[i]) continue;
    farthest = fmax(farthest, (double)d->travel[i]);
    d->places[kept] = d->places[i];
    d->travel[kept++] = d->travel[i];
  }
  mpinn_timed_points_keep(keep, timed);
  d->fits[0] = mpinn_origin_fit_of(timed, d->travel);
  d->end.horizon = slack * farthest;
  want_places(d);
  free(keep);
  return MPINN_OK;
}

mpinn_status mpinn_origin_descend(mpinn_context *context, const mpinn_eikonal *solver,
                                  mpinn_timed_points *timed, mpinn_origin *origin) {
  descent d = {.solver = solver, .timed = timed, .end.horizon = 2 * (timed->span - origin->site.onset)};
  mpinn_origin_guess best;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, prepare(context, &d));
  MPINN_TRY_GOTO(done, status, try_guess(context, origin->node, timed, &d));
  if (timed->n < FEWEST) goto done;
  MPINN_TRY_GOTO(done, status, walk(context, &d));
  const size_t trial = best_trial(&d);
  search_around(&d, trial, &best);
  mpinn_origin_take(solver->mesh, &best, d.nodes[trial], timed->n, origin->n_solves + d.n, origin);
done:
  descent_clear(&d);
  return status;
}
