/* The eikonal solver against exact solutions, and against itself where there are none. Lengths mm, times ms.
 */
#include "base/internal.h"
#include "metapinn/eikonal.h"
#include "shapes.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static mpinn_context *context;

static int setup(void **state) {
  mpinn_context_options options;
  (void)state;
  mpinn_context_options_default(&options);
  options.threads = 2;
  return mpinn_context_create(&options, &context) == MPINN_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  mpinn_context_destroy(&context);
  return 0;
}

static const double side[3] = {40, 40, 40};
static const mpinn_site inside = {{17.3, 21.1, 13.7}, 0};

static float *solve(const mpinn_mesh *mesh, const mpinn_velocity *velocity, size_t n_sites,
                    const mpinn_site *sites) {
  mpinn_velocity healthy;
  mpinn_eikonal *solver = NULL;
  float *at = malloc(mpinn_mesh_node_count(mesh) * sizeof *at);
  mpinn_velocity_default(&healthy);
  if (mpinn_eikonal_create(context, mesh, velocity ? velocity : &healthy, &solver) != MPINN_OK ||
      mpinn_eikonal_solve(context, solver, n_sites, sites, at) != MPINN_OK)
    fail_msg("%s", mpinn_context_error(context));
  mpinn_eikonal_destroy(&solver);
  return at;
}

/* NAN where the comparison is to be spared. */
typedef double exact_solution(const double point[3]);

typedef struct errors {
  double mean, worst, lowest; /* of the absolute error; of the error with its sign */
} errors;

static errors compare(const mpinn_mesh *mesh, const float *at, exact_solution *exact) {
  errors e = {0, 0, 0};
  const size_t n = mpinn_mesh_node_count(mesh);
  for (size_t i = 0; i < n; i++) {
    const double error = (double)at[i] - exact(mpinn_mesh_points(mesh) + 3 * i);
    if (isnan(error) && isfinite(at[i])) continue;
    e.mean += fabs(error) / (double)n;
    e.worst = fmax(e.worst, fabs(error));
    e.lowest = fmin(e.lowest, error);
  }
  return e;
}

/* Solves on two meshes, the second of half the edges, and expects the errors of the second to be below bound
 * and smaller than the first's by factor. */
static void expect_convergence(mpinn_mesh *meshes[2], const mpinn_velocity *velocity, const mpinn_site *site,
                               exact_solution *exact, double bound, double factor) {
  errors e[2];
  for (int i = 0; i < 2; i++) {
    float *at = solve(meshes[i], velocity, 1, site);
    e[i] = compare(meshes[i], at, exact);
    print_message("  %zu nodes: mean %.4f, worst %.4f, lowest %.4f ms\n", mpinn_mesh_node_count(meshes[i]),
                  e[i].mean, e[i].worst, e[i].lowest);
    free(at);
    mpinn_mesh_destroy(&meshes[i]);
  }
  assert_true(e[1].worst < bound);
  assert_true(e[1].worst < e[0].worst / factor);
  assert_true(e[1].mean < e[0].mean / factor);
}

static double distance(const double a[3], const double b[3]) {
  return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

/* --- Exact solutions --------------------------------------------------------------------------- */

static double from_inside(const double p[3]) {
  return distance(p, inside.position) / 0.6;
}

static void a_point_source_converges_at_first_order(void **state) {
  (void)state;
  mpinn_mesh *meshes[2] = {shape_cube(context, side, 4), shape_cube(context, side, 5)};
  expect_convergence(meshes, NULL, &inside, from_inside, 1.5, 1.8);
}

static void times_are_never_too_low(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 4);
  float *at = solve(mesh, NULL, 1, &inside);
  assert_true(compare(mesh, at, from_inside).lowest > -1e-4);
  free(at);
  mpinn_mesh_destroy(&mesh);
}

static void around_the_site_times_are_exact(void **state) {
  (void)state;
  mpinn_mesh *meshes[3] = {shape_cube(context, side, 4), shape_square(context, 40, 5), NULL};
  const mpinn_site sites[3] = {{{17.3, 21.1, 13.7}, 0}, {{17.3, 21.1, 0}, 0}, {{20, 20, 0}, 0}};
  for (int i = 0; meshes[i]; i++) {
    for (int s = i; s < 3; s++) {
      float *at = solve(meshes[i], NULL, 1, sites + s);
      for (size_t n = 0; n < mpinn_mesh_node_count(meshes[i]); n++) {
        const double r = distance(mpinn_mesh_points(meshes[i]) + 3 * n, sites[s].position);
        if (r < 5) assert_float_equal((double)at[n], r / 0.6, 1e-5);
      }
      free(at);
    }
    mpinn_mesh_destroy(&meshes[i]);
  }
}

