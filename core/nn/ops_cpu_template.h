/* The operations on the CPU, written once for both precisions. The including file has defined
 *   real, REAL(name)              the precision and its suffix (name_float, name_double)
 *   OPS                           the table to define
 *   OPS_NAME                      its name */
#include "nn/arithmetic.h"
#include "nn/ops.h"

#include <omp.h>
#include <string.h>

_Static_assert((int)MPINN_LINEAR == (int)MPINN_ARITHMETIC_LINEAR &&
                   (int)MPINN_RELU == (int)MPINN_ARITHMETIC_RELU &&
                   (int)MPINN_ELU == (int)MPINN_ARITHMETIC_ELU &&
                   (int)MPINN_TANH == (int)MPINN_ARITHMETIC_TANH,
               "activations have one numbering");

/* Integers as wide as the reals, to number the lanes of a register. */
typedef int32_t lane_float;
typedef int64_t lane_double;

#include "nn/ops_cpu_tasks.h"

/* The inner loops, for the instruction set of the machine. */
typedef struct kernels {
  void (*gemm)(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column, const real *b,
               size_t b_row, bool add, real *c, size_t c_row);
  void (*pack)(const product_task *product, column_panel panel, size_t from, size_t to, real *packed);
  void (*multiply_panel)(const product_task *product, column_panel panel, const product_part *part);
  void (*multiply_dots)(const product_task *product, size_t from, size_t to);
  void (*weighted_sum)(size_t count, const int32_t *index, const real *coefficient, size_t width,
                       const real *x, bool add, real *y);
  void (*transpose)(size_t rows, size_t columns, const real *in, real *out);
  void (*activate)(mpinn_activation activation, size_t n, real *y);
  void (*deactivate)(mpinn_activation activation, size_t n, const real *restrict y, real *restrict dy);
  void (*adamw)(const REAL(mpinn_adamw_step) * step, size_t n, const real *restrict gradient,
                real *restrict first, real *restrict second, real *restrict parameter);
  double (*sum_squares)(size_t n, const real *x);
  void (*eikonal_loss)(const mpinn_eikonal_loss *loss, size_t map, size_t from, size_t to, double *sums);
  /* local NULL: the position is the input */
  void (*field_forward)(const mpinn_field_net *net, const real *weights, size_t n, const real *points,
                        const local_task *local, real *value, real *gradient, real *scratch);
  void (*field_backward)(const mpinn_field_net *net, const real *weights, size_t n, const real *points,
                         const local_task *local, const real *d_value, const real *d_gradient,
                         real *d_weights, real *scratch);
  void (*edge_forward)(const edge_task *task);
  void (*edge_targets)(const edge_task *task);
  void (*edge_sources)(const edge_task *task);
  void (*add)(size_t n, const real *x, real *y);
  double (*speed_loss)(size_t n, const real *speed, const real *target, real square_scale,
                       real absolute_scale, real *d_speed);
  size_t (*field_scratch)(const mpinn_field_net *net); /* reals, a thread */
  size_t lanes;                                        /* reals in a register */
  size_t panel_vectors;                                /* registers across a tile */
} kernels;

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#define KERNEL(name) REAL(name##_v4)
#define VECTOR_BYTES 64
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define DOT_ROWS 4
#define WIDE_SHUFFLES
#include "nn/ops_cpu_kernels.h"
#undef WIDE_SHUFFLES
#undef KERNEL
#undef VECTOR_BYTES
#undef TILE_VECTORS
#undef DOT_ROWS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define KERNEL(name) REAL(name##_v3)
#define VECTOR_BYTES 32
#define TILE_VECTORS 2
#define DOT_ROWS 2
#include "nn/ops_cpu_kernels.h"
#undef KERNEL
#undef VECTOR_BYTES
#undef TILE_ROWS
#undef TILE_VECTORS
#undef DOT_ROWS
#pragma GCC pop_options
#endif

#define KERNEL(name) REAL(name##_any)
#define VECTOR_BYTES 16
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define DOT_ROWS 2
#include "nn/ops_cpu_kernels.h"
#undef KERNEL
#undef VECTOR_BYTES
#undef TILE_ROWS
#undef TILE_VECTORS
#undef DOT_ROWS

static const kernels *choose_kernels(void) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("x86-64-v4")) return &REAL(kernels_v4);
  if (__builtin_cpu_supports("x86-64-v3")) return &REAL(kernels_v3);
#endif
  return &REAL(kernels_any);
}

/* Workspaces that outlive a call and only grow, so that the steady state allocates nothing. */
enum { WORK_A, WORK_B, WORK_PACKED, WORK_SCRATCH, WORK_SUMS, WORK_CHOSEN, WORK_PARTS, WORK_COUNT };

struct mpinn_backend {
  mpinn_context *context;
  const kernels *kernels;
  int threads;
  void *work[WORK_COUNT];
  size_t work_bytes[WORK_COUNT];
};

