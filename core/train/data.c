#include "train/data.h"

#include "heart/spread.h"
#include "model/measured.h"

#include <math.h>
#include <string.h>

mpinn_status mpinn_parse_maps(mpinn_context *context, const char *text, size_t n_available, size_t *n_maps,
                              size_t **maps) {
  const char *p = text ? text : "";
  *n_maps = 0;
  MPINN_TRY(MPINN_NEW(context, maps, n_available));
  while (*p) {
    char *end = NULL;
    const unsigned long first = strtoul(p, &end, 10);
    unsigned long last = first;
    bool valid = end != p;
    if (*end == '-') {
      p = end + 1;
      last = strtoul(p, &end, 10);
      valid = valid && end != p;
    }
    if (!valid || last < first || last >= n_available || *n_maps + (last - first) >= n_available ||
        (*end != ',' && *end != '\0')) {
      free(*maps);
      *maps = NULL;
      return mpinn_fail(context, MPINN_ERROR_FORMAT,
                        "'%s' does not name maps; expected ranges like 0-9 of the subject's %zu maps", text,
                        n_available);
    }
    for (unsigned long m = first; m <= last; m++) (*maps)[(*n_maps)++] = m;
    p = *end ? end + 1 : end;
  }
  return MPINN_OK;
}

/* What is read of one subject on the way. */
typedef struct reading {
  const mpinn_subject *subject;
  size_t index, n_measured;
  size_t *measured; /* [n_measured] the subject's own measured nodes */
  double *points;   /* [n_wall][3] in the frame */
  bool needs_labels;
} reading;

static mpinn_status lacks(mpinn_context *context, const reading *r, const char *what) {
  return mpinn_fail(context, MPINN_ERROR_FORMAT, "Subject %zu of the data set has no %s", r->index, what);
}

static mpinn_status find_measured(mpinn_context *context, size_t max, reading *r) {
  const mpinn_array *array = mpinn_subject_find(r->subject, "measured", MPINN_NODES);
  const mpinn_mesh *mesh = mpinn_subject_mesh(r->subject);
  const size_t n = mpinn_mesh_node_count(mesh);
  bool *marked = NULL;
  if (!array) return lacks(context, r, "node array 'measured'");
  MPINN_TRY(MPINN_NEW(context, &marked, n));
  for (size_t i = 0; i < n; i++) marked[i] = mpinn_array_get(array, i, 0) != 0;
  const mpinn_status status =
      mpinn_spread(context, n, mpinn_mesh_points(mesh), marked, max, &r->n_measured, &r->measured);
  free(marked);
  if (status == MPINN_OK && r->n_measured < 8) return lacks(context, r, "8 measured nodes or more");
  return status;
}

static mpinn_status read_wall(mpinn_context *context, reading *r, mpinn_training_subject *out) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(r->subject);
  const mpinn_array *cv = mpinn_subject_find(r->subject, "CV", MPINN_NODES);
  out->n_wall = mpinn_mesh_node_count(mesh);
  MPINN_TRY(MPINN_NEW(context, &r->points, 3 * out->n_wall));
  MPINN_TRY(MPINN_NEW(context, &out->wall, 3 * out->n_wall));
  mpinn_frame_apply(&out->frame, out->n_wall, mpinn_mesh_points(mesh), r->points);
  for (size_t i = 0; i < 3 * out->n_wall; i++) out->wall[i] = (float)r->points[i];
  if (!cv && r->needs_labels) return lacks(context, r, "node array 'CV', which this preset learns from");
  if (!cv) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &out->cv, out->n_wall));
  for (size_t i = 0; i < out->n_wall; i++) out->cv[i] = (float)mpinn_array_get(cv, i, 0);
  return MPINN_OK;
}

/* ---- maps ---- */

static mpinn_status read_map(mpinn_context *context, const reading *r, size_t map, double time_scale,
                             float *at) {
  char name[16];
  mpinn_subject_map_name(map, name);
  const mpinn_array *array = mpinn_subject_find(r->subject, name, MPINN_NODES);
  for (size_t i = 0; i < array->rows; i++) {
    at[i] = (float)(mpinn_array_get(array, i, 0) * time_scale);
    if (!isfinite(at[i]))
      return mpinn_fail(
          context, MPINN_ERROR_FORMAT,
          "Subject %zu of the data set: %s is not finite at node %zu; training needs whole maps", r->index,
          name, i);
  }
  return MPINN_OK;
}

