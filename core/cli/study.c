#include "metapinn/study.h"

#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: metapinn study --out FOLDER [--quick] [--maps N] [--no-fits]\n"
    "\n"
    "Compares the meta-PINN with methods that are optimized on the patient's own maps, as its paper does: four hearts with\n"
    "five scars each, ten test maps of each of these, the truth from a mesh refined twice. Table 'segments' has the\n"
    "paper's scars, which are whole AHA segments; table 'ellipsoids' scars that no segments can represent, and 3 ms of\n"
    "noise. Methods:\n"
    "  meta-PINN       weights as shipped, alone and with the eikonal equation solved on their velocity: of any heart, of\n"
    "                  any heart trained on with the paper's data ('these hearts'), and of the paper's data alone, as\n"
    "                  published and told the velocity. With five, three and one context maps, and the query's first 20 %\n"
    "  meta-neural     without velocity and without the equation\n"
    "  physics-based   'metapinn fit --method segments', with each segmentation\n"
    "  multi-PINN      'metapinn fit --method multi-pinn', and with the published loss\n"
    "  healthy, mean-cv, nearest-subject   what knows nothing, or only remembers; see 'metapinn evaluate --help'\n"
    "Fits are made to all that was measured of the query, as in the paper, and to what the meta-PINN gets; those with the\n"
    "groups of the paper's released code and with the published loss get no fewer than five context maps.\n"
    "\n"
    "FOLDER then has records.csv, every score of every map; study.json, the means; and study.md, tables of them. A study\n"
    "that is stopped, by Ctrl-C or a power cut, goes on where it was when the same command is given again.\n"
    "\n"
    "Options:\n"
    "  --out FOLDER        where to, made if it is not there\n"
    "  --quick             one heart with three scars in each table, one map each: minutes\n"
    "  --no-fits           without physics-based and multi-PINN, which take nearly all of the time\n"
    "  --maps N            queries of each heart and scar, 1 to 10 (default 10)\n"
    "  --steps N           of multi-PINN's optimizer (default 5000)\n"
    "  --seed S            of noise and of the choice of context maps (default 1)\n"
    "  --data-seed S       of hearts and maps (default 1, which the shipped weights for the paper's data know)\n"
    "  --model NAME=FILE   one more line of weights; may be given several times\n";

/* Weights that a study looks at without being asked, where shipped; the first is compared with all. */
static const struct shipped {
  const char *file, *name, *eikonal_name;
} shipped[] = {
    {"any-heart.safetensors", "meta-PINN, any heart", "meta-PINN, any heart, eikonal"},
    {"paper-hearts.safetensors", "meta-PINN, these hearts", "meta-PINN, these hearts, eikonal"},
    {"paper.safetensors", "meta-PINN, as published", "meta-PINN, as published, eikonal"},
    {"paper-labels.safetensors", "meta-PINN, velocity labels", "meta-PINN, velocity labels, eikonal"},
    {"meta-neural.safetensors", "meta-neural", NULL},
};

enum { SHIPPED = sizeof shipped / sizeof *shipped, MOST_MODELS = 16 };

typedef struct study_job {
  mpinn_study study;
  bool maps_given;
  size_t n_own;
  char *own[MOST_MODELS]; /* NAME=FILE, cut at the sign */
  mpinn_model *opened[MOST_MODELS];
  mpinn_study_model models[MOST_MODELS];
} study_job;

static mpinn_status open_model(mpinn_cli *cli, study_job *job, const char *name, const char *eikonal_name,
                               const char *path) {
  const size_t i = job->study.n_models;
  MPINN_TRY(mpinn_model_read(cli->context, path, MPINN_BACKEND_AUTO, &job->opened[i]));
  job->models[i] = (mpinn_study_model){name, eikonal_name, job->opened[i]};
  job->study.n_models++;
  return MPINN_OK;
}

static mpinn_status open_models(mpinn_cli *cli, study_job *job) {
  for (size_t i = 0; i < SHIPPED; i++) {
    char *path;
    MPINN_TRY(mpinn_cli_find_shipped(cli, shipped[i].file, &path));
    const mpinn_status status =
        path ? open_model(cli, job, shipped[i].name, shipped[i].eikonal_name, path) : MPINN_OK;
    free(path);
    MPINN_TRY(status);
  }
  for (size_t i = 0; i < job->n_own; i++)
    MPINN_TRY(open_model(cli, job, job->own[i], NULL, strchr(job->own[i], '\0') + 1));
  job->study.models = job->models;
  return MPINN_OK;
}

static mpinn_status make_folder(mpinn_cli *cli, const char *path) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return MPINN_OK;
  return mpinn_fail(cli->context, MPINN_ERROR_FILE, "The folder %s cannot be made: %s", path,
                    strerror(errno));
}

