#include "metapinn/phantom.h"

#include "heart/spread.h"

#include <math.h>

enum {
  ENDOCARDIA = 1u << MPINN_CLASS_LV_ENDOCARDIUM | 1u << MPINN_CLASS_RV_ENDOCARDIUM,
  SURFACES = ENDOCARDIA | 1u << MPINN_CLASS_EPICARDIUM,
  LEAST_LEFT = 8,
  MOST_PATCHES = 4
};

void mpinn_sampling_default(mpinn_sampling *sampling) {
  *sampling = (mpinn_sampling){.seed = 1, .count = 300, .surfaces = ENDOCARDIA, .missing = 0};
}

static mpinn_status check_sampling(mpinn_context *context, const mpinn_sampling *sampling) {
  if (sampling->count < 1)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "0 measured nodes were asked for; expected 1 or more");
  if (sampling->surfaces == 0 || (sampling->surfaces & ~(unsigned)SURFACES))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The surfaces to measure are 0x%x; expected any of epicardium (bit %d), LV endocardium "
                      "(bit %d) and RV endocardium (bit %d)",
                      sampling->surfaces, MPINN_CLASS_EPICARDIUM, MPINN_CLASS_LV_ENDOCARDIUM,
                      MPINN_CLASS_RV_ENDOCARDIUM);
  if (!(sampling->missing >= 0 && sampling->missing <= 0.9))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The missing share of the measured nodes is %g; expected 0 to 0.9", sampling->missing);
  return MPINN_OK;
}

static mpinn_status list_candidates(mpinn_context *context, const mpinn_subject *subject, unsigned surfaces,
                                    size_t *count, size_t **nodes) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  *count = 0;
  if (!classes)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Measured nodes need the node array 'surface_class', which the heart does not have");
  MPINN_TRY(MPINN_NEW(context, nodes, n));
  for (size_t i = 0; i < n; i++) {
    const double is = mpinn_array_get(classes, i, 0);
    for (int c = MPINN_CLASS_EPICARDIUM; c <= MPINN_CLASS_RV_ENDOCARDIUM; c++)
      if (is == c && (surfaces >> c & 1)) (*nodes)[(*count)++] = i;
  }
  return MPINN_OK;
}

/* ---- patches that nobody reached ---- */

static double square_distance(const double *a, const double *b) {
  return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]);
}

/* Takes the node nearest to centre away from those measured on its surface; false where there is none. */
static bool take_nearest(const mpinn_subject *subject, size_t centre, size_t n, const size_t *nodes,
                         int32_t *measured) {
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(subject));
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
  double best = INFINITY;
  size_t nearest = 0;
  for (size_t i = 0; i < n; i++) {
    const double d = square_distance(points + 3 * nodes[i], points + 3 * centre);
    if (!measured[nodes[i]] || !(d < best)) continue;
    if (mpinn_array_get(classes, nodes[i], 0) != mpinn_array_get(classes, centre, 0)) continue;
    best = d;
    nearest = nodes[i];
  }
  if (isfinite(best)) measured[nearest] = 0;
  return isfinite(best);
}

/* Some of the nodes that are left to take, at random sizes, each around one that is still measured. */
static void take_patches(const mpinn_subject *subject, const mpinn_sampling *sampling, size_t n,
                         const size_t *nodes, int32_t *measured) {
  const size_t most = n > LEAST_LEFT ? n - LEAST_LEFT : 0;
  size_t left = (size_t)(sampling->missing * (double)n + 0.5);
  if (left > most) left = most;
  const size_t largest = left;
  mpinn_random random;
  mpinn_random_seed_stream(&random, sampling->seed, 0x484f4c45);
  size_t patches = 1 + mpinn_random_below(&random, MOST_PATCHES);
  while (left > 0) {
    size_t size = left, centre = nodes[mpinn_random_below(&random, n)];
    while (!measured[centre]) centre = nodes[mpinn_random_below(&random, n)];
    if (patches > 1) {
      size = 1 + (size_t)(mpinn_random_uniform(&random, 0.5, 1.5) * (double)largest / (double)patches);
      patches--;
    }
    for (; size > 0 && left > 0 && take_nearest(subject, centre, n, nodes, measured); size--) left--;
  }
}

/* ---- measured ---- */

/* exact: fewer candidates than wanted are an error. */
static mpinn_status mark(mpinn_context *context, mpinn_subject *subject, const mpinn_sampling *sampling,
                         bool exact) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh);
  size_t n = 0, *nodes = NULL, *chosen = NULL, count = sampling->count;
  int32_t *measured = NULL;
  mpinn_random random;
  mpinn_status status = MPINN_OK;
  MPINN_TRY_GOTO(end, status, list_candidates(context, subject, sampling->surfaces, &n, &nodes));
  if (exact && (count < 1 || count > n))
    MPINN_TRY_GOTO(end, status,
                   mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                              "%zu measured nodes were asked for; expected 1 to %zu, as many as the "
                              "endocardium has",
                              count, n));
  if (n == 0)
    MPINN_TRY_GOTO(end, status,
                   mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                              "The heart has no node on the surfaces to measure (0x%x); expected one or more",
                              sampling->surfaces));
  if (count > n) count = n;
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &measured, n_nodes));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &chosen, count));
  mpinn_random_seed_stream(&random, sampling->seed, 0x4d454153);
  MPINN_TRY_GOTO(end, status,
                 mpinn_farthest_points(context, mpinn_mesh_points(mesh), n, nodes,
                                       mpinn_random_below(&random, n), count, chosen));
  for (size_t i = 0; i < count; i++) measured[chosen[i]] = 1;
  if (sampling->missing > 0) take_patches(subject, sampling, count, chosen, measured);
  status = mpinn_subject_add_array(context, subject, "measured", MPINN_NODES, MPINN_INT32, n_nodes, 1,
                                   measured, NULL);
end:
  free(nodes);
  free(chosen);
  free(measured);
  return status;
}

mpinn_status mpinn_subject_sample(mpinn_context *context, mpinn_subject *subject,
                                  const mpinn_sampling *sampling) {
  MPINN_TRY(check_sampling(context, sampling));
  return mark(context, subject, sampling, false);
}

mpinn_status mpinn_subject_sample_measured(mpinn_context *context, mpinn_subject *subject, size_t count,
                                           uint64_t seed) {
  const mpinn_sampling sampling = {.seed = seed, .count = count, .surfaces = ENDOCARDIA, .missing = 0};
  return mark(context, subject, &sampling, true);
}
