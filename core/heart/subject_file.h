#ifndef MPINN_HEART_SUBJECT_FILE_H
#define MPINN_HEART_SUBJECT_FILE_H

#include "base/internal.h"
#include "metapinn/subject.h"

/* mpinn_subjects_read of bytes in memory; name is what messages call them. */
mpinn_status mpinn_subjects_parse(mpinn_context *context, const char *name, size_t bytes, const void *data,
                                  size_t *count, mpinn_subject ***subjects);

#endif
