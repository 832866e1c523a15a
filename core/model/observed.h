/* Measured maps as the local networks see them: per map and measured node a few numbers, links among the
 * measured nodes of a map and from them to the heart's anchors. Only differences of times within a map count,
 * in units of the heart's length over the healthy speed. */
#ifndef MPINN_MODEL_OBSERVED_H
#define MPINN_MODEL_OBSERVED_H

#include "model/placement.h"

enum {
  MPINN_OBSERVED_FEATURES = 10,                         /* of a node */
  MPINN_NEAR_ATTRIBUTES = 7,                            /* of a link between measured nodes */
  MPINN_ANCHOR_ATTRIBUTES = MPINN_PLACED_ATTRIBUTES + 1 /* of one from a measured node to an anchor */
};

typedef struct mpinn_observed {
  size_t n_maps, n_rows; /* rows: the nodes measured in map 0, then those of map 1 … */
  size_t *first_row;     /* [n_maps + 1] */
  float *features;       /* [n_rows][MPINN_OBSERVED_FEATURES] */
  float *distance;       /* [n_maps][anchors] from an anchor to the nearest measured node, 10/length */
  const mpinn_ops *ops;
  mpinn_backend *backend;
  mpinn_edge_plan *near;       /* rows ← rows */
  mpinn_edge_plan *to_anchors; /* [n_maps][anchors] ← rows */
} mpinn_observed;

/* Maps measured on a surface, and what an earlier guess at the velocity makes of them. */
typedef struct mpinn_observation {
  size_t n; /* nodes of the surface */
  size_t n_maps;
  const mpinn_placements *placements; /* the maps' */
  const float *times;     /* [n_maps][n], ms; NaN: not measured. Each map has 4 measured nodes or more. */
  const float *predicted; /* [n_maps][n], ms, finite; NULL where there is no guess yet */
  const float *anchors;   /* [n_maps][anchors], ms: the same at the anchors; NULL with predicted */
  double speed;           /* m/s: makes times lengths */
} mpinn_observation;

mpinn_status mpinn_observed_create(mpinn_context *context, const mpinn_wall *wall,
                                   const mpinn_observation *observation, mpinn_observed *observed);
void mpinn_observed_clear(mpinn_observed *observed);

#endif
