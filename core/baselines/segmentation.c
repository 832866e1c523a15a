#include "baselines/segmentation.h"

#include "heart/mesh.h"
#include "metapinn/phantom.h"

#include <math.h>
#include <string.h>

const char *mpinn_segmentation_name(mpinn_segmentation segmentation) {
  switch (segmentation) {
  case MPINN_SEGMENTATION_PAPER:
    return "paper";
  case MPINN_SEGMENTATION_AHA:
    return "aha17+rv";
  case MPINN_SEGMENTATION_RELEASED:
    return "released";
  case MPINN_SEGMENTATION_COUNT:
    break;
  }
  return NULL;
}

size_t mpinn_segmentation_groups(mpinn_segmentation segmentation) {
  if (!mpinn_segmentation_name(segmentation)) return 0;
  return segmentation == MPINN_SEGMENTATION_AHA ? MPINN_SEGMENTATION_MOST : 5;
}

static void set_members(mpinn_segmentation segmentation, mpinn_grouping *g) {
  static const int released[MPINN_SEGMENT_COUNT] = {-1, 0, 0, 2, 2, 1, 1, 0, 0, 2, 2, 1, 1, 3, 3, 3, 3, 3, 4};
  for (int s = 1; s < MPINN_SEGMENT_COUNT; s++) {
    if (segmentation == MPINN_SEGMENTATION_AHA) g->member[s - 1][s] = true;
    if (segmentation == MPINN_SEGMENTATION_RELEASED) g->member[released[s]][s] = true;
  }
  for (size_t p = 0; p < g->n_groups && segmentation == MPINN_SEGMENTATION_PAPER; p++) {
    mpinn_scar scar;
    mpinn_scar_paper((int)p, &scar);
    for (size_t i = 0; i < scar.segment_count; i++) g->member[p][scar.segments[i]] = true;
  }
}

static mpinn_status find_segments(mpinn_context *context, const mpinn_subject *heart,
                                  const mpinn_array **segment) {
  *segment = mpinn_subject_find(heart, "segment", MPINN_NODES);
  if (*segment && (*segment)->components == 1) return MPINN_OK;
  return mpinn_fail(
      context, MPINN_ERROR_ARGUMENT,
      "The heart has no node array 'segment' of one component; expected AHA segments 1 to 17, %d for the "
      "RV, to fit velocities to",
      MPINN_SEGMENT_RV);
}

/* That of most of the cell's nodes, the lowest of several. */
static unsigned char segment_of_cell(const unsigned char *of_node, size_t corners, const int32_t *nodes) {
  unsigned char segment = 0;
  int most = 0;
  for (size_t a = 0; a < corners; a++) {
    const unsigned char own = of_node[nodes[a]];
    int votes = 0;
    for (size_t b = 0; b < corners; b++) votes += of_node[nodes[b]] == own;
    if (votes > most || (votes == most && own < segment)) segment = own;
    if (votes > most) most = votes;
  }
  return segment;
}

static void place_segments(const mpinn_mesh *mesh, const mpinn_array *segment, mpinn_grouping *g) {
  for (size_t i = 0; i < mesh->node_count; i++) {
    const double s = mpinn_array_get(segment, i, 0);
    g->of_node[i] = s >= 1 && s < MPINN_SEGMENT_COUNT ? (unsigned char)s : 0;
  }
  for (size_t c = 0; c < mesh->cell_count; c++)
    g->of_cell[c] = segment_of_cell(g->of_node, mesh->type, mesh->cells + mesh->type * c);
}

/* A velocity that no cell has leaves no trace in any activation. */
static void find_fitted(const mpinn_mesh *mesh, mpinn_grouping *g) {
  bool present[MPINN_SEGMENT_COUNT] = {false};
  for (size_t c = 0; c < mesh->cell_count; c++)
    if (mesh->usable[c]) present[g->of_cell[c]] = true;
  for (size_t p = 0; p < g->n_groups; p++) {
    bool found = false;
    for (size_t s = 1; s < MPINN_SEGMENT_COUNT; s++) found |= g->member[p][s] && present[s];
    if (found) g->fitted[g->n_fitted++] = p;
  }
}

mpinn_status mpinn_grouping_create(mpinn_context *context, const mpinn_subject *heart,
                                   mpinn_segmentation segmentation, mpinn_grouping *g) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const mpinn_array *segment;
  *g = (mpinn_grouping){.n_groups = mpinn_segmentation_groups(segmentation)};
  MPINN_TRY(find_segments(context, heart, &segment));
  MPINN_TRY(MPINN_NEW(context, &g->of_node, mesh->node_count));
  MPINN_TRY(MPINN_NEW(context, &g->of_cell, mesh->cell_count));
  set_members(segmentation, g);
  place_segments(mesh, segment, g);
  find_fitted(mesh, g);
  if (g->n_fitted > 0) return MPINN_OK;
  return mpinn_fail(
      context, MPINN_ERROR_ARGUMENT,
      "No cell of the heart is in a segment of the segmentation '%s'; expected AHA segments 1 to 17, %d "
      "for the RV, in the node array 'segment'",
      mpinn_segmentation_name(segmentation), MPINN_SEGMENT_RV);
}

void mpinn_grouping_clear(mpinn_grouping *g) {
  free(g->of_node);
  free(g->of_cell);
  *g = (mpinn_grouping){0};
}

void mpinn_grouping_speeds(const mpinn_grouping *g, const double *velocity, double elsewhere,
                           float speed[MPINN_SEGMENT_COUNT]) {
  for (size_t s = 0; s < MPINN_SEGMENT_COUNT; s++) {
    double least = INFINITY;
    for (size_t i = 0; i < g->n_fitted; i++)
      if (g->member[g->fitted[i]][s]) least = fmin(least, velocity[i]);
    speed[s] = (float)(isfinite(least) ? least : elsewhere);
  }
}
