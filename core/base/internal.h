/* What every part of the core uses of core/base: failing with a sentence, checked memory, progress, random numbers. */
#ifndef MPINN_BASE_INTERNAL_H
#define MPINN_BASE_INTERNAL_H

#include "metapinn/context.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

/* Records the sentence (printf form) and returns status, so that "return mpinn_fail(…)" is how a call fails. */
mpinn_status mpinn_fail(mpinn_context *context, mpinn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void mpinn_say(mpinn_context *context, mpinn_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns MPINN_CANCELLED (with its sentence) when the caller wants to stop. fraction is mapped into the part of the
 * whole that mpinn_progress_scope has set, so that nested computations can each count from 0 to 1. */
mpinn_status mpinn_progress(mpinn_context *context, double fraction, const char *what);

typedef struct mpinn_progress_part {
  double from, to;
} mpinn_progress_part;
/* From now on progress 0…1 means from…to of the present part; returns the present part for mpinn_progress_leave. */
mpinn_progress_part mpinn_progress_enter(mpinn_context *context, double from, double to);
void mpinn_progress_leave(mpinn_context *context, mpinn_progress_part outer);

#define MPINN_TRY(call)                                                                                                \
  do {                                                                                                                 \
    const mpinn_status mpinn_try_status = (call);                                                                      \
    if (mpinn_try_status != MPINN_OK) return mpinn_try_status;                                                         \
  } while (0)

/* status = call, and jump to the label where it failed: for functions with something to free. */
#define MPINN_TRY_GOTO(label, status, call)                                                                            \
  do {                                                                                                                 \
    (status) = (call);                                                                                                 \
    if ((status) != MPINN_OK) goto label;                                                                              \
  } while (0)

/* Zeroed memory for count items of size bytes, 64-byte aligned, never NULL on success even for 0 items; overflow and
 * exhaustion are MPINN_ERROR_MEMORY with a sentence. Freed by free(). */
mpinn_status mpinn_allocate(mpinn_context *context, size_t count, size_t size, void **memory);
#define MPINN_NEW(context, pointer, count) mpinn_allocate((context), (count), sizeof **(pointer), (void **)(pointer))

/* The same, but what the memory holds is not defined: for what is filled at once. */
mpinn_status mpinn_allocate_unset(mpinn_context *context, size_t count, size_t size, void **memory);
#define MPINN_UNSET(context, pointer, count) \
  mpinn_allocate_unset((context), (count), sizeof **(pointer), (void **)(pointer))

char *mpinn_copy_string(const char *text); /* NULL when out of memory or text is NULL */

/* Random numbers: xoshiro256** (Blackman & Vigna 2018) seeded by splitmix64; the same on every machine. */
typedef struct mpinn_random {
  uint64_t state[4];
} mpinn_random;
void mpinn_random_seed(mpinn_random *random, uint64_t seed);
/* An independent stream: of the same seed, another for every stream number. */
void mpinn_random_seed_stream(mpinn_random *random, uint64_t seed, uint64_t stream);
uint64_t mpinn_random_next(mpinn_random *random);
double mpinn_random_uniform(mpinn_random *random, double low, double high);
size_t mpinn_random_below(mpinn_random *random, size_t n); /* 0 … n−1 */
double mpinn_random_normal(mpinn_random *random);
void mpinn_random_shuffle(mpinn_random *random, size_t n, size_t *items);

/* SHA-256 (FIPS 180-4). */
typedef struct mpinn_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  unsigned char block[64];
} mpinn_sha256;
void mpinn_sha256_begin(mpinn_sha256 *hash);
void mpinn_sha256_add(mpinn_sha256 *hash, const void *data, size_t bytes);
void mpinn_sha256_end(mpinn_sha256 *hash, char hex[65]);

/* Wall-clock seconds from an arbitrary zero. */
double mpinn_seconds(void);

#endif
