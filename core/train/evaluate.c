#include "metapinn/train.h"

#include "metapinn/metrics.h"
#include "metapinn/twin.h"
#include "train/data.h"
#include "train/scores.h"

#include <math.h>
#include <string.h>

/* A subject as a protocol tests it. */
typedef struct tested {
  const mpinn_subject *subject;
  size_t n_wall, n_measured, n_train, n_test;
  size_t *measured, *train_maps, *test_maps;
  double *surface;     /* [n_measured][3] */
  double *interior;    /* [n_wall][3], random points inside cells */
  float *cv, *mean_cv; /* [n_wall]: true, and the mean over the training subjects on this mesh */
} tested;

typedef struct protocol_run {
  const mpinn_model *model;
  const mpinn_evaluation *options;
  size_t n_subjects;
  tested *subjects;
  mpinn_scores scores;
} protocol_run;

/* ---- making ready ---- */

static void tested_clear(tested *t) {
  free(t->measured);
  free(t->train_maps);
  free(t->test_maps);
  free(t->surface);
  free(t->interior);
  free(t->cv);
  free(t->mean_cv);
}

/* Uniform in a random usable cell, by sorted uniform numbers as barycentric coordinates. */
static void random_interior_point(const mpinn_mesh *mesh, mpinn_random *random, double point[3]) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const double *points = mpinn_mesh_points(mesh);
  size_t cell = 0;
  do cell = mpinn_random_below(random, mpinn_mesh_cell_count(mesh));
  while (!mpinn_mesh_cell_usable(mesh)[cell]);
  double weight[4], sum = 0;
  for (size_t v = 0; v < corners; v++) sum += weight[v] = -log(1 - mpinn_random_uniform(random, 0, 1));
  memset(point, 0, 3 * sizeof *point);
  for (size_t v = 0; v < corners; v++) {
    const double *corner = points + 3 * (size_t)mpinn_mesh_cells(mesh)[cell * corners + v];
    for (int d = 0; d < 3; d++) point[d] += weight[v] / sum * corner[d];
  }
}

static mpinn_status read_measured(mpinn_context *context, tested *t) {
  const mpinn_array *array = mpinn_subject_find(t->subject, "measured", MPINN_NODES);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(t->subject));
  if (!array)
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "A subject of the data set has no node array 'measured'");
  MPINN_TRY(MPINN_NEW(context, &t->measured, t->n_wall));
  for (size_t i = 0; i < t->n_wall; i++)
    if (mpinn_array_get(array, i, 0) != 0) t->measured[t->n_measured++] = i;
  MPINN_TRY(MPINN_NEW(context, &t->surface, 3 * t->n_measured));
  for (size_t i = 0; i < t->n_measured; i++)
    memcpy(t->surface + 3 * i, points + 3 * t->measured[i], 3 * sizeof *points);
  return MPINN_OK;
}

static mpinn_status read_tested(mpinn_context *context, const mpinn_subject *subject, mpinn_random *random,
                                tested *t) {
  const mpinn_array *cv = mpinn_subject_find(subject, "CV", MPINN_NODES);
  const size_t n_maps = mpinn_subject_map_count(subject);
  t->subject = subject;
  t->n_wall = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  if (!cv || !mpinn_subject_find(subject, "origins", MPINN_FIELD))
    return mpinn_fail(
        context, MPINN_ERROR_FORMAT,
        "A subject of the data set lacks its truth: expected node array 'CV' and field array 'origins'");
  MPINN_TRY(read_measured(context, t));
  MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(subject, "train_maps"), n_maps, &t->n_train,
                             &t->train_maps));
  MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(subject, "test_maps"), n_maps, &t->n_test,
                             &t->test_maps));
  MPINN_TRY(MPINN_NEW(context, &t->cv, t->n_wall));
  MPINN_TRY(MPINN_NEW(context, &t->mean_cv, t->n_wall));
  MPINN_TRY(MPINN_NEW(context, &t->interior, 3 * t->n_wall));
  for (size_t i = 0; i < t->n_wall; i++) {
    t->cv[i] = (float)mpinn_array_get(cv, i, 0);
    random_interior_point(mpinn_subject_mesh(subject), random, t->interior + 3 * i);
  }
  return MPINN_OK;
}

