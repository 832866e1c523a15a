#include "cli.h"

#include "base/tensorfile.h"
#include "metapinn/map_names.h"
#include <getopt.h>
#include <math.h>
#include <string.h>

static const char help[] =
    "Usage: metapinn info FILE …\n"
    "\n"
    "Prints what is in a file: of a heart the mesh and what its validation found, every array with its range and which of\n"
    "them are taken for activation maps, and the texts; of a data set one line for each heart (FILE#3 prints one of them\n"
    "in full); of weights their texts and size.\n";

/* ---- a heart ---- */

static void print_mesh(const mpinn_mesh *mesh) {
  const mpinn_mesh_report r = mpinn_mesh_get_report(mesh);
  const double *p = mpinn_mesh_points(mesh);
  double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
  for (size_t i = 0; i < 3 * mpinn_mesh_node_count(mesh); i++) {
    low[i % 3] = fmin(low[i % 3], p[i]);
    high[i % 3] = fmax(high[i % 3], p[i]);
  }
  printf("  nodes             %zu\n", mpinn_mesh_node_count(mesh));
  printf("  %-17s %zu\n", mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON ? "tetrahedra" : "triangles",
         mpinn_mesh_cell_count(mesh));
  printf("  size              %.4g x %.4g x %.4g mm, from (%.4g, %.4g, %.4g)\n", high[0] - low[0],
         high[1] - low[1], high[2] - low[2], low[0], low[1], low[2]);
  printf("  mean edge         %.4g mm\n", mpinn_mesh_mean_edge(mesh));
  printf("  components        %zu\n", r.components);
  printf("  unreferenced      %zu nodes of no usable cell\n", r.unreferenced);
  printf("  not used          %zu degenerate and %zu duplicate cells\n", r.degenerate_cells,
         r.duplicate_cells);
  printf("  turned around     %zu inverted cells\n", r.inverted_cells);
}

