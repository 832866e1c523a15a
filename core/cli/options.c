#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <string.h>

static void print_command_help(const mpinn_cli *cli, const mpinn_cli_command *command) {
  printf("metapinn %s: %s\n\n%s\n", command->name, command->summary, command->help);
  puts("Common options:\n"
       "  --threads N   how many threads compute (default: $OMP_NUM_THREADS, else one for each processor)\n"
       "  --quiet       no progress and no notes; warnings and errors are still printed\n"
       "  --help        this text\n\n"
       "Files of hearts, by their extension:");
  mpinn_cli_print_formats(cli, stdout);
}

int mpinn_cli_common_option(mpinn_cli *cli, const mpinn_cli_command *command, int option, char **argv) {
  size_t threads = 0;
  switch (option) {
  case 'T':
    if (!mpinn_cli_parse_size(optarg, &threads) || threads < 1 || threads > 4096)
      return mpinn_cli_usage(cli, "--threads is '%s', expected a number from 1 to 4096", optarg);
    cli->threads = (int)threads;
    return MPINN_CLI_CONTINUE;
  case 'q':
    cli->quiet = true;
    return MPINN_CLI_CONTINUE;
  case 'h':
    print_command_help(cli, command);
    return MPINN_EXIT_OK;
  case ':':
    return mpinn_cli_usage(cli, "the option '%s' needs a value", argv[optind - 1]);
  default:
    return mpinn_cli_usage(cli, "there is no option '%s'", argv[optind - 1]);
  }
}

/* A number followed by one of the characters of ends, or by the end of the text. */
static bool parse_number(const char *text, const char *ends, double *value, const char **rest) {
  char *end = NULL;
  errno = 0;
  *value = strtod(text, &end);
  if (end == text || !isfinite(*value)) return false;
  *rest = end;
  return *end == '\0' || strchr(ends, *end) != NULL;
}

bool mpinn_cli_parse_double(const char *text, double *value) {
  const char *rest = NULL;
  return parse_number(text, "", value, &rest);
}

bool mpinn_cli_parse_seed(const char *text, uint64_t *value) {
  char *end = NULL;
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *end == '\0' && errno == 0;
}

bool mpinn_cli_parse_size(const char *text, size_t *value) {
  uint64_t number = 0;
  if (!mpinn_cli_parse_seed(text, &number)) return false;
  *value = (size_t)number;
  return true;
}

size_t mpinn_cli_parse_list(const char *text, size_t most, double *values) {
  size_t n = 0;
  for (const char *rest = text; n < most; text = rest + 1) {
    if (!parse_number(text, ",", &values[n], &rest)) return 0;
    n++;
    if (*rest == '\0') return n;
  }
  return 0;
}

bool mpinn_cli_parse_site(const char *text, mpinn_site *site) {
  double values[4] = {0};
  if (mpinn_cli_parse_list(text, 4, values) < 3) return false;
  memcpy(site->position, values, sizeof site->position);
  site->onset = values[3];
  return true;
}
