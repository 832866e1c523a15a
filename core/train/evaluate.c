#include "metapinn/train.h"

#include "base/order.h"
#include "metapinn/metrics.h"
#include "metapinn/twin.h"
#include "train/protocols.h"
#include "train/remember.h"
#include "train/spread_scores.h"

#include <math.h>
#include <string.h>

typedef struct protocol_run {
  const mpinn_model *model;
  const mpinn_evaluation *options;
  size_t k;
  double noise; /* ms */
  size_t n_subjects, n_training;
  mpinn_tested *subjects, *training; /* may be the same */
  size_t n_origins;
  double *origin_errors; /* [n_origins], mm */
  mpinn_spread_pool spread;
  mpinn_scores scores;
} protocol_run;

/* ---- the model ---- */

static mpinn_status measure(mpinn_context *context, const protocol_run *run, const mpinn_tested *t,
                            size_t map, double **values) {
  return mpinn_tested_measure(context, t, run->options->seed, (size_t)(t - run->subjects), map, run->noise,
                              values);
}

/* k of the subject's other test maps. */
static mpinn_status draw_contexts(mpinn_context *context, const protocol_run *run, const mpinn_tested *t,
                                  size_t query, mpinn_random *random, double **values) {
  size_t *others = NULL, n = 0;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &others, t->n_test));
  for (size_t i = 0; i < t->n_test; i++)
    if (t->test_maps[i] != query) others[n++] = t->test_maps[i];
  mpinn_random_shuffle(random, n, others);
  for (size_t i = 0; i < run->k && status == MPINN_OK; i++)
    status = measure(context, run, t, others[i], &values[i]);
  free(others);
  return status;
}

/* The eikonal equation on the twin's velocity, cv at the wall's nodes, from the origin that the query's early
 * part has. */
static mpinn_status score_eikonal(mpinn_context *context, protocol_run *run, const mpinn_tested *t,
                                  const mpinn_query *query, const mpinn_twin *twin, const float *cv,
                                  float *at) {
  const size_t n = t->n_wall, k = run->k;
  static const char method[] = "meta-pinn";
  const mpinn_array *origins = mpinn_subject_find(t->subject, "origins", MPINN_FIELD);
  const double start = mpinn_seconds();
  double squared = 0;
  mpinn_origin origin;
  MPINN_TRY(mpinn_twin_eikonal(context, twin, mpinn_subject_mesh(t->subject), cv, NULL, &origin, at));
  const double seconds = mpinn_seconds() - start;
  for (size_t d = 0; d < 3; d++) {
    const double off = origin.site.position[d] - mpinn_array_get(origins, query->map, d);
    squared += off * off;
  }
  mpinn_scores_add(&run->scores, method, "at_scc_eikonal", "all", k, mpinn_scc(n, at, query->truth));
  mpinn_scores_add(&run->scores, method, "at_mae_eikonal", "all", k,
                   mpinn_mean_absolute_error(n, at, query->truth));
  mpinn_scores_add(&run->scores, method, "origin_error_mm", "all", k, sqrt(squared));
  mpinn_scores_add(&run->scores, method, "origin_error_median_mm", "all", k, NAN); /* known at the end */
  run->origin_errors[run->n_origins++] = sqrt(squared);
  mpinn_scores_add(&run->scores, method, "seconds_eikonal", "all", k, seconds);
  return MPINN_OK;
}

static mpinn_status score_twin(mpinn_context *context, protocol_run *run, const mpinn_tested *t,
                               const mpinn_query *query, const mpinn_twin *twin, float *fields) {
  const size_t n = t->n_wall, k = run->k;
  float *at = fields, *cv = fields + n, *residual = fields + 2 * n;
  static const char method[] = "meta-pinn";
  const double start = mpinn_seconds();
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mpinn_subject_mesh(t->subject)), at, NULL,
                                cv, residual));
  const double seconds = mpinn_twin_get_info(twin).seconds + mpinn_seconds() - start;
  mpinn_scores_add_at(&run->scores, method, k, n, at, query->truth);
  mpinn_scores_add_cv(&run->scores, method, k, n, cv, t->cv);
  mpinn_scores_add(&run->scores, method, "residual_msq", "nodes", k, mpinn_mean_square(n, residual));
  mpinn_scores_add(&run->scores, method, "residual_abs", "nodes", k, mpinn_mean_absolute(n, residual));
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, t->interior, NULL, NULL, NULL, residual));
  mpinn_scores_add(&run->scores, method, "residual_msq", "interior", k, mpinn_mean_square(n, residual));
  mpinn_scores_add(&run->scores, method, "residual_abs", "interior", k, mpinn_mean_absolute(n, residual));
  mpinn_scores_add(&run->scores, method, "seconds", "all", k, seconds);
  return mpinn_model_has_velocity(run->model) ? score_eikonal(context, run, t, query, twin, cv, at)
                                              : MPINN_OK;
}

