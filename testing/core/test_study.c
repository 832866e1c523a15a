/* Methods side by side, and a study that is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "context_fixture.h"
#include "metapinn/metrics.h"
#include "metapinn/phantom.h"
#include "study/records.h"
#include "study/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- methods ---- */

typedef struct small_heart {
  mpinn_subject *subject;
  size_t n;
  mpinn_map maps[3]; /* measured everywhere */
  mpinn_site sites[3];
  const float *truth; /* of the last */
} small_heart;

static void small_heart_make(small_heart *h) {
  mpinn_phantom_options options;
  mpinn_scar scar;
  mpinn_phantom_options_default(&options);
  mpinn_scar_paper(1, &scar);
  options.nodes = 600;
  assert_int_equal(mpinn_phantom_create(context, &options, &h->subject), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(context, h->subject, 0.6, 1, &scar), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, h->subject, 3, 5, 0), MPINN_OK);
  const mpinn_array *origins = mpinn_subject_find(h->subject, "origins", MPINN_FIELD);
  h->n = mpinn_mesh_node_count(mpinn_subject_mesh(h->subject));
  for (size_t m = 0; m < 3; m++) {
    char name[16];
    mpinn_subject_map_name(m, name);
    const mpinn_array *at = mpinn_subject_find(h->subject, name, MPINN_NODES);
    double *values = malloc(h->n * sizeof *values);
    for (size_t i = 0; i < h->n; i++) values[i] = mpinn_array_get(at, i, 0);
    h->maps[m] = (mpinn_map){"map", values};
    for (size_t d = 0; d < 3; d++) h->sites[m].position[d] = mpinn_array_get(origins, m, d);
    h->sites[m].onset = 0;
    h->truth = at->values;
  }
}

static void small_heart_clear(small_heart *h) {
  for (size_t m = 0; m < 3; m++) free((double *)h->maps[m].values);
  mpinn_subject_destroy(&h->subject);
}

static mpinn_baseline_input input_of(const small_heart *h) {
  return (mpinn_baseline_input){.heart = h->subject,
                                .n_surface = h->n,
                                .surface = mpinn_mesh_points(mpinn_subject_mesh(h->subject)),
                                .n_maps = 2,
                                .maps = h->maps,
                                .query = &h->maps[2],
                                .sites = h->sites};
}

static void fits_segments_and_says_what_it_cost(void **state) {
  (void)state;
  small_heart h = {NULL};
  mpinn_method method;
  mpinn_method_cost cost;
  small_heart_make(&h);
  const mpinn_baseline_input input = input_of(&h);
  float *at = malloc(3 * h.n * sizeof *at), *cv = at + h.n, *residual = at + 2 * h.n;
  mpinn_method_default(&method, MPINN_METHOD_SEGMENTS);
  method.segments.max_evaluations = 60;
  for (int whole = 0; whole < 2; whole++) {
    method.whole = whole;
    assert_int_equal(mpinn_method_run(context, &method, &input, at, cv, residual, &cost), MPINN_OK);
    assert_true(mpinn_scc(h.n, at, h.truth) > 0.999);
    assert_true(mpinn_mean_square(h.n, residual) < 0.05);
    /* one solve a map for each evaluation, and the answer's */
    assert_int_equal(cost.solves, (whole ? 1 : 3) * cost.steps + 1);
  }
  free(at);
  small_heart_clear(&h);
}

static void finds_the_site_where_it_is_not_given(void **state) {
  (void)state;
  small_heart h = {NULL};
  mpinn_method method;
  mpinn_method_cost cost;
  small_heart_make(&h);
  mpinn_baseline_input input = input_of(&h);
  float *at = malloc(2 * h.n * sizeof *at), *found = at + h.n;
  mpinn_method_default(&method, MPINN_METHOD_HEALTHY);
  assert_int_equal(mpinn_method_run(context, &method, &input, at, NULL, NULL, &cost), MPINN_OK);
  assert_int_equal(cost.solves, 1);
  input.sites = NULL;
  assert_int_equal(mpinn_method_run(context, &method, &input, found, NULL, NULL, &cost), MPINN_OK);
  assert_true(cost.solves > 1);
  assert_true(mpinn_scc(h.n, at, found) > 0.98);
  free(at);
  small_heart_clear(&h);
}

static void asks_for_a_query_and_for_weights(void **state) {
  (void)state;
  small_heart h = {NULL};
  mpinn_method method;
  small_heart_make(&h);
  mpinn_baseline_input input = input_of(&h);
  mpinn_method_default(&method, MPINN_METHOD_GENERATED);
  assert_int_equal(mpinn_method_run(context, &method, &input, NULL, NULL, NULL, NULL), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "weights"));
  input.query = NULL;
  assert_int_equal(mpinn_method_run(context, &method, &input, NULL, NULL, NULL, NULL), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "query"));
  small_heart_clear(&h);
}

static bool is_at(const mpinn_study_method *m, const char *name, bool whole, size_t k) {
  return strcmp(m->name, name) == 0 && m->run.whole == whole && m->k == k;
}

