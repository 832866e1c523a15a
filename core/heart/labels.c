#include "metapinn/phantom.h"

#include "base/internal.h"
#include "heart/cavities.h"
#include "heart/rays.h"

#include <math.h>

static bool is_endocardium(int is) {
  return is == MPINN_CLASS_LV_ENDOCARDIUM || is == MPINN_CLASS_RV_ENDOCARDIUM;
}

static bool has_cavity(const mpinn_surface *s) {
  for (size_t f = 0; f < s->count; f++)
    if (is_endocardium(s->classes[f])) return true;
  return false;
}

/* ---- surface_class ---- */

static int rank(int is) {
  return is == MPINN_CLASS_BASE ? 3 : is_endocardium(is) ? 2 : is == MPINN_CLASS_EPICARDIUM ? 1 : 0;
}

/* Of a node's faces the base comes before the endocardia, and those before the epicardium; what no face has
 * is interior. */
static void classify_nodes(const mpinn_surface *s, int32_t *nodes) {
  for (size_t i = 0; i < 3 * s->count; i++) {
    const int is = s->classes[i / 3];
    int32_t *node = &nodes[s->faces[i / 3][i % 3]];
    if (rank(is) > rank(*node) || (rank(is) == rank(*node) && is < *node)) *node = is;
  }
}

/* A face of the outside beside an endocardium or the base becomes base where it faces upwards. */
static bool spread_base(mpinn_surface *s, const double up[3], int32_t from, int32_t to) {
  const double upwards = 0.6; /* cosine: within 53° */
  const int is = s->classes[from];
  if (s->classes[to] != MPINN_CLASS_EPICARDIUM || is == MPINN_CLASS_EPICARDIUM) return false;
  if (mpinn_dot(s->normals[to], up) < upwards) return false;
  s->classes[to] = MPINN_CLASS_BASE;
  return true;
}

static bool share_edge(const mpinn_edge *a, const mpinn_edge *b) {
  return a->nodes[0] == b->nodes[0] && a->nodes[1] == b->nodes[1];
}

/* Out of the cavities: by Gauss' theorem the faces of a cavity and a lid on its rim have no area in sum, as
 * vectors. */
static bool find_up(const mpinn_surface *s, double up[3]) {
  for (int k = 0; k < 3; k++) up[k] = 0;
  for (size_t f = 0; f < s->count; f++)
    for (int k = 0; k < 3 && is_endocardium(s->classes[f]); k++) up[k] += s->areas[f] * s->normals[f][k];
  return mpinn_normalize(up) > 0;
}

/* Grows the base from the rims of the cavities, a ring of faces at a time. */
static void grow_base(mpinn_surface *s, const mpinn_edge *edges, const double up[3]) {
  for (bool grown = true; grown;) {
    grown = false;
    for (size_t i = 1; i < 3 * s->count; i++) {
      const mpinn_edge *a = &edges[i - 1], *b = &edges[i];
      if (!share_edge(a, b)) continue;
      if (spread_base(s, up, a->face, b->face) || spread_base(s, up, b->face, a->face)) grown = true;
    }
  }
}

static mpinn_status set_classes(mpinn_context *context, mpinn_subject *subject, const mpinn_surface *s) {
  mpinn_array *array = NULL;
  MPINN_TRY(mpinn_subject_add_array(context, subject, "surface_class", MPINN_NODES, MPINN_INT32, s->n_nodes,
                                    1, NULL, &array));
  classify_nodes(s, array->values);
  return MPINN_OK;
}

static mpinn_status estimate_classes(mpinn_context *context, mpinn_subject *subject, mpinn_surface *s) {
  mpinn_edge *edges = NULL;
  double up[3];
  MPINN_TRY(mpinn_surface_edges(context, s, &edges));
  mpinn_status status = mpinn_surface_find_cavities(context, s, edges);
  if (status == MPINN_OK && find_up(s, up)) grow_base(s, edges, up);
  if (status == MPINN_OK) status = set_classes(context, subject, s);
  free(edges);
  return status;
}

/* ---- transmural ---- */

/* The faces of the endocardia, or those of the epicardium, as a tree; faces is freed by the caller, after it.
 */
static mpinn_status take_faces(mpinn_context *context, const mpinn_surface *s, bool endocardium,
                               int32_t (**faces)[3], mpinn_rays **rays) {
  size_t count = 0;
  MPINN_TRY(MPINN_NEW(context, faces, s->count));
  for (size_t f = 0; f < s->count; f++) {
    if (endocardium ? !is_endocardium(s->classes[f]) : s->classes[f] != MPINN_CLASS_EPICARDIUM) continue;
    for (int i = 0; i < 3; i++) (*faces)[count][i] = s->faces[f][i];
    count++;
  }
  return mpinn_rays_create(context, s->points, count, (const int32_t(*)[3]) * faces, rays);
}

static float transmural_at(const mpinn_rays *in, const mpinn_rays *out, int is, const double point[3]) {
  if (is == MPINN_CLASS_EPICARDIUM) return 1;
  if (is_endocardium(is)) return 0;
  const double inner = mpinn_rays_distance(in, point), outer = mpinn_rays_distance(out, point);
  return inner > 0 && isfinite(outer) ? (float)(inner / (inner + outer)) : 0;
}

static mpinn_status estimate_transmural(mpinn_context *context, mpinn_subject *subject,
                                        const mpinn_surface *s) {
  int32_t(*faces[2])[3] = {NULL, NULL};
  mpinn_rays *in = NULL, *out = NULL;
  mpinn_array *array = NULL;
  mpinn_status status = MPINN_OK;
  if (!has_cavity(s)) return MPINN_OK;
  MPINN_TRY_GOTO(end, status, take_faces(context, s, true, &faces[0], &in));
  MPINN_TRY_GOTO(end, status, take_faces(context, s, false, &faces[1], &out));
  MPINN_TRY_GOTO(end, status,
                 mpinn_subject_add_array(context, subject, "transmural", MPINN_NODES, MPINN_FLOAT32,
                                         s->n_nodes, 1, NULL, &array));
  float *values = array->values;
  const mpinn_array *classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES);
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
  for (size_t i = 0; i < s->n_nodes; i++)
    values[i] = transmural_at(in, out, (int)mpinn_array_get(classes, i, 0), s->points + 3 * i);
end:
  mpinn_rays_destroy(&in);
  mpinn_rays_destroy(&out);
  free(faces[0]);
  free(faces[1]);
  return status;
}

mpinn_status mpinn_subject_estimate_labels(mpinn_context *context, mpinn_subject *subject) {
  const bool has_classes = mpinn_subject_find(subject, "surface_class", MPINN_NODES) != NULL;
  const bool has_transmural = mpinn_subject_find(subject, "transmural", MPINN_NODES) != NULL;
  mpinn_surface s = {0};
  if (has_classes && has_transmural) return MPINN_OK;
  mpinn_status status = mpinn_surface_create(context, subject, &s);
  if (status == MPINN_OK && !has_classes) status = estimate_classes(context, subject, &s);
  if (status == MPINN_OK && !has_transmural) status = estimate_transmural(context, subject, &s);
  mpinn_surface_clear(&s);
  return status;
}
