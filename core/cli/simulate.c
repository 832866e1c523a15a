#include "cli.h"
#include "metapinn/fibres.h"
#include "metapinn/phantom.h"

#include <getopt.h>
#include <math.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn simulate HEART --origin X,Y,Z[,T0] … [--cv ARRAY|M_PER_S] [--name AT] --out OUT\n"
    "\n"
    "Solves the eikonal equation |grad T| F = 1 on a heart of tetrahedra or on a surface of triangles, from one or\n"
    "several sites of origin at once, and writes the heart with the activation times added as a node array.\n"
    "\n"
    "Options:\n"
    "  --origin X,Y,Z[,T0]  a site of origin, mm, and its onset, ms (default 0); may be given several times: the first\n"
    "                       front to arrive activates a node. Moved to the nearest point of the mesh\n"
    "  --cv ARRAY|M_PER_S   conduction velocity: a cell or node array (cell data goes first), or one number for all of\n"
    "                       the heart, m/s (default: the array CV where there is one, else 0.6). With --fibre an array\n"
    "                       of three components is the velocity along fibre, sheet and their normal\n"
    "  --fibre ARRAY|rule   fibre directions, a cell or node array of three components: anisotropic conduction. rule\n"
    "                       makes them: a helix from 60 degrees at the endocardium to -60 at the epicardium\n"
    "  --sheet ARRAY        sheet directions, likewise\n"
    "  --anisotropy V_F,V_S,V_N  velocity along fibre, sheet and normal, m/s, all over the heart (default 0.6,0.4,0.2 with\n"
    "                       --sheet, else 0.6,0.3,0.3); without --sheet the last two must be equal\n"
    "  --refine R           solve on the mesh refined R times, 0 to 3, for activation times nearer to those of an ever\n"
    "                       finer mesh (default 0). Cells hand what they carry to their parts; node data is averaged\n"
    "                       over cells first\n"
    "  --name AT            name of the new array (default AT)\n"
    "  --out OUT            the file to write\n"
    "\n"
    "The result is in ms, NaN at nodes that no front reaches.\n";

enum { MOST_ORIGINS = 256 };

typedef struct simulation {
  const char *heart, *cv, *fibre, *sheet, *anisotropy, *name, *out;
  size_t n_sites, refine;
  mpinn_site sites[MOST_ORIGINS];
} simulation;

/* What a solver is given: arrays of floats, one row a cell or a node. */
typedef struct tissue {
  mpinn_velocity velocity;
  float *speed, *fibre, *sheet, *axes; /* behind velocity's pointers */
} tissue;

static void tissue_clear(tissue *t) {
  free(t->speed);
  free(t->fibre);
  free(t->sheet);
  free(t->axes);
}

/* ---- arrays of the heart ---- */

static const mpinn_array *find_any(const mpinn_subject *heart, const char *name) {
  const mpinn_array *array = mpinn_subject_find(heart, name, MPINN_CELLS);
  return array ? array : mpinn_subject_find(heart, name, MPINN_NODES);
}

static mpinn_status find_array(mpinn_cli *cli, const mpinn_subject *heart, const char *name,
                               size_t components, const mpinn_array **array) {
  *array = find_any(heart, name);
  if (!*array)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT, "The heart has no cell or node array '%s'", name);
  if ((*array)->components != components)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT, "Array '%s' has %zu components, expected %zu", name,
                      (*array)->components, components);
  return MPINN_OK;
}

static mpinn_status copy_floats(mpinn_cli *cli, const mpinn_array *array, float **values) {
  MPINN_TRY(MPINN_NEW(cli->context, values, array->rows * array->components));
  for (size_t i = 0; i < array->rows; i++)
    for (size_t c = 0; c < array->components; c++)
      (*values)[i * array->components + c] = (float)mpinn_array_get(array, i, c);
  return MPINN_OK;
}

/* A cell's value from its nodes': speeds by the mean slowness, directions by the mean of what points the same
 * way. */
