#include "heart/phantom.h"

#include "base/internal.h"
#include "heart/boundary.h"
#include "heart/stuffing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void mpinn_phantom_options_default(mpinn_phantom_options *options) {
  *options = (mpinn_phantom_options){
      .seed = 1, .nodes = 2000, .variation = 1, .ventricles = MPINN_BOTH_VENTRICLES, .size = 1};
}

static mpinn_status check_options(mpinn_context *context, const mpinn_phantom_options *options) {
  if (options->nodes < 400 || options->nodes > 1000000)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "A phantom heart of %zu nodes was asked for; expected 400 to 1000000", options->nodes);
  if (!(options->variation >= 0 && options->variation <= 2))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The variation of a phantom heart is %g; expected 0 to 2", options->variation);
  if (options->ventricles != MPINN_BOTH_VENTRICLES && options->ventricles != MPINN_LV_ALONE &&
      options->ventricles != MPINN_RV_ALONE)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The ventricles of a phantom heart are %d; expected 0 (both), 1 (LV) or 2 (RV)",
                      (int)options->ventricles);
  if (!(options->size >= 0.001 && options->size <= 1000))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The size of a phantom heart is %g; expected 0.001 to 1000", options->size);
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

/* Hearts as they were before there were others: their meshes stay as they are, bit by bit. */
static bool is_plain(const mpinn_phantom_options *options) {
  return options->ventricles == MPINN_BOTH_VENTRICLES && options->variation <= 1.5 && options->nodes >= 1600;
}

/* A step to begin with, mm. */
static double first_step(const mpinn_phantom_options *options) {
  static const double factors[] = {1, 0.82, 0.76}; /* less wall, finer lattice */
  return factors[options->ventricles] * 7.6 * pow(2000.0 / (double)options->nodes, 0.405);
}

/* Steps the lattice until the node count is within 1 % (of a large one, or a heart that is not plain, 3 %),
 * or as near as it gets; *stuffing is that attempt's. Counts grow with the step's power −2.4 while most nodes
 * lie on the surface, and −2.8 later. */