static void fits_get_as_many_maps_as_weights_do(void **state) {
  (void)state;
  static const char *const fits[] = {"physics-based, 5 groups", "physics-based, AHA-17 and RV", "multi-PINN"};
  static const size_t contexts[] = {0, 5, 3, 1}; /* 0: the whole query alone */
  mpinn_study study;
  mpinn_study_method *methods = NULL;
  size_t n = 0;
  mpinn_study_default(&study);
  assert_int_equal(mpinn_study_methods(context, &study, &n, &methods), MPINN_OK);
  for (size_t f = 0; f < 3; f++)
    for (size_t c = 0; c < 4; c++) {
      size_t found = 0;
      for (size_t m = 0; m < n; m++) found += is_at(&methods[m], fits[f], c == 0, contexts[c]);
      assert_int_equal(found, 1);
    }
  free(methods);
}

/* ---- significance and means ---- */

/* As scipy.stats.wilcoxon(a, b, correction=True, method="asymptotic") of SciPy 1.17 says. */
static void wilcoxon_is_that_of_scipy(void **state) {
  const double a[] = {125, 115, 130, 140, 140, 115, 140, 125, 140, 135};
  const double b[] = {110, 122, 125, 120, 140, 124, 123, 137, 135, 145};
  const double p = 0.6352893188352069;
  double work[10];
  (void)state;
  assert_float_equal(mpinn_wilcoxon(10, a, b, work), p, 1e-6);
  assert_float_equal(mpinn_wilcoxon(10, b, a, work), p, 1e-6);
  assert_true(isnan(mpinn_wilcoxon(5, a, b, work)));
}

static void a_mean_leaves_out_what_there_is_not(void **state) {
  enum { MAPS = 3, METHODS = 1 };
  const mpinn_study_method method = {.name = "a", .fitted_to = "nothing", .origin = "given"};
  double scores[MAPS * METHODS][MPINN_STUDY_SCORES], work[3 * MAPS];
  mpinn_study_row rows[MPINN_STUDY_SCORES];
  size_t n = 0;
  (void)state;
  for (size_t i = 0; i < MAPS; i++)
    for (size_t s = 0; s < MPINN_STUDY_SCORES; s++) scores[i][s] = s > 0 ? NAN : i < 2 ? (double)i : NAN;
  mpinn_study_add_rows("segments", MAPS, METHODS, &method, scores[0], work, &n, rows);
  assert_int_equal(n, 1);
  assert_string_equal(rows[0].metric, "at_scc");
  assert_int_equal(rows[0].n, 2);
  assert_float_equal(rows[0].mean, 0.5, 1e-12);
  assert_float_equal(rows[0].sd, sqrt(0.5), 1e-12);
  assert_true(isnan(rows[0].p));
}

/* ---- a study that is stopped ---- */

static void put_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void goes_on_behind_the_last_whole_line(void **state) {
  (void)state;
  char path[] = "/tmp/metapinn-records-XXXXXX";
  const mpinn_study_method method = {.name = "a, b", .fitted_to = "nothing", .origin = "given", .by = "-"};
  mpinn_record_key key = {"segments", 1, 1, 2, 10, &method};
  double values[MPINN_STUDY_SCORES];
  mpinn_records records;
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++) values[i] = i % 3 == 1 ? NAN : 0.5 + (double)i;
  close(mkstemp(path));
  unlink(path);
  assert_int_equal(mpinn_records_open(context, path, &records), MPINN_OK);
  assert_int_equal(mpinn_records_add(context, &records, &key, values), MPINN_OK);
  key.map = 11;
  assert_int_equal(mpinn_records_add(context, &records, &key, values), MPINN_OK);
  fseek(records.file, 0, SEEK_END);
  const long end = ftell(records.file);
  mpinn_records_close(&records);
  assert_int_equal(truncate(path, end - 5), 0);
  assert_int_equal(mpinn_records_open(context, path, &records), MPINN_OK);
  assert_null(mpinn_records_find(&records, &key));
  assert_int_equal(mpinn_records_add(context, &records, &key, values), MPINN_OK);
  mpinn_records_close(&records);
  assert_int_equal(mpinn_records_open(context, path, &records), MPINN_OK);
  assert_int_equal(records.n, 2);
  key.map = 10;
  const double *found = mpinn_records_find(&records, &key);
  assert_non_null(found);
  for (size_t i = 0; i < MPINN_STUDY_SCORES; i++)
    assert_true(isnan(values[i]) ? isnan(found[i]) : values[i] == found[i]);
  mpinn_records_close(&records);
  unlink(path);
}

static void leaves_a_file_alone_that_is_not_its_own(void **state) {
  (void)state;
  char path[] = "/tmp/metapinn-records-XXXXXX", line[32];
  mpinn_records records;
  close(mkstemp(path));
  put_text(path, "x,y\n1,2\n");
  assert_int_equal(mpinn_records_open(context, path, &records), MPINN_ERROR_FORMAT);
  assert_non_null(strstr(mpinn_context_error(context), path));
  mpinn_records_close(&records);
  FILE *file = fopen(path, "r");
  assert_non_null(fgets(line, sizeof line, file));
  assert_string_equal(line, "x,y\n");
  fclose(file);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fits_segments_and_says_what_it_cost),
      cmocka_unit_test(finds_the_site_where_it_is_not_given),
      cmocka_unit_test(asks_for_a_query_and_for_weights),
      cmocka_unit_test(fits_get_as_many_maps_as_weights_do),
      cmocka_unit_test(wilcoxon_is_that_of_scipy),
      cmocka_unit_test(a_mean_leaves_out_what_there_is_not),
      cmocka_unit_test(goes_on_behind_the_last_whole_line),
      cmocka_unit_test(leaves_a_file_alone_that_is_not_its_own),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
