#include "train/pupils.h"

#include "train/data.h"

#include <math.h>
#include <string.h>

enum {
  LESSONS_A_HEART = 10, /* after so many lessons the next heart of the stream comes in … */
  WINDOW = 48,          /* … and, when there are so many, the oldest goes */
  VALIDATION_HEARTS = 8,
  VALIDATION_CONTEXTS = 5,
  MOST_MAPS = sizeof((mpinn_course){0}.order) / sizeof(size_t)
};

enum { TRAINING, VALIDATING };

struct mpinn_pupils {
  const mpinn_network *network;
  mpinn_stream *stream;  /* NULL of a data set */
  size_t oldest, newest; /* numbers of the hearts in the window: oldest … newest − 1 */
  mpinn_pupil *window;   /* [WINDOW] heart h at h % WINDOW; of a data set all, [newest] */
  mpinn_pupil validation[VALIDATION_HEARTS];
};

static void pupil_clear(mpinn_pupil *p) {
  mpinn_local_heart_clear(&p->heart);
  mpinn_stream_heart_clear(&p->stream);
  for (int half = 0; half < 2; half++) free(p->maps[half]);
  *p = (mpinn_pupil){0};
}

void mpinn_pupils_destroy(mpinn_pupils **pupils) {
  mpinn_pupils *p = *pupils;
  if (!p) return;
  const size_t n = p->stream ? WINDOW : p->newest;
  mpinn_stream_destroy(&p->stream);
  for (size_t i = 0; i < n; i++) pupil_clear(&p->window[i]);
  for (size_t i = 0; i < VALIDATION_HEARTS; i++) pupil_clear(&p->validation[i]);
  free(p->window);
  free(p);
  *pupils = NULL;
}

static mpinn_status get_ready(mpinn_context *context, const mpinn_network *network, mpinn_pupil *p) {
  return mpinn_local_heart_create(context, network, mpinn_subject_mesh(p->stream.subjects[0]), &p->heart);
}

static mpinn_status create(mpinn_context *context, const mpinn_network *network, size_t n,
                           mpinn_pupils **pupils) {
  *pupils = NULL;
  MPINN_TRY(MPINN_NEW(context, pupils, 1));
  (*pupils)->network = network;
  return MPINN_NEW(context, &(*pupils)->window, n);
}

/* ---- a stream ---- */

/* Hearts up to the one that this lesson brings are in the window. */
static mpinn_status take_in(mpinn_context *context, mpinn_pupils *p, size_t lesson) {
  while (p->newest <= lesson / LESSONS_A_HEART) {
    if (p->newest - p->oldest == WINDOW) pupil_clear(&p->window[p->oldest++ % WINDOW]);
    mpinn_pupil *next = &p->window[p->newest % WINDOW];
    MPINN_TRY(mpinn_stream_next(context, p->stream, &next->stream));
    p->newest++;
    MPINN_TRY(get_ready(context, p->network, next));
  }
  return MPINN_OK;
}

/* Of a seed that no stream of training hearts has. */
static mpinn_status make_validation(mpinn_context *context, mpinn_pupils *p) {
  for (size_t i = 0; i < VALIDATION_HEARTS; i++) {
    MPINN_TRY(mpinn_stream_make(context, 0x56414c49444154u, i, &p->validation[i].stream));
    MPINN_TRY(get_ready(context, p->network, &p->validation[i]));
  }
  return MPINN_OK;
}

mpinn_status mpinn_pupils_of_stream(mpinn_context *context, const mpinn_network *network, uint64_t seed,
                                    size_t lesson, mpinn_pupils **pupils) {
  const size_t first = lesson / LESSONS_A_HEART;
  mpinn_status status = create(context, network, WINDOW, pupils);
  if (status == MPINN_OK) {
    (*pupils)->oldest = (*pupils)->newest = first > WINDOW ? first - WINDOW : 0;
    status = mpinn_stream_create(context, seed, (*pupils)->oldest, &(*pupils)->stream);
  }
  if (status == MPINN_OK) status = make_validation(context, *pupils);
  if (status == MPINN_OK) status = take_in(context, *pupils, lesson);
  if (status != MPINN_OK) mpinn_pupils_destroy(pupils);
  return status;
}

/* ---- a data set ---- */

static mpinn_status lacks(mpinn_context *context, size_t number, const char *what) {
  return mpinn_fail(context, MPINN_ERROR_FORMAT, "Subject %zu of the data set has no %s", number, what);
}

static mpinn_status copy_array(mpinn_context *context, const mpinn_array *from, const char *name,
                               mpinn_association association, mpinn_subject *to) {
  return mpinn_subject_add_array(context, to, name, association, from->type, from->rows, from->components,
                                 from->values, NULL);
}

static mpinn_status copy_map(mpinn_context *context, const mpinn_subject *from, size_t number, size_t map,
                             mpinn_subject *to) {
  char name[16];
  mpinn_subject_map_name(map, name);
  const mpinn_array *at = mpinn_subject_find(from, name, MPINN_NODES);
  mpinn_array *copy = NULL;
  MPINN_TRY(mpinn_subject_add_array(context, to, name, MPINN_NODES, MPINN_FLOAT32, at->rows, 1, NULL, &copy));
  float *values = copy->values;
  for (size_t i = 0; i < at->rows; i++) {
    values[i] = (float)mpinn_array_get(at, i, 0);
    if (!isfinite(values[i]))
      return mpinn_fail(
          context, MPINN_ERROR_FORMAT,
          "Subject %zu of the data set: %s is not finite at node %zu; training needs whole maps", number,
          name, i);
  }
  return MPINN_OK;
}

