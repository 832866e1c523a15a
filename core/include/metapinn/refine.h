/* Refinement: gradient steps from the generated networks on the subject's own maps, for who has seconds
 * rather than milliseconds. */
#ifndef METAPINN_REFINE_H
#define METAPINN_REFINE_H

#include "metapinn/twin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_refine_options {
  size_t steps;   /* of each of the two parts, at the most; 0: 60 */
  double seconds; /* wall clock, after which no further step is made; 0: no limit. The activation has a
                     quarter of it at the least, even where the velocity took longer than its part. With a
                     limit the result depends on how fast the machine is */
  bool velocity_alone; /* the activation stays as it was generated: for a query of several origins, which no
                          eikonal solution from one site resembles; false */
} mpinn_refine_options;

void mpinn_refine_options_default(mpinn_refine_options *options);

typedef struct mpinn_refine_report {
  size_t velocity_steps, activation_steps; /* made */
  size_t n_maps;                           /* that could be used: those of a single origin */
  double loss_before, loss_after;          /* ms², of the velocity: equation 3 and the pull (see below) */
  double misfit_before, misfit_after; /* ms, root mean square on the tenth of the nodes that is held back */
  double residual_before, residual_after; /* mean square of |∇T| F − 1 over the nodes, equation 2 */
  bool velocity_kept; /* the generated velocity was kept: nothing else fitted better what was held back */
  double seconds;
} mpinn_refine_report;

/* Refines, in place, a twin of a preset with local features. heart is the one that it was made of.
 *
 * First the velocity: its generated weights and its anchors' features take steps of AdamW down the mean
 * square (Huber's beyond 8 ms) of what the eikonal equation, solved on the velocity from each map's own site
 * of origin and onset, leaves of the measured times of the context maps and of the query's early part; the
 * gradient is exact, through the solver (travel-time tomography). Equation 2 so holds in every step. A pull
 * towards the generated velocity leaves tissue that no front tells of as it was. A tenth of the measured
 * nodes is held back, and the velocity that fits these best is taken. Maps of several origins are left out.
 *
 * Then, unless velocity_alone, the activation: generated anew on that velocity, its weights and features take steps down equation 3
 * against the eikonal solution from the query's site of origin, and equation 2, at the wall's nodes and at
 * random points inside.
 *
 * Cancelled or failed, the twin is as it was. MPINN_ERROR_MODEL: the twin's preset has no local features.
 * MPINN_ERROR_ARGUMENT: another heart, or an option out of range. report may be NULL. */
mpinn_status mpinn_twin_refine(mpinn_context *context, mpinn_twin *twin, const mpinn_subject *heart,
                               const mpinn_refine_options *options, mpinn_refine_report *report);

#ifdef __cplusplus
}
#endif
#endif
