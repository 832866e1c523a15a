/* Makes VTK 9.1 and 9.2 read appended XML data (ParaView's default for VTU and VTP) with a libexpat that
 * defers reparsing.
 *
 * Debian's libexpat1 2.5.0-1+deb12u2 and later may leave a token at the end of a chunk for the next call (the
 * answer to CVE-2023-52425). VTK stops feeding its parser at the first byte of appended data and expects all
 * before it to have been parsed; what was left over then fails as "not well-formed (invalid token)". VTK 9.4
 * turns the deferral off for each of its parsers; this library, linked before libexpat or preloaded, does the
 * same for a VTK that does not. Where libexpat has no deferral there is nothing to turn off. */
#include <dlfcn.h>
#include <stddef.h>

typedef void *parser;

/* A function of the real libexpat. RTLD_NEXT does not find it in a program that has loaded it by dlopen
 * without RTLD_GLOBAL, as an X server does with its graphics driver: such a libexpat is there, or is loaded,
 * by its name. */
static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function) return function;
  void *expat = dlopen("libexpat.so.1", RTLD_LAZY);
  return expat ? dlsym(expat, name) : NULL;
}

static void read_at_once(parser created) {
  unsigned char (*set_deferral)(parser, unsigned char) = NULL;
  *(void **)&set_deferral = real("XML_SetReparseDeferralEnabled");
  if (created && set_deferral) set_deferral(created, 0);
}

parser XML_ParserCreate(const char *encoding) {
  parser (*create)(const char *) = NULL;
  *(void **)&create = real("XML_ParserCreate");
  const parser created = create ? create(encoding) : NULL;
  read_at_once(created);
  return created;
}

parser XML_ParserCreate_MM(const char *encoding, const void *memory, const char *separator) {
  parser (*create)(const char *, const void *, const char *) = NULL;
  *(void **)&create = real("XML_ParserCreate_MM");
  const parser created = create ? create(encoding, memory, separator) : NULL;
  read_at_once(created);
  return created;
}
