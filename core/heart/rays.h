/* Rays against a surface of triangles, and distances to it, by a tree of boxes. */
#ifndef MPINN_HEART_RAYS_H
#define MPINN_HEART_RAYS_H

#include "metapinn/context.h"
#include <stdint.h>

typedef struct mpinn_rays mpinn_rays;

/* points[…][3] and faces[count][3] are borrowed for the tree's life. */
mpinn_status mpinn_rays_create(mpinn_context *context, const double *points, size_t count,
                               const int32_t (*faces)[3], mpinn_rays **rays);
void mpinn_rays_destroy(mpinn_rays **rays);

/* Distance from origin along the unit vector direction to the first face but skip; INFINITY where there is
 * none. */
double mpinn_rays_first(const mpinn_rays *rays, const double origin[3], const double direction[3],
                        size_t skip);

/* From a point to the nearest face; INFINITY where there is none. */
double mpinn_rays_distance(const mpinn_rays *rays, const double point[3]);

#endif
