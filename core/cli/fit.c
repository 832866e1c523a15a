#include "cli.h"
#include "eikonal/nodal.h"
#include "metapinn/baselines.h"
#include "metapinn/map_names.h"
#include "metapinn/phantom.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn fit HEART [--maps SURFACE] [--context ARRAY …] [--query ARRAY] [--method segments]\n"
    "                    [--segmentation paper|aha17+rv|released] [--origins given|found] --out OUT\n"
    "       metapinn fit HEART [--maps SURFACE] [--context ARRAY …] [--query ARRAY] --method multi-pinn\n"
    "                    [--steps N] [--seed S] [--alpha A] [--healthy-weight B] --out OUT\n"
    "\n"
    "Makes what 'metapinn personalize' is compared with: a conduction velocity that is optimized on this heart's own\n"
    "activation maps alone. Needs no weights, but minutes where those need milliseconds. The heart is written with CV,\n"
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

typedef struct fit_job fit_job;

/* What a fit comes to; arrays in the order of the heart's nodes, cells and of the maps, the query last. What
 * a method does not have is NULL. */
typedef struct fit_answer {
  size_t n_maps;
  float *at, *cv;    /* [nodes], ms and m/s; of every method */
  float *residual;   /* [nodes], |∇T| F − 1 */
  float *cell_cv;    /* [cells], m/s */
  mpinn_site *sites; /* [n_maps] */
  mpinn_segments_fit_report segments;
  mpinn_networks_fit_report networks;
} fit_answer;

/* One value of --method. */
typedef struct fit_method {
  const char *name;
  const char *options; /* those of no other method, as getopt returns them */
  /* Gives the heart what the method needs and it has not; may be NULL. */
  mpinn_status (*prepare)(mpinn_cli *cli, mpinn_subject *heart);
  mpinn_status (*fit)(mpinn_cli *cli, const fit_job *job, const mpinn_baseline_input *input,
                      fit_answer *answer);
  /* "physics-based (paper)", as the table calls it. */
  void (*title)(const fit_job *job, size_t bytes, char *text);
  /* What the method has to say of its fit: in the table, in the heart, and on a line. */
  void (*add_rows)(const fit_job *job, const fit_answer *answer, mpinn_cli_table *table);
  mpinn_status (*describe)(mpinn_cli *cli, const fit_job *job, const fit_answer *answer,
                           mpinn_subject *heart);
  void (*note)(mpinn_cli *cli, const fit_answer *answer);
} fit_method;

enum { METHOD_COUNT = 2 };

struct fit_job {
  const char *heart, *surface, *query, *truth_at, *truth_cv, *json, *out;
  const fit_method *method;
  const char *own[METHOD_COUNT]; /* an option that was given and is of this method only, or NULL */
  bool origins_given;
  mpinn_cli_map_choice context;
  mpinn_segments_fit_options segments;
  mpinn_networks_fit_options networks;
};

static mpinn_status set_text(mpinn_cli *cli, mpinn_subject *heart, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static mpinn_status set_text(mpinn_cli *cli, mpinn_subject *heart, const char *key, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return mpinn_subject_set_text(cli->context, heart, key, text);
}

/* ---- method segments ---- */

static mpinn_status prepare_segments(mpinn_cli *cli, mpinn_subject *heart) {
  if (mpinn_subject_find(heart, "segment", MPINN_NODES)) return MPINN_OK;
  MPINN_TRY(mpinn_subject_estimate_segments(cli->context, heart));
  mpinn_cli_note(cli, "the heart has no node array 'segment': AHA segments are estimated from its shape");
  return MPINN_OK;
}

static mpinn_status fit_segments(mpinn_cli *cli, const fit_job *job, const mpinn_baseline_input *input,
                                 fit_answer *answer) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const size_t n_cells = mpinn_mesh_cell_count(mesh);
  MPINN_TRY(MPINN_NEW(cli->context, &answer->cell_cv, n_cells));
  MPINN_TRY(MPINN_NEW(cli->context, &answer->sites, answer->n_maps));
  MPINN_TRY(mpinn_fit_segments(cli->context, input, &job->segments, answer->cv, answer->cell_cv,
                               answer->sites, &answer->segments));
  return mpinn_eikonal_solve_cells(cli->context, mesh, answer->cell_cv, &answer->sites[answer->n_maps - 1],
                                   answer->at);
}

