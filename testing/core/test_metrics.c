#include "metapinn/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

enum { N = 5 };
static const float truth[N] = {1, 2, 3, 4, 6};

static void near(double value, double expected) {
  assert_true(fabs(value - expected) < 1e-6);
}

static void correlation_does_not_see_offset_and_scale_but_sign(void **state) {
  const float scaled[N] = {12, 14, 16, 18, 22}, turned[N] = {-1, -2, -3, -4, -6};
  (void)state;
  near(mpinn_scc(N, scaled, truth), 1);
  near(mpinn_scc(N, turned, truth), -1);
}

static void correlation_of_a_flat_field_does_not_exist(void **state) {
  const float flat[N] = {0.6f, 0.6f, 0.6f, 0.6f, 0.6f};
  (void)state;
  assert_true(isnan(mpinn_scc(N, flat, truth)));
  assert_true(isnan(mpinn_scc(N, truth, flat)));
  assert_true(isnan(mpinn_scc(0, truth, truth)));
}

static void errors_are_those_worked_out_by_hand(void **state) {
  const float p[N] = {2, 2, 3, 4, 4};
  (void)state;
  near(mpinn_relative_rmse(N, p, truth), sqrt(5.0 / 66.0));
  near(mpinn_mean_absolute_error(N, p, truth), 3.0 / 5.0);
  near(mpinn_mean_square(N, p), 49.0 / 5.0);
  near(mpinn_mean_absolute(N, p), 3);
}

static void nodes_without_a_value_are_left_out(void **state) {
  const float p[N] = {2, NAN, 3, 4, 4}, t[N] = {1, 2, 3, NAN, 6};
  (void)state;
  near(mpinn_mean_absolute_error(N, p, t), 1);
  near(mpinn_scc(N, p, t), mpinn_scc(3, (const float[]){2, 3, 4}, (const float[]){1, 3, 6}));
}

static void dice_counts_overlap_and_knows_no_scar(void **state) {
  const float p[N] = {0.1f, 0.1f, 0.6f, 0.6f, 0.6f}, t[N] = {0.1f, 0.6f, 0.1f, 0.6f, 0.6f};
  (void)state;
  near(mpinn_dice_below(N, p, t, 0.35), 0.5);
  near(mpinn_dice_below(N, t, t, 0.35), 1);
  assert_true(isnan(mpinn_dice_below(N, truth, truth, 0.35)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(correlation_does_not_see_offset_and_scale_but_sign),
      cmocka_unit_test(correlation_of_a_flat_field_does_not_exist),
      cmocka_unit_test(errors_are_those_worked_out_by_hand),
      cmocka_unit_test(nodes_without_a_value_are_left_out),
      cmocka_unit_test(dice_counts_overlap_and_knows_no_scar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
