#include "cli.h"
#include "scar.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn phantom [--nodes N] [--seed S] [--ventricles V] [--scar SCAR] … [--maps M] --out OUT\n"
    "       metapinn phantom [--nodes N] [--seed S] [--ventricles V] --scars MIN,MAX … [--maps M] --out OUT\n"
    "       metapinn phantom --protocol paper [--seed S] --out DATA.safetensors\n"
    "\n"
    "Makes a heart that nobody has: ventricles of tetrahedra, their shape drawn from a seed, with conduction\n"
    "velocity, measured nodes and simulated activation maps. The same options give the same\n"
    "heart; on another kind of processor its last digits may differ.\n"
    "\n"
    "Options:\n"
    "  --nodes N       number of nodes, 400 to 1000000, met within 5 % (default 2000)\n"
    "  --seed S        of shape, measured nodes, maps and random scars (default 1)\n"
    "  --ventricles V  both (default), lv or rv: the left one alone, or the right one with its septum\n"
    "  --variation V   how far the shape may be from the mean heart: 0 not at all, 1 plausibly (default 1), 2 as far as\n"
    "                  disease takes it: dilated, thick, thin, a flat septum, an uneven wall, a slanted base\n"
    "  --size F        factor on all lengths, 0.001 to 1000: 1 a human heart (default), 0.15 a rabbit's\n"
    "  --healthy V     conduction velocity outside scars, m/s (default 0.6); MIN,MAX draws it\n"
    "  --scar SCAR     a region of slow conduction (0.1 m/s); may be given several times; SCAR is one of\n"
    "                    paper:0 … paper:4                the placements of protocol paper\n"
    "                    segments:1,7,13                  AHA segments 1 to 17, and 18 for the right ventricle\n"
    "                    random, random:SEED              an ellipsoid somewhere in the wall\n"
    "                    ellipsoid:X,Y,Z,RX,RY,RZ         centre and radii in mm\n"
    "                  and may end in /speed=0.2 (m/s), /transmural=0,0.5 (from 0, endocardium, to 1, epicardium) and,\n"
    "                  of an ellipsoid, /border=5 (mm in which the speed rises smoothly to the healthy one)\n"
    "  --scars MIN,MAX   instead of --scar: that many ellipsoids in the wall, 0 to 32, drawn with all that they are; of\n"
    "                  the following a single number fixes what it is of\n"
    "  --slow MIN,MAX    their conduction velocities, m/s (default 0.1)\n"
    "  --radius MIN,MAX  their half axes, in parts of half the diagonal of the heart's box (default 0.12,0.35)\n"
    "  --border MIN,MAX  their borders, mm (default 0)\n"
    "  --partial P       share of them that is not transmural but subendocardial, subepicardial or in the middle of the\n"
    "                  wall, 0 to 1 (default 0.4)\n"
    "  --measured N    how many nodes are marked as measured (default 300)\n"
    "  --surfaces LIST which are: lv and rv, their endocardia, and epi, the epicardium (default lv,rv); where they have\n"
    "                  fewer nodes, all are\n"
    "  --missing P     share of the measured nodes that a few round patches take away again, 0 to 0.9 (default 0)\n"
    "  --maps M        activation maps from random sites of origin, as AT_00, AT_01 … in ms (default 6)\n"
    "  --refine R      they are solved on the mesh refined R times, 0 to 3 (default 1)\n"
    "  --protocol paper  the data set of the protocol instead: 4 hearts x 5 scars x 20 maps in one file, truth solved\n"
    "                  on the mesh refined twice; maps 0 to 9 of a heart are for training, 10 to 19 for the test\n"
    "  --out OUT       the file to write\n"
    "\n"
    "Arrays of the file: on nodes surface_class (0 interior, 1 base, 2 epicardium, 3 LV and 4 RV endocardium), segment\n"
    "(AHA), transmural (0 endocardium to 1 epicardium), measured (0 or 1), CV (m/s), AT_00 … (ms, at all nodes); on cells\n"
    "CV (m/s); and origins, the site (mm) and onset (ms) of every map.\n";

enum { MOST_SCARS = 32 };

