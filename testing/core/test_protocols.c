/* The protocols of evaluation: their table, the test sets made of it, and the fibres that one of them needs.
 */
#include "metapinn/fibres.h"
#include "metapinn/train.h"
#include "shapes.h"
#include "train/paper.h"
#include "train/remember.h"
#include "train/test_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "context_fixture.h"

static const double degrees = 180 / 3.14159265358979323846;

static mpinn_subject *make_phantom(uint64_t seed, size_t nodes) {
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.seed = seed;
  options.nodes = nodes;
  assert_int_equal(mpinn_phantom_create(context, &options, &subject), MPINN_OK);
  return subject;
}

static double node_value(const mpinn_subject *subject, const char *name, size_t node) {
  return mpinn_array_get(mpinn_subject_find(subject, name, MPINN_NODES), node, 0);
}

/* ---- the table ---- */

static void the_table_is_sane(void **state) {
  (void)state;
  char names[160];
  mpinn_protocol_names(sizeof names, names);
  size_t count = 0;
  for (const mpinn_protocol *p; (p = mpinn_protocol_at(count)); count++) {
    assert_ptr_equal(mpinn_protocol_find(p->name), p); /* so no name is there twice */
    assert_non_null(strstr(names, p->name));
    assert_true(p->help[0] != '\0');
    assert_true(p->k >= 1 && p->measured[0] >= 60 && p->measured[0] <= p->measured[1]);
    assert_true(p->missing >= 0 && p->missing <= 0.9 && p->noise >= 0 && p->surfaces != 0);
    assert_true(p->ratio[1] == 0 || (p->ratio[0] >= 1 && p->ratio[0] <= p->ratio[1]));
    assert_true(p->tissue.scars[0] >= 1 && p->tissue.slow[1] < p->tissue.healthy[1]);
    for (size_t given = 1; given < 300; given += 7) {
      const mpinn_test_size all = mpinn_protocol_size(p, given, p->k, false);
      const mpinn_test_size quick = mpinn_protocol_size(p, given, p->k, true);
      assert_true(all.hearts * all.draws * all.maps >= MPINN_PROTOCOL_MAPS);
      assert_true(all.maps > p->k && quick.maps > p->k);
      assert_true(quick.hearts * quick.draws * quick.maps <= all.hearts * all.draws * all.maps);
    }
  }
  assert_int_equal(count, 10);
  assert_true(strlen(names) + 1 < sizeof names);
  assert_null(mpinn_protocol_find("poem"));
}

static void truth_is_refined_until_it_is_fine_enough(void **state) {
  (void)state;
  assert_int_equal(mpinn_truth_refinements(1700), 2);
  assert_int_equal(mpinn_truth_refinements(20000), 1);
  assert_int_equal(mpinn_truth_refinements(150000), 0);
}

/* ---- test sets ---- */

static size_t count_measured(const mpinn_subject *subject) {
  size_t count = 0;
  for (size_t i = 0; i < mpinn_mesh_node_count(mpinn_subject_mesh(subject)); i++)
    count += node_value(subject, "measured", i) != 0;
  return count;
}

/* The first subject of a protocol. */
static mpinn_subject *first_of(const char *name, size_t k, uint64_t seed) {
  mpinn_protocol protocol = *mpinn_protocol_find(name);
  const mpinn_test_options options = {.seed = seed, .trained_on = {.seed = 1}, .k = k, .quick = true};
  mpinn_subject **made = NULL, *first = NULL;
  size_t count = 0;
  protocol.hearts = 1;
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &count, &made), MPINN_OK);
  assert_int_equal(count, 1);
  assert_int_equal(mpinn_subject_map_count(made[0]), k + 1);
  first = made[0];
  made[0] = NULL;
  mpinn_subjects_destroy(count, &made);
  return first;
}