static bool same_mesh(const tested *a, const tested *b) {
  return a->n_wall == b->n_wall &&
         memcmp(mpinn_mesh_points(mpinn_subject_mesh(a->subject)),
                mpinn_mesh_points(mpinn_subject_mesh(b->subject)), 3 * a->n_wall * sizeof(double)) == 0;
}

static void average_cv(protocol_run *run) {
  for (size_t s = 0; s < run->n_subjects; s++) {
    tested *t = &run->subjects[s];
    float count = 0;
    for (size_t other = 0; other < run->n_subjects; other++) {
      if (!same_mesh(t, &run->subjects[other])) continue;
      for (size_t i = 0; i < t->n_wall; i++) t->mean_cv[i] += run->subjects[other].cv[i];
      count++;
    }
    for (size_t i = 0; i < t->n_wall; i++) t->mean_cv[i] /= count;
  }
}

static const mpinn_array *map_array(const tested *t, size_t map) {
  char name[16];
  mpinn_subject_map_name(map, name);
  return mpinn_subject_find(t->subject, name, MPINN_NODES);
}

/* ---- the model ---- */

static mpinn_status measured_values(mpinn_context *context, const tested *t, size_t map, double **values) {
  const mpinn_array *array = map_array(t, map);
  MPINN_TRY(MPINN_NEW(context, values, t->n_measured));
  for (size_t i = 0; i < t->n_measured; i++) (*values)[i] = mpinn_array_get(array, t->measured[i], 0);
  return MPINN_OK;
}

/* k of the subject's other test maps. */
static mpinn_status draw_contexts(mpinn_context *context, const tested *t, size_t query, size_t k,
                                  mpinn_random *random, double **values) {
  size_t *others = NULL, n = 0;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &others, t->n_test));
  for (size_t i = 0; i < t->n_test; i++)
    if (t->test_maps[i] != query) others[n++] = t->test_maps[i];
  mpinn_random_shuffle(random, n, others);
  for (size_t i = 0; i < k && status == MPINN_OK; i++)
    status = measured_values(context, t, others[i], &values[i]);
  free(others);
  return status;
}

/* The eikonal equation on the twin's velocity, cv at the wall's nodes, from the origin that the query's early
 * part has. */
static mpinn_status score_eikonal(mpinn_context *context, protocol_run *run, const tested *t, size_t query,
                                  const float *truth, const mpinn_twin *twin, const float *cv, float *at) {
  const size_t n = t->n_wall, k = run->options->k;
  static const char method[] = "meta-pinn";
  const mpinn_array *origins = mpinn_subject_find(t->subject, "origins", MPINN_FIELD);
  const double start = mpinn_seconds();
  double squared = 0;
  mpinn_origin origin;
  MPINN_TRY(mpinn_twin_eikonal(context, twin, mpinn_subject_mesh(t->subject), cv, NULL, &origin, at));
  const double seconds = mpinn_seconds() - start;
  for (size_t d = 0; d < 3; d++) {
    const double off = origin.site.position[d] - mpinn_array_get(origins, query, d);
    squared += off * off;
  }
  mpinn_scores_add(&run->scores, method, "at_scc_eikonal", "all", k, mpinn_scc(n, at, truth));
  mpinn_scores_add(&run->scores, method, "at_mae_eikonal", "all", k, mpinn_mean_absolute_error(n, at, truth));
  mpinn_scores_add(&run->scores, method, "origin_error_mm", "all", k, sqrt(squared));
  mpinn_scores_add(&run->scores, method, "seconds_eikonal", "all", k, seconds);
  return MPINN_OK;
}

static mpinn_status score_twin(mpinn_context *context, protocol_run *run, const tested *t, size_t query,
                               const float *truth, const mpinn_twin *twin, float *fields) {
  const size_t n = t->n_wall, k = run->options->k;
  float *at = fields, *cv = fields + n, *residual = fields + 2 * n;
  static const char method[] = "meta-pinn";
  const double start = mpinn_seconds();
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mpinn_subject_mesh(t->subject)), at, NULL,
                                cv, residual));
  const double seconds = mpinn_twin_get_info(twin).seconds + mpinn_seconds() - start;
  mpinn_scores_add_at(&run->scores, method, k, n, at, truth);
  mpinn_scores_add_cv(&run->scores, method, k, n, cv, t->cv);
  mpinn_scores_add(&run->scores, method, "residual_msq", "nodes", k, mpinn_mean_square(n, residual));
  mpinn_scores_add(&run->scores, method, "residual_abs", "nodes", k, mpinn_mean_absolute(n, residual));
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, t->interior, NULL, NULL, NULL, residual));
  mpinn_scores_add(&run->scores, method, "residual_msq", "interior", k, mpinn_mean_square(n, residual));
  mpinn_scores_add(&run->scores, method, "residual_abs", "interior", k, mpinn_mean_absolute(n, residual));
  mpinn_scores_add(&run->scores, method, "seconds", "all", k, seconds);
  return score_eikonal(context, run, t, query, truth, twin, cv, at);
}

