#include "model/observed.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

enum { NEAR = 8, PARTS = 8 }; /* neighbours; parts in which a map is worked on */

/* One map's measured nodes. */
typedef struct map_rows {
  const mpinn_placement *at;
  size_t row, link, anchor_link; /* where its own begin in all maps' lists */
  double *lengths;               /* [n] times as lengths, mm */
  double *guesses;               /* [n] predicted times as lengths; 0 where there are none */
  double *anchors;               /* [anchors] the same there */
  double means[2];               /* of lengths, and of what the guesses leave of them */
} map_rows;

/* What the plans are made of, for all maps. */
typedef struct lists {
  int32_t *first, *source, *anchor_first, *anchor_source;
  float *attribute, *anchor_attribute, *anchor_weight;
} lists;

static void lists_clear(lists *l) {
  free(l->first);
  free(l->source);
  free(l->anchor_first);
  free(l->anchor_source);
  free(l->attribute);
  free(l->anchor_attribute);
  free(l->anchor_weight);
}

static mpinn_status lists_create(mpinn_context *context, size_t rows, size_t anchor_rows, lists *l) {
  MPINN_TRY(MPINN_NEW(context, &l->first, rows + 1));
  MPINN_TRY(MPINN_UNSET(context, &l->source, rows * NEAR));
  MPINN_TRY(MPINN_UNSET(context, &l->attribute, rows * NEAR * MPINN_NEAR_ATTRIBUTES));
  MPINN_TRY(MPINN_NEW(context, &l->anchor_first, anchor_rows + 1));
  MPINN_TRY(MPINN_UNSET(context, &l->anchor_source, anchor_rows * MPINN_MEASURED_OF_ANCHOR));
  MPINN_TRY(MPINN_UNSET(context, &l->anchor_attribute,
                        anchor_rows * MPINN_MEASURED_OF_ANCHOR * MPINN_ANCHOR_ATTRIBUTES));
  return MPINN_UNSET(context, &l->anchor_weight, anchor_rows * MPINN_MEASURED_OF_ANCHOR);
}

static size_t neighbours_of(const mpinn_placement *at) {
  return at->n_neighbours < NEAR ? at->n_neighbours : NEAR;
}

static void map_rows_clear(map_rows *m) {
  free(m->lengths);
  free(m->guesses);
  free(m->anchors);
}

static mpinn_status take_map(mpinn_context *context, const mpinn_wall *wall, const mpinn_observation *given,
                             size_t map, map_rows *m) {
  const mpinn_placements *places = given->placements;
  *m = (map_rows){.at = &places->placement[places->of_map[map]]};
  MPINN_TRY(MPINN_NEW(context, &m->lengths, m->at->n));
  MPINN_TRY(MPINN_NEW(context, &m->guesses, m->at->n));
  MPINN_TRY(MPINN_NEW(context, &m->anchors, wall->n));
  for (size_t i = 0; i < m->at->n; i++) {
    const size_t node = map * given->n + (size_t)m->at->node[i];
    m->lengths[i] = given->speed * (double)given->times[node];
    if (given->predicted) m->guesses[i] = given->speed * (double)given->predicted[node];
  }
  for (size_t a = 0; given->predicted && a < wall->n; a++)
    m->anchors[a] = given->speed * (double)given->anchors[map * wall->n + a];
  return MPINN_OK;
}

static double at_least(double x, double least) {
  return x > least ? x : least;
}

/* Keeps the sign and the order of a slope, and large ones small: in a scar they are six times those
 * elsewhere. */
static float squeeze(double slope) {
  return copysignf(log1pf((float)fabs(slope)), (float)slope);
}

