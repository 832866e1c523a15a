#define _DEFAULT_SOURCE /* madvise */
#include "base/internal.h"

#include <string.h>
#include <sys/mman.h>

enum {
  ALIGNMENT = 64,      /* a cache line, and the widest vector register */
  HUGE_PAGE = 2097152, /* of x86-64 and, usually, AArch64 */
  FROM_PAGES = 2       /* as large, blocks are worth whole pages of their own */
};

/* Large blocks are first touched a huge page at a time, where the system has them: the first touch of small
 * ones costs more than most of what is computed in them. */
static void *aligned_block(size_t bytes) {
  const size_t alignment = bytes < (size_t)FROM_PAGES * HUGE_PAGE ? ALIGNMENT : HUGE_PAGE;
  const size_t rounded = (bytes / alignment + 1) * alignment;
  void *block = aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
  if (block && alignment == HUGE_PAGE) (void)madvise(block, rounded, MADV_HUGEPAGE);
#endif
  return block;
}

mpinn_status mpinn_allocate_unset(mpinn_context *context, size_t count, size_t size, void **memory) {
  size_t bytes = 0;
  *memory = NULL;
  if (!__builtin_mul_overflow(count, size, &bytes) && bytes < SIZE_MAX - HUGE_PAGE)
    *memory = aligned_block(bytes);
  if (*memory) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for %zu items of %zu bytes", count, size);
}

mpinn_status mpinn_allocate(mpinn_context *context, size_t count, size_t size, void **memory) {
  MPINN_TRY(mpinn_allocate_unset(context, count, size, memory));
  memset(*memory, 0, count * size);
  return MPINN_OK;
}

char *mpinn_copy_string(const char *text) {
  if (!text) return NULL;
  const size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}