static mpinn_status run_model(mpinn_context *context, protocol_run *run, const tested *t, size_t query,
                              const float *truth, mpinn_random *random, float *fields) {
  const size_t k = run->options->k;
  double **values = NULL; /* contexts, then the query */
  mpinn_map *maps = NULL;
  mpinn_twin *twin = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &values, k + 1));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &maps, k + 1));
  MPINN_TRY_GOTO(done, status, draw_contexts(context, t, query, k, random, values));
  MPINN_TRY_GOTO(done, status, measured_values(context, t, query, &values[k]));
  for (size_t m = 0; m <= k; m++) maps[m] = (mpinn_map){m < k ? "context" : "query", values[m]};
  const mpinn_personalization input = {.heart = t->subject,
                                       .n_surface = t->n_measured,
                                       .surface = t->surface,
                                       .n_context = k,
                                       .context = maps,
                                       .query = &maps[k]};
  MPINN_TRY_GOTO(done, status, mpinn_personalize(context, run->model, &input, &twin));
  status = score_twin(context, run, t, query, truth, twin, fields);
done:
  mpinn_twin_destroy(&twin);
  for (size_t m = 0; values && m <= k; m++) free(values[m]);
  free(values);
  free(maps);
  return status;
}

/* ---- rows that know nothing or only remember ---- */

