#include "nn/tape.h"

#include <string.h>

enum { MAX_TENSORS = 1024, MAX_CHUNKS = 256, CHUNK = 1 << 21 };

typedef enum kind { INPUT, DENSE, JOIN, ADD, EDGES, MIX, MEAN_MAX } kind;

typedef struct tensor {
  kind kind;
  size_t rows, columns;
  void *value, *derivative; /* derivative is NULL as long as nothing has been added to it */
  size_t room;              /* reals at value; 0: they are another tensor's */
  bool has_way_back;
  mpinn_tensor_id a, b;
  mpinn_layer layer;
  mpinn_activation activation;
  const mpinn_edge_plan *plan;
  size_t groups;
} tensor;

/* Memory that was given back. */
typedef struct room {
  void *memory;
  size_t size;
} room;

struct mpinn_tape {
  mpinn_context *context;
  const mpinn_ops *ops;
  mpinn_backend *backend;
  const void *parameters;
  void *gradient;
  mpinn_status status;
  int n_tensors;
  tensor tensors[MAX_TENSORS];
  /* Memory is taken from chunks in order, so that a pass as large as an earlier one allocates nothing. */
  int n_chunks, chunk;
  size_t used, size[MAX_CHUNKS];
  void *chunks[MAX_CHUNKS];
  int n_free;
  room free[MAX_TENSORS];
};

mpinn_status mpinn_tape_create(mpinn_context *context, const mpinn_ops *ops, mpinn_backend *backend,
                               const void *parameters, void *gradient, mpinn_tape **tape) {
  MPINN_TRY(MPINN_NEW(context, tape, 1));
  (*tape)->context = context;
  (*tape)->ops = ops;
  (*tape)->backend = backend;
  (*tape)->parameters = parameters;
  (*tape)->gradient = gradient;
  return MPINN_OK;
}

void mpinn_tape_destroy(mpinn_tape **tape) {
  if (!*tape) return;
  for (int i = 0; i < (*tape)->n_chunks; i++) (*tape)->ops->release((*tape)->backend, (*tape)->chunks[i]);
  free(*tape);
  *tape = NULL;
}

void mpinn_tape_reset(mpinn_tape *tape) {
  tape->status = MPINN_OK;
  tape->n_tensors = 0;
  tape->chunk = 0;
  tape->used = 0;
  tape->n_free = 0;
}

mpinn_status mpinn_tape_status(const mpinn_tape *tape) {
  return tape->status;
}

/* ---- memory ---- */

static size_t rounded(size_t n) {
  return (n + 15) / 16 * 16; /* 64 bytes of floats */
}

/* n reals that hold anything; NULL where there are none, and then the tape has failed. */
static void *take(mpinn_tape *t, size_t n) {
  const size_t wanted = rounded(n);
  while (t->chunk < t->n_chunks && t->used + wanted > t->size[t->chunk]) {
    t->chunk++;
    t->used = 0;
  }
  if (t->chunk == t->n_chunks) {
    if (t->n_chunks == MAX_CHUNKS) {
      t->status = mpinn_fail(t->context, MPINN_ERROR_MEMORY, "A network's pass needs too much memory");
      return NULL;
    }
    const size_t size = wanted > CHUNK ? wanted : CHUNK;
    t->status = t->ops->alloc(t->backend, size, &t->chunks[t->n_chunks]);
    if (t->status != MPINN_OK) return NULL;
    t->size[t->n_chunks++] = size;
    t->used = 0;
  }
  void *memory = mpinn_element(t->ops, t->chunks[t->chunk], t->used);
  t->used += wanted;
  return memory;
}

/* The smallest of what was given back that suffices and is not much too large, else new memory. */
static room find_room(mpinn_tape *t, size_t n) {
  int best = -1;
  for (int i = 0; i < t->n_free; i++) {
    const size_t size = t->free[i].size;
    if (size >= n && size <= 2 * rounded(n) && (best < 0 || size < t->free[best].size)) best = i;
  }
  if (best < 0) return (room){take(t, n), rounded(n)};
  const room found = t->free[best];
  t->free[best] = t->free[--t->n_free];
  return found;
}

