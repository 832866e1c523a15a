/* A subject: one heart with whatever is known on it, as named arrays over its nodes, its cells or neither, and text
 * metadata. What VTU and VTP files hold, without VTK; the files of core/cli and the VTK filters fill one and read one.
 *
 * Names that the library itself gives meaning to (all optional):
 *   surface_class  nodes, int32    0 interior, 1 base, 2 epicardium, 3 LV endocardium, 4 RV endocardium
 *   segment        nodes, int32    AHA-17 segment 1..17, 18 RV free wall, 0 none
 *   transmural     nodes, float32  0 on both endocardia, 1 on the epicardium
 *   measured       nodes, int32    1 where maps are measured
 *   CV             nodes or cells, float32, m/s
 *   fibre sheet    cells, float32, [cells][3]: along the muscle fibres, and across the wall
 *   fibre_ratio    field, float64: speed along the fibres over that across
 *   AT_00 AT_01 …  nodes, float32, ms, NaN where nobody measured
 *   origins        field, float64, [maps][4]: site of origin (mm) and onset (ms) of AT_00, AT_01 … */
#ifndef METAPINN_SUBJECT_H
#define METAPINN_SUBJECT_H

#include "metapinn/mesh.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_subject mpinn_subject;

typedef enum mpinn_association { MPINN_NODES, MPINN_CELLS, MPINN_FIELD } mpinn_association;
typedef enum mpinn_type { MPINN_INT32, MPINN_FLOAT32, MPINN_FLOAT64 } mpinn_type;

enum {
  MPINN_CLASS_INTERIOR = 0,
  MPINN_CLASS_BASE = 1,
  MPINN_CLASS_EPICARDIUM = 2,
  MPINN_CLASS_LV_ENDOCARDIUM = 3,
  MPINN_CLASS_RV_ENDOCARDIUM = 4
};
enum { MPINN_SEGMENT_RV = 18, MPINN_SEGMENT_COUNT = 19 };

/* One array as the subject holds it; owned by the subject. */
typedef struct mpinn_array {
  const char *name;
  mpinn_association association;
  mpinn_type type;
  size_t rows;       /* node_count, cell_count or, of a field array, any number */
  size_t components; /* values a row */
  void *values;      /* [rows][components] */
} mpinn_array;

/* Takes the mesh over (*mesh becomes NULL), on success only. */
mpinn_status mpinn_subject_create(mpinn_context *context, mpinn_mesh **mesh, mpinn_subject **subject);
void mpinn_subject_destroy(mpinn_subject **subject);
const mpinn_mesh *mpinn_subject_mesh(const mpinn_subject *subject);

/* Adds an array, or replaces the one of this name and association; values [rows][components] are copied, or zeroed
 * where values is NULL. rows must be the node or cell count unless it is a field array. *array (may be NULL) is good
 * until the subject's next added array. */
mpinn_status mpinn_subject_add_array(mpinn_context *context, mpinn_subject *subject, const char *name,
                                     mpinn_association association, mpinn_type type, size_t rows, size_t components,
                                     const void *values, mpinn_array **array);
void mpinn_subject_remove_array(mpinn_subject *subject, const char *name, mpinn_association association);
size_t mpinn_subject_array_count(const mpinn_subject *subject);
const mpinn_array *mpinn_subject_array_at(const mpinn_subject *subject, size_t index);
/* NULL where there is none. */
const mpinn_array *mpinn_subject_find(const mpinn_subject *subject, const char *name, mpinn_association association);
/* Value (row, component) of an array of whatever type. */
double mpinn_array_get(const mpinn_array *array, size_t row, size_t component);

/* Text metadata (provenance), in the order of first setting; value NULL removes. get returns NULL where there is none. */
mpinn_status mpinn_subject_set_text(mpinn_context *context, mpinn_subject *subject, const char *key, const char *value);
const char *mpinn_subject_get_text(const mpinn_subject *subject, const char *key);
size_t mpinn_subject_text_count(const mpinn_subject *subject);
void mpinn_subject_text_at(const mpinn_subject *subject, size_t index, const char **key, const char **value);

/* How many AT_00, AT_01 … the subject has, and the name of one ("AT_07") into name[16]. */
size_t mpinn_subject_map_count(const mpinn_subject *subject);
void mpinn_subject_map_name(size_t map, char name[16]);

/* Files. A data set is many subjects in one safetensors file; a file with one subject is a data set of one. Float arrays
 * keep their type, NaN is kept. Written to a temporary name, then renamed. MPINN_ERROR_FORMAT names file and tensor. */
mpinn_status mpinn_subjects_write(mpinn_context *context, const char *path, size_t count,
                                  mpinn_subject *const *subjects);
/* *subjects is an array of *count handles; free with mpinn_subjects_destroy. */
mpinn_status mpinn_subjects_read(mpinn_context *context, const char *path, size_t *count, mpinn_subject ***subjects);
void mpinn_subjects_destroy(size_t count, mpinn_subject ***subjects);

#ifdef __cplusplus
}
#endif
#endif
