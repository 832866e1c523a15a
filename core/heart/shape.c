#include "heart/phantom.h"

#include "base/internal.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* ---- a random heart ---- */

/* A normal deviate cut at two standard deviations, so that no subject is a monster. */
static double deviate(mpinn_random *random, double variation) {
  const double x = mpinn_random_normal(random);
  return variation * fmax(-2, fmin(2, x));
}

static double vary(mpinn_random *random, double variation, double mean, double relative) {
  return mean * (1 + relative * deviate(random, variation));
}

static void random_lv(mpinn_random *random, double variation, mpinn_shape *shape) {
  const double size = vary(random, variation, 1, 0.05);
  shape->cavity_length = size * vary(random, variation, 78, 0.04);
  shape->cavity_radius = size * vary(random, variation, 23.5, 0.06);
  shape->wall = vary(random, variation, 9.5, 0.09);
  shape->apex_wall = vary(random, variation, 6, 0.1);
  for (int i = 0; i < 3; i++) {
    shape->wall_uneven[i] = 0.05 * deviate(random, variation);
    shape->wall_phase[i] = mpinn_random_uniform(random, 0, 2 * pi);
  }
  shape->oval = 0.03 * deviate(random, variation);
  shape->oval_phase = mpinn_random_uniform(random, 0, 2 * pi);
  shape->flat = 0.06 + 0.03 * deviate(random, variation);
  shape->belly = 0.04 + 0.04 * deviate(random, variation);
}

/* Returns how long the RV is, in parts of the LV's outer length. */
static double random_rv(mpinn_random *random, double variation, mpinn_shape *shape) {
  shape->rv_width = vary(random, variation, 27, 0.1);
  shape->rv_wall = vary(random, variation, 4, 0.08);
  shape->rv_angle = vary(random, variation, 64 * pi / 180, 0.05);
  const double length = vary(random, variation, 0.8, 0.03);
  shape->rv_fullness = 0.55 + 0.12 * deviate(random, variation);
  shape->rv_turn[0] = 0.04 * deviate(random, variation);
  shape->rv_turn[1] = 0.15 + 0.07 * deviate(random, variation);
  shape->rv_uneven = 0.06 * deviate(random, variation);
  return length;
}

/* ---- and a diseased one ---- */

enum { WIDE_FROM = 3 }; /* halves of a variation, from which on hearts are diseased too */

/* A factor of at most 1 + most and at least its inverse; exactly 1 where wide is 0. */
static double stretch(mpinn_random *random, double wide, double most) {
  return exp(wide * mpinn_random_uniform(random, -1, 1) * log(1 + most));
}

/* Walls thicken by more than they thin: a factor of 0.65 to 2, as of an infarct and of hypertrophy. */
static double thicken(mpinn_random *random, double wide) {
  return exp(wide * mpinn_random_uniform(random, log(0.65), log(2)));
}

/* wide: 0 … 1. */
static void widen(mpinn_random *random, double wide, mpinn_shape *shape) {
  shape->cavity_length *= stretch(random, wide, 0.2);
  shape->cavity_radius *= stretch(random, wide, 0.4);
  shape->cavity_radius = fmin(shape->cavity_radius, 0.6 * shape->cavity_length);
  shape->wall *= thicken(random, wide);
  shape->apex_wall *= stretch(random, wide, 0.4);
  for (int i = 0; i < 3; i++) shape->wall_uneven[i] += wide * mpinn_random_uniform(random, -0.12, 0.12);
  shape->oval += wide * mpinn_random_uniform(random, -0.06, 0.06);
  shape->flat += wide * mpinn_random_uniform(random, 0, 0.2);
  shape->belly += wide * mpinn_random_uniform(random, -0.08, 0.1);
  shape->rv_width *= stretch(random, wide, 0.5);
  shape->rv_wall *= thicken(random, wide);
  shape->rv_angle = fmin(1.4, shape->rv_angle * stretch(random, wide, 0.15));
  shape->rv_fullness += wide * mpinn_random_uniform(random, -0.2, 0.2);
  for (int i = 0; i < 2; i++) shape->slant[i] = wide * mpinn_random_uniform(random, -0.25, 0.25);
  shape->dome = wide * mpinn_random_uniform(random, -4, 4);
}

void mpinn_shape_random(const mpinn_phantom_options *options, mpinn_shape *shape) {
  const double variation = fmin(options->variation, 0.5 * WIDE_FROM);
  mpinn_random random;
  memset(shape, 0, sizeof *shape);
  shape->ventricles = options->ventricles;
  shape->corner = 0.8;
  mpinn_random_seed_stream(&random, options->seed, 0x5348415045);
  random_lv(&random, variation, shape);
  const double length = random_rv(&random, variation, shape);
  shape->bend[0] = 3.5 * deviate(&random, variation);
  shape->bend[1] = 3.5 * deviate(&random, variation);
  mpinn_random_seed_stream(&random, options->seed, 0x57494445);
  widen(&random, 2 * (options->variation - variation), shape);
  shape->focus =
      sqrt(shape->cavity_length * shape->cavity_length - shape->cavity_radius * shape->cavity_radius);
  shape->rv_apex =
      acos(fmin(0.95, length * (shape->cavity_length + shape->apex_wall) / (shape->focus * sqrt(1.3))));
}

