/* Field nets that read the features of anchors: against the plain field net, against central differences by
 * weights, features and position, against the double-precision reference, and on any number of threads. */
#include "ops_harness.h"

enum { ANCHORS = 9 };

/* Entries of n points: some points have none. Their gradients are any numbers, which the arithmetic does not
 * mind. */
static mpinn_reach *random_reach(harness *s, size_t n) {
  mpinn_random random;
  mpinn_reach *reach = NULL;
  int32_t *first = calloc(n + 1, sizeof *first), *anchor = calloc(6 * n + 1, sizeof *anchor);
  float *weight = calloc(6 * n + 1, sizeof *weight), *gradient = calloc(18 * n + 1, sizeof *gradient);
  mpinn_random_seed(&random, n);
  for (size_t i = 0; i < n; i++)
    first[i + 1] = first[i] + (i % 7 == 2 ? 0 : (int32_t)mpinn_random_below(&random, 6) + 1);
  for (size_t e = 0; e < (size_t)first[n]; e++) {
    anchor[e] = (int32_t)mpinn_random_below(&random, ANCHORS);
    weight[e] = (float)mpinn_random_normal(&random) / 3;
    for (size_t d = 0; d < 3; d++) gradient[3 * e + d] = (float)mpinn_random_normal(&random) / 3;
  }
  assert_int_equal(s->ops->reach_create(s->backend, n, ANCHORS, first, anchor, weight, gradient, &reach),
                   MPINN_OK);
  free(first);
  free(anchor);
  free(weight);
  free(gradient);
  return reach;
}

/* networks a, points b, layers c, width d, d + 1 features; flag: with the gradient; unless factored, the
 * output is bounded where the width is odd. Input: weights, then the sets of features. */
static mpinn_field_net net_of(const problem *p, bool factored) {
  return (mpinn_field_net){.layers = (int)p->c,
                           .width = (int)p->d,
                           .activation = p->activation,
                           .low = 0.1,
                           .high = 0.7,
                           .steepness = p->d % 2 ? 1.5 : 0,
                           .features = (int)p->d + 1,
                           .factored = factored};
}

static size_t local_weights(const problem *p, bool factored) {
  const mpinn_field_net net = net_of(p, factored);
  return p->a * mpinn_field_net_weights(&net);
}

static size_t features_in(const problem *p, size_t sets) {
  return sets * ANCHORS * (p->d + 1);
}

static size_t plain_in(const problem *p) {
  return local_weights(p, false) + features_in(p, p->a);
}

static size_t factored_in(const problem *p) {
  return local_weights(p, true) + features_in(p, p->a);
}

static size_t shared_in(const problem *p) {
  return local_weights(p, true) + features_in(p, 1);
}

static size_t local_out(const problem *p) {
  return p->a * p->b * (p->flag ? 4 : 1);
}

static void local_any(harness *s, const problem *p, bool factored, size_t sets, const double *in, double *out,
                      const double *d_out, double *d_in) {
  const mpinn_field_net net = net_of(p, factored);
  const size_t n = p->a * p->b, nw = local_weights(p, factored), nf = features_in(p, sets);
  double *positions = random_numbers(3 * p->b, 77, 0.7), *origins = random_numbers(3 * p->a, 78, 0.7);
  mpinn_reach *reach = random_reach(s, p->b);
  void *points = device(s, 3 * p->b, positions), *origin = factored ? device(s, 3 * p->a, origins) : NULL;
  void *weights = device(s, nw, in), *features = device(s, nf, in + nw);
  void *value = device(s, n, NULL), *gradient = p->flag ? device(s, 3 * n, NULL) : NULL;
  free(positions);
  free(origins);
  assert_int_equal(s->ops->local_field_forward(s->backend, &net, p->a, weights, p->b, points, reach, sets,
                                               features, origin, value, gradient),
                   MPINN_OK);
  fetch(s, n, value, out);
  if (gradient) fetch(s, 3 * n, gradient, out + n);
  if (d_out) {
    /* Derivatives are overwritten, so what was there must not matter. */
    void *d_value = device(s, n, d_out), *d_gradient = p->flag ? device(s, 3 * n, d_out + n) : NULL;
    void *d_weights = device(s, nw, in), *d_features = device(s, nf, in);
    assert_int_equal(s->ops->local_field_backward(s->backend, &net, p->a, weights, p->b, points, reach, sets,
                                                  features, origin, d_value, d_gradient, d_weights,
                                                  d_features),
                     MPINN_OK);
    fetch(s, nw, d_weights, d_in);
    fetch(s, nf, d_features, d_in + nw);
  }
  s->ops->reach_destroy(s->backend, &reach);
  assert_null(reach);
}

