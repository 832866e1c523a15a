#include "metapinn/personalize.h"

#include "base/parallel.h"
#include "eikonal/nodal.h"
#include "metapinn/refine.h"
#include "metapinn/rhythm.h"
#include "metapinn/uncertainty.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The maps of a request on the nodes that count as measured. */
typedef struct request {
  const mpinn_subject *carrier; /* who has the maps: the surface, or the heart */
  size_t n_maps;                /* the contexts, then the query where there is one */
  const mpinn_array **arrays;   /* [n_maps] */
  double *values; /* [n_maps][n_nodes] cleaned, of all nodes; then packed to [n_maps][n_measured] */
  mpinn_map_cleaning *cleaning; /* [n_maps] */
  mpinn_map *maps;              /* [n_maps] */
  size_t n_nodes, n_measured;
  double *points;        /* [n_measured][3], mm */
  mpinn_rhythm *rhythms; /* [n_maps] */
  int32_t *basin;        /* [n_measured] of the query map, which source a node belongs to */
} request;

typedef struct answer {
  float *at, *cv, *residual, *support; /* [nodes of the heart] */
  float *eikonal;                      /* [nodes of the heart], or NULL */
  float *at_std, *cv_std;              /* [nodes of the heart], or NULL */
  size_t n_origins;
  mpinn_origin origins[MPINN_RHYTHM_MOST_SOURCES]; /* [n_origins] of eikonal */
} answer;

void mpinn_personalize_options_default(mpinn_personalize_options *options) {
  memset(options, 0, sizeof *options);
}

/* ---- the maps by their names ---- */

/* "AT_00, AT_01 …" into text: what could have been meant. */
static void list_maps(const mpinn_subject *subject, size_t bytes, char *text) {
  size_t used = 0, listed = 0;
  snprintf(text, bytes, "none");
  for (size_t i = 0; i < mpinn_subject_array_count(subject); i++) {
    const mpinn_array *array = mpinn_subject_array_at(subject, i);
    if (!mpinn_array_is_map(array)) continue;
    if (listed++ == 8 || used + strlen(array->name) + 8 >= bytes) {
      snprintf(text + used, bytes - used, " …");
      return;
    }
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? ", " : "", array->name);
  }
}

static mpinn_status no_such_map(mpinn_context *context, const request *r, const mpinn_subject *heart,
                                const char *name) {
  const size_t nodes = mpinn_mesh_node_count(mpinn_subject_mesh(r->carrier));
  const char *where = r->carrier == heart ? "heart" : "surface";
  char known[256];
  if (mpinn_subject_find(r->carrier, name, MPINN_CELLS))
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "Activation map '%s' of the %s is cell data; expected node (point) data, one value for each of "
        "the %zu nodes",
        name, where, nodes);
  const mpinn_array *field = mpinn_subject_find(r->carrier, name, MPINN_FIELD);
  if (field)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "Activation map '%s' has %zu values; expected one for each of the %zu nodes of the %s",
                      name, field->rows, nodes, where);
  if (r->carrier != heart && mpinn_subject_find(heart, name, MPINN_NODES))
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "Activation map '%s' is on the heart, not on the surface; expected it on the surface that carries "
        "the maps",
        name);
  list_maps(r->carrier, sizeof known, known);
  return mpinn_fail(context, MPINN_ERROR_MAP,
                    "The %s has no node array '%s'; expected the name of an activation map (it has: %s)",
                    where, name, known);
}

static mpinn_status find_map(mpinn_context *context, const request *r, const mpinn_subject *heart,
                             const char *name, const mpinn_array **array) {
  *array = mpinn_subject_find(r->carrier, name, MPINN_NODES);
  if (!*array) return no_such_map(context, r, heart, name);
  if ((*array)->components == 1) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MAP, "Array '%s' has %zu components a node; an activation map has 1",
                    name, (*array)->components);
}

/* Gaps and sentinels out, and a word about what was found. */
static mpinn_status clean_map(mpinn_context *context, request *r, size_t m) {
  const mpinn_array *array = r->arrays[m];
  const mpinn_map_cleaning c = r->cleaning[m] = mpinn_array_clean(array, r->values + m * r->n_nodes);
  if (c.measured == 0)
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "Activation map '%s' has no measured node: of its %zu values %zu are NaN and %zu the sentinel "
        "for \"not measured\" (-9999 or less); expected times in ms",
        array->name, r->n_nodes, c.missing, c.sentinel);
  if (c.sentinel > 0)
    mpinn_say(context, MPINN_LOG_INFO, "Map '%s': %zu values of -9999 or less are taken for \"not measured\"",
              array->name, c.sentinel);
  return MPINN_OK;
}

