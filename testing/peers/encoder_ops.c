/* The velocity encoder, forwards, forwards and backwards, timed; the other half of encoder_torch.py, which
 * makes the same points and weights by the same formulas and compares results and times.
 *
 *   encoder_ops [NODES [MAPS [THREADS]]]   prints milliseconds, GFLOP/s and the pooled features */
#include "nn/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS = 6, NEIGHBOURS = 6, KERNEL = 5, KERNELS = KERNEL * KERNEL * KERNEL };
static const size_t channels[LEVELS + 1] = {2, 8, 16, 32, 64, 128, 128};

typedef struct encoder {
  const mpinn_ops *ops;
  mpinn_backend *backend;
  mpinn_hierarchy *hierarchy;
  size_t maps;
  mpinn_spline_plan *plan[LEVELS];
  void *weight[LEVELS], *root[LEVELS], *bias[LEVELS], *d_weight[LEVELS], *d_root[LEVELS], *d_bias[LEVELS];
  void *x[LEVELS], *y[LEVELS], *dx[LEVELS], *dy[LEVELS], *pooled, *d_pooled;
} encoder;

/* A Fibonacci spiral on the lower half of an ellipsoid, as an endocardium might be. */
static void make_points(size_t n, double *points) {
  for (size_t i = 0; i < n; i++) {
    const double z = -((double)i + 0.5) / (double)n, r = sqrt(1 - z * z),
                 angle = 2.399963229728653 * (double)i;
    points[3 * i] = 25 * r * cos(angle);
    points[3 * i + 1] = 22 * r * sin(angle);
    points[3 * i + 2] = 70 * z;
  }
}

static void *wave(const encoder *e, size_t n, double phase, double scale) {
  double *values = malloc(n * sizeof *values);
  void *memory = NULL;
  e->ops->alloc(e->backend, n, &memory);
  for (size_t i = 0; i < n; i++) values[i] = scale * sin(0.37 * (double)(i % 104729) + phase);
  e->ops->upload(e->backend, n, MPINN_FLOAT64, values, memory);
  free(values);
  return memory;
}

static void make_level(encoder *e, size_t l) {
  const mpinn_graph *graph = &e->hierarchy->levels[l];
  const size_t in = channels[l], out = channels[l + 1], wide = graph->n_nodes * e->maps;
  e->ops->spline_plan_create(e->backend, graph, KERNEL, &e->plan[l]);
  e->weight[l] = wave(e, KERNELS * in * out, (double)l, 1 / sqrt((double)in));
  e->root[l] = wave(e, in * out, (double)l + 0.5, 1 / sqrt((double)in));
  e->bias[l] = wave(e, out, (double)l + 0.7, 0.1);
  e->d_weight[l] = wave(e, KERNELS * in * out, 0, 0);
  e->d_root[l] = wave(e, in * out, 0, 0);
  e->d_bias[l] = wave(e, out, 0, 0);
  e->x[l] = wave(e, wide * in, 0.3, 1);
  e->dx[l] = wave(e, wide * in, 0, 0);
  e->y[l] = wave(e, wide * out, 0, 0);
  e->dy[l] = wave(e, wide * out, 0, 0);
}

static void forward(encoder *e) {
  for (size_t l = 0; l < LEVELS; l++) {
    if (l > 0)
      e->ops->cluster_mean_forward(e->backend, e->plan[l - 1], e->maps, channels[l], e->y[l - 1], e->x[l]);
    e->ops->spline_conv_forward(e->backend, e->plan[l], e->maps, channels[l], channels[l + 1], e->x[l],
                                e->weight[l], e->root[l], e->bias[l], MPINN_ELU, e->y[l]);
  }
  e->ops->node_max_forward(e->backend, e->hierarchy->levels[LEVELS - 1].n_nodes, e->maps, channels[LEVELS],
                           e->y[LEVELS - 1], e->pooled);
}

static void backward(encoder *e) {
  e->ops->node_max_backward(e->backend, e->hierarchy->levels[LEVELS - 1].n_nodes, e->maps, channels[LEVELS],
                            e->y[LEVELS - 1], e->pooled, e->d_pooled, e->dy[LEVELS - 1]);
  for (size_t l = LEVELS; l-- > 0;) {
    e->ops->spline_conv_backward(e->backend, e->plan[l], e->maps, channels[l], channels[l + 1], e->x[l],
                                 e->weight[l], e->root[l], MPINN_ELU, e->y[l], e->dy[l],
                                 l > 0 ? e->dx[l] : NULL, e->d_weight[l], e->d_root[l], e->d_bias[l]);
    if (l > 0)
      e->ops->cluster_mean_backward(e->backend, e->plan[l - 1], e->maps, channels[l], e->dx[l], e->dy[l - 1]);
  }
}

/* Multiplications and additions of one forward pass: of (kernel, node) pairs that occur, each needs one
 * product. */
