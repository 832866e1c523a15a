/* A trained model: the encoders and hypernetworks, read from and written to a safetensors file. */
#ifndef METAPINN_MODEL_H
#define METAPINN_MODEL_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_model mpinn_model;

typedef enum mpinn_backend_kind { MPINN_BACKEND_AUTO, MPINN_BACKEND_CPU, MPINN_BACKEND_CUDA } mpinn_backend_kind;

/* Reads weights. context must live as long as the model, which computes with its threads. MPINN_ERROR_FILE where the file cannot be read; MPINN_ERROR_FORMAT or MPINN_ERROR_MODEL, naming file and
 * tensor, where it is truncated, has offsets out of range, a wrong shape, a newer version or is something else.
 * MPINN_ERROR_BACKEND where the backend is not in this build or the machine has no device for it. */
mpinn_status mpinn_model_read(mpinn_context *context, const char *path, mpinn_backend_kind backend,
                              mpinn_model **model);
void mpinn_model_destroy(mpinn_model **model);

/* What the metadata of the file says: key "preset", "protocol", "seed", "command", "sha256" (of the file) …; NULL where
 * there is none. */
const char *mpinn_model_text(const mpinn_model *model, const char *key);
/* The backend in use, "cpu" or "cuda". */
const char *mpinn_model_backend(const mpinn_model *model);
size_t mpinn_model_parameter_count(const mpinn_model *model);
/* Whether its networks give a conduction velocity: meta-neural weights know activation alone. */
bool mpinn_model_has_velocity(const mpinn_model *model);

/* Names of the presets, NULL past the last. */
const char *mpinn_preset_name(size_t index);

#ifdef __cplusplus
}
#endif
#endif
