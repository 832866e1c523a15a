#include "metapinn/frame.h"

#include "base/internal.h"
#include "heart/boundary.h"
#include "heart/rays.h"

#include <math.h>
#include <string.h>

/* ---- small vectors and matrices ---- */

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double a[3], const double b[3], double c[3]) {
  for (int k = 0; k < 3; k++) c[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3];
}

static double normalize(double a[3]) {
  const double length = sqrt(dot(a, a));
  for (int k = 0; k < 3; k++) a[k] /= length > 0 ? length : 1;
  return length;
}

/* What is left of a without its part along the unit vector axis. */
static void project_out(const double axis[3], double a[3]) {
  const double along = dot(axis, a);
  for (int k = 0; k < 3; k++) a[k] -= along * axis[k];
}

/* Eigenvectors (rows, by descending eigenvalue) of a symmetric matrix: Jacobi's method. */
static void eigenvectors(const double matrix[3][3], double values[3], double vectors[3][3]) {
  double a[3][3];
  memcpy(a, matrix, sizeof a);
  for (int i = 0; i < 9; i++) vectors[i / 3][i % 3] = i / 3 == i % 3;
  for (int sweep = 0; sweep < 60; sweep++) {
    const int p = sweep % 3 == 2 ? 1 : 0, q = sweep % 3 == 0 ? 1 : 2;
    if (a[p][q] == 0) continue;
    const double angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p]), c = cos(angle), s = sin(angle);
    for (int k = 0; k < 3; k++) {
      const double x = a[k][p], y = a[k][q];
      a[k][p] = c * x - s * y;
      a[k][q] = s * x + c * y;
    }
    for (int k = 0; k < 3; k++) {
      const double x = a[p][k], y = a[q][k], u = vectors[p][k], v = vectors[q][k];
      a[p][k] = c * x - s * y;
      a[q][k] = s * x + c * y;
      vectors[p][k] = c * u - s * v;
      vectors[q][k] = s * u + c * v;
    }
  }
  for (int k = 0; k < 3; k++) values[k] = a[k][k];
  for (int i = 0; i < 3; i++) { /* bubble: three rows */
    const int j = i == 1 ? 1 : 0;
    if (values[j] >= values[j + 1]) continue;
    for (int k = 0; k < 3; k++) {
      const double x = vectors[j][k];
      vectors[j][k] = vectors[j + 1][k];
      vectors[j + 1][k] = x;
    }
    const double x = values[j];
    values[j] = values[j + 1];
    values[j + 1] = x;
  }
}

/* ---- the heart as a surface ---- */

/* The boundary of a wall of tetrahedra, or the triangles themselves. Everything below sums over faces with
 * their areas, so that neither the numbering nor the density of a mesh matters. */
typedef struct surface {
  size_t n_nodes, count;
  const double *points;
  int32_t (*faces)[3];
  double (*middles)[3], (*normals)[3]; /* of unit length, out of the wall */
  double *areas;
  unsigned char *classes; /* MPINN_CLASS_… of a face */
  double thin_side[3];    /* where the wall around a single unlabelled cavity is thinner, or zero */
} surface;

static void surface_clear(surface *s) {
  free(s->faces);
  free(s->middles);
  free(s->normals);
  free(s->areas);
  free(s->classes);
}

static mpinn_status list_faces(mpinn_context *context, const mpinn_mesh *mesh, surface *s) {
  if (mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON)
    return mpinn_mesh_boundary(context, mesh, &s->count, &s->faces);
  const size_t n_cells = mpinn_mesh_cell_count(mesh);
  MPINN_TRY(MPINN_NEW(context, &s->faces, n_cells));
  for (size_t c = 0; c < n_cells; c++)
    if (mpinn_mesh_cell_usable(mesh)[c])
      memcpy(s->faces[s->count++], mpinn_mesh_cells(mesh) + 3 * c, sizeof *s->faces);
  return MPINN_OK;
}

