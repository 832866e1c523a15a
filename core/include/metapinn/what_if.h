/* What if: the activation of an answered heart from other sites of origin, and on an edited velocity, by the
 * eikonal equation; in milliseconds, without a model. */
#ifndef METAPINN_WHAT_IF_H
#define METAPINN_WHAT_IF_H

#include "metapinn/eikonal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A ball in which the velocity is another: a scar, an ablation, a drug's effect. */
typedef struct mpinn_what_if_region {
  double centre[3]; /* mm */
  double radius;    /* mm, > 0 */
  double speed;     /* m/s, > 0 */
} mpinn_what_if_region;

typedef struct mpinn_what_if_options {
  size_t n_sites;          /* ≥ 1; the first front to arrive activates a node */
  const mpinn_site *sites; /* [n_sites], mm and ms; moved to the nearest point of the heart */
  const char *cv;          /* node or cell array of the velocity, m/s; NULL: "CV" */
  size_t n_regions;
  const mpinn_what_if_region *regions; /* [n_regions], one after the other: later ones go over earlier */
} mpinn_what_if_options;

void mpinn_what_if_options_default(mpinn_what_if_options *options);

/* Gives the subject the node array AT_whatif (ms, NaN where no front comes) and CV_whatif (m/s, of nodes or
 * cells as the velocity is; a cell is in a region where its centroid is), in place of earlier ones, and the
 * texts metapinn_what_if_origin ("x y z t0; …", mm and ms, as asked), metapinn_what_if_cv (the array's name),
 * metapinn_what_if_regions ("x y z radius speed; …") and metapinn_what_if_seconds.
 *
 * On failure the subject is as it was. MPINN_ERROR_ARGUMENT, naming what is wrong: no such array, of several
 * components, a velocity that is not above zero, no site, a site further from the heart than the heart is
 * long, a region without any node or cell, or a radius or speed that is not above zero. */
mpinn_status mpinn_what_if(mpinn_context *context, mpinn_subject *subject,
                           const mpinn_what_if_options *options);

#ifdef __cplusplus
}
#endif
#endif
