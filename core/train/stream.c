#include "train/stream.h"

#include "metapinn/fibres.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* ---- one heart ---- */

/* Phantoms of training have seeds of their own: those of the protocols' test hearts are elsewhere. */
static const uint64_t first_shape_seed = 5000000000u;

static double log_uniform(mpinn_random *random, double low, double high) {
  return exp(mpinn_random_uniform(random, log(low), log(high)));
}

/* Shapes: both ventricles or one, from the mean heart to diseased ones, coarse and fine. A variation
 * beyond 1.5 is what makes a heart a diseased one: half of them are. */
static mpinn_phantom_options draw_shape(mpinn_random *random, uint64_t seed) {
  mpinn_phantom_options options;
  mpinn_phantom_options_default(&options);
  const double which = mpinn_random_uniform(random, 0, 1);
  options.seed = seed;
  options.ventricles = which < 0.75 ? MPINN_BOTH_VENTRICLES : which < 0.93 ? MPINN_LV_ALONE : MPINN_RV_ALONE;
  options.nodes =
      (size_t)log_uniform(random, options.ventricles == MPINN_BOTH_VENTRICLES ? 1500 : 1000, 3000);
  options.variation = mpinn_random_uniform(random, 0, 1) < 0.5 ? mpinn_random_uniform(random, 0.6, 1.5)
                                                               : mpinn_random_uniform(random, 1.5, 2);
  return options;
}

/* Half of the tissues are the paper's, 0.1 in 0.6 m/s; the others anything from there to partial conduction.
 */
static mpinn_tissue draw_tissue(mpinn_random *random) {
  mpinn_tissue tissue;
  mpinn_tissue_default(&tissue);
  tissue.seed = mpinn_random_next(random);
  tissue.scars[0] = mpinn_random_uniform(random, 0, 1) < 0.05 ? 0 : 1;
  tissue.radius[0] = 0.1;
  tissue.radius[1] = 0.4;
  tissue.partial = mpinn_random_uniform(random, 0, 1) < 0.5 ? 0 : 0.5;
  if (mpinn_random_uniform(random, 0, 1) < 0.5) return tissue;
  tissue.healthy[0] = 0.4;
  tissue.healthy[1] = 0.8;
  tissue.slow[1] = 0.4;
  if (mpinn_random_uniform(random, 0, 1) < 0.5) tissue.border[1] = 6;
  return tissue;
}

mpinn_status mpinn_copy_heart(mpinn_context *context, const mpinn_subject *from, mpinn_subject **to) {
  static const char *const names[] = {"surface_class", "segment", "transmural"};
  const mpinn_mesh *mesh = mpinn_subject_mesh(from);
  mpinn_mesh *copy = NULL;
  MPINN_TRY(mpinn_mesh_create(context, mpinn_mesh_cell_type(mesh), mpinn_mesh_node_count(mesh),
                              mpinn_mesh_points(mesh), mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh),
                              &copy));
  mpinn_status status = mpinn_subject_create(context, &copy, to);
  mpinn_mesh_destroy(&copy);
  for (size_t i = 0; i < sizeof names / sizeof *names && status == MPINN_OK; i++) {
    const mpinn_array *array = mpinn_subject_find(from, names[i], MPINN_NODES);
    if (array)
      status = mpinn_subject_add_array(context, *to, names[i], MPINN_NODES, array->type, array->rows,
                                       array->components, array->values, NULL);
  }
  return status;
}

/* Whole AHA segments between two meridians and two levels, the paper's five placements among them: columns
 * 0 … 5 as the basal segments follow each other, levels basal, mid, apical, apex. */
