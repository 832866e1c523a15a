#include "heart/segments.h"

#include "base/internal.h"
#include "heart/boundary.h"
#include "heart/phantom.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Sectors of a ring that begins at the RV's insertions: the septum in two, the rest of the circle in four;
 * AHA's order (Cerqueira et al., Circulation 105, 2002): anterior, anteroseptal, inferoseptal, inferior,
 * inferolateral, anterolateral. */
static int six_sectors(double turn, double insertion) {
  const double side = fabs(turn), half = 0.5 * (pi + insertion);
  if (side < insertion) return turn > 0 ? 2 : 3;
  if (side < half) return turn > 0 ? 1 : 4;
  return turn > 0 ? 6 : 5;
}

/* Anterior, septal, inferior, lateral. */
static int four_sectors(double turn, double insertion) {
  const double side = fabs(turn), septal = 0.75 * insertion;
  if (side < septal) return 2;
  if (side > 0.5 * (pi + insertion)) return 4;
  return turn > 0 ? 1 : 3;
}

int mpinn_segment_of_lv(double depth, double turn, double insertion) {
  if (depth < 1.0 / 3) return six_sectors(turn, insertion);
  if (depth < 2.0 / 3) return 6 + six_sectors(turn, insertion);
  return depth < 0.94 ? 12 + four_sectors(turn, insertion) : 17;
}

int mpinn_shape_segment(const mpinn_shape *shape, const mpinn_shape_place *place) {
  const double rv_wall_begins =
      1; /* mm outside the LV: what rounding off leaves at the insertions is septum */
  return place->lv_body > rv_wall_begins ? MPINN_SEGMENT_RV
                                         : mpinn_segment_of_lv(place->depth, place->turn, shape->rv_angle);
}

static int32_t class_of(const mpinn_shape_place *place, double z) {
  if (z > -1e-6) return MPINN_CLASS_BASE;
  const double epi = fabs(place->body), lv = fabs(place->lv_cavity), rv = fabs(place->rv_cavity);
  if (lv <= epi && lv <= rv) return MPINN_CLASS_LV_ENDOCARDIUM;
  return rv <= epi ? MPINN_CLASS_RV_ENDOCARDIUM : MPINN_CLASS_EPICARDIUM;
}

static float transmural_of(const mpinn_shape_place *place, int32_t surface_class) {
  if (surface_class == MPINN_CLASS_EPICARDIUM) return 1;
  if (surface_class >= MPINN_CLASS_LV_ENDOCARDIUM) return 0;
  const double in = fmax(0, fmin(place->lv_cavity, place->rv_cavity)), out = fmax(0, -place->body);
  return in + out > 0 ? (float)(in / (in + out)) : 0;
}

typedef struct labels {
  int32_t *surface_class, *segment;
  float *transmural;
} labels;

static mpinn_status add_labels(mpinn_context *context, mpinn_subject *subject, labels *made) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  mpinn_array *array = NULL;
  MPINN_TRY(mpinn_subject_add_array(context, subject, "surface_class", MPINN_NODES, MPINN_INT32, n, 1, NULL,
                                    &array));
  made->surface_class = array->values;
  MPINN_TRY(
      mpinn_subject_add_array(context, subject, "segment", MPINN_NODES, MPINN_INT32, n, 1, NULL, &array));
  made->segment = array->values;
  MPINN_TRY(mpinn_subject_add_array(context, subject, "transmural", MPINN_NODES, MPINN_FLOAT32, n, 1, NULL,
                                    &array));
  made->transmural = array->values;
  return MPINN_OK;
}

mpinn_status mpinn_shape_label(mpinn_context *context, const mpinn_shape *shape, const double *points,
                               mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  int32_t(*faces)[3] = NULL;
  size_t count = 0;
  labels made;
  MPINN_TRY(add_labels(context, subject, &made));
  MPINN_TRY(mpinn_mesh_boundary(context, mesh, &count, &faces));
  for (size_t i = 0; i < 3 * count; i++) made.surface_class[faces[i / 3][i % 3]] = MPINN_CLASS_EPICARDIUM;
  free(faces);
  const size_t n = mpinn_mesh_node_count(mesh), between_progress = 20000;
  for (size_t i = 0; i < n; i++) {
    mpinn_shape_place place;
    if (i % between_progress == 0)
      MPINN_TRY(mpinn_progress(context, 0.9 + 0.1 * (double)i / (double)n, "labelling the phantom heart"));
    mpinn_shape_locate(shape, points + 3 * i, &place);
    if (made.surface_class[i]) made.surface_class[i] = class_of(&place, points[3 * i + 2]);
    made.segment[i] = mpinn_shape_segment(shape, &place);
    made.transmural[i] = transmural_of(&place, made.surface_class[i]);
  }
  return MPINN_OK;
}
