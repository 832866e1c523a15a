/* Rows side by side: concatenation of columns and the way back. */

static mpinn_status join_columns(mpinn_backend *backend, size_t rows, size_t a, size_t b, const void *xa,
                                 const void *xb, void *y) {
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 8.0 * (double)(rows * (a + b))))
  for (size_t row = 0; row < rows; row++) {
    real *out = (real *)y + row * (a + b);
    memcpy(out, (const real *)xa + row * a, a * sizeof *out);
    memcpy(out + a, (const real *)xb + row * b, b * sizeof *out);
  }
  return MPINN_OK;
}

static mpinn_status split_columns(mpinn_backend *backend, size_t rows, size_t a, size_t b, const void *y,
                                  void *xa, void *xb) {
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 8.0 * (double)(rows * (a + b))))
  for (size_t row = 0; row < rows; row++) {
    const real *in = (const real *)y + row * (a + b);
    memcpy((real *)xa + row * a, in, a * sizeof *in);
    memcpy((real *)xb + row * b, in + a, b * sizeof *in);
  }
  return MPINN_OK;
}
