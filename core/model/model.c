#include "model/model.h"

#include "base/tensorfile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char format_name[] = "metapinn-model";
enum { FORMAT_VERSION = 1 };
static const char shapes_name[] = "training_shapes";

mpinn_status mpinn_backend_ops(mpinn_context *context, mpinn_backend_kind kind, const mpinn_ops **ops) {
  if (kind == MPINN_BACKEND_CUDA)
    return mpinn_fail(context, MPINN_ERROR_BACKEND,
                      "The cuda backend is not in this build; expected backend auto or cpu");
  *ops = &mpinn_ops_cpu;
  return MPINN_OK;
}

static mpinn_status add_text(mpinn_context *context, mpinn_model *model, const char *key, const char *value) {
  mpinn_text *text = &model->texts[model->n_texts];
  text->key = mpinn_copy_string(key);
  text->value = mpinn_copy_string(value);
  model->n_texts++;
  return text->key && text->value ? MPINN_OK
                                  : mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for metadata");
}

static mpinn_status read_texts(mpinn_context *context, const mpinn_tensorfile *file, mpinn_model *model) {
  const size_t n = mpinn_tensorfile_text_count(file);
  char sha256[65];
  MPINN_TRY(MPINN_NEW(context, &model->texts, n + 1));
  for (size_t i = 0; i < n; i++) {
    const char *key, *value;
    mpinn_tensorfile_text_at(file, i, &key, &value);
    MPINN_TRY(add_text(context, model, key, value));
  }
  mpinn_tensorfile_sha256(file, sha256);
  return add_text(context, model, "sha256", sha256);
}

/* Tensor by tensor through one small buffer: a second copy of all parameters would double the time to the
 * first answer. */
static mpinn_status read_parameters(mpinn_context *context, const char *path, const mpinn_tensorfile *file,
                                    mpinn_network *network) {
  const mpinn_layout *layout = &network->layout;
  size_t largest = 0;
  float *values = NULL;
  mpinn_status status = MPINN_OK;
  for (size_t t = 0; t < layout->n_tensors; t++)
    if (layout->tensors[t].count > largest) largest = layout->tensors[t].count;
  MPINN_TRY(MPINN_NEW(context, &values, largest));
  for (size_t t = 0; t < layout->n_tensors && status == MPINN_OK; t++) {
    const mpinn_parameter *p = &layout->tensors[t];
    status = mpinn_tensorfile_floats(context, file, p->name, p->rank, p->shape, values);
    for (size_t i = 0; i < p->count && status == MPINN_OK; i++)
      if (!isfinite(values[i]))
        status = mpinn_fail(context, MPINN_ERROR_MODEL, "%s: tensor '%s' holds a value that is not finite",
                            path, p->name);
    if (status == MPINN_OK)
      status = network->ops->upload(network->backend, p->count, MPINN_FLOAT32, values,
                                    mpinn_element(network->ops, network->parameters, p->offset));
  }
  free(values);
  return status;
}

static mpinn_status read_shapes(mpinn_context *context, const mpinn_tensorfile *file, mpinn_model *model) {
  const size_t shape[2] = {SIZE_MAX, MPINN_SHAPE_NUMBERS};
  const mpinn_tensor *tensor = NULL;
  if (!mpinn_tensorfile_find(file, shapes_name)) return MPINN_OK;
  MPINN_TRY(mpinn_tensorfile_expect(context, file, shapes_name, 2, shape, &tensor));
  model->n_shapes = tensor->shape[0];
  MPINN_TRY(MPINN_NEW(context, &model->shapes, model->n_shapes));
  mpinn_tensor_to_double(tensor, (double *)model->shapes);
  return MPINN_OK;
}

static mpinn_status read_model(mpinn_context *context, const char *path, const mpinn_tensorfile *file,
                               const mpinn_ops *ops, mpinn_model *model) {
  MPINN_TRY(mpinn_tensorfile_expect_format(context, file, format_name, FORMAT_VERSION));
  const char *name = mpinn_tensorfile_text(file, "preset");
  const mpinn_preset *preset = name ? mpinn_preset_find(name) : NULL;
  if (!preset)
    return mpinn_fail(context, MPINN_ERROR_MODEL,
                      "%s: preset '%s' is not known; expected " MPINN_PRESET_NAMES, path, name ? name : "");
  MPINN_TRY(mpinn_network_create(context, preset, ops, false, &model->network));
  MPINN_TRY(read_parameters(context, path, file, model->network));
  MPINN_TRY(read_shapes(context, file, model));
  MPINN_TRY(mpinn_calibration_read(context, file, &model->calibration));
  return read_texts(context, file, model);
}

