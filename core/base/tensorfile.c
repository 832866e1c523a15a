#include "base/tensorfile.h"

#include "base/newfile.h"
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little endian, and so must be the machine"
#endif

enum { LENGTH_BYTES = 8, HEADER_LIMIT = 100 * 1000 * 1000 };

static const struct {
  const char *name;
  size_t bytes;
} dtypes[] = {
    [MPINN_DTYPE_F64] = {"F64", 8},   [MPINN_DTYPE_F32] = {"F32", 4}, [MPINN_DTYPE_F16] = {"F16", 2},
    [MPINN_DTYPE_BF16] = {"BF16", 2}, [MPINN_DTYPE_I64] = {"I64", 8}, [MPINN_DTYPE_I32] = {"I32", 4},
    [MPINN_DTYPE_I16] = {"I16", 2},   [MPINN_DTYPE_I8] = {"I8", 1},   [MPINN_DTYPE_U64] = {"U64", 8},
    [MPINN_DTYPE_U32] = {"U32", 4},   [MPINN_DTYPE_U16] = {"U16", 2}, [MPINN_DTYPE_U8] = {"U8", 1},
    [MPINN_DTYPE_BOOL] = {"BOOL", 1},
};
enum { DTYPE_COUNT = sizeof dtypes / sizeof *dtypes };

const char *mpinn_dtype_name(mpinn_dtype dtype) {
  return dtypes[dtype].name;
}

size_t mpinn_dtype_bytes(mpinn_dtype dtype) {
  return dtypes[dtype].bytes;
}

/* "[3, 4]" into text; SIZE_MAX is "any". */
static void describe_shape(int rank, const size_t *shape, char *text, size_t bytes) {
  size_t used = (size_t)snprintf(text, bytes, "[");
  for (int i = 0; i < rank && used < bytes; i++) {
    const char *comma = i ? ", " : "";
    used += (size_t)(shape[i] == SIZE_MAX ? snprintf(text + used, bytes - used, "%sany", comma)
                                          : snprintf(text + used, bytes - used, "%s%zu", comma, shape[i]));
  }
  if (used < bytes) snprintf(text + used, bytes - used, "]");
}

/* ---- reading ---- */

struct mpinn_tensorfile {
  char *name;
  void *owned; /* the file's bytes where they are ours to free */
  const unsigned char *bytes;
  size_t size;
  const unsigned char *data; /* the bytes after the header */
  size_t data_size;
  cJSON *header; /* owns the names and texts */
  const cJSON *texts;
  size_t count, text_count;
  const cJSON **text_items;
  mpinn_tensor *tensors;
  const mpinn_tensor **by_name;
};

/* A whole number from JSON; doubles hold them exactly to 2^53. */
static bool whole_number(const cJSON *item, size_t *value) {
  if (!cJSON_IsNumber(item)) return false;
  const double x = item->valuedouble;
  if (!(x >= 0 && x <= 0x1p53) || x != floor(x)) return false;
  *value = (size_t)x;
  return true;
}

static mpinn_status bad_tensor(mpinn_context *context, const mpinn_tensorfile *file, const char *tensor,
                               const char *what) {
  return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: tensor '%s' %s", file->name, tensor, what);
}

static mpinn_status read_shape(mpinn_context *context, const mpinn_tensorfile *file, const cJSON *shape,
                               mpinn_tensor *tensor) {
  if (!cJSON_IsArray(shape)) return bad_tensor(context, file, tensor->name, "has no shape, expected a list");
  const cJSON *item = NULL;
  tensor->count = 1;
  cJSON_ArrayForEach(item, shape) {
    size_t length = 0;
    if (tensor->rank == MPINN_TENSOR_RANK)
      return bad_tensor(context, file, tensor->name, "has more dimensions than the 8 that are supported");
    if (!whole_number(item, &length))
      return bad_tensor(context, file, tensor->name, "has a shape that is not of whole numbers");
    if (__builtin_mul_overflow(tensor->count, length, &tensor->count))
      return bad_tensor(context, file, tensor->name, "has a shape too large for any memory");
    tensor->shape[tensor->rank++] = length;
  }
  return MPINN_OK;
}

