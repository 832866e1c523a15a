/* Maps of a phantom with a scar, and what is measured of them. */
#ifndef MPINN_TESTING_MEASURED_MAPS_H
#define MPINN_TESTING_MEASURED_MAPS_H

#include "metapinn/phantom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Of 700 nodes, with a scar of the paper's and the maps solved on the very mesh. */
static inline mpinn_subject *make_scarred_heart(mpinn_context *context, int placement, size_t measured,
                                                size_t maps) {
  mpinn_phantom_options options;
  mpinn_scar scar;
  mpinn_subject *heart = NULL;
  mpinn_phantom_options_default(&options);
  mpinn_scar_paper(placement, &scar);
  options.nodes = 700;
  assert_int_equal(mpinn_phantom_create(context, &options, &heart), MPINN_OK);
  assert_int_equal(mpinn_subject_set_scars(context, heart, 0.6, 1, &scar), MPINN_OK);
  assert_int_equal(mpinn_subject_sample_measured(context, heart, measured, 3), MPINN_OK);
  assert_int_equal(mpinn_subject_simulate_maps(context, heart, maps, 5, 0), MPINN_OK);
  return heart;
}

/* Where the heart's array `measured` says so: points[n][3], mm, and times[n_maps][n], ms, of the first n_maps
 * maps; n: how many there must be. */
static inline void read_measured_maps(const mpinn_subject *heart, size_t n, size_t n_maps, double *points,
                                      double *times) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(heart);
  const mpinn_array *measured = mpinn_subject_find(heart, "measured", MPINN_NODES);
  size_t found = 0;
  for (size_t i = 0; i < mpinn_mesh_node_count(mesh); i++) {
    if (mpinn_array_get(measured, i, 0) == 0) continue;
    assert_true(found < n);
    memcpy(points + 3 * found, mpinn_mesh_points(mesh) + 3 * i, 3 * sizeof *points);
    for (size_t m = 0; m < n_maps; m++) {
      char name[16];
      mpinn_subject_map_name(m, name);
      times[m * n + found] = mpinn_array_get(mpinn_subject_find(heart, name, MPINN_NODES), i, 0);
    }
    found++;
  }
  assert_int_equal(found, n);
}

#endif
