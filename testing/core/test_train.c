/* Training end to end on a small data set: it learns, it survives interruption bit for bit, and what it
 * writes personalizes. */
#include "metapinn/personalize.h"
#include "metapinn/phantom.h"
#include "metapinn/train.h"
#include "metapinn/twin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { SUBJECTS = 2, EPOCHS = 6 };

typedef struct fixture {
  mpinn_context *context;
  mpinn_subject *subjects[SUBJECTS];
  char folder[64], path[4][96];
} fixture;

/* Asked after every epoch; says stop once, after so many. */
typedef struct stopper {
  int asked, stop_after;
} stopper;

static bool count_and_stop(void *user, double fraction, const char *what) {
  stopper *s = user;
  (void)fraction;
  (void)what;
  return ++s->asked == s->stop_after;
}

static int setup(void **state) {
  static fixture f;
  mpinn_phantom_options options;
  mpinn_phantom_options_default(&options);
  options.nodes = 1600;
  assert_int_equal(mpinn_context_create(NULL, &f.context), MPINN_OK);
  for (int s = 0; s < SUBJECTS; s++) {
    mpinn_scar scar;
    mpinn_scar_paper(s, &scar);
    assert_int_equal(mpinn_phantom_create(f.context, &options, &f.subjects[s]), MPINN_OK);
    assert_int_equal(mpinn_subject_set_scars(f.context, f.subjects[s], 0.6, 1, &scar), MPINN_OK);
    assert_int_equal(mpinn_subject_sample_measured(f.context, f.subjects[s], 200, 1), MPINN_OK);
    assert_int_equal(mpinn_subject_simulate_maps(f.context, f.subjects[s], 6, 5 + (uint64_t)s, 0), MPINN_OK);
    assert_int_equal(mpinn_subject_set_text(f.context, f.subjects[s], "train_maps", "0-2"), MPINN_OK);
    assert_int_equal(mpinn_subject_set_text(f.context, f.subjects[s], "test_maps", "3-5"), MPINN_OK);
  }
  strcpy(f.folder, "/tmp/metapinn-test-XXXXXX");
  assert_non_null(mkdtemp(f.folder));
  for (int i = 0; i < 4; i++) snprintf(f.path[i], sizeof f.path[i], "%s/%d.safetensors", f.folder, i);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
  for (int s = 0; s < SUBJECTS; s++) mpinn_subject_destroy(&f->subjects[s]);
  mpinn_context_destroy(&f->context);
  return system(command);
}

static mpinn_training training_to(const fixture *f, int file) {
  mpinn_training training;
  mpinn_training_default(&training);
  training.out = f->path[file];
  training.seed = 11;
  training.epochs = EPOCHS;
  training.learning_rate = 3e-4;
  return training;
}

static mpinn_status train_until(fixture *f, int file, int stop_after, bool restart) {
  stopper s = {.stop_after = stop_after};
  mpinn_context_options options;
  mpinn_context *context = NULL;
  mpinn_context_options_default(&options);
  options.progress = count_and_stop;
  options.user = &s;
  mpinn_training training = training_to(f, file);
  training.restart = restart;
  assert_int_equal(mpinn_context_create(&options, &context), MPINN_OK);
  const mpinn_status status = mpinn_train(context, SUBJECTS, f->subjects, &training);
  mpinn_context_destroy(&context);
  return status;
}

static size_t read_file(const char *path, char **bytes) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  const size_t n = (size_t)ftell(file);
  rewind(file);
  *bytes = malloc(n);
  assert_int_equal(fread(*bytes, 1, n, file), n);
  fclose(file);
  return n;
}

static void assert_same_file(const char *a, const char *b) {
  char *x = NULL, *y = NULL;
  const size_t n = read_file(a, &x), m = read_file(b, &y);
  assert_int_equal(n, m);
  assert_memory_equal(x, y, n);
  free(x);
  free(y);
}

static void interrupted_training_gives_the_same_weights(void **state) {
  fixture *f = *state;
  char checkpoint[128];
  assert_int_equal(train_until(f, 0, 0, false), MPINN_OK);
  assert_int_equal(train_until(f, 1, 2, false), MPINN_CANCELLED);
  assert_int_not_equal(access(f->path[1], F_OK), 0);
  assert_int_equal(train_until(f, 1, 2, false), MPINN_CANCELLED);
  assert_int_equal(train_until(f, 1, 0, false), MPINN_OK);
  assert_same_file(f->path[0], f->path[1]);
  snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", f->path[1]);
  assert_int_not_equal(access(checkpoint, F_OK), 0);
}