/* Solves A g = b for a symmetric positive definite A by Cholesky's factors. */
static void solve3(double a[3][3], const double b[3], double g[3]) {
  double l[3][3] = {{0}}, y[3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j <= i; j++) {
      double sum = a[i][j];
      for (int k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
      l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
    }
  for (int i = 0; i < 3; i++) {
    y[i] = b[i];
    for (int k = 0; k < i; k++) y[i] -= l[i][k] * y[k];
    y[i] /= l[i][i];
  }
  for (int i = 2; i >= 0; i--) {
    g[i] = y[i];
    for (int k = i + 1; k < 3; k++) g[i] -= l[k][i] * g[k];
    g[i] /= l[i][i];
  }
}

typedef struct plane {
  double gradient[3], misfit, spacing; /* slope; the share of the slopes it leaves unexplained; mm */
} plane;

/* The plane through a node's time that fits its neighbours' best in the least squares of slopes, weakly
 * damped: across the surface nothing is known. */
static plane fit_plane(const map_rows *m, const double *lengths, size_t i, size_t count, const int32_t *found,
                       const double *distance) {
  double a[3][3] = {{0}}, b[3] = {0, 0, 0}, slopes2 = 0, left2 = 0;
  plane fit = {.spacing = 0};
  for (size_t e = 0; e < count; e++) {
    double x[3];
    const double far = at_least(distance[e], 1e-9), rise = (lengths[found[e]] - lengths[i]) / far;
    mpinn_subtract(m->at->points + 3 * found[e], m->at->points + 3 * i, x);
    for (int r = 0; r < 3; r++) {
      for (int c = 0; c < 3; c++) a[r][c] += x[r] * x[c] / (far * far);
      b[r] += x[r] * rise / far;
    }
    slopes2 += rise * rise;
    fit.spacing += distance[e] / (double)count;
  }
  for (int r = 0; r < 3; r++) a[r][r] += 1e-3 * (double)count;
  solve3(a, b, fit.gradient);
  for (size_t e = 0; e < count; e++) {
    double x[3];
    const double far = at_least(distance[e], 1e-9), rise = (lengths[found[e]] - lengths[i]) / far;
    mpinn_subtract(m->at->points + 3 * found[e], m->at->points + 3 * i, x);
    const double left = rise - mpinn_dot(fit.gradient, x) / far;
    left2 += left * left;
  }
  fit.misfit = sqrt(left2 / fmax(slopes2, 1e-12));
  return fit;
}

/* A node's planes: of its nearest neighbours, of more, and of the predicted times. */
typedef struct planes {
  plane near, wide, guess;
} planes;

static void node_features(const mpinn_wall *wall, const map_rows *m, size_t i, const planes *fit,
                          float *out) {
  const double slope = mpinn_norm(fit->near.gradient), guess = mpinn_norm(fit->guess.gradient);
  double left[3];
  mpinn_subtract(fit->near.gradient, fit->guess.gradient, left);
  out[0] = squeeze(slope);
  out[1] = squeeze(mpinn_norm(fit->wide.gradient));
  out[2] = (float)fmin(1 / fmax(slope, 0.05), 5) / 3;
  out[3] = (float)fit->near.misfit;
  out[4] = (float)(10 * fit->near.spacing / wall->length);
  out[5] = (float)((m->lengths[i] - m->means[0]) / wall->length);
  out[6] = squeeze(guess);
  out[7] = squeeze(mpinn_dot(fit->near.gradient, fit->guess.gradient) / fmax(guess, 1e-6));
  out[8] = guess > 0 ? squeeze(mpinn_norm(left)) : 0;
  out[9] = (float)((m->lengths[i] - m->guesses[i] - m->means[1]) / wall->length);
}

/* Slopes measured, predicted and left; distance, how the surface turns, how deep the neighbour lies, and how
 * far it goes with the wave. */
static void near_attributes(const mpinn_wall *wall, const map_rows *m, size_t i, size_t j, double distance,
                            const plane *fit, float *out) {
  double x[3];
  const double far = at_least(distance, 1e-9);
  const double rise = (m->lengths[j] - m->lengths[i]) / far, guess = (m->guesses[j] - m->guesses[i]) / far;
  mpinn_subtract(m->at->points + 3 * j, m->at->points + 3 * i, x);
  out[0] = squeeze(rise);
  out[1] = (float)(10 * distance / wall->length);
  out[2] = (float)mpinn_dot(m->at->normals + 3 * i, m->at->normals + 3 * j);
  out[3] = (float)(10 * mpinn_dot(x, m->at->normals + 3 * i) / wall->length);
  out[4] = (float)(mpinn_dot(x, fit->gradient) / (far * fmax(mpinn_norm(fit->gradient), 1e-9)));
  out[5] = squeeze(guess);
  out[6] = guess != 0 ? squeeze(rise - guess) : 0;
}

static void find_means(map_rows *m) {
  m->means[0] = m->means[1] = 0;
  for (size_t i = 0; i < m->at->n; i++) {
    m->means[0] += m->lengths[i] / (double)m->at->n;
    m->means[1] += (m->lengths[i] - m->guesses[i]) / (double)m->at->n;
  }
}

/* Where a part of n things begins. */
static size_t begin(size_t n, size_t part) {
  return n * part / PARTS;
}

static void link_rows(const mpinn_wall *wall, const map_rows *m, size_t part, bool guessed, lists *l,
                      float *features) {
  const size_t wide = m->at->n_neighbours, count = neighbours_of(m->at);
  for (size_t i = begin(m->at->n, part); i < begin(m->at->n, part + 1); i++) {
    const int32_t *found = m->at->neighbour + i * wide;
    const double *distance = m->at->distance + i * wide;
    planes fit = {.near = fit_plane(m, m->lengths, i, count, found, distance)};
    fit.wide = fit_plane(m, m->lengths, i, wide, found, distance);
    if (guessed) fit.guess = fit_plane(m, m->guesses, i, count, found, distance);
    float *out = features + MPINN_OBSERVED_FEATURES * (m->row + i);
    node_features(wall, m, i, &fit, out);
    if (!guessed) out[9] = 0;
    for (size_t e = 0; e < count; e++) {
      const size_t link = m->link + i * count + e;
      near_attributes(wall, m, i, (size_t)found[e], distance[e], &fit.near,
                      l->attribute + MPINN_NEAR_ATTRIBUTES * link);
      l->source[link] = (int32_t)m->row + found[e];
    }
    l->first[m->row + i + 1] = (int32_t)(m->link + (i + 1) * count);
  }
}

/* An anchor from a measured node: how they lie to each other, and how steep between them the prediction is.
 */
static void link_anchor(const map_rows *m, size_t anchor, float *attribute) {
  const mpinn_placement *at = m->at;
  for (size_t e = anchor * at->n_nearest; e < (anchor + 1) * at->n_nearest; e++) {
    const double rise = m->anchors[anchor] - m->guesses[at->nearest[e]];
    memcpy(attribute, at->attribute + e * MPINN_PLACED_ATTRIBUTES,
           MPINN_PLACED_ATTRIBUTES * sizeof *attribute);
    attribute[MPINN_PLACED_ATTRIBUTES] =
        rise != 0 ? squeeze(rise / at_least(at->anchor_distance[e], 1e-9)) : 0;
    attribute += MPINN_ANCHOR_ATTRIBUTES;
  }
}

static void link_anchors(const mpinn_wall *wall, const map_rows *m, size_t part, lists *l, int32_t *first,
                         float *nearest) {
  const mpinn_placement *at = m->at;
  const size_t k = at->n_nearest, before = m->anchor_link, from = begin(wall->n, part),
               to = begin(wall->n, part + 1);
  memcpy(l->anchor_weight + before + from * k, at->weight + from * k, (to - from) * k * sizeof *at->weight);
  for (size_t e = from * k; e < to * k; e++) l->anchor_source[before + e] = (int32_t)m->row + at->nearest[e];
  for (size_t a = from; a < to; a++) {
    link_anchor(m, a, l->anchor_attribute + MPINN_ANCHOR_ATTRIBUTES * (before + a * k));
    first[a + 1] = (int32_t)(before + (a + 1) * k);
    nearest[a] = k > 0 ? (float)(10 * at->anchor_distance[a * k] / wall->length) : 0;
  }
}

static mpinn_status take_maps(mpinn_context *context, const mpinn_wall *wall, const mpinn_observation *given,
                              const mpinn_observed *o, map_rows *maps) {
  size_t link = 0, anchor_link = 0;
  for (size_t m = 0; m < o->n_maps; m++) {
    MPINN_TRY(take_map(context, wall, given, m, &maps[m]));
    find_means(&maps[m]);
    maps[m].row = o->first_row[m];
    maps[m].link = link;
    maps[m].anchor_link = anchor_link;
    link += maps[m].at->n * neighbours_of(maps[m].at);
    anchor_link += wall->n * maps[m].at->n_nearest;
  }
  return MPINN_OK;
}

static mpinn_status read_maps(mpinn_context *context, const mpinn_wall *wall, const mpinn_observation *given,
                              mpinn_observed *o, lists *l) {
  map_rows *maps = NULL;
  MPINN_TRY(MPINN_NEW(context, &maps, o->n_maps));
  const mpinn_status status = take_maps(context, wall, given, o, maps);
  const size_t parts = status == MPINN_OK ? o->n_maps * PARTS : 0;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < parts; i++) {
    const size_t m = i / PARTS, part = i % PARTS;
    link_rows(wall, &maps[m], part, given->predicted != NULL, l, o->features);
    link_anchors(wall, &maps[m], part, l, l->anchor_first + m * wall->n, o->distance + m * wall->n);
  }
  for (size_t m = 0; m < o->n_maps; m++) map_rows_clear(&maps[m]);
  free(maps);
  return status;
}

