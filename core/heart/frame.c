#include "metapinn/frame.h"

#include "base/internal.h"
#include "heart/cavities.h"

#include <math.h>
#include <string.h>

/* ---- small vectors and matrices ---- */

/* What is left of a without its part along the unit vector axis. */
static void project_out(const double axis[3], double a[3]) {
  const double along = mpinn_dot(axis, a);
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

/* Area and centroid of the faces of a class. */
static double class_area(const mpinn_surface *s, unsigned char which, double centre[3]) {
  double area = 0, sum[3] = {0, 0, 0};
  for (size_t f = 0; f < s->count; f++) {
    if (s->classes[f] != which) continue;
    area += s->areas[f];
    for (int k = 0; k < 3; k++) sum[k] += s->areas[f] * s->middles[f][k];
  }
  for (int k = 0; k < 3; k++) centre[k] = area > 0 ? sum[k] / area : 0;
  return area;
}

/* Length and centroid of the LV endocardium's rim: its edges that are in one of its faces only. */
static double lv_rim(const mpinn_surface *s, const mpinn_edge *edges, double centre[3]) {
  double length = 0, sum[3] = {0, 0, 0};
  for (size_t i = 0, next; i < 3 * s->count; i = next) {
    int of_lv = 0;
    for (next = i;
         next < 3 * s->count && memcmp(edges[next].nodes, edges[i].nodes, sizeof edges[i].nodes) == 0; next++)
      of_lv += s->classes[edges[next].face] == MPINN_CLASS_LV_ENDOCARDIUM;
    if (of_lv != 1) continue;
    const double *a = s->points + 3 * edges[i].nodes[0], *b = s->points + 3 * edges[i].nodes[1];
    const double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, l = sqrt(mpinn_dot(d, d));
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
  if (!(mpinn_normalize(up) > 0)) return false;
  project_out(up, towards);
  if (!(mpinn_normalize(towards) > 0)) return false;
  for (int k = 0; k < 3; k++) {
    frame->rotation[0][k] = -towards[k];
    frame->rotation[2][k] = up[k];
  }
  mpinn_cross(frame->rotation[2], frame->rotation[0], frame->rotation[1]);
  return true;
}

/* The lowest node comes to z = −1. */
static bool set_scale(const mpinn_surface *s, mpinn_frame *frame) {
  double depth = 0;
  for (size_t i = 0; i < 3 * s->count; i++) {
    double d[3];
    for (int k = 0; k < 3; k++) d[k] = s->points[3 * s->faces[i / 3][i % 3] + k] - frame->centre[k];
    depth = fmax(depth, -mpinn_dot(frame->rotation[2], d));
  }
  frame->scale = depth > 0 ? 1 / depth : 0;
  return depth > 0;
}

/* Principal axes of the surface about its centroid; spread: variances along them, mm². */
static void principal_axes(const mpinn_surface *s, double centre[3], double spread[3], double axes[3][3]) {
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
static double skew(const mpinn_surface *s, const double centre[3], const double along[3]) {
  double sum = 0;
  for (size_t f = 0; f < s->count; f++) {
    const double *m = s->middles[f], d[3] = {m[0] - centre[0], m[1] - centre[1], m[2] - centre[2]},
                 x = mpinn_dot(d, along);
    sum += s->areas[f] * x * x * x;
  }
  return sum;
}

/* Without an RV, the wider of the directions across the axis, towards its more drawn-out end. */
static void widest_across(const mpinn_surface *s, const double up[3], double towards[3]) {
  double centre[3], spread[3], axes[3][3];
  principal_axes(s, centre, spread, axes);
  double best = -1;
  for (int i = 0; i < 3; i++) {
    double across[3] = {axes[i][0], axes[i][1], axes[i][2]};
    project_out(up, across);
    const double left = mpinn_dot(across, across) * spread[i];
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
static void deepest_part(const mpinn_surface *s, const double base[3], const double down[3], double tip[3]) {
  double deepest = 0, area = 0, sum[3] = {0, 0, 0};
  for (int pass = 0; pass < 2; pass++)
    for (size_t f = 0; f < s->count; f++) {
      if (s->classes[f] != MPINN_CLASS_LV_ENDOCARDIUM) continue;
      const double *m = s->middles[f], d[3] = {m[0] - base[0], m[1] - base[1], m[2] - base[2]},
                   depth = mpinn_dot(d, down);
      if (pass == 0) deepest = fmax(deepest, depth);
      if (pass == 0 || depth < 0.85 * deepest) continue;
      area += s->areas[f];
      for (int k = 0; k < 3; k++) sum[k] += s->areas[f] * m[k];
    }
  for (int k = 0; k < 3; k++) tip[k] = area > 0 ? sum[k] / area : base[k] + down[k];
}

/* LV axis from the middle of its opening to the tip of its cavity, the RV by its endocardium's centroid. */
static bool from_classes(const mpinn_surface *s, const mpinn_edge *edges, mpinn_frame *frame) {
  double lv[3], rv[3], base[3], tip[3], up[3], down[3], towards[3];
  if (!(class_area(s, MPINN_CLASS_LV_ENDOCARDIUM, lv) > 0)) return false;
  if (!(lv_rim(s, edges, base) > 0) && !(class_area(s, MPINN_CLASS_BASE, base) > 0)) return false;
  for (int k = 0; k < 3; k++) down[k] = lv[k] - base[k];
  for (int i = 0; i < 2; i++) {
    if (!(mpinn_normalize(down) > 0)) return false;
    deepest_part(s, base, down, tip);
    for (int k = 0; k < 3; k++) down[k] = tip[k] - base[k];
  }
  for (int k = 0; k < 3; k++) up[k] = -down[k];
  if (!(mpinn_normalize(up) > 0)) return false;
  if (class_area(s, MPINN_CLASS_RV_ENDOCARDIUM, rv) > 0)
    for (int k = 0; k < 3; k++) towards[k] = rv[k] - base[k];
  else if (mpinn_dot(s->thin_side, s->thin_side) > 0)
    memcpy(towards, s->thin_side, sizeof towards);
  else
    widest_across(s, up, towards);
  memcpy(frame->centre, base, sizeof base);
  return set_axes(up, towards, frame) && set_scale(s, frame);
}

/* ---- a surface without cavities ---- */

/* Long axis by inertia. The narrower end, where the surface is drawn out, is the apex; the base is the other.
 */
static bool from_inertia(const mpinn_surface *s, mpinn_frame *frame) {
  double spread[3], axes[3][3], towards[3], top = 0;
  principal_axes(s, frame->centre, spread, axes);
  const double sign = skew(s, frame->centre, axes[0]) > 0 ? -1 : 1;
  double up[3] = {sign * axes[0][0], sign * axes[0][1], sign * axes[0][2]};
  widest_across(s, up, towards);
  if (!set_axes(up, towards, frame)) return false;
  for (size_t i = 0; i < 3 * s->count; i++) {
    double d[3];
    for (int k = 0; k < 3; k++) d[k] = s->points[3 * s->faces[i / 3][i % 3] + k] - frame->centre[k];
    top = fmax(top, mpinn_dot(frame->rotation[2], d));
  }
  for (int k = 0; k < 3; k++) frame->centre[k] += top * frame->rotation[2][k];
  return set_scale(s, frame);
}

static mpinn_status check_extent(mpinn_context *context, const mpinn_surface *s) {
  double centre[3], spread[3], axes[3][3];
  principal_axes(s, centre, spread, axes);
  if (spread[0] > 0 && spread[1] > 1e-12 * spread[0]) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_MESH,
                    "The heart's points lie on a line or in one place; expected a surface or a wall");
}

static mpinn_status estimate(mpinn_context *context, mpinn_surface *s, mpinn_frame *frame) {
  mpinn_edge *edges = NULL;
  MPINN_TRY(check_extent(context, s));
  MPINN_TRY(mpinn_surface_edges(context, s, &edges));
  mpinn_status status = MPINN_OK;
  frame->from_labels = from_classes(s, edges, frame);
  if (!frame->from_labels) {
    status = mpinn_surface_find_cavities(context, s, edges);
    if (status == MPINN_OK && !from_classes(s, edges, frame) && !from_inertia(s, frame))
      status = mpinn_fail(context, MPINN_ERROR_MESH, "The heart's long axis cannot be told from its shape");
  }
  free(edges);
  return status;
}

mpinn_status mpinn_frame_estimate(mpinn_context *context, const mpinn_subject *subject, mpinn_frame *frame) {
  mpinn_surface s = {0};
  memset(frame, 0, sizeof *frame);
  mpinn_status status = mpinn_surface_create(context, subject, &s);
  if (status == MPINN_OK) status = estimate(context, &s, frame);
  mpinn_surface_clear(&s);
  return status;
}

void mpinn_frame_apply(const mpinn_frame *frame, size_t n, const double *in, double *out) {
  for (size_t i = 0; i < n; i++) {
    double d[3];
    for (size_t k = 0; k < 3; k++) d[k] = frame->scale * (in[3 * i + k] - frame->centre[k]);
    for (size_t k = 0; k < 3; k++) out[3 * i + k] = mpinn_dot(frame->rotation[k], d);
  }
}
