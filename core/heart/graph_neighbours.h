/* The k nearest neighbours of every point among all, by a k-d tree. */
#ifndef MPINN_HEART_GRAPH_NEIGHBOURS_H
#define MPINN_HEART_GRAPH_NEIGHBOURS_H

#include "base/internal.h"

/* neighbour[n][k]: the k points nearest to each of points[n][3], itself left out, nearest first; among
 * equally near ones the one of smaller index. k < n. */
mpinn_status mpinn_nearest_neighbours(mpinn_context *context, size_t n, const double *points, size_t k,
                                      int32_t *neighbour);

#endif
