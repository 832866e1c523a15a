/* The parts of refinement: a generated field that moves, the velocity's loss and the activation's. */
#ifndef MPINN_MODEL_REFINE_PARTS_H
#define MPINN_MODEL_REFINE_PARTS_H

#include "eikonal/adjoint.h"
#include "heart/mesh.h"
#include "metapinn/refine.h"
#include "model/twin_parts.h"

/* ---- a generated field that takes steps, refine_field.c ---- */

/* On the backend, one vector: the net's weights, then its anchors' features; likewise what goes with them. */
typedef struct mpinn_moving {
  const mpinn_network *network;
  const mpinn_field_net *net;
  size_t n_weights, n;
  void *values, *gradient, *first_moment, *second_moment;
  float *best; /* [n] */
  double epsilon[2];
  long steps;
} mpinn_moving;

/* Begins at a generated network. */
mpinn_status mpinn_moving_create(mpinn_context *context, const mpinn_network *network,
                                 const mpinn_local_field *field, size_t anchors, mpinn_moving *moving);
void mpinn_moving_clear(mpinn_moving *moving);
mpinn_local_field mpinn_moving_field(const mpinn_moving *moving, const double origin[3]);
/* The gradient from a loss's derivatives at points; d_gradient and origin (device memory) may be NULL. */
mpinn_status mpinn_moving_backward(const mpinn_moving *moving, const mpinn_local_points *points,
                                   const void *origin, const void *d_value, const void *d_gradient);
/* A step of AdamW of the weights and of the features. */
mpinn_status mpinn_moving_step(mpinn_moving *moving, double weights_rate, double features_rate);
/* Remembers the values, or goes back to those remembered. */
mpinn_status mpinn_moving_remember(mpinn_moving *moving);
mpinn_status mpinn_moving_return(mpinn_moving *moving);

/* ---- the clock of a refinement ---- */

typedef struct mpinn_refine_clock {
  double start, end; /* seconds */
  size_t steps;
} mpinn_refine_clock;

/* How much of a part is over before its step, 0 … 1. */
double mpinn_refine_share(const mpinn_refine_clock *clock, size_t step);

/* ---- the velocity, refine_velocity.c ---- */

/* A map that is fitted. */
typedef struct mpinn_fitted {
  const float *times; /* [n] of the problem, ms, NaN: not measured */
  mpinn_site site;
  bool site_known; /* it does not move */
  double moments[2][3];
  float *at;         /* [n], ms: the solution where it was measured */
  float *onset;      /* [1] */
  double loss, held; /* Σ Huber over the fitted, Σ squares over those held back */
  size_t n_fitted, n_held;
  mpinn_adjoint *adjoint;
  double *by_at, *by_slowness; /* [nodes], [cells] */
  double by_site[3];
} mpinn_fitted;

typedef struct mpinn_velocity_problem {
  mpinn_context *context;
  const mpinn_mesh *mesh;
  const mpinn_network *network;
  const mpinn_local_points *nodes; /* the mesh's, made ready */
  size_t n;                        /* measured nodes */
  mpinn_mesh_place *places;        /* [n] */
  bool *held;                      /* [n] held back */
  size_t n_maps;
  mpinn_fitted *maps;
  double n_fitted, n_held; /* of all maps */
  mpinn_moving moving;
  float *generated, *speed; /* [nodes], m/s: the twin's, and now */
  double *by_speed;         /* [nodes] */
  void *device;             /* [nodes] */
} mpinn_velocity_problem;

mpinn_status mpinn_velocity_problem_create(mpinn_context *context, const mpinn_twin *twin,
                                           const mpinn_mesh *mesh, const mpinn_local_points *nodes,
                                           mpinn_velocity_problem *problem);
void mpinn_velocity_problem_clear(mpinn_velocity_problem *problem);
/* The loss (ms²) at the moving field, its gradient there and by the sites; held: the root mean square (ms) of
 * what is held back. */
mpinn_status mpinn_velocity_loss(mpinn_velocity_problem *problem, double *loss, double *held);
/* Steps until the clock is over; the field and the sites are then the best. */
mpinn_status mpinn_refine_velocity(mpinn_velocity_problem *problem, const mpinn_refine_clock *clock,
                                   mpinn_refine_report *report);

/* ---- the activation, refine_activation.c ---- */

/* On a velocity, from the query's site on it: activation is the twin's network anew and refined, the caller's
 * to clear. */
mpinn_status mpinn_refine_activation(mpinn_context *context, const mpinn_twin *twin,
                                     const mpinn_local_heart *heart, const mpinn_moving *velocity,
                                     const float *speed, const double origin[3],
                                     const mpinn_refine_clock *clock, mpinn_moving *activation,
                                     mpinn_refine_report *report);

#endif
