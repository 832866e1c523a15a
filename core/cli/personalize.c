#include "cli.h"
#include "metapinn/metrics.h"
#include "metapinn/personalize.h"

#include <getopt.h>
#include <math.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn personalize HEART [--maps SURFACE] --context ARRAY … [--query ARRAY | --origin X,Y,Z]\n"
    "                            [--model MODEL] [--eikonal] [--uncertainty] [--refine[=SECONDS]] --out OUT\n"
    "\n"
    "Makes a model of one heart from a few activation maps, without training, and writes the heart with what the model\n"
    "says at its nodes: AT, activation time of the query (ms); CV, conduction velocity (m/s); PDEResidual, |grad T| F - 1\n"
    "from the network's exact gradient; Support, the distance to the nearest measured node (mm). A heart's own arrays AT\n"
    "and CV are kept as AT_input and CV_input. Which weights, maps and transform were used is written into the file.\n"
    "\n"
    "Options:\n"
    "  --maps SURFACE     the measured surface that carries the maps, in the heart's coordinates (default: the heart's own\n"
    "                     nodes that have a value and, where it has an array 'measured', are marked there)\n"
    "  --context ARRAY    a map from which the tissue is known: a node array, ms, NaN or -10000 where nothing was measured;\n"
    "                     negative times are legal, since only differences within a map count. May be given several times,\n"
    "                     or with commas between names. 'all' takes every node array whose name is that of an activation\n"
    "                     map, but for the query\n"
    "  --query ARRAY      the map to predict; only its first 20 % of measured nodes to activate are looked at\n"
    "  --origin X,Y,Z     instead of a query map: its site of origin, mm (default without either: the first context map)\n"
    "  --eikonal          also solves the eikonal equation on the predicted CV, from the site of origin that the query's\n"
    "                     early part has on it (or from --origin), into ATEikonal (ms): what physics makes of that CV.\n"
    "                     The origin, its misfit, and how far AT and ATEikonal are apart are printed and written too\n"
    "  --uncertainty      also says how sure the model is: ATStd (ms) and CVStd (m/s), standard deviations of the errors of\n"
    "                     AT and CV, from models without one context map each; takes as many times longer\n"
    "  --refine[=SECONDS] then takes gradient steps on the heart's own maps, for so long (default 2): the velocity, so that\n"
    "                     the eikonal equation on it fits the measured times, and then the activation\n"
    "  --model MODEL      the weights (default: $METAPINN_MODEL, else those shipped)\n"
    "  --backend NAME     auto, cpu or cuda (default auto)\n"
    "  --max-measured N   more measured nodes than this are thinned, evenly spread (default: the weights')\n"
    "  --truth-at ARRAY   the heart's true activation time, ms, if it is known, and\n"
    "  --truth-cv ARRAY   its true conduction velocity, m/s: node arrays to compare with in a table\n"
    "  --json FILE        writes that table as {\"protocol\", \"model\", …, \"rows\": […]} too\n"
    "  --out OUT          the file to write\n"
    "\n"
    "A heart unlike those that the weights were trained on is personalized all the same and labelled so: no accuracy is\n"
    "claimed for it.\n";

typedef struct name_list {
  size_t n;
  const char **names;
} name_list;

typedef struct personalize_job {
  const char *heart, *surface, *query, *model, *backend, *truth_at, *truth_cv, *json, *out;
  bool has_origin, eikonal, uncertainty;
  mpinn_site origin;
  double refine; /* seconds */
  size_t max_measured;
  name_list wanted;  /* the values of --context */
  name_list context; /* the maps that they mean */
  char **copies;     /* [wanted.n] of those values, cut at commas, or NULL */
} personalize_job;

static void job_clear(personalize_job *job) {
  for (size_t i = 0; job->copies && i < job->wanted.n; i++) free(job->copies[i]);
  free(job->copies);
  free(job->wanted.names);
  free(job->context.names);
}

static bool add_name(name_list *list, const char *name) {
  const char **more = realloc(list->names, (list->n + 1) * sizeof *more);
  if (!more) return false;
  list->names = more;
  more[list->n++] = name;
  return true;
}

