#include "model/calibration.h"

#include "base/order.h"

#include <math.h>
#include <string.h>

static const char spread_name[] = "calibration.spread", usual_name[] = "calibration.usual",
                  mean_name[] = "calibration.sample_mean", whitening_name[] = "calibration.sample_whitening",
                  limit_name[] = "calibration.sample_limit";
static const double quantile_of_sd = 1.645; /* nine in ten of a normal distribution */

/* ---- uncertainty ---- */

/* Of weights that nobody calibrated: wide rather than narrow. */
void mpinn_calibration_default(mpinn_calibration *calibration) {
  static const double usual[MPINN_SPREAD_FIELDS][MPINN_SPREAD_TERMS] = {
      [MPINN_SPREAD_AT] = {2, 0.05, 0.1, 0.5, 0.5, 0.05, 0},
      [MPINN_SPREAD_CV] = {2, 0.05, 0.1, 0.5, 0.3, 0.05, 0}};
  memset(calibration, 0, sizeof *calibration);
  for (size_t c = 0; c < MPINN_SPREAD_CLASSES; c++) memcpy(calibration->spread[c], usual, sizeof usual);
}

size_t mpinn_calibration_class(size_t n_context) {
  return n_context <= 1 ? 0 : n_context <= 3 ? 1 : 2;
}

static double interpolate(const double knots[MPINN_SPREAD_KNOTS][2], double x) {
  size_t i = 0;
  if (!(x > knots[0][0])) return knots[0][1];
  while (i + 1 < MPINN_SPREAD_KNOTS && knots[i + 1][0] < x) i++;
  if (i + 1 == MPINN_SPREAD_KNOTS) return knots[i][1];
  const double share = (x - knots[i][0]) / (knots[i + 1][0] - knots[i][0]);
  return knots[i][1] + share * (knots[i + 1][1] - knots[i][1]);
}

/* What the usual errors go by. */
static double size_of(const float *parts) {
  return (double)parts[5] / fmax((double)parts[1], 1e-300);
}

static void make_terms(const mpinn_calibration *c, int field, const float *parts,
                       double terms[MPINN_SPREAD_TERMS]) {
  for (size_t p = 0; p < MPINN_SPREAD_PARTS; p++) terms[p] = (double)parts[p];
  terms[MPINN_SPREAD_PARTS] = (double)parts[1] * interpolate(c->usual[field], size_of(parts));
}

double mpinn_calibration_sd(const mpinn_calibration *c, size_t class, int field, const float *parts) {
  double terms[MPINN_SPREAD_TERMS], sum = 0;
  make_terms(c, field, parts, terms);
  for (size_t t = 0; t < MPINN_SPREAD_TERMS; t++) {
    const double term = c->spread[class][field][t] * terms[t];
    sum += term * term;
  }
  return sqrt(sum);
}

/* ---- usual errors ---- */

typedef struct sized_error {
  float size, error; /* both over part 1 */
} sized_error;

static int compare_errors(const void *a, const void *b) {
  return mpinn_compare_floats(&((const sized_error *)a)->error, &((const sized_error *)b)->error);
}

/* Of answers of nearly the same size: their mean, and the deviation whose 1.645 holds nine errors in ten. */
static void make_knot(sized_error *errors, size_t count, double knot[2]) {
  knot[0] = 0;
  for (size_t i = 0; i < count; i++) knot[0] += (double)errors[i].size / (double)count;
  qsort(errors, count, sizeof *errors, compare_errors);
  knot[1] = (double)errors[(size_t)(0.9 * (double)(count - 1))].error / quantile_of_sd;
}

mpinn_status mpinn_calibration_learn_usual(mpinn_context *context, const mpinn_calibration_sample *samples,
                                           int field, mpinn_calibration *c) {
  sized_error *errors = NULL;
  size_t count = 0, filled = 0;
  for (size_t s = 0; s < MPINN_SPREAD_CLASSES; s++) count += samples[s].count;
  if (count < MPINN_SPREAD_KNOTS)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "%zu errors are too few to calibrate by; expected at least %d", count,
                      MPINN_SPREAD_KNOTS);
  MPINN_TRY(MPINN_NEW(context, &errors, count));
  for (size_t s = 0; s < MPINN_SPREAD_CLASSES; s++)
    for (size_t i = 0; i < samples[s].count; i++) {
      const float *parts = samples[s].parts + MPINN_SPREAD_PARTS * i;
      errors[filled++] = (sized_error){(float)size_of(parts), samples[s].error[i] / parts[1]};
    }
  qsort(errors, count, sizeof *errors, mpinn_compare_floats); /* by size, their first member */
  for (size_t k = 0; k < MPINN_SPREAD_KNOTS; k++) {
    const size_t first = k * count / MPINN_SPREAD_KNOTS, last = (k + 1) * count / MPINN_SPREAD_KNOTS;
    make_knot(errors + first, last - first, c->usual[field][k]);
  }
  free(errors);
  return MPINN_OK;
}