void mpinn_shape_ease(mpinn_shape *shape) {
  shape->rv_width *= 0.92;
  shape->rv_wall *= 1.1;
  shape->wall *= 1.03;
  shape->flat *= 0.9;
  shape->corner *= 1.3;
}

/* ---- prolate spheroidal coordinates ---- */

typedef struct prolate {
  double s;              /* sinh λ */
  double cos_mu, sin_mu; /* 0 and 1 on the base plane */
  double angle;          /* θ */
} prolate;

static prolate to_prolate(double d, const double x[3]) {
  const double rho2 = x[0] * x[0] + x[1] * x[1];
  const double near = sqrt(rho2 + (x[2] + d) * (x[2] + d)), far = sqrt(rho2 + (x[2] - d) * (x[2] - d));
  const double cosh_lambda = fmax(1, (near + far) / (2 * d)),
               cos_mu = fmin(1, fmax(-1, (far - near) / (2 * d)));
  return (prolate){.s = sqrt(cosh_lambda * cosh_lambda - 1),
                   .cos_mu = cos_mu,
                   .sin_mu = sqrt(1 - cos_mu * cos_mu),
                   .angle = atan2(x[1], x[0])};
}

static void from_prolate(double d, const prolate *c, double x[3]) {
  const double rho = d * c->s * c->sin_mu;
  x[0] = rho * cos(c->angle);
  x[1] = rho * sin(c->angle);
  x[2] = -d * sqrt(1 + c->s * c->s) * c->cos_mu;
}

/* mm across the wall for a unit of S. */
static double across(double d, double s2, double sin_mu) {
  return d * sqrt((s2 + sin_mu * sin_mu) / (1 + s2));
}

/* ---- the walls along one line of fixed μ and θ ---- */

typedef struct walls {
  double w;             /* p = w S */
  double lv_in, lv_out; /* p of the LV's inner and outer surface */
  double rv_in, rv_out; /* p of the RV free wall's surfaces; lv_out where there is none */
  double rv_centre, rv_radius, rv_wall, rv_bulge;
  double rv_insertion;           /* angle of the RV's insertions from its middle */
  double rv_below;               /* mm below the level where the RV's cavity ends */
  double turn;                   /* from the middle of the RV; > 0 anterior */
  double stretch_lv, stretch_rv; /* lattice mm per p in the walls */
} walls;

static double smooth_minimum(double a, double b, double k) {
  const double h = fmax(k - fabs(a - b), 0);
  return fmin(a, b) - (k > 0 ? 0.25 * h * h / k : 0);
}

static double smooth_maximum(double a, double b, double k) {
  return -smooth_minimum(-a, -b, k);
}

/* The LV's inner and outer p at angle θ. What depends on θ fades towards the apex, where θ has no meaning. */
static void lv_walls(const mpinn_shape *shape, const prolate *c, double angle, double *in, double *out) {
  const double d = shape->focus, s0 = shape->cavity_radius / d, fade = c->sin_mu * c->sin_mu;
  const double w = across(d, 0.25, c->sin_mu), septal = 0.5 - 0.5 * cos(angle);
  double form = 1 + shape->belly * 2 * c->sin_mu * c->cos_mu;
  form += fade * (shape->oval * cos(2 * angle - shape->oval_phase) - shape->flat * septal * septal * septal);
  double wall = shape->apex_wall +
                (shape->wall - shape->apex_wall) * (1 - c->cos_mu * c->cos_mu * c->cos_mu * c->cos_mu);
  double uneven = shape->wall_uneven[0] * cos(angle - shape->wall_phase[0]);
  uneven += shape->wall_uneven[1] * cos(2 * angle - shape->wall_phase[1]);
  uneven += shape->wall_uneven[2] * cos(angle + 3 * c->cos_mu - shape->wall_phase[2]);
  wall *= fmax(0.4, 1 + fade * uneven);
  const double s = s0 * form, half = s + 0.5 * wall / across(d, s * s, c->sin_mu);
  *in = w * s;
  *out = *in + wall * w / across(d, half * half, c->sin_mu);
}

