#include "heart/mesh.h"

#include "base/internal.h"

#include <math.h>
#include <string.h>

/* A cell thinner than this, as a share of its longest edge (per missing dimension), is degenerate. */
static const double flatness = 1e-10;

static void subtract(const double *a, const double *b, double out[3]) {
  for (int i = 0; i < 3; i++) out[i] = a[i] - b[i];
}

static double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double *a, const double *b, double out[3]) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

static double distance(const double *a, const double *b) {
  double d[3];
  subtract(a, b, d);
  return sqrt(dot(d, d));
}

/* Area (at most 1) or signed volume of a cell whose longest edge from its first node is brought to length 1;
 * 0 where all its nodes coincide. */
static double relative_size(const mpinn_mesh *mesh, const int32_t *cell) {
  double e[3][3], normal[3], longest = 0;
  for (int i = 1; i < (int)mesh->type; i++) {
    subtract(mesh->points + 3 * (size_t)cell[i], mesh->points + 3 * (size_t)cell[0], e[i - 1]);
    for (int j = 0; j < 3; j++) longest = fmax(longest, fabs(e[i - 1][j]));
  }
  if (longest == 0) return 0;
  for (int i = 1; i < (int)mesh->type; i++)
    for (int j = 0; j < 3; j++) e[i - 1][j] /= longest;
  cross(e[0], e[1], normal);
  return mesh->type == MPINN_TRIANGLE ? sqrt(dot(normal, normal)) : dot(normal, e[2]);
}

static mpinn_status check_input(mpinn_context *context, const mpinn_mesh *mesh) {
  for (size_t i = 0; i < 3 * mesh->node_count; i++)
    if (!isfinite(mesh->points[i]))
      return mpinn_fail(context, MPINN_ERROR_MESH,
                        "Node %zu of the mesh has a coordinate that is not finite (%g)", i / 3,
                        mesh->points[i]);
  for (size_t i = 0; i < mesh->type * mesh->cell_count; i++)
    if (mesh->cells[i] < 0 || (size_t)mesh->cells[i] >= mesh->node_count)
      return mpinn_fail(context, MPINN_ERROR_MESH,
                        "Cell %zu of the mesh refers to node %d, but there are %zu nodes", i / mesh->type,
                        (int)mesh->cells[i], mesh->node_count);
  return MPINN_OK;
}

/* Marks what is usable; turns tetrahedra of negative orientation around. */
static void orient(mpinn_mesh *mesh) {
  for (size_t c = 0; c < mesh->cell_count; c++) {
    int32_t *cell = mesh->cells + mesh->type * c;
    const double size = relative_size(mesh, cell);
    mesh->usable[c] = fabs(size) > flatness;
    mesh->report.degenerate_cells += !mesh->usable[c];
    if (!mesh->usable[c] || size > 0) continue;
    const int32_t node = cell[2];
    cell[2] = cell[3];
    cell[3] = node;
    mesh->report.inverted_cells++;
  }
}

static void sort_cell(const mpinn_mesh *mesh, size_t c, int32_t sorted[4]) {
  sorted[3] = 0;
  for (int i = 0; i < (int)mesh->type; i++) {
    const int32_t node = mesh->cells[mesh->type * c + (size_t)i];
    int j = i;
    for (; j > 0 && sorted[j - 1] > node; j--) sorted[j] = sorted[j - 1];
    sorted[j] = node;
  }
}

