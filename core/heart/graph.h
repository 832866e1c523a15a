/* The graphs that the encoders convolve over: k nearest neighbours of the measured nodes, and a Graclus hierarchy of ever
 * coarser ones (Dhillon, Guan, Kulis, IEEE TPAMI 29, 2007), rebuilt at each level from the cluster means. */
#ifndef MPINN_HEART_GRAPH_H
#define MPINN_HEART_GRAPH_H

#include "base/internal.h"

/* Directed edges source → target, both ways between neighbours, sorted by target, then source. */
typedef struct mpinn_graph {
  size_t n_nodes, n_edges;
  double *points;   /* [n_nodes][3], in the units of the input */
  int32_t *first;   /* [n_nodes + 1] edges of target i are first[i] … first[i+1]−1 */
  int32_t *source;  /* [n_edges] */
  float *pseudo;    /* [n_edges][3] in 0…1: ½ + (x_source − x_target) / (2 m), m the largest |difference| of the level */
  int32_t *cluster; /* [n_nodes] which node of the next level this one is merged into */
  size_t n_clusters;
} mpinn_graph;

/* A level a convolution; each level also says how it is pooled. */
typedef struct mpinn_hierarchy {
  size_t n_levels;
  mpinn_graph *levels;
} mpinn_hierarchy;

/* points[n][3]; neighbours: k of the k-NN graph (fewer where n is small; n = 1 has no edges). Deterministic: ties in
 * distance and the order of visits go by geometry, then by index. */
mpinn_status mpinn_hierarchy_create(mpinn_context *context, size_t n, const double *points, size_t neighbours,
                                    size_t n_levels, mpinn_hierarchy **hierarchy);
void mpinn_hierarchy_destroy(mpinn_hierarchy **hierarchy);

#endif
