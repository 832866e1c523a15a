#include "metapinn/uncertainty.h"

#include "heart/spread.h"
#include "metapinn/map_names.h"
#include "model/twin_parts.h"
#include "model/uncertainty_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  FEWEST_MEASURED = 8, /* that mpinn_personalize takes */
  SUBSETS = 4          /* twins where there is one context map only */
};

/* ---- the other twins ---- */

/* Running mean and sum of squares (Welford, Technometrics 4, 1962) of the twins' answers. */
typedef struct moments {
  size_t n, twins;
  float *values;        /* [n] of one twin */
  double *mean, *about; /* [n] */
} moments;

static mpinn_status moments_create(mpinn_context *context, size_t n, moments *m) {
  m->n = n;
  MPINN_TRY(MPINN_NEW(context, &m->values, n));
  MPINN_TRY(MPINN_NEW(context, &m->mean, n));
  return MPINN_NEW(context, &m->about, n);
}

static void moments_clear(moments *m) {
  free(m->values);
  free(m->mean);
  free(m->about);
}

static void moments_add(moments *m) {
  m->twins++;
  for (size_t i = 0; i < m->n; i++) {
    const double before = (double)m->values[i] - m->mean[i];
    m->mean[i] += before / (double)m->twins;
    m->about[i] += before * ((double)m->values[i] - m->mean[i]);
  }
}

typedef struct ensemble {
  const mpinn_personalization *input;
  size_t n_twins;
  mpinn_map *maps; /* [n_context] the contexts of one twin */
  double *values;  /* [n_surface] of one context map, thinned */
  size_t *order;   /* [n_ordered] its measured nodes, those of any beginning well spread */
  size_t n_ordered;
  size_t n_points;
  const double *points;
  moments at, cv;
} ensemble;

/* What was the query without being named stays it though its map is left out of the contexts. */
static mpinn_personalization of_twin(const ensemble *e) {
  mpinn_personalization input = *e->input;
  if (!input.query && !input.origin) input.query = &e->input->context[0];
  input.context = e->maps;
  return input;
}

static mpinn_status add_twin(mpinn_context *context, const mpinn_model *model,
                             const mpinn_personalization *input, ensemble *e) {
  mpinn_twin *twin = NULL;
  MPINN_TRY(mpinn_personalize(context, model, input, &twin));
  const mpinn_status status =
      mpinn_twin_evaluate(context, twin, e->n_points, e->points, e->at.values, NULL, e->cv.values, NULL);
  mpinn_twin_destroy(&twin);
  MPINN_TRY(status);
  moments_add(&e->at);
  moments_add(&e->cv);
  return MPINN_OK;
}

static mpinn_status add_without_context(mpinn_context *context, const mpinn_model *model, size_t left_out,
                                        ensemble *e) {
  mpinn_personalization input = of_twin(e);
  input.n_context = 0;
  for (size_t m = 0; m < e->input->n_context; m++)
    if (m != left_out) e->maps[input.n_context++] = e->input->context[m];
  return add_twin(context, model, &input, e);
}

/* As many measured nodes of the one context map as the encoders see, farthest first: of these every tenth, or
 * any such choice, lies evenly on the surface, whatever the nodes' numbers. */
static mpinn_status order_nodes(mpinn_context *context, size_t most, ensemble *e) {
  const mpinn_personalization *input = e->input;
  size_t *known = NULL, n_known = 0, first = 0;
  double centroid[3] = {0, 0, 0}, farthest = -1;
  MPINN_TRY(MPINN_NEW(context, &e->values, input->n_surface));
  MPINN_TRY(MPINN_NEW(context, &e->order, input->n_surface));
  MPINN_TRY(MPINN_NEW(context, &known, input->n_surface));
  for (size_t i = 0; i < input->n_surface; i++)
    if (mpinn_map_is_measured(input->context[0].values[i])) known[n_known++] = i;
  for (size_t i = 0; i < n_known; i++)
    for (size_t d = 0; d < 3; d++) centroid[d] += input->surface[3 * known[i] + d] / (double)n_known;
  for (size_t i = 0; i < n_known; i++) {
    double square = 0;
    for (size_t d = 0; d < 3; d++) square += pow(input->surface[3 * known[i] + d] - centroid[d], 2);
    if (square <= farthest) continue;
    farthest = square;
    first = i;
  }
  e->n_ordered = n_known < most ? n_known : most;
  const mpinn_status status =
      mpinn_farthest_points(context, input->surface, n_known, known, first, e->n_ordered, e->order);
  free(known);
  return status;
}

/* Of ten nodes in a row a twin misses three; where seven of ten are too few, fewer. */
static mpinn_status add_subset(mpinn_context *context, const mpinn_model *model, size_t subset, ensemble *e) {
  enum { TEN = 10, MISSED = 3 };
  mpinn_personalization input = of_twin(e);
  size_t left = e->n_ordered;
  for (size_t i = 0; i < input.n_surface; i++) e->values[i] = NAN;
  for (size_t i = 0; i < e->n_ordered; i++) {
    const bool missed = (i + TEN - MISSED * subset % TEN) % TEN < MISSED && left > FEWEST_MEASURED;
    left -= missed;
    if (!missed) e->values[e->order[i]] = e->input->context[0].values[e->order[i]];
  }
  e->maps[0] = (mpinn_map){e->input->context[0].name, e->values};
  return add_twin(context, model, &input, e);
}

