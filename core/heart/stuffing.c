#include "heart/stuffing.h"

#include "base/internal.h"

#include <math.h>
#include <string.h>

/* The lattice has three kinds of nodes, numbered one kind after the other: the cubes' corners, their centres,
 * and on the plane z = 0 the middles of the topmost faces, which halve the tetrahedra that would stick out of
 * it. */
typedef struct lattice {
  const mpinn_level_set *shape;
  double step, origin[3];
  int32_t n[3]; /* cubes */
  int32_t corners, centres, tops, count;
} lattice;

typedef struct cut {
  int32_t inside, outside; /* lattice nodes */
  int32_t node;            /* in the result, or −1 */
  double t;                /* from inside (0) to outside (1) */
} cut;

typedef struct snap {
  double violation; /* distance to the cut relative to the allowed one; < 1 */
  int32_t node, cut;
} snap;

typedef struct work {
  mpinn_context *context;
  lattice grid;
  double *value;     /* [count] */
  signed char *side; /* [count] −1 inside, 0 on the surface, 1 outside */
  float (*moved)[3]; /* [count] offset of nodes that were snapped */
  int32_t *number;   /* [count] node of the result, or −1 */
  size_t n_tets, n_cuts, n_slots, n_nodes, n_cells;
  int32_t (*tets)[4]; /* lattice tetrahedra that touch the inside */
  cut *cuts;
  int32_t *slots; /* hash table of cuts by their ends; −1 is free */
  double (*points)[3];
  int32_t (*cells)[4];
} work;

/* ---- the lattice ---- */

static int32_t corner_at(const lattice *g, int32_t i, int32_t j, int32_t k) {
  return (k * (g->n[1] + 1) + j) * (g->n[0] + 1) + i;
}

static int32_t centre_at(const lattice *g, int32_t i, int32_t j, int32_t k) {
  return g->corners + (k * g->n[1] + j) * g->n[0] + i;
}

static mpinn_status lay_lattice(mpinn_context *context, const mpinn_level_set *shape, double step,
                                const double shift[2], lattice *g) {
  double count = 1;
  g->shape = shape;
  g->step = step;
  for (int i = 0; i < 3; i++) {
    const double high = i < 2 ? shape->high[i] : 0, margin = i < 2 ? 2 : 1;
    const double cubes = ceil((high - shape->low[i]) / step + margin);
    count *= cubes + 1;
    if (!(cubes > 0 && count < 2e8)) /* a billion nodes in all, and int32 indices */
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A lattice of step %g mm is too fine for this shape",
                        step);
    g->n[i] = (int32_t)cubes;
    g->origin[i] = i < 2 ? shape->low[i] + (shift[i] - 1) * step : -cubes * step;
  }
  g->corners = (g->n[0] + 1) * (g->n[1] + 1) * (g->n[2] + 1);
  g->centres = g->n[0] * g->n[1] * g->n[2];
  g->tops = g->n[0] * g->n[1];
  g->count = g->corners + g->centres + g->tops;
  return MPINN_OK;
}

static void lattice_point(const lattice *g, int32_t node, double x[3]) {
  const bool is_corner = node < g->corners, is_top = node >= g->corners + g->centres;
  const int32_t more = is_corner ? 1 : 0;
  const int32_t rest = is_corner ? node : node - g->corners; /* the tops are one more layer of centres */
  const int32_t nx = g->n[0] + more, ny = g->n[1] + more;
  const int32_t ijk[3] = {rest % nx, rest / nx % ny, rest / nx / ny};
  const double half = is_corner ? 0 : 0.5;
  for (int a = 0; a < 2; a++) x[a] = g->origin[a] + (ijk[a] + half) * g->step;
  x[2] = (ijk[2] + (is_top ? 0 : half) - g->n[2]) * g->step;
}

static bool on_top(const lattice *g, int32_t node) {
  return node < g->corners ? node >= corner_at(g, 0, 0, g->n[2]) : node >= g->corners + g->centres;
}

