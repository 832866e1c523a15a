/* EdgeConv on some columns of a block of edges. Included for each width of register, with
 *   COLUMNS(name)   a suffix for precision, instruction set and width
 *   COLUMN_BYTES    the width
 * Every function does `vectors` registers of columns from column j on. */

typedef real COLUMNS(vector) __attribute__((vector_size(COLUMN_BYTES)));
typedef real COLUMNS(unaligned) __attribute__((vector_size(COLUMN_BYTES), aligned(sizeof(real)), may_alias));
typedef REAL(lane) COLUMNS(mask) __attribute__((vector_size(COLUMN_BYTES)));
typedef REAL(lane) COLUMNS(unaligned_mask)
    __attribute__((vector_size(COLUMN_BYTES), aligned(sizeof(real)), may_alias));
#define COLUMN_LANES (COLUMN_BYTES / sizeof(real))
#define EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
#define COLUMNS_AT(array, row) (*(const COLUMNS(unaligned) *)((array) + (row) + v * COLUMN_LANES))
#define SET_COLUMNS(array, row) (*(COLUMNS(unaligned) *)((array) + (row) + v * COLUMN_LANES))
#define CHOOSE(which, value) ((COLUMNS(vector))((which) & (COLUMNS(mask))(value)))
#define CHOOSE_OR(which, value, other)                                                                       \
  ((COLUMNS(vector))(((which) & (COLUMNS(mask))(value)) | (~(which) & (COLUMNS(mask))(other))))

/* z of an edge before max(0, ·). */
static inline __attribute__((always_inline)) void COLUMNS(edge_sum)(const int vectors, const edge_task *task,
                                                                    size_t j, const COLUMNS(vector) * near,
                                                                    size_t edge, COLUMNS(vector) * z) {
  const size_t n = task->attributes, h = task->h;
  const real *far = task->far + (size_t)task->order->far[edge] * task->far_row + j,
             *attribute = task->order->attribute + edge * n, *w = task->w + j;
  EACH_VECTOR z[v] = near[v] + COLUMNS_AT(far, 0);
  for (size_t a = 0; a < n; a++, w += h) EACH_VECTOR z[v] += attribute[a] * COLUMNS_AT(w, 0);
}

static inline __attribute__((always_inline)) void COLUMNS(edge_forward)(const int vectors,
                                                                        const edge_task *task, size_t j) {
  const edge_order *order = task->order;
  const size_t end = (size_t)order->block[task->block + 1];
  for (size_t t = (size_t)order->block[task->block]; t < end; t++) {
    COLUMNS(vector) near[4], sum[4] = {{0}}, most[4] = {{0}}, z[4];
    EACH_VECTOR near[v] = COLUMNS_AT(task->near, t * task->near_row + j);
    for (size_t e = (size_t)order->first[t]; e < (size_t)order->first[t + 1]; e++) {
      COLUMNS(edge_sum)(vectors, task, j, near, e, z);
      EACH_VECTOR {
        const COLUMNS(vector) positive = CHOOSE(~(z[v] < 0), z[v]); /* NaN stays NaN */
        sum[v] += order->weight[e] * positive;
        const COLUMNS(mask) more = z[v] > most[v];
        most[v] = CHOOSE_OR(more, z[v], most[v]);
      }
    }
    EACH_VECTOR {
      SET_COLUMNS(task->y, t * 2 * task->h + j) = sum[v];
      SET_COLUMNS(task->y, t * 2 * task->h + task->h + j) = most[v];
    }
  }
}

/* z of all edges of target t into rows, and the edge that the maximum is of. */
static inline __attribute__((always_inline)) void
COLUMNS(edge_choose)(const int vectors, const edge_task *task, size_t j, size_t t, real *rows) {
  const edge_order *order = task->order;
  COLUMNS(vector) near[4], most[4] = {{0}}, z[4];
  COLUMNS(mask) chosen[4];
  EACH_VECTOR {
    near[v] = COLUMNS_AT(task->near, t * task->near_row + j);
    chosen[v] = (COLUMNS(mask)){0} - 1;
  }
  for (size_t e = (size_t)order->first[t]; e < (size_t)order->first[t + 1]; e++) {
    COLUMNS(edge_sum)(vectors, task, j, near, e, z);
    EACH_VECTOR {
      const COLUMNS(mask) more = z[v] > most[v];
      most[v] = CHOOSE_OR(more, z[v], most[v]);
      chosen[v] = (more & (REAL(lane))e) | (~more & chosen[v]);
      SET_COLUMNS(rows, 0) = z[v];
    }
    rows += (size_t)vectors * COLUMN_LANES;
  }
  EACH_VECTOR *(COLUMNS(unaligned_mask) *)(task->chosen + t * task->h + j + v * COLUMN_LANES) = chosen[v];
}

