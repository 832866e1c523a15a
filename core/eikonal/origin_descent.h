/* The second half of a search for a site of origin: from a guess downhill, by all points that were measured.
 */
#ifndef MPINN_EIKONAL_ORIGIN_DESCENT_H
#define MPINN_EIKONAL_ORIGIN_DESCENT_H

#include "eikonal/origin_misfit.h"
#include "metapinn/origin.h"

/* The guess as an origin in the mesh, near its best node, of so many points and solves. */
void mpinn_origin_take(const mpinn_mesh *mesh, const mpinn_origin_guess *guess, size_t node, size_t n_used,
                       size_t n_solves, mpinn_origin *origin);

/* Fronts from nodes tell what timed's times would be were the origin there: one solve a node, ended where it
 * has come to all points. The search steps to the best of the nodes around, at a distance that is halved
 * where none is better, down to the cells around the last, in one of which the origin is.
 *
 * Leaves out of timed what cannot be reached from the guess, and leaves the guess as it is where fewer than
 * four points can. */
mpinn_status mpinn_origin_descend(mpinn_context *context, const mpinn_eikonal *solver,
                                  mpinn_timed_points *timed, mpinn_origin *origin);

#endif
