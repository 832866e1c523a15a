/* openCARP's text meshes: NAME.pts (nodes, in micrometres), NAME.elem (elements and their regions), NAME.lon
 * (fibre and sheet directions of the elements, where there is one) and, of node data, one NAME.ARRAY.dat
 * each. */
#include "cli.h"

#include "base/newfile.h"
#include "metapinn/map_names.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double mm_per_um = 1e-3;

/* ---- names ---- */

static bool has_suffix(const char *path, const char *suffix) {
  const size_t n = strlen(path), m = strlen(suffix);
  return n > m && strcmp(path + n - m, suffix) == 0;
}

/* path without .pts, .elem or .lon, with room for a suffix to follow; freed by the caller. */
static char *base_name(const char *path) {
  static const char *const suffixes[] = {".pts", ".elem", ".lon"};
  char *base = mpinn_copy_string(path);
  for (size_t i = 0; base && i < sizeof suffixes / sizeof *suffixes; i++)
    if (has_suffix(base, suffixes[i])) {
      base[strlen(base) - strlen(suffixes[i])] = '\0';
      break;
    }
  return base;
}

static char *join(const char *base, const char *middle, const char *suffix) {
  const size_t bytes = strlen(base) + strlen(middle) + strlen(suffix) + 1;
  char *text = malloc(bytes);
  if (text) snprintf(text, bytes, "%s%s%s", base, middle, suffix);
  return text;
}

static mpinn_status no_memory(mpinn_context *context) {
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for an openCARP mesh");
}

bool mpinn_opencarp_is(const char *path) {
  if (has_suffix(path, ".pts") || has_suffix(path, ".elem")) return true;
  char *points = join(path, "", ".pts");
  const bool found = points && access(points, F_OK) == 0;
  free(points);
  return found;
}

/* ---- reading lines ---- */

typedef struct lines {
  mpinn_context *context;
  char *path;
  char *text;    /* the whole file, with a zero at its end */
  char *next;    /* the line to come */
  size_t number; /* of the line at hand, from 1 */
} lines;

static void lines_clear(lines *l) {
  free(l->path);
  free(l->text);
  *l = (lines){0};
}

static mpinn_status read_text(lines *l, FILE *stream) {
  struct stat info;
  if (fstat(fileno(stream), &info) != 0 || !S_ISREG(info.st_mode))
    return mpinn_fail(l->context, MPINN_ERROR_FILE, "%s: cannot be read: it is not a file", l->path);
  const size_t size = (size_t)info.st_size;
  l->next = l->text = malloc(size + 1);
  if (!l->text) return no_memory(l->context);
  const size_t got = fread(l->text, 1, size, stream);
  l->text[got] = '\0';
  return MPINN_OK;
}

static mpinn_status lines_open(mpinn_context *context, const char *base, const char *middle,
                               const char *suffix, lines *l) {
  *l = (lines){.context = context, .path = join(base, middle, suffix)};
  if (!l->path) return no_memory(context);
  FILE *stream = fopen(l->path, "rb");
  if (!stream)
    return mpinn_fail(context, MPINN_ERROR_FILE, "%s: cannot be read: %s", l->path, strerror(errno));
  const mpinn_status status = read_text(l, stream);
  fclose(stream);
  return status;
}

/* The next line that is not blank, its end cut off; NULL at the end of the file. */
static char *next_line(lines *l) {
  while (l->next && *l->next) {
    char *line = l->next, *end = strchr(line, '\n');
    l->next = end ? end + 1 : NULL;
    l->number++;
    if (end) *end = '\0';
    line += strspn(line, " \t\r");
    if (*line) return line;
  }
  return NULL;
}

static mpinn_status bad_line(const lines *l, const char *expected) {
  return mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: line %zu is not %s", l->path, l->number, expected);
}

/* How many numbers stand in the line; at most most are kept. */
static size_t parse_doubles(const char *line, size_t most, double *values) {
  for (size_t n = 0; n < most; n++) {
    char *end = NULL;
    values[n] = strtod(line, &end);
    if (end == line) return n;
    line = end;
  }
  return most;
}

