#include "train/remember.h"

#include "base/order.h"
#include "metapinn/eikonal.h"
#include "metapinn/frame.h"

#include <math.h>
#include <string.h>

/* ---- what the training knew ---- */

void mpinn_memory_clear(mpinn_memory *memory) {
  for (size_t i = 0; memory->nearest && i < memory->n_known; i++)
    if (i == 0 || memory->nearest[i] != memory->nearest[i - 1]) free(memory->nearest[i]);
  free(memory->nearest);
  free(memory->known);
  free(memory->mean_cv);
  *memory = (mpinn_memory){0};
}

static mpinn_status choose_known(mpinn_context *context, const mpinn_tested *t, size_t n_training,
                                 const mpinn_tested *training, mpinn_memory *memory) {
  MPINN_TRY(MPINN_NEW(context, &memory->known, n_training));
  MPINN_TRY(MPINN_NEW(context, &memory->nearest, n_training));
  for (size_t s = 0; s < n_training; s++)
    if (mpinn_tested_same_mesh(t, &training[s])) memory->known[memory->n_known++] = &training[s];
  if (memory->n_known == 0)
    while (memory->n_known < n_training) {
      memory->known[memory->n_known] = &training[memory->n_known];
      memory->n_known++;
    }
  return MPINN_OK;
}

static mpinn_status in_frame(mpinn_context *context, const mpinn_tested *t, double **points) {
  mpinn_frame frame;
  MPINN_TRY(mpinn_frame_estimate(context, t->subject, &frame));
  MPINN_TRY(MPINN_NEW(context, points, 3 * t->n_wall));
  mpinn_frame_apply(&frame, t->n_wall, mpinn_mesh_points(mpinn_subject_mesh(t->subject)), *points);
  return MPINN_OK;
}

/* nearest[n]: which of others[n_others][3] is the nearest to each of points[n][3]. */
static void find_nearest(mpinn_context *context, size_t n, const double *points, size_t n_others,
                         const double *others, size_t *nearest) {
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < n; i++) {
    const double *x = points + 3 * i;
    double least = INFINITY;
    for (size_t j = 0; j < n_others; j++) {
      const double *y = others + 3 * j;
      const double d =
          (x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) + (x[2] - y[2]) * (x[2] - y[2]);
      if (d >= least) continue;
      least = d;
      nearest[i] = j;
    }
  }
}

/* Known subjects of one heart follow one another and share their table. */
static mpinn_status carry_over(mpinn_context *context, const mpinn_tested *t, mpinn_memory *memory) {
  double *points = NULL, *others = NULL;
  mpinn_status status = in_frame(context, t, &points);
  for (size_t i = 0; i < memory->n_known && status == MPINN_OK; i++) {
    const mpinn_tested *known = memory->known[i];
    if (i > 0 && mpinn_tested_same_mesh(known, memory->known[i - 1])) {
      memory->nearest[i] = memory->nearest[i - 1];
      continue;
    }
    status = in_frame(context, known, &others);
    if (status == MPINN_OK) status = MPINN_NEW(context, &memory->nearest[i], t->n_wall);
    if (status == MPINN_OK)
      find_nearest(context, t->n_wall, points, known->n_wall, others, memory->nearest[i]);
    free(others);
    others = NULL;
  }
  free(points);
  return status;
}

/* Node by node on the very heart, in the order of the subjects. */
static void average_nodes(const mpinn_tested *t, mpinn_memory *memory) {
  for (size_t s = 0; s < memory->n_known; s++)
    for (size_t i = 0; i < t->n_wall; i++) memory->mean_cv[i] += memory->known[s]->cv[i];
  for (size_t i = 0; i < t->n_wall; i++) memory->mean_cv[i] /= (float)memory->n_known;
}

static void average_all(const mpinn_tested *t, mpinn_memory *memory) {
  double sum = 0, count = 0;
  for (size_t s = 0; s < memory->n_known; s++)
    for (size_t i = 0; i < memory->known[s]->n_wall; i++, count++) sum += (double)memory->known[s]->cv[i];
  for (size_t i = 0; i < t->n_wall; i++) memory->mean_cv[i] = (float)(sum / count);
}

mpinn_status mpinn_memory_create(mpinn_context *context, const mpinn_tested *t, size_t n_training,
                                 const mpinn_tested *training, mpinn_memory *memory) {
  *memory = (mpinn_memory){0};
  mpinn_status status = choose_known(context, t, n_training, training, memory);
  if (status == MPINN_OK) status = MPINN_NEW(context, &memory->mean_cv, t->n_wall);
  if (status == MPINN_OK && memory->n_known > 0) {
    if (mpinn_tested_same_mesh(t, memory->known[0])) {
      average_nodes(t, memory);
    } else {
      average_all(t, memory);
      status = carry_over(context, t, memory);
    }
  }
  if (status != MPINN_OK) mpinn_memory_clear(memory);
  return status;
}

/* ---- healthy and mean velocity ---- */

