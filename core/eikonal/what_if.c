#include "metapinn/what_if.h"

#include "base/internal.h"
#include "heart/mesh.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The velocity that is asked about. */
typedef struct edited {
  const char *name;
  mpinn_association association;
  size_t n;     /* nodes or cells */
  float *speed; /* [n], m/s */
} edited;

void mpinn_what_if_options_default(mpinn_what_if_options *options) {
  memset(options, 0, sizeof *options);
}

/* ---- sites ---- */

static bool is_finite_place(const double *position) {
  return isfinite(position[0]) && isfinite(position[1]) && isfinite(position[2]);
}

static mpinn_status check_sites(mpinn_context *context, const mpinn_mesh *mesh,
                                const mpinn_what_if_options *options) {
  if (options->n_sites == 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "No site of origin is given; expected one at least, in mm and ms");
  for (size_t i = 0; i < options->n_sites; i++) {
    const double *p = options->sites[i].position;
    mpinn_mesh_place place;
    if (!is_finite_place(p) || !isfinite(options->sites[i].onset))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Site of origin %zu is at (%g, %g, %g) mm with onset %g ms; all must be finite", i,
                        p[0], p[1], p[2], options->sites[i].onset);
    mpinn_mesh_nearest(mesh, p, &place);
    if (place.distance > mesh->diagonal)
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Site of origin %zu at (%g, %g, %g) mm is %.4g mm from the heart, which is %.4g mm "
                        "long; expected a place in the heart's coordinates",
                        i, p[0], p[1], p[2], place.distance, mesh->diagonal);
    if (place.distance > mesh->mean_edge)
      mpinn_say(context, MPINN_LOG_WARNING,
                "Site of origin %zu is %.3g mm outside the heart: it is moved to (%.4g, %.4g, %.4g) mm", i,
                place.distance, place.position[0], place.position[1], place.position[2]);
  }
  return MPINN_OK;
}

/* ---- the velocity ---- */

static mpinn_status find_velocity(mpinn_context *context, const mpinn_subject *subject, const char *name,
                                  const mpinn_array **array) {
  *array = mpinn_subject_find(subject, name, MPINN_NODES);
  if (!*array) *array = mpinn_subject_find(subject, name, MPINN_CELLS);
  if (!*array)
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "The heart has no node or cell array '%s'; expected conduction velocity in m/s, such as "
        "the CV that personalization gives",
        name);
  if ((*array)->components == 1) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "Array '%s' has %zu components; a conduction velocity has 1", name, (*array)->components);
}

static mpinn_status take_velocity(mpinn_context *context, const mpinn_subject *subject, const char *name,
                                  edited *e) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const mpinn_array *array;
  MPINN_TRY(find_velocity(context, subject, name, &array));
  *e = (edited){.name = name, .association = array->association, .n = array->rows};
  MPINN_TRY(MPINN_NEW(context, &e->speed, e->n));
  for (size_t i = 0; i < e->n; i++) {
    const double speed = mpinn_array_get(array, i, 0);
    const bool used =
        e->association == MPINN_CELLS ? mesh->usable[i] : mesh->corner_start[i] < mesh->corner_start[i + 1];
    if (used && !(isfinite(speed) && speed > 0))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "The conduction velocity '%s' of %s %zu is %g m/s; it must be finite and above zero",
                        name, e->association == MPINN_CELLS ? "cell" : "node", i, speed);
    e->speed[i] = (float)speed;
  }
  return MPINN_OK;
}

static void place_of(const mpinn_mesh *mesh, mpinn_association association, size_t i, double position[3]) {
  const size_t corners = association == MPINN_CELLS ? (size_t)mesh->type : 1;
  memset(position, 0, 3 * sizeof *position);
  for (size_t c = 0; c < corners; c++) {
    const size_t node = association == MPINN_CELLS ? (size_t)mesh->cells[corners * i + c] : i;
    for (size_t d = 0; d < 3; d++) position[d] += mesh->points[3 * node + d] / (double)corners;
  }
}

static mpinn_status check_region(mpinn_context *context, const mpinn_what_if_region *r, size_t number) {
  if (!is_finite_place(r->centre) || !(r->radius > 0) || !isfinite(r->radius))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Region %zu is at (%g, %g, %g) mm with radius %g mm; expected a finite place and a "
                      "radius above zero",
                      number, r->centre[0], r->centre[1], r->centre[2], r->radius);
  if (!(r->speed > 0) || !isfinite(r->speed))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The conduction velocity of region %zu is %g m/s; it must be finite and above zero "
                      "(dense scar conducts at about 0.1)",
                      number, r->speed);
  return MPINN_OK;
}

