/* A context whose work is cancelled once it has come so far. */
#ifndef MPINN_TESTING_CANCELLING_CONTEXT_H
#define MPINN_TESTING_CANCELLING_CONTEXT_H

#include "metapinn/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static inline bool cancel_at_progress(void *user, double fraction, const char *what) {
  const double *cancel_at = user;
  (void)what;
  return fraction > *cancel_at;
}

/* cancel_at is looked at while there is work: INFINITY lets it go on. */
static inline mpinn_context *make_cancelling_context(double *cancel_at, int threads) {
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_context_options_default(&options);
  options.threads = threads;
  options.progress = cancel_at_progress;
  options.user = cancel_at;
  assert_int_equal(mpinn_context_create(&options, &context), MPINN_OK);
  return context;
}

#endif
