#include "heart/scar.h"

#include <math.h>

enum { MOST_SCARS = 32 };

void mpinn_tissue_default(mpinn_tissue *tissue) {
  *tissue = (mpinn_tissue){.seed = 1,
                           .scars = {1, 3},
                           .radius = {0.12, 0.35},
                           .healthy = {0.6, 0.6},
                           .slow = {0.1, 0.1},
                           .border = {0, 0},
                           .partial = 0.4};
}

static mpinn_status check_range(mpinn_context *context, const char *what, const double range[2],
                                bool may_be_zero) {
  const bool begins = may_be_zero ? range[0] >= 0 : range[0] > 0;
  if (begins && range[1] >= range[0] && isfinite(range[1])) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "The tissue's %s is from %g to %g; expected the least before the most, %s", what,
                    range[0], range[1], may_be_zero ? "none below 0" : "both above 0");
}

static mpinn_status check_tissue(mpinn_context *context, const mpinn_tissue *tissue) {
  if (tissue->scars[0] > tissue->scars[1] || tissue->scars[1] > MOST_SCARS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "From %zu to %zu scars were asked for; expected the least before the most, at most %d",
                      tissue->scars[0], tissue->scars[1], MOST_SCARS);
  MPINN_TRY(check_range(context, "radius", tissue->radius, false));
  MPINN_TRY(check_range(context, "healthy speed", tissue->healthy, false));
  MPINN_TRY(check_range(context, "slow speed", tissue->slow, false));
  MPINN_TRY(check_range(context, "border", tissue->border, true));
  if (!(tissue->partial >= 0 && tissue->partial <= 1))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The share of scars that are not transmural is %g; expected 0 to 1", tissue->partial);
  return MPINN_OK;
}

static double draw(mpinn_random *random, const double range[2]) {
  return mpinn_random_uniform(random, range[0], range[1]);
}

/* From the endocardium, from the epicardium, or neither: equally often. */
static void draw_depth(mpinn_random *random, double interval[2]) {
  const size_t kind = mpinn_random_below(random, 3);
  const double depth = mpinn_random_uniform(random, 0.4, 0.8);
  const double middle = mpinn_random_uniform(random, 0.4, 0.6);
  interval[0] = kind == 0 ? 0 : kind == 1 ? 1 - depth : fmax(0, middle - 0.5 * depth);
  interval[1] = kind == 0 ? depth : kind == 1 ? 1 : fmin(1, middle + 0.5 * depth);
}

/* Every scar takes as many random numbers, whatever it becomes. */
static void draw_scar(mpinn_random *random, const mpinn_subject *subject, const mpinn_tissue *tissue,
                      mpinn_scar *scar) {
  double interval[2];
  mpinn_scar_draw(random, mpinn_subject_mesh(subject), tissue->radius, scar);
  scar->speed = draw(random, tissue->slow);
  scar->border = draw(random, tissue->border);
  const bool partial = mpinn_random_uniform(random, 0, 1) < tissue->partial;
  draw_depth(random, interval);
  for (int i = 0; i < 2 && partial && mpinn_subject_find(subject, "transmural", MPINN_NODES); i++)
    scar->transmural[i] = interval[i];
}

mpinn_status mpinn_subject_draw_tissue(mpinn_context *context, mpinn_subject *subject,
                                       const mpinn_tissue *tissue) {
  mpinn_scar scars[MOST_SCARS];
  mpinn_random random;
  MPINN_TRY(check_tissue(context, tissue));
  mpinn_random_seed_stream(&random, tissue->seed, 0x54495353);
  const double healthy = draw(&random, tissue->healthy);
  const size_t count =
      tissue->scars[0] + mpinn_random_below(&random, tissue->scars[1] - tissue->scars[0] + 1);
  for (size_t i = 0; i < count; i++) draw_scar(&random, subject, tissue, &scars[i]);
  return mpinn_subject_set_scars(context, subject, healthy, count, scars);
}
