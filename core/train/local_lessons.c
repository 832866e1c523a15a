#include "metapinn/metrics.h"
#include "model/local_pass.h"
#include "model/measured.h"
#include "train/conditions.h"
#include "train/lessons.h"
#include "train/pupils.h"

#include <math.h>
#include <string.h>

enum {
  LESSONS_AN_EPOCH = 100,
  INSIDE = 1024 /* points inside cells */
};

typedef struct local_lessons {
  mpinn_lessons base;
  mpinn_network *network;
  mpinn_pupils *pupils;
  mpinn_local_pass pass;
  size_t lesson; /* the next one's number, from the beginning of the training */
} local_lessons;

/* ---- an episode ---- */

typedef struct episode {
  const mpinn_pupil *pupil;
  mpinn_subject *subject;
  size_t n_nodes, n, k; /* measured nodes, context maps */
  size_t *nodes;        /* [n] */
  double *points;       /* [n][3] */
  float *times;         /* [k + 1][n], ms: the contexts, then the query's early part */
  /* Where the fields are compared: the nodes, then points inside the cells, where the truth is not known and
   * the PDE alone is asked for. */
  size_t n_all;
  double *places;              /* [n_all][3], mm */
  mpinn_local_points prepared; /* of places */
  float *at, *cv;              /* [n_all] the truth: lengths of the heart over the healthy speed, m/s */
  double origin[3];
  bool isotropic; /* where not, equation 2, which knows one speed a point, is not asked for */
} episode;

static void episode_clear(episode *e) {
  free(e->nodes);
  free(e->points);
  free(e->times);
  free(e->places);
  mpinn_local_points_clear(&e->prepared);
  free(e->at);
  free(e->cv);
}

static mpinn_conditions plain_conditions(uint64_t seed) {
  mpinn_conditions c = {.noise = 0};
  mpinn_sampling_default(&c.sampling);
  c.sampling.seed = seed;
  return c;
}

static const float *map_values(const mpinn_subject *subject, size_t map) {
  char name[16];
  mpinn_subject_map_name(map, name);
  return mpinn_subject_find(subject, name, MPINN_NODES)->values;
}

static mpinn_status measure_nodes(mpinn_context *context, const mpinn_conditions *c, episode *e) {
  MPINN_TRY(mpinn_measure_nodes(context, c, e->subject));
  const mpinn_array *measured = mpinn_subject_find(e->subject, "measured", MPINN_NODES);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(e->subject));
  MPINN_TRY(MPINN_NEW(context, &e->nodes, e->n_nodes));
  MPINN_TRY(MPINN_NEW(context, &e->points, 3 * e->n_nodes));
  for (size_t i = 0; i < e->n_nodes; i++) {
    if (mpinn_array_get(measured, i, 0) == 0) continue;
    memcpy(e->points + 3 * e->n, points + 3 * i, 3 * sizeof *points);
    e->nodes[e->n++] = i;
  }
  return MPINN_OK;
}

/* order: the maps shuffled; the first k are contexts, the next is the query. */
static mpinn_status measure_maps(mpinn_context *context, const mpinn_network *network,
                                 const mpinn_conditions *c, const size_t *order, mpinn_random *random,
                                 episode *e) {
  size_t n_left;
  MPINN_TRY(MPINN_NEW(context, &e->times, (e->k + 1) * e->n));
  for (size_t m = 0; m <= e->k; m++) {
    const float *at = map_values(e->subject, order[m]);
    for (size_t i = 0; i < e->n; i++) {
      const double noise = c->noise > 0 ? c->noise * mpinn_random_normal(random) : 0;
      e->times[m * e->n + i] = (float)((double)at[e->nodes[i]] + noise);
    }
  }
  return mpinn_keep_early(context, e->n, network->preset->early_fraction, e->times + e->k * e->n, &n_left);
}

static mpinn_status take_truth(mpinn_context *context, const mpinn_network *network, size_t query,
                               episode *e) {
  const double scale = network->preset->healthy_speed / e->pupil->heart.wall.length;
  const mpinn_array *cv = mpinn_subject_find(e->subject, "CV", MPINN_NODES);
  const float *at = map_values(e->subject, query);
  MPINN_TRY(MPINN_NEW(context, &e->at, e->n_all));
  MPINN_TRY(MPINN_NEW(context, &e->cv, e->n_all));
  for (size_t i = 0; i < e->n_nodes; i++) {
    e->at[i] = (float)(scale * (double)at[i]);
    e->cv[i] = (float)mpinn_array_get(cv, i, 0);
  }
  return MPINN_OK;
}

