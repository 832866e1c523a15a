#include "fit.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn fit HEART [--maps SURFACE] [--context ARRAY …] [--query ARRAY] [--method segments]\n"
    "                    [--segmentation paper|aha17+rv|released] [--origins given|found] --out OUT\n"
    "       metapinn fit HEART [--maps SURFACE] [--context ARRAY …] [--query ARRAY] --method multi-pinn\n"
    "                    [--steps N] [--seed S] [--alpha A] [--healthy-weight B] --out OUT\n"
    "\n"
    "Makes what 'metapinn personalize' is compared with: a conduction velocity that is optimized on this heart's own\n"
    "activation maps alone. Needs no weights, but seconds where those need milliseconds. The heart is written with CV,\n"
    "the fitted velocity (m/s), and AT, the activation time of the query, or without a query of the last context map\n"
    "(ms, that map's clock). A heart's own arrays AT and CV are kept as AT_input and CV_input. The texts metapinn_fit_…\n"
    "say how the fit went. Method segments writes\n"
    "  CV                 of nodes and of cells\n"
    "  AT                 the eikonal solution on CV from the map's site of origin\n"
    "  fit_sites          field data: the sites of origin (mm) and onsets (ms) of the maps, context maps first\n"
    "  fit_velocities     field data: those of the segmentation's groups, NaN where the heart has none\n"
    "and method multi-pinn writes\n"
    "  CV                 of nodes, what the velocity network says there\n"
    "  AT                 what the map's network says\n"
    "  PDEResidual        |grad T| F - 1 of that network and CV: 0 where the eikonal equation holds\n"
    "\n"
    "Options:\n"
    "  --maps SURFACE     the measured surface that carries the maps, in the heart's coordinates (default: the heart's own\n"
    "                     nodes that have a value and, where it has an array 'measured', are marked there)\n"
    "  --context ARRAY    a map to fit to: a node array, ms, NaN or -10000 where nothing was measured; only differences\n"
    "                     within a map count. May be given several times, or with commas between names. 'all' takes every\n"
    "                     node array whose name is that of an activation map, but for the query and the truth\n"
    "  --query ARRAY      the map to predict; it is fitted to as well, but only its first 20 % of measured nodes to\n"
    "                     activate are looked at. To fit to all of a map, give it as --context\n"
    "  --method NAME      segments (default): one velocity for each group of segments of the heart (its node array\n"
    "                     'segment', or estimated from its shape), found by BOBYQA, least squares over all measured nodes;\n"
    "                     multi-pinn: a network T(x) for every map and one network F(x), the velocity, for all of them,\n"
    "                     trained together from random weights on the maps and on the eikonal equation |grad T| F = 1.\n"
    "                     Sites of origin are not used\n"
    "  --truth-at ARRAY   the heart's true activation time, ms, if it is known, and\n"
    "  --truth-cv ARRAY   its true conduction velocity, m/s: node arrays to compare with in a table\n"
    "  --json FILE        writes that table as {\"protocol\", \"model\", …, \"rows\": […]} too\n"
    "  --out OUT          the file to write\n"
    "\n"
    "Options of method segments:\n"
    "  --segmentation S   which segments share a velocity:\n"
    "                       paper     5 groups, the placements paper:0 … paper:4 of 'metapinn phantom --scar'; they\n"
    "                                 overlap, and what is in two has the lower velocity (default)\n"
    "                       aha17+rv  18 groups, AHA segments 1 to 17 and the right ventricle\n"
    "                       released  5 groups, those of the paper's code: AHA 1 2 7 8; 5 6 11 12; 3 4 9 10; 13 to 17; RV\n"
    "  --lowest V         the velocity is searched from V, m/s (default 0.01),\n"
    "  --highest V        to V, m/s (default 1),\n"
    "  --start V          beginning with V, m/s, everywhere (default 0.6)\n"
    "  --elsewhere V      velocity of tissue that is in no group, m/s (default 0.6)\n"
    "  --evaluations N    how often the misfit may be evaluated at most (default 500), each time with one eikonal solve\n"
    "                     for every map\n"
    "  --origins HOW      the maps' sites of origin: found (default), from the maps, at some dozens of eikonal solves\n"
    "                     a map; or given, by the heart's field array 'origins' [maps][3 or 4], mm, whose row 7 is of\n"
    "                     the map called AT_07, as in phantoms\n"
    "\n"
    "Options of method multi-pinn, which lessens L(data) + A L(eikonal) + B L(healthy), means of squares without units:\n"
    "  --steps N          of the optimizer, Adam (default 5000)\n"
    "  --seed S           of the random weights and of the nodes looked at in each step (default 1)\n"
    "  --alpha A          the weight of |grad T| F - 1 (default 0.1)\n"
    "  --healthy-weight B the weight of F/(0.6 m/s) - 1 (default 0.03): it holds F towards healthy velocity, without\n"
    "                     which F is too slow, since maps of a surface say little of how steep T is across the wall.\n"
    "                     The published form has none of it: it is --alpha 1 --healthy-weight 0\n";