/* Middles, areas and normals; a closed surface of triangles may come inside out. */
static void measure_faces(surface *s, bool triangles) {
  double volume = 0;
  const double *base = s->points + 3 * s->faces[0][0];
  for (size_t f = 0; f < s->count; f++) {
    double u[3], v[3], from[3];
    for (int k = 0; k < 3; k++) {
      const double a = s->points[3 * s->faces[f][0] + k], b = s->points[3 * s->faces[f][1] + k];
      const double c = s->points[3 * s->faces[f][2] + k];
      s->middles[f][k] = (a + b + c) / 3;
      u[k] = b - a;
      v[k] = c - a;
      from[k] = s->middles[f][k] - base[k];
    }
    cross(u, v, s->normals[f]);
    s->areas[f] = 0.5 * normalize(s->normals[f]);
    volume += s->areas[f] * dot(from, s->normals[f]);
  }
  for (size_t i = 0; i < 3 * s->count && triangles && volume < 0; i++) s->normals[i / 3][i % 3] *= -1;
}

/* A face is endocardium where any of its nodes is: the nodes of its rim are labelled base. */
static void classify_faces(surface *s, const mpinn_array *labels) {
  for (size_t f = 0; f < s->count; f++) {
    int votes[5] = {0};
    for (int i = 0; i < 3; i++) {
      const int is = (int)mpinn_array_get(labels, (size_t)s->faces[f][i], 0);
      votes[is >= 0 && is < 5 ? is : 0]++;
    }
    const int lv = votes[MPINN_CLASS_LV_ENDOCARDIUM], rv = votes[MPINN_CLASS_RV_ENDOCARDIUM];
    unsigned char is = votes[MPINN_CLASS_BASE] == 3 ? MPINN_CLASS_BASE : MPINN_CLASS_EPICARDIUM;
    if (lv > rv)
      is = MPINN_CLASS_LV_ENDOCARDIUM;
    else if (rv > 0)
      is = MPINN_CLASS_RV_ENDOCARDIUM;
    s->classes[f] = is;
  }
}

static mpinn_status make_surface(mpinn_context *context, const mpinn_subject *subject, surface *s) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const mpinn_array *labels = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  s->n_nodes = mpinn_mesh_node_count(mesh);
  s->points = mpinn_mesh_points(mesh);
  MPINN_TRY(list_faces(context, mesh, s));
  MPINN_TRY(MPINN_NEW(context, &s->middles, s->count));
  MPINN_TRY(MPINN_NEW(context, &s->normals, s->count));
  MPINN_TRY(MPINN_NEW(context, &s->areas, s->count));
  MPINN_TRY(MPINN_NEW(context, &s->classes, s->count));
  if (s->count == 0)
    return mpinn_fail(context, MPINN_ERROR_MESH, "The heart has no surface to find its frame by");
  measure_faces(s, mpinn_mesh_cell_type(mesh) == MPINN_TRIANGLE);
  if (labels) classify_faces(s, labels);
  return MPINN_OK;
}

/* Area and centroid of the faces of a class. */
static double class_area(const surface *s, unsigned char which, double centre[3]) {
  double area = 0, sum[3] = {0, 0, 0};
  for (size_t f = 0; f < s->count; f++) {
    if (s->classes[f] != which) continue;
    area += s->areas[f];
    for (int k = 0; k < 3; k++) sum[k] += s->areas[f] * s->middles[f][k];
  }
  for (int k = 0; k < 3; k++) centre[k] = area > 0 ? sum[k] / area : 0;
  return area;
}

/* ---- edges between faces ---- */

typedef struct edge {
  int32_t nodes[2], face;
} edge;

static int compare_edges(const void *left, const void *right) {
  const edge *a = left, *b = right;
  for (int i = 0; i < 2; i++)
    if (a->nodes[i] != b->nodes[i]) return a->nodes[i] < b->nodes[i] ? -1 : 1;
  return (a->face > b->face) - (a->face < b->face);
}

