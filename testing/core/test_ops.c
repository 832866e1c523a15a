/* Every operation of every backend: against values computed elsewhere (fixtures/make_spline_conv.py), against
 * central differences, against the double-precision reference, and on any number of threads. */
#include "nn/arithmetic.h"
#include "ops_harness.h"

#include <float.h>

/* ---- fixtures ---- */

typedef struct fixture {
  double *values;
  size_t n, at;
} fixture;

static fixture read_fixture(const char *name) {
  char path[4096];
  fixture f = {NULL, 0, 0};
  snprintf(path, sizeof path, "%s/testing/core/fixtures/%s", METAPINN_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot open %s", path);
  fseek(file, 0, SEEK_END);
  f.n = (size_t)ftell(file) / sizeof *f.values;
  rewind(file);
  f.values = numbers(f.n);
  assert_int_equal(fread(f.values, sizeof *f.values, f.n, file), f.n);
  fclose(file);
  return f;
}

static const double *take(fixture *f, size_t n) {
  assert_true(f->at + n <= f->n);
  f->at += n;
  return f->values + f->at - n;
}

static int32_t *take_integers(fixture *f, size_t n) {
  const double *from = take(f, n);
  int32_t *to = calloc(n + 1, sizeof *to);
  for (size_t i = 0; i < n; i++) to[i] = (int32_t)from[i];
  return to;
}

static void take_close(harness *s, fixture *f, const char *what, size_t n, const void *memory,
                       double tolerance) {
  double *values = numbers(n);
  fetch(s, n, memory, values);
  assert_close(what, n, values, take(f, n), tolerance);
  free(values);
}

static void one_spline_fixture(harness *s, fixture *f, double accuracy) {
  const double *head = take(f, 6);
  const size_t nodes = (size_t)head[0], edges = (size_t)head[1], size = (size_t)head[2],
               maps = (size_t)head[3];
  const size_t in = (size_t)head[4], out = (size_t)head[5], kernels = size * size * size;
  mpinn_graph graph = {.n_nodes = nodes, .n_edges = edges, .n_clusters = nodes};
  graph.first = take_integers(f, nodes + 1);
  graph.source = take_integers(f, edges);
  graph.cluster = calloc(nodes, sizeof *graph.cluster);
  graph.pseudo = calloc(3 * edges, sizeof *graph.pseudo);
  const double *pseudo = take(f, 3 * edges);
  for (size_t i = 0; i < 3 * edges; i++) graph.pseudo[i] = (float)pseudo[i];
  for (size_t i = 0; i < nodes; i++) graph.cluster[i] = (int32_t)i;
  mpinn_spline_plan *plan = NULL;
  assert_int_equal(s->ops->spline_plan_create(s->backend, &graph, (int)size, &plan), MPINN_OK);
  void *x = device(s, nodes * maps * in, take(f, nodes * maps * in));
  void *weight = device(s, kernels * in * out, take(f, kernels * in * out));
  void *root = device(s, in * out, take(f, in * out)), *bias = device(s, out, take(f, out));
  void *dy = device(s, nodes * maps * out, take(f, nodes * maps * out)),
       *y = device(s, nodes * maps * out, NULL);
  void *dx = device(s, nodes * maps * in, NULL), *d_weight = device(s, kernels * in * out, NULL);
  void *d_root = device(s, in * out, NULL), *d_bias = device(s, out, NULL);
  assert_int_equal(
      s->ops->spline_conv_forward(s->backend, plan, maps, in, out, x, weight, root, bias, MPINN_ELU, y),
      MPINN_OK);
  take_close(s, f, "SplineConv", nodes * maps * out, y, accuracy);
  assert_int_equal(s->ops->spline_conv_backward(s->backend, plan, maps, in, out, x, weight, root, MPINN_ELU,
                                                y, dy, dx, d_weight, d_root, d_bias),
                   MPINN_OK);
  take_close(s, f, "SplineConv's dx", nodes * maps * in, dx, accuracy);
  take_close(s, f, "SplineConv's d_weight", kernels * in * out, d_weight, accuracy);
  take_close(s, f, "SplineConv's d_root", in * out, d_root, accuracy);
  take_close(s, f, "SplineConv's d_bias", out, d_bias, accuracy);
  s->ops->spline_plan_destroy(s->backend, &plan);
  assert_null(plan);
  free(graph.first);
  free(graph.source);
  free(graph.cluster);
  free(graph.pseudo);
  release_all(s);
}

static void spline_conv_agrees_with_an_independent_implementation(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    fixture f = read_fixture("spline_conv.f64");
    while (f.at < f.n) one_spline_fixture(&s, &f, backends[b].accuracy);
    free(f.values);
    close_harness(&s);
  }
}

