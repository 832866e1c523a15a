#include "baselines/measurements.h"
#include "baselines/segmentation.h"
#include "eikonal/each.h"
#include "metapinn/origin.h"

#include <math.h>
#include <nlopt.h>
#include <string.h>

enum { ROUNDS = 3 };

/* Of the velocity's logarithm: 0.6 m/s becomes 0.36 or 0.99. After sites have moved the answer is near. */
static const double first_step = 0.5, later_step = 0.1;

/* A try: velocities and sites, and what is left of the measured times. */
typedef struct trial {
  double velocity[MPINN_SEGMENTATION_MOST]; /* [n_fitted], m/s */
  mpinn_site *sites;                        /* [n_maps]; onsets 0 */
  double *square;                           /* [n_maps], ms², sum over the map's measurements */
  double *onset;                            /* [n_maps], ms since the map's earliest measured time */
  size_t *reached;                          /* [n_maps], measurements that the front arrives at */
} trial;

typedef struct segments_fit {
  mpinn_context *context;
  const mpinn_baseline_input *input;
  const mpinn_segments_fit_options *options;
  const mpinn_mesh *mesh;
  mpinn_grouping grouping;
  size_t n_maps; /* the query's early part included */
  mpinn_measurements measured;
  double *points;    /* [measurements][3], mm, where they were measured */
  float *cell_speed; /* [cells], m/s */
  trial now, best;
  size_t evaluations, solves;
  nlopt_opt optimizer;
  mpinn_status status; /* of the last evaluation */
} segments_fit;

void mpinn_segments_fit_options_default(mpinn_segments_fit_options *options) {
  *options = (mpinn_segments_fit_options){.segmentation = MPINN_SEGMENTATION_PAPER,
                                          .bounds = {0.01, 1},
                                          .start = 0.6,
                                          .elsewhere = 0.6,
                                          .max_evaluations = 500,
                                          .tolerance = 1e-3};
}

const char *mpinn_fit_stop_text(mpinn_fit_stop stopped) {
  if (stopped == MPINN_FIT_CONVERGED) return "converged";
  return stopped == MPINN_FIT_EVALUATIONS ? "all evaluations made" : "limited by rounding";
}

/* ---- what is asked for ---- */

static mpinn_status check_options(mpinn_context *context, const mpinn_segments_fit_options *o) {
  if (!mpinn_segmentation_name(o->segmentation))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Segmentation %d is none; expected 0 to %d",
                      (int)o->segmentation, MPINN_SEGMENTATION_COUNT - 1);
  if (!(o->bounds[0] > 0 && o->bounds[0] < o->bounds[1] && isfinite(o->bounds[1])))
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "The bounds of the velocity are %g and %g m/s; expected two above zero, the lower first",
        o->bounds[0], o->bounds[1]);
  if (!(o->start >= o->bounds[0] && o->start <= o->bounds[1]))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The velocity to start from is %g m/s; expected one within the bounds of %g to %g",
                      o->start, o->bounds[0], o->bounds[1]);
  if (!(o->elsewhere > 0 && isfinite(o->elsewhere)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "The velocity of tissue in no group is %g m/s; expected one above zero", o->elsewhere);
  if (!(o->tolerance > 0 && o->tolerance < 1) || o->max_evaluations < 1)
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "The fit may make %zu evaluations to a tolerance of %g; expected at least 1 and a share between "
        "0 and 1",
        o->max_evaluations, o->tolerance);
  return MPINN_OK;
}

static mpinn_status check_sites(mpinn_context *context, const mpinn_baseline_input *input) {
  const size_t n_maps = input->n_maps + (input->query ? 1 : 0);
  for (size_t m = 0; m < n_maps && input->sites; m++) {
    const double *p = input->sites[m].position;
    if (!isfinite(p[0]) || !isfinite(p[1]) || !isfinite(p[2]))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "The site of origin of map %zu is at (%g, %g, %g) mm; all must be finite", m, p[0],
                        p[1], p[2]);
  }
  return MPINN_OK;
}