/* The RV's outer circle on a level: through the two insertions on the LV and bulging from its septum. */
static void rv_circle(const mpinn_shape *shape, const prolate *c, double middle, walls *at) {
  const double mu = acos(fmin(1, fmax(0, c->cos_mu)));
  const double q = fmax(0, (mu - shape->rv_apex) / (pi / 2 - shape->rv_apex));
  double in, septum;
  lv_walls(shape, c, middle, &in, &septum);
  at->rv_bulge = (shape->rv_width + shape->rv_wall) * q * (1 + shape->rv_fullness * (1 - q));
  at->rv_wall = shape->rv_wall * (1 + shape->rv_uneven * (2 * q - 1));
  const double top = septum + at->rv_bulge;
  const double angle = shape->rv_angle * (0.45 + 0.55 * q * (2 - q)); /* it narrows towards its apex */
  at->rv_centre = (top * top - septum * septum) / (2 * (top - septum * cos(angle)));
  at->rv_radius = top - at->rv_centre;
  at->rv_insertion = angle;
  const double s = septum / at->w, slim = shape->rv_wall / (shape->rv_width + shape->rv_wall);
  const double end = shape->rv_apex + (pi / 2 - shape->rv_apex) * slim / (1 + shape->rv_fullness);
  at->rv_below = (end - mu) * shape->focus * sqrt(s * s + c->sin_mu * c->sin_mu);
}

/* Where the line at angle turn leaves a circle of given radius around the RV's centre. */
static double leave_circle(double centre, double radius, double turn) {
  const double side = centre * sin(turn), rest = radius * radius - side * side;
  return rest > 0 ? centre * cos(turn) + sqrt(rest) : 0;
}

static double stretch_to(double step, double thickness) {
  const double enough = 1.3 * step / thickness; /* a BCC lattice finds every slab of 1.12 steps */
  return sqrt(sqrt(1 + enough * enough * enough * enough));
}

static walls find_walls(const mpinn_shape *shape, const prolate *c) {
  walls at = {.w = across(shape->focus, 0.25, c->sin_mu), .stretch_lv = 1, .stretch_rv = 1};
  /* The middle of the RV is at −x, turned a little; anterior is −y. */
  const double offset = shape->rv_turn[0] + shape->rv_turn[1] * (0.5 - c->cos_mu);
  const double middle = pi + offset;
  at.turn = remainder(c->angle - middle, 2 * pi);
  lv_walls(shape, c, c->angle, &at.lv_in, &at.lv_out);
  rv_circle(shape, c, middle, &at);
  at.rv_in = fmax(at.lv_out, leave_circle(at.rv_centre, at.rv_radius - at.rv_wall, at.turn));
  at.rv_out = fmax(at.rv_in, leave_circle(at.rv_centre, at.rv_radius, at.turn));
  if (shape->ventricles == MPINN_LV_ALONE) at.rv_in = at.rv_out = at.lv_out;
  if (shape->lattice > 0) {
    const double s = at.lv_out / at.w, mm = across(shape->focus, s * s, c->sin_mu) / at.w;
    at.stretch_lv = stretch_to(shape->lattice, mm * (at.lv_out - at.lv_in));
    at.stretch_rv = stretch_to(shape->lattice, at.rv_wall);
  }
  return at;
}

/* ---- lattice to heart along such a line: p as a piecewise linear function of the lattice's ---- */

/* The LV's wall grows to both sides, as far as its cavity has room. */
static double inner_stretched(const walls *at) {
  return fmax(0.4 * at->lv_in, at->lv_in - 0.5 * (at->stretch_lv - 1) * (at->lv_out - at->lv_in));
}

static double unstretch(const walls *at, double q) {
  const double wall = at->lv_out - at->lv_in, in = inner_stretched(at);
  if (q < in) return q * at->lv_in / in;
  q -= in;
  if (q < at->stretch_lv * wall) return at->lv_in + q / at->stretch_lv;
  q -= at->stretch_lv * wall;
  if (q < at->rv_in - at->lv_out) return at->lv_out + q;
  q -= at->rv_in - at->lv_out;
  if (q < at->stretch_rv * (at->rv_out - at->rv_in)) return at->rv_in + q / at->stretch_rv;
  return at->rv_out + q - at->stretch_rv * (at->rv_out - at->rv_in);
}

/* The RV alone: what its outer circle and the septum enclose, as far as a rim beside the insertions and below
 * its apex. r: from the middle of the circle. */
static double rv_body(const mpinn_shape *shape, const walls *at, double p, double r) {
  const double rim = fmax(at->rv_wall, 0.8 * shape->lattice), tip = fmax(6, 1.2 * shape->lattice);
  const double across_rv = smooth_maximum(r - at->rv_radius, at->lv_in - p, 3);
  const double beside = p * (fabs(at->turn) - at->rv_insertion) - rim;
  return smooth_maximum(smooth_maximum(across_rv, beside, 4), at->rv_below - tip, 4);
}

