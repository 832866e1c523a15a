/* The inverse of the forward model: where in the wall, and when, did an activation begin whose first times
 * are known? */
#ifndef METAPINN_ORIGIN_H
#define METAPINN_ORIGIN_H

#include "metapinn/eikonal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A map's measured points, of which the early part counts: the search looks at the earliest fifth, or at the
 * earliest 4 max_solves where that is more. */
typedef struct mpinn_origin_search {
  size_t n;
  const double *points; /* [n][3], mm; the nearest points of the mesh are taken for them */
  const double *times;  /* [n], ms, of a clock with any zero; NaN and ≤ −9999: not measured */
  bool is_early;        /* the points are an early part already: the search looks at all of them */
  size_t max_solves;    /* how many points, well spread, give the first guess: one eikonal solve each; 0: 16 */
} mpinn_origin_search;

typedef struct mpinn_origin {
  mpinn_site site; /* position in mm, anywhere in the mesh; onset in ms, of the clock of times */
  double misfit;   /* ms, root mean square of what onset and travel times leave of the times used */
  size_t node;     /* the best of the mesh's nodes */
  size_t n_used;   /* points used */
  size_t n_solves; /* eikonal solves that it took */
} mpinn_origin;

/* By reciprocity: a front takes as long from x to a measured point as from there to x, so that one solve a
 * measured point tells for every x what its times would be but for the onset, which is their mean difference
 * (early times count more: the velocity's error grows with the way). From the best x of max_solves points the
 * search goes downhill by all early points (at most 128 of them, well spread), one solve a node that it tries,
 * and between nodes at last. One from which the front would arrive at the earliest point
 * after the onset by more than all times used span is a little the worse for it. Where the mesh is of several
 * components, one with most of the points used. MPINN_ERROR_MAP: fewer than 4 different points measured, or
 * in one component. */
mpinn_status mpinn_find_origin(mpinn_context *context, const mpinn_eikonal *solver,
                               const mpinn_origin_search *search, mpinn_origin *origin);

/* Of an activation that begins at n_origins places: one such search each, on the points whose basin[i] is its
 * number (basin[search->n] as mpinn_recognize_rhythm gives it; −1: of none). Where a basin has fewer than 8
 * measured points its origin is the earliest of them. origins[n_origins]. */
mpinn_status mpinn_find_origins(mpinn_context *context, const mpinn_eikonal *solver,
                                const mpinn_origin_search *search, const int32_t *basin, size_t n_origins,
                                mpinn_origin *origins);

#ifdef __cplusplus
}
#endif
#endif
