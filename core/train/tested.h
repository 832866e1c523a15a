/* A subject as a protocol tests it, or remembers it from the training. */
#ifndef MPINN_TRAIN_TESTED_H
#define MPINN_TRAIN_TESTED_H

#include "base/internal.h"
#include "metapinn/subject.h"

typedef struct mpinn_tested {
  const mpinn_subject *subject;
  size_t n_wall, n_measured, n_train, n_test;
  size_t *measured, *train_maps, *test_maps;
  double *surface;  /* [n_measured][3] */
  double *interior; /* [n_wall][3], random points inside cells */
  float *cv;        /* [n_wall]: true */
} mpinn_tested;

/* MPINN_ERROR_FORMAT where the subject lacks CV, origins, measured, or maps that "train_maps" and "test_maps"
 * name. */
mpinn_status mpinn_tested_read(mpinn_context *context, const mpinn_subject *subject, mpinn_random *random,
                               mpinn_tested *tested);
void mpinn_tested_clear(mpinn_tested *tested);

/* The true map: a node array. */
const mpinn_array *mpinn_tested_map(const mpinn_tested *tested, size_t map);

/* values[n_measured], ms: what was measured of a map, its truth with noise of standard deviation sd. The
 * noise is of (seed, index of the subject, map) alone: a map is the same whether it is a context or the
 * query. */
mpinn_status mpinn_tested_measure(mpinn_context *context, const mpinn_tested *tested, uint64_t seed,
                                  size_t index, size_t map, double sd, double **values);

bool mpinn_tested_same_mesh(const mpinn_tested *a, const mpinn_tested *b);

#endif
