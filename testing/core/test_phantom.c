/* Phantom hearts: shape, tetrahedra, labels, scars, measured nodes, simulated maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/internal.h"
#include "heart/boundary.h"
#include "metapinn/phantom.h"

#include <math.h>
#include <string.h>

#include "context_fixture.h"

static mpinn_subject *make_phantom(uint64_t seed, size_t nodes) {
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.seed = seed;
  options.nodes = nodes;
  if (mpinn_phantom_create(context, &options, &subject) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return subject;
}

static int label(const mpinn_subject *subject, const char *name, size_t node) {
  return (int)mpinn_array_get(mpinn_subject_find(subject, name, MPINN_NODES), node, 0);
}

static const double *corner(const mpinn_mesh *mesh, size_t cell, int a) {
  return mpinn_mesh_points(mesh) + 3 * mpinn_mesh_cells(mesh)[4 * cell + (size_t)a];
}

static double volume(const mpinn_mesh *mesh, size_t cell) {
  double e[3][3];
  for (int i = 0; i < 9; i++)
    e[i / 3][i % 3] = corner(mesh, cell, i / 3 + 1)[i % 3] - corner(mesh, cell, 0)[i % 3];
  return (e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1]) -
          e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0]) +
          e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0])) /
         6;
}

/* Degrees; the least of the six. */
static double least_dihedral(const mpinn_mesh *mesh, size_t cell) {
  static const int sides[4][3] = {{1, 2, 3}, {0, 3, 2}, {0, 1, 3}, {0, 2, 1}};
  double normal[4][3], least = 180;
  for (int f = 0; f < 4; f++) {
    const double *p = corner(mesh, cell, sides[f][0]), *q = corner(mesh, cell, sides[f][1]),
                 *r = corner(mesh, cell, sides[f][2]);
    double length = 0;
    for (int k = 0; k < 3; k++) {
      const int i = (k + 1) % 3, j = (k + 2) % 3;
      normal[f][k] = (q[i] - p[i]) * (r[j] - p[j]) - (q[j] - p[j]) * (r[i] - p[i]);
      length += normal[f][k] * normal[f][k];
    }
    for (int k = 0; k < 3; k++) normal[f][k] /= sqrt(length);
  }
  for (int f = 0; f < 4; f++)
    for (int g = 0; g < f; g++) {
      double cosine = 0;
      for (int k = 0; k < 3; k++) cosine -= normal[f][k] * normal[g][k];
      least = fmin(least, acos(fmax(-1, fmin(1, cosine))) * 57.29577951308232);
    }
  return least;
}

static void hash_mesh(const mpinn_subject *subject, char hex[65]) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  mpinn_sha256 hash;
  mpinn_sha256_begin(&hash);
  mpinn_sha256_add(&hash, mpinn_mesh_points(mesh), 24 * mpinn_mesh_node_count(mesh));
  mpinn_sha256_add(&hash, mpinn_mesh_cells(mesh), 16 * mpinn_mesh_cell_count(mesh));
  mpinn_sha256_end(&hash, hex);
}

/* ---- the mesh ---- */

/* dihedral: the least that is good enough, degrees. */
static void check_wall_to(const mpinn_subject *subject, size_t wanted, double dihedral) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const mpinn_mesh_report report = mpinn_mesh_get_report(mesh);
  int32_t(*faces)[3] = NULL;
  size_t count = 0;
  bool manifold = false;
  long euler = 0;
  assert_true(fabs((double)mpinn_mesh_node_count(mesh) / (double)wanted - 1) <= 0.05);
  assert_int_equal(report.components, 1);
  assert_int_equal(
      report.unreferenced + report.degenerate_cells + report.duplicate_cells + report.inverted_cells, 0);
  assert_int_equal(mpinn_mesh_boundary(context, mesh, &count, &faces), MPINN_OK);
  assert_int_equal(mpinn_boundary_check(context, mpinn_mesh_node_count(mesh), count,
                                        (const int32_t(*)[3])faces, &manifold, &euler),
                   MPINN_OK);
  assert_true(manifold);
  assert_int_equal(euler, 2); /* a ball bent into shape: no hole in any wall */
  free(faces);
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) assert_true(least_dihedral(mesh, c) > dihedral);
}

