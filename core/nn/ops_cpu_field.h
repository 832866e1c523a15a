/* Generated networks, fused: a block of points goes through all layers while everything it needs stays in the
 * cache. Each unit carries 4 channels, its value and its 3 derivatives by position (forward mode), or the
 * value alone. With z = W a + b and ż_k = W ȧ_k, a layer yields f(z) and f′(z) ż_k.
 *
 * In reverse, p and q_k being the adjoints of those two, z and ż_k have z̄ = f′ p + f″ Σ_k ż_k q_k and
 * ż̄_k = f′ q_k, hence W has z̄ aᵀ + Σ_k ż̄_k ȧ_kᵀ.
 *
 * The inputs are the position, whose derivatives are the identity, or local features (ops_cpu_field_local.h).
 * Included once for each instruction set and precision. */

enum {
  KERNEL(POINTS) = 4 * KERNEL_LANES, /* in a block */
  KERNEL(FIELD_TILE) = TILE_ROWS >= 5 ? 5 : TILE_ROWS
};

/* Arrays of a block, all in scratch. A panel is [width][channels][POINTS]. */
typedef struct KERNEL(field_block) {
  mpinn_field_net net;
  const real *weights;
  const local_task *local; /* NULL: the input is the position */
  size_t inputs, width, channels, panel;
  real *points;               /* [3][POINTS] */
  real *kept;                 /* [layers − 1] panels: f(z) and ż_k of every hidden layer */
  real *active;               /* a panel: f(z) and f′(z) ż_k */
  real *adjoint;              /* a panel: z̄ and ż̄_k */
  real *next;                 /* a panel */
  real *output;               /* [channels][POINTS]: z and ż_k of the last layer */
  real *input;                /* local: [at least inputs][channels][POINTS] */
  real *d_input;              /* local: the same, z̄ and ż̄_k carried back */
  real *rows;                 /* local: [channels][POINTS][stride] */
  KERNEL(vector) * d_weights; /* [weights], a sum a lane */
} KERNEL(field_block);

#include "nn/ops_cpu_field_local.h"

/* Features are padded to whole registers; the radius may come behind them. */
static size_t KERNEL(field_input)(const mpinn_field_net *net) {
  return net->features > 0 ? 4 * KERNEL(POINTS) * ((size_t)net->features + KERNEL_LANES) : 0;
}

static size_t KERNEL(field_scratch)(const mpinn_field_net *net) {
  const size_t panel = 4 * (size_t)net->width * KERNEL(POINTS);
  return (3 + 4) * KERNEL(POINTS) + ((size_t)net->layers + 2) * panel +
         mpinn_field_net_weights(net) * KERNEL_LANES + 3 * KERNEL(field_input)(net);
}

static KERNEL(field_block) KERNEL(field_block_at)(const mpinn_field_net *net, const real *weights,
                                                  const local_task *local, size_t channels, real *scratch) {
  KERNEL(field_block)
  block = {
      .net = *net, .weights = weights, .local = local, .width = (size_t)net->width, .channels = channels};
  block.inputs = mpinn_field_net_inputs(net);
  const size_t panel = 4 * block.width * KERNEL(POINTS); /* room for 4 channels in any case */
  block.panel = panel;
  block.d_weights = (KERNEL(vector) *)scratch;
  block.points = scratch + mpinn_field_net_weights(net) * KERNEL_LANES;
  block.output = block.points + 3 * KERNEL(POINTS);
  block.active = block.output + 4 * KERNEL(POINTS);
  block.adjoint = block.active + panel;
  block.next = block.adjoint + panel;
  block.kept = block.next + panel;
  block.input = block.kept + ((size_t)net->layers - 1) * panel;
  block.d_input = block.input + KERNEL(field_input)(net);
  block.rows = block.d_input + KERNEL(field_input)(net);
  return block;
}

/* The weights of layer l: W, with b behind it. */
static const real *KERNEL(field_layer)(const KERNEL(field_block) * block, size_t l) {
  const size_t w = block->width;
  return block->weights + (l == 0 ? 0 : (block->inputs + 1) * w + (l - 1) * (w * w + w));
}

/* The points from … of those at hand; points beyond count repeat the last. */
static void KERNEL(field_load)(KERNEL(field_block) * block, const real *points, size_t from, size_t count) {
  const local_task *local = block->local;
  const size_t n = block->channels * KERNEL(POINTS);
  for (size_t p = 0; p < KERNEL(POINTS); p++)
    for (size_t d = 0; d < 3; d++)
      block->points[d * KERNEL(POINTS) + p] = points[3 * (from + (p < count ? p : count - 1)) + d];
  if (!local) return;
  KERNEL(local_gather)(block->channels, local, from, count, block->rows);
  KERNEL(transpose)(n, local->stride, block->rows, block->input);
  if (block->net.factored) KERNEL(local_radius)
  (local->origin, block->channels, block->points, block->input + (block->inputs - 1) * n);
}