static mpinn_status take_maps(mpinn_context *context, const mpinn_subject *heart,
                              const mpinn_personalize_options *options, request *r) {
  r->n_maps = options->n_context + (options->query != NULL);
  r->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(r->carrier));
  MPINN_TRY(MPINN_NEW(context, &r->arrays, r->n_maps));
  MPINN_TRY(MPINN_NEW(context, &r->cleaning, r->n_maps));
  MPINN_TRY(MPINN_NEW(context, &r->maps, r->n_maps));
  for (size_t m = 0; m < r->n_maps; m++) {
    const char *name = m < options->n_context ? options->context[m] : options->query;
    MPINN_TRY(find_map(context, r, heart, name, &r->arrays[m]));
    r->maps[m].name = name;
    for (size_t other = 0; other < m && m < options->n_context; other++)
      if (r->arrays[other] == r->arrays[m])
        return mpinn_fail(context, MPINN_ERROR_MAP, "Activation map '%s' is chosen twice as a context map",
                          name);
  }
  MPINN_TRY(MPINN_NEW(context, &r->values, r->n_maps * r->n_nodes));
  for (size_t m = 0; m < r->n_maps; m++) MPINN_TRY(clean_map(context, r, m));
  return MPINN_OK;
}

/* Keeps the nodes that have a value in a context map and are marked, where there are marks. */
static mpinn_status keep_measured(mpinn_context *context, size_t n_context, request *r) {
  const mpinn_array *mark = mpinn_subject_find(r->carrier, "measured", MPINN_NODES);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(r->carrier));
  MPINN_TRY(MPINN_NEW(context, &r->points, 3 * r->n_nodes));
  for (size_t i = 0; i < r->n_nodes; i++) {
    bool known = false;
    for (size_t m = 0; m < n_context && !known; m++) known = !isnan(r->values[m * r->n_nodes + i]);
    if (!known || (mark && mpinn_array_get(mark, i, 0) == 0)) continue;
    const size_t to = r->n_measured++;
    memcpy(r->points + 3 * to, points + 3 * i, 3 * sizeof *points);
    for (size_t m = 0; m < r->n_maps; m++) r->values[m * r->n_nodes + to] = r->values[m * r->n_nodes + i];
  }
  if (r->n_measured == 0)
    return mpinn_fail(
        context, MPINN_ERROR_MAP,
        "The node array 'measured' marks no node where a context map has a value; expected 1 at the nodes "
        "that were measured");
  for (size_t m = 0; m < r->n_maps; m++) r->maps[m].values = r->values + m * r->n_nodes;
  return MPINN_OK;
}

static void request_clear(request *r) {
  free(r->arrays);
  free(r->values);
  free(r->cleaning);
  free(r->maps);
  free(r->points);
  free(r->rhythms);
  free(r->basin);
}

/* ---- what kind of activation the maps show ---- */

/* The map that is the query: its own, or the first context map; not that of an origin alone. */
static size_t query_map(const mpinn_personalize_options *options) {
  return options->query ? options->n_context : 0;
}

/* Whether the query is a map of several origins, so that AT, which has one, cannot be right. */
static bool has_several_origins(const mpinn_personalize_options *options, const request *r) {
  return (options->query || !options->origin) &&
         r->rhythms[query_map(options)].kind == MPINN_RHYTHM_MULTIFOCAL;
}

static mpinn_status judge_rhythm(mpinn_context *context, const mpinn_personalize_options *options, size_t m,
                                 const char *name, const mpinn_rhythm *rhythm) {
  if (rhythm->kind == MPINN_RHYTHM_REENTRY || rhythm->kind == MPINN_RHYTHM_NOISE)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "Activation map '%s' cannot be used: %s; expected an activation that spreads from its "
                      "sites of origin",
                      name, rhythm->reason);
  if (rhythm->kind != MPINN_RHYTHM_MULTIFOCAL) return MPINN_OK;
  if (m < options->n_context)
    mpinn_say(context, MPINN_LOG_INFO, "Map '%s': %s; velocity is learnt from it all the same", name,
              rhythm->reason);
  if (m == query_map(options) && (options->query || !options->origin))
    mpinn_say(
        context, MPINN_LOG_INFO,
        "The query map '%s' begins at %zu places, but AT has a single origin; ATEikonal has all of them",
        name, rhythm->n_sources);
  return MPINN_OK;
}

