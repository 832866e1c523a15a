#include "model/observed.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

enum { NEAR = 8, TO_ANCHOR = 12 };

/* One map's measured nodes. */
typedef struct map_rows {
  size_t n;
  double *points; /* [n][3], mm */
  double *normals;
  double *lengths; /* [n] times as lengths, mm */
  double *guesses; /* [n] predicted times as lengths; 0 where there are none */
  double *anchors; /* [anchors] the same there */
  mpinn_point_tree *tree;
} map_rows;

/* What the plans are made of, for all maps. */
typedef struct lists {
  size_t rows, links, anchor_links;
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
  MPINN_TRY(MPINN_NEW(context, &l->source, rows * NEAR));
  MPINN_TRY(MPINN_NEW(context, &l->attribute, rows * NEAR * MPINN_NEAR_ATTRIBUTES));
  MPINN_TRY(MPINN_NEW(context, &l->anchor_first, anchor_rows + 1));
  MPINN_TRY(MPINN_NEW(context, &l->anchor_source, anchor_rows * TO_ANCHOR));
  MPINN_TRY(MPINN_NEW(context, &l->anchor_attribute, anchor_rows * TO_ANCHOR * MPINN_ANCHOR_ATTRIBUTES));
  return MPINN_NEW(context, &l->anchor_weight, anchor_rows * TO_ANCHOR);
}

static void map_rows_clear(map_rows *m) {
  free(m->points);
  free(m->normals);
  free(m->lengths);
  free(m->guesses);
  free(m->anchors);
  mpinn_point_tree_destroy(&m->tree);
}

static mpinn_status take_map(mpinn_context *context, const mpinn_wall *wall, const mpinn_observation *given,
                             size_t map, map_rows *m) {
  const size_t n = given->n;
  *m = (map_rows){0};
  MPINN_TRY(MPINN_NEW(context, &m->points, 3 * n));
  MPINN_TRY(MPINN_NEW(context, &m->normals, 3 * n));
  MPINN_TRY(MPINN_NEW(context, &m->lengths, n));
  MPINN_TRY(MPINN_NEW(context, &m->guesses, n));
  MPINN_TRY(MPINN_NEW(context, &m->anchors, wall->n));
  for (size_t i = 0; i < n; i++) {
    if (isnan(given->times[map * n + i])) continue;
    memcpy(m->points + 3 * m->n, given->points + 3 * i, 3 * sizeof *m->points);
    mpinn_wall_normal(wall, given->points + 3 * i, m->normals + 3 * m->n);
    if (given->predicted) m->guesses[m->n] = given->speed * (double)given->predicted[map * n + i];
    m->lengths[m->n++] = given->speed * (double)given->times[map * n + i];
  }
  for (size_t a = 0; given->predicted && a < wall->n; a++)
    m->anchors[a] = given->speed * (double)given->anchors[map * wall->n + a];
  return mpinn_point_tree_create(context, m->n, m->points, &m->tree);
}

/* Keeps the sign and the order of a slope, and large ones small: in a scar they are six times those
 * elsewhere. */
