#include "heart/graph.h"
#include "heart/graph_neighbours.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A level is built on points in the order of their rank, which geometry alone decides: farthest from the
 * centroid first (the same in every frame), then lexicographically. The result does not depend on how the
 * caller numbers the nodes. */
typedef struct ranked {
  double key; /* −(distance to the centroid)² */
  double x[3];
  int32_t index; /* the caller's */
} ranked;

typedef struct link_table {
  size_t n_edges;
  int32_t *first, *source;
} link_table;

static int compare_positions(const ranked *a, const ranked *b) {
  for (int d = 0; d < 3; d++)
    if (a->x[d] != b->x[d]) return a->x[d] < b->x[d] ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_lexicographically(const void *a, const void *b) {
  return compare_positions(a, b);
}

static int compare_ranks(const void *a, const void *b) {
  const double key_a = ((const ranked *)a)->key, key_b = ((const ranked *)b)->key;
  if (key_a != key_b) return key_a < key_b ? -1 : 1;
  return compare_positions(a, b);
}

/* sort_first: bring the points into an order of their own before summing, so that the centroid is the same to
 * the last bit however they are numbered. */
static void rank_points(size_t n, ranked *points, bool sort_first) {
  double centre[3] = {0, 0, 0};
  if (sort_first) qsort(points, n, sizeof *points, compare_lexicographically);
  for (size_t i = 0; i < n; i++)
    for (int d = 0; d < 3; d++) centre[d] += points[i].x[d] / (double)n;
  for (size_t i = 0; i < n; i++) {
    points[i].key = 0;
    for (int d = 0; d < 3; d++) points[i].key -= (points[i].x[d] - centre[d]) * (points[i].x[d] - centre[d]);
  }
  qsort(points, n, sizeof *points, compare_ranks);
}

static int compare_indices(const void *a, const void *b) {
  const int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
  return i < j ? -1 : i > j;
}

/* Sources in ascending order without repetition; rows are short, so by insertion. */
static size_t sort_unique(int32_t *items, size_t n) {
  enum { SHORT = 32 };
  if (n > SHORT) {
    qsort(items, n, sizeof *items, compare_indices);
  } else {
    for (size_t i = 1; i < n; i++) {
      const int32_t item = items[i];
      size_t j = i;
      for (; j > 0 && items[j - 1] > item; j--) items[j] = items[j - 1];
      items[j] = item;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (kept == 0 || items[kept - 1] != items[i]) items[kept++] = items[i];
  return kept;
}

/* Both directions of every pair (i, neighbour[i][·]), as rows of sources. */
static mpinn_status symmetrize(mpinn_context *context, size_t n, size_t k, const int32_t *neighbour,
                               link_table *links) {
  int32_t *end = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &end, n + 1));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &links->first, n + 1));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &links->source, 2 * n * k));
  for (size_t i = 0; i < n; i++) {
    end[i] += (int32_t)k;
    for (size_t j = 0; j < k; j++) end[neighbour[i * k + j]]++;
  }
  int32_t sum = 0;
  for (size_t i = 0; i <= n; i++) {
    const int32_t count = end[i];
    links->first[i] = end[i] = sum;
    sum += count;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < k; j++) {
      const int32_t other = neighbour[i * k + j];
      links->source[end[i]++] = other;
      links->source[end[other]++] = (int32_t)i;
    }
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t *row = links->source + links->first[i];
    const size_t unique = sort_unique(row, (size_t)(end[i] - links->first[i]));
    memmove(links->source + kept, row, unique * sizeof *row);
    links->first[i] = (int32_t)kept;
    kept += unique;
  }
  links->first[n] = (int32_t)kept;
  links->n_edges = kept;
done:
  free(end);
  return status;
}

/* similarity[e] = exp(−d² / mean d²) of an edge of length d, as in normalized cuts (Shi, Malik, IEEE TPAMI
 * 22, 2000): it has no unit, and near neighbours are the similar ones. degree[i] sums those of node i. */
static void measure_similarity(const link_table *links, size_t n, const ranked *points, double *similarity,
                               double *degree) {
  double mean = 0;
  for (size_t i = 0; i < n; i++)
    for (int32_t e = links->first[i]; e < links->first[i + 1]; e++) {
      const double *a = points[i].x, *b = points[links->source[e]].x;
      similarity[e] =
          (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]);
      mean += similarity[e] / (double)links->n_edges;
    }
  for (size_t i = 0; i < n; i++)
    for (int32_t e = links->first[i]; e < links->first[i + 1]; e++) {
      similarity[e] = mean > 0 ? fmax(exp(-similarity[e] / mean), DBL_MIN) : 1;
      degree[i] += similarity[e];
    }
}