typedef struct recognition {
  const mpinn_mesh *mesh;
  size_t query;
  request *request;
} recognition;

static mpinn_status recognize_map(mpinn_context *context, void *user, size_t m) {
  const recognition *find = user;
  request *r = find->request;
  const mpinn_rhythm_input input = {
      .n = r->n_measured, .points = r->points, .times = r->maps[m].values, .mesh = find->mesh};
  return mpinn_recognize_rhythm(context, &input, &r->rhythms[m], m == find->query ? r->basin : NULL);
}

static mpinn_status recognize_maps(mpinn_context *context, const mpinn_subject *heart,
                                   const mpinn_personalize_options *options, request *r) {
  recognition find = {mpinn_subject_mesh(heart), query_map(options), r};
  MPINN_TRY(MPINN_NEW(context, &r->rhythms, r->n_maps));
  MPINN_TRY(MPINN_NEW(context, &r->basin, r->n_measured));
  MPINN_TRY(mpinn_for_each(context, 0, r->n_maps, recognize_map, &find));
  for (size_t m = 0; m < r->n_maps; m++)
    MPINN_TRY(judge_rhythm(context, options, m, r->maps[m].name, &r->rhythms[m]));
  return MPINN_OK;
}

/* ---- the unit of length ---- */

static double box_diagonal(const mpinn_mesh *mesh) {
  const double *points = mpinn_mesh_points(mesh);
  double square = 0;
  for (size_t d = 0; d < 3; d++) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
      low = fmin(low, points[3 * i + d]);
      high = fmax(high, points[3 * i + d]);
    }
    square += (high - low) * (high - low);
  }
  return sqrt(square);
}

/* A length that hardly a heart has is most likely not in mm, a human heart's in cm for one: its times and
 * velocities would be wrong. */
static bool question_units(const mpinn_subject *heart, size_t bytes, char *text) {
  static const double least = 20, most = 300; /* mm */
  const double diagonal = box_diagonal(mpinn_subject_mesh(heart));
  const char *units = mpinn_subject_get_text(heart, "units");
  if (!(diagonal < least || diagonal > most)) return false;
  snprintf(text, bytes,
           "The heart is %.3g mm long (diagonal of its box, coordinates taken for mm); expected %g to %g mm. "
           "%s%.80s%s; AT, CV and distances are wrong if its unit is another",
           diagonal, least, most, units ? "Its text 'units' says '" : "Its metadata names no units",
           units ? units : "", units ? "'" : "");
  return true;
}

static mpinn_status describe_units(mpinn_context *context, mpinn_subject *heart) {
  char text[320];
  const bool questioned = question_units(heart, sizeof text, text);
  return mpinn_subject_set_text(context, heart, "metapinn_units_questioned", questioned ? text : NULL);
}

/* ---- the twin and what it says at the heart's nodes ---- */

static mpinn_personalization make_input(const mpinn_subject *heart, const request *r,
                                        const mpinn_personalize_options *options) {
  return (mpinn_personalization){
      .heart = heart,
      .n_surface = r->n_measured,
      .surface = r->points,
      .n_context = options->n_context,
      .context = r->maps,
      .query = options->query ? &r->maps[options->n_context] : NULL,
      .origin = options->query ? NULL : options->origin,
      .max_measured = options->max_measured,
  };
}

static mpinn_status ask_twin(mpinn_context *context, const mpinn_model *model, const mpinn_twin *twin,
                             const mpinn_subject *heart, answer *a) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  const bool velocity = mpinn_model_has_velocity(model);
  float **const outputs[] = {&a->at, &a->support, &a->cv, &a->residual};
  for (size_t i = 0; i < (velocity ? 4 : 2); i++) MPINN_TRY(MPINN_NEW(context, outputs[i], n));
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, mpinn_mesh_points(mesh), a->at, NULL, a->cv, a->residual));
  return mpinn_twin_support(context, twin, n, mpinn_mesh_points(mesh), a->support);
}

