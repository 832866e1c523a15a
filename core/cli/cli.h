/* What the subcommands share. */
#ifndef MPINN_CLI_INTERNAL_H
#define MPINN_CLI_INTERNAL_H

#include "metapinn_cli.h"

#include "base/internal.h"
#include "metapinn/eikonal.h"
#include "metapinn/train.h"
#include <stdio.h>

enum { MPINN_EXIT_OK = 0, MPINN_EXIT_FAILURE = 1, MPINN_EXIT_USAGE = 2, MPINN_EXIT_SIGNAL = 128 };

typedef struct mpinn_progress_line {
  bool enabled, terminal, shown;
  double start_time, start_fraction; /* fraction < 0: nothing was reported yet */
  double last_time;
} mpinn_progress_line;

typedef struct mpinn_cli {
  mpinn_context *context;
  const char *subcommand;
  const mpinn_cli_format *formats; /* added to the core's own */
  size_t n_formats;
  const char *executable; /* argv[0] */
  char *command;          /* the command line, for provenance */
  int threads;
  bool quiet;
  mpinn_progress_line progress;
} mpinn_cli;

/* One subcommand. run parses what follows its name and returns an exit code. */
typedef struct mpinn_cli_command {
  const char *name;
  const char *summary; /* one line */
  const char *help;    /* all of --help but the common options */
  int (*run)(mpinn_cli *cli, int argc, char **argv);
} mpinn_cli_command;

extern const mpinn_cli_command mpinn_cli_phantom, mpinn_cli_simulate, mpinn_cli_train, mpinn_cli_evaluate,
    mpinn_cli_personalize, mpinn_cli_fit, mpinn_cli_what_if, mpinn_cli_info, mpinn_cli_calibrate,
    mpinn_cli_study;

/* ---- cli.c ---- */

