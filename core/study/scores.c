#include "study/scores.h"

#include "metapinn/metrics.h"

#include <math.h>
#include <string.h>

#define OF_REGIONS(metric)                                                                                   \
  {metric, "all"}, {metric, "endocardium"}, {                                                                \
    metric, "rest"                                                                                           \
  }

const mpinn_study_score mpinn_study_scores[MPINN_STUDY_SCORES] = {
    OF_REGIONS("at_scc"),    OF_REGIONS("at_rrmse"), OF_REGIONS("at_mae"),    OF_REGIONS("cv_scc"),
    OF_REGIONS("cv_rrmse"),  OF_REGIONS("cv_mae"),   OF_REGIONS("scar_dice"), {"residual_msq", "all"},
    {"residual_abs", "all"}, {"seconds", "all"},     {"solves", "all"},       {"steps", "all"}};

static void set(double *values, const char *metric, const char *region, double value) {
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++)
    if (strcmp(mpinn_study_scores[i].metric, metric) == 0 &&
        strcmp(mpinn_study_scores[i].region, region) == 0)
      values[i] = value;
}

static void clear(double *values) {
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++) values[i] = NAN;
}

/* What scores found of a method in a region "all" becomes that of region. */
static void take_rows(const mpinn_scores *scores, const char *method, const char *region, double *values) {
  for (size_t i = 0; i < scores->n_rows; i++)
    if (strcmp(scores->rows[i].method, method) == 0)
      set(values, scores->rows[i].metric, region, scores->rows[i].n > 0 ? scores->rows[i].mean : NAN);
}

static bool is_endocardium(const mpinn_array *classes, size_t node) {
  const double c = mpinn_array_get(classes, node, 0);
  return c == MPINN_CLASS_LV_ENDOCARDIUM || c == MPINN_CLASS_RV_ENDOCARDIUM;
}

enum { ALL, ENDOCARDIUM, REST };

/* A copy of values with NaN, which metrics leave out, at nodes that are not of the region. */
static void restrict_to(int region, const mpinn_array *classes, size_t n, const float *values, float *kept) {
  for (size_t i = 0; i < n; i++)
    kept[i] = region == ALL || is_endocardium(classes, i) == (region == ENDOCARDIUM) ? values[i] : NAN;
}

static void score_region(const char *region, size_t n, const mpinn_study_fields *fields, const float *at,
                         const float *cv, double *values) {
  mpinn_scores scores = {.n_rows = 0};
  mpinn_scores_add_at(&scores, "", 0, n, fields->at, at);
  mpinn_scores_add_cv(&scores, "", 0, n, fields->cv, cv);
  take_rows(&scores, "", region, values);
}

mpinn_status mpinn_study_score_fields(mpinn_context *context, const mpinn_tested *tested, const float *truth,
                                      const mpinn_study_fields *fields, double *values) {
  static const char *const regions[] = {[ALL] = "all", [ENDOCARDIUM] = "endocardium", [REST] = "rest"};
  const mpinn_array *classes = mpinn_subject_find(tested->subject, "surface_class", MPINN_NODES);
  const size_t n = tested->n_wall;
  float *kept = NULL;
  MPINN_TRY(MPINN_NEW(context, &kept, 2 * n));
  clear(values);
  for (int region = ALL; region <= (classes ? REST : ALL); region++) {
    restrict_to(region, classes, n, truth, kept);
    restrict_to(region, classes, n, tested->cv, kept + n);
    score_region(regions[region], n, fields, kept, kept + n, values);
  }
  free(kept);
  set(values, "residual_msq", "all", mpinn_mean_square(n, fields->residual));
  set(values, "residual_abs", "all", mpinn_mean_absolute(n, fields->residual));
  set(values, "seconds", "all", fields->cost.seconds);
  set(values, "solves", "all", (double)fields->cost.solves);
  set(values, "steps", "all", (double)fields->cost.steps);
  return MPINN_OK;
}

mpinn_status mpinn_study_score_memory(mpinn_context *context, const mpinn_tested *tested,
                                      const mpinn_memory *memory, const mpinn_query *query, const char *name,
                                      const mpinn_study_fields *fields, double *values) {
  mpinn_scores scores = {.n_rows = 0};
  MPINN_TRY(mpinn_score_memory(context, tested, memory, query, &scores, fields->at));
  clear(values);
  take_rows(&scores, name, "all", values);
  return MPINN_OK;
}