static mpinn_status read_dtype(mpinn_context *context, const mpinn_tensorfile *file, const cJSON *item,
                               mpinn_tensor *tensor) {
  const char *name = cJSON_GetStringValue(item);
  for (int i = 0; name && i < DTYPE_COUNT; i++)
    if (strcmp(name, dtypes[i].name) == 0) {
      tensor->dtype = (mpinn_dtype)i;
      return MPINN_OK;
    }
  return mpinn_fail(context, MPINN_ERROR_FORMAT,
                    "%s: tensor '%s' has the dtype '%.40s', which is not supported", file->name, tensor->name,
                    name ? name : "(none)");
}

static mpinn_status read_offsets(mpinn_context *context, const mpinn_tensorfile *file, const cJSON *offsets,
                                 mpinn_tensor *tensor) {
  size_t begin = 0, end = 0, bytes = 0;
  if (cJSON_GetArraySize(offsets) != 2 || !whole_number(cJSON_GetArrayItem(offsets, 0), &begin) ||
      !whole_number(cJSON_GetArrayItem(offsets, 1), &end) || begin > end)
    return bad_tensor(context, file, tensor->name, "has no pair of increasing data_offsets");
  if (end > file->data_size)
    return mpinn_fail(
        context, MPINN_ERROR_FORMAT,
        "%s: tensor '%s' ends at byte %zu of the data, but the file holds only %zu (is it truncated?)",
        file->name, tensor->name, end, file->data_size);
  if (__builtin_mul_overflow(tensor->count, dtypes[tensor->dtype].bytes, &bytes) || bytes != end - begin) {
    char shape[128];
    describe_shape(tensor->rank, tensor->shape, shape, sizeof shape);
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: tensor '%s' has %zu bytes, which is not %s of %s",
                      file->name, tensor->name, end - begin, dtypes[tensor->dtype].name, shape);
  }
  tensor->data = file->data + begin;
  return MPINN_OK;
}

static mpinn_status read_tensor(mpinn_context *context, const mpinn_tensorfile *file, const cJSON *item,
                                mpinn_tensor *tensor) {
  tensor->name = item->string;
  if (!cJSON_IsObject(item))
    return bad_tensor(context, file, tensor->name, "is not described by a JSON object");
  MPINN_TRY(read_dtype(context, file, cJSON_GetObjectItemCaseSensitive(item, "dtype"), tensor));
  MPINN_TRY(read_shape(context, file, cJSON_GetObjectItemCaseSensitive(item, "shape"), tensor));
  return read_offsets(context, file, cJSON_GetObjectItemCaseSensitive(item, "data_offsets"), tensor);
}

static int compare_names(const void *a, const void *b) {
  const mpinn_tensor *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static int compare_places(const void *a, const void *b) {
  const mpinn_tensor *const *x = a, *const *y = b;
  const char *p = (*x)->data, *q = (*y)->data;
  if (p != q) return p < q ? -1 : 1;
  return (*x)->count < (*y)->count ? -1 : (*x)->count > (*y)->count; /* empty ones first */
}

/* As the format demands, the tensors cover the data without gap or overlap; and no name comes twice. */
static mpinn_status check_cover(mpinn_context *context, mpinn_tensorfile *file) {
  const unsigned char *end = file->data;
  for (size_t i = 0; i < file->count; i++) file->by_name[i] = &file->tensors[i];
  qsort(file->by_name, file->count, sizeof *file->by_name, compare_places);
  for (size_t i = 0; i < file->count; i++) {
    const mpinn_tensor *t = file->by_name[i];
    const unsigned char *begin = t->data;
    if (begin < end) return bad_tensor(context, file, t->name, "overlaps another one");
    if (begin > end) return bad_tensor(context, file, t->name, "begins after a gap in the data");
    end += t->count * dtypes[t->dtype].bytes;
  }
  const size_t covered = (size_t)(end - file->data);
  if (covered != file->data_size)
    return mpinn_fail(context, MPINN_ERROR_FORMAT,
                      "%s: holds %zu bytes of data, but its tensors are %zu bytes", file->name,
                      file->data_size, covered);
  qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
  for (size_t i = 1; i < file->count; i++)
    if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0)
      return bad_tensor(context, file, file->by_name[i]->name, "is there twice");
  return MPINN_OK;
}