/* edges[3 · count], those of the same nodes side by side. */
static mpinn_status list_edges(mpinn_context *context, const surface *s, edge **edges) {
  MPINN_TRY(MPINN_NEW(context, edges, 3 * s->count));
  for (size_t i = 0; i < 3 * s->count; i++) {
    const int32_t a = s->faces[i / 3][i % 3], b = s->faces[i / 3][(i % 3 + 1) % 3];
    (*edges)[i] = (edge){{a < b ? a : b, a < b ? b : a}, (int32_t)(i / 3)};
  }
  qsort(*edges, 3 * s->count, sizeof **edges, compare_edges);
  return MPINN_OK;
}

/* Length and centroid of the LV endocardium's rim: its edges that are in one of its faces only. */
static double lv_rim(const surface *s, const edge *edges, double centre[3]) {
  double length = 0, sum[3] = {0, 0, 0};
  for (size_t i = 0, next; i < 3 * s->count; i = next) {
    int of_lv = 0;
    for (next = i;
         next < 3 * s->count && memcmp(edges[next].nodes, edges[i].nodes, sizeof edges[i].nodes) == 0; next++)
      of_lv += s->classes[edges[next].face] == MPINN_CLASS_LV_ENDOCARDIUM;
    if (of_lv != 1) continue;
    const double *a = s->points + 3 * edges[i].nodes[0], *b = s->points + 3 * edges[i].nodes[1];
    const double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, l = sqrt(dot(d, d));
    length += l;
    for (int k = 0; k < 3; k++) sum[k] += 0.5 * l * (a[k] + b[k]);
  }
  for (int k = 0; k < 3; k++) centre[k] = length > 0 ? sum[k] / length : 0;
  return length;
}

/* ---- a frame from what is known of the axis ---- */

/* Axes from up (apex to base) and towards (to the RV; any vector that is not along up), unit lengths not
 * needed. */
static bool set_axes(double up[3], double towards[3], mpinn_frame *frame) {
  if (!(normalize(up) > 0)) return false;
  project_out(up, towards);
  if (!(normalize(towards) > 0)) return false;
  for (int k = 0; k < 3; k++) {
    frame->rotation[0][k] = -towards[k];
    frame->rotation[2][k] = up[k];
  }
  cross(frame->rotation[2], frame->rotation[0], frame->rotation[1]);
  return true;
}

/* The lowest node comes to z = −1. */
static bool set_scale(const surface *s, mpinn_frame *frame) {
  double depth = 0;
  for (size_t i = 0; i < 3 * s->count; i++) {
    double d[3];
    for (int k = 0; k < 3; k++) d[k] = s->points[3 * s->faces[i / 3][i % 3] + k] - frame->centre[k];
    depth = fmax(depth, -dot(frame->rotation[2], d));
  }
  frame->scale = depth > 0 ? 1 / depth : 0;
  return depth > 0;
}

/* Principal axes of the surface about its centroid; spread: variances along them, mm². */
static void principal_axes(const surface *s, double centre[3], double spread[3], double axes[3][3]) {
  double area = 0, sum[3] = {0, 0, 0}, moments[3][3] = {{0}};
  for (size_t f = 0; f < s->count; f++) {
    area += s->areas[f];
    for (int k = 0; k < 3; k++) sum[k] += s->areas[f] * s->middles[f][k];
  }
  for (int k = 0; k < 3; k++) centre[k] = sum[k] / area;
  for (size_t f = 0; f < s->count; f++) {
    const double *m = s->middles[f], d[3] = {m[0] - centre[0], m[1] - centre[1], m[2] - centre[2]};
    for (int k = 0; k < 9; k++) moments[k / 3][k % 3] += s->areas[f] * d[k / 3] * d[k % 3] / area;
  }
  eigenvectors((const double(*)[3])moments, spread, axes);
}

/* Third moment of the surface along a direction: which of its ends is the more drawn out. */
static double skew(const surface *s, const double centre[3], const double along[3]) {
  double sum = 0;
  for (size_t f = 0; f < s->count; f++) {
    const double *m = s->middles[f], d[3] = {m[0] - centre[0], m[1] - centre[1], m[2] - centre[2]},
                 x = dot(d, along);
    sum += s->areas[f] * x * x * x;
  }
  return sum;
}

