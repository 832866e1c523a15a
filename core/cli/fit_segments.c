/* Method segments of 'metapinn fit': physics-based, BOBYQA over velocities of segments. */
#include "fit.h"

#include "eikonal/nodal.h"
#include "metapinn/phantom.h"

#include <getopt.h>
#include <string.h>

static mpinn_status prepare_segments(mpinn_cli *cli, mpinn_subject *heart) {
  if (mpinn_subject_find(heart, "segment", MPINN_NODES)) return MPINN_OK;
  MPINN_TRY(mpinn_subject_estimate_segments(cli->context, heart));
  mpinn_cli_note(cli, "the heart has no node array 'segment': AHA segments are estimated from its shape");
  return MPINN_OK;
}

static mpinn_status fit_segments(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                 const mpinn_baseline_input *input, mpinn_cli_fit_answer *answer) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const size_t n_cells = mpinn_mesh_cell_count(mesh);
  MPINN_TRY(MPINN_NEW(cli->context, &answer->cell_cv, n_cells));
  MPINN_TRY(MPINN_NEW(cli->context, &answer->sites, answer->n_maps));
  MPINN_TRY(mpinn_fit_segments(cli->context, input, &job->segments, answer->cv, answer->cell_cv,
                               answer->sites, &answer->segments));
  return mpinn_eikonal_solve_cells(cli->context, mesh, answer->cell_cv, &answer->sites[answer->n_maps - 1],
                                   answer->at);
}

static void title_segments(const mpinn_cli_fit_job *job, size_t bytes, char *text) {
  snprintf(text, bytes, "physics-based (%s)", mpinn_segmentation_name(job->segments.segmentation));
}

/* The groups in their order, as the table calls them. */
static const char *group_name(mpinn_segmentation segmentation, size_t group) {
  static const char *const names[MPINN_SEGMENTATION_COUNT][MPINN_SEGMENTATION_MOST] = {
      [MPINN_SEGMENTATION_PAPER] = {"paper:0", "paper:1", "paper:2", "paper:3", "paper:4"},
      [MPINN_SEGMENTATION_AHA] = {"AHA 1", "AHA 2", "AHA 3", "AHA 4", "AHA 5", "AHA 6", "AHA 7", "AHA 8",
                                  "AHA 9", "AHA 10", "AHA 11", "AHA 12", "AHA 13", "AHA 14", "AHA 15",
                                  "AHA 16", "AHA 17", "RV"},
      [MPINN_SEGMENTATION_RELEASED] = {"AHA 1 2 7 8", "AHA 5 6 11 12", "AHA 3 4 9 10", "AHA 13 to 17", "RV"}};
  return names[segmentation][group];
}

static void add_segments_rows(const mpinn_cli_fit_job *job, const mpinn_cli_fit_answer *answer,
                              mpinn_cli_table *table) {
  const mpinn_segments_fit_report *r = &answer->segments;
  for (size_t g = 0; g < r->n_groups; g++)
    mpinn_cli_add_row(table, "cv", group_name(job->segments.segmentation, g), r->velocity[g]);
  mpinn_cli_add_row(table, "misfit_start_ms", "all", r->misfit_before);
  mpinn_cli_add_row(table, "misfit_ms", "all", r->misfit_after);
  mpinn_cli_add_row(table, "evaluations", "all", (double)r->evaluations);
  mpinn_cli_add_row(table, "solves", "all", (double)r->solves);
  mpinn_cli_add_row(table, "seconds", "all", r->seconds);
}

static mpinn_status describe_segments(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                      const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
  const mpinn_segments_fit_report *r = &answer->segments;
  const mpinn_segments_fit_options *o = &job->segments;
  MPINN_TRY(
      mpinn_cli_fit_say(cli, heart, "metapinn_fit_origins", "%s", job->origins_given ? "given" : "found"));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_segmentation", "%s",
                              mpinn_segmentation_name(o->segmentation)));
  MPINN_TRY(
      mpinn_cli_fit_say(cli, heart, "metapinn_fit_bounds", "%.9g to %.9g m/s", o->bounds[0], o->bounds[1]));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_start", "%.9g m/s", o->start));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_elsewhere", "%.9g m/s", o->elsewhere));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_stopped", "%s", mpinn_fit_stop_text(r->stopped)));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_evaluations", "%zu", r->evaluations));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_solves", "%zu", r->solves));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_measurements", "%zu", r->n_measured));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_misfit_start_ms", "%.9g", r->misfit_before));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_misfit_ms", "%.9g", r->misfit_after));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_seconds", "%.6f", r->seconds));
  return mpinn_subject_add_array(cli->context, heart, "fit_velocities", MPINN_FIELD, MPINN_FLOAT64,
                                 r->n_groups, 1, r->velocity, NULL);
}

static void note_segments(mpinn_cli *cli, const mpinn_cli_fit_answer *answer) {
  const mpinn_segments_fit_report *r = &answer->segments;
  mpinn_cli_note(cli, "%zu measurements of %zu map%s; %s after %zu evaluations, %zu eikonal solves, %.2f s",
                 r->n_measured, answer->n_maps, answer->n_maps > 1 ? "s" : "",
                 mpinn_fit_stop_text(r->stopped), r->evaluations, r->solves, r->seconds);
}

/* ---- options ---- */

static int take_segmentation(const mpinn_cli *cli, mpinn_cli_fit_job *job) {
  for (int s = 0; s < MPINN_SEGMENTATION_COUNT; s++)
    if (strcmp(optarg, mpinn_segmentation_name((mpinn_segmentation)s)) == 0) {
      job->segments.segmentation = (mpinn_segmentation)s;
      return MPINN_CLI_CONTINUE;
    }
  return mpinn_cli_usage(cli, "--segmentation is '%s', expected paper, aha17+rv or released", optarg);
}

static int take_origins(const mpinn_cli *cli, mpinn_cli_fit_job *job) {
  job->origins_given = strcmp(optarg, "given") == 0;
  if (job->origins_given || strcmp(optarg, "found") == 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "--origins is '%s', expected given or found", optarg);
}

static int take_speed(const mpinn_cli *cli, const char *option, double *speed) {
  if (mpinn_cli_parse_double(optarg, speed) && *speed > 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "%s is '%s', expected a velocity above 0, in m/s", option, optarg);
}

static int take_segments_option(const mpinn_cli *cli, int option, mpinn_cli_fit_job *job) {
  switch (option) {
  case 'S':
    return take_segmentation(cli, job);
  case 'l':
    return take_speed(cli, "--lowest", &job->segments.bounds[0]);
  case 'H':
    return take_speed(cli, "--highest", &job->segments.bounds[1]);
  case 'b':
    return take_speed(cli, "--start", &job->segments.start);
  case 'e':
    return take_speed(cli, "--elsewhere", &job->segments.elsewhere);
  case 'N':
    if (mpinn_cli_parse_size(optarg, &job->segments.max_evaluations) && job->segments.max_evaluations > 0)
      return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--evaluations is '%s', expected a whole number from 1", optarg);
  default: /* 'O' */
    return take_origins(cli, job);
  }
}

const mpinn_cli_fit_method mpinn_cli_fit_method_segments = {.name = "segments",
                                                            .options = "SlHbeNO",
                                                            .take_option = take_segments_option,
                                                            .prepare = prepare_segments,
                                                            .fit = fit_segments,
                                                            .title = title_segments,
                                                            .add_rows = add_segments_rows,
                                                            .describe = describe_segments,
                                                            .note = note_segments};
