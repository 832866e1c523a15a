#include "eikonal/adjoint.h"

#include "eikonal/internal.h"

#include <math.h>
#include <string.h>

/* Where the front to a node came from: a point of the face, edge or node opposite in a cell. */
typedef struct origin_of {
  int32_t cell; /* −1: from nowhere */
  int32_t node[3];
  double weight[3]; /* sum 1; 0 of nodes that are not there */
  double at;        /* ms, what the update gives */
} origin_of;

typedef struct timed_node {
  float at;
  int32_t node;
} timed_node;

struct mpinn_adjoint {
  const mpinn_mesh *mesh;
  origin_of *from;   /* [node_count] */
  timed_node *order; /* [node_count], the latest first */
};

mpinn_status mpinn_adjoint_create(mpinn_context *context, const mpinn_mesh *mesh, mpinn_adjoint **adjoint) {
  mpinn_adjoint *made = NULL;
  *adjoint = NULL;
  MPINN_TRY(MPINN_NEW(context, &made, 1));
  made->mesh = mesh;
  mpinn_status status = MPINN_NEW(context, &made->from, mesh->node_count);
  if (status == MPINN_OK) status = MPINN_NEW(context, &made->order, mesh->node_count);
  if (status == MPINN_OK)
    *adjoint = made;
  else
    mpinn_adjoint_destroy(&made);
  return status;
}

void mpinn_adjoint_destroy(mpinn_adjoint **adjoint) {
  if (!*adjoint) return;
  free((*adjoint)->from);
  free((*adjoint)->order);
  free(*adjoint);
  *adjoint = NULL;
}

/* ---- the update that each time comes from ---- */

/* A face, edge or node opposite to a node w: its nodes, their times, and squared lengths in ms². */
typedef struct face {
  int32_t node[3];
  double t[3];
  double w[3];    /* from w to each */
  double edge[3]; /* 01, 02, 12 */
} face;

static void take(origin_of *best, int32_t cell, const face *f, int i, int j, int k, double wj, double wk,
                 double at) {
  if (!(at < best->at)) return;
  *best = (origin_of){.cell = cell, .node = {f->node[i], f->node[j], f->node[k]}, .at = at};
  best->weight[0] = 1 - wj - wk;
  best->weight[1] = wj;
  best->weight[2] = wk;
}

/* min over 0 ≤ λ ≤ 1 of (1 − λ) T_i + λ T_j + |w − x(λ)|. */
static void from_edge(origin_of *best, int32_t cell, const face *f, int i, int j, double square) {
  const double t = f->t[j] - f->t[i], q = 0.5 * (f->w[i] + square - f->w[j]), e = square - t * t;
  double lambda = t > 0 ? 0 : 1;
  if (e > 0) lambda = (q - sqrt(fmax(f->w[i] * square - q * q, 0) / e) * t) / square;
  lambda = lambda < 0 ? 0 : lambda > 1 ? 1 : lambda;
  const double way = sqrt(fmax(f->w[i] - 2 * lambda * q + lambda * lambda * square, 0));
  take(best, cell, f, i, j, j, lambda, 0, f->t[i] + lambda * t + way);
}

/* The same over the inside of the triangle; false where the minimum is on its boundary. */
static bool from_inside(origin_of *best, int32_t cell, const face *f) {
  const double ta = f->t[1] - f->t[0], tb = f->t[2] - f->t[0], va = f->edge[0], vb = f->edge[1];
  const double q1 = 0.5 * (f->w[0] + va - f->w[1]), q2 = 0.5 * (f->w[0] + vb - f->w[2]),
               g = 0.5 * (va + vb - f->edge[2]);
  const double determinant = va * vb - g * g, u1 = vb * ta - g * tb, u2 = va * tb - g * ta;
  const double e = determinant - ta * u1 - tb * u2;
  if (!(determinant > 0 && e > 0)) return false;
  const double l1 = vb * q1 - g * q2, l2 = va * q2 - g * q1;
  const double r = sqrt(fmax(f->w[0] * determinant - q1 * l1 - q2 * l2, 0) / e);
  const double lambda1 = (l1 - r * u1) / determinant, lambda2 = (l2 - r * u2) / determinant;
  if (!(lambda1 >= 0 && lambda2 >= 0 && lambda1 + lambda2 <= 1)) return false;
  take(best, cell, f, 0, 1, 2, lambda1, lambda2, f->t[0] + (l1 * ta + l2 * tb + r * e) / determinant);
  return true;
}

static void from_tetrahedron(origin_of *best, const mpinn_eikonal *solver, int32_t corner, const float *at) {
  /* For each position of w: the other three nodes, the edges to them, and the edges among them. */
  static const unsigned char others[4][9] = {{1, 2, 3, 0, 1, 2, 3, 4, 5},
                                             {0, 2, 3, 0, 3, 4, 1, 2, 5},
                                             {0, 1, 3, 1, 3, 5, 0, 2, 4},
                                             {0, 1, 2, 2, 4, 5, 0, 1, 3}};
  const mpinn_front_tetrahedron *cell = &solver->tetrahedra[corner / 4];
  const unsigned char *o = others[corner % 4];
  face f;
  for (int i = 0; i < 3; i++) {
    f.node[i] = cell->node[o[i]];
    f.t[i] = (double)at[f.node[i]];
    f.w[i] = cell->square[o[3 + i]];
    f.edge[i] = cell->square[o[6 + i]];
  }
  if (!(fmin(f.t[0], fmin(f.t[1], f.t[2])) < best->at) || isnan(f.t[0] + f.t[1] + f.t[2])) return;
  if (from_inside(best, corner / 4, &f)) return;
  from_edge(best, corner / 4, &f, 0, 1, f.edge[0]);
  from_edge(best, corner / 4, &f, 0, 2, f.edge[1]);
  from_edge(best, corner / 4, &f, 1, 2, f.edge[2]);
}

