#include "base/internal.h"

#include <string.h>

mpinn_status mpinn_allocate(mpinn_context *context, size_t count, size_t size, void **memory) {
  enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector register */
  size_t bytes = 0;
  *memory = NULL;
  if (!__builtin_mul_overflow(count, size, &bytes) && bytes < SIZE_MAX - ALIGNMENT) {
    const size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT;
    *memory = aligned_alloc(ALIGNMENT, rounded);
    if (*memory) memset(*memory, 0, rounded);
  }
  if (*memory) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for %zu items of %zu bytes", count, size);
}

char *mpinn_copy_string(const char *text) {
  if (!text) return NULL;
  const size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}