/* Two layers, 0.3 m/s below z = 20 and 0.9 m/s above, and a site below. */
static const mpinn_site below = {{3, 20, 13}, 0};

static double two_layers(const double p[3]) {
  const double slow = 0.3, fast = 0.9, depth = 20 - below.position[2], height = p[2] - 20;
  const double x = hypot(p[0] - below.position[0], p[1] - below.position[1]);
  if (height <= 0) {
    /* Straight, or along the boundary as a head wave beyond the critical angle. */
    const double straight = distance(p, below.position) / slow, dip = depth - height;
    const double critical = dip * slow / sqrt(fast * fast - slow * slow);
    return x < critical ? straight
                        : fmin(straight, x / fast + dip * sqrt(1 / (slow * slow) - 1 / (fast * fast)));
  }
  /* Through the boundary where Fermat's principle says: a convex function, so thirds. */
  double low = 0, high = x;
  for (int i = 0; i < 100; i++) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    const double ta = hypot(a, depth) / slow + hypot(x - a, height) / fast;
    const double tb = hypot(b, depth) / slow + hypot(x - b, height) / fast;
    if (ta < tb)
      high = b;
    else
      low = a;
  }
  return hypot(low, depth) / slow + hypot(x - low, height) / fast;
}

static void a_head_wave_runs_along_a_fast_layer(void **state) {
  (void)state;
  mpinn_mesh *meshes[2];
  errors e[2];
  for (int i = 0; i < 2; i++) {
    meshes[i] = shape_cube(context, side, 4 + i);
    const size_t cells = mpinn_mesh_cell_count(meshes[i]);
    float *speed = malloc(cells * sizeof *speed);
    for (size_t c = 0; c < cells; c++) {
      double z = 0;
      for (int j = 0; j < 4; j++)
        z += mpinn_mesh_points(meshes[i])[3 * mpinn_mesh_cells(meshes[i])[4 * c + (size_t)j] + 2] / 4;
      speed[c] = z < 20 ? 0.3f : 0.9f;
    }
    mpinn_velocity velocity;
    mpinn_velocity_default(&velocity);
    velocity.association = MPINN_CELLS;
    velocity.speed = speed;
    float *at = solve(meshes[i], &velocity, 1, &below);
    e[i] = compare(meshes[i], at, two_layers);
    print_message("  mean %.4f, worst %.4f, lowest %.4f ms\n", e[i].mean, e[i].worst, e[i].lowest);
    free(at);
    free(speed);
    mpinn_mesh_destroy(&meshes[i]);
  }
  assert_true(e[1].worst < 2.5);
  assert_true(e[1].mean < e[0].mean / 1.6 && e[1].worst < e[0].worst / 1.5);
}

static double plane_wave(const double p[3]) {
  return (2 * p[0] + 3 * p[1] + 6 * p[2]) / 7 / 0.6;
}

static void a_plane_wave_is_exact(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  const size_t n = mpinn_mesh_node_count(mesh);
  mpinn_site *sites = calloc(n, sizeof *sites);
  size_t n_sites = 0;
  for (size_t i = 0; i < n; i++) {
    const double *p = mpinn_mesh_points(mesh) + 3 * i;
    if (p[0] > 0 && p[1] > 0 && p[2] > 0) continue;
    memcpy(sites[n_sites].position, p, sizeof sites->position);
    sites[n_sites++].onset = plane_wave(p);
  }
  float *at = solve(mesh, NULL, n_sites, sites);
  assert_true(compare(mesh, at, plane_wave).worst < 1e-4);
  free(at);
  free(sites);
  mpinn_mesh_destroy(&mesh);
}

/* An oblique tensor. */
static const float oblique_fibre[3] = {2, 2, 1}, oblique_sheet[3] = {0, 1, 0},
                   oblique_axes[3] = {0.6f, 0.4f, 0.25f};

static double oblique_metric(const double p[3]) {
  const double f[3] = {2.0 / 3, 2.0 / 3, 1.0 / 3};
  double s[3] = {-f[1] * f[0], 1 - f[1] * f[1], -f[1] * f[2]}, d[3], time = 0, fd = 0, sd = 0, dd = 0;
  const double length = sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2]);
  for (int i = 0; i < 3; i++) {
    d[i] = p[i] - inside.position[i];
    fd += f[i] * d[i];
    sd += s[i] / length * d[i];
    dd += d[i] * d[i];
  }
  const double nd = dd - fd * fd - sd * sd,
               axes[3] = {(double)oblique_axes[0], (double)oblique_axes[1], (double)oblique_axes[2]};
  time = fd * fd / (axes[0] * axes[0]) + sd * sd / (axes[1] * axes[1]) + fmax(nd, 0) / (axes[2] * axes[2]);
  return sqrt(time);
}

