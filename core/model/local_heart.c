#include "model/local_heart.h"

#include <string.h>

mpinn_status mpinn_local_heart_create(mpinn_context *context, const mpinn_network *network,
                                      const mpinn_mesh *mesh, mpinn_local_heart *heart) {
  const size_t n = mpinn_mesh_node_count(mesh);
  *heart = (mpinn_local_heart){.mesh = mesh};
  mpinn_status status = mpinn_wall_create(context, network->ops, network->backend, mesh, &heart->wall);
  if (status == MPINN_OK) status = mpinn_point_tree_create(context, n, mpinn_mesh_points(mesh), &heart->tree);
  if (status == MPINN_OK && n <= MPINN_LOCAL_CHUNK)
    status = mpinn_local_points_create(context, network, heart, n, mpinn_mesh_points(mesh), &heart->nodes);
  if (status != MPINN_OK) mpinn_local_heart_clear(heart);
  return status;
}

void mpinn_local_heart_clear(mpinn_local_heart *heart) {
  mpinn_local_points_clear(&heart->nodes);
  mpinn_wall_clear(&heart->wall);
  mpinn_point_tree_destroy(&heart->tree);
  mpinn_mesh_destroy(&heart->own_mesh);
}

/* ---- shared ---- */

static bool is_the_same(const mpinn_mesh *a, const mpinn_mesh *b) {
  const size_t nodes = mpinn_mesh_node_count(a), cells = mpinn_mesh_cell_count(a);
  const size_t corners = (size_t)mpinn_mesh_cell_type(a);
  if (mpinn_mesh_cell_type(b) != mpinn_mesh_cell_type(a)) return false;
  if (mpinn_mesh_node_count(b) != nodes || mpinn_mesh_cell_count(b) != cells) return false;
  if (memcmp(mpinn_mesh_points(a), mpinn_mesh_points(b), 3 * nodes * sizeof(double)) != 0) return false;
  return memcmp(mpinn_mesh_cells(a), mpinn_mesh_cells(b), corners * cells * sizeof(int32_t)) == 0;
}

static mpinn_status make_shared(mpinn_context *context, const mpinn_network *network, const mpinn_mesh *mesh,
                                mpinn_local_heart *heart) {
  mpinn_mesh *copy = NULL;
  MPINN_TRY(mpinn_mesh_create(context, mpinn_mesh_cell_type(mesh), mpinn_mesh_node_count(mesh),
                              mpinn_mesh_points(mesh), mpinn_mesh_cell_count(mesh), mpinn_mesh_cells(mesh),
                              &copy));
  mpinn_status status = mpinn_local_heart_create(context, network, copy, heart);
  if (status != MPINN_OK) {
    mpinn_mesh_destroy(&copy);
    return status;
  }
  heart->own_mesh = copy;
  heart->users = 1;
  return mpinn_likeness_of_wall(context, copy, heart->shape);
}

mpinn_status mpinn_local_heart_share(mpinn_context *context, const mpinn_network *network,
                                     const mpinn_mesh *mesh, mpinn_local_heart **heart) {
  mpinn_local_heart **kept = &network->spare->heart;
  *heart = NULL;
  if (*kept && !is_the_same((*kept)->mesh, mesh)) mpinn_local_heart_leave(kept);
  if (!*kept) {
    mpinn_local_heart *made = NULL;
    MPINN_TRY(MPINN_NEW(context, &made, 1));
    const mpinn_status status = make_shared(context, network, mesh, made);
    if (status != MPINN_OK) {
      mpinn_local_heart_clear(made);
      free(made);
      return status;
    }
    *kept = made;
  }
  *heart = *kept;
  (*heart)->users++;
  return MPINN_OK;
}

void mpinn_local_heart_leave(mpinn_local_heart **heart) {
  mpinn_local_heart *h = *heart;
  *heart = NULL;
  if (!h || --h->users > 0) return;
  mpinn_local_heart_clear(h);
  free(h);
}

/* ---- points ---- */

mpinn_status mpinn_local_points_create(mpinn_context *context, const mpinn_network *network,
                                       const mpinn_local_heart *heart, size_t n, const double *points,
                                       mpinn_local_points *prepared) {
  double *scaled = NULL;
  *prepared = (mpinn_local_points){.network = network, .n = n};
  MPINN_TRY(MPINN_NEW(context, &scaled, 3 * n));
  for (size_t i = 0; i < 3 * n; i++)
    scaled[i] = (points[i] - heart->wall.anchors[i % 3]) / heart->wall.length;
  mpinn_status status = network->ops->alloc(network->backend, 3 * n, &prepared->points);
  if (status == MPINN_OK)
    status = network->ops->upload(network->backend, 3 * n, MPINN_FLOAT64, scaled, prepared->points);
  if (status == MPINN_OK) status = mpinn_wall_reach(context, &heart->wall, n, points, &prepared->reach);
  free(scaled);
  if (status != MPINN_OK) mpinn_local_points_clear(prepared);
  return status;
}

void mpinn_local_points_clear(mpinn_local_points *prepared) {
  if (!prepared->network) return;
  prepared->network->ops->release(prepared->network->backend, prepared->points);
  if (prepared->reach) prepared->network->ops->reach_destroy(prepared->network->backend, &prepared->reach);
  *prepared = (mpinn_local_points){0};
}

mpinn_status mpinn_local_points_find(mpinn_context *context, const mpinn_network *network,
                                     const mpinn_local_heart *heart, size_t n, const double *points,
                                     mpinn_local_points *own, const mpinn_local_points **ready) {
  *own = (mpinn_local_points){0};
  *ready = own;
  if (n == heart->nodes.n && memcmp(points, mpinn_mesh_points(heart->mesh), 3 * n * sizeof *points) == 0) {
    *ready = &heart->nodes;
    return MPINN_OK;
  }
  return mpinn_local_points_create(context, network, heart, n, points, own);
}
