/* What random scars and random tissue share. */
#ifndef MPINN_HEART_SCAR_H
#define MPINN_HEART_SCAR_H

#include "base/internal.h"
#include "metapinn/phantom.h"

/* A transmural ellipsoid of 0.1 m/s around a node of the wall; radius: least and most of a half axis, in
 * parts of half the diagonal of the nodes' box. */
void mpinn_scar_draw(mpinn_random *random, const mpinn_mesh *mesh, const double radius[2], mpinn_scar *scar);

#endif