static mpinn_status read_count(lines *l, size_t *count) {
  const char *line = next_line(l);
  char *end = NULL;
  const long long value = line ? strtoll(line, &end, 10) : -1;
  if (!line || end == line || value < 0 || value > INT32_MAX)
    return mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: does not begin with the number of its lines",
                      l->path);
  /* A line has at least two characters with its end: no count may ask for more memory than the file accounts
   * for. */
  if ((size_t)value > strlen(l->next ? l->next : "") / 2 + 1)
    return mpinn_fail(l->context, MPINN_ERROR_FORMAT,
                      "%s: promises %lld lines, but is shorter (is it truncated?)", l->path, value);
  *count = (size_t)value;
  return MPINN_OK;
}

/* ---- reading a mesh ---- */

typedef struct carp_mesh {
  size_t n_nodes, n_elements, n_cells;
  double *points;   /* [n_nodes][3], mm */
  int columns;      /* nodes of a cell: 4, or 3 where there are only triangles */
  int32_t *cells;   /* [n_cells][columns] */
  int32_t *regions; /* [n_cells] */
  size_t *element;  /* [n_cells] which element a cell is */
  size_t tetrahedra, triangles, others;
  char other[8]; /* the first other type */
} carp_mesh;

static void carp_mesh_clear(carp_mesh *m) {
  free(m->points);
  free(m->cells);
  free(m->regions);
  free(m->element);
}

static mpinn_status read_points(lines *l, carp_mesh *m) {
  MPINN_TRY(read_count(l, &m->n_nodes));
  MPINN_TRY(MPINN_NEW(l->context, &m->points, 3 * m->n_nodes));
  for (size_t i = 0; i < m->n_nodes; i++) {
    const char *line = next_line(l);
    if (!line)
      return mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: holds %zu nodes, expected %zu", l->path, i,
                        m->n_nodes);
    if (parse_doubles(line, 3, m->points + 3 * i) != 3) return bad_line(l, "three coordinates");
    for (size_t d = 0; d < 3; d++) m->points[3 * i + d] *= mm_per_um;
  }
  return MPINN_OK;
}

/* "Tt 0 1 2 3 7": the nodes and, unless it is missing, the region. Other elements are passed over. */
static mpinn_status read_element(lines *l, const char *line, size_t element, int columns, carp_mesh *m) {
  const char *type = columns == 4 ? "Tt" : "Tr";
  if (strncmp(line, type, 2) != 0 || !isspace((unsigned char)line[2])) return MPINN_OK;
  double values[5] = {0};
  const size_t n = parse_doubles(line + 2, (size_t)columns + 1, values);
  if (n < (size_t)columns) return bad_line(l, columns == 4 ? "'Tt' and four nodes" : "'Tr' and three nodes");
  for (size_t i = 0; i < n; i++)
    if (values[i] != floor(values[i]) || fabs(values[i]) > INT32_MAX) return bad_line(l, "of whole numbers");
  const size_t to = m->n_cells++;
  for (int i = 0; i < columns; i++) m->cells[to * (size_t)columns + (size_t)i] = (int32_t)values[i];
  m->regions[to] = n > (size_t)columns ? (int32_t)values[columns] : 0;
  m->element[to] = element;
  return MPINN_OK;
}

static void count_element(const char *line, carp_mesh *m) {
  const bool two = line[0] && line[1] && isspace((unsigned char)line[2]);
  if (two && strncmp(line, "Tt", 2) == 0)
    m->tetrahedra++;
  else if (two && strncmp(line, "Tr", 2) == 0)
    m->triangles++;
  else if (m->others++ == 0)
    snprintf(m->other, sizeof m->other, "%.*s", (int)strcspn(line, " \t\r"), line);
}

static mpinn_status count_elements(lines *l, carp_mesh *m, char ***starts, size_t **numbers) {
  MPINN_TRY(read_count(l, &m->n_elements));
  MPINN_TRY(MPINN_NEW(l->context, starts, m->n_elements));
  MPINN_TRY(MPINN_NEW(l->context, numbers, m->n_elements));
  for (size_t i = 0; i < m->n_elements; i++) {
    char *line = next_line(l);
    if (!line)
      return mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: holds %zu elements, expected %zu", l->path, i,
                        m->n_elements);
    count_element(line, m);
    (*starts)[i] = line;
    (*numbers)[i] = l->number;
  }
  m->columns = m->tetrahedra ? 4 : 3;
  if (m->tetrahedra + m->triangles > 0) return MPINN_OK;
  return mpinn_fail(
      l->context, MPINN_ERROR_MESH,
      "%s: has no tetrahedra (Tt) and no triangles (Tr), expected one of these; its %zu elements begin with '%s'",
      l->path, m->n_elements, m->other);
}