mpinn_status mpinn_model_read(mpinn_context *context, const char *path, mpinn_backend_kind backend,
                              mpinn_model **model) {
  const mpinn_ops *ops = NULL;
  mpinn_tensorfile *file = NULL;
  mpinn_model *made = NULL;
  *model = NULL;
  MPINN_TRY(mpinn_backend_ops(context, backend, &ops));
  MPINN_TRY(mpinn_tensorfile_read(context, path, &file));
  mpinn_status status = MPINN_NEW(context, &made, 1);
  if (status == MPINN_OK) status = read_model(context, path, file, ops, made);
  mpinn_tensorfile_destroy(&file);
  if (status == MPINN_OK)
    *model = made;
  else
    mpinn_model_destroy(&made);
  return status;
}

void mpinn_model_destroy(mpinn_model **model) {
  mpinn_model *m = *model;
  if (!m) return;
  mpinn_network_destroy(&m->network);
  for (size_t i = 0; i < m->n_texts; i++) {
    free(m->texts[i].key);
    free(m->texts[i].value);
  }
  free(m->texts);
  free(m->shapes);
  free(m);
  *model = NULL;
}

const char *mpinn_model_text(const mpinn_model *model, const char *key) {
  for (size_t i = 0; i < model->n_texts; i++)
    if (strcmp(model->texts[i].key, key) == 0) return model->texts[i].value;
  return NULL;
}

const char *mpinn_model_backend(const mpinn_model *model) {
  return model->network->ops->name;
}

bool mpinn_model_has_velocity(const mpinn_model *model) {
  return mpinn_preset_has_velocity(model->network->preset);
}

size_t mpinn_model_parameter_count(const mpinn_model *model) {
  return model->network->layout.n_values;
}

static mpinn_status write_tensors(mpinn_context *context, const mpinn_network *network, size_t n_shapes,
                                  const mpinn_shape *shapes, const float *values,
                                  mpinn_tensorwriter *writer) {
  const mpinn_layout *layout = &network->layout;
  const size_t shape[2] = {n_shapes, MPINN_SHAPE_NUMBERS};
  for (size_t t = 0; t < layout->n_tensors; t++) {
    const mpinn_parameter *p = &layout->tensors[t];
    MPINN_TRY(mpinn_tensorwriter_halves(context, writer, p->name, p->rank, p->shape, values + p->offset));
  }
  return mpinn_tensorwriter_tensor(context, writer, shapes_name, MPINN_DTYPE_F64, 2, shape, shapes);
}

static mpinn_status write_texts(mpinn_context *context, const mpinn_network *network, size_t n_texts,
                                const mpinn_text *texts, mpinn_tensorwriter *writer) {
  char version[16], speed[32];
  snprintf(version, sizeof version, "%d", FORMAT_VERSION);
  snprintf(speed, sizeof speed, "%g m/s", network->preset->healthy_speed);
  const mpinn_text own[] = {
      {"format", (char *)format_name},
      {"format_version", version},
      {"preset", (char *)network->preset->name},
      {"unit_of_length", "middle of the base to apex"},
      {"unit_of_time", "unit of length over unit of speed"},
      {"unit_of_speed", speed},
      {"metapinn_version", (char *)mpinn_version()},
  };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    MPINN_TRY(mpinn_tensorwriter_text(context, writer, own[i].key, own[i].value));
  for (size_t i = 0; i < n_texts; i++)
    MPINN_TRY(mpinn_tensorwriter_text(context, writer, texts[i].key, texts[i].value));
  return MPINN_OK;
}

mpinn_status mpinn_model_write(mpinn_context *context, const mpinn_network *network, size_t n_shapes,
                               const mpinn_shape *shapes, size_t n_texts, const mpinn_text *texts,
                               const char *path) {
  const size_t n = network->layout.n_values;
  float *values = NULL;
  mpinn_tensorwriter *writer = NULL;
  mpinn_status status;
  MPINN_TRY(MPINN_NEW(context, &values, n));
  MPINN_TRY_GOTO(done, status,
                 network->ops->download(network->backend, n, network->parameters, MPINN_FLOAT32, values));
  MPINN_TRY_GOTO(done, status, mpinn_tensorwriter_create(context, &writer));
  MPINN_TRY_GOTO(done, status, write_texts(context, network, n_texts, texts, writer));
  MPINN_TRY_GOTO(done, status, write_tensors(context, network, n_shapes, shapes, values, writer));
  status = mpinn_tensorwriter_save(context, writer, path);
done:
  mpinn_tensorwriter_destroy(&writer);
  free(values);
  return status;
}
