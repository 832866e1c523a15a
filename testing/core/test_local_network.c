/* Networks with local features: gradients against central differences in double precision, and what the
 * answer must not depend on: the frame, the unit, the numbering of nodes, the order of maps, the zero of
 * time. */
#include "metapinn/phantom.h"
#include "model/local_pass.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "measured_maps.h"
#include "tiny_preset.h"

enum { MAPS = 3, MEASURED = 60 };

typedef struct fixture {
  mpinn_context *context;
  mpinn_subject *subject;
  mpinn_network *network; /* double precision, trainable */
  size_t n, n_nodes;
  double points[3 * MEASURED];
  float times[MAPS * MEASURED];
  double origin[3];
} fixture;

static void measure(fixture *f) {
  double times[MAPS * MEASURED];
  read_measured_maps(f->subject, MEASURED, MAPS, f->points, times);
  for (size_t i = 0; i < MAPS * MEASURED; i++) f->times[i] = (float)times[i];
  f->n = MEASURED;
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  mpinn_phantom_options phantom;
  mpinn_tissue tissue;
  float *parameters;
  mpinn_phantom_options_default(&phantom);
  mpinn_tissue_default(&tissue);
  phantom.nodes = 400;
  phantom.ventricles = MPINN_LV_ALONE;
  assert_int_equal(mpinn_context_create(NULL, &f->context), MPINN_OK);
  assert_int_equal(mpinn_phantom_create(f->context, &phantom, &f->subject), MPINN_OK);
  assert_int_equal(mpinn_subject_draw_tissue(f->context, f->subject, &tissue), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(f->context, f->subject, MEASURED, 3), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(f->context, f->subject, MAPS, 5, 0), MPINN_OK);
  f->n_nodes = mpinn_mesh_node_count(mpinn_subject_mesh(f->subject));
  measure(f);
  const mpinn_array *origins = mpinn_subject_find(f->subject, "origins", MPINN_FIELD);
  for (size_t d = 0; d < 3; d++) f->origin[d] = mpinn_array_get(origins, 0, d);
  assert_int_equal(mpinn_network_create(f->context, &tiny, &mpinn_ops_cpu_reference, true, &f->network),
                   MPINN_OK);
  parameters = calloc(f->network->layout.n_values, sizeof *parameters);
  mpinn_layout_initialize(&f->network->layout, &tiny, 7, parameters);
  assert_int_equal(f->network->ops->upload(f->network->backend, f->network->layout.n_values, MPINN_FLOAT32,
                                           parameters, f->network->parameters),
                   MPINN_OK);
  free(parameters);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  mpinn_network_destroy(&f->network);
  mpinn_subject_destroy(&f->subject);
  mpinn_context_destroy(&f->context);
  free(f);
  return 0;
}

/* ---- gradients ---- */

/* Three stages on fixed inputs, and the sum of their outputs with fixed coefficients. */
typedef struct chain {
  mpinn_wall wall;
  mpinn_observed observed;
  mpinn_tape *tape;
  float *extras;
} chain;

static void chain_create(fixture *f, chain *c) {
  const mpinn_network *network = f->network;
  assert_int_equal(
      mpinn_wall_create(f->context, network->ops, network->backend, mpinn_subject_mesh(f->subject), &c->wall),
      MPINN_OK);
  float *anchors = calloc(MAPS * c->wall.n, sizeof *anchors), predicted[MAPS * MEASURED];
  for (size_t i = 0; i < MAPS * c->wall.n; i++) anchors[i] = (float)(30 + 20 * sin((double)i));
  for (size_t i = 0; i < MAPS * MEASURED; i++) predicted[i] = 0.9f * f->times[i] + 2 * sinf((float)i);
  mpinn_placements placements;
  assert_int_equal(
      mpinn_placements_create(f->context, &c->wall, f->n, f->points, MAPS, f->times, &placements), MPINN_OK);
  const mpinn_observation given = {f->n, MAPS, &placements, f->times, predicted, anchors, 0.6};
  assert_int_equal(mpinn_observed_create(f->context, &c->wall, &given, &c->observed), MPINN_OK);
  mpinn_placements_clear(&placements);
  free(anchors);
  c->extras = calloc(c->wall.n * MPINN_STAGE_EXTRAS, sizeof *c->extras);
  for (size_t i = 0; i < c->wall.n * MPINN_STAGE_EXTRAS; i++) c->extras[i] = (float)cos(0.3 * (double)i);
  assert_int_equal(mpinn_tape_create(f->context, network->ops, network->backend, network->parameters,
                                     network->gradient, &c->tape),
                   MPINN_OK);
}