/* ---- measurements ---- */

static mpinn_status check_measurements(const segments_fit *f) {
  const size_t n = f->measured.first[f->n_maps], fewest = f->grouping.n_fitted + f->n_maps;
  if (n >= fewest) return MPINN_OK;
  return mpinn_fail(
      f->context, MPINN_ERROR_MAP,
      "The maps have %zu measurements; expected at least %zu, for the velocities of %zu groups of "
      "segments and the maps' onsets",
      n, fewest, f->grouping.n_fitted);
}

static mpinn_status take_points(segments_fit *f) {
  const size_t n = f->measured.first[f->n_maps];
  MPINN_TRY(MPINN_NEW(f->context, &f->points, 3 * n));
  for (size_t k = 0; k < n; k++)
    memcpy(f->points + 3 * k, f->input->surface + 3 * f->measured.node[k], 3 * sizeof *f->points);
  return MPINN_OK;
}

static mpinn_status trial_create(mpinn_context *context, size_t n_maps, trial *t) {
  MPINN_TRY(MPINN_NEW(context, &t->sites, n_maps));
  MPINN_TRY(MPINN_NEW(context, &t->square, n_maps));
  MPINN_TRY(MPINN_NEW(context, &t->onset, n_maps));
  return MPINN_NEW(context, &t->reached, n_maps);
}

static void trial_clear(trial *t) {
  free(t->sites);
  free(t->square);
  free(t->onset);
  free(t->reached);
}

static mpinn_status fit_prepare(segments_fit *f) {
  MPINN_TRY(mpinn_measurements_create(f->context, f->input, &f->measured));
  MPINN_TRY(check_sites(f->context, f->input));
  MPINN_TRY(mpinn_grouping_create(f->context, f->input->heart, f->options->segmentation, &f->grouping));
  MPINN_TRY(check_measurements(f));
  MPINN_TRY(take_points(f));
  MPINN_TRY(MPINN_NEW(f->context, &f->cell_speed, f->mesh->cell_count));
  MPINN_TRY(trial_create(f->context, f->n_maps, &f->now));
  return trial_create(f->context, f->n_maps, &f->best);
}

static void fit_clear(segments_fit *f) {
  mpinn_grouping_clear(&f->grouping);
  trial_clear(&f->now);
  trial_clear(&f->best);
  mpinn_measurements_clear(&f->measured);
  free(f->points);
  free(f->cell_speed);
}

/* ---- the misfit ---- */

static double time_at(const segments_fit *f, size_t k, const float *at) {
  const mpinn_mesh_place *place = &f->measured.places[k];
  const int32_t *nodes = f->mesh->cells + f->mesh->type * (size_t)place->cell;
  double time = 0;
  for (size_t a = 0; a < f->mesh->type; a++) time += place->weights[a] * (double)at[nodes[a]];
  return time;
}

/* The onset that suits a map best is the mean of what its times are later than the front's. */
static void take_map(void *user, size_t m, const float *at) {
  segments_fit *f = user;
  double sum = 0, square = 0;
  size_t n = 0;
  for (size_t k = f->measured.first[m]; k < f->measured.first[m + 1]; k++) {
    const double left = f->measured.times[k] - time_at(f, k, at);
    if (isnan(left)) continue;
    sum += left;
    n++;
  }
  f->now.onset[m] = n > 0 ? sum / (double)n : 0;
  for (size_t k = f->measured.first[m]; k < f->measured.first[m + 1]; k++) {
    const double left = f->measured.times[k] - time_at(f, k, at) - f->now.onset[m];
    if (!isnan(left)) square += left * left;
  }
  f->now.square[m] = square;
  f->now.reached[m] = n;
}

static mpinn_status make_solver(segments_fit *f, const double *fitted, mpinn_eikonal **solver) {
  float speed[MPINN_SEGMENT_COUNT];
  mpinn_velocity velocity;
  mpinn_grouping_speeds(&f->grouping, fitted, f->options->elsewhere, speed);
  for (size_t c = 0; c < f->mesh->cell_count; c++) f->cell_speed[c] = speed[f->grouping.of_cell[c]];
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = f->cell_speed;
  return mpinn_eikonal_create(f->context, f->mesh, &velocity, solver);
}

