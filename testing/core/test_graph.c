/* k-nearest-neighbour graphs and their Graclus hierarchy: against brute force, and what must hold whatever
 * the points. */
#include "heart/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { NEIGHBOURS = 6 };

static int make_context(void **state) {
  return mpinn_context_create(NULL, (mpinn_context **)state) == MPINN_OK ? 0 : -1;
}

static int destroy_context(void **state) {
  mpinn_context_destroy((mpinn_context **)state);
  return 0;
}

static mpinn_hierarchy *create(mpinn_context *context, size_t n, const double *points, size_t levels) {
  mpinn_hierarchy *hierarchy = NULL;
  if (mpinn_hierarchy_create(context, n, points, NEIGHBOURS, levels, &hierarchy) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  return hierarchy;
}

/* Points on a bumpy sphere of about 30 mm; free() them. */
static double *surface(size_t n, uint64_t seed) {
  double *points = calloc(3 * n, sizeof *points);
  mpinn_random random;
  mpinn_random_seed(&random, seed);
  for (size_t i = 0; i < n; i++) {
    double x[3], length = 0;
    for (int d = 0; d < 3; d++) x[d] = mpinn_random_normal(&random);
    for (int d = 0; d < 3; d++) length += x[d] * x[d];
    for (int d = 0; d < 3; d++)
      points[3 * i + (size_t)d] = x[d] * 30 / sqrt(length) * mpinn_random_uniform(&random, 0.9, 1.1);
  }
  return points;
}

static bool has_edge(const mpinn_graph *g, size_t target, size_t source) {
  for (int32_t e = g->first[target]; e < g->first[target + 1]; e++)
    if ((size_t)g->source[e] == source) return true;
  return false;
}

static void check_edges(const mpinn_graph *g) {
  assert_int_equal(g->first[0], 0);
  assert_int_equal(g->first[g->n_nodes], g->n_edges);
  for (size_t i = 0; i < g->n_nodes; i++) {
    if (g->n_nodes > 1) assert_true(g->first[i + 1] > g->first[i]);
    for (int32_t e = g->first[i]; e < g->first[i + 1]; e++) {
      assert_in_range(g->source[e], 0, g->n_nodes - 1);
      assert_true((size_t)g->source[e] != i);
      if (e > g->first[i]) assert_true(g->source[e] > g->source[e - 1]);
      assert_true(has_edge(g, (size_t)g->source[e], i));
      for (int d = 0; d < 3; d++) assert_true(g->pseudo[3 * e + d] >= 0 && g->pseudo[3 * e + d] <= 1);
    }
  }
}

static void check_clusters(const mpinn_graph *g, const mpinn_graph *coarser) {
  int *count = calloc(g->n_clusters, sizeof *count), *first = calloc(g->n_clusters, sizeof *first);
  for (size_t i = 0; i < g->n_nodes; i++) {
    assert_in_range(g->cluster[i], 0, g->n_clusters - 1);
    const int c = g->cluster[i];
    if (count[c]++ == 0)
      first[c] = (int)i;
    else
      assert_true(has_edge(g, i, (size_t)first[c]));
    for (int d = 0; coarser && d < 3 && count[c] == 2; d++) {
      const double mean = (g->points[3 * (size_t)first[c] + (size_t)d] + g->points[3 * i + (size_t)d]) / 2;
      assert_true(fabs(coarser->points[3 * (size_t)c + (size_t)d] - mean) <= 1e-12 * (1 + fabs(mean)));
    }
  }
  for (size_t c = 0; c < g->n_clusters; c++) assert_in_range(count[c], 1, 2);
  /* A matching that no edge could be added to: of two alone, linked nodes one would have taken the other. */
  for (size_t i = 0; i < g->n_nodes; i++)
    for (int32_t e = g->first[i]; e < g->first[i + 1]; e++)
      assert_true(count[g->cluster[i]] == 2 || count[g->cluster[g->source[e]]] == 2);
  free(count);
  free(first);
}

static void check_hierarchy(const mpinn_hierarchy *h, size_t n) {
  assert_int_equal(h->levels[0].n_nodes, n);
  for (size_t l = 0; l < h->n_levels; l++) {
    const mpinn_graph *coarser = l + 1 < h->n_levels ? &h->levels[l + 1] : NULL;
    if (coarser) assert_int_equal(coarser->n_nodes, h->levels[l].n_clusters);
    check_edges(&h->levels[l]);
    check_clusters(&h->levels[l], coarser);
  }
}

static double distance2(const double *a, const double *b) {
  return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]);
}