/* The eikonal solution on cv from all the sources of a query map that has several. */
static mpinn_status solve_sources(mpinn_context *context, const mpinn_mesh *mesh, const request *r,
                                  size_t query, answer *a) {
  const mpinn_origin_search search = {
      .n = r->n_measured, .points = r->points, .times = r->maps[query].values};
  mpinn_site sites[MPINN_RHYTHM_MOST_SOURCES];
  mpinn_eikonal *solver = NULL;
  mpinn_status status;
  a->n_origins = r->rhythms[query].n_sources;
  MPINN_TRY(mpinn_eikonal_create_nodal(context, mesh, a->cv, &solver));
  MPINN_TRY_GOTO(done, status,
                 mpinn_find_origins(context, solver, &search, r->basin, a->n_origins, a->origins));
  for (size_t i = 0; i < a->n_origins; i++) sites[i] = a->origins[i].site;
  status = mpinn_eikonal_solve(context, solver, a->n_origins, sites, a->eikonal);
done:
  mpinn_eikonal_destroy(&solver);
  return status;
}

static mpinn_status ask_physics(mpinn_context *context, const mpinn_twin *twin, const mpinn_subject *heart,
                                const request *r, const mpinn_personalize_options *options, answer *a) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const mpinn_site *known = options->query ? NULL : options->origin;
  MPINN_TRY(MPINN_NEW(context, &a->eikonal, mpinn_mesh_node_count(mesh)));
  if (has_several_origins(options, r)) return solve_sources(context, mesh, r, query_map(options), a);
  a->n_origins = 1;
  return mpinn_twin_eikonal(context, twin, mesh, a->cv, known, a->origins, a->eikonal);
}

static mpinn_status ask_how_sure(mpinn_context *context, const mpinn_model *model,
                                 const mpinn_personalization *input, const mpinn_twin *twin, answer *a) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(input->heart);
  const size_t n = mpinn_mesh_node_count(mesh);
  MPINN_TRY(MPINN_NEW(context, &a->at_std, n));
  MPINN_TRY(MPINN_NEW(context, &a->cv_std, n));
  return mpinn_personalize_spread(context, model, input, twin, n, mpinn_mesh_points(mesh), a->at_std,
                                  a->cv_std);
}

static void answer_clear(answer *a) {
  free(a->at);
  free(a->cv);
  free(a->residual);
  free(a->support);
  free(a->eikonal);
  free(a->at_std);
  free(a->cv_std);
}

/* ---- what the heart is given ---- */

/* An array that is about to be covered stays under another name. */
static mpinn_status keep_input(mpinn_context *context, mpinn_subject *heart, const char *name,
                               const char *kept) {
  static const mpinn_association places[] = {MPINN_NODES, MPINN_CELLS};
  for (size_t i = 0; i < 2; i++) {
    const mpinn_array *array = mpinn_subject_find(heart, name, places[i]);
    if (!array) continue;
    const mpinn_array copy = *array; /* array itself may move when another is added */
    MPINN_TRY(mpinn_subject_add_array(context, heart, kept, copy.association, copy.type, copy.rows,
                                      copy.components, copy.values, NULL));
    mpinn_subject_remove_array(heart, name, places[i]);
  }
  return MPINN_OK;
}

/* ours: AT and CV are an earlier answer, which need not be kept. */
static mpinn_status add_fields(mpinn_context *context, mpinn_subject *heart, bool ours, const answer *a) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const struct {
    const char *name;
    const float *values;
  } fields[] = {{"AT", a->at}, {"CV", a->cv}, {"PDEResidual", a->residual}, {"Support", a->support}};
  if (!ours) MPINN_TRY(keep_input(context, heart, "AT", "AT_input"));
  if (!ours) MPINN_TRY(keep_input(context, heart, "CV", "CV_input"));
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (ours) mpinn_subject_remove_array(heart, fields[i].name, MPINN_NODES);
    if (!fields[i].values) continue; /* of weights without a velocity */
    MPINN_TRY(mpinn_subject_add_array(context, heart, fields[i].name, MPINN_NODES, MPINN_FLOAT32, n, 1,
                                      fields[i].values, NULL));
  }
  return MPINN_OK;
}