static void check_wall(const mpinn_subject *subject, size_t wanted) {
  check_wall_to(subject, wanted, 8);
}

static void walls_are_whole_at_every_paper_size(void **state) {
  (void)state;
  static const size_t sizes[3] = {1600, 2000, 2400};
  for (uint64_t seed = 1; seed <= 4; seed++) {
    mpinn_subject *subject = make_phantom(seed, sizes[seed % 3]);
    check_wall(subject, sizes[seed % 3]);
    mpinn_subject_destroy(&subject);
  }
}

static void finer_lattices_give_the_same_heart(void **state) {
  (void)state;
  mpinn_subject *coarse = make_phantom(5, 2000), *fine = make_phantom(5, 12000);
  double volumes[2] = {0, 0}, lowest[2] = {0, 0};
  check_wall(fine, 12000);
  for (int i = 0; i < 2; i++) {
    const mpinn_mesh *mesh = mpinn_subject_mesh(i ? fine : coarse);
    for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) volumes[i] += volume(mesh, c);
    for (size_t n = 0; n < mpinn_mesh_node_count(mesh); n++)
      lowest[i] = fmin(lowest[i], mpinn_mesh_points(mesh)[3 * n + 2]);
  }
  assert_true(fabs(volumes[0] / volumes[1] - 1) < 0.06);
  assert_true(fabs(lowest[0] - lowest[1]) < 1.5);
  assert_true(volumes[1] > 80e3 && volumes[1] < 250e3); /* mm³ */
  assert_true(lowest[1] < -70 && lowest[1] > -105);
  mpinn_subject_destroy(&coarse);
  mpinn_subject_destroy(&fine);
}

static void a_seed_is_one_heart_on_any_number_of_threads(void **state) {
  (void)state;
  char hex[3][65];
  mpinn_context *own = context;
  for (int i = 0; i < 3; i++) {
    mpinn_context_options options;
    mpinn_context_options_default(&options);
    options.threads = i + 1;
    mpinn_context_create(&options, &context);
    mpinn_subject *subject = make_phantom(i < 2 ? 11 : 12, 1700);
    hash_mesh(subject, hex[i]);
    mpinn_subject_destroy(&subject);
    mpinn_context_destroy(&context);
  }
  context = own;
  assert_string_equal(hex[0], hex[1]);
  assert_string_not_equal(hex[0], hex[2]);
}

static void no_variation_is_the_mean_heart(void **state) {
  (void)state;
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  char hex[2][65];
  mpinn_phantom_options_default(&options);
  options.variation = 0;
  for (uint64_t i = 0; i < 2; i++) {
    options.seed = i;
    assert_int_equal(mpinn_phantom_create(context, &options, &subject), MPINN_OK);
    hash_mesh(subject, hex[i]);
    mpinn_subject_destroy(&subject);
  }
  assert_string_equal(hex[0], hex[1]);
}

static bool cancel(void *user, double fraction, const char *what) {
  (void)user;
  (void)fraction;
  (void)what;
  return true;
}

static void progress_can_cancel(void **state) {
  (void)state;
  mpinn_context_options options;
  mpinn_context *own = NULL;
  mpinn_phantom_options phantom;
  mpinn_subject *subject = NULL;
  mpinn_context_options_default(&options);
  options.progress = cancel;
  mpinn_context_create(&options, &own);
  mpinn_phantom_options_default(&phantom);
  assert_int_equal(mpinn_phantom_create(own, &phantom, &subject), MPINN_CANCELLED);
  assert_null(subject);
  mpinn_context_destroy(&own);
}

/* ---- variety ---- */

