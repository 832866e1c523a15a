/* The losses and the optimizer: shared out in pieces whose size does not depend on the number of threads, and
 * summed in their order. */

enum { LOSS_CHUNK = 1024, VECTOR_CHUNK = 16384 };

static mpinn_status speed_loss(mpinn_backend *backend, size_t n, const void *speed, const void *target,
                               double square_scale, double absolute_scale, void *d_speed, double *sum) {
  const size_t chunks = divide_up(n, LOSS_CHUNK);
  double *parts;
  MPINN_TRY(reserve(backend, WORK_SUMS, chunks, sizeof *parts, (void **)&parts));
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 5.0 * (double)n))
  for (size_t chunk = 0; chunk < chunks; chunk++) {
    const size_t from = chunk * LOSS_CHUNK;
    parts[chunk] = backend->kernels->speed_loss(smaller(LOSS_CHUNK, n - from), (const real *)speed + from,
                                                (const real *)target + from, (real)square_scale,
                                                (real)absolute_scale, (real *)d_speed + from);
  }
  *sum = 0;
  for (size_t chunk = 0; chunk < chunks; chunk++) *sum += parts[chunk];
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

static mpinn_status add(mpinn_backend *backend, size_t n, const void *x, void *y) {
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, (double)n))
  for (size_t from = 0; from < n; from += VECTOR_CHUNK)
    backend->kernels->add(smaller(VECTOR_CHUNK, n - from), (const real *)x + from, (real *)y + from);
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