static void one_field_fixture(harness *s, fixture *f, double accuracy) {
  const double *head = take(f, 8);
  const mpinn_field_net net = {.layers = (int)head[0],
                               .width = (int)head[1],
                               .activation = (mpinn_activation)head[2],
                               .low = head[3],
                               .high = head[4],
                               .steepness = head[5]};
  const size_t networks = (size_t)head[6], n = (size_t)head[7],
               all = networks * mpinn_field_net_weights(&net);
  void *points = device(s, 3 * n, take(f, 3 * n)), *weights = device(s, all, take(f, all));
  void *value = device(s, networks * n, NULL), *gradient = device(s, networks * n * 3, NULL);
  void *d_weights = device(s, all, NULL);
  assert_int_equal(s->ops->field_forward(s->backend, &net, networks, weights, n, points, value, gradient),
                   MPINN_OK);
  take_close(s, f, "a field's value", networks * n, value, accuracy);
  take_close(s, f, "a field's gradient", networks * n * 3, gradient, accuracy);
  void *d_value = device(s, networks * n, take(f, networks * n));
  void *d_gradient = device(s, networks * n * 3, take(f, networks * n * 3));
  assert_int_equal(
      s->ops->field_backward(s->backend, &net, networks, weights, n, points, d_value, d_gradient, d_weights),
      MPINN_OK);
  take_close(s, f, "the derivative by a field's weights", all, d_weights, accuracy);
  release_all(s);
}

static void field_nets_agree_with_automatic_differentiation(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    fixture f = read_fixture("field_nets.f64");
    while (f.at < f.n) one_field_fixture(&s, &f, backends[b].accuracy);
    free(f.values);
    close_harness(&s);
  }
}

/* ---- every operation as a function from one vector to one vector, with its reverse ---- */

static size_t dense_in(const problem *p) { /* rows a, in b, out c */
  return p->a * p->b + p->c * p->b + p->c;
}

static size_t dense_out(const problem *p) {
  return p->a * p->c;
}

static void dense_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                      double *d_in) {
  const size_t nx = p->a * p->b, nw = p->c * p->b, ny = p->a * p->c;
  void *x = device(s, nx, in), *w = device(s, nw, in + nx), *bias = device(s, p->c, in + nx + nw);
  void *y = device(s, ny, NULL);
  assert_int_equal(s->ops->dense_forward(s->backend, p->a, p->b, p->c, x, w, bias, p->activation, y),
                   MPINN_OK);
  fetch(s, ny, y, out);
  if (!d_out) return;
  void *dy = device(s, ny, d_out), *dx = device(s, nx, in), *dw = device(s, nw, NULL),
       *db = device(s, p->c, NULL);
  assert_int_equal(
      s->ops->dense_backward(s->backend, p->a, p->b, p->c, x, w, p->activation, y, dy, dx, dw, db), MPINN_OK);
  fetch(s, nx, dx, d_in);
  fetch(s, nw, dw, d_in + nx);
  fetch(s, p->c, db, d_in + nx + nw);
}

/* A tube of a nodes: a curved surface, as measured nodes lie on. */
static mpinn_hierarchy *tube(harness *s, size_t n, size_t levels) {
  double *points = numbers(3 * n);
  mpinn_random random;
  mpinn_random_seed(&random, n);
  for (size_t i = 0; i < n; i++) {
    const double angle = mpinn_random_uniform(&random, 0, 6.28);
    points[3 * i] = cos(angle);
    points[3 * i + 1] = sin(angle);
    points[3 * i + 2] = mpinn_random_uniform(&random, 0, 3);
  }
  mpinn_hierarchy *hierarchy = NULL;
  assert_int_equal(mpinn_hierarchy_create(s->context, n, points, 6, levels, &hierarchy), MPINN_OK);
  free(points);
  return hierarchy;
}

static mpinn_spline_plan *tube_plan(harness *s, size_t n, size_t *n_clusters) {
  mpinn_hierarchy *hierarchy = tube(s, n, 1);
  mpinn_spline_plan *plan = NULL;
  assert_int_equal(s->ops->spline_plan_create(s->backend, &hierarchy->levels[0], 5, &plan), MPINN_OK);
  *n_clusters = hierarchy->levels[0].n_clusters;
  mpinn_hierarchy_destroy(&hierarchy);
  return plan;
}

