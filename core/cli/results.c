#include "cli.h"

#include "base/newfile.h"
#include "metapinn/metrics.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* ---- JSON ---- */

bool mpinn_cli_json_number(struct cJSON *object, const char *name, double value) {
  return isfinite(value) ? cJSON_AddNumberToObject(object, name, value) != NULL
                         : cJSON_AddNullToObject(object, name) != NULL;
}

bool mpinn_cli_json_text(struct cJSON *object, const char *name, const char *text) {
  return text ? cJSON_AddStringToObject(object, name, text) != NULL
              : cJSON_AddNullToObject(object, name) != NULL;
}

static bool add_row(cJSON *rows, const mpinn_result_row *row) {
  cJSON *object = cJSON_CreateObject();
  if (!object || !cJSON_AddItemToArray(rows, object)) return false;
  return mpinn_cli_json_text(object, "method", row->method) &&
         mpinn_cli_json_text(object, "metric", row->metric) &&
         mpinn_cli_json_text(object, "region", row->region) &&
         mpinn_cli_json_number(object, "k", (double)row->k) &&
         mpinn_cli_json_number(object, "mean", row->mean) && mpinn_cli_json_number(object, "sd", row->sd) &&
         mpinn_cli_json_number(object, "n", (double)row->n);
}

static char *make_json(const char *protocol, const char *model_path, const mpinn_model *model, size_t n_rows,
                       const mpinn_result_row *rows) {
  cJSON *object = cJSON_CreateObject();
  const char *slash = model_path ? strrchr(model_path, '/') : NULL;
  bool good = object && mpinn_cli_json_text(object, "protocol", protocol) &&
              mpinn_cli_json_text(object, "model", slash ? slash + 1 : model_path) &&
              mpinn_cli_json_text(object, "model_sha256", model ? mpinn_model_text(model, "sha256") : NULL) &&
              mpinn_cli_json_text(object, "preset", model ? mpinn_model_text(model, "preset") : NULL) &&
              mpinn_cli_json_text(object, "backend", model ? mpinn_model_backend(model) : NULL) &&
              mpinn_cli_json_text(object, "version", mpinn_version());
  cJSON *list = good ? cJSON_AddArrayToObject(object, "rows") : NULL;
  good = list != NULL;
  for (size_t i = 0; good && i < n_rows; i++) good = add_row(list, &rows[i]);
  char *text = good ? cJSON_Print(object) : NULL;
  cJSON_Delete(object);
  return text;
}

mpinn_status mpinn_cli_write_text(mpinn_cli *cli, const char *path, const char *text) {
  mpinn_newfile *file = NULL;
  if (!text) return mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory for the results of %s", path);
  MPINN_TRY(mpinn_newfile_open(cli->context, path, &file));
  fprintf(mpinn_newfile_stream(file), "%s\n", text);
  return mpinn_newfile_finish(cli->context, &file);
}

mpinn_status mpinn_cli_write_json(mpinn_cli *cli, const char *path, const char *protocol,
                                  const char *model_path, const mpinn_model *model, size_t n_rows,
                                  const mpinn_result_row *rows) {
  char *text = make_json(protocol, model_path, model, n_rows, rows);
  const mpinn_status status = mpinn_cli_write_text(cli, path, text);
  cJSON_free(text);
  return status;
}

/* ---- a table ---- */

static const char *describe_metric(const char *metric) {
  static const char *const texts[][2] = {
      {"at_scc", "AT SCC"},
      {"at_rrmse", "AT relative RMSE"},
      {"at_mae", "AT mean abs. error, ms"},
      {"at_scc_eikonal", "AT SCC, eikonal on CV"},
      {"at_mae_eikonal", "AT m. a. error, eikonal, ms"},
      {"consistency_ms", "AT against eikonal, rms, ms"},
      {"cv_scc", "CV SCC"},
      {"cv_rrmse", "CV relative RMSE"},
      {"cv_mae", "CV mean abs. error, m/s"},
      {"scar_dice", "scar Dice (CV < 0.35)"},
      {"residual_msq", "residual, mean square"},
      {"residual_start_msq", "residual at the start, m. sq."},
      {"residual_abs", "residual, mean absolute"},
      {"origin_error_mm", "site of origin error, mm"},
      {"origin_error_median_mm", "site of origin error, median, mm"},
      {"origin_misfit_ms", "site of origin misfit, rms, ms"},
      {"coverage90_at", "AT, truths in 90 % interval"},
      {"width90_at", "AT, its width, ms"},
      {"constant_width90_at", "AT, width if constant, ms"},
      {"spearman_at", "AT, deviation with error, Spearman"},
      {"coverage90_cv", "CV, truths in 90 % interval"},
      {"width90_cv", "CV, its width, m/s"},
      {"constant_width90_cv", "CV, width if constant, m/s"},
      {"spearman_cv", "CV, deviation with error, Spearman"},
      {"misfit_start_ms", "misfit at the start, rms, ms"},
      {"misfit_ms", "misfit, rms, ms"},
      {"evaluations", "evaluations of the misfit"},
      {"solves", "eikonal solves"},
      {"steps", "steps of the optimizer"},
      {"cv", "CV, m/s"},
      {"seconds", "seconds to personalize"},
      {"seconds_uncertainty", "seconds, uncertainty"},
      {"seconds_eikonal", "seconds, origin and eikonal"},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(metric, texts[i][0]) == 0) return texts[i][1];
  return metric;
}