static mpinn_subject *make_heart(mpinn_ventricles ventricles, uint64_t seed, size_t nodes, double variation,
                                 double size) {
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.ventricles = ventricles;
  options.seed = seed;
  options.nodes = nodes;
  options.variation = variation;
  options.size = size;
  if (mpinn_phantom_create(context, &options, &subject) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return subject;
}

static void count_classes(const mpinn_subject *subject, size_t classes[5]) {
  memset(classes, 0, 5 * sizeof *classes);
  for (size_t i = 0; i < mpinn_mesh_node_count(mpinn_subject_mesh(subject)); i++)
    classes[label(subject, "surface_class", i)]++;
}

static void the_default_heart_stays_the_one_that_weights_were_trained_on(void **state) {
  (void)state;
  mpinn_phantom_options options;
  mpinn_phantom_options_default(&options);
  assert_int_equal(options.ventricles, MPINN_BOTH_VENTRICLES);
  assert_true(options.size == 1 && options.variation == 1);
  mpinn_subject *subject = make_phantom(1, 2000);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  double sum = 0;
  for (size_t i = 0; i < 3 * mpinn_mesh_node_count(mesh); i++) sum += fabs(mpinn_mesh_points(mesh)[i]);
  assert_int_equal(mpinn_mesh_node_count(mesh), 1990);
  assert_int_equal(mpinn_mesh_cell_count(mesh), 6960);
  assert_true(fabs(sum - 150347.854279) < 1e-3); /* mm; other processors round otherwise */
  mpinn_subject_destroy(&subject);
}

static void a_ventricle_alone_is_whole_and_has_one_endocardium(void **state) {
  (void)state;
  static const mpinn_ventricles which[2] = {MPINN_LV_ALONE, MPINN_RV_ALONE};
  static const size_t sizes[2] = {500, 2000};
  for (int i = 0; i < 4; i++) {
    mpinn_subject *subject = make_heart(which[i % 2], 3, sizes[i / 2], 1, 1);
    const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
    size_t classes[5], rv_wall = 0;
    check_wall(subject, sizes[i / 2]);
    count_classes(subject, classes);
    const bool lv = which[i % 2] == MPINN_LV_ALONE;
    assert_int_equal(classes[lv ? MPINN_CLASS_RV_ENDOCARDIUM : MPINN_CLASS_LV_ENDOCARDIUM], 0);
    assert_true(classes[lv ? MPINN_CLASS_LV_ENDOCARDIUM : MPINN_CLASS_RV_ENDOCARDIUM] > 40);
    assert_true(classes[MPINN_CLASS_EPICARDIUM] > 60 && classes[MPINN_CLASS_BASE] > 30);
    for (size_t n = 0; n < mpinn_mesh_node_count(mesh); n++)
      rv_wall += label(subject, "segment", n) == MPINN_SEGMENT_RV;
    assert_true(lv ? rv_wall == 0 : rv_wall > 60);
    mpinn_subject_destroy(&subject);
  }
}

/* Of the RV alone, what was the LV's cavity is outside, and the septum's depth is counted from the RV. */
static void the_septum_of_an_rv_alone_ends_in_epicardium(void **state) {
  (void)state;
  mpinn_subject *subject = make_heart(MPINN_RV_ALONE, 1, 2000, 0, 1);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  double depth[2] = {0, 0}; /* x of the septum's endo- and epicardium */
  int count[2] = {0, 0};
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    const double *x = mpinn_mesh_points(mesh) + 3 * i;
    const int class = label(subject, "surface_class", i);
    if (x[2] < -40 || fabs(x[1]) > 8 || x[0] < -40 || class < MPINN_CLASS_EPICARDIUM) continue;
    depth[class == MPINN_CLASS_EPICARDIUM] += x[0];
    count[class == MPINN_CLASS_EPICARDIUM]++;
  }
  assert_true(count[0] > 5 && count[1] > 5);
  const double wall = depth[1] / count[1] - depth[0] / count[0];
  assert_true(wall > 6 && wall < 13); /* mm */
  mpinn_subject_destroy(&subject);
}