static void chain_clear(chain *c) {
  mpinn_tape_destroy(&c->tape);
  mpinn_observed_clear(&c->observed);
  mpinn_wall_clear(&c->wall);
  free(c->extras);
}

static double coefficient(size_t i) {
  return sin(1.7 * (double)i + 0.3);
}

static double output_sum(const fixture *f, const chain *c, mpinn_tensor_id x, bool put) {
  const size_t n = mpinn_tape_rows(c->tape, x) * mpinn_tape_columns(c->tape, x);
  double *values = calloc(n, sizeof *values), sum = 0;
  assert_int_equal(
      f->network->ops->download(f->network->backend, n, mpinn_tape_value(c->tape, x), MPINN_FLOAT64, values),
      MPINN_OK);
  for (size_t i = 0; i < n; i++) {
    sum += coefficient(i) * values[i];
    values[i] = coefficient(i);
  }
  if (put)
    assert_int_equal(f->network->ops->upload(f->network->backend, n, MPINN_FLOAT64, values,
                                             mpinn_tape_derivative(c->tape, x)),
                     MPINN_OK);
  free(values);
  return sum;
}

/* Of the outputs of stage alone where it is not MPINN_STAGES: a stage takes the one before as a constant. */
static double chain_sum(const fixture *f, chain *c, int stage, bool put) {
  mpinn_stage_result result[MPINN_STAGES];
  double sum = 0;
  mpinn_tape_reset(c->tape);
  for (int s = 0; s < MPINN_STAGES; s++)
    result[s] = mpinn_stage_forward(c->tape, &f->network->layout.local.stages[s], &c->wall, &c->observed,
                                    c->extras, s > 0 ? &result[s - 1] : NULL);
  assert_int_equal(mpinn_tape_status(c->tape), MPINN_OK);
  for (int s = 0; s < MPINN_STAGES; s++)
    if (stage == s || stage == MPINN_STAGES)
      sum += output_sum(f, c, result[s].features, put) + output_sum(f, c, result[s].weights, put);
  return sum;
}

static void gradient_is_that_of_differences(void **state) {
  fixture *f = *state;
  const mpinn_network *network = f->network;
  const size_t n = network->layout.n_values;
  double *parameters = calloc(n, sizeof *parameters), *gradient = calloc(n, sizeof *gradient);
  chain c;
  chain_create(f, &c);
  network->ops->zero(network->backend, n, network->gradient);
  chain_sum(f, &c, MPINN_STAGES, true);
  assert_int_equal(mpinn_tape_backward(c.tape), MPINN_OK);
  network->ops->download(network->backend, n, network->gradient, MPINN_FLOAT64, gradient);
  network->ops->download(network->backend, n, network->parameters, MPINN_FLOAT64, parameters);
  int differ = 0;
  for (size_t t = 0; t < network->layout.n_tensors; t++) {
    const mpinn_parameter *p = &network->layout.tensors[t];
    const size_t i = p->offset + (p->count * 5 / 11);
    const double h = 1e-6, was = parameters[i];
    const int stage = (int)(t * MPINN_STAGES / network->layout.n_tensors); /* they all have as many */
    double sums[2];
    for (int side = 0; side < 2; side++) {
      parameters[i] = was + (side ? h : -h);
      network->ops->upload(network->backend, n, MPINN_FLOAT64, parameters, network->parameters);
      sums[side] = chain_sum(f, &c, stage, false);
    }
    parameters[i] = was;
    const double expected = (sums[1] - sums[0]) / (2 * h);
    /* A ReLU's kink or another maximum within the difference may be met once in a while. */
    if (fabs(gradient[i] - expected) > 1e-5 * (1 + fabs(expected))) {
      print_message("%s: %g, by differences %g\n", p->name, gradient[i], expected);
      differ++;
    }
  }
  assert_in_range(differ, 0, network->layout.n_tensors / 50);
  chain_clear(&c);
  free(parameters);
  free(gradient);
}

