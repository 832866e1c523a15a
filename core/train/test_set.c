#include "train/test_set.h"

#include "base/internal.h"
#include "metapinn/fibres.h"
#include "train/paper.h"
#include "train/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Phantoms of a training have other seeds: those of a stream begin at 5,000,000,000, those of data sets at a
 * user's small number. */
static const uint64_t first_new_heart = 1000000007, most_seeds = 1000000;
enum { MOST_HEARTS = 1000 }; /* a test set's, so that those of two seeds share none */

int mpinn_truth_refinements(size_t nodes) {
  enum { WANTED = 100000, CHILDREN = 8 }; /* nodes become eight times as many, or nearly */
  if (nodes >= WANTED) return 0;
  return nodes * CHILDREN >= WANTED ? 1 : 2;
}

/* ---- hearts ---- */

static mpinn_status new_heart(mpinn_context *context, uint64_t seed, size_t heart, mpinn_subject **subject) {
  mpinn_phantom_options options;
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x48454152u + heart);
  mpinn_phantom_options_default(&options);
  options.seed = first_new_heart + MOST_HEARTS * (seed % most_seeds) + heart;
  options.nodes = 1700 + mpinn_random_below(&random, 601);
  return mpinn_phantom_create(context, &options, subject);
}

static mpinn_status given_heart(mpinn_context *context, const mpinn_test_options *options, size_t heart,
                                mpinn_subject **subject) {
  const mpinn_subject *given = options->given[heart];
  if (mpinn_mesh_cell_type(mpinn_subject_mesh(given)) != MPINN_TETRAHEDRON)
    return mpinn_fail(context, MPINN_ERROR_MESH,
                      "Heart %zu of those to test on is a surface; expected a wall of tetrahedra", heart);
  MPINN_TRY(mpinn_copy_heart(context, given, subject));
  return mpinn_subject_estimate_labels(context, *subject);
}

static mpinn_status streamed_heart(mpinn_context *context, uint64_t seed, size_t heart,
                                   mpinn_subject **subject) {
  mpinn_stream_heart made;
  MPINN_TRY(mpinn_stream_make(context, seed, heart, &made));
  const mpinn_status status = mpinn_copy_heart(context, made.subjects[0], subject);
  mpinn_stream_heart_clear(&made);
  return status;
}

static mpinn_status make_heart(mpinn_context *context, const mpinn_protocol *protocol,
                               const mpinn_test_options *options, size_t heart, mpinn_subject **subject) {
  if (protocol->source == MPINN_HEARTS_GIVEN) return given_heart(context, options, heart, subject);
  if (protocol->source == MPINN_HEARTS_NEW) return new_heart(context, options->seed, heart, subject);
  if (options->trained_on.stream) return streamed_heart(context, options->trained_on.seed, heart, subject);
  return mpinn_paper_heart(context, options->trained_on.seed, (int)heart, subject);
}

/* ---- tissue, measured nodes and maps ---- */

/* All that is drawn for a subject, whatever the protocol makes of it: so hearts, scars and origins are the
 * same in all protocols of new hearts. */
typedef struct drawn {
  uint64_t tissue, sampling, origins;
  double measured, ratio; /* 0 … 1: from the least to the most */
} drawn;

static drawn draw_subject(uint64_t seed, size_t heart, size_t draw) {
  drawn d;
  mpinn_random random;
  mpinn_random_seed_stream(&random, seed, 0x54455354u + MOST_HEARTS * heart + draw);
  d.tissue = mpinn_random_next(&random);
  d.sampling = mpinn_random_next(&random);
  d.origins = mpinn_random_next(&random);
  d.measured = mpinn_random_uniform(&random, 0, 1);
  d.ratio = mpinn_random_uniform(&random, 0, 1);
  return d;
}

static mpinn_status measure(mpinn_context *context, const mpinn_protocol *protocol, const drawn *d,
                            mpinn_subject *subject) {
  const size_t *range = protocol->measured;
  mpinn_sampling sampling;
  mpinn_sampling_default(&sampling);
  sampling.seed = d->sampling;
  sampling.count = range[0] + (size_t)(d->measured * (double)(range[1] - range[0] + 1));
  sampling.surfaces = protocol->surfaces;
  sampling.missing = protocol->missing;
  return mpinn_subject_sample(context, subject, &sampling);
}

