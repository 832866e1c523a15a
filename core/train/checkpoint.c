#include "train/checkpoint.h"

#include "base/tensorfile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char format_name[] = "metapinn-checkpoint";
enum { FORMAT_VERSION = 1, VECTORS = 3 };
static const char *const vector_names[VECTORS] = {"parameters", "first_moment", "second_moment"};

mpinn_status mpinn_checkpoint_create(mpinn_context *context, size_t n, mpinn_checkpoint *checkpoint) {
  *checkpoint = (mpinn_checkpoint){.n = n};
  MPINN_TRY(MPINN_NEW(context, &checkpoint->parameters, n));
  MPINN_TRY(MPINN_NEW(context, &checkpoint->first_moment, n));
  return MPINN_NEW(context, &checkpoint->second_moment, n);
}

void mpinn_checkpoint_clear(mpinn_checkpoint *checkpoint) {
  free(checkpoint->parameters);
  free(checkpoint->first_moment);
  free(checkpoint->second_moment);
  *checkpoint = (mpinn_checkpoint){0};
}

static void vectors(const mpinn_checkpoint *checkpoint, float *out[VECTORS]) {
  out[0] = checkpoint->parameters;
  out[1] = checkpoint->first_moment;
  out[2] = checkpoint->second_moment;
}

static mpinn_status fill(mpinn_context *context, const char *identity, const mpinn_checkpoint *checkpoint,
                         mpinn_tensorwriter *writer) {
  char number[32];
  float *data[VECTORS];
  vectors(checkpoint, data);
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "format", format_name));
  snprintf(number, sizeof number, "%d", FORMAT_VERSION);
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "format_version", number));
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "identity", identity));
  snprintf(number, sizeof number, "%zu", checkpoint->epochs_done);
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "epochs_done", number));
  for (int v = 0; v < VECTORS; v++)
    MPINN_TRY(mpinn_tensorwriter_tensor(context, writer, vector_names[v], MPINN_DTYPE_F32, 1, &checkpoint->n,
                                        data[v]));
  return MPINN_OK;
}

mpinn_status mpinn_checkpoint_write(mpinn_context *context, const char *path, const char *identity,
                                    const mpinn_checkpoint *checkpoint) {
  mpinn_tensorwriter *writer = NULL;
  MPINN_TRY(mpinn_tensorwriter_create(context, &writer));
  mpinn_status status = fill(context, identity, checkpoint, writer);
  if (status == MPINN_OK) status = mpinn_tensorwriter_save(context, writer, path);
  mpinn_tensorwriter_destroy(&writer);
  return status;
}

static mpinn_status take(mpinn_context *context, const char *path, const mpinn_tensorfile *file,
                         const char *identity, mpinn_checkpoint *checkpoint) {
  float *data[VECTORS];
  vectors(checkpoint, data);
  MPINN_TRY(mpinn_tensorfile_expect_format(context, file, format_name, FORMAT_VERSION));
  const char *its = mpinn_tensorfile_text(file, "identity"),
             *epochs = mpinn_tensorfile_text(file, "epochs_done");
  if (!its || !epochs || strcmp(its, identity) != 0)
    return mpinn_fail(
        context, MPINN_ERROR_FORMAT,
        "%s is the checkpoint of another training (%s; expected %s); remove it or train with --restart", path,
        its ? its : "unknown", identity);
  for (int v = 0; v < VECTORS; v++)
    MPINN_TRY(mpinn_tensorfile_floats(context, file, vector_names[v], 1, &checkpoint->n, data[v]));
  checkpoint->epochs_done = strtoull(epochs, NULL, 10);
  return MPINN_OK;
}

mpinn_status mpinn_checkpoint_read(mpinn_context *context, const char *path, const char *identity,
                                   bool *found, mpinn_checkpoint *checkpoint) {
  mpinn_tensorfile *file = NULL;
  *found = access(path, F_OK) == 0;
  if (!*found) return MPINN_OK;
  MPINN_TRY(mpinn_tensorfile_read(context, path, &file));
  const mpinn_status status = take(context, path, file, identity, checkpoint);
  mpinn_tensorfile_destroy(&file);
  return status;
}
