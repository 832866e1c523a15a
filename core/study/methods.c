#include "study/methods.h"

#include "model/model.h"

#include <stdio.h>
#include <string.h>

static const char early[] = "context maps and 20 %", whole[] = "whole map";
static const char given[] = "given", found[] = "found", unused[] = "not used";

/* How many context maps a method gets. */
static const size_t contexts[] = {MPINN_STUDY_CONTEXTS, 3, 1};
enum { CONTEXTS = sizeof contexts / sizeof *contexts };

static mpinn_study_method *add(mpinn_study_method *methods, size_t *n, const char *name,
                               mpinn_method_kind kind) {
  mpinn_study_method *method = &methods[(*n)++];
  *method = (mpinn_study_method){.name = name, .fitted_to = early, .k = MPINN_STUDY_CONTEXTS};
  mpinn_method_default(&method->run, kind);
  return method;
}

/* ---- weights ---- */

static void add_networks_of(const mpinn_study_model *m, const char *name, mpinn_method_kind kind, size_t *n,
                            mpinn_study_method *methods) {
  const char *sha = mpinn_model_text(m->model, "sha256");
  const bool local = mpinn_preset_is_local(m->model->network->preset);
  for (size_t i = 0; i < CONTEXTS; i++) {
    mpinn_study_method *method = add(methods, n, name, kind);
    method->origin = local || kind == MPINN_METHOD_EIKONAL ? found : unused;
    method->k = contexts[i];
    method->run.model = m->model;
    snprintf(method->by, sizeof method->by, "%s", sha ? sha : "");
  }
}

static void add_model(const mpinn_study_model *m, size_t *n, mpinn_study_method *methods) {
  add_networks_of(m, m->name, MPINN_METHOD_GENERATED, n, methods);
  if (m->eikonal_name) add_networks_of(m, m->eikonal_name, MPINN_METHOD_EIKONAL, n, methods);
}

/* ---- what only remembers ---- */

static const struct {
  const char *name, *fitted_to, *origin;
} memories[] = {
    {"healthy", "nothing", given}, {"mean-cv", "nothing", given}, {"nearest-subject", "20 %", unused}};
enum { MEMORIES = sizeof memories / sizeof *memories };

static void add_memories(size_t *n, mpinn_study_method *methods) {
  for (size_t i = 0; i < MEMORIES; i++) {
    mpinn_study_method *method = add(methods, n, memories[i].name, MPINN_METHOD_HEALTHY);
    method->fitted_to = memories[i].fitted_to;
    method->origin = memories[i].origin;
    method->k = 0;
    method->remembers = true;
    snprintf(method->by, sizeof method->by, "-");
  }
}

/* ---- fits, as in the paper and with what the weights are given ---- */

typedef struct study_fit {
  const char *name;
  mpinn_method_kind kind;
  mpinn_segmentation segmentation; /* of segments */
  bool published;                  /* of networks: with the published loss */
  size_t n_contexts;               /* how many of contexts it is given, the first ones */
} study_fit;

static const study_fit fits[] = {
    {"physics-based, 5 groups", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_PAPER, false, CONTEXTS},
    {"physics-based, AHA-17 and RV", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_AHA, false, CONTEXTS},
    {"physics-based, released groups", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_RELEASED, false, 1},
    {"multi-PINN", MPINN_METHOD_NETWORKS, 0, false, CONTEXTS},
    {"multi-PINN, published loss", MPINN_METHOD_NETWORKS, 0, true, 1}};
enum { FITS = sizeof fits / sizeof *fits, MOST_OF_A_FIT = 1 + CONTEXTS };

static void choose_segments(const study_fit *fit, mpinn_study_method *method) {
  mpinn_segments_fit_options *o = &method->run.segments;
  method->given = method->run.whole;
  method->origin = method->given ? given : found;
  o->segmentation = fit->segmentation;
  snprintf(method->by, sizeof method->by, "%s; %g to %g from %g m/s; %zu",
           mpinn_segmentation_name(fit->segmentation), o->bounds[0], o->bounds[1], o->start,
           o->max_evaluations);
}

static void choose_networks(const study_fit *fit, size_t steps, mpinn_study_method *method) {
  mpinn_networks_fit_options *o = &method->run.networks;
  method->origin = unused;
  o->steps = steps;
  if (fit->published) o->alpha = 1, o->healthy_weight = 0;
  snprintf(method->by, sizeof method->by, "alpha %g; beta %g; %zu steps at %g; seed %llu", o->alpha,
           o->healthy_weight, o->steps, o->rate, (unsigned long long)o->seed);
}

/* To the whole query map, then to its beginning and ever fewer context maps. */
static void add_fit(const study_fit *fit, size_t steps, size_t *n, mpinn_study_method *methods) {
  for (size_t i = 0; i <= fit->n_contexts; i++) {
    mpinn_study_method *method = add(methods, n, fit->name, fit->kind);
    method->run.whole = i == 0;
    method->fitted_to = i == 0 ? whole : early;
    method->k = i == 0 ? 0 : contexts[i - 1];
    if (fit->kind == MPINN_METHOD_SEGMENTS)
      choose_segments(fit, method);
    else
      choose_networks(fit, steps, method);
  }
}

mpinn_status mpinn_study_methods(mpinn_context *context, const mpinn_study *study, size_t *n,
                                 mpinn_study_method **methods) {
  *n = 0;
  MPINN_TRY(MPINN_NEW(context, methods, 2 * CONTEXTS * study->n_models + MEMORIES + FITS * MOST_OF_A_FIT));
  for (size_t i = 0; i < study->n_models; i++) add_model(&study->models[i], n, *methods);
  add_memories(n, *methods);
  for (size_t i = 0; study->fits && i < FITS; i++) add_fit(&fits[i], study->steps, n, *methods);
  return MPINN_OK;
}