/* The oblique tensor on every node or cell. */
static mpinn_velocity oblique(size_t n, mpinn_association association, float **memory) {
  mpinn_velocity velocity;
  *memory = malloc(9 * n * sizeof **memory);
  for (size_t i = 0; i < 3 * n; i++) {
    (*memory)[i] = oblique_fibre[i % 3] * (float)(1 + i / 3 % 7); /* any length */
    (*memory)[3 * n + i] = oblique_sheet[i % 3];
    (*memory)[6 * n + i] = oblique_axes[i % 3];
  }
  mpinn_velocity_default(&velocity);
  velocity.association = association;
  velocity.fibre = *memory;
  velocity.sheet = *memory + 3 * n;
  velocity.axes = *memory + 6 * n;
  return velocity;
}

static void an_anisotropic_source_is_the_metric_distance(void **state) {
  (void)state;
  mpinn_mesh *meshes[2] = {shape_cube(context, side, 4), shape_cube(context, side, 5)};
  float *memory;
  const mpinn_velocity velocity = oblique(mpinn_mesh_cell_count(meshes[1]), MPINN_CELLS, &memory);
  expect_convergence(meshes, &velocity, &inside, oblique_metric, 4.5, 1.7);
  free(memory);
}

static void fibres_on_nodes_are_those_on_cells_where_uniform(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  float *on_nodes, *on_cells;
  const mpinn_velocity nodes = oblique(mpinn_mesh_node_count(mesh), MPINN_NODES, &on_nodes);
  const mpinn_velocity cells = oblique(mpinn_mesh_cell_count(mesh), MPINN_CELLS, &on_cells);
  float *a = solve(mesh, &nodes, 1, &inside), *b = solve(mesh, &cells, 1, &inside);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++)
    assert_float_equal((double)a[i], (double)b[i], 1e-3);
  free(a);
  free(b);
  free(on_nodes);
  free(on_cells);
  mpinn_mesh_destroy(&mesh);
}

static void equal_axes_are_isotropic(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  float *memory;
  mpinn_velocity velocity = oblique(mpinn_mesh_cell_count(mesh), MPINN_CELLS, &memory);
  velocity.axes = NULL; /* uniform_axes: 0.6 along each */
  float *a = solve(mesh, &velocity, 1, &inside), *b = solve(mesh, NULL, 1, &inside);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++)
    assert_float_equal((double)a[i], (double)b[i], 1e-3);
  free(a);
  free(b);
  free(memory);
  mpinn_mesh_destroy(&mesh);
}

static double over_square(const double p[3]) {
  const double site[3] = {11.3, 27.1, 0};
  return distance(p, site) / 0.6;
}

static void a_point_source_in_a_plane_converges(void **state) {
  (void)state;
  const mpinn_site site = {{11.3, 27.1, 0}, 0};
  mpinn_mesh *meshes[2] = {shape_square(context, 40, 5), shape_square(context, 40, 6)};
  expect_convergence(meshes, NULL, &site, over_square, 0.6, 1.8);
}

/* On a triangle D acts within its plane: fibres that stick out of the plane are slower along their shadow
 * than D⁻¹ restricted would have it. D = 0.36 ffᵀ + 0.04 (I − ffᵀ), f = (3, 0, 4)/5, restricted: 0.04 + 0.32
 * · 9/25 along x, 0.04 along y. */
static double shadow_of_fibre(const double p[3]) {
  const double x = p[0] - 11.3, y = p[1] - 27.1;
  return sqrt(x * x / (0.04 + 0.32 * 9 / 25) + y * y / 0.04);
}

static void fibres_out_of_a_plane_act_by_their_shadow(void **state) {
  (void)state;
  const mpinn_site site = {{11.3, 27.1, 0}, 0};
  mpinn_mesh *meshes[2] = {shape_square(context, 40, 5), shape_square(context, 40, 6)};
  const size_t n = mpinn_mesh_cell_count(meshes[1]);
  float *fibre = malloc(3 * n * sizeof *fibre);
  for (size_t i = 0; i < n; i++) {
    fibre[3 * i] = 3;
    fibre[3 * i + 1] = 0;
    fibre[3 * i + 2] = 4;
  }
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.fibre = fibre;
  velocity.uniform_axes[1] = velocity.uniform_axes[2] = 0.2;
  expect_convergence(meshes, &velocity, &site, shadow_of_fibre, 2, 1.7);
  free(fibre);
}