static mpinn_status set_text(mpinn_context *context, mpinn_subject *heart, const char *key,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));
static mpinn_status set_text(mpinn_context *context, mpinn_subject *heart, const char *key,
                             const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return mpinn_subject_set_text(context, heart, key, text);
}

/* Of all maps one after the other; a list may be long, so it is built in memory of its own. */
static mpinn_status describe_maps(mpinn_context *context, mpinn_subject *heart, const request *r,
                                  size_t n_context) {
  size_t bytes = 1, names = 0, counts = 0;
  for (size_t m = 0; m < r->n_maps; m++) bytes += strlen(r->maps[m].name) + 160;
  char *name_list = calloc(1, bytes), *count_list = calloc(1, bytes);
  mpinn_status status = MPINN_ERROR_MEMORY;
  if (!name_list || !count_list) {
    mpinn_fail(context, status, "No memory for the names of %zu maps", r->n_maps);
    goto done;
  }
  for (size_t m = 0; m < r->n_maps; m++) {
    const mpinn_map_cleaning *c = &r->cleaning[m];
    if (m < n_context)
      names += (size_t)snprintf(name_list + names, bytes - names, "%s%s", m ? "," : "", r->maps[m].name);
    counts +=
        (size_t)snprintf(count_list + counts, bytes - counts,
                         "%s%s: %zu values, %zu of them negative; not measured: %zu NaN, %zu sentinel",
                         m ? ". " : "", r->maps[m].name, c->measured, c->negative, c->missing, c->sentinel);
  }
  MPINN_TRY_GOTO(done, status, mpinn_subject_set_text(context, heart, "metapinn_context", name_list));
  status = mpinn_subject_set_text(context, heart, "metapinn_cleaning", count_list);
done:
  free(name_list);
  free(count_list);
  return status;
}

/* "AT_00: focal; sinus: multifocal, 3 breakthroughs" */
static mpinn_status describe_rhythms(mpinn_context *context, mpinn_subject *heart, const request *r) {
  size_t bytes = 1, used = 0;
  char *text = NULL;
  for (size_t m = 0; m < r->n_maps; m++) bytes += strlen(r->maps[m].name) + 64;
  MPINN_TRY(MPINN_NEW(context, &text, bytes));
  for (size_t m = 0; m < r->n_maps; m++) {
    const mpinn_rhythm *rhythm = &r->rhythms[m];
    used += (size_t)snprintf(text + used, bytes - used, "%s%s: %s", m ? "; " : "", r->maps[m].name,
                             mpinn_rhythm_name(rhythm->kind));
    if (rhythm->kind == MPINN_RHYTHM_MULTIFOCAL)
      used += (size_t)snprintf(text + used, bytes - used, ", %zu breakthroughs", rhythm->n_sources);
  }
  const mpinn_status status = mpinn_subject_set_text(context, heart, "metapinn_rhythm", text);
  free(text);
  return status;
}

static mpinn_status describe_query(mpinn_context *context, mpinn_subject *heart,
                                   const mpinn_personalize_options *options) {
  const mpinn_site *o = options->origin;
  if (options->query) return set_text(context, heart, "metapinn_query", "map %s", options->query);
  if (!o) return set_text(context, heart, "metapinn_query", "map %s", options->context[0]);
  return set_text(context, heart, "metapinn_query", "origin %.9g,%.9g,%.9g,%.9g", o->position[0],
                  o->position[1], o->position[2], o->onset);
}

static mpinn_status describe_frame(mpinn_context *context, mpinn_subject *heart, const mpinn_frame *f) {
  const double(*r)[3] = f->rotation;
  MPINN_TRY(set_text(context, heart, "metapinn_frame_centre_mm", "%.9g %.9g %.9g", f->centre[0], f->centre[1],
                     f->centre[2]));
  MPINN_TRY(set_text(context, heart, "metapinn_frame_rotation",
                     "%.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g", r[0][0], r[0][1], r[0][2], r[1][0],
                     r[1][1], r[1][2], r[2][0], r[2][1], r[2][2]));
  MPINN_TRY(set_text(context, heart, "metapinn_frame_scale_per_mm", "%.9g", f->scale));
  return set_text(context, heart, "metapinn_frame_from", "%s", f->from_labels ? "surface_class" : "shape");
}