static mpinn_status write_in(mpinn_cli *cli, const char *folder, const char *name, const char *text) {
  char *path = NULL;
  const size_t bytes = strlen(folder) + strlen(name) + 2;
  MPINN_TRY(MPINN_NEW(cli->context, &path, bytes));
  snprintf(path, bytes, "%s/%s", folder, name);
  const mpinn_status status = mpinn_cli_write_text(cli, path, text);
  free(path);
  return status;
}

static mpinn_status report(mpinn_cli *cli, const study_job *job, size_t n_rows, const mpinn_study_row *rows) {
  const char *folder = job->study.folder;
  char *json = mpinn_cli_study_json(&job->study, n_rows, rows), *table = mpinn_cli_study_table(n_rows, rows);
  mpinn_status status = write_in(cli, folder, "study.json", json);
  if (status == MPINN_OK) status = write_in(cli, folder, "study.md", table);
  mpinn_cli_clear_line(cli);
  if (status == MPINN_OK) fputs(table, stdout);
  if (status == MPINN_OK) mpinn_cli_note(cli, "%s: records.csv, study.json and study.md are written", folder);
  free(json);
  free(table);
  return status;
}

static mpinn_status compare(mpinn_cli *cli, study_job *job) {
  size_t n_rows = 0;
  mpinn_study_row *rows = NULL;
  MPINN_TRY(make_folder(cli, job->study.folder));
  MPINN_TRY(open_models(cli, job));
  mpinn_status status = mpinn_study_run(cli->context, &job->study, &n_rows, &rows);
  if (status == MPINN_OK) status = report(cli, job, n_rows, rows);
  free(rows);
  return status;
}

static int take_model(mpinn_cli *cli, study_job *job) {
  char *sign = strchr(optarg, '=');
  if (!sign || sign == optarg || !sign[1])
    return mpinn_cli_usage(cli, "--model is '%s', expected NAME=FILE", optarg);
  if (job->n_own + SHIPPED == MOST_MODELS)
    return mpinn_cli_usage(cli, "--model is given more than %d times", MOST_MODELS - SHIPPED);
  *sign = '\0';
  job->own[job->n_own++] = optarg;
  return MPINN_CLI_CONTINUE;
}

static int take_option(mpinn_cli *cli, int option, char **argv, study_job *job) {
  switch (option) {
  case 'o':
    job->study.folder = optarg;
    return MPINN_CLI_CONTINUE;
  case 'Q':
    job->study.quick = true;
    return MPINN_CLI_CONTINUE;
  case 'f':
    job->study.fits = false;
    return MPINN_CLI_CONTINUE;
  case 'n':
    job->maps_given = mpinn_cli_parse_size(optarg, &job->study.maps);
    if (job->maps_given && job->study.maps >= 1 && job->study.maps <= 10) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--maps is '%s', expected a whole number from 1 to 10", optarg);
  case 's':
    if (mpinn_cli_parse_size(optarg, &job->study.steps) && job->study.steps > 0) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--steps is '%s', expected a whole number from 1", optarg);
  case 'S':
    if (mpinn_cli_parse_seed(optarg, &job->study.seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  case 'D':
    if (mpinn_cli_parse_seed(optarg, &job->study.data_seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--data-seed is '%s', expected a whole number", optarg);
  case 'm':
    return take_model(cli, job);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_study, option, argv);
  }
}

static int run_job(mpinn_cli *cli, int argc, char **argv, study_job *job) {
  static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                          {"quick", no_argument, NULL, 'Q'},
                                          {"no-fits", no_argument, NULL, 'f'},
                                          {"maps", required_argument, NULL, 'n'},
                                          {"steps", required_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"data-seed", required_argument, NULL, 'D'},
                                          {"model", required_argument, NULL, 'm'},
                                          MPINN_CLI_COMMON_OPTIONS};
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, job);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (optind < argc)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only", argv[optind]);
  if (!job->study.folder)
    return mpinn_cli_usage(cli, "--out is missing, expected the folder for the results");
  if (job->study.quick && !job->maps_given) job->study.maps = 1;
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = compare(cli, job);
  return mpinn_cli_status(cli, status);
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  study_job job = {.n_own = 0};
  mpinn_study_default(&job.study);
  const int code = run_job(cli, argc, argv, &job);
  for (size_t i = 0; i < MOST_MODELS; i++) mpinn_model_destroy(&job.opened[i]);
  return code;
}

const mpinn_cli_command mpinn_cli_study = {
    "study", "compares methods on the paper's protocol, with its baselines", help, run};