static const mpinn_site pole = {{10, -20, 20}, 0};

/* Fronts meet at the antipode; there a kink is rounded off at its own, slower, pace. */
static double great_circle(const double p[3]) {
  const double c = (p[0] * pole.position[0] + p[1] * pole.position[1] + p[2] * pole.position[2]) / 900;
  return c < -0.9 ? NAN : 30 * acos(fmin(fmax(c, -1), 1)) / 0.6;
}

static void a_front_follows_great_circles_on_a_sphere(void **state) {
  (void)state;
  mpinn_mesh *meshes[2] = {shape_sphere(context, 4), shape_sphere(context, 5)};
  expect_convergence(meshes, NULL, &pole, great_circle, 1.8, 1.8);
}

/* --- Invariants -------------------------------------------------------------------------------- */

static float *random_speeds(size_t n, uint64_t seed) {
  float *speed = malloc(n * sizeof *speed);
  mpinn_random random;
  mpinn_random_seed(&random, seed);
  for (size_t i = 0; i < n; i++) speed[i] = (float)mpinn_random_uniform(&random, 0.1, 0.9);
  return speed;
}

static mpinn_velocity on_cells(const float *speed) {
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = speed;
  return velocity;
}

static mpinn_site at_node(const mpinn_mesh *mesh, size_t node) {
  mpinn_site site = {.onset = 0};
  memcpy(site.position, mpinn_mesh_points(mesh) + 3 * node, sizeof site.position);
  return site;
}

static void times_are_nearly_a_metric(void **state) {
  (void)state;
  enum { SITES = 12 };
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  const size_t n = mpinn_mesh_node_count(mesh);
  float *speed = random_speeds(mpinn_mesh_cell_count(mesh), 1), *at[SITES];
  const mpinn_velocity velocity = on_cells(speed);
  size_t nodes[SITES];
  mpinn_random random;
  mpinn_random_seed(&random, 2);
  for (int i = 0; i < SITES; i++) {
    nodes[i] = mpinn_random_below(&random, n);
    const mpinn_site site = at_node(mesh, nodes[i]);
    at[i] = solve(mesh, &velocity, 1, &site);
  }
  double asymmetry = 0, excess = 0;
  for (int a = 0; a < SITES; a++)
    for (int b = 0; b < SITES; b++) {
      asymmetry = fmax(asymmetry, fabs((double)(at[a][nodes[b]] - at[b][nodes[a]])));
      for (size_t c = 0; c < n; c++) excess = fmax(excess, (double)(at[a][c] - at[a][nodes[b]] - at[b][c]));
    }
  print_message("  asymmetry %.3f ms, excess over a detour %.3f ms\n", asymmetry, excess);
  /* A front needs 5 mm / 0.5 m/s = 10 ms for an edge of this mesh. */
  assert_true(asymmetry < 5 && excess < 5);
  for (int i = 0; i < SITES; i++) free(at[i]);
  free(speed);
  mpinn_mesh_destroy(&mesh);
}

static void twice_the_velocity_takes_half_the_time(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  const size_t n = mpinn_mesh_node_count(mesh);
  float *speed = random_speeds(n, 3);
  mpinn_velocity velocity = on_cells(speed);
  velocity.association = MPINN_NODES;
  float *slow = solve(mesh, &velocity, 1, &inside);
  for (size_t i = 0; i < n; i++) speed[i] *= 2;
  float *fast = solve(mesh, &velocity, 1, &inside);
  for (size_t i = 0; i < n; i++)
    assert_float_equal((double)slow[i], 2 * (double)fast[i], 1e-5 * (double)slow[i]);
  free(slow);
  free(fast);
  free(speed);
  mpinn_mesh_destroy(&mesh);
}

static void several_sites_are_the_earliest_of_each(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 4);
  const mpinn_site sites[3] = {{{3, 4, 5}, 7}, {{35, 20, 11}, -4}, {{12, 38, 30}, 15}};
  float *together = solve(mesh, NULL, 3, sites), *alone[3];
  for (int i = 0; i < 3; i++) alone[i] = solve(mesh, NULL, 1, sites + i);
  for (size_t n = 0; n < mpinn_mesh_node_count(mesh); n++) {
    const double earliest = fmin(fmin((double)alone[0][n], (double)alone[1][n]), (double)alone[2][n]);
    assert_true((double)together[n] < earliest + 1e-4);
    assert_true((double)together[n] > earliest - 2); /* fronts that meet round their ridge off */
  }
  for (int i = 0; i < 3; i++) free(alone[i]);
  free(together);
  mpinn_mesh_destroy(&mesh);
}

