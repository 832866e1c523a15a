/* The scores of a study as they come, in a file that a stopped study goes on from: comma-separated, one line
 * for each method on each map, each written whole before the next is computed. */
#ifndef MPINN_STUDY_RECORDS_H
#define MPINN_STUDY_RECORDS_H

#include "study/methods.h"
#include "study/scores.h"

#include <stdio.h>

/* What a line is of. */
typedef struct mpinn_record_key {
  const char *table;
  uint64_t seed, data_seed;
  size_t subject, map;
  const mpinn_study_method *method;
} mpinn_record_key;

typedef struct mpinn_record {
  char *key; /* the line up to its first score */
  double values[MPINN_STUDY_SCORES];
} mpinn_record;

typedef struct mpinn_records {
  size_t n, room;
  mpinn_record *records;
  FILE *file;
  char *path;
  size_t next; /* where the next one to be found probably is: they are asked for in the order they were made
                  in */
} mpinn_records;

/* Reads what is there and goes on behind its last whole line. MPINN_ERROR_FILE; MPINN_ERROR_FORMAT where the
 * file is something else, which is then as it was. */
mpinn_status mpinn_records_open(mpinn_context *context, const char *path, mpinn_records *records);
void mpinn_records_close(mpinn_records *records);

/* NULL where there is none. */
const double *mpinn_records_find(mpinn_records *records, const mpinn_record_key *key);
mpinn_status mpinn_records_add(mpinn_context *context, mpinn_records *records, const mpinn_record_key *key,
                               const double *values);

#endif