static void plain_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                      double *d_in) {
  local_any(s, p, false, p->a, in, out, d_out, d_in);
}

static void factored_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                         double *d_in) {
  local_any(s, p, true, p->a, in, out, d_out, d_in);
}

static void shared_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                       double *d_in) {
  local_any(s, p, true, 1, in, out, d_out, d_in);
}

#define PLAIN plain_run, plain_in, local_out
#define FACTORED factored_run, factored_in, local_out
#define SHARED shared_run, shared_in, local_out

static const problem small_problems[] = {
    {"a local tanh field with gradient", PLAIN, 2, 13, 3, 6, MPINN_TANH, true, 0.5},
    {"a bounded local tanh field with gradient", PLAIN, 2, 70, 4, 5, MPINN_TANH, true, 0.5},
    {"a bounded local ELU field", PLAIN, 1, 9, 2, 21, MPINN_ELU, false, 0.3},
    {"a factored field with gradient", FACTORED, 2, 40, 3, 7, MPINN_TANH, true, 0.4},
    {"a factored field", FACTORED, 1, 9, 3, 15, MPINN_TANH, false, 0.3},
    {"a factored ReLU field with gradient", FACTORED, 1, 12, 3, 8, MPINN_RELU, true, 0.3},
    {"factored fields of shared features", SHARED, 3, 20, 3, 6, MPINN_TANH, true, 0.4},
    {"factored fields of the published width", SHARED, 2, 66, 3, 20, MPINN_TANH, true, 0.3},
};
enum { N_SMALL = sizeof small_problems / sizeof *small_problems };

static const problem large_problems[] = {
    {"local velocity nets", PLAIN, 3, 1100, 4, 21, MPINN_ELU, false, 0.2},
    {"factored fields with gradient", FACTORED, 2, 1300, 3, 20, MPINN_TANH, true, 0.2},
    {"factored fields of shared features", SHARED, 3, 700, 3, 20, MPINN_TANH, true, 0.2},
};
enum { N_LARGE = sizeof large_problems / sizeof *large_problems };

static void derivatives_agree_with_central_differences(void **state) {
  (void)state;
  harness s = open_harness(&mpinn_ops_cpu_reference, 1);
  check_derivatives(&s, N_SMALL, small_problems);
  close_harness(&s);
}

static void every_backend_agrees_with_the_reference(void **state) {
  (void)state;
  compare_all_with_reference(N_SMALL, small_problems);
  compare_all_with_reference(N_LARGE, large_problems);
}

static void results_do_not_depend_on_the_number_of_threads(void **state) {
  (void)state;
  compare_all_thread_counts(N_LARGE, large_problems);
}

/* Anchors whose weights are affine in the position, weight = k · x + c, at points of n × [3]. All numbers are
 * multiples of 1/1024, so that a float holds every weight exactly. */
static mpinn_reach *affine_reach(harness *s, size_t n, const double *points, size_t anchors, const double *k,
                                 const double *c) {
  mpinn_reach *reach = NULL;
  int32_t *first = calloc(n + 1, sizeof *first), *anchor = calloc(n * anchors, sizeof *anchor);
  float *weight = calloc(n * anchors, sizeof *weight), *gradient = calloc(3 * n * anchors, sizeof *gradient);
  for (size_t i = 0; i < n; i++) {
    first[i + 1] = (int32_t)((i + 1) * anchors);
    for (size_t a = 0; a < anchors; a++) {
      double sum = c[a];
      for (size_t d = 0; d < 3; d++) {
        sum += k[3 * a + d] * points[3 * i + d];
        gradient[3 * (i * anchors + a) + d] = (float)k[3 * a + d];
      }
      anchor[i * anchors + a] = (int32_t)a;
      weight[i * anchors + a] = (float)sum;
    }
  }
  assert_int_equal(s->ops->reach_create(s->backend, n, anchors, first, anchor, weight, gradient, &reach),
                   MPINN_OK);
  free(first);
  free(anchor);
  free(weight);
  free(gradient);
  return reach;
}