static void an_onset_shifts_all_times(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  mpinn_site late = inside;
  late.onset = -250;
  float *a = solve(mesh, NULL, 1, &inside), *b = solve(mesh, NULL, 1, &late);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++)
    assert_float_equal((double)a[i] - 250, (double)b[i], 1e-4);
  free(a);
  free(b);
  mpinn_mesh_destroy(&mesh);
}

static void a_site_off_the_mesh_moves_to_its_nearest_point(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  const mpinn_site off = {{-30, 12.3, 45}, 0}, on = {{0, 12.3, 40}, 0};
  float *a = solve(mesh, NULL, 1, &off), *b = solve(mesh, NULL, 1, &on);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++)
    assert_float_equal((double)a[i], (double)b[i], 1e-4);
  free(a);
  free(b);
  mpinn_mesh_destroy(&mesh);
}

static void the_number_of_threads_changes_no_bit(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 4);
  const size_t n = mpinn_mesh_node_count(mesh);
  float *speed = random_speeds(mpinn_mesh_cell_count(mesh), 4), *at[3];
  const mpinn_velocity velocity = on_cells(speed);
  for (int i = 0; i < 3; i++) {
    mpinn_context_options options;
    mpinn_context *own;
    mpinn_eikonal *solver;
    mpinn_context_options_default(&options);
    options.threads = 1 + 2 * i;
    assert_int_equal(mpinn_context_create(&options, &own), MPINN_OK);
    at[i] = malloc(n * sizeof **at);
    assert_int_equal(mpinn_eikonal_create(own, mesh, &velocity, &solver), MPINN_OK);
    assert_int_equal(mpinn_eikonal_solve(own, solver, 1, &inside, at[i]), MPINN_OK);
    assert_memory_equal(at[0], at[i], n * sizeof **at);
    mpinn_eikonal_destroy(&solver);
    mpinn_context_destroy(&own);
  }
  for (int i = 0; i < 3; i++) free(at[i]);
  free(speed);
  mpinn_mesh_destroy(&mesh);
}

static void one_solver_serves_several_threads(void **state) {
  (void)state;
  enum { SOLVES = 6 };
  mpinn_mesh *mesh = shape_cube(context, side, 3);
  const size_t n = mpinn_mesh_node_count(mesh);
  mpinn_velocity velocity;
  mpinn_eikonal *solver;
  float *at = malloc(SOLVES * n * sizeof *at);
  int failures = 0;
  mpinn_velocity_default(&velocity);
  assert_int_equal(mpinn_eikonal_create(context, mesh, &velocity, &solver), MPINN_OK);
#pragma omp parallel for num_threads(3) reduction(+ : failures)
  for (size_t i = 0; i < SOLVES; i++) {
    mpinn_context *own;
    const mpinn_site site = at_node(mesh, 37 * i);
    failures += mpinn_context_create(NULL, &own) != MPINN_OK;
    failures += mpinn_eikonal_solve(own, solver, 1, &site, at + n * i) != MPINN_OK;
    mpinn_context_destroy(&own);
  }
  assert_int_equal(failures, 0);
  for (size_t i = 0; i < SOLVES; i++) {
    const mpinn_site site = at_node(mesh, 37 * i);
    float *alone = solve(mesh, NULL, 1, &site);
    assert_memory_equal(alone, at + n * i, n * sizeof *at);
    free(alone);
  }
  free(at);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
}

static void numbering_does_not_matter(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 3), *shuffled = NULL;
  const size_t n = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  size_t *node = malloc(n * sizeof *node), *cell = malloc(cells * sizeof *cell); /* new number → old */
  int32_t *new_number = malloc(n * sizeof *new_number), *tuples = malloc(4 * cells * sizeof *tuples);
  double *points = malloc(3 * n * sizeof *points);
  float *speed = random_speeds(cells, 5), *shuffled_speed = malloc(cells * sizeof *shuffled_speed);
  mpinn_random random;
  mpinn_random_seed(&random, 6);
  for (size_t i = 0; i < n; i++) node[i] = i;
  for (size_t c = 0; c < cells; c++) cell[c] = c;
  mpinn_random_shuffle(&random, n, node);
  mpinn_random_shuffle(&random, cells, cell);
  for (size_t i = 0; i < n; i++) {
    new_number[node[i]] = (int32_t)i;
    memcpy(points + 3 * i, mpinn_mesh_points(mesh) + 3 * node[i], 3 * sizeof *points);
  }
  for (size_t c = 0; c < cells; c++) {
    shuffled_speed[c] = speed[cell[c]];
    for (size_t i = 0; i < 4; i++) /* turned by one place too, which inverts it */
      tuples[4 * c + i] = new_number[mpinn_mesh_cells(mesh)[4 * cell[c] + (i + 1) % 4]];
  }
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, n, points, cells, tuples, &shuffled),
                   MPINN_OK);
  const mpinn_velocity velocity = on_cells(speed), shuffled_velocity = on_cells(shuffled_speed);
  float *a = solve(mesh, &velocity, 1, &inside), *b = solve(shuffled, &shuffled_velocity, 1, &inside);
  for (size_t i = 0; i < n; i++) assert_float_equal((double)a[node[i]], (double)b[i], 1e-4);
  free(node);
  free(cell);
  free(new_number);
  free(tuples);
  free(points);
  free(speed);
  free(shuffled_speed);
  free(a);
  free(b);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&shuffled);
}