static mpinn_status read_elements(lines *l, carp_mesh *m) {
  char **starts = NULL;
  size_t *numbers = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, count_elements(l, m, &starts, &numbers));
  const size_t n = m->tetrahedra ? m->tetrahedra : m->triangles;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(l->context, &m->cells, n * (size_t)m->columns));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(l->context, &m->regions, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(l->context, &m->element, n));
  for (size_t i = 0; i < m->n_elements; i++) {
    l->number = numbers[i];
    MPINN_TRY_GOTO(done, status, read_element(l, starts[i], i, m->columns, m));
  }
  if (m->n_cells < m->n_elements)
    mpinn_say(l->context, MPINN_LOG_WARNING,
              "%s: of its %zu elements the %zu %s are used, the others are not", l->path, m->n_elements,
              m->n_cells, m->columns == 4 ? "tetrahedra" : "triangles");
done:
  free(starts);
  free(numbers);
  return status;
}

/* ---- reading directions and data ---- */

/* Lines of 3 (fibre) or 6 (fibre and sheet) numbers, after a line that says 1 or 2, which old files lack. */
static mpinn_status parse_directions(lines *l, const carp_mesh *m, size_t *axes, float *values) {
  char *line = next_line(l);
  double row[6];
  size_t n = line ? parse_doubles(line, 6, row) : 0;
  const bool header = n == 1;
  *axes = header ? (row[0] == 2) + 1u : n / 3;
  if (header ? row[0] != 1 && row[0] != 2 : n != 3 && n != 6)
    return bad_line(l, "1 or 2, the number of directions of an element");
  for (size_t i = 0, cell = 0; i < m->n_elements && cell < m->n_cells; i++) {
    if (i > 0 || header) line = next_line(l);
    if (!line)
      return mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: holds directions of %zu elements, expected %zu",
                        l->path, i, m->n_elements);
    if (parse_doubles(line, 3 * *axes, row) != 3 * *axes) return bad_line(l, "the directions of an element");
    if (m->element[cell] != i) continue;
    for (size_t d = 0; d < 3 * *axes; d++) values[6 * cell + d] = (float)row[d];
    cell++;
  }
  return MPINN_OK;
}

static mpinn_status add_directions(lines *l, const carp_mesh *m, mpinn_subject *subject) {
  static const char *const names[] = {"fiber", "sheet"};
  float *values = NULL, *rows = NULL;
  size_t axes = 0;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(l->context, &values, 6 * m->n_cells));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(l->context, &rows, 3 * m->n_cells));
  MPINN_TRY_GOTO(done, status, parse_directions(l, m, &axes, values));
  for (size_t a = 0; a < axes; a++) {
    for (size_t i = 0; i < m->n_cells; i++) memcpy(rows + 3 * i, values + 6 * i + 3 * a, 3 * sizeof *rows);
    MPINN_TRY_GOTO(done, status,
                   mpinn_subject_add_array(l->context, subject, names[a], MPINN_CELLS, MPINN_FLOAT32,
                                           m->n_cells, 3, rows, NULL));
  }
done:
  free(values);
  free(rows);
  return status;
}

static mpinn_status read_directions(mpinn_context *context, const char *base, const carp_mesh *m,
                                    mpinn_subject *subject) {
  lines l = {0};
  char *path = join(base, "", ".lon");
  const bool there = path && access(path, F_OK) == 0;
  free(path);
  if (!there) return MPINN_OK;
  mpinn_status status = lines_open(context, base, "", ".lon", &l);
  if (status == MPINN_OK) status = add_directions(&l, m, subject);
  lines_clear(&l);
  return status;
}

/* One value a node. In an activation map the word "-1" is how openCARP says that a node was never activated.
 */
