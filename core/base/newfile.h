/* A file that appears whole or not at all: written under a temporary name beside its path, then renamed. */
#ifndef MPINN_BASE_NEWFILE_H
#define MPINN_BASE_NEWFILE_H

#include "base/internal.h"
#include <stdio.h>

typedef struct mpinn_newfile mpinn_newfile;

/* MPINN_ERROR_FILE, naming path, where its directory does not exist or does not let one write. What is there
 * already and is no regular file (a device, a pipe) is written directly. */
mpinn_status mpinn_newfile_open(mpinn_context *context, const char *path, mpinn_newfile **file);
FILE *mpinn_newfile_stream(mpinn_newfile *file);
/* Flushes to the disk and renames. Frees file in any case; where it fails, what was at path is still there.
 */
mpinn_status mpinn_newfile_finish(mpinn_context *context, mpinn_newfile **file);
/* Removes what was written; for a *file that is NULL, nothing. */
void mpinn_newfile_drop(mpinn_newfile **file);

/* Where path leads, to be freed; path itself where nothing is there yet; NULL when out of memory. */
char *mpinn_follow_links(const char *path);

#endif