/* The derivative by z of one edge: through the sum and, where it was chosen, through the maximum. */
static inline __attribute__((always_inline)) COLUMNS(vector)
    COLUMNS(edge_slope)(COLUMNS(vector) z, real weight, COLUMNS(vector) by_sum, COLUMNS(vector) by_most,
                        COLUMNS(mask) chosen, int32_t edge) {
  return CHOOSE(z > 0, weight * by_sum) + CHOOSE(chosen == (REAL(lane))edge, by_most);
}

/* By target: what was chosen, d_near and d_w. */
static inline __attribute__((always_inline)) void COLUMNS(edge_targets)(const int vectors,
                                                                        const edge_task *task, size_t j) {
  const edge_order *order = task->order;
  const size_t h = task->h, width = (size_t)vectors * COLUMN_LANES, begin = (size_t)order->block[task->block],
               end = (size_t)order->block[task->block + 1], n = task->attributes;
  real *rows = task->scratch;
  for (size_t t = begin; t < end; t++) {
    COLUMNS(vector) sum[4] = {{0}}, by_sum[4], by_most[4];
    COLUMNS(mask) chosen[4];
    COLUMNS(edge_choose)(vectors, task, j, t, rows);
    EACH_VECTOR {
      by_sum[v] = COLUMNS_AT(task->dy, t * 2 * h + j);
      by_most[v] = COLUMNS_AT(task->dy, t * 2 * h + h + j);
      chosen[v] = *(const COLUMNS(unaligned_mask) *)(task->chosen + t * h + j + v * COLUMN_LANES);
    }
    for (size_t e = (size_t)order->first[t]; e < (size_t)order->first[t + 1]; e++, rows += width)
      EACH_VECTOR {
        const COLUMNS(vector) d = COLUMNS(edge_slope)(COLUMNS_AT(rows, 0), order->weight[e], by_sum[v],
                                                      by_most[v], chosen[v], (int32_t)e);
        SET_COLUMNS(rows, 0) = d;
        sum[v] += d;
      }
    if (task->d_near) EACH_VECTOR SET_COLUMNS(task->d_near, t * h + j) = sum[v];
  }
  const size_t from = (size_t)order->first[begin], count = (size_t)order->first[end] - from;
  if (n > 0) KERNEL(gemm)
  (n, width, count, order->attribute + from * n, 1, n, task->scratch, width, false, task->d_w + j, h);
}

/* By source: d_near, z computed again. */
static inline __attribute__((always_inline)) void COLUMNS(edge_sources)(const int vectors,
                                                                        const edge_task *task, size_t j) {
  const edge_order *order = task->order;
  const size_t h = task->h, end = (size_t)order->block[task->block + 1];
  for (size_t s = (size_t)order->block[task->block]; s < end; s++) {
    COLUMNS(vector) near[4], sum[4] = {{0}}, z[4];
    EACH_VECTOR near[v] = COLUMNS_AT(task->near, s * task->near_row + j);
    for (size_t e = (size_t)order->first[s]; e < (size_t)order->first[s + 1]; e++) {
      const size_t t = (size_t)order->far[e];
      COLUMNS(edge_sum)(vectors, task, j, near, e, z);
      EACH_VECTOR {
        const COLUMNS(mask) chosen =
            *(const COLUMNS(unaligned_mask) *)(task->chosen + t * h + j + v * COLUMN_LANES);
        sum[v] += COLUMNS(edge_slope)(z[v], order->weight[e], COLUMNS_AT(task->dy, t * 2 * h + j),
                                      COLUMNS_AT(task->dy, t * 2 * h + h + j), chosen, order->number[e]);
      }
    }
    EACH_VECTOR SET_COLUMNS(task->d_near, s * h + j) = sum[v];
  }
}

#undef COLUMN_LANES
#undef EACH_VECTOR
#undef COLUMNS_AT
#undef SET_COLUMNS
#undef CHOOSE
#undef CHOOSE_OR
