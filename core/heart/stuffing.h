/* Tetrahedra in an implicit shape, by isosurface stuffing (Labelle & Shewchuk, ACM Trans. Graph. 26(3), 2007)
 * of a uniform body-centred cubic lattice that ends in the plane z = 0, which becomes a flat, sharp-edged end
 * of the shape. */
#ifndef MPINN_HEART_STUFFING_H
#define MPINN_HEART_STUFFING_H

#include "metapinn/context.h"
#include <stdint.h>

typedef struct mpinn_level_set {
  double (*value)(const void *user, const double point[3]); /* < 0 inside */
  const void *user;
  double low[3], high[2]; /* the shape lies in low[0] < x < high[0], low[1] < y < high[1], low[2] < z ≤ 0 */
} mpinn_level_set;

typedef struct mpinn_stuffing {
  size_t n_nodes, n_cells;
  double *points; /* [n_nodes][3] */
  int32_t *cells; /* [n_cells][4], positively oriented */
} mpinn_stuffing;

/* step: edge of the lattice's cubes; shift: of the lattice in x and y, in steps. */
mpinn_status mpinn_stuff(mpinn_context *context, const mpinn_level_set *shape, double step,
                         const double shift[2], mpinn_stuffing *stuffing);
void mpinn_stuffing_clear(mpinn_stuffing *stuffing);

#endif