static void size_scales_the_same_mesh(void **state) {
  (void)state;
  mpinn_subject *human = make_heart(MPINN_LV_ALONE, 4, 1600, 2, 1);
  mpinn_subject *rabbit = make_heart(MPINN_LV_ALONE, 4, 1600, 2, 0.15);
  const mpinn_mesh *large = mpinn_subject_mesh(human), *small = mpinn_subject_mesh(rabbit);
  const size_t n = mpinn_mesh_node_count(large);
  assert_int_equal(mpinn_mesh_node_count(small), n);
  assert_int_equal(mpinn_mesh_cell_count(small), mpinn_mesh_cell_count(large));
  for (size_t i = 0; i < 3 * n; i++)
    assert_true(fabs(mpinn_mesh_points(small)[i] - 0.15 * mpinn_mesh_points(large)[i]) < 1e-12);
  static const char *const names[3] = {"surface_class", "segment", "transmural"};
  for (int i = 0; i < 3; i++)
    assert_memory_equal(mpinn_subject_find(human, names[i], MPINN_NODES)->values,
                        mpinn_subject_find(rabbit, names[i], MPINN_NODES)->values, 4 * n);
  mpinn_subject_destroy(&human);
  mpinn_subject_destroy(&rabbit);
}

/* mm³ of wall and of the box around it. */
static void measure_heart(const mpinn_subject *subject, double *wall, double *box) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
  *wall = 0;
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) *wall += volume(mesh, c);
  for (size_t i = 0; i < 3 * mpinn_mesh_node_count(mesh); i++) {
    low[i % 3] = fmin(low[i % 3], mpinn_mesh_points(mesh)[i]);
    high[i % 3] = fmax(high[i % 3], mpinn_mesh_points(mesh)[i]);
  }
  *box = (high[0] - low[0]) * (high[1] - low[1]) * (high[2] - low[2]);
}

static void wide_variation_varies_more(void **state) {
  (void)state;
  double spread[2] = {0, 0};
  for (int wide = 0; wide < 2; wide++) {
    double sum = 0, square = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
      mpinn_subject *subject = make_heart(MPINN_LV_ALONE, seed, 800, 1 + wide, 1);
      double wall, box;
      check_wall_to(subject, 800, 3);
      measure_heart(subject, &wall, &box);
      sum += log(box / wall) / 8;
      square += log(box / wall) * log(box / wall) / 8;
      mpinn_subject_destroy(&subject);
    }
    spread[wide] = sqrt(square - sum * sum);
  }
  assert_true(spread[1] > 1.5 * spread[0]);
}

static void wide_variation_is_sound(void **state) {
  (void)state;
  for (uint64_t seed = 3; seed <= 5; seed++) {
    mpinn_subject *subject = make_heart(MPINN_BOTH_VENTRICLES, seed, 1600, 2, 1);
    check_wall_to(subject, 1600, 3);
    mpinn_subject_destroy(&subject);
  }
}

static void coarse_hearts_are_sound(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    mpinn_subject *subject = make_heart((mpinn_ventricles)(seed % 3), seed, 400 + 100 * seed, 1, 1);
    check_wall(subject, 400 + 100 * seed);
    mpinn_subject_destroy(&subject);
  }
}

/* ---- labels ---- */

static void every_class_and_segment_is_there_and_in_its_place(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(3, 2000);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  size_t classes[5] = {0}, segments[MPINN_SEGMENT_COUNT] = {0};
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    const double *x = mpinn_mesh_points(mesh) + 3 * i;
    const double transmural = mpinn_array_get(mpinn_subject_find(subject, "transmural", MPINN_NODES), i, 0);
    const int class = label(subject, "surface_class", i), segment = label(subject, "segment", i);
    assert_in_range(class, 0, 4);
    assert_in_range(segment, 1, MPINN_SEGMENT_RV);
    classes[class]++;
    segments[segment]++;
    assert_true(transmural >= 0 && transmural <= 1);
    assert_true((class == MPINN_CLASS_BASE) == (x[2] > -1e-6));
    assert_true(x[2] <= 0);
    if (class == MPINN_CLASS_EPICARDIUM) assert_true(transmural == 1);
    if (class >= MPINN_CLASS_LV_ENDOCARDIUM) assert_true(transmural == 0);
    if (segment == 17) assert_true(x[2] < -60);
    if (segment <= 6) assert_true(x[2] > -32);
    if (segment == MPINN_SEGMENT_RV) assert_true(x[0] < 0);
    if (segment == 5 || segment == 6 || segment == 11 || segment == 12) assert_true(x[0] > -5);
    if (segment == 1) assert_true(x[1] < 0); /* anterior is −y, inferior +y */
    if (segment == 4) assert_true(x[1] > 0);
  }
  for (int i = 0; i < 5; i++) assert_true(classes[i] > 100);
  for (int i = 1; i < MPINN_SEGMENT_COUNT; i++) assert_true(segments[i] > 15);
  mpinn_subject_destroy(&subject);
}

