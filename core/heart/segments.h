/* The American Heart Association's 17 segments of the LV. */
#ifndef MPINN_HEART_SEGMENTS_H
#define MPINN_HEART_SEGMENTS_H

/* depth: 0 at the base, 1 at the apex. turn: radians around the long axis from the middle of the septum, > 0
 * towards the anterior wall. insertion: the angle at which the RV's insertions are. */
int mpinn_segment_of_lv(double depth, double turn, double insertion);

#endif