/* Of the present trial's velocities and sites. */
static mpinn_status evaluate(segments_fit *f) {
  const double all = (double)f->options->max_evaluations, done = (double)f->evaluations;
  mpinn_eikonal *solver = NULL;
  const mpinn_progress_part outer =
      mpinn_progress_enter(f->context, done / (all + 1), (done + 1) / (all + 1));
  mpinn_status status = make_solver(f, f->now.velocity, &solver);
  if (status == MPINN_OK)
    status = mpinn_eikonal_solve_each(f->context, solver, f->n_maps, f->now.sites, NULL,
                                      "fitting the segments' velocities", take_map, f);
  mpinn_progress_leave(f->context, outer);
  mpinn_eikonal_destroy(&solver);
  f->evaluations++;
  f->solves += f->n_maps;
  return status;
}

static size_t count_reached(const segments_fit *f, const trial *t) {
  size_t reached = 0;
  for (size_t m = 0; m < f->n_maps; m++) reached += t->reached[m];
  return reached;
}

/* Mean square, ms². */
static double misfit(const segments_fit *f, const trial *t) {
  double square = 0;
  for (size_t m = 0; m < f->n_maps; m++) square += t->square[m];
  return square / (double)count_reached(f, t);
}

static void keep_map(segments_fit *f, size_t m) {
  f->best.sites[m] = f->now.sites[m];
  f->best.square[m] = f->now.square[m];
  f->best.onset[m] = f->now.onset[m];
  f->best.reached[m] = f->now.reached[m];
}

static void keep(segments_fit *f) {
  memcpy(f->best.velocity, f->now.velocity, sizeof f->best.velocity);
  for (size_t m = 0; m < f->n_maps; m++) keep_map(f, m);
}

/* ---- sites of origin ---- */

static mpinn_status search_sites(segments_fit *f, const mpinn_eikonal *solver) {
  const double part = (double)f->evaluations / (double)(f->options->max_evaluations + 1);
  mpinn_status status = MPINN_OK;
  const mpinn_progress_part outer = mpinn_progress_enter(f->context, part, part);
  for (size_t m = 0; m < f->n_maps && status == MPINN_OK; m++) {
    mpinn_origin origin;
    const mpinn_origin_search search = {.n = f->measured.first[m + 1] - f->measured.first[m],
                                        .points = f->points + 3 * f->measured.first[m],
                                        .times = f->measured.times + f->measured.first[m]};
    status = mpinn_find_origin(f->context, solver, &search, &origin);
    if (status != MPINN_OK) break;
    f->now.sites[m] = (mpinn_site){0};
    memcpy(f->now.sites[m].position, origin.site.position, sizeof origin.site.position);
    f->solves += origin.n_solves;
  }
  mpinn_progress_leave(f->context, outer);
  return status;
}

/* Of the velocities of the present trial. */
static mpinn_status find_sites(segments_fit *f) {
  mpinn_eikonal *solver = NULL;
  mpinn_status status = make_solver(f, f->now.velocity, &solver);
  if (status == MPINN_OK) status = search_sites(f, solver);
  mpinn_eikonal_destroy(&solver);
  return status;
}

/* New sites on the best velocities, for the maps that they suit better. */
static mpinn_status move_sites(segments_fit *f, bool *moved) {
  *moved = false;
  memcpy(f->now.velocity, f->best.velocity, sizeof f->now.velocity);
  MPINN_TRY(find_sites(f));
  MPINN_TRY(evaluate(f));
  for (size_t m = 0; m < f->n_maps; m++) {
    if (f->now.reached[m] != f->best.reached[m] || !(f->now.square[m] < f->best.square[m])) continue;
    keep_map(f, m);
    *moved = true;
  }
  memcpy(f->now.sites, f->best.sites, f->n_maps * sizeof *f->now.sites);
  return MPINN_OK;
}

