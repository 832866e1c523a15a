/* What is linear in a tetrahedron. */
#ifndef MPINN_HEART_TETRAHEDRON_H
#define MPINN_HEART_TETRAHEDRON_H

#include "metapinn/mesh.h"

/* Gradients of the barycentric coordinates (per mm) and the volume (mm³). */
typedef struct mpinn_tetrahedron {
  double slope[4][3], volume;
} mpinn_tetrahedron;

/* A usable cell of a mesh of tetrahedra. */
mpinn_tetrahedron mpinn_tetrahedron_at(const mpinn_mesh *mesh, size_t cell);

#endif
