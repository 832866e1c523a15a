/* Subjects as tensors of one safetensors file: of subject i the tensors "subject_00i/points", "/cells",
 * "/node/NAME",
 * "/cell/NAME" and "/field/NAME", and the texts "subject_00i/KEY". */
#include "heart/subject_file.h"

#include "base/tensorfile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char format_name[] = "metapinn-subjects";
enum { FORMAT_VERSION = 1 };

static const struct {
  const char *prefix;
  mpinn_association association;
} places[] = {{"node/", MPINN_NODES}, {"cell/", MPINN_CELLS}, {"field/", MPINN_FIELD}};
enum { PLACE_COUNT = sizeof places / sizeof *places };

/* "subject_007/PLACE+NAME", to be freed; NULL when out of memory. */
static char *make_name(size_t subject, const char *place, const char *name) {
  const size_t bytes = strlen(place) + strlen(name) + 40;
  char *text = malloc(bytes);
  if (text) snprintf(text, bytes, "subject_%03zu/%s%s", subject, place, name);
  return text;
}

static mpinn_status no_memory(mpinn_context *context) {
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the name of an array");
}

/* ---- writing ---- */

static mpinn_status add_tensor(mpinn_context *context, mpinn_tensorwriter *writer, size_t subject,
                               const char *place, const char *name, mpinn_dtype dtype, size_t rows,
                               size_t components, const void *values) {
  const size_t shape[2] = {rows, components};
  char *full = make_name(subject, place, name);
  if (!full) return no_memory(context);
  const mpinn_status status =
      mpinn_tensorwriter_tensor(context, writer, full, dtype, components == 1 ? 1 : 2, shape, values);
  free(full);
  return status;
}

static mpinn_status add_arrays(mpinn_context *context, mpinn_tensorwriter *writer, size_t index,
                               const mpinn_subject *subject) {
  static const mpinn_dtype dtypes[] = {
      [MPINN_INT32] = MPINN_DTYPE_I32, [MPINN_FLOAT32] = MPINN_DTYPE_F32, [MPINN_FLOAT64] = MPINN_DTYPE_F64};
  for (size_t i = 0; i < mpinn_subject_array_count(subject); i++) {
    const mpinn_array *a = mpinn_subject_array_at(subject, i);
    MPINN_TRY(add_tensor(context, writer, index, places[a->association].prefix, a->name, dtypes[a->type],
                         a->rows, a->components, a->values));
  }
  return MPINN_OK;
}

static mpinn_status add_texts(mpinn_context *context, mpinn_tensorwriter *writer, size_t index,
                              const mpinn_subject *subject) {
  for (size_t i = 0; i < mpinn_subject_text_count(subject); i++) {
    const char *key = NULL, *value = NULL;
    mpinn_subject_text_at(subject, i, &key, &value);
    char *full = make_name(index, "", key);
    if (!full) return no_memory(context);
    const mpinn_status status = mpinn_tensorwriter_text(context, writer, full, value);
    free(full);
    MPINN_TRY(status);
  }
  return MPINN_OK;
}

static mpinn_status add_subject(mpinn_context *context, mpinn_tensorwriter *writer, size_t index,
                                const mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  MPINN_TRY(add_tensor(context, writer, index, "", "points", MPINN_DTYPE_F64, mpinn_mesh_node_count(mesh), 3,
                       mpinn_mesh_points(mesh)));
  MPINN_TRY(add_tensor(context, writer, index, "", "cells", MPINN_DTYPE_I32, mpinn_mesh_cell_count(mesh),
                       (size_t)mpinn_mesh_cell_type(mesh), mpinn_mesh_cells(mesh)));
  MPINN_TRY(add_arrays(context, writer, index, subject));
  return add_texts(context, writer, index, subject);
}

static mpinn_status add_all(mpinn_context *context, mpinn_tensorwriter *writer, size_t count,
                            mpinn_subject *const *subjects) {
  char number[32];
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "format", format_name));
  snprintf(number, sizeof number, "%d", FORMAT_VERSION);
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "format_version", number));
  snprintf(number, sizeof number, "%zu", count);
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "subjects", number));
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "units", "mm, ms, m/s"));
  MPINN_TRY(mpinn_tensorwriter_text(context, writer, "writer", mpinn_version()));
  for (size_t i = 0; i < count; i++) MPINN_TRY(add_subject(context, writer, i, subjects[i]));
  return MPINN_OK;
}

mpinn_status mpinn_subjects_write(mpinn_context *context, const char *path, size_t count,
                                  mpinn_subject *const *subjects) {
  mpinn_tensorwriter *writer = NULL;
  MPINN_TRY(mpinn_tensorwriter_create(context, &writer));
  mpinn_status status = add_all(context, writer, count, subjects);
  if (status == MPINN_OK) status = mpinn_tensorwriter_save(context, writer, path);
  mpinn_tensorwriter_destroy(&writer);
  return status;
}

