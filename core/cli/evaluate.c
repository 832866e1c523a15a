#include "cli.h"
#include "train/test_set.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn evaluate [--protocol NAME] [--model MODEL] [--quick] [--json OUT]\n"
    "       metapinn evaluate --protocol real-heart HEART … [--model MODEL] [--quick] [--json OUT]\n"
    "\n"
    "Measures weights by a protocol and prints a table. Each of the protocol's 200 test maps or more is the query once,\n"
    "known in its first 20 %; its context maps are other test maps of the same heart. SCC is the spatial (Pearson)\n"
    "correlation of predicted and true field over the nodes of one map; a table gives mean and standard deviation over the\n"
    "maps. The truth is solved on a mesh refined twice. Three methods that know nothing or only remember stand beside the\n"
    "network's: healthy (0.6 m/s everywhere, from the true origin), mean-cv (the mean of the training velocities) and\n"
    "nearest-subject (the fields of the training map that is most like the query where that is known, from a heart of the\n"
    "same data set as protocol paper, moved to the nearest points where it is another heart). Weights that do not beat\n"
    "these have learnt nothing. Rows named eikonal are the eikonal solution on the predicted velocity from the site of\n"
    "origin found in the known part of the query; seconds is the personalization and its three fields, seconds_eikonal\n"
    "what that solution takes beside.\n"
    "\n"
    "Protocols; each has 200 to 400 measured nodes of both endocardia, no noise and five context maps, and scars of\n"
    "0.1 m/s in tissue of 0.6 m/s, but for what it says:\n";

static const char help_options[] =
    "\n"
    "Options:\n"
    "  --model MODEL    the weights (default: $METAPINN_MODEL, else those shipped)\n"
    "  --data DATA      the test set, a file of hearts with maps (default: the protocol's, generated now)\n"
    "  --data-seed S    of the data set trained on (default: what the weights say of their training hearts, else 1)\n"
    "  --protocol NAME  one of the above (default paper)\n"
    "  --quick          a small test set: three hearts (of real-heart, all), one tissue each and as many maps as\n"
    "                   one query needs; of paper, one heart with three scars and ten maps each\n"
    "  --uncertainty    also says what the standard deviations of 'metapinn personalize --uncertainty' are worth: the\n"
    "                   share of truths within 1.645 of them (90 % where they are right), the width of these intervals,\n"
    "                   that of a constant interval which holds as many, and the rank correlation of deviation and error;\n"
    "                   takes k times longer\n"
    "  --k K            context maps of a query (default: the protocol's)\n"
    "  --seed S         of new hearts, scars, measured nodes, origins and noise, and of the choice of context maps\n"
    "                   (default 1)\n"
    "  --backend NAME   auto, cpu or cuda (default auto)\n"
    "  --json OUT       writes {\"protocol\", \"model\", …, \"rows\": [{\"method\", \"metric\", \"region\", \"k\", \"mean\", \"sd\",\n"
    "                   \"n\"}, …]} too\n";

typedef struct evaluation_job {
  mpinn_evaluation evaluation;
  const mpinn_protocol *protocol;
  const char *model, *data, *backend, *json;
  uint64_t data_seed;
  bool has_data_seed, quick;
  size_t n_paths;
  char **paths; /* hearts to test on */
} evaluation_job;

/* Subjects to test on, and those that the training knew where these are others. */
typedef struct test_data {
  size_t n_given, n_test, n_training;
  mpinn_subject **given, **test, **training;
} test_data;

static void test_data_clear(test_data *data) {
  mpinn_subjects_destroy(data->n_given, &data->given);
  mpinn_subjects_destroy(data->n_test, &data->test);
  mpinn_subjects_destroy(data->n_training, &data->training);
}

/* The hearts that the weights were trained on are those that protocols paper and new-scar test on, unless
 * another data set is named. */
static mpinn_trained_on find_training(mpinn_cli *cli, const evaluation_job *job, const mpinn_model *model) {
  const char *protocol = mpinn_model_text(model, "protocol");
  mpinn_trained_on hearts = {.seed = 1, .stream = protocol && strcmp(protocol, "any heart") == 0};
  const bool paper = job->protocol->source == MPINN_HEARTS_OF_PAPER;
  if (job->has_data_seed) return (mpinn_trained_on){.seed = job->data_seed};
  if (hearts.stream && paper)
    return (mpinn_trained_on){.seed = 1}; /* hearts that these weights do not know */
  const char *text = mpinn_model_text(model, hearts.stream ? "seed" : "data_seed");
  if (!text || !mpinn_cli_parse_seed(text, &hearts.seed)) {
    hearts.seed = 1;
    mpinn_cli_note(cli, "the weights do not say the seed of the hearts they were trained on; 1 is taken");
  }
  return hearts;
}

