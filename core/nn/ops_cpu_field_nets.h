/* Field nets over all networks and points: shared out in chunks whose size does not depend on the number of
 * threads, and summed in their order. */

enum { FIELD_CHUNK = 512 };

/* What networks with local features read besides the points, for all networks. */
typedef struct local_fields {
  const mpinn_reach *reach;
  size_t sets;          /* of features: one, or one a network */
  size_t stride;        /* of an anchor's features, padded with zeros to whole registers */
  const real *features; /* [sets][anchors][stride] */
  const real *origins;  /* [networks][3] or NULL */
  real *parts;          /* backwards: [networks][chunks][anchors][stride] */
} local_fields;

static local_task local_task_of(const local_fields *local, size_t b, size_t from, size_t task);

static mpinn_status check_net(mpinn_backend *backend, const mpinn_field_net *net, bool local) {
  if (net->layers < 2 || net->width < 1)
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                      "A field net has at least 2 layers of 1 unit, not %d of %d", net->layers, net->width);
  if (net->features < 0 || (net->features > 0) != local || (net->factored && !local))
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                      "A field net of %d features%s cannot be evaluated %s features", net->features,
                      net->factored ? ", factored," : "", local ? "with local" : "without");
  return MPINN_OK;
}

/* A call on networks × chunks of points. */
typedef struct field_call {
  const mpinn_field_net *net;
  size_t networks, n, chunk, chunks, n_weights, each;
  const real *weights, *points;
  const local_fields *local;
  real *scratches; /* each for a thread */
} field_call;

static mpinn_status prepare_fields(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                   const void *weights, size_t n, const void *points,
                                   const local_fields *local, size_t chunk, field_call *call) {
  MPINN_TRY(check_net(backend, net, local != NULL));
  *call = (field_call){.net = net, .networks = networks, .n = n, .chunk = chunk, .local = local};
  call->weights = weights;
  call->points = points;
  call->chunks = divide_up(n, chunk);
  call->n_weights = mpinn_field_net_weights(net);
  call->each = divide_up(backend->kernels->field_scratch(net), 64) * 64;
  return reserve(backend, WORK_SCRATCH, call->each * (size_t)backend->threads, sizeof(real),
                 (void **)&call->scratches);
}

static void forward_fields(const mpinn_backend *backend, const field_call *c, real *value, real *gradient) {
#pragma omp parallel for schedule(static) num_threads(backend->threads)
  for (size_t task = 0; task < c->networks * c->chunks; task++) {
    const size_t b = task / c->chunks, from = task % c->chunks * c->chunk, at = b * c->n + from;
    local_task local;
    if (c->local) local = local_task_of(c->local, b, from, task);
    backend->kernels->field_forward(c->net, c->weights + b * c->n_weights, smaller(c->chunk, c->n - from),
                                    c->points + 3 * from, c->local ? &local : NULL, value + at,
                                    gradient ? gradient + 3 * at : NULL,
                                    c->scratches + (size_t)omp_get_thread_num() * c->each);
  }
}

static mpinn_status backward_fields(mpinn_backend *backend, const field_call *c, const real *d_value,
                                    const real *d_gradient, real *d_weights) {
  const size_t n_weights = c->n_weights;
  real *parts;
  MPINN_TRY(reserve(backend, WORK_A, c->networks * c->chunks * n_weights, sizeof(real), (void **)&parts));
#pragma omp parallel for schedule(static) num_threads(backend->threads)
  for (size_t task = 0; task < c->networks * c->chunks; task++) {
    const size_t b = task / c->chunks, from = task % c->chunks * c->chunk, at = b * c->n + from;
    local_task local;
    if (c->local) local = local_task_of(c->local, b, from, task);
    backend->kernels->field_backward(c->net, c->weights + b * n_weights, smaller(c->chunk, c->n - from),
                                     c->points + 3 * from, c->local ? &local : NULL, d_value + at,
                                     d_gradient ? d_gradient + 3 * at : NULL, parts + task * n_weights,
                                     c->scratches + (size_t)omp_get_thread_num() * c->each);
  }
  memset(d_weights, 0, c->networks * n_weights * sizeof(real));
  for (size_t task = 0; task < c->networks * c->chunks; task++) {
    real *sum = d_weights + task / c->chunks * n_weights;
    for (size_t i = 0; i < n_weights; i++) sum[i] += parts[task * n_weights + i];
  }
  return MPINN_OK;
}

static mpinn_status field_forward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                  const void *weights, size_t n, const void *points, void *value,
                                  void *gradient) {
  field_call call;
  MPINN_TRY(prepare_fields(backend, net, networks, weights, n, points, NULL, FIELD_CHUNK, &call));
  forward_fields(backend, &call, value, gradient);
  return MPINN_OK;
}

static mpinn_status field_backward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                   const void *weights, size_t n, const void *points, const void *d_value,
                                   const void *d_gradient, void *d_weights) {
  field_call call;
  MPINN_TRY(prepare_fields(backend, net, networks, weights, n, points, NULL, FIELD_CHUNK, &call));
  return backward_fields(backend, &call, d_value, d_gradient, d_weights);
}