static size_t spline_in(const problem *p) { /* nodes a, maps b, in c, out d */
  return p->a * p->b * p->c + 126 * p->c * p->d + p->d;
}

static size_t spline_out(const problem *p) {
  return p->a * p->b * p->d;
}

static void spline_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                       double *d_in) {
  const size_t nx = p->a * p->b * p->c, ny = p->a * p->b * p->d, nr = p->c * p->d, nw = 125 * nr;
  size_t clusters;
  mpinn_spline_plan *plan = tube_plan(s, p->a, &clusters);
  void *x = device(s, nx, in), *w = device(s, nw, in + nx), *root = device(s, nr, in + nx + nw);
  void *bias = device(s, p->d, in + nx + nw + nr), *y = device(s, ny, NULL);
  assert_int_equal(
      s->ops->spline_conv_forward(s->backend, plan, p->b, p->c, p->d, x, w, root, bias, p->activation, y),
      MPINN_OK);
  fetch(s, ny, y, out);
  if (d_out) {
    void *dy = device(s, ny, d_out), *dx = device(s, nx, in), *dw = device(s, nw, NULL),
         *dr = device(s, nr, NULL);
    void *db = device(s, p->d, NULL);
    assert_int_equal(s->ops->spline_conv_backward(s->backend, plan, p->b, p->c, p->d, x, w, root,
                                                  p->activation, y, dy, dx, dw, dr, db),
                     MPINN_OK);
    fetch(s, nx, dx, d_in);
    fetch(s, nw, dw, d_in + nx);
    fetch(s, nr, dr, d_in + nx + nw);
    fetch(s, p->d, db, d_in + nx + nw + nr);
  }
  s->ops->spline_plan_destroy(s->backend, &plan);
}

static size_t clusters_of(const problem *p) {
  harness s = open_harness(&mpinn_ops_cpu_reference, 1);
  size_t clusters;
  mpinn_spline_plan *plan = tube_plan(&s, p->a, &clusters);
  s.ops->spline_plan_destroy(s.backend, &plan);
  close_harness(&s);
  return clusters;
}

static size_t pool_in(const problem *p) { /* nodes a, maps b, channels c */
  return p->a * p->b * p->c;
}

static size_t mean_out(const problem *p) {
  return clusters_of(p) * p->b * p->c;
}

static void mean_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                     double *d_in) {
  size_t clusters;
  mpinn_spline_plan *plan = tube_plan(s, p->a, &clusters);
  const size_t nx = p->a * p->b * p->c, ny = clusters * p->b * p->c;
  void *x = device(s, nx, in), *y = device(s, ny, NULL);
  assert_int_equal(s->ops->cluster_mean_forward(s->backend, plan, p->b, p->c, x, y), MPINN_OK);
  fetch(s, ny, y, out);
  if (d_out) {
    void *dy = device(s, ny, d_out), *dx = device(s, nx, in);
    assert_int_equal(s->ops->cluster_mean_backward(s->backend, plan, p->b, p->c, dy, dx), MPINN_OK);
    fetch(s, nx, dx, d_in);
  }
  s->ops->spline_plan_destroy(s->backend, &plan);
}

static size_t max_out(const problem *p) {
  return p->b * p->c;
}

static void max_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                    double *d_in) {
  const size_t nx = p->a * p->b * p->c, ny = p->b * p->c;
  void *x = device(s, nx, in), *y = device(s, ny, NULL);
  assert_int_equal(s->ops->node_max_forward(s->backend, p->a, p->b, p->c, x, y), MPINN_OK);
  fetch(s, ny, y, out);
  if (!d_out) return;
  void *dy = device(s, ny, d_out), *dx = device(s, nx, in);
  assert_int_equal(s->ops->node_max_backward(s->backend, p->a, p->b, p->c, x, y, dy, dx), MPINN_OK);
  fetch(s, nx, dx, d_in);
}

/* networks a, points b, layers c, width d; flag: with the gradient; the output bounded where the width is
 * odd. */
static mpinn_field_net field_net(const problem *p) {
  return (mpinn_field_net){.layers = (int)p->c,
                           .width = (int)p->d,
                           .activation = p->activation,
                           .low = 0.1,
                           .high = 0.7,
                           .steepness = p->d % 2 ? 1.5 : 0};
}

static size_t field_in(const problem *p) {
  const mpinn_field_net net = field_net(p);
  return p->a * mpinn_field_net_weights(&net);
}

static size_t field_out(const problem *p) {
  return p->a * p->b * (p->flag ? 4 : 1);
}

