/* The scalar arithmetic of the networks, written once for every backend: plain C that a CUDA compiler takes
 * too, for float (mpinn_…_float) and double (mpinn_…_double). Branch-free where a vectorizing compiler must
 * not meet branches. */
#ifndef MPINN_NN_ARITHMETIC_H
#define MPINN_NN_ARITHMETIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define MPINN_HOST_DEVICE __host__ __device__
#else
#define MPINN_HOST_DEVICE
#endif
#define MPINN_ARITHMETIC static inline MPINN_HOST_DEVICE

/* Activations by these numbers are those of mpinn_activation, which a CUDA source need not see. */
enum { MPINN_ARITHMETIC_LINEAR, MPINN_ARITHMETIC_RELU, MPINN_ARITHMETIC_ELU, MPINN_ARITHMETIC_TANH };

/* exp(x) − 1 = 2ⁿ (1 + p) − 1 with x = n ln 2 + r, |r| ≤ ½ ln 2, and p = exp(r) − 1 by the polynomial of
 * Cephes' expf (Moshier 1989). x beyond ±87 counts as ±87. */
typedef struct mpinn_exp_parts {
  float scale, p;
} mpinn_exp_parts;

MPINN_ARITHMETIC mpinn_exp_parts mpinn_exp_split(float x) {
  const float magic = 12582912.0f; /* 1.5 · 2²³: adding it rounds to an integer in the lowest bits */
  const float bounded = x > 87.0f ? 87.0f : x < -87.0f ? -87.0f : x;
  const float shifted = bounded * 1.44269504089f + magic;
  const float n = shifted - magic;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits =
      (int32_t)((uint32_t)bits << 23) + 0x3f800000; /* n into the exponent; what magic set is shifted out */
  mpinn_exp_parts parts;
  memcpy(&parts.scale, &bits, sizeof bits);
  const float q =
      ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
       1.6666665459e-1f) *
          r +
      5.0000001201e-1f;
  parts.p = q * r * r + r;
  return parts;
}

MPINN_ARITHMETIC float mpinn_exp_float(float x) {
  const mpinn_exp_parts parts = mpinn_exp_split(x);
  return parts.scale * parts.p + parts.scale;
}

MPINN_ARITHMETIC float mpinn_expm1_float(float x) {
  const mpinn_exp_parts parts = mpinn_exp_split(x);
  return parts.scale * parts.p + (parts.scale - 1);
}

MPINN_ARITHMETIC double mpinn_exp_double(double x) {
  return exp(x);
}

MPINN_ARITHMETIC double mpinn_expm1_double(double x) {
  return expm1(x);
}

MPINN_ARITHMETIC float mpinn_sqrt_float(float x) {
  return sqrtf(x);
}

MPINN_ARITHMETIC double mpinn_sqrt_double(double x) {
  return sqrt(x);
}

#define MPINN_REAL_NAME(name) name##_float
#define MPINN_REAL float
#include "nn/arithmetic_real.h"
#undef MPINN_REAL_NAME
#undef MPINN_REAL
#define MPINN_REAL_NAME(name) name##_double
#define MPINN_REAL double
#include "nn/arithmetic_real.h"
#undef MPINN_REAL_NAME
#undef MPINN_REAL

#endif
