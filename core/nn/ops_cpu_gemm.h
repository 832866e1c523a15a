/* Tiles of matrix products held in registers, and the products of the sizes that graphs and field nets make:
 * many and small, so that packing would cost more than the product (ops_cpu_product.h has the large ones).
 * Included once for each instruction set and precision (see ops_cpu_kernels.h). */

/* C[r][·] = start[r][·] + Σ_k a(r, k) B[k][·] for a tile of rows × (vectors · lanes) elements, held in
 * registers. start NULL: zeros; start_row 0: one row for all. */
#define MPINN_DEFINE_TILE(name, vector, unaligned)                                                           \
  static inline __attribute__((always_inline)) void KERNEL(name)(                                            \
      const int rows, const int vectors, size_t k, const real *a, size_t a_row, size_t a_column,             \
      const real *b, size_t b_row, const real *start, size_t start_row, real *c, size_t c_row) {             \
    enum { LANES = sizeof(vector) / sizeof(real) };                                                          \
    vector sum[6][4];                                                                                        \
    _Pragma("GCC unroll 6") for (int r = 0; r < rows; r++)                                                   \
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {                                          \
      sum[r][v] = (vector){0};                                                                               \
      if (start) sum[r][v] = *(const unaligned *)(start + (size_t)r * start_row + v * LANES);                \
    }                                                                                                        \
    for (size_t p = 0; p < k; p++) {                                                                         \
      vector right[4];                                                                                       \
      _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) right[v] =                                   \
          *(const unaligned *)(b + p * b_row + v * LANES);                                                   \
      _Pragma("GCC unroll 6") for (int r = 0; r < rows; r++) {                                               \
        const real left = a[(size_t)r * a_row + p * a_column];                                               \
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) sum[r][v] += left * right[v];              \
      }                                                                                                      \
    }                                                                                                        \
    _Pragma("GCC unroll 6") for (int r = 0; r < rows; r++)                                                   \
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {                                          \
      unaligned *to = (unaligned *)(c + (size_t)r * c_row + v * LANES);                                      \
      *to = sum[r][v];                                                                                       \
    }                                                                                                        \
  }

MPINN_DEFINE_TILE(tile, KERNEL(vector), KERNEL(unaligned))
MPINN_DEFINE_TILE(half_tile, KERNEL(half), KERNEL(unaligned_half))
#undef MPINN_DEFINE_TILE

#define MPINN_DEFINE_COLUMNS(name, tile_name, vectors)                                                       \
  static void KERNEL(name)(size_t m, size_t k, const real *a, size_t a_row, size_t a_column, const real *b,  \
                           size_t b_row, const real *start, size_t start_row, real *c, size_t c_row) {       \
    const size_t next = start ? TILE_ROWS * start_row : 0;                                                   \
    for (; m >= TILE_ROWS; m -= TILE_ROWS, a += TILE_ROWS * a_row, c += TILE_ROWS * c_row) {                 \
      KERNEL(tile_name)(TILE_ROWS, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);    \
      start += next;                                                                                         \
    }                                                                                                        \
    switch (m) {                                                                                             \
    case 5:                                                                                                  \
      KERNEL(tile_name)(5, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);            \
      break;                                                                                                 \
    case 4:                                                                                                  \
      KERNEL(tile_name)(4, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);            \
      break;                                                                                                 \
    case 3:                                                                                                  \
      KERNEL(tile_name)(3, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);            \
      break;                                                                                                 \
    case 2:                                                                                                  \
      KERNEL(tile_name)(2, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);            \
      break;                                                                                                 \
    case 1:                                                                                                  \
      KERNEL(tile_name)(1, vectors, k, a, a_row, a_column, b, b_row, start, start_row, c, c_row);            \
      break;                                                                                                 \
    default:                                                                                                 \
      break;                                                                                                 \
    }                                                                                                        \
  }

MPINN_DEFINE_COLUMNS(columns_wide, tile, TILE_VECTORS)
#if TILE_VECTORS > 2
MPINN_DEFINE_COLUMNS(columns_three, tile, 3)
MPINN_DEFINE_COLUMNS(columns_two, tile, 2)
#endif
MPINN_DEFINE_COLUMNS(columns_one, tile, 1)
MPINN_DEFINE_COLUMNS(columns_half, half_tile, 1)
#undef MPINN_DEFINE_COLUMNS

static void KERNEL(columns_scalar)(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                                   const real *b, size_t b_row, bool add, real *c, size_t c_row) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      real sum = add ? c[i * c_row + j] : 0;
      for (size_t p = 0; p < k; p++) sum += a[i * a_row + p * a_column] * b[p * b_row + j];
      c[i * c_row + j] = sum;
    }
}

/* C[m][n] (+)= A B, with element (i, p) of A at a[i a_row + p a_column], rows of B and C contiguous. Every
 * element is summed in the order of p, however the matrices are cut. */