/* ---- the fit ---- */

static double objective(unsigned n, const double *x, double *gradient, void *user) {
  segments_fit *f = user;
  (void)gradient; /* BOBYQA asks for none */
  for (unsigned i = 0; i < n; i++)
    f->now.velocity[i] = fmin(fmax(exp(x[i]), f->options->bounds[0]), f->options->bounds[1]);
  f->status = evaluate(f);
  if (f->status != MPINN_OK) {
    nlopt_force_stop(f->optimizer);
    return HUGE_VAL;
  }
  const double value = misfit(f, &f->now);
  if (value < misfit(f, &f->best)) keep(f);
  return value;
}

/* From the best velocities so far. */
static nlopt_result optimize(segments_fit *f, double length, int evaluations) {
  double x[MPINN_SEGMENTATION_MOST], value;
  const double low = log(f->options->bounds[0]), high = log(f->options->bounds[1]);
  const unsigned n = (unsigned)f->grouping.n_fitted;
  const double step = fmin(length, (high - low) / 2);
  for (unsigned i = 0; i < n; i++) x[i] = fmin(fmax(log(f->best.velocity[i]), low), high);
  f->optimizer = nlopt_create(n > 1 ? NLOPT_LN_BOBYQA : NLOPT_LN_NELDERMEAD, n);
  if (!f->optimizer) return NLOPT_OUT_OF_MEMORY;
  nlopt_result result = nlopt_set_min_objective(f->optimizer, objective, f);
  if (result > 0) result = nlopt_set_lower_bounds1(f->optimizer, low);
  if (result > 0) result = nlopt_set_upper_bounds1(f->optimizer, high);
  if (result > 0) result = nlopt_set_initial_step1(f->optimizer, step);
  if (result > 0) result = nlopt_set_xtol_abs1(f->optimizer, f->options->tolerance);
  if (result > 0) result = nlopt_set_maxeval(f->optimizer, evaluations);
  if (result > 0) result = nlopt_optimize(f->optimizer, x, &value);
  nlopt_destroy(f->optimizer);
  f->optimizer = NULL;
  return result;
}

static mpinn_status explain(segments_fit *f, nlopt_result result, mpinn_fit_stop *stopped) {
  MPINN_TRY(f->status);
  *stopped = result == NLOPT_MAXEVAL_REACHED    ? MPINN_FIT_EVALUATIONS
             : result == NLOPT_ROUNDOFF_LIMITED ? MPINN_FIT_ROUNDOFF
                                                : MPINN_FIT_CONVERGED;
  if (result > 0 || result == NLOPT_ROUNDOFF_LIMITED) return MPINN_OK;
  return mpinn_fail(f->context, result == NLOPT_OUT_OF_MEMORY ? MPINN_ERROR_MEMORY : MPINN_ERROR_ARGUMENT,
                    "NLopt's BOBYQA failed on %zu velocities with its code %d", f->grouping.n_fitted,
                    (int)result);
}

/* The start, which is the best for the time being. */
static mpinn_status begin(segments_fit *f) {
  for (size_t i = 0; i < f->grouping.n_fitted; i++) f->now.velocity[i] = f->options->start;
  for (size_t m = 0; m < f->n_maps && f->input->sites; m++)
    memcpy(f->now.sites[m].position, f->input->sites[m].position, sizeof f->now.sites[m].position);
  if (!f->input->sites) MPINN_TRY(find_sites(f));
  MPINN_TRY(evaluate(f));
  for (size_t m = 0; m < f->n_maps; m++) {
    const char *name = mpinn_baseline_map(f->input, m)->name;
    if (f->now.reached[m] < MPINN_BASELINE_FEWEST)
      return mpinn_fail(
          f->context, MPINN_ERROR_MAP,
          "A front from the site of origin of map '%s' reaches %zu of its measured nodes; expected at "
          "least %d in one connected part of the heart",
          name ? name : "", f->now.reached[m], MPINN_BASELINE_FEWEST);
  }
  keep(f);
  return MPINN_OK;
}

