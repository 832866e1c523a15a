/* Dense layers and matrix products, by BLAS on blocks whose size does not depend on the number of threads. */

enum { DENSE_BLOCK = 128 };

static mpinn_status check_sizes(mpinn_backend *backend, size_t a, size_t b, size_t c) {
  if (a <= INT_MAX && b <= INT_MAX && c <= INT_MAX) return MPINN_OK;
  return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                    "Matrices of %zu, %zu and %zu rows are too large for BLAS", a, b, c);
}

static void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const real *a,
                      size_t a_row, const real *b, size_t b_row, real beta, real *c, size_t c_row) {
  CBLAS(gemm)
  (CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
   (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)a_row, b, (blasint)b_row, beta, c, (blasint)c_row);
}

/* BLAS is called from our own threads: threads of its own beneath them would only fight for the same processors, and would
 * make results depend on their number. Others in the process may use BLAS too, so what they had set is put back. */
static int quiet_blas(void) {
  const int threads = openblas_get_num_threads && openblas_set_num_threads ? openblas_get_num_threads() : 1;
  if (threads > 1) openblas_set_num_threads(1);
  return threads;
}

static void restore_blas(int threads) {
  if (threads > 1) openblas_set_num_threads(threads);
}

/* C[m][n] = op(A) op(B) + beta C, matrices packed; threads share whichever of m and n is larger. */
static void multiply(const mpinn_backend *backend, bool transpose_a, bool transpose_b, size_t m, size_t n,
                     size_t k, const real *a, const real *b, real beta, real *c) {
  const size_t a_row = transpose_a ? m : k, b_row = transpose_b ? k : n;
  const bool by_rows = m >= n;
  const size_t blocks = divide_up(by_rows ? m : n, DENSE_BLOCK);
  if (m == 0 || n == 0) return;
  const int blas_threads = quiet_blas();
#pragma omp parallel for schedule(static)                                                                    \
    num_threads(threads_for(backend, 2.0 * (double)m * (double)n * (double)k))
  for (size_t block = 0; block < blocks; block++) {
    const size_t from = block * DENSE_BLOCK, size = smaller(DENSE_BLOCK, (by_rows ? m : n) - from);
    if (by_rows)
      blas_gemm(transpose_a, transpose_b, size, n, k, a + (transpose_a ? from : from * a_row), a_row, b,
                b_row, beta, c + from * n, n);
    else
      blas_gemm(transpose_a, transpose_b, m, size, k, a, a_row, b + (transpose_b ? from * b_row : from),
                b_row, beta, c + from, n);
  }
  restore_blas(blas_threads);
}

static mpinn_status matmul(mpinn_backend *backend, bool transpose_a, bool transpose_b, size_t m, size_t n,
                           size_t k, const void *a, const void *b, double beta, void *c) {
  MPINN_TRY(check_sizes(backend, m, n, k));
  multiply(backend, transpose_a, transpose_b, m, n, k, a, b, (real)beta, c);
  return MPINN_OK;
}

static mpinn_status dense_forward(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                  const void *weight, const void *bias, mpinn_activation activation,
                                  void *y) {
  MPINN_TRY(check_sizes(backend, rows, in, out));
  const kernels *kernel = backend->kernels;
  const int threads = threads_for(backend, 50.0 * (double)rows * (double)out);
  for (size_t r = 0; r < rows; r++) memcpy((real *)y + r * out, bias, out * sizeof(real));
  multiply(backend, false, true, rows, out, in, x, weight, 1, y);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t r = 0; r < rows; r++) kernel->activate(activation, out, (real *)y + r * out);
  return MPINN_OK;
}

/* d_bias[out] += Σ_rows d[rows][out]. */
static void add_column_sums(const mpinn_backend *backend, size_t rows, size_t out, const real *d,
                            real *d_bias) {
  const size_t blocks = divide_up(out, DENSE_BLOCK);
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, (double)rows *(double)out))
  for (size_t block = 0; block < blocks; block++) {
    const size_t from = block * DENSE_BLOCK, to = smaller(out, from + DENSE_BLOCK);
    for (size_t r = 0; r < rows; r++)
      for (size_t o = from; o < to; o++) d_bias[o] += d[r * out + o];
  }
}

static mpinn_status dense_backward(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                   const void *weight, mpinn_activation activation, const void *y, void *dy,
                                   void *dx, void *d_weight, void *d_bias) {
  MPINN_TRY(check_sizes(backend, rows, in, out));
  const kernels *kernel = backend->kernels;
  const int threads = threads_for(backend, 10.0 * (double)rows * (double)out);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t r = 0; r < rows; r++)
    kernel->deactivate(activation, out, (const real *)y + r * out, (real *)dy + r * out);
  add_column_sums(backend, rows, out, dy, d_bias);
  multiply(backend, true, false, out, in, rows, dy, x, 1, d_weight);
  if (dx) multiply(backend, false, false, rows, in, out, dy, weight, 0, dx);
  return MPINN_OK;
}