static mpinn_status read_texts(mpinn_context *context, mpinn_tensorfile *file, const cJSON *texts) {
  const cJSON *item = NULL;
  if (!cJSON_IsObject(texts))
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: __metadata__ is not a JSON object", file->name);
  file->texts = texts;
  MPINN_TRY(MPINN_NEW(context, &file->text_items, (size_t)cJSON_GetArraySize(texts)));
  cJSON_ArrayForEach(item, texts) {
    if (!cJSON_IsString(item))
      return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: __metadata__ '%s' is not a string", file->name,
                        item->string);
    file->text_items[file->text_count++] = item;
  }
  return MPINN_OK;
}

static mpinn_status read_entries(mpinn_context *context, mpinn_tensorfile *file) {
  const size_t items = (size_t)cJSON_GetArraySize(file->header);
  const cJSON *item = NULL;
  MPINN_TRY(MPINN_NEW(context, &file->tensors, items));
  MPINN_TRY(MPINN_NEW(context, &file->by_name, items));
  cJSON_ArrayForEach(item, file->header) {
    if (strcmp(item->string, "__metadata__") != 0)
      MPINN_TRY(read_tensor(context, file, item, &file->tensors[file->count++]));
    else if (!file->texts)
      MPINN_TRY(read_texts(context, file, item));
  }
  return check_cover(context, file);
}

static mpinn_status not_safetensors(mpinn_context *context, const char *name, const char *why) {
  return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: is not a safetensors file: %s", name, why);
}

static mpinn_status parse(mpinn_context *context, mpinn_tensorfile *file) {
  uint64_t length = 0;
  if (file->size == 0) return not_safetensors(context, file->name, "it is empty");
  if (file->size < LENGTH_BYTES + 2)
    return not_safetensors(context, file->name, "it is too short for the length of a header");
  memcpy(&length, file->bytes, LENGTH_BYTES);
  const char *text = (const char *)file->bytes + LENGTH_BYTES;
  if (text[0] != '{') return not_safetensors(context, file->name, "no JSON header follows the first 8 bytes");
  if (length > HEADER_LIMIT) return not_safetensors(context, file->name, "its header would exceed 100 MB");
  if (length > file->size - LENGTH_BYTES)
    return mpinn_fail(context, MPINN_ERROR_FORMAT,
                      "%s: has a header of %llu bytes, but the file holds only %zu bytes (is it truncated?)",
                      file->name, (unsigned long long)length, file->size);
  file->data = file->bytes + LENGTH_BYTES + length;
  file->data_size = file->size - LENGTH_BYTES - (size_t)length;

  const char *rest = NULL;
  file->header = cJSON_ParseWithLengthOpts(text, (size_t)length, &rest, false);
  if (!cJSON_IsObject(file->header))
    return not_safetensors(context, file->name, "its header is not a JSON object");
  for (; rest < text + length; rest++)
    if (!strchr(" \t\r\n", *rest) || *rest == '\0')
      return not_safetensors(context, file->name, "something follows the JSON object of its header");
  return read_entries(context, file);
}

/* Takes owned (the bytes, or NULL where they are borrowed) over, on failure too. */
static mpinn_status create(mpinn_context *context, const char *name, size_t size, const void *bytes,
                           void *owned, mpinn_tensorfile **file) {
  *file = calloc(1, sizeof **file);
  char *copy = mpinn_copy_string(name);
  if (!*file || !copy) {
    free(*file);
    free(copy);
    free(owned);
    *file = NULL;
    return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory to read %s", name);
  }
  **file = (mpinn_tensorfile){.name = copy, .owned = owned, .bytes = bytes, .size = size};
  const mpinn_status status = parse(context, *file);
  if (status != MPINN_OK) mpinn_tensorfile_destroy(file);
  return status;
}

