#include "model/wall.h"

#include "base/vector.h"
#include "heart/boundary.h"
#include "heart/spread.h"

#include <math.h>
#include <string.h>

enum { NEIGHBOURS = 10, DOWN_NEIGHBOURS = 12, UP_NEIGHBOURS = 4, MOST_REACHING = 32 };
static const size_t most_anchors[MPINN_LEVELS] = {2048, 512, 128};
static const double reach_factor = 1.4; /* of the largest distance of a cell's middle from its anchor */

/* ---- links ---- */

mpinn_status mpinn_links_create(mpinn_context *context, const mpinn_point_tree *tree, size_t sources,
                                size_t targets, const double *points, size_t k, bool itself,
                                mpinn_links *links) {
  *links = (mpinn_links){.targets = targets, .sources = sources};
  MPINN_TRY(MPINN_UNSET(context, &links->first, targets + 1));
  MPINN_TRY(MPINN_UNSET(context, &links->source, targets * k));
  MPINN_TRY(MPINN_UNSET(context, &links->distance, targets * k));
  const size_t others = itself || sources == 0 ? sources : sources - 1, each = k < others ? k : others;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < targets; i++)
    mpinn_point_tree_nearest(tree, points + 3 * i, itself ? -1 : (int32_t)i, k, links->source + i * each,
                             links->distance + i * each);
  for (size_t i = 0; i <= targets; i++) links->first[i] = (int32_t)(i * each);
  links->count = targets * each;
  return MPINN_OK;
}

void mpinn_links_clear(mpinn_links *links) {
  free(links->first);
  free(links->source);
  free(links->distance);
  *links = (mpinn_links){0};
}

/* ---- size and surface ---- */

static void corner_vectors(const double *points, const int32_t *corner, double u[3], double v[3]) {
  for (int d = 0; d < 3; d++) {
    u[d] = points[3 * corner[1] + d] - points[3 * corner[0] + d];
    v[d] = points[3 * corner[2] + d] - points[3 * corner[0] + d];
  }
}

/* A cell's volume or area, and its centroid. */
static double cell_size(const mpinn_mesh *mesh, size_t cell, double centroid[3]) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const int32_t *corner = mpinn_mesh_cells(mesh) + corners * cell;
  const double *points = mpinn_mesh_points(mesh);
  double u[3], v[3], n[3];
  for (int d = 0; d < 3; d++) centroid[d] = 0;
  for (size_t a = 0; a < corners; a++)
    for (int d = 0; d < 3; d++) centroid[d] += points[3 * corner[a] + d] / (double)corners;
  corner_vectors(points, corner, u, v);
  mpinn_cross(u, v, n);
  if (corners == 3) return sqrt(mpinn_dot(n, n)) / 2;
  double w[3];
  for (int d = 0; d < 3; d++) w[d] = points[3 * corner[3] + d] - points[3 * corner[0] + d];
  return fabs(mpinn_dot(n, w)) / 6;
}

/* By the wall's substance, not by its nodes: a mesh may be finer here than there. */
static double mean_radius(const mpinn_mesh *mesh, double centre[3]) {
  double mass = 0, sum[3] = {0, 0, 0}, moment = 0, c[3];
  for (int pass = 0; pass < 2; pass++) {
    for (size_t cell = 0; cell < mpinn_mesh_cell_count(mesh); cell++) {
      if (!mpinn_mesh_cell_usable(mesh)[cell]) continue;
      const double size = cell_size(mesh, cell, c);
      for (int d = 0; d < 3 && pass == 0; d++) sum[d] += size * c[d];
      for (int d = 0; d < 3 && pass == 1; d++) moment += size * (c[d] - centre[d]) * (c[d] - centre[d]);
      if (pass == 0) mass += size;
    }
    for (int d = 0; d < 3; d++) centre[d] = sum[d] / mass;
  }
  return sqrt(moment / mass);
}