/* ---- invariances ---- */

/* What the networks say of a heart: velocity and, in ms, activation with its gradient (per mm) at points. */
typedef struct said {
  double speed[8], at[8], gradient[8][3];
} said;

typedef struct question {
  const mpinn_mesh *mesh;
  const double *points; /* measured, [n][3] */
  const float *times;
  const float *early;
  double origin[3];
  double places[8][3];
} question;

static void ask(const fixture *f, const question *q, said *answer) {
  const mpinn_network *network = f->network;
  mpinn_local_heart heart;
  mpinn_local_pass pass;
  mpinn_local_points points;
  void *value, *gradient;
  const mpinn_local_maps contexts = {f->n, q->points, MAPS - 1, q->times},
                         early = {f->n, q->points, 1, q->early};
  assert_int_equal(mpinn_local_heart_create(f->context, network, q->mesh, &heart), MPINN_OK);
  assert_int_equal(mpinn_local_pass_create(f->context, network, &pass), MPINN_OK);
  mpinn_local_begin(&pass, &heart);
  assert_int_equal(mpinn_local_velocity(f->context, &pass, &contexts), MPINN_OK);
  assert_int_equal(mpinn_local_activation(f->context, &pass, &early, q->origin), MPINN_OK);
  assert_int_equal(mpinn_local_points_create(f->context, network, &heart, 8, &q->places[0][0], &points),
                   MPINN_OK);
  network->ops->alloc(network->backend, 8, &value);
  network->ops->alloc(network->backend, 24, &gradient);
  const mpinn_local_field speed = mpinn_local_field_of(&pass, MPINN_STAGE_SECOND, NULL),
                          at = mpinn_local_field_of(&pass, MPINN_STAGE_ACTIVATION, q->origin);
  assert_int_equal(mpinn_local_evaluate(&heart, &points, &speed, value, NULL), MPINN_OK);
  network->ops->download(network->backend, 8, value, MPINN_FLOAT64, answer->speed);
  assert_int_equal(mpinn_local_evaluate(&heart, &points, &at, value, gradient), MPINN_OK);
  network->ops->download(network->backend, 8, value, MPINN_FLOAT64, answer->at);
  network->ops->download(network->backend, 24, gradient, MPINN_FLOAT64, &answer->gradient[0][0]);
  for (int i = 0; i < 8; i++) {
    answer->at[i] *= heart.wall.length / tiny.healthy_speed;
    for (int d = 0; d < 3; d++) answer->gradient[i][d] /= tiny.healthy_speed;
  }
  network->ops->release(network->backend, value);
  network->ops->release(network->backend, gradient);
  mpinn_local_points_clear(&points);
  mpinn_local_pass_clear(&pass);
  mpinn_local_heart_clear(&heart);
}

static void plain_question(const fixture *f, float early[MEASURED], question *q) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->subject);
  memcpy(early, f->times, MEASURED * sizeof *early);
  for (int i = 0; i < MEASURED; i++)
    if (early[i] > 40) early[i] = NAN;
  *q = (question){.mesh = mesh, .points = f->points, .times = f->times + MEASURED, .early = early};
  memcpy(q->origin, f->origin, sizeof q->origin);
  for (size_t i = 0; i < 8; i++)
    for (size_t d = 0; d < 3; d++) { /* inside a cell */
      const int32_t *cell = mpinn_mesh_cells(mesh) + 4 * (100 * i + 100);
      q->places[i][d] = 0.4 * mpinn_mesh_points(mesh)[3 * (size_t)cell[0] + d] +
                        0.6 * mpinn_mesh_points(mesh)[3 * (size_t)cell[2] + d];
    }
}