static void protocols_of_new_hearts_differ_in_what_they_say_alone(void **state) {
  (void)state;
  mpinn_subject *plain = first_of("new-heart", 1, 1), *noisy = first_of("noisy", 1, 1),
                *sparse = first_of("sparse", 1, 1), *other = first_of("new-heart", 1, 2);
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(plain)), measured = count_measured(plain);
  for (size_t i = 0; i < n; i++) { /* noise is not in the truth */
    assert_true(node_value(plain, "CV", i) == node_value(noisy, "CV", i));
    assert_true(node_value(plain, "AT_00", i) == node_value(noisy, "AT_00", i));
    assert_true(node_value(plain, "AT_01", i) == node_value(sparse, "AT_01", i));
  }
  assert_true(measured >= 200 && measured <= 400);
  assert_true(fabs((double)count_measured(noisy) / (double)measured - 0.7) < 0.02);
  assert_int_equal(count_measured(sparse), 60);
  assert_string_not_equal(mpinn_subject_get_text(plain, "mesh_sha256"),
                          mpinn_subject_get_text(other, "mesh_sha256"));
  assert_string_equal(mpinn_subject_get_text(plain, "test_maps"), "0-1");
  assert_string_equal(mpinn_subject_get_text(plain, "train_maps"), "");
  mpinn_subject_destroy(&plain);
  mpinn_subject_destroy(&noisy);
  mpinn_subject_destroy(&sparse);
  mpinn_subject_destroy(&other);
}

static void new_scars_are_on_the_hearts_of_the_training(void **state) {
  (void)state;
  mpinn_subject *test = first_of("new-scar", 1, 1), *heart = NULL;
  assert_int_equal(mpinn_paper_heart(context, 1, 0, &heart), MPINN_OK);
  const mpinn_mesh *a = mpinn_subject_mesh(test), *b = mpinn_subject_mesh(heart);
  assert_int_equal(mpinn_mesh_node_count(a), mpinn_mesh_node_count(b));
  assert_memory_equal(mpinn_mesh_points(a), mpinn_mesh_points(b),
                      3 * sizeof(double) * mpinn_mesh_node_count(a));
  mpinn_subject_destroy(&test);
  mpinn_subject_destroy(&heart);
}

static void weights_of_a_stream_remember_its_hearts(void **state) {
  (void)state;
  mpinn_protocol protocol = *mpinn_protocol_find("new-scar");
  const mpinn_test_options options = {
      .seed = 1, .trained_on = {.seed = 3, .stream = true}, .k = 1, .quick = true};
  mpinn_subject **known = NULL, **made = NULL;
  size_t n_known = 0, n_made = 0;
  mpinn_random random;
  mpinn_tested tested[2] = {{0}};
  protocol.hearts = 1;
  assert_int_equal(mpinn_training_set_create(context, &options.trained_on, true, &n_known, &known), MPINN_OK);
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &n_made, &made), MPINN_OK);
  assert_true(n_known > 1 && n_made == 1);
  mpinn_random_seed(&random, 1);
  assert_int_equal(mpinn_tested_read(context, known[1], &random, &tested[0]), MPINN_OK);
  assert_int_equal(mpinn_tested_read(context, made[0], &random, &tested[1]), MPINN_OK);
  assert_true(tested[0].n_train > 1 && tested[0].n_test == 0);
  assert_true(mpinn_tested_same_mesh(&tested[0], &tested[1]));
  for (int i = 0; i < 2; i++) mpinn_tested_clear(&tested[i]);
  mpinn_subjects_destroy(n_known, &known);
  mpinn_subjects_destroy(n_made, &made);
}

static void a_given_heart_without_labels_is_tested_without_labels(void **state) {
  (void)state;
  mpinn_protocol protocol = *mpinn_protocol_find("real-heart");
  mpinn_subject *given = make_phantom(4, 1000), **made = NULL;
  size_t count = 0, inside = 0;
  const mpinn_test_options options = {.seed = 1, .k = 1, .quick = true, .n_given = 1, .given = &given};
  int32_t *classes = mpinn_subject_find(given, "surface_class", MPINN_NODES)->values;
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(given));
  int32_t *kept = memcpy(malloc(n * sizeof *kept), classes, n * sizeof *kept);
  mpinn_subject_remove_array(given, "surface_class", MPINN_NODES);
  mpinn_subject_remove_array(given, "transmural", MPINN_NODES);
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &count, &made), MPINN_OK);
  assert_null(mpinn_subject_find(made[0], "surface_class", MPINN_NODES));
  assert_null(mpinn_subject_find(made[0], "transmural", MPINN_NODES));
  for (size_t i = 0; i < n; i++)
    inside += node_value(made[0], "measured", i) != 0 && kept[i] >= MPINN_CLASS_LV_ENDOCARDIUM;
  assert_true((double)inside > 0.9 * (double)count_measured(made[0]));
  free(kept);
  mpinn_subjects_destroy(count, &made);
  mpinn_subject_destroy(&given);
}