/* The tetrahedra around the line from the centre of cube ijk to the next centre along an axis. */
static int around_face(const lattice *g, const int32_t ijk[3], int axis, int32_t tets[4][4]) {
  static const int32_t ring[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  int32_t next[3] = {ijk[0], ijk[1], ijk[2]}, corners[4];
  next[axis]++;
  const bool last = next[axis] == g->n[axis];
  if (last && axis < 2) return 0;
  for (int q = 0; q < 4; q++) {
    int32_t at[3] = {next[0], next[1], next[2]};
    at[(axis + 1) % 3] += ring[q][0];
    at[(axis + 2) % 3] += ring[q][1];
    corners[q] = corner_at(g, at[0], at[1], at[2]);
  }
  const int32_t here = centre_at(g, ijk[0], ijk[1], ijk[2]);
  const int32_t there =
      centre_at(g, next[0], next[1], next[2]); /* or, where last, the middle of a topmost face */
  for (int q = 0; q < 4; q++) {
    const int32_t tet[4] = {here, there, corners[q], corners[(q + 1) % 4]};
    memcpy(tets[q], tet, sizeof tet);
  }
  return 4;
}

static mpinn_status sample(work *w) {
  MPINN_TRY(MPINN_NEW(w->context, &w->value, (size_t)w->grid.count));
  MPINN_TRY(MPINN_NEW(w->context, &w->side, (size_t)w->grid.count));
  MPINN_TRY(MPINN_NEW(w->context, &w->moved, (size_t)w->grid.count));
  MPINN_TRY(MPINN_NEW(w->context, &w->number, (size_t)w->grid.count));
  const mpinn_level_set *shape = w->grid.shape;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(w->context))
  for (int32_t i = 0; i < w->grid.count; i++) {
    double x[3];
    lattice_point(&w->grid, i, x);
    w->value[i] = shape->value(shape->user, x);
    w->side[i] = (signed char)((w->value[i] > 0) - (w->value[i] < 0));
    w->number[i] = -1;
  }
  return MPINN_OK;
}

/* Lists the tetrahedra with a node inside; counts them where tets is NULL. */
static void list_tets(work *w) {
  const lattice *g = &w->grid;
  int32_t ijk[3], found[4][4];
  w->n_tets = 0;
  for (ijk[2] = 0; ijk[2] < g->n[2]; ijk[2]++)
    for (ijk[1] = 0; ijk[1] < g->n[1]; ijk[1]++)
      for (ijk[0] = 0; ijk[0] < g->n[0]; ijk[0]++)
        for (int axis = 0; axis < 3; axis++) {
          const int n = around_face(g, ijk, axis, found);
          for (int q = 0; q < n; q++) {
            bool inside = false;
            for (int a = 0; a < 4; a++) inside = inside || w->side[found[q][a]] < 0;
            if (!inside) continue;
            if (w->tets) memcpy(w->tets[w->n_tets], found[q], sizeof found[q]);
            w->n_tets++;
          }
        }
}

static mpinn_status collect_tets(work *w) {
  list_tets(w);
  MPINN_TRY(MPINN_NEW(w->context, &w->tets, w->n_tets));
  list_tets(w);
  return MPINN_OK;
}

/* ---- cuts: where the surface crosses the lattice's edges ---- */

static size_t slot_of(const work *w, int32_t inside, int32_t outside) {
  uint64_t key = (uint64_t)(uint32_t)inside << 32 | (uint32_t)outside;
  key = (key ^ key >> 31) * 0x9e3779b97f4a7c15u;
  size_t slot = (size_t)(key >> 20) & (w->n_slots - 1);
  while (w->slots[slot] >= 0) {
    const cut *c = &w->cuts[w->slots[slot]];
    if (c->inside == inside && c->outside == outside) break;
    slot = (slot + 1) & (w->n_slots - 1);
  }
  return slot;
}

static size_t count_crossings(const work *w) {
  size_t n = 0;
  for (size_t t = 0; t < w->n_tets; t++)
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++) n += w->side[w->tets[t][a]] < 0 && w->side[w->tets[t][b]] > 0;
  return n;
}

