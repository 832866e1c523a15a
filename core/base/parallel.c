#include "base/parallel.h"

#include <stdio.h>

typedef struct failure {
  mpinn_status status;
  size_t i;
  char sentence[512];
} failure;

static void run(mpinn_task task, void *user, size_t i, failure *f) {
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_context_options_default(&options);
  options.threads = 1;
  f->i = i;
  f->status = mpinn_context_create(&options, &context);
  if (f->status == MPINN_OK) f->status = task(context, user, i);
  if (f->status != MPINN_OK)
    snprintf(f->sentence, sizeof f->sentence, "%s",
             context ? mpinn_context_error(context) : "No memory for a context");
  mpinn_context_destroy(&context);
}

mpinn_status mpinn_for_each(mpinn_context *context, size_t first, size_t end, mpinn_task task, void *user) {
  failure earliest = {.status = MPINN_OK};
#pragma omp parallel for schedule(dynamic) num_threads(mpinn_context_threads(context))
  for (size_t i = first; i < end; i++) {
    failure own;
    run(task, user, i, &own);
    if (own.status == MPINN_OK) continue;
#pragma omp critical(mpinn_for_each)
    if (earliest.status == MPINN_OK || own.i < earliest.i) earliest = own;
  }
  if (earliest.status == MPINN_OK) return MPINN_OK;
  return mpinn_fail(context, earliest.status, "%s", earliest.sentence);
}
