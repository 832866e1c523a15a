#include "eikonal/origin_misfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A time later than this share of the span counts less than half of the earliest. */
static const double early_share = 0.35;
/* What a ms counts by which an onset precedes the earliest time by more than the span. */
static const double weight_of_ahead = 0.05;

void mpinn_timed_points_clear(mpinn_timed_points *timed) {
  free(timed->points);
  free(timed->times);
  free(timed->weight);
  *timed = (mpinn_timed_points){0};
}

/* The velocity's error grows with the way: what is early tells more. */
void mpinn_timed_points_weigh(mpinn_timed_points *timed) {
  double sum = 0;
  timed->span = 0;
  for (size_t i = 0; i < timed->n; i++) timed->span = fmax(timed->span, timed->times[i]);
  for (size_t i = 0; i < timed->n; i++) {
    const double late = timed->span > 0 ? timed->times[i] / (early_share * timed->span) : 0;
    timed->weight[i] = 1 / (1 + late * late);
    sum += timed->weight[i];
  }
  for (size_t i = 0; i < timed->n; i++) timed->weight[i] /= sum;
}

void mpinn_timed_points_keep(const bool *keep, mpinn_timed_points *timed) {
  size_t kept = 0;
  for (size_t i = 0; i < timed->n; i++) {
    if (!keep[i]) continue;
    memmove(timed->points + 3 * kept, timed->points + 3 * i, 3 * sizeof *timed->points);
    timed->times[kept++] = timed->times[i];
  }
  timed->n = kept;
  mpinn_timed_points_weigh(timed);
}

/* How bad an origin is, ms, that leaves deviations of this root mean square of the times, the earliest being
 * 0. Nothing is activated before its origin: a later onset counts by how much it is later than the deviations
 * can explain. And where tissue is slow a point far behind it may leave no more than the true one, only to
 * begin very early: what an onset precedes the earliest time by, beyond the span of all times in use, counts
 * a little; not more, for an origin may well be far from all that was measured. */
static double judge(const mpinn_timed_points *timed, double onset, double deviation) {
  const double late = fmax(onset - 3 * deviation, 0), ahead = weight_of_ahead * fmax(-onset - timed->span, 0);
  return sqrt(deviation * deviation + late * late + ahead * ahead);
}

static double best_onset(const mpinn_timed_points *timed, const float *travel) {
  double onset = 0;
  for (size_t i = 0; i < timed->n; i++) onset += timed->weight[i] * (timed->times[i] - (double)travel[i]);
  return onset;
}

mpinn_origin_fit mpinn_origin_fit_of(const mpinn_timed_points *timed, const float *travel) {
  mpinn_origin_fit fit = {.onset = best_onset(timed, travel)};
  double square = 0;
  for (size_t i = 0; i < timed->n; i++) {
    const double left = timed->times[i] - (double)travel[i] - fit.onset;
    square += timed->weight[i] * left * left;
  }
  fit.misfit = sqrt(square);
  fit.score = isnan(square) ? INFINITY : judge(timed, fit.onset, fit.misfit);
  return fit;
}

bool mpinn_origin_is_better(const mpinn_origin_guess *a, const mpinn_origin_guess *b) {
  return a->fit.score < b->fit.score || (a->fit.score == b->fit.score && a->cell < b->cell);
}

/* Solves m y = 1, m symmetric and positive definite, by Cholesky's factors. False where it is not. */
static bool solve_ones(size_t n, double m[4][4], double y[4]) {
  for (size_t i = 0; i < n; i++) {
    double rest = 1;
    for (size_t j = 0; j <= i; j++) {
      double sum = m[i][j];
      for (size_t k = 0; k < j; k++) sum -= m[i][k] * m[j][k];
      if (i != j) {
        m[i][j] = sum / m[j][j];
        rest -= m[i][j] * y[j];
      } else if (sum > 0) {
        m[i][i] = sqrt(sum);
      } else {
        return false;
      }
    }
    y[i] = rest / m[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++) y[i] -= m[k][i] * y[k];
    y[i] /= m[i][i];
  }
  return true;
}

/* Mean products of what is left of the times at a cell's corners. */
static void products_of_cell(const mpinn_timed_points *timed, size_t corners, const float *const travel[4],
                             const double onset[4], double gram[4][4]) {
  double trace = 0;
  memset(gram, 0, 16 * sizeof **gram);
  for (size_t i = 0; i < timed->n; i++) {
    double left[4];
    for (size_t a = 0; a < corners; a++) {
      left[a] = timed->times[i] - (double)travel[a][i] - onset[a];
      for (size_t b = 0; b <= a; b++) gram[a][b] += timed->weight[i] * left[a] * left[b];
    }
  }
  for (size_t a = 0; a < corners; a++) {
    for (size_t b = 0; b < a; b++) gram[b][a] = gram[a][b];
    trace += gram[a][a];
  }
  for (size_t a = 0; a < corners; a++)
    gram[a][a] += 1e-9 * trace + 1e-18; /* of full rank, whatever the times */
}

/* The best point of the plane through some corners; false where it does not lie between them. */
static bool search_face(size_t n, const size_t members[4], const double gram[4][4], const double onset[4],
                        mpinn_origin_guess *guess) {
  double m[4][4], y[4], sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) m[i][j] = gram[members[i]][members[j]];
  if (!solve_ones(n, m, y)) return false;
  for (size_t i = 0; i < n; i++) {
    if (!(y[i] > 0)) return false;
    sum += y[i];
  }
  for (size_t i = 0; i < n; i++) {
    guess->weights[members[i]] = y[i] / sum;
    guess->fit.onset += y[i] / sum * onset[members[i]];
  }
  guess->fit.misfit = 1 / sqrt(sum);
  return true;
}

/* The misfit is the square root of λᵀGλ. Its minimum over the cell is that over the plane of the cell itself
 * or of a face, an edge or a corner of it, where that lies within. */
void mpinn_origin_search_cell(const mpinn_timed_points *timed, size_t cell, size_t corners,
                              const float *const travel[4], mpinn_origin_guess *best) {
  double onset[4], gram[4][4];
  for (size_t a = 0; a < corners; a++) onset[a] = best_onset(timed, travel[a]);
  products_of_cell(timed, corners, travel, onset, gram);
  for (unsigned set = 1; set < 1u << corners; set++) {
    size_t n = 0, members[4];
    mpinn_origin_guess guess = {.cell = cell};
    for (size_t i = 0; i < corners; i++)
      if (set >> i & 1) members[n++] = i;
    if (!search_face(n, members, (const double(*)[4])gram, onset, &guess)) continue;
    guess.fit.score = judge(timed, guess.fit.onset, guess.fit.misfit);
    if (mpinn_origin_is_better(&guess, best)) *best = guess;
  }
}