/* z (in kept) → f(z) in kept and active, f′(z) ż_k in active. */
static inline __attribute__((always_inline)) void KERNEL(field_activate_as)(const mpinn_activation f,
                                                                            size_t units, size_t channels,
                                                                            real *restrict kept,
                                                                            real *restrict active) {
  const size_t stride = channels * KERNEL(POINTS);
  for (size_t u = 0; u < units; u++, kept += stride, active += stride) {
    real slope[KERNEL(POINTS)];
    for (size_t p = 0; p < KERNEL(POINTS); p++) {
      const real y = REAL(mpinn_activate)((int)f, kept[p]);
      kept[p] = active[p] = y;
      slope[p] = REAL(mpinn_slope)((int)f, y);
    }
    for (size_t c = 1; c < channels; c++)
      for (size_t p = 0; p < KERNEL(POINTS); p++)
        active[c * KERNEL(POINTS) + p] = slope[p] * kept[c * KERNEL(POINTS) + p];
  }
}

/* active from what kept holds after field_activate. */
static inline __attribute__((always_inline)) void KERNEL(field_reactivate_as)(const mpinn_activation f,
                                                                              size_t units, size_t channels,
                                                                              const real *restrict kept,
                                                                              real *restrict active) {
  const size_t stride = channels * KERNEL(POINTS);
  for (size_t u = 0; u < units; u++, kept += stride, active += stride) {
    for (size_t p = 0; p < KERNEL(POINTS); p++) active[p] = kept[p];
    for (size_t c = 1; c < channels; c++)
      for (size_t p = 0; p < KERNEL(POINTS); p++)
        active[c * KERNEL(POINTS) + p] = REAL(mpinn_slope)((int)f, kept[p]) * kept[c * KERNEL(POINTS) + p];
  }
}

/* adjoint: ā and ǡ_k → z̄ and ż̄_k. */
static inline __attribute__((always_inline)) void KERNEL(field_deactivate_as)(const mpinn_activation f,
                                                                              size_t units, size_t channels,
                                                                              const real *restrict kept,
                                                                              real *restrict adjoint) {
  const size_t stride = channels * KERNEL(POINTS);
  for (size_t u = 0; u < units; u++, kept += stride, adjoint += stride)
    for (size_t p = 0; p < KERNEL(POINTS); p++) {
      const real slope = REAL(mpinn_slope)((int)f, kept[p]),
                 curvature = REAL(mpinn_curvature)((int)f, kept[p]);
      real sum = 0;
      if (channels > 1) {
        for (size_t c = 1; c < 4; c++) {
          const size_t i = c * KERNEL(POINTS) + p;
          sum += kept[i] * adjoint[i];
          adjoint[i] *= slope;
        }
      }
      adjoint[p] = slope * adjoint[p] + curvature * sum;
    }
}

/* The three above for an activation known at run time only. */
#define MPINN_BY_ACTIVATION(call, f, ...)                                                                    \
  switch (f) {                                                                                               \
  case MPINN_RELU:                                                                                           \
    KERNEL(call)(MPINN_RELU, __VA_ARGS__);                                                                   \
    break;                                                                                                   \
  case MPINN_ELU:                                                                                            \
    KERNEL(call)(MPINN_ELU, __VA_ARGS__);                                                                    \
    break;                                                                                                   \
  case MPINN_TANH:                                                                                           \
    KERNEL(call)(MPINN_TANH, __VA_ARGS__);                                                                   \
    break;                                                                                                   \
  case MPINN_LINEAR:                                                                                         \
    KERNEL(call)(MPINN_LINEAR, __VA_ARGS__);                                                                 \
    break;                                                                                                   \
  }

