/* What 'metapinn fit' takes from a heart, its maps and their sites, and what it gives it. */
#include "fit.h"

#include "metapinn/map_names.h"

#include <math.h>
#include <string.h>

/* ---- the maps ---- */

void mpinn_cli_fit_maps_clear(mpinn_cli_fit_maps *m) {
  free(m->maps);
  free(m->values);
  free(m->sites);
}

static const char *map_name(const mpinn_cli_fit_job *job, size_t m) {
  return m < job->context.maps.n ? job->context.maps.names[m] : job->query;
}

static mpinn_status find_map(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *carrier,
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

static mpinn_status take_map(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *carrier,
                             mpinn_cli_fit_maps *maps, size_t m) {
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

static mpinn_status take_maps(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *carrier,
                              mpinn_cli_fit_maps *maps) {
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

static mpinn_status take_sites(mpinn_cli *cli, const mpinn_subject *heart, mpinn_cli_fit_maps *maps) {
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

mpinn_status mpinn_cli_fit_take_maps(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *heart,
                                     const mpinn_subject *carrier, mpinn_cli_fit_maps *maps) {
  MPINN_TRY(take_maps(cli, job, carrier, maps));
  return job->origins_given ? take_sites(cli, heart, maps) : MPINN_OK;
}

/* ---- what the heart is given ---- */

mpinn_status mpinn_cli_fit_say(mpinn_cli *cli, mpinn_subject *heart, const char *key, const char *format,
                               ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return mpinn_subject_set_text(cli->context, heart, key, text);
}

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

static mpinn_status describe_fit(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                 const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_version", "%s", mpinn_version()));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_units", "AT ms, CV m/s%s",
                              answer->residual ? ", PDEResidual 1" : ""));
  MPINN_TRY(describe_context(cli, &job->context.maps, heart));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_query", "map %s%s", map_name(job, answer->n_maps - 1),
                              job->query ? "" : ", all of it"));
  MPINN_TRY(mpinn_cli_fit_say(cli, heart, "metapinn_fit_method", "%s", job->method->name));
  return job->method->describe(cli, job, answer, heart);
}

static mpinn_status add_sites(mpinn_cli *cli, const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
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

static mpinn_status add_arrays(mpinn_cli *cli, const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
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
mpinn_status mpinn_cli_fit_add_answer(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                      const mpinn_cli_fit_answer *answer, mpinn_subject *heart) {
  const bool answered = mpinn_subject_get_text(heart, "metapinn_weights_sha256") ||
                        mpinn_subject_get_text(heart, "metapinn_fit_method");
  forget_answer(cli, heart);
  MPINN_TRY(describe_fit(cli, job, answer, heart));
  MPINN_TRY(make_room(cli, heart, "AT", answered ? NULL : "AT_input"));
  MPINN_TRY(make_room(cli, heart, "CV", answered ? NULL : "CV_input"));
  return add_arrays(cli, answer, heart);
}