static mpinn_status furnish(mpinn_context *context, const mpinn_protocol *protocol, const drawn *d,
                            size_t maps, mpinn_subject *subject) {
  mpinn_tissue tissue = protocol->tissue;
  tissue.seed = d->tissue;
  MPINN_TRY(mpinn_subject_draw_tissue(context, subject, &tissue));
  if (protocol->ratio[1] > 0) {
    mpinn_fibre_rule rule;
    mpinn_fibre_rule_default(&rule);
    rule.ratio = protocol->ratio[0] + d->ratio * (protocol->ratio[1] - protocol->ratio[0]);
    MPINN_TRY(mpinn_subject_set_fibres(context, subject, &rule));
  }
  MPINN_TRY(measure(context, protocol, d, subject));
  const int refinements = mpinn_truth_refinements(mpinn_mesh_node_count(mpinn_subject_mesh(subject)));
  return mpinn_subject_simulate_maps(context, subject, maps, d->origins, refinements);
}

/* A heart that came without labels is shown to the weights without labels. */
static void hide_labels(const mpinn_subject *given, mpinn_subject *subject) {
  static const char *const labels[] = {"surface_class", "transmural"};
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
    if (!mpinn_subject_find(given, labels[i], MPINN_NODES))
      mpinn_subject_remove_array(subject, labels[i], MPINN_NODES);
}

static mpinn_status set_texts(mpinn_context *context, const mpinn_protocol *protocol, size_t heart,
                              size_t draw, const mpinn_test_options *options, size_t maps,
                              mpinn_subject *subject) {
  char text[48];
  MPINN_TRY(mpinn_subject_set_text(context, subject, "protocol", protocol->name));
  snprintf(text, sizeof text, "%zu", heart);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "heart", text));
  snprintf(text, sizeof text, "%zu", draw);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "scar", text));
  snprintf(text, sizeof text, "%" PRIu64, options->seed);
  MPINN_TRY(mpinn_subject_set_text(context, subject, "seed", text));
  MPINN_TRY(mpinn_subject_set_hashes(context, subject));
  MPINN_TRY(mpinn_subject_set_text(context, subject, "train_maps", ""));
  snprintf(text, sizeof text, "0-%zu", maps - 1);
  return mpinn_subject_set_text(context, subject, "test_maps", text);
}

/* ---- test sets ---- */

static mpinn_status make_subjects(mpinn_context *context, const mpinn_protocol *protocol,
                                  const mpinn_test_options *options, const mpinn_test_size *size,
                                  size_t heart, mpinn_subject **made) {
  mpinn_subject *bare = NULL;
  mpinn_status status = make_heart(context, protocol, options, heart, &bare);
  for (size_t draw = 0; draw < size->draws && status == MPINN_OK; draw++) {
    const drawn d = draw_subject(options->seed, heart, draw);
    const mpinn_progress_part outer = mpinn_progress_enter(context, (double)draw / (double)size->draws,
                                                           (double)(draw + 1) / (double)size->draws);
    status = mpinn_copy_heart(context, bare, &made[draw]);
    if (status == MPINN_OK) status = furnish(context, protocol, &d, size->maps, made[draw]);
    if (status == MPINN_OK)
      status = set_texts(context, protocol, heart, draw, options, size->maps, made[draw]);
    if (status == MPINN_OK && protocol->source == MPINN_HEARTS_GIVEN)
      hide_labels(options->given[heart], made[draw]);
    mpinn_progress_leave(context, outer);
  }
  mpinn_subject_destroy(&bare);
  return status;
}

/* One heart with several scars: of several hearts with one scar each, their mean velocity would be the truth.
 */
static mpinn_status quick_paper(mpinn_context *context, uint64_t seed, size_t scars, mpinn_subject **made) {
  for (size_t s = 0; s < scars; s++) MPINN_TRY(mpinn_paper_subject(context, seed, 0, (int)s, &made[s]));
  return MPINN_OK;
}