static mpinn_status run_ensemble(mpinn_context *context, const mpinn_model *model, ensemble *e) {
  const size_t k = e->input->n_context, asked = e->input->max_measured;
  e->n_twins = k > 1 ? k : SUBSETS;
  MPINN_TRY(MPINN_NEW(context, &e->maps, k));
  MPINN_TRY(moments_create(context, e->n_points, &e->at));
  MPINN_TRY(moments_create(context, e->n_points, &e->cv));
  if (k == 1) MPINN_TRY(order_nodes(context, asked ? asked : model->network->preset->max_measured, e));
  for (size_t t = 0; t < e->n_twins; t++) {
    const double n = (double)e->n_twins;
    MPINN_TRY(mpinn_progress(context, (double)t / n, "asking how sure the twin is"));
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)t / n, (double)t / n);
    const mpinn_status status =
        k > 1 ? add_without_context(context, model, t, e) : add_subset(context, model, t, e);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(status);
  }
  return MPINN_OK;
}

static void ensemble_clear(ensemble *e) {
  free(e->maps);
  free(e->values);
  free(e->order);
  moments_clear(&e->at);
  moments_clear(&e->cv);
}

/* ---- what the uncertainty is made of ---- */

/* The answers of the twin itself that tell of its errors. */
typedef struct witness {
  float *at, *cv, *support, *slope; /* [n]: ms, m/s, mm, m/s over the length */
} witness;

static mpinn_status witness_create(mpinn_context *context, const mpinn_twin *twin, size_t n,
                                   const double *points, witness *w) {
  float **const outputs[] = {&w->at, &w->cv, &w->support, &w->slope};
  for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) MPINN_TRY(MPINN_NEW(context, outputs[i], n));
  MPINN_TRY(mpinn_twin_evaluate(context, twin, n, points, w->at, NULL, w->cv, NULL));
  MPINN_TRY(mpinn_twin_support(context, twin, n, points, w->support));
  return twin->method->speed_slope ? twin->method->speed_slope(context, twin, n, points, w->slope) : MPINN_OK;
}

static void witness_clear(witness *w) {
  free(w->at);
  free(w->cv);
  free(w->support);
  free(w->slope);
}

/* One twin that is far off must not decide alone: its spread is bounded. */
static void put_parts(const mpinn_twin *twin, const ensemble *e, const witness *w, float *at, float *cv) {
  const double length = 1 / twin->info.frame.scale, speed = twin->model->network->preset->healthy_speed;
  const double unit = length / speed, *left = twin->left_of_times;
  const double twins = (double)(e->n_twins - 1);
  for (size_t i = 0; i < e->n_points; i++) {
    const double share = (double)w->support[i] / length;
    const double parts_at[MPINN_SPREAD_PARTS] = {
        fmin(sqrt(e->at.about[i] / twins), unit / 2), unit, unit * share, unit * left[0], unit * left[1],
        (double)w->at[i] - twin->info.time_offset};
    const double parts_cv[MPINN_SPREAD_PARTS] = {fmin(sqrt(e->cv.about[i] / twins), speed / 2),
                                                 speed,
                                                 speed * share,
                                                 speed * left[0],
                                                 (double)w->slope[i] / 10,
                                                 (double)w->cv[i]};
    for (size_t p = 0; p < MPINN_SPREAD_PARTS; p++) {
      if (at) at[MPINN_SPREAD_PARTS * i + p] = (float)parts_at[p];
      if (cv) cv[MPINN_SPREAD_PARTS * i + p] = (float)parts_cv[p];
    }
  }
}

mpinn_status mpinn_spread_parts(mpinn_context *context, const mpinn_model *model,
                                const mpinn_personalization *input, const mpinn_twin *twin, size_t n,
                                const double *points, float *at, float *cv) {
  ensemble e = {.input = input, .n_points = n, .points = points};
  witness w = {NULL, NULL, NULL, NULL};
  mpinn_status status = witness_create(context, twin, n, points, &w);
  if (status == MPINN_OK) status = run_ensemble(context, model, &e);
  if (status == MPINN_OK) put_parts(twin, &e, &w, at, cv);
  witness_clear(&w);
  ensemble_clear(&e);
  return status;
}

/* ---- the deviations ---- */

mpinn_status mpinn_personalize_spread(mpinn_context *context, const mpinn_model *model,
                                      const mpinn_personalization *input, const mpinn_twin *twin, size_t n,
                                      const double *points, float *at_std, float *cv_std) {
  const mpinn_calibration *calibration = &model->calibration;
  const size_t class = mpinn_calibration_class(input->n_context);
  float *at = NULL, *cv = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &at, n * MPINN_SPREAD_PARTS));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &cv, n * MPINN_SPREAD_PARTS));
  MPINN_TRY_GOTO(done, status, mpinn_spread_parts(context, model, input, twin, n, points, at, cv));
  for (size_t i = 0; i < n && at_std; i++)
    at_std[i] = (float)mpinn_calibration_sd(calibration, class, MPINN_SPREAD_AT, at + MPINN_SPREAD_PARTS * i);
  for (size_t i = 0; i < n && cv_std; i++)
    cv_std[i] = (float)mpinn_calibration_sd(calibration, class, MPINN_SPREAD_CV, cv + MPINN_SPREAD_PARTS * i);
done:
  free(at);
  free(cv);
  return status;
}

void mpinn_spread_method(const mpinn_model *model, size_t n_context, size_t bytes, char *text) {
  char twins[80];
  if (n_context > 1)
    snprintf(twins, sizeof twins, "%zu twins, each without one of the context maps", n_context);
  else
    snprintf(twins, sizeof twins, "%d twins, each with seven in ten of the measured nodes", SUBSETS);
  snprintf(text, bytes, "standard deviation of the error, from %s; %s", twins,
           model->calibration.has_spread
               ? "calibrated on simulated hearts so that value +- 1.645 sd holds nine truths in ten"
               : "these weights are not calibrated: their usual proportions are taken");
}
