/* The forward model: activation times from conduction velocity by the eikonal equation |∇T| F = 1, or for a tensor
 * ∇Tᵀ D ∇T = 1 with D = Σ v_i² e_i e_iᵀ, solved on tetrahedra or triangles by a fast iterative method with an active list
 * (Fu, Kirby, Whitaker, SIAM J. Sci. Comput. 35, 2013). The result does not depend on the number of threads. */
#ifndef METAPINN_EIKONAL_H
#define METAPINN_EIKONAL_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Conduction velocity over a mesh. Pointers are borrowed while mpinn_eikonal_create runs.
 *   isotropic:   speed[n], m/s; or speed NULL and uniform, m/s, everywhere
 *   anisotropic: fibre[n][3] and optionally sheet[n][3] (any length, orthogonalized), with axes[n][3], m/s: speed along
 *                fibre, sheet and their normal; without sheet the second and third must be equal; axes NULL: uniform_axes
 * n is the node or the cell count as association says (not MPINN_FIELD). Node values are averaged (slowness, D⁻¹) over a
 * cell. A speed must be finite and > 0 on every usable cell: MPINN_ERROR_ARGUMENT names the first that is not. */
typedef struct mpinn_velocity {
  mpinn_association association;
  const float *speed;
  double uniform;
  const float *fibre;
  const float *sheet;
  const float *axes;
  double uniform_axes[3];
} mpinn_velocity;

void mpinn_velocity_default(mpinn_velocity *velocity); /* isotropic, 0.6 m/s */

/* A site of origin: position in mm (moved to the nearest point of the mesh) and onset in ms. */
typedef struct mpinn_site {
  double position[3];
  double onset;
} mpinn_site;

typedef struct mpinn_eikonal mpinn_eikonal;

/* Prepares mesh (borrowed for the solver's life) and velocity for any number of solves. */
mpinn_status mpinn_eikonal_create(mpinn_context *context, const mpinn_mesh *mesh, const mpinn_velocity *velocity,
                                  mpinn_eikonal **solver);
void mpinn_eikonal_destroy(mpinn_eikonal **solver);

/* at[node_count], ms; NaN on nodes that no front reaches (another component, unreferenced). Calls from several threads
 * on one solver, each with its own context, are allowed. */
mpinn_status mpinn_eikonal_solve(mpinn_context *context, const mpinn_eikonal *solver, size_t n_sites,
                                 const mpinn_site *sites, float *at);

#ifdef __cplusplus
}
#endif
#endif
