#include "train/calibrate.h"

#include "base/tensorfile.h"
#include "metapinn/train.h"
#include "model/twin_parts.h"
#include "model/uncertainty_parts.h"
#include "train/conditions.h"
#include "train/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  POINTS = 200, /* of a personalization whose errors are looked at */
  VISITS = 3,   /* personalizations of a tissue; the errors of the first are looked at */
  WALLS = 5,    /* walls alone, a heart */
  FEWEST_HEARTS = 8
};

/* ---- what is learnt from ---- */

static void error_sample_clear(mpinn_error_sample *s) {
  for (int f = 0; f < MPINN_SPREAD_FIELDS; f++) {
    free(s->parts[f]);
    free(s->error[f]);
  }
}

void mpinn_calibration_data_clear(mpinn_calibration_data *data) {
  for (size_t c = 0; c < MPINN_SPREAD_CLASSES; c++) error_sample_clear(&data->errors[c]);
  free(data->maps);
  free(data->walls);
  *data = (mpinn_calibration_data){.count = 0};
}

static mpinn_status grow(mpinn_context *context, size_t count, size_t bytes, void **memory) {
  void *more = realloc(*memory, count * bytes);
  if (!more)
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for %zu values to calibrate by", count);
  *memory = more;
  return MPINN_OK;
}

static mpinn_status make_room(mpinn_context *context, size_t n, mpinn_error_sample *s) {
  if (s->count + n <= s->room) return MPINN_OK;
  const size_t room = 2 * (s->count + n);
  for (int f = 0; f < MPINN_SPREAD_FIELDS; f++) {
    MPINN_TRY(grow(context, room * MPINN_SPREAD_PARTS, sizeof(float), (void **)&s->parts[f]));
    MPINN_TRY(grow(context, room, sizeof(float), (void **)&s->error[f]));
  }
  s->room = room;
  return MPINN_OK;
}

static mpinn_status add_numbers(mpinn_context *context, size_t n, const double *numbers, size_t *count,
                                size_t *room, double **all) {
  if (*count == *room) {
    const size_t more = 2 * *count + 64;
    MPINN_TRY(grow(context, more * n, sizeof **all, (void **)all));
    *room = more;
  }
  memcpy(*all + n * (*count)++, numbers, n * sizeof *numbers);
  return MPINN_OK;
}

static mpinn_status add_likeness(mpinn_context *context, const mpinn_twin *twin,
                                 mpinn_calibration_data *data) {
  return add_numbers(context, MPINN_LIKENESS_MAPS, twin->likeness + MPINN_LIKENESS_SHAPE, &data->count,
                     &data->room, &data->maps);
}

static mpinn_status add_wall(mpinn_context *context, const mpinn_subject *subject,
                             mpinn_calibration_data *data) {
  double numbers[MPINN_LIKENESS_SHAPE];
  MPINN_TRY(mpinn_likeness_of_wall(context, mpinn_subject_mesh(subject), numbers));
  return add_numbers(context, MPINN_LIKENESS_SHAPE, numbers, &data->n_walls, &data->walls_room, &data->walls);
}

/* ---- a personalization ---- */

typedef struct visit {
  mpinn_subject *subject;
  size_t k, n;                       /* context maps, measured nodes */
  double *surface;                   /* [n][3] */
  double *values;                    /* [k + 1][n], the query last */
  mpinn_map maps[MPINN_STREAM_MAPS]; /* [k + 1] */
  size_t order[MPINN_STREAM_MAPS];   /* which maps of the subject they are */
  mpinn_personalization input;
} visit;

static void visit_clear(visit *v) {
  free(v->surface);
  free(v->values);
}

static const mpinn_array *map_of(const visit *v, size_t m) {
  char name[16];
  mpinn_subject_map_name(v->order[m], name);
  return mpinn_subject_find(v->subject, name, MPINN_NODES);
}

static mpinn_status take_maps(mpinn_context *context, const mpinn_conditions *conditions,
                              mpinn_random *random, visit *v) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(v->subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh);
  const mpinn_array *measured = mpinn_subject_find(v->subject, "measured", MPINN_NODES);
  MPINN_TRY(MPINN_NEW(context, &v->surface, 3 * n_nodes));
  MPINN_TRY(MPINN_NEW(context, &v->values, (v->k + 1) * n_nodes));
  for (size_t i = 0; i < n_nodes; i++) {
    if (mpinn_array_get(measured, i, 0) == 0) continue;
    memcpy(v->surface + 3 * v->n, mpinn_mesh_points(mesh) + 3 * i, 3 * sizeof *v->surface);
    for (size_t m = 0; m <= v->k; m++)
      v->values[m * n_nodes + v->n] =
          mpinn_array_get(map_of(v, m), i, 0) + conditions->noise * mpinn_random_normal(random);
    v->n++;
  }
  for (size_t m = 0; m <= v->k; m++) v->maps[m] = (mpinn_map){"simulated", v->values + m * n_nodes};
  return MPINN_OK;
}