static void field_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                      double *d_in) {
  const mpinn_field_net net = field_net(p);
  const size_t n = p->a * p->b, all = field_in(p);
  double *positions = random_numbers(3 * p->b, 77, 0.7);
  void *points = device(s, 3 * p->b, positions), *weights = device(s, all, in), *value = device(s, n, NULL);
  void *gradient = p->flag ? device(s, 3 * n, NULL) : NULL;
  free(positions);
  assert_int_equal(s->ops->field_forward(s->backend, &net, p->a, weights, p->b, points, value, gradient),
                   MPINN_OK);
  fetch(s, n, value, out);
  if (gradient) fetch(s, 3 * n, gradient, out + n);
  if (!d_out) return;
  void *d_value = device(s, n, d_out), *d_gradient = p->flag ? device(s, 3 * n, d_out + n) : NULL;
  void *d_weights = device(s, all, in); /* overwritten, so what was there must not matter */
  assert_int_equal(
      s->ops->field_backward(s->backend, &net, p->a, weights, p->b, points, d_value, d_gradient, d_weights),
      MPINN_OK);
  fetch(s, all, d_weights, d_in);
}

static size_t loss_in(const problem *p) { /* maps a, nodes b: value, gradient, speed */
  return 5 * p->a * p->b;
}

static size_t loss_out(const problem *p) {
  return 2 * p->a;
}

/* The derivative is that of 0.7 Σ data + 1.3 Σ residual², whatever d_out. */
static void loss_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                     double *d_in) {
  const size_t n = p->a * p->b;
  double *target = random_numbers(n, 5, 1), *weight = numbers(p->b);
  for (size_t i = 0; i < p->b; i++) weight[i] = i % 3 == 0 ? 0 : 1 + (double)(i % 2);
  for (size_t i = 0; i < n; i++)
    if (i % p->b % 3 == 0) target[i] = NAN; /* not to be fitted, as weight says */
  const mpinn_eikonal_loss loss = {.maps = p->a,
                                   .nodes = p->b,
                                   .value = device(s, n, in),
                                   .gradient = device(s, 3 * n, in + n),
                                   .speed = device(s, n, in + 4 * n),
                                   .target = device(s, n, target),
                                   .weight = device(s, p->b, weight),
                                   .data_scale = 0.7,
                                   .pde_scale = 1.3,
                                   .speed_scale = 0.9,
                                   .d_value = device(s, n, in),
                                   .d_gradient = device(s, 3 * n, in),
                                   .d_speed = device(s, n, in),
                                   .sums = device(s, 2 * p->a, in)};
  assert_int_equal(s->ops->eikonal_loss(s->backend, &loss), MPINN_OK);
  fetch(s, 2 * p->a, loss.sums, out);
  free(target);
  free(weight);
  if (!d_out) return;
  fetch(s, n, loss.d_value, d_in);
  fetch(s, 3 * n, loss.d_gradient, d_in + n);
  fetch(s, n, loss.d_speed, d_in + 4 * n);
}

static size_t join_in(const problem *p) { /* rows a, columns b and c */
  return p->a * (p->b + p->c);
}

static void join_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                     double *d_in) {
  const size_t na = p->a * p->b, nb = p->a * p->c;
  void *xa = device(s, na, in), *xb = device(s, nb, in + na), *y = device(s, na + nb, NULL);
  assert_int_equal(s->ops->join_columns(s->backend, p->a, p->b, p->c, xa, xb, y), MPINN_OK);
  fetch(s, na + nb, y, out);
  if (!d_out) return;
  void *dy = device(s, na + nb, d_out);
  assert_int_equal(s->ops->split_columns(s->backend, p->a, p->b, p->c, dy, xa, xb), MPINN_OK);
  fetch(s, na, xa, d_in);
  fetch(s, nb, xb, d_in + na);
}

#define JOIN join_run, join_in, join_in
#define DENSE dense_run, dense_in, dense_out
#define SPLINE spline_run, spline_in, spline_out
#define FIELD field_run, field_in, field_out
#define MEAN mean_run, pool_in, mean_out
#define MAX max_run, pool_in, max_out
#define LOSS loss_run, loss_in, loss_out