void mpinn_tape_drop(mpinn_tape *t, mpinn_tensor_id x) {
  if (t->gradient || t->status != MPINN_OK || x == MPINN_NO_TENSOR || t->tensors[x].room == 0) return;
  t->free[t->n_free++] = (room){t->tensors[x].value, t->tensors[x].room};
  t->tensors[x].value = NULL;
  t->tensors[x].room = 0;
}

/* A new tensor; NULL where the tape has failed. */
static tensor *append(mpinn_tape *t, kind what, size_t rows, size_t columns) {
  if (t->status != MPINN_OK) return NULL;
  if (t->n_tensors == MAX_TENSORS) {
    t->status = mpinn_fail(t->context, MPINN_ERROR_MEMORY, "A network has more than %d tensors", MAX_TENSORS);
    return NULL;
  }
  const room at = find_room(t, rows * columns);
  if (!at.memory) return NULL;
  tensor *x = &t->tensors[t->n_tensors++];
  *x = (tensor){.kind = what, .rows = rows, .columns = columns, .value = at.memory, .room = at.size};
  x->a = x->b = MPINN_NO_TENSOR;
  x->has_way_back = t->gradient && what != INPUT;
  return x;
}

/* Ends a call: the new tensor's number where status is good. */
static mpinn_tensor_id finish(mpinn_tape *t, mpinn_status status) {
  t->status = status;
  return status == MPINN_OK ? t->n_tensors - 1 : MPINN_NO_TENSOR;
}

static bool missing(const mpinn_tape *t, mpinn_tensor_id x) {
  return t->status != MPINN_OK || x < 0 || x >= t->n_tensors;
}

static const void *parameter(const mpinn_tape *t, size_t offset) {
  return mpinn_element(t->ops, t->parameters, offset);
}

/* ---- forwards ---- */

mpinn_tensor_id mpinn_tape_input(mpinn_tape *t, size_t rows, size_t columns, const float *host) {
  tensor *x = append(t, INPUT, rows, columns);
  if (!x) return MPINN_NO_TENSOR;
  return finish(t, t->ops->upload(t->backend, rows * columns, MPINN_FLOAT32, host, x->value));
}

mpinn_tensor_id mpinn_tape_constant(mpinn_tape *t, mpinn_tensor_id x) {
  if (missing(t, x)) return MPINN_NO_TENSOR;
  tensor *y = append(t, INPUT, t->tensors[x].rows, 0);
  if (!y) return MPINN_NO_TENSOR;
  y->columns = t->tensors[x].columns;
  y->value = t->tensors[x].value;
  y->room = 0;
  return finish(t, MPINN_OK);
}

mpinn_tensor_id mpinn_tape_dense(mpinn_tape *t, mpinn_tensor_id x, mpinn_layer layer,
                                 mpinn_activation activation) {
  if (missing(t, x)) return MPINN_NO_TENSOR;
  tensor *y = append(t, DENSE, t->tensors[x].rows, layer.out);
  if (!y) return MPINN_NO_TENSOR;
  y->a = x;
  y->layer = layer;
  y->activation = activation;
  return finish(t, t->ops->dense_forward(t->backend, y->rows, layer.in, layer.out, t->tensors[x].value,
                                         parameter(t, layer.weight), parameter(t, layer.bias), activation,
                                         y->value));
}

mpinn_tensor_id mpinn_tape_join(mpinn_tape *t, mpinn_tensor_id a, mpinn_tensor_id b) {
  if (missing(t, a) || missing(t, b)) return MPINN_NO_TENSOR;
  const size_t ca = t->tensors[a].columns, cb = t->tensors[b].columns;
  tensor *y = append(t, JOIN, t->tensors[a].rows, ca + cb);
  if (!y) return MPINN_NO_TENSOR;
  y->a = a;
  y->b = b;
  return finish(t, t->ops->join_columns(t->backend, y->rows, ca, cb, t->tensors[a].value, t->tensors[b].value,
                                        y->value));
}

