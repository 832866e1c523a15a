#include "cli.h"

#include <getopt.h>

static const char help[] =
    "Usage: metapinn calibrate --model MODEL [--hearts N] --out OUT\n"
    "\n"
    "Lets weights of a preset for any heart personalize simulated hearts that they have not seen, with maps of\n"
    "all kinds, and writes the same weights with what was learnt from it: how the spread of twins makes a standard\n"
    "deviation of the error (ATStd and CVStd of 'metapinn personalize --uncertainty', within 1.645 times which nine\n"
    "truths in ten are), and what usual hearts and maps are like, so that strangers are told. To be done once a\n"
    "training has ended: without it deviations are guessed at, and nobody is a stranger. The parameters stay as\n"
    "they are.\n"
    "\n"
    "Options:\n"
    "  --model MODEL    the weights\n"
    "  --hearts N       simulated hearts, each with three tissues that are measured three times (default 100)\n"
    "  --seed S         of these hearts (default: one that no training and no protocol uses)\n"
    "  --out OUT        the weights to write; may be MODEL\n";

static int take_option(mpinn_cli *cli, int option, char **argv, mpinn_calibrating *job) {
  switch (option) {
  case 'm':
    job->model = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    job->out = optarg;
    return MPINN_CLI_CONTINUE;
  case 'S':
    if (mpinn_cli_parse_seed(optarg, &job->seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  case 'n':
    if (mpinn_cli_parse_size(optarg, &job->hearts) && job->hearts > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--hearts is '%s', expected a whole number from 1", optarg);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_calibrate, option, argv);
  }
}

static mpinn_status calibrate(mpinn_cli *cli, const mpinn_calibrating *job) {
  MPINN_TRY(mpinn_cli_check_writable(cli, job->out));
  MPINN_TRY(mpinn_calibrate(cli->context, job));
  mpinn_cli_note(cli, "%s: the weights are written, calibrated on %zu hearts", job->out, job->hearts);
  return MPINN_OK;
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                          {"hearts", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"out", required_argument, NULL, 'o'},
                                          MPINN_CLI_COMMON_OPTIONS};
  mpinn_calibrating job;
  mpinn_calibrating_default(&job);
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &job);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (optind < argc)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only", argv[optind]);
  if (!job.model) return mpinn_cli_usage(cli, "--model is missing, expected the weights to calibrate");
  if (!job.out) return mpinn_cli_usage(cli, "--out is missing, expected the file for the weights");
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = calibrate(cli, &job);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_calibrate = {"calibrate", "lets weights learn how sure they are", help,
                                               run};
