/* The operations on edges, and the small ones that go with them: against a plain loop, against central
 * differences, against the double-precision reference, and on any number of threads. */
#include "ops_harness.h"

/* Edges of a random bipartite graph: some targets have none, one has many. */
typedef struct edges {
  size_t count;
  int32_t *first, *source;
  float *attribute, *weight;
} edges;

static edges random_edges(size_t targets, size_t sources, size_t attributes) {
  mpinn_random random;
  edges g = {.first = calloc(targets + 1, sizeof *g.first)};
  mpinn_random_seed(&random, 100 * targets + sources);
  for (size_t t = 0; t < targets; t++) {
    const size_t degree = t % 5 == 3 ? 0 : t == 1 ? 25 : mpinn_random_below(&random, 7);
    g.first[t + 1] = g.first[t] + (int32_t)degree;
  }
  g.count = (size_t)g.first[targets];
  g.source = calloc(g.count + 1, sizeof *g.source);
  g.attribute = calloc(g.count * attributes + 1, sizeof *g.attribute);
  g.weight = calloc(g.count + 1, sizeof *g.weight);
  for (size_t e = 0; e < g.count; e++) {
    g.source[e] = (int32_t)mpinn_random_below(&random, sources);
    g.weight[e] = (float)mpinn_random_uniform(&random, 0.1, 1);
  }
  for (size_t i = 0; i < g.count * attributes; i++) g.attribute[i] = (float)mpinn_random_normal(&random);
  return g;
}

static void free_edges(edges *g) {
  free(g->first);
  free(g->source);
  free(g->attribute);
  free(g->weight);
}

static mpinn_edge_plan *random_plan(harness *s, size_t targets, size_t sources, size_t attributes,
                                    bool weighted) {
  edges g = random_edges(targets, sources, attributes);
  mpinn_edge_plan *plan = NULL;
  assert_int_equal(s->ops->edge_plan_create(s->backend, targets, sources, g.first, g.source, attributes,
                                            attributes ? g.attribute : NULL, weighted ? g.weight : NULL,
                                            &plan),
                   MPINN_OK);
  free_edges(&g);
  return plan;
}

/* targets a, sources b, h c, attributes d; flag: weights given. Input: p, q, W. */
static size_t edge_in(const problem *p) {
  return (p->a + p->b + p->d) * p->c;
}

static size_t edge_out(const problem *p) {
  return 2 * p->a * p->c;
}

static void edge_any(harness *s, const problem *p, bool has_p, bool has_q, const double *in, double *out,
                     const double *d_out, double *d_in) {
  const size_t np = p->a * p->c, nq = p->b * p->c, nw = p->d * p->c, ny = 2 * np;
  mpinn_edge_plan *plan = random_plan(s, p->a, p->b, p->d, p->flag);
  void *at = has_p ? device(s, np, in) : NULL, *from = has_q ? device(s, nq, in + np) : NULL;
  void *w = nw ? device(s, nw, in + np + nq) : NULL, *y = device(s, ny, NULL);
  assert_int_equal(s->ops->edge_forward(s->backend, plan, p->c, at, from, w, y), MPINN_OK);
  fetch(s, ny, y, out);
  if (d_out) {
    /* dp and dq are overwritten, so what was there must not matter. */
    void *dy = device(s, ny, d_out), *dp = has_p ? device(s, np, in) : NULL;
    void *dq = has_q ? device(s, nq, in) : NULL, *dw = nw ? device(s, nw, NULL) : NULL;
    assert_int_equal(s->ops->edge_backward(s->backend, plan, p->c, at, from, w, y, dy, dp, dq, dw), MPINN_OK);
    memset(d_in, 0, edge_in(p) * sizeof *d_in);
    if (dp) fetch(s, np, dp, d_in);
    if (dq) fetch(s, nq, dq, d_in + np);
    if (dw) fetch(s, nw, dw, d_in + np + nq);
  }
  s->ops->edge_plan_destroy(s->backend, &plan);
  assert_null(plan);
}

static void edge_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                     double *d_in) {
  edge_any(s, p, true, true, in, out, d_out, d_in);
}

static void edge_sources_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                             double *d_in) {
  edge_any(s, p, false, true, in, out, d_out, d_in);
}

static void edge_targets_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                             double *d_in) {
  edge_any(s, p, true, false, in, out, d_out, d_in);
}

static size_t mix_in(const problem *p) { /* targets a, sources b, h c */
  return p->b * p->c;
}

