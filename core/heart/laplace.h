/* Laplace's equation on a wall of tetrahedra: smooth fields between its surfaces. */
#ifndef MPINN_HEART_LAPLACE_H
#define MPINN_HEART_LAPLACE_H

#include "metapinn/mesh.h"

/* values[node_count]: kept where fixed, elsewhere solved for by linear elements (no flux through what is not
 * fixed), from the values given as a first guess. gradients[cell_count][3], per mm; zero in unusable cells.
 */
mpinn_status mpinn_laplace(mpinn_context *context, const mpinn_mesh *mesh, const bool *fixed, double *values,
                           double (*gradients)[3]);

#endif
