/* What a convolution needs to know of a graph. Its edges meet 8 kernels each; all that a kernel k gives a
 * target i is one row of a matrix, A_row = Σ_pairs coefficient x[source], the coefficient being B_k / degree.
 * Rows are sorted by kernel, so that each kernel's weights multiply one dense block of rows. */

struct mpinn_spline_plan {
  size_t n_nodes, n_clusters, n_kernels, n_rows, n_pairs;
  int32_t *kernel_first;  /* [n_kernels + 1] rows of a kernel */
  int32_t *row_target;    /* [n_rows] */
  int32_t *row_first;     /* [n_rows + 1] pairs of a row */
  int32_t *pair_source;   /* [n_pairs] */
  real *pair_weight;      /* [n_pairs] */
  int32_t *target_first;  /* [n_nodes + 1] rows of a target: those numbers are in target_row */
  int32_t *target_row;    /* [n_rows] */
  int32_t *source_first;  /* [n_nodes + 1] pairs of a source: rows and coefficients are in source_… */
  int32_t *source_row;    /* [n_pairs] */
  real *source_weight;    /* [n_pairs] */
  int32_t *cluster;       /* [n_nodes] */
  int32_t *cluster_first; /* [n_clusters + 1] nodes of a cluster: those numbers are in cluster_node */
  int32_t *cluster_node;  /* [n_nodes] */
};

/* A pair while the plan is made. */
typedef struct spline_pair {
  int32_t kernel, target, source;
  real weight;
} spline_pair;

static size_t list_pairs(const mpinn_graph *graph, int kernel_size, spline_pair *pairs) {
  size_t n = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const int32_t degree = graph->first[i + 1] - graph->first[i];
    for (int32_t e = graph->first[i]; e < graph->first[i + 1]; e++) {
      real basis[8];
      int kernel[8];
      REAL(mpinn_spline_basis)(graph->pseudo + 3 * (size_t)e, kernel_size, basis, kernel);
      for (int corner = 0; corner < 8; corner++)
        if (basis[corner] != 0)
          pairs[n++] =
              (spline_pair){kernel[corner], (int32_t)i, graph->source[e], basis[corner] / (real)degree};
    }
  }
  return n;
}

/* Pairs arrive by target and source; a stable count by kernel sorts them. */
static mpinn_status sort_pairs(mpinn_context *context, size_t n_kernels, size_t n, const spline_pair *in,
                               spline_pair *out) {
  size_t *place = NULL;
  MPINN_TRY(MPINN_NEW(context, &place, n_kernels + 1));
  for (size_t p = 0; p < n; p++) place[in[p].kernel + 1]++;
  for (size_t k = 0; k < n_kernels; k++) place[k + 1] += place[k];
  for (size_t p = 0; p < n; p++) out[place[in[p].kernel]++] = in[p];
  free(place);
  return MPINN_OK;
}

/* first[n + 1], list[count]: which of 0 … count−1 have each of the n values of key, in ascending order. */
static void group(size_t n, size_t count, const int32_t *key, int32_t *first, int32_t *list) {
  for (size_t i = 0; i < count; i++) first[key[i] + 1]++;
  for (size_t i = 0; i < n; i++) first[i + 1] += first[i];
  for (size_t i = 0; i < count; i++) list[first[key[i]]++] = (int32_t)i;
  memmove(first + 1, first, n * sizeof *first); /* each had moved on to the next one's start */
  first[0] = 0;
}

static bool same_row(const spline_pair *a, const spline_pair *b) {
  return a->kernel == b->kernel && a->target == b->target;
}

static mpinn_status allocate_plan(mpinn_context *context, const mpinn_graph *graph, mpinn_spline_plan *plan) {
  plan->n_nodes = graph->n_nodes;
  plan->n_clusters = graph->n_clusters;
  MPINN_TRY(MPINN_NEW(context, &plan->kernel_first, plan->n_kernels + 1));
  MPINN_TRY(MPINN_NEW(context, &plan->row_target, plan->n_rows));
  MPINN_TRY(MPINN_NEW(context, &plan->row_first, plan->n_rows + 1));
  MPINN_TRY(MPINN_NEW(context, &plan->pair_source, plan->n_pairs));
  MPINN_TRY(MPINN_NEW(context, &plan->pair_weight, plan->n_pairs));
  MPINN_TRY(MPINN_NEW(context, &plan->target_first, plan->n_nodes + 1));
  MPINN_TRY(MPINN_NEW(context, &plan->target_row, plan->n_rows));
  MPINN_TRY(MPINN_NEW(context, &plan->source_first, plan->n_nodes + 1));
  MPINN_TRY(MPINN_NEW(context, &plan->source_row, plan->n_pairs));
  MPINN_TRY(MPINN_NEW(context, &plan->source_weight, plan->n_pairs));
  MPINN_TRY(MPINN_NEW(context, &plan->cluster, plan->n_nodes));
  MPINN_TRY(MPINN_NEW(context, &plan->cluster_first, plan->n_clusters + 1));
  return MPINN_NEW(context, &plan->cluster_node, plan->n_nodes);
}

