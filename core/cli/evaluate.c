#include "cli.h"
#include "metapinn/phantom.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn evaluate [--model MODEL] [--data DATA] [--protocol paper] [--k 5] [--json OUT]\n"
    "\n"
    "Measures weights by a protocol and prints a table. In protocol paper each of the 200 test maps is the query once,\n"
    "known in its first 20 %; its context maps are other test maps of the same heart. SCC is the spatial (Pearson)\n"
    "correlation of predicted and true field over the nodes of one map; a table gives mean and standard deviation over the\n"
    "maps. Three methods that know nothing or only remember stand beside the network's: healthy (0.6 m/s everywhere, from\n"
    "the true origin), mean-cv (the mean of the training velocities) and nearest-subject (the fields of the nearest\n"
    "training heart). Weights that do not beat these have learnt nothing. Rows named\n"
    "eikonal are the eikonal solution on the predicted velocity from the site of origin found in the known part of the\n"
    "query; seconds is the personalization and its three fields, seconds_eikonal what that solution takes beside.\n"
    "\n"
    "Options:\n"
    "  --model MODEL    the weights (default: $METAPINN_MODEL, else those shipped)\n"
    "  --data DATA      the data set (default: the protocol's, generated now)\n"
    "  --data-seed S    of a generated data set (default: that of the weights' own data set, else 1)\n"
    "  --protocol NAME  paper\n"
    "  --k K            context maps of a query (default 5)\n"
    "  --seed S         of the choice of context maps (default 1)\n"
    "  --backend NAME   auto, cpu or cuda (default auto)\n"
    "  --json OUT       writes {\"protocol\", \"model\", …, \"rows\": [{\"method\", \"metric\", \"region\", \"k\", \"mean\", \"sd\",\n"
    "                   \"n\"}, …]} too\n";

typedef struct evaluation_job {
  mpinn_evaluation evaluation;
  const char *model, *data, *backend, *json;
  uint64_t data_seed;
  bool has_data_seed;
} evaluation_job;

/* The hearts that the weights were trained on must be those that they are measured on: protocol paper splits
 * maps. */
static uint64_t choose_data_seed(mpinn_cli *cli, const evaluation_job *job, const mpinn_model *model) {
  const char *text = mpinn_model_text(model, "data_seed");
  uint64_t seed = 1;
  if (job->has_data_seed) return job->data_seed;
  if (!text || !mpinn_cli_parse_seed(text, &seed))
    mpinn_cli_note(cli, "the weights do not say the seed of their data set; %llu is taken",
                   (unsigned long long)seed);
  return seed;
}

static mpinn_status get_data(mpinn_cli *cli, const evaluation_job *job, const mpinn_model *model,
                             size_t *count, mpinn_subject ***subjects) {
  if (job->data) return mpinn_cli_read_all(cli, job->data, count, subjects);
  const mpinn_progress_part outer = mpinn_progress_enter(cli->context, 0, 0.5);
  const mpinn_status status =
      mpinn_paper_data_set(cli->context, choose_data_seed(cli, job, model), count, subjects);
  mpinn_progress_leave(cli->context, outer);
  return status;
}

static mpinn_status measure(mpinn_cli *cli, const evaluation_job *job, const char *path,
                            const mpinn_model *model) {
  size_t count = 0, n_rows = 0;
  mpinn_subject **subjects = NULL;
  mpinn_result_row *rows = NULL;
  MPINN_TRY(get_data(cli, job, model, &count, &subjects));
  const mpinn_progress_part outer = mpinn_progress_enter(cli->context, job->data ? 0 : 0.5, 1);
  mpinn_status status =
      mpinn_evaluate(cli->context, model, count, subjects, &job->evaluation, &n_rows, &rows);
  mpinn_progress_leave(cli->context, outer);
  mpinn_subjects_destroy(count, &subjects);
  if (status == MPINN_OK && job->json)
    status = mpinn_cli_write_json(cli, job->json, job->evaluation.protocol, path, model, n_rows, rows);
  if (status == MPINN_OK) {
    mpinn_cli_clear_line(cli);
    mpinn_cli_print_table(stdout, n_rows, rows);
  }
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
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_evaluate, option, argv);
  }
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"data-seed", required_argument, NULL, 'D'},
                                          {"protocol", required_argument, NULL, 'p'},
                                          {"k", required_argument, NULL, 'k'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"backend", required_argument, NULL, 'b'},
                                          {"json", required_argument, NULL, 'j'},
                                          MPINN_CLI_COMMON_OPTIONS};
  evaluation_job job = {.evaluation = {.protocol = "paper", .k = 5, .seed = 1}};
  for (int option; (option = getopt_long(argc, argv, ":k:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &job);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (optind < argc)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only", argv[optind]);
  if (strcmp(job.evaluation.protocol, "paper") != 0)
    return mpinn_cli_usage(cli, "there is no protocol '%s', expected paper", job.evaluation.protocol);
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = evaluate(cli, &job);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_evaluate = {"evaluate", "measures weights by a protocol", help, run};
