#include "cli.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The directory that the program lies in, without the final slash; false where the system does not say. */
static bool program_directory(size_t bytes, char *text) {
  const ssize_t n = readlink("/proc/self/exe", text, bytes - 1);
  if (n <= 0 || (size_t)n >= bytes - 1) return false;
  text[n] = '\0';
  char *slash = strrchr(text, '/');
  if (!slash) return false;
  *slash = '\0';
  return true;
}

static mpinn_status take(mpinn_cli *cli, const char *text, char **path) {
  *path = mpinn_copy_string(text);
  return *path ? MPINN_OK : mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory for a file name");
}

mpinn_status mpinn_cli_find_shipped(mpinn_cli *cli, const char *name, char **path) {
  char directory[PATH_MAX], shipped[PATH_MAX + 64];
  *path = NULL;
  if (program_directory(sizeof directory, directory)) {
    snprintf(shipped, sizeof shipped, "%s/../share/metapinn/%s", directory, name);
    if (access(shipped, R_OK) == 0) return take(cli, shipped, path);
  }
  snprintf(shipped, sizeof shipped, "%s/%s", METAPINN_DATA_DIR, name);
  return access(shipped, R_OK) == 0 ? take(cli, shipped, path) : MPINN_OK;
}

mpinn_status mpinn_cli_find_weights(mpinn_cli *cli, const char *option, char **path) {
  const char *environment = getenv("METAPINN_MODEL");
  if (option) return take(cli, option, path);
  if (environment && *environment) return take(cli, environment, path);
  MPINN_TRY(mpinn_cli_find_shipped(cli, METAPINN_SHIPPED_WEIGHTS, path));
  if (*path) return MPINN_OK;
  return mpinn_fail(
      cli->context, MPINN_ERROR_MODEL,
      "The shipped weights " METAPINN_SHIPPED_WEIGHTS
      " are not beside the program; expected --model FILE or the environment variable METAPINN_MODEL");
}

mpinn_status mpinn_cli_backend(mpinn_cli *cli, const char *name, mpinn_backend_kind *kind) {
  static const char *const names[] = {
      [MPINN_BACKEND_AUTO] = "auto", [MPINN_BACKEND_CPU] = "cpu", [MPINN_BACKEND_CUDA] = "cuda"};
  *kind = MPINN_BACKEND_AUTO;
  if (!name) return MPINN_OK;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) {
      *kind = (mpinn_backend_kind)i;
      return MPINN_OK;
    }
  return mpinn_fail(cli->context, MPINN_ERROR_BACKEND, "There is no backend '%s'; expected auto, cpu or cuda",
                    name);
}