static void curve_has_a_line_an_epoch_and_the_loss_falls(void **state) {
  fixture *f = *state;
  char path[128], line[256];
  double first = NAN, last = NAN;
  int lines = 0;
  snprintf(path, sizeof path, "%s.csv", f->path[1]);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  while (fgets(line, sizeof line, file)) {
    double loss;
    assert_int_equal(sscanf(line, "%*d,%*f,%*f,%*f,%lf", &loss), 1);
    if (lines++ == 0) first = loss;
    last = loss;
  }
  fclose(file);
  assert_int_equal(lines, EPOCHS);
  assert_true(last < 0.8 * first);
}

static void checkpoint_of_another_training_is_refused(void **state) {
  fixture *f = *state;
  assert_int_equal(train_until(f, 2, 1, false), MPINN_CANCELLED);
  mpinn_training training = training_to(f, 2);
  training.seed = 12;
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_ERROR_FORMAT);
  assert_non_null(strstr(mpinn_context_error(f->context), "another training"));
}

static void trained_weights_evaluate_a_protocol(void **state) {
  fixture *f = *state;
  mpinn_model *model = NULL;
  mpinn_result_row *rows = NULL;
  size_t n_rows = 0, found = 0;
  const mpinn_evaluation evaluation = {.protocol = "paper", .k = 2, .seed = 1};
  assert_int_equal(mpinn_model_read(f->context, f->path[0], MPINN_BACKEND_AUTO, &model), MPINN_OK);
  assert_string_equal(mpinn_model_text(model, "preset"), "paper");
  assert_int_equal(mpinn_evaluate(f->context, model, SUBJECTS, f->subjects, &evaluation, &n_rows, &rows),
                   MPINN_OK);
  for (size_t i = 0; i < n_rows; i++) {
    found += strcmp(rows[i].method, "meta-pinn") == 0 && strcmp(rows[i].metric, "at_mae") == 0;
    assert_true(rows[i].n <= 6);
    if (strcmp(rows[i].method, "healthy") == 0 && strcmp(rows[i].metric, "cv_scc") == 0)
      assert_int_equal(rows[i].n, 0); /* a constant has no correlation */
  }
  assert_int_equal(found, 1);
  free(rows);
  mpinn_model_destroy(&model);
}

/* The first and the last value of a column of a curve. */
static void ends_of_column(const char *weights, int column, double *first, double *last) {
  char path[128], line[256];
  snprintf(path, sizeof path, "%s.csv", weights);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  *first = NAN;
  while (fgets(line, sizeof line, file)) {
    const char *at = line;
    for (int c = 0; c < column; c++) at = strchr(at, ',') + 1;
    *last = *at == ',' || *at == '\n' ? NAN : strtod(at, NULL);
    if (isnan(*first)) *first = *last;
  }
  fclose(file);
}

/* It learns on their training maps alone, and leaves them as they are. */
static void any_heart_weights_learn_on_given_hearts(void **state) {
  fixture *f = *state;
  mpinn_model *model = NULL;
  mpinn_training training = training_to(f, 3);
  training.preset = "any-heart";
  training.restart = true;
  training.epochs = 1;
  training.pde_weight = 0.1;
  const mpinn_array *measured = mpinn_subject_find(f->subjects[0], "measured", MPINN_NODES);
  const size_t n = measured->rows;
  bool *before = malloc(n * sizeof *before);
  for (size_t i = 0; i < n; i++) before[i] = mpinn_array_get(measured, i, 0) != 0;
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_OK);
  for (size_t i = 0; i < n; i++) assert_int_equal(before[i], mpinn_array_get(measured, i, 0) != 0);
  free(before);
  assert_int_equal(mpinn_model_read(f->context, f->path[3], MPINN_BACKEND_AUTO, &model), MPINN_OK);
  assert_int_equal(strlen(mpinn_model_text(model, "data_sha256")), 64);
  mpinn_model_destroy(&model);
}

