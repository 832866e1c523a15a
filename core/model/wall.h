/* A heart as the local networks see it: anchors, points spread evenly over the wall that carry features, and
 * how they are linked. Nothing of it depends on the frame, the unit or the numbering of the nodes. */
#ifndef MPINN_MODEL_WALL_H
#define MPINN_MODEL_WALL_H

#include "heart/graph_neighbours.h"
#include "metapinn/mesh.h"
#include "nn/ops.h"

/* Anchors of the levels: at the finest, the nodes themselves of a mesh that has no more. */
enum { MPINN_LEVEL_FINE, MPINN_LEVEL_MIDDLE, MPINN_LEVEL_COARSE, MPINN_LEVELS };

typedef struct mpinn_wall {
  double length; /* mm: root mean square distance of the wall from its centroid; the unit of what follows */
  size_t n;      /* anchors */
  size_t level[MPINN_LEVELS]; /* how many of them, the first, a level has; the finest has all */
  int32_t *nodes;             /* [n] the mesh nodes that they are, well spread in any first part */
  double *anchors;            /* [n][3], mm */
  double reach;               /* mm: how far an anchor's features reach */
  mpinn_point_tree *tree;     /* of the anchors */
  size_t n_skin;              /* nodes on the surface */
  double *normals;            /* [n_skin][3] unit vectors into the wall there */
  mpinn_point_tree *skin;
  /* On the backend: links between the neighbours of a level and from a finer to the next level, with their
   * distance as the one attribute; from a coarser one by interpolation; and one vector to all of the middle
   * level. */
  const mpinn_ops *ops;
  mpinn_backend *backend;
  mpinn_edge_plan *near[MPINN_LEVELS], *down[MPINN_LEVELS], *up[MPINN_LEVELS], *to_all;
} mpinn_wall;

mpinn_status mpinn_wall_create(mpinn_context *context, const mpinn_ops *ops, mpinn_backend *backend,
                               const mpinn_mesh *mesh, mpinn_wall *wall);
void mpinn_wall_clear(mpinn_wall *wall);

/* Into the wall at the surface node nearest to point; zero where the heart has no surface normals. */
void mpinn_wall_normal(const mpinn_wall *wall, const double point[3], double normal[3]);

/* The anchors' partition of unity at points[n][3] (mm): Wendland's C² functions (Adv. Comput. Math. 4, 1995)
 * over reach, divided by their sum, and their gradients in units of 1/length. A point that no anchor reaches
 * takes the nearest anchor's features as they are. */
mpinn_status mpinn_wall_reach(mpinn_context *context, const mpinn_wall *wall, size_t n, const double *points,
                              mpinn_reach **reach);

/* ---- links from targets to their nearest sources, for this and other graphs ---- */

typedef struct mpinn_links {
  size_t targets, sources, count;
  int32_t *first, *source; /* [targets + 1], [count] */
  double *distance;        /* [count], mm */
} mpinn_links;

/* To each of points[targets][3] the k nearest of tree's points (sources of them); without itself where itself
 * is false, target i being source i. */
mpinn_status mpinn_links_create(mpinn_context *context, const mpinn_point_tree *tree, size_t sources,
                                size_t targets, const double *points, size_t k, bool itself,
                                mpinn_links *links);
void mpinn_links_clear(mpinn_links *links);

#endif
