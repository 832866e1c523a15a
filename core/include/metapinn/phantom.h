/* Phantom hearts: seeded biventricular geometries, scars, measured nodes and simulated activation maps. */
#ifndef METAPINN_PHANTOM_H
#define METAPINN_PHANTOM_H

#include "metapinn/eikonal.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_phantom_options {
  uint64_t seed;     /* of the shape: size, wall thickness, septum, RV, apex */
  size_t nodes;      /* wanted number of nodes, 1,600 to 1,000,000; met within 5 % */
  double variation;  /* how far shapes vary about the mean heart; 0 none, 1 plausible (default) */
} mpinn_phantom_options;

void mpinn_phantom_options_default(mpinn_phantom_options *options);

/* A heart with surface_class, segment and transmural on its nodes, in mm, LV long axis along z (apex at −z, base plane
 * z = 0), the RV on −x, tetrahedra from isosurface stuffing of an implicit shape (Labelle & Shewchuk, SIGGRAPH 2007). */
mpinn_status mpinn_phantom_create(mpinn_context *context, const mpinn_phantom_options *options, mpinn_subject **subject);

/* A region of slow conduction. By AHA segments (segment_count > 0) or an ellipsoid. */
typedef struct mpinn_scar {
  size_t segment_count;
  int segments[MPINN_SEGMENT_COUNT]; /* AHA 1..17, MPINN_SEGMENT_RV */
  double centre[3];                  /* mm */
  double radii[3];                   /* mm, along axes */
  double axes[3][3];                 /* orthonormal rows */
  double transmural[2];              /* only where the transmural coordinate lies in this interval; {0, 1} all */
  double speed;                      /* m/s */
} mpinn_scar;

/* The five scar placements of the paper's protocol, as AHA-segment groups: placement 0..4. speed 0.1 m/s. */
void mpinn_scar_paper(int placement, mpinn_scar *scar);
/* A random ellipsoidal scar in the wall of subject. speed 0.1 m/s. */
mpinn_status mpinn_scar_random(mpinn_context *context, const mpinn_subject *subject, uint64_t seed, mpinn_scar *scar);

/* Sets CV on nodes and on cells (m/s): healthy, and the slowest scar where one is. A node or a cell's centroid decides.
 * Needs segment for segment scars. */
mpinn_status mpinn_subject_set_scars(mpinn_context *context, mpinn_subject *subject, double healthy, size_t scar_count,
                                     const mpinn_scar *scars);

/* Marks count endocardial nodes (LV and RV) as measured, well spread (farthest-point order from a seeded start). */
mpinn_status mpinn_subject_sample_measured(mpinn_context *context, mpinn_subject *subject, size_t count, uint64_t seed);

/* Adds AT_00 … and origins: maps activation maps from random nodes of the wall, on cell CV, solved on the mesh refined
 * refinements times and restricted to the nodes. */
mpinn_status mpinn_subject_simulate_maps(mpinn_context *context, mpinn_subject *subject, size_t maps, uint64_t seed,
                                         int refinements);

/* The data set of protocol `paper`: 4 hearts × 5 scar placements × 20 maps, truth on a mesh refined twice. Subjects are in
 * the order heart-major; heart h has the shape of the phantom of seed + h. Maps 0..9 of a subject are its training half,
 * 10..19 its test half. Metadata per subject:
 * heart, scar, seed, sha256 of mesh and of CV. */
mpinn_status mpinn_paper_data_set(mpinn_context *context, uint64_t seed, size_t *count, mpinn_subject ***subjects);

#ifdef __cplusplus
}
#endif
#endif