/* ---- what is compared ---- */

/* Copies of the truth, made before the heart's arrays are renamed. */
typedef struct truth {
  float *at, *cv;
} truth;

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

enum { MOST_ROWS = 16 };

typedef struct table {
  size_t n, k;
  mpinn_result_row rows[MOST_ROWS];
} table;

static void add_row(table *t, const char *metric, double value) {
  t->rows[t->n++] = (mpinn_result_row){.method = "meta-pinn",
                                       .metric = metric,
                                       .region = "all",
                                       .k = t->k,
                                       .mean = value,
                                       .sd = 0,
                                       .n = isnan(value) ? 0 : 1};
}

static const float *answer_values(const mpinn_subject *heart, const char *name) {
  return mpinn_subject_find(heart, name, MPINN_NODES)->values;
}

static double text_number(const mpinn_subject *heart, const char *key) {
  return strtod(mpinn_subject_get_text(heart, key), NULL);
}

static void add_eikonal_rows(const mpinn_subject *heart, const truth *known, table *t) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const float *at = answer_values(heart, "ATEikonal");
  if (known->at) {
    add_row(t, "at_scc_eikonal", mpinn_scc(n, at, known->at));
    add_row(t, "at_mae_eikonal", mpinn_mean_absolute_error(n, at, known->at));
  }
  add_row(t, "origin_misfit_ms", text_number(heart, "metapinn_origin_misfit_ms"));
  add_row(t, "consistency_ms", text_number(heart, "metapinn_consistency_ms"));
}

static void fill_table(const mpinn_subject *heart, const truth *known, const mpinn_twin_info *info,
                       table *t) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const float *at = answer_values(heart, "AT"), *cv = answer_values(heart, "CV");
  const float *residual = answer_values(heart, "PDEResidual");
  const double slow = 0.35; /* m/s, below which tissue is taken for scar */
  if (known->at) {
    add_row(t, "at_scc", mpinn_scc(n, at, known->at));
    add_row(t, "at_rrmse", mpinn_relative_rmse(n, at, known->at));
    add_row(t, "at_mae", mpinn_mean_absolute_error(n, at, known->at));
  }
  if (known->cv) {
    add_row(t, "cv_scc", mpinn_scc(n, cv, known->cv));
    add_row(t, "cv_rrmse", mpinn_relative_rmse(n, cv, known->cv));
    add_row(t, "cv_mae", mpinn_mean_absolute_error(n, cv, known->cv));
    add_row(t, "scar_dice", mpinn_dice_below(n, cv, known->cv, slow));
  }
  add_row(t, "residual_msq", mpinn_mean_square(n, residual));
  add_row(t, "residual_abs", mpinn_mean_absolute(n, residual));
  if (mpinn_subject_get_text(heart, "metapinn_consistency_ms")) add_eikonal_rows(heart, known, t);
  add_row(t, "seconds", info->seconds);
}

/* ---- the work ---- */

static mpinn_status no_memory(mpinn_cli *cli) {
  return mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory for the names of maps");
}

/* Every map of the carrier but the query and the truth. */
static mpinn_status take_all_maps(mpinn_cli *cli, personalize_job *job, const mpinn_subject *carrier) {
  for (size_t i = 0; i < mpinn_subject_array_count(carrier); i++) {
    const mpinn_array *array = mpinn_subject_array_at(carrier, i);
    if (!mpinn_array_is_map(array) || (job->query && strcmp(array->name, job->query) == 0)) continue;
    if (job->truth_at && strcmp(array->name, job->truth_at) == 0) continue;
    if (!add_name(&job->context, array->name)) return no_memory(cli);
  }
  if (job->context.n > 0) return MPINN_OK;
  return mpinn_fail(
      cli->context, MPINN_ERROR_MAP,
      "--context all finds no activation map; expected a node array with a name like AT_00 or LAT");
}

