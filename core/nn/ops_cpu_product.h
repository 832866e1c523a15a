/* Parts of large matrix products (ops_cpu_dense.h says which parts): panels of op(B), packed so that a tile
 * reads them in order, and rows of them by rows where op(B) is read once. Every element is summed in an order
 * that depends on the product's sizes alone. Included once for each instruction set and precision. */

/* packed[to − from][width] = rows from … to−1 of the panel of op(B), with zeros behind its columns. */
static void KERNEL(pack)(const product_task *product, column_panel panel, size_t from, size_t to,
                         real *packed) {
  const size_t k = to - from, width = panel.width, row = product->b_row;
  if (panel.columns < width)
    for (size_t p = 0; p < k; p++)
      memset(packed + p * width + panel.columns, 0, (width - panel.columns) * sizeof *packed);
  if (product->b_transposed) {
    KERNEL(transpose_part)(panel.columns, k, product->b + panel.first * row + from, row, packed, width);
    return;
  }
  for (size_t p = 0; p < k; p++)
    memcpy(packed + p * width, product->b + (from + p) * row + panel.first, panel.columns * sizeof *packed);
}

static void KERNEL(multiply_columns)(size_t width, size_t m, size_t k, const real *a, size_t a_row,
                                     size_t a_column, const real *b, size_t b_row, const real *start,
                                     size_t start_row, real *c, size_t c_row) {
  switch (width / KERNEL_LANES) {
  case 1:
    KERNEL(columns_one)(m, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);
    break;
#if TILE_VECTORS > 2
  case 2:
    KERNEL(columns_two)(m, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);
    break;
  case 3:
    KERNEL(columns_three)(m, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);
    break;
#endif
  default:
    KERNEL(columns_wide)(m, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);
    break;
  }
}

/* Tiles that reach beyond C's columns are made beside it. */
static void KERNEL(multiply_padded)(column_panel panel, const product_part *part, const real *start,
                                    size_t start_row, real *c, size_t c_row) {
  real tile[TILE_ROWS * TILE_VECTORS * KERNEL_LANES];
  const size_t width = panel.width, bytes = panel.columns * sizeof *c;
  memset(tile, 0, sizeof tile);
  for (size_t i = 0; i < part->rows; i += TILE_ROWS) {
    const size_t rows = part->rows - i < TILE_ROWS ? part->rows - i : TILE_ROWS;
    for (size_t r = 0; start && r < rows; r++) memcpy(tile + r * width, start + (i + r) * start_row, bytes);
    KERNEL(multiply_columns)
    (width, rows, part->to - part->from, part->a + i * part->a_row, part->a_row, part->a_column, part->b,
     part->b_row, start ? tile : NULL, width, tile, width);
    for (size_t r = 0; r < rows; r++) memcpy(c + (i + r) * c_row, tile + r * width, bytes);
  }
}

/* The first part of the sum begins with start, the last ends with the activation. */
static void KERNEL(multiply_panel)(const product_task *product, column_panel panel,
                                   const product_part *part) {
  const size_t c_row = product->n;
  real *c = product->c + part->row * c_row + panel.first;
  const real *start = part->from > 0 ? c : product->start;
  const size_t start_row = part->from > 0 ? c_row : product->start_row;
  if (part->from == 0 && start) start += part->row * start_row + panel.first;
  if (panel.columns == panel.width) KERNEL(multiply_columns)
  (panel.width, part->rows, part->to - part->from, part->a, part->a_row, part->a_column, part->b, part->b_row,
   start, start_row, c, c_row);
  else KERNEL(multiply_padded)(panel, part, start, start_row, c, c_row);
  if (part->to < product->k || product->activation == MPINN_LINEAR) return;
  for (size_t r = 0; r < part->rows; r++) KERNEL(activate)(product->activation, panel.columns, c + r * c_row);
}

static inline __attribute__((always_inline)) real KERNEL(sum_lanes)(KERNEL(vector) v) {
  union {
    KERNEL(vector) all;
    KERNEL(half) halves[2];
  } split = {v};
  const KERNEL(half) half = split.halves[0] + split.halves[1];
  real sum = 0;
#pragma GCC unroll 8
  for (size_t l = 0; l < KERNEL_LANES / 2; l++) sum += half[l];
  return sum;
}

/* sum[r][s] = a_r · b_s for rows of A and of B. */
static inline __attribute__((always_inline)) void KERNEL(dot_tile)(const size_t rows, const size_t columns,
                                                                   size_t k, const real *a, size_t a_row,
                                                                   const real *b, size_t b_row,
                                                                   real sum[4][4]) {
  KERNEL(vector) lanes[4][4] = {{{0}}};
  size_t p = 0;
  for (; p + KERNEL_LANES <= k; p += KERNEL_LANES) {
    KERNEL(vector) right[4];
#pragma GCC unroll 4
    for (size_t s = 0; s < columns; s++) right[s] = *(const KERNEL(unaligned) *)(b + s * b_row + p);
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++) {
      const KERNEL(vector) left = *(const KERNEL(unaligned) *)(a + r * a_row + p);
#pragma GCC unroll 4
      for (size_t s = 0; s < columns; s++) lanes[r][s] += left * right[s];
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (size_t s = 0; s < columns; s++) {
      sum[r][s] = KERNEL(sum_lanes)(lanes[r][s]);
      for (size_t q = p; q < k; q++) sum[r][s] += a[r * a_row + q] * b[s * b_row + q];
    }
}

static void KERNEL(dots)(size_t rows, size_t columns, size_t k, const real *a, size_t a_row, const real *b,
                         size_t b_row, real sum[4][4]) {
#define MPINN_DOTS(rows_, columns_)                                                                          \
  case 4 * rows_ + columns_:                                                                                 \
    KERNEL(dot_tile)(rows_, columns_, k, a, a_row, b, b_row, sum);                                           \
    break;
#define MPINN_DOTS_ROW(rows_)                                                                                \
  MPINN_DOTS(rows_, 1) MPINN_DOTS(rows_, 2) MPINN_DOTS(rows_, 3) MPINN_DOTS(rows_, 4)
  switch (4 * rows + columns) {
    MPINN_DOTS_ROW(1)
    MPINN_DOTS_ROW(2)
    MPINN_DOTS_ROW(3)
    MPINN_DOTS_ROW(4)
  default:
    break;
  }
#undef MPINN_DOTS_ROW
#undef MPINN_DOTS
}

/* Columns from … to−1 of C where B is transposed and A is not: each a dot product of two rows. */
static void KERNEL(multiply_dots)(const product_task *product, size_t from, size_t to) {
  const size_t m = product->m, n = product->n, k = product->k;
  for (size_t j = from; j < to; j += 4)
    for (size_t i = 0; i < m; i += 4) {
      const size_t rows = m - i < 4 ? m - i : 4, columns = to - j < 4 ? to - j : 4;
      real sum[4][4];
      KERNEL(dots)
      (rows, columns, k, product->a + i * product->a_row, product->a_row, product->b + j * product->b_row,
       product->b_row, sum);
      for (size_t r = 0; r < rows; r++)
        for (size_t s = 0; s < columns; s++) {
          const real *start = product->start;
          product->c[(i + r) * n + j + s] =
              (start ? start[(i + r) * product->start_row + j + s] : 0) + sum[r][s];
        }
    }
  if (product->activation != MPINN_LINEAR)
    for (size_t i = 0; i < m; i++)
      KERNEL(activate)(product->activation, to - from, product->c + i * n + from);
}