typedef struct phantom_job {
  mpinn_phantom_options shape;
  mpinn_tissue tissue;
  bool random, of_random; /* --scars was given; something that needs it was */
  size_t n_scars;
  const char *scars[MOST_SCARS];
  mpinn_sampling sampling;
  size_t maps, refine;
  const char *protocol, *out;
  bool single; /* an option that only a single phantom has was given */
} phantom_job;

static mpinn_status add_scars(mpinn_cli *cli, const phantom_job *job, mpinn_subject *heart) {
  mpinn_scar scars[MOST_SCARS];
  if (job->random || job->tissue.healthy[0] != job->tissue.healthy[1]) {
    mpinn_tissue tissue = job->tissue;
    tissue.seed = job->shape.seed;
    if (!job->random) tissue.scars[0] = tissue.scars[1] = 0;
    return mpinn_subject_draw_tissue(cli->context, heart, &tissue);
  }
  for (size_t i = 0; i < job->n_scars; i++)
    MPINN_TRY(mpinn_cli_parse_scar(cli, job->scars[i], job->shape.seed + i, heart, &scars[i]));
  return mpinn_subject_set_scars(cli->context, heart, job->tissue.healthy[0], job->n_scars, scars);
}

static mpinn_status measure(mpinn_cli *cli, const phantom_job *job, mpinn_subject *heart) {
  mpinn_sampling sampling = job->sampling;
  sampling.seed = job->shape.seed;
  return mpinn_subject_sample(cli->context, heart, &sampling);
}

static mpinn_status describe(mpinn_cli *cli, const phantom_job *job, mpinn_subject *heart) {
  char seed[32];
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->shape.seed);
  MPINN_TRY(mpinn_subject_set_text(cli->context, heart, "seed", seed));
  MPINN_TRY(mpinn_subject_set_text(cli->context, heart, "metapinn_version", mpinn_version()));
  return mpinn_subject_set_text(cli->context, heart, "command",
                                cli->command ? cli->command : "metapinn phantom");
}

static mpinn_status make_phantom(mpinn_cli *cli, const phantom_job *job, mpinn_subject **heart) {
  MPINN_TRY(mpinn_phantom_create(cli->context, &job->shape, heart));
  MPINN_TRY(add_scars(cli, job, *heart));
  if (job->sampling.count) MPINN_TRY(measure(cli, job, *heart));
  if (job->maps)
    MPINN_TRY(
        mpinn_subject_simulate_maps(cli->context, *heart, job->maps, job->shape.seed, (int)job->refine));
  return describe(cli, job, *heart);
}

static mpinn_status single_phantom(mpinn_cli *cli, const phantom_job *job) {
  mpinn_subject *heart = NULL;
  MPINN_TRY(mpinn_cli_check_output(cli, job->out));
  mpinn_status status = make_phantom(cli, job, &heart);
  if (status == MPINN_OK) status = mpinn_cli_write(cli, job->out, heart);
  if (status == MPINN_OK) {
    const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
    mpinn_cli_note(cli, "%s: %zu nodes, %zu tetrahedra, %zu maps", job->out, mpinn_mesh_node_count(mesh),
                   mpinn_mesh_cell_count(mesh), job->maps);
  }
  mpinn_subject_destroy(&heart);
  return status;
}

static mpinn_status protocol_data(mpinn_cli *cli, const phantom_job *job) {
  size_t count = 0;
  mpinn_subject **subjects = NULL;
  const char *dot = strrchr(job->out, '.');
  if (!dot || strcmp(dot, ".safetensors") != 0)
    return mpinn_fail(cli->context, MPINN_ERROR_FILE,
                      "%s: cannot hold many hearts; expected a name in .safetensors", job->out);
  MPINN_TRY(mpinn_cli_check_output(cli, job->out));
  MPINN_TRY(mpinn_paper_data_set(cli->context, job->shape.seed, &count, &subjects));
  const mpinn_status status = mpinn_subjects_write(cli->context, job->out, count, subjects);
  mpinn_subjects_destroy(count, &subjects);
  if (status == MPINN_OK) mpinn_cli_note(cli, "%s: %zu hearts", job->out, count);
  return status;
}