/* A value of --context is the name of an array, or "all", or names with commas between them. */
static mpinn_status take_wanted(mpinn_cli *cli, personalize_job *job, const mpinn_subject *carrier,
                                size_t i) {
  const char *text = job->wanted.names[i];
  char *rest = NULL;
  if (!mpinn_subject_find(carrier, text, MPINN_NODES) && strcmp(text, "all") == 0)
    return take_all_maps(cli, job, carrier);
  if (mpinn_subject_find(carrier, text, MPINN_NODES) || !strchr(text, ','))
    return add_name(&job->context, text) ? MPINN_OK : no_memory(cli);
  job->copies[i] = mpinn_copy_string(text);
  if (!job->copies[i]) return no_memory(cli);
  for (char *name = strtok_r(job->copies[i], ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (!add_name(&job->context, name)) return no_memory(cli);
  return MPINN_OK;
}

static mpinn_status personalize_heart(mpinn_cli *cli, personalize_job *job, const mpinn_model *model,
                                      mpinn_subject *heart, const mpinn_subject *surface,
                                      mpinn_twin_info *info) {
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  MPINN_TRY(MPINN_NEW(cli->context, &job->copies, job->wanted.n));
  for (size_t i = 0; i < job->wanted.n; i++) MPINN_TRY(take_wanted(cli, job, surface ? surface : heart, i));
  options.n_context = job->context.n;
  options.context = job->context.names;
  options.query = job->query;
  options.origin = job->has_origin ? &job->origin : NULL;
  options.max_measured = job->max_measured;
  options.eikonal = job->eikonal;
  options.uncertainty = job->uncertainty;
  options.refine = job->refine;
  return mpinn_personalize_subject(cli->context, model, heart, surface, &options, info, NULL);
}

static mpinn_status read_model(mpinn_cli *cli, const personalize_job *job, char **path, mpinn_model **model) {
  mpinn_backend_kind backend;
  MPINN_TRY(mpinn_cli_backend(cli, job->backend, &backend));
  MPINN_TRY(mpinn_cli_find_weights(cli, job->model, path));
  return mpinn_model_read(cli->context, *path, backend, model);
}

static mpinn_status report(mpinn_cli *cli, const personalize_job *job, const char *path,
                           const mpinn_model *model, const mpinn_subject *heart, const truth *known,
                           const mpinn_twin_info *info) {
  table t = {.k = job->context.n};
  fill_table(heart, known, info, &t);
  if (job->json) MPINN_TRY(mpinn_cli_write_json(cli, job->json, "personalize", path, model, t.n, t.rows));
  mpinn_cli_clear_line(cli);
  mpinn_cli_print_table(stdout, t.n, t.rows);
  mpinn_cli_note(cli, "%s: from %zu measured nodes, %zu of them early in the query, in %.1f ms", job->out,
                 info->n_measured, info->n_early, 1e3 * info->seconds);
  if (job->eikonal)
    mpinn_cli_note(cli, "the site of origin is at %s mm",
                   mpinn_subject_get_text(heart, "metapinn_origin_mm"));
  if (job->refine > 0) mpinn_cli_note(cli, "refined: %s", mpinn_subject_get_text(heart, "metapinn_refine"));
  return MPINN_OK;
}

static mpinn_status personalize(mpinn_cli *cli, personalize_job *job) {
  mpinn_model *model = NULL;
  mpinn_subject *heart = NULL, *surface = NULL;
  mpinn_twin_info info;
  truth known = {0};
  char *path = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, mpinn_cli_check_output(cli, job->out));
  if (job->json) MPINN_TRY_GOTO(done, status, mpinn_cli_check_writable(cli, job->json));
  MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->heart, &heart));
  if (job->surface) MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->surface, &surface));
  MPINN_TRY_GOTO(done, status, take_truth(cli, heart, job->truth_at, &known.at));
  MPINN_TRY_GOTO(done, status, take_truth(cli, heart, job->truth_cv, &known.cv));
  MPINN_TRY_GOTO(done, status, read_model(cli, job, &path, &model));
  MPINN_TRY_GOTO(done, status, personalize_heart(cli, job, model, heart, surface, &info));
  MPINN_TRY_GOTO(done, status, mpinn_cli_write(cli, job->out, heart));
  status = report(cli, job, path, model, heart, &known, &info);
