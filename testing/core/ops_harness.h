/* What tests of the operations share: a backend at work, and an operation as a function from one vector to
 * one vector, to be checked against central differences, against the reference and on any number of threads.
 */
#ifndef MPINN_TESTING_OPS_HARNESS_H
#define MPINN_TESTING_OPS_HARNESS_H

#include "nn/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Backends and the relative accuracy to be expected of one operation of theirs. */
static const struct {
  const mpinn_ops *ops;
  double accuracy;
} backends[] = {{&mpinn_ops_cpu, 1e-5}, {&mpinn_ops_cpu_reference, 1e-10}};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

/* A backend at work. Everything it allocates is released when it is closed. */
typedef struct harness {
  const mpinn_ops *ops;
  mpinn_context *context;
  mpinn_backend *backend;
  void *memory[64];
  size_t n_memory;
} harness;

static harness open_harness(const mpinn_ops *ops, int threads) {
  harness s = {.ops = ops};
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = threads;
  assert_int_equal(mpinn_context_create(&options, &s.context), MPINN_OK);
  assert_int_equal(ops->create(s.context, &s.backend), MPINN_OK);
  return s;
}

static void release_all(harness *s) {
  while (s->n_memory > 0) s->ops->release(s->backend, s->memory[--s->n_memory]);
}

static void close_harness(harness *s) {
  release_all(s);
  s->ops->destroy(&s->backend);
  mpinn_context_destroy(&s->context);
}

static void *device(harness *s, size_t n, const double *values) {
  void *memory = NULL;
  assert_true(s->n_memory < sizeof s->memory / sizeof *s->memory);
  assert_int_equal(s->ops->alloc(s->backend, n, &memory), MPINN_OK);
  if (values) assert_int_equal(s->ops->upload(s->backend, n, MPINN_FLOAT64, values, memory), MPINN_OK);
  s->memory[s->n_memory++] = memory;
  return memory;
}

static void fetch(harness *s, size_t n, const void *memory, double *values) {
  assert_int_equal(s->ops->download(s->backend, n, memory, MPINN_FLOAT64, values), MPINN_OK);
}

static double *numbers(size_t n) {
  double *x = calloc(n ? n : 1, sizeof *x);
  assert_non_null(x);
  return x;
}

static double *random_numbers(size_t n, uint64_t seed, double scale) {
  double *x = numbers(n);
  mpinn_random random;
  mpinn_random_seed(&random, seed);
  for (size_t i = 0; i < n; i++) x[i] = (double)(float)(scale * mpinn_random_normal(&random));
  return x;
}

/* The largest difference, relative to the largest expected value. */
static double difference(size_t n, const double *values, const double *expected) {
  double largest = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(fabs(values[i] - expected[i]) <= largest)) largest = fabs(values[i] - expected[i]);
    scale = fmax(scale, fabs(expected[i]));
  }
  return scale > 0 ? largest / scale : largest;
}

static void assert_close(const char *what, size_t n, const double *values, const double *expected,
                         double tolerance) {
  const double d = difference(n, values, expected);
  if (!(d <= tolerance)) fail_msg("%s differs by %g, more than %g", what, d, tolerance);
}

typedef struct problem problem;
struct problem {
  const char *name;
  /* in[n_in] → out[n_out]; where d_out is not NULL, d_in[n_in] too. */
  void (*run)(harness *s, const problem *p, const double *in, double *out, const double *d_out, double *d_in);
  size_t (*n_in)(const problem *p);
  size_t (*n_out)(const problem *p);
  size_t a, b, c, d; /* sizes */
  mpinn_activation activation;
  bool flag;
  double scale; /* of the random input */
};

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Σ c · out at in + t direction. */
static double along(harness *s, const problem *p, const double *in, const double *direction, double t,
                    const double *c) {
  const size_t n = p->n_in(p), n_out = p->n_out(p);
  double *moved = numbers(n), *out = numbers(n_out);
  for (size_t i = 0; i < n; i++) moved[i] = in[i] + t * direction[i];
  p->run(s, p, moved, out, NULL, NULL);
  const double sum = dot(n_out, c, out);
  release_all(s);
  free(moved);
  free(out);
  return sum;
}