/* ---- weights ---- */

typedef struct fit {
  size_t count;
  const float *error;
  float *squares; /* [count][MPINN_SPREAD_TERMS] of terms over their root mean squares */
  float *sums;    /* [count] Σ w² squares: what 1.645 sd is squared */
} fit;

/* Mean loss of the guess sqrt(sums + change · squares of term) at the quantile. */
static double loss(const fit *f, size_t term, double change) {
  double sum = 0;
  for (size_t i = 0; i < f->count; i++) {
    const double square = (double)f->sums[i] + change * (double)f->squares[MPINN_SPREAD_TERMS * i + term];
    const double over = (double)f->error[i] - sqrt(fmax(square, 0));
    sum += over > 0 ? 0.9 * over : -0.1 * over;
  }
  return sum / (double)f->count;
}

/* The best square of a weight, the others fixed: on a scale of powers, then between its neighbours. */
static double improve_weight(const fit *f, size_t term, double before, double unit) {
  enum { FIRST = -14, LAST = 6, REFINEMENTS = 6 };
  double best = before, least = loss(f, term, 0), ratio = 2;
  for (int e = FIRST; e <= LAST + 1; e++) { /* the first: none */
    const double tried = e == FIRST ? 0 : unit * exp2(e), found = loss(f, term, tried - before);
    if (found >= least) continue;
    least = found;
    best = tried;
  }
  for (int r = 0; r < REFINEMENTS; r++) {
    const double around[2] = {best / sqrt(ratio), best * sqrt(ratio)};
    ratio = sqrt(ratio);
    for (int s = 0; s < 2; s++) {
      const double found = loss(f, term, around[s] - before);
      if (found >= least) continue;
      least = found;
      best = around[s];
    }
  }
  return best;
}

static void descend(fit *f, double unit, double *squares) {
  enum { ROUNDS = 12 };
  for (int round = 0; round < ROUNDS; round++)
    for (size_t t = MPINN_SPREAD_TERMS; t-- > 0;) { /* the usual errors first: the others add to them */
      const double found = improve_weight(f, t, squares[t], unit), change = found - squares[t];
      if (change == 0) continue;
      for (size_t i = 0; i < f->count; i++)
        f->sums[i] = fmaxf(f->sums[i] + (float)change * f->squares[MPINN_SPREAD_TERMS * i + t], 0);
      squares[t] = found;
    }
}

/* By how much guesses fall short of nine errors in ten. Sums are spent. */
static double shortfall(fit *f) {
  for (size_t i = 0; i < f->count; i++) f->sums[i] = f->error[i] / fmaxf(sqrtf(f->sums[i]), 1e-12f);
  qsort(f->sums, f->count, sizeof *f->sums, mpinn_compare_floats);
  return (double)f->sums[(size_t)(0.9 * (double)(f->count - 1))];
}

/* Fills squares; scale[t] are the terms' mean squares. */
static void square_terms(const mpinn_calibration *c, int field, const mpinn_calibration_sample *sample,
                         fit *f, double scale[MPINN_SPREAD_TERMS]) {
  double terms[MPINN_SPREAD_TERMS];
  memset(scale, 0, MPINN_SPREAD_TERMS * sizeof *scale);
  for (size_t i = 0; i < f->count; i++) {
    make_terms(c, field, sample->parts + MPINN_SPREAD_PARTS * i, terms);
    for (size_t t = 0; t < MPINN_SPREAD_TERMS; t++) {
      const double square = terms[t] * terms[t];
      f->squares[MPINN_SPREAD_TERMS * i + t] = (float)square;
      scale[t] += square / (double)f->count;
    }
  }
  for (size_t i = 0; i < f->count * MPINN_SPREAD_TERMS; i++)
    f->squares[i] /= (float)fmax(scale[i % MPINN_SPREAD_TERMS], 1e-30);
}