static const problem small_problems[] = {
    {"a linear layer", DENSE, 3, 5, 4, 0, MPINN_LINEAR, false, 1},
    {"a ReLU layer", DENSE, 2, 7, 9, 0, MPINN_RELU, false, 1},
    {"an ELU layer", DENSE, 1, 6, 5, 0, MPINN_ELU, false, 1},
    {"a tanh layer", DENSE, 4, 3, 2, 0, MPINN_TANH, false, 1},
    {"SplineConv 2 to 3 with tanh", SPLINE, 25, 2, 2, 3, MPINN_TANH, false, 0.5},
    {"SplineConv 5 to 9 with ELU", SPLINE, 11, 3, 5, 9, MPINN_ELU, false, 0.5},
    {"SplineConv 8 to 16 with ELU", SPLINE, 9, 1, 8, 16, MPINN_ELU, false, 0.5},
    {"SplineConv of one node", SPLINE, 1, 2, 2, 8, MPINN_ELU, false, 0.5},
    {"columns joined", JOIN, 3, 4, 5, 0, MPINN_LINEAR, false, 1},
    {"the mean over clusters", MEAN, 17, 2, 3, 0, MPINN_LINEAR, false, 1},
    {"the maximum over nodes", MAX, 13, 2, 5, 0, MPINN_LINEAR, false, 1},
    {"a tanh field with gradient", FIELD, 2, 13, 3, 6, MPINN_TANH, true, 0.5},
    {"a bounded tanh field with gradient", FIELD, 2, 40, 4, 5, MPINN_TANH, true, 0.5},
    {"a bounded tanh field", FIELD, 1, 9, 5, 21, MPINN_TANH, false, 0.3},
    {"a bounded ELU field with gradient", FIELD, 1, 9, 3, 7, MPINN_ELU, true, 0.5},
    {"a ReLU field with gradient", FIELD, 1, 9, 4, 8, MPINN_RELU, true, 0.5},
    {"a linear bounded field with gradient", FIELD, 1, 9, 3, 3, MPINN_LINEAR, true, 0.5},
    {"a tanh field of the published width", FIELD, 1, 70, 6, 20, MPINN_TANH, true, 0.3},
};
static const problem small_loss = {"the eikonal loss", LOSS, 2, 7, 0, 0, MPINN_LINEAR, false, 1};
enum { N_SMALL = sizeof small_problems / sizeof *small_problems };

/* Of sizes that are shared out among threads. */
static const problem large_problems[] = {
    {"a wide ELU layer", DENSE, 5, 260, 515, 0, MPINN_ELU, false, 0.1},
    {"a tall tanh layer", DENSE, 700, 33, 17, 0, MPINN_TANH, false, 0.2},
    {"SplineConv 2 to 8", SPLINE, 150, 7, 2, 8, MPINN_ELU, false, 0.3},
    {"SplineConv 8 to 16", SPLINE, 100, 5, 8, 16, MPINN_ELU, false, 0.2},
    {"SplineConv 32 to 64", SPLINE, 60, 3, 32, 64, MPINN_ELU, false, 0.1},
    {"SplineConv 48 to 40", SPLINE, 37, 1, 48, 40, MPINN_TANH, false, 0.1},
    {"the mean over clusters", MEAN, 300, 10, 64, 0, MPINN_LINEAR, false, 1},
    {"the maximum over nodes", MAX, 60, 10, 128, 0, MPINN_LINEAR, false, 1},
    {"the published PINN", FIELD, 3, 1100, 6, 20, MPINN_TANH, true, 0.3},
    {"the published velocity net's shape", FIELD, 3, 600, 8, 21, MPINN_ELU, true, 0.2},
    {"a field without gradient", FIELD, 2, 600, 8, 20, MPINN_TANH, false, 0.3},
    {"the eikonal loss", LOSS, 3, 2500, 0, 0, MPINN_LINEAR, false, 1},
};
enum { N_LARGE = sizeof large_problems / sizeof *large_problems };

static void derivatives_agree_with_central_differences(void **state) {
  (void)state;
  harness s = open_harness(&mpinn_ops_cpu_reference, 1);
  check_derivatives(&s, N_SMALL, small_problems);
  check_derivative(&s, &small_loss, (const double[]){0.7, 1.3, 0.7, 1.3});
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

/* ---- operations without a derivative of their own ---- */

static void check_product(harness *s, double accuracy, bool transpose_a, bool transpose_b, size_t m, size_t n,
                          size_t k, double beta) {
  double *a = random_numbers(m * k, 1, 1), *b = random_numbers(k * n, 2, 1), *c = random_numbers(m * n, 3, 1);
  double *expected = numbers(m * n);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      expected[i * n + j] = beta * c[i * n + j];
      for (size_t p = 0; p < k; p++)
        expected[i * n + j] +=
            a[transpose_a ? p * m + i : i * k + p] * b[transpose_b ? j * k + p : p * n + j];
    }
  void *da = device(s, m * k, a), *db = device(s, k * n, b), *dc = device(s, m * n, c);
  assert_int_equal(s->ops->matmul(s->backend, transpose_a, transpose_b, m, n, k, da, db, beta, dc), MPINN_OK);
  fetch(s, m * n, dc, c);
  assert_close("a matrix product", m * n, c, expected, accuracy);
  release_all(s);
  free(a);
  free(b);
  free(c);
  free(expected);
}

