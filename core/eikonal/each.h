/* Many maps on one heart: a solve for each of several sites, as many at once as there are threads. */
#ifndef MPINN_EIKONAL_EACH_H
#define MPINN_EIKONAL_EACH_H

#include "base/internal.h"
#include "metapinn/eikonal.h"

/* at[node_count], ms, of site i. Called from several threads, for every i once. */
typedef void (*mpinn_take_map)(void *user, size_t i, const float *at);

/* Where a front may end before it has been everywhere. */
typedef struct mpinn_front_end {
  double horizon;     /* ms, of the onsets' clock */
  const bool *wanted; /* [node_count], nodes of which it may end once it has come to all; NULL: none */
  size_t n_wanted;
} mpinn_front_end;

/* at is NaN where a front has not come by its end; NULL: it ends nowhere. what is said of the progress. The
 * result does not depend on the number of threads. */
mpinn_status mpinn_eikonal_solve_each(mpinn_context *context, const mpinn_eikonal *solver, size_t n,
                                      const mpinn_site *sites, const mpinn_front_end *end, const char *what,
                                      mpinn_take_map take, void *user);

#endif
