#include "metapinn/phantom.h"

#include "heart/spread.h"

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

mpinn_status mpinn_subject_sample_measured(mpinn_context *context, mpinn_subject *subject, size_t count,
                                           uint64_t seed) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh);
  size_t n = 0, *nodes = NULL, *chosen = NULL;
  int32_t *measured = NULL;
  mpinn_random random;
  MPINN_TRY(list_endocardium(context, subject, &n, &nodes));
  mpinn_status status = MPINN_OK;
  if (count < 1 || count > n)
    status = mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "%zu measured nodes were asked for; expected 1 to %zu, as many as the endocardium has", count, n);
  if (status == MPINN_OK) status = MPINN_NEW(context, &measured, n_nodes);
  if (status == MPINN_OK) status = MPINN_NEW(context, &chosen, count);
  mpinn_random_seed_stream(&random, seed, 0x4d454153);
  if (status == MPINN_OK)
    status = mpinn_farthest_points(context, mpinn_mesh_points(mesh), n, nodes, mpinn_random_below(&random, n),
                                   count, chosen);
  for (size_t i = 0; i < count && status == MPINN_OK; i++) measured[chosen[i]] = 1;
  if (status == MPINN_OK)
    status = mpinn_subject_add_array(context, subject, "measured", MPINN_NODES, MPINN_INT32, n_nodes, 1,
                                     measured, NULL);
  free(nodes);
  free(chosen);
  free(measured);
  return status;
}