static mpinn_status average_over_cells(mpinn_cli *cli, const mpinn_mesh *mesh, const mpinn_array *array,
                                       float **values) {
  const size_t k = array->components, n = mpinn_mesh_cell_count(mesh), v = (size_t)mpinn_mesh_cell_type(mesh);
  const int32_t *cells = mpinn_mesh_cells(mesh);
  const bool direction = k == 3;
  MPINN_TRY(MPINN_NEW(cli->context, values, n * k));
  for (size_t c = 0; c < n; c++) {
    const size_t first = (size_t)cells[c * v];
    double sum[3] = {0, 0, 0};
    for (size_t j = 0; j < v; j++) {
      const size_t node = (size_t)cells[c * v + j];
      double dot = 1;
      if (direction) {
        dot = 0;
        for (size_t d = 0; d < k; d++)
          dot += mpinn_array_get(array, first, d) * mpinn_array_get(array, node, d);
      }
      for (size_t d = 0; d < k; d++) {
        const double value = mpinn_array_get(array, node, d);
        sum[d] += direction ? copysign(1, dot) * value : 1 / value;
      }
    }
    for (size_t d = 0; d < k; d++) (*values)[c * k + d] = (float)(direction ? sum[d] : (double)v / sum[d]);
  }
  return MPINN_OK;
}

/* ---- the tissue ---- */

/* cells: everything is wanted on cells, for a mesh that will be refined or for arrays that do not agree. */
static mpinn_status take_values(mpinn_cli *cli, const mpinn_subject *heart, const mpinn_array *array,
                                bool cells, float **values) {
  if (cells && array->association == MPINN_NODES)
    return average_over_cells(cli, mpinn_subject_mesh(heart), array, values);
  return copy_floats(cli, array, values);
}

typedef struct chosen_arrays {
  const mpinn_array *speed, *fibre, *sheet, *axes;
} chosen_arrays;

static mpinn_status choose_speed(mpinn_cli *cli, const simulation *s, const mpinn_subject *heart,
                                 chosen_arrays *a, tissue *t) {
  double number = 0;
  const char *name = s->cv;
  if (name && !find_any(heart, name) && mpinn_cli_parse_double(name, &number)) {
    t->velocity.uniform = number;
    return MPINN_OK;
  }
  if (!name && !find_any(heart, "CV")) {
    mpinn_cli_note(cli, "the heart has no array CV: its conduction velocity is taken for %g m/s",
                   t->velocity.uniform);
    return MPINN_OK;
  }
  if (!name) mpinn_cli_note(cli, "conduction velocity is the heart's array CV");
  MPINN_TRY(find_array(cli, heart, name ? name : "CV", 1, &a->speed));
  return MPINN_OK;
}

static mpinn_status choose_axes(mpinn_cli *cli, const simulation *s, const mpinn_subject *heart,
                                chosen_arrays *a, tissue *t) {
  static const double with_sheet[3] = {0.6, 0.4, 0.2}, without_sheet[3] = {0.6, 0.3, 0.3};
  double *axes = t->velocity.uniform_axes;
  memcpy(axes, s->sheet ? with_sheet : without_sheet, sizeof with_sheet);
  MPINN_TRY(find_array(cli, heart, s->fibre, 3, &a->fibre));
  if (s->sheet) MPINN_TRY(find_array(cli, heart, s->sheet, 3, &a->sheet));
  if (s->cv) return find_array(cli, heart, s->cv, 3, &a->axes);
  if (s->anisotropy && mpinn_cli_parse_list(s->anisotropy, 3, axes) != 3)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT,
                      "--anisotropy is '%s', expected three velocities in m/s: V_F,V_S,V_N", s->anisotropy);
  return MPINN_OK;
}

static mpinn_status make_tissue(mpinn_cli *cli, const simulation *s, const mpinn_subject *heart, tissue *t) {
  chosen_arrays a = {0};
  mpinn_velocity_default(&t->velocity);
  MPINN_TRY(s->fibre ? choose_axes(cli, s, heart, &a, t) : choose_speed(cli, s, heart, &a, t));
  const struct {
    const mpinn_array *array;
    float **values;
  } parts[] = {{a.speed, &t->speed}, {a.fibre, &t->fibre}, {a.sheet, &t->sheet}, {a.axes, &t->axes}};
  bool on_nodes = s->refine == 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].array && parts[i].array->association == MPINN_CELLS) on_nodes = false;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].array) MPINN_TRY(take_values(cli, heart, parts[i].array, !on_nodes, parts[i].values));
  t->velocity.association = on_nodes ? MPINN_NODES : MPINN_CELLS;
  return MPINN_OK;
}

