#include "heart/rays.h"

#include "base/internal.h"

#include <math.h>
#include <string.h>

enum { LEAF = 4 };

typedef struct box {
  double low[3], high[3];
  int32_t first, count; /* faces order[first …]; inner nodes have count 0 and their second child at first */
} box;

struct mpinn_rays {
  const double *points;
  const int32_t (*faces)[3];
  int32_t *order;
  double (*middles)[3];
  box *boxes;
  int32_t n_boxes;
};

static const double *corner(const mpinn_rays *rays, int32_t face, int i) {
  return rays->points + 3 * (size_t)rays->faces[face][i];
}

static box bound(const mpinn_rays *rays, int32_t first, int32_t count) {
  box b = {{INFINITY, INFINITY, INFINITY}, {-INFINITY, -INFINITY, -INFINITY}, first, count};
  for (int32_t i = first; i < first + count; i++)
    for (int c = 0; c < 3; c++)
      for (int k = 0; k < 3; k++) {
        b.low[k] = fmin(b.low[k], corner(rays, rays->order[i], c)[k]);
        b.high[k] = fmax(b.high[k], corner(rays, rays->order[i], c)[k]);
      }
  return b;
}

static void swap(int32_t *a, int32_t *b) {
  const int32_t t = *a;
  *a = *b;
  *b = t;
}

/* Hoare's selection: afterwards order[first … first + half − 1] are the lower ones along the axis. */
static void split(const mpinn_rays *rays, int axis, int32_t first, int32_t count, int32_t half) {
  int32_t low = first, high = first + count - 1;
  const int32_t wanted = first + half;
  while (low < high) {
    const double pivot = rays->middles[rays->order[(low + high) / 2]][axis];
    int32_t i = low, j = high;
    while (i <= j) {
      while (rays->middles[rays->order[i]][axis] < pivot) i++;
      while (rays->middles[rays->order[j]][axis] > pivot) j--;
      if (i <= j) swap(&rays->order[i++], &rays->order[j--]);
    }
    if (wanted <= j)
      high = j;
    else if (wanted >= i)
      low = i;
    else
      return;
  }
}

/* Depth of recursion is the logarithm of the count, as every split is at the median. */
static void build(mpinn_rays *rays, int32_t first, int32_t count) {
  const int32_t here = rays->n_boxes++;
  box b = bound(rays, first, count);
  if (count > LEAF) {
    int axis = 0;
    for (int k = 1; k < 3; k++)
      if (b.high[k] - b.low[k] > b.high[axis] - b.low[axis]) axis = k;
    split(rays, axis, first, count, count / 2);
    b.count = 0;
    build(rays, first, count / 2);
    b.first = rays->n_boxes;
    build(rays, first + count / 2, count - count / 2);
  }
  rays->boxes[here] = b;
}

mpinn_status mpinn_rays_create(mpinn_context *context, const double *points, size_t count,
                               const int32_t (*faces)[3], mpinn_rays **rays) {
  mpinn_status status = MPINN_OK;
  *rays = NULL;
  MPINN_TRY(MPINN_NEW(context, rays, 1));
  (*rays)->points = points;
  (*rays)->faces = faces;
  status = MPINN_NEW(context, &(*rays)->order, count);
  if (status == MPINN_OK) status = MPINN_NEW(context, &(*rays)->middles, count);
  if (status == MPINN_OK) status = MPINN_NEW(context, &(*rays)->boxes, 2 * count + 1);
  if (status != MPINN_OK) {
    mpinn_rays_destroy(rays);
    return status;
  }
  for (size_t f = 0; f < count; f++) {
    (*rays)->order[f] = (int32_t)f;
    for (int c = 0; c < 9; c++) (*rays)->middles[f][c % 3] += corner(*rays, (int32_t)f, c / 3)[c % 3] / 3;
  }
  if (count > 0) build(*rays, 0, (int32_t)count);
  return MPINN_OK;
}

void mpinn_rays_destroy(mpinn_rays **rays) {
  if (!*rays) return;
  free((*rays)->order);
  free((*rays)->middles);
  free((*rays)->boxes);
  free(*rays);
  *rays = NULL;
}

static bool meets_box(const box *b, const double origin[3], const double direction[3], double nearest) {
  double from = 0, to = nearest;
  for (int k = 0; k < 3; k++) {
    if (direction[k] == 0) {
      if (origin[k] < b->low[k] || origin[k] > b->high[k]) return false;
      continue;
    }
    const double s = (b->low[k] - origin[k]) / direction[k], t = (b->high[k] - origin[k]) / direction[k];
    from = fmax(from, fmin(s, t));
    to = fmin(to, fmax(s, t));
  }
  return from <= to;
}