static void title_segments(const fit_job *job, size_t bytes, char *text) {
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

static void add_segments_rows(const fit_job *job, const fit_answer *answer, mpinn_cli_table *table) {
  const mpinn_segments_fit_report *r = &answer->segments;
  for (size_t g = 0; g < r->n_groups; g++)
    mpinn_cli_add_row(table, "cv", group_name(job->segments.segmentation, g), r->velocity[g]);
  mpinn_cli_add_row(table, "misfit_start_ms", "all", r->misfit_before);
  mpinn_cli_add_row(table, "misfit_ms", "all", r->misfit_after);
  mpinn_cli_add_row(table, "evaluations", "all", (double)r->evaluations);
  mpinn_cli_add_row(table, "solves", "all", (double)r->solves);
  mpinn_cli_add_row(table, "seconds", "all", r->seconds);
}

static mpinn_status describe_segments(mpinn_cli *cli, const fit_job *job, const fit_answer *answer,
                                      mpinn_subject *heart) {
  const mpinn_segments_fit_report *r = &answer->segments;
  const mpinn_segments_fit_options *o = &job->segments;
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_origins", "%s", job->origins_given ? "given" : "found"));
  MPINN_TRY(
      set_text(cli, heart, "metapinn_fit_segmentation", "%s", mpinn_segmentation_name(o->segmentation)));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_bounds", "%.9g to %.9g m/s", o->bounds[0], o->bounds[1]));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_start", "%.9g m/s", o->start));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_elsewhere", "%.9g m/s", o->elsewhere));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_stopped", "%s", mpinn_fit_stop_text(r->stopped)));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_evaluations", "%zu", r->evaluations));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_solves", "%zu", r->solves));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_measurements", "%zu", r->n_measured));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_misfit_start_ms", "%.9g", r->misfit_before));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_misfit_ms", "%.9g", r->misfit_after));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_seconds", "%.6f", r->seconds));
  return mpinn_subject_add_array(cli->context, heart, "fit_velocities", MPINN_FIELD, MPINN_FLOAT64,
                                 r->n_groups, 1, r->velocity, NULL);
}

static void note_segments(mpinn_cli *cli, const fit_answer *answer) {
  const mpinn_segments_fit_report *r = &answer->segments;
  mpinn_cli_note(cli, "%zu measurements of %zu map%s; %s after %zu evaluations, %zu eikonal solves, %.2f s",
                 r->n_measured, answer->n_maps, answer->n_maps > 1 ? "s" : "",
                 mpinn_fit_stop_text(r->stopped), r->evaluations, r->solves, r->seconds);
}

/* ---- method multi-pinn ---- */

/* Of the maps' times and residuals, those of the last. */
static mpinn_status fit_networks(mpinn_cli *cli, const fit_job *job, const mpinn_baseline_input *input,
                                 fit_answer *answer) {
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

static void title_networks(const fit_job *job, size_t bytes, char *text) {
  snprintf(text, bytes, "multi-PINN (alpha %.6g, healthy weight %.6g)", job->networks.alpha,
           job->networks.healthy_weight);
}

static void add_networks_rows(const fit_job *job, const fit_answer *answer, mpinn_cli_table *table) {
  const mpinn_networks_fit_report *r = &answer->networks;
  (void)job;
  mpinn_cli_add_row(table, "misfit_start_ms", "all", r->misfit_before);
  mpinn_cli_add_row(table, "misfit_ms", "all", r->misfit_after);
  mpinn_cli_add_row(table, "residual_start_msq", "all", r->residual_before);
  mpinn_cli_add_row(table, "residual_msq", "all", r->residual_after);
  mpinn_cli_add_row(table, "steps", "all", (double)r->steps);
  mpinn_cli_add_row(table, "seconds", "all", r->seconds);
}

static mpinn_status describe_networks(mpinn_cli *cli, const fit_job *job, const fit_answer *answer,
                                      mpinn_subject *heart) {
  const mpinn_networks_fit_report *r = &answer->networks;
  const mpinn_networks_fit_options *o = &job->networks;
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_seed", "%" PRIu64, o->seed));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_alpha", "%.9g", o->alpha));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_healthy_weight", "%.9g", o->healthy_weight));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_steps", "%zu", r->steps));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_network_weights", "%zu", r->n_weights));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_measurements", "%zu", r->n_measured));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_misfit_start_ms", "%.9g", r->misfit_before));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_misfit_ms", "%.9g", r->misfit_after));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_residual_start_msq", "%.9g", r->residual_before));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_residual_msq", "%.9g", r->residual_after));
  return set_text(cli, heart, "metapinn_fit_seconds", "%.6f", r->seconds);
}

