/* The context of a computation: threads, messages, progress, cancellation and the text of the last error.
 *
 * Every call that can fail takes a context first and returns a status; the sentence that explains a failure is then
 * mpinn_context_error. A context serves one calling thread at a time; make one for each that works at once. */
#ifndef METAPINN_CONTEXT_H
#define METAPINN_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The codes and, in status.c, their texts are this one table: X(name, text). */
#define MPINN_STATUS_TABLE(X)                                                                                          \
  X(OK, "success")                                                                                                     \
  X(ERROR_ARGUMENT, "an argument is not acceptable")                                                                   \
  X(ERROR_MEMORY, "out of memory")                                                                                     \
  X(ERROR_FILE, "a file cannot be read or written")                                                                    \
  X(ERROR_FORMAT, "a file does not hold what its format promises")                                                     \
  X(ERROR_MESH, "a mesh is not usable")                                                                                \
  X(ERROR_MAP, "an activation map is not usable")                                                                      \
  X(ERROR_MODEL, "the weights are not usable")                                                                         \
  X(ERROR_BACKEND, "the backend is not available")                                                                     \
  X(CANCELLED, "cancelled")

typedef enum mpinn_status {
#define MPINN_STATUS_ENUM(name, text) MPINN_##name,
  MPINN_STATUS_TABLE(MPINN_STATUS_ENUM)
#undef MPINN_STATUS_ENUM
} mpinn_status;

/* The text of a status alone; never NULL. */
const char *mpinn_status_text(mpinn_status status);

/* The library's version, "MAJOR.MINOR.PATCH". */
const char *mpinn_version(void);

typedef enum mpinn_log_level { MPINN_LOG_INFO, MPINN_LOG_WARNING } mpinn_log_level;

typedef struct mpinn_context mpinn_context;

typedef struct mpinn_context_options {
  int threads; /* how many threads may compute; 0: what OMP_NUM_THREADS says, or as many as there are processors */
  /* Receives what the library has to say (a sentence, no newline); NULL: nobody listens. */
  void (*log)(void *user, mpinn_log_level level, const char *message);
  /* Told how far a long computation is, 0 to 1, and what it does now. Returning true cancels it: the call returns
   * MPINN_CANCELLED and leaves its outputs as they were. Called from the calling thread only. NULL: nobody asks. */
  bool (*progress)(void *user, double fraction, const char *what);
  void *user; /* handed to log and progress */
} mpinn_context_options;

void mpinn_context_options_default(mpinn_context_options *options);

/* options may be NULL for the defaults. */
mpinn_status mpinn_context_create(const mpinn_context_options *options, mpinn_context **context);
void mpinn_context_destroy(mpinn_context **context);

int mpinn_context_threads(const mpinn_context *context);

/* The sentence of the last failed call on this context; "" when none failed. It lives until the next failure. */
const char *mpinn_context_error(const mpinn_context *context);

#ifdef __cplusplus
}
#endif
#endif