static mpinn_status make_plans(const mpinn_wall *wall, const lists *l, mpinn_observed *o) {
  MPINN_TRY(wall->ops->edge_plan_create(wall->backend, o->n_rows, o->n_rows, l->first, l->source,
                                        MPINN_NEAR_ATTRIBUTES, l->attribute, NULL, &o->near));
  return wall->ops->edge_plan_create(wall->backend, o->n_maps * wall->n, o->n_rows, l->anchor_first,
                                     l->anchor_source, MPINN_ANCHOR_ATTRIBUTES, l->anchor_attribute,
                                     l->anchor_weight, &o->to_anchors);
}

mpinn_status mpinn_observed_create(mpinn_context *context, const mpinn_wall *wall,
                                   const mpinn_observation *given, mpinn_observed *o) {
  const size_t n = given->n, n_maps = given->n_maps;
  lists l = {0};
  mpinn_status status;
  *o = (mpinn_observed){.n_maps = n_maps, .ops = wall->ops, .backend = wall->backend};
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &o->first_row, n_maps + 1));
  for (size_t m = 0; m < n_maps; m++) {
    for (size_t i = 0; i < n; i++) o->n_rows += !isnan(given->times[m * n + i]);
    o->first_row[m + 1] = o->n_rows;
  }
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &o->features, o->n_rows * MPINN_OBSERVED_FEATURES));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &o->distance, n_maps * wall->n));
  MPINN_TRY_GOTO(done, status, lists_create(context, o->n_rows, n_maps * wall->n, &l));
  MPINN_TRY_GOTO(done, status, read_maps(context, wall, given, o, &l));
  status = make_plans(wall, &l, o);
done:
  lists_clear(&l);
  if (status != MPINN_OK) mpinn_observed_clear(o);
  return status;
}

void mpinn_observed_clear(mpinn_observed *o) {
  if (o->near) o->ops->edge_plan_destroy(o->backend, &o->near);
  if (o->to_anchors) o->ops->edge_plan_destroy(o->backend, &o->to_anchors);
  free(o->first_row);
  free(o->features);
  free(o->distance);
  *o = (mpinn_observed){0};
}
