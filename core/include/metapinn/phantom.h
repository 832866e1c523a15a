/* Phantom hearts: seeded ventricles, scars and tissue, measured nodes and simulated activation maps. */
#ifndef METAPINN_PHANTOM_H
#define METAPINN_PHANTOM_H

#include "metapinn/eikonal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which ventricles the mesh has. Of the RV alone the septum is part of the wall, and its LV side is epicardium. */
typedef enum mpinn_ventricles { MPINN_BOTH_VENTRICLES, MPINN_LV_ALONE, MPINN_RV_ALONE } mpinn_ventricles;

typedef struct mpinn_phantom_options {
  uint64_t seed;     /* of the shape: size, wall thickness, septum, RV, apex */
  size_t nodes;      /* wanted number of nodes, 400 to 1,000,000; met within 5 % */
  double variation;  /* how far shapes vary about the mean heart; 0 none, 1 plausible (default), 2 diseased: dilated,
                      * thick, thin, long, short, a flat septum, an uneven wall, a base that is neither flat nor level */
  mpinn_ventricles ventricles; /* both by default */
  double size;       /* factor on all lengths: 1 a human heart (default), 0.15 a rabbit's */
} mpinn_phantom_options;

void mpinn_phantom_options_default(mpinn_phantom_options *options);

/* A heart with surface_class, segment and transmural on its nodes, in mm, LV long axis along z (apex at −z, base plane
 * z = 0, up to a variation of 1.5), the RV on −x, tetrahedra from isosurface stuffing of an implicit shape (Labelle & Shewchuk, SIGGRAPH 2007). */
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
  double border; /* mm around an ellipsoid, in which the speed rises smoothly to that of healthy tissue; 0 none */
} mpinn_scar;

/* The five scar placements of the paper's protocol, as AHA-segment groups: placement 0..4. speed 0.1 m/s. */
void mpinn_scar_paper(int placement, mpinn_scar *scar);
/* A random ellipsoidal scar in the wall of subject. speed 0.1 m/s. */
mpinn_status mpinn_scar_random(mpinn_context *context, const mpinn_subject *subject, uint64_t seed, mpinn_scar *scar);

/* Sets CV on nodes and on cells (m/s): healthy, and the slowest scar where one is. A node or a cell's centroid decides.
 * Needs segment for segment scars. */
mpinn_status mpinn_subject_set_scars(mpinn_context *context, mpinn_subject *subject, double healthy, size_t scar_count,
                                     const mpinn_scar *scars);

/* Tissue drawn at random: regions of slow conduction and the healthy rest. Every pair is the least and the most. */
typedef struct mpinn_tissue {
  uint64_t seed;
  size_t scars[2];   /* how many; at most 32 */
  double radius[2];  /* of an ellipsoid's half axes, in parts of half the diagonal of the heart's box */
  double healthy[2]; /* m/s, one value a heart */
  double slow[2];    /* m/s, one value a scar */
  double border[2];  /* mm, one value a scar: width of the rim in which the speed rises smoothly to healthy */
  double partial;    /* share of scars that are not transmural: subendocardial, subepicardial or in the middle of the wall */
} mpinn_tissue;

/* Seed 1; 1 to 3 scars of 0.1 m/s in 0.6 m/s, without border, radius 0.12 to 0.35, 0.4 of them partial. */
void mpinn_tissue_default(mpinn_tissue *tissue);
/* Sets CV on nodes and cells as mpinn_subject_set_scars does. Scars are partial only where the subject has transmural. */
mpinn_status mpinn_subject_draw_tissue(mpinn_context *context, mpinn_subject *subject, const mpinn_tissue *tissue);

/* Where maps are measured. */
typedef struct mpinn_sampling {
  uint64_t seed;
  size_t count;      /* measured nodes before patches go missing; all where the surfaces have no more */
  unsigned surfaces; /* bits 1 << MPINN_CLASS_EPICARDIUM, 1 << MPINN_CLASS_LV_ENDOCARDIUM, … RV_ENDOCARDIUM */
  double missing;    /* share of the measured nodes that patches take away, 0 to 0.9; at least 8 stay */
} mpinn_sampling;

/* Seed 1, 300 nodes of both endocardia, none missing. */
void mpinn_sampling_default(mpinn_sampling *sampling);
/* Sets measured: well spread (farthest-point order from a seeded start) over the nodes of the surfaces, less a few round
 * patches, each of one surface. */
mpinn_status mpinn_subject_sample(mpinn_context *context, mpinn_subject *subject, const mpinn_sampling *sampling);
/* Marks count endocardial nodes (LV and RV) as measured, well spread; an error where there are fewer. */
mpinn_status mpinn_subject_sample_measured(mpinn_context *context, mpinn_subject *subject, size_t count, uint64_t seed);

/* Adds surface_class and transmural where the subject lacks them, estimated from the shape alone: cavities are what the
 * wall looks at wall from, the LV's the thicker-walled (a single cavity counts as the LV's), the base is what faces
 * upwards around their rims; transmural is the share of the distance to the endocardium in that to endocardium and
 * epicardium. Without any cavity the surface is all epicardium, and transmural is not added. */
mpinn_status mpinn_subject_estimate_labels(mpinn_context *context, mpinn_subject *subject);

/* Adds segment where the subject lacks it, and the labels of mpinn_subject_estimate_labels: AHA segments by thirds of the
 * LV's long axis and sectors of 60° from the middle of the septum, in the ventricular frame; the RV's free wall is what
 * lies between the RV's endocardium and the epicardium. Without an RV's endocardium it is arbitrary where the sectors
 * begin. MPINN_ERROR_MESH: no frame. */
mpinn_status mpinn_subject_estimate_segments(mpinn_context *context, mpinn_subject *subject);

/* Adds AT_00 … and origins: maps activation maps from random nodes of the wall, on cell CV, solved on the mesh refined
 * refinements times and restricted to the nodes. Where the subject has fibres (mpinn_subject_set_fibres), CV is the
 * geometric mean of the speeds along and across them. */
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