static void note_networks(mpinn_cli *cli, const fit_answer *answer) {
  const mpinn_networks_fit_report *r = &answer->networks;
  mpinn_cli_note(cli, "%zu measurements of %zu map%s; %zu steps on %zu weights, %.2f s", r->n_measured,
                 answer->n_maps, answer->n_maps > 1 ? "s" : "", r->steps, r->n_weights, r->seconds);
}

static const fit_method methods[METHOD_COUNT] = {
    {"segments", "SlHbeNO", prepare_segments, fit_segments, title_segments, add_segments_rows,
     describe_segments, note_segments},
    {"multi-pinn", "nrAw", NULL, fit_networks, title_networks, add_networks_rows, describe_networks,
     note_networks},
};

/* ---- the maps ---- */

/* The maps on all nodes of who carries them, the query last. */
typedef struct fit_maps {
  size_t n, n_nodes;
  mpinn_map *maps;   /* [n] */
  double *values;    /* [n][n_nodes], ms, NaN where nothing was measured */
  mpinn_site *sites; /* [n], or NULL where they are to be found */
} fit_maps;

static void maps_clear(fit_maps *m) {
  free(m->maps);
  free(m->values);
  free(m->sites);
}

static const char *map_name(const fit_job *job, size_t m) {
  return m < job->context.maps.n ? job->context.maps.names[m] : job->query;
}

static mpinn_status find_map(mpinn_cli *cli, const fit_job *job, const mpinn_subject *carrier,
                             const char *name, const mpinn_array **array) {
  const char *where = job->surface ? "surface" : "heart";
  *array = mpinn_subject_find(carrier, name, MPINN_NODES);
  if (!*array)
    return mpinn_fail(cli->context, MPINN_ERROR_MAP,
                      "The %s has no node array '%s'%s; expected the name of an activation map, as 'metapinn "
                      "info' lists them",
                      where, name, mpinn_subject_find(carrier, name, MPINN_CELLS) ? ", it is cell data" : "");
  if ((*array)->components == 1) return MPINN_OK;
  return mpinn_fail(cli->context, MPINN_ERROR_MAP,
                    "Array '%s' of the %s has %zu components a node; an activation map has 1", name, where,
                    (*array)->components);
}

static mpinn_status take_map(mpinn_cli *cli, const fit_job *job, const mpinn_subject *carrier, fit_maps *maps,
                             size_t m) {
  const mpinn_array *array, *mark = mpinn_subject_find(carrier, "measured", MPINN_NODES);
  const char *name = map_name(job, m);
  double *values = maps->values + m * maps->n_nodes;
  for (size_t other = 0; other < m; other++)
    if (strcmp(map_name(job, other), name) == 0)
      return mpinn_fail(
          cli->context, MPINN_ERROR_MAP,
          "Activation map '%s' is chosen twice; expected it once, as a context map to fit to all "
          "of it or as the query to fit to its first 20 %%",
          name);
  MPINN_TRY(find_map(cli, job, carrier, name, &array));
  const mpinn_map_cleaning cleaned = mpinn_array_clean(array, values);
  if (cleaned.sentinel > 0)
    mpinn_cli_note(cli, "map '%s': %zu values of -9999 or less are taken for \"not measured\"", name,
                   cleaned.sentinel);
  for (size_t i = 0; i < maps->n_nodes && mark; i++)
    if (mpinn_array_get(mark, i, 0) == 0) values[i] = NAN;
  maps->maps[m] = (mpinn_map){name, values};
  return MPINN_OK;
}

static mpinn_status take_maps(mpinn_cli *cli, const fit_job *job, const mpinn_subject *carrier,
                              fit_maps *maps) {
  maps->n = job->context.maps.n + (job->query ? 1 : 0);
  maps->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(carrier));
  MPINN_TRY(MPINN_NEW(cli->context, &maps->maps, maps->n));
  MPINN_TRY(MPINN_NEW(cli->context, &maps->values, maps->n * maps->n_nodes));
  for (size_t m = 0; m < maps->n; m++) MPINN_TRY(take_map(cli, job, carrier, maps, m));
  return MPINN_OK;
}

/* The row of origins that is of this map; SIZE_MAX where none is. */
static size_t find_origin(const mpinn_array *origins, const char *name) {
  char of_row[16];
  for (size_t row = 0; row < origins->rows; row++) {
    mpinn_subject_map_name(row, of_row);
    if (strcmp(of_row, name) == 0) return row;
  }
  return SIZE_MAX;
}

