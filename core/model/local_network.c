#include "model/local_network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Narrow: a step of AdamW moves every generated weight by about the learning rate times this. */
enum { HYPER_WIDTH = 24 };

/* ---- declaring ---- */

/* Returns the tensor's offset. Without room for tensors they are counted only. */
static size_t add(mpinn_layout *layout, const char *stage, const char *part, const char *what, int rank,
                  size_t a, size_t b) {
  const size_t offset = layout->n_values, count = a * (rank > 1 ? b : 1);
  mpinn_parameter *p = layout->tensors ? &layout->tensors[layout->n_tensors] : NULL;
  if (p) {
    *p = (mpinn_parameter){.rank = rank, .shape = {a, b, 0}, .offset = offset, .count = count};
    snprintf(p->name, sizeof p->name, "%s.%s.%s", stage, part, what);
  }
  layout->n_tensors++;
  layout->n_values += count;
  return offset;
}

static mpinn_layer dense(mpinn_layout *layout, const char *stage, const char *part, size_t in, size_t out) {
  const size_t weight = add(layout, stage, part, "weight", 2, out, in);
  return (mpinn_layer){in, out, weight, add(layout, stage, part, "bias", 1, out, 0)};
}

static mpinn_layer attributes(mpinn_layout *layout, const char *stage, const char *part, size_t in,
                              size_t out) {
  return (mpinn_layer){in, out, add(layout, stage, part, "attributes", 2, in, out), 0};
}

static mpinn_edge_block block(mpinn_layout *layout, const char *stage, const char *part, int number,
                              size_t in, size_t n_attributes, size_t out) {
  char name[24];
  mpinn_edge_block b;
  snprintf(name, sizeof name, "%s_%d_p", part, number);
  b.p = dense(layout, stage, name, in, out);
  snprintf(name, sizeof name, "%s_%d_q", part, number);
  b.q = dense(layout, stage, name, in, out);
  snprintf(name, sizeof name, "%s_%d", part, number);
  b.attributes = attributes(layout, stage, name, n_attributes, out);
  snprintf(name, sizeof name, "%s_%d_out", part, number);
  b.out = dense(layout, stage, name, in + 2 * out, out);
  return b;
}

typedef struct stage_shape {
  const char *name;
  size_t node, fine, width; /* channels at measured nodes, at the fine level, and at the others */
  bool builds_on;           /* another stage's fine level */
  const mpinn_field_net *net;
} stage_shape;

static void declare_down(mpinn_layout *layout, const char *stage, const char *part, size_t in, size_t out,
                         mpinn_layer *down, mpinn_layer *down_attributes, mpinn_layer *down_out) {
  char name[24];
  *down = dense(layout, stage, part, in, out);
  *down_attributes = attributes(layout, stage, part, 1, out);
  snprintf(name, sizeof name, "%s_out", part);
  *down_out = dense(layout, stage, name, 2 * out, out);
}

static void declare_stage(mpinn_layout *layout, const stage_shape *s, mpinn_stage_layers *l) {
  const size_t h = s->node, f = s->fine, w = s->width, before = s->builds_on ? f : 0;
  l->near[0] = block(layout, s->name, "near", 0, MPINN_OBSERVED_FEATURES, MPINN_NEAR_ATTRIBUTES, h);
  l->near[1] = block(layout, s->name, "near", 1, h, MPINN_NEAR_ATTRIBUTES, h);
  l->to_anchors = dense(layout, s->name, "to_anchors", h, h);
  l->to_anchors_attributes = attributes(layout, s->name, "to_anchors", MPINN_ANCHOR_ATTRIBUTES, h);
  l->join = dense(layout, s->name, "join", 4 * h + MPINN_STAGE_EXTRAS + before, f);
  for (int i = 0; i < 3; i++) l->fine[i] = block(layout, s->name, "fine", i, f, 1, f);
  for (int i = 0; i < 4; i++) l->middle[i] = block(layout, s->name, "middle", i, w, 1, w);
  for (int i = 0; i < 3; i++) l->coarse[i] = block(layout, s->name, "coarse", i, w, 1, w);
  declare_down(layout, s->name, "down_0", f, w, &l->down[0], &l->down_attributes[0], &l->down_out[0]);
  declare_down(layout, s->name, "down_1", w, w, &l->down[1], &l->down_attributes[1], &l->down_out[1]);
  l->up[0] = dense(layout, s->name, "up_0", 3 * w, w);
  l->up[1] = dense(layout, s->name, "up_1", w, f);
  l->features = dense(layout, s->name, "features", f + MPINN_STAGE_EXTRAS, (size_t)s->net->features);
  l->hyper[0] = dense(layout, s->name, "hypernetwork_0", (s->builds_on ? 4 : 2) * w, HYPER_WIDTH);
  l->hyper[1] = dense(layout, s->name, "hypernetwork_1", HYPER_WIDTH, mpinn_field_net_weights(s->net));
}

