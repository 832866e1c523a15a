#include "cli.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn train --preset paper|paper-labels|meta-neural --data DATA.safetensors --out MODEL.safetensors\n"
    "       metapinn train --preset any-heart [--data DATA.safetensors] --out MODEL.safetensors\n"
    "\n"
    "Trains the meta-network: in every step a heart's maps are split anew into context maps and a query of which only the\n"
    "first 20 % to activate is known.\n"
    "\n"
    "Preset paper learns on a data set, which comes from 'metapinn phantom --protocol paper'. The conduction velocity is\n"
    "never shown to it; it is learnt from the eikonal equation. A heart is seen at several samplings of its measured\n"
    "nodes, its own and others that are drawn from its endocardium. Preset paper-labels is the same and is told the\n"
    "velocity, the hearts' array CV. Preset meta-neural is what the paper compares with: it knows neither a velocity nor\n"
    "the eikonal equation, and gives activation alone.\n"
    "\n"
    "Preset any-heart learns on hearts that a second thread simulates as it goes, of all shapes, tissues and ways of being\n"
    "measured, and from their velocities, or with --data on those hearts, which need the velocity (CV) and every map's site\n"
    "of origin (origins). An epoch is 100 lessons on one heart each. What it writes is calibrated with 'metapinn\n"
    "calibrate'.\n"
    "\n"
    "Beside MODEL lie MODEL.csv, losses and validation metrics of every epoch, and, while training goes on,\n"
    "MODEL.checkpoint, written every few minutes. The same command goes on from a checkpoint that it finds, and ends with\n"
    "bit for bit the weights of a training that was never interrupted (with the same number of threads). Ctrl-C writes a\n"
    "checkpoint and stops; a second Ctrl-C stops at once.\n"
    "\n"
    "Options:\n"
    "  --preset NAME         architecture and schedule (default paper)\n"
    "  --data FILE           the data set\n"
    "  --out MODEL           the weights to write\n"
    "  --init MODEL          start from these weights (default: from random ones, drawn from the seed)\n"
    "  --seed S              of first weights and episodes (default 1)\n"
    "  --epochs N            visits of every training map as the query (default: the preset's)\n"
    "  --learning-rate R     of AdamW at the start of its cosine (default: the preset's)\n"
    "  --pde-weight W        of the eikonal equation beside the activation times, at last (default 1)\n"
    "  --checkpoint-minutes M  between checkpoints (default 3)\n"
    "  --restart             begin anew though a checkpoint lies there\n";

typedef struct train_job {
  mpinn_training training;
  const char *data;
} train_job;

static mpinn_status train(mpinn_cli *cli, const train_job *job) {
  size_t count = 0;
  mpinn_subject **subjects = NULL;
  MPINN_TRY(mpinn_cli_check_writable(cli, job->training.out));
  if (job->data) MPINN_TRY(mpinn_cli_read_all(cli, job->data, &count, &subjects));
  const mpinn_status status = mpinn_train(cli->context, count, subjects, &job->training);
  mpinn_subjects_destroy(count, &subjects);
  if (status == MPINN_OK) mpinn_cli_note(cli, "%s: the weights are written", job->training.out);
  return status;
}

static int take_option(mpinn_cli *cli, int option, char **argv, train_job *job) {
  mpinn_training *t = &job->training;
  switch (option) {
  case 'p':
    t->preset = optarg;
    return MPINN_CLI_CONTINUE;
  case 'd':
    job->data = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    t->out = optarg;
    return MPINN_CLI_CONTINUE;
  case 'i':
    t->init = optarg;
    return MPINN_CLI_CONTINUE;
  case 'R':
    t->restart = true;
    return MPINN_CLI_CONTINUE;
  case 'S':
    if (mpinn_cli_parse_seed(optarg, &t->seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  case 'e':
    if (mpinn_cli_parse_size(optarg, &t->epochs) && t->epochs > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--epochs is '%s', expected a whole number from 1", optarg);
  case 'l':
    if (mpinn_cli_parse_double(optarg, &t->learning_rate) && t->learning_rate > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--learning-rate is '%s', expected a number greater than 0", optarg);
  case 'w':
    if (mpinn_cli_parse_double(optarg, &t->pde_weight) && t->pde_weight > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--pde-weight is '%s', expected a number greater than 0", optarg);
  case 'm':
    if (mpinn_cli_parse_double(optarg, &t->checkpoint_minutes) && t->checkpoint_minutes > 0)
      return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--checkpoint-minutes is '%s', expected a number greater than 0", optarg);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_train, option, argv);
  }
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {{"preset", required_argument, NULL, 'p'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"init", required_argument, NULL, 'i'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"epochs", required_argument, NULL, 'e'},
                                          {"learning-rate", required_argument, NULL, 'l'},
                                          {"pde-weight", required_argument, NULL, 'w'},
                                          {"checkpoint-minutes", required_argument, NULL, 'm'},
                                          {"restart", no_argument, NULL, 'R'},
                                          MPINN_CLI_COMMON_OPTIONS};
  train_job job = {0};
  mpinn_training_default(&job.training);
  job.training.seed = 1;
  job.training.command = cli->command;
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &job);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (optind < argc)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only", argv[optind]);
  if (!job.data && strcmp(job.training.preset, "any-heart") != 0)
    return mpinn_cli_usage(cli, "--data is missing, expected a data set");
  if (!job.training.out) return mpinn_cli_usage(cli, "--out is missing, expected the file for the weights");
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = train(cli, &job);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_train = {"train", "trains weights on a data set", help, run};
