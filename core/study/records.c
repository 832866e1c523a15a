#include "study/records.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_LINE = 2048, KEY_FIELDS = 10, LONGEST_KEY = 512 };

static const char key_header[] = "table,seed,data_seed,subject,map,method,fitted_to,origin,k,made_with";

/* Names have commas; the file's commas separate. */
static void print_key(const mpinn_record_key *key, size_t bytes, char *text) {
  const mpinn_study_method *m = key->method;
  snprintf(text, bytes, "%s,%" PRIu64 ",%" PRIu64 ",%zu,%zu,\"%s\",%s,%s,%zu,%s", key->table, key->seed,
           key->data_seed, key->subject, key->map, m->name, m->fitted_to, m->origin, m->k, m->by);
}

static void print_header(FILE *file) {
  fputs(key_header, file);
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++)
    fprintf(file, ",%s %s", mpinn_study_scores[i].metric, mpinn_study_scores[i].region);
  fputs("\n", file);
}

/* ---- reading ---- */

static mpinn_status append(mpinn_context *context, mpinn_records *records, const char *key,
                           const double *values) {
  if (records->n == records->room) {
    const size_t room = records->room ? 2 * records->room : 1024;
    mpinn_record *more = realloc(records->records, room * sizeof *more);
    if (!more) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for %zu scores", room);
    records->records = more;
    records->room = room;
  }
  mpinn_record *record = &records->records[records->n];
  record->key = mpinn_copy_string(key);
  if (!record->key) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for a line of scores");
  memcpy(record->values, values, sizeof record->values);
  records->n++;
  return MPINN_OK;
}

/* The comma behind the last field of the key; NULL where the line has fewer. */
static char *end_of_key(char *line) {
  bool quoted = false;
  for (int fields = 0; *line; line++) {
    if (*line == '"') quoted = !quoted;
    if (*line == ',' && !quoted && ++fields == KEY_FIELDS) return line;
  }
  return NULL;
}

/* Whether the line has as many scores as it must; an empty one is NaN. */
static bool read_values(const char *text, double *values) {
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++) {
    char *end;
    values[i] = *text == ',' || *text == '\n' ? NAN : strtod(text, &end);
    if (!isnan(values[i])) text = end;
    if (*text != (i + 1 < MPINN_STUDY_SCORES ? ',' : '\n')) return false;
    text++;
  }
  return true;
}

/* Lines up to the first that is not whole, behind which *end is. */
static mpinn_status read_lines(mpinn_context *context, mpinn_records *records, FILE *file, long *end) {
  char line[LONGEST_LINE];
  double values[MPINN_STUDY_SCORES];
  while (fgets(line, sizeof line, file)) {
    char *comma = end_of_key(line);
    if (!comma || !read_values(comma + 1, values)) break;
    *comma = '\0';
    MPINN_TRY(append(context, records, line, values));
    *end = ftell(file);
  }
  return MPINN_OK;
}

static mpinn_status read_all(mpinn_context *context, mpinn_records *records) {
  char line[LONGEST_LINE];
  long end = 0;
  if (!fgets(line, sizeof line, records->file) || strncmp(line, key_header, sizeof key_header - 1) != 0)
    return mpinn_fail(context, MPINN_ERROR_FORMAT,
                      "%s is not a table of a study's scores; expected its first line to begin with %s",
                      records->path, key_header);
  end = ftell(records->file);
  MPINN_TRY(read_lines(context, records, records->file, &end));
  if (fseek(records->file, end, SEEK_SET) == 0 && ftruncate(fileno(records->file), end) == 0) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_FILE, "%s cannot be written: %s", records->path, strerror(errno));
}

mpinn_status mpinn_records_open(mpinn_context *context, const char *path, mpinn_records *records) {
  *records = (mpinn_records){.path = mpinn_copy_string(path)};
  if (!records->path) return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for a file name");
  records->file = fopen(path, "r+");
  if (records->file) return read_all(context, records);
  records->file = fopen(path, "w");
  if (!records->file)
    return mpinn_fail(context, MPINN_ERROR_FILE, "%s cannot be written: %s", path, strerror(errno));
  print_header(records->file);
  return MPINN_OK;
}

void mpinn_records_close(mpinn_records *records) {
  for (size_t i = 0; i < records->n; i++) free(records->records[i].key);
  free(records->records);
  free(records->path);
  if (records->file) fclose(records->file);
  *records = (mpinn_records){.n = 0};
}

/* ---- looking up and adding ---- */

const double *mpinn_records_find(mpinn_records *records, const mpinn_record_key *key) {
  char text[LONGEST_KEY];
  print_key(key, sizeof text, text);
  for (size_t i = 0; i < records->n; i++) {
    const size_t at = (records->next + i) % records->n;
    if (strcmp(records->records[at].key, text) != 0) continue;
    records->next = at + 1;
    return records->records[at].values;
  }
  return NULL;
}

mpinn_status mpinn_records_add(mpinn_context *context, mpinn_records *records, const mpinn_record_key *key,
                               const double *values) {
  char text[LONGEST_KEY];
  print_key(key, sizeof text, text);
  MPINN_TRY(append(context, records, text, values));
  fputs(text, records->file);
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++)
    if (isnan(values[i]))
      fputs(",", records->file);
    else
      fprintf(records->file, ",%.17g", values[i]);
  fputs("\n", records->file);
  if (fflush(records->file) == 0 && !ferror(records->file)) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_FILE, "%s cannot be written: %s", records->path, strerror(errno));
}
