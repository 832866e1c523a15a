/* The table of operations: everything that a network computes, forwards and backwards, behind one interface
 * that the CPU implements (in float for work, in double as the reference) and that another backend may
 * implement.
 *
 * "Device memory" is what alloc returns; only operations read or write it, upload and download cross over.
 * Its elements are reals of real_bytes bytes; host code may add an offset (mpinn_element) but never
 * dereference. Arrays are row-major. Operations on one backend run in the order they are called. A backward
 * operation ADDS to the gradients of parameters and OVERWRITES the gradients of inputs, unless it says
 * otherwise. Results are the same for any number of threads. */
#ifndef MPINN_NN_OPS_H
#define MPINN_NN_OPS_H

#include "base/internal.h"
#include "heart/graph.h"
#include "metapinn/subject.h"

typedef enum mpinn_activation { MPINN_LINEAR, MPINN_RELU, MPINN_ELU, MPINN_TANH } mpinn_activation;

/* A generated network from position to one value: `layers` dense layers, all but the last `width` wide and
 * activated. Weights are one vector: for each layer W[out][in] row-major, then b[out]. Its input is the
 * position x or, where features is not 0, that many features interpolated at x with, where factored,
 * r = |x − origin| behind them. The value is, with z the last layer's output, r exp(z) where factored, else
 * low + (high − low) σ(steepness z) where steepness > 0, else z. */
typedef struct mpinn_field_net {
  int layers, width;
  mpinn_activation activation;
  double low, high, steepness;
  int features;
  bool factored; /* of a net with features only */
} mpinn_field_net;

static inline size_t mpinn_field_net_inputs(const mpinn_field_net *net) {
  return net->features > 0 ? (size_t)net->features + net->factored : 3;
}

static inline size_t mpinn_field_net_weights(const mpinn_field_net *net) {
  const size_t w = (size_t)net->width, hidden = (size_t)net->layers - 2;
  return (mpinn_field_net_inputs(net) * w + w) + hidden * (w * w + w) + (w + 1);
}

typedef struct mpinn_adamw {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  long step; /* 1 for the first */
} mpinn_adamw;

/* One PDE and data loss (equations 2 and 3) for B maps on the same n nodes, normalized units. */
typedef struct mpinn_eikonal_loss {
  size_t maps, nodes;
  const void *value;    /* [maps][nodes] T */
  const void *gradient; /* [maps][nodes][3] ∇T */
  const void *speed;    /* [maps][nodes] F */
  const void *target;   /* [maps][nodes] AT */
  const void *weight;   /* [nodes] of the data loss; 0 where AT is not to be fitted */
  double data_scale;    /* multiplies Σ weight (T − AT)² */
  double pde_scale;     /* multiplies Σ (speed_scale |∇T| F − 1)²; α and the means are in the scales */
  double speed_scale;   /* turns |∇T| F into a pure number */
  void *d_value, *d_gradient, *d_speed; /* overwritten with the loss's derivatives; shapes as above */
  void *sums; /* [maps][2] overwritten with Σ weight (T − AT)² and Σ (speed_scale |∇T| F − 1)² */
} mpinn_eikonal_loss;

/* An implementation's state: device, workspaces. */
typedef struct mpinn_backend mpinn_backend;
/* In device memory: a graph, prepared for convolution and pooling. */
typedef struct mpinn_spline_plan mpinn_spline_plan;
/* In device memory: edges from sources to targets, both ways round. */
typedef struct mpinn_edge_plan mpinn_edge_plan;
/* In device memory: which anchors each point interpolates from, and how. */
typedef struct mpinn_reach mpinn_reach;