static void squash(double p[3]) {
  p[2] *= 0.05;
  p[0] += 3 * p[2];
}

static double flat_exact(const double p[3]) {
  double site[3];
  memcpy(site, inside.position, sizeof site);
  squash(site);
  return distance(p, site) / 0.6;
}

/* The least of (1 − a − b) T_0 + a T_1 + b T_2 + |w − x(a, b)| / speed over a grid on the face opposite
 * corner of cell c. */
static double sampled_update(const mpinn_mesh *mesh, const float *at, size_t c, int corner, double speed) {
  enum { STEPS = 48 };
  const double *points = mpinn_mesh_points(mesh);
  const int32_t *cell = mpinn_mesh_cells(mesh) + 4 * c;
  const size_t w = (size_t)cell[corner],
               n[3] = {(size_t)cell[(corner + 1) % 4], (size_t)cell[(corner + 2) % 4],
                       (size_t)cell[(corner + 3) % 4]};
  double least = INFINITY;
  for (int i = 0; i <= STEPS; i++)
    for (int j = 0; i + j <= STEPS; j++) {
      const double a = (double)i / STEPS, b = (double)j / STEPS;
      double x[3];
      for (int k = 0; k < 3; k++)
        x[k] = (1 - a - b) * points[3 * n[0] + (size_t)k] + a * points[3 * n[1] + (size_t)k] +
               b * points[3 * n[2] + (size_t)k];
      least = fmin(least, (1 - a - b) * (double)at[n[0]] + a * (double)at[n[1]] + b * (double)at[n[2]] +
                              distance(x, points + 3 * w) / speed);
    }
  return least;
}

/* Whatever the order in which nodes were dealt with, in the end every node has the least that its cells
 * allow: obtuse cells and velocities that jump from cell to cell included. */
static void the_solution_is_a_fixed_point_of_its_updates(void **state) {
  (void)state;
  mpinn_mesh *cube = shape_cube(context, side, 3), *mesh = shape_moved(context, cube, squash);
  const size_t n = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  float *speed = random_speeds(cells, 8);
  const mpinn_velocity velocity = on_cells(speed);
  mpinn_site site = inside;
  squash(site.position);
  float *at = solve(mesh, &velocity, 1, &site);
  double *least = malloc(n * sizeof *least);
  for (size_t i = 0; i < n; i++) least[i] = INFINITY;
  for (size_t i = 0; i < 4 * cells; i++) {
    double *l = least + mpinn_mesh_cells(mesh)[i];
    *l = fmin(*l, sampled_update(mesh, at, i / 4, (int)(i % 4), (double)speed[i / 4]));
  }
  double missed = 0, unfounded = 0;
  for (size_t i = 0; i < n; i++) {
    missed = fmax(missed, (double)at[i] - least[i]);
    /* Around the site times are exact, and so lower than updates would have them. */
    if (distance(mpinn_mesh_points(mesh) + 3 * i, site.position) < 18) continue;
    unfounded = fmax(unfounded, least[i] - (double)at[i]);
  }
  print_message("  updates would lower a node by %.6f ms, and leave one %.4f ms too high\n", missed,
                unfounded);
  assert_true(missed < 1e-4);
  assert_true(unfounded < 0.06); /* the grid's own error */
  free(least);
  free(at);
  free(speed);
  mpinn_mesh_destroy(&mesh);
  mpinn_mesh_destroy(&cube);
}

static void flat_obtuse_cells_still_converge(void **state) {
  (void)state;
  mpinn_mesh *meshes[2];
  mpinn_site site = inside;
  squash(site.position);
  for (int i = 0; i < 2; i++) {
    mpinn_mesh *cube = shape_cube(context, side, 4 + i);
    meshes[i] = shape_moved(context, cube, squash);
    mpinn_mesh_destroy(&cube);
  }
  expect_convergence(meshes, NULL, &site, flat_exact, 1.5, 1.7);
}