/* A value out of its range; an exit code or MPINN_CLI_CONTINUE. */
static int take_size(const mpinn_cli *cli, const char *option, const char *text, size_t least, size_t most,
                     size_t *value) {
  if (mpinn_cli_parse_size(text, value) && *value >= least && *value <= most) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "--%s is '%s', expected a whole number from %zu to %zu", option, text, least,
                         most);
}

static int take_number(const mpinn_cli *cli, const char *option, const char *text, double least, double most,
                       double *value) {
  if (mpinn_cli_parse_double(text, value) && *value >= least && *value <= most) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "--%s is '%s', expected a number from %g to %g", option, text, least, most);
}

/* "MIN,MAX", or one number for both. */
static int take_range(const mpinn_cli *cli, const char *option, const char *text, double least, double most,
                      double range[2]) {
  const size_t n = mpinn_cli_parse_list(text, 2, range);
  if (n == 1) range[1] = range[0];
  if (n > 0 && range[0] >= least && range[1] >= range[0] && range[1] <= most) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "--%s is '%s', expected MIN,MAX or a number, from %g to %g", option, text,
                         least, most);
}

static int take_scars(const mpinn_cli *cli, const char *text, phantom_job *job) {
  double range[2];
  const int code = take_range(cli, "scars", text, 0, MOST_SCARS, range);
  if (code != MPINN_CLI_CONTINUE) return code;
  for (int i = 0; i < 2; i++) {
    job->tissue.scars[i] = (size_t)range[i];
    if ((double)job->tissue.scars[i] != range[i])
      return mpinn_cli_usage(cli, "--scars is '%s', expected whole numbers", text);
  }
  job->random = true;
  return MPINN_CLI_CONTINUE;
}

static int take_scar(const mpinn_cli *cli, const char *text, phantom_job *job) {
  if (job->n_scars == MOST_SCARS)
    return mpinn_cli_usage(cli, "--scar is given more than %d times", MOST_SCARS);
  if (strcmp(text, "none") != 0) job->scars[job->n_scars++] = text;
  return MPINN_CLI_CONTINUE;
}

static int take_ventricles(const mpinn_cli *cli, const char *text, mpinn_ventricles *ventricles) {
  static const char *const names[] = {"both", "lv", "rv"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *ventricles = (mpinn_ventricles)i;
    return MPINN_CLI_CONTINUE;
  }
  return mpinn_cli_usage(cli, "--ventricles is '%s', expected both, lv or rv", text);
}

static int take_surfaces(const mpinn_cli *cli, const char *text, unsigned *surfaces) {
  static const char *const names[] = {"epi", "lv", "rv"};
  *surfaces = 0;
  for (const char *rest = text; *rest;) {
    const size_t length = strcspn(rest, ",");
    int found = -1;
    for (int i = 0; i < 3; i++)
      if (strlen(names[i]) == length && strncmp(rest, names[i], length) == 0) found = i;
    if (found < 0) break;
    *surfaces |= 1u << (MPINN_CLASS_EPICARDIUM + found);
    rest += length;
    if (!*rest) return MPINN_CLI_CONTINUE;
    rest++;
  }
  return mpinn_cli_usage(cli, "--surfaces is '%s', expected a list of lv, rv and epi", text);
}

/* Options of what the wall is made of. */
static int take_tissue(const mpinn_cli *cli, int option, phantom_job *job) {
  job->of_random = job->of_random || strchr("wRbP", option);
  switch (option) {
  case 'H':
    return take_range(cli, "healthy", optarg, 0.01, 10, job->tissue.healthy);
  case 'w':
    return take_range(cli, "slow", optarg, 0.01, 10, job->tissue.slow);
  case 'R':
    return take_range(cli, "radius", optarg, 0.001, 2, job->tissue.radius);
  case 'b':
    return take_range(cli, "border", optarg, 0, 1000, job->tissue.border);
  case 'P':
    return take_number(cli, "partial", optarg, 0, 1, &job->tissue.partial);
  case 'k':
    return take_scars(cli, optarg, job);
  default:
    return take_scar(cli, optarg, job);
  }
}

