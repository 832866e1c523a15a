/* A label-correcting front: nodes leave a heap in the order of their times, each lowering its neighbours, and
 * one that is lowered again returns to it. It ends in the fixed point of the local Hopf–Lax updates
 * (Bornemann & Rasch, Comput. Vis. Sci. 9, 2006), as the fast iterative method does (Fu, Kirby & Whitaker,
 * 2013), whatever the angles of the mesh; the order only spares work, as in fast marching. One solve runs on
 * one thread: a map is small, and maps come in numbers. */
#include "eikonal/internal.h"

#include <math.h>
#include <string.h>

enum { PROGRESS_STEPS = 1 << 14 }; /* nodes between two looks at cancellation */

typedef struct heap_entry {
  double key;
  int32_t node;
} heap_entry;

typedef struct node_time {
  double at;    /* ms, the least found so far */
  double known; /* ms, what it was when the node last left the heap; infinite before */
} node_time;

typedef struct front {
  const mpinn_eikonal *solver;
  node_time *times; /* [node_count] */
  int32_t *slot;    /* [node_count]: place in the heap, −1: not there */
  heap_entry *heap; /* four children each */
  size_t heap_size;
} front;

/* --- The heap ---------------------------------------------------------------------------------- */

static void heap_place(front *f, size_t i, heap_entry entry) {
  f->heap[i] = entry;
  f->slot[entry.node] = (int32_t)i;
}

static void heap_lower(front *f, int32_t node, double key) {
  const heap_entry entry = {key, node};
  size_t i = f->slot[node] < 0 ? f->heap_size++ : (size_t)f->slot[node];
  for (; i > 0 && f->heap[(i - 1) / 4].key > key; i = (i - 1) / 4) heap_place(f, i, f->heap[(i - 1) / 4]);
  heap_place(f, i, entry);
}

static int32_t heap_pop(front *f) {
  const int32_t node = f->heap[0].node;
  const heap_entry last = f->heap[--f->heap_size];
  f->slot[node] = -1;
  if (f->heap_size == 0) return node;
  size_t i = 0;
  for (;;) {
    size_t least = 4 * i + 1;
    if (least >= f->heap_size) break;
    const size_t end = least + 4 < f->heap_size ? least + 4 : f->heap_size;
    for (size_t child = least + 1; child < end; child++)
      if (f->heap[child].key < f->heap[least].key) least = child;
    if (f->heap[least].key >= last.key) break;
    heap_place(f, i, f->heap[least]);
    i = least;
  }
  heap_place(f, i, last);
  return node;
}

/* --- The local updates ------------------------------------------------------------------------- */

static inline double positive(double x) {
  return x > 0 ? x : 0;
}

/* The time at w over the segment from v to a, min over 0 ≤ λ < 1 of (1 − λ) T_v + λ T_a + |w − x(λ)|;
 * infinite where the minimum does not involve v. t = T_a − T_v; squares of the edges wv, va, wa. */
static inline __attribute__((always_inline)) double over_segment(double tv, double t, double wv, double va,
                                                                 double wa) {
  const double q = 0.5 * (wv + va - wa), e = va - t * t;
  if (e <= 0) return t > 0 ? tv + sqrt(wv) : INFINITY;
  const double h = positive(wv * va - q * q), r = sqrt(h / e), lambda = q - r * t;
  if (lambda <= 0) return tv + sqrt(wv);
  if (lambda >= va) return INFINITY;
  return tv + (q * t + r * e) / va;
}

/* The time at w over the triangle v, a, b; ta = T_a − T_v, tb likewise. The minimum over the plane of λ·τ +
 * |w − x(λ)| has a closed form in the Gram matrix of the edges; where it falls outside, that over the
 * triangle lies on a side beyond which it fell, for the function is convex. The side (a, b) is the business
 * of a and b. */
static inline __attribute__((always_inline)) double over_triangle(double tv, double ta, double tb, double wv,
                                                                  double va, double vb, double wa, double wb,
                                                                  double ab) {
  const double q1 = 0.5 * (wv + va - wa), q2 = 0.5 * (wv + vb - wb), g = 0.5 * (va + vb - ab);
  const double determinant = va * vb - g * g;
  const double u1 = vb * ta - g * tb, u2 = va * tb - g * ta, e = determinant - ta * u1 - tb * u2;
  bool side_a = true, side_b = true;
  if (determinant > 0 && e > 0) {
    const double l1 = vb * q1 - g * q2, l2 = va * q2 - g * q1;
    const double h = positive(wv * determinant - q1 * l1 - q2 * l2), r = sqrt(h / e);
    const double lambda1 = l1 - r * u1, lambda2 = l2 - r * u2;
    if (lambda1 >= 0 && lambda2 >= 0 && lambda1 + lambda2 <= determinant)
      return tv + (l1 * ta + l2 * tb + r * e) / determinant;
    side_a = lambda2 < 0;
    side_b = lambda1 < 0;
  }
  const double over_a = side_a ? over_segment(tv, ta, wv, va, wa) : INFINITY;
  const double over_b = side_b ? over_segment(tv, tb, wv, vb, wb) : INFINITY;
  return over_a < over_b ? over_a : over_b;
}