mpinn_status mpinn_tensorfile_parse(mpinn_context *context, const char *name, size_t bytes, const void *data,
                                    mpinn_tensorfile **file) {
  return create(context, name, bytes, data, NULL, file);
}

static mpinn_status cannot_read(mpinn_context *context, const char *path, int error) {
  return mpinn_fail(context, MPINN_ERROR_FILE, "%s: cannot be read: %s", path, strerror(error));
}

/* The whole of a regular file. Not mapped: another program that shortens a mapped file would kill this one.
 */
static mpinn_status read_bytes(mpinn_context *context, const char *path, FILE *stream, size_t *size,
                               void **bytes) {
  struct stat info;
  if (fstat(fileno(stream), &info) != 0) return cannot_read(context, path, errno);
  if (!S_ISREG(info.st_mode))
    return mpinn_fail(context, MPINN_ERROR_FILE, "%s: cannot be read: it is not a file", path);
  *size = (size_t)info.st_size;
  *bytes = malloc(*size ? *size : 1);
  if (!*bytes) return mpinn_fail(context, MPINN_ERROR_MEMORY, "%s: no memory for its %zu bytes", path, *size);
  setvbuf(stream, NULL, _IONBF, 0);
  errno = 0;
  if (fread(*bytes, 1, *size, stream) != *size) return cannot_read(context, path, errno ? errno : EIO);
  return MPINN_OK;
}

mpinn_status mpinn_tensorfile_read(mpinn_context *context, const char *path, mpinn_tensorfile **file) {
  size_t size = 0;
  void *bytes = NULL;
  *file = NULL;
  FILE *stream = fopen(path, "rbe");
  if (!stream) return cannot_read(context, path, errno);
  const mpinn_status status = read_bytes(context, path, stream, &size, &bytes);
  fclose(stream);
  if (status != MPINN_OK) {
    free(bytes);
    return status;
  }
  return create(context, path, size, bytes, bytes, file);
}

void mpinn_tensorfile_destroy(mpinn_tensorfile **file) {
  if (!*file) return;
  cJSON_Delete((*file)->header);
  free((*file)->tensors);
  free((*file)->text_items);
  free((*file)->by_name);
  free((*file)->owned);
  free((*file)->name);
  free(*file);
  *file = NULL;
}

size_t mpinn_tensorfile_count(const mpinn_tensorfile *file) {
  return file->count;
}

const mpinn_tensor *mpinn_tensorfile_at(const mpinn_tensorfile *file, size_t index) {
  return &file->tensors[index];
}

const mpinn_tensor *mpinn_tensorfile_find(const mpinn_tensorfile *file, const char *name) {
  const mpinn_tensor key = {.name = name}, *pointer = &key;
  const mpinn_tensor **found =
      bsearch(&pointer, file->by_name, file->count, sizeof *file->by_name, compare_names);
  return found ? *found : NULL;
}

const char *mpinn_tensorfile_text(const mpinn_tensorfile *file, const char *key) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->texts, key));
}

size_t mpinn_tensorfile_text_count(const mpinn_tensorfile *file) {
  return file->text_count;
}

void mpinn_tensorfile_text_at(const mpinn_tensorfile *file, size_t index, const char **key,
                              const char **value) {
  *key = file->text_items[index]->string;
  *value = cJSON_GetStringValue(file->text_items[index]);
}

void mpinn_tensorfile_sha256(const mpinn_tensorfile *file, char hex[65]) {
  mpinn_sha256 hash;
  mpinn_sha256_begin(&hash);
  mpinn_sha256_add(&hash, file->bytes, file->size);
  mpinn_sha256_end(&hash, hex);
}

