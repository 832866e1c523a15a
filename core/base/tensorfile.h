/* Files of named tensors in the safetensors format: 8 bytes of header length (little endian), a JSON header,
 * the data. Nothing in such a file is executed, and the reader trusts no number in it. Little-endian machines
 * only. */
#ifndef MPINN_BASE_TENSORFILE_H
#define MPINN_BASE_TENSORFILE_H

#include "base/internal.h"

typedef enum mpinn_dtype {
  MPINN_DTYPE_F64,
  MPINN_DTYPE_F32,
  MPINN_DTYPE_F16,
  MPINN_DTYPE_BF16,
  MPINN_DTYPE_I64,
  MPINN_DTYPE_I32,
  MPINN_DTYPE_I16,
  MPINN_DTYPE_I8,
  MPINN_DTYPE_U64,
  MPINN_DTYPE_U32,
  MPINN_DTYPE_U16,
  MPINN_DTYPE_U8,
  MPINN_DTYPE_BOOL
} mpinn_dtype;

const char *mpinn_dtype_name(mpinn_dtype dtype); /* "F32" */
size_t mpinn_dtype_bytes(mpinn_dtype dtype);

enum { MPINN_TENSOR_RANK = 8 };

/* A tensor inside a read file. data may lie at any address: copy, do not cast. */
typedef struct mpinn_tensor {
  const char *name;
  mpinn_dtype dtype;
  int rank;
  size_t shape[MPINN_TENSOR_RANK];
  size_t count; /* product of shape */
  const void *data;
} mpinn_tensor;

typedef struct mpinn_tensorfile mpinn_tensorfile;

/* Reads a file, every number of its header checked. MPINN_ERROR_FILE where it cannot be read,
 * MPINN_ERROR_FORMAT where it is no safetensors file, truncated or inconsistent. */
mpinn_status mpinn_tensorfile_read(mpinn_context *context, const char *path, mpinn_tensorfile **file);
/* The same of bytes in memory (borrowed for the file's life); name is what messages call it. */
mpinn_status mpinn_tensorfile_parse(mpinn_context *context, const char *name, size_t bytes, const void *data,
                                    mpinn_tensorfile **file);
void mpinn_tensorfile_destroy(mpinn_tensorfile **file);

size_t mpinn_tensorfile_count(const mpinn_tensorfile *file);
const mpinn_tensor *mpinn_tensorfile_at(const mpinn_tensorfile *file,
                                        size_t index); /* in the header's order */
/* NULL where there is none. */
const mpinn_tensor *mpinn_tensorfile_find(const mpinn_tensorfile *file, const char *name);
/* A value of __metadata__; NULL where there is none. */
const char *mpinn_tensorfile_text(const mpinn_tensorfile *file, const char *key);
size_t mpinn_tensorfile_text_count(const mpinn_tensorfile *file);
void mpinn_tensorfile_text_at(const mpinn_tensorfile *file, size_t index, const char **key,
                              const char **value);
/* SHA-256 of the file's bytes. */
void mpinn_tensorfile_sha256(const mpinn_tensorfile *file, char hex[65]);

/* The metadata's "format" must be format, and "format_version" (a whole number) at most version. */
mpinn_status mpinn_tensorfile_expect_format(mpinn_context *context, const mpinn_tensorfile *file,
                                            const char *format, int version);
/* The tensor of that name, which must exist and have this shape; a length of SIZE_MAX stands for any. */
mpinn_status mpinn_tensorfile_expect(mpinn_context *context, const mpinn_tensorfile *file, const char *name,
                                     int rank, const size_t *shape, const mpinn_tensor **tensor);

/* Convert the tensor's count values; halves exactly. */
void mpinn_tensor_to_float(const mpinn_tensor *tensor, float *values);
void mpinn_tensor_to_double(const mpinn_tensor *tensor, double *values);
/* MPINN_ERROR_FORMAT where the tensor does not hold whole numbers or one does not fit. */
mpinn_status mpinn_tensor_to_int32(mpinn_context *context, const mpinn_tensorfile *file,
                                   const mpinn_tensor *tensor, int32_t *values);

/* Expects and converts in one call. */
mpinn_status mpinn_tensorfile_floats(mpinn_context *context, const mpinn_tensorfile *file, const char *name,
                                     int rank, const size_t *shape, float *values);

/* IEEE 754 binary16 and back; to half rounds to nearest, ties to even. */
void mpinn_half_to_float(size_t n, const void *half, float *values);
void mpinn_float_to_half(size_t n, const float *values, uint16_t *half);

/* Writing: begin, add texts and tensors, then save, which goes to a temporary name beside path, is flushed to
 * the disk and renamed, so that path holds the old file or the whole new one. */
typedef struct mpinn_tensorwriter mpinn_tensorwriter;
mpinn_status mpinn_tensorwriter_create(mpinn_context *context, mpinn_tensorwriter **writer);
void mpinn_tensorwriter_destroy(mpinn_tensorwriter **writer);
mpinn_status mpinn_tensorwriter_text(mpinn_context *context, mpinn_tensorwriter *writer, const char *key,
                                     const char *value);
/* name and shape are copied; data is borrowed until save. */
mpinn_status mpinn_tensorwriter_tensor(mpinn_context *context, mpinn_tensorwriter *writer, const char *name,
                                       mpinn_dtype dtype, int rank, const size_t *shape, const void *data);
/* The same of floats that are written as halves; values are converted now. */
mpinn_status mpinn_tensorwriter_halves(mpinn_context *context, mpinn_tensorwriter *writer, const char *name,
                                       int rank, const size_t *shape, const float *values);
mpinn_status mpinn_tensorwriter_save(mpinn_context *context, mpinn_tensorwriter *writer, const char *path);

#endif
