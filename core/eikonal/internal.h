/* The parts of the eikonal solver. Its whole geometry is the cells' edges, measured in the metric D⁻¹ of each
 * cell: the square of the time, in ms², that a front takes along the edge. */
#ifndef MPINN_EIKONAL_INTERNAL_H
#define MPINN_EIKONAL_INTERNAL_H

#include "base/internal.h"
#include "eikonal/each.h"
#include "heart/mesh.h"
#include "metapinn/eikonal.h"

/* One cache line. Edges 01 02 03 12 13 23. */
typedef struct mpinn_front_tetrahedron {
  double square[6]; /* ms² */
  int32_t node[4];
} mpinn_front_tetrahedron;

/* Edges 01 02 12. */
typedef struct mpinn_front_triangle {
  double square[3]; /* ms² */
  int32_t node[3];
} mpinn_front_triangle;

struct mpinn_eikonal {
  const mpinn_mesh *mesh;
  /* [cell_count], one of them; all zero for cells that are not usable */
  mpinn_front_tetrahedron *tetrahedra;
  mpinn_front_triangle *triangles;
};

/* mpinn_eikonal_solve as far as the front comes by its end (NULL: everywhere); NaN beyond. */
mpinn_status mpinn_front_solve(mpinn_context *context, const mpinn_eikonal *solver, size_t n_sites,
                               const mpinn_site *sites, const mpinn_front_end *end, float *at);

/* velocity.c: checks velocity and fills the solver's cells. */
mpinn_status mpinn_front_measure(mpinn_context *context, const mpinn_velocity *velocity,
                                 mpinn_eikonal *solver);

/* seed.c: lowers at[node_count] (ms) around a site, one of n_sites, to the times of straight paths. */
void mpinn_front_seed(const mpinn_eikonal *solver, const mpinn_mesh_place *place, size_t n_sites,
                      double onset, double *at);

#endif