/* --- Where no front comes, and what is refused ------------------------------------------------- */

static void nodes_that_no_front_reaches_are_nan(void **state) {
  (void)state;
  static const double points[9][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {5, 5, 5},
                                      {9, 9, 9}, {8, 9, 9}, {9, 8, 9}, {9, 9, 8}};
  static const int32_t cells[2][4] = {{0, 1, 2, 3}, {5, 6, 7, 8}};
  mpinn_mesh *mesh = NULL;
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, 9, points[0], 2, cells[0], &mesh), MPINN_OK);
  const mpinn_site sites[2] = {{{0, 0, 0}, 0}, {{5, 5, 5}, 100}};
  float *at = solve(mesh, NULL, 1, sites);
  for (size_t n = 0; n < 9; n++) assert_true(n < 4 ? isfinite(at[n]) : isnan(at[n]));
  free(at);
  at = solve(mesh, NULL, 2, sites);
  for (size_t n = 0; n < 9; n++) assert_true(n == 4 ? isnan(at[n]) : isfinite(at[n]));
  free(at);
  mpinn_mesh_destroy(&mesh);
}

static void expect_refused(const mpinn_mesh *mesh, const mpinn_velocity *velocity, const char *sentence) {
  mpinn_eikonal *solver = NULL;
  assert_int_equal(mpinn_eikonal_create(context, mesh, velocity, &solver), MPINN_ERROR_ARGUMENT);
  assert_null(solver);
  if (!strstr(mpinn_context_error(context), sentence))
    fail_msg("\"%s\" does not say \"%s\"", mpinn_context_error(context), sentence);
}

static void speeds_must_be_finite_and_positive(void **state) {
  (void)state;
  static const float bad[4] = {0, -0.5f, NAN, INFINITY};
  static const char *const texts[4] = {"of cell 17 is 0 m/s", "of cell 17 is -0.5 m/s",
                                       "of cell 17 is nan m/s", "of cell 17 is inf m/s"};
  mpinn_mesh *mesh = shape_cube(context, side, 1);
  float *speed = random_speeds(mpinn_mesh_cell_count(mesh), 7);
  mpinn_velocity velocity = on_cells(speed);
  for (int i = 0; i < 4; i++) {
    speed[17] = bad[i];
    speed[30] = 0;
    expect_refused(mesh, &velocity, texts[i]);
  }
  velocity.association = MPINN_NODES;
  expect_refused(mesh, &velocity, "of node 17 is inf m/s");
  velocity.association = MPINN_FIELD;
  expect_refused(mesh, &velocity, "nodes or to cells");
  velocity = on_cells(NULL);
  velocity.uniform = -1;
  expect_refused(mesh, &velocity, "uniform conduction velocity is -1 m/s");
  free(speed);
  mpinn_mesh_destroy(&mesh);
}

static void speeds_of_ignored_cells_and_nodes_do_not_matter(void **state) {
  (void)state;
  static const double points[5][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}};
  static const int32_t cells[2][4] = {{0, 1, 2, 4}, {0, 1, 2, 3}}; /* the first is flat */
  const float speed[5] = {0.6f, 0.6f, 0.6f, 0.6f, 0}, cell_speed[2] = {NAN, 0.6f};
  mpinn_mesh *mesh = NULL;
  assert_int_equal(mpinn_mesh_create(context, MPINN_TETRAHEDRON, 5, points[0], 2, cells[0], &mesh), MPINN_OK);
  mpinn_velocity velocity = on_cells(cell_speed);
  free(solve(mesh, &velocity, 1, &inside));
  velocity.association = MPINN_NODES;
  velocity.speed = speed;
  free(solve(mesh, &velocity, 1, &inside));
  mpinn_mesh_destroy(&mesh);
}

static void fibres_must_span_what_they_claim(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 1);
  const size_t n = mpinn_mesh_cell_count(mesh);
  float *memory;
  mpinn_velocity velocity = oblique(n, MPINN_CELLS, &memory);
  const mpinn_velocity good = velocity;
  memory[3 * 5] = NAN;
  expect_refused(mesh, &velocity, "fibre or sheet direction of cell 5");
  memory[3 * 5] = memory[3 * 5 + 1] = memory[3 * 5 + 2] = 0;
  expect_refused(mesh, &velocity, "fibre or sheet direction of cell 5");
  memcpy(memory + 3 * 5, memory + 3 * n, 3 * sizeof *memory); /* parallel to the sheet */
  expect_refused(mesh, &velocity, "fibre or sheet direction of cell 5");
  memory[6 * n + 3 * 4 + 1] = -0.4f;
  expect_refused(mesh, &velocity, "velocity 2 of cell 4 is -0.4 m/s");
  velocity.sheet = NULL;
  expect_refused(mesh, &velocity, "Without sheet directions");
  velocity = good;
  velocity.fibre = NULL;
  expect_refused(mesh, &velocity, "needs fibre directions");
  velocity = good;
  velocity.speed = memory;
  expect_refused(mesh, &velocity, "not both");
  free(memory);
  mpinn_mesh_destroy(&mesh);
}

