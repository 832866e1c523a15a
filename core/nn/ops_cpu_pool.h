/* Pooling of a level to the next, and of all nodes to one. */

static mpinn_status cluster_mean_forward(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                         size_t channels, const void *x, void *y) {
  const size_t width = maps * channels;
  const int threads = threads_for(backend, (double)(plan->n_nodes * width));
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t c = 0; c < plan->n_clusters; c++) {
    const int32_t *node = plan->cluster_node + plan->cluster_first[c];
    const size_t count = (size_t)(plan->cluster_first[c + 1] - plan->cluster_first[c]);
    real *mean = (real *)y + c * width;
    backend->kernels->weighted_sum(count, node, NULL, width, x, false, mean);
    for (size_t j = 0; j < width; j++) mean[j] /= (real)count;
  }
  return MPINN_OK;
}

static mpinn_status cluster_mean_backward(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                          size_t channels, const void *dy, void *dx) {
  const size_t width = maps * channels;
  const int threads = threads_for(backend, (double)(plan->n_nodes * width));
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t i = 0; i < plan->n_nodes; i++) {
    const size_t c = (size_t)plan->cluster[i];
    const real share = 1 / (real)(plan->cluster_first[c + 1] - plan->cluster_first[c]);
    for (size_t j = 0; j < width; j++)
      ((real *)dx)[i * width + j] = share * ((const real *)dy)[c * width + j];
  }
  return MPINN_OK;
}

static mpinn_status node_max_forward(mpinn_backend *backend, size_t nodes, size_t maps, size_t channels,
                                     const void *x, void *y) {
  const size_t width = maps * channels;
  real *most = y;
  (void)backend;
  memcpy(most, x, nodes > 0 ? width * sizeof *most : 0);
  for (size_t i = 1; i < nodes; i++) {
    const real *row = (const real *)x + i * width;
    for (size_t j = 0; j < width; j++) most[j] = row[j] > most[j] ? row[j] : most[j];
  }
  return MPINN_OK;
}

static mpinn_status node_max_backward(mpinn_backend *backend, size_t nodes, size_t maps, size_t channels,
                                      const void *x, const void *y, const void *dy, void *dx) {
  const size_t width = maps * channels;
  (void)backend;
  memset(dx, 0, nodes * width * sizeof(real));
  for (size_t j = 0; j < width; j++)
    for (size_t i = 0; i < nodes; i++) {
      if (((const real *)x)[i * width + j] != ((const real *)y)[j]) continue;
      ((real *)dx)[i * width + j] = ((const real *)dy)[j];
      break;
    }
  return MPINN_OK;
}

static mpinn_status mean_max_forward(mpinn_backend *backend, size_t groups, size_t rows, size_t columns,
                                     const void *x, void *y) {
  const size_t n = rows * columns;
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 4.0 * (double)(groups * n)))
  for (size_t r = 0; r < rows; r++) {
    const real *first = (const real *)x + r * columns;
    real *restrict mean = (real *)y + 2 * r * columns, *restrict most = mean + columns;
    memcpy(mean, first, columns * sizeof *mean);
    memcpy(most, first, columns * sizeof *most);
    for (size_t g = 1; g < groups; g++)
      for (size_t j = 0; j < columns; j++) {
        const real value = first[g * n + j];
        mean[j] += value;
        most[j] = value > most[j] ? value : most[j];
      }
    for (size_t j = 0; j < columns; j++) mean[j] /= (real)groups;
  }
  return MPINN_OK;
}

static mpinn_status mean_max_backward(mpinn_backend *backend, size_t groups, size_t rows, size_t columns,
                                      const void *x, const void *y, const void *dy, void *dx) {
  const size_t n = rows * columns;
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 4.0 * (double)(groups * n)))
  for (size_t r = 0; r < rows; r++) {
    const real *values = (const real *)x + r * columns, *most = (const real *)y + (2 * r + 1) * columns;
    const real *d_mean = (const real *)dy + 2 * r * columns, *d_most = d_mean + columns;
    real *to = (real *)dx + r * columns;
    for (size_t j = 0; j < columns; j++) {
      size_t first = 0;
      while (first + 1 < groups && values[first * n + j] != most[j]) first++;
      for (size_t g = 0; g < groups; g++)
        to[g * n + j] = d_mean[j] / (real)groups + (g == first ? d_most[j] : 0);
    }
  }
  return MPINN_OK;
}