/* Without an RV, the wider of the directions across the axis, towards its more drawn-out end. */
static void widest_across(const surface *s, const double up[3], double towards[3]) {
  double centre[3], spread[3], axes[3][3];
  principal_axes(s, centre, spread, axes);
  double best = -1;
  for (int i = 0; i < 3; i++) {
    double across[3] = {axes[i][0], axes[i][1], axes[i][2]};
    project_out(up, across);
    const double left = dot(across, across) * spread[i];
    if (left <= best) continue;
    best = left;
    memcpy(towards, across, sizeof across);
  }
  if (skew(s, centre, towards) < 0)
    for (int k = 0; k < 3; k++) towards[k] *= -1;
}

/* ---- from labelled endocardia ---- */

/* The middle of the deepest part (beyond 85 % of the depth) of the LV's endocardium, seen along down from
 * base. */
static void deepest_part(const surface *s, const double base[3], const double down[3], double tip[3]) {
  double deepest = 0, area = 0, sum[3] = {0, 0, 0};
  for (int pass = 0; pass < 2; pass++)
    for (size_t f = 0; f < s->count; f++) {
      if (s->classes[f] != MPINN_CLASS_LV_ENDOCARDIUM) continue;
      const double *m = s->middles[f], d[3] = {m[0] - base[0], m[1] - base[1], m[2] - base[2]},
                   depth = dot(d, down);
      if (pass == 0) deepest = fmax(deepest, depth);
      if (pass == 0 || depth < 0.85 * deepest) continue;
      area += s->areas[f];
      for (int k = 0; k < 3; k++) sum[k] += s->areas[f] * m[k];
    }
  for (int k = 0; k < 3; k++) tip[k] = area > 0 ? sum[k] / area : base[k] + down[k];
}

/* LV axis from the middle of its opening to the tip of its cavity, the RV by its endocardium's centroid. */
static bool from_classes(const surface *s, const edge *edges, mpinn_frame *frame) {
  double lv[3], rv[3], base[3], tip[3], up[3], down[3], towards[3];
  if (!(class_area(s, MPINN_CLASS_LV_ENDOCARDIUM, lv) > 0)) return false;
  if (!(lv_rim(s, edges, base) > 0) && !(class_area(s, MPINN_CLASS_BASE, base) > 0)) return false;
  for (int k = 0; k < 3; k++) down[k] = lv[k] - base[k];
  for (int i = 0; i < 2; i++) {
    if (!(normalize(down) > 0)) return false;
    deepest_part(s, base, down, tip);
    for (int k = 0; k < 3; k++) down[k] = tip[k] - base[k];
  }
  for (int k = 0; k < 3; k++) up[k] = -down[k];
  if (!(normalize(up) > 0)) return false;
  if (class_area(s, MPINN_CLASS_RV_ENDOCARDIUM, rv) > 0)
    for (int k = 0; k < 3; k++) towards[k] = rv[k] - base[k];
  else if (dot(s->thin_side, s->thin_side) > 0)
    memcpy(towards, s->thin_side, sizeof towards);
  else
    widest_across(s, up, towards);
  memcpy(frame->centre, base, sizeof base);
  return set_axes(up, towards, frame) && set_scale(s, frame);
}

/* ---- cavities of an unlabelled wall ---- */

/* Whether most of what a face looks at is wall again: it lies in a cavity. */
static bool is_enclosed(const surface *s, const mpinn_rays *rays, size_t face) {
  const double *n = s->normals[face], *m = s->middles[face];
  double u[3], v[3] = {0, 0, 0};
  int hits = 0;
  for (int k = 0; k < 3; k++)
    u[k] = s->points[3 * s->faces[face][1] + k] - s->points[3 * s->faces[face][0] + k];
  normalize(u);
  cross(n, u, v);
  for (int i = 0; i < 9; i++) {
    const double angle = i * 0.78539816339744831, tilt = i < 8 ? 0.7 : 0;
    double direction[3];
    for (int k = 0; k < 3; k++) direction[k] = n[k] + tilt * (cos(angle) * u[k] + sin(angle) * v[k]);
    normalize(direction);
    hits += isfinite(mpinn_rays_first(rays, m, direction, face));
  }
  return hits >= 5;
}

