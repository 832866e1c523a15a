/* Method multi-pinn of 'metapinn fit': a network a map and one of the velocity, from scratch. */
#include "fit.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

/* Of the maps' times and residuals, those of the last. */
static mpinn_status fit_networks(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                 const mpinn_baseline_input *input, mpinn_cli_fit_answer *answer) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(input->heart));
  float *at = NULL, *residual = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(cli->context, &answer->residual, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(cli->context, &at, answer->n_maps * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(cli->context, &residual, answer->n_maps * n));
  MPINN_TRY_GOTO(
      done, status,
      mpinn_fit_networks(cli->context, input, &job->networks, answer->cv, at, residual, &answer->networks));
  memcpy(answer->at, at + (answer->n_maps - 1) * n, n * sizeof *at);
  memcpy(answer->residual, residual + (answer->n_maps - 1) * n, n * sizeof *residual);
done:
  free(at);
  free(residual);
  return status;
}

static void title_networks(const mpinn_cli_fit_job *job, size_t bytes, char *text) {
  snprintf(text, bytes, "multi-PINN (alpha %.6g, healthy weight %.6g)", job->networks.alpha,
           job->networks.healthy_weight);
}

static void add_networks_rows(const mpinn_cli_fit_job *job, const mpinn_cli_fit_answer *answer,
                              mpinn_cli_table *table) {
  const mpinn_networks_fit_report *r = &answer->networks;
  (void)job;
  mpinn_cli_add_row(table, "misfit_start_ms", "all", r->misfit_before);
  mpinn_cli_add_row(table, "misfit_ms", "all", r->misfit_after);
  mpinn_cli_add_row(table, "residual_start_msq", "all", r->residual_before);
  mpinn_cli_add_row(table, "residual_msq", "all", r->residual_after);
  mpinn_cli_add_row(table, "steps", "all", (double)r->steps);
  mpinn_cli_add_row(table, "seconds", "all", r->seconds);
}

static mpinn_status describe_networks(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                      const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
  const mpinn_networks_fit_report *r = &answer->networks;
  const mpinn_networks_fit_options *o = &job->networks;
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_seed", "%" PRIu64, o->seed));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_alpha", "%.9g", o->alpha));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_healthy_weight", "%.9g", o->healthy_weight));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_steps", "%zu", r->steps));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_network_weights", "%zu", r->n_weights));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_measurements", "%zu", r->n_measured));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_misfit_start_ms", "%.9g", r->misfit_before));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_misfit_ms", "%.9g", r->misfit_after));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_residual_start_msq", "%.9g", r->residual_before));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_residual_msq", "%.9g", r->residual_after));
  return mpinn_cli_fit_say(cli, heart, "metapinn_fit_seconds", "%.6f", r->seconds);
}

static void note_networks(mpinn_cli *cli, const mpinn_cli_fit_answer *answer) {
  const mpinn_networks_fit_report *r = &answer->networks;
  mpinn_cli_note(cli, "%zu measurements of %zu map%s; %zu steps on %zu weights, %.2f s", r->n_measured,
                 answer->n_maps, answer->n_maps > 1 ? "s" : "", r->steps, r->n_weights, r->seconds);
}

/* ---- options ---- */

static int take_weight(const mpinn_cli *cli, const char *option, double *weight) {
  if (mpinn_cli_parse_double(optarg, weight) && *weight >= 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "%s is '%s', expected a number of at least 0", option, optarg);
}

static int take_networks_option(const mpinn_cli *cli, int option, mpinn_cli_fit_job *job) {
  switch (option) {
  case 'n':
    if (mpinn_cli_parse_size(optarg, &job->networks.steps) && job->networks.steps > 0)
      return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--steps is '%s', expected a whole number from 1", optarg);
  case 'r':
    if (mpinn_cli_parse_seed(optarg, &job->networks.seed)) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--seed is '%s', expected a whole number", optarg);
  case 'A':
    return take_weight(cli, "--alpha", &job->networks.alpha);
  default: /* 'w' */
    return take_weight(cli, "--healthy-weight", &job->networks.healthy_weight);
  }
}

const mpinn_cli_fit_method mpinn_cli_fit_method_networks = {.name = "multi-pinn",
                                                            .options = "nrAw",
                                                            .take_option = take_networks_option,
                                                            .fit = fit_networks,
                                                            .title = title_networks,
                                                            .add_rows = add_networks_rows,
                                                            .describe = describe_networks,
                                                            .note = note_networks};