static void KERNEL(gemm)(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                         const real *b, size_t b_row, bool add, real *c, size_t c_row) {
  enum { WIDE = TILE_VECTORS * KERNEL_LANES };
  for (; n >= WIDE; n -= WIDE, b += WIDE, c += WIDE)
    KERNEL(columns_wide)(m, k, a, a_row, a_column, b, b_row, add ? c : NULL, c_row, c, c_row);
  for (; n >= KERNEL_LANES; n -= KERNEL_LANES, b += KERNEL_LANES, c += KERNEL_LANES)
    KERNEL(columns_one)(m, k, a, a_row, a_column, b, b_row, add ? c : NULL, c_row, c, c_row);
  if (n >= KERNEL_LANES / 2) {
    KERNEL(columns_half)(m, k, a, a_row, a_column, b, b_row, add ? c : NULL, c_row, c, c_row);
    n -= KERNEL_LANES / 2, b += KERNEL_LANES / 2, c += KERNEL_LANES / 2;
  }
  if (n > 0) KERNEL(columns_scalar)(m, n, k, a, a_row, a_column, b, b_row, add, c, c_row);
}

/* What transposing a square of lanes × lanes needs at each step: which lanes of two registers make the new
 * ones. */
typedef struct KERNEL(lane_masks) {
  KERNEL(lane_index) low[4], high[4];
} KERNEL(lane_masks);

static void KERNEL(make_lane_masks)(KERNEL(lane_masks) * masks) {
  for (size_t step = 0, h = KERNEL_LANES / 2; h > 0; step++, h /= 2)
    for (size_t l = 0; l < KERNEL_LANES; l++) {
      masks->low[step][l] = (REAL(lane))(l & h ? KERNEL_LANES + l - h : l);
      masks->high[step][l] = (REAL(lane))(l & h ? KERNEL_LANES + l : l + h);
    }
}

/* Blocks of half the size change places across the diagonal, then blocks of a quarter and so on. */
static inline __attribute__((always_inline)) void KERNEL(transpose_square)(const KERNEL(lane_masks) * masks,
                                                                           const real *in, size_t in_row,
                                                                           real *out, size_t out_row) {
#ifdef WIDE_SHUFFLES
  KERNEL(vector) v[KERNEL_LANES];
#pragma GCC unroll 16
  for (size_t i = 0; i < KERNEL_LANES; i++) v[i] = *(const KERNEL(unaligned) *)(in + i * in_row);
#pragma GCC unroll 4
  for (size_t step = 0, h = KERNEL_LANES / 2; h > 0; step++, h /= 2)
#pragma GCC unroll 16
    for (size_t i = 0; i < KERNEL_LANES; i++) {
      if (i & h) continue;
      const KERNEL(vector) a = v[i], b = v[i + h];
      v[i] = __builtin_shuffle(a, b, masks->low[step]);
      v[i + h] = __builtin_shuffle(a, b, masks->high[step]);
    }
#pragma GCC unroll 16
  for (size_t i = 0; i < KERNEL_LANES; i++) *(KERNEL(unaligned) *)(out + i * out_row) = v[i];
#else
  (void)masks;
  for (size_t i = 0; i < KERNEL_LANES; i++)
    for (size_t j = 0; j < KERNEL_LANES; j++) out[j * out_row + i] = in[i * in_row + j];
#endif
}

/* out[columns][rows] = in[rows][columns]ᵀ, their rows in_row and out_row apart. */
static void KERNEL(transpose_part)(size_t rows, size_t columns, const real *in, size_t in_row, real *out,
                                   size_t out_row) {
  const size_t square_rows = rows - rows % KERNEL_LANES, square_columns = columns - columns % KERNEL_LANES;
  KERNEL(lane_masks) masks;
  KERNEL(make_lane_masks)(&masks);
  for (size_t j = 0; j < square_columns; j += KERNEL_LANES)
    for (size_t i = 0; i < square_rows; i += KERNEL_LANES)
      KERNEL(transpose_square)(&masks, in + i * in_row + j, in_row, out + j * out_row + i, out_row);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = i < square_rows ? square_columns : 0; j < columns; j++)
      out[j * out_row + i] = in[i * in_row + j];
}

/* out[columns][rows] = in[rows][columns]ᵀ. */
static void KERNEL(transpose)(size_t rows, size_t columns, const real *in, real *out) {
  KERNEL(transpose_part)(rows, columns, in, columns, out, rows);
}

/* y[width] (+)= Σ_i coefficient[i] x[index[i]][width]; coefficient NULL: ones. */
static void KERNEL(weighted_sum)(size_t count, const int32_t *index, const real *coefficient, size_t width,
                                 const real *x, bool add, real *y) {
  size_t j = 0;
  for (; j + KERNEL_LANES <= width; j += KERNEL_LANES) {
    KERNEL(vector) sum = {0};
    if (add) sum = *(KERNEL(unaligned) *)(y + j);
    for (size_t i = 0; i < count; i++)
      sum +=
          (coefficient ? coefficient[i] : 1) * *(const KERNEL(unaligned) *)(x + (size_t)index[i] * width + j);
    *(KERNEL(unaligned) *)(y + j) = sum;
  }
  for (; j < width; j++) {
    real sum = add ? y[j] : 0;
    for (size_t i = 0; i < count; i++)
      sum += (coefficient ? coefficient[i] : 1) * x[(size_t)index[i] * width + j];
    y[j] = sum;
  }
}