static void from_triangle(origin_of *best, const mpinn_eikonal *solver, int32_t corner, const float *at) {
  static const unsigned char others[3][5] = {{1, 2, 0, 1, 2}, {0, 2, 0, 2, 1}, {0, 1, 1, 2, 0}};
  const mpinn_front_triangle *cell = &solver->triangles[corner / 3];
  const unsigned char *o = others[corner % 3];
  face f = {.node = {cell->node[o[0]], cell->node[o[1]], 0}};
  for (int i = 0; i < 2; i++) {
    f.t[i] = (double)at[f.node[i]];
    f.w[i] = cell->square[o[2 + i]];
  }
  if (!isnan(f.t[0] + f.t[1])) from_edge(best, corner / 3, &f, 0, 1, cell->square[o[4]]);
}

static void find_ways(mpinn_adjoint *a, const mpinn_eikonal *solver, const float *at) {
  const mpinn_mesh *mesh = a->mesh;
  for (size_t w = 0; w < mesh->node_count; w++) {
    origin_of best = {.cell = -1, .at = INFINITY};
    if (!isnan(at[w]))
      for (int32_t k = mesh->corner_start[w]; k < mesh->corner_start[w + 1]; k++) {
        if (mesh->type == MPINN_TETRAHEDRON)
          from_tetrahedron(&best, solver, mesh->corners[k], at);
        else
          from_triangle(&best, solver, mesh->corners[k], at);
      }
    a->from[w] = best;
  }
}

/* ---- the way back ---- */

static int compare_late(const void *a, const void *b) {
  const timed_node *p = a, *q = b;
  if (p->at != q->at) return p->at > q->at ? -1 : 1;
  return (p->node > q->node) - (p->node < q->node);
}

static size_t sort_nodes(mpinn_adjoint *a, const float *at) {
  size_t n = 0;
  for (size_t i = 0; i < a->mesh->node_count; i++)
    if (!isnan(at[i])) a->order[n++] = (timed_node){at[i], (int32_t)i};
  qsort(a->order, n, sizeof *a->order, compare_late);
  return n;
}

static double distance(const double *p, const double *q) {
  const double d[3] = {p[0] - q[0], p[1] - q[1], p[2] - q[2]};
  return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

/* What a node whose front comes straight from the site knows of where that is. */
static void pull_site(const mpinn_mesh *mesh, const mpinn_site *site, int32_t node, double share, double way,
                      double by_site[3]) {
  const double *p = mesh->points + 3 * (size_t)node, r = distance(p, site->position);
  for (int d = 0; d < 3 && r > 0; d++) by_site[d] += share * way / r * (site->position[d] - p[d]) / r;
}

/* Terminal: the nodes of the cell that the site is in. */
static bool is_terminal(const mpinn_mesh *mesh, const mpinn_mesh_place *place, int32_t node) {
  for (size_t i = 0; i < mesh->type; i++)
    if (mesh->cells[mesh->type * (size_t)place->cell + i] == node) return true;
  return false;
}

typedef struct way_back {
  mpinn_adjoint *adjoint;
  const mpinn_site *site;
  const float *at;
  mpinn_mesh_place place;
  double near; /* mm: within it times are of straight paths from the site */
  double *by_at, *by_slowness, *by_site;
} way_back;

/* Hands what a node has on to where its front came from. */
static void hand_on(const way_back *b, int32_t node) {
  const mpinn_mesh *mesh = b->adjoint->mesh;
  const origin_of *from = &b->adjoint->from[node];
  const double share = b->by_at[node], *p = mesh->points + 3 * (size_t)node;
  b->by_at[node] = 0;
  if (is_terminal(mesh, &b->place, node)) {
    b->by_slowness[b->place.cell] += share * ((double)b->at[node] - b->site->onset);
    return;
  }
  if (from->cell < 0) return;
  const bool outside = distance(p, b->site->position) > b->near;
  double way = (double)b->at[node];
  for (int i = 0; i < 3; i++) {
    const double part = share * from->weight[i];
    if (from->weight[i] == 0) continue;
    const int32_t to = from->node[i];
    way -= from->weight[i] * (double)b->at[to];
    b->by_at[to] += part;
    if (outside && distance(mesh->points + 3 * (size_t)to, b->site->position) <= b->near)
      pull_site(mesh, b->site, to, part, (double)b->at[to] - b->site->onset, b->by_site);
  }
  b->by_slowness[from->cell] += share * fmax(way, 0);
}

/* A node lies behind those that its time comes from, but for obtuse angles: what is given to a later one
 * waits for the next round. */
void mpinn_adjoint_run(mpinn_adjoint *a, const mpinn_eikonal *solver, const mpinn_site *site, const float *at,
                       double *by_at, double *by_slowness, double by_site[3]) {
  enum { ROUNDS = 4 };
  way_back b = {.adjoint = a, .site = site, .at = at, .by_at = by_at, .by_slowness = by_slowness};
  b.by_site = by_site;
  b.near = 2.5 * a->mesh->mean_edge;
  memset(by_slowness, 0, a->mesh->cell_count * sizeof *by_slowness);
  memset(by_site, 0, 3 * sizeof *by_site);
  mpinn_mesh_nearest(a->mesh, site->position, &b.place);
  find_ways(a, solver, at);
  const size_t n = sort_nodes(a, at);
  for (int round = 0; round < ROUNDS; round++)
    for (size_t i = 0; i < n; i++)
      if (by_at[a->order[i].node] != 0) hand_on(&b, a->order[i].node);
}
