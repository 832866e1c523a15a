#include "cli.h"

#include "base/newfile.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char subject_extension[] = ".safetensors";

/* ---- which format ---- */

static bool ends_with(const char *path, const char *extension) {
  const size_t n = strlen(path), m = strlen(extension);
  return n > m && strcasecmp(path + n - m, extension) == 0;
}

static const mpinn_cli_format *find_format(const mpinn_cli *cli, const char *path) {
  for (size_t i = 0; i < cli->n_formats; i++)
    if (ends_with(path, cli->formats[i].extension)) return &cli->formats[i];
  return NULL;
}

void mpinn_cli_print_formats(const mpinn_cli *cli, FILE *stream) {
  for (size_t i = 0; i < cli->n_formats; i++)
    fprintf(stream, "  %-13s %s%s\n", cli->formats[i].extension, cli->formats[i].description,
            cli->formats[i].write ? "" : " (read only)");
  fprintf(
      stream,
      "  %-13s Metapinn's own file of one or many hearts; FILE#3 means heart 3 of several, counted from 0\n",
      subject_extension);
  fprintf(stream,
          "  %-13s openCARP text with its .elem and .lon (micrometres, turned into mm) and NAME.ARRAY.dat\n",
          ".pts");
}

static mpinn_status unknown_format(mpinn_cli *cli, const char *path) {
  char known[256];
  size_t used = 0;
  for (size_t i = 0; i < cli->n_formats && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", cli->formats[i].extension);
  if (used < sizeof known) snprintf(known + used, sizeof known - used, "%s or .pts", subject_extension);
  return mpinn_fail(cli->context, MPINN_ERROR_FILE, "%s: is of no known file format; expected %s", path,
                    known);
}

/* ---- reading ---- */

/* Cuts "#3" off a copy of path; SIZE_MAX where there is none. A file that is really called so goes first. */
static size_t cut_subject_index(char *path) {
  char *hash = strrchr(path, '#');
  size_t index = 0;
  if (!hash || access(path, F_OK) == 0 || !mpinn_cli_parse_size(hash + 1, &index)) return SIZE_MAX;
  *hash = '\0';
  return index;
}

/* Keeps one of the subjects and frees the others. */
static mpinn_status choose_subject(mpinn_cli *cli, const char *path, size_t index, size_t count,
                                   mpinn_subject **subjects, mpinn_subject **subject) {
  if (index == SIZE_MAX && count != 1)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT,
                      "%s: holds %zu hearts, expected one; name one of them as %s#0 … %s#%zu", path, count,
                      path, path, count - 1);
  if (index == SIZE_MAX) index = 0;
  if (index >= count)
    return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT,
                      "%s: holds hearts 0 to %zu, expected one of these, not %zu", path, count - 1, index);
  *subject = subjects[index];
  subjects[index] = NULL;
  return MPINN_OK;
}

static mpinn_status read_subject_file(mpinn_cli *cli, const char *path, mpinn_subject **subject) {
  size_t count = 0;
  mpinn_subject **subjects = NULL;
  char *file = mpinn_copy_string(path);
  if (!file) return mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory to read %s", path);
  const size_t index = cut_subject_index(file);
  mpinn_status status = mpinn_subjects_read(cli->context, file, &count, &subjects);
  if (status == MPINN_OK) status = choose_subject(cli, file, index, count, subjects, subject);
  if (subjects) mpinn_subjects_destroy(count, &subjects);
  free(file);
  return status;
}

/* "FILE.safetensors" or "FILE.safetensors#3". */
static bool is_subject_file(const char *path) {
  const char *hash = strrchr(path, '#');
  if (ends_with(path, subject_extension)) return true;
  if (!hash || (size_t)(hash - path) < sizeof subject_extension - 1) return false;
  return strncasecmp(hash - (sizeof subject_extension - 1), subject_extension,
                     sizeof subject_extension - 1) == 0;
}

mpinn_status mpinn_cli_read(mpinn_cli *cli, const char *path, mpinn_subject **subject) {
  const mpinn_cli_format *format = find_format(cli, path);
  *subject = NULL;
  if (format) {
    if (access(path, R_OK) != 0)
      return mpinn_fail(cli->context, MPINN_ERROR_FILE, "%s: cannot be read: %s", path, strerror(errno));
    return format->read(cli->context, path, subject);
  }
  if (is_subject_file(path)) return read_subject_file(cli, path, subject);
  if (mpinn_opencarp_is(path)) return mpinn_opencarp_read(cli->context, path, subject);
  return unknown_format(cli, path);
}

mpinn_status mpinn_cli_read_all(mpinn_cli *cli, const char *path, size_t *count, mpinn_subject ***subjects) {
  return mpinn_subjects_read(cli->context, path, count, subjects);
}

/* ---- writing ---- */

/* DIR/.part-PID-NAME.EXT: beside path, so that it can be renamed, and with its extension, which some writers
 * insist on. */
static char *temporary_name(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const size_t bytes = strlen(path) + 48;
  char *text = malloc(bytes);
  if (text) snprintf(text, bytes, "%.*s.part-%ld-%s", (int)(name - path), path, (long)getpid(), name);
  return text;
}

static mpinn_status write_and_rename(mpinn_cli *cli, const mpinn_cli_format *format, const char *path,
                                     const mpinn_subject *subject) {
  char *target = mpinn_follow_links(path), *temporary = target ? temporary_name(target) : NULL;
  mpinn_status status;
  if (temporary)
    status = format->write(cli->context, temporary, subject);
  else
    status = mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory to write %s", path);
  if (status == MPINN_OK && rename(temporary, target) != 0)
    status = mpinn_fail(cli->context, MPINN_ERROR_FILE, "%s: cannot be written: %s", path, strerror(errno));
  if (status != MPINN_OK && temporary) unlink(temporary);
  free(temporary);
  free(target);
  return status;
}

mpinn_status mpinn_cli_write(mpinn_cli *cli, const char *path, mpinn_subject *subject) {
  const mpinn_cli_format *format = find_format(cli, path);
  if (format) return write_and_rename(cli, format, path, subject);
  if (ends_with(path, subject_extension)) return mpinn_subjects_write(cli->context, path, 1, &subject);
  return mpinn_opencarp_write(cli->context, path, subject);
}

mpinn_status mpinn_cli_check_writable(mpinn_cli *cli, const char *path) {
  mpinn_newfile *file = NULL;
  MPINN_TRY(mpinn_newfile_open(cli->context, path, &file));
  mpinn_newfile_drop(&file);
  return MPINN_OK;
}

mpinn_status mpinn_cli_check_output(mpinn_cli *cli, const char *path) {
  const mpinn_cli_format *format = find_format(cli, path);
  if (format && !format->write)
    return mpinn_fail(cli->context, MPINN_ERROR_FILE, "%s: files of format %s can be read, but not written",
                      path, format->extension);
  if (!format && !ends_with(path, subject_extension) && !ends_with(path, ".pts"))
    return unknown_format(cli, path);
  return mpinn_cli_check_writable(cli, path);
}