static void given_hearts_are_not_changed_and_surfaces_are_refused(void **state) {
  (void)state;
  mpinn_protocol protocol = *mpinn_protocol_find("real-heart");
  mpinn_subject *given = make_phantom(4, 1000), **made = NULL;
  size_t count = 0;
  mpinn_test_options options = {.seed = 1, .k = 1, .quick = true, .n_given = 1, .given = &given};
  const size_t arrays = mpinn_subject_array_count(given);
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &count, &made), MPINN_OK);
  assert_int_equal(count, 1);
  assert_int_equal(mpinn_subject_array_count(given), arrays);
  assert_non_null(mpinn_subject_find(made[0], "surface_class", MPINN_NODES));
  mpinn_subjects_destroy(count, &made);
  mpinn_subject_destroy(&given);
  mpinn_mesh *mesh = shape_sphere(context, 1);
  assert_int_equal(mpinn_subject_create(context, &mesh, &given), MPINN_OK);
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &count, &made), MPINN_ERROR_MESH);
  assert_non_null(strstr(mpinn_context_error(context), "surface"));
  mpinn_subject_destroy(&given);
  options.n_given = 0;
  assert_int_equal(mpinn_test_set_create(context, &protocol, &options, &count, &made), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "real-heart"));
}

/* ---- noise ---- */

static mpinn_subject *make_mapped(uint64_t seed, const char *train_maps) {
  mpinn_subject *subject = make_phantom(seed, 1000);
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 0, NULL), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(context, subject, 150, 1), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, subject, 8, 3, 0), MPINN_OK);
  assert_int_equal(mpinn_subject_set_text(context, subject, "train_maps", train_maps), MPINN_OK);
  assert_int_equal(mpinn_subject_set_text(context, subject, "test_maps", "0-7"), MPINN_OK);
  return subject;
}

static void noise_has_its_deviation_and_is_of_the_map_alone(void **state) {
  (void)state;
  mpinn_subject *subject = make_mapped(4, "");
  mpinn_tested tested = {0};
  mpinn_random random;
  double sum = 0, squares = 0, count = 0, *exact, *noisy, *again, *other;
  mpinn_random_seed(&random, 1);
  assert_int_equal(mpinn_tested_read(context, subject, &random, &tested), MPINN_OK);
  for (size_t map = 0; map < 8; map++) {
    assert_int_equal(mpinn_tested_measure(context, &tested, 5, 2, map, 0, &exact), MPINN_OK);
    assert_int_equal(mpinn_tested_measure(context, &tested, 5, 2, map, 3, &noisy), MPINN_OK);
    assert_int_equal(mpinn_tested_measure(context, &tested, 5, 2, map, 3, &again), MPINN_OK);
    assert_int_equal(mpinn_tested_measure(context, &tested, 5, 3, map, 3, &other), MPINN_OK);
    assert_memory_equal(noisy, again, tested.n_measured * sizeof *noisy);
    for (size_t i = 0; i < tested.n_measured; i++) {
      const double off = noisy[i] - exact[i];
      assert_true(exact[i] == mpinn_array_get(mpinn_tested_map(&tested, map), tested.measured[i], 0));
      assert_true(noisy[i] != other[i]);
      sum += off;
      squares += off * off;
      count++;
    }
    free(exact);
    free(noisy);
    free(again);
    free(other);
  }
  assert_true(fabs(sum / count) < 0.35); /* four of its own deviations */
  assert_true(fabs(sqrt(squares / count) - 3) < 0.25);
  mpinn_tested_clear(&tested);
  mpinn_subject_destroy(&subject);
}