/* The RV's endocardium touches the septum's segments, and of the LV no others but at the insertions. */
static void the_septum_is_what_lies_between_the_ventricles(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(4, 8000);
  size_t touching[MPINN_SEGMENT_COUNT] = {0}, all = 0, septal = 0;
  for (size_t i = 0; i < mpinn_mesh_node_count(mpinn_subject_mesh(subject)); i++)
    if (label(subject, "surface_class", i) == MPINN_CLASS_RV_ENDOCARDIUM)
      touching[label(subject, "segment", i)]++;
  for (int i = 1; i <= 17; i++) all += touching[i];
  septal = touching[2] + touching[3] + touching[8] + touching[9] + touching[14];
  assert_true(touching[2] > 9 && touching[3] > 9 && touching[8] > 9 && touching[9] > 9);
  assert_true(touching[14] > 0);
  assert_true((double)septal > 0.95 * (double)all);
  assert_true(touching[MPINN_SEGMENT_RV] > 100);
  mpinn_subject_destroy(&subject);
}

/* ---- scars ---- */

static void paper_scars_are_territories_of_plausible_size(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(6, 2000);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  for (int placement = 0; placement < 5; placement++) {
    mpinn_scar scar;
    double scarred = 0, lv = 0;
    mpinn_scar_paper(placement, &scar);
    assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), MPINN_OK);
    for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) {
      const double speed = mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_CELLS), c, 0);
      int rv = 0;
      for (size_t a = 0; a < 4; a++)
        rv += label(subject, "segment", (size_t)mpinn_mesh_cells(mesh)[4 * c + a]) == MPINN_SEGMENT_RV;
      assert_true(fabs(speed - 0.6) < 1e-6 || fabs(speed - 0.1) < 1e-6);
      scarred += speed < 0.35 ? volume(mesh, c) : 0;
      lv += rv < 2 ? volume(mesh, c) : 0;
    }
    assert_true(scarred > 0.1 * lv && scarred < 0.31 * lv);
  }
  mpinn_subject_destroy(&subject);
}

static void a_random_scar_is_an_ellipsoid_in_the_wall(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(6, 2000);
  int partial = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    mpinn_scar scar, again;
    size_t slow = 0;
    assert_int_equal(mpinn_scar_random(context, subject, seed, &scar), MPINN_OK);
    mpinn_scar_random(context, subject, seed, &again);
    assert_memory_equal(&scar, &again, sizeof scar);
    assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), MPINN_OK);
    partial += scar.transmural[1] < 1;
    for (size_t i = 0; i < mpinn_mesh_node_count(mpinn_subject_mesh(subject)); i++)
      slow += mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_NODES), i, 0) < 0.35;
    assert_true(slow > 0 && slow < 1000);
  }
  assert_true(partial > 2 && partial < 15);
  mpinn_subject_destroy(&subject);
}

static void the_slowest_of_several_scars_counts(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(6, 1700);
  mpinn_scar scars[2];
  for (int i = 0; i < 2; i++) mpinn_scar_paper(0, &scars[i]);
  scars[0].speed = 0.2;
  scars[1].speed = 0.3;
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 2, scars), MPINN_OK);
  for (size_t i = 0; i < mpinn_mesh_node_count(mpinn_subject_mesh(subject)); i++) {
    const bool in = label(subject, "segment", i) == 7;
    const double speed = mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_NODES), i, 0);
    if (in) assert_true(fabs(speed - 0.2) < 1e-6);
    assert_true(speed < 0.25 || speed > 0.5);
  }
  mpinn_subject_destroy(&subject);
}

/* ---- measured nodes ---- */

