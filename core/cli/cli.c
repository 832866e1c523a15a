#include "cli.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const mpinn_cli_command *const commands[] = {
    &mpinn_cli_phantom, &mpinn_cli_simulate,    &mpinn_cli_train, &mpinn_cli_calibrate, &mpinn_cli_evaluate,
    &mpinn_cli_study,   &mpinn_cli_personalize, &mpinn_cli_fit,   &mpinn_cli_what_if,   &mpinn_cli_info,
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* ---- interruption ---- */

static volatile sig_atomic_t stop_signal; /* a signal handler can reach nothing else */

static void ask_to_stop(int number) {
  stop_signal = number;
}

/* The first signal asks, the second one kills: the handler is there once. */
static void listen_to(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ask_to_stop;
  action.sa_flags = (int)SA_RESETHAND | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

int mpinn_cli_interrupted(void) {
  return stop_signal;
}

/* ---- messages and progress on stderr ---- */

void mpinn_cli_clear_line(mpinn_cli *cli) {
  if (cli->progress.shown) fputs("\r\033[K", stderr);
  cli->progress.shown = false;
}

static void print_message(void *user, mpinn_log_level level, const char *message) {
  mpinn_cli *cli = user;
  if (cli->quiet && level == MPINN_LOG_INFO) return;
  mpinn_cli_clear_line(cli);
  fprintf(stderr, "metapinn: %s%s\n", level == MPINN_LOG_WARNING ? "warning: " : "", message);
}

void mpinn_cli_note(mpinn_cli *cli, const char *format, ...) {
  if (cli->quiet) return;
  va_list arguments;
  va_start(arguments, format);
  mpinn_cli_clear_line(cli);
  fputs("metapinn: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* "1 h 05 min", "3 min 20 s", "12 s". */
static void describe_seconds(double seconds, size_t bytes, char *text) {
  const long s = lround(seconds);
  if (s >= 3600)
    snprintf(text, bytes, "%ld h %02ld min", s / 3600, s % 3600 / 60);
  else if (s >= 60)
    snprintf(text, bytes, "%ld min %02ld s", s / 60, s % 60);
  else
    snprintf(text, bytes, "%ld s", s);
}

/* A line that is rewritten ten times a second on a terminal; a new one every half minute elsewhere. */
static bool show_progress(void *user, double fraction, const char *what) {
  enum { FIRST_GUESS = 2 }; /* seconds before a guess at the time left is worth something */
  mpinn_cli *cli = user;
  mpinn_progress_line *line = &cli->progress;
  const double now = mpinn_seconds(), interval = line->terminal ? 0.1 : 30;
  if (stop_signal) return true;
  if (!line->enabled) return false;
  if (line->start_fraction < 0 || fraction < line->start_fraction) {
    line->start_fraction = fraction;
    line->start_time = line->last_time = now;
  }
  if (now - line->last_time < interval) return false;
  line->last_time = now;
  const double elapsed = now - line->start_time, done = fraction - line->start_fraction;
  char left[48] = "";
  if (elapsed > FIRST_GUESS && done > 0) {
    describe_seconds(elapsed * (1 - fraction) / done, 32, left);
    strcat(left, " left");
  }
  fprintf(stderr, line->terminal ? "\r\033[K%3.0f %%  %s%s%s" : "metapinn: %3.0f %%  %s%s%s\n",
          100 * fmin(fmax(fraction, 0), 1), what, *left ? ", " : "", left);
  line->shown = line->terminal;
  return false;
}

/* ---- running a subcommand ---- */

int mpinn_cli_status(mpinn_cli *cli, mpinn_status status) {
  mpinn_cli_clear_line(cli);
  if (status == MPINN_OK) return MPINN_EXIT_OK;
  const char *sentence = cli->context ? mpinn_context_error(cli->context) : "";
  fprintf(stderr, "metapinn: %s\n", *sentence ? sentence : mpinn_status_text(status));
  if (status == MPINN_CANCELLED && stop_signal) return MPINN_EXIT_SIGNAL + stop_signal;
  return MPINN_EXIT_FAILURE;
}

int mpinn_cli_usage(const mpinn_cli *cli, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("metapinn: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\nTry 'metapinn %s%s--help'.\n", cli->subcommand ? cli->subcommand : "",
          cli->subcommand ? " " : "");
  va_end(arguments);
  return MPINN_EXIT_USAGE;
}

mpinn_status mpinn_cli_start(mpinn_cli *cli) {
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = cli->threads;
  options.log = print_message;
  options.progress = show_progress;
  options.user = cli;
  cli->progress = (mpinn_progress_line){
      .enabled = !cli->quiet, .terminal = isatty(STDERR_FILENO) != 0, .start_fraction = -1};
  listen_to(SIGINT);
  listen_to(SIGTERM);
  return mpinn_context_create(&options, &cli->context);
}

mpinn_status mpinn_cli_fail(mpinn_context *context, mpinn_status status, const char *path, const char *what) {
  return mpinn_fail(context, status, "%s: %s", path, what);
}

static int print_help(const mpinn_cli *cli) {
  puts("metapinn personalizes a model of a heart from a few sparse activation maps.\n\n"
       "Usage: metapinn SUBCOMMAND [OPTIONS]\n\nSubcommands:");
  for (int i = 0; i < COMMAND_COUNT; i++) printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
  puts("\nOptions:\n"
       "  --help       this text; 'metapinn SUBCOMMAND --help' for a subcommand's\n"
       "  --version    the version\n\n"
       "Lengths are in mm, times in ms, velocities in m/s.\n\n"
       "Files of hearts, by their extension:");
  mpinn_cli_print_formats(cli, stdout);
  puts("\nEnvironment:\n"
       "  METAPINN_MODEL   weights to use where --model is not given\n\n"
       "Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted by Ctrl-C.\n"
       "This is research software: nothing that it says about a heart is fit for a clinical decision.");
  return MPINN_EXIT_OK;
}

/* The command line as provenance; NULL when out of memory. */
static char *join_arguments(int argc, char **argv) {
  size_t bytes = sizeof "metapinn", used = 0;
  for (int i = 1; i < argc; i++) bytes += strlen(argv[i]) + 1;
  char *text = malloc(bytes);
  if (!text) return NULL;
  used = (size_t)snprintf(text, bytes, "metapinn");
  for (int i = 1; i < argc; i++) used += (size_t)snprintf(text + used, bytes - used, " %s", argv[i]);
  return text;
}

static int dispatch(mpinn_cli *cli, int argc, char **argv) {
  if (argc < 2) return mpinn_cli_usage(cli, "a subcommand is missing");
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
    return print_help(cli);
  if (strcmp(name, "--version") == 0) return printf("metapinn %s\n", mpinn_version()) < 0;
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(name, commands[i]->name) == 0) {
      cli->subcommand = name;
      return commands[i]->run(cli, argc - 1, argv + 1);
    }
  return mpinn_cli_usage(cli, "there is no subcommand '%s'", name);
}

/* What a full disk or a closed pipe did to stdout must not pass for success. */
static int close_output(int code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fputs("metapinn: the standard output cannot be written\n", stderr);
  return code == MPINN_EXIT_OK ? MPINN_EXIT_FAILURE : code;
}

int mpinn_cli_main(int argc, char **argv, const mpinn_cli_format *formats, size_t n) {
  mpinn_cli cli = {.formats = formats, .n_formats = n, .executable = argc > 0 ? argv[0] : "metapinn"};
  cli.command = join_arguments(argc, argv);
  const int code = close_output(dispatch(&cli, argc, argv));
  mpinn_context_destroy(&cli.context);
  free(cli.command);
  return code;
}
