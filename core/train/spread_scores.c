#include "train/spread_scores.h"

#include "base/order.h"

#include <math.h>
#include <string.h>

enum { AT, CV, FIELDS };
static const double reach = 1.645; /* of a 90 % interval, in standard deviations */
static const char method[] = "meta-pinn";
static const struct {
  const char *coverage, *width, *constant, *spearman;
} metrics[FIELDS] = {{"coverage90_at", "width90_at", "constant_width90_at", "spearman_at"},
                     {"coverage90_cv", "width90_cv", "constant_width90_cv", "spearman_cv"}};

/* ---- rank correlation ---- */

typedef struct ranked {
  float value;
  size_t index;
} ranked;

static int compare_ranked(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->value != y->value) return x->value < y->value ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* rank[n], equal values sharing the mean of theirs. */
static void rank_values(size_t n, const float *values, ranked *room, double *rank) {
  for (size_t i = 0; i < n; i++) room[i] = (ranked){values[i], i};
  qsort(room, n, sizeof *room, compare_ranked);
  for (size_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && !(room[end].value > room[i].value);) end++;
    for (size_t j = i; j < end; j++) rank[room[j].index] = 0.5 * (double)(i + end - 1);
  }
}

static double correlation(size_t n, const double *a, const double *b) {
  const double mean = 0.5 * (double)(n - 1); /* of ranks */
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < n; i++) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static mpinn_status spearman(mpinn_context *context, size_t n, const float *a, const float *b,
                             double *value) {
  ranked *room = NULL;
  double *ranks = NULL;
  mpinn_status status = MPINN_NEW(context, &room, n);
  if (status == MPINN_OK) status = MPINN_NEW(context, &ranks, 2 * n);
  if (status == MPINN_OK) {
    rank_values(n, a, room, ranks);
    rank_values(n, b, room, ranks + n);
    *value = correlation(n, ranks, ranks + n);
  }
  free(room);
  free(ranks);
  return status;
}

/* ---- one map ---- */

static mpinn_status make_room(mpinn_context *context, size_t n, mpinn_spread_pool *pool) {
  if (pool->n + n <= pool->room) return MPINN_OK;
  const size_t room = 2 * (pool->n + n);
  for (int f = 0; f < FIELDS; f++) {
    float *more = realloc(pool->error[f], room * sizeof *more);
    if (!more) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the errors of %zu nodes", room);
    pool->error[f] = more;
  }
  pool->room = room;
  return MPINN_OK;
}

static mpinn_status score_field(mpinn_context *context, const mpinn_spread_case *c, int field,
                                const float *value, const float *sd, mpinn_spread_pool *pool,
                                mpinn_scores *scores) {
  const size_t k = c->input->n_context;
  float *error = pool->error[field] + pool->n;
  double width = 0, rank = NAN;
  size_t held = 0;
  for (size_t i = 0; i < c->n; i++) {
    error[i] = fabsf(value[i] - c->truth[field][i]);
    held += (double)error[i] <= reach * (double)sd[i];
    width += 2 * reach * (double)sd[i] / (double)c->n;
  }
  MPINN_TRY(spearman(context, c->n, sd, error, &rank));
  pool->held[field] += held;
  mpinn_scores_add(scores, method, metrics[field].coverage, "all", k, (double)held / (double)c->n);
  mpinn_scores_add(scores, method, metrics[field].width, "all", k, width);
  mpinn_scores_add(scores, method, metrics[field].constant, "all", k, NAN); /* known at the end */
  mpinn_scores_add(scores, method, metrics[field].spearman, "all", k, rank);
  return MPINN_OK;
}

mpinn_status mpinn_score_spread(mpinn_context *context, const mpinn_spread_case *c, mpinn_spread_pool *pool,
                                mpinn_scores *scores) {
  float *fields = NULL;
  mpinn_status status;
  MPINN_TRY(make_room(context, c->n, pool));
  MPINN_TRY(MPINN_NEW(context, &fields, 4 * c->n));
  float *at = fields, *cv = fields + c->n, *at_sd = fields + 2 * c->n, *cv_sd = fields + 3 * c->n;
  MPINN_TRY_GOTO(done, status, mpinn_twin_evaluate(context, c->twin, c->n, c->points, at, NULL, cv, NULL));
  const double start = mpinn_seconds();
  MPINN_TRY_GOTO(
      done, status,
      mpinn_personalize_spread(context, c->model, c->input, c->twin, c->n, c->points, at_sd, cv_sd));
  mpinn_scores_add(scores, method, "seconds_uncertainty", "all", c->input->n_context,
                   mpinn_seconds() - start);
  MPINN_TRY_GOTO(done, status, score_field(context, c, AT, at, at_sd, pool, scores));
  MPINN_TRY_GOTO(done, status, score_field(context, c, CV, cv, cv_sd, pool, scores));
  pool->n += c->n;
done:
  free(fields);
  return status;
}

/* ---- all maps ---- */

void mpinn_score_spread_pool(mpinn_spread_pool *pool, size_t k, mpinn_scores *scores) {
  for (int f = 0; f < FIELDS && pool->n > 0; f++) {
    qsort(pool->error[f], pool->n, sizeof *pool->error[f], mpinn_compare_floats);
    const double half = pool->held[f] > 0 ? (double)pool->error[f][pool->held[f] - 1] : 0;
    mpinn_scores_add(scores, method, metrics[f].constant, "all", k, 2 * half);
  }
}

void mpinn_spread_pool_clear(mpinn_spread_pool *pool) {
  for (int f = 0; f < FIELDS; f++) free(pool->error[f]);
  *pool = (mpinn_spread_pool){.n = 0};
}
