#include "train/paper.h"

#include "base/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { SCARS = 5, MAPS = 20, REFINEMENTS = 2 };

/* ---- provenance ---- */

static void hash_of(const void *first, size_t first_bytes, const void *second, size_t second_bytes,
                    char hex[65]) {
  mpinn_sha256 hash;
  mpinn_sha256_begin(&hash);
  mpinn_sha256_add(&hash, first, first_bytes);
  mpinn_sha256_add(&hash, second, second_bytes);
  mpinn_sha256_end(&hash, hex);
}

mpinn_status mpinn_subject_set_hashes(mpinn_context *context, mpinn_subject *subject) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  char hex[65];
  hash_of(mpinn_mesh_points(mesh), 3 * n_nodes * sizeof(double), mpinn_mesh_cells(mesh),
          (size_t)mpinn_mesh_cell_type(mesh) * n_cells * sizeof(int32_t), hex);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "mesh_sha256", hex));
  hash_of(mpinn_subject_find(subject, "CV", MPINN_CELLS)->values, n_cells * sizeof(float), NULL, 0, hex);
  return mpinn_subject_set_text(context, subject, "cv_sha256", hex);
}

static mpinn_status set_provenance(mpinn_context *context, mpinn_subject *subject, int heart, int scar,
                                   uint64_t seed) {
  char number[32];
  snprintf(number, sizeof number, "%d", heart);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "heart", number));
  snprintf(number, sizeof number, "%d", scar);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "scar", number));
  snprintf(number, sizeof number, "%" PRIu64, seed);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "seed", number));
  MPINN_TRY(mpinn_subject_set_hashes(context, subject));
  MPINN_TRY(mpinn_subject_set_text(context, subject, "train_maps", "0-9"));
  return mpinn_subject_set_text(context, subject, "test_maps", "10-19");
}

/* ---- hearts ---- */

/* What is drawn of a heart: of the seed and the heart alone, so that a subject does not depend on the others.
 * The shapes are those of the phantoms of seed, seed + 1 …, so that they can be had one by one too. */
typedef struct paper_heart {
  mpinn_phantom_options shape;
  size_t measured;
  uint64_t maps_seed;
} paper_heart;

static paper_heart draw_heart(uint64_t seed, int heart) {
  paper_heart drawn;
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x50415045u + (uint64_t)heart);
  mpinn_phantom_options_default(&drawn.shape);
  drawn.shape.seed = seed + (uint64_t)heart;
  drawn.shape.nodes = 1700 + mpinn_random_below(&random, 601);
  drawn.measured = 220 + mpinn_random_below(&random, 161);
  drawn.maps_seed = mpinn_random_next(&random);
  return drawn;
}

mpinn_status mpinn_paper_heart(mpinn_context *context, uint64_t seed, int heart, mpinn_subject **subject) {
  const paper_heart drawn = draw_heart(seed, heart);
  return mpinn_phantom_create(context, &drawn.shape, subject);
}

mpinn_status mpinn_paper_subject(mpinn_context *context, uint64_t seed, int heart, int scar,
                                 mpinn_subject **subject) {
  const paper_heart drawn = draw_heart(seed, heart);
  mpinn_scar placed;
  MPINN_TRY(mpinn_phantom_create(context, &drawn.shape, subject));
  mpinn_scar_paper(scar, &placed);
  MPINN_TRY(mpinn_subject_set_scars(context, *subject, 0.6, 1, &placed));
  MPINN_TRY(mpinn_subject_sample_measured(context, *subject, drawn.measured, drawn.shape.seed));
  MPINN_TRY(
      mpinn_subject_simulate_maps(context, *subject, MAPS, drawn.maps_seed + (uint64_t)scar, REFINEMENTS));
  return set_provenance(context, *subject, heart, scar, seed);
}

mpinn_status mpinn_paper_data_set(mpinn_context *context, uint64_t seed, size_t *count,
                                  mpinn_subject ***subjects) {
  enum { COUNT = MPINN_PAPER_HEARTS * SCARS };
  mpinn_subject **made = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &made, COUNT));
  for (int i = 0; i < COUNT && status == MPINN_OK; i++) {
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)i / COUNT, (i + 1.0) / COUNT);
    status = mpinn_paper_subject(context, seed, i / SCARS, i % SCARS, &made[i]);
    mpinn_progress_leave(context, outer);
  }
  if (status == MPINN_OK) status = mpinn_progress(context, 1, "made the data set of protocol paper");
  if (status != MPINN_OK) {
    mpinn_subjects_destroy(COUNT, &made);
    return status;
  }
  *count = COUNT;
  *subjects = made;
  return MPINN_OK;
}
