/* Any bytes at all as a subject file: it is refused with a sentence, or it is a heart that can be looked at
 * and written. */
#include "heart/subject_file.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double look_at(const mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  double sum = mpinn_mesh_mean_edge(mesh);
  for (size_t i = 0; i < 3 * mpinn_mesh_node_count(mesh); i++) sum += mpinn_mesh_points(mesh)[i];
  for (size_t i = 0; i < mpinn_subject_array_count(subject); i++) {
    const mpinn_array *array = mpinn_subject_array_at(subject, i);
    for (size_t r = 0; r < array->rows && r < 1000; r++)
      sum += mpinn_array_get(array, r, array->components - 1);
  }
  for (size_t i = 0; i < mpinn_subject_text_count(subject); i++) {
    const char *key = NULL, *value = NULL;
    mpinn_subject_text_at(subject, i, &key, &value);
    sum += (double)(strlen(key) + strlen(value));
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_subject **subjects = NULL;
  size_t count = 0;
  mpinn_context_options_default(&options);
  options.threads = 1;
  if (mpinn_context_create(&options, &context) != MPINN_OK) return 0;
  if (mpinn_subjects_parse(context, "fuzz", size, data, &count, &subjects) == MPINN_OK) {
    volatile double sum = 0;
    assert(count > 0);
    for (size_t i = 0; i < count; i++) sum += look_at(subjects[i]);
    mpinn_subjects_destroy(count, &subjects);
  } else {
    assert(!subjects && count == 0 && *mpinn_context_error(context));
  }
  mpinn_context_destroy(&context);
  return 0;
}