static mpinn_status prepare(mpinn_context *context, size_t max_measured, mpinn_random *random, visit *v) {
  static const size_t least[MPINN_SPREAD_CLASSES] = {1, 2, 4}, most[MPINN_SPREAD_CLASSES] = {1, 3, 7};
  const size_t class = mpinn_random_below(random, MPINN_SPREAD_CLASSES);
  const mpinn_conditions conditions = mpinn_draw_conditions(random, max_measured);
  v->k = least[class] + mpinn_random_below(random, most[class] - least[class] + 1);
  for (size_t m = 0; m < MPINN_STREAM_MAPS; m++) v->order[m] = m;
  mpinn_random_shuffle(random, MPINN_STREAM_MAPS, v->order);
  MPINN_TRY(mpinn_measure_nodes(context, &conditions, v->subject));
  MPINN_TRY(take_maps(context, &conditions, random, v));
  v->input = (mpinn_personalization){.heart = v->subject,
                                     .n_surface = v->n,
                                     .surface = v->surface,
                                     .n_context = v->k,
                                     .context = v->maps,
                                     .query = &v->maps[v->k]};
  return MPINN_OK;
}

/* Parts of the uncertainty and errors at every so many of the wall's nodes. */
static mpinn_status add_errors(mpinn_context *context, const mpinn_model *model, const visit *v,
                               const mpinn_twin *twin, mpinn_error_sample *s) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(v->subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh), n = n_nodes < POINTS ? n_nodes : POINTS;
  const mpinn_array *truth[MPINN_SPREAD_FIELDS] = {map_of(v, v->k),
                                                   mpinn_subject_find(v->subject, "CV", MPINN_NODES)};
  double points[3 * POINTS];
  float values[MPINN_SPREAD_FIELDS][POINTS];
  for (size_t i = 0; i < n; i++)
    memcpy(points + 3 * i, mpinn_mesh_points(mesh) + 3 * (i * n_nodes / n), 3 * sizeof *points);
  MPINN_TRY(make_room(context, n, s));
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, points, values[0], NULL, values[1], NULL));
  MPINN_TRY(mpinn_spread_parts(context, model, &v->input, twin, n, points,
                               s->parts[0] + MPINN_SPREAD_PARTS * s->count,
                               s->parts[1] + MPINN_SPREAD_PARTS * s->count));
  for (size_t f = 0; f < MPINN_SPREAD_FIELDS; f++)
    for (size_t i = 0; i < n; i++)
      s->error[f][s->count + i] =
          (float)fabs((double)values[f][i] - mpinn_array_get(truth[f], i * n_nodes / n, 0));
  s->count += n;
  return MPINN_OK;
}

static mpinn_status visit_subject(mpinn_context *context, const mpinn_model *model, mpinn_subject *subject,
                                  bool look_at_errors, mpinn_random *random, mpinn_calibration_data *data) {
  visit v = {.subject = subject};
  mpinn_twin *twin = NULL;
  mpinn_status status = prepare(context, model->network->preset->max_measured, random, &v);
  if (status == MPINN_OK) status = mpinn_personalize(context, model, &v.input, &twin);
  if (status == MPINN_OK) status = add_likeness(context, twin, data);
  if (status == MPINN_OK && look_at_errors)
    status = add_errors(context, model, &v, twin, &data->errors[mpinn_calibration_class(v.k)]);
  mpinn_twin_destroy(&twin);
  visit_clear(&v);
  return status;
}

/* Walls are cheap: their maps need not be simulated. */
static mpinn_status visit_walls(mpinn_context *context, uint64_t seed, size_t number,
                                mpinn_calibration_data *data) {
  for (size_t i = 0; i < WALLS; i++) {
    mpinn_subject *wall = NULL;
    MPINN_TRY(mpinn_stream_make_wall(context, seed ^ 0x57414c4c, WALLS * number + i, &wall));
    const mpinn_status status = add_wall(context, wall, data);
    mpinn_subject_destroy(&wall);
    MPINN_TRY(status);
  }
  return MPINN_OK;
}

mpinn_status mpinn_calibration_visit(mpinn_context *context, const mpinn_model *model, uint64_t seed,
                                     size_t number, mpinn_calibration_data *data) {
  mpinn_stream_heart heart;
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x43414c49u + number);
  MPINN_TRY(mpinn_stream_make(context, seed, number, &heart));
  mpinn_status status = visit_walls(context, seed, number, data);
  for (int i = 0; i < VISITS * MPINN_STREAM_TISSUES && status == MPINN_OK; i++)
    status = visit_subject(context, model, heart.subjects[i / VISITS], i % VISITS == 0, &random, data);
  mpinn_stream_heart_clear(&heart);
  return status;
}

/* ---- weights with their calibration ---- */

