#include "base/internal.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct mpinn_context {
  mpinn_context_options options;
  mpinn_progress_part part;
  char error[1024];
};

const char *mpinn_status_text(mpinn_status status) {
  static const char *const texts[] = {
#define MPINN_STATUS_STRING(name, text) [MPINN_##name] = text,
      MPINN_STATUS_TABLE(MPINN_STATUS_STRING)
#undef MPINN_STATUS_STRING
  };
  const size_t index = (size_t)status;
  return index < sizeof texts / sizeof *texts ? texts[index] : "unknown status";
}

const char *mpinn_version(void) {
  return MPINN_VERSION;
}

void mpinn_context_options_default(mpinn_context_options *options) {
  memset(options, 0, sizeof *options);
}

mpinn_status mpinn_context_create(const mpinn_context_options *options, mpinn_context **context) {
  *context = calloc(1, sizeof **context);
  if (!*context) return MPINN_ERROR_MEMORY;
  if (options) (*context)->options = *options;
  if ((*context)->options.threads < 1) (*context)->options.threads = omp_get_max_threads();
  (*context)->part.to = 1;
  return MPINN_OK;
}

void mpinn_context_destroy(mpinn_context **context) {
  free(*context);
  *context = NULL;
}

int mpinn_context_threads(const mpinn_context *context) {
  return context->options.threads;
}

const char *mpinn_context_error(const mpinn_context *context) {
  return context->error;
}

mpinn_status mpinn_fail(mpinn_context *context, mpinn_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(context->error, sizeof context->error, format, arguments);
  va_end(arguments);
  return status;
}

void mpinn_say(mpinn_context *context, mpinn_log_level level, const char *format, ...) {
  if (!context->options.log) return;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  context->options.log(context->options.user, level, message);
}

mpinn_status mpinn_progress(mpinn_context *context, double fraction, const char *what) {
  const mpinn_progress_part part = context->part;
  if (!context->options.progress) return MPINN_OK;
  if (!context->options.progress(context->options.user, part.from + fraction * (part.to - part.from), what))
    return MPINN_OK;
  return mpinn_fail(context, MPINN_CANCELLED, "Cancelled while busy with: %s", what);
}

mpinn_progress_part mpinn_progress_enter(mpinn_context *context, double from, double to) {
  const mpinn_progress_part outer = context->part;
  const double length = outer.to - outer.from;
  context->part = (mpinn_progress_part){outer.from + from * length, outer.from + to * length};
  return outer;
}

void mpinn_progress_leave(mpinn_context *context, mpinn_progress_part outer) {
  context->part = outer;
}

double mpinn_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