/* Below this share of a time a lowering is rounding. */
static inline void lower(front *f, int32_t node, double at) {
  if (!(f->times[node].at - at > 1e-13 * fabs(at))) return;
  f->times[node].at = at;
  heap_lower(f, node, at);
}

/* Lowers target w of a tetrahedron whose node v has just become known. A front that passes w before v can
 * only come from v again where the angle at w between v and another known node is obtuse. */
static inline __attribute__((always_inline)) void lower_over_tetrahedron(front *f, int32_t w, double tv,
                                                                         double ta, double tb, double wv,
                                                                         double va, double vb, double wa,
                                                                         double wb, double ab) {
  const bool has_a = ta < INFINITY, has_b = tb < INFINITY;
  const double now = f->times[w].at;
  if (now <= tv && !(has_a && wv + wa < va) && !(has_b && wv + wb < vb)) return;
  double at;
  if (has_a && has_b)
    at = over_triangle(tv, ta - tv, tb - tv, wv, va, vb, wa, wb, ab);
  else if (has_a)
    at = over_segment(tv, ta - tv, wv, va, wa);
  else if (has_b)
    at = over_segment(tv, tb - tv, wv, vb, wb);
  else
    at = tv + sqrt(wv);
  if (at < now) lower(f, w, at);
}

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
expand_over_tetrahedra(front *f, int32_t v) {
  /* For each position of v: the other three nodes, the edges to them, and the edges 01 02 12 among them. */
  static const unsigned char others[4][9] = {{1, 2, 3, 0, 1, 2, 3, 4, 5},
                                             {0, 2, 3, 0, 3, 4, 1, 2, 5},
                                             {0, 1, 3, 1, 3, 5, 0, 2, 4},
                                             {0, 1, 2, 2, 4, 5, 0, 1, 3}};
  const mpinn_mesh *mesh = f->solver->mesh;
  const mpinn_front_tetrahedron *cells = f->solver->tetrahedra;
  const node_time *times = f->times;
  const double tv = times[v].known;
  const int32_t end = mesh->corner_start[v + 1];
  for (int32_t k = mesh->corner_start[v]; k < end; k++) {
    if (k + 8 < end) __builtin_prefetch(cells + mesh->corners[k + 8] / 4);
    const mpinn_front_tetrahedron *cell = cells + mesh->corners[k] / 4;
    const unsigned char *o = others[mesh->corners[k] % 4];
    const double *s = cell->square;
    const int32_t a = cell->node[o[0]], b = cell->node[o[1]], c = cell->node[o[2]];
    const double va = s[o[3]], vb = s[o[4]], vc = s[o[5]], ab = s[o[6]], ac = s[o[7]], bc = s[o[8]];
    const double ta = times[a].known, tb = times[b].known, tc = times[c].known;
    lower_over_tetrahedron(f, a, tv, tb, tc, va, vb, vc, ab, ac, bc);
    lower_over_tetrahedron(f, b, tv, ta, tc, vb, va, vc, ab, bc, ac);
    lower_over_tetrahedron(f, c, tv, ta, tb, vc, va, vb, ac, bc, ab);
  }
}

static void lower_over_triangle(front *f, int32_t w, double tv, double ta, double wv, double va, double wa) {
  const double now = f->times[w].at;
  if (now <= tv && !(ta < INFINITY && wv + wa < va)) return;
  lower(f, w, ta < INFINITY ? over_segment(tv, ta - tv, wv, va, wa) : tv + sqrt(wv));
}

static void expand_over_triangles(front *f, int32_t v) {
  /* For each position of v: the other two nodes, the edges to them, and the edge between them. */
  static const unsigned char others[3][5] = {{1, 2, 0, 1, 2}, {0, 2, 0, 2, 1}, {0, 1, 1, 2, 0}};
  const mpinn_mesh *mesh = f->solver->mesh;
  const double tv = f->times[v].known;
  for (int32_t k = mesh->corner_start[v]; k < mesh->corner_start[v + 1]; k++) {
    const mpinn_front_triangle *cell = f->solver->triangles + mesh->corners[k] / 3;
    const unsigned char *o = others[mesh->corners[k] % 3];
    const int32_t a = cell->node[o[0]], b = cell->node[o[1]];
    const double va = cell->square[o[2]], vb = cell->square[o[3]], ab = cell->square[o[4]];
    const double ta = f->times[a].known, tb = f->times[b].known;
    lower_over_triangle(f, a, tv, tb, va, vb, ab);
    lower_over_triangle(f, b, tv, ta, vb, va, ab);
  }
}

