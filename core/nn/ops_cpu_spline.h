/* SplineConv over a plan (ops_cpu_spline_plan.h). Threads own kernels where weights are at work and nodes
 * where nodes are, so that every number is summed by one thread in one order. */

typedef struct convolution {
  const mpinn_backend *backend;
  const mpinn_spline_plan *plan;
  size_t maps, in, out;
  size_t tile;    /* rows of the plan gathered at once */
  size_t scratch; /* reals a thread */
  int threads;
  real *by_row; /* [n_rows][maps][out] forwards, [maps][in] backwards */
  real *scratches;
} convolution;

enum { NODE_BLOCK = 16, TILE_REALS = 1 << 15 };

static mpinn_status prepare_convolution(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                        size_t in, size_t out, bool backward, convolution *c) {
  const size_t width = backward ? in + out : in;
  *c = (convolution){.backend = backend, .plan = plan, .maps = maps, .in = in, .out = out};
  c->threads = threads_for(backend, 2.0 * (double)(plan->n_rows * maps) * (double)(in * out));
  c->tile = TILE_REALS / (maps * width);
  if (c->tile < 4) c->tile = 4;
  c->scratch = divide_up(c->tile * maps * width + in * out, 64) * 64;
  MPINN_TRY(reserve(backend, WORK_A, plan->n_rows * maps * (backward ? in : out), sizeof(real),
                    (void **)&c->by_row));
  return reserve(backend, WORK_SCRATCH, c->scratch * (size_t)c->threads, sizeof(real),
                 (void **)&c->scratches);
}

/* The kernels of a thread: about as much work for each. Having weights to fetch counts as some rows. */
static size_t first_kernel(const convolution *c, int thread, int threads) {
  enum { FETCH = 8 };
  const mpinn_spline_plan *plan = c->plan;
  const size_t all = plan->n_rows * c->maps + FETCH * plan->n_kernels,
               begin = all * (size_t)thread / (size_t)threads;
  size_t k = 0;
  while (k < plan->n_kernels && (size_t)plan->kernel_first[k] * c->maps + FETCH * k < begin) k++;
  return k;
}

/* A for rows from … to−1: [to − from][maps · in]. */
static void gather_rows(const convolution *c, size_t from, size_t to, const real *x, real *a) {
  const mpinn_spline_plan *plan = c->plan;
  const size_t width = c->maps * c->in;
  for (size_t row = from; row < to; row++, a += width) {
    const size_t first = (size_t)plan->row_first[row], count = (size_t)plan->row_first[row + 1] - first;
    c->backend->kernels->weighted_sum(count, plan->pair_source + first, plan->pair_weight + first, width, x,
                                      false, a);
  }
}

/* by_row = A_row W_k. */
static void multiply_rows(const convolution *c, size_t k, const real *x, const real *weight, real *scratch) {
  const size_t end = (size_t)c->plan->kernel_first[k + 1];
  for (size_t row = (size_t)c->plan->kernel_first[k]; row < end; row += c->tile) {
    const size_t to = smaller(end, row + c->tile);
    gather_rows(c, row, to, x, scratch);
    c->backend->kernels->gemm((to - row) * c->maps, c->out, c->in, scratch, c->in, 1, weight, c->out, false,
                              c->by_row + row * c->maps * c->out, c->out);
  }
}

/* Nodes from … to−1: what rows give them, root, bias, activation. */
static void finish_nodes(const convolution *c, size_t from, size_t to, const real *x, const real *root,
                         const real *bias, mpinn_activation activation, real *y) {
  const mpinn_spline_plan *plan = c->plan;
  const kernels *kernel = c->backend->kernels;
  const size_t in_width = c->maps * c->in, out_width = c->maps * c->out;
  for (size_t r = from * c->maps; r < to * c->maps; r++) memcpy(y + r * c->out, bias, c->out * sizeof *y);
  kernel->gemm((to - from) * c->maps, c->out, c->in, x + from * in_width, c->in, 1, root, c->out, true,
               y + from * out_width, c->out);
  for (size_t i = from; i < to; i++) {
    const size_t first = (size_t)plan->target_first[i], count = (size_t)plan->target_first[i + 1] - first;
    kernel->weighted_sum(count, plan->target_row + first, NULL, out_width, c->by_row, true,
                         y + i * out_width);
  }
  kernel->activate(activation, (to - from) * out_width, y + from * out_width);
}

static mpinn_status spline_conv_forward(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                        size_t in, size_t out, const void *x, const void *weight,
                                        const void *root, const void *bias, mpinn_activation activation,
                                        void *y) {
  convolution c;
  MPINN_TRY(prepare_convolution(backend, plan, maps, in, out, false, &c));
#pragma omp parallel num_threads(c.threads)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const size_t end = first_kernel(&c, thread + 1, threads);
    for (size_t k = first_kernel(&c, thread, threads); k < end; k++)
      multiply_rows(&c, k, x, (const real *)weight + k * in * out, c.scratches + (size_t)thread * c.scratch);
#pragma omp barrier
#pragma omp for schedule(static)
    for (size_t from = 0; from < plan->n_nodes; from += NODE_BLOCK)
      finish_nodes(&c, from, smaller(plan->n_nodes, from + NODE_BLOCK), x, root, bias, activation, y);
  }
  return MPINN_OK;
}