static const mpinn_cli_fit_method *const methods[MPINN_CLI_FIT_METHODS] = {&mpinn_cli_fit_method_segments,
                                                                           &mpinn_cli_fit_method_networks};

static void answer_clear(mpinn_cli_fit_answer *answer) {
  free(answer->at);
  free(answer->cv);
  free(answer->residual);
  free(answer->cell_cv);
  free(answer->sites);
}

static mpinn_status fit_maps_of(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *heart,
                                const mpinn_subject *carrier, const mpinn_cli_fit_maps *maps,
                                mpinn_cli_fit_answer *answer) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const mpinn_baseline_input input = {.heart = heart,
                                      .n_surface = maps->n_nodes,
                                      .surface = mpinn_mesh_points(mpinn_subject_mesh(carrier)),
                                      .n_maps = job->context.maps.n,
                                      .maps = maps->maps,
                                      .query = job->query ? &maps->maps[maps->n - 1] : NULL,
                                      .sites = maps->sites};
  answer->n_maps = maps->n;
  MPINN_TRY(MPINN_NEW(cli->context, &answer->at, mpinn_mesh_node_count(mesh)));
  MPINN_TRY(MPINN_NEW(cli->context, &answer->cv, mpinn_mesh_node_count(mesh)));
  return job->method->fit(cli, job, &input, answer);
}

static mpinn_status fit_heart(mpinn_cli *cli, mpinn_cli_fit_job *job, mpinn_subject *heart,
                              const mpinn_subject *carrier, mpinn_cli_fit_answer *answer) {
  mpinn_cli_fit_maps maps = {0};
  mpinn_status status;
  MPINN_TRY(mpinn_cli_choose_maps(cli, carrier, job->query, job->truth_at, &job->context));
  if (job->method->prepare) MPINN_TRY(job->method->prepare(cli, heart));
  MPINN_TRY_GOTO(done, status, mpinn_cli_fit_take_maps(cli, job, heart, carrier, &maps));
  MPINN_TRY_GOTO(done, status, fit_maps_of(cli, job, heart, carrier, &maps, answer));
  status = mpinn_cli_fit_add_answer(cli, job, answer, heart);
done:
  mpinn_cli_fit_maps_clear(&maps);
  return status;
}

static void note_time(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *heart,
                      const mpinn_cli_fit_answer *answer) {
  const char *query = mpinn_subject_get_text(heart, "metapinn_query");
  const double *site = answer->sites ? answer->sites[answer->n_maps - 1].position : NULL;
  if (site)
    mpinn_cli_note(cli, "%s: AT is of %s, from the site of origin %s at %.1f %.1f %.1f mm", job->out, query,
                   job->origins_given ? "given" : "found", site[0], site[1], site[2]);
  else
    mpinn_cli_note(cli, "%s: AT is of %s, from its network", job->out, query);
}

static mpinn_status report(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *heart,
                           const mpinn_cli_truth *known, const mpinn_cli_fit_answer *answer) {
  char title[96];
  job->method->title(job, sizeof title, title);
  mpinn_cli_table t = {.method = title, .k = job->context.maps.n};
  mpinn_cli_score(mpinn_mesh_node_count(mpinn_subject_mesh(heart)), answer->at, answer->cv, known, &t);
  job->method->add_rows(job, answer, &t);
  if (job->json) MPINN_TRY(mpinn_cli_write_json(cli, job->json, "fit", NULL, NULL, t.n, t.rows));
  mpinn_cli_clear_line(cli);
  mpinn_cli_print_table(stdout, t.n, t.rows);
  job->method->note(cli, answer);
  note_time(cli, job, heart, answer);
  return MPINN_OK;
}

static mpinn_status fit(mpinn_cli *cli, mpinn_cli_fit_job *job) {
  mpinn_subject *heart = NULL, *surface = NULL;
  mpinn_cli_truth known = {0};
  mpinn_cli_fit_answer answer = {0};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, mpinn_cli_check_output(cli, job->out));
  if (job->json) MPINN_TRY_GOTO(done, status, mpinn_cli_check_writable(cli, job->json));
  MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->heart, &heart));
  if (job->surface) MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, job->surface, &surface));
  MPINN_TRY_GOTO(done, status, mpinn_cli_take_truth(cli, heart, job->truth_at, job->truth_cv, &known));
  MPINN_TRY_GOTO(done, status, fit_heart(cli, job, heart, surface ? surface : heart, &answer));
  MPINN_TRY_GOTO(done, status, mpinn_cli_write(cli, job->out, heart));
  status = report(cli, job, heart, &known, &answer);