static size_t mix_out(const problem *p) {
  return p->a * p->c;
}

static void mix_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                    double *d_in) {
  mpinn_edge_plan *plan = random_plan(s, p->a, p->b, 0, p->flag);
  void *x = device(s, mix_in(p), in), *y = device(s, mix_out(p), NULL);
  assert_int_equal(s->ops->mix_forward(s->backend, plan, p->c, x, y), MPINN_OK);
  fetch(s, mix_out(p), y, out);
  if (d_out) {
    void *dy = device(s, mix_out(p), d_out), *dx = device(s, mix_in(p), in);
    assert_int_equal(s->ops->mix_backward(s->backend, plan, p->c, dy, dx), MPINN_OK);
    fetch(s, mix_in(p), dx, d_in);
  }
  s->ops->edge_plan_destroy(s->backend, &plan);
}

static size_t mean_max_in(const problem *p) { /* groups a, rows b, columns c */
  return p->a * p->b * p->c;
}

static size_t mean_max_out(const problem *p) {
  return 2 * p->b * p->c;
}

static void mean_max_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                         double *d_in) {
  void *x = device(s, mean_max_in(p), in), *y = device(s, mean_max_out(p), NULL);
  assert_int_equal(s->ops->mean_max_forward(s->backend, p->a, p->b, p->c, x, y), MPINN_OK);
  fetch(s, mean_max_out(p), y, out);
  if (!d_out) return;
  void *dy = device(s, mean_max_out(p), d_out), *dx = device(s, mean_max_in(p), in);
  assert_int_equal(s->ops->mean_max_backward(s->backend, p->a, p->b, p->c, x, y, dy, dx), MPINN_OK);
  fetch(s, mean_max_in(p), dx, d_in);
}

static size_t add_in(const problem *p) { /* a numbers twice */
  return 2 * p->a;
}

static size_t add_out(const problem *p) {
  return p->a;
}

static void add_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                    double *d_in) {
  void *x = device(s, p->a, in), *y = device(s, p->a, in + p->a);
  assert_int_equal(s->ops->add(s->backend, p->a, x, y), MPINN_OK);
  fetch(s, p->a, y, out);
  for (size_t i = 0; d_out && i < 2 * p->a; i++) d_in[i] = d_out[i % p->a];
}

static size_t speed_in(const problem *p) { /* a speeds */
  return p->a;
}

static size_t speed_out(const problem *p) {
  (void)p;
  return 1;
}

static void speed_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                      double *d_in) {
  double *target = random_numbers(p->a, 9, 1);
  void *d_speed = device(s, p->a, in);
  const double by_sum = d_out ? d_out[0] : 1;
  assert_int_equal(s->ops->speed_loss(s->backend, p->a, device(s, p->a, in), device(s, p->a, target), 0.7,
                                      1.3, d_speed, out),
                   MPINN_OK);
  free(target);
  if (!d_out) return;
  fetch(s, p->a, d_speed, d_in);
  for (size_t i = 0; i < p->a; i++) d_in[i] *= by_sum;
}

#define EDGE edge_run, edge_in, edge_out
#define EDGE_SOURCES edge_sources_run, edge_in, edge_out
#define EDGE_TARGETS edge_targets_run, edge_in, edge_out
#define MIX mix_run, mix_in, mix_out
#define MEAN_MAX mean_max_run, mean_max_in, mean_max_out
#define ADD add_run, add_in, add_out
#define SPEED speed_run, speed_in, speed_out

static const problem small_problems[] = {
    {"EdgeConv of 8 columns", EDGE, 9, 7, 8, 3, MPINN_LINEAR, false, 1},
    {"EdgeConv of 1 column, weighted", EDGE, 14, 5, 1, 2, MPINN_LINEAR, true, 1},
    {"EdgeConv of 27 columns, weighted", EDGE, 7, 11, 27, 7, MPINN_LINEAR, true, 1},
    {"EdgeConv of 64 columns", EDGE, 40, 20, 64, 6, MPINN_LINEAR, false, 1},
    {"EdgeConv without attributes", EDGE, 9, 7, 12, 0, MPINN_LINEAR, true, 1},
    {"EdgeConv of sources alone", EDGE_SOURCES, 9, 7, 24, 3, MPINN_LINEAR, true, 1},
    {"EdgeConv of targets alone", EDGE_TARGETS, 9, 7, 24, 3, MPINN_LINEAR, true, 1},
    {"EdgeConv of one source", EDGE, 3, 1, 8, 2, MPINN_LINEAR, false, 1},
    {"mean and maximum of five groups", MEAN_MAX, 5, 6, 7, 0, MPINN_LINEAR, false, 1},
    {"mean and maximum of one group", MEAN_MAX, 1, 3, 4, 0, MPINN_LINEAR, false, 1},
    {"a mean over edges", MIX, 9, 7, 5, 0, MPINN_LINEAR, false, 1},
    {"a weighted mean over edges", MIX, 9, 7, 40, 0, MPINN_LINEAR, true, 1},
    {"a sum of two", ADD, 13, 0, 0, 0, MPINN_LINEAR, false, 1},
    {"the loss of speeds", SPEED, 17, 0, 0, 0, MPINN_LINEAR, false, 1},
};
enum { N_SMALL = sizeof small_problems / sizeof *small_problems };