static mpinn_status make_all(mpinn_context *context, const mpinn_protocol *protocol,
                             const mpinn_test_options *options, const mpinn_test_size *size,
                             mpinn_subject **made) {
  const double hearts = (double)size->hearts;
  if (protocol->source == MPINN_HEARTS_OF_PAPER)
    return quick_paper(context, options->trained_on.seed, size->hearts * size->draws, made);
  for (size_t h = 0; h < size->hearts; h++) {
    const mpinn_progress_part outer =
        mpinn_progress_enter(context, (double)h / hearts, (double)(h + 1) / hearts);
    const mpinn_status status = make_subjects(context, protocol, options, size, h, made + h * size->draws);
    mpinn_progress_leave(context, outer);
    MPINN_TRY(status);
  }
  return mpinn_progress(context, 1, "made the test set");
}

mpinn_status mpinn_test_set_create(mpinn_context *context, const mpinn_protocol *protocol,
                                   const mpinn_test_options *options, size_t *count,
                                   mpinn_subject ***subjects) {
  const bool given = protocol->source == MPINN_HEARTS_GIVEN;
  const mpinn_test_size size = mpinn_protocol_size(protocol, options->n_given, options->k, options->quick);
  const size_t n = size.hearts * size.draws;
  mpinn_subject **made = NULL;
  if (given && options->n_given == 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Protocol %s tests on hearts that it is given; expected one at least", protocol->name);
  if (size.hearts > MOST_HEARTS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "%zu hearts to test on were given; expected at most %d",
                      size.hearts, MOST_HEARTS);
  if (protocol->source == MPINN_HEARTS_OF_PAPER && !options->quick)
    return mpinn_paper_data_set(context, options->trained_on.seed, count, subjects);
  MPINN_TRY(MPINN_NEW(context, &made, n));
  const mpinn_status status = make_all(context, protocol, options, &size, made);
  if (status != MPINN_OK) {
    mpinn_subjects_destroy(n, &made);
    return status;
  }
  *count = n;
  *subjects = made;
  return MPINN_OK;
}

/* ---- what the training knew ---- */

/* Measured as by default: what is remembered are the maps at all nodes. */
static mpinn_status take_streamed(mpinn_context *context, const mpinn_trained_on *trained_on, size_t heart,
                                  mpinn_subject **made) {
  mpinn_stream_heart streamed;
  mpinn_sampling sampling;
  char text[48];
  mpinn_sampling_default(&sampling);
  snprintf(text, sizeof text, "0-%d", MPINN_STREAM_MAPS - 1);
  MPINN_TRY(mpinn_stream_make(context, trained_on->seed, heart, &streamed));
  memcpy(made, streamed.subjects, sizeof streamed.subjects);
  for (int t = 0; t < MPINN_STREAM_TISSUES; t++) {
    MPINN_TRY(mpinn_subject_sample(context, made[t], &sampling));
    MPINN_TRY(mpinn_subject_set_text(context, made[t], "train_maps", text));
    MPINN_TRY(mpinn_subject_set_text(context, made[t], "test_maps", ""));
  }
  return MPINN_OK;
}

static mpinn_status streamed_set(mpinn_context *context, const mpinn_trained_on *trained_on, size_t hearts,
                                 size_t *count, mpinn_subject ***subjects) {
  const size_t n = hearts * MPINN_STREAM_TISSUES;
  mpinn_subject **made = NULL;
  mpinn_status status = MPINN_OK;
  MPINN_TRY(MPINN_NEW(context, &made, n));
  for (size_t h = 0; h < hearts && status == MPINN_OK; h++) {
    const mpinn_progress_part outer =
        mpinn_progress_enter(context, (double)h / (double)hearts, (double)(h + 1) / (double)hearts);
    status = take_streamed(context, trained_on, h, made + h * MPINN_STREAM_TISSUES);
    mpinn_progress_leave(context, outer);
  }
  if (status != MPINN_OK) {
    mpinn_subjects_destroy(n, &made);
    return status;
  }
  *count = n;
  *subjects = made;
  return MPINN_OK;
}

mpinn_status mpinn_training_set_create(mpinn_context *context, const mpinn_trained_on *trained_on, bool quick,
                                       size_t *count, mpinn_subject ***subjects) {
  const mpinn_protocol *paper = mpinn_protocol_find("paper");
  const mpinn_test_options options = {.trained_on = *trained_on, .k = paper->k, .quick = quick};
  if (trained_on->stream)
    return streamed_set(context, trained_on, quick ? 1 : paper->hearts, count, subjects);
  return mpinn_test_set_create(context, paper, &options, count, subjects);
}