/* Where the features are the position itself, a local net is the plain net of the same weights. */
static void features_that_are_the_position_make_the_plain_net(void **state) {
  (void)state;
  enum { N = 100 };
  const double k[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, c[3] = {0, 0, 0};
  const mpinn_field_net plain = {.layers = 4, .width = 20, .activation = MPINN_TANH};
  mpinn_field_net net = plain;
  net.features = 3;
  const size_t all = mpinn_field_net_weights(&plain);
  assert_int_equal(mpinn_field_net_weights(&net), all);
  double *positions = random_numbers(3 * N, 1, 1), *weights = random_numbers(all, 2, 0.4);
  double *d_value = random_numbers(N, 3, 1), *d_gradient = random_numbers(3 * N, 4, 1), *got[2], *d_got[2];
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    mpinn_reach *reach = affine_reach(&s, N, positions, 3, k, c);
    void *x = device(&s, 3 * N, positions), *w = device(&s, all, weights), *value = device(&s, N, NULL);
    void *gradient = device(&s, 3 * N, NULL), *identity = device(&s, 9, k), *dv = device(&s, N, d_value);
    void *dg = device(&s, 3 * N, d_gradient), *dw = device(&s, all, NULL), *df = device(&s, 9, NULL);
    for (int local = 0; local < 2; local++) {
      got[local] = numbers(4 * N);
      d_got[local] = numbers(all);
      if (local) {
        assert_int_equal(s.ops->local_field_forward(s.backend, &net, 1, w, N, x, reach, 1, identity, NULL,
                                                    value, gradient),
                         MPINN_OK);
        assert_int_equal(s.ops->local_field_backward(s.backend, &net, 1, w, N, x, reach, 1, identity, NULL,
                                                     dv, dg, dw, df),
                         MPINN_OK);
      } else {
        assert_int_equal(s.ops->field_forward(s.backend, &plain, 1, w, N, x, value, gradient), MPINN_OK);
        assert_int_equal(s.ops->field_backward(s.backend, &plain, 1, w, N, x, dv, dg, dw), MPINN_OK);
      }
      fetch(&s, N, value, got[local]);
      fetch(&s, 3 * N, gradient, got[local] + N);
      fetch(&s, all, dw, d_got[local]);
    }
    assert_close("a local net of positions", 4 * N, got[1], got[0], backends[b].accuracy);
    assert_close("its derivative by the weights", all, d_got[1], d_got[0], backends[b].accuracy);
    for (int local = 0; local < 2; local++) {
      free(got[local]);
      free(d_got[local]);
    }
    s.ops->reach_destroy(s.backend, &reach);
    close_harness(&s);
  }
  free(positions);
  free(weights);
  free(d_value);
  free(d_gradient);
}

static double *dyadic_numbers(size_t n, uint64_t seed) {
  double *x = random_numbers(n, seed, 1);
  for (size_t i = 0; i < n; i++) x[i] = round(16 * x[i]) / 16;
  return x;
}

/* Values and gradients [4][n] at the points moved by step along dimension d. */
static double *values_moved(harness *s, const mpinn_field_net *net, size_t n, const double *points, size_t d,
                            double step) {
  enum { A = 5 };
  const size_t all = mpinn_field_net_weights(net), features = (size_t)net->features;
  const double origin[3] = {0.25, -0.5, 0.125};
  double *k = dyadic_numbers(3 * A, 5), *c = dyadic_numbers(A, 6), *moved = numbers(3 * n),
         *got = numbers(4 * n);
  double *weights = random_numbers(all, 7, 0.3), *f = random_numbers(A * features, 8, 0.3);
  for (size_t i = 0; i < 3 * n; i++) moved[i] = points[i] + (i % 3 == d ? step : 0);
  mpinn_reach *reach = affine_reach(s, n, moved, A, k, c);
  void *value = device(s, n, NULL), *gradient = device(s, 3 * n, NULL);
  assert_int_equal(s->ops->local_field_forward(s->backend, net, 1, device(s, all, weights), n,
                                               device(s, 3 * n, moved), reach, 1, device(s, A * features, f),
                                               device(s, 3, origin), value, gradient),
                   MPINN_OK);
  fetch(s, n, value, got);
  fetch(s, 3 * n, gradient, got + n);
  s->ops->reach_destroy(s->backend, &reach);
  release_all(s);
  free(k);
  free(c);
  free(moved);
  free(weights);
  free(f);
  return got;
}