static mpinn_status take_skin(mpinn_context *context, const mpinn_mesh *mesh, size_t n_faces,
                              const int32_t (*faces)[3], double sign, mpinn_wall *wall) {
  const double *points = mpinn_mesh_points(mesh);
  const size_t n = mpinn_mesh_node_count(mesh);
  double *sums = NULL, *places = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &sums, 3 * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &places, 3 * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &wall->normals, 3 * n));
  for (size_t f = 0; f < n_faces; f++) {
    double u[3], v[3], normal[3];
    corner_vectors(points, faces[f], u, v);
    mpinn_cross(u, v, normal);
    for (int a = 0; a < 3; a++)
      for (int d = 0; d < 3; d++) sums[3 * faces[f][a] + d] += sign * normal[d];
  }
  for (size_t i = 0; i < n; i++) {
    const double length = sqrt(mpinn_dot(sums + 3 * i, sums + 3 * i));
    if (!(length > 0)) continue;
    for (size_t d = 0; d < 3; d++) {
      places[3 * wall->n_skin + d] = points[3 * i + d];
      wall->normals[3 * wall->n_skin + d] = sums[3 * i + d] / length;
    }
    wall->n_skin++;
  }
  status = mpinn_point_tree_create(context, wall->n_skin, places, &wall->skin);
done:
  free(sums);
  free(places);
  return status;
}

/* Of tetrahedra the boundary's faces look outwards; of a surface the cells' own sense is taken. */
static mpinn_status find_skin(mpinn_context *context, const mpinn_mesh *mesh, mpinn_wall *wall) {
  size_t n_faces = 0, n_cells = mpinn_mesh_cell_count(mesh);
  int32_t(*faces)[3] = NULL;
  if (mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON) {
    MPINN_TRY(mpinn_mesh_boundary(context, mesh, &n_faces, &faces));
  } else {
    MPINN_TRY(MPINN_NEW(context, &faces, n_cells));
    for (size_t c = 0; c < n_cells; c++)
      if (mpinn_mesh_cell_usable(mesh)[c])
        memcpy(faces[n_faces++], mpinn_mesh_cells(mesh) + 3 * c, sizeof *faces);
  }
  const mpinn_status status = take_skin(context, mesh, n_faces, (const int32_t(*)[3])faces, -1, wall);
  free(faces);
  return status;
}

void mpinn_wall_normal(const mpinn_wall *wall, const double point[3], double normal[3]) {
  int32_t nearest;
  double distance;
  memset(normal, 0, 3 * sizeof *normal);
  if (mpinn_point_tree_nearest(wall->skin, point, -1, 1, &nearest, &distance) == 1)
    memcpy(normal, wall->normals + 3 * nearest, 3 * sizeof *normal);
}

/* ---- anchors ---- */

/* Nodes of usable cells, and which of them is the farthest from the centroid: the walk through them begins
 * there. */
static mpinn_status list_nodes(mpinn_context *context, const mpinn_mesh *mesh, const double centre[3],
                               size_t *n, size_t **nodes, size_t *start) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh), n_nodes = mpinn_mesh_node_count(mesh);
  const double *points = mpinn_mesh_points(mesh);
  bool *used = NULL;
  double farthest = -1;
  *n = 0;
  MPINN_TRY(MPINN_NEW(context, nodes, n_nodes));
  MPINN_TRY(MPINN_NEW(context, &used, n_nodes));
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++)
    for (size_t a = 0; a < corners && mpinn_mesh_cell_usable(mesh)[c]; a++)
      used[mpinn_mesh_cells(mesh)[corners * c + a]] = true;
  for (size_t i = 0; i < n_nodes; i++) {
    if (!used[i]) continue;
    const double d[3] = {points[3 * i] - centre[0], points[3 * i + 1] - centre[1],
                         points[3 * i + 2] - centre[2]};
    if (mpinn_dot(d, d) > farthest) {
      farthest = mpinn_dot(d, d);
      *start = *n;
    }
    (*nodes)[(*n)++] = i;
  }
  free(used);
  return MPINN_OK;
}

/* How near a cell's middle is to those of its corners that are anchors; infinite without any. */
static double corner_distance(const mpinn_mesh *mesh, size_t cell, const bool *is_anchor,
                              const double middle[3]) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  double least = INFINITY, apart[3];
  for (size_t a = 0; a < corners; a++) {
    const int32_t node = mpinn_mesh_cells(mesh)[corners * cell + a];
    mpinn_subtract(mpinn_mesh_points(mesh) + 3 * node, middle, apart);
    const double square = mpinn_dot(apart, apart);
    if (is_anchor[node] && square < least) least = square;
  }
  return sqrt(least);
}

