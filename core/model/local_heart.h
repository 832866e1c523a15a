/* A heart made ready for the networks with local features: its wall, and where they are asked. */
#ifndef MPINN_MODEL_LOCAL_HEART_H
#define MPINN_MODEL_LOCAL_HEART_H

#include "model/likeness.h"
#include "model/network.h"
#include "model/wall.h"

/* Points made ready for any field of a heart. */
typedef struct mpinn_local_points {
  const mpinn_network *network;
  size_t n;
  void *points; /* on the backend, [n][3] in lengths of the heart */
  mpinn_reach *reach;
} mpinn_local_points;

/* What maps do not change. */
typedef struct mpinn_local_heart {
  const mpinn_mesh *mesh;
  mpinn_wall wall;
  mpinn_point_tree *tree; /* of the mesh's nodes */
  mpinn_local_points
      nodes; /* the mesh's nodes made ready, of a mesh of at most MPINN_LOCAL_CHUNK; n is 0 of others */
  /* Of a shared heart: */
  mpinn_mesh *own_mesh; /* mesh, a copy */
  int users;
  double shape[MPINN_LIKENESS_SHAPE]; /* mpinn_likeness_of_wall */
} mpinn_local_heart;
enum { MPINN_LOCAL_CHUNK = 16384 }; /* points made ready at once */

/* On a mesh that outlives the heart. */
mpinn_status mpinn_local_heart_create(mpinn_context *context, const mpinn_network *network,
                                      const mpinn_mesh *mesh, mpinn_local_heart *heart);
void mpinn_local_heart_clear(mpinn_local_heart *heart);

/* The heart of a mesh, of which nothing is borrowed, for several users: the network keeps the last one, so
 * that the next personalization of the same mesh finds it ready. */
mpinn_status mpinn_local_heart_share(mpinn_context *context, const mpinn_network *network,
                                     const mpinn_mesh *mesh, mpinn_local_heart **heart);
void mpinn_local_heart_leave(mpinn_local_heart **heart);

mpinn_status mpinn_local_points_create(mpinn_context *context, const mpinn_network *network,
                                       const mpinn_local_heart *heart, size_t n, const double *points,
                                       mpinn_local_points *prepared);
void mpinn_local_points_clear(mpinn_local_points *prepared);

/* *ready: the heart's nodes where points are these, else *own, made for them; the caller clears own either
 * way. */
mpinn_status mpinn_local_points_find(mpinn_context *context, const mpinn_network *network,
                                     const mpinn_local_heart *heart, size_t n, const double *points,
                                     mpinn_local_points *own, const mpinn_local_points **ready);

#endif
