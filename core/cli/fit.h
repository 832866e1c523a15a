/* What the files of 'metapinn fit' share: a method's contract, what was asked for, and what came of it. */
#ifndef MPINN_CLI_FIT_H
#define MPINN_CLI_FIT_H

#include "cli.h"

#include "metapinn/baselines.h"

typedef struct mpinn_cli_fit_job mpinn_cli_fit_job;

/* What a fit comes to; arrays in the order of the heart's nodes, cells and of the maps, the query last. What
 * a method does not have is NULL. */
typedef struct mpinn_cli_fit_answer {
  size_t n_maps;
  float *at, *cv;    /* [nodes], ms and m/s; of every method */
  float *residual;   /* [nodes], |∇T| F − 1 */
  float *cell_cv;    /* [cells], m/s */
  mpinn_site *sites; /* [n_maps] */
  mpinn_segments_fit_report segments;
  mpinn_networks_fit_report networks;
} mpinn_cli_fit_answer;

/* One value of --method. */
typedef struct mpinn_cli_fit_method {
  const char *name;
  const char *options; /* those of no other method, as getopt returns them */
  /* One of these, with its value in optarg: MPINN_CLI_CONTINUE, or an exit code after a sentence. */
  int (*take_option)(const mpinn_cli *cli, int option, mpinn_cli_fit_job *job);
  /* Gives the heart what the method needs and it has not; may be NULL. */
  mpinn_status (*prepare)(mpinn_cli *cli, mpinn_subject *heart);
  mpinn_status (*fit)(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_baseline_input *input,
                      mpinn_cli_fit_answer *answer);
  /* "physics-based (paper)", as the table calls it. */
  void (*title)(const mpinn_cli_fit_job *job, size_t bytes, char *text);
  /* What the method has to say of its fit: in the table, in the heart, and on a line. */
  void (*add_rows)(const mpinn_cli_fit_job *job, const mpinn_cli_fit_answer *answer, mpinn_cli_table *table);
  mpinn_status (*describe)(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_cli_fit_answer *answer,
                           mpinn_subject *heart);
  void (*note)(mpinn_cli *cli, const mpinn_cli_fit_answer *answer);
} mpinn_cli_fit_method;

extern const mpinn_cli_fit_method mpinn_cli_fit_method_segments, mpinn_cli_fit_method_networks;

enum { MPINN_CLI_FIT_METHODS = 2 };

struct mpinn_cli_fit_job {
  const char *heart, *surface, *query, *truth_at, *truth_cv, *json, *out;
  const mpinn_cli_fit_method *method;
  const char *own[MPINN_CLI_FIT_METHODS]; /* an option that was given and is of this method only, or NULL */
  bool origins_given;
  mpinn_cli_map_choice context;
  mpinn_segments_fit_options segments;
  mpinn_networks_fit_options networks;
};

/* ---- fit_heart.c ---- */

/* A text of the heart's, format as for printf. */
mpinn_status mpinn_cli_fit_say(mpinn_cli *cli, mpinn_subject *heart, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The maps on all nodes of who carries them, the query last. */
typedef struct mpinn_cli_fit_maps {
  size_t n, n_nodes;
  mpinn_map *maps;   /* [n] */
  double *values;    /* [n][n_nodes], ms, NaN where nothing was measured */
  mpinn_site *sites; /* [n], or NULL where they are to be found */
} mpinn_cli_fit_maps;

/* Those that the job names, and their sites of origin where given. To be cleared, even on failure. */
mpinn_status mpinn_cli_fit_take_maps(mpinn_cli *cli, const mpinn_cli_fit_job *job, const mpinn_subject *heart,
                                     const mpinn_subject *carrier, mpinn_cli_fit_maps *maps);
void mpinn_cli_fit_maps_clear(mpinn_cli_fit_maps *maps);

/* Writes the answer's arrays and texts into the heart, in place of those of an earlier answer. */
mpinn_status mpinn_cli_fit_add_answer(mpinn_cli *cli, const mpinn_cli_fit_job *job,
                                      const mpinn_cli_fit_answer *answer, mpinn_subject *heart);

#endif