static size_t hash_cell(const int32_t sorted[4]) {
  uint64_t h = 0;
  for (int i = 0; i < 4; i++) {
    h = (h ^ (uint32_t)sorted[i]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  return (size_t)h;
}

/* A hash table of the cells by their sorted nodes: each that is there already is a duplicate. */
static mpinn_status drop_duplicates(mpinn_context *context, mpinn_mesh *mesh) {
  size_t slots = 16;
  while (slots < 2 * mesh->cell_count) slots *= 2;
  int32_t *table; /* cell + 1, 0: free */
  MPINN_TRY(MPINN_NEW(context, &table, slots));
  for (size_t c = 0; c < mesh->cell_count; c++) {
    int32_t nodes[4], other[4];
    if (!mesh->usable[c]) continue;
    sort_cell(mesh, c, nodes);
    size_t slot = hash_cell(nodes) & (slots - 1);
    for (; table[slot]; slot = (slot + 1) & (slots - 1)) {
      sort_cell(mesh, (size_t)table[slot] - 1, other);
      if (memcmp(nodes, other, sizeof nodes) == 0) break;
    }
    if (table[slot]) {
      mesh->usable[c] = false;
      mesh->report.duplicate_cells++;
    } else {
      table[slot] = (int32_t)(c + 1);
    }
  }
  free(table);
  return MPINN_OK;
}

static mpinn_status list_corners(mpinn_context *context, mpinn_mesh *mesh) {
  const size_t type = mesh->type;
  MPINN_TRY(MPINN_NEW(context, &mesh->corner_start, mesh->node_count + 1));
  int32_t *start = mesh->corner_start, sum = 0;
  for (size_t c = 0; c < mesh->cell_count; c++)
    for (size_t i = 0; i < type && mesh->usable[c]; i++) start[mesh->cells[type * c + i]]++;
  for (size_t n = 0; n < mesh->node_count; n++) {
    mesh->report.unreferenced += start[n] == 0;
    sum += start[n];
    start[n] = sum;
  }
  start[mesh->node_count] = sum;
  MPINN_TRY(MPINN_NEW(context, &mesh->corners, (size_t)sum));
  for (size_t c = mesh->cell_count; c-- > 0;)
    for (size_t i = type; i-- > 0 && mesh->usable[c];)
      mesh->corners[--start[mesh->cells[type * c + i]]] = (int32_t)(type * c + i);
  return MPINN_OK;
}

/* Lists into ends the nodes of higher number that share a cell with node n, and returns how many. mark holds,
 * of every node, the node + 1 from which it was last seen. */
static size_t list_higher(const mpinn_mesh *mesh, size_t n, int32_t *mark, int32_t *ends) {
  const size_t type = mesh->type;
  size_t count = 0;
  for (int32_t k = mesh->corner_start[n]; k < mesh->corner_start[n + 1]; k++) {
    const int32_t *cell = mesh->cells + type * (size_t)mpinn_mesh_corner_cell(mesh, mesh->corners[k]);
    for (size_t i = 0; i < type; i++) {
      const int32_t other = cell[i];
      if ((size_t)other <= n || mark[other] == (int32_t)n + 1) continue;
      mark[other] = (int32_t)n + 1;
      ends[count++] = other;
    }
  }
  return count;
}

static mpinn_status list_edges(mpinn_context *context, mpinn_mesh *mesh) {
  const size_t most = mesh->type == MPINN_TETRAHEDRON ? 6 : 3;
  int32_t *mark = NULL, *ends = NULL;
  mpinn_status status = MPINN_NEW(context, &mesh->edge_start, mesh->node_count + 1);
  if (status == MPINN_OK) status = MPINN_NEW(context, &mark, mesh->node_count);
  if (status == MPINN_OK) status = MPINN_NEW(context, &ends, most * mesh->cell_count);
  for (size_t n = 0; status == MPINN_OK && n < mesh->node_count; n++) {
    mesh->edge_count += list_higher(mesh, n, mark, ends + mesh->edge_count);
    mesh->edge_start[n + 1] = (int32_t)mesh->edge_count;
  }
  if (status == MPINN_OK) status = MPINN_NEW(context, &mesh->edge_ends, mesh->edge_count);
  if (status == MPINN_OK) memcpy(mesh->edge_ends, ends, mesh->edge_count * sizeof *ends);
  free(mark);
  free(ends);
  return status;
}

static void measure(mpinn_mesh *mesh) {
  double sum = 0, low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
  for (size_t n = 0; n < mesh->node_count; n++) {
    for (int i = 0; i < 3 && mesh->corner_start[n] < mesh->corner_start[n + 1]; i++) {
      low[i] = fmin(low[i], mesh->points[3 * n + (size_t)i]);
      high[i] = fmax(high[i], mesh->points[3 * n + (size_t)i]);
    }
    for (int32_t k = mesh->edge_start[n]; k < mesh->edge_start[n + 1]; k++) {
      const double length = distance(mesh->points + 3 * n, mesh->points + 3 * (size_t)mesh->edge_ends[k]);
      sum += length;
      mesh->longest_edge = fmax(mesh->longest_edge, length);
    }
  }
  mesh->mean_edge = sum / (double)mesh->edge_count;
  mesh->diagonal = distance(low, high);
}

/* The root of a node's tree, halving the way to it. */
static int32_t find_root(int32_t *parent, int32_t node) {
  while (parent[node] != node) node = parent[node] = parent[parent[node]];
  return node;
}

static mpinn_status count_components(mpinn_context *context, mpinn_mesh *mesh) {
  int32_t *parent;
  MPINN_TRY(MPINN_NEW(context, &parent, mesh->node_count));
  for (size_t n = 0; n < mesh->node_count; n++) parent[n] = (int32_t)n;
  mesh->report.components = mesh->node_count - mesh->report.unreferenced;
  for (size_t n = 0; n < mesh->node_count; n++)
    for (int32_t k = mesh->edge_start[n]; k < mesh->edge_start[n + 1]; k++) {
      const int32_t a = find_root(parent, (int32_t)n), b = find_root(parent, mesh->edge_ends[k]);
      mesh->report.components -= a != b;
      parent[a > b ? a : b] = a > b ? b : a;
    }
  free(parent);
  return MPINN_OK;
}

/* All that follows from points, cells and which of them are usable. */
static mpinn_status connect(mpinn_context *context, mpinn_mesh *mesh) {
  MPINN_TRY(list_corners(context, mesh));
  if (mesh->corner_start[mesh->node_count] == 0)
    return mpinn_fail(
        context, MPINN_ERROR_MESH,
        "The mesh has no usable cells (%zu cells, of which %zu are degenerate and %zu duplicates)",
        mesh->cell_count, mesh->report.degenerate_cells, mesh->report.duplicate_cells);
  MPINN_TRY(list_edges(context, mesh));
  measure(mesh);
  return count_components(context, mesh);
}

/* A mesh of that size whose points and cells are yet to be filled. */
static mpinn_status allocate_mesh(mpinn_context *context, mpinn_cell_type type, size_t n_nodes,
                                  size_t n_cells, mpinn_mesh **mesh) {
  /* Corners and edges are counted in 32 bits. */
  if (n_nodes > INT32_MAX / 4 || n_cells > INT32_MAX / 8)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "A mesh of %zu nodes and %zu cells is too large: at most %d nodes and %d cells",
                      n_nodes, n_cells, INT32_MAX / 4, INT32_MAX / 8);
  MPINN_TRY(MPINN_NEW(context, mesh, 1));
  (*mesh)->type = type;
  (*mesh)->node_count = n_nodes;
  (*mesh)->cell_count = n_cells;
  MPINN_TRY(MPINN_NEW(context, &(*mesh)->points, 3 * n_nodes));
  MPINN_TRY(MPINN_NEW(context, &(*mesh)->cells, type * n_cells));
  return MPINN_NEW(context, &(*mesh)->usable, n_cells);
}

static mpinn_status check_counts(mpinn_context *context, mpinn_cell_type type, size_t n_nodes,
                                 const double *points, size_t n_cells, const int32_t *cells) {
  if (type != MPINN_TRIANGLE && type != MPINN_TETRAHEDRON)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A cell type is 3 (triangles) or 4 (tetrahedra), not %d",
                      (int)type);
  if (n_nodes == 0) return mpinn_fail(context, MPINN_ERROR_MESH, "The mesh has no nodes");
  if (n_cells == 0) return mpinn_fail(context, MPINN_ERROR_MESH, "The mesh has no cells");
  if (!points || !cells)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A mesh needs %s", points ? "cells" : "points");
  return MPINN_OK;
}