/* But for the rounding of the single precision that links and features are kept in. */
static void assert_alike(const said *a, const said *b) {
  for (int i = 0; i < 8; i++) {
    assert_float_equal(a->speed[i], b->speed[i], 1e-3 * fabs(a->speed[i]));
    assert_float_equal(a->at[i], b->at[i], 1e-3 * fabs(a->at[i]));
  }
}

/* Rotated by an arbitrary angle about an arbitrary axis, and moved. */
static void turn(size_t n, const double *in, double *out) {
  static const double r[3][3] = {{0.36, 0.48, -0.8}, {-0.8, 0.6, 0}, {0.48, 0.64, 0.6}};
  for (size_t i = 0; i < n; i++) {
    double moved[3];
    for (int d = 0; d < 3; d++)
      moved[d] = r[d][0] * in[3 * i] + r[d][1] * in[3 * i + 1] + r[d][2] * in[3 * i + 2] + 40 * d - 17;
    memcpy(out + 3 * i, moved, sizeof moved);
  }
}

static void frame_does_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->subject);
  float early[MEASURED];
  double measured[3 * MEASURED], *nodes = calloc(3 * f->n_nodes, sizeof *nodes);
  question q;
  said as_it_is, turned;
  mpinn_mesh *other = NULL;
  plain_question(f, early, &q);
  ask(f, &q, &as_it_is);
  turn(f->n_nodes, mpinn_mesh_points(mesh), nodes);
  turn(MEASURED, f->points, measured);
  turn(1, q.origin, q.origin);
  turn(8, &q.places[0][0], &q.places[0][0]);
  assert_int_equal(mpinn_mesh_create(f->context, MPINN_TETRAHEDRON, f->n_nodes, nodes,
                                     mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh), &other),
                   MPINN_OK);
  q.mesh = other;
  q.points = measured;
  ask(f, &q, &turned);
  assert_alike(&as_it_is, &turned);
  mpinn_mesh_destroy(&other);
  free(nodes);
}

static void scale_of_space_and_time_does_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->subject);
  const double scale = 0.17; /* a rabbit's heart */
  float early[MEASURED], times[MAPS * MEASURED];
  double measured[3 * MEASURED], *nodes = calloc(3 * f->n_nodes, sizeof *nodes);
  question q;
  said human, rabbit;
  mpinn_mesh *other = NULL;
  plain_question(f, early, &q);
  ask(f, &q, &human);
  for (size_t i = 0; i < 3 * f->n_nodes; i++) nodes[i] = scale * mpinn_mesh_points(mesh)[i];
  for (size_t i = 0; i < 3 * MEASURED; i++) measured[i] = scale * f->points[i];
  for (size_t i = 0; i < MAPS * MEASURED; i++) times[i] = (float)scale * f->times[i];
  for (size_t i = 0; i < MEASURED; i++) early[i] *= (float)scale;
  for (size_t i = 0; i < 3; i++) q.origin[i] *= scale;
  for (size_t i = 0; i < 24; i++) (&q.places[0][0])[i] *= scale;
  assert_int_equal(mpinn_mesh_create(f->context, MPINN_TETRAHEDRON, f->n_nodes, nodes,
                                     mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh), &other),
                   MPINN_OK);
  q.mesh = other;
  q.points = measured;
  q.times = times + MEASURED;
  ask(f, &q, &rabbit);
  for (int i = 0; i < 8; i++) rabbit.at[i] /= scale;
  assert_alike(&human, &rabbit);
  mpinn_mesh_destroy(&other);
  free(nodes);
}

