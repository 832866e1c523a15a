#include "model/network.h"

#include "model/local_heart.h"

#include <math.h>
#include <string.h>

static const mpinn_parameter *tensor(const mpinn_network *network, size_t index) {
  return &network->layout.tensors[index];
}

static void *parameter(const mpinn_network *network, size_t index) {
  return mpinn_element(network->ops, network->parameters, tensor(network, index)->offset);
}

static void *derivative(const mpinn_network *network, size_t index) {
  return mpinn_element(network->ops, network->gradient, tensor(network, index)->offset);
}

static size_t embedding_size(const mpinn_network *network) {
  return (size_t)network->preset->channels[network->preset->n_convs];
}

mpinn_status mpinn_network_create(mpinn_context *context, const mpinn_preset *preset, const mpinn_ops *ops,
                                  bool trainable, mpinn_network **network) {
  mpinn_network *made = NULL;
  mpinn_status status;
  *network = NULL;
  MPINN_TRY(MPINN_NEW(context, &made, 1));
  made->preset = preset;
  made->ops = ops;
  MPINN_TRY_GOTO(failed, status, MPINN_NEW(context, &made->spare, 1));
  MPINN_TRY_GOTO(failed, status, mpinn_layout_create(context, preset, &made->layout));
  MPINN_TRY_GOTO(failed, status, ops->create(context, &made->backend));
  MPINN_TRY_GOTO(failed, status, ops->alloc(made->backend, made->layout.n_values, &made->parameters));
  if (trainable)
    MPINN_TRY_GOTO(failed, status, ops->alloc(made->backend, made->layout.n_values, &made->gradient));
  *network = made;
  return MPINN_OK;
failed:
  mpinn_network_destroy(&made);
  return status;
}

void mpinn_network_destroy(mpinn_network **network) {
  mpinn_network *n = *network;
  if (!n) return;
  if (n->spare) {
    mpinn_tape_destroy(&n->spare->tape);
    mpinn_local_heart_leave(&n->spare->heart);
  }
  free(n->spare);
  if (n->backend) {
    n->ops->release(n->backend, n->parameters);
    n->ops->release(n->backend, n->gradient);
    n->ops->destroy(&n->backend);
  }
  mpinn_layout_clear(&n->layout);
  free(n);
  *network = NULL;
}

mpinn_status mpinn_encoder_graph_create(mpinn_context *context, const mpinn_network *network, size_t n,
                                        const double *points, mpinn_encoder_graph *graph) {
  const mpinn_preset *preset = network->preset;
  mpinn_hierarchy *hierarchy = NULL;
  mpinn_status status = MPINN_OK;
  memset(graph, 0, sizeof *graph);
  MPINN_TRY(mpinn_hierarchy_create(context, n, points, (size_t)preset->neighbours, (size_t)preset->n_convs,
                                   &hierarchy));
  for (int l = 0; l < preset->n_convs && status == MPINN_OK; l++) {
    graph->nodes[l] = hierarchy->levels[l].n_nodes;
    graph->nodes[l + 1] = hierarchy->levels[l].n_clusters;
    status = network->ops->spline_plan_create(network->backend, &hierarchy->levels[l], preset->kernel_size,
                                              &graph->plans[l]);
  }
  mpinn_hierarchy_destroy(&hierarchy);
  if (status != MPINN_OK) mpinn_encoder_graph_clear(network, graph);
  return status;
}

void mpinn_encoder_graph_clear(const mpinn_network *network, mpinn_encoder_graph *graph) {
  for (int l = 0; l < MPINN_MAX_CONVS; l++)
    if (graph->plans[l]) network->ops->spline_plan_destroy(network->backend, &graph->plans[l]);
  memset(graph, 0, sizeof *graph);
}