static mpinn_status solve_known_origin(mpinn_context *context, const tested *t,
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

/* Healthy CV everywhere, and the mean training CV, both with the true origin. */
static mpinn_status run_know_nothing(mpinn_context *context, protocol_run *run, const tested *t, size_t query,
                                     const float *truth, float *fields) {
  const size_t n = t->n_wall, k = run->options->k;
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  for (size_t i = 0; i < n; i++) fields[i] = (float)velocity.uniform;
  mpinn_scores_add_cv(&run->scores, "healthy", k, n, fields, t->cv);
  MPINN_TRY(solve_known_origin(context, t, &velocity, query, fields));
  mpinn_scores_add_at(&run->scores, "healthy", k, n, fields, truth);
  velocity.association = MPINN_NODES;
  velocity.speed = t->mean_cv;
  mpinn_scores_add_cv(&run->scores, "mean-cv", k, n, t->mean_cv, t->cv);
  MPINN_TRY(solve_known_origin(context, t, &velocity, query, fields));
  mpinn_scores_add_at(&run->scores, "mean-cv", k, n, fields, truth);
  return MPINN_OK;
}

static double early_difference(const tested *t, const mpinn_array *a, const mpinn_array *b,
                               const bool *early) {
  double sum = 0;
  for (size_t i = 0; i < t->n_measured; i++) {
    const double d = mpinn_array_get(a, t->measured[i], 0) - mpinn_array_get(b, t->measured[i], 0);
    if (early[i]) sum += d * d;
  }
  return sum;
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* early[i]: measured node i is among the first fifth of the query to activate. */
static mpinn_status mark_early(mpinn_context *context, const tested *t, const mpinn_array *query,
                               bool *early) {
  double *times = NULL;
  MPINN_TRY(MPINN_NEW(context, &times, t->n_measured));
  for (size_t i = 0; i < t->n_measured; i++) times[i] = mpinn_array_get(query, t->measured[i], 0);
  qsort(times, t->n_measured, sizeof *times, compare_doubles);
  const double latest = times[(t->n_measured + 4) / 5 - 1];
  for (size_t i = 0; i < t->n_measured; i++) early[i] = mpinn_array_get(query, t->measured[i], 0) <= latest;
  free(times);
  return MPINN_OK;
}

/* The fields of the training map that is most like the query where the query is known. */
static mpinn_status run_nearest(mpinn_context *context, protocol_run *run, const tested *t, size_t query,
                                const float *truth, float *fields) {
  const size_t n = t->n_wall, k = run->options->k;
  const mpinn_array *known = map_array(t, query), *nearest = NULL;
  const tested *owner = NULL;
  double least = INFINITY;
  bool *early = NULL;
  MPINN_TRY(MPINN_NEW(context, &early, t->n_measured));
  const mpinn_status status = mark_early(context, t, known, early);
  for (size_t s = 0; s < run->n_subjects && status == MPINN_OK; s++) {
    const tested *other = &run->subjects[s];
    for (size_t m = 0; same_mesh(t, other) && m < other->n_train; m++) {
      const mpinn_array *map = map_array(other, other->train_maps[m]);
      const double difference = early_difference(t, known, map, early);
      if (difference < least) {
        least = difference;
        nearest = map;
        owner = other;
      }
    }
  }
  free(early);
  if (status != MPINN_OK || !nearest) return status;
  for (size_t i = 0; i < n; i++) fields[i] = (float)mpinn_array_get(nearest, i, 0);
  mpinn_scores_add_at(&run->scores, "nearest-subject", k, n, fields, truth);
  mpinn_scores_add_cv(&run->scores, "nearest-subject", k, n, owner->cv, t->cv);
  return MPINN_OK;
}

/* ---- the protocol ---- */

static mpinn_status run_subject(mpinn_context *context, protocol_run *run, const tested *t,
                                mpinn_random *random) {
  const size_t n = t->n_wall;
  float *buffer = NULL;
  mpinn_status status = MPINN_OK;
  if (t->n_test <= run->options->k)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A subject has %zu test maps; k = %zu needs at least %zu", t->n_test, run->options->k,
                      run->options->k + 1);
  MPINN_TRY(MPINN_NEW(context, &buffer, 4 * n));
  float *truth = buffer, *fields = buffer + n;
  for (size_t q = 0; q < t->n_test; q++) {
    const size_t query = t->test_maps[q];
    const mpinn_array *array = map_array(t, query);
    for (size_t i = 0; i < n; i++) truth[i] = (float)mpinn_array_get(array, i, 0);
    MPINN_TRY_GOTO(done, status, run_model(context, run, t, query, truth, random, fields));
    MPINN_TRY_GOTO(done, status, run_know_nothing(context, run, t, query, truth, fields));
    MPINN_TRY_GOTO(done, status, run_nearest(context, run, t, query, truth, fields));
  }
done:
  free(buffer);
  return status;
}

static mpinn_status run_protocol(mpinn_context *context, mpinn_subject *const *subjects, protocol_run *run) {
  mpinn_random random;
  mpinn_random_seed(&random, run->options->seed);
  MPINN_TRY(MPINN_NEW(context, &run->subjects, run->n_subjects));
  for (size_t s = 0; s < run->n_subjects; s++)
    MPINN_TRY(read_tested(context, subjects[s], &random, &run->subjects[s]));
  average_cv(run);
  for (size_t s = 0; s < run->n_subjects; s++) {
    const double n = (double)run->n_subjects;
    MPINN_TRY(mpinn_progress(context, (double)s / n, "evaluating"));
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)s / n, (double)s / n);
    const mpinn_status status = run_subject(context, run, &run->subjects[s], &random);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(status);
  }
  return MPINN_OK;
}

mpinn_status mpinn_evaluate(mpinn_context *context, const mpinn_model *model, size_t n_subjects,
                            mpinn_subject *const *subjects, const mpinn_evaluation *evaluation,
                            size_t *n_rows, mpinn_result_row **rows) {
  protocol_run *run = NULL;
  *rows = NULL;
  if (strcmp(evaluation->protocol, "paper") != 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Protocol '%s' is not known; expected 'paper'",
                      evaluation->protocol);
  if (evaluation->k == 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "k is 0; expected at least one context map");
  MPINN_TRY(MPINN_NEW(context, &run, 1));
  run->model = model;
  run->options = evaluation;
  run->n_subjects = n_subjects;
  mpinn_status status = run_protocol(context, subjects, run);
  if (status == MPINN_OK) status = mpinn_scores_finish(context, &run->scores, n_rows, rows);
  for (size_t s = 0; run->subjects && s < n_subjects; s++) tested_clear(&run->subjects[s]);
  free(run->subjects);
  free(run);
  return status;
}
