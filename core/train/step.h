/* One step of meta-training: a subject's episodes forwards and backwards, an update, a validation. */
#ifndef MPINN_TRAIN_STEP_H
#define MPINN_TRAIN_STEP_H

#include "train/lessons.h"

/* Buffers of the field networks on up to max_points points of max_maps maps, on the backend. */
typedef struct mpinn_stepper {
  mpinn_network *network;
  mpinn_training_data data;
  mpinn_pass pass;
  size_t max_points;
  void *points, *weight, *at, *value, *gradient, *speed, *d_value, *d_gradient, *d_speed, *sums, *target_speed;
  float *host_points, *host_at, *host_mean, *host_sums; /* staging */
  size_t *order;
} mpinn_stepper;

/* Borrows network. */
mpinn_status mpinn_stepper_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                  size_t n_subjects, mpinn_subject *const *subjects, mpinn_stepper *stepper);
void mpinn_stepper_clear(mpinn_stepper *stepper);

/* Equation 8 for one subject: every training map is once the query, its contexts are drawn from the others (1
 * to all of them); adds share times the gradient of data + alpha pde. */
mpinn_status mpinn_step_episodes(mpinn_context *context, mpinn_stepper *stepper, size_t subject, double alpha,
                                 double share, mpinn_random *random, mpinn_losses *losses);

typedef struct mpinn_validation {
  double at_scc, cv_scc, residual_msq;
} mpinn_validation;

/* The means over a subject's test maps as queries with five contexts each. cv_scc, over the maps that have
 * one, is NaN where none has or CV is not known. */
mpinn_status mpinn_step_validate(mpinn_context *context, mpinn_stepper *stepper, size_t subject,
                                 mpinn_validation *validation);

#endif