static mpinn_status take_sites(mpinn_cli *cli, const mpinn_subject *heart, fit_maps *maps) {
  const mpinn_array *origins = mpinn_subject_find(heart, "origins", MPINN_FIELD);
  if (!origins || origins->components < 3)
    return mpinn_fail(
        cli->context, MPINN_ERROR_ARGUMENT,
        "The heart has no field array 'origins' of 3 or 4 components, the maps' sites of origin in "
        "mm; expected one with --origins given");
  MPINN_TRY(MPINN_NEW(cli->context, &maps->sites, maps->n));
  for (size_t m = 0; m < maps->n; m++) {
    const size_t row = find_origin(origins, maps->maps[m].name);
    if (row == SIZE_MAX)
      return mpinn_fail(
          cli->context, MPINN_ERROR_MAP,
          "The site of origin of map '%s' is not given; expected a map called AT_00, AT_01 … for "
          "one of the %zu rows of the field array 'origins'",
          maps->maps[m].name, origins->rows);
    for (size_t d = 0; d < 3; d++) maps->sites[m].position[d] = mpinn_array_get(origins, row, d);
  }
  return MPINN_OK;
}

/* ---- what the heart is given ---- */

/* What an earlier answer, of this or of 'metapinn personalize', left on the heart would pass for a part of
 * this one. Answers of 'metapinn what-if' are to questions of their own. */
static void forget_answer(mpinn_cli *cli, mpinn_subject *heart) {
  static const char *const left[][2] = {
      {"metapinn_weights_sha256", "PDEResidual"}, {"metapinn_fit_residual_msq", "PDEResidual"},
      {"metapinn_weights_sha256", "Support"},     {"metapinn_origin_mm", "ATEikonal"},
      {"metapinn_uncertainty", "ATStd"},          {"metapinn_uncertainty", "CVStd"}};
  static const char ours[] = "metapinn_", others[] = "metapinn_what_if_";
  for (size_t i = 0; i < sizeof left / sizeof *left; i++)
    if (mpinn_subject_get_text(heart, left[i][0])) mpinn_subject_remove_array(heart, left[i][1], MPINN_NODES);
  mpinn_subject_remove_array(heart, "fit_velocities", MPINN_FIELD);
  mpinn_subject_remove_array(heart, "fit_sites", MPINN_FIELD);
  for (size_t i = mpinn_subject_text_count(heart); i-- > 0;) {
    const char *key, *value;
    mpinn_subject_text_at(heart, i, &key, &value);
    if (strncmp(key, ours, sizeof ours - 1) == 0 && strncmp(key, others, sizeof others - 1) != 0)
      mpinn_subject_set_text(cli->context, heart, key, NULL); /* cannot fail: it is there */
  }
}

/* Takes the heart's own array away, to kept where that is not NULL. */
static mpinn_status make_room(mpinn_cli *cli, mpinn_subject *heart, const char *name, const char *kept) {
  static const mpinn_association places[] = {MPINN_NODES, MPINN_CELLS};
  for (size_t i = 0; i < 2; i++) {
    const mpinn_array *array = mpinn_subject_find(heart, name, places[i]);
    if (array && kept)
      MPINN_TRY(mpinn_subject_add_array(cli->context, heart, kept, places[i], array->type, array->rows,
                                        array->components, array->values, NULL));
    mpinn_subject_remove_array(heart, name, places[i]);
  }
  return MPINN_OK;
}

static mpinn_status describe_context(mpinn_cli *cli, const mpinn_cli_names *maps, mpinn_subject *heart) {
  size_t bytes = 1, used = 0;
  char *text = NULL;
  for (size_t m = 0; m < maps->n; m++) bytes += strlen(maps->names[m]) + 1;
  MPINN_TRY(MPINN_NEW(cli->context, &text, bytes));
  for (size_t m = 0; m < maps->n; m++)
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", m ? "," : "", maps->names[m]);
  const mpinn_status status = mpinn_subject_set_text(cli->context, heart, "metapinn_context", text);
  free(text);
  return status;
}

static mpinn_status describe_fit(mpinn_cli *cli, const fit_job *job, const fit_answer *answer,
                                 mpinn_subject *heart) {
  MPINN_TRY(set_text(cli, heart, "metapinn_version", "%s", mpinn_version()));
  MPINN_TRY(
      set_text(cli, heart, "metapinn_units", "AT ms, CV m/s%s", answer->residual ? ", PDEResidual 1" : ""));
  MPINN_TRY(describe_context(cli, &job->context.maps, heart));
  MPINN_TRY(set_text(cli, heart, "metapinn_query", "map %s%s", map_name(job, answer->n_maps - 1),
                     job->query ? "" : ", all of it"));
  MPINN_TRY(set_text(cli, heart, "metapinn_fit_method", "%s", job->method->name));
  return job->method->describe(cli, job, answer, heart);
}

