#include "cli.h"
#include "metapinn/metrics.h"
#include "metapinn/personalize.h"

#include <getopt.h>

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
    "                     the eikonal equation on it fits the measured times, and then the activation, unless the query\n"
    "                     begins at several places\n"
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

typedef struct personalize_job {
  const char *heart, *surface, *query, *model, *backend, *truth_at, *truth_cv, *json, *out;
  bool has_origin, eikonal, uncertainty;
  mpinn_site origin;
  double refine; /* seconds */
  size_t max_measured;
  mpinn_cli_map_choice context;
} personalize_job;

/* ---- what is compared ---- */

/* NULL where the weights do not give it. */
static const float *answer_values(const mpinn_subject *heart, const char *name) {
  const mpinn_array *array = mpinn_subject_find(heart, name, MPINN_NODES);
  return array ? array->values : NULL;
}

static double text_number(const mpinn_subject *heart, const char *key) {
  return strtod(mpinn_subject_get_text(heart, key), NULL);
}

static void add_eikonal_rows(const mpinn_subject *heart, const mpinn_cli_truth *known, mpinn_cli_table *t) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const float *at = answer_values(heart, "ATEikonal");
  if (known->at) {
    mpinn_cli_add_row(t, "at_scc_eikonal", "all", mpinn_scc(n, at, known->at));
    mpinn_cli_add_row(t, "at_mae_eikonal", "all", mpinn_mean_absolute_error(n, at, known->at));
  }
  mpinn_cli_add_row(t, "origin_misfit_ms", "all", text_number(heart, "metapinn_origin_misfit_ms"));
  mpinn_cli_add_row(t, "consistency_ms", "all", text_number(heart, "metapinn_consistency_ms"));
}

static void fill_table(const mpinn_model *model, const mpinn_subject *heart, const mpinn_cli_truth *known,
                       const mpinn_twin_info *info, mpinn_cli_table *t) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const bool velocity = mpinn_model_has_velocity(model);
  mpinn_cli_score(n, answer_values(heart, "AT"), velocity ? answer_values(heart, "CV") : NULL, known, t);
  if (velocity) {
    const float *residual = answer_values(heart, "PDEResidual");
    mpinn_cli_add_row(t, "residual_msq", "all", mpinn_mean_square(n, residual));
    mpinn_cli_add_row(t, "residual_abs", "all", mpinn_mean_absolute(n, residual));
  }
  if (mpinn_subject_get_text(heart, "metapinn_consistency_ms")) add_eikonal_rows(heart, known, t);
  mpinn_cli_add_row(t, "seconds", "all", info->seconds);
}

/* ---- the work ---- */

static mpinn_status personalize_heart(mpinn_cli *cli, personalize_job *job, const mpinn_model *model,
                                      mpinn_subject *heart, const mpinn_subject *surface,
                                      mpinn_twin_info *info) {
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  MPINN_TRY(mpinn_cli_choose_maps(cli, surface ? surface : heart, job->query, job->truth_at, &job->context));
  options.n_context = job->context.maps.n;
  options.context = job->context.maps.names;
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
                           const mpinn_model *model, const mpinn_subject *heart, const mpinn_cli_truth *known,
                           const mpinn_twin_info *info) {
  mpinn_cli_table t = {.method = "meta-pinn", .k = job->context.maps.n};
  fill_table(model, heart, known, info, &t);
  if (job->json) MPINN_TRY(mpinn_cli_write_json(cli, job->json, "personalize", path, model, t.n, t.rows));
  mpinn_cli_clear_line(cli);
  mpinn_cli_print_table(stdout, t.n, t.rows);
  mpinn_cli_note(cli, "%s: from %zu measured nodes, %zu of them early in the query, in %.1f ms", job->out,
                 info->n_measured, info->n_early, 1e3 * info->seconds);
  if (job->eikonal && mpinn_model_has_velocity(model))
    mpinn_cli_note(cli, "the site of origin is at %s mm",
                   mpinn_subject_get_text(heart, "metapinn_origin_mm"));
  if (job->refine > 0) mpinn_cli_note(cli, "refined: %s", mpinn_subject_get_text(heart, "metapinn_refine"));
  return MPINN_OK;
}

static mpinn_status personalize(mpinn_cli *cli, personalize_job *job) {
  mpinn_model *model = NULL;
  mpinn_subject *heart = NULL, *surface = NULL;
  mpinn_twin_info info;
  mpinn_cli_truth known = {0};
  char *path = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, mpinn_cli_check_output(cli, job->out));
  if (job->json) MPINN_TRY_GOTO(done, status, mpinn_cli_check_writable(cli, job->json));
  MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->heart, &heart));
  if (job->surface) MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->surface, &surface));
  MPINN_TRY_GOTO(done, status, mpinn_cli_take_truth(cli, heart, job->truth_at, job->truth_cv, &known));
  MPINN_TRY_GOTO(done, status, read_model(cli, job, &path, &model));
  MPINN_TRY_GOTO(done, status, personalize_heart(cli, job, model, heart, surface, &info));
  MPINN_TRY_GOTO(done, status, mpinn_cli_write(cli, job->out, heart));
  status = report(cli, job, path, model, heart, &known, &info);
done:
  mpinn_cli_truth_clear(&known);
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
    if (mpinn_cli_want_maps(&job->context, optarg)) return MPINN_CLI_CONTINUE;
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
  if (!job->context.wanted.n)
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
  mpinn_cli_map_choice_clear(&job.context);
  return code;
}

const mpinn_cli_command mpinn_cli_personalize = {
    "personalize", "makes a heart's model from a few activation maps", help, run};