static mpinn_status read_hearts(mpinn_cli *cli, const evaluation_job *job, test_data *data) {
  MPINN_TRY(MPINN_NEW(cli->context, &data->given, job->n_paths));
  data->n_given = job->n_paths;
  for (size_t i = 0; i < job->n_paths; i++) {
    MPINN_TRY(mpinn_cli_read(cli, job->paths[i], &data->given[i]));
    if (mpinn_mesh_cell_type(mpinn_subject_mesh(data->given[i])) != MPINN_TETRAHEDRON)
      return mpinn_fail(cli->context, MPINN_ERROR_MESH, "%s: is a surface, expected a wall of tetrahedra",
                        job->paths[i]);
  }
  return MPINN_OK;
}

static mpinn_status get_data(mpinn_cli *cli, const evaluation_job *job, const mpinn_model *model,
                             test_data *data) {
  const bool paper = job->protocol->source == MPINN_HEARTS_OF_PAPER;
  MPINN_TRY(read_hearts(cli, job, data));
  if (job->data) MPINN_TRY(mpinn_cli_read_all(cli, job->data, &data->n_test, &data->test));
  if (job->data && paper) return MPINN_OK;
  const mpinn_test_options options = {.seed = job->evaluation.seed,
                                      .trained_on = find_training(cli, job, model),
                                      .k = job->evaluation.k,
                                      .quick = job->quick,
                                      .n_given = data->n_given,
                                      .given = data->given};
  mpinn_progress_part outer = mpinn_progress_enter(cli->context, 0, 0.3);
  mpinn_status status = MPINN_OK;
  if (!job->data)
    status = mpinn_test_set_create(cli->context, job->protocol, &options, &data->n_test, &data->test);
  mpinn_progress_leave(cli->context, outer);
  if (paper || status != MPINN_OK) return status; /* its own training halves are what the training knew */
  outer = mpinn_progress_enter(cli->context, 0.3, 0.5);
  status = mpinn_training_set_create(cli->context, &options.trained_on, job->quick, &data->n_training,
                                     &data->training);
  mpinn_progress_leave(cli->context, outer);
  return status;
}

static mpinn_status report(mpinn_cli *cli, const evaluation_job *job, const char *path,
                           const mpinn_model *model, size_t n_rows, const mpinn_result_row *rows) {
  if (job->json)
    MPINN_TRY(mpinn_cli_write_json(cli, job->json, job->protocol->name, path, model, n_rows, rows));
  mpinn_cli_clear_line(cli);
  mpinn_cli_print_table(stdout, n_rows, rows);
  return MPINN_OK;
}

static mpinn_status measure(mpinn_cli *cli, const evaluation_job *job, const char *path,
                            const mpinn_model *model) {
  size_t n_rows = 0;
  test_data data = {.n_given = 0};
  mpinn_result_row *rows = NULL;
  mpinn_evaluation evaluation = job->evaluation;
  mpinn_status status = get_data(cli, job, model, &data);
  evaluation.n_training = data.n_training;
  evaluation.training = data.training;
  const mpinn_progress_part outer = mpinn_progress_enter(cli->context, job->data ? 0 : 0.5, 1);
  if (status == MPINN_OK)
    status = mpinn_evaluate(cli->context, model, data.n_test, data.test, &evaluation, &n_rows, &rows);
  mpinn_progress_leave(cli->context, outer);
  if (status == MPINN_OK) status = report(cli, job, path, model, n_rows, rows);
  test_data_clear(&data);
  free(rows);
  return status;
}

static mpinn_status evaluate(mpinn_cli *cli, const evaluation_job *job) {
  mpinn_model *model = NULL;
  mpinn_backend_kind backend;
  char *path = NULL;
  mpinn_status status;
  if (job->json) MPINN_TRY(mpinn_cli_check_writable(cli, job->json));
  MPINN_TRY(mpinn_cli_backend(cli, job->backend, &backend));
  MPINN_TRY(mpinn_cli_find_weights(cli, job->model, &path));
  MPINN_TRY_GOTO(done, status, mpinn_model_read(cli->context, path, backend, &model));
  status = measure(cli, job, path, model);
done:
  mpinn_model_destroy(&model);
  free(path);
  return status;
}

