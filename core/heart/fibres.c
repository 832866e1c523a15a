#include "metapinn/fibres.h"

#include "base/vector.h"
#include "base/internal.h"
#include "heart/laplace.h"
#include "metapinn/frame.h"

#include <math.h>
#include <string.h>

static const double radians = 3.14159265358979323846 / 180;

void mpinn_fibre_rule_default(mpinn_fibre_rule *rule) {
  *rule = (mpinn_fibre_rule){.endocardium = 60, .epicardium = -60, .ratio = 2.5};
}

void mpinn_fibre_speeds(double cv, double ratio, double speeds[3]) {
  const double across = cv / cbrt(ratio);
  speeds[0] = ratio * across;
  speeds[1] = speeds[2] = across;
}

/* ---- small vectors ---- */

static bool normalize(double a[3]) {
  const double length = sqrt(mpinn_dot(a, a));
  for (int k = 0; k < 3 && length > 0; k++) a[k] /= length;
  return length > 0;
}

/* ---- depth in the wall ---- */

/* How deep the wall is on its way out of one ventricle: 0 on that ventricle's endocardium, 1 on the
 * epicardium and on the other ventricle's endocardium. Of the septum the two ventricles' depths add up to 1
 * and the rule gives the same fibres from both sides; of a free wall one ventricle's depth is flat. */
typedef struct depth {
  bool exists;
  double *values;         /* [node_count] */
  double (*gradients)[3]; /* [cell_count], averaged over neighbours, per mm */
} depth;

static void depth_clear(depth *d) {
  free(d->values);
  free(d->gradients);
}

/* Volume does not weigh: neighbours are of about a size. A cell between nodes of one surface has no gradient
 * of its own. */
static mpinn_status smooth_gradients(mpinn_context *context, const mpinn_mesh *mesh, double (*gradients)[3]) {
  const size_t n_cells = mpinn_mesh_cell_count(mesh);
  const int32_t *cells = mpinn_mesh_cells(mesh);
  double(*sums)[3] = NULL, *counts = NULL;
  mpinn_status status = MPINN_NEW(context, &sums, mpinn_mesh_node_count(mesh));
  if (status == MPINN_OK) status = MPINN_NEW(context, &counts, mpinn_mesh_node_count(mesh));
  for (size_t i = 0; i < 4 * n_cells && status == MPINN_OK; i++) {
    if (!mpinn_mesh_cell_usable(mesh)[i / 4]) continue;
    for (int k = 0; k < 3; k++) sums[cells[i]][k] += gradients[i / 4][k];
    counts[cells[i]]++;
  }
  for (size_t c = 0; c < n_cells && status == MPINN_OK; c++) {
    memset(gradients[c], 0, sizeof gradients[c]);
    for (int i = 0; i < 12 && mpinn_mesh_cell_usable(mesh)[c]; i++) {
      const int32_t node = cells[4 * c + (size_t)i / 3];
      gradients[c][i % 3] += 0.25 * sums[node][i % 3] / counts[node];
    }
  }
  free(sums);
  free(counts);
  return status;
}

static mpinn_status find_depth(mpinn_context *context, const mpinn_subject *subject, int inner, depth *d) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  const size_t n = mpinn_mesh_node_count(mesh);
  bool *fixed = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &fixed, n));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &d->values, n));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &d->gradients, mpinn_mesh_cell_count(mesh)));
  for (size_t i = 0; i < n; i++) {
    const int is = (int)mpinn_array_get(classes, i, 0);
    fixed[i] = is >= MPINN_CLASS_EPICARDIUM;
    d->values[i] = is == inner ? 0 : fixed[i] ? 1 : 0.5;
    d->exists = d->exists || is == inner;
  }
  if (d->exists) status = mpinn_laplace(context, mesh, fixed, d->values, d->gradients);
  if (d->exists && status == MPINN_OK) status = smooth_gradients(context, mesh, d->gradients);
end:
  free(fixed);
  return status;
}

/* ---- directions ---- */

/* The ventricle whose depth changes the most here. */
static const depth *choose_depth(const depth depths[2], size_t cell) {
  if (!depths[0].exists || !depths[1].exists) return depths[0].exists ? &depths[0] : &depths[1];
  const double *lv = depths[0].gradients[cell], *rv = depths[1].gradients[cell];
  return mpinn_dot(lv, lv) >= mpinn_dot(rv, rv) ? &depths[0] : &depths[1];
}