/* d_W_k += Aᵀ D and, if wanted, by_row = D W_kᵀ, with D the rows' d. */
static void reverse_rows(const convolution *c, size_t k, const real *x, const real *weight, const real *d,
                         bool want_dx, real *d_weight, real *scratch) {
  const mpinn_spline_plan *plan = c->plan;
  const kernels *kernel = c->backend->kernels;
  const size_t end = (size_t)plan->kernel_first[k + 1], in_width = c->maps * c->in,
               out_width = c->maps * c->out;
  real *transposed = scratch, *a = transposed + c->in * c->out, *rows = a + c->tile * in_width;
  if (want_dx && (size_t)plan->kernel_first[k] < end) kernel->transpose(c->in, c->out, weight, transposed);
  for (size_t row = (size_t)plan->kernel_first[k]; row < end; row += c->tile) {
    const size_t to = smaller(end, row + c->tile), count = (to - row) * c->maps;
    gather_rows(c, row, to, x, a);
    for (size_t r = row; r < to; r++)
      memcpy(rows + (r - row) * out_width, d + (size_t)plan->row_target[r] * out_width,
             out_width * sizeof *rows);
    kernel->gemm(c->in, c->out, count, a, 1, c->in, rows, c->out, true, d_weight, c->out);
    if (want_dx)
      kernel->gemm(count, c->in, c->out, rows, c->out, 1, transposed, c->in, false,
                   c->by_row + row * in_width, c->in);
  }
}

/* dx of nodes from … to−1: through root (transposed) and through the rows they are sources of. */
static void reverse_nodes(const convolution *c, size_t from, size_t to, const real *root, const real *d,
                          real *dx) {
  const mpinn_spline_plan *plan = c->plan;
  const kernels *kernel = c->backend->kernels;
  const size_t in_width = c->maps * c->in, out_width = c->maps * c->out;
  kernel->gemm((to - from) * c->maps, c->in, c->out, d + from * out_width, c->out, 1, root, c->in, false,
               dx + from * in_width, c->in);
  for (size_t j = from; j < to; j++) {
    const size_t first = (size_t)plan->source_first[j], count = (size_t)plan->source_first[j + 1] - first;
    kernel->weighted_sum(count, plan->source_row + first, plan->source_weight + first, in_width, c->by_row,
                         true, dx + j * in_width);
  }
}

/* d_root += xᵀ d, rows of it shared out. */
static void reverse_root(const convolution *c, const real *x, const real *d, real *d_root) {
  enum { BLOCK = 6 };
  const kernels *kernel = c->backend->kernels;
#pragma omp for schedule(static) nowait
  for (size_t from = 0; from < c->in; from += BLOCK)
    kernel->gemm(smaller(BLOCK, c->in - from), c->out, c->plan->n_nodes * c->maps, x + from, 1, c->in, d,
                 c->out, true, d_root + from * c->out, c->out);
}

static mpinn_status spline_conv_backward(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                         size_t in, size_t out, const void *x, const void *weight,
                                         const void *root, mpinn_activation activation, const void *y,
                                         void *dy, void *dx, void *d_weight, void *d_root, void *d_bias) {
  convolution c;
  real *root_transposed;
  const size_t out_width = maps * out;
  MPINN_TRY(prepare_convolution(backend, plan, maps, in, out, true, &c));
  MPINN_TRY(reserve(backend, WORK_B, in * out, sizeof(real), (void **)&root_transposed));
  backend->kernels->transpose(in, out, root, root_transposed);
#pragma omp parallel num_threads(c.threads)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const size_t end = first_kernel(&c, thread + 1, threads);
#pragma omp for schedule(static)
    for (size_t i = 0; i < plan->n_nodes; i++)
      backend->kernels->deactivate(activation, out_width, (const real *)y + i * out_width,
                                   (real *)dy + i * out_width);
    for (size_t k = first_kernel(&c, thread, threads); k < end; k++)
      reverse_rows(&c, k, x, (const real *)weight + k * in * out, dy, dx != NULL,
                   (real *)d_weight + k * in * out, c.scratches + (size_t)thread * c.scratch);
    reverse_root(&c, x, dy, d_root);
#pragma omp barrier
#pragma omp for schedule(static)
    for (size_t from = 0; from < (dx ? plan->n_nodes : 0); from += NODE_BLOCK)
      reverse_nodes(&c, from, smaller(plan->n_nodes, from + NODE_BLOCK), root_transposed, dy, dx);
  }
  add_column_sums(backend, plan->n_nodes * maps, out, dy, d_bias);
  return MPINN_OK;
}