static void sites_must_be_there_and_finite(void **state) {
  (void)state;
  mpinn_mesh *mesh = shape_cube(context, side, 1);
  mpinn_velocity velocity;
  mpinn_eikonal *solver;
  float at[27];
  mpinn_site sites[2] = {inside, {{1, NAN, 1}, 0}};
  mpinn_velocity_default(&velocity);
  assert_int_equal(mpinn_eikonal_create(context, mesh, &velocity, &solver), MPINN_OK);
  assert_int_equal(mpinn_eikonal_solve(context, solver, 0, sites, at), MPINN_ERROR_ARGUMENT);
  assert_int_equal(mpinn_eikonal_solve(context, solver, 2, sites, at), MPINN_ERROR_ARGUMENT);
  assert_non_null(strstr(mpinn_context_error(context), "Site of origin 1 "));
  sites[1] = (mpinn_site){{1, 1, 1}, INFINITY};
  assert_int_equal(mpinn_eikonal_solve(context, solver, 2, sites, at), MPINN_ERROR_ARGUMENT);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
}

static bool stop(void *user, double fraction, const char *what) {
  (void)user;
  (void)what;
  return fraction >= 0;
}

static void a_solve_can_be_cancelled(void **state) {
  (void)state;
  const mpinn_context_options options = {.threads = 1, .progress = stop};
  mpinn_mesh *mesh = shape_cube(context, side, 5);
  mpinn_context *own;
  mpinn_velocity velocity;
  mpinn_eikonal *solver;
  float *at = calloc(mpinn_mesh_node_count(mesh), sizeof *at);
  mpinn_velocity_default(&velocity);
  assert_int_equal(mpinn_context_create(&options, &own), MPINN_OK);
  assert_int_equal(mpinn_eikonal_create(own, mesh, &velocity, &solver), MPINN_OK);
  assert_int_equal(mpinn_eikonal_solve(own, solver, 1, &inside, at), MPINN_CANCELLED);
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) assert_true(at[i] == 0);
  free(at);
  mpinn_eikonal_destroy(&solver);
  mpinn_context_destroy(&own);
  mpinn_mesh_destroy(&mesh);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_point_source_converges_at_first_order),
      cmocka_unit_test(times_are_never_too_low),
      cmocka_unit_test(around_the_site_times_are_exact),
      cmocka_unit_test(a_head_wave_runs_along_a_fast_layer),
      cmocka_unit_test(a_plane_wave_is_exact),
      cmocka_unit_test(an_anisotropic_source_is_the_metric_distance),
      cmocka_unit_test(fibres_on_nodes_are_those_on_cells_where_uniform),
      cmocka_unit_test(equal_axes_are_isotropic),
      cmocka_unit_test(a_point_source_in_a_plane_converges),
      cmocka_unit_test(fibres_out_of_a_plane_act_by_their_shadow),
      cmocka_unit_test(a_front_follows_great_circles_on_a_sphere),
      cmocka_unit_test(times_are_nearly_a_metric),
      cmocka_unit_test(twice_the_velocity_takes_half_the_time),
      cmocka_unit_test(several_sites_are_the_earliest_of_each),
      cmocka_unit_test(an_onset_shifts_all_times),
      cmocka_unit_test(a_site_off_the_mesh_moves_to_its_nearest_point),
      cmocka_unit_test(the_number_of_threads_changes_no_bit),
      cmocka_unit_test(one_solver_serves_several_threads),
      cmocka_unit_test(numbering_does_not_matter),
      cmocka_unit_test(the_solution_is_a_fixed_point_of_its_updates),
      cmocka_unit_test(flat_obtuse_cells_still_converge),
      cmocka_unit_test(nodes_that_no_front_reaches_are_nan),
      cmocka_unit_test(speeds_must_be_finite_and_positive),
      cmocka_unit_test(speeds_of_ignored_cells_and_nodes_do_not_matter),
      cmocka_unit_test(fibres_must_span_what_they_claim),
      cmocka_unit_test(sites_must_be_there_and_finite),
      cmocka_unit_test(a_solve_can_be_cancelled),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
