/* Muscle fibres by rule, and the speeds along and across them. */
#ifndef METAPINN_FIBRES_H
#define METAPINN_FIBRES_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Angles are measured from the circumferential direction (counter-clockwise seen from the base), > 0 towards
 * the base, in the plane across the wall's thickness: > 0 is a right-handed helix. */
typedef struct mpinn_fibre_rule {
  double endocardium; /* degrees, 60 */
  double epicardium;  /* degrees, −60; on the septum's RV side too, seen from the LV */
  double ratio;       /* speed along the fibres over that across them, ≥ 1; 2.5 */
} mpinn_fibre_rule;

void mpinn_fibre_rule_default(mpinn_fibre_rule *rule);

/* Adds cell arrays fibre and sheet ([cell_count][3], unit vectors at right angles; sheet across the wall) and
 * the field array fibre_ratio, with which mpinn_subject_simulate_maps solves the anisotropic equation. The
 * angle changes linearly from endocardium to epicardium with the depth in the wall, which is the solution of
 * Laplace's equation between the two (after Bayer, Blake, Plank, Trayanova, Ann. Biomed. Eng. 40, 2012; angles
 * as Streeter et al., Circ. Res. 24, 1969). Needs tetrahedra, and surface_class with an endocardium and an
 * epicardium. */
mpinn_status mpinn_subject_set_fibres(mpinn_context *context, mpinn_subject *subject,
                                      const mpinn_fibre_rule *rule);

/* speeds[3], m/s, along fibre, sheet and their normal: the last two equal, the first ratio times as fast, and
 * cv the geometric mean of the three. */
void mpinn_fibre_speeds(double cv, double ratio, double speeds[3]);

#ifdef __cplusplus
}
#endif
#endif
