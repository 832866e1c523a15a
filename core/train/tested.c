#include "train/tested.h"

#include "train/data.h"

#include <math.h>
#include <string.h>

void mpinn_tested_clear(mpinn_tested *t) {
  free(t->measured);
  free(t->train_maps);
  free(t->test_maps);
  free(t->surface);
  free(t->interior);
  free(t->cv);
}

/* Uniform in a random usable cell, by sorted uniform numbers as barycentric coordinates. */
static void random_interior_point(const mpinn_mesh *mesh, mpinn_random *random, double point[3]) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const double *points = mpinn_mesh_points(mesh);
  size_t cell = 0;
  do cell = mpinn_random_below(random, mpinn_mesh_cell_count(mesh));
  while (!mpinn_mesh_cell_usable(mesh)[cell]);
  double weight[4], sum = 0;
  for (size_t v = 0; v < corners; v++) sum += weight[v] = -log(1 - mpinn_random_uniform(random, 0, 1));
  memset(point, 0, 3 * sizeof *point);
  for (size_t v = 0; v < corners; v++) {
    const double *corner = points + 3 * (size_t)mpinn_mesh_cells(mesh)[cell * corners + v];
    for (int d = 0; d < 3; d++) point[d] += weight[v] / sum * corner[d];
  }
}

static mpinn_status read_measured(mpinn_context *context, mpinn_tested *t) {
  const mpinn_array *array = mpinn_subject_find(t->subject, "measured", MPINN_NODES);
  const double *points = mpinn_mesh_points(mpinn_subject_mesh(t->subject));
  if (!array)
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "A subject of the data set has no node array 'measured'");
  MPINN_TRY(MPINN_NEW(context, &t->measured, t->n_wall));
  for (size_t i = 0; i < t->n_wall; i++)
    if (mpinn_array_get(array, i, 0) != 0) t->measured[t->n_measured++] = i;
  MPINN_TRY(MPINN_NEW(context, &t->surface, 3 * t->n_measured));
  for (size_t i = 0; i < t->n_measured; i++)
    memcpy(t->surface + 3 * i, points + 3 * t->measured[i], 3 * sizeof *points);
  return MPINN_OK;
}

mpinn_status mpinn_tested_read(mpinn_context *context, const mpinn_subject *subject, mpinn_random *random,
                               mpinn_tested *t) {
  const mpinn_array *cv = mpinn_subject_find(subject, "CV", MPINN_NODES);
  const size_t n_maps = mpinn_subject_map_count(subject);
  t->subject = subject;
  t->n_wall = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  if (!cv || !mpinn_subject_find(subject, "origins", MPINN_FIELD))
    return mpinn_fail(
        context, MPINN_ERROR_FORMAT,
        "A subject of the data set lacks its truth: expected node array 'CV' and field array 'origins'");
  MPINN_TRY(read_measured(context, t));
  MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(subject, "train_maps"), n_maps, &t->n_train,
                             &t->train_maps));
  MPINN_TRY(mpinn_parse_maps(context, mpinn_subject_get_text(subject, "test_maps"), n_maps, &t->n_test,
                             &t->test_maps));
  MPINN_TRY(MPINN_NEW(context, &t->cv, t->n_wall));
  MPINN_TRY(MPINN_NEW(context, &t->interior, 3 * t->n_wall));
  for (size_t i = 0; i < t->n_wall; i++) {
    t->cv[i] = (float)mpinn_array_get(cv, i, 0);
    random_interior_point(mpinn_subject_mesh(subject), random, t->interior + 3 * i);
  }
  return MPINN_OK;
}

bool mpinn_tested_same_mesh(const mpinn_tested *a, const mpinn_tested *b) {
  return a->n_wall == b->n_wall &&
         memcmp(mpinn_mesh_points(mpinn_subject_mesh(a->subject)),
                mpinn_mesh_points(mpinn_subject_mesh(b->subject)), 3 * a->n_wall * sizeof(double)) == 0;
}

const mpinn_array *mpinn_tested_map(const mpinn_tested *t, size_t map) {
  char name[16];
  mpinn_subject_map_name(map, name);
  return mpinn_subject_find(t->subject, name, MPINN_NODES);
}

mpinn_status mpinn_tested_measure(mpinn_context *context, const mpinn_tested *t, uint64_t seed, size_t index,
                                  size_t map, double sd, double **values) {
  enum { MOST_MAPS = 10000 }; /* of a subject */
  const mpinn_array *array = mpinn_tested_map(t, map);
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x4e4f4953u + MOST_MAPS * index + map);
  MPINN_TRY(MPINN_NEW(context, values, t->n_measured));
  for (size_t i = 0; i < t->n_measured; i++) {
    (*values)[i] = mpinn_array_get(array, t->measured[i], 0);
    if (sd > 0) (*values)[i] += sd * mpinn_random_normal(&random);
  }
  return MPINN_OK;
}