/* ---- what the training knew ---- */

static void turn(double p[3]) {
  const double x = p[0], y = p[1];
  p[0] = 0.6 * x - 0.8 * y + 10;
  p[1] = 0.8 * x + 0.6 * y - 20;
  p[2] += 5;
}

/* The same heart elsewhere: its nodes are those of the heart that was known, and so are its fields. */
static void memory_is_carried_over_in_the_frame(void **state) {
  (void)state;
  mpinn_subject *known = make_mapped(4, "0-3"), *test = make_mapped(4, ""), *turned = NULL;
  mpinn_mesh *mesh = shape_moved(context, mpinn_subject_mesh(test), turn);
  mpinn_random random;
  mpinn_tested tested[3] = {{0}};
  mpinn_memory memory;
  assert_int_equal(mpinn_subject_create(context, &mesh, &turned), MPINN_OK);
  for (size_t i = 0; i < mpinn_subject_array_count(test); i++) {
    const mpinn_array *a = mpinn_subject_array_at(test, i);
    assert_int_equal(mpinn_subject_add_array(context, turned, a->name, a->association, a->type, a->rows,
                                             a->components, a->values, NULL),
                     MPINN_OK);
  }
  mpinn_random_seed(&random, 1);
  mpinn_subject *all[] = {known, test, turned};
  for (int i = 0; i < 3; i++)
    assert_int_equal(mpinn_tested_read(context, all[i], &random, &tested[i]), MPINN_OK);
  assert_int_equal(mpinn_memory_create(context, &tested[1], 1, tested, &memory), MPINN_OK);
  assert_null(memory.nearest[0]); /* the very nodes */
  mpinn_memory_clear(&memory);
  assert_int_equal(mpinn_memory_create(context, &tested[2], 1, tested, &memory), MPINN_OK);
  for (size_t i = 0; i < tested[2].n_wall; i++) {
    assert_int_equal(memory.nearest[0][i], i);
    assert_true(fabs((double)memory.mean_cv[i] - 0.6) < 1e-6);
  }
  mpinn_memory_clear(&memory);
  for (int i = 0; i < 3; i++) mpinn_tested_clear(&tested[i]);
  for (int i = 0; i < 3; i++) mpinn_subject_destroy(&all[i]);
}

/* ---- fibres ---- */

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void read_vector(const mpinn_subject *subject, const char *name, size_t cell, double v[3]) {
  const mpinn_array *array = mpinn_subject_find(subject, name, MPINN_CELLS);
  for (size_t k = 0; k < 3; k++) v[k] = mpinn_array_get(array, cell, k);
}

/* Angle of a fibre, degrees, above the circle around the LV's axis (z); its cell's mean depth, AHA segment
 * and the classes of its nodes as bits. */
typedef struct fibre_at {
  double angle, depth;
  int segment, classes;
} fibre_at;

static fibre_at look_at_fibre(const mpinn_subject *subject, size_t cell) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  double x[3] = {0}, f[3];
  fibre_at at = {.angle = 0};
  for (int a = 0; a < 4; a++) {
    const size_t node = (size_t)mpinn_mesh_cells(mesh)[4 * cell + (size_t)a];
    for (int k = 0; k < 3; k++) x[k] += 0.25 * mpinn_mesh_points(mesh)[3 * node + (size_t)k];
    at.depth += 0.25 * node_value(subject, "transmural", node);
    at.segment = (int)node_value(subject, "segment", node);
    at.classes |= 1 << (int)node_value(subject, "surface_class", node);
  }
  read_vector(subject, "fibre", cell, f);
  const double r = hypot(x[0], x[1]), around[3] = {-x[1] / r, x[0] / r, 0};
  const double c = dot(f, around), rest = sqrt(fmax(0, 1 - c * c));
  at.angle = degrees * atan2(f[2] * c > 0 ? rest : -rest, fabs(c));
  return at;
}