mpinn_status mpinn_mesh_create(mpinn_context *context, mpinn_cell_type type, size_t n_nodes,
                               const double *points, size_t n_cells, const int32_t *cells,
                               mpinn_mesh **mesh) {
  mpinn_status status;
  *mesh = NULL;
  MPINN_TRY(check_counts(context, type, n_nodes, points, n_cells, cells));
  MPINN_TRY_GOTO(failed, status, allocate_mesh(context, type, n_nodes, n_cells, mesh));
  memcpy((*mesh)->points, points, 3 * n_nodes * sizeof *points);
  memcpy((*mesh)->cells, cells, type * n_cells * sizeof *cells);
  MPINN_TRY_GOTO(failed, status, check_input(context, *mesh));
  orient(*mesh);
  MPINN_TRY_GOTO(failed, status, drop_duplicates(context, *mesh));
  MPINN_TRY_GOTO(failed, status, connect(context, *mesh));
  return MPINN_OK;
failed:
  mpinn_mesh_destroy(mesh);
  return status;
}

mpinn_status mpinn_mesh_create_points(mpinn_context *context, size_t n_nodes, const double *points,
                                      mpinn_mesh **mesh) {
  mpinn_status status;
  *mesh = NULL;
  if (n_nodes == 0) return mpinn_fail(context, MPINN_ERROR_MESH, "The mesh has no nodes");
  if (!points) return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A mesh needs points");
  MPINN_TRY_GOTO(failed, status, allocate_mesh(context, MPINN_TRIANGLE, n_nodes, 0, mesh));
  memcpy((*mesh)->points, points, 3 * n_nodes * sizeof *points);
  MPINN_TRY_GOTO(failed, status, check_input(context, *mesh));
  MPINN_TRY_GOTO(failed, status, list_corners(context, *mesh));
  MPINN_TRY_GOTO(failed, status, list_edges(context, *mesh));
  return MPINN_OK;
failed:
  mpinn_mesh_destroy(mesh);
  return status;
}

