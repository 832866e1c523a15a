#include "metapinn/train.h"

#include "model/model.h"
#include "train/checkpoint.h"
#include "train/lessons.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { VALIDATIONS = 100 }; /* how often in a whole training */

typedef struct trainer {
  mpinn_training options;
  const mpinn_preset *preset;
  mpinn_network *network;
  mpinn_optimizer optimizer;
  mpinn_lessons *lessons;
  const mpinn_training_data *data; /* NULL where features are local */
  mpinn_checkpoint checkpoint;
  char *checkpoint_path, *curve_path, identity[256], hearts[1024], data_sha256[65];
  FILE *curve;
  size_t *order; /* of the lessons in an epoch */
} trainer;

void mpinn_training_default(mpinn_training *training) {
  memset(training, 0, sizeof *training);
  training->preset = "paper";
  training->checkpoint_minutes = 3;
}

/* ---- making ready ---- */

static mpinn_status with_suffix(mpinn_context *context, const char *path, const char *suffix, char **out) {
  const size_t bytes = strlen(path) + strlen(suffix) + 1;
  MPINN_TRY(MPINN_NEW(context, out, bytes));
  snprintf(*out, bytes, "%s%s", path, suffix);
  return MPINN_OK;
}

static mpinn_status check_options(mpinn_context *context, const mpinn_training *options, size_t n_subjects,
                                  trainer *t) {
  t->options = *options;
  t->preset = mpinn_preset_find(options->preset ? options->preset : "");
  if (!t->preset)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Preset '%s' is not known; expected " MPINN_PRESET_NAMES,
                      options->preset ? options->preset : "");
  if (!options->out) return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "No file for the weights is named");
  if (n_subjects == 0 && !mpinn_preset_is_local(t->preset))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "The data set has no subject to train on");
  if (t->options.epochs == 0) t->options.epochs = t->preset->epochs;
  if (!(t->options.learning_rate > 0)) t->options.learning_rate = t->preset->learning_rate;
  if (!(t->options.pde_weight > 0)) t->options.pde_weight = 1;
  if (!(t->options.checkpoint_minutes > 0)) t->options.checkpoint_minutes = 3;
  MPINN_TRY(with_suffix(context, options->out, ".checkpoint", &t->checkpoint_path));
  return with_suffix(context, options->out, ".csv", &t->curve_path);
}

static mpinn_status first_parameters(mpinn_context *context, trainer *t) {
  const mpinn_network *network = t->network;
  mpinn_layout_initialize(&network->layout, t->preset, t->options.seed, t->checkpoint.parameters);
  if (!t->options.init) return MPINN_OK;
  mpinn_model *model = NULL;
  MPINN_TRY(mpinn_model_read(context, t->options.init, MPINN_BACKEND_AUTO, &model));
  mpinn_status status = MPINN_OK;
  if (model->network->preset != t->preset)
    status = mpinn_fail(context, MPINN_ERROR_MODEL, "%s holds preset '%s'; expected '%s'", t->options.init,
                        model->network->preset->name, t->preset->name);
  else
    status =
        model->network->ops->download(model->network->backend, t->checkpoint.n, model->network->parameters,
                                      MPINN_FLOAT32, t->checkpoint.parameters);
  mpinn_model_destroy(&model);
  return status;
}