/* --- The solver -------------------------------------------------------------------------------- */

static mpinn_status run(mpinn_context *context, front *f, const mpinn_front_end *end) {
  const size_t count = f->solver->mesh->node_count;
  const bool solid = f->solver->mesh->type == MPINN_TETRAHEDRON;
  const double horizon = end ? end->horizon : INFINITY;
  size_t left = end && end->wanted ? end->n_wanted : SIZE_MAX;
  for (size_t steps = 1; f->heap_size > 0 && f->heap[0].key <= horizon && left > 0; steps++) {
    const int32_t v = heap_pop(f);
    if (left < SIZE_MAX && end->wanted[v] && isinf(f->times[v].known)) left--;
    f->times[v].known = f->times[v].at;
    if (solid)
      expand_over_tetrahedra(f, v);
    else
      expand_over_triangles(f, v);
    if (steps % PROGRESS_STEPS == 0)
      MPINN_TRY(
          mpinn_progress(context, fmin((double)steps / (double)count, 1), "solving the eikonal equation"));
  }
  return MPINN_OK;
}

static mpinn_status check_sites(mpinn_context *context, size_t n_sites, const mpinn_site *sites) {
  if (n_sites == 0 || !sites)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The eikonal equation needs at least one site of origin");
  for (size_t i = 0; i < n_sites; i++) {
    const double *p = sites[i].position;
    if (!isfinite(p[0]) || !isfinite(p[1]) || !isfinite(p[2]) || !isfinite(sites[i].onset))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Site of origin %zu is at (%g, %g, %g) mm with onset %g ms; all must be finite", i,
                        p[0], p[1], p[2], sites[i].onset);
  }
  return MPINN_OK;
}

static mpinn_status seed_sites(mpinn_context *context, front *f, size_t n_sites, const mpinn_site *sites) {
  const mpinn_mesh *mesh = f->solver->mesh;
  double *seeds;
  MPINN_TRY(MPINN_NEW(context, &seeds, mesh->node_count));
  for (size_t n = 0; n < mesh->node_count; n++) seeds[n] = INFINITY;
  for (size_t i = 0; i < n_sites; i++) {
    mpinn_mesh_place place;
    mpinn_mesh_nearest(mesh, sites[i].position, &place);
    mpinn_front_seed(f->solver, &place, n_sites, sites[i].onset, seeds);
  }
  for (size_t n = 0; n < mesh->node_count; n++) {
    f->times[n] = (node_time){seeds[n], INFINITY};
    f->slot[n] = -1;
    if (seeds[n] < INFINITY) heap_lower(f, (int32_t)n, seeds[n]);
  }
  free(seeds);
  return MPINN_OK;
}

mpinn_status mpinn_front_solve(mpinn_context *context, const mpinn_eikonal *solver, size_t n_sites,
                               const mpinn_site *sites, const mpinn_front_end *end, float *at) {
  const size_t count = solver->mesh->node_count;
  front f = {.solver = solver};
  mpinn_status status;
  MPINN_TRY(check_sites(context, n_sites, sites));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &f.times, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &f.slot, count));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &f.heap, count));
  MPINN_TRY_GOTO(done, status, seed_sites(context, &f, n_sites, sites));
  MPINN_TRY_GOTO(done, status, run(context, &f, end));
  for (size_t n = 0; n < count; n++) at[n] = f.times[n].known < INFINITY ? (float)f.times[n].at : NAN;
done:
  free(f.times);
  free(f.slot);
  free(f.heap);
  return status;
}

mpinn_status mpinn_eikonal_solve(mpinn_context *context, const mpinn_eikonal *solver, size_t n_sites,
                                 const mpinn_site *sites, float *at) {
  return mpinn_front_solve(context, solver, n_sites, sites, NULL, at);
}

void mpinn_velocity_default(mpinn_velocity *velocity) {
  *velocity = (mpinn_velocity){.association = MPINN_NODES, .uniform = 0.6, .uniform_axes = {0.6, 0.6, 0.6}};
}

mpinn_status mpinn_eikonal_create(mpinn_context *context, const mpinn_mesh *mesh,
                                  const mpinn_velocity *velocity, mpinn_eikonal **solver) {
  *solver = NULL;
  if (mpinn_mesh_cell_count(mesh) == 0) return mpinn_fail(context, MPINN_ERROR_MESH, "The mesh has no cells");
  MPINN_TRY(MPINN_NEW(context, solver, 1));
  (*solver)->mesh = mesh;
  const mpinn_status status = mpinn_front_measure(context, velocity, *solver);
  if (status != MPINN_OK) mpinn_eikonal_destroy(solver);
  return status;
}

void mpinn_eikonal_destroy(mpinn_eikonal **solver) {
  if (!*solver) return;
  free((*solver)->tetrahedra);
  free((*solver)->triangles);
  free(*solver);
  *solver = NULL;
}