void mpinn_mesh_destroy(mpinn_mesh **mesh) {
  if (!*mesh) return;
  free((*mesh)->points);
  free((*mesh)->cells);
  free((*mesh)->usable);
  free((*mesh)->corner_start);
  free((*mesh)->corners);
  free((*mesh)->edge_start);
  free((*mesh)->edge_ends);
  free(*mesh);
  *mesh = NULL;
}

mpinn_cell_type mpinn_mesh_cell_type(const mpinn_mesh *mesh) {
  return mesh->type;
}

size_t mpinn_mesh_node_count(const mpinn_mesh *mesh) {
  return mesh->node_count;
}

size_t mpinn_mesh_cell_count(const mpinn_mesh *mesh) {
  return mesh->cell_count;
}

const double *mpinn_mesh_points(const mpinn_mesh *mesh) {
  return mesh->points;
}

const int32_t *mpinn_mesh_cells(const mpinn_mesh *mesh) {
  return mesh->cells;
}

const bool *mpinn_mesh_cell_usable(const mpinn_mesh *mesh) {
  return mesh->usable;
}

mpinn_mesh_report mpinn_mesh_get_report(const mpinn_mesh *mesh) {
  return mesh->report;
}

double mpinn_mesh_mean_edge(const mpinn_mesh *mesh) {
  return mesh->mean_edge;
}

/* --- Refinement -------------------------------------------------------------------------------- */