static mpinn_status describe_model(mpinn_context *context, mpinn_subject *heart, const mpinn_model *model) {
  static const char *const keys[][2] = {{"metapinn_weights_sha256", "sha256"},
                                        {"metapinn_preset", "preset"},
                                        {"metapinn_protocol", "protocol"}};
  MPINN_TRY(set_text(context, heart, "metapinn_version", "%s", mpinn_version()));
  MPINN_TRY(set_text(context, heart, "metapinn_backend", "%s", mpinn_model_backend(model)));
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *text = mpinn_model_text(model, keys[i][1]);
    MPINN_TRY(mpinn_subject_set_text(context, heart, keys[i][0], text ? text : "unknown"));
  }
  return MPINN_OK;
}

static mpinn_status describe_answer(mpinn_context *context, mpinn_subject *heart, const mpinn_twin_info *info,
                                    double seconds) {
  MPINN_TRY(set_text(context, heart, "metapinn_units", "AT ms, CV m/s, PDEResidual 1, Support mm"));
  MPINN_TRY(set_text(context, heart, "metapinn_measured_nodes", "%zu", info->n_measured));
  MPINN_TRY(set_text(context, heart, "metapinn_early_nodes", "%zu", info->n_early));
  MPINN_TRY(set_text(context, heart, "metapinn_time_offset_ms", "%.9g", info->time_offset));
  MPINN_TRY(set_text(context, heart, "metapinn_seconds", "%.6f", info->seconds));
  MPINN_TRY(set_text(context, heart, "metapinn_total_seconds", "%.6f", seconds));
  MPINN_TRY(set_text(context, heart, "metapinn_shape_distance", "%.4g", info->shape_distance));
  if (!info->stranger) return set_text(context, heart, "metapinn_stranger", "no");
  return set_text(
      context, heart, "metapinn_stranger",
      "yes: this heart or its maps are unlike those that the weights were trained on (distance %.2g, "
      "usual is up to %.2g); no accuracy is claimed",
      info->shape_distance, info->usual_distance);
}

/* What an earlier answer said of the eikonal solution goes, or the heart's own array of that name is kept. */
static mpinn_status make_room_for_eikonal(mpinn_context *context, mpinn_subject *heart, bool wanted) {
  static const char *const keys[] = {"metapinn_origin_mm", "metapinn_origin_misfit_ms",
                                     "metapinn_consistency_ms"};
  if (!mpinn_subject_get_text(heart, keys[0]))
    return wanted ? keep_input(context, heart, "ATEikonal", "ATEikonal_input") : MPINN_OK;
  mpinn_subject_remove_array(heart, "ATEikonal", MPINN_NODES);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    MPINN_TRY(mpinn_subject_set_text(context, heart, keys[i], NULL));
  return MPINN_OK;
}

/* Root mean square of the difference, ms, where the front arrives. */
static double consistency(size_t n, const answer *a) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < n; i++) {
    const double d = (double)a->at[i] - a->eikonal[i];
    if (isnan(d)) continue;
    sum += d * d;
    count++;
  }
  return sqrt(sum / count);
}

/* "x y z; x y z", and the misfit over all points used. */
static mpinn_status describe_origins(mpinn_context *context, mpinn_subject *heart, const answer *a) {
  char text[64 * MPINN_RHYTHM_MOST_SOURCES] = "";
  size_t used = 0, n = 0;
  double square = 0;
  for (size_t i = 0; i < a->n_origins; i++) {
    const mpinn_origin *o = &a->origins[i];
    const double *p = o->site.position;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.9g %.9g %.9g", i ? "; " : "", p[0], p[1],
                             p[2]);
    square += (double)o->n_used * o->misfit * o->misfit;
    n += o->n_used;
  }
  MPINN_TRY(mpinn_subject_set_text(context, heart, "metapinn_origin_mm", text));
  return set_text(context, heart, "metapinn_origin_misfit_ms", "%.6g",
                  n > 0 ? sqrt(square / (double)n) : 0.0);
}