static mpinn_status collect_cuts(work *w) {
  const size_t most = count_crossings(w);
  MPINN_TRY(MPINN_NEW(w->context, &w->cuts, most));
  for (w->n_slots = 64; w->n_slots < most; w->n_slots *= 2) continue;
  MPINN_TRY(MPINN_NEW(w->context, &w->slots, w->n_slots));
  memset(w->slots, 0xff, w->n_slots * sizeof *w->slots);
  for (size_t t = 0; t < w->n_tets; t++)
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++) {
        const int32_t inside = w->tets[t][a], outside = w->tets[t][b];
        if (!(w->side[inside] < 0 && w->side[outside] > 0)) continue;
        const size_t slot = slot_of(w, inside, outside);
        if (w->slots[slot] >= 0) continue;
        w->slots[slot] = (int32_t)w->n_cuts;
        w->cuts[w->n_cuts++] = (cut){inside, outside, -1, 0};
      }
  return MPINN_OK;
}

static double value_between(const mpinn_level_set *shape, const double a[3], const double b[3], double t) {
  double x[3];
  for (int i = 0; i < 3; i++) x[i] = a[i] + t * (b[i] - a[i]);
  return shape->value(shape->user, x);
}

/* The zero between a (value va < 0) and b (vb > 0), by false position in the Illinois variant. */
static double find_zero(const mpinn_level_set *shape, const double a[3], const double b[3], double va,
                        double vb) {
  double low = 0, high = 1, t = 0.5;
  int last = 0;
  for (int i = 0; i < 60 && high - low > 1e-9; i++) {
    t = (low * vb - high * va) / (vb - va);
    const double v = value_between(shape, a, b, t);
    if (fabs(v) < 1e-9) break;
    if (v < 0) {
      low = t;
      va = v;
      if (last < 0) vb *= 0.5;
      last = -1;
    } else {
      high = t;
      vb = v;
      if (last > 0) va *= 0.5;
      last = 1;
    }
  }
  return t;
}

static void find_cuts(work *w) {
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(w->context))
  for (size_t i = 0; i < w->n_cuts; i++) {
    cut *c = &w->cuts[i];
    double a[3], b[3];
    lattice_point(&w->grid, c->inside, a);
    lattice_point(&w->grid, c->outside, b);
    c->t = find_zero(w->grid.shape, a, b, w->value[c->inside], w->value[c->outside]);
  }
}

/* ---- snapping: nodes that a cut comes too near to are moved onto the surface ---- */

/* The fractions of an edge within which a cut violates its end: those of the paper for the cubes' edges and
 * the half-diagonals, and between them for the edges of the halved tetrahedra. */
static double allowed_fraction(double length, double step) {
  if (length > 0.95 * step) return 0.24999;
  return length > 0.8 * step ? 0.41189 : 0.33;
}

/* Nodes of the end plane stay in it: the zero nearest to the node among eight directions in the plane. */
static bool zero_in_plane(const work *w, int32_t node, double reach, double offset[3]) {
  const mpinn_level_set *shape = w->grid.shape;
  double from[3], best = reach;
  lattice_point(&w->grid, node, from);
  for (int i = 0; i < 8; i++) {
    const double angle = i * 0.78539816339744831;
    const double to[3] = {from[0] + best * cos(angle), from[1] + best * sin(angle), from[2]};
    const double v = shape->value(shape->user, to);
    if ((v < 0) == (w->value[node] < 0)) continue;
    double t = w->value[node] < 0 ? find_zero(shape, from, to, w->value[node], v)
                                  : 1 - find_zero(shape, to, from, v, w->value[node]);
    for (int a = 0; a < 3; a++) offset[a] = t * (to[a] - from[a]);
    best *= fmin(t, 0.999);
  }
  return best < reach;
}

static int compare_snaps(const void *left, const void *right) {
  const snap *a = left, *b = right;
  if (a->violation != b->violation) return a->violation < b->violation ? -1 : 1;
  if (a->node != b->node) return a->node < b->node ? -1 : 1;
  return (a->cut > b->cut) - (a->cut < b->cut);
}