/* Whether a metric counts things. */
static bool is_count(const char *metric) {
  return strcmp(metric, "evaluations") == 0 || strcmp(metric, "solves") == 0 || strcmp(metric, "steps") == 0;
}

/* Four digits that count, whatever the size. */
static void describe_number(double value, size_t bytes, char *text) {
  if (!isfinite(value))
    snprintf(text, bytes, "-");
  else
    snprintf(text, bytes,
             fabs(value) >= 100                  ? "%.1f"
             : fabs(value) >= 0.01 || value == 0 ? "%.3f"
                                                 : "%.2e",
             value);
}

void mpinn_cli_print_table(FILE *stream, size_t n_rows, const mpinn_result_row *rows) {
  for (size_t i = 0; i < n_rows; i++) {
    const mpinn_result_row *row = &rows[i];
    char label[64], mean[32], sd[32];
    if (i == 0 || strcmp(rows[i - 1].method, row->method) != 0)
      fprintf(stream, "%s%s, k = %zu\n", i ? "\n" : "", row->method, row->k);
    const bool everywhere = strcmp(row->region, "all") == 0;
    snprintf(label, sizeof label, "%s%s%s", describe_metric(row->metric), everywhere ? "" : ", ",
             everywhere ? "" : row->region);
    describe_number(row->mean, sizeof mean, mean);
    if (is_count(row->metric) && row->n == 1) snprintf(mean, sizeof mean, "%.0f", row->mean);
    describe_number(row->sd, sizeof sd, sd);
    fprintf(stream, "  %-33s %9s", label, mean);
    if (row->n > 1) fprintf(stream, " ± %-9s n = %zu", sd, row->n);
    if (row->n == 0) fputs("   does not exist", stream);
    fputc('\n', stream);
  }
}

/* ---- one method on one heart ---- */

void mpinn_cli_add_row(mpinn_cli_table *t, const char *metric, const char *region, double value) {
  if (t->n == MPINN_CLI_MOST_ROWS) return;
  t->rows[t->n++] = (mpinn_result_row){.method = t->method,
                                       .metric = metric,
                                       .region = region,
                                       .k = t->k,
                                       .mean = value,
                                       .sd = 0,
                                       .n = isnan(value) ? 0 : 1};
}

static mpinn_status take_truth(mpinn_cli *cli, const mpinn_subject *heart, const char *name, float **values) {
  if (!name) return MPINN_OK;
  const mpinn_array *array = mpinn_subject_find(heart, name, MPINN_NODES);
  if (!array || array->components != 1)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT,
                      "The heart has no node array '%s' of one component to compare with%s", name,
                      mpinn_subject_find(heart, name, MPINN_CELLS) ? "; expected node data, it is cell data"
                                                                   : "");
  MPINN_TRY(MPINN_NEW(cli->context, values, array->rows));
  for (size_t i = 0; i < array->rows; i++) (*values)[i] = (float)mpinn_array_get(array, i, 0);
  return MPINN_OK;
}

mpinn_status mpinn_cli_take_truth(mpinn_cli *cli, const mpinn_subject *heart, const char *at, const char *cv,
                                  mpinn_cli_truth *truth) {
  *truth = (mpinn_cli_truth){0};
  MPINN_TRY(take_truth(cli, heart, at, &truth->at));
  return take_truth(cli, heart, cv, &truth->cv);
}

void mpinn_cli_truth_clear(mpinn_cli_truth *truth) {
  free(truth->at);
  free(truth->cv);
  *truth = (mpinn_cli_truth){0};
}

void mpinn_cli_score(size_t n, const float *at, const float *cv, const mpinn_cli_truth *truth,
                     mpinn_cli_table *t) {
  const double slow = 0.35; /* m/s, below which tissue is taken for scar */
  if (truth->at) {
    mpinn_cli_add_row(t, "at_scc", "all", mpinn_scc(n, at, truth->at));
    mpinn_cli_add_row(t, "at_rrmse", "all", mpinn_relative_rmse(n, at, truth->at));
    mpinn_cli_add_row(t, "at_mae", "all", mpinn_mean_absolute_error(n, at, truth->at));
  }
  if (truth->cv && cv) {
    mpinn_cli_add_row(t, "cv_scc", "all", mpinn_scc(n, cv, truth->cv));
    mpinn_cli_add_row(t, "cv_rrmse", "all", mpinn_relative_rmse(n, cv, truth->cv));
    mpinn_cli_add_row(t, "cv_mae", "all", mpinn_mean_absolute_error(n, cv, truth->cv));
    mpinn_cli_add_row(t, "scar_dice", "all", mpinn_dice_below(n, cv, truth->cv, slow));
  }
}