static void measured_nodes_are_as_many_as_asked_and_well_spread(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(7, 2000);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const double *points = mpinn_mesh_points(mesh);
  size_t measured = 0, lv = 0;
  assert_int_equal(mpinn_subject_sample_measured(context, subject, 300, 1), MPINN_OK);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    if (!label(subject, "measured", i)) continue;
    const int class = label(subject, "surface_class", i);
    assert_true(class == MPINN_CLASS_LV_ENDOCARDIUM || class == MPINN_CLASS_RV_ENDOCARDIUM);
    measured++;
    lv += class == MPINN_CLASS_LV_ENDOCARDIUM;
    for (size_t j = 0; j < i; j++)
      if (label(subject, "measured", j))
        assert_true(hypot(hypot(points[3 * i] - points[3 * j], points[3 * i + 1] - points[3 * j + 1]),
                          points[3 * i + 2] - points[3 * j + 2]) > 1);
  }
  assert_int_equal(measured, 300);
  assert_true(lv > 90 && lv < 210);
  mpinn_subject_destroy(&subject);
}

/* ---- maps ---- */

static void maps_start_at_their_origin_and_reach_every_node(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(8, 1650);
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const double *points = mpinn_mesh_points(mesh);
  mpinn_scar scar;
  mpinn_scar_paper(2, &scar);
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, subject, 5, 1, 1), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, subject, 3, 1, 1), MPINN_OK);
  assert_int_equal(mpinn_subject_map_count(subject), 3); /* none left of the five */
  const mpinn_array *origins = mpinn_subject_find(subject, "origins", MPINN_FIELD);
  assert_int_equal(origins->rows, 3);
  assert_int_equal(origins->components, 4);
  for (size_t map = 0; map < 3; map++) {
    char name[16];
    mpinn_subject_map_name(map, name);
    const mpinn_array *at = mpinn_subject_find(subject, name, MPINN_NODES);
    bool found = false;
    for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
      double distance = 0;
      for (size_t k = 0; k < 3; k++) distance += pow(points[3 * i + k] - mpinn_array_get(origins, map, k), 2);
      distance = sqrt(distance);
      const double t = mpinn_array_get(at, i, 0);
      assert_true(t >= 0 && t < 700);
      assert_true(t >=
                  0.999 * distance / 0.6 - 1e-3); /* no front is faster than healthy tissue along a line */
      if (distance > 1e-9) continue;
      found = true;
      assert_true(t < 0.01);
      assert_true(mpinn_array_get(mpinn_subject_find(subject, "CV", MPINN_NODES), i, 0) >
                  0.35); /* not in scar */
    }
    assert_true(found);
  }
  mpinn_subject_destroy(&subject);
}

static void maps_do_not_depend_on_the_number_of_threads(void **state) {
  (void)state;
  float *kept = NULL;
  size_t n = 0;
  for (int threads = 1; threads <= 3; threads += 2) {
    mpinn_context_options options;
    mpinn_context *own = NULL;
    mpinn_context_options_default(&options);
    options.threads = threads;
    mpinn_context_create(&options, &own);
    mpinn_subject *subject = make_phantom(9, 1600);
    assert_int_equal(mpinn_subject_set_scars(own, subject, 0.6, 0, NULL), MPINN_OK);
    assert_int_equal(mpinn_subject_simulate_maps(own, subject, 2, 4, 0), MPINN_OK);
    n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
    const float *at = mpinn_subject_find(subject, "AT_01", MPINN_NODES)->values;
    if (kept) assert_memory_equal(kept, at, n * sizeof *at);
    if (!kept) kept = memcpy(malloc(n * sizeof *at), at, n * sizeof *at);
    mpinn_subject_destroy(&subject);
    mpinn_context_destroy(&own);
  }
  free(kept);
}

/* ---- bad input ---- */

static void expect_error(mpinn_status status, const char *said) {
  assert_int_equal(status, MPINN_ERROR_ARGUMENT);
  if (!strstr(mpinn_context_error(context), said)) fail_msg("said: %s", mpinn_context_error(context));
}