static mpinn_status edit(mpinn_context *context, const mpinn_mesh *mesh, const mpinn_what_if_region *r,
                         size_t number, edited *e) {
  size_t inside = 0;
  double nearest = INFINITY;
  MPINN_TRY(check_region(context, r, number));
  for (size_t i = 0; i < e->n; i++) {
    double p[3];
    place_of(mesh, e->association, i, p);
    const double x = p[0] - r->centre[0], y = p[1] - r->centre[1], z = p[2] - r->centre[2];
    const double distance = sqrt(x * x + y * y + z * z);
    nearest = fmin(nearest, distance);
    if (distance > r->radius) continue;
    e->speed[i] = (float)r->speed;
    inside++;
  }
  if (inside > 0) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                    "Region %zu, radius %g mm around (%g, %g, %g) mm, has none of the heart in it: the "
                    "nearest %s is %.4g mm away",
                    number, r->radius, r->centre[0], r->centre[1], r->centre[2],
                    e->association == MPINN_CELLS ? "cell" : "node", nearest);
}

/* ---- solving ---- */

static mpinn_status solve(mpinn_context *context, const mpinn_mesh *mesh, const edited *e,
                          const mpinn_what_if_options *options, float **at) {
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = e->association;
  velocity.speed = e->speed;
  MPINN_TRY(MPINN_NEW(context, at, mesh->node_count));
  MPINN_TRY(mpinn_eikonal_create(context, mesh, &velocity, &solver));
  const mpinn_status status = mpinn_eikonal_solve(context, solver, options->n_sites, options->sites, *at);
  mpinn_eikonal_destroy(&solver);
  return status;
}

/* ---- what the subject is given ---- */

/* "a b c …; a b c …" of n rows of k numbers each, stride numbers apart. */
static mpinn_status set_numbers(mpinn_context *context, mpinn_subject *subject, const char *key, size_t n,
                                size_t k, const double *numbers) {
  size_t used = 0;
  const size_t bytes = 32 * n * k + 1;
  char *text = NULL;
  if (n == 0) return mpinn_subject_set_text(context, subject, key, NULL);
  MPINN_TRY(MPINN_NEW(context, &text, bytes));
  for (size_t i = 0; i < n * k; i++)
    used += (size_t)snprintf(text + used, bytes - used, "%s%.9g",
                             i == 0       ? ""
                             : i % k == 0 ? "; "
                                          : " ",
                             numbers[i]);
  const mpinn_status status = mpinn_subject_set_text(context, subject, key, text);
  free(text);
  return status;
}

/* Both structures are rows of doubles. */
_Static_assert(sizeof(mpinn_site) == 4 * sizeof(double), "a site is four numbers");
_Static_assert(sizeof(mpinn_what_if_region) == 5 * sizeof(double), "a region is five numbers");

static mpinn_status add_answer(mpinn_context *context, mpinn_subject *subject, const edited *e,
                               const mpinn_what_if_options *options, const float *at, double seconds) {
  const size_t n = mpinn_mesh_node_count(mpinn_subject_mesh(subject));
  char text[32];
  snprintf(text, sizeof text, "%.6f", seconds);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "metapinn_what_if_cv", e->name));
  MPINN_TRY(mpinn_subject_set_text(context, subject, "metapinn_what_if_seconds", text));
  MPINN_TRY(set_numbers(context, subject, "metapinn_what_if_origin", options->n_sites, 4,
                        (const double *)options->sites));
  MPINN_TRY(set_numbers(context, subject, "metapinn_what_if_regions", options->n_regions, 5,
                        (const double *)options->regions));
  mpinn_subject_remove_array(subject, "CV_whatif", MPINN_NODES);
  mpinn_subject_remove_array(subject, "CV_whatif", MPINN_CELLS);
  MPINN_TRY(mpinn_subject_add_array(context, subject, "CV_whatif", e->association, MPINN_FLOAT32, e->n, 1,
                                    e->speed, NULL));
  return mpinn_subject_add_array(context, subject, "AT_whatif", MPINN_NODES, MPINN_FLOAT32, n, 1, at, NULL);
}

mpinn_status mpinn_what_if(mpinn_context *context, mpinn_subject *subject,
                           const mpinn_what_if_options *options) {
  const double start = mpinn_seconds();
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  edited e = {0};
  float *at = NULL;
  mpinn_status status;
  if (mpinn_mesh_cell_count(mesh) == 0)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "The heart has points and no cells; expected tetrahedra or triangles");
  MPINN_TRY(check_sites(context, mesh, options));
  MPINN_TRY_GOTO(done, status, take_velocity(context, subject, options->cv ? options->cv : "CV", &e));
  for (size_t r = 0; r < options->n_regions; r++)
    MPINN_TRY_GOTO(done, status, edit(context, mesh, &options->regions[r], r, &e));
  MPINN_TRY_GOTO(done, status, solve(context, mesh, &e, options, &at));
  status = add_answer(context, subject, &e, options, at, mpinn_seconds() - start);
done:
  free(e.speed);
  free(at);
  return status;
}