done:
  free(known.at);
  free(known.cv);
  free(path);
  mpinn_model_destroy(&model);
  mpinn_subject_destroy(&surface);
  mpinn_subject_destroy(&heart);
  return status;
}

/* ---- options ---- */

static int take_option(mpinn_cli *cli, int option, char **argv, personalize_job *job) {
  switch (option) {
  case 's':
    job->surface = optarg;
    return MPINN_CLI_CONTINUE;
  case 'c':
    if (add_name(&job->wanted, optarg)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "there is no memory for '%s'", optarg);
  case 'Q':
    job->query = optarg;
    return MPINN_CLI_CONTINUE;
  case 'm':
    job->model = optarg;
    return MPINN_CLI_CONTINUE;
  case 'b':
    job->backend = optarg;
    return MPINN_CLI_CONTINUE;
  case 'a':
    job->truth_at = optarg;
    return MPINN_CLI_CONTINUE;
  case 'v':
    job->truth_cv = optarg;
    return MPINN_CLI_CONTINUE;
  case 'j':
    job->json = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    job->out = optarg;
    return MPINN_CLI_CONTINUE;
  case 'E':
    job->eikonal = true;
    return MPINN_CLI_CONTINUE;
  case 'U':
    job->uncertainty = true;
    return MPINN_CLI_CONTINUE;
  case 'R':
    job->refine = 2;
    if (!optarg || (mpinn_cli_parse_double(optarg, &job->refine) && job->refine > 0))
      return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--refine is '%s', expected a number of seconds above 0", optarg);
  case 'O':
    job->has_origin = true;
    if (mpinn_cli_parse_site(optarg, &job->origin)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--origin is '%s', expected X,Y,Z in mm", optarg);
  case 'M':
    if (mpinn_cli_parse_size(optarg, &job->max_measured) && job->max_measured >= 8) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--max-measured is '%s', expected a whole number from 8", optarg);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_personalize, option, argv);
  }
}

static int check_job(const mpinn_cli *cli, int files, const personalize_job *job) {
  if (files != 1) return mpinn_cli_usage(cli, "expected the file of one heart, not %d", files);
  if (!job->wanted.n)
    return mpinn_cli_usage(cli,
                           "no context map is chosen, expected --context with the name of an activation map");
  if (job->query && job->has_origin)
    return mpinn_cli_usage(cli, "--query and --origin both say what the query is, expected one of them");
  if (!job->out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  return MPINN_CLI_CONTINUE;
}

static int run_job(mpinn_cli *cli, int argc, char **argv, personalize_job *job) {
  static const struct option options[] = {{"maps", required_argument, NULL, 's'},
                                          {"context", required_argument, NULL, 'c'},
                                          {"query", required_argument, NULL, 'Q'},
                                          {"origin", required_argument, NULL, 'O'},
                                          {"model", required_argument, NULL, 'm'},
                                          {"backend", required_argument, NULL, 'b'},
                                          {"max-measured", required_argument, NULL, 'M'},
                                          {"truth-at", required_argument, NULL, 'a'},
                                          {"truth-cv", required_argument, NULL, 'v'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"eikonal", no_argument, NULL, 'E'},
                                          {"uncertainty", no_argument, NULL, 'U'},
                                          {"refine", optional_argument, NULL, 'R'},
                                          {"out", required_argument, NULL, 'o'},
                                          MPINN_CLI_COMMON_OPTIONS};
  int code = MPINN_CLI_CONTINUE;
  for (int option;
       code == MPINN_CLI_CONTINUE && (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;)
    code = take_option(cli, option, argv, job);
  if (code == MPINN_CLI_CONTINUE) code = check_job(cli, argc - optind, job);
  if (code != MPINN_CLI_CONTINUE) return code;
  job->heart = argv[optind];
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = personalize(cli, job);
  return mpinn_cli_status(cli, status);
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  personalize_job job = {0};
  const int code = run_job(cli, argc, argv, &job);
  job_clear(&job);
  return code;
}

const mpinn_cli_command mpinn_cli_personalize = {
    "personalize", "makes a heart's model from a few activation maps", help, run};
