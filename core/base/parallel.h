/* Independent tasks side by side. */
#ifndef MPINN_BASE_PARALLEL_H
#define MPINN_BASE_PARALLEL_H

#include "base/internal.h"

/* One of several tasks; context is its own, of one thread, and says nothing to anybody. */
typedef mpinn_status (*mpinn_task)(mpinn_context *context, void *user, size_t i);

/* task for i from first to end − 1, as many at once as context has threads, in any order. Of those that fail,
 * the first one's status and sentence. */
mpinn_status mpinn_for_each(mpinn_context *context, size_t first, size_t end, mpinn_task task, void *user);

#endif
