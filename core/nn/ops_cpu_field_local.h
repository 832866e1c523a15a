/* What makes a field net local: its inputs are interpolated from the features of anchors before it, with
 * their derivatives by position as tangents, and where it is factored its value is |x − origin| exp(z) after
 * it. Part of ops_cpu_field.h. A point's channels are its value and, where there are 4, its derivatives. */

/* rows[channels][POINTS][stride]: Σ weight features and Σ ∂weight/∂x_k features of the points from … */
static inline __attribute__((always_inline)) void KERNEL(local_gather_as)(const size_t channels,
                                                                          const local_task *task, size_t from,
                                                                          size_t count, real *rows) {
  const size_t stride = task->stride, channel = KERNEL(POINTS) * stride;
  for (size_t p = 0; p < KERNEL(POINTS); p++, rows += stride) {
    const int32_t *first = task->first + from + (p < count ? p : count - 1);
    for (size_t j = 0; j < stride; j += KERNEL_LANES) {
      KERNEL(vector) sum[4] = {{0}};
      for (int32_t e = first[0]; e < first[1]; e++) {
        const KERNEL(vector) x =
            *(const KERNEL(unaligned) *)(task->features + (size_t)task->anchor[e] * stride + j);
        sum[0] += task->weight[e] * x;
#pragma GCC unroll 3
        for (size_t c = 1; c < channels; c++) sum[c] += task->gradient[3 * (size_t)e + c - 1] * x;
      }
#pragma GCC unroll 4
      for (size_t c = 0; c < channels; c++) *(KERNEL(unaligned) *)(rows + c * channel + j) = sum[c];
    }
  }
}

/* The way back: what rows hold is added to d_features. */
static inline __attribute__((always_inline)) void KERNEL(local_scatter_as)(const size_t channels,
                                                                           const local_task *task,
                                                                           size_t from, size_t count,
                                                                           const real *rows) {
  const size_t stride = task->stride, channel = KERNEL(POINTS) * stride;
  for (size_t p = 0; p < count; p++, rows += stride) {
    const int32_t *first = task->first + from + p;
    for (size_t j = 0; j < stride; j += KERNEL_LANES) {
      KERNEL(vector) d[4];
#pragma GCC unroll 4
      for (size_t c = 0; c < channels; c++) d[c] = *(const KERNEL(unaligned) *)(rows + c * channel + j);
      for (int32_t e = first[0]; e < first[1]; e++) {
        KERNEL(unaligned) *to =
            (KERNEL(unaligned) *)(task->d_features + (size_t)task->anchor[e] * stride + j);
        KERNEL(vector) sum = task->weight[e] * d[0];
#pragma GCC unroll 3
        for (size_t c = 1; c < channels; c++) sum += task->gradient[3 * (size_t)e + c - 1] * d[c];
        *to += sum;
      }
    }
  }
}

static void KERNEL(local_gather)(size_t channels, const local_task *task, size_t from, size_t count,
                                 real *rows) {
  if (channels > 1)
    KERNEL(local_gather_as)(4, task, from, count, rows);
  else
    KERNEL(local_gather_as)(1, task, from, count, rows);
}

static void KERNEL(local_scatter)(size_t channels, const local_task *task, size_t from, size_t count,
                                  const real *rows) {
  if (channels > 1)
    KERNEL(local_scatter_as)(4, task, from, count, rows);
  else
    KERNEL(local_scatter_as)(1, task, from, count, rows);
}

/* radius[channels][POINTS]: |x − origin| and its derivatives, from points[3][POINTS]. */
static void KERNEL(local_radius)(const real *origin, size_t channels, const real *restrict points,
                                 real *restrict radius) {
  enum { N = KERNEL(POINTS) };
  for (size_t p = 0; p < N; p++) {
    const real x = points[p] - origin[0], y = points[N + p] - origin[1], z = points[2 * N + p] - origin[2];
    const real r = REAL(mpinn_sqrt)(x * x + y * y + z * z), inverse = r < (real)1e-9 ? 0 : 1 / r;
    radius[p] = r;
    if (channels > 1) {
      radius[N + p] = x * inverse;
      radius[2 * N + p] = y * inverse;
      radius[3 * N + p] = z * inverse;
    }
  }
}

/* value = r exp(z), gradient_k = exp(z) (ṙ_k + r ż_k), from output and radius, both [channels][POINTS]. */
static void KERNEL(local_store)(const real *output, const real *radius, size_t count, real *value,
                                real *gradient) {
  for (size_t p = 0; p < count; p++) {
    const real factor = REAL(mpinn_exp)(output[p]);
    value[p] = radius[p] * factor;
    for (size_t d = 0; gradient && d < 3; d++) {
      const size_t i = (d + 1) * KERNEL(POINTS) + p;
      gradient[3 * p + d] = factor * (radius[i] + radius[p] * output[i]);
    }
  }
}

/* output: z̄ and ż̄_k in place of z and ż_k. */
static void KERNEL(local_seed)(size_t channels, const real *radius, size_t count, const real *d_value,
                               const real *d_gradient, real *output) {
  for (size_t p = 0; p < KERNEL(POINTS); p++) {
    const real factor = REAL(mpinn_exp)(output[p]), value = radius[p] * factor;
    real adjoint = p < count ? value * d_value[p] : 0;
    for (size_t c = 1; c < channels; c++) {
      const size_t i = c * KERNEL(POINTS) + p;
      const real d = p < count ? d_gradient[3 * p + c - 1] : 0;
      adjoint += d * factor * (radius[i] + radius[p] * output[i]);
      output[i] = d * value;
    }
    output[p] = adjoint;
  }
}