/* ---- expectations ---- */

mpinn_status mpinn_tensorfile_expect_format(mpinn_context *context, const mpinn_tensorfile *file,
                                            const char *format, int version) {
  const char *found = mpinn_tensorfile_text(file, "format");
  if (!found || strcmp(found, format) != 0)
    return mpinn_fail(context, MPINN_ERROR_FORMAT,
                      "%s: is a safetensors file of format '%.60s', expected '%s'", file->name,
                      found ? found : "(none)", format);
  const char *text = mpinn_tensorfile_text(file, "format_version");
  char *end = NULL;
  const long number = text ? strtol(text, &end, 10) : 0;
  if (!text || end == text || *end || number < 1)
    return mpinn_fail(context, MPINN_ERROR_FORMAT,
                      "%s: has format_version '%.60s', expected a whole number from 1", file->name,
                      text ? text : "(none)");
  if (number > version)
    return mpinn_fail(
        context, MPINN_ERROR_FORMAT,
        "%s: is of version %ld of '%s', but this Metapinn (%s) reads versions up to %d: use a newer one",
        file->name, number, format, mpinn_version(), version);
  return MPINN_OK;
}

mpinn_status mpinn_tensorfile_expect(mpinn_context *context, const mpinn_tensorfile *file, const char *name,
                                     int rank, const size_t *shape, const mpinn_tensor **tensor) {
  char expected[128], found[128];
  const mpinn_tensor *t = mpinn_tensorfile_find(file, name);
  describe_shape(rank, shape, expected, sizeof expected);
  *tensor = t;
  if (!t)
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: has no tensor '%s', expected one of shape %s",
                      file->name, name, expected);
  bool same = t->rank == rank;
  for (int i = 0; same && i < rank; i++) same = shape[i] == SIZE_MAX || shape[i] == t->shape[i];
  if (same) return MPINN_OK;
  describe_shape(t->rank, t->shape, found, sizeof found);
  return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: tensor '%s' has shape %s, expected %s", file->name,
                    name, found, expected);
}

mpinn_status mpinn_tensorfile_floats(mpinn_context *context, const mpinn_tensorfile *file, const char *name,
                                     int rank, const size_t *shape, float *values) {
  const mpinn_tensor *tensor = NULL;
  MPINN_TRY(mpinn_tensorfile_expect(context, file, name, rank, shape, &tensor));
  mpinn_tensor_to_float(tensor, values);
  return MPINN_OK;
}

/* ---- conversion ---- */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FAST_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FAST_CLONES
#endif