static void gradients_are_the_derivatives_by_position(void **state) {
  (void)state;
  enum { N = 30 };
  double *points = dyadic_numbers(3 * N, 9);
  for (int factored = 0; factored < 2; factored++) {
    const mpinn_field_net net = {.layers = 3,
                                 .width = 12,
                                 .activation = MPINN_TANH,
                                 .low = 0.1,
                                 .high = 0.7,
                                 .steepness = 2,
                                 .features = 6,
                                 .factored = factored};
    harness s = open_harness(&mpinn_ops_cpu_reference, 1);
    double *here = values_moved(&s, &net, N, points, 0, 0), *slopes = numbers(3 * N);
    const double step = 1.0 / 1024;
    for (size_t d = 0; d < 3; d++) {
      double *after = values_moved(&s, &net, N, points, d, step),
             *before = values_moved(&s, &net, N, points, d, -step);
      for (size_t i = 0; i < N; i++) slopes[3 * i + d] = (after[i] - before[i]) / (2 * step);
      free(after);
      free(before);
    }
    assert_close("the gradient", 3 * N, here + N, slopes, 1e-4);
    free(here);
    free(slopes);
    close_harness(&s);
  }
  free(points);
}

static void a_factored_field_vanishes_at_its_origin(void **state) {
  (void)state;
  const mpinn_field_net net = {
      .layers = 3, .width = 12, .activation = MPINN_TANH, .features = 6, .factored = true};
  const double points[6] = {0.25, -0.5, 0.125, 1, 1, 1};
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    double *got = values_moved(&s, &net, 2, points, 0, 0);
    assert_true(got[0] == 0 && got[1] > 0);
    for (size_t i = 2; i < 5; i++) assert_true(got[i] == 0);
    for (size_t i = 5; i < 8; i++) assert_true(isfinite(got[i]));
    free(got);
    close_harness(&s);
  }
}

static void what_does_not_fit_is_refused_with_a_sentence(void **state) {
  (void)state;
  const int32_t first[3] = {0, 1, 2}, anchor[2] = {0, 3};
  const float weight[2] = {1, 1}, gradient[6] = {0};
  mpinn_field_net net = {.layers = 2, .width = 2, .activation = MPINN_TANH, .features = 1};
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    mpinn_reach *reach = NULL;
    void *x = device(&s, 64, NULL);
    assert_int_equal(s.ops->reach_create(s.backend, 2, 3, first, anchor, weight, gradient, &reach),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "no anchor 3"));
    assert_null(reach);
    assert_int_equal(s.ops->reach_create(s.backend, 2, 4, first, anchor, weight, gradient, &reach), MPINN_OK);
    net.factored = false;
    assert_int_equal(s.ops->local_field_forward(s.backend, &net, 2, x, 3, x, reach, 1, x, NULL, x, NULL),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "2 points"));
    assert_int_equal(s.ops->local_field_forward(s.backend, &net, 3, x, 2, x, reach, 2, x, NULL, x, NULL),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "sets of features"));
    assert_int_equal(s.ops->field_forward(s.backend, &net, 1, x, 2, x, x, NULL), MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "without features"));
    net.factored = true;
    assert_int_equal(s.ops->local_field_forward(s.backend, &net, 1, x, 2, x, reach, 1, x, NULL, x, NULL),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "origin"));
    s.ops->reach_destroy(s.backend, &reach);
    close_harness(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derivatives_agree_with_central_differences),
      cmocka_unit_test(every_backend_agrees_with_the_reference),
      cmocka_unit_test(results_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(features_that_are_the_position_make_the_plain_net),
      cmocka_unit_test(gradients_are_the_derivatives_by_position),
      cmocka_unit_test(a_factored_field_vanishes_at_its_origin),
      cmocka_unit_test(what_does_not_fit_is_refused_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