static void measure(const mpinn_shape *shape, const walls *at, double p, mpinn_shape_place *place) {
  const double u = p * cos(at->turn) - at->rv_centre, v = p * sin(at->turn), r = sqrt(u * u + v * v);
  const double fillet = fmin(4, 0.5 * at->rv_bulge), corner = fmax(4, shape->corner * shape->lattice),
               far = 1000;
  place->lv_body = p - at->lv_out;
  place->lv_cavity = p - at->lv_in;
  place->body = smooth_minimum(place->lv_body, r - at->rv_radius, fillet);
  place->rv_cavity = -smooth_minimum(at->rv_radius - at->rv_wall - r, place->lv_body, corner);
  place->rv_cavity += 3 * fmax(0, at->rv_wall - at->rv_bulge); /* far from where there is no cavity */
  place->turn = at->turn;
  if (shape->ventricles == MPINN_LV_ALONE) {
    place->body = place->lv_body;
    place->rv_cavity = far;
  } else if (shape->ventricles == MPINN_RV_ALONE) {
    place->body = rv_body(shape, at, p, r);
    place->lv_cavity = far;
  }
}

static double wall_value(const mpinn_shape_place *place) {
  return fmax(place->body, fmax(-place->lv_cavity, -place->rv_cavity));
}

double mpinn_shape_lattice_value(const void *user, const double point[3]) {
  const mpinn_shape *shape = user;
  const prolate c = to_prolate(shape->focus, point);
  const walls at = find_walls(shape, &c);
  mpinn_shape_place place;
  measure(shape, &at, unstretch(&at, at.w * c.s), &place);
  return wall_value(&place);
}

static double stretched_outside(const walls *at) {
  const double wall = at->lv_out - at->lv_in, in = inner_stretched(at);
  return in + at->stretch_lv * wall + at->rv_in - at->lv_out + at->stretch_rv * (at->rv_out - at->rv_in);
}

/* Whether the box of the wall has to reach to a line. */
static bool is_in_box(const mpinn_shape *shape, const walls *at) {
  if (shape->ventricles != MPINN_RV_ALONE) return true;
  return fabs(at->turn) < at->rv_insertion + 0.7 && at->rv_below < 12 + 1.2 * shape->lattice;
}

void mpinn_shape_lattice_box(const mpinn_shape *shape, double low[3], double high[3]) {
  enum { LEVELS = 40, ANGLES = 90 };
  for (int k = 0; k < 3; k++) {
    low[k] = 1e3;
    high[k] = -1e3;
  }
  for (int i = 0; i < 2 * LEVELS * ANGLES; i++) {
    const double mu = 0.5 * pi * (i / 2 / ANGLES) / (LEVELS - 1);
    prolate c = {.cos_mu = fmax(0, cos(mu)), .sin_mu = sin(mu), .angle = 2 * pi * (i / 2 % ANGLES) / ANGLES};
    const walls at = find_walls(shape, &c);
    double x[3];
    if (!is_in_box(shape, &at)) continue;
    c.s = (i % 2 ? stretched_outside(&at) : inner_stretched(&at)) / at.w;
    from_prolate(shape->focus, &c, x);
    for (int k = 0; k < 3; k++) {
      low[k] = fmin(low[k], x[k]);
      high[k] = fmax(high[k], x[k]);
    }
  }
  const double margin = 3; /* mm, for what lies between the lines, and the fillets */
  for (int k = 0; k < 3; k++) {
    low[k] -= margin;
    high[k] += margin;
  }
}

void mpinn_shape_lattice_to_heart(const mpinn_shape *shape, const double point[3], double heart[3]) {
  prolate c = to_prolate(shape->focus, point);
  const walls at = find_walls(shape, &c);
  c.s = unstretch(&at, at.w * c.s) / at.w;
  from_prolate(shape->focus, &c, heart);
  const double down = heart[2] / shape->cavity_length;
  for (int i = 0; i < 2; i++) heart[i] += shape->bend[i] * down * down;
}

void mpinn_shape_bend_base(const mpinn_shape *shape, double heart[3]) {
  const double up = fmax(0, 1 + heart[2] / shape->cavity_length);
  const double off = (heart[0] * heart[0] + heart[1] * heart[1]) / 900;
  const double rise = shape->slant[0] * heart[0] + shape->slant[1] * heart[1] + shape->dome * off;
  if (rise != 0) heart[2] += up * up * rise; /* a zero's sign stays too */
}

void mpinn_shape_locate(const mpinn_shape *shape, const double heart[3], mpinn_shape_place *place) {
  const double down = heart[2] / shape->cavity_length;
  double straight[3] = {heart[0], heart[1], heart[2]};
  for (int i = 0; i < 2; i++) straight[i] -= shape->bend[i] * down * down;
  const prolate c = to_prolate(shape->focus, straight);
  const walls at = find_walls(shape, &c);
  measure(shape, &at, at.w * c.s, place);
  place->depth = -down;
}
