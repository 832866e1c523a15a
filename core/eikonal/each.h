/* Many maps on one heart: a solve for each of several sites, as many at once as there are threads. */
#ifndef MPINN_EIKONAL_EACH_H
#define MPINN_EIKONAL_EACH_H

#include "base/internal.h"
#include "metapinn/eikonal.h"

/* at[node_count], ms, of site i. Called from several threads, for every i once. */
typedef void (*mpinn_take_map)(void *user, size_t i, const float *at);

/* Fronts end at horizon (ms, of the onsets' clock; INFINITY: nowhere), at being NaN beyond. what is said of the
 * progress. The result does not depend on the number of threads. */
mpinn_status mpinn_eikonal_solve_each(mpinn_context *context, const mpinn_eikonal *solver, size_t n,
                                      const mpinn_site *sites, double horizon, const char *what,
                                      mpinn_take_map take, void *user);

#endif
