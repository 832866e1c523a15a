/* The in-memory container of a heart and its arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "metapinn/subject.h"

#include <string.h>

#include "context_fixture.h"

static mpinn_subject *make_subject(void) {
  static const double points[5][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
  static const int32_t cells[2][4] = {{0, 1, 2, 3}, {1, 2, 3, 4}};
  mpinn_mesh *mesh = NULL;
  mpinn_subject *subject = NULL;
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, 5, points[0], 2, cells[0], &mesh), MPINN_OK);
  assert_int_equal(mpinn_subject_create(context, &mesh, &subject), MPINN_OK);
  assert_null(mesh);
  return subject;
}

static void an_array_is_copied_and_found_by_name_and_association(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  float values[5] = {1, 2, 3, 4, 5};
  assert_int_equal(
      mpinn_subject_add_array(context, subject, "CV", MPINN_NODES, MPINN_FLOAT32, 5, 1, values, NULL),
      MPINN_OK);
  assert_int_equal(
      mpinn_subject_add_array(context, subject, "CV", MPINN_CELLS, MPINN_FLOAT32, 2, 1, NULL, NULL),
      MPINN_OK);
  values[4] = 9;
  assert_true(mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_NODES), 4, 0) == 5);
  assert_true(mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_CELLS), 1, 0) == 0);
  assert_null(mpinn_subject_find(subject, "CV", MPINN_FIELD));
  assert_null(mpinn_subject_find(subject, "AT", MPINN_NODES));
  assert_int_equal(mpinn_subject_array_count(subject), 2);
  mpinn_subject_destroy(&subject);
  assert_null(subject);
}

static void adding_again_replaces_and_keeps_the_order(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  const int32_t ones[5] = {1, 1, 1, 1, 1};
  const double rows[2][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  mpinn_array *array = NULL;
  mpinn_subject_add_array(context, subject, "measured", MPINN_NODES, MPINN_INT32, 5, 1, NULL, NULL);
  mpinn_subject_add_array(context, subject, "origins", MPINN_FIELD, MPINN_FLOAT64, 2, 4, rows, NULL);
  mpinn_subject_add_array(context, subject, "measured", MPINN_NODES, MPINN_INT32, 5, 1, ones, &array);
  assert_int_equal(mpinn_subject_array_count(subject), 2);
  assert_string_equal(mpinn_subject_array_at(subject, 0)->name, "measured");
  assert_ptr_equal(array, mpinn_subject_array_at(subject, 0));
  assert_true(mpinn_array_get(array, 3, 0) == 1);
  assert_true(mpinn_array_get(mpinn_subject_array_at(subject, 1), 1, 2) == 7);
  mpinn_subject_remove_array(subject, "measured", MPINN_NODES);
  mpinn_subject_remove_array(subject, "nothing", MPINN_NODES);
  assert_int_equal(mpinn_subject_array_count(subject), 1);
  assert_string_equal(mpinn_subject_array_at(subject, 0)->name, "origins");
  mpinn_subject_destroy(&subject);
}

static void a_wrong_length_is_refused_with_the_name_and_the_expected_one(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  const float values[7] = {0};
  assert_int_equal(
      mpinn_subject_add_array(context, subject, "AT_00", MPINN_NODES, MPINN_FLOAT32, 7, 1, values, NULL),
      MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "AT_00"));
  assert_non_null(strstr(mpinn_context_error(context), "5 nodes"));
  assert_int_equal(
      mpinn_subject_add_array(context, subject, "CV", MPINN_CELLS, MPINN_FLOAT32, 5, 1, values, NULL),
      MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_subject_array_count(subject), 0);
  mpinn_subject_destroy(&subject);
}

static void absurd_sizes_are_out_of_memory_not_a_crash(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  assert_int_equal(
      mpinn_subject_add_array(context, subject, "x", MPINN_FIELD, MPINN_FLOAT64, SIZE_MAX / 2, 8, NULL, NULL),
      MPINN_ERROR_MEMORY);
  mpinn_subject_destroy(&subject);
}

static void texts_keep_their_order_and_can_be_replaced_and_removed(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  const char *key = NULL, *value = NULL;
  mpinn_subject_set_text(context, subject, "heart", "0");
  mpinn_subject_set_text(context, subject, "scar", "1");
  mpinn_subject_set_text(context, subject, "heart", "3");
  assert_int_equal(mpinn_subject_text_count(subject), 2);
  mpinn_subject_text_at(subject, 0, &key, &value);
  assert_string_equal(key, "heart");
  assert_string_equal(value, "3");
  mpinn_subject_set_text(context, subject, "heart", NULL);
  mpinn_subject_set_text(context, subject, "absent", NULL);
  assert_null(mpinn_subject_get_text(subject, "heart"));
  assert_string_equal(mpinn_subject_get_text(subject, "scar"), "1");
  mpinn_subject_destroy(&subject);
}

static void maps_are_counted_up_to_the_first_gap(void **state) {
  (void)state;
  mpinn_subject *subject = make_subject();
  char name[16];
  mpinn_subject_map_name(7, name);
  assert_string_equal(name, "AT_07");
  for (size_t map = 0; map < 4; map++) {
    mpinn_subject_map_name(map == 3 ? 5 : map, name);
    mpinn_subject_add_array(context, subject, name, MPINN_NODES, MPINN_FLOAT32, 5, 1, NULL, NULL);
  }
  assert_int_equal(mpinn_subject_map_count(subject), 3);
  mpinn_subject_destroy(&subject);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_array_is_copied_and_found_by_name_and_association),
      cmocka_unit_test(adding_again_replaces_and_keeps_the_order),
      cmocka_unit_test(a_wrong_length_is_refused_with_the_name_and_the_expected_one),
      cmocka_unit_test(absurd_sizes_are_out_of_memory_not_a_crash),
      cmocka_unit_test(texts_keep_their_order_and_can_be_replaced_and_removed),
      cmocka_unit_test(maps_are_counted_up_to_the_first_gap),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