static mpinn_subject *make_fibres(void) {
  mpinn_subject *subject = make_phantom(3, 1600);
  mpinn_fibre_rule rule;
  mpinn_fibre_rule_default(&rule);
  assert_int_equal(mpinn_subject_set_fibres(context, subject, &rule), MPINN_OK);
  return subject;
}

static void fibres_are_unit_vectors_across_the_sheets(void **state) {
  (void)state;
  mpinn_subject *subject = make_fibres();
  const size_t n = mpinn_mesh_cell_count(mpinn_subject_mesh(subject));
  for (size_t c = 0; c < n; c++) {
    double f[3], s[3];
    read_vector(subject, "fibre", c, f);
    read_vector(subject, "sheet", c, s);
    assert_true(fabs(dot(f, f) - 1) < 1e-5 && fabs(dot(s, s) - 1) < 1e-5 && fabs(dot(f, s)) < 1e-5);
  }
  assert_true(mpinn_array_get(mpinn_subject_find(subject, "fibre_ratio", MPINN_FIELD), 0, 0) == 2.5);
  mpinn_subject_destroy(&subject);
}

/* In the LV's free wall, by the depth that the phantom's own shape gives. */
static void fibres_turn_linearly_through_the_free_wall(void **state) {
  (void)state;
  mpinn_subject *subject = make_fibres();
  double off = 0, count = 0, inner = 0, inners = 0, outer = 0, outers = 0;
  for (size_t c = 0; c < mpinn_mesh_cell_count(mpinn_subject_mesh(subject)); c++) {
    const fibre_at at = look_at_fibre(subject, c);
    if (at.segment != 5 && at.segment != 6 && at.segment != 11 && at.segment != 12) continue;
    off += pow(at.angle - (60 - 120 * at.depth), 2);
    count++;
    if (at.depth < 0.3) inner += at.angle + 120 * at.depth, inners++;
    if (at.depth > 0.7) outer += at.angle - 120 * (1 - at.depth), outers++;
  }
  assert_true(count > 200 && inners > 30 && outers > 30);
  assert_true(sqrt(off / count) < 12);
  assert_true(fabs(inner / inners - 60) < 6);
  assert_true(fabs(outer / outers + 60) < 6);
  mpinn_subject_destroy(&subject);
}

/* +60 on the LV's side to −60 on the RV's, without a jump between. */
static void fibres_turn_through_the_septum(void **state) {
  (void)state;
  mpinn_subject *subject = make_fibres();
  double left = 0, lefts = 0, right = 0, rights = 0, middle = 0, middles = 0;
  for (size_t c = 0; c < mpinn_mesh_cell_count(mpinn_subject_mesh(subject)); c++) {
    const fibre_at at = look_at_fibre(subject, c);
    const bool lv = at.classes & 1 << MPINN_CLASS_LV_ENDOCARDIUM,
               rv = at.classes & 1 << MPINN_CLASS_RV_ENDOCARDIUM;
    if (at.segment != 2 && at.segment != 3 && at.segment != 8 && at.segment != 9) continue;
    if (lv && !rv) left += at.angle, lefts++;
    if (rv && !lv) right += at.angle, rights++;
    if (at.classes == 1) middle += fabs(at.angle), middles++; /* wholly inside */
  }
  assert_true(lefts > 20 && rights > 20);
  assert_true(left / lefts > 25 && right / rights < -25);
  if (middles > 0) assert_true(middle / middles < 35);
  mpinn_subject_destroy(&subject);
}

static void speeds_have_the_velocity_as_their_geometric_mean(void **state) {
  (void)state;
  double speeds[3];
  mpinn_fibre_speeds(0.6, 2.5, speeds);
  assert_true(fabs(cbrt(speeds[0] * speeds[1] * speeds[2]) - 0.6) < 1e-12);
  assert_true(fabs(speeds[0] / speeds[1] - 2.5) < 1e-12 && speeds[1] == speeds[2]);
}

