/* Tasks side by side: each is done once, and of those that fail the first one tells. */
#include "base/parallel.h"

#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { TASKS = 100 };

static mpinn_status count(mpinn_context *context, void *user, size_t i) {
  (void)context;
  ((int *)user)[i]++;
  return MPINN_OK;
}

static mpinn_status fail_from_40_on(mpinn_context *context, void *user, size_t i) {
  (void)user;
  return i < 40 ? MPINN_OK : mpinn_fail(context, MPINN_ERROR_MAP, "Task %zu fails", i);
}

static mpinn_context *make_context(int threads) {
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_context_options_default(&options);
  options.threads = threads;
  assert_int_equal(mpinn_context_create(&options, &context), MPINN_OK);
  return context;
}

static void every_task_is_done_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= 4; threads++) {
    mpinn_context *context = make_context(threads);
    int done[TASKS] = {0};
    assert_int_equal(mpinn_for_each(context, 3, TASKS, count, done), MPINN_OK);
    for (int i = 0; i < TASKS; i++) assert_int_equal(done[i], i >= 3);
    mpinn_context_destroy(&context);
  }
}

static void the_first_failure_is_told(void **state) {
  (void)state;
  for (int threads = 1; threads <= 4; threads++) {
    mpinn_context *context = make_context(threads);
    assert_int_equal(mpinn_for_each(context, 0, TASKS, fail_from_40_on, NULL), MPINN_ERROR_MAP);
    assert_string_equal(mpinn_context_error(context), "Task 40 fails");
    mpinn_context_destroy(&context);
  }
}

static void openmp_says_how_many_threads_unless_asked(void **state) {
  (void)state;
  const int before = omp_get_max_threads(), asked[] = {0, 2}, expected[] = {3, 2};
  omp_set_num_threads(3); /* as OMP_NUM_THREADS=3 would */
  for (int i = 0; i < 2; i++) {
    mpinn_context *context = make_context(asked[i]);
    assert_int_equal(mpinn_context_threads(context), expected[i]);
    mpinn_context_destroy(&context);
  }
  omp_set_num_threads(before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_is_done_once),
      cmocka_unit_test(the_first_failure_is_told),
      cmocka_unit_test(openmp_says_how_many_threads_unless_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
