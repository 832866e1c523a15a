/* The meta-network over a table of operations: encoders (equations 6 and 7) and hypernetworks (equation 5), forwards and
 * backwards. Training runs it for all of a subject's maps at once, personalization for one query. */
#ifndef MPINN_MODEL_NETWORK_H
#define MPINN_MODEL_NETWORK_H

#include "model/layout.h"
#include "nn/tape.h"

struct mpinn_local_heart;

/* What one pass leaves for the next, each in nobody's use or NULL. */
typedef struct mpinn_spare {
  mpinn_tape *tape;                /* with its memory */
  struct mpinn_local_heart *heart; /* the last one personalized */
} mpinn_spare;

/* Parameters on a backend; gradient is NULL unless it is trained. */
typedef struct mpinn_network {
  const mpinn_preset *preset;
  const mpinn_ops *ops;
  mpinn_backend *backend;
  mpinn_layout layout;
  void *parameters, *gradient; /* [layout.n_values] */
  mpinn_spare *spare;
} mpinn_network;

mpinn_status mpinn_network_create(mpinn_context *context, const mpinn_preset *preset, const mpinn_ops *ops,
                                  bool trainable, mpinn_network **network);
void mpinn_network_destroy(mpinn_network **network);

/* The measured nodes' hierarchy, prepared for convolution. */
typedef struct mpinn_encoder_graph {
  size_t nodes[MPINN_MAX_CONVS + 1]; /* of each level, and of what the last pooling leaves */
  mpinn_spline_plan *plans[MPINN_MAX_CONVS];
} mpinn_encoder_graph;

/* points[n][3] in the frame. */
mpinn_status mpinn_encoder_graph_create(mpinn_context *context, const mpinn_network *network, size_t n,
                                        const double *points, mpinn_encoder_graph *graph);
void mpinn_encoder_graph_clear(const mpinn_network *network, mpinn_encoder_graph *graph);

/* Buffers of one pass; made for at most so many nodes, maps and queries, used for any fewer. */
typedef struct mpinn_encoder_pass {
  size_t maps;
  void *x[MPINN_MAX_CONVS + 1]; /* [nodes of level l][maps][channels l]; x[0], the input, is the caller's */
  void *y[MPINN_MAX_CONVS];     /* [nodes of level l][maps][channels l + 1] */
  void *embedding;              /* [maps][embedding] */
  void *d_embedding;            /* the caller fills it before the backward pass */
  void *da, *db;                /* derivatives, two of the largest size */
} mpinn_encoder_pass;

typedef struct mpinn_hyper_pass {
  void *h[MPINN_MAX_HIDDEN + 2];  /* h[0] the input, h[l] output of layer l − 1; the last are the generated weights */
  void *dh[MPINN_MAX_HIDDEN + 2]; /* NULL unless the network is trainable */
} mpinn_hyper_pass;

typedef struct mpinn_pass {
  size_t max_nodes, max_maps, max_queries;
  mpinn_encoder_pass encoder[MPINN_ENCODERS];
  mpinn_hyper_pass hyper[MPINN_HYPERS];
  void *mean;            /* [queries][context maps]: rows that average each query's context embeddings, equation 7 */
  void *d_c;             /* [queries][embedding] */
} mpinn_pass;

mpinn_status mpinn_pass_create(mpinn_context *context, const mpinn_network *network, size_t nodes, size_t maps,
                               size_t queries, mpinn_pass *pass);
void mpinn_pass_clear(const mpinn_network *network, mpinn_pass *pass);

/* An encoder's input of n_maps maps on nodes: [nodes][n_maps][2], two channels a node, AT (−1 where unknown) and a mask.
 * maps[n_maps][nodes] is host memory (the networks' unit of time, NaN where unknown); *device the caller releases. */
mpinn_status mpinn_encoder_upload(mpinn_context *context, const mpinn_network *network, size_t nodes, size_t n_maps,
                                  const float *maps, void **device);

/* Generated weights of queries. In: the two encoders' inputs (device memory, kept until the backward pass) of context_maps
 * and of queries maps, and pass->mean. Out: mpinn_generated_weights. Without the source encoder's input (NULL) only the
 * velocity net is generated; of a preset without one there is none. */
mpinn_status mpinn_network_forward(const mpinn_network *network, const mpinn_encoder_graph *graph, size_t context_maps,
                                   size_t queries, void *const inputs[MPINN_ENCODERS], mpinn_pass *pass);
/* From the derivatives by the generated weights (last dh of both), adds to network->gradient. */
mpinn_status mpinn_network_backward(const mpinn_network *network, const mpinn_encoder_graph *graph,
                                    size_t context_maps, size_t queries, mpinn_pass *pass);

/* [queries][mpinn_field_net_weights], on the backend, of MPINN_HYPER_PINN or MPINN_HYPER_VELOCITY. */
void *mpinn_generated_weights(const mpinn_network *network, const mpinn_pass *pass, int hyper);
void *mpinn_generated_weights_derivative(const mpinn_network *network, const mpinn_pass *pass, int hyper);

#endif
