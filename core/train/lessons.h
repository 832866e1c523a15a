/* What a preset learns from, one lesson after another: episodes on a data set's subjects (step.h), or, where
 * features stay where they were measured, one map of a heart at a time (local_lessons.c). */
#ifndef MPINN_TRAIN_LESSONS_H
#define MPINN_TRAIN_LESSONS_H

#include "model/network.h"
#include "train/curve.h"
#include "train/data.h"

typedef struct mpinn_losses {
  double data, pde; /* equations 3 and 2: mean squares over maps and nodes */
  double velocity;  /* against simulated labels; 0 where it has none */
} mpinn_losses;

typedef struct mpinn_lessons mpinn_lessons;
struct mpinn_lessons {
  size_t per_epoch;
  /* Adds share times the gradient of one lesson's loss, data + alpha pde. number is unique in an epoch. */
  mpinn_status (*learn)(mpinn_context *context, mpinn_lessons *lessons, size_t number, double alpha,
                        double share, mpinn_random *random, mpinn_losses *losses);
  /* Fills the line's metrics. */
  mpinn_status (*validate)(mpinn_context *context, mpinn_lessons *lessons, mpinn_curve_line *line);
  void (*destroy)(mpinn_lessons *lessons);
};

/* Episodes on a data set's subjects; *data is theirs, as the lessons hold it. The network is borrowed. */
mpinn_status mpinn_data_lessons_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                       size_t n_subjects, mpinn_subject *const *subjects,
                                       mpinn_lessons **lessons, const mpinn_training_data **data);
/* One query of one heart a lesson: of the subjects or, where there are none, of simulated hearts of seed that
 * never end, from where a training of epochs_done epochs has come. */
mpinn_status mpinn_local_lessons_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                        size_t epochs_done, size_t n_subjects, mpinn_subject *const *subjects,
                                        mpinn_lessons **lessons);

#endif
