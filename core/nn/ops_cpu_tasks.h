/* What the inner loops over edges and over interpolated points are told: plain views of a plan and of the
 * arrays of one call. */

/* Edges grouped by one of their ends, the near one: the target forwards, the source in the reverse order. */
typedef struct edge_order {
  size_t n_near, n_blocks;
  int32_t *first;  /* [n_near + 1] */
  int32_t *far;    /* [edges] the other end */
  int32_t *number; /* [edges] the edge's number in the forward order */
  int32_t *block;  /* [n_blocks + 1] the first near end of each block of about EDGE_BLOCK edges */
  real *weight;    /* [edges] */
  real *attribute; /* [edges][attributes] */
} edge_order;

/* One block of an order, for EdgeConv. */
typedef struct edge_task {
  const edge_order *order;
  size_t attributes, h, block;
  const real *near, *far;   /* rows of h; what a near and a far end adds to z */
  size_t near_row, far_row; /* from a row to the next: h, or 0 where one row of zeros stands for all */
  const real *w;            /* [attributes][h] */
  real *y;                  /* [targets][2h] forwards */
  const real *dy;           /* [targets][2h] backwards */
  REAL(lane) * chosen;      /* [targets][h] number of the edge that the maximum is of, or −1 */
  real *d_near;             /* [n_near][h] or NULL */
  real *d_w;                /* [attributes][h] of this block, overwritten */
  real *scratch;            /* derivatives of a block's edges in some columns */
} edge_task;

/* Points that interpolate features of anchors. */
typedef struct local_task {
  const int32_t *first;  /* [n + 1] the entries of each point */
  const int32_t *anchor; /* [entries] */
  const real *weight;    /* [entries] */
  const real *gradient;  /* [entries][3] */
  size_t stride;         /* from an anchor's features to the next, a whole number of registers */
  const real *features;  /* [anchors][stride] */
  const real *origin;    /* [3] of a factored net */
  real *d_features;      /* [anchors][stride], added to */
} local_task;

/* C[m][n] = activation(start[m][n] + op(A) op(B)), op(A) being m × k. */
typedef struct product_task {
  size_t m, n, k;
  const real *a; /* element (i, p) of op(A) at a[i a_row + p a_column] */
  size_t a_row, a_column;
  const real *b; /* rows of B, b_row apart */
  size_t b_row;
  bool b_transposed;
  const real *start; /* rows start_row apart, may be C; 0: one row for all; NULL: zeros */
  size_t start_row;
  mpinn_activation activation;
  real *c; /* [m][n] */
} product_task;

/* Columns of op(B) and C that tiles are as wide as; the last registers may be filled in part only. */
typedef struct column_panel {
  size_t first, columns, width; /* width: columns and the padding behind them, whole registers */
} column_panel;

/* Rows of C, and a part of the sum over k. */
typedef struct product_part {
  size_t row, rows;
  size_t from, to; /* of k */
  const real *a;   /* the first row's element `from`; as in product_task */
  size_t a_row, a_column;
  const real *b; /* op(B)'s row `from` in the panel */
  size_t b_row;
} product_part;