/* Rows of k values, each for `parts` children. */
static mpinn_status inherit(mpinn_cli *cli, size_t rows, size_t k, size_t parts, float **values) {
  float *more = NULL;
  if (!*values) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(cli->context, &more, rows * parts * k));
  for (size_t i = 0; i < rows * parts; i++) memcpy(more + i * k, *values + i / parts * k, k * sizeof *more);
  free(*values);
  *values = more;
  return MPINN_OK;
}

static mpinn_status refine(mpinn_cli *cli, mpinn_mesh **mesh, const mpinn_mesh *coarse, tissue *t) {
  const size_t rows = mpinn_mesh_cell_count(coarse),
               parts = mpinn_mesh_cell_type(coarse) == MPINN_TETRAHEDRON ? 8 : 4;
  mpinn_mesh *fine = NULL;
  MPINN_TRY(mpinn_mesh_refine(cli->context, coarse, &fine));
  mpinn_mesh_destroy(mesh);
  *mesh = fine;
  MPINN_TRY(inherit(cli, rows, 1, parts, &t->speed));
  MPINN_TRY(inherit(cli, rows, 3, parts, &t->fibre));
  MPINN_TRY(inherit(cli, rows, 3, parts, &t->sheet));
  return inherit(cli, rows, 3, parts, &t->axes);
}

/* ---- solving ---- */

static mpinn_status solve_on(mpinn_cli *cli, const simulation *s, const mpinn_mesh *mesh, tissue *t,
                             float **at) {
  mpinn_eikonal *solver = NULL;
  t->velocity.speed = t->speed;
  t->velocity.fibre = t->fibre;
  t->velocity.sheet = t->sheet;
  t->velocity.axes = t->axes;
  MPINN_TRY(MPINN_NEW(cli->context, at, mpinn_mesh_node_count(mesh)));
  MPINN_TRY(mpinn_eikonal_create(cli->context, mesh, &t->velocity, &solver));
  const mpinn_status status = mpinn_eikonal_solve(cli->context, solver, s->n_sites, s->sites, *at);
  mpinn_eikonal_destroy(&solver);
  return status;
}

/* The nodes of a mesh are the first ones of what it is refined to, so at needs no restriction. */
static mpinn_status solve(mpinn_cli *cli, const simulation *s, const mpinn_subject *heart, float **at) {
  const mpinn_mesh *coarse = mpinn_subject_mesh(heart);
  mpinn_mesh *fine = NULL;
  tissue t = {0};
  mpinn_status status = make_tissue(cli, s, heart, &t);
  for (size_t r = 0; r < s->refine && status == MPINN_OK; r++)
    status = refine(cli, &fine, fine ? fine : coarse, &t);
  if (status == MPINN_OK) status = solve_on(cli, s, fine ? fine : coarse, &t, at);
  mpinn_mesh_destroy(&fine);
  tissue_clear(&t);
  return status;
}

static void report(mpinn_cli *cli, const simulation *s, size_t n, const float *at) {
  double last = -INFINITY;
  size_t unreached = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(at[i])) unreached++;
    if (at[i] > last) last = at[i];
  }
  mpinn_cli_note(cli, "%s: the last node is activated at %.1f ms; %zu of %zu nodes are not reached", s->out,
                 last, unreached, n);
}

static mpinn_status add_result(mpinn_cli *cli, const simulation *s, mpinn_subject *heart, const float *at) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  char key[160];
  MPINN_TRY(
      mpinn_subject_add_array(cli->context, heart, s->name, MPINN_NODES, MPINN_FLOAT32, n, 1, at, NULL));
  snprintf(key, sizeof key, "command_%.120s", s->name);
  return mpinn_subject_set_text(cli->context, heart, key, cli->command ? cli->command : "metapinn simulate");
}