/* The exponent is moved by a multiplication, which also makes halves' subnormals normal. */
FAST_CLONES void mpinn_half_to_float(size_t n, const void *half, float *values) {
  const unsigned char *bytes = half;
  for (size_t i = 0; i < n; i++) {
    uint16_t h;
    memcpy(&h, bytes + 2 * i, sizeof h);
    uint32_t word = (uint32_t)(h & 0x7fffu) << 13;
    float x;
    memcpy(&x, &word, sizeof x);
    x *= 0x1p112f;
    memcpy(&word, &x, sizeof x);
    word |= (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0; /* infinity, NaN */
    word |= (uint32_t)(h & 0x8000u) << 16;
    memcpy(&values[i], &word, sizeof word);
  }
}

static uint16_t to_half(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  const uint16_t sign = (uint16_t)(word >> 16 & 0x8000u);
  word &= 0x7fffffffu;
  if (word > 0x7f800000u) return sign | 0x7e00u;  /* NaN */
  if (word >= 0x477ff000u) return sign | 0x7c00u; /* 65520 and more round to infinity */
  if (word < 0x38800000u) { /* below 2^-14: a multiple of 2^-24, rounded by the addition */
    float x;
    memcpy(&x, &word, sizeof x);
    x += 0.5f;
    memcpy(&word, &x, sizeof x);
    return (uint16_t)(sign | (word - 0x3f000000u));
  }
  word += 0xfffu + (word >> 13 & 1u) - (112u << 23);
  return (uint16_t)(sign | word >> 13);
}

void mpinn_float_to_half(size_t n, const float *values, uint16_t *half) {
  for (size_t i = 0; i < n; i++) half[i] = to_half(values[i]);
}

static void bfloats_to_float(size_t n, const void *data, float *values) {
  for (size_t i = 0; i < n; i++) {
    uint16_t high;
    memcpy(&high, (const char *)data + 2 * i, sizeof high);
    const uint32_t word = (uint32_t)high << 16;
    memcpy(&values[i], &word, sizeof word);
  }
}

/* values[i] = the tensor's i-th of that C type, whatever its alignment. */
#define CONVERT(type)                                                                                        \
  for (size_t i = 0; i < tensor->count; i++) {                                                               \
    type value;                                                                                              \
    memcpy(&value, (const char *)tensor->data + i * sizeof value, sizeof value);                             \
    values[i] = value;                                                                                       \
  }                                                                                                          \
  break

void mpinn_tensor_to_double(const mpinn_tensor *tensor, double *values) {
  switch (tensor->dtype) {
  case MPINN_DTYPE_F64:
    CONVERT(double);
  case MPINN_DTYPE_F32:
    CONVERT(float);
  case MPINN_DTYPE_I64:
    CONVERT(int64_t);
  case MPINN_DTYPE_I32:
    CONVERT(int32_t);
  case MPINN_DTYPE_I16:
    CONVERT(int16_t);
  case MPINN_DTYPE_I8:
    CONVERT(int8_t);
  case MPINN_DTYPE_U64:
    CONVERT(uint64_t);
  case MPINN_DTYPE_U32:
    CONVERT(uint32_t);
  case MPINN_DTYPE_U16:
    CONVERT(uint16_t);
  case MPINN_DTYPE_U8:
  case MPINN_DTYPE_BOOL:
    CONVERT(uint8_t);
  case MPINN_DTYPE_F16:
  case MPINN_DTYPE_BF16:
    for (size_t i = 0; i < tensor->count; i++) {
      const mpinn_tensor one = {
          .dtype = tensor->dtype, .count = 1, .data = (const char *)tensor->data + 2 * i};
      float value = 0;
      mpinn_tensor_to_float(&one, &value);
      values[i] = value;
    }
  }
}

static void wide_to_float(const mpinn_tensor *tensor, float *values) {
  const size_t bytes = dtypes[tensor->dtype].bytes;
  for (size_t i = 0; i < tensor->count; i++) {
    const mpinn_tensor one = {
        .dtype = tensor->dtype, .count = 1, .data = (const char *)tensor->data + bytes * i};
    double value = 0;
    mpinn_tensor_to_double(&one, &value);
    values[i] = (float)value;
  }
}

void mpinn_tensor_to_float(const mpinn_tensor *tensor, float *values) {
  switch (tensor->dtype) {
  case MPINN_DTYPE_F16:
    mpinn_half_to_float(tensor->count, tensor->data, values);
    break;
  case MPINN_DTYPE_BF16:
    bfloats_to_float(tensor->count, tensor->data, values);
    break;
  case MPINN_DTYPE_F32:
    if (tensor->count) memcpy(values, tensor->data, tensor->count * sizeof *values);
    break;
  default:
    wide_to_float(tensor, values);
  }
}

mpinn_status mpinn_tensor_to_int32(mpinn_context *context, const mpinn_tensorfile *file,
                                   const mpinn_tensor *tensor, int32_t *values) {
  if (tensor->dtype <= MPINN_DTYPE_BF16)
    return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: tensor '%s' has dtype %s, expected whole numbers",
                      file->name, tensor->name, dtypes[tensor->dtype].name);
  const size_t bytes = dtypes[tensor->dtype].bytes;
  for (size_t i = 0; i < tensor->count; i++) {
    const mpinn_tensor one = {
        .dtype = tensor->dtype, .count = 1, .data = (const char *)tensor->data + bytes * i};
    double value = 0;
    mpinn_tensor_to_double(&one, &value);
    if (!(value >= INT32_MIN && value <= INT32_MAX))
      return mpinn_fail(context, MPINN_ERROR_FORMAT, "%s: tensor '%s' holds %.0f, which does not fit 32 bits",
                        file->name, tensor->name, value);
    values[i] = (int32_t)value;
  }
  return MPINN_OK;
}