/* Few and many rows, columns and terms: on either side of what decides how a product is made. */
static const size_t product_sizes[][3] = {
    {3, 5, 7},    {1, 9, 40},     {200, 9, 31},  {6, 300, 80}, {1, 1, 1},    {1, 70, 530}, {11, 66, 300},
    {13, 131, 7}, {25, 129, 261}, {49, 97, 289}, {97, 1, 33},  {129, 2, 70}, {97, 67, 65}, {150, 200, 513}};
enum { N_PRODUCTS = sizeof product_sizes / sizeof *product_sizes };

static void products_agree_with_their_definition(void **state) {
  (void)state;
  const double betas[] = {0, 1, 0.5};
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    for (size_t i = 0; i < N_PRODUCTS * 4 * 3; i++) {
      const size_t *size = product_sizes[i / 12];
      check_product(&s, backends[b].accuracy, i & 1, i & 2, size[0], size[1], size[2], betas[i / 4 % 3]);
    }
    close_harness(&s);
  }
}

static size_t product_in(const problem *p) { /* m a, n b, k c, transposes in the bits of d */
  return p->a * p->c + p->c * p->b;
}

static size_t product_out(const problem *p) {
  return p->a * p->b;
}

static void product_run(harness *s, const problem *p, const double *in, double *out, const double *d_out,
                        double *d_in) {
  (void)d_out;
  (void)d_in;
  void *a = device(s, p->a * p->c, in), *b = device(s, p->c * p->b, in + p->a * p->c),
       *c = device(s, p->a * p->b, NULL);
  assert_int_equal(s->ops->matmul(s->backend, p->d & 1, p->d & 2, p->a, p->b, p->c, a, b, 0, c), MPINN_OK);
  fetch(s, p->a * p->b, c, out);
}

static void products_do_not_depend_on_the_number_of_threads(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++)
    for (size_t i = 0; i < 16; i++) {
      const size_t sizes[4][3] = {{9, 331, 290}, {30, 203, 517}, {300, 131, 290}, {600, 130, 30}};
      const size_t *size = sizes[i / 4];
      const problem p = {"a matrix product", product_run, product_in, product_out, size[0], size[1], size[2],
                         .d = i % 4,         .scale = 1};
      compare_thread_counts(backends[b].ops, &p);
    }
}

static void products_of_nothing_are_zero_or_empty(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    const double before[6] = {1, 2, 3, 4, 5, 6}, zeros[6] = {0};
    double after[6];
    void *x = device(&s, 6, before), *c = device(&s, 6, before);
    for (int t = 0; t < 4; t++) {
      assert_int_equal(s.ops->matmul(s.backend, t & 1, t & 2, 0, 3, 2, x, x, 0, c), MPINN_OK);
      assert_int_equal(s.ops->matmul(s.backend, t & 1, t & 2, 2, 0, 3, x, x, 0, c), MPINN_OK);
      assert_int_equal(s.ops->matmul(s.backend, t & 1, t & 2, 2, 3, 0, x, x, 1, c), MPINN_OK);
    }
    fetch(&s, 6, c, after);
    assert_memory_equal(after, before, sizeof after);
    assert_int_equal(s.ops->matmul(s.backend, false, false, 2, 3, 0, x, x, 0, c), MPINN_OK);
    fetch(&s, 6, c, after);
    assert_memory_equal(after, zeros, sizeof after);
    close_harness(&s);
  }
}

static void matmul_overwrites_whatever_was_there_where_beta_is_0(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    const double one = 1, nothing = NAN;
    double product = 0;
    void *x = device(&s, 1, &one), *c = device(&s, 1, &nothing);
    assert_int_equal(s.ops->matmul(s.backend, false, false, 1, 1, 1, x, x, 0, c), MPINN_OK);
    fetch(&s, 1, c, &product);
    assert_true(product == 1);
    close_harness(&s);
  }
}

