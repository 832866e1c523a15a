/* The program `metapinn` as a library: its subcommands over a table of file formats, to which whoever builds
 * the program adds. The core's own formats (subject files and openCARP text) are always there. */
#ifndef METAPINN_CLI_H
#define METAPINN_CLI_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A file of one subject. read and write fail as the library does, with
 * a status and a sentence (mpinn_cli_fail). */
typedef struct mpinn_cli_format {
  const char *extension;   /* in small letters, with the dot: ".vtu" */
  const char *description; /* for the help: "VTK unstructured grid, tetrahedra" */
  mpinn_status (*read)(mpinn_context *context, const char *path, mpinn_subject **subject);
  /* Writes to path, which is a temporary name with this extension that the program then renames; NULL:
   * read-only. */
  mpinn_status (*write)(mpinn_context *context, const char *path, const mpinn_subject *subject);
} mpinn_cli_format;

/* For readers and writers outside the core: records the sentence "PATH: WHAT" and returns status. */
mpinn_status mpinn_cli_fail(mpinn_context *context, mpinn_status status, const char *path, const char *what);

/* Runs the program; formats[n] are added to the core's own. Returns what main returns: 0 success, 1 failure,
 * 2 wrong usage, 128 + signal when interrupted (130 for Ctrl-C). */
int mpinn_cli_main(int argc, char **argv, const mpinn_cli_format *formats, size_t n);

#ifdef __cplusplus
}
#endif
#endif