static mpinn_status read_maps(mpinn_context *context, const reading *r, const char *key, double time_scale,
                              size_t n_wall, size_t *n_maps, float **at) {
  size_t *maps = NULL;
  MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(r->subject, key),
                             mpinn_subject_map_count(r->subject), n_maps, &maps));
  mpinn_status status = MPINN_NEW(context, at, *n_maps * n_wall);
  for (size_t m = 0; m < *n_maps && status == MPINN_OK; m++)
    status = read_map(context, r, maps[m], time_scale, *at + m * n_wall);
  free(maps);
  return status;
}

/* ---- views ---- */

/* The encoders' inputs of n_maps maps at nodes[n]: whole, and their early parts, each from its own zero of
 * time. */
static mpinn_status make_inputs(mpinn_context *context, const mpinn_network *network, size_t n,
                                const size_t *nodes, size_t n_maps, size_t n_wall, const float *at,
                                void *inputs[MPINN_ENCODERS]) {
  float *whole = NULL, *early = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &whole, n_maps * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &early, n_maps * n));
  for (size_t m = 0; m < n_maps; m++) {
    size_t n_left;
    for (size_t i = 0; i < n; i++) early[m * n + i] = whole[m * n + i] = at[m * n_wall + nodes[i]];
    MPINN_TRY_GOTO(done, status,
                   mpinn_keep_early(context, n, network->preset->early_fraction, early + m * n, &n_left));
    mpinn_normalize_map(n, 1, whole + m * n);
    mpinn_normalize_map(n, 1, early + m * n);
  }
  MPINN_TRY_GOTO(done, status,
                 mpinn_encoder_upload(context, network, n, n_maps, whole, &inputs[MPINN_ENCODER_VELOCITY]));
  status = mpinn_encoder_upload(context, network, n, n_maps, early, &inputs[MPINN_ENCODER_SOURCE]);
done:
  free(whole);
  free(early);
  return status;
}

static mpinn_status make_view(mpinn_context *context, const mpinn_network *network, const reading *r,
                              size_t n, const size_t *nodes, mpinn_training_subject *out) {
  mpinn_view *view = &out->views[out->n_views++];
  double *points = NULL;
  MPINN_TRY(MPINN_NEW(context, &points, 3 * n));
  for (size_t i = 0; i < n; i++) memcpy(points + 3 * i, r->points + 3 * nodes[i], 3 * sizeof *points);
  mpinn_status status = mpinn_encoder_graph_create(context, network, n, points, &view->graph);
  free(points);
  for (int half = 0; half < MPINN_HALVES && status == MPINN_OK; half++)
    status = make_inputs(context, network, n, nodes, out->n_maps[half], out->n_wall, out->at[half],
                         view->inputs[half]);
  return status;
}

/* Endocardial nodes, or those measured where there are no surface classes; shuffled. */
static mpinn_status list_candidates(mpinn_context *context, const reading *r, size_t n_wall,
                                    mpinn_random *random, size_t *n, size_t **nodes) {
  const mpinn_array *classes = mpinn_subject_find(r->subject, "surface_class", MPINN_NODES);
  const mpinn_array *measured = mpinn_subject_find(r->subject, "measured", MPINN_NODES);
  *n = 0;
  MPINN_TRY(MPINN_NEW(context, nodes, n_wall));
  for (size_t i = 0; i < n_wall; i++) {
    const double is = classes ? mpinn_array_get(classes, i, 0) : 0;
    if (classes ? is == MPINN_CLASS_LV_ENDOCARDIUM || is == MPINN_CLASS_RV_ENDOCARDIUM
                : mpinn_array_get(measured, i, 0) != 0)
      (*nodes)[(*n)++] = i;
  }
  mpinn_random_shuffle(random, *n, *nodes);
  return MPINN_OK;
}

/* Half to all of the nodes that the encoders may see, well spread over three quarters of the candidates. */
static mpinn_status draw_view(mpinn_context *context, const mpinn_network *network, const reading *r,
                              mpinn_random *random, mpinn_training_subject *out) {
  const size_t max = network->preset->max_measured;
  size_t n = 0, *candidates = NULL, *chosen = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, list_candidates(context, r, out->n_wall, random, &n, &candidates));
  n -= n / 4;
  const size_t most = n < max ? n : max, least = most < max / 2 ? most : max / 2;
  const size_t count = least + mpinn_random_below(random, most - least + 1);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &chosen, count));
  MPINN_TRY_GOTO(done, status,
                 mpinn_farthest_points(context, mpinn_mesh_points(mpinn_subject_mesh(r->subject)), n,
                                       candidates, 0, count, chosen));
  status = make_view(context, network, r, count, chosen, out);
done:
  free(candidates);
  free(chosen);
  return status;
}