static void declare_stages(const mpinn_preset *preset, mpinn_layout *layout) {
  const size_t h = (size_t)preset->node_width, f = (size_t)preset->fine_width,
               w = (size_t)preset->trunk_width;
  const stage_shape shapes[MPINN_STAGES] = {{"velocity_0", h, f, w, false, &preset->velocity},
                                            {"velocity_1", h, f, w, true, &preset->velocity},
                                            {"activation", h, f, w, true, &preset->pinn}};
  for (int i = 0; i < MPINN_STAGES; i++) declare_stage(layout, &shapes[i], &layout->local.stages[i]);
}

mpinn_status mpinn_local_declare(mpinn_context *context, const mpinn_preset *preset, mpinn_layout *layout) {
  mpinn_layout counted = {0};
  declare_stages(preset, &counted);
  *layout = (mpinn_layout){0};
  MPINN_TRY(MPINN_NEW(context, &layout->tensors, counted.n_tensors));
  declare_stages(preset, layout);
  return MPINN_OK;
}

/* ---- first values ---- */

static void uniform(mpinn_random *random, double bound, size_t n, float *values) {
  for (size_t i = 0; i < n; i++) values[i] = (float)mpinn_random_uniform(random, -bound, bound);
}

/* How large a layer's first weights are against those that keep the variance: what is added to a trunk begins
 * small, so that it does not grow with the depth, and so do the features and what the hypernetworks change.
 */
static double first_gain(const char *name) {
  if (strstr(name, "_out.") || strstr(name, ".up_") || strstr(name, ".features.")) return 0.3;
  return strstr(name, ".hypernetwork_1.") ? 0.03 : 1;
}

void mpinn_local_initialize(const mpinn_preset *preset, const mpinn_layout *layout, mpinn_random *random,
                            float *parameters) {
  for (size_t t = 0; t < layout->n_tensors; t++) {
    const mpinn_parameter *p = &layout->tensors[t];
    const bool is_attributes = strstr(p->name, ".attributes") != NULL;
    const double in = (double)p->shape[is_attributes ? 0 : 1];
    if (p->rank == 2) uniform(random, first_gain(p->name) * sqrt(3 / in), p->count, parameters + p->offset);
  }
  for (int i = 0; i < MPINN_STAGES; i++) {
    const mpinn_field_net *net = i == MPINN_STAGE_ACTIVATION ? &preset->pinn : &preset->velocity;
    mpinn_field_net_initialize(net, random, parameters + layout->local.stages[i].hyper[1].bias);
  }
}

/* ---- forwards ---- */

static mpinn_tensor_id run_block(mpinn_tape *t, const mpinn_edge_block *b, const mpinn_edge_plan *plan,
                                 mpinn_tensor_id x) {
  const mpinn_tensor_id p = mpinn_tape_dense(t, x, b->p, MPINN_LINEAR);
  const mpinn_tensor_id q = mpinn_tape_dense(t, x, b->q, MPINN_LINEAR);
  const mpinn_tensor_id met = mpinn_tape_edges(t, plan, mpinn_tape_rows(t, x), p, q, b->attributes);
  mpinn_tape_drop(t, p);
  mpinn_tape_drop(t, q);
  const mpinn_tensor_id joined = mpinn_tape_join(t, x, met);
  mpinn_tape_drop(t, met);
  const mpinn_tensor_id y = mpinn_tape_dense(t, joined, b->out, MPINN_ELU);
  mpinn_tape_drop(t, joined);
  return y;
}

/* x, which is dropped, and what a block adds to it. */
static mpinn_tensor_id step(mpinn_tape *t, const mpinn_edge_block *b, const mpinn_edge_plan *plan,
                            mpinn_tensor_id x) {
  const mpinn_tensor_id y = mpinn_tape_add(t, x, run_block(t, b, plan, x));
  mpinn_tape_drop(t, x);
  return y;
}

/* Maps to anchors: [anchors][4 h], mean and maximum over the maps. */
static mpinn_tensor_id encode(mpinn_tape *t, const mpinn_stage_layers *l, const mpinn_wall *wall,
                              const mpinn_observed *o) {
  mpinn_tensor_id x = mpinn_tape_input(t, o->n_rows, MPINN_OBSERVED_FEATURES, o->features);
  x = run_block(t, &l->near[0], o->near, x);
  x = step(t, &l->near[1], o->near, x);
  const mpinn_tensor_id q = mpinn_tape_dense(t, x, l->to_anchors, MPINN_LINEAR);
  const mpinn_tensor_id maps =
      mpinn_tape_edges(t, o->to_anchors, o->n_maps * wall->n, MPINN_NO_TENSOR, q, l->to_anchors_attributes);
  const mpinn_tensor_id y = mpinn_tape_mean_max(t, o->n_maps, maps);
  mpinn_tape_drop(t, x);
  mpinn_tape_drop(t, q);
  mpinn_tape_drop(t, maps);
  return y;
}

