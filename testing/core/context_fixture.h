/* What most tests begin with: a context, made before the first of them and destroyed after the last. */
#ifndef TESTING_CONTEXT_FIXTURE_H
#define TESTING_CONTEXT_FIXTURE_H

#include "metapinn/context.h"

static mpinn_context *context;

static int set_up(void **state) {
  (void)state;
  return mpinn_context_create(NULL, &context) != MPINN_OK;
}

static int tear_down(void **state) {
  (void)state;
  mpinn_context_destroy(&context);
  return 0;
}

#endif