/* The node in the middle of edge (a, b). */
static int32_t middle(const mpinn_mesh *mesh, int32_t a, int32_t b) {
  const int32_t low = a < b ? a : b, high = a < b ? b : a;
  int32_t k = mesh->edge_start[low];
  while (mesh->edge_ends[k] != high) k++;
  return (int32_t)mesh->node_count + k;
}

static void place_nodes(const mpinn_mesh *mesh, mpinn_mesh *refined) {
  memcpy(refined->points, mesh->points, 3 * mesh->node_count * sizeof *mesh->points);
  double *p = refined->points + 3 * mesh->node_count;
  for (size_t n = 0; n < mesh->node_count; n++)
    for (int32_t k = mesh->edge_start[n]; k < mesh->edge_start[n + 1]; k++)
      for (int i = 0; i < 3; i++)
        *p++ = 0.5 * mesh->points[3 * n + (size_t)i] +
               0.5 * mesh->points[3 * (size_t)mesh->edge_ends[k] + (size_t)i];
}

static void cut_triangle(const mpinn_mesh *mesh, const int32_t *t, int32_t (*out)[3]) {
  const int32_t m01 = middle(mesh, t[0], t[1]), m12 = middle(mesh, t[1], t[2]),
                m20 = middle(mesh, t[2], t[0]);
  const int32_t children[4][3] = {{t[0], m01, m20}, {m01, t[1], m12}, {m20, m12, t[2]}, {m01, m12, m20}};
  memcpy(out, children, sizeof children);
}

static void cut_tetrahedron(const mpinn_mesh *mesh, const double *points, const int32_t *t,
                            int32_t (*out)[4]) {
  enum { M01 = 4, M02, M03, M12, M13, M23 };
  static const unsigned char ends[6][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
  static const unsigned char corners[4][4] = {
      {0, M01, M02, M03}, {M01, 1, M12, M13}, {M02, M12, 2, M23}, {M03, M13, M23, 3}};
  /* The octahedron's three diagonals, and the other four nodes in their order around each. */
  static const unsigned char diagonals[3][2] = {{M01, M23}, {M02, M13}, {M03, M12}};
  static const unsigned char rings[3][5] = {
      {M02, M03, M13, M12, M02}, {M01, M12, M23, M03, M01}, {M01, M02, M23, M13, M01}};
  int32_t n[10] = {t[0], t[1], t[2], t[3]};
  for (int i = 0; i < 6; i++) n[4 + i] = middle(mesh, t[ends[i][0]], t[ends[i][1]]);
  int shortest = 0;
  double length = INFINITY;
  for (int i = 0; i < 3; i++) {
    const double d =
        distance(points + 3 * (size_t)n[diagonals[i][0]], points + 3 * (size_t)n[diagonals[i][1]]);
    if (d >= length) continue;
    length = d;
    shortest = i;
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) out[i][j] = n[corners[i][j]];
    out[4 + i][0] = n[diagonals[shortest][0]];
    out[4 + i][1] = n[diagonals[shortest][1]];
    out[4 + i][2] = n[rings[shortest][i]];
    out[4 + i][3] = n[rings[shortest][i + 1]];
  }
}

static void cut_cells(const mpinn_mesh *mesh, mpinn_mesh *refined) {
  const size_t type = mesh->type, children = refined->cell_count / mesh->cell_count;
  for (size_t c = 0; c < mesh->cell_count; c++) {
    const int32_t *cell = mesh->cells + type * c;
    int32_t *out = refined->cells + type * children * c;
    for (size_t i = 0; i < children; i++) {
      refined->usable[children * c + i] = mesh->usable[c];
      /* The children of an ignored cell are ignored, and need no nodes of their own. */
      if (!mesh->usable[c]) memcpy(out + type * i, cell, type * sizeof *cell);
    }
    if (!mesh->usable[c]) continue;
    if (mesh->type == MPINN_TRIANGLE)
      cut_triangle(mesh, cell, (int32_t(*)[3])out);
    else
      cut_tetrahedron(mesh, refined->points, cell, (int32_t(*)[4])out);
  }
}

