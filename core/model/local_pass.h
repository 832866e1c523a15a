/* A heart and its maps through the networks of local_network.h: what training and personalization both do. */
#ifndef MPINN_MODEL_LOCAL_PASS_H
#define MPINN_MODEL_LOCAL_PASS_H

#include "metapinn/eikonal.h"
#include "model/local_heart.h"
#include "model/local_network.h"

typedef struct mpinn_local_pass {
  const mpinn_network *network;
  const mpinn_local_heart *heart;
  mpinn_tape *tape;
  mpinn_observed observed[MPINN_STAGES];
  mpinn_stage_result result[MPINN_STAGES];
  float *speed[MPINN_STAGES]; /* [nodes], m/s, of the velocity stages */
  float *eikonal; /* [nodes], ms from the onset: the solution that the activation stage stands beside */
} mpinn_local_pass;

/* Where maps are measured, and their times. */
typedef struct mpinn_local_maps {
  size_t n;             /* measured nodes */
  const double *points; /* [n][3], mm */
  size_t n_maps;
  const float *times; /* [n_maps][n], ms, NaN: not measured */
} mpinn_local_maps;

mpinn_status mpinn_local_pass_create(mpinn_context *context, const mpinn_network *network,
                                     mpinn_local_pass *pass);
void mpinn_local_pass_clear(mpinn_local_pass *pass);

/* Begins anew with a heart, borrowed until the next begin. */
void mpinn_local_begin(mpinn_local_pass *pass, const mpinn_local_heart *heart);
/* Both velocity stages from the context maps: fills their results and speeds. */
mpinn_status mpinn_local_velocity(mpinn_context *context, mpinn_local_pass *pass,
                                  const mpinn_local_maps *maps);
/* The activation stage from a query's early part, one map, and its site of origin; after the velocity. The
 * onset is not read: times may count from anywhere. */
mpinn_status mpinn_local_activation(mpinn_context *context, mpinn_local_pass *pass,
                                    const mpinn_local_maps *early, const double origin[3]);

/* A guess at where in the wall a map began: the node from which straight lines at the speed around explain
 * the earliest tenth of the measured times best. speed[nodes], m/s. Cheap, and a few mm off. */
mpinn_status mpinn_local_guess_origin(mpinn_context *context, const mpinn_local_heart *heart,
                                      const float *speed, size_t n, const double *points, const float *times,
                                      double origin[3]);

/* ---- the generated networks, anywhere ---- */

/* Device memory of a generated network and its anchors' features. */
typedef struct mpinn_local_field {
  const mpinn_field_net *net;
  const void *weights, *features;
  double origin[3]; /* mm; of a factored net */
} mpinn_local_field;

mpinn_local_field mpinn_local_field_of(const mpinn_local_pass *pass, int stage, const double origin[3]);

/* A site in mm as the backend's fields take it, [3]; the caller releases it. */
mpinn_status mpinn_local_origin(const mpinn_network *network, const mpinn_local_heart *heart,
                                const double origin[3], void **device);

/* value[n], and gradient[n][3] unless NULL, on the backend: m/s of a velocity; of an activation lengths of
 * the heart over the healthy speed. */
mpinn_status mpinn_local_evaluate(const mpinn_local_heart *heart, const mpinn_local_points *points,
                                  const mpinn_local_field *field, void *value, void *gradient);

#endif