static mpinn_status create_encoder_pass(const mpinn_network *network, size_t nodes, size_t maps,
                                        mpinn_encoder_pass *pass) {
  const mpinn_ops *ops = network->ops;
  const mpinn_preset *preset = network->preset;
  size_t largest = 0;
  for (int l = 0; l <= preset->n_convs; l++) {
    /* A level has at most as many nodes as the one before it; nothing is saved by knowing better. */
    const size_t channels = (size_t)preset->channels[l], rows = nodes * maps;
    if (l > 0) MPINN_TRY(ops->alloc(network->backend, rows * channels, &pass->x[l]));
    if (l > 0) MPINN_TRY(ops->alloc(network->backend, rows * channels, &pass->y[l - 1]));
    if (rows * channels > largest) largest = rows * channels;
  }
  MPINN_TRY(ops->alloc(network->backend, maps * embedding_size(network), &pass->embedding));
  if (!network->gradient) return MPINN_OK;
  MPINN_TRY(ops->alloc(network->backend, maps * embedding_size(network), &pass->d_embedding));
  MPINN_TRY(ops->alloc(network->backend, largest, &pass->da));
  return ops->alloc(network->backend, largest, &pass->db);
}

static size_t hyper_width(const mpinn_network *network, int hyper, int layer) {
  if (layer == 0) return (hyper == MPINN_HYPER_PINN ? 2 : 1) * embedding_size(network);
  return tensor(network, network->layout.first_dense[hyper] + 2 * (size_t)(layer - 1))->shape[0];
}

mpinn_status mpinn_pass_create(mpinn_context *context, const mpinn_network *network, size_t nodes,
                               size_t maps, size_t queries, mpinn_pass *pass) {
  const mpinn_ops *ops = network->ops;
  mpinn_status status;
  (void)context;
  memset(pass, 0, sizeof *pass);
  pass->max_nodes = nodes;
  pass->max_maps = maps;
  pass->max_queries = queries;
  const size_t encoder_maps[MPINN_ENCODERS] = {maps, queries};
  for (int e = 0; e < MPINN_ENCODERS; e++)
    MPINN_TRY_GOTO(failed, status, create_encoder_pass(network, nodes, encoder_maps[e], &pass->encoder[e]));
  for (int h = 0; h < MPINN_HYPERS; h++)
    for (int l = 0; l <= network->layout.n_dense[h]; l++) {
      const size_t n = queries * hyper_width(network, h, l);
      MPINN_TRY_GOTO(failed, status, ops->alloc(network->backend, n, &pass->hyper[h].h[l]));
      if (network->gradient)
        MPINN_TRY_GOTO(failed, status, ops->alloc(network->backend, n, &pass->hyper[h].dh[l]));
    }
  MPINN_TRY_GOTO(failed, status, ops->alloc(network->backend, queries * maps, &pass->mean));
  MPINN_TRY_GOTO(failed, status, ops->alloc(network->backend, queries * embedding_size(network), &pass->d_c));
  return MPINN_OK;
failed:
  mpinn_pass_clear(network, pass);
  return status;
}

void mpinn_pass_clear(const mpinn_network *network, mpinn_pass *pass) {
  const mpinn_ops *ops = network->ops;
  for (int e = 0; e < MPINN_ENCODERS; e++) {
    mpinn_encoder_pass *encoder = &pass->encoder[e];
    for (int l = 1; l <= MPINN_MAX_CONVS; l++) ops->release(network->backend, encoder->x[l]);
    for (int l = 0; l < MPINN_MAX_CONVS; l++) ops->release(network->backend, encoder->y[l]);
    ops->release(network->backend, encoder->embedding);
    ops->release(network->backend, encoder->d_embedding);
    ops->release(network->backend, encoder->da);
    ops->release(network->backend, encoder->db);
  }
  for (int h = 0; h < MPINN_HYPERS; h++)
    for (int l = 0; l < MPINN_MAX_HIDDEN + 2; l++) {
      ops->release(network->backend, pass->hyper[h].h[l]);
      ops->release(network->backend, pass->hyper[h].dh[l]);
    }
  ops->release(network->backend, pass->mean);
  ops->release(network->backend, pass->d_c);
  memset(pass, 0, sizeof *pass);
}