typedef struct mpinn_ops {
  const char *name;
  size_t real_bytes;

  mpinn_status (*create)(mpinn_context *context, mpinn_backend **backend);
  void (*destroy)(mpinn_backend **backend);

  /* Zeroed memory for n reals. */
  mpinn_status (*alloc)(mpinn_backend *backend, size_t n, void **memory);
  void (*release)(mpinn_backend *backend, void *memory);
  /* Convert between host arrays of MPINN_FLOAT32 or MPINN_FLOAT64 and device reals. */
  mpinn_status (*upload)(mpinn_backend *backend, size_t n, mpinn_type type, const void *host, void *memory);
  mpinn_status (*download)(mpinn_backend *backend, size_t n, const void *memory, mpinn_type type, void *host);
  mpinn_status (*zero)(mpinn_backend *backend, size_t n, void *memory);

  /* C[m][n] = op(A) op(B) + beta C, op(A) being m × k. */
  mpinn_status (*matmul)(mpinn_backend *backend, bool transpose_a, bool transpose_b, size_t m, size_t n,
                         size_t k, const void *a, const void *b, double beta, void *c);

  /* y[rows][out] = activation(x[rows][in] W[out][in]ᵀ + bias[out]). */
  mpinn_status (*dense_forward)(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                const void *weight, const void *bias, mpinn_activation activation, void *y);
  /* dy is overwritten with the derivative before the activation. dx may be NULL. */
  mpinn_status (*dense_backward)(mpinn_backend *backend, size_t rows, size_t in, size_t out, const void *x,
                                 const void *weight, mpinn_activation activation, const void *y, void *dy,
                                 void *dx, void *d_weight, void *d_bias);

  /* y[rows][a + b]: row by row the columns of xa[rows][a], then those of xb[rows][b]; and the way back. */
  mpinn_status (*join_columns)(mpinn_backend *backend, size_t rows, size_t a, size_t b, const void *xa,
                               const void *xb, void *y);
  mpinn_status (*split_columns)(mpinn_backend *backend, size_t rows, size_t a, size_t b, const void *y,
                                void *xa, void *xb);

  /* Prepares a level of a hierarchy; kernel_size knots a dimension (B-splines of degree 1, open). */
  mpinn_status (*spline_plan_create)(mpinn_backend *backend, const mpinn_graph *graph, int kernel_size,
                                     mpinn_spline_plan **plan);
  void (*spline_plan_destroy)(mpinn_backend *backend, mpinn_spline_plan **plan);
  /* SplineConv (Fey, Lenssen, Weichert, Müller, CVPR 2018): for every node i and map m
   *   y_i = activation( mean over neighbours j of Σ_k B_k(pseudo_ij) x_j W_k  +  x_i root  +  bias )
   * x[nodes][maps][in], W[kernel_size³][in][out] (first dimension of pseudo fastest), root[in][out],
   * y[nodes][maps][out]. */
  mpinn_status (*spline_conv_forward)(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                      size_t in, size_t out, const void *x, const void *weight,
                                      const void *root, const void *bias, mpinn_activation activation,
                                      void *y);
  /* dy is overwritten with the derivative before the activation. dx may be NULL. */
  mpinn_status (*spline_conv_backward)(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                       size_t in, size_t out, const void *x, const void *weight,
                                       const void *root, mpinn_activation activation, const void *y, void *dy,
                                       void *dx, void *d_weight, void *d_root, void *d_bias);
  /* y[clusters][maps][channels]: the mean over a cluster's nodes of x[nodes][maps][channels]. */
  mpinn_status (*cluster_mean_forward)(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                       size_t channels, const void *x, void *y);
  mpinn_status (*cluster_mean_backward)(mpinn_backend *backend, const mpinn_spline_plan *plan, size_t maps,
                                        size_t channels, const void *dy, void *dx);
  /* y[maps][channels]: the maximum over nodes of x[nodes][maps][channels]; the derivative goes to the first
   * node that attains it. */
  mpinn_status (*node_max_forward)(mpinn_backend *backend, size_t nodes, size_t maps, size_t channels,
                                   const void *x, void *y);
  mpinn_status (*node_max_backward)(mpinn_backend *backend, size_t nodes, size_t maps, size_t channels,
                                    const void *x, const void *y, const void *dy, void *dx);

  /* y[rows][2 columns]: beside each other the mean and the maximum over groups of x[groups][rows][columns]; dx is
   * overwritten, the maximum's derivative goes to the first group that attains it. */
  mpinn_status (*mean_max_forward)(mpinn_backend *backend, size_t groups, size_t rows, size_t columns,
                                   const void *x, void *y);
  mpinn_status (*mean_max_backward)(mpinn_backend *backend, size_t groups, size_t rows, size_t columns,
                                    const void *x, const void *y, const void *dy, void *dx);

  /* Prepares edges, all arrays on the host: those of target t are first[t] … first[t + 1] − 1 of
   * first[targets + 1] (a target may have none), source[edges] their sources (0 … sources − 1),
   * attribute[edges][attributes] (NULL where attributes is 0) and weight[edges] (NULL: 1/degree of the
   * target) what they carry. */
  mpinn_status (*edge_plan_create)(mpinn_backend *backend, size_t targets, size_t sources,
                                   const int32_t *first, const int32_t *source, size_t attributes,
                                   const float *attribute, const float *weight, mpinn_edge_plan **plan);
  void (*edge_plan_destroy)(mpinn_backend *backend, mpinn_edge_plan **plan);
  /* EdgeConv (Wang, Sun, Liu, Sarma, Bronstein, Solomon, ACM TOG 38, 2019) with edges' attributes: with
   *   z_e = max(0, p[t] + q[source_e] + attribute_e W)
   * p[targets][h] or NULL, q[sources][h] or NULL, w[attributes][h] (not read where there are none):
   * y[targets][2h], columns 0 … h−1 Σ_e weight_e z_e, columns h … 2h−1 max_e z_e; 0 where a target has no
   * edges. */
  mpinn_status (*edge_forward)(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *p,
                               const void *q, const void *w, void *y);
  /* dy[targets][2h] → dp, dq (each may be NULL), d_w ADDED to. The maximum's derivative goes to the first
   * edge that attains it, and to none where it is 0. */
  mpinn_status (*edge_backward)(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *p,
                                const void *q, const void *w, const void *y, const void *dy, void *dp,
                                void *dq, void *d_w);
  /* y[targets][h]: Σ_e weight_e x[source_e] of x[sources][h]. */
  mpinn_status (*mix_forward)(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *x,
                              void *y);
  mpinn_status (*mix_backward)(mpinn_backend *backend, const mpinn_edge_plan *plan, size_t h, const void *dy,
                               void *dx);
  /* y[n] += x[n]. */
  mpinn_status (*add)(mpinn_backend *backend, size_t n, const void *x, void *y);

  /* B generated networks, weights[B][mpinn_field_net_weights], each at all n points[n][3]:
   * value[B][n] and, unless NULL, gradient[B][n][3] = ∂value/∂point, exact. */
  mpinn_status (*field_forward)(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                const void *weights, size_t n, const void *points, void *value,
                                void *gradient);
  /* From d_value[B][n] and d_gradient[B][n][3] (NULL: zero), d_weights[B][…] OVERWRITTEN. Recomputes the
   * forward pass. */
  mpinn_status (*field_backward)(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                 const void *weights, size_t n, const void *points, const void *d_value,
                                 const void *d_gradient, void *d_weights);

  /* Prepares interpolation at n points, all arrays on the host: entries of point i are first[i] …
   * first[i + 1] − 1 of first[n + 1] (it may have none), anchor[entries] (0 … anchors − 1), weight[entries]
   * and gradient[entries][3] = ∂weight/∂point. */
  mpinn_status (*reach_create)(mpinn_backend *backend, size_t n, size_t anchors, const int32_t *first,
                               const int32_t *anchor, const float *weight, const float *gradient,
                               mpinn_reach **reach);
  void (*reach_destroy)(mpinn_backend *backend, mpinn_reach **reach);
  /* B generated networks with features, weights[B][mpinn_field_net_weights], each at all n points[n][3] of
   * the reach. Features at a point are Σ weight features[b][anchor], where
   * features[feature_sets][anchors][net->features] has B sets, or 1 where all networks read the same.
   * origins[B][3], NULL unless factored. value[B][n] and, unless NULL, gradient[B][n][3] = ∂value/∂point,
   * exact; at the origin itself ∂r/∂x is taken as 0. */
  mpinn_status (*local_field_forward)(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                      const void *weights, size_t n, const void *points,
                                      const mpinn_reach *reach, size_t feature_sets, const void *features,
                                      const void *origins, void *value, void *gradient);
  /* From d_value[B][n] and d_gradient[B][n][3] (NULL: zero), d_weights[B][…] and d_features[feature_sets][…]
   * (summed over the networks where that is 1), both OVERWRITTEN. Recomputes the forward pass. */
  mpinn_status (*local_field_backward)(mpinn_backend *backend, const mpinn_field_net *net, size_t networks,
                                       const void *weights, size_t n, const void *points,
                                       const mpinn_reach *reach, size_t feature_sets, const void *features,
                                       const void *origins, const void *d_value, const void *d_gradient,
                                       void *d_weights, void *d_features);

  /* *sum = Σ square_scale (s − t)² + absolute_scale |s − t| of speed s[n] and target t[n]; d_speed[n]
   * overwritten. */
  mpinn_status (*speed_loss)(mpinn_backend *backend, size_t n, const void *speed, const void *target,
                             double square_scale, double absolute_scale, void *d_speed, double *sum);
  mpinn_status (*eikonal_loss)(mpinn_backend *backend, const mpinn_eikonal_loss *loss);

  /* *sum = Σ x². */
  mpinn_status (*sum_squares)(mpinn_backend *backend, size_t n, const void *x, double *sum);
  /* AdamW (Loshchilov & Hutter 2019): parameters, first and second moments in place; the gradient, times
   * gradient_scale, is left as it is. */
  mpinn_status (*adamw)(mpinn_backend *backend, const mpinn_adamw *options, size_t n, double gradient_scale,
                        const void *gradient, void *first_moment, void *second_moment, void *parameters);
} mpinn_ops;

static inline void *mpinn_element(const mpinn_ops *ops, const void *memory, size_t index) {
  return (char *)memory + index * ops->real_bytes;
}

extern const mpinn_ops mpinn_ops_cpu;           /* float */
extern const mpinn_ops mpinn_ops_cpu_reference; /* double */

#endif
