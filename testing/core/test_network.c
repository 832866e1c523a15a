/* The meta-network as a whole: its gradient against central differences in double precision, equation 7, and
 * that the order of context maps does not matter. */
#include "metapinn/model.h"
#include "model/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The paper's structure at a size that finite differences can walk through; smooth everywhere but at ELU's
 * and ReLU's kinks. */
#define TINY                                                                                                 \
  .n_convs = 3, .channels = {2, 3, 4, 5}, .kernel_size = 5, .neighbours = 4, .n_pinn_hidden = 2,             \
  .pinn_hidden = {7, 6}, .pinn = {.layers = 3, .width = 4, .activation = MPINN_TANH}, .healthy_speed = 0.6
static const mpinn_preset tiny = {
    .name = "tiny",
    TINY,
    .n_velocity_hidden = 1,
    .velocity_hidden = {6},
    .velocity = {.layers = 3, .width = 4, .activation = MPINN_TANH, .low = 0.1, .high = 0.6, .steepness = 2},
};

/* Without equation 2. */
static const mpinn_preset tiny_neural = {
    .name = "tiny neural",
    TINY,
};

enum { NODES = 23, MAPS = 4, QUERIES = 3, POINTS = 11 };

typedef struct fixture {
  mpinn_context *context;
  mpinn_network *network;
  mpinn_encoder_graph graph;
  mpinn_pass pass;
  void *inputs[MPINN_ENCODERS];
  void *points, *weight, *at, *value, *gradient, *speed, *d_value, *d_gradient, *d_speed, *sums;
  size_t n_values;
  double *parameters, *derivative;
} fixture;

static void *device(fixture *f, size_t n) {
  void *memory = NULL;
  assert_int_equal(f->network->ops->alloc(f->network->backend, n, &memory), MPINN_OK);
  return memory;
}

static void upload(fixture *f, size_t n, const double *values, void *memory) {
  assert_int_equal(f->network->ops->upload(f->network->backend, n, MPINN_FLOAT64, values, memory), MPINN_OK);
}

static void upload_random(fixture *f, mpinn_random *random, size_t n, double low, double high, void *memory) {
  double values[4096];
  assert_true(n <= 4096);
  for (size_t i = 0; i < n; i++) values[i] = mpinn_random_uniform(random, low, high);
  upload(f, n, values, memory);
}

static void random_maps(mpinn_random *random, size_t n, float *maps) {
  for (size_t i = 0; i < n; i++)
    maps[i] = mpinn_random_below(random, 5) == 0 ? NAN : (float)mpinn_random_uniform(random, 0, 1);
}

static int setup_of(const mpinn_preset *preset, void **state) {
  static fixture f;
  mpinn_random random;
  double points[NODES * 3];
  float maps[MAPS * NODES], *parameters;
  mpinn_random_seed(&random, 7);
  assert_int_equal(mpinn_context_create(NULL, &f.context), MPINN_OK);
  assert_int_equal(mpinn_network_create(f.context, preset, &mpinn_ops_cpu_reference, true, &f.network),
                   MPINN_OK);
  for (int i = 0; i < NODES * 3; i++) points[i] = mpinn_random_uniform(&random, -1, 1);
  assert_int_equal(mpinn_encoder_graph_create(f.context, f.network, NODES, points, &f.graph), MPINN_OK);
  assert_int_equal(mpinn_pass_create(f.context, f.network, NODES, MAPS, QUERIES, &f.pass), MPINN_OK);
  random_maps(&random, MAPS * NODES, maps);
  assert_int_equal(mpinn_encoder_upload(f.context, f.network, NODES, MAPS, maps, &f.inputs[0]), MPINN_OK);
  random_maps(&random, QUERIES * NODES, maps);
  assert_int_equal(mpinn_encoder_upload(f.context, f.network, NODES, QUERIES, maps, &f.inputs[1]), MPINN_OK);
  const double mean[QUERIES * MAPS] = {0, 0.5, 0.5, 0, 1, 0, 0, 0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0};
  upload(&f, QUERIES * MAPS, mean, f.pass.mean);
  const size_t all = QUERIES * POINTS;
  upload_random(&f, &random, 3 * POINTS, -1, 1, f.points = device(&f, 3 * POINTS));
  upload_random(&f, &random, POINTS, 0, 1, f.weight = device(&f, POINTS));
  upload_random(&f, &random, all, 0, 2, f.at = device(&f, all));
  f.value = device(&f, all);
  f.gradient = device(&f, 3 * all);
  f.speed = device(&f, all);
  f.d_value = device(&f, all);
  f.d_gradient = device(&f, 3 * all);
  f.d_speed = device(&f, all);
  f.sums = device(&f, 2 * QUERIES);
  f.n_values = f.network->layout.n_values;
  parameters = calloc(f.n_values, sizeof *parameters);
  f.parameters = calloc(f.n_values, sizeof *f.parameters);
  f.derivative = calloc(f.n_values, sizeof *f.derivative);
  mpinn_layout_initialize(&f.network->layout, preset, 3, parameters);
  for (size_t i = 0; i < f.n_values; i++)
    f.parameters[i] = (double)parameters[i] + mpinn_random_uniform(&random, -0.2, 0.2);
  free(parameters);
  *state = &f;
  return 0;
}