/* Graclus' coarsening for normalized cuts: nodes in the order of their rank, each still alone merged with the
 * neighbour, still alone too, of largest w_ij (1/deg_i + 1/deg_j). cluster[n] numbers clusters as they arise.
 */
static size_t match(const link_table *links, size_t n, const double *similarity, const double *degree,
                    int32_t *cluster) {
  size_t n_clusters = 0;
  for (size_t i = 0; i < n; i++) cluster[i] = -1;
  for (size_t i = 0; i < n; i++) {
    if (cluster[i] >= 0) continue;
    double best = 0;
    int32_t partner = -1;
    for (int32_t e = links->first[i]; e < links->first[i + 1]; e++) {
      const int32_t j = links->source[e];
      if (cluster[j] >= 0) continue;
      const double score = similarity[e] * (1 / degree[i] + 1 / degree[j]);
      if (partner >= 0 && score <= best) continue;
      best = score;
      partner = j;
    }
    cluster[i] = (int32_t)n_clusters;
    if (partner >= 0) cluster[partner] = (int32_t)n_clusters;
    n_clusters++;
  }
  return n_clusters;
}

/* means[n_clusters], ranked; cluster[n] renumbered to follow their ranks. */
static mpinn_status average_clusters(mpinn_context *context, size_t n, const ranked *points,
                                     size_t n_clusters, int32_t *cluster, ranked **means) {
  int32_t *count = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &count, n_clusters));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, means, n_clusters));
  for (size_t i = 0; i < n; i++) {
    count[cluster[i]]++;
    for (int d = 0; d < 3; d++) (*means)[cluster[i]].x[d] += points[i].x[d];
  }
  for (size_t c = 0; c < n_clusters; c++) {
    (*means)[c].index = (int32_t)c;
    for (int d = 0; d < 3; d++) (*means)[c].x[d] /= count[c];
  }
  rank_points(n_clusters, *means, false);
  for (size_t c = 0; c < n_clusters; c++) {
    count[(*means)[c].index] = (int32_t)c; /* from here on: the old number's new one */
    (*means)[c].index = (int32_t)c;
  }
  for (size_t i = 0; i < n; i++) cluster[i] = count[cluster[i]];
done:
  free(count);
  return status;
}

static mpinn_status allocate_graph(mpinn_context *context, size_t n, size_t n_edges, mpinn_graph *graph) {
  graph->n_nodes = n;
  graph->n_edges = n_edges;
  MPINN_TRY(MPINN_NEW(context, &graph->points, 3 * n));
  MPINN_TRY(MPINN_NEW(context, &graph->first, n + 1));
  MPINN_TRY(MPINN_NEW(context, &graph->source, n_edges));
  MPINN_TRY(MPINN_NEW(context, &graph->pseudo, 3 * n_edges));
  return MPINN_NEW(context, &graph->cluster, n);
}

static void set_pseudo_coordinates(mpinn_graph *graph) {
  double largest = 0;
  for (size_t i = 0; i < graph->n_nodes; i++)
    for (int32_t e = graph->first[i]; e < graph->first[i + 1]; e++)
      for (int d = 0; d < 3; d++)
        largest =
            fmax(largest, fabs(graph->points[3 * graph->source[e] + d] - graph->points[3 * i + (size_t)d]));
  for (size_t i = 0; i < graph->n_nodes; i++)
    for (int32_t e = graph->first[i]; e < graph->first[i + 1]; e++)
      for (int d = 0; d < 3; d++) {
        const double difference = graph->points[3 * graph->source[e] + d] - graph->points[3 * i + (size_t)d];
        graph->pseudo[3 * e + d] = (float)(largest > 0 ? 0.5 + difference / (2 * largest) : 0.5);
      }
}

/* The links among ranked points as a graph in the caller's numbering. */
static mpinn_status emit(mpinn_context *context, size_t n, const ranked *points, const link_table *links,
                         const int32_t *cluster, size_t n_clusters, mpinn_graph *graph) {
  MPINN_TRY(allocate_graph(context, n, links->n_edges, graph));
  for (size_t i = 0; i < n; i++) graph->first[points[i].index + 1] = links->first[i + 1] - links->first[i];
  for (size_t i = 0; i < n; i++) graph->first[i + 1] += graph->first[i];
  for (size_t i = 0; i < n; i++) {
    const int32_t index = points[i].index;
    int32_t *row = graph->source + graph->first[index];
    memcpy(graph->points + 3 * (size_t)index, points[i].x, sizeof points[i].x);
    graph->cluster[index] = cluster[i];
    for (int32_t e = links->first[i]; e < links->first[i + 1]; e++)
      row[e - links->first[i]] = points[links->source[e]].index;
    sort_unique(row, (size_t)(links->first[i + 1] - links->first[i]));
  }
  graph->n_clusters = n_clusters;
  set_pseudo_coordinates(graph);
  return MPINN_OK;
}