mpinn_tensor_id mpinn_tape_add(mpinn_tape *t, mpinn_tensor_id a, mpinn_tensor_id b) {
  if (missing(t, a) || missing(t, b)) return MPINN_NO_TENSOR;
  if (!t->gradient && t->tensors[b].room > 0) { /* the sum takes b's place */
    t->status = t->ops->add(t->backend, t->tensors[b].rows * t->tensors[b].columns, t->tensors[a].value,
                            t->tensors[b].value);
    return t->status == MPINN_OK ? b : MPINN_NO_TENSOR;
  }
  tensor *y = append(t, ADD, t->tensors[a].rows, t->tensors[a].columns);
  if (!y) return MPINN_NO_TENSOR;
  y->a = a;
  y->b = b;
  const size_t n = y->rows * y->columns;
  mpinn_status status = t->ops->zero(t->backend, n, y->value);
  if (status == MPINN_OK) status = t->ops->add(t->backend, n, t->tensors[a].value, y->value);
  if (status == MPINN_OK) status = t->ops->add(t->backend, n, t->tensors[b].value, y->value);
  return finish(t, status);
}

static void *value_or_null(const mpinn_tape *t, mpinn_tensor_id x) {
  return x == MPINN_NO_TENSOR ? NULL : t->tensors[x].value;
}

mpinn_tensor_id mpinn_tape_edges(mpinn_tape *t, const mpinn_edge_plan *plan, size_t targets,
                                 mpinn_tensor_id p, mpinn_tensor_id q, mpinn_layer layer) {
  tensor *y = append(t, EDGES, targets, 2 * layer.out);
  if (!y) return MPINN_NO_TENSOR;
  y->a = p;
  y->b = q;
  y->layer = layer;
  y->plan = plan;
  return finish(t, t->ops->edge_forward(t->backend, plan, layer.out, value_or_null(t, p), value_or_null(t, q),
                                        parameter(t, layer.weight), y->value));
}

mpinn_tensor_id mpinn_tape_mix(mpinn_tape *t, const mpinn_edge_plan *plan, size_t targets,
                               mpinn_tensor_id x) {
  if (missing(t, x)) return MPINN_NO_TENSOR;
  tensor *y = append(t, MIX, targets, t->tensors[x].columns);
  if (!y) return MPINN_NO_TENSOR;
  y->a = x;
  y->plan = plan;
  return finish(t, t->ops->mix_forward(t->backend, plan, y->columns, t->tensors[x].value, y->value));
}

mpinn_tensor_id mpinn_tape_mean_max(mpinn_tape *t, size_t groups, mpinn_tensor_id x) {
  if (missing(t, x)) return MPINN_NO_TENSOR;
  const size_t rows = t->tensors[x].rows / groups, columns = t->tensors[x].columns;
  tensor *y = append(t, MEAN_MAX, rows, 2 * columns);
  if (!y) return MPINN_NO_TENSOR;
  y->a = x;
  y->groups = groups;
  return finish(t,
                t->ops->mean_max_forward(t->backend, groups, rows, columns, t->tensors[x].value, y->value));
}

size_t mpinn_tape_rows(const mpinn_tape *t, mpinn_tensor_id x) {
  return x == MPINN_NO_TENSOR ? 0 : t->tensors[x].rows;
}

size_t mpinn_tape_columns(const mpinn_tape *t, mpinn_tensor_id x) {
  return x == MPINN_NO_TENSOR ? 0 : t->tensors[x].columns;
}

void *mpinn_tape_value(const mpinn_tape *t, mpinn_tensor_id x) {
  return value_or_null(t, x);
}

void *mpinn_tape_derivative(mpinn_tape *t, mpinn_tensor_id x) {
  if (missing(t, x)) return NULL;
  if (!t->tensors[x].derivative)
    t->tensors[x].derivative = take(t, t->tensors[x].rows * t->tensors[x].columns);
  return t->tensors[x].derivative;
}

/* ---- backwards ---- */

/* Where an operation writes its derivative by x, and whether that is to be added to what is there. */
typedef struct target {
  void *memory;
  bool add;
} target;

static target target_of(mpinn_tape *t, mpinn_tensor_id x) {
  if (x == MPINN_NO_TENSOR || !t->tensors[x].has_way_back) return (target){NULL, false};
  const bool add = t->tensors[x].derivative != NULL;
  const size_t n = t->tensors[x].rows * t->tensors[x].columns;
  void *memory = take(t, n);
  if (!add) t->tensors[x].derivative = memory;
  return (target){memory, add};
}

static mpinn_status settle(mpinn_tape *t, mpinn_tensor_id x, target at) {
  if (!at.memory || !at.add) return t->status;
  return t->ops->add(t->backend, t->tensors[x].rows * t->tensors[x].columns, at.memory,
                     t->tensors[x].derivative);
}