static void parameter_gradients_are_added_to(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    const double x = 2, w = 3, y = 6, dy = 5, before = 100;
    double d_weight, d_bias;
    void *dx = device(&s, 1, NULL), *dw = device(&s, 1, &before), *db = device(&s, 1, &before);
    assert_int_equal(s.ops->dense_backward(s.backend, 1, 1, 1, device(&s, 1, &x), device(&s, 1, &w),
                                           MPINN_LINEAR, device(&s, 1, &y), device(&s, 1, &dy), dx, dw, db),
                     MPINN_OK);
    fetch(&s, 1, dw, &d_weight);
    fetch(&s, 1, db, &d_bias);
    assert_true(d_weight == 110 && d_bias == 105);
    close_harness(&s);
  }
}

static void the_maximum_sends_its_derivative_to_the_first_of_equals(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    const double x[4] = {1, 2, 2, 0}, y = 2, dy = 7;
    double dx[4];
    void *memory = device(&s, 4, x);
    assert_int_equal(s.ops->node_max_backward(s.backend, 4, 1, 1, device(&s, 4, x), device(&s, 1, &y),
                                              device(&s, 1, &dy), memory),
                     MPINN_OK);
    fetch(&s, 4, memory, dx);
    assert_true(dx[0] == 0 && dx[1] == 7 && dx[2] == 0 && dx[3] == 0);
    close_harness(&s);
  }
}

static void adamw_follows_its_definition(void **state) {
  (void)state;
  enum { N = 40000 };
  double *p = random_numbers(N, 1, 1), *g = random_numbers(N, 2, 1), *zero = numbers(N), *got = numbers(N);
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 2);
    void *dp = device(&s, N, p), *dg = device(&s, N, g), *m = device(&s, N, NULL), *v = device(&s, N, NULL);
    double *q = numbers(N), *mq = numbers(N), *vq = numbers(N);
    memcpy(q, p, N * sizeof *q);
    for (long step = 1; step <= 3; step++) {
      const mpinn_adamw o = {0.01, 0.9, 0.999, 1e-8, 0.1, step};
      assert_int_equal(s.ops->adamw(s.backend, &o, N, 0.5, dg, m, v, dp), MPINN_OK);
      for (size_t i = 0; i < N; i++) {
        mq[i] = 0.9 * mq[i] + 0.1 * 0.5 * g[i];
        vq[i] = 0.999 * vq[i] + 0.001 * 0.25 * g[i] * g[i];
        q[i] -= 0.01 * 0.1 * q[i];
        q[i] -= 0.01 * (mq[i] / (1 - pow(0.9, step))) / (sqrt(vq[i] / (1 - pow(0.999, step))) + 1e-8);
      }
    }
    fetch(&s, N, dp, got);
    assert_close("AdamW's parameters", N, got, q, backends[b].accuracy);
    fetch(&s, N, dg, got);
    assert_memory_equal(got, g, N * sizeof *g);
    free(q);
    free(mq);
    free(vq);
    close_harness(&s);
  }
  free(p);
  free(g);
  free(zero);
  free(got);
}

static void sums_of_squares_are_accurate_and_independent_of_threads(void **state) {
  (void)state;
  enum { N = 200001 };
  double *x = random_numbers(N, 1, 1);
  for (size_t b = 0; b < N_BACKENDS; b++) {
    double sums[3];
    for (int t = 0; t < 3; t++) {
      harness s = open_harness(backends[b].ops, t + 1);
      assert_int_equal(s.ops->sum_squares(s.backend, N, device(&s, N, x), &sums[t]), MPINN_OK);
      close_harness(&s);
    }
    assert_true(sums[0] == sums[1] && sums[0] == sums[2]);
    assert_true(fabs(sums[0] - dot(N, x, x)) < 1e-11 * sums[0]);
  }
  free(x);
}

static void the_residual_is_safe_where_the_gradient_vanishes(void **state) {
  (void)state;
  const double g[3] = {0, 0, 0};
  double by_g[3], by_speed;
  assert_true(mpinn_eikonal_residual_double(2, g, 3, by_g, &by_speed) == -1);
  assert_true(by_g[0] == 0 && by_g[1] == 0 && by_g[2] == 0 && by_speed == 0);
}

/* In units of the last place of the true value. */
static double error_in_ulps(float value, double truth) {
  const double unit = ldexp(1.0, ilogb(truth) - 23);
  return fabs((double)value - truth) / (truth == 0 ? FLT_MIN : unit);
}