static void numbering_does_not_matter(void **state) {
  fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->subject);
  const size_t n = f->n_nodes, n_cells = mpinn_mesh_cell_count(mesh);
  size_t *order = calloc(n, sizeof *order);
  int32_t *cells = calloc(4 * n_cells, sizeof *cells), *number = calloc(n, sizeof *number);
  double *nodes = calloc(3 * n, sizeof *nodes), measured[3 * MEASURED];
  float early[MEASURED], other_early[MEASURED], times[MAPS * MEASURED];
  mpinn_random random;
  question q;
  said before, after;
  mpinn_mesh *other = NULL;
  plain_question(f, early, &q);
  ask(f, &q, &before);
  mpinn_random_seed(&random, 11);
  for (size_t i = 0; i < n; i++) order[i] = i;
  mpinn_random_shuffle(&random, n, order);
  for (size_t i = 0; i < n; i++) {
    memcpy(nodes + 3 * i, mpinn_mesh_points(mesh) + 3 * order[i], 3 * sizeof *nodes);
    number[order[i]] = (int32_t)i;
  }
  for (size_t c = 0; c < n_cells; c++) /* the cells too, backwards */
    for (size_t a = 0; a < 4; a++)
      cells[4 * c + a] = number[mpinn_mesh_cells(mesh)[4 * (n_cells - 1 - c) + a]];
  for (size_t i = 0; i < MEASURED; i++) {
    const size_t from = MEASURED - 1 - i;
    memcpy(measured + 3 * i, f->points + 3 * from, 3 * sizeof *measured);
    other_early[i] = early[from];
    for (size_t m = 0; m < MAPS; m++) times[m * MEASURED + i] = f->times[m * MEASURED + from];
  }
  assert_int_equal(mpinn_mesh_create(f->context, MPINN_TETRAHEDRON, n, nodes, n_cells, cells, &other),
                   MPINN_OK);
  q.mesh = other;
  q.points = measured;
  q.times = times + MEASURED;
  q.early = other_early;
  ask(f, &q, &after);
  assert_alike(&before, &after);
  mpinn_mesh_destroy(&other);
  free(order);
  free(cells);
  free(number);
  free(nodes);
}

static void order_of_maps_and_zero_of_time_do_not_matter(void **state) {
  fixture *f = *state;
  float early[MEASURED], times[2 * MEASURED];
  question q;
  said before, after;
  plain_question(f, early, &q);
  ask(f, &q, &before);
  for (size_t i = 0; i < MEASURED; i++) {
    times[i] = q.times[MEASURED + i] - 310;
    times[MEASURED + i] = q.times[i] + 55;
    early[i] += 1000;
  }
  q.times = times;
  ask(f, &q, &after);
  assert_alike(&before, &after);
}

/* ---- what is used again ---- */

/* The same network without a way back, so that a pass takes its memory from what nothing reads any more. */
static mpinn_network *forward_network(const fixture *f) {
  const mpinn_network *from = f->network;
  const size_t n = from->layout.n_values;
  mpinn_network *network = NULL;
  double *parameters = calloc(n, sizeof *parameters);
  assert_int_equal(mpinn_network_create(f->context, &tiny, from->ops, false, &network), MPINN_OK);
  from->ops->download(from->backend, n, from->parameters, MPINN_FLOAT64, parameters);
  network->ops->upload(network->backend, n, MPINN_FLOAT64, parameters, network->parameters);
  free(parameters);
  return network;
}

static void memory_that_is_used_again_changes_nothing(void **state) {
  fixture *f = *state, forward = *f;
  float early[MEASURED];
  question q;
  said trained, first, again;
  plain_question(f, early, &q);
  forward.network = forward_network(f);
  ask(f, &q, &trained);
  ask(&forward, &q, &first);
  ask(&forward, &q, &again); /* with the memory of the first */
  assert_memory_equal(&trained, &first, sizeof first);
  assert_memory_equal(&trained, &again, sizeof again);
  mpinn_network_destroy(&forward.network);
}

static void a_heart_is_shared_by_its_mesh(void **state) {
  const fixture *f = *state;
  const mpinn_mesh *mesh = mpinn_subject_mesh(f->subject);
  mpinn_local_heart *first = NULL, *second = NULL, *other = NULL;
  mpinn_mesh *moved = NULL;
  double *nodes = calloc(3 * f->n_nodes, sizeof *nodes);
  turn(f->n_nodes, mpinn_mesh_points(mesh), nodes);
  assert_int_equal(mpinn_mesh_create(f->context, MPINN_TETRAHEDRON, f->n_nodes, nodes,
                                     mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh), &moved),
                   MPINN_OK);
  assert_int_equal(mpinn_local_heart_share(f->context, f->network, mesh, &first), MPINN_OK);
  assert_int_equal(mpinn_local_heart_share(f->context, f->network, mesh, &second), MPINN_OK);
  assert_ptr_equal(first, second);
  assert_ptr_not_equal(first->mesh, mesh); /* which may go */
  mpinn_local_heart_leave(&second);
  assert_int_equal(mpinn_local_heart_share(f->context, f->network, moved, &other), MPINN_OK);
  assert_ptr_not_equal(first, other);
  assert_float_equal(first->shape[0], other->shape[0], 1e-9);
  assert_int_equal(mpinn_mesh_node_count(first->mesh), f->n_nodes);
  mpinn_local_heart_leave(&first);
  mpinn_local_heart_leave(&other);
  mpinn_mesh_destroy(&moved);
  free(nodes);
}