static mpinn_status score_model(mpinn_context *context, protocol_run *run, const mpinn_tested *t,
                                const mpinn_query *query, mpinn_random *random, float *fields) {
  const size_t k = run->k;
  double **values = NULL;
  mpinn_map *maps = NULL;
  mpinn_twin *twin = NULL;
  mpinn_status status;
  const mpinn_map known = {"query", query->measured};
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &values, k));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &maps, k));
  MPINN_TRY_GOTO(done, status, draw_contexts(context, run, t, query->map, random, values));
  for (size_t m = 0; m < k; m++) maps[m] = (mpinn_map){"context", values[m]};
  const mpinn_personalization input = {.heart = t->subject,
                                       .n_surface = t->n_measured,
                                       .surface = t->surface,
                                       .n_context = k,
                                       .context = maps,
                                       .query = &known};
  MPINN_TRY_GOTO(done, status, mpinn_personalize(context, run->model, &input, &twin));
  MPINN_TRY_GOTO(done, status, score_twin(context, run, t, query, twin, fields));
  if (run->options->uncertainty) {
    const mpinn_spread_case spread = {.model = run->model,
                                      .input = &input,
                                      .twin = twin,
                                      .n = t->n_wall,
                                      .points = mpinn_mesh_points(mpinn_subject_mesh(t->subject)),
                                      .truth = {query->truth, t->cv}};
    status = mpinn_score_spread(context, &spread, &run->spread, &run->scores);
  }
done:
  mpinn_twin_destroy(&twin);
  for (size_t m = 0; values && m < k; m++) free(values[m]);
  free(values);
  free(maps);
  return status;
}

/* ---- the protocol ---- */

static mpinn_status run_query(mpinn_context *context, protocol_run *run, const mpinn_tested *t,
                              const mpinn_memory *memory, size_t map, mpinn_random *random, float *buffer) {
  const mpinn_array *array = mpinn_tested_map(t, map);
  float *truth = buffer, *fields = buffer + t->n_wall;
  double *measured = NULL;
  for (size_t i = 0; i < t->n_wall; i++) truth[i] = (float)mpinn_array_get(array, i, 0);
  MPINN_TRY(measure(context, run, t, map, &measured));
  const mpinn_query query = {map, run->k, measured, truth};
  mpinn_status status = score_model(context, run, t, &query, random, fields);
  if (status == MPINN_OK) status = mpinn_score_memory(context, t, memory, &query, &run->scores, fields);
  free(measured);
  return status;
}

static mpinn_status run_subject(mpinn_context *context, protocol_run *run, const mpinn_tested *t,
                                mpinn_random *random) {
  float *buffer = NULL;
  mpinn_memory memory;
  if (t->n_test <= run->k)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A subject has %zu test maps; k = %zu needs at least %zu", t->n_test, run->k,
                      run->k + 1);
  MPINN_TRY(MPINN_NEW(context, &buffer, 4 * t->n_wall));
  mpinn_status status = mpinn_memory_create(context, t, run->n_training, run->training, &memory);
  for (size_t q = 0; q < t->n_test && status == MPINN_OK; q++)
    status = run_query(context, run, t, &memory, t->test_maps[q], random, buffer);
  mpinn_memory_clear(&memory);
  free(buffer);
  return status;
}

static mpinn_status read_all(mpinn_context *context, size_t n, mpinn_subject *const *subjects,
                             mpinn_random *random, mpinn_tested **tested) {
  MPINN_TRY(MPINN_NEW(context, tested, n));
  for (size_t s = 0; s < n; s++) MPINN_TRY(mpinn_tested_read(context, subjects[s], random, &(*tested)[s]));
  return MPINN_OK;
}

