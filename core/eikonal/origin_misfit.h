/* How well a place in the wall explains when measured points were activated. */
#ifndef MPINN_EIKONAL_ORIGIN_MISFIT_H
#define MPINN_EIKONAL_ORIGIN_MISFIT_H

#include "base/internal.h"

typedef struct mpinn_timed_points {
  size_t n;
  double *points; /* [n][3], mm */
  double *times;  /* [n], ms since the earliest of all measured times */
  double *weight; /* [n], what each counts; their sum is 1 */
  double span;    /* ms, the greatest of times */
} mpinn_timed_points;

void mpinn_timed_points_clear(mpinn_timed_points *timed);

/* Fills weight and span, from the times. */
void mpinn_timed_points_weigh(mpinn_timed_points *timed);

/* Leaves the points whose keep[n] is set. */
void mpinn_timed_points_keep(const bool *keep, mpinn_timed_points *timed);

typedef struct mpinn_origin_fit {
  double score;  /* ms: how bad an origin is; infinite where there is no way from it to all points */
  double misfit; /* ms: root mean square of what is left of the times */
  double onset;  /* ms since the earliest of all measured times: what suits them best */
} mpinn_origin_fit;

/* travel[n]: ms to the points, NaN where there is no way. */
mpinn_origin_fit mpinn_origin_fit_of(const mpinn_timed_points *timed, const float *travel);

/* A point of a cell. */
typedef struct mpinn_origin_guess {
  mpinn_origin_fit fit;
  size_t cell;
  double weights[4]; /* barycentric */
} mpinn_origin_guess;

/* Of equals the one in the cell of lower number is better, so that their order does not matter. */
bool mpinn_origin_is_better(const mpinn_origin_guess *a, const mpinn_origin_guess *b);

/* Replaces best by the best point of a cell of so many corners, where that is better. travel: the corners'
 * own, all finite; within the cell it is taken to be linear. */
void mpinn_origin_search_cell(const mpinn_timed_points *timed, size_t cell, size_t corners,
                              const float *const travel[4], mpinn_origin_guess *best);

#endif
