/* Segmentations: which of a heart's segments share a velocity. */
#ifndef MPINN_BASELINES_SEGMENTATION_H
#define MPINN_BASELINES_SEGMENTATION_H

#include "base/internal.h"
#include "metapinn/baselines.h"

/* A segmentation on a heart: the groups that some cell or node of it is in are the fit's unknowns. */
typedef struct mpinn_grouping {
  size_t n_groups;                                           /* of the segmentation */
  bool member[MPINN_SEGMENTATION_MOST][MPINN_SEGMENT_COUNT]; /* of a group, a segment */
  size_t n_fitted;
  size_t fitted[MPINN_SEGMENTATION_MOST]; /* [n_fitted] groups, ascending */
  unsigned char *of_node;                 /* [nodes] segment, 0 where it is none */
  unsigned char *of_cell;                 /* [cells] */
} mpinn_grouping;

/* MPINN_ERROR_ARGUMENT: the heart has no node array `segment`, or none of its segments is in a group. */
mpinn_status mpinn_grouping_create(mpinn_context *context, const mpinn_subject *heart,
                                   mpinn_segmentation segmentation, mpinn_grouping *grouping);
void mpinn_grouping_clear(mpinn_grouping *grouping);

/* Of every segment, m/s; velocity[n_fitted] m/s. */
void mpinn_grouping_speeds(const mpinn_grouping *grouping, const double *velocity, double elsewhere,
                           float speed[MPINN_SEGMENT_COUNT]);

#endif