static mpinn_status fill_plan(mpinn_context *context, const mpinn_graph *graph, const spline_pair *pairs,
                              size_t n_pairs, mpinn_spline_plan *plan) {
  plan->n_pairs = n_pairs;
  for (size_t p = 0; p < n_pairs; p++) plan->n_rows += p == 0 || !same_row(&pairs[p], &pairs[p - 1]);
  MPINN_TRY(allocate_plan(context, graph, plan));
  size_t row = 0;
  for (size_t p = 0; p < n_pairs; p++) {
    plan->pair_source[p] = pairs[p].source;
    plan->pair_weight[p] = pairs[p].weight;
    if (p > 0 && same_row(&pairs[p], &pairs[p - 1])) continue;
    plan->row_target[row] = pairs[p].target;
    plan->row_first[row++] = (int32_t)p;
    plan->kernel_first[pairs[p].kernel + 1]++;
  }
  plan->row_first[row] = (int32_t)n_pairs;
  for (size_t k = 0; k < plan->n_kernels; k++) plan->kernel_first[k + 1] += plan->kernel_first[k];
  group(plan->n_nodes, plan->n_rows, plan->row_target, plan->target_first, plan->target_row);
  /* source_row names pairs first, then the rows that these are of. */
  group(plan->n_nodes, n_pairs, plan->pair_source, plan->source_first, plan->source_row);
  int32_t *row_of_pair = NULL;
  MPINN_TRY(MPINN_NEW(context, &row_of_pair, n_pairs));
  for (row = 0; row < plan->n_rows; row++)
    for (int32_t p = plan->row_first[row]; p < plan->row_first[row + 1]; p++) row_of_pair[p] = (int32_t)row;
  for (size_t i = 0; i < n_pairs; i++) {
    plan->source_weight[i] = plan->pair_weight[plan->source_row[i]];
    plan->source_row[i] = row_of_pair[plan->source_row[i]];
  }
  free(row_of_pair);
  memcpy(plan->cluster, graph->cluster, plan->n_nodes * sizeof *plan->cluster);
  group(plan->n_clusters, plan->n_nodes, plan->cluster, plan->cluster_first, plan->cluster_node);
  return MPINN_OK;
}

static void spline_plan_destroy(mpinn_backend *backend, mpinn_spline_plan **plan) {
  (void)backend;
  mpinn_spline_plan *p = *plan;
  if (!p) return;
  void *const parts[] = {p->kernel_first, p->row_target,    p->row_first,    p->pair_source, p->pair_weight,
                         p->target_first, p->target_row,    p->source_first, p->source_row,  p->source_weight,
                         p->cluster,      p->cluster_first, p->cluster_node};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
  free(p);
  *plan = NULL;
}

static mpinn_status spline_plan_create(mpinn_backend *backend, const mpinn_graph *graph, int kernel_size,
                                       mpinn_spline_plan **plan) {
  mpinn_context *context = backend->context;
  spline_pair *pairs = NULL, *sorted = NULL;
  mpinn_spline_plan *new = NULL;
  mpinn_status status;
  *plan = NULL;
  if (kernel_size < 2 || kernel_size > 64)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A spline kernel has 2 to 64 knots a dimension, not %d",
                      kernel_size);
  if (graph->n_edges > INT32_MAX / 8)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A graph of %zu edges is too large to convolve",
                      graph->n_edges);
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &new, 1));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &pairs, 8 * graph->n_edges));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &sorted, 8 * graph->n_edges));
  new->n_kernels = (size_t)kernel_size *(size_t)kernel_size *(size_t)kernel_size;
  const size_t n_pairs = list_pairs(graph, kernel_size, pairs);
  MPINN_TRY_GOTO(done, status, sort_pairs(context, new->n_kernels, n_pairs, pairs, sorted));
  status = fill_plan(context, graph, sorted, n_pairs, new);
done:
  free(pairs);
  free(sorted);
  if (status != MPINN_OK) spline_plan_destroy(backend, &new);
  *plan = new;
  return status;
}