/* ---- writing ---- */

typedef struct entry {
  struct entry *next;
  mpinn_tensor tensor; /* name is owned */
  size_t begin, end;   /* in the data */
  void *owned;         /* converted values, where they are ours */
} entry;

struct mpinn_tensorwriter {
  cJSON *texts;
  entry *first, **last;
};

static mpinn_status no_memory(mpinn_context *context) {
  return mpinn_fail(context, MPINN_ERROR_MEMORY, "No memory for the header of a safetensors file");
}

/* Of UTF-8 (RFC 3629), which JSON demands. */
static bool is_utf8(const char *text) {
  const unsigned char *p = (const unsigned char *)text;
  while (*p) {
    const int more = *p < 0x80                 ? 0
                     : *p >= 0xc2 && *p < 0xe0 ? 1
                     : (*p & 0xf0) == 0xe0     ? 2
                     : *p >= 0xf0 && *p < 0xf5 ? 3
                                               : -1;
    if (more < 0) return false;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f)) return false;
    if ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) return false;
    for (int i = 1; i <= more; i++)
      if ((p[i] & 0xc0) != 0x80) return false;
    p += more + 1;
  }
  return true;
}

mpinn_status mpinn_tensorwriter_create(mpinn_context *context, mpinn_tensorwriter **writer) {
  *writer = calloc(1, sizeof **writer);
  if (!*writer) return no_memory(context);
  (*writer)->last = &(*writer)->first;
  (*writer)->texts = cJSON_CreateObject();
  if ((*writer)->texts) return MPINN_OK;
  mpinn_tensorwriter_destroy(writer);
  return no_memory(context);
}

void mpinn_tensorwriter_destroy(mpinn_tensorwriter **writer) {
  if (!*writer) return;
  cJSON_Delete((*writer)->texts);
  for (entry *e = (*writer)->first, *next; e; e = next) {
    next = e->next;
    free((char *)e->tensor.name);
    free(e->owned);
    free(e);
  }
  free(*writer);
  *writer = NULL;
}

mpinn_status mpinn_tensorwriter_text(mpinn_context *context, mpinn_tensorwriter *writer, const char *key,
                                     const char *value) {
  if (!is_utf8(key) || !is_utf8(value))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "The text '%s' is not UTF-8 and cannot be written", key);
  return cJSON_AddStringToObject(writer->texts, key, value) ? MPINN_OK : no_memory(context);
}

static mpinn_status add_entry(mpinn_context *context, mpinn_tensorwriter *writer, const char *name,
                              mpinn_dtype dtype, int rank, const size_t *shape, entry **made) {
  if (!is_utf8(name) || !*name || strcmp(name, "__metadata__") == 0)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "'%s' cannot be the name of a tensor, expected UTF-8 text", name);
  if (rank < 0 || rank > MPINN_TENSOR_RANK)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Tensor '%s' has %d dimensions, expected at most 8",
                      name, rank);
  entry *e = calloc(1, sizeof *e);
  char *copy = mpinn_copy_string(name);
  if (!e || !copy) {
    free(e);
    free(copy);
    return no_memory(context);
  }
  e->tensor = (mpinn_tensor){.name = copy, .dtype = dtype, .rank = rank, .count = 1};
  for (int i = 0; i < rank; i++) e->tensor.count *= e->tensor.shape[i] = shape[i];
  *writer->last = e;
  writer->last = &e->next;
  *made = e;
  return MPINN_OK;
}

