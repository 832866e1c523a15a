#include "metapinn/subject.h"

#include "base/internal.h"

#include <stdio.h>
#include <string.h>

typedef struct text {
  char *key, *value;
} text;

struct mpinn_subject {
  mpinn_mesh *mesh;
  size_t n_arrays, n_texts;
  mpinn_array *arrays;
  text *texts;
};

static size_t type_bytes(mpinn_type type) {
  return type == MPINN_FLOAT64 ? 8 : 4;
}

static void array_clear(mpinn_array *array) {
  free((char *)array->name);
  free(array->values);
}

mpinn_status mpinn_subject_create(mpinn_context *context, mpinn_mesh **mesh, mpinn_subject **subject) {
  *subject = NULL;
  MPINN_TRY(MPINN_NEW(context, subject, 1));
  (*subject)->mesh = *mesh;
  *mesh = NULL;
  return MPINN_OK;
}

void mpinn_subject_destroy(mpinn_subject **subject) {
  mpinn_subject *s = *subject;
  if (!s) return;
  mpinn_mesh_destroy(&s->mesh);
  for (size_t i = 0; i < s->n_arrays; i++) array_clear(&s->arrays[i]);
  for (size_t i = 0; i < s->n_texts; i++) {
    free(s->texts[i].key);
    free(s->texts[i].value);
  }
  free(s->arrays);
  free(s->texts);
  free(s);
  *subject = NULL;
}

const mpinn_mesh *mpinn_subject_mesh(const mpinn_subject *subject) {
  return subject->mesh;
}

/* ---- arrays ---- */

static mpinn_array *find_array(const mpinn_subject *subject, const char *name,
                               mpinn_association association) {
  for (size_t i = 0; i < subject->n_arrays; i++)
    if (subject->arrays[i].association == association && strcmp(subject->arrays[i].name, name) == 0)
      return &subject->arrays[i];
  return NULL;
}

static mpinn_status check_rows(mpinn_context *context, const mpinn_subject *subject, const char *name,
                               mpinn_association association, size_t rows) {
  const size_t nodes = mpinn_mesh_node_count(subject->mesh), cells = mpinn_mesh_cell_count(subject->mesh);
  const size_t expected = association == MPINN_NODES ? nodes : association == MPINN_CELLS ? cells : rows;
  if (rows == expected) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "Array '%s' has %zu values; expected one for each of the %zu %s", name, rows, expected,
                    association == MPINN_NODES ? "nodes" : "cells");
}

/* Room for one more array; the name and the values are already made. */
static mpinn_status append_array(mpinn_context *context, mpinn_subject *subject, mpinn_array made,
                                 mpinn_array **array) {
  mpinn_array *grown = realloc(subject->arrays, (subject->n_arrays + 1) * sizeof *grown);
  if (!grown) {
    array_clear(&made);
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for one more array");
  }
  subject->arrays = grown;
  *array = &grown[subject->n_arrays++];
  **array = made;
  return MPINN_OK;
}

mpinn_status mpinn_subject_add_array(mpinn_context *context, mpinn_subject *subject, const char *name,
                                     mpinn_association association, mpinn_type type, size_t rows,
                                     size_t components, const void *values, mpinn_array **array) {
  mpinn_array made = {.association = association, .type = type, .rows = rows, .components = components};
  mpinn_array *place = find_array(subject, name, association);
  if (array) *array = NULL;
  MPINN_TRY(check_rows(context, subject, name, association, rows));
  size_t count = 0;
  if (__builtin_mul_overflow(rows, components, &count)) count = SIZE_MAX;
  MPINN_TRY(mpinn_allocate(context, count, type_bytes(type), &made.values));
  made.name = mpinn_copy_string(name);
  if (!made.name) {
    free(made.values);
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the name of an array");
  }
  if (values) memcpy(made.values, values, count * type_bytes(type));
  if (place) {
    array_clear(place);
    *place = made;
  } else {
    MPINN_TRY(append_array(context, subject, made, &place));
  }
  if (array) *array = place;
  return MPINN_OK;
}