static int32_t find_root(int32_t *parents, int32_t i) {
  while (parents[i] != i) i = parents[i] = parents[parents[i]];
  return i;
}

/* Patches of faces that are alike (same mark) and joined by edges: parents[f] becomes its patch's first face.
 */
static void join_patches(const surface *s, const edge *edges, const unsigned char *marks, int32_t *parents) {
  for (size_t f = 0; f < s->count; f++) parents[f] = (int32_t)f;
  for (size_t i = 1; i < 3 * s->count; i++) {
    const edge *a = &edges[i - 1], *b = &edges[i];
    if (memcmp(a->nodes, b->nodes, sizeof a->nodes) != 0 || marks[a->face] != marks[b->face]) continue;
    const int32_t p = find_root(parents, a->face), q = find_root(parents, b->face);
    parents[p > q ? p : q] = p > q ? q : p;
  }
  for (size_t f = 0; f < s->count; f++) parents[f] = find_root(parents, (int32_t)f);
}

/* The patch of a mark with the largest area, but for one; −1 where there is none. */
static int32_t largest_patch(const surface *s, const unsigned char *marks, unsigned char mark,
                             const int32_t *parents, int32_t but, double *areas) {
  int32_t largest = -1;
  memset(areas, 0, s->count * sizeof *areas);
  for (size_t f = 0; f < s->count; f++) areas[parents[f]] += s->areas[f];
  for (size_t f = 0; f < s->count; f++)
    if (parents[f] == (int32_t)f && marks[f] == mark && (int32_t)f != but &&
        (largest < 0 || areas[f] > areas[largest]))
      largest = (int32_t)f;
  return largest;
}

/* Mean distance through the wall behind a patch, mm, and by how much its thinner part lies to one side (a
 * direction). */
static double wall_behind(const surface *s, const mpinn_rays *rays, const int32_t *parents, int32_t patch,
                          double thin_side[3]) {
  double area = 0, sum = 0, places[3] = {0, 0, 0}, products[3] = {0, 0, 0};
  for (size_t f = 0; f < s->count; f++) {
    if (parents[f] != patch) continue;
    const double inwards[3] = {-s->normals[f][0], -s->normals[f][1], -s->normals[f][2]};
    const double depth = mpinn_rays_first(rays, s->middles[f], inwards, f);
    if (!isfinite(depth)) continue;
    area += s->areas[f];
    sum += s->areas[f] * depth;
    for (int k = 0; k < 3; k++) {
      places[k] += s->areas[f] * s->middles[f][k];
      products[k] += s->areas[f] * s->middles[f][k] * depth;
    }
  }
  for (int k = 0; k < 3; k++) thin_side[k] = area > 0 ? (places[k] * sum / area - products[k]) / area : 0;
  return area > 0 ? sum / area : 0;
}

/* Labels the two cavities as LV (thicker wall) and RV; one of them, or none, where there are no more. */
static void label_cavities(surface *s, const mpinn_rays *rays, const edge *edges, unsigned char *enclosed,
                           int32_t *parents, double *areas) {
  join_patches(s, edges, enclosed, parents);
  const int32_t outside = largest_patch(s, enclosed, 0, parents, -1, areas);
  for (size_t f = 0; f < s->count;
       f++) /* islands of outside, such as a cavity's tip looking out at its opening */
    if (!enclosed[f] && parents[f] != outside) enclosed[f] = 1;
  join_patches(s, edges, enclosed, parents);
  int32_t one = largest_patch(s, enclosed, 1, parents, -1, areas);
  int32_t two = one < 0 ? -1 : largest_patch(s, enclosed, 1, parents, one, areas);
  if (two >= 0 && areas[two] < 0.15 * areas[one]) two = -1;
  double thin[3], thickness = one < 0 ? 0 : wall_behind(s, rays, parents, one, s->thin_side);
  if (two >= 0 && wall_behind(s, rays, parents, two, thin) > thickness) {
    const int32_t t = one;
    one = two;
    two = t;
  }
  for (size_t f = 0; f < s->count; f++) {
    s->classes[f] = MPINN_CLASS_EPICARDIUM;
    if (one >= 0 && parents[f] == one) s->classes[f] = MPINN_CLASS_LV_ENDOCARDIUM;
    if (two >= 0 && parents[f] == two) s->classes[f] = MPINN_CLASS_RV_ENDOCARDIUM;
  }
}