static void draw_segments(mpinn_random *random, mpinn_scar *scar) {
  enum { LEVELS = 4, COLUMNS = 6 };
  static const int segments[LEVELS][COLUMNS] = {
      {1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, {13, 14, 14, 15, 16, 16}, {17, 17, 17, 17, 17, 17}};
  const bool around = mpinn_random_uniform(random, 0, 1) < 0.2;
  const size_t column = mpinn_random_below(random, COLUMNS);
  const size_t columns = around ? COLUMNS : 1 + mpinn_random_below(random, 3);
  const size_t first = around ? 2 : mpinn_random_below(random, 2);
  const size_t last = first + 1 + mpinn_random_below(random, LEVELS - 1 - first);
  bool taken[MPINN_SEGMENT_RV + 1] = {false};
  for (size_t l = first; l <= last; l++)
    for (size_t c = 0; c < columns; c++) taken[segments[l][(column + c) % COLUMNS]] = true;
  for (int s = 1; s < MPINN_SEGMENT_RV; s++)
    if (taken[s]) scar->segments[scar->segment_count++] = s;
}

/* A scar of whole segments: cut at borders that no ellipsoid has, and wide. */
static mpinn_status paint_segments(mpinn_context *context, mpinn_random *random, const mpinn_tissue *tissue,
                                   mpinn_subject *subject) {
  mpinn_scar scar;
  mpinn_scar_paper(0, &scar);
  scar.segment_count = 0;
  draw_segments(random, &scar);
  scar.speed = mpinn_random_uniform(random, tissue->slow[0], tissue->slow[1]);
  const double healthy = mpinn_random_uniform(random, tissue->healthy[0], tissue->healthy[1]);
  return mpinn_subject_set_scars(context, subject, healthy, 1, &scar);
}

/* One tissue in seven conducts along fibres faster than across them. */
static mpinn_status draw_fibres(mpinn_context *context, mpinn_random *random, mpinn_subject *subject) {
  mpinn_fibre_rule rule;
  mpinn_fibre_rule_default(&rule);
  if (mpinn_random_uniform(random, 0, 1) > 0.15) return MPINN_OK;
  rule.ratio = mpinn_random_uniform(random, 1.5, 3);
  return mpinn_subject_set_fibres(context, subject, &rule);
}

static mpinn_status add_tissues(mpinn_context *context, mpinn_random *random, mpinn_stream_heart *heart) {
  for (int t = 0; t < MPINN_STREAM_TISSUES; t++) {
    const mpinn_tissue tissue = draw_tissue(random);
    const uint64_t maps_seed = mpinn_random_next(random);
    if (t > 0) MPINN_TRY(mpinn_copy_heart(context, heart->subjects[0], &heart->subjects[t]));
    MPINN_TRY(mpinn_random_uniform(random, 0, 1) < 0.2
                  ? paint_segments(context, random, &tissue, heart->subjects[t])
                  : mpinn_subject_draw_tissue(context, heart->subjects[t], &tissue));
    MPINN_TRY(draw_fibres(context, random, heart->subjects[t]));
    MPINN_TRY(mpinn_subject_simulate_maps(context, heart->subjects[t], MPINN_STREAM_MAPS, maps_seed, 1));
  }
  return MPINN_OK;
}

/* A shape that cannot be meshed is passed over: the next seed of its own stream takes its place. */
static mpinn_status make_wall(mpinn_context *context, mpinn_random *random, mpinn_subject **wall) {
  enum { ATTEMPTS = 16 };
  mpinn_status status = MPINN_ERROR_MESH;
  for (int i = 0; i < ATTEMPTS && status == MPINN_ERROR_MESH; i++) {
    const uint64_t shape_seed = first_shape_seed + mpinn_random_next(random) % 4000000000u;
    const mpinn_phantom_options options = draw_shape(random, shape_seed);
    status = mpinn_phantom_create(context, &options, wall);
  }
  return status;
}

mpinn_status mpinn_stream_make_wall(mpinn_context *context, uint64_t seed, size_t number,
                                    mpinn_subject **wall) {
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x53545245414d + number);
  return make_wall(context, &random, wall);
}

