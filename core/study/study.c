#include "metapinn/study.h"

#include "study/records.h"
#include "study/rows.h"
#include "train/data.h"
#include "train/test_set.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name, *protocol; /* of the hearts */
  double noise;                /* ms */
} tables[MPINN_STUDY_TABLES] = {[MPINN_STUDY_SEGMENTS] = {"segments", "paper", 0},
                                [MPINN_STUDY_ELLIPSOIDS] = {"ellipsoids", "new-scar", 3}};

typedef struct study_hearts {
  size_t n;
  mpinn_subject **subjects;
  mpinn_tested *tested; /* [n] */
} study_hearts;

typedef struct study_run {
  const mpinn_study *study;
  size_t n_methods;
  mpinn_study_method *methods;
  study_hearts hearts[MPINN_STUDY_TABLES];
  mpinn_records records;
  double *scores[MPINN_STUDY_TABLES]; /* [subjects][maps][n_methods][MPINN_STUDY_SCORES] */
  size_t n_tasks, done;               /* methods on maps, and how many of them have their scores */
} study_run;

void mpinn_study_default(mpinn_study *study) {
  mpinn_networks_fit_options networks;
  mpinn_networks_fit_options_default(&networks);
  *study = (mpinn_study){.seed = 1, .data_seed = 1, .maps = 10, .fits = true, .steps = networks.steps};
}

/* ---- hearts ---- */

static mpinn_status path_in(mpinn_context *context, const study_run *run, const char *name, char **path) {
  const size_t bytes = strlen(run->study->folder) + strlen(name) + 2;
  MPINN_TRY(MPINN_NEW(context, path, bytes));
  snprintf(*path, bytes, "%s/%s", run->study->folder, name);
  return MPINN_OK;
}

static mpinn_status make_hearts(mpinn_context *context, const study_run *run, int table, const char *path,
                                study_hearts *hearts) {
  const mpinn_test_options options = {.seed = run->study->data_seed,
                                      .trained_on = {.seed = run->study->data_seed},
                                      .k = MPINN_STUDY_CONTEXTS,
                                      .quick = run->study->quick};
  const mpinn_protocol *protocol = mpinn_protocol_find(tables[table].protocol);
  MPINN_TRY(mpinn_test_set_create(context, protocol, &options, &hearts->n, &hearts->subjects));
  return mpinn_subjects_write(context, path, hearts->n, hearts->subjects);
}

/* Those that lie in the folder, or else new ones, which then do. */
static mpinn_status get_hearts(mpinn_context *context, study_run *run, int table) {
  study_hearts *hearts = &run->hearts[table];
  mpinn_random random;
  char name[64], *path = NULL;
  snprintf(name, sizeof name, "%s-%llu%s.safetensors", tables[table].name,
           (unsigned long long)run->study->data_seed, run->study->quick ? "-quick" : "");
  MPINN_TRY(path_in(context, run, name, &path));
  mpinn_status status = access(path, F_OK) == 0
                            ? mpinn_subjects_read(context, path, &hearts->n, &hearts->subjects)
                            : make_hearts(context, run, table, path, hearts);
  free(path);
  MPINN_TRY(status);
  MPINN_TRY(MPINN_NEW(context, &hearts->tested, hearts->n));
  mpinn_random_seed(&random, run->study->seed);
  for (size_t s = 0; s < hearts->n; s++)
    MPINN_TRY(mpinn_tested_read(context, hearts->subjects[s], &random, &hearts->tested[s]));
  return MPINN_OK;
}

/* As many test maps as a subject has, up to those that the study asks for. */
static size_t count_maps(const study_run *run, int table) {
  size_t most = run->study->maps;
  for (size_t s = 0; s < run->hearts[table].n; s++)
    if (run->hearts[table].tested[s].n_test < most) most = run->hearts[table].tested[s].n_test;
  return most;
}

/* ---- one map of a subject ---- */