static mpinn_status find_cavities(mpinn_context *context, surface *s, const edge *edges) {
  mpinn_rays *rays = NULL;
  unsigned char *enclosed = NULL;
  int32_t *parents = NULL;
  double *areas = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY_GOTO(end, status,
                 mpinn_rays_create(context, s->points, s->count, (const int32_t(*)[3])s->faces, &rays));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &enclosed, s->count));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &parents, s->count));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &areas, s->count));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t f = 0; f < s->count; f++) enclosed[f] = is_enclosed(s, rays, f);
  label_cavities(s, rays, edges, enclosed, parents, areas);
end:
  mpinn_rays_destroy(&rays);
  free(enclosed);
  free(parents);
  free(areas);
  return status;
}

/* ---- a surface without cavities ---- */

/* Long axis by inertia. The narrower end, where the surface is drawn out, is the apex; the base is the other.
 */
static bool from_inertia(const surface *s, mpinn_frame *frame) {
  double spread[3], axes[3][3], towards[3], top = 0;
  principal_axes(s, frame->centre, spread, axes);
  const double sign = skew(s, frame->centre, axes[0]) > 0 ? -1 : 1;
  double up[3] = {sign * axes[0][0], sign * axes[0][1], sign * axes[0][2]};
  widest_across(s, up, towards);
  if (!set_axes(up, towards, frame)) return false;
  for (size_t i = 0; i < 3 * s->count; i++) {
    double d[3];
    for (int k = 0; k < 3; k++) d[k] = s->points[3 * s->faces[i / 3][i % 3] + k] - frame->centre[k];
    top = fmax(top, dot(frame->rotation[2], d));
  }
  for (int k = 0; k < 3; k++) frame->centre[k] += top * frame->rotation[2][k];
  return set_scale(s, frame);
}

static mpinn_status check_extent(mpinn_context *context, const surface *s) {
  double centre[3], spread[3], axes[3][3];
  principal_axes(s, centre, spread, axes);
  if (spread[0] > 0 && spread[1] > 1e-12 * spread[0]) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MESH,
                    "The heart's points lie on a line or in one place; expected a surface or a wall");
}

static mpinn_status estimate(mpinn_context *context, surface *s, mpinn_frame *frame) {
  edge *edges = NULL;
  MPINN_TRY(check_extent(context, s));
  MPINN_TRY(list_edges(context, s, &edges));
  mpinn_status status = MPINN_OK;
  frame->from_labels = from_classes(s, edges, frame);
  if (!frame->from_labels) {
    status = find_cavities(context, s, edges);
    if (status == MPINN_OK && !from_classes(s, edges, frame) && !from_inertia(s, frame))
      status = mpinn_fail(context, MPINN_ERROR_MESH, "The heart's long axis cannot be told from its shape");
  }
  free(edges);
  return status;
}

mpinn_status mpinn_frame_estimate(mpinn_context *context, const mpinn_subject *subject, mpinn_frame *frame) {
  surface s = {0};
  memset(frame, 0, sizeof *frame);
  mpinn_status status = make_surface(context, subject, &s);
  if (status == MPINN_OK) status = estimate(context, &s, frame);
  surface_clear(&s);
  return status;
}

void mpinn_frame_apply(const mpinn_frame *frame, size_t n, const double *in, double *out) {
  for (size_t i = 0; i < n; i++) {
    double d[3];
    for (size_t k = 0; k < 3; k++) d[k] = frame->scale * (in[3 * i + k] - frame->centre[k]);
    for (size_t k = 0; k < 3; k++) out[3 * i + k] = dot(frame->rotation[k], d);
  }
}