mpinn_status mpinn_tensorwriter_tensor(mpinn_context *context, mpinn_tensorwriter *writer, const char *name,
                                       mpinn_dtype dtype, int rank, const size_t *shape, const void *data) {
  entry *e = NULL;
  MPINN_TRY(add_entry(context, writer, name, dtype, rank, shape, &e));
  e->tensor.data = data;
  return MPINN_OK;
}

mpinn_status mpinn_tensorwriter_halves(mpinn_context *context, mpinn_tensorwriter *writer, const char *name,
                                       int rank, const size_t *shape, const float *values) {
  entry *e = NULL;
  MPINN_TRY(add_entry(context, writer, name, MPINN_DTYPE_F16, rank, shape, &e));
  MPINN_TRY(mpinn_allocate(context, e->tensor.count, sizeof(uint16_t), &e->owned));
  mpinn_float_to_half(e->tensor.count, values, e->owned);
  e->tensor.data = e->owned;
  return MPINN_OK;
}

/* Data go by falling size of their elements, so that every tensor is aligned in a file whose header is. */
static const size_t element_sizes[] = {8, 4, 2, 1};
enum { ELEMENT_SIZES = sizeof element_sizes / sizeof *element_sizes };

static void place_data(mpinn_tensorwriter *writer) {
  size_t place = 0;
  for (int s = 0; s < ELEMENT_SIZES; s++)
    for (entry *e = writer->first; e; e = e->next) {
      const size_t bytes = dtypes[e->tensor.dtype].bytes;
      if (bytes != element_sizes[s]) continue;
      e->begin = place;
      e->end = place += e->tensor.count * bytes;
    }
}

static bool add_number(cJSON *list, size_t value) {
  cJSON *item = cJSON_CreateNumber((double)value);
  return item && cJSON_AddItemToArray(list, item);
}

static bool describe_entry(cJSON *header, const entry *e) {
  cJSON *object = cJSON_AddObjectToObject(header, e->tensor.name);
  if (!object || !cJSON_AddStringToObject(object, "dtype", dtypes[e->tensor.dtype].name)) return false;
  cJSON *shape = cJSON_AddArrayToObject(object, "shape");
  if (!shape) return false;
  for (int i = 0; i < e->tensor.rank; i++)
    if (!add_number(shape, e->tensor.shape[i])) return false;
  cJSON *offsets = cJSON_AddArrayToObject(object, "data_offsets");
  return offsets && add_number(offsets, e->begin) && add_number(offsets, e->end);
}

static char *make_header(const mpinn_tensorwriter *writer) {
  cJSON *header = cJSON_CreateObject();
  bool good = header && cJSON_AddItemReferenceToObject(header, "__metadata__", writer->texts);
  for (const entry *e = writer->first; good && e; e = e->next) good = describe_entry(header, e);
  char *text = good ? cJSON_PrintUnformatted(header) : NULL;
  cJSON_Delete(header);
  return text;
}

static void write_all(const mpinn_tensorwriter *writer, const char *header, FILE *stream) {
  const size_t text = strlen(header);
  const uint64_t length = (text + 7) / 8 * 8;
  fwrite(&length, sizeof length, 1, stream);
  fprintf(stream, "%s%*s", header, (int)(length - text), "");
  for (int s = 0; s < ELEMENT_SIZES; s++)
    for (const entry *e = writer->first; e; e = e->next)
      if (dtypes[e->tensor.dtype].bytes == element_sizes[s] && e->end > e->begin)
        fwrite(e->tensor.data, 1, e->end - e->begin, stream);
}

mpinn_status mpinn_tensorwriter_save(mpinn_context *context, mpinn_tensorwriter *writer, const char *path) {
  mpinn_newfile *file = NULL;
  place_data(writer);
  char *header = make_header(writer);
  if (!header) return no_memory(context);
  mpinn_status status = mpinn_newfile_open(context, path, &file);
  if (status == MPINN_OK) {
    write_all(writer, header, mpinn_newfile_stream(file));
    status = mpinn_newfile_finish(context, &file);
  }
  cJSON_free(header);
  return status;
}
