#define _XOPEN_SOURCE 700 /* realpath */
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mpinn_newfile {
  char *path;      /* for messages */
  char *target;    /* where the file shall be, links followed; NULL: written directly */
  char *temporary; /* where it is written */
  FILE *stream;
};

static void release(mpinn_newfile **file) {
  free((*file)->path);
  free((*file)->target);
  free((*file)->temporary);
  free(*file);
  *file = NULL;
}

static mpinn_status cannot_write(mpinn_context *context, const char *path, int error) {
  return mpinn_fail(context, MPINN_ERROR_FILE, "%s: cannot be written: %s", path, strerror(error));
}

/* realpath in POSIX 2008 allocates. */
char *mpinn_follow_links(const char *path) {
  char *real = realpath(path, NULL);
  return real ? real : mpinn_copy_string(path);
}

/* A name of our own beside the target; O_EXCL, so that nobody else's file is ever written to. */
static int open_temporary(mpinn_newfile *file) {
  const size_t bytes = strlen(file->target) + 48;
  file->temporary = malloc(bytes);
  if (!file->temporary) return -1;
  for (unsigned attempt = 0; attempt < 1000; attempt++) {
    snprintf(file->temporary, bytes, "%s.part-%ld-%u", file->target, (long)getpid(), attempt);
    const int descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

static mpinn_status open_stream(mpinn_context *context, mpinn_newfile *file) {
  struct stat info;
  const bool exists = stat(file->path, &info) == 0;
  if (exists && S_ISDIR(info.st_mode))
    return mpinn_fail(context, MPINN_ERROR_FILE, "%s: cannot be written: it is a directory", file->path);
  int descriptor = -1;
  if (exists && !S_ISREG(info.st_mode)) {
    descriptor = open(file->path, O_WRONLY | O_CLOEXEC);
  } else {
    file->target = mpinn_follow_links(file->path);
    if (!file->target) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory to write %s", file->path);
    descriptor = open_temporary(file);
  }
  if (descriptor < 0) return cannot_write(context, file->path, errno);
  file->stream = fdopen(descriptor, "wb");
  if (file->stream) return MPINN_OK;
  close(descriptor);
  if (file->target) unlink(file->temporary);
  return cannot_write(context, file->path, errno);
}

mpinn_status mpinn_newfile_open(mpinn_context *context, const char *path, mpinn_newfile **file) {
  mpinn_newfile *made = calloc(1, sizeof *made);
  *file = NULL;
  if (!made || !(made->path = mpinn_copy_string(path))) {
    free(made);
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory to write %s", path);
  }
  const mpinn_status status = open_stream(context, made);
  if (status != MPINN_OK) release(&made);
  *file = made;
  return status;
}

FILE *mpinn_newfile_stream(mpinn_newfile *file) {
  return file->stream;
}

mpinn_status mpinn_newfile_finish(mpinn_context *context, mpinn_newfile **file) {
  mpinn_newfile *f = *file;
  errno = 0;
  bool good = !ferror(f->stream) && fflush(f->stream) == 0;
  if (good && f->target) good = fsync(fileno(f->stream)) == 0;
  int error = errno;
  if (fclose(f->stream) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && f->target && rename(f->temporary, f->target) != 0) {
    good = false;
    error = errno;
  }
  if (!good && f->target) unlink(f->temporary);
  const mpinn_status status = good ? MPINN_OK : cannot_write(context, f->path, error ? error : EIO);
  release(file);
  return status;
}

void mpinn_newfile_drop(mpinn_newfile **file) {
  if (!*file) return;
  fclose((*file)->stream);
  if ((*file)->target) unlink((*file)->temporary);
  release(file);
}