mpinn_status mpinn_encoder_upload(mpinn_context *context, const mpinn_network *network, size_t nodes,
                                  size_t n_maps, const float *maps, void **device) {
  float *input = NULL;
  MPINN_TRY(MPINN_NEW(context, &input, 2 * nodes * n_maps));
  for (size_t m = 0; m < n_maps; m++)
    for (size_t i = 0; i < nodes; i++) {
      const float at = maps[m * nodes + i];
      float *channels = input + 2 * (i * n_maps + m);
      channels[0] = isnan(at) ? -1.0f : at;
      channels[1] = isnan(at) ? 0.0f : 1.0f;
    }
  mpinn_status status = network->ops->alloc(network->backend, 2 * nodes * n_maps, device);
  if (status == MPINN_OK)
    status = network->ops->upload(network->backend, 2 * nodes * n_maps, MPINN_FLOAT32, input, *device);
  free(input);
  return status;
}

static mpinn_status encode(const mpinn_network *network, int e, const mpinn_encoder_graph *graph, size_t maps,
                           void *input, mpinn_encoder_pass *pass) {
  const mpinn_preset *preset = network->preset;
  const mpinn_ops *ops = network->ops;
  pass->maps = maps;
  pass->x[0] = input;
  for (int l = 0; l < preset->n_convs; l++) {
    const size_t t = network->layout.first_conv[e] + 3 * (size_t)l;
    const size_t in = (size_t)preset->channels[l], out = (size_t)preset->channels[l + 1];
    MPINN_TRY(ops->spline_conv_forward(network->backend, graph->plans[l], maps, in, out, pass->x[l],
                                       parameter(network, t), parameter(network, t + 1),
                                       parameter(network, t + 2), MPINN_ELU, pass->y[l]));
    MPINN_TRY(
        ops->cluster_mean_forward(network->backend, graph->plans[l], maps, out, pass->y[l], pass->x[l + 1]));
  }
  return ops->node_max_forward(network->backend, graph->nodes[preset->n_convs], maps, embedding_size(network),
                               pass->x[preset->n_convs], pass->embedding);
}

static mpinn_status encode_backward(const mpinn_network *network, int e, const mpinn_encoder_graph *graph,
                                    mpinn_encoder_pass *pass) {
  const mpinn_preset *preset = network->preset;
  const mpinn_ops *ops = network->ops;
  const int last = preset->n_convs;
  MPINN_TRY(ops->node_max_backward(network->backend, graph->nodes[last], pass->maps, embedding_size(network),
                                   pass->x[last], pass->embedding, pass->d_embedding, pass->da));
  for (int l = last - 1; l >= 0; l--) {
    const size_t t = network->layout.first_conv[e] + 3 * (size_t)l;
    const size_t in = (size_t)preset->channels[l], out = (size_t)preset->channels[l + 1];
    MPINN_TRY(
        ops->cluster_mean_backward(network->backend, graph->plans[l], pass->maps, out, pass->da, pass->db));
    MPINN_TRY(ops->spline_conv_backward(network->backend, graph->plans[l], pass->maps, in, out, pass->x[l],
                                        parameter(network, t), parameter(network, t + 1), MPINN_ELU,
                                        pass->y[l], pass->db, l > 0 ? pass->da : NULL, derivative(network, t),
                                        derivative(network, t + 1), derivative(network, t + 2)));
  }
  return MPINN_OK;
}

static mpinn_activation hyper_activation(const mpinn_network *network, int hyper, int layer) {
  return layer + 1 < network->layout.n_dense[hyper] ? MPINN_RELU : MPINN_LINEAR;
}

static mpinn_status generate(const mpinn_network *network, int hyper, size_t queries,
                             mpinn_hyper_pass *pass) {
  for (int l = 0; l < network->layout.n_dense[hyper]; l++) {
    const size_t t = network->layout.first_dense[hyper] + 2 * (size_t)l;
    MPINN_TRY(network->ops->dense_forward(network->backend, queries, hyper_width(network, hyper, l),
                                          hyper_width(network, hyper, l + 1), pass->h[l],
                                          parameter(network, t), parameter(network, t + 1),
                                          hyper_activation(network, hyper, l), pass->h[l + 1]));
  }
  return MPINN_OK;
}