static mpinn_status start_or_resume(mpinn_context *context, trainer *t) {
  const mpinn_network *network = t->network;
  const mpinn_ops *ops = network->ops;
  mpinn_checkpoint *c = &t->checkpoint;
  bool found = false;
  MPINN_TRY(mpinn_checkpoint_create(context, network->layout.n_values, c));
  snprintf(t->identity, sizeof t->identity,
           "preset %s, seed %llu, epochs %zu, learning rate %.9g, PDE weight %.9g, data %.16s, from %.80s",
           t->preset->name, (unsigned long long)t->options.seed, t->options.epochs, t->options.learning_rate,
           t->options.pde_weight, *t->data_sha256 ? t->data_sha256 : "simulated",
           t->options.init ? t->options.init : "random weights");
  MPINN_TRY(first_parameters(context, t));
  if (!t->options.restart)
    MPINN_TRY(mpinn_checkpoint_read(context, t->checkpoint_path, t->identity, &found, c));
  if (found)
    mpinn_say(context, MPINN_LOG_INFO, "Going on from %s, epoch %zu of %zu", t->checkpoint_path,
              c->epochs_done, t->options.epochs);
  MPINN_TRY(ops->upload(network->backend, c->n, MPINN_FLOAT32, c->parameters, network->parameters));
  MPINN_TRY(ops->upload(network->backend, c->n, MPINN_FLOAT32, c->first_moment, t->optimizer.first_moment));
  MPINN_TRY(ops->upload(network->backend, c->n, MPINN_FLOAT32, c->second_moment, t->optimizer.second_moment));
  return mpinn_curve_open(context, t->curve_path, c->epochs_done, &t->curve);
}

static mpinn_status save_checkpoint(mpinn_context *context, trainer *t) {
  const mpinn_network *network = t->network;
  const mpinn_ops *ops = network->ops;
  mpinn_checkpoint *c = &t->checkpoint;
  MPINN_TRY(ops->download(network->backend, c->n, network->parameters, MPINN_FLOAT32, c->parameters));
  MPINN_TRY(ops->download(network->backend, c->n, t->optimizer.first_moment, MPINN_FLOAT32, c->first_moment));
  MPINN_TRY(
      ops->download(network->backend, c->n, t->optimizer.second_moment, MPINN_FLOAT32, c->second_moment));
  return mpinn_checkpoint_write(context, t->checkpoint_path, t->identity, c);
}

/* ---- schedules ---- */

/* The velocity net learns from α's first trace on (AdamW does not mind the size of a gradient), while T still
 * follows the data alone; with a large α at once both agree on a constant slope before T has seen the scar.
 */
static double alpha_at(const mpinn_preset *preset, double share_done) {
  const double ramp = (share_done - preset->alpha_start) / (preset->alpha_full - preset->alpha_start);
  return ramp < 0 ? 0 : ramp > 1 ? 1 : pow(preset->alpha_first, 1 - ramp);
}

/* Cosine annealing (Loshchilov & Hutter, ICLR 2017), one period, after a warm-up of the preset's steps or, of
 * a short training, a twentieth of it. */
static double learning_rate_at(const trainer *t, size_t steps_done, double share_done) {
  const double last = fmin(t->preset->final_learning_rate, t->options.learning_rate);
  const double by_steps = t->preset->warm_up > 0 ? (double)(steps_done + 1) / (double)t->preset->warm_up : 1;
  const double warm = fmax(by_steps, t->preset->warm_up > 0 ? 20 * share_done : 1);
  const double annealed =
      last + (t->options.learning_rate - last) * (1 + cos(3.14159265358979323846 * share_done)) / 2;
  return warm < 1 ? warm * annealed : annealed;
}

/* ---- the loop ---- */

