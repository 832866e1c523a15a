/* A tape of operations: a network is written forwards as calls, each of which appends a tensor; the way back
 * to the parameters is then the tape's. What it does is the table's operations (ops.h) and nothing else.
 *
 * A call that fails makes the tape fail: it and all later calls return MPINN_NO_TENSOR and do nothing, and
 * mpinn_tape_status tells why, so that a network reads as what it computes. */
#ifndef MPINN_NN_TAPE_H
#define MPINN_NN_TAPE_H

#include "nn/ops.h"

typedef struct mpinn_tape mpinn_tape;
typedef int mpinn_tensor_id;
enum { MPINN_NO_TENSOR = -1 };

/* A dense layer's or an edge layer's place in the vector of parameters: W[out][in] (of an edge layer's
 * attributes W[in][out]) at weight, b[out] at bias. */
typedef struct mpinn_layer {
  size_t in, out, weight, bias;
} mpinn_layer;

/* parameters and gradient (NULL: there will be no way back) are device memory that outlives the tape. */
mpinn_status mpinn_tape_create(mpinn_context *context, const mpinn_ops *ops, mpinn_backend *backend,
                               const void *parameters, void *gradient, mpinn_tape **tape);
void mpinn_tape_destroy(mpinn_tape **tape);
/* Forgets all tensors and the failure; the memory is kept for the next pass. */
void mpinn_tape_reset(mpinn_tape *tape);
mpinn_status mpinn_tape_status(const mpinn_tape *tape);

/* ---- tensors: matrices [rows][columns] ---- */

/* host[rows][columns]; it has no way back. */
mpinn_tensor_id mpinn_tape_input(mpinn_tape *tape, size_t rows, size_t columns, const float *host);
/* x as a constant: the way back ends here. */
mpinn_tensor_id mpinn_tape_constant(mpinn_tape *tape, mpinn_tensor_id x);
/* activation(x Wᵀ + b). */
mpinn_tensor_id mpinn_tape_dense(mpinn_tape *tape, mpinn_tensor_id x, mpinn_layer layer,
                                 mpinn_activation activation);
/* [rows][a | b]. */
mpinn_tensor_id mpinn_tape_join(mpinn_tape *tape, mpinn_tensor_id a, mpinn_tensor_id b);
/* a + b; drops b. */
mpinn_tensor_id mpinn_tape_add(mpinn_tape *tape, mpinn_tensor_id a, mpinn_tensor_id b);
/* [targets][2 h]: ops' edge_forward with p at the targets (MPINN_NO_TENSOR: none), q at the sources and the
 * attributes' weights at layer.weight ([layer.in][layer.out = h]). The plan outlives the tape's pass. */
mpinn_tensor_id mpinn_tape_edges(mpinn_tape *tape, const mpinn_edge_plan *plan, size_t targets,
                                 mpinn_tensor_id p, mpinn_tensor_id q, mpinn_layer layer);
/* [targets][columns]: the edges' weighted sums of x. */
mpinn_tensor_id mpinn_tape_mix(mpinn_tape *tape, const mpinn_edge_plan *plan, size_t targets,
                               mpinn_tensor_id x);
/* x is groups blocks of rows; [rows / groups][columns mean | columns maximum] over the blocks. */
mpinn_tensor_id mpinn_tape_mean_max(mpinn_tape *tape, size_t groups, mpinn_tensor_id x);

/* Nothing reads x from now on: a tape without a way back takes its memory for what follows. */
void mpinn_tape_drop(mpinn_tape *tape, mpinn_tensor_id x);

size_t mpinn_tape_rows(const mpinn_tape *tape, mpinn_tensor_id x);
size_t mpinn_tape_columns(const mpinn_tape *tape, mpinn_tensor_id x);
/* Device memory [rows][columns], good until the tensor is dropped or the tape reset. NULL of no tensor. */
void *mpinn_tape_value(const mpinn_tape *tape, mpinn_tensor_id x);
/* Where the caller puts the derivative of its loss by x before going back. */
void *mpinn_tape_derivative(mpinn_tape *tape, mpinn_tensor_id x);

/* From the derivatives that were put, adds to the gradient of the parameters. */
mpinn_status mpinn_tape_backward(mpinn_tape *tape);

#endif