mpinn_status mpinn_calibration_learn_weights(mpinn_context *context, const mpinn_calibration_sample *sample,
                                             size_t class, int field, mpinn_calibration *c) {
  double scale[MPINN_SPREAD_TERMS], squares[MPINN_SPREAD_TERMS] = {0}, unit = 0;
  fit f = {.count = sample->count, .error = sample->error};
  mpinn_status status;
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &f.squares, f.count * MPINN_SPREAD_TERMS));
  MPINN_TRY_GOTO(done, status, MPINN_NEW(context, &f.sums, f.count));
  for (size_t i = 0; i < f.count; i++) unit += (double)f.error[i] * (double)f.error[i] / (double)f.count;
  square_terms(c, field, sample, &f, scale);
  descend(&f, unit, squares);
  const double factor = shortfall(&f) / quantile_of_sd;
  for (size_t t = 0; t < MPINN_SPREAD_TERMS; t++)
    c->spread[class][field][t] = scale[t] > 0 ? factor * sqrt(squares[t] / scale[t]) : 0;
done:
  free(f.squares);
  free(f.sums);
  return status;
}

/* ---- strangers ---- */

enum { N = MPINN_LIKENESS_NUMBERS, FOLDS = 8 };
static const size_t first_of_block[MPINN_LIKENESS_BLOCKS + 1] = {0, MPINN_LIKENESS_SHAPE, N};

/* Length of what whitening makes of the numbers of a block, numbers[0] being its first. */
static double whitened(const mpinn_calibration *c, int block, const double *numbers) {
  const size_t first = first_of_block[block], end = first_of_block[block + 1];
  double square = 0;
  for (size_t i = first; i < end; i++) {
    double sum = 0;
    for (size_t j = first; j <= i; j++)
      if (!isnan(numbers[j - first])) sum += c->whitening[i][j] * (numbers[j - first] - c->mean[j]);
    square += sum * sum;
  }
  return sqrt(square);
}

double mpinn_calibration_distance(const mpinn_calibration *c, const double numbers[MPINN_LIKENESS_NUMBERS]) {
  double largest = 0;
  for (int b = 0; b < MPINN_LIKENESS_BLOCKS && c->has_sample; b++)
    largest = fmax(largest, whitened(c, b, numbers + first_of_block[b]) / c->limit[b]);
  return largest;
}

/* a = L Lᵀ in place, the lower half of its first n rows. */
static void factorize(size_t n, double a[N][N]) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = a[i][j];
      for (size_t k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
      a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
    }
}

static double inverse_at(size_t i, size_t j, double l[N][N], double inverse[N][N]) {
  double sum = i == j;
  for (size_t k = j; k < i; k++) sum -= l[i][k] * inverse[k][j];
  return sum / l[i][i];
}

/* A block's described hearts, and which of them count: not those of one fold. */
typedef struct block_sample {
  int block;
  size_t count, per_heart, fold; /* FOLDS: all count */
  const double *numbers;
} block_sample;

static bool counts(const block_sample *s, size_t i) {
  return i / s->per_heart % FOLDS != s->fold;
}

/* Mean of the block's numbers, and covariance about it. */
static void find_moments(const block_sample *s, size_t n, double *mean, double covariance[N][N]) {
  double used = 0;
  memset(mean, 0, n * sizeof *mean);
  memset(covariance, 0, N * sizeof *covariance);
  for (size_t i = 0; i < s->count; i++) {
    used += counts(s, i);
    for (size_t d = 0; d < n && counts(s, i); d++) mean[d] += s->numbers[n * i + d];
  }
  for (size_t d = 0; d < n; d++) mean[d] /= used;
  for (size_t i = 0; i < s->count; i++)
    for (size_t d = 0; d < n && counts(s, i); d++)
      for (size_t e = 0; e <= d; e++)
        covariance[d][e] += (s->numbers[n * i + d] - mean[d]) * (s->numbers[n * i + e] - mean[e]) / used;
}

static void learn_block(const block_sample *s, mpinn_calibration *c) {
  static const double damping = 1e-3; /* what hardly varies must not decide alone */
  const size_t first = first_of_block[s->block], n = first_of_block[s->block + 1] - first;
  double covariance[N][N], inverse[N][N] = {{0}};
  find_moments(s, n, c->mean + first, covariance);
  for (size_t d = 0; d < n; d++) covariance[d][d] += damping * covariance[d][d] + 1e-9;
  factorize(n, covariance);
  for (size_t j = 0; j < n; j++)
    for (size_t i = j; i < n; i++)
      c->whitening[first + i][first + j] = inverse[i][j] = inverse_at(i, j, covariance, inverse);
}