static int setup(void **state) {
  return setup_of(&tiny, state);
}

static int setup_neural(void **state) {
  return setup_of(&tiny_neural, state);
}

static int teardown(void **state) {
  fixture *f = *state;
  void *const memory[] = {f->inputs[0], f->inputs[1], f->points,  f->weight,     f->at,      f->value,
                          f->gradient,  f->speed,     f->d_value, f->d_gradient, f->d_speed, f->sums};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
    f->network->ops->release(f->network->backend, memory[i]);
  mpinn_pass_clear(f->network, &f->pass);
  mpinn_encoder_graph_clear(f->network, &f->graph);
  mpinn_network_destroy(&f->network);
  mpinn_context_destroy(&f->context);
  free(f->parameters);
  free(f->derivative);
  return 0;
}

static mpinn_eikonal_loss loss_of(const fixture *f) {
  return (mpinn_eikonal_loss){.maps = QUERIES,
                              .nodes = POINTS,
                              .value = f->value,
                              .gradient = f->gradient,
                              .speed = f->speed,
                              .target = f->at,
                              .weight = f->weight,
                              .data_scale = 0.7,
                              .pde_scale = 0.3,
                              .speed_scale = 1 / 0.6,
                              .d_value = f->d_value,
                              .d_gradient = f->d_gradient,
                              .d_speed = f->d_speed,
                              .sums = f->sums};
}

static void *generated(const fixture *f, int hyper) {
  return mpinn_generated_weights(f->network, &f->pass, hyper);
}

static double forward(fixture *f) {
  const mpinn_ops *ops = f->network->ops;
  mpinn_backend *backend = f->network->backend;
  const mpinn_eikonal_loss loss = loss_of(f);
  double sums[2 * QUERIES], total = 0;
  upload(f, f->n_values, f->parameters, f->network->parameters);
  assert_int_equal(mpinn_network_forward(f->network, &f->graph, MAPS, QUERIES, f->inputs, &f->pass),
                   MPINN_OK);
  assert_int_equal(ops->field_forward(backend, &tiny.pinn, QUERIES, generated(f, MPINN_HYPER_PINN), POINTS,
                                      f->points, f->value, f->gradient),
                   MPINN_OK);
  if (mpinn_preset_has_velocity(f->network->preset))
    assert_int_equal(ops->field_forward(backend, &tiny.velocity, QUERIES, generated(f, MPINN_HYPER_VELOCITY),
                                        POINTS, f->points, f->speed, NULL),
                     MPINN_OK);
  assert_int_equal(ops->eikonal_loss(backend, &loss), MPINN_OK);
  assert_int_equal(ops->download(backend, 2 * QUERIES, f->sums, MPINN_FLOAT64, sums), MPINN_OK);
  for (int q = 0; q < QUERIES; q++) total += loss.data_scale * sums[2 * q] + loss.pde_scale * sums[2 * q + 1];
  return total;
}

static void backward(fixture *f) {
  const mpinn_network *n = f->network;
  assert_int_equal(n->ops->zero(n->backend, f->n_values, n->gradient), MPINN_OK);
  assert_int_equal(n->ops->field_backward(n->backend, &tiny.pinn, QUERIES, generated(f, MPINN_HYPER_PINN),
                                          POINTS, f->points, f->d_value, f->d_gradient,
                                          mpinn_generated_weights_derivative(n, &f->pass, MPINN_HYPER_PINN)),
                   MPINN_OK);
  if (mpinn_preset_has_velocity(n->preset))
    assert_int_equal(
        n->ops->field_backward(n->backend, &tiny.velocity, QUERIES, generated(f, MPINN_HYPER_VELOCITY),
                               POINTS, f->points, f->d_speed, NULL,
                               mpinn_generated_weights_derivative(n, &f->pass, MPINN_HYPER_VELOCITY)),
        MPINN_OK);
  assert_int_equal(mpinn_network_backward(n, &f->graph, MAPS, QUERIES, &f->pass), MPINN_OK);
  assert_int_equal(n->ops->download(n->backend, f->n_values, n->gradient, MPINN_FLOAT64, f->derivative),
                   MPINN_OK);
}

static double central_difference(fixture *f, size_t i, double h) {
  const double before = f->parameters[i];
  f->parameters[i] = before + h;
  const double above = forward(f);
  f->parameters[i] = before - h;
  const double below = forward(f);
  f->parameters[i] = before;
  return (above - below) / (2 * h);
}

