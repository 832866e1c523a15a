/* The safetensors reader and writer: what is written comes back, and no broken file is believed. */
#include "base/tensorfile.h"

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

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  assert_int_equal(mpinn_context_create(NULL, &f->context), MPINN_OK);
  snprintf(f->path, sizeof f->path, "test_tensorfile_%ld.safetensors", (long)getpid());
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

/* A file in memory of this header and as many data bytes. */
static mpinn_status parse_header(fixture *f, const char *header, size_t data, mpinn_tensorfile **file) {
  static unsigned char bytes[4096];
  const uint64_t length = strlen(header);
  memset(bytes, 0, sizeof bytes);
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, length);
  return mpinn_tensorfile_parse(f->context, "x.safetensors", 8 + length + data, bytes, file);
}

static void expect_refused(fixture *f, const char *header, size_t data, const char *sentence) {
  mpinn_tensorfile *file = NULL;
  assert_int_equal(parse_header(f, header, data, &file), MPINN_ERROR_FORMAT);
  assert_null(file);
  if (!strstr(mpinn_context_error(f->context), sentence))
    fail_msg("\"%s\" does not say \"%s\"", mpinn_context_error(f->context), sentence);
}

static void written_tensors_come_back(void **state) {
  fixture *f = *state;
  const double wide[3] = {1, NAN, -INFINITY};
  const int32_t whole[2][2] = {{1, -2}, {INT32_MAX, INT32_MIN}};
  const float half[5] = {0.5f, -2.25f, 65504.0f, 6e-8f, NAN};
  const uint8_t byte[3] = {1, 2, 255};
  mpinn_tensorwriter *writer = NULL;
  assert_int_equal(mpinn_tensorwriter_create(f->context, &writer), MPINN_OK);
  mpinn_tensorwriter_text(f->context, writer, "quote", "a \"b\"\n\\ é");
  mpinn_tensorwriter_tensor(f->context, writer, "byte", MPINN_DTYPE_U8, 1, (size_t[]){3}, byte);
  mpinn_tensorwriter_halves(f->context, writer, "half", 1, (size_t[]){5}, half);
  mpinn_tensorwriter_tensor(f->context, writer, "whole", MPINN_DTYPE_I32, 2, (size_t[]){2, 2}, whole);
  mpinn_tensorwriter_tensor(f->context, writer, "wide", MPINN_DTYPE_F64, 1, (size_t[]){3}, wide);
  mpinn_tensorwriter_tensor(f->context, writer, "none", MPINN_DTYPE_F32, 2, (size_t[]){0, 7}, NULL);
  mpinn_tensorwriter_tensor(f->context, writer, "scalar", MPINN_DTYPE_F64, 0, NULL, wide);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, f->path), MPINN_OK);
  mpinn_tensorwriter_destroy(&writer);

  mpinn_tensorfile *file = NULL;
  assert_int_equal(mpinn_tensorfile_read(f->context, f->path, &file), MPINN_OK);
  assert_int_equal(mpinn_tensorfile_count(file), 6);
  assert_string_equal(mpinn_tensorfile_at(file, 0)->name, "byte");
  assert_string_equal(mpinn_tensorfile_text(file, "quote"), "a \"b\"\n\\ é");
  assert_null(mpinn_tensorfile_text(file, "absent"));
  assert_null(mpinn_tensorfile_find(file, "absent"));
  double wide_back[3];
  mpinn_tensor_to_double(mpinn_tensorfile_find(file, "wide"), wide_back);
  assert_memory_equal(wide, wide_back, sizeof wide);
  int32_t whole_back[2][2], byte_back[3];
  assert_int_equal(
      mpinn_tensor_to_int32(f->context, file, mpinn_tensorfile_find(file, "whole"), whole_back[0]), 0);
  assert_memory_equal(whole, whole_back, sizeof whole);
  assert_int_equal(mpinn_tensor_to_int32(f->context, file, mpinn_tensorfile_find(file, "byte"), byte_back),
                   0);
  assert_int_equal(byte_back[2], 255);
  float half_back[5];
  assert_int_equal(mpinn_tensorfile_floats(f->context, file, "half", 1, (size_t[]){5}, half_back), MPINN_OK);
  for (int i = 0; i < 3; i++) assert_true(half_back[i] == half[i]);
  assert_true(half_back[3] == 0x1p-24f);
  assert_true(isnan(half_back[4]));
  assert_int_equal(mpinn_tensorfile_find(file, "scalar")->count, 1);
  assert_int_equal(mpinn_tensorfile_find(file, "none")->count, 0);
  mpinn_tensorfile_destroy(&file);
}

