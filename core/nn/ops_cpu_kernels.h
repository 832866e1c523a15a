/* The inner loops for one instruction set and one precision. The including file has defined
 *   real, REAL(name)   the precision and its suffix
 *   KERNEL(name)       a suffix for precision and instruction set
 *   VECTOR_BYTES       the width of a register
 *   TILE_ROWS, TILE_VECTORS, DOT_ROWS   how much of a product its registers hold
 *   WIDE_SHUFFLES   where the instruction set can pick any lanes of two registers
 * and has set the target by a pragma. */

typedef real KERNEL(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef real KERNEL(half) __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef real KERNEL(unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef real KERNEL(unaligned_half)
    __attribute__((vector_size(VECTOR_BYTES / 2), aligned(sizeof(real)), may_alias));
typedef REAL(lane) KERNEL(lane_index) __attribute__((vector_size(VECTOR_BYTES)));
#define KERNEL_LANES (VECTOR_BYTES / sizeof(real))

#include "nn/ops_cpu_gemm.h"
#include "nn/ops_cpu_pointwise.h"
#include "nn/ops_cpu_field.h"

static const kernels KERNEL(kernels) = {
    .gemm = KERNEL(gemm),
    .transpose = KERNEL(transpose),
    .weighted_sum = KERNEL(weighted_sum),
    .activate = KERNEL(activate),
    .deactivate = KERNEL(deactivate),
    .adamw = KERNEL(adamw),
    .sum_squares = KERNEL(sum_squares),
    .eikonal_loss = KERNEL(eikonal_loss),
    .field_forward = KERNEL(field_forward),
    .field_backward = KERNEL(field_backward),
    .field_scratch = KERNEL(field_scratch),
};

#undef KERNEL_LANES