mpinn_status mpinn_calibration_learn_sample(mpinn_context *context, int block, size_t count, size_t per_heart,
                                            const double *numbers, mpinn_calibration *c) {
  const size_t n = first_of_block[block + 1] - first_of_block[block];
  block_sample s = {.block = block, .count = count, .per_heart = per_heart, .numbers = numbers};
  double *distance = NULL;
  if (count < 4 * n || count < FOLDS * per_heart)
    return mpinn_fail(
        context, MPINN_ERROR_ARGUMENT,
        "%zu personalizations are too few to tell strangers by; expected at least %zu of %d hearts", count,
        4 * n, FOLDS);
  MPINN_TRY(MPINN_NEW(context, &distance, count));
  for (s.fold = 0; s.fold < FOLDS; s.fold++) {
    learn_block(&s, c);
    for (size_t i = 0; i < count; i++)
      if (!counts(&s, i)) distance[i] = whitened(c, block, numbers + n * i);
  }
  learn_block(&s, c);
  qsort(distance, count, sizeof *distance, mpinn_compare_doubles);
  c->limit[block] = distance[(size_t)(0.99 * (double)(count - 1))];
  c->has_sample = c->limit[MPINN_LIKENESS_OF_WALL] > 0 && c->limit[MPINN_LIKENESS_OF_MAPS] > 0;
  free(distance);
  return MPINN_OK;
}

/* ---- files ---- */

bool mpinn_calibration_owns(const char *tensor) {
  return strncmp(tensor, "calibration.", 12) == 0;
}

static mpinn_status take(mpinn_context *context, const mpinn_tensorfile *file, const char *name, int rank,
                         const size_t *shape, double *values) {
  const mpinn_tensor *tensor = NULL;
  MPINN_TRY(mpinn_tensorfile_expect(context, file, name, rank, shape, &tensor));
  mpinn_tensor_to_double(tensor, values);
  for (size_t i = 0; i < tensor->count; i++)
    if (!isfinite(values[i]))
      return mpinn_fail(context, MPINN_ERROR_MODEL, "Tensor '%s' holds a value that is not finite", name);
  return MPINN_OK;
}

static const size_t spread_shape[] = {MPINN_SPREAD_CLASSES, MPINN_SPREAD_FIELDS, MPINN_SPREAD_TERMS},
                    usual_shape[] = {MPINN_SPREAD_FIELDS, MPINN_SPREAD_KNOTS, 2}, sample_shape[] = {N, N},
                    limit_shape[] = {MPINN_LIKENESS_BLOCKS};

mpinn_status mpinn_calibration_read(mpinn_context *context, const mpinn_tensorfile *file,
                                    mpinn_calibration *c) {
  mpinn_calibration_default(c);
  if (mpinn_tensorfile_find(file, spread_name)) {
    MPINN_TRY(take(context, file, spread_name, 3, spread_shape, &c->spread[0][0][0]));
    MPINN_TRY(take(context, file, usual_name, 3, usual_shape, &c->usual[0][0][0]));
    c->has_spread = true;
  }
  if (!mpinn_tensorfile_find(file, mean_name)) return MPINN_OK;
  MPINN_TRY(take(context, file, mean_name, 1, sample_shape, c->mean));
  MPINN_TRY(take(context, file, whitening_name, 2, sample_shape, &c->whitening[0][0]));
  MPINN_TRY(take(context, file, limit_name, 1, limit_shape, c->limit));
  for (int b = 0; b < MPINN_LIKENESS_BLOCKS; b++)
    if (!(c->limit[b] > 0))
      return mpinn_fail(context, MPINN_ERROR_MODEL, "Tensor '%s' holds %g; expected numbers above 0",
                        limit_name, c->limit[b]);
  c->has_sample = true;
  return MPINN_OK;
}

mpinn_status mpinn_calibration_write(mpinn_context *context, const mpinn_calibration *c,
                                     mpinn_tensorwriter *writer) {
  if (c->has_spread) {
    MPINN_TRY(
        mpinn_tensorwriter_tensor(context, writer, spread_name, MPINN_DTYPE_F64, 3, spread_shape, c->spread));
    MPINN_TRY(
        mpinn_tensorwriter_tensor(context, writer, usual_name, MPINN_DTYPE_F64, 3, usual_shape, c->usual));
  }
  if (!c->has_sample) return MPINN_OK;
  MPINN_TRY(mpinn_tensorwriter_tensor(context, writer, mean_name, MPINN_DTYPE_F64, 1, sample_shape, c->mean));
  MPINN_TRY(mpinn_tensorwriter_tensor(context, writer, whitening_name, MPINN_DTYPE_F64, 2, sample_shape,
                                      c->whitening));
  return mpinn_tensorwriter_tensor(context, writer, limit_name, MPINN_DTYPE_F64, 1, limit_shape, c->limit);
}