static mpinn_status add_sites(mpinn_cli *cli, const fit_answer *answer, mpinn_subject *heart) {
  mpinn_array *array = NULL;
  MPINN_TRY(mpinn_subject_add_array(cli->context, heart, "fit_sites", MPINN_FIELD, MPINN_FLOAT64,
                                    answer->n_maps, 4, NULL, &array));
  double *rows = array->values;
  for (size_t m = 0; m < answer->n_maps; m++) {
    memcpy(rows + 4 * m, answer->sites[m].position, sizeof answer->sites[m].position);
    rows[4 * m + 3] = answer->sites[m].onset;
  }
  return MPINN_OK;
}

static mpinn_status add_arrays(mpinn_cli *cli, const fit_answer *answer, mpinn_subject *heart) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const size_t n = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  const struct {
    const char *name;
    mpinn_association association;
    size_t rows;
    const float *values;
  } arrays[] = {{"AT", MPINN_NODES, n, answer->at},
                {"CV", MPINN_NODES, n, answer->cv},
                {"CV", MPINN_CELLS, n_cells, answer->cell_cv},
                {"PDEResidual", MPINN_NODES, n, answer->residual}};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    if (arrays[i].values)
      MPINN_TRY(mpinn_subject_add_array(cli->context, heart, arrays[i].name, arrays[i].association,
                                        MPINN_FLOAT32, arrays[i].rows, 1, arrays[i].values, NULL));
  return answer->sites ? add_sites(cli, answer, heart) : MPINN_OK;
}

/* The texts go first: the names of the maps may be those of arrays that go here. */
static mpinn_status add_answer(mpinn_cli *cli, const fit_job *job, const fit_answer *answer,
                               mpinn_subject *heart) {
  const bool answered = mpinn_subject_get_text(heart, "metapinn_weights_sha256") ||
                        mpinn_subject_get_text(heart, "metapinn_fit_method");
  forget_answer(cli, heart);
  MPINN_TRY(describe_fit(cli, job, answer, heart));
  MPINN_TRY(make_room(cli, heart, "AT", answered ? NULL : "AT_input"));
  MPINN_TRY(make_room(cli, heart, "CV", answered ? NULL : "CV_input"));
  return add_arrays(cli, answer, heart);
}

/* ---- the work ---- */

static void answer_clear(fit_answer *answer) {
  free(answer->at);
  free(answer->cv);
  free(answer->residual);
  free(answer->cell_cv);
  free(answer->sites);
}