static mpinn_status collect_snaps(work *w, size_t *count, snap **snaps) {
  MPINN_TRY(MPINN_NEW(w->context, snaps, 2 * w->n_cuts));
  *count = 0;
  for (size_t i = 0; i < w->n_cuts; i++) {
    const cut *c = &w->cuts[i];
    double a[3], b[3], length = 0;
    lattice_point(&w->grid, c->inside, a);
    lattice_point(&w->grid, c->outside, b);
    for (int k = 0; k < 3; k++) length += (a[k] - b[k]) * (a[k] - b[k]);
    const double allowed = allowed_fraction(sqrt(length), w->grid.step);
    if (c->t < allowed) (*snaps)[(*count)++] = (snap){c->t / allowed, c->inside, (int32_t)i};
    if (1 - c->t < allowed) (*snaps)[(*count)++] = (snap){(1 - c->t) / allowed, c->outside, (int32_t)i};
  }
  qsort(*snaps, *count, sizeof **snaps, compare_snaps);
  return MPINN_OK;
}

static void snap_node(work *w, const snap *s) {
  const cut *c = &w->cuts[s->cut];
  if (w->side[c->inside] == 0 || w->side[c->outside] == 0)
    return; /* that cut is gone with the node at its other end */
  double a[3], b[3], offset[3];
  lattice_point(&w->grid, c->inside, a);
  lattice_point(&w->grid, c->outside, b);
  for (int k = 0; k < 3; k++) offset[k] = (s->node == c->inside ? c->t : c->t - 1) * (b[k] - a[k]);
  if (on_top(&w->grid, s->node) && offset[2] != 0 && !zero_in_plane(w, s->node, 0.35 * w->grid.step, offset))
    return;
  for (int k = 0; k < 3; k++) w->moved[s->node][k] = (float)offset[k];
  w->side[s->node] = 0;
}

static mpinn_status snap_nodes(work *w) {
  snap *snaps = NULL;
  size_t count = 0;
  MPINN_TRY(collect_snaps(w, &count, &snaps));
  for (size_t i = 0; i < count; i++) snap_node(w, &snaps[i]);
  free(snaps);
  return MPINN_OK;
}

/* ---- filling: what of each lattice tetrahedron lies inside ---- */

/* A vertex of the result. Quadrilaterals are halved from their vertex of lowest rank, which every tetrahedron
 * that shares one sees alike. */
typedef struct vertex {
  int32_t node;
  int64_t rank;
} vertex;

static vertex lattice_vertex(work *w, int32_t node) {
  if (w->number[node] < 0) {
    double *x = w->points[w->n_nodes];
    lattice_point(&w->grid, node, x);
    for (int k = 0; k < 3; k++) x[k] += (double)w->moved[node][k];
    w->number[node] = (int32_t)w->n_nodes++;
  }
  return (vertex){w->number[node], ((int64_t)1 << 40) + node};
}

static vertex cut_vertex(work *w, int32_t inside, int32_t outside) {
  const int32_t index = w->slots[slot_of(w, inside, outside)];
  cut *c = &w->cuts[index];
  double a[3], b[3], length = 0;
  lattice_point(&w->grid, inside, a);
  lattice_point(&w->grid, outside, b);
  for (int k = 0; k < 3; k++) length += (a[k] - b[k]) * (a[k] - b[k]);
  if (c->node < 0) {
    for (int k = 0; k < 3; k++) w->points[w->n_nodes][k] = a[k] + c->t * (b[k] - a[k]);
    c->node = (int32_t)w->n_nodes++;
  }
  const bool is_long = length > 0.9 * w->grid.step * w->grid.step;
  return (vertex){c->node, ((int64_t)(is_long ? 0 : 2) << 40) + index};
}