static mpinn_status add_node_data(lines *l, const char *name, size_t n, mpinn_subject *subject) {
  const bool map = mpinn_map_name_is_activation(name);
  size_t i = 0, never = 0;
  float *values = NULL;
  mpinn_status status = MPINN_NEW(l->context, &values, n);
  for (char *line; status == MPINN_OK && i < n && (line = next_line(l)); i++) {
    double value = 0;
    if (parse_doubles(line, 1, &value) != 1) status = bad_line(l, "a number");
    const bool minus_one =
        map && strncmp(line, "-1", 2) == 0 && (line[2] == '\0' || isspace((unsigned char)line[2]));
    values[i] = minus_one ? NAN : (float)value;
    never += minus_one;
  }
  if (status == MPINN_OK && (i < n || next_line(l)))
    status = mpinn_fail(l->context, MPINN_ERROR_FORMAT, "%s: holds %s than %zu values, expected one a node",
                        l->path, i < n ? "fewer" : "more", n);
  if (status == MPINN_OK && never > 0)
    mpinn_say(l->context, MPINN_LOG_INFO, "%s: %zu nodes with -1 were never activated", l->path, never);
  if (status == MPINN_OK)
    status =
        mpinn_subject_add_array(l->context, subject, name, MPINN_NODES, MPINN_FLOAT32, n, 1, values, NULL);
  free(values);
  return status;
}

static mpinn_status read_node_data(mpinn_context *context, const char *base, const char *name, size_t n,
                                   mpinn_subject *subject) {
  lines l = {0};
  char *middle = join(".", name, "");
  if (!middle) return no_memory(context);
  mpinn_status status = lines_open(context, base, middle, ".dat", &l);
  if (status == MPINN_OK) status = add_node_data(&l, name, n, subject);
  lines_clear(&l);
  free(middle);
  return status;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The ARRAYs of all NAME.ARRAY.dat beside NAME.pts, sorted; names and each of them to be freed. */
static mpinn_status list_node_data(mpinn_context *context, const char *base, size_t *count, char ***names) {
  const char *slash = strrchr(base, '/'), *stem = slash ? slash + 1 : base;
  char *directory = slash ? mpinn_copy_string(base) : mpinn_copy_string(".");
  if (!directory) return no_memory(context);
  if (slash) directory[slash - base + 1] = '\0';
  DIR *handle = opendir(directory);
  free(directory);
  mpinn_status status = MPINN_OK;
  for (const struct dirent *entry; handle && status == MPINN_OK && (entry = readdir(handle));) {
    const size_t n = strlen(entry->d_name), m = strlen(stem);
    if (n < m + 6 || strncmp(entry->d_name, stem, m) != 0 || entry->d_name[m] != '.') continue;
    if (!has_suffix(entry->d_name, ".dat")) continue;
    char **more = realloc(*names, (*count + 1) * sizeof *more);
    char *name = mpinn_copy_string(entry->d_name + m + 1);
    if (more) *names = more;
    if (!more || !name) {
      free(name);
      status = no_memory(context);
      break;
    }
    name[n - m - 5] = '\0';
    (*names)[(*count)++] = name;
  }
  if (handle) closedir(handle);
  if (*count) qsort(*names, *count, sizeof **names, compare_texts);
  return status;
}

static mpinn_status read_all_node_data(mpinn_context *context, const char *base, size_t n,
                                       mpinn_subject *subject) {
  size_t count = 0;
  char **names = NULL;
  mpinn_status status = list_node_data(context, base, &count, &names);
  for (size_t i = 0; i < count; i++) {
    if (status == MPINN_OK) status = read_node_data(context, base, names[i], n, subject);
    free(names[i]);
  }
  free(names);
  return status;
}

/* ---- reading, all together ---- */

static mpinn_status read_carp_mesh(mpinn_context *context, const char *base, carp_mesh *m) {
  lines l = {0};
  mpinn_status status = lines_open(context, base, "", ".pts", &l);
  if (status == MPINN_OK) status = read_points(&l, m);
  lines_clear(&l);
  MPINN_TRY(status);
  status = lines_open(context, base, "", ".elem", &l);
  if (status == MPINN_OK) status = read_elements(&l, m);
  lines_clear(&l);
  return status;
}

static void say_units(mpinn_context *context, const char *base, const carp_mesh *m) {
  double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY}, size = 0;
  for (size_t i = 0; i < 3 * m->n_nodes; i++) {
    low[i % 3] = fmin(low[i % 3], m->points[i]);
    high[i % 3] = fmax(high[i % 3], m->points[i]);
  }
  for (int d = 0; d < 3; d++) size = fmax(size, high[d] - low[d]);
  if (size > 0 && size < 2)
    mpinn_say(
        context, MPINN_LOG_WARNING,
        "%s.pts: taken for micrometres, as openCARP has them, the heart would be %.3g mm large: are its coordinates in mm?",
        base, size);
  else
    mpinn_say(context, MPINN_LOG_INFO, "%s.pts: micrometres were turned into mm; the heart is %.4g mm large",
              base, size);
}

