/* Dense layers and matrix products. Who multiplies what depends on the sizes alone, never on the number of
 * threads. */

enum {
  DENSE_ROWS = 48,      /* rows of C that a thread makes at once; and so much of the sum that … */
  DENSE_DEPTH = 256,    /* … what is read of A stays in the first cache and of B in the second */
  DENSE_COLUMNS = 128,  /* columns that a thread sums */
  DENSE_DOTS = 12,      /* up to so many rows a transposed B is not worth packing, … */
  DENSE_IN_PLACE = 12,  /* … nor another B */
  DENSE_STREAMED = 128, /* up to so many rows a large B is packed a panel at a time */
  DENSE_SMALL = 16384   /* up to so many elements of B are packed faster than threads meet */
};

static size_t count_panels(const kernels *kernel, size_t n) {
  return divide_up(divide_up(n, kernel->lanes), kernel->panel_vectors);
}

/* Panels are as even as whole registers allow. */
static column_panel panel_at(const kernels *kernel, size_t n, size_t index) {
  const size_t vectors = divide_up(n, kernel->lanes), panels = count_panels(kernel, n);
  const size_t first = kernel->lanes * (vectors * index / panels),
               end = kernel->lanes * (vectors * (index + 1) / panels);
  return (column_panel){.first = first, .columns = smaller(n, end) - first, .width = end - first};
}

/* The end of the part of the sum over k that begins at `from`; the parts are even. */
static size_t depth_end(size_t k, size_t from) {
  const size_t depth = divide_up(k, divide_up(k, DENSE_DEPTH));
  return smaller(k, from + depth);
}

/* Reads B once, by rows of it. */
static void multiply_dots(const mpinn_backend *backend, const product_task *product, int threads) {
  enum { COLUMNS = 32 };
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t from = 0; from < product->n; from += COLUMNS)
    backend->kernels->multiply_dots(product, from, smaller(product->n, from + COLUMNS));
}

/* Rows of C in one panel, with that of op(B) packed. */
static void multiply_block(const kernels *kernel, const product_task *product, column_panel panel, size_t row,
                           const real *packed) {
  product_part part = {.row = row, .rows = smaller(DENSE_ROWS, product->m - row), .b_row = panel.width};
  part.a_row = product->a_row, part.a_column = product->a_column;
  for (part.from = 0; part.from < product->k; part.from = part.to) {
    part.to = depth_end(product->k, part.from);
    part.a = product->a + row * product->a_row + part.from * product->a_column;
    part.b = packed + part.from * panel.width;
    kernel->multiply_panel(product, panel, &part);
  }
}

/* All of op(B) is packed, then read by blocks of rows. */
static mpinn_status multiply_packed(mpinn_backend *backend, const product_task *product, int threads) {
  const kernels *kernel = backend->kernels;
  const size_t n = product->n, k = product->k, panels = count_panels(kernel, n);
  const size_t blocks = divide_up(product->m, DENSE_ROWS) * panels;
  real *packed;
  MPINN_TRY(reserve(backend, WORK_PACKED, divide_up(n, kernel->lanes) * kernel->lanes * k, sizeof(real),
                    (void **)&packed));
#pragma omp parallel for schedule(static) num_threads(n *k <= DENSE_SMALL ? 1 : threads)
  for (size_t i = 0; i < panels; i++) {
    const column_panel panel = panel_at(kernel, n, i);
    kernel->pack(product, panel, 0, k, packed + panel.first * k);
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t i = 0; i < blocks; i++) {
    const column_panel panel = panel_at(kernel, n, i % panels);
    multiply_block(kernel, product, panel, i / panels * DENSE_ROWS, packed + panel.first * k);
  }
  return MPINN_OK;
}

/* Panels of op(B) are read once: each is packed, if need be, and multiplied at once by all rows. */
static mpinn_status multiply_streamed(mpinn_backend *backend, const product_task *product, int threads) {
  const kernels *kernel = backend->kernels;
  const size_t m = product->m, n = product->n, k = product->k, panels = count_panels(kernel, n);
  const size_t each = DENSE_DEPTH * kernel->lanes * kernel->panel_vectors;
  real *scratch;
  MPINN_TRY(reserve(backend, WORK_PACKED, each * (size_t)threads, sizeof(real), (void **)&scratch));
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t i = 0; i < panels; i++) {
    real *packed = scratch + each * (size_t)omp_get_thread_num();
    const column_panel panel = panel_at(kernel, n, i);
    const bool in_place = m <= DENSE_IN_PLACE && !product->b_transposed && panel.columns == panel.width;
    product_part part = {.rows = m, .a_row = product->a_row, .a_column = product->a_column};
    for (part.from = 0; part.from < k; part.from = part.to) {
      part.to = depth_end(k, part.from);
      part.a = product->a + part.from * product->a_column;
      part.b = in_place ? product->b + part.from * product->b_row + panel.first : packed;
      part.b_row = in_place ? product->b_row : panel.width;
      if (!in_place) kernel->pack(product, panel, part.from, part.to, packed);
      kernel->multiply_panel(product, panel, &part);
    }
  }
  return MPINN_OK;
}