static void maps_known_at_the_same_nodes_share_their_placement(void **state) {
  const fixture *f = *state;
  float times[MAPS * MEASURED];
  mpinn_local_heart *heart = NULL;
  mpinn_placements placements;
  memcpy(times, f->times, sizeof times);
  times[MEASURED + 7] = NAN;
  assert_int_equal(mpinn_local_heart_share(f->context, f->network, mpinn_subject_mesh(f->subject), &heart),
                   MPINN_OK);
  assert_int_equal(
      mpinn_placements_create(f->context, &heart->wall, MEASURED, f->points, MAPS, times, &placements),
      MPINN_OK);
  assert_int_equal(placements.count, 2);
  assert_int_equal(placements.of_map[0], 0);
  assert_int_equal(placements.of_map[1], 1);
  assert_int_equal(placements.of_map[2], 0);
  assert_int_equal(placements.placement[0].n, MEASURED);
  assert_int_equal(placements.placement[1].n, MEASURED - 1);
  assert_int_equal(placements.placement[1].node[7], 8);
  mpinn_placements_clear(&placements);
  mpinn_local_heart_leave(&heart);
}

/* The integral of ∇T along a line is the difference of T at its ends, though features change on the way. */
static void activation_is_smooth(void **state) {
  enum { STEPS = 4000 };
  fixture *f = *state;
  float early[MEASURED];
  question q;
  said at;
  double integral = 0, before = 0, first = 0, last = 0, jump = 0;
  plain_question(f, early, &q);
  const double from[3] = {q.places[1][0], q.places[1][1], q.places[1][2]},
               to[3] = {q.places[5][0], q.places[5][1], q.places[5][2]};
  double step[3], length2 = 0;
  for (int d = 0; d < 3; d++) step[d] = (to[d] - from[d]) / STEPS;
  for (int d = 0; d < 3; d++) length2 += step[d] * step[d];
  for (int i = 0; i <= STEPS; i += 8) {
    for (int j = 0; j < 8; j++)
      for (int d = 0; d < 3; d++) q.places[j][d] = from[d] + step[d] * (i + j < STEPS ? i + j : STEPS);
    if (i % 400 == 0) ask(f, &q, &at); /* a few pieces of the line are enough */
    if (i % 400 != 0) continue;
    integral = 0;
    first = at.at[0];
    for (int j = 0; j < 8; j++) {
      double slope = 0;
      for (int d = 0; d < 3; d++) slope += at.gradient[j][d] * step[d];
      if (j > 0) integral += 0.5 * (slope + before);
      if (j > 0) jump = fmax(jump, fabs(slope - before) / sqrt(length2));
      before = slope;
      last = at.at[j];
      if (i + j >= STEPS) break;
    }
    assert_float_equal(integral, last - first, 1e-5 * (1 + fabs(last - first)));
  }
  assert_true(jump < 0.05);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(gradient_is_that_of_differences, set_up, tear_down),
      cmocka_unit_test_setup_teardown(frame_does_not_matter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(scale_of_space_and_time_does_not_matter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(numbering_does_not_matter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(order_of_maps_and_zero_of_time_do_not_matter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(activation_is_smooth, set_up, tear_down),
      cmocka_unit_test_setup_teardown(memory_that_is_used_again_changes_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_heart_is_shared_by_its_mesh, set_up, tear_down),
      cmocka_unit_test_setup_teardown(maps_known_at_the_same_nodes_share_their_placement, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
