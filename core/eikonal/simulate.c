#include "metapinn/phantom.h"

#include "base/internal.h"
#include "eikonal/each.h"
#include "metapinn/fibres.h"

#include <math.h>
#include <string.h>

static const double scar_below = 0.35; /* m/s: slower is scar */

/* ---- conduction velocity of the cells, and of those of the refined mesh ---- */

/* The subject's cell CV, or the cells' mean slowness where only its nodes have one. */
static mpinn_status cell_speed(mpinn_context *context, const mpinn_subject *subject, float *speed) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const mpinn_array *cells = mpinn_subject_find(subject, "CV", MPINN_CELLS);
  const mpinn_array *nodes = mpinn_subject_find(subject, "CV", MPINN_NODES);
  if (!cells && !nodes)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Activation maps need the array 'CV', which the heart does not have");
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++) {
    double slowness = 0;
    if (cells) slowness = 1 / mpinn_array_get(cells, c, 0);
    for (size_t a = 0; a < corners && !cells; a++)
      slowness +=
          1 / mpinn_array_get(nodes, (size_t)mpinn_mesh_cells(mesh)[corners * c + a], 0) / (double)corners;
    speed[c] = (float)(1 / slowness);
  }
  return MPINN_OK;
}

/* Of the cells of a mesh, refined or not; without fibres the last two are NULL. */
typedef struct tissue {
  float *speed; /* [cells] m/s */
  float *fibre; /* [cells][3] */
  float *axes;  /* [cells][3] m/s */
} tissue;

static void tissue_clear(tissue *t) {
  free(t->speed);
  free(t->fibre);
  free(t->axes);
}

/* values[n][components] become [family n][components], in place. */
static void inherit(size_t n, size_t family, size_t components, float *values) {
  for (size_t c = n; c-- > 0;) { /* from behind: children overwrite only parents that were served */
    float inherited[3];
    memcpy(inherited, values + components * c, components * sizeof *values);
    for (size_t k = 0; k < family; k++)
      memcpy(values + components * (family * c + k), inherited, components * sizeof *values);
  }
}

/* Fibre directions and the speeds along and across them, where the subject has both fibres and a ratio. */
static mpinn_status inherit_fibres(mpinn_context *context, const mpinn_subject *subject, size_t family,
                                   tissue *t) {
  const size_t n = mpinn_mesh_cell_count(mpinn_subject_mesh(subject));
  const mpinn_array *fibre = mpinn_subject_find(subject, "fibre", MPINN_CELLS);
  const mpinn_array *ratio = mpinn_subject_find(subject, "fibre_ratio", MPINN_FIELD);
  if (!fibre || fibre->components != 3 || !ratio || ratio->rows < 1) return MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &t->fibre, 3 * family * n));
  MPINN_TRY(MPINN_NEW(context, &t->axes, 3 * family * n));
  for (size_t i = 0; i < 3 * n; i++) t->fibre[i] = (float)mpinn_array_get(fibre, i / 3, i % 3);
  inherit(n, family, 3, t->fibre);
  for (size_t c = 0; c < family * n; c++) {
    double speeds[3];
    mpinn_fibre_speeds((double)t->speed[c], mpinn_array_get(ratio, 0, 0), speeds);
    for (size_t k = 0; k < 3; k++) t->axes[3 * c + k] = (float)speeds[k];
  }
  return MPINN_OK;
}

/* Refined mesh and the tissue its cells inherit; refined stays NULL without refinement. */
static mpinn_status refine(mpinn_context *context, const mpinn_subject *subject, int refinements,
                           mpinn_mesh **refined, tissue *t) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t children = mpinn_mesh_cell_type(mesh) == MPINN_TETRAHEDRON ? 8 : 4;
  const size_t n_cells = mpinn_mesh_cell_count(mesh);
  size_t family = 1;
  for (int i = 0; i < refinements; i++) {
    mpinn_mesh *finer = NULL;
    MPINN_TRY(mpinn_mesh_refine(context, *refined ? *refined : mesh, &finer));
    mpinn_mesh_destroy(refined);
    *refined = finer;
    family *= children;
  }
  MPINN_TRY(MPINN_NEW(context, &t->speed, family * n_cells));
  MPINN_TRY(cell_speed(context, subject, t->speed));
  inherit(n_cells, family, 1, t->speed);
  return inherit_fibres(context, subject, family, t);
}

/* What the tissue is for the solver: |∇T| F = 1, or the anisotropic equation. */
static mpinn_velocity velocity_of(const tissue *t) {
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = t->fibre ? NULL : t->speed;
  velocity.fibre = t->fibre;
  velocity.axes = t->axes;
  return velocity;
}

/* ---- sites of origin ---- */

/* Which nodes may be origins: those of usable cells, outside scar (anywhere where all is scar). */
static mpinn_status list_origins(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                 size_t *count, size_t **nodes) {
  const size_t n = mpinn_mesh_node_count(mesh), corners = (size_t)mpinn_mesh_cell_type(mesh);
  unsigned char *touched = NULL; /* 1: of a usable cell, 2: of one with scar */
  MPINN_TRY(MPINN_NEW(context, nodes, n));
  MPINN_TRY(MPINN_NEW(context, &touched, n));
  for (size_t c = 0; c < mpinn_mesh_cell_count(mesh); c++)
    for (size_t a = 0; a < corners && mpinn_mesh_cell_usable(mesh)[c]; a++)
      touched[mpinn_mesh_cells(mesh)[corners * c + a]] |=
          (unsigned char)((double)speed[c] < scar_below ? 3 : 1);
  *count = 0;
  for (size_t i = 0; i < n; i++)
    if (touched[i] == 1) (*nodes)[(*count)++] = i;
  if (*count == 0)
    for (size_t i = 0; i < n; i++)
      if (touched[i]) (*nodes)[(*count)++] = i;
  free(touched);
  return MPINN_OK;
}

