/* Subject files: hearts come back as they were written, and no broken file makes a heart. */
#include "base/tensorfile.h"
#include "metapinn/map_names.h"
#include "metapinn/subject.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
  mpinn_context *context;
  char path[64];
} fixture;

static const double points[5][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1.0000000001}};
static const int32_t cells[2][4] = {{0, 1, 2, 3}, {1, 2, 3, 4}};

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  assert_int_equal(mpinn_context_create(NULL, &f->context), MPINN_OK);
  snprintf(f->path, sizeof f->path, "test_subject_file_%ld.safetensors", (long)getpid());
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  remove(f->path);
  mpinn_context_destroy(&f->context);
  free(f);
  return 0;
}

static mpinn_subject *make_subject(fixture *f, bool surface) {
  static const int32_t triangles[2][3] = {{0, 1, 2}, {1, 2, 4}};
  mpinn_mesh *mesh = NULL;
  mpinn_subject *subject = NULL;
  assert_int_equal(mpinn_mesh_create(f->context, surface ? MPINN_TRIANGLE : MPINN_TETRAHEDRON, 5, points[0],
                                     2, surface ? triangles[0] : cells[0], &mesh),
                   MPINN_OK);
  assert_int_equal(mpinn_subject_create(f->context, &mesh, &subject), MPINN_OK);
  return subject;
}

static void add(fixture *f, mpinn_subject *subject, const char *name, mpinn_association association,
                mpinn_type type, size_t rows, size_t components, const void *values) {
  assert_int_equal(
      mpinn_subject_add_array(f->context, subject, name, association, type, rows, components, values, NULL),
      MPINN_OK);
}

static void assert_same_arrays(const mpinn_subject *a, const mpinn_subject *b) {
  assert_int_equal(mpinn_subject_array_count(a), mpinn_subject_array_count(b));
  for (size_t i = 0; i < mpinn_subject_array_count(a); i++) {
    const mpinn_array *x = mpinn_subject_array_at(a, i), *y = mpinn_subject_array_at(b, i);
    const size_t bytes = x->rows * x->components * (x->type == MPINN_FLOAT64 ? 8 : 4);
    assert_string_equal(x->name, y->name);
    assert_int_equal(x->association, y->association);
    assert_int_equal(x->type, y->type);
    assert_int_equal(x->rows, y->rows);
    assert_int_equal(x->components, y->components);
    assert_memory_equal(x->values, y->values, bytes);
  }
}

static void subjects_come_back_bit_for_bit(void **state) {
  fixture *f = *state;
  mpinn_subject *subjects[2] = {make_subject(f, false), make_subject(f, true)}, **back = NULL;
  const float at[5] = {1, NAN, -3, 0.1f, -0.0f};
  const int32_t segment[5] = {1, 2, 3, 4, INT32_MIN};
  const double origins[2][4] = {{1, 2, 3, 0}, {4, 5, 6, 0.1}};
  const float fiber[2][3] = {{1, 0, 0}, {0, 1, 0}};
  size_t count = 0;
  add(f, subjects[0], "AT_00", MPINN_NODES, MPINN_FLOAT32, 5, 1, at);
  add(f, subjects[0], "a/b c\"é", MPINN_NODES, MPINN_INT32, 5, 1, segment);
  add(f, subjects[0], "fiber", MPINN_CELLS, MPINN_FLOAT32, 2, 3, fiber);
  add(f, subjects[0], "AT_00", MPINN_CELLS, MPINN_FLOAT32, 2, 1, at);
  add(f, subjects[0], "origins", MPINN_FIELD, MPINN_FLOAT64, 2, 4, origins);
  mpinn_subject_set_text(f->context, subjects[0], "heart", "one");
  mpinn_subject_set_text(f->context, subjects[0], "a/key", "with \"quotes\" and\nlines");
  assert_int_equal(mpinn_subjects_write(f->context, f->path, 2, subjects), MPINN_OK);
  assert_int_equal(mpinn_subjects_read(f->context, f->path, &count, &back), MPINN_OK);
  assert_int_equal(count, 2);
  const mpinn_mesh *mesh = mpinn_subject_mesh(back[0]);
  assert_int_equal(mpinn_mesh_cell_type(mesh), MPINN_TETRAHEDRON);
  assert_memory_equal(mpinn_mesh_points(mesh), points, sizeof points);
  assert_memory_equal(mpinn_mesh_cells(mesh), mpinn_mesh_cells(mpinn_subject_mesh(subjects[0])),
                      sizeof cells);
  assert_int_equal(mpinn_mesh_cell_type(mpinn_subject_mesh(back[1])), MPINN_TRIANGLE);
  assert_same_arrays(subjects[0], back[0]);
  assert_same_arrays(subjects[1], back[1]);
  assert_int_equal(mpinn_subject_text_count(back[0]), 2);
  assert_string_equal(mpinn_subject_get_text(back[0], "a/key"), "with \"quotes\" and\nlines");
  assert_null(mpinn_subject_get_text(back[1], "heart"));
  mpinn_subjects_destroy(count, &back);
  mpinn_subject_destroy(&subjects[0]);
  mpinn_subject_destroy(&subjects[1]);
}

