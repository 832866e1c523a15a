/* What personalization is compared with: methods that optimize on the subject's own maps. */
#ifndef METAPINN_BASELINES_H
#define METAPINN_BASELINES_H

#include "metapinn/twin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a baseline is fitted to. Only differences within a map count; values as of mpinn_map. */
typedef struct mpinn_baseline_input {
  const mpinn_subject *heart;
  size_t n_surface;        /* nodes of the measured surface */
  const double *surface;   /* [n_surface][3], mm, the heart's coordinates; moved to its nearest points */
  size_t n_maps;           /* may be 0 with a query */
  const mpinn_map *maps;   /* [n_maps], each may be measured at other nodes */
  const mpinn_map *query;  /* its earliest 20 % of measured nodes are one more map, the last; may be NULL */
  const mpinn_site *sites; /* [n_maps, and one of the query], mm: each map's site of origin; the onset is not
                              looked at. NULL: found */
} mpinn_baseline_input;

/* ---- physics-based: conduction velocity by segments ---- */

/* Which segments of the heart (its node array `segment`) share a velocity. */
typedef enum mpinn_segmentation {
  /* "paper": 5, the scar placements of protocol `paper` (mpinn_scar_paper). They overlap: a segment of two
   * has the lesser of their velocities. The RV is in none. */
  MPINN_SEGMENTATION_PAPER,
  /* "aha17+rv": 18, AHA 1..17 and the RV. */
  MPINN_SEGMENTATION_AHA,
  /* "released": 5, those of the paper's released code: 1 2 7 8; 5 6 11 12; 3 4 9 10; 13 to 17; the RV. */
  MPINN_SEGMENTATION_RELEASED,
  MPINN_SEGMENTATION_COUNT
} mpinn_segmentation;

enum { MPINN_SEGMENTATION_MOST = 18 };

/* The name quoted above; NULL for what is no segmentation. */
const char *mpinn_segmentation_name(mpinn_segmentation segmentation);
size_t mpinn_segmentation_groups(mpinn_segmentation segmentation);

typedef struct mpinn_segments_fit_options {
  mpinn_segmentation segmentation; /* MPINN_SEGMENTATION_PAPER */
  double bounds[2];                /* m/s; 0.01 and 1 */
  double start;                    /* m/s, of all segments; 0.6 */
  double elsewhere;                /* m/s, of tissue that is in none of the groups; 0.6 */
  size_t max_evaluations;          /* of the misfit, at least 1; 500 */
  double tolerance; /* converged where steps change no velocity by more than this share; 0.001 */
} mpinn_segments_fit_options;

void mpinn_segments_fit_options_default(mpinn_segments_fit_options *options);

typedef enum mpinn_fit_stop { MPINN_FIT_CONVERGED, MPINN_FIT_EVALUATIONS, MPINN_FIT_ROUNDOFF } mpinn_fit_stop;

/* "converged", "all evaluations made", "limited by rounding"; never NULL. */
const char *mpinn_fit_stop_text(mpinn_fit_stop stopped);

typedef struct mpinn_segments_fit_report {
  size_t n_groups; /* of the segmentation */
  /* m/s, of its groups; NaN of those that the heart does not have */
  double velocity[MPINN_SEGMENTATION_MOST];
  size_t evaluations;                 /* of the misfit */
  size_t solves;                      /* eikonal solves, those of the search for sites of origin included */
  size_t n_measured;                  /* measurements fitted, of all maps */
  double misfit_before, misfit_after; /* ms, root mean square over them: of the start, and of the answer */
  double seconds;                     /* wall clock */
  mpinn_fit_stop stopped;
} mpinn_segments_fit_report;