static mpinn_status dense_back(mpinn_tape *t, const tensor *y) {
  const mpinn_ops *ops = t->ops;
  const target dx = target_of(t, y->a);
  MPINN_TRY(t->status);
  MPINN_TRY(ops->dense_backward(t->backend, y->rows, y->layer.in, y->layer.out, t->tensors[y->a].value,
                                parameter(t, y->layer.weight), y->activation, y->value, y->derivative,
                                dx.memory, mpinn_element(ops, t->gradient, y->layer.weight),
                                mpinn_element(ops, t->gradient, y->layer.bias)));
  return settle(t, y->a, dx);
}

/* Both parts are always written; those of an input go nowhere. */
static mpinn_status join_back(mpinn_tape *t, const tensor *y) {
  const size_t ca = t->tensors[y->a].columns, cb = t->tensors[y->b].columns;
  target da = target_of(t, y->a), db = target_of(t, y->b);
  if (!da.memory) da.memory = take(t, y->rows * ca);
  if (!db.memory) db.memory = take(t, y->rows * cb);
  MPINN_TRY(t->status);
  MPINN_TRY(t->ops->split_columns(t->backend, y->rows, ca, cb, y->derivative, da.memory, db.memory));
  MPINN_TRY(settle(t, y->a, da));
  return settle(t, y->b, db);
}

static mpinn_status pass_on(mpinn_tape *t, const tensor *y, mpinn_tensor_id x) {
  const size_t n = y->rows * y->columns;
  if (!t->tensors[x].has_way_back) return MPINN_OK;
  if (!t->tensors[x].derivative) {
    t->tensors[x].derivative = take(t, n);
    MPINN_TRY(t->status);
    MPINN_TRY(t->ops->zero(t->backend, n, t->tensors[x].derivative));
  }
  return t->ops->add(t->backend, n, y->derivative, t->tensors[x].derivative);
}

static mpinn_status edges_back(mpinn_tape *t, const tensor *y) {
  const target dp = target_of(t, y->a), dq = target_of(t, y->b);
  MPINN_TRY(t->status);
  MPINN_TRY(t->ops->edge_backward(t->backend, y->plan, y->layer.out, value_or_null(t, y->a),
                                  value_or_null(t, y->b), parameter(t, y->layer.weight), y->value,
                                  y->derivative, dp.memory, dq.memory,
                                  mpinn_element(t->ops, t->gradient, y->layer.weight)));
  if (dp.memory) MPINN_TRY(settle(t, y->a, dp));
  return dq.memory ? settle(t, y->b, dq) : MPINN_OK;
}

static mpinn_status mix_back(mpinn_tape *t, const tensor *y) {
  const target dx = target_of(t, y->a);
  MPINN_TRY(t->status);
  if (!dx.memory) return MPINN_OK;
  MPINN_TRY(t->ops->mix_backward(t->backend, y->plan, y->columns, y->derivative, dx.memory));
  return settle(t, y->a, dx);
}

static mpinn_status mean_max_back(mpinn_tape *t, const tensor *y) {
  const target dx = target_of(t, y->a);
  MPINN_TRY(t->status);
  if (!dx.memory) return MPINN_OK;
  MPINN_TRY(t->ops->mean_max_backward(t->backend, y->groups, y->rows, y->columns / 2, t->tensors[y->a].value,
                                      y->value, y->derivative, dx.memory));
  return settle(t, y->a, dx);
}

static mpinn_status go_back(mpinn_tape *t, const tensor *y) {
  switch (y->kind) {
  case INPUT:
    return MPINN_OK;
  case DENSE:
    return dense_back(t, y);
  case JOIN:
    return join_back(t, y);
  case ADD:
    MPINN_TRY(pass_on(t, y, y->a));
    return pass_on(t, y, y->b);
  case EDGES:
    return edges_back(t, y);
  case MIX:
    return mix_back(t, y);
  case MEAN_MAX:
    return mean_max_back(t, y);
  }
  return MPINN_OK;
}

mpinn_status mpinn_tape_backward(mpinn_tape *t) {
  for (int i = t->n_tensors - 1; i >= 0 && t->status == MPINN_OK; i--)
    if (t->tensors[i].derivative) t->status = go_back(t, &t->tensors[i]);
  return t->status;
}