static void given_hearts_without_test_maps_are_refused(void **state) {
  fixture *f = *state;
  mpinn_training training = training_to(f, 3);
  training.preset = "any-heart";
  training.restart = true;
  assert_int_equal(mpinn_subject_set_text(f->context, f->subjects[1], "test_maps", ""), MPINN_OK);
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_ERROR_FORMAT);
  assert_non_null(strstr(mpinn_context_error(f->context), "Subject 1 of the data set has no map in text"));
  assert_int_equal(mpinn_subject_set_text(f->context, f->subjects[1], "test_maps", "3-5"), MPINN_OK);
}

static void labels_teach_the_velocity(void **state) {
  enum { PDE_LOSS = 5, VELOCITY_LOSS };
  fixture *f = *state;
  double first, last;
  mpinn_training training = training_to(f, 3);
  training.preset = "paper-labels";
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_OK);
  ends_of_column(f->path[3], VELOCITY_LOSS, &first, &last);
  assert_true(last < 0.8 * first);
  mpinn_subject *unlabelled = f->subjects[1];
  mpinn_subject_remove_array(unlabelled, "CV", MPINN_NODES);
  training.restart = true;
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_ERROR_FORMAT);
  assert_non_null(
      strstr(mpinn_context_error(f->context), "Subject 1 of the data set has no node array 'CV'"));
}

static void assert_no_velocity_is_scored(fixture *f, const mpinn_model *model) {
  mpinn_result_row *rows = NULL;
  size_t n_rows = 0, found = 0;
  const mpinn_evaluation evaluation = {.protocol = "paper", .k = 2, .seed = 1};
  assert_int_equal(mpinn_evaluate(f->context, model, 1, f->subjects, &evaluation, &n_rows, &rows), MPINN_OK);
  for (size_t i = 0; i < n_rows; i++) {
    if (strcmp(rows[i].method, "meta-pinn") != 0 || rows[i].n == 0) continue;
    found += strcmp(rows[i].metric, "at_scc") == 0;
    assert_null(strstr(rows[i].metric, "cv_"));
    assert_null(strstr(rows[i].metric, "residual"));
    assert_null(strstr(rows[i].metric, "eikonal"));
  }
  assert_int_equal(found, 1);
  free(rows);
}

/* The arrays of an answer; an origin alone has no map of its own without a velocity to solve on. */
static void meta_neural_weights_give_activation_alone(void **state) {
  fixture *f = *state;
  mpinn_model *model = NULL;
  mpinn_subject *heart = f->subjects[0];
  const char *context[] = {"AT_00", "AT_01"};
  mpinn_training training = training_to(f, 2);
  training.preset = "meta-neural";
  training.restart = true;
  training.epochs = 2;
  assert_int_equal(mpinn_train(f->context, SUBJECTS, f->subjects, &training), MPINN_OK);
  assert_int_equal(mpinn_model_read(f->context, f->path[2], MPINN_BACKEND_AUTO, &model), MPINN_OK);
  assert_false(mpinn_model_has_velocity(model));
  assert_no_velocity_is_scored(f, model);
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  options.n_context = 2;
  options.context = context;
  options.query = "AT_03";
  options.uncertainty = true;
  assert_int_equal(mpinn_personalize_subject(f->context, model, heart, NULL, &options, NULL, NULL), MPINN_OK);
  assert_non_null(mpinn_subject_find(heart, "AT", MPINN_NODES));
  assert_non_null(mpinn_subject_find(heart, "Support", MPINN_NODES));
  static const char *const absent[] = {"CV", "PDEResidual", "ATEikonal", "ATStd", "CVStd"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
    assert_null(mpinn_subject_find(heart, absent[i], MPINN_NODES));
  const mpinn_site origin = {.position = {0, 0, 0}};
  options.query = NULL;
  options.origin = &origin;
  assert_int_equal(mpinn_personalize_subject(f->context, model, heart, NULL, &options, NULL, NULL),
                   MPINN_ERROR_MODEL);
  assert_non_null(strstr(mpinn_context_error(f->context), "'meta-neural' give no conduction velocity"));
  mpinn_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(interrupted_training_gives_the_same_weights),
      cmocka_unit_test(curve_has_a_line_an_epoch_and_the_loss_falls),
      cmocka_unit_test(checkpoint_of_another_training_is_refused),
      cmocka_unit_test(trained_weights_evaluate_a_protocol),
      cmocka_unit_test(any_heart_weights_learn_on_given_hearts),
      cmocka_unit_test(given_hearts_without_test_maps_are_refused),
      cmocka_unit_test(labels_teach_the_velocity),
      cmocka_unit_test(meta_neural_weights_give_activation_alone),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
