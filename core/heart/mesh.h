/* What the core sees of a mesh beyond the public calls: its adjacency, its edges, and where a point lies in
 * it. */
#ifndef MPINN_HEART_MESH_H
#define MPINN_HEART_MESH_H

#include "metapinn/mesh.h"

struct mpinn_mesh {
  mpinn_cell_type type;
  size_t node_count, cell_count, edge_count;
  double *points; /* [node_count][3], mm */
  int32_t *cells; /* [cell_count][type] */
  bool *usable;   /* [cell_count] */
  mpinn_mesh_report report;
  double mean_edge, longest_edge; /* mm, over the edges below */
  double diagonal;                /* mm, of the box around the nodes of usable cells */
  /* The corners at node n are corners[corner_start[n] … corner_start[n + 1] − 1]: corner = type · cell +
   * position of n in the cell, ascending, of usable cells alone. */
  int32_t *corner_start; /* [node_count + 1] */
  int32_t *corners;
  /* The edges of usable cells, each once: those from node n to a node of higher number are
   * edge_ends[edge_start[n] … edge_start[n + 1] − 1]. */
  int32_t *edge_start; /* [node_count + 1] */
  int32_t *edge_ends;  /* [edge_count] */
};

/* The cell of a corner. (A division by a constant is a tenth of one by a variable.) */
static inline int32_t mpinn_mesh_corner_cell(const mpinn_mesh *mesh, int32_t corner) {
  return mesh->type == MPINN_TETRAHEDRON ? corner / 4 : corner / 3;
}

/* A point of a mesh: cell and barycentric weights there. */
typedef struct mpinn_mesh_place {
  int32_t cell;
  double weights[4];  /* ≥ 0, sum 1; the fourth is 0 on triangles */
  double position[3]; /* mm */
  double distance;    /* mm, from the point that was asked for */
} mpinn_mesh_place;

/* The node nearest to point (mm), of several the first. */
size_t mpinn_mesh_nearest_node(const mpinn_mesh *mesh, const double point[3]);
/* The point of the usable cells that is nearest to position (mm, finite), and one cell that has it. */
void mpinn_mesh_nearest(const mpinn_mesh *mesh, const double position[3], mpinn_mesh_place *place);

#endif