/* The nodes and, drawn at random, as many points inside cells as INSIDE. */
static mpinn_status draw_places(mpinn_context *context, const mpinn_network *network, mpinn_random *random,
                                episode *e) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(e->subject);
  const double *nodes = mpinn_mesh_points(mesh);
  e->n_all = e->n_nodes + INSIDE;
  MPINN_TRY(MPINN_NEW(context, &e->places, 3 * e->n_all));
  memcpy(e->places, nodes, 3 * e->n_nodes * sizeof *nodes);
  for (size_t i = e->n_nodes; i < e->n_all; i++) {
    const int32_t *cell =
        mpinn_mesh_cells(mesh) + 4 * mpinn_random_below(random, mpinn_mesh_cell_count(mesh));
    double weights[4], sum = 0; /* uniform in the tetrahedron */
    for (int a = 0; a < 4; a++) sum += weights[a] = -log(1 - mpinn_random_uniform(random, 0, 1));
    for (size_t d = 0; d < 3; d++)
      for (int a = 0; a < 4; a++) e->places[3 * i + d] += weights[a] / sum * nodes[3 * (size_t)cell[a] + d];
  }
  return mpinn_local_points_create(context, network, &e->pupil->heart, e->n_all, e->places, &e->prepared);
}

static mpinn_status prepare(mpinn_context *context, const mpinn_network *network, const mpinn_course *course,
                            size_t k, const mpinn_conditions *c, mpinn_random *random, episode *e) {
  const size_t query = course->order[k];
  *e = (episode){.pupil = course->pupil, .subject = course->subject, .k = k};
  e->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(e->subject));
  e->isotropic = !mpinn_subject_find(e->subject, "fibre", MPINN_CELLS);
  MPINN_TRY(measure_nodes(context, c, e));
  MPINN_TRY(measure_maps(context, network, c, course->order, random, e));
  MPINN_TRY(draw_places(context, network, random, e));
  MPINN_TRY(take_truth(context, network, query, e));
  const mpinn_array *origins = mpinn_subject_find(e->subject, "origins", MPINN_FIELD);
  for (size_t d = 0; d < 3; d++)
    e->origin[d] = mpinn_array_get(origins, query, d) + c->jitter * mpinn_random_normal(random);
  return MPINN_OK;
}

static mpinn_status forward(mpinn_context *context, mpinn_local_pass *pass, const episode *e) {
  const mpinn_local_maps contexts = {e->n, e->points, e->k, e->times};
  const mpinn_local_maps early = {e->n, e->points, 1, e->times + e->k * e->n};
  mpinn_local_begin(pass, &e->pupil->heart);
  MPINN_TRY(mpinn_local_velocity(context, pass, &contexts));
  return mpinn_local_activation(context, pass, &early, e->origin);
}

/* ---- losses and the way back ---- */

/* Device memory of an episode's fields at all nodes. */
typedef struct fields {
  void *block, *value, *gradient, *speed, *target_at, *target_cv, *weight, *d_value, *d_gradient, *d_speed,
      *unused, *sums;
} fields;

static mpinn_status fields_create(mpinn_context *context, const mpinn_network *network, const episode *e,
                                  fields *f) {
  const mpinn_ops *ops = network->ops;
  const size_t n = e->n_all;
  float *weight = NULL;
  *f = (fields){0};
  MPINN_TRY(ops->alloc(network->backend, 14 * n + 2, &f->block));
  void **const parts[] = {&f->value,  &f->speed,   &f->target_at, &f->target_cv,
                          &f->weight, &f->d_value, &f->d_speed,   &f->unused};
  for (size_t i = 0; i < 8; i++) *parts[i] = mpinn_element(ops, f->block, i * n);
  f->gradient = mpinn_element(ops, f->block, 8 * n);
  f->d_gradient = mpinn_element(ops, f->block, 11 * n);
  f->sums = mpinn_element(ops, f->block, 14 * n);
  MPINN_TRY(MPINN_NEW(context, &weight, n));
  for (size_t i = 0; i < e->n_nodes; i++) weight[i] = 1 / (1 + e->at[i]);
  mpinn_status status = ops->upload(network->backend, n, MPINN_FLOAT32, weight, f->weight);
  free(weight);
  if (status == MPINN_OK) status = ops->upload(network->backend, n, MPINN_FLOAT32, e->at, f->target_at);
  if (status == MPINN_OK) status = ops->upload(network->backend, n, MPINN_FLOAT32, e->cv, f->target_cv);
  return status;
}

static mpinn_status field_back(local_lessons *l, int stage, const mpinn_local_field *field,
                               const mpinn_local_points *points, const void *origin, const void *d_value,
                               const void *d_gradient) {
  const mpinn_network *network = l->network;
  void *d_weights = mpinn_tape_derivative(l->pass.tape, l->pass.result[stage].weights);
  void *d_features = mpinn_tape_derivative(l->pass.tape, l->pass.result[stage].features);
  MPINN_TRY(mpinn_tape_status(l->pass.tape));
  return network->ops->local_field_backward(network->backend, field->net, 1, field->weights, points->n,
                                            points->points, points->reach, 1, field->features, origin,
                                            d_value, d_gradient, d_weights, d_features);
}

