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

static void add_memories(size_t *n, mpinn_study_method *methods) {
  static const struct {
    const char *name, *fitted_to, *origin;
  } memories[] = {
      {"healthy", "nothing", given}, {"mean-cv", "nothing", given}, {"nearest-subject", "20 %", unused}};
  for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
    mpinn_study_method *method = add(methods, n, memories[i].name, MPINN_METHOD_HEALTHY);
    method->fitted_to = memories[i].fitted_to;
    method->origin = memories[i].origin;
    method->k = 0;
    method->remembers = true;
    snprintf(method->by, sizeof method->by, "-");
  }
}

/* ---- fits, as in the paper and with what the weights are given ---- */

/* The i-th of a fit: to the whole query map, then to its beginning and ever fewer context maps. */
static mpinn_study_method *add_fit(const char *name, mpinn_method_kind kind, size_t i, size_t *n,
                                   mpinn_study_method *methods) {
  mpinn_study_method *method = add(methods, n, name, kind);
  method->run.whole = i == 0;
  method->fitted_to = i == 0 ? whole : early;
  method->k = i == 0 ? 0 : contexts[i - 1];
  return method;
}

static void add_segments(const char *name, mpinn_segmentation segmentation, size_t n_contexts, size_t *n,
                         mpinn_study_method *methods) {
  for (size_t i = 0; i <= n_contexts; i++) {
    mpinn_study_method *method = add_fit(name, MPINN_METHOD_SEGMENTS, i, n, methods);
    mpinn_segments_fit_options *o = &method->run.segments;
    method->given = method->run.whole;
    method->origin = method->given ? given : found;
    o->segmentation = segmentation;
    snprintf(method->by, sizeof method->by, "%s; %g to %g from %g m/s; %zu",
             mpinn_segmentation_name(segmentation), o->bounds[0], o->bounds[1], o->start, o->max_evaluations);
  }
}

static void add_multi_pinn(const char *name, bool published, size_t steps, size_t n_contexts, size_t *n,
                           mpinn_study_method *methods) {
  for (size_t i = 0; i <= n_contexts; i++) {
    mpinn_study_method *method = add_fit(name, MPINN_METHOD_NETWORKS, i, n, methods);
    mpinn_networks_fit_options *o = &method->run.networks;
    method->origin = unused;
    if (published) o->alpha = 1, o->healthy_weight = 0;
    if (steps > 0) o->steps = steps;
    snprintf(method->by, sizeof method->by, "alpha %g; beta %g; %zu steps at %g; seed %llu", o->alpha,
             o->healthy_weight, o->steps, o->rate, (unsigned long long)o->seed);
  }
}

mpinn_status mpinn_study_methods(mpinn_context *context, const mpinn_study *study, size_t *n,
                                 mpinn_study_method **methods) {
  enum { OF_A_MODEL = 2 * CONTEXTS, MEMORIES = 3, FITS = 3 * (1 + CONTEXTS) + 2 * 2 };
  *n = 0;
  MPINN_TRY(MPINN_NEW(context, methods, OF_A_MODEL * study->n_models + MEMORIES + FITS));
  for (size_t i = 0; i < study->n_models; i++) add_model(&study->models[i], n, *methods);
  add_memories(n, *methods);
  if (!study->fits) return MPINN_OK;
  add_segments("physics-based, 5 groups", MPINN_SEGMENTATION_PAPER, CONTEXTS, n, *methods);
  add_segments("physics-based, AHA-17 and RV", MPINN_SEGMENTATION_AHA, CONTEXTS, n, *methods);
  add_segments("physics-based, released groups", MPINN_SEGMENTATION_RELEASED, 1, n, *methods);
  add_multi_pinn("multi-PINN", false, study->steps, CONTEXTS, n, *methods);
  add_multi_pinn("multi-PINN, published loss", true, study->steps, 1, n, *methods);
  return MPINN_OK;
}