static void emit(work *w, vertex a, vertex b, vertex c, vertex d) {
  const double *p = w->points[a.node];
  double e[3][3];
  const int32_t ends[3] = {b.node, c.node, d.node};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) e[i][k] = w->points[ends[i]][k] - p[k];
  const double volume = e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1]) -
                        e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0]) +
                        e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0]);
  const int32_t cell[4] = {a.node, b.node, volume > 0 ? c.node : d.node, volume > 0 ? d.node : c.node};
  memcpy(w->cells[w->n_cells++], cell, sizeof cell);
}

/* The prism with triangles v[0..2] and v[3..5], v[i + 3] opposite v[i] (Dompierre et al., 8th Meshing
 * Roundtable, 1999). */
static void emit_prism(work *w, const vertex v[6]) {
  static const int turned[6][6] = {{0, 1, 2, 3, 4, 5}, {1, 2, 0, 4, 5, 3}, {2, 0, 1, 5, 3, 4},
                                   {3, 5, 4, 0, 2, 1}, {4, 3, 5, 1, 0, 2}, {5, 4, 3, 2, 1, 0}};
  int first = 0;
  for (int i = 1; i < 6; i++)
    if (v[i].rank < v[first].rank) first = i;
  vertex u[6];
  for (int i = 0; i < 6; i++) u[i] = v[turned[first][i]];
  const int64_t one = u[1].rank < u[5].rank ? u[1].rank : u[5].rank;
  const int64_t two = u[2].rank < u[4].rank ? u[2].rank : u[4].rank;
  emit(w, u[0], u[4], u[5], u[3]);
  if (one < two) {
    emit(w, u[0], u[1], u[2], u[5]);
    emit(w, u[0], u[1], u[5], u[4]);
  } else {
    emit(w, u[0], u[1], u[2], u[4]);
    emit(w, u[0], u[4], u[2], u[5]);
  }
}

static void emit_pyramid(work *w, vertex apex, const vertex ring[4]) {
  int first = 0;
  for (int i = 1; i < 4; i++)
    if (ring[i].rank < ring[first].rank) first = i;
  const vertex a = ring[first], b = ring[(first + 1) % 4], c = ring[(first + 2) % 4],
               d = ring[(first + 3) % 4];
  emit(w, apex, a, b, c);
  emit(w, apex, a, c, d);
}

static void fill_one_in(work *w, const int32_t *in, const int32_t *zero, int zeros, const int32_t *out,
                        int outs) {
  vertex v[4] = {lattice_vertex(w, in[0])};
  int n = 1;
  for (int i = 0; i < zeros; i++) v[n++] = lattice_vertex(w, zero[i]);
  for (int i = 0; i < outs; i++) v[n++] = cut_vertex(w, in[0], out[i]);
  emit(w, v[0], v[1], v[2], v[3]);
}

static void fill_two_in(work *w, const int32_t *in, const int32_t *zero, int zeros, const int32_t *out,
                        int outs) {
  const vertex a = lattice_vertex(w, in[0]), b = lattice_vertex(w, in[1]);
  if (outs == 0) {
    emit(w, a, b, lattice_vertex(w, zero[0]), lattice_vertex(w, zero[1]));
  } else if (zeros == 1) {
    const vertex ring[4] = {a, b, cut_vertex(w, in[1], out[0]), cut_vertex(w, in[0], out[0])};
    emit_pyramid(w, lattice_vertex(w, zero[0]), ring);
  } else {
    const vertex prism[6] = {a, cut_vertex(w, in[0], out[0]), cut_vertex(w, in[0], out[1]),
                             b, cut_vertex(w, in[1], out[0]), cut_vertex(w, in[1], out[1])};
    emit_prism(w, prism);
  }
}

static void fill_three_in(work *w, const int32_t *in, const int32_t *zero, int zeros, const int32_t *out) {
  vertex v[6];
  for (int i = 0; i < 3; i++) v[i] = lattice_vertex(w, in[i]);
  if (zeros == 1) {
    emit(w, v[0], v[1], v[2], lattice_vertex(w, zero[0]));
    return;
  }
  for (int i = 0; i < 3; i++) v[3 + i] = cut_vertex(w, in[i], out[0]);
  emit_prism(w, v);
}