static void tensors_of_a_written_file_are_aligned(void **state) {
  fixture *f = *state;
  static const char zeros[64];
  mpinn_tensorwriter *writer = NULL;
  assert_int_equal(mpinn_tensorwriter_create(f->context, &writer), MPINN_OK);
  mpinn_tensorwriter_tensor(f->context, writer, "a", MPINN_DTYPE_U8, 1, (size_t[]){3}, zeros);
  mpinn_tensorwriter_tensor(f->context, writer, "b", MPINN_DTYPE_F32, 1, (size_t[]){3}, zeros);
  mpinn_tensorwriter_tensor(f->context, writer, "c", MPINN_DTYPE_F64, 1, (size_t[]){3}, zeros);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, f->path), MPINN_OK);
  mpinn_tensorwriter_destroy(&writer);
  mpinn_tensorfile *file = NULL;
  assert_int_equal(mpinn_tensorfile_read(f->context, f->path, &file), MPINN_OK);
  for (size_t i = 0; i < 3; i++) {
    const mpinn_tensor *t = mpinn_tensorfile_at(file, i);
    assert_int_equal((uintptr_t)t->data % mpinn_dtype_bytes(t->dtype), 0);
  }
  mpinn_tensorfile_destroy(&file);
}

/* All 65,536 halves: exact there, and back to the same bits (NaN to a NaN). */
static void every_half_survives(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const uint16_t half = (uint16_t)bits;
    const int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
    const double size = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    float value;
    uint16_t back;
    mpinn_half_to_float(1, &half, &value);
    mpinn_float_to_half(1, &value, &back);
    if (exponent < 31) assert_true(value == (bits & 0x8000 ? -size : size));
    if (exponent == 31 && mantissa) assert_true(isnan(value) && (back & 0x7c00) == 0x7c00 && (back & 1023));
    if (exponent < 31 || !mantissa) assert_int_equal(back, half);
    assert_int_equal(signbit(value) != 0, bits >> 15);
  }
}

static void floats_round_to_the_nearest_half_ties_to_even(void **state) {
  (void)state;
  static const struct {
    float value;
    double half;
  } cases[] = {{1 + 0x1p-11f, 1},        {1 + 0x1.8p-10f, 1 + 0x1p-9},   {1 + 0x1.1p-11f, 1 + 0x1p-10},
               {65519.0f, 65504},        {65520.0f, INFINITY},           {0x1p-25f, 0},
               {0x1.1p-25f, 0x1p-24},    {0x1.8p-24f, 0x1p-23},          {0x1.ff8p-15f, 0x1.ff8p-15},
               {0x1.ffffp-15f, 0x1p-14}, {-1 - 0x1.8p-11f, -1 - 0x1p-10}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint16_t half;
    float back;
    mpinn_float_to_half(1, &cases[i].value, &half);
    mpinn_half_to_float(1, &half, &back);
    assert_true(back == cases[i].half);
  }
}

static void broken_headers_are_refused(void **state) {
  fixture *f = *state;
  expect_refused(f, "[]", 0, "no JSON header");
  expect_refused(f, "{\"a\":", 0, "not a JSON object");
  expect_refused(f, "{} x", 0, "something follows");
  expect_refused(f, "{\"a\":3}", 0, "'a' is not described");
  expect_refused(f, "{\"a\":{\"dtype\":\"Q7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype 'Q7'");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
                 "which is not F32 of [1]");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole numbers");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "whole numbers");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e300]}}", 4,
                 "data_offsets");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "truncated");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "holds 8 bytes");
  expect_refused(f, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
                 "more dimensions");
  expect_refused(f, "{\"a\":{\"dtype\":\"F64\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
                 "too large");
  expect_refused(f, "{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483648,1073741824],\"data_offsets\":[0,0]}}", 0,
                 "which is not F64");
  expect_refused(f,
                 "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
                 4, "'b' overlaps");
  expect_refused(f,
                 "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
                 4, "gap");
  expect_refused(f,
                 "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                 "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
                 4, "twice");
  expect_refused(f, "{\"__metadata__\":{\"a\":1}}", 0, "'a' is not a string");
}

