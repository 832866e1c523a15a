/* Element by element: activations, the loss, the optimizer. Included once for each instruction set and
 * precision. */

static void KERNEL(activate)(mpinn_activation activation, size_t n, real *y) {
  switch (activation) {
  case MPINN_LINEAR:
    break;
  case MPINN_RELU:
    for (size_t i = 0; i < n; i++) y[i] = REAL(mpinn_activate)(MPINN_RELU, y[i]);
    break;
  case MPINN_ELU:
    for (size_t i = 0; i < n; i++) y[i] = REAL(mpinn_activate)(MPINN_ELU, y[i]);
    break;
  case MPINN_TANH:
    for (size_t i = 0; i < n; i++) y[i] = REAL(mpinn_activate)(MPINN_TANH, y[i]);
    break;
  }
}

/* dy *= f′, from y = f(x). */
static void KERNEL(deactivate)(mpinn_activation activation, size_t n, const real *restrict y,
                               real *restrict dy) {
  switch (activation) {
  case MPINN_LINEAR:
    break;
  case MPINN_RELU:
    for (size_t i = 0; i < n; i++) dy[i] *= REAL(mpinn_slope)(MPINN_RELU, y[i]);
    break;
  case MPINN_ELU:
    for (size_t i = 0; i < n; i++) dy[i] *= REAL(mpinn_slope)(MPINN_ELU, y[i]);
    break;
  case MPINN_TANH:
    for (size_t i = 0; i < n; i++) dy[i] *= REAL(mpinn_slope)(MPINN_TANH, y[i]);
    break;
  }
}

static void KERNEL(add)(size_t n, const real *restrict x, real *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void KERNEL(adamw)(const REAL(mpinn_adamw_step) * step, size_t n, const real *restrict gradient,
                          real *restrict first, real *restrict second, real *restrict parameter) {
  const REAL(mpinn_adamw_step) s = *step; /* a copy, so that no store can be thought to change it */
  for (size_t i = 0; i < n; i++) {
    real m = first[i], v = second[i], p = parameter[i];
    REAL(mpinn_adamw_update)(&s, gradient[i], &m, &v, &p);
    first[i] = m;
    second[i] = v;
    parameter[i] = p;
  }
}

/* Σ x² in double, in lanes of their own so that they can be added side by side. */
static double KERNEL(sum_squares)(size_t n, const real *x) {
  enum { LANES = 32 };
  double lanes[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lanes[l] += (double)x[i + l] * (double)x[i + l];
  for (; i < n; i++) sum += (double)x[i] * (double)x[i];
  for (size_t l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

/* Nodes from … to−1 of one map; sums[2] in double. */
static void KERNEL(eikonal_loss)(const mpinn_eikonal_loss *loss, size_t map, size_t from, size_t to,
                                 double *sums) {
  const size_t offset = map * loss->nodes;
  const real *value = (const real *)loss->value + offset, *target = (const real *)loss->target + offset;
  const real *speed = (const real *)loss->speed + offset,
             *gradient = (const real *)loss->gradient + 3 * offset;
  const real *weight = loss->weight;
  real *d_value = (real *)loss->d_value + offset, *d_speed = (real *)loss->d_speed + offset;
  real *d_gradient = (real *)loss->d_gradient + 3 * offset;
  const real data_scale = (real)loss->data_scale, pde_scale = (real)loss->pde_scale;
  double data = 0, pde = 0;
  for (size_t i = from; i < to; i++) {
    real by_g[3], by_speed;
    const real residual =
        REAL(mpinn_eikonal_residual)((real)loss->speed_scale, gradient + 3 * i, speed[i], by_g, &by_speed);
    const real miss =
        weight[i] != 0 ? value[i] - target[i] : 0; /* a node without a target may hold NaN there */
    data += (double)weight[i] * (double)miss * (double)miss;
    pde += (double)residual * (double)residual;
    d_value[i] = 2 * data_scale * weight[i] * miss;
    d_speed[i] = 2 * pde_scale * residual * by_speed;
    for (size_t d = 0; d < 3; d++) d_gradient[3 * i + d] = 2 * pde_scale * residual * by_g[d];
  }
  sums[0] = data;
  sums[1] = pde;
}

/* Σ square_scale (s − t)² + absolute_scale |s − t| in double; d_speed. */
static double KERNEL(speed_loss)(size_t n, const real *speed, const real *target, real square_scale,
                                 real absolute_scale, real *d_speed) {
  double square = 0, absolute = 0;
  for (size_t i = 0; i < n; i++) {
    const real miss = speed[i] - target[i], sign = miss > 0 ? 1 : miss < 0 ? -1 : 0;
    square += (double)miss * (double)miss;
    absolute += (double)(sign * miss);
    d_speed[i] = 2 * square_scale * miss + absolute_scale * sign;
  }
  return (double)square_scale * square + (double)absolute_scale * absolute;
}
