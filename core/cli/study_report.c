#include "cli.h"
#include "metapinn/study.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* ---- JSON ---- */

static bool add_row(cJSON *rows, const mpinn_study_row *row) {
  cJSON *object = cJSON_CreateObject();
  if (!object || !cJSON_AddItemToArray(rows, object)) return false;
  return mpinn_cli_json_text(object, "table", row->table) &&
         mpinn_cli_json_text(object, "method", row->method) &&
         mpinn_cli_json_text(object, "fitted_to", row->fitted_to) &&
         mpinn_cli_json_text(object, "origin", row->origin) &&
         mpinn_cli_json_text(object, "metric", row->metric) &&
         mpinn_cli_json_text(object, "region", row->region) &&
         mpinn_cli_json_number(object, "k", (double)row->k) &&
         mpinn_cli_json_number(object, "mean", row->mean) && mpinn_cli_json_number(object, "sd", row->sd) &&
         mpinn_cli_json_number(object, "n", (double)row->n) && mpinn_cli_json_number(object, "p", row->p);
}

static bool add_model(cJSON *models, const mpinn_study_model *model) {
  cJSON *object = cJSON_CreateObject();
  if (!object || !cJSON_AddItemToArray(models, object)) return false;
  return mpinn_cli_json_text(object, "name", model->name) &&
         mpinn_cli_json_text(object, "sha256", mpinn_model_text(model->model, "sha256")) &&
         mpinn_cli_json_text(object, "command", mpinn_model_text(model->model, "command"));
}

static bool describe(cJSON *object, const mpinn_study *study) {
  bool good = mpinn_cli_json_text(object, "protocol", "study") &&
              mpinn_cli_json_text(object, "version", mpinn_version()) &&
              mpinn_cli_json_number(object, "seed", (double)study->seed) &&
              mpinn_cli_json_number(object, "data_seed", (double)study->data_seed) &&
              mpinn_cli_json_number(object, "maps_of_a_heart", (double)study->maps) &&
              mpinn_cli_json_number(object, "multi_pinn_steps", (double)study->steps);
  cJSON *models = good ? cJSON_AddArrayToObject(object, "models") : NULL;
  good = models != NULL;
  for (size_t i = 0; good && i < study->n_models; i++) good = add_model(models, &study->models[i]);
  return good;
}

char *mpinn_cli_study_json(const mpinn_study *study, size_t n_rows, const mpinn_study_row *rows) {
  cJSON *object = cJSON_CreateObject();
  bool good = object && describe(object, study);
  cJSON *list = good ? cJSON_AddArrayToObject(object, "rows") : NULL;
  good = list != NULL;
  for (size_t i = 0; good && i < n_rows; i++) good = add_row(list, &rows[i]);
  char *text = good ? cJSON_Print(object) : NULL;
  cJSON_Delete(object);
  return text;
}

/* ---- tables ---- */

typedef struct column {
  const char *title, *metric, *region;
  int digits;
  bool test; /* whether stars tell its p */
} column;

static const column accuracy[] = {
    {"AT SCC", "at_scc", "all", 3, true},        {"AT MAE, ms", "at_mae", "all", 1, false},
    {"CV SCC", "cv_scc", "all", 3, true},        {"CV MAE, m/s", "cv_mae", "all", 3, false},
    {"scar Dice", "scar_dice", "all", 2, false}, {"residual²", "residual_msq", "all", 3, false},
    {"seconds", "seconds", "all", 2, false},     {"solves", "solves", "all", 0, false}};
static const column regions[] = {{"AT SCC, endocardium", "at_scc", "endocardium", 3, false},
                                 {"AT SCC, rest", "at_scc", "rest", 3, false},
                                 {"CV SCC, endocardium", "cv_scc", "endocardium", 3, false},
                                 {"CV SCC, rest", "cv_scc", "rest", 3, false},
                                 {"AT rel. RMSE", "at_rrmse", "all", 3, false},
                                 {"CV rel. RMSE", "cv_rrmse", "all", 3, false}};

static bool same_method(const mpinn_study_row *a, const mpinn_study_row *b) {
  return strcmp(a->table, b->table) == 0 && strcmp(a->method, b->method) == 0 &&
         strcmp(a->fitted_to, b->fitted_to) == 0 && strcmp(a->origin, b->origin) == 0 && a->k == b->k;
}

/* Of the rows of one method, which follow each other. */
static const mpinn_study_row *find(size_t n, const mpinn_study_row *rows, const column *c) {
  for (size_t i = 0; i < n && same_method(&rows[i], rows); i++)
    if (strcmp(rows[i].metric, c->metric) == 0 && strcmp(rows[i].region, c->region) == 0) return &rows[i];
  return NULL;
}

static void print_cell(FILE *out, const mpinn_study_row *row, const column *c) {
  if (!row) {
    fputs(" – |", out);
    return;
  }
  fprintf(out, " %.*f", c->digits, row->mean);
  if (isfinite(row->sd)) fprintf(out, " ± %.*f", c->digits, row->sd);
  if (c->test && row->p < 0.05) fputs(row->p < 0.001 ? " **" : " *", out);
  fputs(" |", out);
}

static void print_methods(FILE *out, size_t n, const mpinn_study_row *rows, size_t n_columns,
                          const column *columns) {
  fputs("| method | fitted to | origin | k | maps |", out);
  for (size_t c = 0; c < n_columns; c++) fprintf(out, " %s |", columns[c].title);
  fputs("\n|---|---|---|---|---|", out);
  for (size_t c = 0; c < n_columns; c++) fputs("---|", out);
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && same_method(&rows[i], &rows[i - 1])) continue;
    fprintf(out, "\n| %s | %s | %s | ", rows[i].method, rows[i].fitted_to, rows[i].origin);
    if (rows[i].k > 0) fprintf(out, "%zu", rows[i].k);
    fprintf(out, " | %zu |", rows[i].n);
    for (size_t c = 0; c < n_columns; c++) print_cell(out, find(n - i, rows + i, &columns[c]), &columns[c]);
  }
  fputs("\n\n", out);
}

static void print_table(FILE *out, size_t n, const mpinn_study_row *rows) {
  const bool paper = strcmp(rows->table, "segments") == 0;
  fprintf(out, "## Table `%s`: %s\n\n", rows->table,
          paper ? "scars of whole AHA segments, no noise"
                : "scars that no segments can represent, 3 ms of noise");
  print_methods(out, n, rows, sizeof accuracy / sizeof *accuracy, accuracy);
  print_methods(out, n, rows, sizeof regions / sizeof *regions, regions);
}

char *mpinn_cli_study_table(size_t n_rows, const mpinn_study_row *rows) {
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  if (!out) return NULL;
  fputs(
      "Mean ± standard deviation over the maps. *: p < 0.05, **: p < 0.001 against the first line of the table\n"
      "(Wilcoxon's signed-rank test, two-sided, map by map).\n\n",
      out);
  for (size_t i = 0, n; i < n_rows; i += n) {
    for (n = 1; i + n < n_rows && strcmp(rows[i + n].table, rows[i].table) == 0;) n++;
    print_table(out, n, rows + i);
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}