/* C[m][channels·POINTS] (+)= A B, tiles of FIELD_TILE rows: the published width, 20, is four of them. */
static inline __attribute__((always_inline)) void KERNEL(field_gemm)(size_t m, size_t n, size_t k,
                                                                     const real *a, size_t a_row,
                                                                     size_t a_column, const real *b, bool add,
                                                                     real *c) {
  enum { ROWS = KERNEL(FIELD_TILE), WIDE = TILE_VECTORS * KERNEL_LANES };
  for (size_t j = 0; j < n; j += WIDE) {
    size_t i = 0;
    for (; i + ROWS <= m; i += ROWS) KERNEL(tile)
    (ROWS, TILE_VECTORS, k, a + i * a_row, a_row, a_column, b + j, n, add ? c + i * n + j : NULL, n,
     c + i * n + j, n);
    for (; i < m; i++) KERNEL(tile)
    (1, TILE_VECTORS, k, a + i * a_row, a_row, a_column, b + j, n, add ? c + i * n + j : NULL, n,
     c + i * n + j, n);
  }
}

/* Layer l before its activation: z[out] from the panel active[in]. */
static inline __attribute__((always_inline)) void KERNEL(field_linear)(const KERNEL(field_block) * block,
                                                                       size_t in, const real *active,
                                                                       size_t l, size_t out, real *z) {
  const size_t n = block->channels * KERNEL(POINTS);
  const real *weight = KERNEL(field_layer)(block, l), *bias = weight + out * in;
  for (size_t o = 0; o < out; o++) {
    for (size_t p = 0; p < KERNEL(POINTS); p++) z[o * n + p] = bias[o];
    for (size_t p = KERNEL(POINTS); p < n; p++) z[o * n + p] = 0;
  }
  KERNEL(field_gemm)(out, n, in, weight, in, 1, active, true, z);
}

static void KERNEL(field_first)(const KERNEL(field_block) * block, real *restrict z) {
  const size_t n = block->channels * KERNEL(POINTS);
  const real *weight = block->weights, *bias = weight + 3 * block->width, *x = block->points;
  for (size_t o = 0; o < block->width; o++, weight += 3, z += n) {
    for (size_t p = 0; p < KERNEL(POINTS); p++)
      z[p] = bias[o] + weight[0] * x[p] + weight[1] * x[KERNEL(POINTS) + p] +
             weight[2] * x[2 * KERNEL(POINTS) + p];
    for (size_t c = 1; c < block->channels; c++)
      for (size_t p = 0; p < KERNEL(POINTS); p++) z[c * KERNEL(POINTS) + p] = weight[c - 1];
  }
}

static inline __attribute__((always_inline)) void KERNEL(field_propagate)(const KERNEL(field_block) * block,
                                                                          size_t width) {
  const size_t hidden = (size_t)block->net.layers - 1;
  if (block->local)
    KERNEL(field_linear)(block, block->inputs, block->input, 0, width, block->kept);
  else
    KERNEL(field_first)(block, block->kept);
  for (size_t l = 0; l < hidden; l++) {
    real *kept = block->kept + l * block->panel;
    if (l > 0) KERNEL(field_linear)(block, width, block->active, l, width, kept);
    MPINN_BY_ACTIVATION(field_activate_as, block->net.activation, width, block->channels, kept, block->active)
  }
  KERNEL(field_linear)(block, width, block->active, hidden, 1, block->output);
}

/* The width as a constant where it is the published one lets the compiler unroll the products. */
static void KERNEL(field_propagate_any)(const KERNEL(field_block) * block) {
  if (block->width == 20)
    KERNEL(field_propagate)(block, 20);
  else
    KERNEL(field_propagate)(block, block->width);
}

static void KERNEL(field_store)(const KERNEL(field_block) * block, size_t count, real *value,
                                real *gradient) {
  const real low = (real)block->net.low, span = (real)(block->net.high - block->net.low);
  const real steepness = (real)block->net.steepness;
  if (block->net.factored) {
    const real *radius = block->input + (block->inputs - 1) * block->channels * KERNEL(POINTS);
    KERNEL(local_store)(block->output, radius, count, value, gradient);
    return;
  }
  for (size_t p = 0; p < count; p++) {
    const real z = block->output[p], sigma = REAL(mpinn_sigmoid)(steepness * z);
    const real slope = steepness > 0 ? span * steepness * sigma * (1 - sigma) : 1;
    value[p] = steepness > 0 ? low + span * sigma : z;
    for (size_t d = 0; gradient && d < 3; d++)
      gradient[3 * p + d] = slope * block->output[(d + 1) * KERNEL(POINTS) + p];
  }
}