/* The velocity's labels: squares, and absolutes so that what is not scar is flat. */
static mpinn_status speed_lesson(local_lessons *l, int stage, const episode *e, double share, const fields *f,
                                 double *loss) {
  const mpinn_network *network = l->network;
  const mpinn_local_field field = mpinn_local_field_of(&l->pass, stage, NULL);
  const double scale = share * (stage == MPINN_STAGE_FIRST ? 0.5 : 1) / (double)e->n_nodes;
  MPINN_TRY(mpinn_local_evaluate(&e->pupil->heart, &e->pupil->heart.nodes, &field, f->speed, NULL));
  MPINN_TRY(network->ops->speed_loss(network->backend, e->n_nodes, f->speed, f->target_cv, 10 * scale, scale,
                                     f->d_speed, loss));
  *loss /= scale * (double)e->n_nodes;
  return field_back(l, stage, &field, &e->pupil->heart.nodes, NULL, f->d_speed, NULL);
}

/* T, its gradient and the second stage's F at all places. */
static mpinn_status evaluate_all(const local_lessons *l, const episode *e, const fields *f) {
  const mpinn_local_heart *heart = &e->pupil->heart;
  const mpinn_local_field at = mpinn_local_field_of(&l->pass, MPINN_STAGE_ACTIVATION, e->origin);
  const mpinn_local_field speed = mpinn_local_field_of(&l->pass, MPINN_STAGE_SECOND, NULL);
  MPINN_TRY(mpinn_local_evaluate(heart, &e->prepared, &speed, f->speed, NULL));
  return mpinn_local_evaluate(heart, &e->prepared, &at, f->value, f->gradient);
}

/* Equation 3 at the nodes, and equation 2 at all places on the velocity of the second stage. */
static mpinn_status activation_lesson(local_lessons *l, const episode *e, double alpha, double share,
                                      const fields *f, mpinn_losses *losses) {
  const mpinn_network *network = l->network;
  const mpinn_local_field field = mpinn_local_field_of(&l->pass, MPINN_STAGE_ACTIVATION, e->origin);
  float sums[2] = {0, 0};
  void *origin = NULL;
  MPINN_TRY(evaluate_all(l, e, f));
  const mpinn_eikonal_loss loss = {.maps = 1,
                                   .nodes = e->n_all,
                                   .value = f->value,
                                   .gradient = f->gradient,
                                   .speed = f->speed,
                                   .target = f->target_at,
                                   .weight = f->weight,
                                   .data_scale = share * 2 / (double)e->n_nodes,
                                   .pde_scale = share * alpha / (double)e->n_all,
                                   .speed_scale = 1 / network->preset->healthy_speed,
                                   .d_value = f->d_value,
                                   .d_gradient = f->d_gradient,
                                   .d_speed = f->unused,
                                   .sums = f->sums};
  MPINN_TRY(network->ops->eikonal_loss(network->backend, &loss));
  MPINN_TRY(network->ops->download(network->backend, 2, f->sums, MPINN_FLOAT32, sums));
  losses->data = (double)sums[0] / (double)e->n_nodes;
  losses->pde = (double)sums[1] / (double)e->n_all;
  mpinn_status status = mpinn_local_origin(network, &e->pupil->heart, e->origin, &origin);
  if (status == MPINN_OK)
    status = field_back(l, MPINN_STAGE_ACTIVATION, &field, &e->prepared, origin, f->d_value, f->d_gradient);
  network->ops->release(network->backend, origin);
  return status;
}

static mpinn_status teach(mpinn_context *context, local_lessons *l, const episode *e, double alpha,
                          double share, mpinn_losses *losses) {
  fields f;
  double first = 0, second = 0;
  MPINN_TRY(forward(context, &l->pass, e));
  mpinn_status status = fields_create(context, l->network, e, &f);
  if (status == MPINN_OK) status = speed_lesson(l, MPINN_STAGE_FIRST, e, share, &f, &first);
  if (status == MPINN_OK) status = speed_lesson(l, MPINN_STAGE_SECOND, e, share, &f, &second);
  if (status == MPINN_OK) status = activation_lesson(l, e, e->isotropic ? alpha : 0, share, &f, losses);
  losses->velocity = second;
  l->network->ops->release(l->network->backend, f.block);
  MPINN_TRY(status);
  return mpinn_tape_backward(l->pass.tape);
}

