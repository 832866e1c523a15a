#include "metapinn/phantom.h"

#include "base/internal.h"

#include <math.h>

static mpinn_status list_endocardium(mpinn_context *context, const mpinn_subject *subject, size_t *count,
                                     size_t **nodes) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  *count = 0;
  if (!classes)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Measured nodes need the node array 'surface_class', which the heart does not have");
  MPINN_TRY(MPINN_NEW(context, nodes, n));
  for (size_t i = 0; i < n; i++) {
    const double is = mpinn_array_get(classes, i, 0);
    if (is == MPINN_CLASS_LV_ENDOCARDIUM || is == MPINN_CLASS_RV_ENDOCARDIUM) (*nodes)[(*count)++] = i;
  }
  return MPINN_OK;
}

/* Each next node is the one farthest from all before it (Gonzalez, Theor. Comput. Sci. 38, 1985). */
static mpinn_status farthest_points(mpinn_context *context, const double *points, size_t n,
                                    const size_t *nodes, size_t first, size_t count, int32_t *measured) {
  double *distance = NULL; /* squared, to the nearest chosen node, mm² */
  size_t next = first;
  MPINN_TRY(MPINN_NEW(context, &distance, n));
  for (size_t i = 0; i < n; i++) distance[i] = INFINITY;
  for (size_t chosen = 0; chosen < count; chosen++) {
    const double *at = points + 3 * nodes[next];
    size_t farthest = 0;
    measured[nodes[next]] = 1;
    distance[next] = -1; /* never again, even where nodes coincide */
    for (size_t i = 0; i < n; i++) {
      const double *x = points + 3 * nodes[i];
      const double d =
          (x[0] - at[0]) * (x[0] - at[0]) + (x[1] - at[1]) * (x[1] - at[1]) + (x[2] - at[2]) * (x[2] - at[2]);
      distance[i] = fmin(distance[i], d);
      if (distance[i] > distance[farthest]) farthest = i;
    }
    next = farthest;
  }
  free(distance);
  return MPINN_OK;
}

mpinn_status mpinn_subject_sample_measured(mpinn_context *context, mpinn_subject *subject, size_t count,
                                           uint64_t seed) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh);
  size_t n = 0, *nodes = NULL;
  int32_t *measured = NULL;
  mpinn_random random;
  MPINN_TRY(list_endocardium(context, subject, &n, &nodes));
  mpinn_status status = MPINN_OK;
  if (count < 1 || count > n)
    status = mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "%zu measured nodes were asked for; expected 1 to %zu, as many as the endocardium has", count, n);
  if (status == MPINN_OK) status = MPINN_NEW(context, &measured, n_nodes);
  mpinn_random_seed_stream(&random, seed, 0x4d454153);
  if (status == MPINN_OK)
    status = farthest_points(context, mpinn_mesh_points(mesh), n, nodes, mpinn_random_below(&random, n),
                             count, measured);
  if (status == MPINN_OK)
    status = mpinn_subject_add_array(context, subject, "measured", MPINN_NODES, MPINN_INT32, n_nodes, 1,
                                     measured, NULL);
  free(nodes);
  free(measured);
  return status;
}
