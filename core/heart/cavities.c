#include "heart/cavities.h"

#include "base/internal.h"
#include "heart/boundary.h"
#include "heart/rays.h"

#include <math.h>
#include <string.h>

double mpinn_normalize(double a[3]) {
  const double length = sqrt(mpinn_dot(a, a));
  for (int k = 0; k < 3; k++) a[k] /= length > 0 ? length : 1;
  return length;
}

/* ---- the surface ---- */

void mpinn_surface_clear(mpinn_surface *s) {
  free(s->faces);
  free(s->middles);
  free(s->normals);
  free(s->areas);
  free(s->classes);
}

static mpinn_status list_faces(mpinn_context *context, const mpinn_mesh *mesh, mpinn_surface *s) {
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
static void measure_faces(mpinn_surface *s, bool triangles) {
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
    mpinn_cross(u, v, s->normals[f]);
    s->areas[f] = 0.5 * mpinn_normalize(s->normals[f]);
    volume += s->areas[f] * mpinn_dot(from, s->normals[f]);
  }
  for (size_t i = 0; i < 3 * s->count && triangles && volume < 0; i++) s->normals[i / 3][i % 3] *= -1;
}

/* A face is endocardium where any of its nodes is: the nodes of its rim are labelled base. */
static void classify_faces(mpinn_surface *s, const mpinn_array *labels) {
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

mpinn_status mpinn_surface_create(mpinn_context *context, const mpinn_subject *subject, mpinn_surface *s) {
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

static int compare_edges(const void *left, const void *right) {
  const mpinn_edge *a = left, *b = right;
  for (int i = 0; i < 2; i++)
    if (a->nodes[i] != b->nodes[i]) return a->nodes[i] < b->nodes[i] ? -1 : 1;
  return (a->face > b->face) - (a->face < b->face);
}

mpinn_status mpinn_surface_edges(mpinn_context *context, const mpinn_surface *s, mpinn_edge **edges) {
  MPINN_TRY(MPINN_NEW(context, edges, 3 * s->count));
  for (size_t i = 0; i < 3 * s->count; i++) {
    const int32_t a = s->faces[i / 3][i % 3], b = s->faces[i / 3][(i % 3 + 1) % 3];
    (*edges)[i] = (mpinn_edge){{a < b ? a : b, a < b ? b : a}, (int32_t)(i / 3)};
  }
  qsort(*edges, 3 * s->count, sizeof **edges, compare_edges);
  return MPINN_OK;
}

/* ---- cavities of an unlabelled wall ---- */

/* Whether most of what a face looks at is wall again: it lies in a cavity. */
static bool is_enclosed(const mpinn_surface *s, const mpinn_rays *rays, size_t face) {
  const double *n = s->normals[face], *m = s->middles[face];
  double u[3], v[3] = {0, 0, 0};
  int hits = 0;
  for (int k = 0; k < 3; k++)
    u[k] = s->points[3 * s->faces[face][1] + k] - s->points[3 * s->faces[face][0] + k];
  mpinn_normalize(u);
  mpinn_cross(n, u, v);
  for (int i = 0; i < 9; i++) {
    const double angle = i * 0.78539816339744831, tilt = i < 8 ? 0.7 : 0;
    double direction[3];
    for (int k = 0; k < 3; k++) direction[k] = n[k] + tilt * (cos(angle) * u[k] + sin(angle) * v[k]);
    mpinn_normalize(direction);
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
static void join_patches(const mpinn_surface *s, const mpinn_edge *edges, const unsigned char *marks,
                         int32_t *parents) {
  for (size_t f = 0; f < s->count; f++) parents[f] = (int32_t)f;
  for (size_t i = 1; i < 3 * s->count; i++) {
    const mpinn_edge *a = &edges[i - 1], *b = &edges[i];
    if (memcmp(a->nodes, b->nodes, sizeof a->nodes) != 0 || marks[a->face] != marks[b->face]) continue;
    const int32_t p = find_root(parents, a->face), q = find_root(parents, b->face);
    parents[p > q ? p : q] = p > q ? q : p;
  }
  for (size_t f = 0; f < s->count; f++) parents[f] = find_root(parents, (int32_t)f);
}

/* The patch of a mark with the largest area, but for one; −1 where there is none. */
static int32_t largest_patch(const mpinn_surface *s, const unsigned char *marks, unsigned char mark,
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
static double wall_behind(const mpinn_surface *s, const mpinn_rays *rays, const int32_t *parents,
                          int32_t patch, double thin_side[3]) {
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
static void label_cavities(mpinn_surface *s, const mpinn_rays *rays, const mpinn_edge *edges,
                           unsigned char *enclosed, int32_t *parents, double *areas) {
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

mpinn_status mpinn_surface_find_cavities(mpinn_context *context, mpinn_surface *s, const mpinn_edge *edges) {
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