mpinn_status mpinn_mesh_refine(mpinn_context *context, const mpinn_mesh *mesh, mpinn_mesh **refined) {
  const size_t children = mesh->type == MPINN_TRIANGLE ? 4 : 8;
  mpinn_status status;
  *refined = NULL;
  if (mesh->cell_count == 0) return mpinn_fail(context, MPINN_ERROR_MESH, "The mesh has no cells");
  MPINN_TRY_GOTO(failed, status,
                 allocate_mesh(context, mesh->type, mesh->node_count + mesh->edge_count,
                               children * mesh->cell_count, refined));
  place_nodes(mesh, *refined);
  cut_cells(mesh, *refined);
  (*refined)->report.degenerate_cells = children * mesh->report.degenerate_cells;
  (*refined)->report.duplicate_cells = children * mesh->report.duplicate_cells;
  MPINN_TRY_GOTO(failed, status, connect(context, *refined));
  return MPINN_OK;
failed:
  mpinn_mesh_destroy(refined);
  return status;
}

/* --- Where a point lies ------------------------------------------------------------------------ */

/* Nearest point of segment (a, b) to p, as its weight on b. */
static double nearest_on_segment(const double *a, const double *b, const double *p) {
  double e[3], d[3];
  subtract(b, a, e);
  subtract(p, a, d);
  const double length = dot(e, e);
  return length > 0 ? fmin(fmax(dot(e, d) / length, 0), 1) : 0;
}

static double distance_to_weights(const double *const *nodes, int n, const double *weights, const double *p) {
  double q[3] = {0, 0, 0};
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 3; j++) q[j] += weights[i] * nodes[i][j];
  return distance(p, q);
}

/* Barycentric weights of p's projection onto the plane of a triangle. */
static bool project_on_triangle(const double *const nodes[3], const double *p, double weights[3]) {
  double e1[3], e2[3], d[3];
  subtract(nodes[1], nodes[0], e1);
  subtract(nodes[2], nodes[0], e2);
  subtract(p, nodes[0], d);
  const double g11 = dot(e1, e1), g12 = dot(e1, e2), g22 = dot(e2, e2), r1 = dot(e1, d), r2 = dot(e2, d);
  const double determinant = g11 * g22 - g12 * g12;
  weights[1] = (g22 * r1 - g12 * r2) / determinant;
  weights[2] = (g11 * r2 - g12 * r1) / determinant;
  weights[0] = 1 - weights[1] - weights[2];
  return weights[0] >= 0 && weights[1] >= 0 && weights[2] >= 0;
}

static double nearest_on_triangle(const double *const nodes[3], const double *p, double weights[3]) {
  if (project_on_triangle(nodes, p, weights)) return distance_to_weights(nodes, 3, weights, p);
  double best = INFINITY;
  for (int i = 0; i < 3; i++) {
    double trial[3] = {0, 0, 0};
    const int j = (i + 1) % 3;
    trial[j] = nearest_on_segment(nodes[i], nodes[j], p);
    trial[i] = 1 - trial[j];
    const double d = distance_to_weights(nodes, 3, trial, p);
    if (d >= best) continue;
    best = d;
    memcpy(weights, trial, sizeof trial);
  }
  return best;
}

/* Barycentric weights of p, all ≥ 0 where it lies inside. */
static bool inside_tetrahedron(const double *const nodes[4], const double *p, double weights[4]) {
  double e[3][3], d[3], n[3];
  for (int i = 0; i < 3; i++) subtract(nodes[i + 1], nodes[0], e[i]);
  subtract(p, nodes[0], d);
  cross(e[1], e[2], n);
  const double volume = dot(e[0], n);
  weights[0] = 1;
  for (int i = 0; i < 3; i++) {
    cross(e[(i + 1) % 3], e[(i + 2) % 3], n);
    weights[i + 1] = dot(d, n) / volume;
    weights[0] -= weights[i + 1];
  }
  return weights[0] >= 0 && weights[1] >= 0 && weights[2] >= 0 && weights[3] >= 0;
}

