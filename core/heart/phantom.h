/* The implicit shape of a phantom heart, and the coordinates in which its lattice is laid. Its space is the
 * heart's before the base is bent and all is scaled to size.
 *
 * Prolate spheroidal coordinates about the LV's long axis carry the shape (the LV's walls are nearly their
 * coordinate surfaces): with S = sinh λ, μ from 0 at the apex to π/2 on the base plane, and the angle θ about
 * the axis, (x, y) = d S sin μ (cos θ, sin θ),   z = −d √(1 + S²) cos μ. On every level μ the walls are discs
 * and circles in the plane of radius p = w(μ) S and angle θ, w such that p is nearly in mm across the wall.
 */
#ifndef MPINN_HEART_PHANTOM_H
#define MPINN_HEART_PHANTOM_H

#include "metapinn/phantom.h"

typedef struct mpinn_shape {
  mpinn_ventricles ventricles;
  double focus;                         /* d, mm */
  double cavity_length, cavity_radius;  /* of the LV, mm, the radius at the base */
  double wall, apex_wall;               /* LV wall thickness at the side and at the apex, mm */
  double wall_uneven[3], wall_phase[3]; /* relative amplitudes of its smooth unevenness, and where */
  double oval, oval_phase;              /* relative: the LV's cross-section is slightly oval */
  double flat;                          /* relative: how flat the septum is */
  double belly;                         /* relative: the LV is wider (> 0) or narrower half way down */
  double rv_width, rv_wall;             /* cavity at the base and free wall, mm */
  double rv_angle;                      /* half the angle of the LV that the RV covers, rad */
  double rv_apex;                       /* μ at which the RV ends */
  double rv_fullness;                   /* 0: the RV's free wall runs straight to its apex; 1: it bulges */
  double rv_turn[2];                    /* angle of the RV about −x, rad: mean, and base minus apex */
  double rv_uneven;                     /* relative, of the RV wall from base to apex */
  double bend[2];                       /* mm in x and y at the LV's apex */
  double slant[2], dome; /* of the base: slope in x and y, and mm that it rises 30 mm off the axis */
  double corner;         /* lattice steps by which the corners of the RV's cavity are rounded off at least */
  double lattice;        /* step, mm: walls thinner than about this are stretched in the lattice; 0: none */
} mpinn_shape;

/* Where a point is in the shape; distances in mm, approximate but zero exactly on the surfaces. */
typedef struct mpinn_shape_place {
  double body;      /* < 0 inside the epicardium */
  double lv_cavity; /* < 0 in the LV's cavity; far off where the mesh has no LV */
  double rv_cavity; /* < 0 in the RV's cavity; far off where the mesh has no RV */
  double lv_body;   /* < 0 inside the LV's outer surface, the septum's RV side included */
  double turn;  /* angle about the LV's axis from the middle of the RV, rad in −π … π, > 0 anterior */
  double depth; /* 0 at the base plane, 1 at the end of the LV's cavity */
} mpinn_shape_place;

void mpinn_shape_random(const mpinn_phantom_options *options, mpinn_shape *shape);

/* Makes the shape easier for a coarse lattice: its RV narrower, walls thicker, corners rounder, by a few per
 * cent. */
void mpinn_shape_ease(mpinn_shape *shape);

/* The wall's level function (< 0 in the wall) at a point of the lattice's space, for mpinn_stuff. */
double mpinn_shape_lattice_value(const void *shape, const double point[3]);
/* A box around the wall in the lattice's space, mm. */
void mpinn_shape_lattice_box(const mpinn_shape *shape, double low[3], double high[3]);
/* From the lattice's space to the heart's, mm. */
void mpinn_shape_lattice_to_heart(const mpinn_shape *shape, const double point[3], double heart[3]);

/* Moves nodes of a mesh in the heart's space for the sake of its flattest tetrahedra; those on the shape's
 * surfaces and on the base plane stay on them. */
mpinn_status mpinn_shape_improve(mpinn_context *context, const mpinn_shape *shape, size_t n_nodes,
                                 double (*points)[3], size_t n_cells, const int32_t (*cells)[4]);

/* Bends the base of a heart of a wide variation; nothing else. */
void mpinn_shape_bend_base(const mpinn_shape *shape, double heart[3]);

void mpinn_shape_locate(const mpinn_shape *shape, const double heart[3], mpinn_shape_place *place);

/* AHA-17 segment of a place in the wall, or MPINN_SEGMENT_RV. */
int mpinn_shape_segment(const mpinn_shape *shape, const mpinn_shape_place *place);
/* Adds surface_class, segment and transmural; points: of the subject's nodes in the shape's space. */
mpinn_status mpinn_shape_label(mpinn_context *context, const mpinn_shape *shape, const double *points,
                               mpinn_subject *subject);

#endif