/* Is j among the k nearest of i? No ties among random points. */
static bool is_near(size_t n, const double *points, size_t i, size_t j) {
  const double d = distance2(points + 3 * i, points + 3 * j);
  size_t nearer = 0;
  for (size_t l = 0; l < n; l++) nearer += l != i && distance2(points + 3 * i, points + 3 * l) < d;
  return nearer < NEIGHBOURS;
}

static void neighbours_are_those_of_a_search_among_all(void **state) {
  enum { N = 400 };
  double *points = surface(N, 3);
  mpinn_hierarchy *h = create(*state, N, points, 1);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      if (i != j && has_edge(&h->levels[0], i, j) != (is_near(N, points, i, j) || is_near(N, points, j, i)))
        fail_msg("edge %zu to %zu is wrong", j, i);
  mpinn_hierarchy_destroy(&h);
  assert_null(h);
  free(points);
}

static void levels_are_symmetric_and_matched_in_linked_pairs(void **state) {
  for (uint64_t seed = 0; seed < 20; seed++) {
    const size_t n = 60 + 97 * (size_t)seed;
    double *points = surface(n, seed);
    mpinn_hierarchy *h = create(*state, n, points, 6);
    check_hierarchy(h, n);
    /* Most nodes find a partner, else a level would not be worth its name. */
    for (size_t l = 0; l < 3; l++)
      assert_true((double)h->levels[l].n_clusters < 0.65 * (double)h->levels[l].n_nodes);
    mpinn_hierarchy_destroy(&h);
    free(points);
  }
}

static void a_few_nodes_are_enough(void **state) {
  for (size_t n = 1; n <= 9; n++) {
    double *points = surface(n, n);
    mpinn_hierarchy *h = create(*state, n, points, 6);
    check_hierarchy(h, n);
    assert_int_equal(h->levels[0].n_edges, n > NEIGHBOURS + 1 ? h->levels[0].n_edges : n * (n - 1));
    assert_int_equal(h->levels[5].n_clusters, 1);
    mpinn_hierarchy_destroy(&h);
    free(points);
  }
}

static void coincident_points_are_survived(void **state) {
  double points[60];
  for (int i = 0; i < 60; i++) points[i] = i < 30 ? 1 : 2;
  for (size_t n = 2; n <= 20; n++) {
    mpinn_hierarchy *h = create(*state, n, points, 4);
    check_hierarchy(h, n);
    mpinn_hierarchy_destroy(&h);
  }
}

static void far_outliers_are_survived(void **state) {
  double *points = surface(40, 1);
  points[0] = 1e9;
  mpinn_hierarchy *h = create(*state, 40, points, 6);
  check_hierarchy(h, 40);
  mpinn_hierarchy_destroy(&h);
  free(points);
}

static void pseudo_coordinates_follow_their_definition(void **state) {
  const double points[9] = {0, 0, 0, 4, 0, 0, 4, 2, -1};
  mpinn_hierarchy *h = create(*state, 3, points, 1);
  const mpinn_graph *g = &h->levels[0];
  for (size_t i = 0; i < 3; i++)
    for (int32_t e = g->first[i]; e < g->first[i + 1]; e++)
      for (int d = 0; d < 3; d++) {
        const double expected = 0.5 + (points[3 * g->source[e] + d] - points[3 * i + (size_t)d]) / 8;
        assert_true(fabs((double)g->pseudo[3 * e + d] - expected) < 1e-7);
      }
  mpinn_hierarchy_destroy(&h);
}

/* The same level, nodes of one being index[·] in the other; coarser levels the same to the last bit. */
static void assert_same_hierarchy(const mpinn_hierarchy *a, const mpinn_hierarchy *b, const size_t *index) {
  const mpinn_graph *g = &a->levels[0], *renumbered = &b->levels[0];
  assert_int_equal(g->n_edges, renumbered->n_edges);
  for (size_t i = 0; i < g->n_nodes; i++) {
    assert_int_equal(g->cluster[i], renumbered->cluster[index[i]]);
    for (int32_t e = g->first[i]; e < g->first[i + 1]; e++)
      assert_true(has_edge(renumbered, index[i], index[g->source[e]]));
  }
  for (size_t l = 1; l < a->n_levels; l++) {
    const mpinn_graph *x = &a->levels[l], *y = &b->levels[l];
    assert_int_equal(x->n_nodes, y->n_nodes);
    assert_int_equal(x->n_edges, y->n_edges);
    assert_memory_equal(x->points, y->points, 3 * x->n_nodes * sizeof *x->points);
    assert_memory_equal(x->source, y->source, x->n_edges * sizeof *x->source);
    assert_memory_equal(x->pseudo, y->pseudo, 3 * x->n_edges * sizeof *x->pseudo);
    assert_memory_equal(x->cluster, y->cluster, x->n_nodes * sizeof *x->cluster);
  }
}