static const problem large_problems[] = {
    {"EdgeConv of 64 columns", EDGE, 400, 300, 64, 6, MPINN_LINEAR, false, 1},
    {"EdgeConv of 128 columns, weighted", EDGE, 300, 450, 128, 5, MPINN_LINEAR, true, 1},
    {"EdgeConv of 43 columns", EDGE, 700, 200, 43, 8, MPINN_LINEAR, false, 1},
    {"EdgeConv of sources alone", EDGE_SOURCES, 500, 100, 32, 7, MPINN_LINEAR, true, 1},
    {"mean and maximum of groups", MEAN_MAX, 5, 2000, 96, 0, MPINN_LINEAR, false, 1},
    {"a weighted mean over edges", MIX, 4000, 3000, 72, 0, MPINN_LINEAR, true, 1},
    {"a sum of two", ADD, 600000, 0, 0, 0, MPINN_LINEAR, false, 1},
    {"the loss of speeds", SPEED, 200003, 0, 0, 0, MPINN_LINEAR, false, 1},
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

static void edge_convolution_follows_its_definition(void **state) {
  (void)state;
  enum { TARGETS = 30, SOURCES = 12, H = 21, ATTRIBUTES = 4 };
  double *p = random_numbers(TARGETS * H, 1, 1), *q = random_numbers(SOURCES * H, 2, 1);
  double *w = random_numbers(ATTRIBUTES * H, 3, 1), *expected = numbers(TARGETS * 2 * H),
         *got = numbers(TARGETS * 2 * H);
  edges g = random_edges(TARGETS, SOURCES, ATTRIBUTES);
  for (size_t t = 0; t < TARGETS; t++)
    for (size_t j = 0; j < H; j++)
      for (int32_t e = g.first[t]; e < g.first[t + 1]; e++) {
        double z = p[t * H + j] + q[(size_t)g.source[e] * H + j];
        for (size_t a = 0; a < ATTRIBUTES; a++)
          z += (double)g.attribute[(size_t)e * ATTRIBUTES + a] * w[a * H + j];
        expected[t * 2 * H + j] += fmax(z, 0) / (g.first[t + 1] - g.first[t]);
        expected[t * 2 * H + H + j] = fmax(expected[t * 2 * H + H + j], z);
      }
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    mpinn_edge_plan *plan = random_plan(&s, TARGETS, SOURCES, ATTRIBUTES, false);
    void *y = device(&s, TARGETS * 2 * H, expected);
    assert_int_equal(s.ops->edge_forward(s.backend, plan, H, device(&s, TARGETS * H, p),
                                         device(&s, SOURCES * H, q), device(&s, ATTRIBUTES * H, w), y),
                     MPINN_OK);
    fetch(&s, TARGETS * 2 * H, y, got);
    assert_close("EdgeConv", TARGETS * 2 * H, got, expected, backends[b].accuracy);
    s.ops->edge_plan_destroy(s.backend, &plan);
    close_harness(&s);
  }
  free_edges(&g);
  free(p);
  free(q);
  free(w);
  free(expected);
  free(got);
}