/* ---- reading ---- */

typedef struct reader {
  mpinn_context *context;
  const char *path;
  const mpinn_tensorfile *file;
  size_t count;
  mpinn_subject **subjects;
} reader;

/* The index in "subject_INDEX/REST", and *rest; false for other names. */
static bool split_name(const char *name, size_t *index, const char **rest) {
  static const char prefix[] = "subject_";
  if (strncmp(name, prefix, sizeof prefix - 1) != 0) return false;
  const char *p = name + sizeof prefix - 1;
  size_t value = 0, digits = 0;
  for (; isdigit((unsigned char)*p); p++, digits++) {
    if (digits == 9) return false;
    value = value * 10 + (size_t)(*p - '0');
  }
  if (digits < 3 || *p != '/' || !p[1]) return false;
  *index = value;
  *rest = p + 1;
  return true;
}

/* Says in front of the last error which subject of the file it is about. */
static mpinn_status blame(const reader *r, size_t index, mpinn_status status) {
  char sentence[768];
  snprintf(sentence, sizeof sentence, "%s", mpinn_context_error(r->context));
  if (r->count == 1) return mpinn_fail(r->context, status, "%s: %s", r->path, sentence);
  return mpinn_fail(r->context, status, "%s: subject %zu: %s", r->path, index, sentence);
}

static mpinn_status read_mesh_from(const reader *r, size_t index, const mpinn_tensor *points,
                                   const mpinn_tensor *cells, double *xyz, int32_t *indices) {
  mpinn_mesh *mesh = NULL;
  mpinn_tensor_to_double(points, xyz);
  MPINN_TRY(mpinn_tensor_to_int32(r->context, r->file, cells, indices));
  mpinn_status status = mpinn_mesh_create(r->context, (mpinn_cell_type)cells->shape[1], points->shape[0], xyz,
                                          cells->shape[0], indices, &mesh);
  if (status != MPINN_OK) return blame(r, index, status);
  status = mpinn_subject_create(r->context, &mesh, &r->subjects[index]);
  mpinn_mesh_destroy(&mesh);
  return status;
}

static mpinn_status expect_tensor(const reader *r, size_t index, const char *name, size_t columns,
                                  const mpinn_tensor **tensor) {
  const size_t shape[2] = {SIZE_MAX, columns};
  char *full = make_name(index, "", name);
  if (!full) return no_memory(r->context);
  const mpinn_status status = mpinn_tensorfile_expect(r->context, r->file, full, 2, shape, tensor);
  free(full);
  return status;
}

static mpinn_status read_mesh(const reader *r, size_t index) {
  const mpinn_tensor *points = NULL, *cells = NULL;
  double *xyz = NULL;
  int32_t *indices = NULL;
  MPINN_TRY(expect_tensor(r, index, "points", 3, &points));
  MPINN_TRY(expect_tensor(r, index, "cells", SIZE_MAX, &cells));
  if (cells->shape[1] != 3 && cells->shape[1] != 4)
    return mpinn_fail(
        r->context, MPINN_ERROR_FORMAT,
        "%s: tensor '%s' has shape [%zu, %zu], expected 3 (triangles) or 4 (tetrahedra) columns", r->path,
        cells->name, cells->shape[0], cells->shape[1]);
  mpinn_status status = MPINN_NEW(r->context, &xyz, points->count);
  if (status == MPINN_OK) status = MPINN_NEW(r->context, &indices, cells->count);
  if (status == MPINN_OK) status = read_mesh_from(r, index, points, cells, xyz, indices);
  free(xyz);
  free(indices);
  return status;
}

static mpinn_status copy_values(const reader *r, const mpinn_tensor *tensor, const mpinn_array *array) {
  switch (array->type) {
  case MPINN_FLOAT32:
    mpinn_tensor_to_float(tensor, array->values);
    return MPINN_OK;
  case MPINN_FLOAT64:
    mpinn_tensor_to_double(tensor, array->values);
    return MPINN_OK;
  case MPINN_INT32:
    break;
  }
  return mpinn_tensor_to_int32(r->context, r->file, tensor, array->values);
}

static mpinn_status read_array(const reader *r, mpinn_subject *subject, mpinn_association association,
                               const char *name, const mpinn_tensor *tensor) {
  static const char *const elements[] = {"node", "cell", "field"};
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n = association == MPINN_NODES ? mpinn_mesh_node_count(mesh) : mpinn_mesh_cell_count(mesh);
  if (!*name || tensor->rank < 1 || tensor->rank > 2 || (tensor->rank == 2 && tensor->shape[1] == 0))
    return mpinn_fail(r->context, MPINN_ERROR_FORMAT,
                      "%s: tensor '%s' is no array, expected a name and 1 or 2 dimensions", r->path,
                      tensor->name);
  if (association != MPINN_FIELD && tensor->shape[0] != n)
    return mpinn_fail(r->context, MPINN_ERROR_FORMAT, "%s: tensor '%s' has %zu rows, expected %zu, one a %s",
                      r->path, tensor->name, tensor->shape[0], n, elements[association]);
  const mpinn_type type = tensor->dtype == MPINN_DTYPE_F64    ? MPINN_FLOAT64
                          : tensor->dtype <= MPINN_DTYPE_BF16 ? MPINN_FLOAT32
                                                              : MPINN_INT32;
  mpinn_array *array = NULL;
  MPINN_TRY(mpinn_subject_add_array(r->context, subject, name, association, type, tensor->shape[0],
                                    tensor->rank == 2 ? tensor->shape[1] : 1, NULL, &array));
  return copy_values(r, tensor, array);
}

