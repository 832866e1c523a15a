/* Field nets over all networks and points, the loss and the optimizer: shared out in pieces whose size does
 * not depend on the number of threads, and summed in their order. */

enum { FIELD_CHUNK = 512, LOSS_CHUNK = 1024, VECTOR_CHUNK = 16384 };

static mpinn_status check_net(mpinn_backend *backend, const mpinn_field_net *net) {
  if (net->layers >= 2 && net->width >= 1) return MPINN_OK;
  return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                    "A field net has at least 2 layers of 1 unit, not %d of %d", net->layers, net->width);
}

static mpinn_status field_scratches(mpinn_backend *backend, const mpinn_field_net *net, size_t *each,
                                    real **scratches) {
  MPINN_TRY(check_net(backend, net));
  *each = divide_up(backend->kernels->field_scratch(net), 64) * 64;
  return reserve(backend, WORK_SCRATCH, *each * (size_t)backend->threads, sizeof(real), (void **)scratches);
}

static mpinn_status field_forward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                  const void *weights, size_t n, const void *points, void *value,
                                  void *gradient) {
  size_t each;
  real *scratches;
  MPINN_TRY(field_scratches(backend, net, &each, &scratches));
  const size_t n_weights = mpinn_field_net_weights(net), chunks = divide_up(n, FIELD_CHUNK);
#pragma omp parallel for schedule(static) num_threads(backend->threads)
  for (size_t task = 0; task < networks * chunks; task++) {
    const size_t b = task / chunks, from = task % chunks * FIELD_CHUNK, at = b * n + from;
    backend->kernels->field_forward(net, (const real *)weights + b * n_weights,
                                    smaller(FIELD_CHUNK, n - from), (const real *)points + 3 * from,
                                    (real *)value + at, gradient ? (real *)gradient + 3 * at : NULL,
                                    scratches + (size_t)omp_get_thread_num() * each);
  }
  return MPINN_OK;
}

static mpinn_status field_backward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                   const void *weights, size_t n, const void *points, const void *d_value,
                                   const void *d_gradient, void *d_weights) {
  size_t each;
  real *scratches, *parts;
  MPINN_TRY(field_scratches(backend, net, &each, &scratches));
  const size_t n_weights = mpinn_field_net_weights(net), chunks = divide_up(n, FIELD_CHUNK);
  MPINN_TRY(reserve(backend, WORK_A, networks * chunks * n_weights, sizeof(real), (void **)&parts));
#pragma omp parallel for schedule(static) num_threads(backend->threads)
  for (size_t task = 0; task < networks * chunks; task++) {
    const size_t b = task / chunks, from = task % chunks * FIELD_CHUNK, at = b * n + from;
    backend->kernels->field_backward(
        net, (const real *)weights + b * n_weights, smaller(FIELD_CHUNK, n - from),
        (const real *)points + 3 * from, (const real *)d_value + at,
        d_gradient ? (const real *)d_gradient + 3 * at : NULL, parts + task * n_weights,
        scratches + (size_t)omp_get_thread_num() * each);
  }
  memset(d_weights, 0, networks * n_weights * sizeof(real));
  for (size_t task = 0; task < networks * chunks; task++) {
    real *sum = (real *)d_weights + task / chunks * n_weights;
    for (size_t i = 0; i < n_weights; i++) sum[i] += parts[task * n_weights + i];
  }
  return MPINN_OK;
}

static mpinn_status eikonal_loss(mpinn_backend *backend, const mpinn_eikonal_loss *loss) {
  const size_t chunks = divide_up(loss->nodes, LOSS_CHUNK);
  double *parts;
  MPINN_TRY(reserve(backend, WORK_SUMS, 2 * loss->maps * chunks, sizeof *parts, (void **)&parts));
#pragma omp parallel for schedule(static)                                                                    \
    num_threads(threads_for(backend, 50.0 * (double)(loss->maps * loss->nodes)))
  for (size_t task = 0; task < loss->maps * chunks; task++) {
    const size_t from = task % chunks * LOSS_CHUNK;
    backend->kernels->eikonal_loss(loss, task / chunks, from, smaller(loss->nodes, from + LOSS_CHUNK),
                                   parts + 2 * task);
  }
  for (size_t map = 0; map < loss->maps; map++)
    for (size_t s = 0; s < 2; s++) {
      double sum = 0;
      for (size_t chunk = 0; chunk < chunks; chunk++) sum += parts[2 * (map * chunks + chunk) + s];
      ((real *)loss->sums)[2 * map + s] = (real)sum;
    }
  return MPINN_OK;
}

static mpinn_status sum_squares(mpinn_backend *backend, size_t n, const void *x, double *sum) {
  const size_t chunks = divide_up(n, VECTOR_CHUNK);
  double *parts;
  MPINN_TRY(reserve(backend, WORK_SUMS, chunks, sizeof *parts, (void **)&parts));
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, (double)n))
  for (size_t chunk = 0; chunk < chunks; chunk++) {
    const size_t from = chunk * VECTOR_CHUNK;
    parts[chunk] = backend->kernels->sum_squares(smaller(VECTOR_CHUNK, n - from), (const real *)x + from);
  }
  *sum = 0;
  for (size_t chunk = 0; chunk < chunks; chunk++) *sum += parts[chunk];
  return MPINN_OK;
}

static mpinn_status adamw(mpinn_backend *backend, const mpinn_adamw *options, size_t n, double gradient_scale,
                          const void *gradient, void *first_moment, void *second_moment, void *parameters) {
  if (options->step < 1)
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT, "The first step of AdamW is 1, not %ld",
                      options->step);
  const REAL(mpinn_adamw_step) step = {
      .learning_rate = (real)options->learning_rate,
      .beta1 = (real)options->beta1,
      .beta2 = (real)options->beta2,
      .epsilon = (real)options->epsilon,
      .decay = (real)(1 - options->learning_rate * options->weight_decay),
      .correction1 = (real)(1 / (1 - pow(options->beta1, (double)options->step))),
      .correction2 = (real)(1 / (1 - pow(options->beta2, (double)options->step))),
      .gradient_scale = (real)gradient_scale,
  };
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 10.0 * (double)n))
  for (size_t from = 0; from < n; from += VECTOR_CHUNK)
    backend->kernels->adamw(&step, smaller(VECTOR_CHUNK, n - from), (const real *)gradient + from,
                            (real *)first_moment + from, (real *)second_moment + from,
                            (real *)parameters + from);
  return MPINN_OK;
}