static mpinn_status make_subject(mpinn_context *context, const char *base, const carp_mesh *m,
                                 mpinn_subject **subject) {
  mpinn_mesh *mesh = NULL;
  const mpinn_cell_type type = m->columns == 4 ? MPINN_TETRAHEDRON : MPINN_TRIANGLE;
  mpinn_status status = mpinn_mesh_create(context, type, m->n_nodes, m->points, m->n_cells, m->cells, &mesh);
  if (status != MPINN_OK) {
    char sentence[768];
    snprintf(sentence, sizeof sentence, "%s", mpinn_context_error(context));
    return mpinn_fail(context, status, "%s.pts: %s", base, sentence);
  }
  status = mpinn_subject_create(context, &mesh, subject);
  mpinn_mesh_destroy(&mesh);
  MPINN_TRY(status);
  MPINN_TRY(mpinn_subject_add_array(context, *subject, "region", MPINN_CELLS, MPINN_INT32, m->n_cells, 1,
                                    m->regions, NULL));
  MPINN_TRY(read_directions(context, base, m, *subject));
  return read_all_node_data(context, base, m->n_nodes, *subject);
}

mpinn_status mpinn_opencarp_read(mpinn_context *context, const char *path, mpinn_subject **subject) {
  carp_mesh m = {0};
  *subject = NULL;
  char *base = base_name(path);
  if (!base) return no_memory(context);
  mpinn_status status = read_carp_mesh(context, base, &m);
  if (status == MPINN_OK) say_units(context, base, &m);
  if (status == MPINN_OK) status = make_subject(context, base, &m, subject);
  if (status != MPINN_OK) mpinn_subject_destroy(subject);
  carp_mesh_clear(&m);
  free(base);
  return status;
}

/* ---- writing ---- */

typedef void write_function(FILE *stream, const mpinn_subject *subject, const mpinn_array *array);

static void write_points(FILE *stream, const mpinn_subject *subject, const mpinn_array *array) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const double *p = mpinn_mesh_points(mesh);
  (void)array;
  fprintf(stream, "%zu\n", mpinn_mesh_node_count(mesh));
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++, p += 3)
    fprintf(stream, "%.10g %.10g %.10g\n", p[0] / mm_per_um, p[1] / mm_per_um, p[2] / mm_per_um);
}

static void write_elements(FILE *stream, const mpinn_subject *subject, const mpinn_array *region) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const int columns = (int)mpinn_mesh_cell_type(mesh);
  const int32_t *cell = mpinn_mesh_cells(mesh);
  fprintf(stream, "%zu\n", mpinn_mesh_cell_count(mesh));
  for (size_t i = 0; i < mpinn_mesh_cell_count(mesh); i++, cell += columns) {
    fputs(columns == 4 ? "Tt" : "Tr", stream);
    for (int v = 0; v < columns; v++) fprintf(stream, " %d", (int)cell[v]);
    fprintf(stream, " %d\n", region ? (int)mpinn_array_get(region, i, 0) : 1);
  }
}

static void write_directions(FILE *stream, const mpinn_subject *subject, const mpinn_array *fiber) {
  const mpinn_array *sheet = mpinn_subject_find(subject, "sheet", MPINN_CELLS);
  if (sheet && sheet->components != 3) sheet = NULL;
  fprintf(stream, "%d\n", sheet ? 2 : 1);
  for (size_t i = 0; i < fiber->rows; i++) {
    for (size_t d = 0; d < 3; d++) fprintf(stream, "%s%.9g", d ? " " : "", mpinn_array_get(fiber, i, d));
    for (size_t d = 0; sheet && d < 3; d++) fprintf(stream, " %.9g", mpinn_array_get(sheet, i, d));
    fputc('\n', stream);
  }
}

