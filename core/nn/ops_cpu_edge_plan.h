/* A bipartite graph in both orders, with its edges in blocks of about equal work: blocks depend on the graph
 * alone, so that what is summed over them does not depend on who does them. */

enum { EDGE_BLOCK = 96 };

struct mpinn_edge_plan {
  size_t targets, sources, edges, attributes;
  size_t longest; /* edges of a block at the most */
  edge_order forward;
  edge_order *reverse; /* filled when first something goes backwards */
};

static void edge_order_clear(edge_order *order) {
  void *const parts[] = {order->first, order->far,    order->number,
                         order->block, order->weight, order->attribute};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}

static void edge_plan_destroy(mpinn_backend *backend, mpinn_edge_plan **plan) {
  (void)backend;
  if (!*plan) return;
  edge_order_clear(&(*plan)->forward);
  if ((*plan)->reverse) edge_order_clear((*plan)->reverse);
  free((*plan)->reverse);
  free(*plan);
  *plan = NULL;
}

/* Rows of n that grow from 0, as first says, each entry's index below limit. */
static mpinn_status check_rows(mpinn_context *context, const char *what, size_t n, const int32_t *first,
                               const int32_t *index, size_t limit) {
  if (n > INT32_MAX - 1 || limit > INT32_MAX)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Rows of %ss: %zu rows to %zu are too many", what, n,
                      limit);
  if (first[0] != 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Rows of %ss begin at 0, not at %d", what, first[0]);
  for (size_t i = 0; i < n; i++)
    if (first[i + 1] < first[i])
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Row %zu of %ss ends at %d, before it begins at %d", i,
                        what, first[i + 1], first[i]);
  for (int32_t e = 0; e < first[n]; e++)
    if (index[e] < 0 || (size_t)index[e] >= limit)
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "There is no %s %d: there are %zu", what, index[e],
                        limit);
  return MPINN_OK;
}

static mpinn_status edge_order_allocate(mpinn_context *context, size_t n_near, size_t edges,
                                        size_t attributes, edge_order *order) {
  order->n_near = n_near;
  order->n_blocks = edges / EDGE_BLOCK + 1;
  MPINN_TRY(MPINN_NEW(context, &order->first, n_near + 1));
  MPINN_TRY(MPINN_UNSET(context, &order->far, edges));
  MPINN_TRY(MPINN_UNSET(context, &order->number, edges));
  MPINN_TRY(MPINN_NEW(context, &order->block, order->n_blocks + 1));
  MPINN_TRY(MPINN_UNSET(context, &order->weight, edges));
  return mpinn_allocate_unset(context, edges, attributes * sizeof(real), (void **)&order->attribute);
}

/* Block b has the near ends whose first edge is b EDGE_BLOCK … (b + 1) EDGE_BLOCK − 1. */
static void find_blocks(edge_order *order) {
  size_t i = 0;
  for (size_t b = 0; b < order->n_blocks; b++) {
    while (i < order->n_near && (size_t)order->first[i] < b * EDGE_BLOCK) i++;
    order->block[b] = (int32_t)i;
  }
  order->block[order->n_blocks] = (int32_t)order->n_near;
}

static void fill_forward(const mpinn_backend *backend, const int32_t *first, const int32_t *source, const float *attribute,
                         const float *weight, mpinn_edge_plan *plan) {
  edge_order *order = &plan->forward;
  const size_t n = plan->attributes;
#pragma omp parallel for schedule(static) num_threads(threads_for(backend, 20.0 * (double)plan->edges))
  for (size_t t = 0; t < plan->targets; t++)
    for (size_t e = (size_t)first[t]; e < (size_t)first[t + 1]; e++) {
      order->weight[e] = weight ? (real)weight[e] : 1 / (real)(first[t + 1] - first[t]);
      order->number[e] = (int32_t)e;
      order->far[e] = source[e];
      for (size_t i = 0; i < n; i++) order->attribute[e * n + i] = (real)attribute[e * n + i];
    }
  memcpy(order->first, first, (plan->targets + 1) * sizeof *first);
  find_blocks(order);
}

/* Edges of a source keep their order, which is that of their targets. */
static mpinn_status fill_reverse(mpinn_context *context, const mpinn_edge_plan *plan) {
  int32_t *near = NULL; /* the target of each edge of the forward order */
  const edge_order *forward = &plan->forward;
  edge_order *order = plan->reverse;
  const size_t n = plan->attributes;
  MPINN_TRY(edge_order_allocate(context, plan->sources, plan->edges, n, order));
  MPINN_TRY(MPINN_NEW(context, &near, plan->edges));
  for (size_t t = 0; t < plan->targets; t++)
    for (int32_t e = forward->first[t]; e < forward->first[t + 1]; e++) near[e] = (int32_t)t;
  group(plan->sources, plan->edges, forward->far, order->first, order->number);
  for (size_t e = 0; e < plan->edges; e++) {
    const size_t number = (size_t)order->number[e];
    order->far[e] = near[number];
    order->weight[e] = forward->weight[number];
    memcpy(order->attribute + e * n, forward->attribute + number * n, n * sizeof(real));
  }
  find_blocks(order);
  free(near);
  return MPINN_OK;
}

/* The order for the way back. What goes forwards only never pays for it. */
static mpinn_status need_reverse(mpinn_context *context, const mpinn_edge_plan *plan) {
  if (plan->reverse->first) return MPINN_OK;
  const mpinn_status status = fill_reverse(context, plan);
  if (status != MPINN_OK) {
    edge_order_clear(plan->reverse);
    *plan->reverse = (edge_order){0};
  }
  return status;
}

static size_t longest_block(const edge_order *order) {
  size_t longest = 0;
  for (size_t b = 0; b < order->n_blocks; b++) {
    const size_t count = (size_t)(order->first[order->block[b + 1]] - order->first[order->block[b]]);
    if (count > longest) longest = count;
  }
  return longest;
}

static mpinn_status edge_plan_create(mpinn_backend *backend, size_t targets, size_t sources,
                                     const int32_t *first, const int32_t *source, size_t attributes,
                                     const float *attribute, const float *weight, mpinn_edge_plan **plan) {
  mpinn_context *context = backend->context;
  mpinn_edge_plan *new = NULL;
  mpinn_status status;
  *plan = NULL;
  MPINN_TRY(check_rows(context, "source", targets, first, source, sources));
  if (attributes > 0 && !attribute)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Edges have %zu attributes, but none were given",
                      attributes);
  MPINN_TRY(MPINN_NEW(context, &new, 1));
  *new = (mpinn_edge_plan){.targets = targets, .sources = sources, .attributes = attributes};
  new->edges = (size_t)first[targets];
  MPINN_TRY_GOTO(done, status, edge_order_allocate(context, targets, new->edges, attributes, &new->forward));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &new->reverse, 1));
  fill_forward(backend, first, source, attribute, weight, new);
  new->longest = longest_block(&new->forward);
done:
  if (status != MPINN_OK) edge_plan_destroy(backend, &new);
  *plan = new;
  return status;
}