static mpinn_tensor_id go_down(mpinn_tape *t, const mpinn_stage_layers *l, const mpinn_wall *wall, int level,
                               mpinn_tensor_id x) {
  const int i = level - 1;
  const mpinn_tensor_id q = mpinn_tape_dense(t, x, l->down[i], MPINN_LINEAR);
  const mpinn_tensor_id met =
      mpinn_tape_edges(t, wall->down[level], wall->level[level], MPINN_NO_TENSOR, q, l->down_attributes[i]);
  mpinn_tape_drop(t, q);
  const mpinn_tensor_id y = mpinn_tape_dense(t, met, l->down_out[i], MPINN_ELU);
  mpinn_tape_drop(t, met);
  return y;
}

/* The middle level, with what the coarse one, which sees far, makes of it. pooled is what that knows of the
 * whole. */
static mpinn_tensor_id run_middle(mpinn_tape *t, const mpinn_stage_layers *l, const mpinn_wall *wall,
                                  mpinn_tensor_id x, mpinn_tensor_id *pooled) {
  const size_t n = wall->level[MPINN_LEVEL_MIDDLE];
  for (int i = 0; i < 2; i++) x = step(t, &l->middle[i], wall->near[MPINN_LEVEL_MIDDLE], x);
  mpinn_tensor_id c = go_down(t, l, wall, MPINN_LEVEL_COARSE, x);
  for (int i = 0; i < 3; i++) c = step(t, &l->coarse[i], wall->near[MPINN_LEVEL_COARSE], c);
  *pooled = mpinn_tape_mean_max(t, wall->level[MPINN_LEVEL_COARSE], c);
  const mpinn_tensor_id up = mpinn_tape_join(t, mpinn_tape_mix(t, wall->up[MPINN_LEVEL_COARSE], n, c),
                                             mpinn_tape_mix(t, wall->to_all, n, *pooled));
  x = mpinn_tape_add(t, x, mpinn_tape_dense(t, up, l->up[0], MPINN_ELU));
  for (int i = 2; i < 4; i++) x = step(t, &l->middle[i], wall->near[MPINN_LEVEL_MIDDLE], x);
  return x;
}

/* A U of three levels (Ronneberger, Fischer, Brox, MICCAI 2015). */
static mpinn_tensor_id run_trunk(mpinn_tape *t, const mpinn_stage_layers *l, const mpinn_wall *wall,
                                 mpinn_tensor_id x, mpinn_tensor_id *pooled) {
  x = step(t, &l->fine[0], wall->near[MPINN_LEVEL_FINE], x);
  const mpinn_tensor_id m = run_middle(t, l, wall, go_down(t, l, wall, MPINN_LEVEL_MIDDLE, x), pooled);
  const mpinn_tensor_id up = mpinn_tape_mix(t, wall->up[MPINN_LEVEL_MIDDLE], wall->n, m);
  x = mpinn_tape_add(t, x, mpinn_tape_dense(t, up, l->up[1], MPINN_ELU));
  mpinn_tape_drop(t, up);
  for (int i = 1; i < 3; i++) x = step(t, &l->fine[i], wall->near[MPINN_LEVEL_FINE], x);
  return x;
}

mpinn_stage_result mpinn_stage_forward(mpinn_tape *t, const mpinn_stage_layers *l, const mpinn_wall *wall,
                                       const mpinn_observed *observed, const float *extras,
                                       const mpinn_stage_result *before) {
  mpinn_stage_result r;
  const mpinn_tensor_id given = mpinn_tape_input(t, wall->n, MPINN_STAGE_EXTRAS, extras);
  const mpinn_tensor_id encoded = encode(t, l, wall, observed), own = mpinn_tape_join(t, encoded, given);
  mpinn_tape_drop(t, encoded);
  const mpinn_tensor_id known = before ? mpinn_tape_join(t, own, mpinn_tape_constant(t, before->trunk)) : own;
  const mpinn_tensor_id x = mpinn_tape_dense(t, known, l->join, MPINN_ELU);
  mpinn_tape_drop(t, own);
  if (before) mpinn_tape_drop(t, known);
  r.trunk = run_trunk(t, l, wall, x, &r.pooled);
  r.features = mpinn_tape_dense(t, mpinn_tape_join(t, r.trunk, given), l->features, MPINN_LINEAR);
  const mpinn_tensor_id c =
      before ? mpinn_tape_join(t, r.pooled, mpinn_tape_constant(t, before->pooled)) : r.pooled;
  r.weights = mpinn_tape_dense(t, mpinn_tape_dense(t, c, l->hyper[0], MPINN_ELU), l->hyper[1], MPINN_LINEAR);
  return r;
}