static void a_header_longer_than_the_file_is_refused(void **state) {
  fixture *f = *state;
  mpinn_tensorfile *file = NULL;
  unsigned char bytes[16] = {200, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
  assert_int_equal(mpinn_tensorfile_parse(f->context, "x", 16, bytes, &file), MPINN_ERROR_FORMAT);
  assert_non_null(strstr(mpinn_context_error(f->context), "header of 200 bytes"));
  memset(bytes, 0xff, 8);
  assert_int_equal(mpinn_tensorfile_parse(f->context, "x", 16, bytes, &file), MPINN_ERROR_FORMAT);
  for (size_t n = 0; n < 10; n++)
    assert_int_equal(mpinn_tensorfile_parse(f->context, "x", n, bytes, &file), MPINN_ERROR_FORMAT);
}

static void a_wrong_shape_is_named(void **state) {
  fixture *f = *state;
  mpinn_tensorfile *file = NULL;
  const mpinn_tensor *tensor = NULL;
  assert_int_equal(
      parse_header(f, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 24, &file),
      MPINN_OK);
  assert_int_equal(mpinn_tensorfile_expect(f->context, file, "w", 2, (size_t[]){SIZE_MAX, 3}, &tensor),
                   MPINN_OK);
  assert_int_equal(mpinn_tensorfile_expect(f->context, file, "w", 2, (size_t[]){3, 2}, &tensor),
                   MPINN_ERROR_FORMAT);
  assert_string_equal(mpinn_context_error(f->context),
                      "x.safetensors: tensor 'w' has shape [2, 3], expected [3, 2]");
  assert_int_equal(mpinn_tensorfile_expect(f->context, file, "v", 1, (size_t[]){3}, &tensor),
                   MPINN_ERROR_FORMAT);
  assert_string_equal(mpinn_context_error(f->context),
                      "x.safetensors: has no tensor 'v', expected one of shape [3]");
  mpinn_tensorfile_destroy(&file);
}

static void formats_and_versions_are_checked(void **state) {
  fixture *f = *state;
  mpinn_tensorfile *file = NULL;
  static const struct {
    const char *header, *sentence;
  } cases[] = {{"{}", "format '(none)', expected 'a'"},
               {"{\"__metadata__\":{\"format\":\"pt\"}}", "format 'pt', expected 'a'"},
               {"{\"__metadata__\":{\"format\":\"a\"}}", "format_version '(none)'"},
               {"{\"__metadata__\":{\"format\":\"a\",\"format_version\":\"1x\"}}", "format_version '1x'"},
               {"{\"__metadata__\":{\"format\":\"a\",\"format_version\":\"3\"}}", "reads versions up to 2"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(parse_header(f, cases[i].header, 0, &file), MPINN_OK);
    assert_int_equal(mpinn_tensorfile_expect_format(f->context, file, "a", 2), MPINN_ERROR_FORMAT);
    assert_non_null(strstr(mpinn_context_error(f->context), cases[i].sentence));
    mpinn_tensorfile_destroy(&file);
  }
  assert_int_equal(
      parse_header(f, "{\"__metadata__\":{\"format\":\"a\",\"format_version\":\"2\"}}", 0, &file), 0);
  assert_int_equal(mpinn_tensorfile_expect_format(f->context, file, "a", 2), MPINN_OK);
  mpinn_tensorfile_destroy(&file);
}

static void numbers_that_do_not_fit_are_refused(void **state) {
  fixture *f = *state;
  mpinn_tensorfile *file = NULL;
  unsigned char bytes[128] = {0};
  const char *header = "{\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}";
  const uint64_t length = strlen(header);
  const int64_t big = 3000000000;
  int32_t value = 0;
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, length);
  memcpy(bytes + 8 + length, &big, 8);
  assert_int_equal(mpinn_tensorfile_parse(f->context, "x", 16 + length, bytes, &file), MPINN_OK);
  assert_int_equal(mpinn_tensor_to_int32(f->context, file, mpinn_tensorfile_at(file, 0), &value),
                   MPINN_ERROR_FORMAT);
  assert_non_null(strstr(mpinn_context_error(f->context), "tensor 'i' holds 3000000000"));
  mpinn_tensorfile_destroy(&file);
}

static void a_failed_write_leaves_the_old_file(void **state) {
  fixture *f = *state;
  mpinn_tensorwriter *writer = NULL;
  assert_int_equal(mpinn_tensorwriter_create(f->context, &writer), MPINN_OK);
  char below[96];
  snprintf(below, sizeof below, "%s/x", f->path);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, f->path), MPINN_OK);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, below), MPINN_ERROR_FILE);
  assert_non_null(strstr(mpinn_context_error(f->context), "cannot be written"));
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, "missing/directory/x"), MPINN_ERROR_FILE);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, "."), MPINN_ERROR_FILE);
  assert_int_equal(mpinn_tensorwriter_save(f->context, writer, "/dev/full"), MPINN_ERROR_FILE);
  assert_int_equal(access("/dev/full", F_OK), 0);
  mpinn_tensorwriter_destroy(&writer);
  mpinn_tensorfile *file = NULL;
  assert_int_equal(mpinn_tensorfile_read(f->context, f->path, &file), MPINN_OK);
  mpinn_tensorfile_destroy(&file);
}

static void unreadable_files_are_named(void **state) {
  fixture *f = *state;
  mpinn_tensorfile *file = NULL;
  assert_int_equal(mpinn_tensorfile_read(f->context, "absent.safetensors", &file), MPINN_ERROR_FILE);
  assert_non_null(strstr(mpinn_context_error(f->context), "absent.safetensors: cannot be read"));
  assert_int_equal(mpinn_tensorfile_read(f->context, ".", &file), MPINN_ERROR_FILE);
  assert_null(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(written_tensors_come_back, setup, teardown),
      cmocka_unit_test_setup_teardown(tensors_of_a_written_file_are_aligned, setup, teardown),
      cmocka_unit_test(every_half_survives),
      cmocka_unit_test(floats_round_to_the_nearest_half_ties_to_even),
      cmocka_unit_test_setup_teardown(broken_headers_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_header_longer_than_the_file_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_shape_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(formats_and_versions_are_checked, setup, teardown),
      cmocka_unit_test_setup_teardown(numbers_that_do_not_fit_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, setup, teardown),
      cmocka_unit_test_setup_teardown(unreadable_files_are_named, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