static mpinn_status read_arrays(const reader *r) {
  for (size_t i = 0; i < mpinn_tensorfile_count(r->file); i++) {
    const mpinn_tensor *tensor = mpinn_tensorfile_at(r->file, i);
    size_t index = 0;
    const char *rest = NULL;
    if (!split_name(tensor->name, &index, &rest)) continue;
    for (int p = 0; p < PLACE_COUNT; p++) {
      const size_t length = strlen(places[p].prefix);
      if (strncmp(rest, places[p].prefix, length) != 0) continue;
      MPINN_TRY(read_array(r, r->subjects[index], places[p].association, rest + length, tensor));
    }
  }
  return MPINN_OK;
}

static mpinn_status read_texts(const reader *r) {
  for (size_t i = 0; i < mpinn_tensorfile_text_count(r->file); i++) {
    const char *key = NULL, *value = NULL, *rest = NULL;
    size_t index = 0;
    mpinn_tensorfile_text_at(r->file, i, &key, &value);
    if (split_name(key, &index, &rest) && index < r->count)
      MPINN_TRY(mpinn_subject_set_text(r->context, r->subjects[index], rest, value));
  }
  return MPINN_OK;
}

/* As many subjects as the highest index says; each needs points, so no index is beyond the number of tensors.
 */
static mpinn_status count_subjects(reader *r) {
  const size_t tensors = mpinn_tensorfile_count(r->file);
  for (size_t i = 0; i < tensors; i++) {
    size_t index = 0;
    const char *rest = NULL;
    if (!split_name(mpinn_tensorfile_at(r->file, i)->name, &index, &rest)) continue;
    if (index >= tensors)
      return mpinn_fail(r->context, MPINN_ERROR_FORMAT,
                        "%s: has a subject %zu, but not one for every number below it", r->path, index);
    if (index >= r->count) r->count = index + 1;
  }
  if (r->count > 0) return MPINN_OK;
  return mpinn_fail(r->context, MPINN_ERROR_FORMAT, "%s: holds no subject, expected at least one", r->path);
}

static mpinn_status read_all(reader *r) {
  MPINN_TRY(mpinn_tensorfile_expect_format(r->context, r->file, format_name, FORMAT_VERSION));
  MPINN_TRY(count_subjects(r));
  MPINN_TRY(MPINN_NEW(r->context, &r->subjects, r->count));
  for (size_t i = 0; i < r->count; i++) MPINN_TRY(read_mesh(r, i));
  MPINN_TRY(read_arrays(r));
  return read_texts(r);
}

/* Takes file over. */
static mpinn_status read_subjects(mpinn_context *context, const char *name, mpinn_tensorfile *file,
                                  size_t *count, mpinn_subject ***subjects) {
  reader r = {.context = context, .path = name, .file = file};
  const mpinn_status status = read_all(&r);
  mpinn_tensorfile_destroy(&file);
  if (status != MPINN_OK) {
    mpinn_subjects_destroy(r.count, &r.subjects);
    return status;
  }
  *count = r.count;
  *subjects = r.subjects;
  return MPINN_OK;
}

mpinn_status mpinn_subjects_parse(mpinn_context *context, const char *name, size_t bytes, const void *data,
                                  size_t *count, mpinn_subject ***subjects) {
  mpinn_tensorfile *file = NULL;
  *count = 0;
  *subjects = NULL;
  MPINN_TRY(mpinn_tensorfile_parse(context, name, bytes, data, &file));
  return read_subjects(context, name, file, count, subjects);
}

mpinn_status mpinn_subjects_read(mpinn_context *context, const char *path, size_t *count,
                                 mpinn_subject ***subjects) {
  mpinn_tensorfile *file = NULL;
  *count = 0;
  *subjects = NULL;
  MPINN_TRY(mpinn_tensorfile_read(context, path, &file));
  return read_subjects(context, path, file, count, subjects);
}

void mpinn_subjects_destroy(size_t count, mpinn_subject ***subjects) {
  if (!*subjects) return;
  for (size_t i = 0; i < count; i++) mpinn_subject_destroy(&(*subjects)[i]);
  free(*subjects);
  *subjects = NULL;
}