/* Where there is nothing to sum. */
static void finish_empty(const mpinn_backend *backend, const product_task *product) {
  const size_t bytes = product->n * sizeof *product->c;
  for (size_t r = 0; r < product->m; r++) {
    real *c = product->c + r * product->n;
    if (!product->start) memset(c, 0, bytes);
    if (product->start && product->start != product->c)
      memcpy(c, product->start + r * product->start_row, bytes);
    backend->kernels->activate(product->activation, product->n, c);
  }
}

static mpinn_status multiply(mpinn_backend *backend, product_task product) {
  const size_t m = product.m, n = product.n, k = product.k;
  const int threads = threads_for(backend, 2.0 * (double)m * (double)n * (double)k);
  if (m == 0 || n == 0) return MPINN_OK;
  if (k == 0) {
    finish_empty(backend, &product);
    return MPINN_OK;
  }
  if (m == 1) product.a_row = k; /* one row or column is as good as the other */
  if (n == 1 && !product.b_transposed && product.b_row == 1) {
    product.b_transposed = true;
    product.b_row = k;
  }
  if (product.a_column == 1 && product.b_transposed && (m <= DENSE_DOTS || n <= 2)) {
    multiply_dots(backend, &product, threads);
    return MPINN_OK;
  }
  if (m <= DENSE_IN_PLACE || (m <= DENSE_STREAMED && n >= DENSE_STREAMED))
    return multiply_streamed(backend, &product, threads);
  return multiply_packed(backend, &product, threads);
}

static product_task packed_product(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                                   const real *a, const real *b, real *c) {
  return (product_task){.m = m,
                        .n = n,
                        .k = k,
                        .a = a,
                        .a_row = transpose_a ? 1 : k,
                        .a_column = transpose_a ? m : 1,
                        .b = b,
                        .b_row = transpose_b ? k : n,
                        .b_transposed = transpose_b,
                        .c = c};
}

static mpinn_status matmul(mpinn_backend *backend, bool transpose_a, bool transpose_b, size_t m, size_t n,
                           size_t k, const void *a, const void *b, double beta, void *c) {
  product_task product = packed_product(transpose_a, transpose_b, m, n, k, a, b, c);
  if (beta != 0) {
    product.start = c;
    product.start_row = n;
  }
  if (beta != 0 && beta != 1)
    for (size_t i = 0; i < m * n; i++) product.c[i] *= (real)beta;
  return multiply(backend, product);
}

static mpinn_status dense_forward(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                  const void *weight, const void *bias, mpinn_activation activation,
                                  void *y) {
  product_task product = packed_product(false, true, rows, out, in, x, weight, y);
  product.start = bias;
  product.activation = activation;
  return multiply(backend, product);
}

/* d_bias[out] += Σ_rows d[rows][out]. */
static void add_column_sums(const mpinn_backend *backend, size_t rows, size_t out, const real *d,
                            real *d_bias) {
  const size_t blocks = divide_up(out, DENSE_COLUMNS);
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, (double)rows *(double)out))
  for (size_t block = 0; block < blocks; block++) {
    const size_t from = block * DENSE_COLUMNS, size = smaller(DENSE_COLUMNS, out - from);
    for (size_t r = 0; r < rows; r++) backend->kernels->add(size, d + r * out + from, d_bias + from);
  }
}

static mpinn_status dense_backward(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                   const void *weight, mpinn_activation activation, const void *y, void *dy,
                                   void *dx, void *d_weight, void *d_bias) {
  const kernels *kernel = backend->kernels;
  const int threads = threads_for(backend, 10.0 * (double)rows * (double)out);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t r = 0; r < rows; r++)
    kernel->deactivate(activation, out, (const real *)y + r * out, (real *)dy + r * out);
  add_column_sums(backend, rows, out, dy, d_bias);
  product_task by_weight = packed_product(true, false, out, in, rows, dy, x, d_weight);
  by_weight.start = d_weight;
  by_weight.start_row = in;
  MPINN_TRY(multiply(backend, by_weight));
  return dx ? multiply(backend, packed_product(false, false, rows, in, out, dy, weight, dx)) : MPINN_OK;
}
