/* What recognizing a rhythm works on: the measured points of a map and their neighbours. */
#ifndef MPINN_EIKONAL_RHYTHM_GRAPH_H
#define MPINN_EIKONAL_RHYTHM_GRAPH_H

#include "base/internal.h"
#include "metapinn/rhythm.h"

/* A pair of neighbours. */
typedef struct mpinn_rhythm_edge {
  int32_t a, b;
  double key; /* what edges are sorted by */
} mpinn_rhythm_edge;

typedef struct mpinn_rhythm_graph {
  const mpinn_mesh *mesh; /* the wall, or NULL */
  size_t n, n_edges, k;
  size_t *index;            /* [n] of the input */
  double *x;                /* [n][3], mm */
  double *raw;              /* [n], ms, as they were measured */
  double *t;                /* [n], ms, room; then smoothed */
  int32_t *neighbour;       /* [n][k], the nearest first */
  mpinn_rhythm_edge *edges; /* [n_edges], each pair of neighbours once */
  double size;              /* mm, root mean square distance of the heart from its centre */
  size_t *parent;           /* [n] of the union-find in use */
} mpinn_rhythm_graph;

double mpinn_rhythm_distance(const mpinn_rhythm_graph *graph, size_t i, size_t j); /* mm */

/* Sorts the edges by their key. */
void mpinn_rhythm_sort(mpinn_rhythm_graph *graph);

/* Union-find: every point by itself; the root of a point's set. */
void mpinn_rhythm_separate(mpinn_rhythm_graph *graph);
size_t mpinn_rhythm_root(mpinn_rhythm_graph *graph, size_t i);

/* Fills n_sources and sources of rhythm and number[n], which source each point belongs to. Where thorough,
 * sources that one origin in the wall explains together are one. */
mpinn_status mpinn_rhythm_find_sources(mpinn_context *context, mpinn_rhythm_graph *graph, bool thorough,
                                       mpinn_rhythm *rhythm, int32_t *number);

/* The test for that, rhythm_single.c. sources[n], the earliest first, as indices into the graph; together[i]
 * becomes the number of the earlier source with which one origin explains source i, else i. */
mpinn_status mpinn_rhythm_join_sources(mpinn_context *context, const mpinn_rhythm_graph *graph, size_t n,
                                       const mpinn_rhythm_source *sources, const int32_t *number,
                                       size_t *together);

#endif