/* Every tensor is walked through; a parameter whose two differences disagree sits at a kink of ReLU or of the
 * maximum. */
static void gradient_is_that_of_central_differences(void **state) {
  fixture *f = *state;
  const mpinn_layout *layout = &f->network->layout;
  double largest = 0;
  size_t kinks = 0, checked = 0;
  forward(f);
  backward(f);
  for (size_t i = 0; i < f->n_values; i++) largest = fmax(largest, fabs(f->derivative[i]));
  for (size_t t = 0; t < layout->n_tensors; t++) {
    const mpinn_parameter *tensor = &layout->tensors[t];
    const size_t stride = tensor->count > 60 ? tensor->count / 60 : 1;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i += stride, checked++) {
      const double coarse = central_difference(f, i, 2e-5), fine = central_difference(f, i, 1e-5);
      const double scale = fmax(fabs(fine), 1e-4 * largest);
      if (fabs(coarse - fine) > 1e-6 * scale) {
        kinks++;
        continue;
      }
      if (fabs(fine - f->derivative[i]) > 1e-6 * scale)
        fail_msg("%s[%zu]: derivative %.12g, central difference %.12g", tensor->name, i - tensor->offset,
                 f->derivative[i], fine);
    }
  }
  assert_true(checked > 500);
  assert_true(kinks < checked / 20);
}

static void order_of_context_maps_does_not_matter(void **state) {
  fixture *f = *state;
  const size_t n = mpinn_field_net_weights(&tiny.velocity);
  double before[256], after[256];
  const double mean[MAPS] = {0.25, 0.25, 0.25, 0.25},
               all[QUERIES * MAPS] = {0, 0.5, 0.5, 0, 1, 0, 0, 0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0};
  double input[NODES * MAPS * 2], swapped[NODES * MAPS * 2];
  const mpinn_ops *ops = f->network->ops;
  upload(f, f->n_values, f->parameters, f->network->parameters);
  upload(f, MAPS, mean, f->pass.mean);
  void *const inputs[MPINN_ENCODERS] = {f->inputs[0], NULL};
  assert_int_equal(ops->download(f->network->backend, NODES * MAPS * 2, inputs[0], MPINN_FLOAT64, input),
                   MPINN_OK);
  for (int i = 0; i < NODES; i++)
    for (int m = 0; m < MAPS; m++)
      memcpy(swapped + 2 * (i * MAPS + m), input + 2 * (i * MAPS + (m + 3) % MAPS), 2 * sizeof *input);
  assert_int_equal(mpinn_network_forward(f->network, &f->graph, MAPS, 1, inputs, &f->pass), MPINN_OK);
  ops->download(f->network->backend, n, generated(f, MPINN_HYPER_VELOCITY), MPINN_FLOAT64, before);
  upload(f, NODES * MAPS * 2, swapped, f->inputs[0]);
  assert_int_equal(mpinn_network_forward(f->network, &f->graph, MAPS, 1, inputs, &f->pass), MPINN_OK);
  ops->download(f->network->backend, n, generated(f, MPINN_HYPER_VELOCITY), MPINN_FLOAT64, after);
  upload(f, NODES * MAPS * 2, input, f->inputs[0]);
  upload(f, QUERIES * MAPS, all, f->pass.mean);
  for (size_t i = 0; i < n; i++) assert_true(fabs(before[i] - after[i]) < 1e-12 * (1 + fabs(before[i])));
}

static void layout_of_the_paper_generates_its_networks(void **state) {
  (void)state;
  const mpinn_preset *paper = mpinn_preset_find("paper");
  assert_non_null(paper);
  assert_int_equal(mpinn_field_net_weights(&paper->pinn), 1781);
  assert_int_equal(mpinn_field_net_weights(&paper->velocity), 2621);
  assert_int_equal(paper->n_convs, 6);
  assert_null(mpinn_preset_find("no such preset"));
  assert_true(mpinn_preset_has_velocity(paper) && paper->label_weight == 0);
  assert_true(mpinn_preset_find("paper-labels")->label_weight > 0);
  assert_false(mpinn_preset_has_velocity(mpinn_preset_find("meta-neural")));
}

static void sentences_name_every_preset(void **state) {
  (void)state;
  for (size_t i = 0; mpinn_preset_name(i); i++)
    assert_non_null(strstr(MPINN_PRESET_NAMES, mpinn_preset_name(i)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_is_that_of_central_differences),
      cmocka_unit_test(order_of_context_maps_does_not_matter),
      cmocka_unit_test(layout_of_the_paper_generates_its_networks),
      cmocka_unit_test(sentences_name_every_preset),
  };
  const struct CMUnitTest neural[] = {cmocka_unit_test(gradient_is_that_of_central_differences)};
  return cmocka_run_group_tests(tests, setup, teardown) +
         cmocka_run_group_tests(neural, setup_neural, teardown);
}
