#include "train/lessons.h"
#include "train/step.h"

#include <math.h>

/* A lesson is all of one subject's episodes. */
typedef struct data_lessons {
  mpinn_lessons base;
  mpinn_stepper stepper;
} data_lessons;

static mpinn_status learn(mpinn_context *context, mpinn_lessons *lessons, size_t number, double alpha,
                          double share, mpinn_random *random, mpinn_losses *losses) {
  return mpinn_step_episodes(context, &((data_lessons *)lessons)->stepper, number, alpha, share, random,
                             losses);
}

/* The mean of those values that exist: a field without variation has no correlation. */
typedef struct mean {
  double sum;
  size_t n;
} mean;

static void mean_add(mean *m, double value) {
  if (isnan(value)) return;
  m->sum += value;
  m->n++;
}

static mpinn_status validate(mpinn_context *context, mpinn_lessons *lessons, mpinn_curve_line *line) {
  mpinn_stepper *stepper = &((data_lessons *)lessons)->stepper;
  mean at = {0}, cv = {0}, residual = {0};
  for (size_t i = 0; i < stepper->data.n_subjects; i++) {
    mpinn_validation v;
    MPINN_TRY(mpinn_step_validate(context, stepper, i, &v));
    mean_add(&at, v.at_scc);
    mean_add(&cv, v.cv_scc);
    mean_add(&residual, v.residual_msq);
  }
  line->at_scc = at.sum / (double)at.n;
  line->cv_scc = cv.sum / (double)cv.n;
  line->residual_msq = residual.sum / (double)residual.n;
  return MPINN_OK;
}

static void destroy(mpinn_lessons *lessons) {
  mpinn_stepper_clear(&((data_lessons *)lessons)->stepper);
  free(lessons);
}

mpinn_status mpinn_data_lessons_create(mpinn_context *context, mpinn_network *network, uint64_t seed,
                                       size_t n_subjects, mpinn_subject *const *subjects,
                                       mpinn_lessons **lessons, const mpinn_training_data **data) {
  data_lessons *l = NULL;
  MPINN_TRY(MPINN_NEW(context, &l, 1));
  l->base = (mpinn_lessons){n_subjects, learn, validate, destroy};
  const mpinn_status status = mpinn_stepper_create(context, network, seed, n_subjects, subjects, &l->stepper);
  if (status != MPINN_OK) {
    free(l);
    return status;
  }
  *lessons = &l->base;
  *data = &l->stepper.data;
  return MPINN_OK;
}