typedef struct study_case {
  int table;
  size_t subject, query; /* the query's number among the test maps */
  const mpinn_tested *tested;
  double *values[MPINN_STUDY_CONTEXTS + 1]; /* measured: context maps, then the query */
  size_t maps[MPINN_STUDY_CONTEXTS + 1];    /* their numbers */
  float *truth;                             /* [n_wall] of the query, ms */
  mpinn_study_fields fields;
  mpinn_memory memory;
} study_case;

static void case_clear(study_case *c) {
  for (size_t m = 0; m <= MPINN_STUDY_CONTEXTS; m++) free(c->values[m]);
  free(c->truth);
  free(c->fields.at);
  free(c->fields.cv);
  free(c->fields.residual);
  mpinn_memory_clear(&c->memory);
}

/* Of the subject's other test maps; fewer contexts are the first of more. */
static mpinn_status choose_contexts(mpinn_context *context, const study_run *run, study_case *c) {
  const mpinn_tested *t = c->tested;
  mpinn_random random;
  size_t *others = NULL, n = 0;
  MPINN_TRY(MPINN_NEW(context, &others, t->n_test));
  c->maps[MPINN_STUDY_CONTEXTS] = t->test_maps[c->query];
  for (size_t i = 0; i < t->n_test; i++)
    if (i != c->query) others[n++] = t->test_maps[i];
  mpinn_random_seed_stream(&random, run->study->seed,
                           0x53545544u + 1000000u * (size_t)c->table + 1000u * c->subject + c->query);
  mpinn_random_shuffle(&random, n, others);
  if (n >= MPINN_STUDY_CONTEXTS) memcpy(c->maps, others, MPINN_STUDY_CONTEXTS * sizeof *others);
  free(others);
  if (n >= MPINN_STUDY_CONTEXTS) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_FORMAT,
                    "Heart %zu of table %s has %zu test maps; expected %d at least", c->subject,
                    tables[c->table].name, t->n_test, MPINN_STUDY_CONTEXTS + 1);
}

static mpinn_status case_create(mpinn_context *context, const study_run *run, int table, size_t subject,
                                size_t query, study_case *c) {
  const study_hearts *known = &run->hearts[MPINN_STUDY_SEGMENTS];
  *c = (study_case){.table = table, .subject = subject, .query = query};
  c->tested = &run->hearts[table].tested[subject];
  const size_t n = c->tested->n_wall;
  MPINN_TRY(choose_contexts(context, run, c));
  for (size_t m = 0; m <= MPINN_STUDY_CONTEXTS; m++)
    MPINN_TRY(mpinn_tested_measure(context, c->tested, run->study->seed, subject, c->maps[m],
                                   tables[table].noise, &c->values[m]));
  MPINN_TRY(MPINN_NEW(context, &c->truth, n));
  MPINN_TRY(MPINN_NEW(context, &c->fields.at, n));
  MPINN_TRY(MPINN_NEW(context, &c->fields.cv, n));
  MPINN_TRY(MPINN_NEW(context, &c->fields.residual, n));
  const mpinn_array *truth = mpinn_tested_map(c->tested, c->maps[MPINN_STUDY_CONTEXTS]);
  for (size_t i = 0; i < n; i++) c->truth[i] = (float)mpinn_array_get(truth, i, 0);
  return mpinn_memory_create(context, c->tested, known->n, known->tested, &c->memory);
}