static mpinn_status run_epoch(mpinn_context *context, trainer *t, size_t epoch, mpinn_curve_line *line) {
  const size_t n = t->lessons->per_epoch, group = t->preset->subjects_per_step;
  const size_t steps = (n + group - 1) / group;
  mpinn_random random;
  mpinn_random_seed_stream(&random, t->options.seed, epoch + 1);
  for (size_t i = 0; i < n; i++) t->order[i] = i;
  mpinn_random_shuffle(&random, n, t->order);
  for (size_t step = 0; step < steps; step++) {
    const double done = ((double)epoch + (double)step / (double)steps) / (double)t->options.epochs;
    const size_t first = step * group, last = first + group < n ? first + group : n;
    line->alpha = t->options.pde_weight * alpha_at(t->preset, done);
    line->learning_rate = learning_rate_at(t, epoch * steps + step, done);
    for (size_t i = first; i < last; i++) {
      mpinn_losses losses = {0};
      /* What a lesson does on its way is no progress of the training's. */
      const mpinn_progress_part outer = mpinn_progress_enter(context, done, done);
      const mpinn_status status = t->lessons->learn(context, t->lessons, t->order[i], line->alpha,
                                                    1 / (double)(last - first), &random, &losses);
      mpinn_progress_leave(context, outer);
      MPINN_TRY(status);
      line->data_loss += losses.data / (double)n;
      line->pde_loss += losses.pde / (double)n;
      line->velocity_loss += losses.velocity / (double)n;
    }
    MPINN_TRY(mpinn_optimizer_step(&t->optimizer, line->learning_rate, (long)(epoch * steps + step + 1)));
  }
  return MPINN_OK;
}

static mpinn_status validate(mpinn_context *context, trainer *t, mpinn_curve_line *line) {
  MPINN_TRY(t->lessons->validate(context, t->lessons, line));
  if (!mpinn_preset_has_velocity(t->preset)) {
    mpinn_say(context, MPINN_LOG_INFO, "Epoch %zu of %zu: data loss %.4g; validation AT SCC %.3f",
              line->epoch, t->options.epochs, line->data_loss, line->at_scc);
    return MPINN_OK;
  }
  mpinn_say(context, MPINN_LOG_INFO,
            "Epoch %zu of %zu: data loss %.4g, PDE loss %.4g; validation AT SCC %.3f, CV SCC %.3f, squared "
            "residual %.3f",
            line->epoch, t->options.epochs, line->data_loss, line->pde_loss, line->at_scc, line->cv_scc,
            line->residual_msq);
  return MPINN_OK;
}

static mpinn_status train_epochs(mpinn_context *context, trainer *t) {
  const size_t epochs = t->options.epochs, every = epochs > VALIDATIONS ? epochs / VALIDATIONS : 1;
  const double start = mpinn_seconds();
  double saved = start;
  for (size_t epoch = t->checkpoint.epochs_done; epoch < epochs; epoch++) {
    mpinn_curve_line line = {.epoch = epoch + 1, .at_scc = NAN, .cv_scc = NAN, .residual_msq = NAN};
    MPINN_TRY(run_epoch(context, t, epoch, &line));
    if ((epoch + 1) % every == 0 || epoch + 1 == epochs) MPINN_TRY(validate(context, t, &line));
    line.seconds = mpinn_seconds() - start;
    MPINN_TRY(mpinn_curve_add(context, t->curve_path, t->curve, &line));
    t->checkpoint.epochs_done = epoch + 1;
    const mpinn_status status = mpinn_progress(context, (double)(epoch + 1) / (double)epochs, "training");
    if (status != MPINN_OK || mpinn_seconds() - saved > 60 * t->options.checkpoint_minutes) {
      MPINN_TRY(save_checkpoint(context, t));
      saved = mpinn_seconds();
    }
    MPINN_TRY(status);
  }
  return MPINN_OK;
}

/* ---- the weights ---- */

/* The hashes of the training hearts' meshes, each once. */
static void list_hearts(size_t n, mpinn_subject *const *subjects, size_t bytes, char *list) {
  size_t length = 0;
  list[0] = '\0';
  for (size_t s = 0; s < n; s++) {
    const char *hash = mpinn_subject_get_text(subjects[s], "mesh_sha256");
    if (!hash || strstr(list, hash) || length + strlen(hash) + 2 > bytes) continue;
    length += (size_t)snprintf(list + length, bytes - length, "%s%s", length ? " " : "", hash);
  }
}