/* Fits the segments' velocities by BOBYQA (Powell, DAMTP 2009/NA06, in NLopt; of one group alone by Nelder
 * and Mead's method) to the mean square, over all measurements of all maps alike, of measured less eikonal
 * times, each map's onset being what suits it best. The logarithm of the velocity is what is searched (the
 * paper's released code: the velocity itself, from 0.35 m/s, by the mean absolute difference). A cell
 * is of the segment that most of its nodes have, as a scar of mpinn_subject_set_scars is. Measurements in a
 * part of the mesh that a map's front does not reach do not count.
 *
 * Sites that are not given are found by mpinn_find_origin on the start velocity, and again, up to
 * twice, on the fitted one: a map's new site is taken where it lessens that map's misfit, and the fit goes on
 * from there. Each search costs a map some dozens of solves, which the report counts.
 *
 * The heart needs a node array `segment`; mpinn_subject_estimate_labels does not make one. The misfit of the
 * answer is never greater than that of the start.
 *
 *   cv[nodes]                    m/s; may be NULL
 *   cell_cv[cells]               m/s, what the eikonal times are of; may be NULL
 *   sites[n_maps, one of query]  with the fitted onsets, ms, of the maps' own clocks; may be NULL
 *
 * report may be NULL. Cancelled or failed, all are as they were. MPINN_ERROR_MAP, naming the map: none is
 * given, one has fewer than 4 measured nodes, or all have fewer measurements than there are unknowns (groups
 * and onsets). MPINN_ERROR_ARGUMENT: no segments, an option or a site out of range. */
mpinn_status mpinn_fit_segments(mpinn_context *context, const mpinn_baseline_input *input,
                                const mpinn_segments_fit_options *options, float *cv, float *cell_cv,
                                mpinn_site *sites, mpinn_segments_fit_report *report);

/* ---- multi-PINN: networks of the subject alone ---- */

typedef struct mpinn_networks_fit_options {
  uint64_t seed;   /* of the networks' first weights and of what is drawn; 1 */
  size_t steps;    /* of Adam, at least 1; 5000 */
  double rate;     /* Adam's learning rate, at first, after a rise over 5 % of the steps; 0.005 */
  double end_rate; /* at the end, after a cosine; 0.00001 */
  /* α, the weight of the PDE loss: 0 up to a share of the steps, from there rising to its last value, which
   * it has from another share on */
  double alpha;          /* the last value; 0.1. The paper's: 1 */
  double alpha_share[2]; /* 0 and 0.05 */
  /* β, the weight of the mean square of F/(0.6 m/s) − 1; 0.03. Maps of a surface say nothing of how steep T
   * is across the wall, so that without it F is too slow. The paper's: 0 */
  double healthy_weight;
  size_t wall_nodes;     /* at which a step asks for the eikonal equation, drawn anew; 256 */
  size_t measured_nodes; /* at which a step asks for the maps, drawn anew where there are more; 1024 */
} mpinn_networks_fit_options;

void mpinn_networks_fit_options_default(mpinn_networks_fit_options *options);

typedef struct mpinn_networks_fit_report {
  size_t steps;
  size_t n_weights;                       /* of all networks together */
  size_t n_measured;                      /* measurements fitted, of all maps */
  double misfit_before, misfit_after;     /* ms, root mean square over them */
  double residual_before, residual_after; /* mean square of |∇T| F − 1 over the maps and the heart's nodes */
  double seconds;                         /* wall clock */
} mpinn_networks_fit_report;

/* Fits, from random weights, a PINN T(x) to every map and one velocity net F(x) to all of them, those of
 * preset `paper`, together by Adam (Kingma, Ba, ICLR 2015): to the mean over the maps of the mean square of
 * T − measured (equation 3), α times that of |∇T| F − 1 (equation 2) and β times the mean square of
 * F/(0.6 m/s) − 1, in units of the heart's length and of that over 0.6 m/s. Where the query was measured
 * after its early part, T is held to be no earlier than that. Each T counts from its map's earliest time.
 * Sites of origin are not looked at.
 *
 *   cv[nodes]                            m/s; may be NULL
 *   at[n_maps, one of query][nodes]      ms, of the maps' own clocks; may be NULL
 *   residual[n_maps, one of query][nodes] |∇T| F − 1, ∇T exact; may be NULL
 *
 * The same for any number of threads. report may be NULL. Cancelled or failed, all are as they were.
 * MPINN_ERROR_MAP, naming the map: none is given, or one has fewer than 4 measured nodes.
 * MPINN_ERROR_ARGUMENT: an option out of range. */
mpinn_status mpinn_fit_networks(mpinn_context *context, const mpinn_baseline_input *input,
                                const mpinn_networks_fit_options *options, float *cv, float *at,
                                float *residual, mpinn_networks_fit_report *report);

#ifdef __cplusplus
}
#endif
#endif