static mpinn_status run_method(mpinn_context *context, const mpinn_study_method *method, study_case *c,
                               double *values) {
  const mpinn_array *origins = mpinn_subject_find(c->tested->subject, "origins", MPINN_FIELD);
  mpinn_map maps[MPINN_STUDY_CONTEXTS + 1];
  mpinn_site sites[MPINN_STUDY_CONTEXTS + 1] = {{{0}, 0}};
  const size_t k = method->k;
  for (size_t m = 0; m <= k; m++) {
    const size_t from = m < k ? m : MPINN_STUDY_CONTEXTS;
    maps[m] = (mpinn_map){m < k ? "context" : "query", c->values[from]};
    for (size_t d = 0; d < 3; d++) sites[m].position[d] = mpinn_array_get(origins, c->maps[from], d);
  }
  const mpinn_baseline_input input = {.heart = c->tested->subject,
                                      .n_surface = c->tested->n_measured,
                                      .surface = c->tested->surface,
                                      .n_maps = k,
                                      .maps = maps,
                                      .query = &maps[k],
                                      .sites = method->given ? sites : NULL};
  MPINN_TRY(mpinn_method_run(context, &method->run, &input, c->fields.at, c->fields.cv, c->fields.residual,
                             &c->fields.cost));
  return mpinn_study_score_fields(context, c->tested, c->truth, &c->fields, values);
}

/* A method that cannot answer on a map has no scores there, and the table counts the maps that have. */
static mpinn_status score(mpinn_context *context, const mpinn_study_method *method, study_case *c,
                          double *values) {
  const mpinn_query query = {c->maps[MPINN_STUDY_CONTEXTS], 0, c->values[MPINN_STUDY_CONTEXTS], c->truth};
  const mpinn_status status =
      method->remembers
          ? mpinn_study_score_memory(context, c->tested, &c->memory, &query, method->name, &c->fields, values)
          : run_method(context, method, c, values);
  if (status != MPINN_ERROR_MAP && status != MPINN_ERROR_MESH) return status;
  mpinn_say(context, MPINN_LOG_WARNING, "%s has no answer on map %zu of heart %zu: %s", method->name,
            c->maps[MPINN_STUDY_CONTEXTS], c->subject, mpinn_context_error(context));
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++) values[i] = NAN;
  return MPINN_OK;
}

static const double *find_scores(study_run *run, int table, size_t subject, size_t map,
                                 const mpinn_study_method *method, mpinn_record_key *key) {
  *key =
      (mpinn_record_key){tables[table].name, run->study->seed, run->study->data_seed, subject, map, method};
  return mpinn_records_find(&run->records, key);
}

static mpinn_status score_or_find(mpinn_context *context, study_run *run, const mpinn_study_method *method,
                                  study_case *c, double *values) {
  mpinn_record_key key;
  const double *found = find_scores(run, c->table, c->subject, c->maps[MPINN_STUDY_CONTEXTS], method, &key);
  if (found) {
    memcpy(values, found, MPINN_STUDY_SCORES * sizeof *values);
    return MPINN_OK;
  }
  const double n = (double)run->n_tasks, done = (double)run->done++;
  const mpinn_progress_part outer = mpinn_progress_enter(context, done / n, (done + 1) / n);
  mpinn_status status = mpinn_progress(context, 0, method->name);
  if (status == MPINN_OK) status = score(context, method, c, values);
  mpinn_progress_leave(context, outer);
  MPINN_TRY(status);
  return mpinn_records_add(context, &run->records, &key, values);
}

static mpinn_status run_case(mpinn_context *context, study_run *run, int table, size_t subject,
                             size_t query) {
  const size_t row = subject * count_maps(run, table) + query;
  double *values = run->scores[table] + row * run->n_methods * MPINN_STUDY_SCORES;
  study_case c;
  mpinn_status status = case_create(context, run, table, subject, query, &c);
  for (size_t m = 0; m < run->n_methods && status == MPINN_OK; m++)
    status = score_or_find(context, run, &run->methods[m], &c, values + m * MPINN_STUDY_SCORES);
  case_clear(&c);
  return status;
}

/* ---- all of them ---- */

/* What an earlier run has scored is done before this one begins: its time left is that of the others. */
static void count_tasks(study_run *run, int table) {
  const study_hearts *hearts = &run->hearts[table];
  const size_t maps = count_maps(run, table);
  mpinn_record_key key;
  for (size_t query = 0; query < maps; query++)
    for (size_t s = 0; s < hearts->n; s++)
      for (size_t m = 0; m < run->n_methods; m++)
        if (find_scores(run, table, s, hearts->tested[s].test_maps[query], &run->methods[m], &key))
          run->done++;
  run->n_tasks += hearts->n * maps * run->n_methods;
}