static void check_renumbering(mpinn_context *context, size_t n, const double *points) {
  size_t *index = calloc(n, sizeof *index);
  double *moved = calloc(3 * n, sizeof *moved);
  mpinn_random random;
  mpinn_random_seed(&random, 9);
  for (size_t i = 0; i < n; i++) index[i] = i;
  mpinn_random_shuffle(&random, n, index);
  for (size_t i = 0; i < n; i++) memcpy(moved + 3 * index[i], points + 3 * i, 3 * sizeof *moved);
  mpinn_hierarchy *a = create(context, n, points, 6), *b = create(context, n, moved, 6);
  assert_same_hierarchy(a, b, index);
  mpinn_hierarchy_destroy(&a);
  mpinn_hierarchy_destroy(&b);
  free(index);
  free(moved);
}

static void numbering_does_not_matter(void **state) {
  double *points = surface(333, 5);
  check_renumbering(*state, 333, points);
  free(points);
}

static void numbering_does_not_matter_even_among_equal_distances(void **state) {
  double points[3 * 125];
  for (int i = 0; i < 125; i++) {
    points[3 * i] = i % 5;
    points[3 * i + 1] = i / 5 % 5;
    points[3 * i + 2] = i / 25 % 5;
  }
  check_renumbering(*state, 125, points);
}

static void rotation_and_scale_do_not_change_the_matching(void **state) {
  enum { N = 300 };
  double *points = surface(N, 8), *moved = calloc(3 * N, sizeof *moved);
  const double c = cos(0.7), s = sin(0.7);
  for (size_t i = 0; i < N; i++) {
    moved[3 * i] = 2 * (c * points[3 * i] - s * points[3 * i + 2]) + 100;
    moved[3 * i + 1] = 2 * points[3 * i + 1] - 50;
    moved[3 * i + 2] = 2 * (s * points[3 * i] + c * points[3 * i + 2]);
  }
  mpinn_hierarchy *a = create(*state, N, points, 6), *b = create(*state, N, moved, 6);
  for (size_t l = 0; l < 6; l++) {
    assert_int_equal(a->levels[l].n_clusters, b->levels[l].n_clusters);
    assert_memory_equal(a->levels[l].cluster, b->levels[l].cluster, a->levels[l].n_nodes * sizeof(int32_t));
  }
  mpinn_hierarchy_destroy(&a);
  mpinn_hierarchy_destroy(&b);
  free(points);
  free(moved);
}

static void bad_input_is_refused_with_a_sentence(void **state) {
  mpinn_context *context = *state;
  const double points[6] = {0, 0, 0, 1, NAN, 0};
  mpinn_hierarchy *h = NULL;
  assert_int_equal(mpinn_hierarchy_create(context, 0, points, 6, 6, &h), MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_hierarchy_create(context, 1, points, 0, 6, &h), MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_hierarchy_create(context, 1, points, 6, 0, &h), MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_hierarchy_create(context, 2, points, 6, 6, &h), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "Node 1"));
  assert_null(h);
}

static void twenty_thousand_nodes_take_a_moment(void **state) {
  enum { N = 20000 };
  double *points = surface(N, 2);
  const double start = mpinn_seconds();
  mpinn_hierarchy *h = create(*state, N, points, 6);
  assert_true(mpinn_seconds() - start <
              5); /* a search among all would take longer, even on an idle machine */
  assert_int_equal(h->levels[0].n_nodes, N);
  mpinn_hierarchy_destroy(&h);
  free(points);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(neighbours_are_those_of_a_search_among_all),
      cmocka_unit_test(levels_are_symmetric_and_matched_in_linked_pairs),
      cmocka_unit_test(a_few_nodes_are_enough),
      cmocka_unit_test(coincident_points_are_survived),
      cmocka_unit_test(far_outliers_are_survived),
      cmocka_unit_test(pseudo_coordinates_follow_their_definition),
      cmocka_unit_test(numbering_does_not_matter),
      cmocka_unit_test(numbering_does_not_matter_even_among_equal_distances),
      cmocka_unit_test(rotation_and_scale_do_not_change_the_matching),
      cmocka_unit_test(bad_input_is_refused_with_a_sentence),
      cmocka_unit_test(twenty_thousand_nodes_take_a_moment),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