/* A site found on the wrong side of the heart weighs on the mean of many. */
static void score_median(protocol_run *run) {
  const size_t n = run->n_origins;
  double *errors = run->origin_errors;
  if (n == 0) return;
  qsort(errors, n, sizeof *errors, mpinn_compare_doubles);
  mpinn_scores_add(&run->scores, "meta-pinn", "origin_error_median_mm", "all", run->k,
                   0.5 * (errors[(n - 1) / 2] + errors[n / 2]));
}

static mpinn_status run_protocol(mpinn_context *context, mpinn_subject *const *subjects, protocol_run *run) {
  const mpinn_evaluation *options = run->options;
  mpinn_random random;
  mpinn_random_seed(&random, options->seed);
  MPINN_TRY(read_all(context, run->n_subjects, subjects, &random, &run->subjects));
  if (options->training)
    MPINN_TRY(read_all(context, run->n_training, options->training, &random, &run->training));
  else
    run->training = run->subjects;
  size_t n_maps = 0;
  for (size_t s = 0; s < run->n_subjects; s++) n_maps += run->subjects[s].n_test;
  MPINN_TRY(MPINN_NEW(context, &run->origin_errors, n_maps));
  for (size_t s = 0; s < run->n_subjects; s++) {
    const double n = (double)run->n_subjects;
    MPINN_TRY(mpinn_progress(context, (double)s / n, "evaluating"));
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)s / n, (double)s / n);
    const mpinn_status status = run_subject(context, run, &run->subjects[s], &random);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(status);
  }
  score_median(run);
  mpinn_score_spread_pool(&run->spread, run->k, &run->scores);
  return MPINN_OK;
}

static void run_clear(protocol_run *run) {
  if (run->training != run->subjects) {
    for (size_t s = 0; run->training && s < run->n_training; s++) mpinn_tested_clear(&run->training[s]);
    free(run->training);
  }
  for (size_t s = 0; run->subjects && s < run->n_subjects; s++) mpinn_tested_clear(&run->subjects[s]);
  free(run->subjects);
  free(run->origin_errors);
  mpinn_spread_pool_clear(&run->spread);
}

/* A protocol of hearts that no training has seen must not be run on one that the weights name as theirs. */
static mpinn_status check_unseen(mpinn_context *context, const mpinn_model *model,
                                 const mpinn_protocol *protocol, size_t n, mpinn_subject *const *subjects) {
  const char *seen = mpinn_model_text(model, "training_hearts_sha256");
  if (!seen || (protocol->source != MPINN_HEARTS_NEW && protocol->source != MPINN_HEARTS_GIVEN))
    return MPINN_OK;
  for (size_t s = 0; s < n; s++) {
    const char *hash = mpinn_subject_get_text(subjects[s], "mesh_sha256");
    if (hash && *hash && strstr(seen, hash))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Subject %zu is a heart that the weights were trained on; protocol %s expects others",
                        s, protocol->name);
  }
  return MPINN_OK;
}

mpinn_status mpinn_evaluate(mpinn_context *context, const mpinn_model *model, size_t n_subjects,
                            mpinn_subject *const *subjects, const mpinn_evaluation *evaluation,
                            size_t *n_rows, mpinn_result_row **rows) {
  const mpinn_protocol *protocol = mpinn_protocol_find(evaluation->protocol);
  char names[160];
  protocol_run *run = NULL;
  *rows = NULL;
  mpinn_protocol_names(sizeof names, names);
  if (!protocol)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Protocol '%s' is not known; expected %s",
                      evaluation->protocol, names);
  MPINN_TRY(check_unseen(context, model, protocol, n_subjects, subjects));
  MPINN_TRY(MPINN_NEW(context, &run, 1));
  run->model = model;
  run->options = evaluation;
  run->k = evaluation->k ? evaluation->k : protocol->k;
  run->noise = protocol->noise;
  run->n_subjects = n_subjects;
  run->n_training = evaluation->training ? evaluation->n_training : n_subjects;
  mpinn_status status = run_protocol(context, subjects, run);
  if (status == MPINN_OK) status = mpinn_scores_finish(context, &run->scores, n_rows, rows);
  run_clear(run);
  free(run);
  return status;
}
