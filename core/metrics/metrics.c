#include "metapinn/metrics.h"

#include <math.h>
#include <stdbool.h>

static bool both(float p, float t) {
  return !isnan(p) && !isnan(t);
}

double mpinn_scc(size_t n, const float *predicted, const float *truth) {
  double count = 0, mean_p = 0, mean_t = 0, pp = 0, tt = 0, pt = 0;
  for (size_t i = 0; i < n; i++)
    if (both(predicted[i], truth[i])) {
      count++;
      mean_p += predicted[i];
      mean_t += truth[i];
    }
  mean_p /= count;
  mean_t /= count;
  for (size_t i = 0; i < n; i++)
    if (both(predicted[i], truth[i])) {
      const double p = predicted[i] - mean_p, t = truth[i] - mean_t;
      pp += p * p;
      tt += t * t;
      pt += p * t;
    }
  /* Fields of float have no variation where it is of the size of their rounding. */
  const bool flat = !(sqrt(pp / count) > 1e-6 * fabs(mean_p)) || !(sqrt(tt / count) > 1e-6 * fabs(mean_t));
  return flat ? NAN : pt / sqrt(pp * tt);
}

double mpinn_relative_rmse(size_t n, const float *predicted, const float *truth) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < n; i++)
    if (both(predicted[i], truth[i])) {
      error += ((double)predicted[i] - truth[i]) * ((double)predicted[i] - truth[i]);
      norm += (double)truth[i] * truth[i];
    }
  return norm > 0 ? sqrt(error / norm) : NAN;
}

double mpinn_mean_absolute_error(size_t n, const float *predicted, const float *truth) {
  double error = 0, count = 0;
  for (size_t i = 0; i < n; i++)
    if (both(predicted[i], truth[i])) {
      error += fabs((double)predicted[i] - truth[i]);
      count++;
    }
  return count > 0 ? error / count : NAN;
}

double mpinn_dice_below(size_t n, const float *predicted, const float *truth, double threshold) {
  double in_predicted = 0, in_truth = 0, in_both = 0;
  for (size_t i = 0; i < n; i++)
    if (both(predicted[i], truth[i])) {
      const bool p = predicted[i] < threshold, t = truth[i] < threshold;
      in_predicted += p;
      in_truth += t;
      in_both += p && t;
    }
  return in_predicted + in_truth > 0 ? 2 * in_both / (in_predicted + in_truth) : NAN;
}

double mpinn_mean_square(size_t n, const float *values) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) {
      sum += (double)values[i] * values[i];
      count++;
    }
  return count > 0 ? sum / count : NAN;
}

double mpinn_mean_absolute(size_t n, const float *values) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) {
      sum += fabs((double)values[i]);
      count++;
    }
  return count > 0 ? sum / count : NAN;
}

double mpinn_residual_msq(size_t n, double speed_scale, const float *gradient, const float *speed) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const float *g = gradient + 3 * i;
    const double slope = sqrt((double)g[0] * g[0] + (double)g[1] * g[1] + (double)g[2] * g[2]);
    const double residual = slope * (double)speed[i] * speed_scale - 1;
    sum += residual * residual;
  }
  return sum / (double)n;
}
