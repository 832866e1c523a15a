/* The part of nn/arithmetic.h that reads the same for both precisions; it is included once for each. */

MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_tanh)(MPINN_REAL x) {
  /* By exp(2|x|) − 1, which loses nothing where x is small. */
  const MPINN_REAL magnitude = x < 0 ? -x : x, bounded = magnitude > 20 ? 20 : magnitude;
  const MPINN_REAL t = MPINN_REAL_NAME(mpinn_expm1)(2 * bounded), y = t / (t + 2);
  return x < 0 ? -y : y;
}

MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_sigmoid)(MPINN_REAL x) {
  return 1 / (1 + MPINN_REAL_NAME(mpinn_exp)(-x));
}

MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_elu)(MPINN_REAL x) {
  return x > 0 ? x : MPINN_REAL_NAME(mpinn_expm1)(x > 0 ? 0 : x); /* NaN stays NaN */
}

MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_activate)(int activation, MPINN_REAL x) {
  switch (activation) {
  case MPINN_ARITHMETIC_RELU:
    return x < 0 ? 0 : x; /* NaN stays NaN */
  case MPINN_ARITHMETIC_ELU:
    return MPINN_REAL_NAME(mpinn_elu)(x);
  case MPINN_ARITHMETIC_TANH:
    return MPINN_REAL_NAME(mpinn_tanh)(x);
  default:
    return x;
  }
}

/* f′ at x, from y = f(x). */
MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_slope)(int activation, MPINN_REAL y) {
  switch (activation) {
  case MPINN_ARITHMETIC_RELU:
    return y > 0 ? 1 : 0;
  case MPINN_ARITHMETIC_ELU:
    return y > 0 ? 1 : y + 1;
  case MPINN_ARITHMETIC_TANH:
    return 1 - y * y;
  default:
    return 1;
  }
}

/* f″ at x, from y = f(x). */
MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_curvature)(int activation, MPINN_REAL y) {
  switch (activation) {
  case MPINN_ARITHMETIC_ELU:
    return y > 0 ? 0 : y + 1;
  case MPINN_ARITHMETIC_TANH:
    return -2 * y * (1 - y * y);
  default:
    return 0;
  }
}

/* Open B-splines of degree 1 on size knots a dimension (size ≥ 2): the 8 kernels of the cell that pseudo[3]
 * (0…1) lies in, first dimension fastest, and their weights, which sum to 1. */
MPINN_ARITHMETIC void MPINN_REAL_NAME(mpinn_spline_basis)(const float *pseudo, int size, MPINN_REAL *basis,
                                                          int *kernel) {
  int low[3];
  MPINN_REAL upper[3];
  for (int d = 0; d < 3; d++) {
    const MPINN_REAL position = (MPINN_REAL)pseudo[d] * (MPINN_REAL)(size - 1);
    const int cell = (int)position;
    low[d] = cell < 0 ? 0 : cell > size - 2 ? size - 2 : cell;
    upper[d] = position - (MPINN_REAL)low[d];
  }
  for (int corner = 0; corner < 8; corner++) {
    const int a = corner & 1, b = corner >> 1 & 1, c = corner >> 2 & 1;
    basis[corner] =
        (a ? upper[0] : 1 - upper[0]) * (b ? upper[1] : 1 - upper[1]) * (c ? upper[2] : 1 - upper[2]);
    kernel[corner] = low[0] + a + size * (low[1] + b + size * (low[2] + c));
  }
}

/* The residual of the eikonal equation, scale |g| F − 1, and its derivatives by g and F. At g = 0, where |g|
 * has none, the derivative by g is taken as 0. */
MPINN_ARITHMETIC MPINN_REAL MPINN_REAL_NAME(mpinn_eikonal_residual)(MPINN_REAL scale, const MPINN_REAL *g,
                                                                    MPINN_REAL speed, MPINN_REAL *by_g,
                                                                    MPINN_REAL *by_speed) {
  const MPINN_REAL square = g[0] * g[0] + g[1] * g[1] + g[2] * g[2],
                   length = MPINN_REAL_NAME(mpinn_sqrt)(square);
  const MPINN_REAL inverse = length > 0 ? 1 / length : 0;
  for (int d = 0; d < 3; d++) by_g[d] = scale * speed * (g[d] * inverse);
  *by_speed = scale * length;
  return scale * length * speed - 1;
}

/* One parameter's step of AdamW; correction1 = 1/(1 − β₁ᵗ), correction2 = 1/(1 − β₂ᵗ). */
typedef struct MPINN_REAL_NAME(mpinn_adamw_step) {
  MPINN_REAL learning_rate, beta1, beta2, epsilon, decay; /* decay: 1 − learning_rate · weight_decay */
  MPINN_REAL correction1, correction2, gradient_scale;
} MPINN_REAL_NAME(mpinn_adamw_step);

MPINN_ARITHMETIC void MPINN_REAL_NAME(mpinn_adamw_update)(const MPINN_REAL_NAME(mpinn_adamw_step) * s,
                                                          MPINN_REAL gradient, MPINN_REAL *first,
                                                          MPINN_REAL *second, MPINN_REAL *parameter) {
  const MPINN_REAL g = s->gradient_scale * gradient;
  const MPINN_REAL m = s->beta1 * *first + (1 - s->beta1) * g,
                   v = s->beta2 * *second + (1 - s->beta2) * g * g;
  const MPINN_REAL denominator = MPINN_REAL_NAME(mpinn_sqrt)(v * s->correction2) + s->epsilon;
  *first = m;
  *second = v;
  *parameter = s->decay * *parameter - s->learning_rate * (m * s->correction1) / denominator;
}