/* One network at n points. */
static void KERNEL(field_forward)(const mpinn_field_net *net, const real *weights, size_t n,
                                  const real *points, const local_task *local, real *value, real *gradient,
                                  real *scratch) {
  KERNEL(field_block) block = KERNEL(field_block_at)(net, weights, local, gradient ? 4 : 1, scratch);
  for (size_t from = 0; from < n; from += KERNEL(POINTS)) {
    const size_t count = n - from < KERNEL(POINTS) ? n - from : KERNEL(POINTS);
    KERNEL(field_load)(&block, points, from, count);
    KERNEL(field_propagate_any)(&block);
    KERNEL(field_store)(&block, count, value + from, gradient ? gradient + 3 * from : NULL);
  }
}

/* output: z̄ and ż̄_k of the last layer in place of z and ż_k. */
static void KERNEL(field_seed)(KERNEL(field_block) * block, size_t count, const real *d_value,
                               const real *d_gradient) {
  const real span = (real)(block->net.high - block->net.low), steepness = (real)block->net.steepness;
  if (block->net.factored) {
    const real *radius = block->input + (block->inputs - 1) * block->channels * KERNEL(POINTS);
    KERNEL(local_seed)(block->channels, radius, count, d_value, d_gradient, block->output);
    return;
  }
  for (size_t p = 0; p < KERNEL(POINTS); p++) {
    real *z = block->output + p;
    const real sigma = REAL(mpinn_sigmoid)(steepness * z[0]), bell = sigma * (1 - sigma);
    const real slope = steepness > 0 ? span * steepness * bell : 1;
    const real curvature = steepness > 0 ? span * steepness * steepness * bell * (1 - 2 * sigma) : 0;
    real adjoint = p < count ? slope * d_value[p] : 0;
    for (size_t c = 1; c < block->channels; c++) {
      const real d = p < count ? d_gradient[3 * p + c - 1] : 0;
      adjoint += curvature * d * z[c * KERNEL(POINTS)];
      z[c * KERNEL(POINTS)] = slope * d;
    }
    z[0] = adjoint;
  }
}

/* d[o][i] += Σ adjoint[o][·] active[i][·] over a row of n, lane by lane, for a tile of outs × ins. */
static inline __attribute__((always_inline)) void KERNEL(field_dots)(const int outs, const int ins, size_t n,
                                                                     const real *adjoint, const real *active,
                                                                     size_t d_row, KERNEL(vector) * d) {
  KERNEL(vector) sum[DOT_ROWS][5];
#pragma GCC unroll 4
  for (int o = 0; o < outs; o++)
#pragma GCC unroll 5
    for (int i = 0; i < ins; i++) sum[o][i] = d[(size_t)o * d_row + (size_t)i];
  for (size_t q = 0; q < n; q += KERNEL_LANES) {
    KERNEL(vector) right[5];
#pragma GCC unroll 5
    for (int i = 0; i < ins; i++) right[i] = *(const KERNEL(unaligned) *)(active + (size_t)i * n + q);
#pragma GCC unroll 4
    for (int o = 0; o < outs; o++) {
      const KERNEL(vector) left = *(const KERNEL(unaligned) *)(adjoint + (size_t)o * n + q);
#pragma GCC unroll 5
      for (int i = 0; i < ins; i++) sum[o][i] += left * right[i];
    }
  }
#pragma GCC unroll 4
  for (int o = 0; o < outs; o++)
#pragma GCC unroll 5
    for (int i = 0; i < ins; i++) d[(size_t)o * d_row + (size_t)i] = sum[o][i];
}

/* The derivatives by W and b of layer l from the panels adjoint[out] and active[in]. */
static inline __attribute__((always_inline)) void KERNEL(field_weigh)(const KERNEL(field_block) * block,
                                                                      size_t in, const real *active, size_t l,
                                                                      size_t out, const real *adjoint) {
  const size_t n = block->channels * KERNEL(POINTS);
  KERNEL(vector) *d = block->d_weights + (KERNEL(field_layer)(block, l) - block->weights),
                 *d_bias = d + out * in;
  size_t o = 0;
  for (; o + DOT_ROWS <= out; o += DOT_ROWS) {
    size_t i = 0;
    for (; i + 5 <= in; i += 5)
      KERNEL(field_dots)(DOT_ROWS, 5, n, adjoint + o * n, active + i * n, in, d + o * in + i);
    for (; i < in; i++)
      KERNEL(field_dots)(DOT_ROWS, 1, n, adjoint + o * n, active + i * n, in, d + o * in + i);
  }
  for (; o < out; o++)
    for (size_t i = 0; i < in; i++)
      KERNEL(field_dots)(1, 1, n, adjoint + o * n, active + i * n, in, d + o * in + i);
  for (o = 0; o < out; o++)
    for (size_t q = 0; q < KERNEL(POINTS); q += KERNEL_LANES)
      d_bias[o] += *(const KERNEL(unaligned) *)(adjoint + o * n + q);
}