static mpinn_status generate_backward(const mpinn_network *network, int hyper, size_t queries,
                                      mpinn_hyper_pass *pass) {
  for (int l = network->layout.n_dense[hyper] - 1; l >= 0; l--) {
    const size_t t = network->layout.first_dense[hyper] + 2 * (size_t)l;
    MPINN_TRY(network->ops->dense_backward(
        network->backend, queries, hyper_width(network, hyper, l), hyper_width(network, hyper, l + 1),
        pass->h[l], parameter(network, t), hyper_activation(network, hyper, l), pass->h[l + 1],
        pass->dh[l + 1], pass->dh[l], derivative(network, t), derivative(network, t + 1)));
  }
  return MPINN_OK;
}

mpinn_status mpinn_network_forward(const mpinn_network *network, const mpinn_encoder_graph *graph,
                                   size_t context_maps, size_t queries, void *const inputs[MPINN_ENCODERS],
                                   mpinn_pass *pass) {
  const mpinn_ops *ops = network->ops;
  const size_t size = embedding_size(network);
  mpinn_encoder_pass *contexts = &pass->encoder[MPINN_ENCODER_VELOCITY];
  mpinn_encoder_pass *sources = &pass->encoder[MPINN_ENCODER_SOURCE];
  void *c = pass->hyper[MPINN_HYPER_VELOCITY].h[0];
  MPINN_TRY(
      encode(network, MPINN_ENCODER_VELOCITY, graph, context_maps, inputs[MPINN_ENCODER_VELOCITY], contexts));
  MPINN_TRY(ops->matmul(network->backend, false, false, queries, size, context_maps, pass->mean,
                        contexts->embedding, 0, c));
  MPINN_TRY(generate(network, MPINN_HYPER_VELOCITY, queries, &pass->hyper[MPINN_HYPER_VELOCITY]));
  if (!inputs[MPINN_ENCODER_SOURCE]) return MPINN_OK;
  MPINN_TRY(encode(network, MPINN_ENCODER_SOURCE, graph, queries, inputs[MPINN_ENCODER_SOURCE], sources));
  MPINN_TRY(ops->join_columns(network->backend, queries, size, size, c, sources->embedding,
                              pass->hyper[MPINN_HYPER_PINN].h[0]));
  return generate(network, MPINN_HYPER_PINN, queries, &pass->hyper[MPINN_HYPER_PINN]);
}

mpinn_status mpinn_network_backward(const mpinn_network *network, const mpinn_encoder_graph *graph,
                                    size_t context_maps, size_t queries, mpinn_pass *pass) {
  const mpinn_ops *ops = network->ops;
  const size_t size = embedding_size(network);
  mpinn_encoder_pass *contexts = &pass->encoder[MPINN_ENCODER_VELOCITY];
  mpinn_encoder_pass *sources = &pass->encoder[MPINN_ENCODER_SOURCE];
  for (int h = 0; h < MPINN_HYPERS; h++) MPINN_TRY(generate_backward(network, h, queries, &pass->hyper[h]));
  MPINN_TRY(ops->split_columns(network->backend, queries, size, size, pass->hyper[MPINN_HYPER_PINN].dh[0],
                               pass->d_c, sources->d_embedding));
  MPINN_TRY(encode_backward(network, MPINN_ENCODER_SOURCE, graph, sources));
  /* c feeds both hypernetworks. */
  MPINN_TRY(ops->matmul(network->backend, true, false, context_maps, size, queries, pass->mean, pass->d_c, 0,
                        contexts->d_embedding));
  if (mpinn_preset_has_velocity(network->preset))
    MPINN_TRY(ops->matmul(network->backend, true, false, context_maps, size, queries, pass->mean,
                          pass->hyper[MPINN_HYPER_VELOCITY].dh[0], 1, contexts->d_embedding));
  return encode_backward(network, MPINN_ENCODER_VELOCITY, graph, contexts);
}

void *mpinn_generated_weights(const mpinn_network *network, const mpinn_pass *pass, int hyper) {
  return pass->hyper[hyper].h[network->layout.n_dense[hyper]];
}

void *mpinn_generated_weights_derivative(const mpinn_network *network, const mpinn_pass *pass, int hyper) {
  return pass->hyper[hyper].dh[network->layout.n_dense[hyper]];
}