/* origins[maps][4]; no node twice while there are enough. */
static mpinn_status draw_origins(mpinn_context *context, const mpinn_mesh *mesh, const float *speed,
                                 uint64_t seed, size_t maps, double (*origins)[4]) {
  size_t n = 0, *nodes = NULL;
  mpinn_random random;
  const mpinn_status status = list_origins(context, mesh, speed, &n, &nodes);
  mpinn_random_seed_stream(&random, seed, 0x4f524947);
  if (status == MPINN_OK) mpinn_random_shuffle(&random, n, nodes);
  for (size_t m = 0; m < maps && status == MPINN_OK; m++) {
    memcpy(origins[m], mpinn_mesh_points(mesh) + 3 * nodes[m % n], 3 * sizeof(double));
    origins[m][3] = 0;
  }
  free(nodes);
  return status;
}

/* ---- solving ---- */

typedef struct job {
  size_t maps, n_nodes;
  const double (*origins)[4];
  float *at; /* [maps][n_nodes] */
} job;

/* Of a refined mesh the first nodes are the mesh's own. */
static void take_map(void *user, size_t map, const float *at) {
  const job *j = user;
  memcpy(j->at + map * j->n_nodes, at, j->n_nodes * sizeof *at);
}

static mpinn_status solve_maps(mpinn_context *context, const mpinn_eikonal *solver, job *j) {
  mpinn_site *sites = NULL;
  MPINN_TRY(MPINN_NEW(context, &sites, j->maps));
  for (size_t m = 0; m < j->maps; m++) {
    memcpy(sites[m].position, j->origins[m], sizeof sites[m].position);
    sites[m].onset = j->origins[m][3];
  }
  const mpinn_status status = mpinn_eikonal_solve_each(context, solver, j->maps, sites, NULL,
                                                       "simulating activation maps", take_map, j);
  free(sites);
  return status;
}

static void remove_maps(mpinn_subject *subject) {
  char name[16];
  for (size_t map = mpinn_subject_map_count(subject); map-- > 0;) {
    mpinn_subject_map_name(map, name);
    mpinn_subject_remove_array(subject, name, MPINN_NODES);
  }
}

static mpinn_status add_maps(mpinn_context *context, mpinn_subject *subject, const job *j) {
  char name[16];
  remove_maps(subject);
  for (size_t map = 0; map < j->maps; map++) {
    mpinn_subject_map_name(map, name);
    MPINN_TRY(mpinn_subject_add_array(context, subject, name, MPINN_NODES, MPINN_FLOAT32, j->n_nodes, 1,
                                      j->at + map * j->n_nodes, NULL));
  }
  return mpinn_subject_add_array(context, subject, "origins", MPINN_FIELD, MPINN_FLOAT64, j->maps, 4,
                                 j->origins, NULL);
}

mpinn_status mpinn_subject_simulate_maps(mpinn_context *context, mpinn_subject *subject, size_t maps,
                                         uint64_t seed, int refinements) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  mpinn_mesh *refined = NULL;
  mpinn_eikonal *solver = NULL;
  tissue fine = {NULL, NULL, NULL};
  float *own_speed = NULL;
  double(*origins)[4] = NULL;
  job j = {.maps = maps, .n_nodes = mpinn_mesh_node_count(mesh)};
  mpinn_status status = MPINN_OK;
  if (maps < 1 || maps > 10000 || refinements < 0 || refinements > 3)
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "%zu maps on a mesh refined %d times were asked for; expected 1 to 10000 maps and 0 to 3 refinements",
        maps, refinements);
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &own_speed, mpinn_mesh_cell_count(mesh)));
  MPINN_TRY_GOTO(end, status, cell_speed(context, subject, own_speed));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &origins, maps));
  MPINN_TRY_GOTO(end, status, draw_origins(context, mesh, own_speed, seed, maps, origins));
  MPINN_TRY_GOTO(end, status, refine(context, subject, refinements, &refined, &fine));
  const mpinn_velocity velocity = velocity_of(&fine);
  MPINN_TRY_GOTO(end, status, mpinn_progress(context, 0, "simulating activation maps"));
  MPINN_TRY_GOTO(end, status, mpinn_eikonal_create(context, refined ? refined : mesh, &velocity, &solver));
  j.origins = (const double(*)[4])origins;
  MPINN_TRY_GOTO(end, status, mpinn_progress(context, 0, "simulating activation maps"));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &j.at, maps * j.n_nodes));
  MPINN_TRY_GOTO(end, status, solve_maps(context, solver, &j));
  status = add_maps(context, subject, &j);
end:
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&refined);
  tissue_clear(&fine);
  free(own_speed);
  free(origins);
  free(j.at);
  return status;
}