/* Of Σ c · out. */
static void check_derivative(harness *s, const problem *p, const double *c) {
  const size_t n = p->n_in(p), n_out = p->n_out(p);
  double *in = random_numbers(n, 1, p->scale), *out = numbers(n_out);
  double *d_in = numbers(n), *direction = numbers(n);
  mpinn_random random;
  mpinn_random_seed(&random, 3);
  p->run(s, p, in, out, c, d_in);
  release_all(s);
  const double scale = sqrt(dot(n, d_in, d_in) / (double)n);
  for (int trial = 0; trial < 24; trial++) {
    /* Every other time one coordinate, else a random direction. */
    const size_t coordinate = mpinn_random_below(&random, n);
    for (size_t i = 0; i < n; i++)
      direction[i] = trial % 2 ? (double)(i == coordinate) : mpinn_random_normal(&random) / sqrt((double)n);
    const double h = 1e-5,
                 slope = (along(s, p, in, direction, h, c) - along(s, p, in, direction, -h, c)) / (2 * h);
    const double expected = dot(n, d_in, direction);
    if (!(fabs(slope - expected) <= 1e-6 * fmax(fabs(expected), scale)))
      fail_msg("%s, trial %d: derivative %.12g but differences give %.12g", p->name, trial, expected, slope);
  }
  free(in);
  free(out);
  free(d_in);
  free(direction);
}

static void check_derivatives(harness *s, size_t n_problems, const problem *problems) {
  for (size_t i = 0; i < n_problems; i++) {
    double *c = random_numbers(problems[i].n_out(&problems[i]), 2, 1);
    check_derivative(s, &problems[i], c);
    free(c);
  }
}

/* Output and derivatives, one after the other, for the caller to free. */
static double *solve(const mpinn_ops *ops, int threads, const problem *p, size_t *count) {
  const size_t n = p->n_in(p), n_out = p->n_out(p);
  harness s = open_harness(ops, threads);
  double *in = random_numbers(n, 11, p->scale), *d_out = random_numbers(n_out, 12, 1),
         *all = numbers(n_out + n);
  p->run(&s, p, in, all, d_out, all + n_out);
  *count = n_out + n;
  close_harness(&s);
  free(in);
  free(d_out);
  return all;
}

static void compare_with_reference(const mpinn_ops *ops, const problem *p, double accuracy) {
  size_t n;
  double *values = solve(ops, 2, p, &n), *expected = solve(&mpinn_ops_cpu_reference, 2, p, &n);
  const size_t n_out = p->n_out(p);
  assert_close(p->name, n_out, values, expected, accuracy);
  assert_close(p->name, n - n_out, values + n_out, expected + n_out, accuracy);
  free(values);
  free(expected);
}

static void compare_all_with_reference(size_t n_problems, const problem *problems) {
  for (size_t b = 0; b < N_BACKENDS; b++)
    for (size_t i = 0; i < n_problems; i++)
      compare_with_reference(backends[b].ops, &problems[i], backends[b].accuracy);
}

static void compare_thread_counts(const mpinn_ops *ops, const problem *p) {
  size_t n;
  double *one = solve(ops, 1, p, &n);
  for (int threads = 2; threads <= 3; threads++) {
    double *more = solve(ops, threads, p, &n);
    if (memcmp(one, more, n * sizeof *one) != 0)
      fail_msg("%s on %d threads differs from one thread (%s)", p->name, threads, ops->name);
    free(more);
  }
  free(one);
}

static void compare_all_thread_counts(size_t n_problems, const problem *problems) {
  for (size_t b = 0; b < N_BACKENDS; b++)
    for (size_t i = 0; i < n_problems; i++) compare_thread_counts(backends[b].ops, &problems[i]);
}

#endif
