/* The ventricular frame: the similarity that brings a heart into the coordinates networks were trained in. */
#ifndef METAPINN_FRAME_H
#define METAPINN_FRAME_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x_frame = scale · rotation · (x − centre). In the frame the origin is the middle of the base, z runs from apex to base,
 * the RV lies on −x, and the apex is at z = −1. */
typedef struct mpinn_frame {
  double centre[3];      /* mm */
  double rotation[3][3]; /* rows are the frame's axes; determinant +1 */
  double scale;          /* 1/mm */
  bool from_labels;      /* from surface_class; else estimated from the shape alone */
} mpinn_frame;

/* From surface_class where the subject has the LV's endocardium in it (the RV's gives −x), else from the shape: the cavities
 * are what the wall looks at wall from, the LV the thicker-walled of them; of a surface without cavities the long axis by
 * inertia and the apex at the narrower end. Works on tetrahedra and triangles. MPINN_ERROR_MESH where points are
 * collinear. */
mpinn_status mpinn_frame_estimate(mpinn_context *context, const mpinn_subject *subject, mpinn_frame *frame);

/* out may be in; [n][3]. */
void mpinn_frame_apply(const mpinn_frame *frame, size_t n, const double *in, double *out);

#ifdef __cplusplus
}
#endif
#endif