static mpinn_status make_views(mpinn_context *context, const mpinn_network *network, const reading *r,
                               uint64_t seed, mpinn_training_subject *out) {
  const size_t wanted = network->preset->views;
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, r->index);
  MPINN_TRY(MPINN_NEW(context, &out->views, wanted));
  MPINN_TRY(make_view(context, network, r, r->n_measured, r->measured, out));
  while (out->n_views < wanted) MPINN_TRY(draw_view(context, network, r, &random, out));
  return MPINN_OK;
}

static mpinn_status read_subject(mpinn_context *context, const mpinn_network *network, uint64_t seed,
                                 reading *r, mpinn_training_subject *out) {
  static const char *const keys[MPINN_HALVES] = {"train_maps", "test_maps"};
  MPINN_TRY(mpinn_frame_estimate(context, r->subject, &out->frame));
  const double time_scale = network->preset->healthy_speed * out->frame.scale;
  out->shape = mpinn_shape_of(mpinn_subject_mesh(r->subject), &out->frame);
  MPINN_TRY(find_measured(context, network->preset->max_measured, r));
  MPINN_TRY(read_wall(context, r, out));
  for (int half = 0; half < MPINN_HALVES; half++)
    MPINN_TRY(read_maps(context, r, keys[half], time_scale, out->n_wall, &out->n_maps[half], &out->at[half]));
  if (out->n_maps[MPINN_HALF_TRAIN] < 2) return lacks(context, r, "two training maps or more ('train_maps')");
  return make_views(context, network, r, seed, out);
}

void mpinn_hash_subject(mpinn_sha256 *hash, const mpinn_subject *subject, size_t n_measured,
                        const size_t *measured) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  mpinn_sha256_add(hash, mpinn_mesh_points(mesh), 3 * sizeof(double) * mpinn_mesh_node_count(mesh));
  mpinn_sha256_add(hash, mpinn_mesh_cells(mesh), corners * sizeof(int32_t) * mpinn_mesh_cell_count(mesh));
  mpinn_sha256_add(hash, measured, sizeof *measured * n_measured);
  for (size_t m = 0; m < mpinn_subject_map_count(subject); m++) {
    char name[16];
    mpinn_subject_map_name(m, name);
    const mpinn_array *array = mpinn_subject_find(subject, name, MPINN_NODES);
    for (size_t i = 0; i < array->rows; i++) {
      const double value = mpinn_array_get(array, i, 0);
      mpinn_sha256_add(hash, &value, sizeof value);
    }
  }
}

mpinn_status mpinn_training_data_create(mpinn_context *context, const mpinn_network *network, uint64_t seed,
                                        size_t n_subjects, mpinn_subject *const *subjects,
                                        mpinn_training_data *data) {
  mpinn_sha256 hash;
  mpinn_status status;
  *data = (mpinn_training_data){0};
  MPINN_TRY(MPINN_NEW(context, &data->subjects, n_subjects));
  mpinn_sha256_begin(&hash);
  for (size_t s = 0; s < n_subjects; s++) {
    mpinn_training_subject *out = &data->subjects[data->n_subjects++];
    reading r = {.subject = subjects[s], .index = s, .needs_labels = network->preset->label_weight > 0};
    status = read_subject(context, network, seed, &r, out);
    if (status == MPINN_OK) mpinn_hash_subject(&hash, subjects[s], r.n_measured, r.measured);
    free(r.measured);
    free(r.points);
    if (status != MPINN_OK) {
      mpinn_training_data_clear(network, data);
      return status;
    }
    for (size_t v = 0; v < out->n_views; v++)
      if (out->views[v].graph.nodes[0] > data->max_measured)
        data->max_measured = out->views[v].graph.nodes[0];
    if (out->n_wall > data->max_wall) data->max_wall = out->n_wall;
    for (int half = 0; half < MPINN_HALVES; half++)
      if (out->n_maps[half] > data->max_maps) data->max_maps = out->n_maps[half];
  }
  mpinn_sha256_end(&hash, data->sha256);
  return MPINN_OK;
}

void mpinn_training_data_clear(const mpinn_network *network, mpinn_training_data *data) {
  for (size_t s = 0; s < data->n_subjects; s++) {
    mpinn_training_subject *subject = &data->subjects[s];
    free(subject->wall);
    free(subject->cv);
    for (int half = 0; half < MPINN_HALVES; half++) free(subject->at[half]);
    for (size_t v = 0; v < subject->n_views; v++) {
      mpinn_encoder_graph_clear(network, &subject->views[v].graph);
      for (int half = 0; half < MPINN_HALVES; half++)
        for (int e = 0; e < MPINN_ENCODERS; e++)
          network->ops->release(network->backend, subject->views[v].inputs[half][e]);
    }
    free(subject->views);
  }
  free(data->subjects);
  *data = (mpinn_training_data){0};
}
