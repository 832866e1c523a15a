#include "heart/graph_neighbours.h"

#include <math.h>
#include <string.h>

enum { LEAF = 8 }; /* so few points are searched faster than split */

/* The tree is the order of its points: the middle of a range splits it across dimension split[middle]. */
typedef struct tree_point {
  double x[3];
  int32_t index;
} tree_point;

struct mpinn_point_tree {
  size_t n;
  tree_point *points;
  unsigned char *split;
};
typedef mpinn_point_tree tree;

typedef struct candidate {
  double distance2;
  int32_t index;
} candidate;

typedef struct search {
  const tree *tree;
  const double *centre;
  int32_t self;
  double radius2; /* points as far as this are too far */
  size_t k, found;
  candidate *best; /* [k + 1], nearest first */
} search;

static bool before(const tree_point *a, const tree_point *b, int dimension) {
  if (a->x[dimension] != b->x[dimension]) return a->x[dimension] < b->x[dimension];
  return a->index < b->index;
}

static void swap_points(tree_point *a, tree_point *b) {
  const tree_point t = *a;
  *a = *b;
  *b = t;
}

/* Hoare's selection as Wirth gives it: afterwards nothing left of middle comes after it, nothing right before
 * it. */
static void select_middle(tree_point *p, ptrdiff_t low, ptrdiff_t high, ptrdiff_t middle, int dimension) {
  while (low < high) {
    const tree_point pivot = p[middle];
    ptrdiff_t i = low, j = high;
    do {
      while (before(&p[i], &pivot, dimension)) i++;
      while (before(&pivot, &p[j], dimension)) j--;
      if (i <= j) swap_points(&p[i++], &p[j--]);
    } while (i <= j);
    if (j < middle) low = i;
    if (middle < i) high = j;
  }
}

static int widest_dimension(const tree_point *p, size_t low, size_t high) {
  double lowest[3], highest[3];
  memcpy(lowest, p[low].x, sizeof lowest);
  memcpy(highest, p[low].x, sizeof highest);
  for (size_t i = low + 1; i < high; i++)
    for (int d = 0; d < 3; d++) {
      if (p[i].x[d] < lowest[d]) lowest[d] = p[i].x[d];
      if (p[i].x[d] > highest[d]) highest[d] = p[i].x[d];
    }
  int widest = 0;
  for (int d = 1; d < 3; d++)
    if (highest[d] - lowest[d] > highest[widest] - lowest[widest]) widest = d;
  return widest;
}

static void build(tree *t, size_t low, size_t high) {
  if (high - low <= LEAF) return;
  const size_t middle = low + (high - low) / 2;
  const int dimension = widest_dimension(t->points, low, high);
  t->split[middle] = (unsigned char)dimension;
  select_middle(t->points, (ptrdiff_t)low, (ptrdiff_t)high - 1, (ptrdiff_t)middle, dimension);
  build(t, low, middle);
  build(t, middle + 1, high);
}

static bool nearer(const candidate *a, const candidate *b) {
  return a->distance2 < b->distance2 || (a->distance2 == b->distance2 && a->index < b->index);
}

static void consider(search *s, const tree_point *point) {
  if (point->index == s->self) return;
  candidate new = {0, point->index};
  for (int d = 0; d < 3; d++) new.distance2 += (point->x[d] - s->centre[d]) * (point->x[d] - s->centre[d]);
  if (!(new.distance2 < s->radius2)) return;
  size_t i = s->found;
  if (i == s->k && !nearer(&new, &s->best[i - 1])) return;
  for (; i > 0 && nearer(&new, &s->best[i - 1]); i--) s->best[i] = s->best[i - 1];
  s->best[i] = new;
  if (s->found < s->k) s->found++;
}

static void visit(search *s, size_t low, size_t high) {
  const tree *t = s->tree;
  if (high - low <= LEAF) {
    for (size_t i = low; i < high; i++) consider(s, &t->points[i]);
    return;
  }
  const size_t middle = low + (high - low) / 2;
  const int d = t->split[middle];
  const double beyond = s->centre[d] - t->points[middle].x[d];
  if (beyond < 0)
    visit(s, low, middle);
  else
    visit(s, middle + 1, high);
  consider(s, &t->points[middle]);
  /* As far as the farthest so far is near enough: a tie may go to a smaller index on the other side. */
  if (s->found == s->k && beyond * beyond > s->best[s->k - 1].distance2) return;
  if (beyond * beyond >= s->radius2) return;
  if (beyond < 0)
    visit(s, middle + 1, high);
  else
    visit(s, low, middle);
}

mpinn_status mpinn_point_tree_create(mpinn_context *context, size_t n, const double *points,
                                     mpinn_point_tree **made) {
  tree *t = NULL;
  MPINN_TRY(MPINN_NEW(context, &t, 1));
  mpinn_status status = MPINN_NEW(context, &t->points, n);
  if (status == MPINN_OK) status = MPINN_NEW(context, &t->split, n);
  if (status != MPINN_OK) {
    mpinn_point_tree_destroy(&t);
    return status;
  }
  t->n = n;
  for (size_t i = 0; i < n; i++) {
    memcpy(t->points[i].x, points + 3 * i, sizeof t->points[i].x);
    t->points[i].index = (int32_t)i;
  }
  build(t, 0, n);
  *made = t;
  return MPINN_OK;
}

void mpinn_point_tree_destroy(mpinn_point_tree **t) {
  if (!*t) return;
  free((*t)->points);
  free((*t)->split);
  free(*t);
  *t = NULL;
}

static size_t look(const mpinn_point_tree *t, const double centre[3], int32_t but, double radius, size_t k,
                   int32_t *found, double *distance) {
  candidate best[MPINN_MOST_NEAREST + 1];
  search s = {.tree = t, .centre = centre, .self = but, .radius2 = radius * radius, .k = k, .best = best};
  if (k == 0) return 0;
  visit(&s, 0, t->n);
  for (size_t j = 0; j < s.found; j++) {
    found[j] = best[j].index;
    distance[j] = sqrt(best[j].distance2);
  }
  return s.found;
}

size_t mpinn_point_tree_nearest(const mpinn_point_tree *t, const double centre[3], int32_t but, size_t k,
                                int32_t *found, double *distance) {
  return look(t, centre, but, INFINITY, k, found, distance);
}

size_t mpinn_point_tree_within(const mpinn_point_tree *t, const double centre[3], double radius, size_t k,
                               int32_t *found, double *distance) {
  return look(t, centre, -1, radius, k, found, distance);
}

mpinn_status mpinn_nearest_neighbours(mpinn_context *context, size_t n, const double *points, size_t k,
                                      int32_t *neighbour) {
  mpinn_point_tree *t = NULL;
  double distance[MPINN_MOST_NEAREST];
  if (k == 0) return MPINN_OK;
  MPINN_TRY(mpinn_point_tree_create(context, n, points, &t));
  for (size_t i = 0; i < n; i++)
    mpinn_point_tree_nearest(t, points + 3 * i, (int32_t)i, k, neighbour + i * k, distance);
  mpinn_point_tree_destroy(&t);
  return MPINN_OK;
}