/* NaN in an activation map is the word -1, and a time that is minus one is -1.0: add_node_data tells them
 * apart. */
static void write_node_data(FILE *stream, const mpinn_subject *subject, const mpinn_array *array) {
  const bool map = mpinn_map_name_is_activation(array->name);
  (void)subject;
  for (size_t i = 0; i < array->rows; i++) {
    const double value = mpinn_array_get(array, i, 0);
    if (map && (isnan(value) || value == -1))
      fputs(isnan(value) ? "-1\n" : "-1.0\n", stream);
    else
      fprintf(stream, "%.9g\n", value);
  }
}

typedef struct parts {
  size_t n;
  mpinn_newfile **files;
} parts;

static mpinn_status write_part(mpinn_context *context, const char *base, const char *middle,
                               const char *suffix, write_function *write, const mpinn_subject *subject,
                               const mpinn_array *array, parts *p) {
  char *path = join(base, middle, suffix);
  if (!path) return no_memory(context);
  const mpinn_status status = mpinn_newfile_open(context, path, &p->files[p->n]);
  free(path);
  MPINN_TRY(status);
  write(mpinn_newfile_stream(p->files[p->n++]), subject, array);
  return MPINN_OK;
}

static bool is_direction(const mpinn_array *array) {
  return array->association == MPINN_CELLS && array->components == 3 &&
         (strcmp(array->name, "fiber") == 0 || strcmp(array->name, "sheet") == 0);
}

static mpinn_status write_arrays(mpinn_context *context, const char *base, const mpinn_subject *subject,
                                 parts *p) {
  size_t left_out = 0;
  for (size_t i = 0; i < mpinn_subject_array_count(subject); i++) {
    const mpinn_array *array = mpinn_subject_array_at(subject, i);
    if (is_direction(array) || (array->association == MPINN_CELLS && strcmp(array->name, "region") == 0))
      continue;
    if (array->association != MPINN_NODES || array->components != 1 || strchr(array->name, '/')) {
      left_out++;
      continue;
    }
    char *middle = join(".", array->name, "");
    if (!middle) return no_memory(context);
    const mpinn_status status = write_part(context, base, middle, ".dat", write_node_data, subject, array, p);
    free(middle);
    MPINN_TRY(status);
  }
  left_out += mpinn_subject_text_count(subject);
  if (left_out > 0)
    mpinn_say(context, MPINN_LOG_INFO,
              "%s.pts: %zu arrays and texts that openCARP's files have no place for are left out", base,
              left_out);
  return MPINN_OK;
}

static mpinn_status write_parts(mpinn_context *context, const char *base, const mpinn_subject *subject,
                                parts *p) {
  const mpinn_array *region = mpinn_subject_find(subject, "region", MPINN_CELLS);
  const mpinn_array *fiber = mpinn_subject_find(subject, "fiber", MPINN_CELLS);
  if (region && region->components != 1) region = NULL;
  MPINN_TRY(write_part(context, base, "", ".pts", write_points, subject, NULL, p));
  MPINN_TRY(write_part(context, base, "", ".elem", write_elements, subject, region, p));
  if (fiber && fiber->components == 3)
    MPINN_TRY(write_part(context, base, "", ".lon", write_directions, subject, fiber, p));
  return write_arrays(context, base, subject, p);
}

mpinn_status mpinn_opencarp_write(mpinn_context *context, const char *path, const mpinn_subject *subject) {
  parts p = {0};
  char *base = base_name(path);
  if (!base) return no_memory(context);
  mpinn_status status = MPINN_NEW(context, &p.files, mpinn_subject_array_count(subject) + 3);
  if (status == MPINN_OK) status = write_parts(context, base, subject, &p);
  /* The files replace the old ones only when all of them are written. */
  for (size_t i = 0; i < p.n; i++)
    if (status == MPINN_OK)
      status = mpinn_newfile_finish(context, &p.files[i]);
    else
      mpinn_newfile_drop(&p.files[i]);
  free(p.files);
  free(base);
  return status;
}