mpinn_status mpinn_stream_make(mpinn_context *context, uint64_t seed, size_t number,
                               mpinn_stream_heart *heart) {
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x53545245414d + number);
  *heart = (mpinn_stream_heart){{NULL}};
  mpinn_status status = make_wall(context, &random, &heart->subjects[0]);
  if (status == MPINN_OK) status = add_tissues(context, &random, heart);
  if (status != MPINN_OK) mpinn_stream_heart_clear(heart);
  return status;
}

void mpinn_stream_heart_clear(mpinn_stream_heart *heart) {
  for (int t = 0; t < MPINN_STREAM_TISSUES; t++) mpinn_subject_destroy(&heart->subjects[t]);
}

/* ---- made ahead ---- */

enum { AHEAD = 4 };

struct mpinn_stream {
  uint64_t seed;
  pthread_t thread;
  bool started, stop;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  size_t made, taken; /* numbers of the next heart to make and to give out */
  mpinn_stream_heart hearts[AHEAD];
  mpinn_status status; /* of the thread that makes them */
  char error[256];
};

static void *make_hearts(void *user) {
  mpinn_stream *s = user;
  mpinn_context *context = NULL;
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = 1;
  mpinn_status status = mpinn_context_create(&options, &context);
  pthread_mutex_lock(&s->mutex);
  while (!s->stop && status == MPINN_OK) {
    if (s->made - s->taken == AHEAD) {
      pthread_cond_wait(&s->changed, &s->mutex);
      continue;
    }
    const size_t number = s->made;
    mpinn_stream_heart heart;
    pthread_mutex_unlock(&s->mutex);
    status = mpinn_stream_make(context, s->seed, number, &heart);
    pthread_mutex_lock(&s->mutex);
    if (status != MPINN_OK) break;
    s->hearts[number % AHEAD] = heart;
    s->made++;
    pthread_cond_broadcast(&s->changed);
  }
  s->status = status;
  if (status != MPINN_OK && context) {
    strncpy(s->error, mpinn_context_error(context), sizeof s->error - 1);
    pthread_cond_broadcast(&s->changed);
  }
  pthread_mutex_unlock(&s->mutex);
  mpinn_context_destroy(&context);
  return NULL;
}

mpinn_status mpinn_stream_create(mpinn_context *context, uint64_t seed, size_t first, mpinn_stream **stream) {
  mpinn_stream *s = NULL;
  MPINN_TRY(MPINN_NEW(context, &s, 1));
  s->seed = seed;
  s->made = s->taken = first;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, NULL);
  s->started = pthread_create(&s->thread, NULL, make_hearts, s) == 0;
  *stream = s;
  if (s->started) return MPINN_OK;
  mpinn_stream_destroy(stream);
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No thread can be started to make training hearts");
}

void mpinn_stream_destroy(mpinn_stream **stream) {
  mpinn_stream *s = *stream;
  if (!s) return;
  pthread_mutex_lock(&s->mutex);
  s->stop = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  if (s->started) pthread_join(s->thread, NULL);
  for (; s->taken < s->made; s->taken++) mpinn_stream_heart_clear(&s->hearts[s->taken % AHEAD]);
  pthread_mutex_destroy(&s->mutex);
  pthread_cond_destroy(&s->changed);
  free(s);
  *stream = NULL;
}

mpinn_status mpinn_stream_next(mpinn_context *context, mpinn_stream *s, mpinn_stream_heart *heart) {
  pthread_mutex_lock(&s->mutex);
  while (s->made == s->taken && s->status == MPINN_OK) pthread_cond_wait(&s->changed, &s->mutex);
  const bool there = s->made > s->taken;
  if (there) {
    *heart = s->hearts[s->taken % AHEAD];
    s->taken++;
    pthread_cond_broadcast(&s->changed);
  }
  pthread_mutex_unlock(&s->mutex);
  return there ? MPINN_OK
               : mpinn_fail(context, s->status, "A training heart could not be made: %s", s->error);
}