/* ---- files made by hand ---- */

typedef struct maker {
  fixture *f;
  mpinn_tensorwriter *writer;
} maker;

static maker begin_file(fixture *f, const char *version) {
  maker m = {.f = f};
  assert_int_equal(mpinn_tensorwriter_create(f->context, &m.writer), MPINN_OK);
  mpinn_tensorwriter_text(f->context, m.writer, "format", "metapinn-subjects");
  mpinn_tensorwriter_text(f->context, m.writer, "format_version", version);
  return m;
}

static void put(maker *m, const char *name, mpinn_dtype dtype, size_t rows, size_t columns,
                const void *values) {
  mpinn_tensorwriter_tensor(m->f->context, m->writer, name, dtype, columns ? 2 : 1, (size_t[]){rows, columns},
                            values);
}

static void put_mesh(maker *m) {
  put(m, "subject_000/points", MPINN_DTYPE_F64, 5, 3, points);
  put(m, "subject_000/cells", MPINN_DTYPE_I32, 2, 4, cells);
}

static void expect(maker *m, mpinn_status status, const char *sentence) {
  size_t count = 7;
  mpinn_subject **subjects = NULL;
  assert_int_equal(mpinn_tensorwriter_save(m->f->context, m->writer, m->f->path), MPINN_OK);
  mpinn_tensorwriter_destroy(&m->writer);
  const mpinn_status got = mpinn_subjects_read(m->f->context, m->f->path, &count, &subjects);
  const char *said = mpinn_context_error(m->f->context);
  if (status != MPINN_OK && (!strstr(said, sentence) || !strstr(said, m->f->path)))
    fail_msg("\"%s\" does not say \"%s\"", said, sentence);
  assert_int_equal(got, status);
  if (status == MPINN_OK)
    mpinn_subjects_destroy(count, &subjects);
  else
    assert_true(count == 0 && !subjects);
}