static mpinn_status search_step(mpinn_context *context, const mpinn_phantom_options *options,
                                const double shift[2], mpinn_shape *shape, mpinn_stuffing *stuffing) {
  const size_t wanted = options->nodes;
  const double enough = wanted > 50000 || !is_plain(options) ? 0.03 : 0.01;
  const double power = wanted > 50000 ? 1 / 2.8 : 1 / 2.4;
  double step = first_step(options), nearest = 1e300, best_step = step;
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

/* Leaves the nodes of the stuffing in the shape's space, for its labels. */
static mpinn_status to_mesh(mpinn_context *context, const mpinn_phantom_options *options,
                            const mpinn_shape *shape, mpinn_stuffing *stuffing, mpinn_mesh **mesh) {
  double *points = NULL;
  for (size_t i = 0; i < stuffing->n_nodes; i++) {
    double *x = stuffing->points + 3 * i, moved[3];
    mpinn_shape_lattice_to_heart(shape, x, moved);
    memcpy(x, moved, sizeof moved);
  }
  const mpinn_progress_part outer = mpinn_progress_enter(context, 0.3, 0.9);
  mpinn_status status = mpinn_shape_improve(context, shape, stuffing->n_nodes, (double(*)[3])stuffing->points,
                                            stuffing->n_cells, (const int32_t(*)[4])stuffing->cells);
  mpinn_progress_leave(context, outer);
  MPINN_TRY(status);
  MPINN_TRY(MPINN_NEW(context, &points, 3 * stuffing->n_nodes));
  memcpy(points, stuffing->points, 3 * stuffing->n_nodes * sizeof *points);
  for (size_t i = 0; i < stuffing->n_nodes; i++) {
    mpinn_shape_bend_base(shape, points + 3 * i);
    for (int k = 0; k < 3; k++) points[3 * i + k] *= options->size;
  }
  status = mpinn_mesh_create(context, MPINN_TETRAHEDRON, stuffing->n_nodes, points, stuffing->n_cells,
                             stuffing->cells, mesh);
  free(points);
  return status;
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

/* Whether it makes sense to go on with a stuffing: improving it changes no more than places. */
static mpinn_status is_whole(mpinn_context *context, const mpinn_stuffing *stuffing, bool *whole) {
  mpinn_mesh *mesh = NULL;
  MPINN_TRY(mpinn_mesh_create(context, MPINN_TETRAHEDRON, stuffing->n_nodes, stuffing->points,
                              stuffing->n_cells, stuffing->cells, &mesh));
  const mpinn_status status = is_sound(context, mesh, whole);
  mpinn_mesh_destroy(&mesh);
  return status;
}

static mpinn_status try_mesh(mpinn_context *context, const mpinn_phantom_options *options,
                             const double shift[2], mpinn_shape *shape, mpinn_stuffing *stuffing,
                             mpinn_mesh **mesh, bool *sound) {
  MPINN_TRY(search_step(context, options, shift, shape, stuffing));
  const double off = fabs((double)stuffing->n_nodes / (double)options->nodes - 1);
  MPINN_TRY(is_whole(context, stuffing, sound));
  *sound = *sound && off <= 0.05;
  if (!*sound) return MPINN_OK;
  MPINN_TRY(to_mesh(context, options, shape, stuffing, mesh));
  MPINN_TRY(mpinn_progress(context, 0.9, "checking the phantom heart"));
  return is_sound(context, *mesh, sound);
}

/* The stuffing's nodes are the mesh's, in the shape's space. */
static mpinn_status build_mesh(mpinn_context *context, const mpinn_phantom_options *options,
                               mpinn_shape *shape, mpinn_stuffing *stuffing, mpinn_mesh **mesh) {
  enum { EASED = 10 };
  const int attempts = is_plain(options) ? 8 : 2; /* with the shape as it is, the lattice shifted */
  for (int attempt = 0; attempt < attempts + EASED; attempt++) {
    const double shift[2] = {fmod(0.382 * attempt, 1), fmod(0.618 * attempt, 1)};
    bool sound = false;
    if (attempt >= attempts) mpinn_shape_ease(shape);
    const mpinn_status status = try_mesh(context, options, shift, shape, stuffing, mesh, &sound);
    if (status == MPINN_OK && sound) return MPINN_OK;
    mpinn_mesh_destroy(mesh);
    mpinn_stuffing_clear(stuffing);
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
  static const char *const ventricles[] = {"both", "lv", "rv"};
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, options->seed);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "phantom_seed", text));
  snprintf(text, sizeof text, "%g", options->variation);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "phantom_variation", text));
  snprintf(text, sizeof text, "%g", options->size);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "phantom_size", text));
  return mpinn_subject_set_text(context, subject, "phantom_ventricles", ventricles[options->ventricles]);
}

mpinn_status mpinn_phantom_create(mpinn_context *context, const mpinn_phantom_options *options,
                                  mpinn_subject **subject) {
  mpinn_shape shape;
  mpinn_stuffing stuffing = {0};
  mpinn_mesh *mesh = NULL;
  *subject = NULL;
  MPINN_TRY(check_options(context, options));
  mpinn_shape_random(options, &shape);
  MPINN_TRY(build_mesh(context, options, &shape, &stuffing, &mesh));
  mpinn_status status = mpinn_subject_create(context, &mesh, subject);
  mpinn_mesh_destroy(&mesh);
  if (status == MPINN_OK) status = mpinn_shape_label(context, &shape, stuffing.points, *subject);
  if (status == MPINN_OK) status = set_texts(context, options, *subject);
  mpinn_stuffing_clear(&stuffing);
  if (status != MPINN_OK) mpinn_subject_destroy(subject);
  return status;
}