/* The first query of every heart, then the second …: a study that is stopped has seen all hearts alike. */
static mpinn_status run_cases(mpinn_context *context, study_run *run) {
  for (int t = 0; t < MPINN_STUDY_TABLES; t++) {
    const size_t cases = run->hearts[t].n * count_maps(run, t), each = run->n_methods * MPINN_STUDY_SCORES;
    MPINN_TRY(MPINN_NEW(context, &run->scores[t], cases * each));
    count_tasks(run, t);
  }
  for (size_t query = 0; query < run->study->maps; query++)
    for (int t = 0; t < MPINN_STUDY_TABLES; t++)
      for (size_t s = 0; s < run->hearts[t].n && query < count_maps(run, t); s++)
        MPINN_TRY(run_case(context, run, t, s, query));
  return MPINN_OK;
}

static mpinn_status collect(mpinn_context *context, const study_run *run, size_t *n_rows,
                            mpinn_study_row **rows) {
  size_t most = 0;
  double *work = NULL;
  for (int t = 0; t < MPINN_STUDY_TABLES; t++)
    if (run->hearts[t].n * count_maps(run, t) > most) most = run->hearts[t].n * count_maps(run, t);
  MPINN_TRY(MPINN_NEW(context, &work, 3 * most));
  const mpinn_status status =
      MPINN_NEW(context, rows, MPINN_STUDY_TABLES * run->n_methods * MPINN_STUDY_SCORES);
  for (int t = 0; t < MPINN_STUDY_TABLES && status == MPINN_OK; t++)
    mpinn_study_add_rows(tables[t].name, run->hearts[t].n * count_maps(run, t), run->n_methods, run->methods,
                         run->scores[t], work, n_rows, *rows);
  free(work);
  return status;
}

static mpinn_status run_study(mpinn_context *context, study_run *run, size_t *n_rows,
                              mpinn_study_row **rows) {
  char *path = NULL;
  MPINN_TRY(mpinn_study_methods(context, run->study, &run->n_methods, &run->methods));
  MPINN_TRY(path_in(context, run, "records.csv", &path));
  const mpinn_status status = mpinn_records_open(context, path, &run->records);
  free(path);
  MPINN_TRY(status);
  for (int t = 0; t < MPINN_STUDY_TABLES; t++) {
    const mpinn_progress_part outer = mpinn_progress_enter(context, 0.02 * t, 0.02 * (t + 1));
    const mpinn_status made = get_hearts(context, run, t);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(made);
  }
  const mpinn_progress_part outer = mpinn_progress_enter(context, 0.02 * MPINN_STUDY_TABLES, 1);
  const mpinn_status scored = run_cases(context, run);
  mpinn_progress_leave(context, outer);
  MPINN_TRY(scored);
  return collect(context, run, n_rows, rows);
}

static void run_clear(study_run *run) {
  for (int t = 0; t < MPINN_STUDY_TABLES; t++) {
    study_hearts *hearts = &run->hearts[t];
    for (size_t s = 0; hearts->tested && s < hearts->n; s++) mpinn_tested_clear(&hearts->tested[s]);
    free(hearts->tested);
    mpinn_subjects_destroy(hearts->n, &hearts->subjects);
    free(run->scores[t]);
  }
  mpinn_records_close(&run->records);
  free(run->methods);
}

mpinn_status mpinn_study_run(mpinn_context *context, const mpinn_study *study, size_t *n_rows,
                             mpinn_study_row **rows) {
  study_run run = {.study = study};
  *n_rows = 0;
  *rows = NULL;
  if (study->n_models == 0 || study->maps == 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The study has %zu models and %zu maps a heart; expected one at least of each",
                      study->n_models, study->maps);
  const mpinn_status status = run_study(context, &run, n_rows, rows);
  run_clear(&run);
  return status;
}
