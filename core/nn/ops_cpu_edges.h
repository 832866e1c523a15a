/* EdgeConv and weighted means over a plan (ops_cpu_edge_plan.h). A target is one thread's work forwards and a
 * source is backwards; what all edges add to is kept a block apart and summed in the order of blocks. */

/* A row of zeros stands for p or q where there are none. */
static mpinn_status prepare_edges(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h,
                                  const void *p, const void *q, const void *w, edge_task *task) {
  real *zeros = NULL;
  if (!p || !q) {
    MPINN_TRY(reserve(backend, WORK_B, h, sizeof(real), (void **)&zeros));
    memset(zeros, 0, h * sizeof *zeros);
  }
  *task = (edge_task){.order = &plan->forward, .attributes = plan->attributes, .h = h};
  task->near = p ? p : zeros;
  task->near_row = p ? h : 0;
  task->far = q ? q : zeros;
  task->far_row = q ? h : 0;
  task->w = plan->attributes > 0 ? w : task->near; /* not read, but a place to count columns from */
  return MPINN_OK;
}

static int edge_threads(const mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h) {
  return threads_for(backend, 2.0 * (double)plan->edges * (double)h * (double)(plan->attributes + 4));
}

static mpinn_status edge_forward(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *p,
                                 const void *q, const void *w, void *y) {
  edge_task all;
  MPINN_TRY(prepare_edges(backend, plan, h, p, q, w, &all));
  all.y = y;
#pragma omp parallel for schedule(static) num_threads(edge_threads(backend, plan, h))
  for (size_t block = 0; block < plan->forward.n_blocks; block++) {
    edge_task task = all;
    task.block = block;
    backend->kernels->edge_forward(&task);
  }
  return MPINN_OK;
}

/* dp and the blocks' d_w; then dq, from the other end, if wanted. */
static void reverse_edges(const mpinn_backend *backend, const mpinn_edge_plan *plan, const edge_task *all,
                          size_t scratch, void *dp, void *dq) {
  const size_t part = plan->attributes * all->h;
#pragma omp parallel num_threads(edge_threads(backend, plan, all->h))
  {
    edge_task task = *all;
    task.d_near = dp;
    task.scratch += (size_t)omp_get_thread_num() * scratch;
#pragma omp for schedule(static)
    for (size_t block = 0; block < plan->forward.n_blocks; block++) {
      task.block = block;
      task.d_w = all->d_w + block * part;
      backend->kernels->edge_targets(&task);
    }
    task.order = plan->reverse;
    task.near = all->far, task.near_row = all->far_row;
    task.far = all->near, task.far_row = all->near_row;
    task.d_near = dq;
#pragma omp for schedule(static)
    for (size_t block = 0; block < (dq ? plan->reverse->n_blocks : 0); block++) {
      task.block = block;
      backend->kernels->edge_sources(&task);
    }
  }
}

static mpinn_status edge_backward(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h,
                                  const void *p, const void *q, const void *w, const void *y, const void *dy,
                                  void *dp, void *dq, void *d_w) {
  edge_task all;
  const size_t part = plan->attributes * h, columns = smaller(h, 64), n_blocks = plan->forward.n_blocks;
  const size_t scratch = divide_up(plan->longest * columns, 64) * 64;
  (void)y;
  if (dq) MPINN_TRY(need_reverse(backend->context, plan));
  MPINN_TRY(prepare_edges(backend, plan, h, p, q, w, &all));
  all.dy = dy;
  MPINN_TRY(reserve(backend, WORK_A, n_blocks * part, sizeof(real), (void **)&all.d_w));
  MPINN_TRY(reserve(backend, WORK_CHOSEN, plan->targets * h, sizeof(REAL(lane)), (void **)&all.chosen));
  MPINN_TRY(reserve(backend, WORK_SCRATCH, scratch * (size_t)backend->threads, sizeof(real),
                    (void **)&all.scratch));
  reverse_edges(backend, plan, &all, scratch, dp, dq);
  for (size_t block = 0; block < n_blocks; block++)
    for (size_t i = 0; i < part; i++) ((real *)d_w)[i] += all.d_w[block * part + i];
  return MPINN_OK;
}

/* y[near][h]: the weighted sums over an order's edges. */
static void mix(const mpinn_backend *backend, const edge_order *order, size_t edges, size_t h, const real *x,
                real *y) {
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 2.0 * (double)edges * (double)h))
  for (size_t block = 0; block < order->n_blocks; block++)
    for (size_t i = (size_t)order->block[block]; i < (size_t)order->block[block + 1]; i++) {
      const size_t first = (size_t)order->first[i], count = (size_t)order->first[i + 1] - first;
      backend->kernels->weighted_sum(count, order->far + first, order->weight + first, h, x, false,
                                     y + i * h);
    }
}

static mpinn_status mix_forward(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *x,
                                void *y) {
  mix(backend, &plan->forward, plan->edges, h, x, y);
  return MPINN_OK;
}

static mpinn_status mix_backward(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h,
                                 const void *dy, void *dx) {
  MPINN_TRY(need_reverse(backend->context, plan));
  mix(backend, plan->reverse, plan->edges, h, dy, dx);
  return MPINN_OK;
}