static mpinn_status link_neighbours(mpinn_context *context, size_t n, const ranked *points, size_t neighbours,
                                    link_table *links) {
  const size_t k = neighbours < n - 1 ? neighbours : n - 1;
  double *positions = NULL;
  int32_t *neighbour = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &positions, 3 * n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &neighbour, n * k));
  for (size_t i = 0; i < n; i++) memcpy(positions + 3 * i, points[i].x, sizeof points[i].x);
  MPINN_TRY_GOTO(done, status, mpinn_nearest_neighbours(context, n, positions, k, neighbour));
  status = symmetrize(context, n, k, neighbour, links);
done:
  free(positions);
  free(neighbour);
  return status;
}

/* One level from its ranked points, and the ranked points of the next. */
static mpinn_status build_level(mpinn_context *context, size_t n, const ranked *points, size_t neighbours,
                                mpinn_graph *graph, ranked **means) {
  link_table links = {0, NULL, NULL};
  double *similarity = NULL, *degree = NULL;
  int32_t *cluster = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, link_neighbours(context, n, points, neighbours, &links));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &similarity, links.n_edges));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &degree, n));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &cluster, n));
  measure_similarity(&links, n, points, similarity, degree);
  const size_t n_clusters = match(&links, n, similarity, degree, cluster);
  MPINN_TRY_GOTO(done, status, average_clusters(context, n, points, n_clusters, cluster, means));
  status = emit(context, n, points, &links, cluster, n_clusters, graph);
done:
  free(links.first);
  free(links.source);
  free(similarity);
  free(degree);
  free(cluster);
  return status;
}

static mpinn_status check(mpinn_context *context, size_t n, const double *points, size_t neighbours,
                          size_t n_levels) {
  enum { MOST_NODES = 1 << 23, MOST_NEIGHBOURS = 64, MOST_LEVELS = 64 }; /* edges are counted in 32 bits */
  if (n < 1 || n > MOST_NODES)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A graph has 1 to %d nodes, not %zu", MOST_NODES, n);
  if (neighbours < 1 || neighbours > MOST_NEIGHBOURS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A node of a graph has 1 to %d nearest neighbours, not %zu", MOST_NEIGHBOURS,
                      neighbours);
  if (n_levels < 1 || n_levels > MOST_LEVELS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "A hierarchy has 1 to %d levels, not %zu", MOST_LEVELS,
                      n_levels);
  for (size_t i = 0; i < 3 * n; i++)
    if (!isfinite(points[i]))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Node %zu of a graph has a coordinate that is not finite", i / 3);
  return MPINN_OK;
}

static mpinn_status build_levels(mpinn_context *context, size_t n, const double *points, size_t neighbours,
                                 mpinn_hierarchy *hierarchy) {
  ranked *here = NULL;
  MPINN_TRY(MPINN_NEW(context, &here, n));
  for (size_t i = 0; i < n; i++) {
    memcpy(here[i].x, points + 3 * i, sizeof here[i].x);
    here[i].index = (int32_t)i;
  }
  rank_points(n, here, true);
  mpinn_status status = MPINN_OK;
  for (size_t level = 0; level < hierarchy->n_levels && status == MPINN_OK; level++) {
    ranked *next = NULL;
    status = build_level(context, n, here, neighbours, &hierarchy->levels[level], &next);
    n = hierarchy->levels[level].n_clusters;
    free(here);
    here = next;
  }
  free(here);
  return status;
}

mpinn_status mpinn_hierarchy_create(mpinn_context *context, size_t n, const double *points, size_t neighbours,
                                    size_t n_levels, mpinn_hierarchy **hierarchy) {
  *hierarchy = NULL;
  MPINN_TRY(check(context, n, points, neighbours, n_levels));
  mpinn_hierarchy *new = NULL;
  mpinn_status status;
  MPINN_TRY_GOTO(failed, status, MPINN_NEW(context, &new, 1));
  new->n_levels = n_levels;
  MPINN_TRY_GOTO(failed, status, MPINN_NEW(context, &new->levels, n_levels));
  MPINN_TRY_GOTO(failed, status, build_levels(context, n, points, neighbours, new));
  *hierarchy = new;
  return MPINN_OK;
failed:
  mpinn_hierarchy_destroy(&new);
  return status;
}

void mpinn_hierarchy_destroy(mpinn_hierarchy **hierarchy) {
  if (*hierarchy && (*hierarchy)->levels)
    for (size_t i = 0; i < (*hierarchy)->n_levels; i++) {
      mpinn_graph *graph = &(*hierarchy)->levels[i];
      free(graph->points);
      free(graph->first);
      free(graph->source);
      free(graph->pseudo);
      free(graph->cluster);
    }
  if (*hierarchy) free((*hierarchy)->levels);
  free(*hierarchy);
  *hierarchy = NULL;
}