static mpinn_status write_weights(mpinn_context *context, const trainer *t, const char *data_seed) {
  const mpinn_training_data *data = t->data;
  const size_t n_shapes = data ? data->n_subjects : 0;
  mpinn_shape *shapes = NULL;
  char seed[32], epochs[32], rate[32];
  MPINN_TRY(MPINN_NEW(context, &shapes, n_shapes));
  for (size_t s = 0; s < n_shapes; s++) shapes[s] = data->subjects[s].shape;
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)t->options.seed);
  snprintf(epochs, sizeof epochs, "%zu", t->options.epochs);
  snprintf(rate, sizeof rate, "%g", t->options.learning_rate);
  const mpinn_text texts[] = {
      {"protocol", data ? "paper" : "any heart"},
      {"seed", seed},
      {"epochs", epochs},
      {"learning_rate", rate},
      {"command", (char *)(t->options.command ? t->options.command : "")},
      {"data_seed", (char *)(data_seed ? data_seed : "")},
      {"data_sha256", (char *)t->data_sha256},
      {"training_hearts_sha256", (char *)t->hearts},
  };
  const mpinn_status status = mpinn_model_write(context, t->network, n_shapes, shapes,
                                                sizeof texts / sizeof *texts, texts, t->options.out);
  free(shapes);
  if (status == MPINN_OK) unlink(t->checkpoint_path);
  return status;
}

static void trainer_clear(trainer *t) {
  if (t->lessons) t->lessons->destroy(t->lessons);
  mpinn_optimizer_clear(&t->optimizer);
  mpinn_network_destroy(&t->network);
  mpinn_checkpoint_clear(&t->checkpoint);
  free(t->checkpoint_path);
  free(t->curve_path);
  free(t->order);
  if (t->curve) fclose(t->curve);
}

/* What the training depends on beside its options, and what its weights have seen. */
static void identify_data(size_t n_subjects, mpinn_subject *const *subjects, trainer *t) {
  mpinn_sha256 hash;
  if (n_subjects == 0) return;
  list_hearts(n_subjects, subjects, sizeof t->hearts, t->hearts);
  if (t->data) {
    memcpy(t->data_sha256, t->data->sha256, sizeof t->data_sha256);
    return;
  }
  mpinn_sha256_begin(&hash);
  for (size_t s = 0; s < n_subjects; s++) mpinn_hash_subject(&hash, subjects[s], 0, NULL);
  mpinn_sha256_end(&hash, t->data_sha256);
}

static mpinn_status make_ready(mpinn_context *context, size_t n_subjects, mpinn_subject *const *subjects,
                               trainer *t) {
  const mpinn_ops *ops = NULL;
  const bool local = mpinn_preset_is_local(t->preset);
  MPINN_TRY(mpinn_backend_ops(context, MPINN_BACKEND_AUTO, &ops));
  MPINN_TRY(mpinn_network_create(context, t->preset, ops, true, &t->network));
  MPINN_TRY(mpinn_optimizer_create(t->network, &t->optimizer));
  if (!local)
    MPINN_TRY(mpinn_data_lessons_create(context, t->network, t->options.seed, n_subjects, subjects,
                                        &t->lessons, &t->data));
  identify_data(n_subjects, subjects, t);
  MPINN_TRY(start_or_resume(context, t));
  if (local)
    MPINN_TRY(mpinn_local_lessons_create(context, t->network, t->options.seed, t->checkpoint.epochs_done,
                                         n_subjects, subjects, &t->lessons));
  return MPINN_NEW(context, &t->order, t->lessons->per_epoch);
}

mpinn_status mpinn_train(mpinn_context *context, size_t n_subjects, mpinn_subject *const *subjects,
                         const mpinn_training *training) {
  trainer t = {0};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, check_options(context, training, n_subjects, &t));
  MPINN_TRY_GOTO(done, status, make_ready(context, n_subjects, subjects, &t));
  MPINN_TRY_GOTO(done, status, train_epochs(context, &t));
  status = write_weights(context, &t, n_subjects > 0 ? mpinn_subject_get_text(subjects[0], "seed") : NULL);
done:
  trainer_clear(&t);
  return status;
}