void mpinn_subject_remove_array(mpinn_subject *subject, const char *name, mpinn_association association) {
  mpinn_array *array = find_array(subject, name, association);
  if (!array) return;
  array_clear(array);
  const size_t after = (size_t)(subject->arrays + subject->n_arrays - (array + 1));
  memmove(array, array + 1, after * sizeof *array);
  subject->n_arrays--;
}

size_t mpinn_subject_array_count(const mpinn_subject *subject) {
  return subject->n_arrays;
}

const mpinn_array *mpinn_subject_array_at(const mpinn_subject *subject, size_t index) {
  return &subject->arrays[index];
}

const mpinn_array *mpinn_subject_find(const mpinn_subject *subject, const char *name,
                                      mpinn_association association) {
  return find_array(subject, name, association);
}

double mpinn_array_get(const mpinn_array *array, size_t row, size_t component) {
  const size_t i = row * array->components + component;
  switch (array->type) {
  case MPINN_INT32:
    return ((const int32_t *)array->values)[i];
  case MPINN_FLOAT32:
    return ((const float *)array->values)[i];
  case MPINN_FLOAT64:
    break;
  }
  return ((const double *)array->values)[i];
}

/* ---- texts ---- */

static text *find_text(const mpinn_subject *subject, const char *key) {
  for (size_t i = 0; i < subject->n_texts; i++)
    if (strcmp(subject->texts[i].key, key) == 0) return &subject->texts[i];
  return NULL;
}

static void remove_text(mpinn_subject *subject, text *removed) {
  if (!removed) return;
  free(removed->key);
  free(removed->value);
  const size_t after = (size_t)(subject->texts + subject->n_texts - (removed + 1));
  memmove(removed, removed + 1, after * sizeof *removed);
  subject->n_texts--;
}

static mpinn_status add_text(mpinn_context *context, mpinn_subject *subject, const char *key,
                             const char *value) {
  text *grown = realloc(subject->texts, (subject->n_texts + 1) * sizeof *grown);
  if (grown) subject->texts = grown;
  char *key_copy = mpinn_copy_string(key), *value_copy = mpinn_copy_string(value);
  if (!grown || !key_copy || !value_copy) {
    free(key_copy);
    free(value_copy);
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the text '%s'", key);
  }
  grown[subject->n_texts++] = (text){key_copy, value_copy};
  return MPINN_OK;
}

mpinn_status mpinn_subject_set_text(mpinn_context *context, mpinn_subject *subject, const char *key,
                                    const char *value) {
  text *place = find_text(subject, key);
  if (!value) {
    remove_text(subject, place);
    return MPINN_OK;
  }
  if (!place) return add_text(context, subject, key, value);
  char *copy = mpinn_copy_string(value);
  if (!copy) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the text '%s'", key);
  free(place->value);
  place->value = copy;
  return MPINN_OK;
}

const char *mpinn_subject_get_text(const mpinn_subject *subject, const char *key) {
  const text *found = find_text(subject, key);
  return found ? found->value : NULL;
}

size_t mpinn_subject_text_count(const mpinn_subject *subject) {
  return subject->n_texts;
}

void mpinn_subject_text_at(const mpinn_subject *subject, size_t index, const char **key, const char **value) {
  *key = subject->texts[index].key;
  *value = subject->texts[index].value;
}

/* ---- maps ---- */

void mpinn_subject_map_name(size_t map, char name[16]) {
  snprintf(name, 16, "AT_%02u", (unsigned)map);
}

size_t mpinn_subject_map_count(const mpinn_subject *subject) {
  char name[16];
  for (size_t map = 0;; map++) {
    mpinn_subject_map_name(map, name);
    if (!find_array(subject, name, MPINN_NODES)) return map;
  }
}