static mpinn_status copy_truth(mpinn_context *context, const mpinn_subject *from, size_t number,
                               mpinn_subject *to) {
  const mpinn_array *cv = mpinn_subject_find(from, "CV", MPINN_NODES),
                    *origins = mpinn_subject_find(from, "origins", MPINN_FIELD),
                    *fibre = mpinn_subject_find(from, "fibre", MPINN_CELLS);
  const size_t n_maps = mpinn_subject_map_count(from);
  if (!cv) return lacks(context, number, "node array 'CV', which this preset learns from");
  if (!origins || origins->rows < n_maps || origins->components < 3)
    return lacks(context, number, "field array 'origins' with a site of origin for every map");
  MPINN_TRY(copy_array(context, cv, "CV", MPINN_NODES, to));
  MPINN_TRY(copy_array(context, origins, "origins", MPINN_FIELD, to));
  if (fibre) MPINN_TRY(copy_array(context, fibre, "fibre", MPINN_CELLS, to));
  for (size_t m = 0; m < n_maps; m++) MPINN_TRY(copy_map(context, from, number, m, to));
  return MPINN_OK;
}

static mpinn_status read_maps(mpinn_context *context, const mpinn_subject *from, size_t number,
                              mpinn_pupil *p) {
  static const char *const keys[] = {"train_maps", "test_maps"};
  for (int half = 0; half < 2; half++)
    MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(from, keys[half]),
                               mpinn_subject_map_count(from), &p->n_maps[half], &p->maps[half]));
  if (p->n_maps[TRAINING] < 2) return lacks(context, number, "two maps or more in text 'train_maps'");
  if (p->n_maps[VALIDATING] < 1) return lacks(context, number, "map in text 'test_maps'");
  if (p->n_maps[TRAINING] > MOST_MAPS) p->n_maps[TRAINING] = MOST_MAPS;
  return MPINN_OK;
}

static mpinn_status take_subject(mpinn_context *context, const mpinn_network *network,
                                 const mpinn_subject *from, size_t number, mpinn_pupil *p) {
  MPINN_TRY(read_maps(context, from, number, p));
  MPINN_TRY(mpinn_copy_heart(context, from, &p->stream.subjects[0]));
  MPINN_TRY(copy_truth(context, from, number, p->stream.subjects[0]));
  return get_ready(context, network, p);
}

mpinn_status mpinn_pupils_of_data(mpinn_context *context, const mpinn_network *network, size_t n_subjects,
                                  mpinn_subject *const *subjects, mpinn_pupils **pupils) {
  mpinn_status status = create(context, network, n_subjects, pupils);
  for (size_t s = 0; s < n_subjects && status == MPINN_OK; s++)
    status = take_subject(context, network, subjects[s], s, &(*pupils)->window[(*pupils)->newest++]);
  if (status != MPINN_OK) mpinn_pupils_destroy(pupils);
  return status;
}

/* ---- courses ---- */

static void set_out(const mpinn_pupil *pupil, size_t tissue, mpinn_random *random, mpinn_course *course) {
  const size_t *maps = pupil->maps[TRAINING];
  *course = (mpinn_course){.pupil = pupil, .subject = pupil->stream.subjects[tissue]};
  course->n_maps = maps ? pupil->n_maps[TRAINING] : MPINN_STREAM_MAPS;
  for (size_t m = 0; m < course->n_maps; m++) course->order[m] = maps ? maps[m] : m;
  mpinn_random_shuffle(random, course->n_maps, course->order);
}

mpinn_status mpinn_pupils_draw(mpinn_context *context, mpinn_pupils *pupils, size_t lesson,
                               mpinn_random *random, mpinn_course *course) {
  if (pupils->stream) MPINN_TRY(take_in(context, pupils, lesson));
  const size_t n = pupils->newest - pupils->oldest, drawn = pupils->oldest + mpinn_random_below(random, n);
  const mpinn_pupil *pupil = &pupils->window[pupils->stream ? drawn % WINDOW : drawn];
  set_out(pupil, pupils->stream ? mpinn_random_below(random, MPINN_STREAM_TISSUES) : 0, random, course);
  return MPINN_OK;
}

size_t mpinn_pupils_validation_count(const mpinn_pupils *pupils) {
  return pupils->stream ? VALIDATION_HEARTS * MPINN_STREAM_TISSUES : pupils->newest;
}

size_t mpinn_pupils_validation(const mpinn_pupils *pupils, size_t number, mpinn_random *random,
                               mpinn_course *course) {
  const mpinn_pupil *pupil =
      pupils->stream ? &pupils->validation[number / MPINN_STREAM_TISSUES] : &pupils->window[number];
  set_out(pupil, pupils->stream ? number % MPINN_STREAM_TISSUES : 0, random, course);
  const size_t k = course->n_maps > VALIDATION_CONTEXTS ? VALIDATION_CONTEXTS : course->n_maps - 1;
  if (!pupils->stream)
    course->order[k] = pupil->maps[VALIDATING][mpinn_random_below(random, pupil->n_maps[VALIDATING])];
  return k;
}
