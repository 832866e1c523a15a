/* A heart as a mesh of tetrahedra (the wall) or of triangles (a surface alone), validated on creation. Immutable. */
#ifndef METAPINN_MESH_H
#define METAPINN_MESH_H

#include "metapinn/context.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_mesh mpinn_mesh;

/* The value is the number of nodes of a cell. */
typedef enum mpinn_cell_type { MPINN_TRIANGLE = 3, MPINN_TETRAHEDRON = 4 } mpinn_cell_type;

/* What validation found; everything here was survived. */
typedef struct mpinn_mesh_report {
  size_t components;       /* connected components among the usable cells */
  size_t unreferenced;     /* nodes of no usable cell: no activation reaches them */
  size_t degenerate_cells; /* cells of zero length, area or volume: ignored by every computation */
  size_t duplicate_cells;  /* cells with the nodes of an earlier one: ignored by every computation */
  size_t inverted_cells;   /* tetrahedra of negative orientation: turned around, in mpinn_mesh_cells too */
} mpinn_mesh_report;

/* Copies points[n_nodes][3] (mm) and cells[n_cells][type] (indices into points).
 * MPINN_ERROR_MESH, with the offending node or cell named: no nodes, no usable cells, a coordinate that is not finite,
 * an index out of range. */
mpinn_status mpinn_mesh_create(mpinn_context *context, mpinn_cell_type type, size_t n_nodes, const double *points,
                               size_t n_cells, const int32_t *cells, mpinn_mesh **mesh);
/* Nodes alone, [n_nodes][3] (mm), without any cell: a measured surface of which only its points are known. What computes
 * on cells refuses it. MPINN_ERROR_MESH as above. */
mpinn_status mpinn_mesh_create_points(mpinn_context *context, size_t n_nodes, const double *points, mpinn_mesh **mesh);
void mpinn_mesh_destroy(mpinn_mesh **mesh);

mpinn_cell_type mpinn_mesh_cell_type(const mpinn_mesh *mesh);
size_t mpinn_mesh_node_count(const mpinn_mesh *mesh);
size_t mpinn_mesh_cell_count(const mpinn_mesh *mesh);
const double *mpinn_mesh_points(const mpinn_mesh *mesh);  /* [node_count][3], mm */
const int32_t *mpinn_mesh_cells(const mpinn_mesh *mesh);  /* [cell_count][cell_type], ignored ones included */
const bool *mpinn_mesh_cell_usable(const mpinn_mesh *mesh); /* [cell_count] */
mpinn_mesh_report mpinn_mesh_get_report(const mpinn_mesh *mesh);
double mpinn_mesh_mean_edge(const mpinn_mesh *mesh); /* mm, over the usable cells' edges */

/* Every cell cut at its edges' midpoints: 8 tetrahedra (the inner octahedron by its shortest diagonal; Bey, Numer.
 * Math. 85, 2000) or 4 triangles. The first node_count nodes of the result are the nodes of mesh; the children of cell c
 * are cells 8c … 8c+7 (4c … 4c+3), so what cells carry is inherited by index. */
mpinn_status mpinn_mesh_refine(mpinn_context *context, const mpinn_mesh *mesh, mpinn_mesh **refined);

#ifdef __cplusplus
}
#endif
#endif
