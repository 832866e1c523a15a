/* The k nearest neighbours of every point among all, by a k-d tree. */
#ifndef MPINN_HEART_GRAPH_NEIGHBOURS_H
#define MPINN_HEART_GRAPH_NEIGHBOURS_H

#include "base/internal.h"

/* neighbour[n][k]: the k points nearest to each of points[n][3], itself left out, nearest first; among
 * equally near ones the one of smaller index. k < n. */
mpinn_status mpinn_nearest_neighbours(mpinn_context *context, size_t n, const double *points, size_t k,
                                      int32_t *neighbour);

/* The same of any centres, one by one. */
typedef struct mpinn_point_tree mpinn_point_tree;
enum { MPINN_MOST_NEAREST = 64 };
/* points[n][3] are copied. */
mpinn_status mpinn_point_tree_create(mpinn_context *context, size_t n, const double *points,
                                     mpinn_point_tree **tree);
void mpinn_point_tree_destroy(mpinn_point_tree **tree);
/* The k ≤ MPINN_MOST_NEAREST points nearest to centre, nearest first, but for the one numbered but (−1: none
 * is left out): numbers in found[k] and distances in distance[k]. Returns how many there are: fewer than k
 * where the tree has fewer. Calls from several threads on one tree are allowed. */
size_t mpinn_point_tree_nearest(const mpinn_point_tree *tree, const double centre[3], int32_t but, size_t k,
                                int32_t *found, double *distance);
/* The same of the points nearer than radius alone. */
size_t mpinn_point_tree_within(const mpinn_point_tree *tree, const double centre[3], double radius, size_t k,
                               int32_t *found, double *distance);

#endif
