#include "metapinn/phantom.h"

#include "base/internal.h"
#include "eikonal/each.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

/* Refined mesh and the CV its cells inherit; refined stays NULL without refinement. */
static mpinn_status refine(mpinn_context *context, const mpinn_subject *subject, int refinements,
                           mpinn_mesh **refined, float **speed) {
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
  MPINN_TRY(MPINN_NEW(context, speed, family * n_cells));
  MPINN_TRY(cell_speed(context, subject, *speed));
  for (size_t c = n_cells; c-- > 0;) { /* from behind: children overwrite only parents that were served */
    const float inherited = (*speed)[c];
    for (size_t k = 0; k < family; k++) (*speed)[family * c + k] = inherited;
  }
  return MPINN_OK;
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
  const mpinn_status status =
      mpinn_eikonal_solve_each(context, solver, j->maps, sites, "simulating activation maps", take_map, j);
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
  mpinn_velocity velocity;
  mpinn_mesh *refined = NULL;
  mpinn_eikonal *solver = NULL;
  float *speed = NULL, *own_speed = NULL;
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
  MPINN_TRY_GOTO(end, status, refine(context, subject, refinements, &refined, &speed));
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = speed;
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
  free(speed);
  free(own_speed);
  free(origins);
  free(j.at);
  return status;
}

/* ---- the data set of protocol `paper` ---- */

enum { HEARTS = 4, SCARS = 5, MAPS = 20, REFINEMENTS = 2 };

static void hash_of(const void *first, size_t first_bytes, const void *second, size_t second_bytes,
                    char hex[65]) {
  mpinn_sha256 hash;
  mpinn_sha256_begin(&hash);
  mpinn_sha256_add(&hash, first, first_bytes);
  mpinn_sha256_add(&hash, second, second_bytes);
  mpinn_sha256_end(&hash, hex);
}

static mpinn_status set_provenance(mpinn_context *context, mpinn_subject *subject, int heart, int scar,
                                   uint64_t seed) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  char number[32], hex[65];
  snprintf(number, sizeof number, "%d", heart);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "heart", number));
  snprintf(number, sizeof number, "%d", scar);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "scar", number));
  snprintf(number, sizeof number, "%" PRIu64, seed);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "seed", number));
  hash_of(mpinn_mesh_points(mesh), 3 * n_nodes * sizeof(double), mpinn_mesh_cells(mesh),
          4 * n_cells * sizeof(int32_t), hex);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "mesh_sha256", hex));
  hash_of(mpinn_subject_find(subject, "CV", MPINN_CELLS)->values, n_cells * sizeof(float), NULL, 0, hex);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "cv_sha256", hex));
  MPINN_TRY(mpinn_subject_set_text(context, subject, "train_maps", "0-9"));
  return mpinn_subject_set_text(context, subject, "test_maps", "10-19");
}

/* Everything is drawn from the seed, the heart and the scar alone, so that a subject does not depend on the
 * others. The shapes are those of the phantoms of seed, seed + 1 …, so that they can be had one by one too.
 */
static mpinn_status paper_subject(mpinn_context *context, uint64_t seed, int heart, int scar,
                                  mpinn_subject **subject) {
  mpinn_phantom_options options;
  mpinn_random random;
  mpinn_scar placed;
  mpinn_random_seed_stream(&random, seed, 0x50415045u + (uint64_t)heart);
  mpinn_phantom_options_default(&options);
  options.seed = seed + (uint64_t)heart;
  options.nodes = 1700 + mpinn_random_below(&random, 601);
  const size_t measured = 220 + mpinn_random_below(&random, 161);
  const uint64_t maps_seed = mpinn_random_next(&random) + (uint64_t)scar;
  MPINN_TRY(mpinn_phantom_create(context, &options, subject));
  mpinn_scar_paper(scar, &placed);
  MPINN_TRY(mpinn_subject_set_scars(context, *subject, 0.6, 1, &placed));
  MPINN_TRY(mpinn_subject_sample_measured(context, *subject, measured, options.seed));
  MPINN_TRY(mpinn_subject_simulate_maps(context, *subject, MAPS, maps_seed, REFINEMENTS));
  return set_provenance(context, *subject, heart, scar, seed);
}

mpinn_status mpinn_paper_data_set(mpinn_context *context, uint64_t seed, size_t *count,
                                  mpinn_subject ***subjects) {
  mpinn_subject **made = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &made, HEARTS * SCARS));
  for (int i = 0; i < HEARTS * SCARS && status == MPINN_OK; i++) {
    const mpinn_progress_part outer =
        mpinn_progress_enter(context, (double)i / (HEARTS * SCARS), (i + 1.0) / (HEARTS * SCARS));
    status = paper_subject(context, seed, i / SCARS, i % SCARS, &made[i]);
    mpinn_progress_leave(context, outer);
  }
  if (status == MPINN_OK) status = mpinn_progress(context, 1, "made the data set of protocol paper");
  if (status != MPINN_OK) {
    mpinn_subjects_destroy(HEARTS * SCARS, &made);
    return status;
  }
  *count = HEARTS * SCARS;
  *subjects = made;
  return MPINN_OK;
}