done:
  answer_clear(&answer);
  mpinn_cli_truth_clear(&known);
  mpinn_subject_destroy(&surface);
  mpinn_subject_destroy(&heart);
  return status;
}

/* ---- options ---- */

static int take_method(const mpinn_cli *cli, mpinn_cli_fit_job *job) {
  char known[128] = "";
  for (size_t i = 0, used = 0; i < MPINN_CLI_FIT_METHODS; i++) {
    if (strcmp(optarg, methods[i]->name) == 0) {
      job->method = methods[i];
      return MPINN_CLI_CONTINUE;
    }
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? " or " : "", methods[i]->name);
  }
  return mpinn_cli_usage(cli, "--method is '%s', expected %s", optarg, known);
}

static int take_option(mpinn_cli *cli, int option, char **argv, mpinn_cli_fit_job *job) {
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
    return take_method(cli, job);
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
  default:
    for (size_t i = 0; i < MPINN_CLI_FIT_METHODS; i++)
      if (strchr(methods[i]->options, option)) return methods[i]->take_option(cli, option, job);
    return mpinn_cli_common_option(cli, &mpinn_cli_fit, option, argv);
  }
}

/* Which method comes with the options may be said behind them. */
static void remember_owner(mpinn_cli_fit_job *job, int option, const char *name) {
  for (size_t i = 0; i < MPINN_CLI_FIT_METHODS; i++)
    if (strchr(methods[i]->options, option)) job->own[i] = name;
}

static int check_method(const mpinn_cli *cli, const mpinn_cli_fit_job *job) {
  for (size_t i = 0; i < MPINN_CLI_FIT_METHODS; i++)
    if (job->own[i] && job->method != methods[i])
      return mpinn_cli_usage(cli, "--%s belongs to --method %s, expected only options of --method %s",
                             job->own[i], methods[i]->name, job->method->name);
  return MPINN_CLI_CONTINUE;
}

static int check_job(const mpinn_cli *cli, int files, const mpinn_cli_fit_job *job) {
  if (files != 1) return mpinn_cli_usage(cli, "expected the file of one heart, not %d", files);
  if (!job->context.wanted.n && !job->query)
    return mpinn_cli_usage(
        cli, "no map to fit to is chosen, expected --context with the name of an activation map");
  if (!job->out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  return check_method(cli, job);
}

static int run_job(mpinn_cli *cli, int argc, char **argv, mpinn_cli_fit_job *job) {
  static const struct option options[] = {{"maps", required_argument, NULL, 's'},
                                          {"context", required_argument, NULL, 'c'},
                                          {"query", required_argument, NULL, 'Q'},
                                          {"method", required_argument, NULL, 'm'},
                                          {"segmentation", required_argument, NULL, 'S'},
                                          {"lowest", required_argument, NULL, 'l'},
                                          {"highest", required_argument, NULL, 'H'},
                                          {"start", required_argument, NULL, 'b'},
                                          {"elsewhere", required_argument, NULL, 'e'},
                                          {"evaluations", required_argument, NULL, 'N'},
                                          {"origins", required_argument, NULL, 'O'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 'r'},
                                          {"alpha", required_argument, NULL, 'A'},
                                          {"healthy-weight", required_argument, NULL, 'w'},
                                          {"truth-at", required_argument, NULL, 'a'},
                                          {"truth-cv", required_argument, NULL, 'v'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"out", required_argument, NULL, 'o'},
                                          MPINN_CLI_COMMON_OPTIONS};
  int code = MPINN_CLI_CONTINUE;
  for (int option, named = 0;
       code == MPINN_CLI_CONTINUE && (option = getopt_long(argc, argv, ":o:h", options, &named)) != -1;) {
    remember_owner(job, option, options[named].name);
    code = take_option(cli, option, argv, job);
  }
  if (code == MPINN_CLI_CONTINUE) code = check_job(cli, argc - optind, job);
  if (code != MPINN_CLI_CONTINUE) return code;
  job->heart = argv[optind];
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = fit(cli, job);
  return mpinn_cli_status(cli, status);
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  mpinn_cli_fit_job job = {.method = methods[0]};
  mpinn_segments_fit_options_default(&job.segments);
  mpinn_networks_fit_options_default(&job.networks);
  const int code = run_job(cli, argc, argv, &job);
  mpinn_cli_map_choice_clear(&job.context);
  return code;
}

const mpinn_cli_command mpinn_cli_fit = {
    "fit", "fits a heart's velocity to its maps by optimization, as a baseline", help, run};