/* largest: distance of a cell's middle from its anchor, mm. Most cells have a corner that is nearer to theirs
 * than that, so that no anchor is searched for. */
static mpinn_status measure_coverage(mpinn_context *context, const mpinn_wall *wall, const mpinn_mesh *mesh,
                                     double *largest) {
  double distance, middle[3];
  int32_t nearest;
  bool *is_anchor = NULL;
  MPINN_TRY(MPINN_NEW(context, &is_anchor, mpinn_mesh_node_count(mesh)));
  for (size_t i = 0; i < wall->n; i++) is_anchor[wall->nodes[i]] = true;
  *largest = 0;
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) {
    if (!mpinn_mesh_cell_usable(mesh)[c]) continue;
    cell_size(mesh, c, middle);
    if (corner_distance(mesh, c, is_anchor, middle) <= *largest) continue;
    mpinn_point_tree_nearest(wall->tree, middle, -1, 1, &nearest, &distance);
    if (distance > *largest) *largest = distance;
  }
  free(is_anchor);
  return MPINN_OK;
}

/* Of all nodes, should they be few enough, only those that a coarser level needs are put into order. */
static mpinn_status choose_anchors(mpinn_context *context, const mpinn_mesh *mesh, size_t n,
                                   const size_t *nodes, size_t start, mpinn_wall *wall, size_t *chosen) {
  const size_t ordered = wall->n < n ? wall->n : wall->level[MPINN_LEVEL_MIDDLE];
  bool *taken = NULL;
  MPINN_TRY(mpinn_farthest_points(context, mpinn_mesh_points(mesh), n, nodes, start, ordered, chosen));
  if (ordered == wall->n) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &taken, mpinn_mesh_node_count(mesh)));
  for (size_t i = 0; i < ordered; i++) taken[chosen[i]] = true;
  for (size_t i = 0, next = ordered; i < n; i++)
    if (!taken[nodes[i]]) chosen[next++] = nodes[i];
  free(taken);
  return MPINN_OK;
}

static mpinn_status place_anchors(mpinn_context *context, const mpinn_mesh *mesh, const double centre[3],
                                  mpinn_wall *wall) {
  size_t n = 0, start = 0, *nodes = NULL, *chosen = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, list_nodes(context, mesh, centre, &n, &nodes, &start));
  for (int l = 0; l < MPINN_LEVELS; l++) wall->level[l] = n < most_anchors[l] ? n : most_anchors[l];
  wall->n = wall->level[MPINN_LEVEL_FINE];
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &chosen, wall->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &wall->anchors, 3 * wall->n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &wall->nodes, wall->n));
  MPINN_TRY_GOTO(done, status, choose_anchors(context, mesh, n, nodes, start, wall, chosen));
  for (size_t i = 0; i < wall->n; i++) {
    wall->nodes[i] = (int32_t)chosen[i];
    memcpy(wall->anchors + 3 * i, mpinn_mesh_points(mesh) + 3 * chosen[i], 3 * sizeof *wall->anchors);
  }
  MPINN_TRY_GOTO(done, status, mpinn_point_tree_create(context, wall->n, wall->anchors, &wall->tree));
  MPINN_TRY_GOTO(done, status, measure_coverage(context, wall, mesh, &wall->reach));
  wall->reach *= reach_factor;
done:
  free(nodes);
  free(chosen);
  return status;
}

/* ---- the graphs of anchors ---- */

static mpinn_status link_by_distance(mpinn_context *context, const mpinn_point_tree *tree, size_t sources,
                                     size_t targets, size_t k, bool itself, const mpinn_wall *wall,
                                     mpinn_edge_plan **plan) {
  mpinn_links links;
  float *attribute = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status,
                 mpinn_links_create(context, tree, sources, targets, wall->anchors, k, itself, &links));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &attribute, links.count));
  for (size_t e = 0; e < links.count; e++) attribute[e] = (float)(10 * links.distance[e] / wall->length);
  status = wall->ops->edge_plan_create(wall->backend, targets, sources, links.first, links.source, 1,
                                       attribute, NULL, plan);