static void other_number_types_are_converted(void **state) {
  fixture *f = *state;
  const float narrow[5][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
  const int64_t wide[2][4] = {{0, 1, 2, 3}, {1, 2, 3, 4}};
  const uint8_t small[5] = {1, 2, 3, 4, 255};
  maker m = begin_file(f, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F32, 5, 3, narrow);
  put(&m, "subject_000/cells", MPINN_DTYPE_I64, 2, 4, wide);
  put(&m, "subject_000/node/segment", MPINN_DTYPE_U8, 5, 0, small);
  expect(&m, MPINN_OK, "");
}

static void a_newer_version_is_refused(void **state) {
  maker m = begin_file(*state, "2");
  put_mesh(&m);
  expect(&m, MPINN_ERROR_FORMAT, "use a newer one");
}

static void a_file_of_something_else_is_refused(void **state) {
  fixture *f = *state;
  maker m = {.f = f};
  assert_int_equal(mpinn_tensorwriter_create(f->context, &m.writer), MPINN_OK);
  mpinn_tensorwriter_text(f->context, m.writer, "format", "pt");
  expect(&m, MPINN_ERROR_FORMAT, "format 'pt', expected 'metapinn-subjects'");
}

static void a_file_without_hearts_is_refused(void **state) {
  maker m = begin_file(*state, "1");
  expect(&m, MPINN_ERROR_FORMAT, "holds no subject");
}

static void a_missing_heart_is_named(void **state) {
  maker m = begin_file(*state, "1");
  put_mesh(&m);
  put(&m, "subject_001/points", MPINN_DTYPE_F64, 5, 3, points);
  expect(&m, MPINN_ERROR_FORMAT, "no tensor 'subject_001/cells'");
  m = begin_file(*state, "1");
  put(&m, "subject_900000000/points", MPINN_DTYPE_F64, 5, 3, points);
  expect(&m, MPINN_ERROR_FORMAT, "subject 900000000");
}

static void wrong_shapes_are_named(void **state) {
  maker m = begin_file(*state, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F64, 3, 5, points);
  put(&m, "subject_000/cells", MPINN_DTYPE_I32, 2, 4, cells);
  expect(&m, MPINN_ERROR_FORMAT, "'subject_000/points' has shape [3, 5], expected [any, 3]");
  m = begin_file(*state, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F64, 5, 3, points);
  put(&m, "subject_000/cells", MPINN_DTYPE_I32, 4, 2, cells);
  expect(&m, MPINN_ERROR_FORMAT, "expected 3 (triangles) or 4 (tetrahedra) columns");
  m = begin_file(*state, "1");
  put_mesh(&m);
  put(&m, "subject_000/node/AT", MPINN_DTYPE_F32, 3, 0, points);
  expect(&m, MPINN_ERROR_FORMAT, "'subject_000/node/AT' has 3 rows, expected 5, one a node");
  m = begin_file(*state, "1");
  put_mesh(&m);
  put(&m, "subject_000/cell/CV", MPINN_DTYPE_F32, 5, 0, points);
  expect(&m, MPINN_ERROR_FORMAT, "'subject_000/cell/CV' has 5 rows, expected 2, one a cell");
}

static void a_broken_mesh_is_named_with_its_file(void **state) {
  const double infinite[5][3] = {{0, NAN, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
  const int32_t outside[2][4] = {{0, 1, 2, 3}, {1, 2, 3, 5}};
  maker m = begin_file(*state, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F64, 5, 3, infinite);
  put(&m, "subject_000/cells", MPINN_DTYPE_I32, 2, 4, cells);
  expect(&m, MPINN_ERROR_MESH, "");
  m = begin_file(*state, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F64, 5, 3, points);
  put(&m, "subject_000/cells", MPINN_DTYPE_I32, 2, 4, outside);
  expect(&m, MPINN_ERROR_MESH, "");
  m = begin_file(*state, "1");
  put(&m, "subject_000/points", MPINN_DTYPE_F64, 0, 3, points);
  put(&m, "subject_000/cells", MPINN_DTYPE_I32, 0, 4, cells);
  expect(&m, MPINN_ERROR_MESH, "");
}

/* Every prefix of a good file is refused, without a crash. */
static void truncated_files_are_refused(void **state) {
  fixture *f = *state;
  mpinn_subject *subject = make_subject(f, false);
  assert_int_equal(mpinn_subjects_write(f->context, f->path, 1, &subject), MPINN_OK);
  mpinn_subject_destroy(&subject);
  FILE *stream = fopen(f->path, "rb");
  unsigned char bytes[4096];
  const size_t size = fread(bytes, 1, sizeof bytes, stream);
  fclose(stream);
  for (size_t n = 0; n < size; n++) {
    mpinn_tensorfile *file = NULL;
    assert_int_equal(mpinn_tensorfile_parse(f->context, "x", n, bytes, &file), MPINN_ERROR_FORMAT);
  }
}

/* ---- map names and gaps ---- */

static void names_of_activation_maps_are_known(void **state) {
  static const char *const maps[] = {"AT",
                                     "AT_00",
                                     "AT_ms",
                                     "AT12",
                                     "at",
                                     "LAT",
                                     "LAT_system",
                                     "lat",
                                     "Lat-1",
                                     "ActivationTimes",
                                     "activation_time",
                                     "local_activation_time",
                                     "LocalActivationTimes",
                                     "activation",
                                     "Activation Time (ms)",
                                     "activation_map_3",
                                     "TimeOfActivation"};
  static const char *const others[] = {"CV",          "ATStd",   "ATEikonal",    "AT_input",
                                       "Atlas",       "lateral", "latitude",     "CVStd",
                                       "state",       "AT_std",  "scar",         "",
                                       "PDEResidual", "Support", "LAT_error",    "activation_mask",
                                       "aT",          "A",       "AT_predicted", "activationClass"};
  (void)state;
  for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
    if (!mpinn_map_name_is_activation(maps[i])) fail_msg("'%s' is not taken for a map", maps[i]);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (mpinn_map_name_is_activation(others[i])) fail_msg("'%s' is taken for a map", others[i]);
}

static void gaps_and_sentinels_are_counted_and_negative_times_kept(void **state) {
  const double values[7] = {1, NAN, -10000, -9999, -50, INFINITY, -9998.9};
  double clean[7];
  (void)state;
  const mpinn_map_cleaning c = mpinn_map_clean(7, values, clean);
  assert_int_equal(c.measured, 3);
  assert_int_equal(c.missing, 2);
  assert_int_equal(c.sentinel, 2);
  assert_int_equal(c.negative, 2);
  assert_true(clean[0] == 1 && clean[4] == -50 && clean[6] == -9998.9);
  assert_true(isnan(clean[1]) && isnan(clean[2]) && isnan(clean[3]) && isnan(clean[5]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(subjects_come_back_bit_for_bit, setup, teardown),
      cmocka_unit_test_setup_teardown(other_number_types_are_converted, setup, teardown),
      cmocka_unit_test_setup_teardown(a_newer_version_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_of_something_else_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_without_hearts_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_missing_heart_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(wrong_shapes_are_named, setup, teardown),
      cmocka_unit_test_setup_teardown(a_broken_mesh_is_named_with_its_file, setup, teardown),
      cmocka_unit_test_setup_teardown(truncated_files_are_refused, setup, teardown),
      cmocka_unit_test(names_of_activation_maps_are_known),
      cmocka_unit_test(gaps_and_sentinels_are_counted_and_negative_times_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