static mpinn_status add_eikonal(mpinn_context *context, mpinn_subject *heart, const answer *a) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  MPINN_TRY(make_room_for_eikonal(context, heart, a->eikonal != NULL));
  if (!a->eikonal) return MPINN_OK;
  MPINN_TRY(describe_origins(context, heart, a));
  MPINN_TRY(set_text(context, heart, "metapinn_consistency_ms", "%.6g", consistency(n, a)));
  return mpinn_subject_add_array(context, heart, "ATEikonal", MPINN_NODES, MPINN_FLOAT32, n, 1, a->eikonal,
                                 NULL);
}

/* What an earlier answer said of its errors goes, or the heart's own arrays of these names are kept. */
static mpinn_status add_uncertainty(mpinn_context *context, const mpinn_model *model, size_t n_context,
                                    const answer *a, mpinn_subject *heart) {
  static const char key[] = "metapinn_uncertainty";
  static const char *const names[][2] = {{"ATStd", "ATStd_input"}, {"CVStd", "CVStd_input"}};
  const float *const values[] = {a->at_std, a->cv_std};
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(heart));
  const bool ours = mpinn_subject_get_text(heart, key) != NULL;
  char method[256];
  for (size_t i = 0; i < 2; i++) {
    if (ours) mpinn_subject_remove_array(heart, names[i][0], MPINN_NODES);
    if (!values[i]) continue;
    if (!ours) MPINN_TRY(keep_input(context, heart, names[i][0], names[i][1]));
    MPINN_TRY(mpinn_subject_add_array(context, heart, names[i][0], MPINN_NODES, MPINN_FLOAT32, n, 1,
                                      values[i], NULL));
  }
  mpinn_spread_method(model, n_context, sizeof method, method);
  return mpinn_subject_set_text(context, heart, key, a->at_std ? method : NULL);
}

/* ---- refinement ---- */

static mpinn_status refine_twin(mpinn_context *context, const mpinn_subject *heart, const request *r,
                                const mpinn_personalize_options *options, mpinn_twin *twin,
                                mpinn_refine_report *report) {
  mpinn_refine_options refine;
  if (options->refine == 0) return MPINN_OK;
  mpinn_refine_options_default(&refine);
  refine.seconds = options->refine;
  refine.velocity_alone = has_several_origins(options, r);
  if (refine.velocity_alone)
    mpinn_say(
        context, MPINN_LOG_INFO,
        "Only CV is refined: a refined AT would be nearer to a wave from one place, and the query map begins at %zu",
        r->rhythms[query_map(options)].n_sources);
  return mpinn_twin_refine(context, twin, heart, &refine, report);
}

static mpinn_status add_refinement(mpinn_context *context, mpinn_subject *heart,
                                   const mpinn_personalize_options *options, const mpinn_refine_report *r) {
  static const char key[] = "metapinn_refine";
  if (options->refine == 0) return mpinn_subject_set_text(context, heart, key, NULL);
  return set_text(context, heart, key,
                  "%zu steps of the velocity on %zu maps%s, %zu of the activation, in %.2f s: loss %.4g ms2 "
                  "before, %.4g after; misfit on held back nodes %.4g ms before, %.4g after; mean squared "
                  "residual %.4g before, %.4g after",
                  r->velocity_steps, r->n_maps, r->velocity_kept ? " (the generated one was kept)" : "",
                  r->activation_steps, r->seconds, r->loss_before, r->loss_after, r->misfit_before,
                  r->misfit_after, r->residual_before, r->residual_after);
}

static mpinn_status add_answer(mpinn_context *context, const mpinn_model *model, const request *r,
                               const mpinn_personalize_options *options, const answer *a,
                               const mpinn_twin_info *info, double start, mpinn_subject *heart) {
  const bool ours = mpinn_subject_get_text(heart, "metapinn_weights_sha256") != NULL;
  MPINN_TRY(describe_units(context, heart));
  MPINN_TRY(describe_model(context, heart, model));
  MPINN_TRY(describe_maps(context, heart, r, options->n_context));
  MPINN_TRY(describe_rhythms(context, heart, r));
  MPINN_TRY(describe_query(context, heart, options));
  MPINN_TRY(describe_frame(context, heart, &info->frame));
  MPINN_TRY(describe_answer(context, heart, info, mpinn_seconds() - start));
  MPINN_TRY(add_eikonal(context, heart, a));
  MPINN_TRY(add_uncertainty(context, model, options->n_context, a, heart));
  return add_fields(context, heart, ours,
                    a); /* last: the names of the maps may be those of arrays that go here */
}