static mpinn_status solve_known_origin(mpinn_context *context, const mpinn_tested *t,
                                       const mpinn_velocity *velocity, size_t map, float *at) {
  const mpinn_array *origins = mpinn_subject_find(t->subject, "origins", MPINN_FIELD);
  mpinn_site site = {.onset = mpinn_array_get(origins, map, 3)};
  mpinn_eikonal *solver = NULL;
  for (size_t d = 0; d < 3; d++) site.position[d] = mpinn_array_get(origins, map, d);
  MPINN_TRY(mpinn_eikonal_create(context, mpinn_subject_mesh(t->subject), velocity, &solver));
  const mpinn_status status = mpinn_eikonal_solve(context, solver, 1, &site, at);
  mpinn_eikonal_destroy(&solver);
  return status;
}

static mpinn_status score_velocities(mpinn_context *context, const mpinn_tested *t,
                                     const mpinn_memory *memory, const mpinn_query *query,
                                     mpinn_scores *scores, float *fields) {
  const size_t n = t->n_wall, k = query->k;
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  for (size_t i = 0; i < n; i++) fields[i] = (float)velocity.uniform;
  mpinn_scores_add_cv(scores, "healthy", k, n, fields, t->cv);
  MPINN_TRY(solve_known_origin(context, t, &velocity, query->map, fields));
  mpinn_scores_add_at(scores, "healthy", k, n, fields, query->truth);
  if (memory->n_known == 0) return MPINN_OK;
  velocity.association = MPINN_NODES;
  velocity.speed = memory->mean_cv;
  mpinn_scores_add_cv(scores, "mean-cv", k, n, memory->mean_cv, t->cv);
  MPINN_TRY(solve_known_origin(context, t, &velocity, query->map, fields));
  mpinn_scores_add_at(scores, "mean-cv", k, n, fields, query->truth);
  return MPINN_OK;
}

/* ---- the nearest training map ---- */

/* early[i]: measured node i is among the first fifth of the query to activate. */
static mpinn_status mark_early(mpinn_context *context, const mpinn_tested *t, const mpinn_query *query,
                               bool *early) {
  double *times = NULL;
  MPINN_TRY(MPINN_NEW(context, &times, t->n_measured));
  memcpy(times, query->measured, t->n_measured * sizeof *times);
  qsort(times, t->n_measured, sizeof *times, mpinn_compare_doubles);
  const double latest = times[(t->n_measured + 4) / 5 - 1];
  for (size_t i = 0; i < t->n_measured; i++) early[i] = query->measured[i] <= latest;
  free(times);
  return MPINN_OK;
}

/* Value at a node of the tested heart. */
static double carried(const mpinn_array *map, const size_t *nearest, size_t node) {
  return mpinn_array_get(map, nearest ? nearest[node] : node, 0);
}

static double early_difference(const mpinn_tested *t, const mpinn_query *query, const mpinn_array *map,
                               const size_t *nearest, const bool *early) {
  double sum = 0;
  for (size_t i = 0; i < t->n_measured; i++) {
    const double d = query->measured[i] - carried(map, nearest, t->measured[i]);
    if (early[i]) sum += d * d;
  }
  return sum;
}

static mpinn_status score_nearest(mpinn_context *context, const mpinn_tested *t, const mpinn_memory *memory,
                                  const mpinn_query *query, mpinn_scores *scores, float *fields) {
  const size_t n = t->n_wall;
  const mpinn_array *best = NULL;
  size_t owner = 0;
  double least = INFINITY;
  bool *early = NULL;
  MPINN_TRY(MPINN_NEW(context, &early, t->n_measured));
  const mpinn_status status = mark_early(context, t, query, early);
  for (size_t s = 0; s < memory->n_known && status == MPINN_OK; s++)
    for (size_t m = 0; m < memory->known[s]->n_train; m++) {
      const mpinn_array *map = mpinn_tested_map(memory->known[s], memory->known[s]->train_maps[m]);
      const double difference = early_difference(t, query, map, memory->nearest[s], early);
      if (difference >= least) continue;
      least = difference;
      best = map;
      owner = s;
    }
  free(early);
  if (status != MPINN_OK || !best) return status;
  const size_t *nearest = memory->nearest[owner];
  for (size_t i = 0; i < n; i++) fields[i] = (float)carried(best, nearest, i);
  mpinn_scores_add_at(scores, "nearest-subject", query->k, n, fields, query->truth);
  for (size_t i = 0; i < n; i++) fields[i] = memory->known[owner]->cv[nearest ? nearest[i] : i];
  mpinn_scores_add_cv(scores, "nearest-subject", query->k, n, fields, t->cv);
  return MPINN_OK;
}

mpinn_status mpinn_score_memory(mpinn_context *context, const mpinn_tested *tested,
                                const mpinn_memory *memory, const mpinn_query *query, mpinn_scores *scores,
                                float *fields) {
  MPINN_TRY(score_velocities(context, tested, memory, query, scores, fields));
  return score_nearest(context, tested, memory, query, scores, fields);
}