done:
  mpinn_links_clear(&links);
  free(attribute);
  return status;
}

/* Near anchors of the coarser level count more. */
static mpinn_status link_up(mpinn_context *context, const mpinn_point_tree *coarser, size_t sources,
                            size_t targets, const mpinn_wall *wall, mpinn_edge_plan **plan) {
  mpinn_links links;
  float *weight = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(
      done, status,
      mpinn_links_create(context, coarser, sources, targets, wall->anchors, UP_NEIGHBOURS, true, &links));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &weight, links.count));
  for (size_t i = 0; i < targets; i++) {
    double sum = 0;
    for (int32_t e = links.first[i]; e < links.first[i + 1]; e++)
      sum += 1 / pow(10 * links.distance[e] / wall->length + 0.3, 2);
    for (int32_t e = links.first[i]; e < links.first[i + 1]; e++)
      weight[e] = (float)(1 / pow(10 * links.distance[e] / wall->length + 0.3, 2) / sum);
  }
  status = wall->ops->edge_plan_create(wall->backend, targets, sources, links.first, links.source, 0, NULL,
                                       weight, plan);
done:
  mpinn_links_clear(&links);
  free(weight);
  return status;
}

static mpinn_status link_to_all(mpinn_context *context, mpinn_wall *wall) {
  const size_t n = wall->level[MPINN_LEVEL_MIDDLE];
  int32_t *first = NULL, *source = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &first, n + 1));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &source, n));
  for (size_t i = 0; i <= n; i++) first[i] = (int32_t)i;
  status = wall->ops->edge_plan_create(wall->backend, n, 1, first, source, 0, NULL, NULL, &wall->to_all);
done:
  free(first);
  free(source);
  return status;
}

static mpinn_status link_level(mpinn_context *context, int l, const mpinn_point_tree *tree,
                               const mpinn_point_tree *finer, mpinn_wall *wall) {
  const size_t n = wall->level[l];
  MPINN_TRY(link_by_distance(context, tree, n, n, NEIGHBOURS, false, wall, &wall->near[l]));
  if (!finer) return MPINN_OK;
  MPINN_TRY(
      link_by_distance(context, finer, wall->level[l - 1], n, DOWN_NEIGHBOURS, true, wall, &wall->down[l]));
  return link_up(context, tree, n, wall->level[l - 1], wall, &wall->up[l]);
}

static mpinn_status link_anchors(mpinn_context *context, mpinn_wall *wall) {
  mpinn_point_tree *trees[MPINN_LEVELS] = {NULL};
  mpinn_status status = MPINN_OK;
  for (int l = 0; l < MPINN_LEVELS && status == MPINN_OK; l++) {
    status = mpinn_point_tree_create(context, wall->level[l], wall->anchors, &trees[l]);
    if (status == MPINN_OK) status = link_level(context, l, trees[l], l > 0 ? trees[l - 1] : NULL, wall);
  }
  for (int l = 0; l < MPINN_LEVELS; l++) mpinn_point_tree_destroy(&trees[l]);
  return status == MPINN_OK ? link_to_all(context, wall) : status;
}

mpinn_status mpinn_wall_create(mpinn_context *context, const mpinn_ops *ops, mpinn_backend *backend,
                               const mpinn_mesh *mesh, mpinn_wall *wall) {
  double centre[3];
  *wall = (mpinn_wall){.ops = ops, .backend = backend};
  wall->length = mean_radius(mesh, centre);
  mpinn_status status = find_skin(context, mesh, wall);
  if (status == MPINN_OK) status = place_anchors(context, mesh, centre, wall);
  if (status == MPINN_OK) status = link_anchors(context, wall);
  if (status != MPINN_OK) mpinn_wall_clear(wall);
  return status;
}

