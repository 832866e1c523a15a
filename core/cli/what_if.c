#include "cli.h"
#include "metapinn/what_if.h"

#include <getopt.h>
#include <math.h>

static const char help[] =
    "Usage: metapinn what-if ANSWER --origin X,Y,Z[,T0] … [--cv ARRAY] [--region X,Y,Z,RADIUS,SPEED] … --out OUT\n"
    "\n"
    "Asks a heart whose conduction velocity is known (an output of metapinn personalize) how it would activate from\n"
    "other sites of origin, or if its tissue were another: the eikonal equation on that velocity, at once. The heart\n"
    "is written with the node array AT_whatif, ms, and with CV_whatif, the velocity that was used, m/s.\n"
    "\n"
    "Options:\n"
    "  --origin X,Y,Z[,T0]  a site of origin, mm, and its onset, ms (default 0); may be given several times: the first\n"
    "                       front to arrive activates a node. Moved to the nearest point of the heart\n"
    "  --cv ARRAY           conduction velocity, m/s: a node or cell array (default CV)\n"
    "  --region X,Y,Z,RADIUS,SPEED  a ball, mm, in which the velocity is SPEED, m/s; may be given several times, later\n"
    "                       ones going over earlier ones\n"
    "  --out OUT            the file to write\n";

enum { MOST = 256 };

typedef struct question {
  const char *answer, *out;
  mpinn_what_if_options options;
  mpinn_site sites[MOST];
  mpinn_what_if_region regions[MOST];
} question;

static void report(mpinn_cli *cli, const question *q, const mpinn_subject *heart) {
  const mpinn_array *at = mpinn_subject_find(heart, "AT_whatif", MPINN_NODES);
  double last = -INFINITY;
  for (size_t i = 0; i < at->rows; i++) last = fmax(last, mpinn_array_get(at, i, 0));
  mpinn_cli_note(cli, "%s: the last node is activated at %.1f ms; asked and answered in %.1f ms", q->out,
                 last, 1e3 * strtod(mpinn_subject_get_text(heart, "metapinn_what_if_seconds"), NULL));
}

static mpinn_status ask(mpinn_cli *cli, const question *q) {
  mpinn_subject *heart = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, mpinn_cli_check_output(cli, q->out));
  MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, q->answer, &heart));
  MPINN_TRY_GOTO(done, status, mpinn_what_if(cli->context, heart, &q->options));
  MPINN_TRY_GOTO(done, status, mpinn_cli_write(cli, q->out, heart));
  report(cli, q, heart);
done:
  mpinn_subject_destroy(&heart);
  return status;
}

static int take_region(const mpinn_cli *cli, question *q) {
  double v[5];
  if (q->options.n_regions == MOST) return mpinn_cli_usage(cli, "--region is given more than %d times", MOST);
  if (mpinn_cli_parse_list(optarg, 5, v) != 5)
    return mpinn_cli_usage(cli, "--region is '%s', expected X,Y,Z,RADIUS,SPEED in mm and m/s", optarg);
  q->regions[q->options.n_regions++] =
      (mpinn_what_if_region){.centre = {v[0], v[1], v[2]}, .radius = v[3], .speed = v[4]};
  return MPINN_CLI_CONTINUE;
}

static int take_option(mpinn_cli *cli, int option, char **argv, question *q) {
  switch (option) {
  case 'O':
    if (q->options.n_sites == MOST) return mpinn_cli_usage(cli, "--origin is given more than %d times", MOST);
    if (mpinn_cli_parse_site(optarg, &q->sites[q->options.n_sites++])) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--origin is '%s', expected X,Y,Z in mm or X,Y,Z,T0 with T0 in ms", optarg);
  case 'r':
    return take_region(cli, q);
  case 'c':
    q->options.cv = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    q->out = optarg;
    return MPINN_CLI_CONTINUE;
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_what_if, option, argv);
  }
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {{"origin", required_argument, NULL, 'O'},
                                          {"cv", required_argument, NULL, 'c'},
                                          {"region", required_argument, NULL, 'r'},
                                          {"out", required_argument, NULL, 'o'},
                                          MPINN_CLI_COMMON_OPTIONS};
  question q = {.out = NULL};
  mpinn_what_if_options_default(&q.options);
  q.options.sites = q.sites;
  q.options.regions = q.regions;
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &q);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (argc - optind != 1)
    return mpinn_cli_usage(cli, "expected the file of one heart, not %d", argc - optind);
  q.answer = argv[optind];
  if (q.options.n_sites == 0)
    return mpinn_cli_usage(cli, "--origin is missing, expected a site of origin X,Y,Z in mm");
  if (!q.out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = ask(cli, &q);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_what_if = {
    "what-if", "activates an answered heart from other sites, or with other tissue", help, run};