static mpinn_status learn(mpinn_context *context, const mpinn_calibration_data *data,
                          mpinn_calibration *calibration) {
  mpinn_calibration_default(calibration);
  MPINN_TRY(mpinn_calibration_learn_sample(context, MPINN_LIKENESS_OF_WALL, data->n_walls, 1, data->walls,
                                           calibration));
  MPINN_TRY(mpinn_calibration_learn_sample(context, MPINN_LIKENESS_OF_MAPS, data->count,
                                           VISITS * MPINN_STREAM_TISSUES, data->maps, calibration));
  for (int f = 0; f < MPINN_SPREAD_FIELDS; f++) {
    mpinn_calibration_sample samples[MPINN_SPREAD_CLASSES];
    for (size_t c = 0; c < MPINN_SPREAD_CLASSES; c++)
      samples[c] = (mpinn_calibration_sample){data->errors[c].count, data->errors[c].parts[f],
                                              data->errors[c].error[f]};
    MPINN_TRY(mpinn_calibration_learn_usual(context, samples, f, calibration));
    for (size_t c = 0; c < MPINN_SPREAD_CLASSES; c++)
      if (samples[c].count > 0)
        MPINN_TRY(mpinn_calibration_learn_weights(context, &samples[c], c, f, calibration));
  }
  calibration->has_spread = true;
  return MPINN_OK;
}

/* All that the file has, as it is, but an earlier calibration. */
static mpinn_status copy_file(mpinn_context *context, const mpinn_tensorfile *file, const char *about,
                              mpinn_tensorwriter *writer) {
  static const char key[] = "calibration";
  for (size_t i = 0; i < mpinn_tensorfile_text_count(file); i++) {
    const char *name, *value;
    mpinn_tensorfile_text_at(file, i, &name, &value);
    if (strcmp(name, key) != 0) MPINN_TRY(mpinn_tensorwriter_text(context, writer, name, value));
  }
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, key, about));
  for (size_t i = 0; i < mpinn_tensorfile_count(file); i++) {
    const mpinn_tensor *t = mpinn_tensorfile_at(file, i);
    if (!mpinn_calibration_owns(t->name))
      MPINN_TRY(mpinn_tensorwriter_tensor(context, writer, t->name, t->dtype, t->rank, t->shape, t->data));
  }
  return MPINN_OK;
}

static mpinn_status write(mpinn_context *context, const mpinn_calibrating *options, size_t personalizations,
                          const mpinn_calibration *calibration) {
  mpinn_tensorfile *file = NULL;
  mpinn_tensorwriter *writer = NULL;
  char about[128];
  mpinn_status status;
  snprintf(about, sizeof about, "%zu personalizations of %zu simulated hearts, stream of seed %llu",
           personalizations, options->hearts, (unsigned long long)options->seed);
  MPINN_TRY(mpinn_tensorfile_read(context, options->model, &file));
  MPINN_TRY_GOTO(done, status, mpinn_tensorwriter_create(context, &writer));
  MPINN_TRY_GOTO(done, status, copy_file(context, file, about, writer));
  MPINN_TRY_GOTO(done, status, mpinn_calibration_write(context, calibration, writer));
  status = mpinn_tensorwriter_save(context, writer, options->out);
done:
  mpinn_tensorwriter_destroy(&writer);
  mpinn_tensorfile_destroy(&file);
  return status;
}

void mpinn_calibrating_default(mpinn_calibrating *options) {
  *options = (mpinn_calibrating){.seed = 0x43414c49425241u, .hearts = 100};
}

static mpinn_status check(mpinn_context *context, const mpinn_calibrating *options,
                          const mpinn_model *model) {
  if (!mpinn_preset_is_local(model->network->preset))
    return mpinn_fail(
        context, MPINN_ERROR_MODEL,
        "%s: preset %s is not calibrated, it knows the hearts of its data set alone; expected weights "
        "of a preset for any heart",
        options->model, model->network->preset->name);
  if (options->hearts < FEWEST_HEARTS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "%zu hearts are too few to calibrate by; expected %d or more", options->hearts,
                      FEWEST_HEARTS);
  return MPINN_OK;
}

mpinn_status mpinn_calibrate(mpinn_context *context, const mpinn_calibrating *options) {
  mpinn_calibration_data data = {.count = 0};
  mpinn_calibration calibration;
  mpinn_model *model = NULL;
  mpinn_status status;
  MPINN_TRY(mpinn_model_read(context, options->model, MPINN_BACKEND_AUTO, &model));
  MPINN_TRY_GOTO(done, status, check(context, options, model));
  for (size_t h = 0; h < options->hearts; h++) {
    const double n = (double)options->hearts;
    MPINN_TRY_GOTO(done, status, mpinn_progress(context, (double)h / n, "calibrating on simulated hearts"));
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)h / n, (double)h / n);
    status = mpinn_calibration_visit(context, model, options->seed, h, &data);
    mpinn_progress_leave(context, outer);
    if (status != MPINN_OK) goto done;
  }
  MPINN_TRY_GOTO(done, status, learn(context, &data, &calibration));
  status = write(context, options, data.count, &calibration);
done:
  mpinn_calibration_data_clear(&data);
  mpinn_model_destroy(&model);
  return status;
}
