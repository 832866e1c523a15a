/* A heart's shape in a few numbers, to tell how unlike the training hearts another one is. */
#ifndef MPINN_MODEL_SHAPE_H
#define MPINN_MODEL_SHAPE_H

#include "base/internal.h"
#include "metapinn/frame.h"

enum { MPINN_SHAPE_NUMBERS = 15 };

/* In the frame, so without unit: centroid (3), second central moments (6) of the wall's volume (of a surface's area), and
 * the bounding box (6). */
typedef struct mpinn_shape {
  double numbers[MPINN_SHAPE_NUMBERS];
} mpinn_shape;

mpinn_shape mpinn_shape_of(const mpinn_mesh *mesh, const mpinn_frame *frame);

/* Distance to the nearest of known, over the largest distance among known: 0 the same, 1 as far as they are from each
 * other. Infinite where none is known. */
double mpinn_shape_distance(const mpinn_shape *shape, size_t n_known, const mpinn_shape *known);

#endif