static mpinn_status learn(mpinn_context *context, mpinn_lessons *lessons, size_t number, double alpha,
                          double share, mpinn_random *random, mpinn_losses *losses) {
  local_lessons *l = (local_lessons *)lessons;
  mpinn_course course;
  episode e;
  (void)number;
  MPINN_TRY(mpinn_pupils_draw(context, l->pupils, l->lesson, random, &course));
  const size_t k = 1 + mpinn_random_below(random, course.n_maps - 1);
  const mpinn_conditions c = mpinn_draw_conditions(random, l->network->preset->max_measured);
  mpinn_status status = prepare(context, l->network, &course, k, &c, random, &e);
  if (status == MPINN_OK) status = teach(context, l, &e, alpha, share, losses);
  episode_clear(&e);
  l->lesson++;
  return status;
}

/* ---- validation ---- */

static mpinn_status examine(mpinn_context *context, local_lessons *l, const episode *e, double metrics[3]) {
  const mpinn_network *network = l->network;
  const mpinn_ops *ops = network->ops;
  const size_t n = e->n_all;
  fields f = {0};
  float *host = NULL; /* value, gradient, speed */
  mpinn_status status;
  MPINN_TRY(forward(context, &l->pass, e));
  MPINN_TRY_GOTO(done, status, fields_create(context, network, e, &f));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &host, 5 * n));
  MPINN_TRY_GOTO(done, status, evaluate_all(l, e, &f));
  MPINN_TRY_GOTO(done, status, ops->download(network->backend, n, f.value, MPINN_FLOAT32, host));
  MPINN_TRY_GOTO(done, status, ops->download(network->backend, 3 * n, f.gradient, MPINN_FLOAT32, host + n));
  MPINN_TRY_GOTO(done, status, ops->download(network->backend, n, f.speed, MPINN_FLOAT32, host + 4 * n));
  metrics[0] = mpinn_scc(e->n_nodes, host, e->at);
  metrics[1] = mpinn_scc(e->n_nodes, host + 4 * n, e->cv);
  metrics[2] = mpinn_residual_msq(n, 1 / network->preset->healthy_speed, host + n, host + 4 * n);
done:
  ops->release(network->backend, f.block);
  free(host);
  return status;
}

/* Maps that are never taught, measured as in the paper. */
static mpinn_status validate(mpinn_context *context, mpinn_lessons *lessons, mpinn_curve_line *line) {
  local_lessons *l = (local_lessons *)lessons;
  double *const out[3] = {&line->at_scc, &line->cv_scc, &line->residual_msq};
  double sums[3] = {0, 0, 0}, counts[3] = {0, 0, 0};
  for (size_t h = 0; h < mpinn_pupils_validation_count(l->pupils); h++) {
    const mpinn_conditions c = plain_conditions(h + 1);
    mpinn_random random;
    mpinn_course course;
    episode e;
    double metrics[3] = {NAN, NAN, NAN};
    mpinn_random_seed_stream(&random, h, 0x56414c4944);
    const size_t k = mpinn_pupils_validation(l->pupils, h, &random, &course);
    mpinn_status status = prepare(context, l->network, &course, k, &c, &random, &e);
    if (status == MPINN_OK) status = examine(context, l, &e, metrics);
    episode_clear(&e);
    MPINN_TRY(status);
    for (int i = 0; i < 3; i++) {
      if (isnan(metrics[i])) continue;
      sums[i] += metrics[i];
      counts[i]++;
    }
  }
  for (int i = 0; i < 3; i++) *out[i] = counts[i] > 0 ? sums[i] / counts[i] : NAN;
  return MPINN_OK;
}

/* ---- making and ending ---- */

static void destroy(mpinn_lessons *lessons) {
  local_lessons *l = (local_lessons *)lessons;
  mpinn_pupils_destroy(&l->pupils);
  mpinn_local_pass_clear(&l->pass);
  free(l);
}

mpinn_status mpinn_local_lessons_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                        size_t epochs_done, size_t n_subjects, mpinn_subject *const *subjects,
                                        mpinn_lessons **lessons) {
  local_lessons *l = NULL;
  MPINN_TRY(MPINN_NEW(context, &l, 1));
  l->base = (mpinn_lessons){LESSONS_AN_EPOCH, learn, validate, destroy};
  l->network = network;
  l->lesson = epochs_done * LESSONS_AN_EPOCH;
  mpinn_status status = mpinn_local_pass_create(context, network, &l->pass);
  if (status == MPINN_OK)
    status = n_subjects > 0 ? mpinn_pupils_of_data(context, network, n_subjects, subjects, &l->pupils)
                            : mpinn_pupils_of_stream(context, network, seed, l->lesson, &l->pupils);
  if (status != MPINN_OK) {
    destroy(&l->base);
    return status;
  }
  *lessons = &l->base;
  return MPINN_OK;
}