static void KERNEL(field_weigh_first)(const KERNEL(field_block) * block) {
  const size_t n = block->channels * KERNEL(POINTS);
  KERNEL(vector) *d = block->d_weights, *d_bias = d + 3 * block->width;
  for (size_t o = 0; o < block->width; o++, d += 3)
    for (size_t q = 0; q < KERNEL(POINTS); q += KERNEL_LANES) {
      const real *z = block->adjoint + o * n + q;
      const KERNEL(vector) value = *(const KERNEL(unaligned) *)z;
      for (size_t k = 0; k < 3; k++)
        d[k] += value * *(const KERNEL(unaligned) *)(block->points + k * KERNEL(POINTS) + q);
      for (size_t c = 1; c < block->channels; c++)
        d[c - 1] += *(const KERNEL(unaligned) *)(z + c * KERNEL(POINTS));
      d_bias[o] += value;
    }
}

static inline __attribute__((always_inline)) void KERNEL(field_reverse)(KERNEL(field_block) * block,
                                                                        size_t width) {
  const size_t hidden = (size_t)block->net.layers - 1, n = block->channels * KERNEL(POINTS);
  const real *adjoint = block->output;
  for (size_t l = hidden, out = 1; l > 0; l--, out = width) {
    const real *kept = block->kept + (l - 1) * block->panel;
    MPINN_BY_ACTIVATION(field_reactivate_as, block->net.activation, width, block->channels, kept,
                        block->active)
    KERNEL(field_weigh)(block, width, block->active, l, out, adjoint);
    KERNEL(field_gemm)(width, n, out, KERNEL(field_layer)(block, l), 1, width, adjoint, false, block->next);
    MPINN_BY_ACTIVATION(field_deactivate_as, block->net.activation, width, block->channels, kept, block->next)
    real *swapped = block->adjoint;
    block->adjoint = block->next;
    block->next = swapped;
    adjoint = block->adjoint;
  }
  if (!block->local) KERNEL(field_weigh_first)(block);
}

/* Where inputs are local: the first layer's weights, and its inputs' derivatives back to the anchors. */
static void KERNEL(field_reverse_local)(const KERNEL(field_block) * block, size_t from, size_t count) {
  const size_t in = block->inputs, n = block->channels * KERNEL(POINTS);
  const local_task *local = block->local;
  KERNEL(field_weigh)(block, in, block->input, 0, block->width, block->adjoint);
  KERNEL(field_gemm)
  ((size_t)block->net.features, n, block->width, block->weights, 1, in, block->adjoint, false,
   block->d_input);
  KERNEL(transpose)(local->stride, n, block->d_input, block->rows);
  KERNEL(local_scatter)(block->channels, local, from, count, block->rows);
}

static void KERNEL(field_reverse_any)(KERNEL(field_block) * block) {
  if (block->width == 20)
    KERNEL(field_reverse)(block, 20);
  else
    KERNEL(field_reverse)(block, block->width);
}

/* d_weights of one network from n points; d_features of local is added to. */
static void KERNEL(field_backward)(const mpinn_field_net *net, const real *weights, size_t n,
                                   const real *points, const local_task *local, const real *d_value,
                                   const real *d_gradient, real *d_weights, real *scratch) {
  KERNEL(field_block) block = KERNEL(field_block_at)(net, weights, local, d_gradient ? 4 : 1, scratch);
  const size_t n_weights = mpinn_field_net_weights(net);
  memset(block.d_input, 0, KERNEL(field_input)(net) * sizeof *block.d_input); /* padding stays 0 */
  memset(block.d_weights, 0, n_weights * sizeof *block.d_weights);
  for (size_t from = 0; from < n; from += KERNEL(POINTS)) {
    const size_t count = n - from < KERNEL(POINTS) ? n - from : KERNEL(POINTS);
    KERNEL(field_load)(&block, points, from, count);
    KERNEL(field_propagate_any)(&block);
    KERNEL(field_seed)(&block, count, d_value + from, d_gradient ? d_gradient + 3 * from : NULL);
    KERNEL(field_reverse_any)(&block);
    if (local) KERNEL(field_reverse_local)(&block, from, count);
  }
  for (size_t i = 0; i < n_weights; i++) {
    real sum = 0;
    for (size_t lane = 0; lane < KERNEL_LANES; lane++) sum += block.d_weights[i][lane];
    d_weights[i] = sum;
  }
}

#undef MPINN_BY_ACTIVATION
