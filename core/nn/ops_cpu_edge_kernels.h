/* EdgeConv on a block of edges, all columns: as many registers side by side as there are columns for.
 * Included once for each instruction set and precision. */

#define COLUMNS(name) KERNEL(name##_wide)
#define COLUMN_BYTES VECTOR_BYTES
#include "nn/ops_cpu_edge_columns.h"
#undef COLUMNS
#undef COLUMN_BYTES
#define COLUMNS(name) KERNEL(name##_half)
#define COLUMN_BYTES (VECTOR_BYTES / 2)
#include "nn/ops_cpu_edge_columns.h"
#undef COLUMNS
#undef COLUMN_BYTES
#define COLUMNS(name) KERNEL(name##_one)
#define COLUMN_BYTES sizeof(real)
#include "nn/ops_cpu_edge_columns.h"
#undef COLUMNS
#undef COLUMN_BYTES

#define MPINN_DEFINE_EDGES(name)                                                                             \
  static void KERNEL(name)(const edge_task *task) {                                                          \
    const size_t h = task->h;                                                                                \
    size_t j = 0;                                                                                            \
    for (; j + TILE_VECTORS * KERNEL_LANES <= h; j += TILE_VECTORS * KERNEL_LANES)                           \
      KERNEL(name##_wide)(TILE_VECTORS, task, j);                                                            \
    for (; j + 2 * KERNEL_LANES <= h; j += 2 * KERNEL_LANES) KERNEL(name##_wide)(2, task, j);                \
    for (; j + KERNEL_LANES <= h; j += KERNEL_LANES) KERNEL(name##_wide)(1, task, j);                        \
    for (; j + KERNEL_LANES / 2 <= h; j += KERNEL_LANES / 2) KERNEL(name##_half)(1, task, j);                \
    for (; j < h; j++) KERNEL(name##_one)(1, task, j);                                                       \
  }

MPINN_DEFINE_EDGES(edge_forward)
MPINN_DEFINE_EDGES(edge_targets)
MPINN_DEFINE_EDGES(edge_sources)
#undef MPINN_DEFINE_EDGES