static float squeeze(double slope) {
  return (float)copysign(log1p(fabs(slope)), slope);
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
    const double far = fmax(distance[e], 1e-9), rise = (lengths[found[e]] - lengths[i]) / far;
    mpinn_subtract(m->points + 3 * found[e], m->points + 3 * i, x);
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
    const double far = fmax(distance[e], 1e-9), rise = (lengths[found[e]] - lengths[i]) / far;
    mpinn_subtract(m->points + 3 * found[e], m->points + 3 * i, x);
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

static double norm(const double a[3]) {
  return sqrt(mpinn_dot(a, a));
}

/* means: of the map's times, and of what the prediction leaves of them. */
static void node_features(const mpinn_wall *wall, const map_rows *m, size_t i, const planes *fit,
                          const double means[2], float *out) {
  const double slope = norm(fit->near.gradient), guess = norm(fit->guess.gradient);
  double left[3];
  mpinn_subtract(fit->near.gradient, fit->guess.gradient, left);
  out[0] = squeeze(slope);
  out[1] = squeeze(norm(fit->wide.gradient));
  out[2] = (float)fmin(1 / fmax(slope, 0.05), 5) / 3;
  out[3] = (float)fit->near.misfit;
  out[4] = (float)(10 * fit->near.spacing / wall->length);
  out[5] = (float)((m->lengths[i] - means[0]) / wall->length);
  out[6] = squeeze(guess);
  out[7] = squeeze(mpinn_dot(fit->near.gradient, fit->guess.gradient) / fmax(guess, 1e-6));
  out[8] = guess > 0 ? squeeze(norm(left)) : 0;
  out[9] = (float)((m->lengths[i] - m->guesses[i] - means[1]) / wall->length);
}

/* Slopes measured, predicted and left; distance, how the surface turns, how deep the neighbour lies, and how
 * far it goes with the wave. */
static void near_attributes(const mpinn_wall *wall, const map_rows *m, size_t i, size_t j, double distance,
                            const plane *fit, float *out) {
  double x[3];
  const double far = fmax(distance, 1e-9);
  const double rise = (m->lengths[j] - m->lengths[i]) / far, guess = (m->guesses[j] - m->guesses[i]) / far;
  mpinn_subtract(m->points + 3 * j, m->points + 3 * i, x);
  out[0] = squeeze(rise);
  out[1] = (float)(10 * distance / wall->length);
  out[2] = (float)mpinn_dot(m->normals + 3 * i, m->normals + 3 * j);
  out[3] = (float)(10 * mpinn_dot(x, m->normals + 3 * i) / wall->length);
  out[4] = (float)(mpinn_dot(x, fit->gradient) / (far * fmax(norm(fit->gradient), 1e-9)));
  out[5] = squeeze(guess);
  out[6] = guess != 0 ? squeeze(rise - guess) : 0;
}

static void find_means(const map_rows *m, double means[2]) {
  means[0] = means[1] = 0;
  for (size_t i = 0; i < m->n; i++) {
    means[0] += m->lengths[i] / (double)m->n;
    means[1] += (m->lengths[i] - m->guesses[i]) / (double)m->n;
  }
}

static void link_rows(const mpinn_wall *wall, const map_rows *m, bool guessed, size_t first_row, lists *l,
                      float *features) {
  enum { WIDE = 2 * NEAR };
  double means[2];
  find_means(m, means);
  for (size_t i = 0; i < m->n; i++) {
    int32_t found[WIDE];
    double distance[WIDE];
    const size_t wide =
        mpinn_point_tree_nearest(m->tree, m->points + 3 * i, (int32_t)i, WIDE, found, distance);
    const size_t count = wide < NEAR ? wide : NEAR;
    planes fit = {.near = fit_plane(m, m->lengths, i, count, found, distance)};
    fit.wide = fit_plane(m, m->lengths, i, wide, found, distance);
    if (guessed) fit.guess = fit_plane(m, m->guesses, i, count, found, distance);
    float *out = features + MPINN_OBSERVED_FEATURES * (first_row + i);
    node_features(wall, m, i, &fit, means, out);
    if (!guessed) out[9] = 0;
    for (size_t e = 0; e < count; e++) {
      near_attributes(wall, m, i, (size_t)found[e], distance[e], &fit.near,
                      l->attribute + MPINN_NEAR_ATTRIBUTES * l->links);
      l->source[l->links++] = (int32_t)first_row + found[e];
    }
    l->first[first_row + i + 1] = (int32_t)l->links;
  }
}

/* An anchor from a measured node: how far, how deep under it, how far along the surface, and how steep
 * between them the prediction is. */
static void link_anchors(const mpinn_wall *wall, const map_rows *m, size_t map, size_t first_row, lists *l,
                         float *nearest) {
  for (size_t a = 0; a < wall->n; a++) {
    int32_t found[TO_ANCHOR];
    double distance[TO_ANCHOR], sum = 0;
    const double scale = 10 / wall->length;
    const size_t count =
        mpinn_point_tree_nearest(m->tree, wall->anchors + 3 * a, -1, TO_ANCHOR, found, distance);
    for (size_t e = 0; e < count; e++) sum += exp(scale * (distance[0] - distance[e]));
    for (size_t e = 0; e < count; e++) {
      double x[3];
      mpinn_subtract(wall->anchors + 3 * a, m->points + 3 * found[e], x);
      const double depth = mpinn_dot(x, m->normals + 3 * found[e]);
      float *out = l->anchor_attribute + MPINN_ANCHOR_ATTRIBUTES * l->anchor_links;
      out[0] = (float)(scale * distance[e]);
      out[1] = (float)(scale * depth);
      out[2] = (float)(scale * sqrt(fmax(0, distance[e] * distance[e] - depth * depth)));
      out[3] = squeeze((m->anchors[a] - m->guesses[found[e]]) / fmax(distance[e], 1e-9));
      l->anchor_weight[l->anchor_links] = (float)(exp(scale * (distance[0] - distance[e])) / sum);
      l->anchor_source[l->anchor_links++] = (int32_t)first_row + found[e];
    }
    l->anchor_first[map * wall->n + a + 1] = (int32_t)l->anchor_links;
    nearest[map * wall->n + a] = count > 0 ? (float)(scale * distance[0]) : 0;
  }
}

static mpinn_status read_maps(mpinn_context *context, const mpinn_wall *wall, const mpinn_observation *given,
                              mpinn_observed *o, lists *l) {
  for (size_t m = 0; m < o->n_maps; m++) {
    map_rows rows;
    const mpinn_status status = take_map(context, wall, given, m, &rows);
    if (status == MPINN_OK) {
      link_rows(wall, &rows, given->predicted != NULL, o->first_row[m], l, o->features);
      link_anchors(wall, &rows, m, o->first_row[m], l, o->distance);
    }
    map_rows_clear(&rows);
    MPINN_TRY(status);
  }
  return MPINN_OK;
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
