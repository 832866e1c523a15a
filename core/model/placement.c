#include "model/placement.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

static void clear(mpinn_placement *p) {
  void *const parts[] = {p->node,    p->points,          p->normals, p->neighbour, p->distance,
                         p->nearest, p->anchor_distance, p->weight,  p->attribute};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}

void mpinn_placements_clear(mpinn_placements *all) {
  for (size_t i = 0; i < all->count; i++) clear(&all->placement[i]);
  free(all->placement);
  free(all->of_map);
  *all = (mpinn_placements){0};
}

static bool is_known_at_the_same(size_t n, const float *a, const float *b) {
  for (size_t i = 0; i < n; i++)
    if (isnan(a[i]) != isnan(b[i])) return false;
  return true;
}

static mpinn_status take_nodes(mpinn_context *context, const mpinn_wall *wall, size_t n, const double *points,
                               const float *times, mpinn_placement *p) {
  for (size_t i = 0; i < n; i++) p->n += !isnan(times[i]);
  MPINN_TRY(MPINN_UNSET(context, &p->node, p->n));
  MPINN_TRY(MPINN_UNSET(context, &p->points, 3 * p->n));
  MPINN_TRY(MPINN_UNSET(context, &p->normals, 3 * p->n));
  for (size_t i = 0, row = 0; i < n; i++) {
    if (isnan(times[i])) continue;
    memcpy(p->points + 3 * row, points + 3 * i, 3 * sizeof *points);
    mpinn_wall_normal(wall, points + 3 * i, p->normals + 3 * row);
    p->node[row++] = (int32_t)i;
  }
  return MPINN_OK;
}

static mpinn_status find_neighbours(mpinn_context *context, const mpinn_point_tree *tree,
                                    mpinn_placement *p) {
  const size_t most = p->n > 0 ? p->n - 1 : 0,
               k = most < MPINN_WIDE_NEIGHBOURS ? most : MPINN_WIDE_NEIGHBOURS;
  p->n_neighbours = k;
  MPINN_TRY(MPINN_UNSET(context, &p->neighbour, p->n * k));
  MPINN_TRY(MPINN_UNSET(context, &p->distance, p->n * k));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < p->n; i++)
    mpinn_point_tree_nearest(tree, p->points + 3 * i, (int32_t)i, k, p->neighbour + i * k,
                             p->distance + i * k);
  return MPINN_OK;
}

static void describe_anchor(const mpinn_wall *wall, size_t anchor, mpinn_placement *p) {
  const size_t k = p->n_nearest;
  const int32_t *nearest = p->nearest + anchor * k;
  const double *distance = p->anchor_distance + anchor * k, scale = 10 / wall->length;
  double sum = 0, share[MPINN_MEASURED_OF_ANCHOR];
  for (size_t e = 0; e < k; e++) sum += share[e] = exp(scale * (distance[0] - distance[e]));
  for (size_t e = 0; e < k; e++) {
    float *out = p->attribute + (anchor * k + e) * MPINN_PLACED_ATTRIBUTES;
    double x[3];
    mpinn_subtract(wall->anchors + 3 * anchor, p->points + 3 * nearest[e], x);
    const double depth = mpinn_dot(x, p->normals + 3 * nearest[e]),
                 along = distance[e] * distance[e] - depth * depth;
    out[0] = (float)(scale * distance[e]);
    out[1] = (float)(scale * depth);
    out[2] = (float)(scale * sqrt(along > 0 ? along : 0));
    p->weight[anchor * k + e] = (float)(share[e] / sum);
  }
}

static mpinn_status find_nearest(mpinn_context *context, const mpinn_wall *wall, const mpinn_point_tree *tree,
                                 mpinn_placement *p) {
  const size_t k = p->n < MPINN_MEASURED_OF_ANCHOR ? p->n : MPINN_MEASURED_OF_ANCHOR;
  p->n_nearest = k;
  MPINN_TRY(MPINN_UNSET(context, &p->nearest, wall->n * k));
  MPINN_TRY(MPINN_UNSET(context, &p->anchor_distance, wall->n * k));
  MPINN_TRY(MPINN_UNSET(context, &p->weight, wall->n * k));
  MPINN_TRY(MPINN_UNSET(context, &p->attribute, wall->n * k * MPINN_PLACED_ATTRIBUTES));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t a = 0; a < wall->n; a++) {
    mpinn_point_tree_nearest(tree, wall->anchors + 3 * a, -1, k, p->nearest + a * k,
                             p->anchor_distance + a * k);
    describe_anchor(wall, a, p);
  }
  return MPINN_OK;
}

static mpinn_status place(mpinn_context *context, const mpinn_wall *wall, size_t n, const double *points,
                          const float *times, mpinn_placement *p) {
  mpinn_point_tree *tree = NULL;
  MPINN_TRY(take_nodes(context, wall, n, points, times, p));
  MPINN_TRY(mpinn_point_tree_create(context, p->n, p->points, &tree));
  mpinn_status status = find_neighbours(context, tree, p);
  if (status == MPINN_OK) status = find_nearest(context, wall, tree, p);
  mpinn_point_tree_destroy(&tree);
  return status;
}

mpinn_status mpinn_placements_create(mpinn_context *context, const mpinn_wall *wall, size_t n,
                                     const double *points, size_t n_maps, const float *times,
                                     mpinn_placements *all) {
  mpinn_status status;
  *all = (mpinn_placements){.n_maps = n_maps};
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &all->placement, n_maps));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &all->of_map, n_maps));
  for (size_t m = 0; m < n_maps; m++) {
    size_t like = 0;
    while (like < m && !is_known_at_the_same(n, times + like * n, times + m * n)) like++;
    all->of_map[m] = like < m ? all->of_map[like] : all->count;
    if (like == m)
      MPINN_TRY_GOTO(done, status,
                     place(context, wall, n, points, times + m * n, &all->placement[all->count++]));
  }
done:
  if (status != MPINN_OK) mpinn_placements_clear(all);
  return status;
}
