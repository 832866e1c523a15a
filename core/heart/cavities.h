/* The heart as a surface, and the cavities of an unlabelled wall: what the frame and the labels are estimated
 * from. */
#ifndef MPINN_HEART_CAVITIES_H
#define MPINN_HEART_CAVITIES_H

#include "base/vector.h"
#include "metapinn/subject.h"

/* Returns the length it had; zero stays zero. */
double mpinn_normalize(double a[3]);

/* The boundary of a wall of tetrahedra, or the triangles themselves. Everything that is estimated from it
 * sums over faces with their areas, so that neither the numbering nor the density of a mesh matters. */
typedef struct mpinn_surface {
  size_t n_nodes, count;
  const double *points;
  int32_t (*faces)[3];
  double (*middles)[3], (*normals)[3]; /* of unit length, out of the wall */
  double *areas;
  unsigned char *classes; /* MPINN_CLASS_… of a face, as the subject's surface_class has it; else 0 */
  double thin_side[3];    /* where the wall around a single unlabelled cavity is thinner, or zero */
} mpinn_surface;

typedef struct mpinn_edge {
  int32_t nodes[2], face;
} mpinn_edge;

/* s zeroed; borrows the subject's points. Cleared by mpinn_surface_clear whatever is returned. */
mpinn_status mpinn_surface_create(mpinn_context *context, const mpinn_subject *subject, mpinn_surface *s);
void mpinn_surface_clear(mpinn_surface *s);

/* edges[3 · count], those of the same nodes side by side; free() them. */
mpinn_status mpinn_surface_edges(mpinn_context *context, const mpinn_surface *s, mpinn_edge **edges);

/* Sets the classes of all faces: LV and RV endocardium, else epicardium. Cavities are where the wall looks at
 * wall, the LV the thicker-walled of two, a single one the LV. */
mpinn_status mpinn_surface_find_cavities(mpinn_context *context, mpinn_surface *s, const mpinn_edge *edges);

#endif