/* Möller & Trumbore, J. Graphics Tools 2(1), 1997. */
static double meet_face(const mpinn_rays *rays, int32_t face, const double origin[3],
                        const double direction[3]) {
  const double *a = corner(rays, face, 0), *b = corner(rays, face, 1), *c = corner(rays, face, 2);
  double e[3], f[3], t[3], p[3], q[3], determinant = 0, u = 0, v = 0, distance = 0;
  for (int k = 0; k < 3; k++) {
    e[k] = b[k] - a[k];
    f[k] = c[k] - a[k];
    t[k] = origin[k] - a[k];
  }
  for (int k = 0; k < 3; k++) {
    p[k] = direction[(k + 1) % 3] * f[(k + 2) % 3] - direction[(k + 2) % 3] * f[(k + 1) % 3];
    q[k] = t[(k + 1) % 3] * e[(k + 2) % 3] - t[(k + 2) % 3] * e[(k + 1) % 3];
  }
  for (int k = 0; k < 3; k++) {
    determinant += e[k] * p[k];
    u += t[k] * p[k];
    v += direction[k] * q[k];
    distance += f[k] * q[k];
  }
  if (determinant == 0) return INFINITY;
  u /= determinant;
  v /= determinant;
  distance /= determinant;
  return u >= 0 && v >= 0 && u + v <= 1 && distance > 0 ? distance : INFINITY;
}

double mpinn_rays_first(const mpinn_rays *rays, const double origin[3], const double direction[3],
                        size_t skip) {
  int32_t stack[64], height = 0;
  double nearest = INFINITY;
  if (rays->n_boxes > 0) stack[height++] = 0;
  while (height > 0) {
    const int32_t at = stack[--height];
    const box *b = &rays->boxes[at];
    if (!meets_box(b, origin, direction, nearest)) continue;
    if (b->count == 0) {
      stack[height++] = at + 1;
      stack[height++] = b->first;
    }
    for (int32_t i = b->first; i < b->first + b->count; i++)
      if ((size_t)rays->order[i] != skip)
        nearest = fmin(nearest, meet_face(rays, rays->order[i], origin, direction));
  }
  return nearest;
}

/* ---- distances ---- */

static double square_to_box(const box *b, const double point[3]) {
  double sum = 0;
  for (int k = 0; k < 3; k++) {
    const double out = fmax(0, fmax(b->low[k] - point[k], point[k] - b->high[k]));
    sum += out * out;
  }
  return sum;
}

static double square_to_segment(const double a[3], const double b[3], const double point[3]) {
  double along = 0, square = 0, sum = 0;
  for (int k = 0; k < 3; k++) {
    along += (point[k] - a[k]) * (b[k] - a[k]);
    square += (b[k] - a[k]) * (b[k] - a[k]);
  }
  const double t = square > 0 ? fmax(0, fmin(1, along / square)) : 0;
  for (int k = 0; k < 3; k++) {
    const double d = a[k] + t * (b[k] - a[k]) - point[k];
    sum += d * d;
  }
  return sum;
}

/* To the face's plane where the point projects into the face, else to its nearest side. */
static double square_to_face(const mpinn_rays *rays, int32_t face, const double point[3]) {
  const double *c[3] = {corner(rays, face, 0), corner(rays, face, 1), corner(rays, face, 2)};
  double normal[3], length = 0, height = 0;
  bool inside = true;
  for (int k = 0; k < 3; k++) {
    const int i = (k + 1) % 3, j = (k + 2) % 3;
    normal[k] = (c[1][i] - c[0][i]) * (c[2][j] - c[0][j]) - (c[1][j] - c[0][j]) * (c[2][i] - c[0][i]);
    length += normal[k] * normal[k];
    height += normal[k] * (point[k] - c[0][k]);
  }
  for (int side = 0; side < 3 && inside; side++) {
    const double *a = c[side], *b = c[(side + 1) % 3];
    double volume = 0;
    for (int k = 0; k < 3; k++) {
      const int i = (k + 1) % 3, j = (k + 2) % 3;
      volume += normal[k] * ((b[i] - a[i]) * (point[j] - a[j]) - (b[j] - a[j]) * (point[i] - a[i]));
    }
    inside = volume >= 0;
  }
  if (inside && length > 0) return height * height / length;
  return fmin(square_to_segment(c[0], c[1], point),
              fmin(square_to_segment(c[1], c[2], point), square_to_segment(c[2], c[0], point)));
}

double mpinn_rays_distance(const mpinn_rays *rays, const double point[3]) {
  int32_t stack[64], height = 0;
  double nearest = INFINITY;
  if (rays->n_boxes > 0) stack[height++] = 0;
  while (height > 0) {
    const int32_t at = stack[--height];
    const box *b = &rays->boxes[at];
    if (square_to_box(b, point) >= nearest) continue;
    if (b->count == 0) { /* the nearer child first */
      const bool swapped =
          square_to_box(&rays->boxes[at + 1], point) > square_to_box(&rays->boxes[b->first], point);
      stack[height++] = swapped ? at + 1 : b->first;
      stack[height++] = swapped ? b->first : at + 1;
    }
    for (int32_t i = b->first; i < b->first + b->count; i++)
      nearest = fmin(nearest, square_to_face(rays, rays->order[i], point));
  }
  return sqrt(nearest);
}
