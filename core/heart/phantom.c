#include "heart/phantom.h"

#include "base/internal.h"
#include "heart/boundary.h"
#include "heart/stuffing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void mpinn_phantom_options_default(mpinn_phantom_options *options) {
  *options = (mpinn_phantom_options){.seed = 1, .nodes = 2000, .variation = 1};
}

static mpinn_status check_options(mpinn_context *context, const mpinn_phantom_options *options) {
  if (options->nodes < 1600 || options->nodes > 1000000)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A phantom heart of %zu nodes was asked for; expected 1600 to 1000000", options->nodes);
  if (!(options->variation >= 0 && options->variation <= 1.5))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The variation of a phantom heart is %g; expected 0 to 1.5", options->variation);
  return MPINN_OK;
}

static mpinn_status stuff_shape(mpinn_context *context, mpinn_shape *shape, double step,
                                const double shift[2], mpinn_stuffing *stuffing) {
  double low[3], high[3];
  shape->lattice = step;
  mpinn_shape_lattice_box(shape, low, high);
  const mpinn_level_set set = {
      mpinn_shape_lattice_value, shape, {low[0], low[1], low[2]}, {high[0], high[1]}};
  return mpinn_stuff(context, &set, step, shift, stuffing);
}

/* Steps the lattice until the node count is within 1 % (of a large one, 3 %), or as near as it gets;
 * *stuffing is that attempt's. Counts grow with the step's power −2.4 while most nodes lie on the surface,
 * and −2.8 later. */
static mpinn_status search_step(mpinn_context *context, mpinn_shape *shape, size_t wanted,
                                const double shift[2], mpinn_stuffing *stuffing) {
  const double enough = wanted > 50000 ? 0.03 : 0.01, power = wanted > 50000 ? 1 / 2.8 : 1 / 2.4;
  double step = 7.6 * pow(2000.0 / (double)wanted, 0.405), nearest = 1e300, best_step = step;
  memset(stuffing, 0, sizeof *stuffing);
  for (int i = 0; i < 10 && nearest > enough; i++) {
    mpinn_stuffing tried;
    const mpinn_progress_part outer = mpinn_progress_enter(context, 0.03 * i, 0.03 * (i + 1));
    const mpinn_status status = stuff_shape(context, shape, step, shift, &tried);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(status);
    const double ratio = (double)tried.n_nodes / (double)wanted, off = fabs(ratio - 1);
    if (off < nearest) {
      mpinn_stuffing_clear(stuffing);
      *stuffing = tried;
      nearest = off;
      best_step = step;
    } else {
      mpinn_stuffing_clear(&tried);
    }
    step *= pow(fmax(ratio, 0.01), power);
  }
  shape->lattice = best_step;
  return MPINN_OK;
}

static mpinn_status to_mesh(mpinn_context *context, const mpinn_shape *shape, mpinn_stuffing *stuffing,
                            mpinn_mesh **mesh) {
  for (size_t i = 0; i < stuffing->n_nodes; i++) {
    double *x = stuffing->points + 3 * i, moved[3];
    mpinn_shape_lattice_to_heart(shape, x, moved);
    memcpy(x, moved, sizeof moved);
  }
  const mpinn_progress_part outer = mpinn_progress_enter(context, 0.3, 0.9);
  const mpinn_status status =
      mpinn_shape_improve(context, shape, stuffing->n_nodes, (double(*)[3])stuffing->points,
                          stuffing->n_cells, (const int32_t(*)[4])stuffing->cells);
  mpinn_progress_leave(context, outer);
  MPINN_TRY(status);
  return mpinn_mesh_create(context, MPINN_TETRAHEDRON, stuffing->n_nodes, stuffing->points, stuffing->n_cells,
                           stuffing->cells, mesh);
}

/* A wall with two cavities that open at the base is a ball bent into shape: anything else is a hole or a
 * seam. */
static mpinn_status is_sound(mpinn_context *context, const mpinn_mesh *mesh, bool *sound) {
  const mpinn_mesh_report report = mpinn_mesh_get_report(mesh);
  int32_t(*faces)[3] = NULL;
  size_t count = 0;
  bool manifold = false;
  long euler = 0;
  MPINN_TRY(mpinn_mesh_boundary(context, mesh, &count, &faces));
  const mpinn_status status = mpinn_boundary_check(context, mpinn_mesh_node_count(mesh), count,
                                                   (const int32_t(*)[3])faces, &manifold, &euler);
  free(faces);
  *sound = manifold && euler == 2 && report.components == 1 && report.unreferenced == 0 &&
           report.degenerate_cells == 0 && report.inverted_cells == 0;
  return status;
}

static mpinn_status build_mesh(mpinn_context *context, const mpinn_phantom_options *options,
                               mpinn_shape *shape, mpinn_mesh **mesh) {
  enum { ATTEMPTS = 8 };
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    const double shift[2] = {fmod(0.382 * attempt, 1), fmod(0.618 * attempt, 1)};
    mpinn_stuffing stuffing;
    bool sound = false;
    mpinn_status status = search_step(context, shape, options->nodes, shift, &stuffing);
    const double off = fabs((double)stuffing.n_nodes / (double)options->nodes - 1);
    if (status == MPINN_OK) status = to_mesh(context, shape, &stuffing, mesh);
    mpinn_stuffing_clear(&stuffing);
    if (status == MPINN_OK) status = mpinn_progress(context, 0.9, "checking the phantom heart");
    if (status == MPINN_OK) status = is_sound(context, *mesh, &sound);
    if (status == MPINN_OK && sound && off <= 0.05) return MPINN_OK;
    mpinn_mesh_destroy(mesh);
    MPINN_TRY(status);
  }
  return mpinn_fail(context, MPINN_ERROR_MESH,
                    "The phantom heart of seed %" PRIu64
                    " with %zu nodes could not be meshed without a hole; "
                    "expected another seed, more nodes or less variation",
                    options->seed, options->nodes);
}

static mpinn_status set_texts(mpinn_context *context, const mpinn_phantom_options *options,
                              mpinn_subject *subject) {
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, options->seed);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "phantom_seed", text));
  snprintf(text, sizeof text, "%g", options->variation);
  return mpinn_subject_set_text(context, subject, "phantom_variation", text);
}

mpinn_status mpinn_phantom_create(mpinn_context *context, const mpinn_phantom_options *options,
                                  mpinn_subject **subject) {
  mpinn_shape shape;
  mpinn_mesh *mesh = NULL;
  *subject = NULL;
  MPINN_TRY(check_options(context, options));
  mpinn_shape_random(options, &shape);
  MPINN_TRY(build_mesh(context, options, &shape, &mesh));
  mpinn_status status = mpinn_subject_create(context, &mesh, subject);
  mpinn_mesh_destroy(&mesh);
  if (status == MPINN_OK) status = mpinn_shape_label(context, &shape, *subject);
  if (status == MPINN_OK) status = set_texts(context, options, *subject);
  if (status != MPINN_OK) mpinn_subject_destroy(subject);
  return status;
}