static double count_operations(const encoder *e) {
  double sum = 0;
  for (size_t l = 0; l < LEVELS; l++) {
    const mpinn_graph *g = &e->hierarchy->levels[l];
    for (size_t i = 0; i < g->n_nodes; i++) {
      bool used[KERNELS] = {false};
      for (int32_t j = g->first[i]; j < g->first[i + 1]; j++)
        for (int corner = 0; corner < 8; corner++) {
          int kernel = 0, stride = 1;
          for (int d = 0; d < 3; d++, stride *= KERNEL) {
            const double at = g->pseudo[3 * j + d] * (KERNEL - 1.0);
            const int cell = at >= KERNEL - 1 ? KERNEL - 2 : (int)at;
            const double upper = at - cell;
            if ((corner >> d & 1 ? upper : 1 - upper) == 0) kernel = -10000;
            kernel += stride * (cell + (corner >> d & 1));
          }
          if (kernel >= 0) used[kernel] = true;
        }
      double count = 1;
      for (int k = 0; k < KERNELS; k++) count += used[k];
      sum += 2 * count * (double)(e->maps * channels[l] * channels[l + 1]);
    }
  }
  return sum;
}

/* The best of 20, ms. */
static double time_passes(encoder *e, bool with_backward) {
  double best = 1e30;
  for (int i = 0; i < 20; i++) {
    const double start = mpinn_seconds();
    forward(e);
    if (with_backward) backward(e);
    const double seconds = mpinn_seconds() - start;
    if (seconds < best) best = seconds;
  }
  return 1e3 * best;
}

static double time_hierarchy(mpinn_context *context, size_t nodes, const double *points) {
  double best = 1e30;
  for (int i = 0; i < 20; i++) {
    mpinn_hierarchy *hierarchy = NULL;
    const double start = mpinn_seconds();
    mpinn_hierarchy_create(context, nodes, points, NEIGHBOURS, LEVELS, &hierarchy);
    const double seconds = mpinn_seconds() - start;
    mpinn_hierarchy_destroy(&hierarchy);
    if (seconds < best) best = seconds;
  }
  return 1e3 * best;
}

static double time_plans(encoder *e) {
  double best = 1e30;
  for (int i = 0; i < 20; i++) {
    mpinn_spline_plan *plan[LEVELS];
    const double start = mpinn_seconds();
    for (size_t l = 0; l < LEVELS; l++)
      e->ops->spline_plan_create(e->backend, &e->hierarchy->levels[l], KERNEL, &plan[l]);
    const double seconds = mpinn_seconds() - start;
    for (size_t l = 0; l < LEVELS; l++) e->ops->spline_plan_destroy(e->backend, &plan[l]);
    if (seconds < best) best = seconds;
  }
  return 1e3 * best;
}

int main(int argc, char **argv) {
  const size_t nodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
  encoder e = {.ops = &mpinn_ops_cpu, .maps = argc > 2 ? strtoul(argv[2], NULL, 10) : 1};
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_context_options_default(&options);
  options.threads = argc > 3 ? atoi(argv[3]) : 1;
  double *points = malloc(3 * nodes * sizeof *points);
  mpinn_context_create(&options, &context);
  make_points(nodes, points);
  if (e.ops->create(context, &e.backend) != MPINN_OK ||
      mpinn_hierarchy_create(context, nodes, points, NEIGHBOURS, LEVELS, &e.hierarchy) != MPINN_OK) {
    fprintf(stderr, "%s\n", mpinn_context_error(context));
    return 1;
  }
  printf("hierarchy_ms %.4f\n", time_hierarchy(context, nodes, points));
  printf("plans_ms %.4f\n", time_plans(&e));
  for (size_t l = 0; l < LEVELS; l++) make_level(&e, l);
  e.pooled = wave(&e, e.maps * channels[LEVELS], 0, 0);
  e.d_pooled = wave(&e, e.maps * channels[LEVELS], 0, 1);
  const double operations = count_operations(&e), one_way = time_passes(&e, false),
               both = time_passes(&e, true);
  printf("forward_ms %.4f\nforward_gflops %.2f\n", one_way, 1e-6 * operations / one_way);
  printf("both_ms %.4f\nboth_gflops %.2f\n", both, 3e-6 * operations / both);
  printf("pooled");
  double *values = malloc(e.maps * channels[LEVELS] * sizeof *values);
  e.ops->download(e.backend, e.maps * channels[LEVELS], e.pooled, MPINN_FLOAT64, values);
  for (size_t i = 0; i < e.maps * channels[LEVELS]; i++) printf(" %.9g", values[i]);
  printf("\n");
  free(values);
  free(points);
  for (size_t l = 0; l < LEVELS; l++) {
    void *const memory[] = {e.weight[l], e.root[l], e.bias[l], e.d_weight[l], e.d_root[l],
                            e.d_bias[l], e.x[l],    e.y[l],    e.dx[l],       e.dy[l]};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) e.ops->release(e.backend, memory[i]);
    e.ops->spline_plan_destroy(e.backend, &e.plan[l]);
  }
  e.ops->release(e.backend, e.pooled);
  e.ops->release(e.backend, e.d_pooled);
  mpinn_hierarchy_destroy(&e.hierarchy);
  e.ops->destroy(&e.backend);
  mpinn_context_destroy(&context);
  return 0;
}
