#ifndef TALA_CZLIB_H
#define TALA_CZLIB_H
// zlib, for data files that are gzip'd.
#include <zlib.h>

// A macro in zlib.h. 31: the largest window, and a gzip header.
static inline int tala_inflate_init(z_stream *stream) { return inflateInit2(stream, 31); }
#endif
