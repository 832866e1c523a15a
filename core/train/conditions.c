#include "train/conditions.h"

#include <math.h>

static const unsigned all_surfaces =
    1u << MPINN_CLASS_EPICARDIUM | 1u << MPINN_CLASS_LV_ENDOCARDIUM | 1u << MPINN_CLASS_RV_ENDOCARDIUM;

static unsigned draw_surfaces(mpinn_random *random) {
  const unsigned lv = 1u << MPINN_CLASS_LV_ENDOCARDIUM, rv = 1u << MPINN_CLASS_RV_ENDOCARDIUM,
                 epi = 1u << MPINN_CLASS_EPICARDIUM;
  const double which = mpinn_random_uniform(random, 0, 1);
  if (which < 0.56) return lv | rv;
  if (which < 0.79) return lv;
  if (which < 0.82) return rv;
  if (which < 0.92) return epi;
  return all_surfaces;
}

mpinn_conditions mpinn_draw_conditions(mpinn_random *random, size_t max_measured) {
  mpinn_conditions c;
  mpinn_sampling_default(&c.sampling);
  c.sampling.seed = mpinn_random_next(random);
  c.sampling.surfaces = draw_surfaces(random);
  const bool usual = mpinn_random_uniform(random, 0, 1) < 0.7;
  const double low = usual ? 180 : 50, high = usual ? 420 : (double)max_measured;
  c.sampling.count = (size_t)exp(mpinn_random_uniform(random, log(low), log(high)));
  const double holes = mpinn_random_uniform(random, -0.5, 0.4);
  c.sampling.missing = holes > 0 ? holes : 0;
  const double noise = mpinn_random_uniform(random, -2.5, 4);
  c.noise = noise > 0 ? noise : 0;
  c.jitter = 1.5;
  return c;
}

mpinn_status mpinn_measure_nodes(mpinn_context *context, const mpinn_conditions *conditions,
                                 mpinn_subject *subject) {
  mpinn_sampling sampling = conditions->sampling;
  const mpinn_status status = mpinn_subject_sample(context, subject, &sampling);
  if (status != MPINN_ERROR_ARGUMENT) return status;
  sampling.surfaces = all_surfaces; /* a heart without these surfaces */
  return mpinn_subject_sample(context, subject, &sampling);
}