static void impossible_phantoms_are_refused(void **state) {
  (void)state;
  mpinn_phantom_options options;
  mpinn_subject *subject = NULL;
  mpinn_phantom_options_default(&options);
  options.nodes = 100;
  expect_error(mpinn_phantom_create(context, &options, &subject), "100 nodes");
  options.nodes = 2000000;
  expect_error(mpinn_phantom_create(context, &options, &subject), "2000000 nodes");
  options.nodes = 2000;
  options.variation = NAN;
  expect_error(mpinn_phantom_create(context, &options, &subject), "variation");
  options.variation = 2.1;
  expect_error(mpinn_phantom_create(context, &options, &subject), "variation of a phantom heart is 2.1");
  options.variation = 1;
  options.size = 0;
  expect_error(mpinn_phantom_create(context, &options, &subject), "size of a phantom heart is 0");
  options.size = 1;
  options.ventricles = (mpinn_ventricles)7;
  expect_error(mpinn_phantom_create(context, &options, &subject), "ventricles of a phantom heart are 7");
  assert_null(subject);
}

static void impossible_scars_maps_and_samples_are_refused(void **state) {
  (void)state;
  mpinn_subject *subject = make_phantom(2, 1700);
  mpinn_scar scar;
  expect_error(mpinn_subject_simulate_maps(context, subject, 2, 1, 0), "'CV'");
  mpinn_scar_paper(0, &scar);
  expect_error(mpinn_subject_set_scars(context, subject, -1, 1, &scar), "healthy");
  scar.speed = 0;
  expect_error(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), "speed 0");
  scar.speed = 0.1;
  scar.segments[1] = 40;
  expect_error(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), "segment 40");
  scar.segment_count = 0;
  expect_error(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), "radius");
  mpinn_subject_remove_array(subject, "segment", MPINN_NODES);
  mpinn_scar_paper(0, &scar);
  expect_error(mpinn_subject_set_scars(context, subject, 0.6, 1, &scar), "'segment'");
  expect_error(mpinn_subject_sample_measured(context, subject, 100000, 1), "100000 measured nodes");
  expect_error(mpinn_subject_sample_measured(context, subject, 0, 1), "0 measured nodes");
  mpinn_subject_remove_array(subject, "surface_class", MPINN_NODES);
  expect_error(mpinn_subject_sample_measured(context, subject, 10, 1), "surface_class");
  assert_int_equal(mpinn_subject_set_scars(context, subject, 0.6, 0, NULL), MPINN_OK);
  expect_error(mpinn_subject_simulate_maps(context, subject, 0, 1, 0), "0 maps");
  expect_error(mpinn_subject_simulate_maps(context, subject, 1, 1, 9), "refined 9 times");
  mpinn_subject_destroy(&subject);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(walls_are_whole_at_every_paper_size),
      cmocka_unit_test(finer_lattices_give_the_same_heart),
      cmocka_unit_test(a_seed_is_one_heart_on_any_number_of_threads),
      cmocka_unit_test(no_variation_is_the_mean_heart),
      cmocka_unit_test(progress_can_cancel),
      cmocka_unit_test(the_default_heart_stays_the_one_that_weights_were_trained_on),
      cmocka_unit_test(a_ventricle_alone_is_whole_and_has_one_endocardium),
      cmocka_unit_test(the_septum_of_an_rv_alone_ends_in_epicardium),
      cmocka_unit_test(size_scales_the_same_mesh),
      cmocka_unit_test(wide_variation_varies_more),
      cmocka_unit_test(wide_variation_is_sound),
      cmocka_unit_test(coarse_hearts_are_sound),
      cmocka_unit_test(every_class_and_segment_is_there_and_in_its_place),
      cmocka_unit_test(the_septum_is_what_lies_between_the_ventricles),
      cmocka_unit_test(paper_scars_are_territories_of_plausible_size),
      cmocka_unit_test(a_random_scar_is_an_ellipsoid_in_the_wall),
      cmocka_unit_test(the_slowest_of_several_scars_counts),
      cmocka_unit_test(measured_nodes_are_as_many_as_asked_and_well_spread),
      cmocka_unit_test(maps_start_at_their_origin_and_reach_every_node),
      cmocka_unit_test(maps_do_not_depend_on_the_number_of_threads),
      cmocka_unit_test(impossible_phantoms_are_refused),
      cmocka_unit_test(impossible_scars_maps_and_samples_are_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
