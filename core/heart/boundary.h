/* The boundary of a mesh of tetrahedra: the faces that belong to one usable cell. */
#ifndef MPINN_HEART_BOUNDARY_H
#define MPINN_HEART_BOUNDARY_H

#include "metapinn/mesh.h"

/* faces[*count][3], seen from outside in counter-clockwise order; free() them. */
mpinn_status mpinn_mesh_boundary(mpinn_context *context, const mpinn_mesh *mesh, size_t *count,
                                 int32_t (**faces)[3]);

/* Whether the faces are a closed surface without seams or pinches: every edge in two of them, and one fan of
 * faces around every node. *euler is nodes − edges + faces: 2 for a sphere. */
mpinn_status mpinn_boundary_check(mpinn_context *context, size_t n_nodes, size_t count,
                                  const int32_t (*faces)[3], bool *manifold, long *euler);

#endif