static void float_functions_are_accurate(void **state) {
  (void)state;
  double worst_tanh = 0, worst_expm1 = 0, worst_exp = 0;
  for (float x = 1e-6f; x < 20; x *= 1.00037f)
    for (int sign = -1; sign <= 1; sign += 2) {
      const float at = (float)sign * x;
      worst_tanh = fmax(worst_tanh, error_in_ulps(mpinn_tanh_float(at), tanh((double)at)));
      worst_expm1 = fmax(worst_expm1, error_in_ulps(mpinn_expm1_float(at), expm1((double)at)));
      worst_exp = fmax(worst_exp, error_in_ulps(mpinn_exp_float(at), exp((double)at)));
    }
  if (worst_tanh > 3 || worst_expm1 > 3 || worst_exp > 2)
    fail_msg("off by %g (tanh), %g (expm1), %g (exp) units in the last place", worst_tanh, worst_expm1,
             worst_exp);
  assert_true(mpinn_tanh_float(100) == 1 && mpinn_tanh_float(-100) == -1 && mpinn_tanh_float(0) == 0);
  assert_true(mpinn_sigmoid_float(-1000) >= 0 && mpinn_sigmoid_float(-1000) < 1e-30f &&
              mpinn_sigmoid_float(1000) == 1);
  assert_true(isnan(mpinn_tanh_float(NAN)) && isnan(mpinn_elu_float(NAN)));
}

static void spline_weights_sum_to_one_even_at_the_ends(void **state) {
  (void)state;
  const float ends[4][3] = {{0, 0, 0}, {1, 1, 1}, {0.5f, 0.25f, 1}, {0.999999f, 1e-7f, 0.3f}};
  for (int i = 0; i < 4; i++) {
    double basis[8], sum = 0;
    int kernel[8];
    mpinn_spline_basis_double(ends[i], 5, basis, kernel);
    for (int corner = 0; corner < 8; corner++) {
      sum += basis[corner];
      assert_in_range(kernel[corner], 0, 124);
      assert_true(basis[corner] >= 0);
    }
    assert_true(fabs(sum - 1) < 1e-12);
  }
}

static void what_cannot_be_done_is_refused_with_a_sentence(void **state) {
  (void)state;
  for (size_t b = 0; b < N_BACKENDS; b++) {
    harness s = open_harness(backends[b].ops, 1);
    const mpinn_field_net flat = {.layers = 1, .width = 20};
    const mpinn_adamw before_first = {.step = 0};
    mpinn_hierarchy *hierarchy = tube(&s, 20, 1);
    mpinn_spline_plan *plan = NULL;
    void *x = device(&s, 8, NULL);
    assert_int_equal(s.ops->field_forward(s.backend, &flat, 1, x, 1, x, x, NULL), MPINN_ERROR_ARGUMENT);
    assert_non_null(strstr(mpinn_context_error(s.context), "2 layers"));
    assert_int_equal(s.ops->adamw(s.backend, &before_first, 1, 1, x, x, x, x), MPINN_ERROR_ARGUMENT);
    assert_int_equal(s.ops->spline_plan_create(s.backend, &hierarchy->levels[0], 1, &plan),
                     MPINN_ERROR_ARGUMENT);
    assert_null(plan);
    assert_int_equal(s.ops->upload(s.backend, 1, MPINN_INT32, x, x), MPINN_ERROR_ARGUMENT);
    mpinn_hierarchy_destroy(&hierarchy);
    close_harness(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spline_conv_agrees_with_an_independent_implementation),
      cmocka_unit_test(field_nets_agree_with_automatic_differentiation),
      cmocka_unit_test(derivatives_agree_with_central_differences),
      cmocka_unit_test(every_backend_agrees_with_the_reference),
      cmocka_unit_test(results_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(products_agree_with_their_definition),
      cmocka_unit_test(products_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(products_of_nothing_are_zero_or_empty),
      cmocka_unit_test(matmul_overwrites_whatever_was_there_where_beta_is_0),
      cmocka_unit_test(parameter_gradients_are_added_to),
      cmocka_unit_test(the_maximum_sends_its_derivative_to_the_first_of_equals),
      cmocka_unit_test(adamw_follows_its_definition),
      cmocka_unit_test(sums_of_squares_are_accurate_and_independent_of_threads),
      cmocka_unit_test(the_residual_is_safe_where_the_gradient_vanishes),
      cmocka_unit_test(float_functions_are_accurate),
      cmocka_unit_test(spline_weights_sum_to_one_even_at_the_ends),
      cmocka_unit_test(what_cannot_be_done_is_refused_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
