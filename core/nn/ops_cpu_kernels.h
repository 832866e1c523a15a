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
#include "nn/ops_cpu_product.h"
#include "nn/ops_cpu_edge_kernels.h"
#include "nn/ops_cpu_field.h"

static const kernels KERNEL(kernels) = {
    .gemm = KERNEL(gemm),
    .pack = KERNEL(pack),
    .multiply_panel = KERNEL(multiply_panel),
    .multiply_dots = KERNEL(multiply_dots),
    .transpose = KERNEL(transpose),
    .weighted_sum = KERNEL(weighted_sum),
    .activate = KERNEL(activate),
    .deactivate = KERNEL(deactivate),
    .adamw = KERNEL(adamw),
    .sum_squares = KERNEL(sum_squares),
    .eikonal_loss = KERNEL(eikonal_loss),
    .edge_forward = KERNEL(edge_forward),
    .edge_targets = KERNEL(edge_targets),
    .edge_sources = KERNEL(edge_sources),
    .add = KERNEL(add),
    .speed_loss = KERNEL(speed_loss),
    .field_forward = KERNEL(field_forward),
    .field_backward = KERNEL(field_backward),
    .field_scratch = KERNEL(field_scratch),
    .lanes = KERNEL_LANES,
    .panel_vectors = TILE_VECTORS,
};

#undef KERNEL_LANES
