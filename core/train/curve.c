#include "train/curve.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const char header[] =
    "epoch,seconds,alpha,learning_rate,data_loss,pde_loss,velocity_loss,at_scc,cv_scc,residual_msq\n";

/* Where in the file the line after epoch epochs_done begins; -1 where the file is not a curve that goes so
 * far. */
static long end_of_epoch(FILE *file, size_t epochs_done) {
  char line[256];
  if (!fgets(line, sizeof line, file) || strcmp(line, header) != 0) return -1;
  long end = ftell(file);
  while (fgets(line, sizeof line, file) && strchr(line, '\n') && strtoull(line, NULL, 10) <= epochs_done)
    end = ftell(file);
  return end;
}

mpinn_status mpinn_curve_open(mpinn_context *context, const char *path, size_t epochs_done, FILE **file) {
  long end = -1;
  *file = epochs_done > 0 ? fopen(path, "r+") : NULL;
  if (*file) {
    end = end_of_epoch(*file, epochs_done);
    if (end < 0 || fseek(*file, end, SEEK_SET) != 0 || ftruncate(fileno(*file), end) != 0) {
      fclose(*file);
      *file = NULL;
    }
  }
  if (*file) return MPINN_OK;
  *file = fopen(path, "w");
  if (!*file || fputs(header, *file) < 0)
    return mpinn_fail(context, MPINN_ERROR_FILE, "%s cannot be written: %s", path, strerror(errno));
  return MPINN_OK;
}

static void number(double value, const char *end, FILE *file) {
  if (!isnan(value)) fprintf(file, "%.6g", value);
  fputs(end, file);
}

mpinn_status mpinn_curve_add(mpinn_context *context, const char *path, FILE *file,
                             const mpinn_curve_line *line) {
  fprintf(file, "%zu,", line->epoch);
  number(line->seconds, ",", file);
  number(line->alpha, ",", file);
  number(line->learning_rate, ",", file);
  number(line->data_loss, ",", file);
  number(line->pde_loss, ",", file);
  number(line->velocity_loss, ",", file);
  number(line->at_scc, ",", file);
  number(line->cv_scc, ",", file);
  number(line->residual_msq, "\n", file);
  if (fflush(file) == 0 && !ferror(file)) return MPINN_OK;
  return mpinn_fail(context, MPINN_ERROR_FILE, "%s cannot be written: %s", path, strerror(errno));
}