/* The heart keeps the directions; how fast they conduct is what the options say. */
static mpinn_status make_fibres(mpinn_cli *cli, simulation *s, mpinn_subject *heart) {
  mpinn_fibre_rule rule;
  if (!s->fibre || strcmp(s->fibre, "rule") != 0 || find_any(heart, "rule")) return MPINN_OK;
  mpinn_fibre_rule_default(&rule);
  MPINN_TRY(mpinn_subject_estimate_labels(cli->context, heart));
  MPINN_TRY(mpinn_subject_set_fibres(cli->context, heart, &rule));
  mpinn_subject_remove_array(heart, "fibre_ratio", MPINN_FIELD);
  s->fibre = "fibre";
  return MPINN_OK;
}

static mpinn_status simulate(mpinn_cli *cli, simulation *s) {
  mpinn_subject *heart = NULL;
  float *at = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, mpinn_cli_check_output(cli, s->out));
  MPINN_TRY_GOTO(done, status, mpinn_cli_read(cli, s->heart, &heart));
  MPINN_TRY_GOTO(done, status, make_fibres(cli, s, heart));
  MPINN_TRY_GOTO(done, status, solve(cli, s, heart, &at));
  MPINN_TRY_GOTO(done, status, add_result(cli, s, heart, at));
  MPINN_TRY_GOTO(done, status, mpinn_cli_write(cli, s->out, heart));
  report(cli, s, mpinn_mesh_node_count(mpinn_subject_mesh(heart)), at);
done:
  free(at);
  mpinn_subject_destroy(&heart);
  return status;
}

/* ---- options ---- */

static int take_option(mpinn_cli *cli, int option, char **argv, simulation *s) {
  switch (option) {
  case 'O':
    if (s->n_sites == MOST_ORIGINS)
      return mpinn_cli_usage(cli, "--origin is given more than %d times", MOST_ORIGINS);
    if (mpinn_cli_parse_site(optarg, &s->sites[s->n_sites++])) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--origin is '%s', expected X,Y,Z in mm or X,Y,Z,T0 with T0 in ms", optarg);
  case 'r':
    if (mpinn_cli_parse_size(optarg, &s->refine) && s->refine <= 3) return MPINN_CLI_CONTINUE;
    return mpinn_cli_usage(cli, "--refine is '%s', expected 0 to 3", optarg);
  case 'c':
    s->cv = optarg;
    return MPINN_CLI_CONTINUE;
  case 'f':
    s->fibre = optarg;
    return MPINN_CLI_CONTINUE;
  case 's':
    s->sheet = optarg;
    return MPINN_CLI_CONTINUE;
  case 'a':
    s->anisotropy = optarg;
    return MPINN_CLI_CONTINUE;
  case 'n':
    s->name = optarg;
    return MPINN_CLI_CONTINUE;
  case 'o':
    s->out = optarg;
    return MPINN_CLI_CONTINUE;
  default:
    return mpinn_cli_common_option(cli, &mpinn_cli_simulate, option, argv);
  }
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {
      {"origin", required_argument, NULL, 'O'}, {"cv", required_argument, NULL, 'c'},
      {"fibre", required_argument, NULL, 'f'},  {"fiber", required_argument, NULL, 'f'},
      {"sheet", required_argument, NULL, 's'},  {"anisotropy", required_argument, NULL, 'a'},
      {"refine", required_argument, NULL, 'r'}, {"name", required_argument, NULL, 'n'},
      {"out", required_argument, NULL, 'o'},    MPINN_CLI_COMMON_OPTIONS};
  simulation s = {.name = "AT"};
  for (int option; (option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
    const int code = take_option(cli, option, argv, &s);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (argc - optind != 1)
    return mpinn_cli_usage(cli, "expected the file of one heart, not %d", argc - optind);
  s.heart = argv[optind];
  if (s.n_sites == 0)
    return mpinn_cli_usage(cli, "--origin is missing, expected a site of origin X,Y,Z in mm");
  if (!s.out) return mpinn_cli_usage(cli, "--out is missing, expected the file to write");
  if (!s.fibre && (s.sheet || s.anisotropy))
    return mpinn_cli_usage(cli, "--sheet and --anisotropy need --fibre, the directions of the fibres");
  if (s.cv && s.anisotropy)
    return mpinn_cli_usage(cli, "--cv and --anisotropy both give the velocity, expected one");
  mpinn_status status = mpinn_cli_start(cli);
  if (status == MPINN_OK) status = simulate(cli, &s);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_simulate = {"simulate", "computes activation times from sites of origin",
                                              help, run};