/* Each round has its share of the evaluations that are left. */
static mpinn_status run_rounds(segments_fit *f, mpinn_fit_stop *stopped) {
  const size_t most = f->options->max_evaluations < INT32_MAX ? f->options->max_evaluations : INT32_MAX;
  const int rounds = f->input->sites ? 1 : ROUNDS;
  *stopped = MPINN_FIT_EVALUATIONS;
  for (int round = 0; round < rounds && f->evaluations < most; round++) {
    bool moved = true;
    const size_t left = most - f->evaluations, share = left / (size_t)(rounds - round);
    MPINN_TRY(
        explain(f, optimize(f, round == 0 ? first_step : later_step, (int)(share > 0 ? share : 1)), stopped));
    if (round + 1 == rounds) break;
    if (f->evaluations < most) MPINN_TRY(move_sites(f, &moved));
    if (!moved && *stopped != MPINN_FIT_EVALUATIONS) break;
    if (f->evaluations >= most) *stopped = MPINN_FIT_EVALUATIONS;
  }
  return MPINN_OK;
}

/* ---- the answer ---- */

static void answer(segments_fit *f, float *cv, float *cell_cv, mpinn_site *sites) {
  float speed[MPINN_SEGMENT_COUNT];
  mpinn_grouping_speeds(&f->grouping, f->best.velocity, f->options->elsewhere, speed);
  for (size_t i = 0; i < f->mesh->node_count && cv; i++) cv[i] = speed[f->grouping.of_node[i]];
  for (size_t c = 0; c < f->mesh->cell_count && cell_cv; c++) cell_cv[c] = speed[f->grouping.of_cell[c]];
  for (size_t m = 0; m < f->n_maps && sites; m++) {
    sites[m] = f->best.sites[m];
    sites[m].onset = f->measured.earliest[m] + f->best.onset[m];
  }
}

static void fill_report(const segments_fit *f, double before, mpinn_segments_fit_report *r) {
  r->n_groups = f->grouping.n_groups;
  for (size_t p = 0; p < MPINN_SEGMENTATION_MOST; p++) r->velocity[p] = NAN;
  for (size_t i = 0; i < f->grouping.n_fitted; i++) r->velocity[f->grouping.fitted[i]] = f->best.velocity[i];
  r->evaluations = f->evaluations;
  r->solves = f->solves;
  r->n_measured = count_reached(f, &f->best);
  r->misfit_before = sqrt(before);
  r->misfit_after = sqrt(misfit(f, &f->best));
}

mpinn_status mpinn_fit_segments(mpinn_context *context, const mpinn_baseline_input *input,
                                const mpinn_segments_fit_options *options, float *cv, float *cell_cv,
                                mpinn_site *sites, mpinn_segments_fit_report *report) {
  const double start = mpinn_seconds();
  mpinn_segments_fit_report made = {0};
  mpinn_segments_fit_options defaults;
  mpinn_status status;
  mpinn_segments_fit_options_default(&defaults);
  if (!options) options = &defaults;
  MPINN_TRY(check_options(context, options));
  segments_fit f = {.context = context,
                    .input = input,
                    .options = options,
                    .mesh = mpinn_subject_mesh(input->heart),
                    .n_maps = input->n_maps + (input->query ? 1 : 0)};
  MPINN_TRY_GOTO(done, status, fit_prepare(&f));
  MPINN_TRY_GOTO(done, status, begin(&f));
  const double before = misfit(&f, &f.best);
  MPINN_TRY_GOTO(done, status, run_rounds(&f, &made.stopped));
  MPINN_TRY_GOTO(done, status, mpinn_progress(context, 1, "fitting the segments' velocities"));
  answer(&f, cv, cell_cv, sites);
  fill_report(&f, before, &made);
  made.seconds = mpinn_seconds() - start;
  if (report) *report = made;
done:
  fit_clear(&f);
  return status;
}