/* One line after another of a protocol's sentence, beside its name. */
static size_t describe_protocol(const mpinn_protocol *protocol, size_t bytes, char *text) {
  const char *line = protocol->help;
  size_t used = 0;
  while (*line && used < bytes) {
    const size_t length = strcspn(line, "\n");
    used += (size_t)snprintf(text + used, bytes - used, "  %-12s %.*s\n",
                             line == protocol->help ? protocol->name : "", (int)length, line);
    line += length + (line[length] == '\n');
  }
  return used;
}

/* The help with the table of protocols in it. */
static int print_help(mpinn_cli *cli, char **argv) {
  char text[8192];
  size_t used = (size_t)snprintf(text, sizeof text, "%s", help);
  for (size_t i = 0; mpinn_protocol_at(i) && used < sizeof text; i++)
    used += describe_protocol(mpinn_protocol_at(i), sizeof text - used, text + used);
  if (used < sizeof text) snprintf(text + used, sizeof text - used, "%s", help_options);
  mpinn_cli_command described = mpinn_cli_evaluate;
  described.help = text;
  return mpinn_cli_common_option(cli, &described, 'h', argv);
}

static int take_option(mpinn_cli *cli, int option, char **argv, evaluation_job *job) {
  switch (option) {
  case 'm':
    job->model = optarg;
    return MPINN_CLI_CONTINUE;
  case 'd':
    job->data = optarg;
    return MPINN_CLI_CONTINUE;
  case 'p':
    job->evaluation.protocol = optarg;
    return MPINN_CLI_CONTINUE;
  case 'Q':
    job->quick = true;
    return MPINN_CLI_CONTINUE;
  case 'U':
    job->evaluation.uncertainty = true;
    return MPINN_CLI_CONTINUE;
  case 'b':
    job->backend = optarg;
    return MPINN_CLI_CONTINUE;
  case 'j':
    job->json = optarg;
    return MPINN_CLI_CONTINUE;
  case 'k':
    if (mpinn_cli_parse_size(optarg, &job->evaluation.k) && job->evaluation.k > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--k is '%s', expected a whole number from 1", optarg);
  case 'S':
    if (mpinn_cli_parse_seed(optarg, &job->evaluation.seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  case 'D':
    job->has_data_seed = true;
    if (mpinn_cli_parse_seed(optarg, &job->data_seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--data-seed is '%s', expected a whole number", optarg);
  case 'h':
    return print_help(cli, argv);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_evaluate, option, argv);
  }
}

/* What the options make together. */
static int complete(const mpinn_cli *cli, evaluation_job *job) {
  const char *name = job->evaluation.protocol;
  char names[160];
  mpinn_protocol_names(sizeof names, names);
  job->protocol = mpinn_protocol_find(name);
  if (!job->protocol) return mpinn_cli_usage(cli, "there is no protocol '%s', expected %s", name, names);
  const bool given = job->protocol->source == MPINN_HEARTS_GIVEN;
  if (job->n_paths > 0 && !given)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only: protocol %s takes no hearts",
                           job->paths[0], name);
  if (given && job->n_paths == 0 && !job->data)
    return mpinn_cli_usage(cli, "protocol %s needs the hearts to test on, expected HEART …", name);
  if (job->data && (job->quick || job->n_paths > 0))
    return mpinn_cli_usage(cli, "with --data no test set is made, expected neither %s",
                           job->quick ? "--quick nor hearts" : "hearts nor --quick");
  if (job->evaluation.k == 0) job->evaluation.k = job->protocol->k;
  return MPINN_CLI_CONTINUE;
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"data-seed", required_argument, NULL, 'D'},
                                          {"protocol", required_argument, NULL, 'p'},
                                          {"quick", no_argument, NULL, 'Q'},
                                          {"uncertainty", no_argument, NULL, 'U'},
                                          {"k", required_argument, NULL, 'k'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"backend", required_argument, NULL, 'b'},
                                          {"json", required_argument, NULL, 'j'},
                                          MPINN_CLI_COMMON_OPTIONS};
  evaluation_job job = {.evaluation = {.protocol = "paper", .seed = 1}};
  for (int option; (option = getopt_long(argc, argv, ":k:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &job);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  job.n_paths = (size_t)(argc - optind);
  job.paths = argv + optind;
  const int code = complete(cli, &job);
  if (code != MPINN_CLI_CONTINUE) return code;
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = evaluate(cli, &job);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_evaluate = {"evaluate", "measures weights by a protocol", help, run};
