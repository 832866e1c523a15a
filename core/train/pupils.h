/* The hearts that local lessons are about: a window over an endless stream of simulated ones, of which new
 * ones come in and old ones go, or those of a data set, again and again. */
#ifndef MPINN_TRAIN_PUPILS_H
#define MPINN_TRAIN_PUPILS_H

#include "model/local_heart.h"
#include "train/stream.h"

/* A mesh made ready, and the tissues that it is seen with. */
typedef struct mpinn_pupil {
  mpinn_stream_heart stream; /* its subjects: all of a stream, the first alone of a data set */
  mpinn_local_heart heart;
  size_t n_maps[2], *maps[2]; /* of a data set: map numbers for training, and for validation */
} mpinn_pupil;

/* What one lesson is about: contexts are the first maps of the order, the query the next. */
typedef struct mpinn_course {
  const mpinn_pupil *pupil;
  mpinn_subject *subject; /* the pupil's; 'measured' is the lesson's to overwrite */
  size_t n_maps, order[32];
} mpinn_course;

typedef struct mpinn_pupils mpinn_pupils;

/* From where a training of so many lessons has come. */
mpinn_status mpinn_pupils_of_stream(mpinn_context *context, const mpinn_network *network, uint64_t seed,
                                    size_t lesson, mpinn_pupils **pupils);
/* Copies of the subjects. MPINN_ERROR_FORMAT naming the subject that lacks its truth (CV, AT_00 …, origins)
 * or maps ("train_maps": two or more, "test_maps": one or more, with which it is validated). */
mpinn_status mpinn_pupils_of_data(mpinn_context *context, const mpinn_network *network, size_t n_subjects,
                                  mpinn_subject *const *subjects, mpinn_pupils **pupils);
void mpinn_pupils_destroy(mpinn_pupils **pupils);

mpinn_status mpinn_pupils_draw(mpinn_context *context, mpinn_pupils *pupils, size_t lesson,
                               mpinn_random *random, mpinn_course *course);

/* Hearts of which no stream knows, with each of their tissues once; or of each of a data set's subjects a map
 * that is not for training. Returns the number of context maps: five where there are as many. */
size_t mpinn_pupils_validation_count(const mpinn_pupils *pupils);
size_t mpinn_pupils_validation(const mpinn_pupils *pupils, size_t number, mpinn_random *random,
                               mpinn_course *course);

#endif
