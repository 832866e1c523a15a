#include "train/data.h"

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
  size_t *measured; /* [n_measured] nodes */
  double time_scale;
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

static mpinn_status read_wall(mpinn_context *context, const mpinn_network *network, const reading *r,
                              mpinn_training_subject *out) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(r->subject);
  const mpinn_array *cv = mpinn_subject_find(r->subject, "CV", MPINN_NODES);
  double *points = NULL, *measured = NULL;
  mpinn_status status;
  out->n_wall = mpinn_mesh_node_count(mesh);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &points, 3 * out->n_wall));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &measured, 3 * r->n_measured));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &out->wall, 3 * out->n_wall));
  mpinn_frame_apply(&out->frame, out->n_wall, mpinn_mesh_points(mesh), points);
  for (size_t i = 0; i < 3 * out->n_wall; i++) out->wall[i] = (float)points[i];
  for (size_t i = 0; i < r->n_measured; i++)
    memcpy(measured + 3 * i, points + 3 * r->measured[i], 3 * sizeof *measured);
  if (cv) {
    MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &out->cv, out->n_wall));
    for (size_t i = 0; i < out->n_wall; i++) out->cv[i] = (float)mpinn_array_get(cv, i, 0);
  }
  status = mpinn_encoder_graph_create(context, network, r->n_measured, measured, &out->graph);
done:
  free(points);
  free(measured);
  return status;
}

static mpinn_status read_map(mpinn_context *context, const reading *r, size_t map, double early_fraction,
                             float *at, float *whole, float *early) {
  char name[16];
  size_t n_left;
  mpinn_subject_map_name(map, name);
  const mpinn_array *array = mpinn_subject_find(r->subject, name, MPINN_NODES);
  for (size_t i = 0; i < array->rows; i++) {
    at[i] = (float)(mpinn_array_get(array, i, 0) * r->time_scale);
    if (!isfinite(at[i]))
      return mpinn_fail(
          context, MPINN_ERROR_FORMAT,
          "Subject %zu of the data set: %s is not finite at node %zu; training needs whole maps", r->index,
          name, i);
  }
  for (size_t i = 0; i < r->n_measured; i++) early[i] = whole[i] = at[r->measured[i]];
  MPINN_TRY(mpinn_keep_early(context, r->n_measured, early_fraction, early, &n_left));
  mpinn_normalize_map(r->n_measured, 1, whole);
  mpinn_normalize_map(r->n_measured, 1, early);
  return MPINN_OK;
}

static mpinn_status read_maps(mpinn_context *context, const mpinn_network *network, const reading *r,
                              const char *key, size_t n_wall, mpinn_map_set *set) {
  size_t *maps = NULL;
  float *whole = NULL, *early = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status,
                 mpinn_parse_maps(context, mpinn_subject_get_text(r->subject, key),
                                  mpinn_subject_map_count(r->subject), &set->n_maps, &maps));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &set->at, set->n_maps * n_wall));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &whole, set->n_maps * r->n_measured));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &early, set->n_maps * r->n_measured));
  for (size_t m = 0; m < set->n_maps; m++)
    MPINN_TRY_GOTO(done, status,
                   read_map(context, r, maps[m], network->preset->early_fraction, set->at + m * n_wall,
                            whole + m * r->n_measured, early + m * r->n_measured));
  MPINN_TRY_GOTO(done, status,
                 mpinn_encoder_upload(context, network, r->n_measured, set->n_maps, whole,
                                      &set->inputs[MPINN_ENCODER_VELOCITY]));
  status = mpinn_encoder_upload(context, network, r->n_measured, set->n_maps, early,
                                &set->inputs[MPINN_ENCODER_SOURCE]);
done:
  free(maps);
  free(whole);
  free(early);
  return status;
}

static mpinn_status read_subject(mpinn_context *context, const mpinn_network *network, reading *r,
                                 mpinn_training_subject *out) {
  static const char *const keys[MPINN_HALVES] = {"train_maps", "test_maps"};
  MPINN_TRY(mpinn_frame_estimate(context, r->subject, &out->frame));
  out->shape = mpinn_shape_of(mpinn_subject_mesh(r->subject), &out->frame);
  r->time_scale = network->preset->healthy_speed * out->frame.scale;
  MPINN_TRY(find_measured(context, network->preset->max_measured, r));
  MPINN_TRY(read_wall(context, network, r, out));
  for (int half = 0; half < MPINN_HALVES; half++)
    MPINN_TRY(read_maps(context, network, r, keys[half], out->n_wall, &out->halves[half]));
  if (out->halves[MPINN_HALF_TRAIN].n_maps < 2)
    return lacks(context, r, "two training maps or more ('train_maps')");
  return MPINN_OK;
}

static void hash_subject(mpinn_sha256 *hash, const mpinn_subject *subject, const reading *r) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  mpinn_sha256_add(hash, mpinn_mesh_points(mesh), 3 * sizeof(double) * mpinn_mesh_node_count(mesh));
  mpinn_sha256_add(hash, mpinn_mesh_cells(mesh), corners * sizeof(int32_t) * mpinn_mesh_cell_count(mesh));
  mpinn_sha256_add(hash, r->measured, sizeof *r->measured * r->n_measured);
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

mpinn_status mpinn_training_data_create(mpinn_context *context, const mpinn_network *network,
                                        size_t n_subjects, mpinn_subject *const *subjects,
                                        mpinn_training_data *data) {
  mpinn_sha256 hash;
  mpinn_status status;
  *data = (mpinn_training_data){0};
  MPINN_TRY(MPINN_NEW(context, &data->subjects, n_subjects));
  mpinn_sha256_begin(&hash);
  for (size_t s = 0; s < n_subjects; s++) {
    mpinn_training_subject *out = &data->subjects[data->n_subjects++];
    reading r = {.subject = subjects[s], .index = s};
    status = read_subject(context, network, &r, out);
    if (status == MPINN_OK) hash_subject(&hash, subjects[s], &r);
    free(r.measured);
    if (status != MPINN_OK) {
      mpinn_training_data_clear(network, data);
      return status;
    }
    if (r.n_measured > data->max_measured) data->max_measured = r.n_measured;
    if (out->n_wall > data->max_wall) data->max_wall = out->n_wall;
    for (int half = 0; half < MPINN_HALVES; half++)
      if (out->halves[half].n_maps > data->max_maps) data->max_maps = out->halves[half].n_maps;
  }
  mpinn_sha256_end(&hash, data->sha256);
  return MPINN_OK;
}

void mpinn_training_data_clear(const mpinn_network *network, mpinn_training_data *data) {
  for (size_t s = 0; s < data->n_subjects; s++) {
    mpinn_training_subject *subject = &data->subjects[s];
    free(subject->wall);
    free(subject->cv);
    mpinn_encoder_graph_clear(network, &subject->graph);
    for (int half = 0; half < MPINN_HALVES; half++) {
      free(subject->halves[half].at);
      for (int e = 0; e < MPINN_ENCODERS; e++)
        network->ops->release(network->backend, subject->halves[half].inputs[e]);
    }
  }
  free(data->subjects);
  *data = (mpinn_training_data){0};
}