/* ---- all of it ---- */

/* The steps' parts of the progress, by the time they are expected to take. */
typedef struct progress_parts {
  mpinn_context *context;
  mpinn_progress_part outer;
  double done, whole; /* s */
} progress_parts;

static void next_part(progress_parts *p, double seconds) {
  mpinn_progress_leave(p->context, p->outer);
  mpinn_progress_enter(p->context, p->done / p->whole, (p->done + seconds) / p->whole);
  p->done += seconds;
}

static mpinn_status ask_for_all(mpinn_context *context, const mpinn_model *model, const mpinn_subject *heart,
                                const request *r, const mpinn_personalize_options *options,
                                progress_parts *parts, mpinn_twin **twin, mpinn_refine_report *refined,
                                answer *a) {
  static const double usual = 0.1; /* s, of one twin */
  const double sure = options->uncertainty ? usual * (double)options->n_context : 0;
  const mpinn_personalization input = make_input(heart, r, options);
  parts->whole = 2 * usual + options->refine + sure;
  next_part(parts, usual);
  MPINN_TRY(mpinn_personalize(context, model, &input, twin));
  next_part(parts, options->refine);
  MPINN_TRY(refine_twin(context, heart, r, options, *twin, refined));
  next_part(parts, usual);
  MPINN_TRY(ask_twin(context, model, *twin, heart, a));
  if (options->eikonal && a->cv) MPINN_TRY(ask_physics(context, *twin, heart, r, options, a));
  next_part(parts, sure);
  return options->uncertainty && a->cv ? ask_how_sure(context, model, &input, *twin, a) : MPINN_OK;
}

mpinn_status mpinn_personalize_subject(mpinn_context *context, const mpinn_model *model, mpinn_subject *heart,
                                       const mpinn_subject *surface, const mpinn_personalize_options *options,
                                       mpinn_twin_info *info, mpinn_twin **twin) {
  const double start = mpinn_seconds();
  request r = {.carrier = surface ? surface : heart};
  answer a = {0};
  mpinn_twin *made = NULL;
  mpinn_refine_report refined = {0};
  mpinn_status status;
  char text[320];
  if (twin) *twin = NULL;
  if (options->n_context == 0)
    return mpinn_fail(context, MPINN_ERROR_MAP,
                      "No context map is chosen; expected at least one activation map");
  if (mpinn_mesh_cell_count(mpinn_subject_mesh(heart)) == 0)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "The heart has points and no cells; expected tetrahedra or triangles");
  if (question_units(heart, sizeof text, text)) mpinn_say(context, MPINN_LOG_WARNING, "%s", text);
  MPINN_TRY_GOTO(done, status, take_maps(context, heart, options, &r));
  MPINN_TRY_GOTO(done, status, keep_measured(context, options->n_context, &r));
  MPINN_TRY_GOTO(done, status, recognize_maps(context, heart, options, &r));
  progress_parts parts = {.context = context, .outer = mpinn_progress_enter(context, 0, 1)};
  status = ask_for_all(context, model, heart, &r, options, &parts, &made, &refined, &a);
  mpinn_progress_leave(context, parts.outer);
  if (status != MPINN_OK) goto done;
  const mpinn_twin_info found = mpinn_twin_get_info(made);
  if (!mpinn_model_has_velocity(model))
    mpinn_say(
        context, MPINN_LOG_INFO,
        "These weights give activation alone: no CV, and nothing that needs it (PDEResidual, ATEikonal, ATStd, "
        "CVStd)");
  if (found.stranger)
    mpinn_say(
        context, MPINN_LOG_INFO,
        "This heart or its maps are unlike those that the weights were trained on (distance %.2g, usual "
        "is up to %.2g): no accuracy is claimed",
        found.shape_distance, found.usual_distance);
  MPINN_TRY_GOTO(done, status, add_refinement(context, heart, options, &refined));
  MPINN_TRY_GOTO(done, status, add_answer(context, model, &r, options, &a, &found, start, heart));
  if (info) *info = found;
  if (twin) {
    *twin = made;
    made = NULL;
  }
done:
  mpinn_twin_destroy(&made);
  answer_clear(&a);
  request_clear(&r);
  return status;
}
