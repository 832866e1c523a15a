/* Field nets with features of anchors: which anchors a point reaches, and the two directions over all
 * networks. What points give to anchors is kept a chunk apart and summed in the order of chunks. */

struct mpinn_reach {
  size_t n, anchors;
  int32_t *first;  /* [n + 1] */
  int32_t *anchor; /* [entries] */
  real *weight;    /* [entries] */
  real *gradient;  /* [entries][3] */
};

static void reach_destroy(mpinn_backend *backend, mpinn_reach **reach) {
  (void)backend;
  if (!*reach) return;
  free((*reach)->first);
  free((*reach)->anchor);
  free((*reach)->weight);
  free((*reach)->gradient);
  free(*reach);
  *reach = NULL;
}

static mpinn_status reach_fill(mpinn_context *context, const int32_t *first, const int32_t *anchor,
                               const float *weight, const float *gradient, mpinn_reach *reach) {
  const size_t entries = (size_t)first[reach->n];
  MPINN_TRY(MPINN_NEW(context, &reach->first, reach->n + 1));
  MPINN_TRY(MPINN_NEW(context, &reach->anchor, entries));
  MPINN_TRY(MPINN_NEW(context, &reach->weight, entries));
  MPINN_TRY(MPINN_NEW(context, &reach->gradient, 3 * entries));
  memcpy(reach->first, first, (reach->n + 1) * sizeof *first);
  for (size_t e = 0; e < entries; e++) {
    reach->anchor[e] = anchor[e];
    reach->weight[e] = (real)weight[e];
  }
  for (size_t i = 0; i < 3 * entries; i++) reach->gradient[i] = (real)gradient[i];
  return MPINN_OK;
}

static mpinn_status reach_create(mpinn_backend *backend, size_t n, size_t anchors, const int32_t *first,
                                 const int32_t *anchor, const float *weight, const float *gradient,
                                 mpinn_reach **reach) {
  mpinn_context *context = backend->context;
  mpinn_reach *new = NULL;
  *reach = NULL;
  MPINN_TRY(check_rows(context, "anchor", n, first, anchor, anchors));
  MPINN_TRY(MPINN_NEW(context, &new, 1));
  *new = (mpinn_reach){.n = n, .anchors = anchors};
  const mpinn_status status = reach_fill(context, first, anchor, weight, gradient, new);
  if (status != MPINN_OK) reach_destroy(backend, &new);
  *reach = new;
  return status;
}

static local_task local_task_of(const local_fields *local, size_t b, size_t from, size_t task) {
  const mpinn_reach *reach = local->reach;
  const size_t set = reach->anchors * local->stride;
  return (local_task){.first = reach->first + from,
                      .anchor = reach->anchor,
                      .weight = reach->weight,
                      .gradient = reach->gradient,
                      .stride = local->stride,
                      .features = local->features + (local->sets > 1 ? b * set : 0),
                      .origin = local->origins ? local->origins + 3 * b : NULL,
                      .d_features = local->parts ? local->parts + task * set : NULL};
}

static mpinn_status prepare_local(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                  size_t n, const mpinn_reach *reach, size_t sets, const real *features,
                                  const real *origins, local_fields *local) {
  if (reach->n != n)
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                      "A reach of %zu points does not serve %zu points", reach->n, n);
  if (sets != 1 && sets != networks)
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT,
                      "%zu networks need 1 or %zu sets of features, not %zu", networks, networks, sets);
  MPINN_TRY(check_net(backend, net, true));
  if (net->factored && !origins)
    return mpinn_fail(backend->context, MPINN_ERROR_ARGUMENT, "A factored field net needs its origin");
  const size_t width = (size_t)net->features, lanes = backend->kernels->lanes,
               stride = divide_up(width, lanes) * lanes;
  real *padded;
  MPINN_TRY(reserve(backend, WORK_B, sets * reach->anchors * stride, sizeof(real), (void **)&padded));
  for (size_t a = 0; a < sets * reach->anchors; a++) {
    memcpy(padded + a * stride, features + a * width, width * sizeof *padded);
    memset(padded + a * stride + width, 0, (stride - width) * sizeof *padded);
  }
  *local =
      (local_fields){.reach = reach, .sets = sets, .stride = stride, .features = padded, .origins = origins};
  return MPINN_OK;
}

static mpinn_status local_field_forward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                        const void *weights, size_t n, const void *points,
                                        const mpinn_reach *reach, size_t feature_sets, const void *features,
                                        const void *origins, void *value, void *gradient) {
  local_fields local;
  field_call call;
  MPINN_TRY(prepare_local(backend, net, networks, n, reach, feature_sets, features, origins, &local));
  MPINN_TRY(prepare_fields(backend, net, networks, weights, n, points, &local, FIELD_CHUNK, &call));
  forward_fields(backend, &call, value, gradient);
  return MPINN_OK;
}

/* d_features[sets][anchors][width] = the sums of the parts, of which a set has so many. */
static void sum_feature_parts(const mpinn_backend *backend, const local_fields *local, size_t width,
                              size_t parts_of_set, real *d_features) {
  const size_t anchors = local->reach->anchors, stride = local->stride, rows = local->sets * anchors;
#pragma omp parallel for schedule(static)                                                                    \
    num_threads(threads_for(backend, (double)(rows * width) * (double)parts_of_set))
  for (size_t row = 0; row < rows; row++) {
    const real *part = local->parts + (row / anchors * parts_of_set * anchors + row % anchors) * stride;
    real *sum = d_features + row * width;
    memset(sum, 0, width * sizeof *sum);
    for (size_t i = 0; i < parts_of_set; i++, part += anchors * stride)
      for (size_t j = 0; j < width; j++) sum[j] += part[j];
  }
}

/* Chunks are larger where there are many anchors, since each chunk has a part for all of them. */
static mpinn_status local_field_backward(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                         const void *weights, size_t n, const void *points,
                                         const mpinn_reach *reach, size_t feature_sets, const void *features,
                                         const void *origins, const void *d_value, const void *d_gradient,
                                         void *d_weights, void *d_features) {
  local_fields local;
  field_call call;
  const size_t chunk = FIELD_CHUNK * (1 + reach->anchors / 1024);
  MPINN_TRY(prepare_local(backend, net, networks, n, reach, feature_sets, features, origins, &local));
  MPINN_TRY(prepare_fields(backend, net, networks, weights, n, points, &local, chunk, &call));
  const size_t parts = networks * call.chunks, size = reach->anchors * local.stride;
  MPINN_TRY(reserve(backend, WORK_PARTS, parts * size, sizeof(real), (void **)&local.parts));
  if (local.parts) memset(local.parts, 0, parts * size * sizeof(real));
  MPINN_TRY(backward_fields(backend, &call, d_value, d_gradient, d_weights));
  sum_feature_parts(backend, &local, (size_t)net->features, parts / feature_sets, d_features);
  return MPINN_OK;
}
