/* An endless stream of simulated hearts for training: heart j is drawn from the seed and j alone, so that a
 * training that goes on from a checkpoint sees what it would have seen. A second thread makes hearts ahead of
 * the one that trains. */
#ifndef MPINN_TRAIN_STREAM_H
#define MPINN_TRAIN_STREAM_H

#include "base/internal.h"
#include "metapinn/phantom.h"

enum { MPINN_STREAM_TISSUES = 3, MPINN_STREAM_MAPS = 8 };

/* One shape with several tissues; each subject has CV, surface_class, AT_00 … and origins. */
typedef struct mpinn_stream_heart {
  mpinn_subject *subjects[MPINN_STREAM_TISSUES];
} mpinn_stream_heart;

typedef struct mpinn_stream mpinn_stream;

/* Hearts are given out from number first on. */
mpinn_status mpinn_stream_create(mpinn_context *context, uint64_t seed, size_t first, mpinn_stream **stream);
void mpinn_stream_destroy(mpinn_stream **stream);
/* The next heart, the caller's to clear; waits where it is not made yet. */
mpinn_status mpinn_stream_next(mpinn_context *context, mpinn_stream *stream, mpinn_stream_heart *heart);
void mpinn_stream_heart_clear(mpinn_stream_heart *heart);

/* The wall of a heart alone, without tissue and maps. */
mpinn_status mpinn_stream_make_wall(mpinn_context *context, uint64_t seed, size_t number,
                                    mpinn_subject **wall);

/* Heart number of the stream of seed, at once. */
mpinn_status mpinn_stream_make(mpinn_context *context, uint64_t seed, size_t number,
                               mpinn_stream_heart *heart);

/* Another subject of the same mesh and labels (surface_class, segment, transmural), without tissue or maps.
 */
mpinn_status mpinn_copy_heart(mpinn_context *context, const mpinn_subject *from, mpinn_subject **to);

#endif
