#include "base/internal.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x) {
  uint64_t z = (*x += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void mpinn_random_seed(mpinn_random *random, uint64_t seed) {
  for (int i = 0; i < 4; i++) random->state[i] = splitmix64(&seed);
}

void mpinn_random_seed_stream(mpinn_random *random, uint64_t seed, uint64_t stream) {
  uint64_t mixed = splitmix64(&seed) ^ (stream * 0xd1342543de82ef95u);
  mpinn_random_seed(random, splitmix64(&mixed));
}

static uint64_t rotate_left(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

uint64_t mpinn_random_next(mpinn_random *random) {
  uint64_t *s = random->state;
  const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

double mpinn_random_uniform(mpinn_random *random, double low, double high) {
  return low + (high - low) * ((double)(mpinn_random_next(random) >> 11) * 0x1p-53);
}

size_t mpinn_random_below(mpinn_random *random, size_t n) {
  /* Multiply-shift (Lemire 2019); the bias of n / 2^64 is of no consequence here. */
  return (size_t)(((unsigned __int128)mpinn_random_next(random) * n) >> 64);
}

double mpinn_random_normal(mpinn_random *random) {
  /* Box–Muller, one of the pair: simple, and the state stays four words. */
  const double u = 1.0 - mpinn_random_uniform(random, 0, 1), v = mpinn_random_uniform(random, 0, 1);
  return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

void mpinn_random_shuffle(mpinn_random *random, size_t n, size_t *items) {
  for (size_t i = n; i > 1; i--) {
    const size_t j = mpinn_random_below(random, i), item = items[i - 1];
    items[i - 1] = items[j];
    items[j] = item;
  }
}
