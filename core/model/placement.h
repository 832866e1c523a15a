/* Where maps were measured: what of a map's links is the same whatever its times are. Maps known at the same
 * nodes share it, and so do the stages of a network that read the same maps. */
#ifndef MPINN_MODEL_PLACEMENT_H
#define MPINN_MODEL_PLACEMENT_H

#include "model/wall.h"

enum {
  MPINN_WIDE_NEIGHBOURS = 16, /* of a measured node, at the most */
  MPINN_MEASURED_OF_ANCHOR = 12,
  MPINN_PLACED_ATTRIBUTES = 3 /* of an anchor's link */
};

typedef struct mpinn_placement {
  size_t n, n_neighbours, n_nearest; /* measured nodes; how many neighbours each has; and each anchor */
  int32_t *node;                     /* [n] which of the surface's nodes they are */
  double *points, *normals;          /* [n][3], mm, and unit vectors into the wall */
  int32_t *neighbour;                /* [n][n_neighbours], nearest first */
  double *distance;                  /* the same, mm */
  int32_t *nearest;                  /* [anchors][n_nearest], nearest first */
  double *anchor_distance;           /* the same, mm */
  float *weight;                     /* [anchors][n_nearest], the nearest count most; their sum is 1 */
  float *attribute; /* [anchors][n_nearest][MPINN_PLACED_ATTRIBUTES]: how far the measured node is, how deep
                       the anchor lies under it, how far along the surface; in length/10 */
} mpinn_placement;

typedef struct mpinn_placements {
  size_t count, n_maps;
  mpinn_placement *placement; /* [count] */
  size_t *of_map;             /* [n_maps] the number of each map's */
} mpinn_placements;

/* Of maps times[n_maps][n] (NaN: not measured) at points[n][3] (mm). */
mpinn_status mpinn_placements_create(mpinn_context *context, const mpinn_wall *wall, size_t n,
                                     const double *points, size_t n_maps, const float *times,
                                     mpinn_placements *placements);
void mpinn_placements_clear(mpinn_placements *placements);

#endif