/* Prints the library's last sentence and returns the exit code of status. */
int mpinn_cli_status(mpinn_cli *cli, mpinn_status status);
/* Says what is wrong with the command line (printf form) and returns MPINN_EXIT_USAGE. */
int mpinn_cli_usage(const mpinn_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A sentence to the user on stderr, unless --quiet. */
void mpinn_cli_note(mpinn_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes cli->context once the options are known. */
mpinn_status mpinn_cli_start(mpinn_cli *cli);
/* The non-zero number of the signal that asked to stop. */
int mpinn_cli_interrupted(void);
/* Takes the progress line off the terminal before something else is printed. */
void mpinn_cli_clear_line(mpinn_cli *cli);

/* ---- options.c ---- */

/* The options that every subcommand has, for its own table of struct option. */
#define MPINN_CLI_COMMON_OPTIONS                                                                             \
  {"threads", required_argument, NULL, 'T'}, {"quiet", no_argument, NULL, 'q'},                              \
      {"help", no_argument, NULL, 'h'}, {                                                                    \
    NULL, 0, NULL, 0                                                                                         \
  }
enum { MPINN_CLI_CONTINUE = -1 };
/* Deals with a common option or a wrong one; an exit code, or MPINN_CLI_CONTINUE. */
int mpinn_cli_common_option(mpinn_cli *cli, const mpinn_cli_command *command, int option, char **argv);

bool mpinn_cli_parse_double(const char *text, double *value);
bool mpinn_cli_parse_size(const char *text, size_t *value);
bool mpinn_cli_parse_seed(const char *text, uint64_t *value);
/* Up to most comma-separated numbers; how many, or 0 where text is not such a list. */
size_t mpinn_cli_parse_list(const char *text, size_t most, double *values);
/* "X,Y,Z" or "X,Y,Z,T0". */
bool mpinn_cli_parse_site(const char *text, mpinn_site *site);

/* ---- files.c ---- */

/* Reads a heart or a surface by its extension. "FILE#3" is subject 3 of a file with several. */
mpinn_status mpinn_cli_read(mpinn_cli *cli, const char *path, mpinn_subject **subject);
/* Reads a data set: a subject file. */
mpinn_status mpinn_cli_read_all(mpinn_cli *cli, const char *path, size_t *count, mpinn_subject ***subjects);
mpinn_status mpinn_cli_write(mpinn_cli *cli, const char *path, mpinn_subject *subject);
/* Fails now rather than after the work: an unknown or read-only format, a directory that is not there. */
mpinn_status mpinn_cli_check_output(mpinn_cli *cli, const char *path);
/* The same for a file that is not a subject: JSON, weights, data sets. */
mpinn_status mpinn_cli_check_writable(mpinn_cli *cli, const char *path);
void mpinn_cli_print_formats(const mpinn_cli *cli, FILE *stream);

/* ---- maps.c ---- */

typedef struct mpinn_cli_names {
  size_t n;
  const char **names;
} mpinn_cli_names;

/* Which maps --context means; zeroed at first. */
typedef struct mpinn_cli_map_choice {
  mpinn_cli_names wanted; /* the option's values */
  mpinn_cli_names maps;   /* the maps that they mean */
  char **copies;          /* [wanted.n] of those values, cut at commas, or NULL */
} mpinn_cli_map_choice;

/* One more value of the option: the name of an array, "all", or names with commas between them. false: no
 * memory. */
bool mpinn_cli_want_maps(mpinn_cli_map_choice *choice, const char *text);
/* Fills choice->maps. "all" is every activation map of the carrier but those called query and truth, which
 * may be NULL. Whether the carrier has the others is not looked at. */
mpinn_status mpinn_cli_choose_maps(mpinn_cli *cli, const mpinn_subject *carrier, const char *query,
                                   const char *truth, mpinn_cli_map_choice *choice);
void mpinn_cli_map_choice_clear(mpinn_cli_map_choice *choice);

/* ---- weights.c ---- */

/* The weights to use: option, else $METAPINN_MODEL, else those shipped; path is freed by the caller. */
mpinn_status mpinn_cli_find_weights(mpinn_cli *cli, const char *option, char **path);
/* A file of those shipped by its name; *path is NULL where it is not there. */
mpinn_status mpinn_cli_find_shipped(mpinn_cli *cli, const char *name, char **path);
mpinn_status mpinn_cli_backend(mpinn_cli *cli, const char *name, mpinn_backend_kind *kind);

/* ---- results.c ---- */

struct cJSON;
/* One more member of an object, null where a number does not exist or the text is NULL; false: no memory. */
bool mpinn_cli_json_number(struct cJSON *object, const char *name, double value);
bool mpinn_cli_json_text(struct cJSON *object, const char *name, const char *text);
/* A file of text and a newline; a text that is NULL is one that there was no memory for. */
mpinn_status mpinn_cli_write_text(mpinn_cli *cli, const char *path, const char *text);
/* {"protocol": …, "model": …, "rows": […]}; a number that does not exist is null. */
mpinn_status mpinn_cli_write_json(mpinn_cli *cli, const char *path, const char *protocol,
                                  const char *model_path, const mpinn_model *model, size_t n_rows,
                                  const mpinn_result_row *rows);
void mpinn_cli_print_table(FILE *stream, size_t n_rows, const mpinn_result_row *rows);

enum { MPINN_CLI_MOST_ROWS = 48 };

/* The scores of one method on one heart. */
typedef struct mpinn_cli_table {
  const char *method;
  size_t k; /* context maps */
  size_t n;
  mpinn_result_row rows[MPINN_CLI_MOST_ROWS];
} mpinn_cli_table;

/* value may be NaN. region is borrowed, as metric is; "all" where it is the whole heart. */
void mpinn_cli_add_row(mpinn_cli_table *table, const char *metric, const char *region, double value);

/* What an answer is compared with; either may be NULL. */
typedef struct mpinn_cli_truth {
  float *at, *cv; /* [nodes], ms and m/s: copies, since the heart's arrays may be renamed */
} mpinn_cli_truth;

/* The node arrays of these names; a name may be NULL. To be cleared, even on failure. */
mpinn_status mpinn_cli_take_truth(mpinn_cli *cli, const mpinn_subject *heart, const char *at, const char *cv,
                                  mpinn_cli_truth *truth);
void mpinn_cli_truth_clear(mpinn_cli_truth *truth);
/* Rows for at[n], ms, and cv[n], m/s, where their truth is known. */
void mpinn_cli_score(size_t n, const float *at, const float *cv, const mpinn_cli_truth *truth,
                     mpinn_cli_table *table);

/* ---- study_report.c ---- */

struct mpinn_study;
struct mpinn_study_row;
/* Both are freed by the caller, and NULL where there is no memory. The table is in Markdown. */
char *mpinn_cli_study_json(const struct mpinn_study *study, size_t n_rows, const struct mpinn_study_row *rows);
char *mpinn_cli_study_table(size_t n_rows, const struct mpinn_study_row *rows);

/* ---- opencarp.c ---- */

bool mpinn_opencarp_is(const char *path); /* NAME.pts, NAME.elem, or NAME where NAME.pts exists */
mpinn_status mpinn_opencarp_read(mpinn_context *context, const char *path, mpinn_subject **subject);
mpinn_status mpinn_opencarp_write(mpinn_context *context, const char *path, const mpinn_subject *subject);

#endif