/* One target, sources 0 … 3; column 0 has two equal maxima, column 1 is clamped everywhere. */
static void the_maximum_sends_its_derivative_to_the_first_edge_or_to_none(void **state) {
  (void)state;
  const int32_t first[3] = {0, 4, 4}, source[4] = {0, 1, 2, 3};
  const float attribute[4] = {0, 0, 0, 0};
  const double q[8] = {1, -1, 3, 0, 3, -2, -1, -1}, w[2] = {0, 0}, before[2] = {100, 200};
  const double dy[8] = {8, 8, 5, 5, 7, 7, 7, 7};
  double y[8], dq[8], dp[4], dw[2];
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    mpinn_edge_plan *plan = NULL;
    assert_int_equal(s.ops->edge_plan_create(s.backend, 2, 4, first, source, 1, attribute, NULL, &plan),
                     MPINN_OK);
    void *mq = device(&s, 8, q), *mw = device(&s, 2, w), *my = device(&s, 8, NULL), *mdq = device(&s, 8, q);
    void *mdp = device(&s, 4, q), *mdw = device(&s, 2, before);
    assert_int_equal(s.ops->edge_forward(s.backend, plan, 2, NULL, mq, mw, my), MPINN_OK);
    fetch(&s, 8, my, y);
    assert_memory_equal(y, ((double[]){7.0 / 4, 0, 3, 0, 0, 0, 0, 0}), sizeof y);
    assert_int_equal(
        s.ops->edge_backward(s.backend, plan, 2, NULL, mq, mw, my, device(&s, 8, dy), mdp, mdq, mdw),
        MPINN_OK);
    fetch(&s, 8, mdq, dq);
    fetch(&s, 4, mdp, dp);
    fetch(&s, 2, mdw, dw);
    assert_memory_equal(dq, ((double[]){2, 0, 7, 0, 2, 0, 0, 0}), sizeof dq);
    assert_memory_equal(dp, ((double[]){11, 0, 0, 0}), sizeof dp);
    assert_memory_equal(dw, before, sizeof dw); /* added to, and attributes are 0 */
    s.ops->edge_plan_destroy(s.backend, &plan);
    close_harness(&s);
  }
}

static void graphs_without_edges_or_nodes_are_legal(void **state) {
  (void)state;
  const int32_t first[4] = {0, 0, 0, 0};
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    for (size_t targets = 0; targets <= 3; targets += 3) {
      mpinn_edge_plan *plan = NULL;
      double y[24], ones[24];
      for (size_t i = 0; i < 24; i++) ones[i] = 1;
      void *my = device(&s, 24, ones), *q = device(&s, 8, ones), *dq = device(&s, 8, ones);
      void *dw = device(&s, 8, ones);
      assert_int_equal(
          s.ops->edge_plan_create(s.backend, targets, 2, first, NULL, 2, (float[]){0}, NULL, &plan),
          MPINN_OK);
      assert_int_equal(s.ops->edge_forward(s.backend, plan, 4, NULL, q, q, my), MPINN_OK);
      fetch(&s, 24, my, y);
      for (size_t i = 0; i < 24; i++) assert_true(y[i] == (i < 8 * targets ? 0 : 1));
      assert_int_equal(s.ops->edge_backward(s.backend, plan, 4, NULL, q, q, my, my, NULL, dq, dw), MPINN_OK);
      fetch(&s, 8, dq, y);
      for (size_t i = 0; i < 8; i++) assert_true(y[i] == 0);
      fetch(&s, 8, dw, y);
      for (size_t i = 0; i < 8; i++) assert_true(y[i] == 1);
      s.ops->edge_plan_destroy(s.backend, &plan);
    }
    close_harness(&s);
  }
}

static void bad_edges_are_refused_with_a_sentence(void **state) {
  (void)state;
  const int32_t first[3] = {0, 1, 2}, source[2] = {0, 4}, late[3] = {1, 1, 2}, back[3] = {0, 2, 1};
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    mpinn_edge_plan *plan = NULL;
    assert_int_equal(s.ops->edge_plan_create(s.backend, 2, 4, first, source, 0, NULL, NULL, &plan),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "no source 4"));
    assert_null(plan);
    assert_int_equal(s.ops->edge_plan_create(s.backend, 2, 5, late, source, 0, NULL, NULL, &plan),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "begin at 0"));
    assert_int_equal(s.ops->edge_plan_create(s.backend, 2, 5, back, source, 0, NULL, NULL, &plan),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "Row 1"));
    assert_int_equal(s.ops->edge_plan_create(s.backend, 2, 5, first, source, 3, NULL, NULL, &plan),
                     MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "3 attributes"));
    close_harness(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derivatives_agree_with_central_differences),
      cmocka_unit_test(every_backend_agrees_with_the_reference),
      cmocka_unit_test(results_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(edge_convolution_follows_its_definition),
      cmocka_unit_test(the_maximum_sends_its_derivative_to_the_first_edge_or_to_none),
      cmocka_unit_test(graphs_without_edges_or_nodes_are_legal),
      cmocka_unit_test(bad_edges_are_refused_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