static mpinn_status fit_maps_of(mpinn_cli *cli, const fit_job *job, const mpinn_subject *heart,
                                const mpinn_subject *carrier, const fit_maps *maps, fit_answer *answer) {
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

static mpinn_status fit_heart(mpinn_cli *cli, fit_job *job, mpinn_subject *heart,
                              const mpinn_subject *carrier, fit_answer *answer) {
  fit_maps maps = {0};
  mpinn_status status;
  MPINN_TRY(mpinn_cli_choose_maps(cli, carrier, job->query, job->truth_at, &job->context));
  if (job->method->prepare) MPINN_TRY(job->method->prepare(cli, heart));
  MPINN_TRY_GOTO(done, status, take_maps(cli, job, carrier, &maps));
  if (job->origins_given) MPINN_TRY_GOTO(done, status, take_sites(cli, heart, &maps));
  MPINN_TRY_GOTO(done, status, fit_maps_of(cli, job, heart, carrier, &maps, answer));
  status = add_answer(cli, job, answer, heart);
done:
  maps_clear(&maps);
  return status;
}

static void note_time(mpinn_cli *cli, const fit_job *job, const mpinn_subject *heart,
                      const fit_answer *answer) {
  const char *query = mpinn_subject_get_text(heart, "metapinn_query");
  const double *site = answer->sites ? answer->sites[answer->n_maps - 1].position : NULL;
  if (site)
    mpinn_cli_note(cli, "%s: AT is of %s, from the site of origin %s at %.1f %.1f %.1f mm", job->out, query,
                   job->origins_given ? "given" : "found", site[0], site[1], site[2]);
  else
    mpinn_cli_note(cli, "%s: AT is of %s, from its network", job->out, query);
}

static mpinn_status report(mpinn_cli *cli, const fit_job *job, const mpinn_subject *heart,
                           const mpinn_cli_truth *known, const fit_answer *answer) {
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

static mpinn_status fit(mpinn_cli *cli, fit_job *job) {
  mpinn_subject *heart = NULL, *surface = NULL;
  mpinn_cli_truth known = {0};
  fit_answer answer = {0};
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

static int take_method(const mpinn_cli *cli, fit_job *job) {
  char known[128] = "";
  for (size_t i = 0, used = 0; i < METHOD_COUNT; i++) {
    if (strcmp(optarg, methods[i].name) == 0) {
      job->method = &methods[i];
      return MPINN_CLI_CONTINUE;
    }
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? " or " : "", methods[i].name);
  }
  return mpinn_cli_usage(cli, "--method is '%s', expected %s", optarg, known);
}

static int take_segmentation(const mpinn_cli *cli, fit_job *job) {
  for (int s = 0; s < MPINN_SEGMENTATION_COUNT; s++)
    if (strcmp(optarg, mpinn_segmentation_name((mpinn_segmentation)s)) == 0) {
      job->segments.segmentation = (mpinn_segmentation)s;
      return MPINN_CLI_CONTINUE;
    }
  return mpinn_cli_usage(cli, "--segmentation is '%s', expected paper, aha17+rv or released", optarg);
}

static int take_origins(const mpinn_cli *cli, fit_job *job) {
  job->origins_given = strcmp(optarg, "given") == 0;
  if (job->origins_given || strcmp(optarg, "found") == 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "--origins is '%s', expected given or found", optarg);
}

static int take_speed(const mpinn_cli *cli, const char *option, double *speed) {
  if (mpinn_cli_parse_double(optarg, speed) && *speed > 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "%s is '%s', expected a velocity above 0, in m/s", option, optarg);
}

static int take_weight(const mpinn_cli *cli, const char *option, double *weight) {
  if (mpinn_cli_parse_double(optarg, weight) && *weight >= 0) return MPINN_CLI_CONTINUE;
  return mpinn_cli_usage(cli, "%s is '%s', expected a number of at least 0", option, optarg);
}

/* The options of method multi-pinn. */
static int take_networks_option(mpinn_cli *cli, int option, char **argv, fit_job *job) {
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
  case 'w':
    return take_weight(cli, "--healthy-weight", &job->networks.healthy_weight);
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_fit, option, argv);
  }
}

/* The options of method segments. */
static int take_segments_option(mpinn_cli *cli, int option, char **argv, fit_job *job) {
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
  case 'O':
    return take_origins(cli, job);
  default:
    return take_networks_option(cli, option, argv, job);
  }
}

static int take_option(mpinn_cli *cli, int option, char **argv, fit_job *job) {
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
    return take_segments_option(cli, option, argv, job);
  }
}

/* Which method comes with the options may be said behind them. */
static void remember_owner(fit_job *job, int option, const char *name) {
  for (size_t i = 0; i < METHOD_COUNT; i++)
    if (strchr(methods[i].options, option)) job->own[i] = name;
}

static int check_method(const mpinn_cli *cli, const fit_job *job) {
  for (size_t i = 0; i < METHOD_COUNT; i++)
    if (job->own[i] && job->method != &methods[i])
      return mpinn_cli_usage(cli, "--%s belongs to --method %s, expected only options of --method %s",
                             job->own[i], methods[i].name, job->method->name);
  return MPINN_CLI_CONTINUE;
}

static int check_job(const mpinn_cli *cli, int files, const fit_job *job) {
  if (files != 1) return mpinn_cli_usage(cli, "expected the file of one heart, not %d", files);
  if (!job->context.wanted.n && !job->query)
    return mpinn_cli_usage(
        cli, "no map to fit to is chosen, expected --context with the name of an activation map");
  if (!job->out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  return check_method(cli, job);
}

static int run_job(mpinn_cli *cli, int argc, char **argv, fit_job *job) {
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
  fit_job job = {.method = &methods[0]};
  mpinn_segments_fit_options_default(&job.segments);
  mpinn_networks_fit_options_default(&job.networks);
  const int code = run_job(cli, argc, argv, &job);
  mpinn_cli_map_choice_clear(&job.context);
  return code;
}

const mpinn_cli_command mpinn_cli_fit = {
    "fit", "fits a heart's velocity to its maps by optimization, as a baseline", help, run};
