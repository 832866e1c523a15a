#include "baselines/multi_pinn.h"

#include <math.h>
#include <string.h>

static const char what[] = "fitting the subject's own networks";

void mpinn_networks_fit_options_default(mpinn_networks_fit_options *options) {
  *options = (mpinn_networks_fit_options){.seed = 1,
                                          .steps = 5000,
                                          .rate = 5e-3,
                                          .end_rate = 1e-5,
                                          .alpha = 0.1,
                                          .alpha_share = {0, 0.05},
                                          .healthy_weight = 0.03,
                                          .wall_nodes = 256,
                                          .measured_nodes = 1024};
}

static mpinn_status check_options(mpinn_context *context, const mpinn_networks_fit_options *o) {
  if (o->steps < 1 || o->wall_nodes < 1 || o->measured_nodes < 1)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The fit may make %zu steps, each at %zu nodes of the wall and %zu measured nodes; "
                      "expected at least 1 of each",
                      o->steps, o->wall_nodes, o->measured_nodes);
  if (!(o->end_rate >= 0 && o->end_rate <= o->rate && o->rate > 0 && isfinite(o->rate)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The learning rate goes from %g to %g; expected a number above zero and one from zero "
                      "up to it",
                      o->rate, o->end_rate);
  if (!(o->alpha >= 0 && isfinite(o->alpha)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The weight of the PDE loss is %g; expected a number of at least 0", o->alpha);
  if (!(o->alpha_share[0] >= 0 && o->alpha_share[0] <= o->alpha_share[1] && o->alpha_share[1] <= 1))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The weight of the PDE loss rises from %g to %g of the steps; expected two shares from "
                      "0 to 1, the lower first",
                      o->alpha_share[0], o->alpha_share[1]);
  if (!(o->healthy_weight >= 0 && isfinite(o->healthy_weight)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The weight of healthy velocity is %g; expected a number of at least 0",
                      o->healthy_weight);
  return MPINN_OK;
}

static double alpha_at(const mpinn_networks_fit_options *o, double done) {
  if (done < o->alpha_share[0]) return 0;
  if (done >= o->alpha_share[1]) return o->alpha;
  return o->alpha * (done - o->alpha_share[0]) / (o->alpha_share[1] - o->alpha_share[0]);
}

/* The first steps are small: the eikonal loss of random networks is large, and a velocity net that is thrown
 * far by it does not come back. */
static double rate_at(const mpinn_networks_fit_options *o, double done) {
  static const double warm_up = 0.05;
  const double cosine = 0.5 * (1 + cos(3.14159265358979323846 * done));
  return fmin(1, done / warm_up + 1e-3) * (o->end_rate + (o->rate - o->end_rate) * cosine);
}

static mpinn_status descend(mpinn_multi_pinn *p, const mpinn_networks_fit_options *o) {
  mpinn_random random;
  mpinn_random_seed_stream(&random, o->seed, UINT64_MAX);
  for (size_t step = 0; step < o->steps; step++) {
    const double done = (double)step / (double)o->steps;
    mpinn_fit_losses losses;
    MPINN_TRY(mpinn_progress(p->context, done, what));
    MPINN_TRY(mpinn_multi_pinn_draw(p, &random));
    MPINN_TRY(mpinn_multi_pinn_loss(p, alpha_at(o, done), o->healthy_weight, &losses));
    MPINN_TRY(mpinn_multi_pinn_step(p, rate_at(o, done), (long)step + 1));
  }
  return mpinn_progress(p->context, 1, what);
}

/* Copies what is asked for; NULL is not. */
static void copy(size_t n, const float *from, float *to) {
  if (to) memcpy(to, from, n * sizeof *to);
}

static mpinn_status fit(mpinn_multi_pinn *p, const mpinn_networks_fit_options *options, float *cv, float *at,
                        float *residual, mpinn_networks_fit_report *made) {
  const size_t n = p->nodes.n, all = p->n_maps * n;
  float *made_cv = NULL, *made_at = NULL, *made_residual = NULL;
  mpinn_status status;
  made->steps = options->steps;
  made->n_weights = p->n_parameters;
  made->n_measured = p->measurements.first[p->n_maps];
  MPINN_TRY(mpinn_multi_pinn_evaluate(p, NULL, NULL, NULL, &made->residual_before, &made->misfit_before));
  MPINN_TRY(descend(p, options));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &made_cv, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &made_at, all));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(p->context, &made_residual, all));
  MPINN_TRY_GOTO(done, status,
                 mpinn_multi_pinn_evaluate(p, made_cv, made_at, made_residual, &made->residual_after,
                                           &made->misfit_after));
  copy(n, made_cv, cv);
  copy(all, made_at, at);
  copy(all, made_residual, residual);
done:
  free(made_cv);
  free(made_at);
  free(made_residual);
  return status;
}

mpinn_status mpinn_fit_networks(mpinn_context *context, const mpinn_baseline_input *input,
                                const mpinn_networks_fit_options *options, float *cv, float *at,
                                float *residual, mpinn_networks_fit_report *report) {
  const double start = mpinn_seconds();
  mpinn_networks_fit_report made = {0};
  mpinn_networks_fit_options defaults;
  mpinn_multi_pinn p;
  mpinn_networks_fit_options_default(&defaults);
  if (!options) options = &defaults;
  MPINN_TRY(check_options(context, options));
  MPINN_TRY(mpinn_multi_pinn_create(context, &mpinn_ops_cpu, input, options, &p));
  const mpinn_status status = fit(&p, options, cv, at, residual, &made);
  mpinn_multi_pinn_clear(&p);
  made.seconds = mpinn_seconds() - start;
  if (report && status == MPINN_OK) *report = made;
  return status;
}