static int take_option(mpinn_cli *cli, int option, char **argv, phantom_job *job) {
  if (strchr("nvVzHsMmrkwRbPux", option)) job->single = true;
  if (strchr("HwRbPks", option)) return take_tissue(cli, option, job);
  switch (option) {
  case 'n':
    return take_size(cli, "nodes", optarg, 400, 1000000, &job->shape.nodes);
  case 'v':
    return take_number(cli, "variation", optarg, 0, 2, &job->shape.variation);
  case 'V':
    return take_ventricles(cli, optarg, &job->shape.ventricles);
  case 'z':
    return take_number(cli, "size", optarg, 0.001, 1000, &job->shape.size);
  case 'M':
    return take_size(cli, "measured", optarg, 0, 1000000, &job->sampling.count);
  case 'u':
    return take_surfaces(cli, optarg, &job->sampling.surfaces);
  case 'x':
    return take_number(cli, "missing", optarg, 0, 0.9, &job->sampling.missing);
  case 'm':
    return take_size(cli, "maps", optarg, 0, 10000, &job->maps);
  case 'r':
    return take_size(cli, "refine", optarg, 0, 3, &job->refine);
  case 'p':
    job->protocol = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    job->out = optarg;
    return MPINN_CLI_CONTINUE;
  case 'S':
    if (mpinn_cli_parse_seed(optarg, &job->shape.seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_phantom, option, argv);
  }
}

/* Options that do not go together; an exit code or MPINN_CLI_CONTINUE. */
static int check_options(const mpinn_cli *cli, const phantom_job *job) {
  if (!job->out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  if (job->protocol && strcmp(job->protocol, "paper") != 0)
    return mpinn_cli_usage(cli, "there is no protocol '%s', expected paper", job->protocol);
  if (job->protocol && job->single)
    return mpinn_cli_usage(cli, "--protocol fixes all but --seed, expected no other option of the heart");
  if (job->random && job->n_scars)
    return mpinn_cli_usage(cli, "--scars and --scar are given, expected one of the two");
  if (job->of_random && !job->random)
    return mpinn_cli_usage(cli, "--slow, --radius, --border and --partial are of --scars, which is missing");
  if (job->n_scars && job->tissue.healthy[0] != job->tissue.healthy[1])
    return mpinn_cli_usage(cli, "--healthy is drawn with --scars only, expected one number with --scar");
  return MPINN_CLI_CONTINUE;
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {
      {"nodes", required_argument, NULL, 'n'},      {"seed", required_argument, NULL, 'S'},
      {"variation", required_argument, NULL, 'v'},  {"healthy", required_argument, NULL, 'H'},
      {"ventricles", required_argument, NULL, 'V'}, {"size", required_argument, NULL, 'z'},
      {"scar", required_argument, NULL, 's'},       {"scars", required_argument, NULL, 'k'},
      {"slow", required_argument, NULL, 'w'},       {"radius", required_argument, NULL, 'R'},
      {"border", required_argument, NULL, 'b'},     {"partial", required_argument, NULL, 'P'},
      {"surfaces", required_argument, NULL, 'u'},   {"missing", required_argument, NULL, 'x'},
      {"measured", required_argument, NULL, 'M'},   {"maps", required_argument, NULL, 'm'},
      {"refine", required_argument, NULL, 'r'},     {"protocol", required_argument, NULL, 'p'},
      {"out", required_argument, NULL, 'o'},        MPINN_CLI_COMMON_OPTIONS};
  phantom_job job = {.maps = 6, .refine = 1};
  mpinn_phantom_options_default(&job.shape);
  mpinn_tissue_default(&job.tissue);
  mpinn_sampling_default(&job.sampling);
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int taken = take_option(cli, option, argv, &job);
    if (taken != MPINN_CLI_CONTINUE) return taken;
  }
  if (optind < argc)
    return mpinn_cli_usage(cli, "'%s' is not understood, expected options only", argv[optind]);
  const int code = check_options(cli, &job);
  if (code != MPINN_CLI_CONTINUE) return code;
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = job.protocol ? protocol_data(cli, &job) : single_phantom(cli, &job);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_phantom = {
    "phantom", "makes a phantom heart with scars and activation maps", help, run};
