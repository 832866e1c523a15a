/* Networks of one subject alone: a PINN T(x) for every map and one velocity net F(x) for all, their loss and
 * its derivatives. Positions count from the heart's centre in units of its length; times from each map's
 * earliest in units of length/healthy speed. */
#ifndef MPINN_BASELINES_MULTI_PINN_H
#define MPINN_BASELINES_MULTI_PINN_H

#include "baselines/measurements.h"
#include "nn/ops.h"

/* Points that the networks are evaluated at, and what is made of them; the arrays of host memory hold all
 * that there are, those of the backend as many as a step draws. */
typedef struct mpinn_point_set {
  size_t n, drawn;
  size_t *order;      /* [n] what is drawn comes first */
  float *all;         /* [n][3] */
  float *host_points; /* [drawn][3] */
  void *points;       /* [drawn][3] */
  void *value;        /* [n_maps][drawn] */
  void *d_value;      /* [n_maps][drawn] */
} mpinn_point_set;

typedef struct mpinn_multi_pinn {
  mpinn_context *context;
  const mpinn_ops *ops;
  mpinn_backend *backend;
  const mpinn_field_net *pinn, *velocity;
  size_t n_maps, n_pinn, n_parameters; /* weights of a PINN, of all networks */
  mpinn_measurements measurements;
  double centre[3], length, unit; /* mm, mm, ms */
  mpinn_point_set nodes;          /* of the wall */
  mpinn_point_set electrodes;     /* nodes of the surface that some map is measured at */
  float *target;                  /* [n_maps][electrodes] */
  float *weight; /* [n_maps][electrodes]: 1/how many the map is measured at, 0 where it is not; and where T is
                    only known to be no less than target, −1/how many there are */
  float *late_weight;                /* [electrodes drawn], of the last map in this step */
  float *host_drawn;                 /* [2][n_maps][electrodes drawn] */
  void *target_drawn, *weight_drawn; /* [n_maps][electrodes drawn] */
  /* [n_maps][the more that are drawn], and by position; speed is the same for all maps. */
  void *gradient, *d_gradient, *speed, *d_speed;
  void *healthy, *d_prior; /* [wall nodes drawn], m/s and by it */
  void *sums;              /* [2] */
  /* [n_parameters]: the maps' PINNs one behind the other, then the velocity net. */
  void *parameters, *derivative, *part, *first_moment, *second_moment;
} mpinn_multi_pinn;

/* Fresh networks, drawn from options->seed. Fails as mpinn_fit_networks does. */
mpinn_status mpinn_multi_pinn_create(mpinn_context *context, const mpinn_ops *ops,
                                     const mpinn_baseline_input *input,
                                     const mpinn_networks_fit_options *options, mpinn_multi_pinn *p);
void mpinn_multi_pinn_clear(mpinn_multi_pinn *p);

/* The points of a step. */
mpinn_status mpinn_multi_pinn_draw(mpinn_multi_pinn *p, mpinn_random *random);

/* Over the points drawn. */
typedef struct mpinn_fit_losses {
  double data;  /* mean over the maps of the mean square of T − measured (equation 3) */
  double pde;   /* … of |∇T| F − 1 (equation 2) */
  double prior; /* mean square of F/healthy − 1; 0 where it has no weight */
} mpinn_fit_losses;

/* derivative is that of data + alpha pde + beta prior by the parameters. */
mpinn_status mpinn_multi_pinn_loss(mpinn_multi_pinn *p, double alpha, double beta, mpinn_fit_losses *losses);

/* One step of Adam down the derivative; number is 1 for the first. */
mpinn_status mpinn_multi_pinn_step(mpinn_multi_pinn *p, double learning_rate, long number);

/* At all nodes of the wall; each may be NULL: cv[nodes] m/s; at[n_maps][nodes], ms of each map's clock;
 * residual[n_maps][nodes]. *pde is the residual's mean square, *misfit the root mean square, ms, over all
 * measurements. */
mpinn_status mpinn_multi_pinn_evaluate(const mpinn_multi_pinn *p, float *cv, float *at, float *residual,
                                       double *pde, double *misfit);

#endif