void mpinn_wall_clear(mpinn_wall *wall) {
  for (int l = 0; l < MPINN_LEVELS; l++) {
    if (wall->near[l]) wall->ops->edge_plan_destroy(wall->backend, &wall->near[l]);
    if (wall->down[l]) wall->ops->edge_plan_destroy(wall->backend, &wall->down[l]);
    if (wall->up[l]) wall->ops->edge_plan_destroy(wall->backend, &wall->up[l]);
  }
  if (wall->to_all) wall->ops->edge_plan_destroy(wall->backend, &wall->to_all);
  mpinn_point_tree_destroy(&wall->tree);
  mpinn_point_tree_destroy(&wall->skin);
  free(wall->anchors);
  free(wall->nodes);
  free(wall->normals);
  *wall = (mpinn_wall){0};
}

/* ---- the partition of unity ---- */

/* Wendland's function of q = distance over reach, and its derivative over q. */
static double wendland(double q, double *slope_over_q) {
  const double r = 1 - q, r3 = r * r * r;
  *slope_over_q = -20 * r3;
  return r3 * r * (4 * q + 1);
}

/* Weights and gradients (1/length) of the anchors that reach point; how many. */
static size_t partition(const mpinn_wall *wall, const double point[3], int32_t anchor[MOST_REACHING],
                        float *weight, float *gradient) {
  double distance[MOST_REACHING], w[MOST_REACHING], g[MOST_REACHING][3], sum = 0, slope[3] = {0, 0, 0};
  const size_t n = mpinn_point_tree_within(wall->tree, point, wall->reach, MOST_REACHING, anchor, distance);
  for (size_t i = 0; i < n; i++) {
    double over_q;
    w[i] = wendland(distance[i] / wall->reach, &over_q);
    sum += w[i];
    for (size_t d = 0; d < 3; d++) {
      g[i][d] = over_q * (point[d] - wall->anchors[3 * (size_t)anchor[i] + d]) / (wall->reach * wall->reach);
      slope[d] += g[i][d];
    }
  }
  if (!(sum > 0)) {
    weight[0] = 1;
    memset(gradient, 0, 3 * sizeof *gradient);
    return mpinn_point_tree_nearest(wall->tree, point, -1, 1, anchor, distance);
  }
  for (size_t i = 0; i < n; i++) {
    weight[i] = (float)(w[i] / sum);
    for (size_t d = 0; d < 3; d++)
      gradient[3 * i + d] = (float)(wall->length * (g[i][d] - w[i] / sum * slope[d]) / sum);
  }
  return n;
}

/* From rows of MOST_REACHING places, first[i + 1] of them in use, to rows without gaps. */
static void close_gaps(size_t n, int32_t *first, int32_t *anchor, float *weight, float *gradient) {
  for (size_t i = 0; i < n; i++) {
    const size_t from = i * MOST_REACHING, to = (size_t)first[i], count = (size_t)first[i + 1];
    memmove(anchor + to, anchor + from, count * sizeof *anchor);
    memmove(weight + to, weight + from, count * sizeof *weight);
    memmove(gradient + 3 * to, gradient + 3 * from, 3 * count * sizeof *gradient);
    first[i + 1] = (int32_t)(to + count);
  }
}

mpinn_status mpinn_wall_reach(mpinn_context *context, const mpinn_wall *wall, size_t n, const double *points,
                              mpinn_reach **reach) {
  int32_t *first = NULL, *anchor = NULL;
  float *weight = NULL, *gradient = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &first, n + 1));
  MPINN_TRY_GOTO(done, status, MPINN_UNSET(context, &anchor, n * MOST_REACHING));
  MPINN_TRY_GOTO(done, status, MPINN_UNSET(context, &weight, n * MOST_REACHING));
  MPINN_TRY_GOTO(done, status, MPINN_UNSET(context, &gradient, 3 * n * MOST_REACHING));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < n; i++) {
    const size_t at = i * MOST_REACHING;
    first[i + 1] = (int32_t)partition(wall, points + 3 * i, anchor + at, weight + at, gradient + 3 * at);
  }
  close_gaps(n, first, anchor, weight, gradient);
  status = wall->ops->reach_create(wall->backend, n, wall->n, first, anchor, weight, gradient, reach);
done:
  free(first);
  free(anchor);
  free(weight);
  free(gradient);
  return status;
}