static double nearest_on_tetrahedron(const double *const nodes[4], const double *p, double weights[4]) {
  static const unsigned char faces[4][3] = {{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}};
  if (inside_tetrahedron(nodes, p, weights)) return 0;
  double best = INFINITY;
  for (int f = 0; f < 4; f++) {
    const double *const face[3] = {nodes[faces[f][0]], nodes[faces[f][1]], nodes[faces[f][2]]};
    double trial[3];
    const double d = nearest_on_triangle(face, p, trial);
    if (d >= best) continue;
    best = d;
    weights[f] = 0;
    for (int i = 0; i < 3; i++) weights[faces[f][i]] = trial[i];
  }
  return best;
}

static void try_cell(const mpinn_mesh *mesh, int32_t c, const double *p, mpinn_mesh_place *place) {
  const double *nodes[4];
  double weights[4] = {0, 0, 0, 0};
  for (int i = 0; i < (int)mesh->type; i++)
    nodes[i] = mesh->points + 3 * (size_t)mesh->cells[mesh->type * (size_t)c + (size_t)i];
  const double d = mesh->type == MPINN_TRIANGLE ? nearest_on_triangle(nodes, p, weights)
                                                : nearest_on_tetrahedron(nodes, p, weights);
  if (d > place->distance || (d == place->distance && place->cell >= 0 && c >= place->cell)) return;
  place->cell = c;
  place->distance = d;
  memcpy(place->weights, weights, sizeof weights);
  for (int j = 0; j < 3; j++) {
    place->position[j] = 0;
    for (int i = 0; i < (int)mesh->type; i++) place->position[j] += weights[i] * nodes[i][j];
  }
}

void mpinn_mesh_nearest(const mpinn_mesh *mesh, const double position[3], mpinn_mesh_place *place) {
  double nearest = INFINITY;
  size_t first = 0;
  for (size_t n = 0; n < mesh->node_count; n++) {
    const double *p = mesh->points + 3 * n;
    const double d[3] = {p[0] - position[0], p[1] - position[1], p[2] - position[2]};
    const double squared = dot(d, d);
    if (squared >= nearest || mesh->corner_start[n] == mesh->corner_start[n + 1]) continue;
    nearest = squared;
    first = n;
  }
  *place = (mpinn_mesh_place){.cell = -1, .distance = INFINITY};
  for (int32_t k = mesh->corner_start[first]; k < mesh->corner_start[first + 1]; k++)
    try_cell(mesh, mpinn_mesh_corner_cell(mesh, mesh->corners[k]), position, place);
  /* A nearer cell has all its nodes within its longest edge of its nearest point. */
  const double reach = place->distance + mesh->longest_edge, bound = reach * reach * (1 + 1e-12);
  for (size_t n = 0; n < mesh->node_count && place->distance > 0; n++) {
    const double *p = mesh->points + 3 * n;
    const double d[3] = {p[0] - position[0], p[1] - position[1], p[2] - position[2]};
    if (dot(d, d) > bound) continue;
    for (int32_t k = mesh->corner_start[n]; k < mesh->corner_start[n + 1]; k++)
      try_cell(mesh, mpinn_mesh_corner_cell(mesh, mesh->corners[k]), position, place);
  }
}

size_t mpinn_mesh_nearest_node(const mpinn_mesh *mesh, const double point[3]) {
  size_t nearest = 0;
  double least = INFINITY;
  for (size_t node = 0; node < mesh->node_count; node++) {
    const double *p = mesh->points + 3 * node;
    const double x = p[0] - point[0], y = p[1] - point[1], z = p[2] - point[2];
    if (x * x + y * y + z * z >= least) continue;
    least = x * x + y * y + z * z;
    nearest = node;
  }
  return nearest;
}