static mpinn_status reserve(mpinn_backend *backend, int slot, size_t count, size_t size, void **work) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
  if (bytes > backend->work_bytes[slot]) {
    free(backend->work[slot]);
    backend->work_bytes[slot] = 0;
    MPINN_TRY(mpinn_allocate(backend->context, bytes, 1, &backend->work[slot]));
    backend->work_bytes[slot] = bytes;
  }
  *work = backend->work[slot];
  return MPINN_OK;
}

static mpinn_status backend_create(mpinn_context *context, mpinn_backend **backend) {
  *backend = NULL;
  MPINN_TRY(MPINN_NEW(context, backend, 1));
  (*backend)->context = context;
  (*backend)->kernels = choose_kernels();
  (*backend)->threads = mpinn_context_threads(context);
  return MPINN_OK;
}

static void backend_destroy(mpinn_backend **backend) {
  if (!*backend) return;
  for (int slot = 0; slot < WORK_COUNT; slot++) free((*backend)->work[slot]);
  free(*backend);
  *backend = NULL;
}

static mpinn_status memory_alloc(mpinn_backend *backend, size_t n, void **memory) {
  return mpinn_allocate(backend->context, n, sizeof(real), memory);
}

static void memory_release(mpinn_backend *backend, void *memory) {
  (void)backend;
  free(memory);
}

static mpinn_status check_type(mpinn_backend *backend, mpinn_type type) {
  if (type == MPINN_FLOAT32 || type == MPINN_FLOAT64) return MPINN_OK;
  return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                    "Only 32-bit and 64-bit floats go to and from a backend");
}

static mpinn_status upload(mpinn_backend *backend, size_t n, mpinn_type type, const void *host,
                           void *memory) {
  real *to = memory;
  MPINN_TRY(check_type(backend, type));
  if (type == MPINN_FLOAT32)
    for (size_t i = 0; i < n; i++) to[i] = (real)((const float *)host)[i];
  else
    for (size_t i = 0; i < n; i++) to[i] = (real)((const double *)host)[i];
  return MPINN_OK;
}

static mpinn_status download(mpinn_backend *backend, size_t n, const void *memory, mpinn_type type,
                             void *host) {
  const real *from = memory;
  MPINN_TRY(check_type(backend, type));
  if (type == MPINN_FLOAT32)
    for (size_t i = 0; i < n; i++) ((float *)host)[i] = (float)from[i];
  else
    for (size_t i = 0; i < n; i++) ((double *)host)[i] = (double)from[i];
  return MPINN_OK;
}

static mpinn_status memory_zero(mpinn_backend *backend, size_t n, void *memory) {
  (void)backend;
  memset(memory, 0, n * sizeof(real));
  return MPINN_OK;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b) {
  return (a + b - 1) / b;
}

/* A thread costs some microseconds to wake, far more on a busy machine: small work is done by the caller
 * alone. */
static int threads_for(const mpinn_backend *backend, double operations) {
  return operations < 2e6 ? 1 : backend->threads;
}

#include "nn/ops_cpu_columns.h"
#include "nn/ops_cpu_dense.h"
#include "nn/ops_cpu_spline_plan.h"
#include "nn/ops_cpu_spline.h"
#include "nn/ops_cpu_pool.h"
#include "nn/ops_cpu_edge_plan.h"
#include "nn/ops_cpu_edges.h"
#include "nn/ops_cpu_field_nets.h"
#include "nn/ops_cpu_local_field.h"
#include "nn/ops_cpu_train.h"

const mpinn_ops OPS = {
    .name = OPS_NAME,
    .real_bytes = sizeof(real),
    .create = backend_create,
    .destroy = backend_destroy,
    .alloc = memory_alloc,
    .release = memory_release,
    .upload = upload,
    .download = download,
    .zero = memory_zero,
    .matmul = matmul,
    .dense_forward = dense_forward,
    .dense_backward = dense_backward,
    .join_columns = join_columns,
    .split_columns = split_columns,
    .spline_plan_create = spline_plan_create,
    .spline_plan_destroy = spline_plan_destroy,
    .spline_conv_forward = spline_conv_forward,
    .spline_conv_backward = spline_conv_backward,
    .cluster_mean_forward = cluster_mean_forward,
    .cluster_mean_backward = cluster_mean_backward,
    .mean_max_forward = mean_max_forward,
    .mean_max_backward = mean_max_backward,
    .node_max_forward = node_max_forward,
    .node_max_backward = node_max_backward,
    .edge_plan_create = edge_plan_create,
    .edge_plan_destroy = edge_plan_destroy,
    .edge_forward = edge_forward,
    .edge_backward = edge_backward,
    .mix_forward = mix_forward,
    .mix_backward = mix_backward,
    .add = add,
    .field_forward = field_forward,
    .field_backward = field_backward,
    .reach_create = reach_create,
    .reach_destroy = reach_destroy,
    .local_field_forward = local_field_forward,
    .local_field_backward = local_field_backward,
    .speed_loss = speed_loss,
    .eikonal_loss = eikonal_loss,
    .sum_squares = sum_squares,
    .adamw = adamw,
};
