/* Vectors of three. */
#ifndef MPINN_BASE_VECTOR_H
#define MPINN_BASE_VECTOR_H

#include <math.h>

static inline double mpinn_dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static inline double mpinn_norm(const double a[3]) {
  return sqrt(mpinn_dot(a, a));
}

static inline void mpinn_cross(const double a[3], const double b[3], double c[3]) {
  for (int d = 0; d < 3; d++) c[d] = a[(d + 1) % 3] * b[(d + 2) % 3] - a[(d + 2) % 3] * b[(d + 1) % 3];
}

/* c = a − b; c may be one of them. */
static inline void mpinn_subtract(const double a[3], const double b[3], double c[3]) {
  for (int d = 0; d < 3; d++) c[d] = a[d] - b[d];
}

#endif
