#include "metapinn/phantom.h"

#include "base/internal.h"
#include "heart/graph_neighbours.h"
#include "heart/segments.h"
#include "metapinn/frame.h"

#include <math.h>

/* Sectors of 60° (Cerqueira et al., Circulation 105, 2002): the RV's insertions are so far from the middle of
 * the septum. */
static const double insertion = 1.0471975511965976;

/* The surfaces that a part of the wall lies between. */
enum { LV, RV, EPICARDIUM, SURFACES };
static const int classes[SURFACES] = {MPINN_CLASS_LV_ENDOCARDIUM, MPINN_CLASS_RV_ENDOCARDIUM,
                                      MPINN_CLASS_EPICARDIUM};

/* The nodes of one class; *tree is NULL where there is none. */
static mpinn_status plant(mpinn_context *context, const mpinn_subject *subject, int class_wanted,
                          mpinn_point_tree **tree) {
  const mpinn_array *of = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(subject));
  double *chosen = NULL;
  size_t n = 0;
  MPINN_TRY(MPINN_NEW(context, &chosen, 3 * of->rows));
  for (size_t i = 0; i < of->rows; i++) {
    if (mpinn_array_get(of, i, 0) != class_wanted) continue;
    for (size_t d = 0; d < 3; d++) chosen[3 * n + d] = points[3 * i + d];
    n++;
  }
  const mpinn_status status = n > 0 ? mpinn_point_tree_create(context, n, chosen, tree) : MPINN_OK;
  free(chosen);
  return status;
}

static double distance_to(const mpinn_point_tree *tree, const double point[3]) {
  int32_t found;
  double distance;
  return tree && mpinn_point_tree_nearest(tree, point, -1, 1, &found, &distance) ? distance : INFINITY;
}

/* Whether a place is in the free wall of the RV: between its endocardium and the epicardium, and not in the
 * septum or the LV's wall, whose two surfaces are nearer together there. */
static bool in_rv_wall(mpinn_point_tree *const trees[SURFACES], const double point[3]) {
  const double lv = distance_to(trees[LV], point), rv = distance_to(trees[RV], point);
  const double out = distance_to(trees[EPICARDIUM], point);
  return isfinite(rv) && rv + out < lv + fmin(rv, out);
}

/* Of a place in the ventricular frame, in which the RV lies on −x and the apex of the LV at z = −1. */
static int segment_at(const double place[3]) {
  const double turn = atan2(-place[1], -place[0]);
  return mpinn_segment_of_lv(-place[2], turn, insertion);
}

mpinn_status mpinn_subject_estimate_segments(mpinn_context *context, mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n = mpinn_mesh_node_count(mesh);
  mpinn_point_tree *trees[SURFACES] = {NULL};
  mpinn_frame frame;
  mpinn_array *array = NULL;
  mpinn_status status = MPINN_OK;
  if (mpinn_subject_find(subject, "segment", MPINN_NODES)) return MPINN_OK;
  MPINN_TRY(mpinn_subject_estimate_labels(context, subject));
  MPINN_TRY(mpinn_frame_estimate(context, subject, &frame));
  for (int s = 0; s < SURFACES; s++)
    MPINN_TRY_GOTO(end, status, plant(context, subject, classes[s], &trees[s]));
  MPINN_TRY_GOTO(
      end, status,
      mpinn_subject_add_array(context, subject, "segment", MPINN_NODES, MPINN_INT32, n, 1, NULL, &array));
  int32_t *segments = array->values;
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < n; i++) {
    const double *point = mpinn_mesh_points(mesh) + 3 * i;
    double place[3];
    mpinn_frame_apply(&frame, 1, point, place);
    segments[i] = in_rv_wall(trees, point) ? MPINN_SEGMENT_RV : segment_at(place);
  }
end:
  for (int s = 0; s < SURFACES; s++) mpinn_point_tree_destroy(&trees[s]);
  return status;
}