static void fibres_need_labels_and_a_ratio(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(3, 800);
  mpinn_fibre_rule rule;
  mpinn_fibre_rule_default(&rule);
  rule.ratio = 0.5;
  assert_int_equal(mpinn_subject_set_fibres(context, subject, &rule), MPINN_ERROR_ARGUMENT);
  rule.ratio = 2;
  mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
  assert_int_equal(mpinn_subject_set_fibres(context, subject, &rule), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "surface_class"));
  mpinn_subject_destroy(&subject);
}

/* ---- maps on fibres ---- */

/* Largest error of the maps of a block with fibres along (1, 1, 0), relative to its latest time. */
static double error_on_fibres(int refinements) {
  static const double side[3] = {30, 30, 30}, along[3] = {0.70710678118654752, 0.70710678118654752, 0},
                      ratio = 2.5;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  mpinn_subject *subject = NULL;
  mpinn_array *fibre = NULL;
  double speeds[3], worst = 0, latest = 0;
  assert_int_equal(mpinn_subject_create(context, &mesh, &subject), MPINN_OK);
  const mpinn_mesh *block = mpinn_subject_mesh(subject);
  const size_t n_cells = mpinn_mesh_cell_count(block);
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 0, NULL), MPINN_OK);
  assert_int_equal(mpinn_subject_add_array(context, subject, "fibre", MPINN_CELLS, MPINN_FLOAT32, n_cells, 3,
                                           NULL, &fibre),
                   MPINN_OK);
  for (size_t i = 0; i < 3 * n_cells; i++) ((float *)fibre->values)[i] = (float)along[i % 3];
  assert_int_equal(mpinn_subject_add_array(context, subject, "fibre_ratio", MPINN_FIELD, MPINN_FLOAT64, 1, 1,
                                           &ratio, NULL),
                   MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, subject, 1, 2, refinements), MPINN_OK);
  const mpinn_array *origins = mpinn_subject_find(subject, "origins", MPINN_FIELD);
  mpinn_fibre_speeds(0.6, ratio, speeds);
  for (size_t i = 0; i < mpinn_mesh_node_count(block); i++) {
    double d[3];
    for (size_t k = 0; k < 3; k++)
      d[k] = mpinn_mesh_points(block)[3 * i + k] - mpinn_array_get(origins, 0, k);
    const double l = dot(d, along), across = fmax(0, dot(d, d) - l * l);
    const double exact = sqrt(l * l / (speeds[0] * speeds[0]) + across / (speeds[1] * speeds[1]));
    worst = fmax(worst, fabs(node_value(subject, "AT_00", i) - exact));
    latest = fmax(latest, exact);
  }
  mpinn_subject_destroy(&subject);
  return worst / latest;
}

static void maps_on_fibres_are_the_exact_ellipsoids(void **state) {
  (void)state;
  const double coarse = error_on_fibres(0), fine = error_on_fibres(2);
  assert_true(coarse < 0.08);
  assert_true(fine < 0.03 && fine < 0.6 * coarse);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_is_sane),
      cmocka_unit_test(truth_is_refined_until_it_is_fine_enough),
      cmocka_unit_test(protocols_of_new_hearts_differ_in_what_they_say_alone),
      cmocka_unit_test(new_scars_are_on_the_hearts_of_the_training),
      cmocka_unit_test(weights_of_a_stream_remember_its_hearts),
      cmocka_unit_test(a_given_heart_without_labels_is_tested_without_labels),
      cmocka_unit_test(given_hearts_are_not_changed_and_surfaces_are_refused),
      cmocka_unit_test(noise_has_its_deviation_and_is_of_the_map_alone),
      cmocka_unit_test(memory_is_carried_over_in_the_frame),
      cmocka_unit_test(fibres_are_unit_vectors_across_the_sheets),
      cmocka_unit_test(fibres_turn_linearly_through_the_free_wall),
      cmocka_unit_test(fibres_turn_through_the_septum),
      cmocka_unit_test(speeds_have_the_velocity_as_their_geometric_mean),
      cmocka_unit_test(fibres_need_labels_and_a_ratio),
      cmocka_unit_test(maps_on_fibres_are_the_exact_ellipsoids),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
