/* The state of a training between two epochs: parameters, moments and how many epochs are done. Random
 * numbers need no state: each epoch draws from a stream of its own. */
#ifndef MPINN_TRAIN_CHECKPOINT_H
#define MPINN_TRAIN_CHECKPOINT_H

#include "base/internal.h"

typedef struct mpinn_checkpoint {
  size_t n;                                         /* values in each vector */
  float *parameters, *first_moment, *second_moment; /* [n] */
  size_t epochs_done;
} mpinn_checkpoint;

mpinn_status mpinn_checkpoint_create(mpinn_context *context, size_t n, mpinn_checkpoint *checkpoint);
void mpinn_checkpoint_clear(mpinn_checkpoint *checkpoint);

/* identity says what is being trained on what; a checkpoint of another identity is not gone on from. */
mpinn_status mpinn_checkpoint_write(mpinn_context *context, const char *path, const char *identity,
                                    const mpinn_checkpoint *checkpoint);
/* *found is false, and nothing read, where there is no file. MPINN_ERROR_FORMAT where it is of another
 * training. */
mpinn_status mpinn_checkpoint_read(mpinn_context *context, const char *path, const char *identity,
                                   bool *found, mpinn_checkpoint *checkpoint);

#endif