/* All four nodes on the surface: a thin place of the wall when its middle is inside, else of what is around
 * it. */
static void fill_all_on(work *w, const int32_t *zero, int zeros) {
  double middle[3] = {0, 0, 0};
  if (zeros < 4) return;
  for (int a = 0; a < 4; a++) {
    double x[3];
    lattice_point(&w->grid, zero[a], x);
    for (int k = 0; k < 3; k++) middle[k] += 0.25 * (x[k] + (double)w->moved[zero[a]][k]);
  }
  if (w->grid.shape->value(w->grid.shape->user, middle) >= 0) return;
  emit(w, lattice_vertex(w, zero[0]), lattice_vertex(w, zero[1]), lattice_vertex(w, zero[2]),
       lattice_vertex(w, zero[3]));
}

static void fill_tet(work *w, const int32_t tet[4]) {
  int32_t in[4], zero[4], out[4];
  int ins = 0, zeros = 0, outs = 0;
  for (int a = 0; a < 4; a++) {
    if (w->side[tet[a]] < 0)
      in[ins++] = tet[a];
    else if (w->side[tet[a]] == 0)
      zero[zeros++] = tet[a];
    else
      out[outs++] = tet[a];
  }
  switch (ins) {
  case 1:
    fill_one_in(w, in, zero, zeros, out, outs);
    break;
  case 2:
    fill_two_in(w, in, zero, zeros, out, outs);
    break;
  case 3:
    fill_three_in(w, in, zero, zeros, out);
    break;
  case 4:
    emit(w, lattice_vertex(w, in[0]), lattice_vertex(w, in[1]), lattice_vertex(w, in[2]),
         lattice_vertex(w, in[3]));
    break;
  default:
    fill_all_on(w, zero, zeros);
    break;
  }
}

static mpinn_status fill(work *w) {
  size_t nodes = w->n_cuts;
  for (int32_t i = 0; i < w->grid.count; i++) nodes += w->side[i] <= 0;
  MPINN_TRY(MPINN_NEW(w->context, &w->points, nodes));
  MPINN_TRY(MPINN_NEW(w->context, &w->cells, 3 * w->n_tets));
  for (size_t t = 0; t < w->n_tets; t++) fill_tet(w, w->tets[t]);
  return MPINN_OK;
}

static mpinn_status run(work *w) {
  static const char what[] = "filling the phantom heart with tetrahedra";
  MPINN_TRY(mpinn_progress(w->context, 0, what));
  MPINN_TRY(sample(w));
  MPINN_TRY(mpinn_progress(w->context, 0.4, what));
  MPINN_TRY(collect_tets(w));
  MPINN_TRY(collect_cuts(w));
  MPINN_TRY(mpinn_progress(w->context, 0.5, what));
  find_cuts(w);
  MPINN_TRY(mpinn_progress(w->context, 0.8, what));
  MPINN_TRY(snap_nodes(w));
  return fill(w);
}

mpinn_status mpinn_stuff(mpinn_context *context, const mpinn_level_set *shape, double step,
                         const double shift[2], mpinn_stuffing *stuffing) {
  work w = {.context = context};
  memset(stuffing, 0, sizeof *stuffing);
  MPINN_TRY(lay_lattice(context, shape, step, shift, &w.grid));
  const mpinn_status status = run(&w);
  free(w.value);
  free(w.side);
  free(w.moved);
  free(w.number);
  free(w.tets);
  free(w.cuts);
  free(w.slots);
  if (status == MPINN_OK) {
    *stuffing =
        (mpinn_stuffing){w.n_nodes, w.n_cells, w.points ? *w.points : NULL, w.cells ? *w.cells : NULL};
  } else {
    free(w.points);
    free(w.cells);
  }
  return status;
}

void mpinn_stuffing_clear(mpinn_stuffing *stuffing) {
  free(stuffing->points);
  free(stuffing->cells);
  memset(stuffing, 0, sizeof *stuffing);
}