/* At the apex the circumference has no direction: any across the wall's thickness will do. */
static void circumference(const double up[3], const double outwards[3], double around[3]) {
  mpinn_cross(up, outwards, around);
  for (int k = 0; !(mpinn_dot(around, around) > 1e-6) && k < 3; k++) {
    const double axis[3] = {k == 0, k == 1, k == 2};
    mpinn_cross(axis, outwards, around);
  }
  normalize(around);
}

static void direct(const mpinn_mesh *mesh, const depth *d, const mpinn_fibre_rule *rule, const double up[3],
                   size_t cell, float fibre[3], float sheet[3]) {
  const int32_t *nodes = mpinn_mesh_cells(mesh) + 4 * cell;
  double outwards[3], around[3], along[3], part = 0;
  memcpy(outwards, d->gradients[cell], sizeof outwards);
  if (!normalize(outwards)) outwards[0] = 1; /* of no usable cell, or of one without any wall around it */
  for (int a = 0; a < 4; a++) part += 0.25 * d->values[nodes[a]];
  circumference(up, outwards, around);
  mpinn_cross(outwards, around, along);
  const double angle = radians * (rule->endocardium + part * (rule->epicardium - rule->endocardium));
  for (int k = 0; k < 3; k++) {
    fibre[k] = (float)(cos(angle) * around[k] + sin(angle) * along[k]);
    sheet[k] = (float)outwards[k];
  }
}

static mpinn_status add_fibres(mpinn_context *context, mpinn_subject *subject, const depth depths[2],
                               const mpinn_fibre_rule *rule) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n = mpinn_mesh_cell_count(mesh);
  float *fibre = NULL, *sheet = NULL;
  mpinn_frame frame;
  mpinn_status status;
  MPINN_TRY_GOTO(end, status, mpinn_frame_estimate(context, subject, &frame));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &fibre, 3 * n));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &sheet, 3 * n));
  for (size_t c = 0; c < n; c++)
    direct(mesh, choose_depth(depths, c), rule, frame.rotation[2], c, fibre + 3 * c, sheet + 3 * c);
  MPINN_TRY_GOTO(
      end, status,
      mpinn_subject_add_array(context, subject, "fibre", MPINN_CELLS, MPINN_FLOAT32, n, 3, fibre, NULL));
  MPINN_TRY_GOTO(
      end, status,
      mpinn_subject_add_array(context, subject, "sheet", MPINN_CELLS, MPINN_FLOAT32, n, 3, sheet, NULL));
  status = mpinn_subject_add_array(context, subject, "fibre_ratio", MPINN_FIELD, MPINN_FLOAT64, 1, 1,
                                   &rule->ratio, NULL);
end:
  free(fibre);
  free(sheet);
  return status;
}

static mpinn_status check(mpinn_context *context, const mpinn_subject *subject,
                          const mpinn_fibre_rule *rule) {
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  bool inside = false, outside = false;
  if (!(rule->ratio >= 1 && isfinite(rule->ratio)) || !isfinite(rule->endocardium) ||
      !isfinite(rule->epicardium))
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "Fibres at %g to %g degrees with speeds of ratio %g were asked for; expected finite angles "
        "and a ratio from 1",
        rule->endocardium, rule->epicardium, rule->ratio);
  for (size_t i = 0; classes && i < classes->rows; i++) {
    inside = inside || mpinn_array_get(classes, i, 0) >= MPINN_CLASS_LV_ENDOCARDIUM;
    outside = outside || mpinn_array_get(classes, i, 0) == MPINN_CLASS_EPICARDIUM;
  }
  if (inside && outside) return MPINN_OK;
  return mpinn_fail(
      context, MPINN_ERROR_ARGUMENT,
      "Fibres by rule need the node array 'surface_class' with an endocardium and an epicardium, "
      "which the heart does not have");
}

mpinn_status mpinn_subject_set_fibres(mpinn_context *context, mpinn_subject *subject,
                                      const mpinn_fibre_rule *rule) {
  depth depths[2] = {{.exists = false}, {.exists = false}};
  MPINN_TRY(check(context, subject, rule));
  mpinn_status status = find_depth(context, subject, MPINN_CLASS_LV_ENDOCARDIUM, &depths[0]);
  if (status == MPINN_OK) status = find_depth(context, subject, MPINN_CLASS_RV_ENDOCARDIUM, &depths[1]);
  if (status == MPINN_OK) status = add_fibres(context, subject, depths, rule);
  depth_clear(&depths[0]);
  depth_clear(&depths[1]);
  return status;
}