/* Range over all values of an array, and how many are no numbers. */
static void print_range(const mpinn_array *array) {
  double low = INFINITY, high = -INFINITY;
  size_t missing = 0;
  for (size_t i = 0; i < array->rows; i++)
    for (size_t c = 0; c < array->components; c++) {
      const double value = mpinn_array_get(array, i, c);
      if (isnan(value)) missing++;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  if (low <= high)
    printf("%.5g … %.5g", low, high);
  else
    printf("no number");
  if (missing) printf(", %zu NaN", missing);
}

static mpinn_status print_map(mpinn_cli *cli, const mpinn_array *array) {
  double *clean = NULL;
  MPINN_TRY(MPINN_NEW(cli->context, &clean, array->rows));
  const mpinn_map_cleaning c = mpinn_array_clean(array, clean);
  free(clean);
  printf("; activation map, %zu of %zu nodes measured", c.measured, array->rows);
  if (c.sentinel) printf(", %zu sentinels", c.sentinel);
  return MPINN_OK;
}

static mpinn_status print_arrays(mpinn_cli *cli, const mpinn_subject *subject) {
  static const char *const places[] = {"node", "cell", "field"};
  static const char *const types[] = {"int32", "float32", "float64"};
  for (size_t i = 0; i < mpinn_subject_array_count(subject); i++) {
    const mpinn_array *a = mpinn_subject_array_at(subject, i);
    printf("  %-5s %-16s %-7s %zu x %zu: ", places[a->association], a->name, types[a->type], a->rows,
           a->components);
    print_range(a);
    if (mpinn_array_is_map(a)) MPINN_TRY(print_map(cli, a));
    putchar('\n');
  }
  return MPINN_OK;
}

static mpinn_status print_subject(mpinn_cli *cli, const mpinn_subject *subject) {
  print_mesh(mpinn_subject_mesh(subject));
  puts("arrays");
  MPINN_TRY(print_arrays(cli, subject));
  if (mpinn_subject_text_count(subject)) puts("texts");
  for (size_t i = 0; i < mpinn_subject_text_count(subject); i++) {
    const char *key = NULL, *value = NULL;
    mpinn_subject_text_at(subject, i, &key, &value);
    printf("  %s: %s\n", key, value);
  }
  return MPINN_OK;
}

/* ---- a data set, weights ---- */

static void print_line(size_t index, const mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const char *heart = mpinn_subject_get_text(subject, "heart"),
             *scar = mpinn_subject_get_text(subject, "scar");
  printf("  %3zu: %zu nodes, %zu cells, %zu maps%s%s%s%s\n", index, mpinn_mesh_node_count(mesh),
         mpinn_mesh_cell_count(mesh), mpinn_subject_map_count(subject), heart ? ", heart " : "",
         heart ? heart : "", scar ? ", scar " : "", scar ? scar : "");
}

static mpinn_status print_data_set(mpinn_cli *cli, const char *path) {
  size_t count = 0;
  mpinn_subject **subjects = NULL;
  MPINN_TRY(mpinn_cli_read_all(cli, path, &count, &subjects));
  mpinn_status status = MPINN_OK;
  printf("%s: %zu heart%s\n", path, count, count == 1 ? "" : "s");
  if (count == 1)
    status = print_subject(cli, subjects[0]);
  else
    for (size_t i = 0; i < count; i++) print_line(i, subjects[i]);
  mpinn_subjects_destroy(count, &subjects);
  return status;
}

static void print_tensors(const char *path, const mpinn_tensorfile *file) {
  size_t values = 0;
  char hash[65];
  for (size_t i = 0; i < mpinn_tensorfile_count(file); i++) values += mpinn_tensorfile_at(file, i)->count;
  mpinn_tensorfile_sha256(file, hash);
  printf("%s: %zu tensors of %zu values\n  sha256: %s\n", path, mpinn_tensorfile_count(file), values, hash);
  for (size_t i = 0; i < mpinn_tensorfile_text_count(file); i++) {
    const char *key = NULL, *value = NULL;
    mpinn_tensorfile_text_at(file, i, &key, &value);
    printf("  %s: %s\n", key, value);
  }
  for (size_t i = 0; i < mpinn_tensorfile_count(file); i++) {
    const mpinn_tensor *t = mpinn_tensorfile_at(file, i);
    printf("  %-40s %-4s [", t->name, mpinn_dtype_name(t->dtype));
    for (int d = 0; d < t->rank; d++) printf("%s%zu", d ? ", " : "", t->shape[d]);
    puts("]");
  }
}

/* Hearts in full; any other safetensors file by its header. */
static mpinn_status print_safetensors(mpinn_cli *cli, const char *path) {
  mpinn_tensorfile *file = NULL;
  MPINN_TRY(mpinn_tensorfile_read(cli->context, path, &file));
  const char *format = mpinn_tensorfile_text(file, "format");
  const bool hearts = format && strcmp(format, "metapinn-subjects") == 0;
  if (!hearts) print_tensors(path, file);
  mpinn_tensorfile_destroy(&file);
  return hearts ? print_data_set(cli, path) : MPINN_OK;
}

static mpinn_status print_file(mpinn_cli *cli, const char *path) {
  const char *dot = strrchr(path, '.');
  if (dot && strcmp(dot, ".safetensors") == 0) return print_safetensors(cli, path);
  mpinn_subject *subject = NULL;
  MPINN_TRY(mpinn_cli_read(cli, path, &subject));
  printf("%s\n", path);
  const mpinn_status status = print_subject(cli, subject);
  mpinn_subject_destroy(&subject);
  return status;
}

static int run(mpinn_cli *cli, int argc, char **argv) {
  static const struct option options[] = {MPINN_CLI_COMMON_OPTIONS};
  for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
    const int code = mpinn_cli_common_option(cli, &mpinn_cli_info, option, argv);
    if (code != MPINN_CLI_CONTINUE) return code;
  }
  if (optind == argc) return mpinn_cli_usage(cli, "expected a file");
  mpinn_status status = mpinn_cli_start(cli);
  for (int i = optind; i < argc && status == MPINN_OK; i++) status = print_file(cli, argv[i]);
  return mpinn_cli_status(cli, status);
}

const mpinn_cli_command mpinn_cli_info = {"info", "prints what is in a file", help, run};
